"""Connections of clients, one way for all: nothing is followed, kept, or longer than expected.

The extras ``client`` and ``push`` have what they need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curl_cffi import AsyncSession, CurlECode, CurlError, CurlOpt, Headers, Response, Session

TIMEOUT = 30.0
"""Seconds for one request, from connecting to the last byte."""

URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!\"$->@-~]*)?")
"""Without a user, a ``?`` or a ``#``: paths are put behind it."""

OCTETS = {"content-type": "application/octet-stream"}
"""Headers of a request whose body is bytes."""

_WRITE_ERROR = 0xFFFFFFFF  # what a callback returns to end a transfer


@dataclass(frozen=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


class NoAnswerError(Exception):
    """There is no whole answer; the message says why, and holds no URL.

    ``is_too_long`` says that it has more bytes than were expected.
    """

    def __init__(self, explanation: str, *, is_too_long: bool = False) -> None:
        super().__init__(explanation)
        self.is_too_long = is_too_long


def curl_options(proxy: str = "") -> dict[CurlOpt, Any]:
    """What every connection is made with: ``proxy`` is a URL, or empty for none."""
    return {CurlOpt.PROXY: proxy}  # not what the environment says


def error_name(code: int) -> str:
    """curl's name of an error. Its text is never used: it may hold the URL, hence a secret."""
    try:
        return CurlECode(code).name
    except ValueError:
        return str(int(code))


def session(*, timeout: float = TIMEOUT, proxy: str = "") -> Session[Response]:
    """A session for `ask`. A request takes ``timeout`` seconds at most."""
    return Session(**_options(timeout, proxy))


def async_session(*, timeout: float = TIMEOUT, proxy: str = "") -> AsyncSession[Response]:
    """A session for `ask_async`, of the event loop that first uses it."""
    return AsyncSession(**_options(timeout, proxy))


def ask(
    session: Session[Response],
    method: str,
    url: str,
    *,
    limit: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Make one request, whose answer may have a body of ``limit`` bytes. Raises `NoAnswerError`."""
    received = _Body(limit)
    try:
        response = session.request(**_arguments(method, url, headers, body, received))
    except CurlError as error:
        raise received.explained(error) from None
    return Answer(response.status_code, response.headers, bytes(received.data))


async def ask_async(
    session: AsyncSession[Response],
    method: str,
    url: str,
    *,
    limit: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """See `ask`."""
    received = _Body(limit)
    try:
        response = await session.request(**_arguments(method, url, headers, body, received))
    except CurlError as error:
        raise received.explained(error) from None
    return Answer(response.status_code, response.headers, bytes(received.data))


class _Body:
    """Takes the body of an answer, and ends the transfer if it is longer than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self.data, self._is_too_long, self._limit = bytearray(), False, limit

    def __call__(self, chunk: bytes) -> int:
        self._is_too_long = len(self.data) + len(chunk) > self._limit
        if self._is_too_long:
            return _WRITE_ERROR
        self.data += chunk
        return len(chunk)

    def explained(self, error: CurlError) -> NoAnswerError:
        if self._is_too_long:
            problem = f"the answer has more than {self._limit} bytes"
            return NoAnswerError(problem, is_too_long=True)
        return NoAnswerError(f"there is no answer ({error_name(error.code)})")


def _options(timeout: float, proxy: str) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "allow_redirects": False,
        "discard_cookies": True,  # else a server could tell its clients apart
        "curl_options": curl_options(proxy),
    }


def _arguments(
    method: str,
    url: str,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    received: _Body,
) -> dict[str, Any]:
    return {
        "method": method,
        "url": url,
        "headers": headers,
        "data": body,
        "accept_encoding": None,  # what is small on the way could be large here
        "content_callback": received,
    }
