"""What all providers over HTTP have in common: connections, and the reading of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from curl_cffi import (
    AsyncCurl,
    Curl,
    CurlError,
    CurlHttpVersion,
    CurlInfo,
    CurlMOpt,
    CurlOpt,
    Headers,
    Response,
)

from billboard.errors import ProviderError
from billboard.push.dispatch.notification import Attempt, Outcome
from billboard.web.client import curl_options, error_name

TIMEOUT = 30.0
"""Seconds for one attempt, from connecting to the last byte."""

MAX_STREAMS = 1000
"""Requests in flight on one connection, if the service allows as many, as APNs does."""

MAX_ANSWER = 256 * 1024
"""The longest answer, in bytes. A longer one is cut off, and is a RETRY."""

WAS_CLOSED = Attempt(Outcome.RETRY, "the provider was closed")
"""The answer to attempts that were in flight when the provider was closed."""

_CURL_OPTIONS: Mapping[CurlOpt, Any] = {
    CurlOpt.HTTP_VERSION: CurlHttpVersion.V2TLS,
    CurlOpt.TIMEOUT_MS: int(TIMEOUT * 1000),
    CurlOpt.PIPEWAIT: 1,  # wait for a connection to share, rather than open one for each request
    CurlOpt.MAXAGE_CONN: 3600,  # Apple wants few and long-lived connections; curl keeps them 118 s
    CurlOpt.TCP_KEEPALIVE: 1,
    CurlOpt.MAXFILESIZE_LARGE: MAX_ANSWER,
    **curl_options(),
}

_HOST = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_SECONDS = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_WORD = re.compile(r"[A-Za-z_]{1,40}")


class Transport:
    """HTTP/2 connections to push services, as few as possible, shared by all requests in flight.

    ``service`` is the name of the push service in errors. ``ca_file`` has the authorities to trust
    instead of certifi's. It follows no redirects, keeps no cookies and uses no proxies. It belongs
    to the event loop that first uses it.

    Raises ProviderError if the CA file is unusable.
    """

    def __init__(self, service: str, ca_file: str | Path | None = None) -> None:
        self._ca_file = checked_ca_file(service, ca_file)
        self._multi: AsyncCurl | None = None
        self.closed = False

    def check_open(self) -> None:
        """Raise ProviderError after `aclose`."""
        if self.closed:
            raise ProviderError("the provider is closed: make a new one")

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        parse: Callable[[Response], Attempt],
        pin: str | None = None,
    ) -> Attempt:
        """Make one request. Return what ``parse`` reads from the answer, or a RETRY without one.

        ``pin`` has the only addresses to connect to, as curl's RESOLVE takes them.

        curl repeats a request by itself if the server refused its stream, or if a connection that
        was reused broke before an answer. It sends the same bytes, so that the push service or the
        device can merge the two.

        Raises ProviderError after `aclose`.
        """
        multi = self._open()
        exchange = _Exchange(url, headers, body, self._ca_file, pin)
        try:
            await multi.add_handle(exchange.curl)
            response = exchange.response()
        except CurlError as error:
            return Attempt(Outcome.RETRY, f"transport error {error_name(error.code)}")
        finally:
            if not self.closed:
                multi.remove_handle(exchange.curl)
            exchange.curl.close()
        return parse(response) if response.status_code else WAS_CLOSED

    async def aclose(self) -> None:
        """Close the connections. What is in flight becomes a RETRY. May be called twice."""
        self.closed = True
        multi, self._multi = self._multi, None
        if multi is not None:
            await multi.close()

    def _open(self) -> AsyncCurl:
        self.check_open()
        if self._multi is None:
            self._multi = AsyncCurl()
            self._multi.setopt(CurlMOpt.MAX_CONCURRENT_STREAMS, MAX_STREAMS)
        return self._multi


class _Exchange:
    """One POST by curl, and what came back.

    It does not use the sessions of curl_cffi: they take three times as long, and all their requests
    share the same options, a pin included.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        ca_file: str | None,
        pin: str | None = None,
    ) -> None:
        self._head, self._content = BytesIO(), BytesIO()
        self.curl = Curl()
        options: dict[CurlOpt, Any] = {
            CurlOpt.URL: url,
            CurlOpt.POST: 1,
            CurlOpt.POSTFIELDS: body,
            CurlOpt.POSTFIELDSIZE: len(body),
            CurlOpt.HTTPHEADER: [f"{name}: {value}".encode() for name, value in headers.items()],
            CurlOpt.HEADERDATA: self._head,
            CurlOpt.WRITEDATA: self._content,
            **_CURL_OPTIONS,
        }
        if ca_file is not None:
            options[CurlOpt.CAINFO] = ca_file
        if pin is not None:
            options[CurlOpt.RESOLVE] = [pin]
        for option, value in options.items():
            self.curl.setopt(option, value)

    def response(self) -> Response:
        """Return the answer. Its status is 0 if the connections were closed before it came."""
        response = Response()
        response.status_code = int(cast(int, self.curl.getinfo(CurlInfo.RESPONSE_CODE)))
        response.content = self._content.getvalue()
        lines = self._head.getvalue().splitlines()
        response.headers = Headers([line for line in lines if b":" in line])
        return response


def post(url: str, headers: Mapping[str, str], body: bytes, ca_file: str | None) -> Response:
    """Make one request on a connection of its own, and wait for the answer. Raises CurlError."""
    exchange = _Exchange(url, headers, body, ca_file)
    try:
        exchange.curl.perform()
        return exchange.response()
    finally:
        exchange.curl.close()


def checked_host(service: str, host: str, example: str) -> str:
    """Return ``host``. Raises ProviderError unless it is https://, a name and perhaps a port."""
    if not _HOST.fullmatch(host):
        raise ProviderError(f"{service} host: must be like {example}")
    return host


def checked_ca_file(service: str, ca_file: str | Path | None) -> str | None:
    """Return ``ca_file``. Raises ProviderError unless it is a file or None."""
    if ca_file is None:
        return None
    if not Path(ca_file).is_file():
        raise ProviderError(f"{service} CA file: {ca_file} is not a file")
    return str(ca_file)


def checked_payload(service: str, payload: bytes, limit: int) -> bytes:
    """Return ``payload``, a JSON object that is not empty, of at most ``limit`` bytes.

    Raises ProviderError for anything else.
    """
    if len(payload) > limit:
        raise ProviderError(f"{service} payload: {len(payload)} bytes, must be at most {limit}")
    try:
        parsed = json.loads(payload)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict) or not parsed:
        raise ProviderError(f"{service} payload: must be a JSON object that is not empty")
    return payload


def json_object(response: Response) -> dict[str, Any]:
    """Return the JSON object that an answer holds; an empty one if it holds anything else."""
    try:
        body = json.loads(response.content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def word(value: object) -> str | None:
    """Return ``value`` if it is a single word, else None: a longer text may hold a token."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def requested_delay(response: Response, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait, also of a date (RFC 9110, 10.2.3).

    ``now`` is in unix seconds. Returns None if the header is missing or cannot be understood.
    """
    value = response.headers.get("retry-after") or ""
    if _SECONDS.fullmatch(value):
        return float(value)
    if not _DATE.fullmatch(value):
        return None
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
