"""HTTP requests of all clients: no redirects, no cookies, no answers longer than expected.

The extras ``client`` and ``push`` install what this needs.
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
"""A URL without a user, a ``?`` or a ``#``: paths are appended to it."""

OCTETS = {"content-type": "application/octet-stream"}
"""Headers of a request whose body is bytes."""

_WRITE_ERROR = 0xFFFFFFFF  # what a callback returns to end a transfer

_USER = re.compile("//[^/]*@")

_PROBLEMS = {
    "COULDNT_RESOLVE_PROXY": "the name of the proxy cannot be resolved",
    "COULDNT_RESOLVE_HOST": "the name of the host cannot be resolved",
    "COULDNT_CONNECT": "connection refused, or no route to the host",
    "OPERATION_TIMEDOUT": "no whole answer within the time limit",
    "SSL_CONNECT_ERROR": "the TLS handshake failed",
    "PEER_FAILED_VERIFICATION": "the certificate of the server does not verify",
    "GOT_NOTHING": "the server closed the connection without an answer",
    "PARTIAL_FILE": "the server closed the connection before the answer was whole",
    "SEND_ERROR": "the connection broke while the request was sent",
    "RECV_ERROR": "the connection broke before the answer was whole",
    "PROXY": "the proxy did not connect to the server",
}
"""What curl's usual errors mean, by name."""


@dataclass(frozen=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


class NoAnswerError(Exception):
    """A request without a whole answer. The message has the URL, without user and query, and why.

    ``is_too_long`` says that the answer has more bytes than expected, ``is_unconnected`` that there
    was no connection to the server, or to the proxy.
    """

    def __init__(
        self, explanation: str, *, is_too_long: bool = False, is_unconnected: bool = False
    ) -> None:
        super().__init__(explanation)
        self.is_too_long, self.is_unconnected = is_too_long, is_unconnected


def curl_options(proxy: str = "") -> dict[CurlOpt, Any]:
    """The options of every connection. ``proxy`` is a URL, or empty for none."""
    return {CurlOpt.PROXY: proxy}  # overrides what the environment says


def error_name(code: int) -> str:
    """Return curl's name of an error. Its text is never used: the URL in it may hold a secret."""
    try:
        return CurlECode(code).name
    except ValueError:
        return str(int(code))


def session(*, timeout: float = TIMEOUT, proxy: str = "") -> Session[Response]:
    """Return a session for `ask`. A request takes ``timeout`` seconds at most."""
    return Session(**_options(timeout, proxy))


def async_session(*, timeout: float = TIMEOUT, proxy: str = "") -> AsyncSession[Response]:
    """Return a session for `ask_async`. It belongs to the event loop that first uses it."""
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
    """Make one request. The body of its answer may have ``limit`` bytes. Raises `NoAnswerError`.

    The error shows ``url`` without user and query: the rest of it must hold no secret.
    """
    received = _Body(url, limit)
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
    received = _Body(url, limit)
    try:
        response = await session.request(**_arguments(method, url, headers, body, received))
    except CurlError as error:
        raise received.explained(error) from None
    return Answer(response.status_code, response.headers, bytes(received.data))


class _Body:
    """Takes the body of an answer of ``url``, and ends a transfer of more than ``limit`` bytes."""

    def __init__(self, url: str, limit: int) -> None:
        self.data, self._is_too_long, self._limit = bytearray(), False, limit
        self._shown = _USER.sub("//", url.partition("?")[0])

    def __call__(self, chunk: bytes) -> int:
        self._is_too_long = len(self.data) + len(chunk) > self._limit
        if self._is_too_long:
            return _WRITE_ERROR
        self.data += chunk
        return len(chunk)

    def explained(self, error: CurlError) -> NoAnswerError:
        if self._is_too_long:
            problem = f"{self._shown}: the answer has more than {self._limit} bytes"
            return NoAnswerError(problem, is_too_long=True)
        name = error_name(error.code)
        problem = _PROBLEMS.get(name, f"no answer (curl error {name})")
        unconnected = name == "COULDNT_CONNECT"
        return NoAnswerError(f"{self._shown}: {problem}", is_unconnected=unconnected)


def _options(timeout: float, proxy: str) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "allow_redirects": False,
        "discard_cookies": True,  # by cookies a server could tell its clients apart
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
        "accept_encoding": None,  # a small body could become a large one when decoded
        "content_callback": received,
    }
