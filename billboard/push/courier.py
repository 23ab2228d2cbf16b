"""How requests and registrations come to a push server (SPEC 10.7): over HTTP.

The extra ``client`` has what it needs.
"""

from __future__ import annotations

import json
from typing import Protocol, final

from curl_cffi import CurlError, CurlOpt, requests

from billboard.board.admission import find_work
from billboard.board.connection import TIMEOUT, WORK_HEADER, work_bits
from billboard.board.submitting import MOST_WORK
from billboard.errors import (
    BusyError,
    InvalidEncodingError,
    InvalidSignatureError,
    RefusedRequestError,
    UnreachableError,
)
from billboard.push.descriptor import ServerDescriptor

__all__ = ["Courier", "HttpCourier"]

_LARGEST = 1 << 17


class Courier(Protocol):
    """Brings sealed bytes to push servers."""

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """Bring a request. When this returns the server, or what stands for it, has taken it.

        Raises `RefusedRequestError`, `BusyError` and `UnreachableError`; after the last the server
        may have it. To repeat it, bring the same bytes.
        """

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """The descriptor that the server of an older one has now. Raises `UnreachableError`."""


@final
class HttpCourier:
    """Brings each over HTTP, on a connection of its own; ``proxy`` is the URL of one, or empty.

    What the environment says of proxies is not heeded. A request takes ``timeout`` seconds at most.
    """

    def __init__(self, *, proxy: str = "", timeout: float = TIMEOUT) -> None:
        self._proxy, self._timeout = proxy, timeout

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """See `Courier.send`."""
        self._post("/push", request, descriptor, 202)

    def register(self, registration: bytes, descriptor: ServerDescriptor) -> None:
        """Bring a registration of a handle (SPEC 10.6). Errors are those of `send`."""
        self._post("/handles", registration, descriptor, 204)

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """See `Courier.descriptor`."""
        status, body, _ = self._ask("GET", f"{known.url}/descriptor", None, {})
        if status != 200:
            raise UnreachableError(f"/descriptor: status {status}")
        try:
            ServerDescriptor.from_bytes(body, known.server)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise UnreachableError(f"/descriptor: not one to take: {error}") from None
        return body

    def _post(self, path: str, body: bytes, descriptor: ServerDescriptor, expected: int) -> None:
        url = f"{descriptor.url}{path}"
        headers = {"content-type": "application/octet-stream"}
        status, answer, bits = self._ask("POST", url, body, headers)
        if status == 429 and bits is not None and 1 <= bits <= MOST_WORK:
            work = find_work(descriptor.server.name, body, bits).hex()
            status, answer, _ = self._ask("POST", url, body, {**headers, WORK_HEADER: work})
        if status == expected:
            return
        if status == 422:
            raise _refusal(path, answer)
        if status in (429, 503):
            raise BusyError(f"{path}: status {status}, the push server is busy: try again later")
        raise UnreachableError(f"{path}: status {status}")

    def _ask(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, int | None]:
        """Status, body, and how many bits of work the server asks for."""
        options = {CurlOpt.PROXY: self._proxy, CurlOpt.MAXFILESIZE_LARGE: _LARGEST}
        try:
            with requests.Session(
                allow_redirects=False,
                discard_cookies=True,  # else a server could tell its senders apart
                timeout=self._timeout,
                curl_options=options,
            ) as session:
                answer = session.request(method, url, data=body, headers=headers)
        except CurlError as error:
            path = url.rpartition("/")[2]
            raise UnreachableError(f"/{path}: no answer (curl error {error.code})") from None
        return answer.status_code, answer.content, work_bits(answer)


def _refusal(path: str, answer: bytes) -> RefusedRequestError:
    try:
        told = json.loads(answer)
        reason = told["reason"]
    except (ValueError, LookupError, TypeError, RecursionError):
        reason = None
    known = reason if reason in ("encoding", "key", "signature", "time") else "encoding"
    return RefusedRequestError(known, f"{path}: the push server refuses it: {known}")
