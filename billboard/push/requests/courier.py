"""Couriers, which bring requests and registrations to a push server over HTTP (SPEC 10.7).

They need the extra ``client``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol, final

from billboard.errors import (
    BusyError,
    InvalidEncodingError,
    InvalidSignatureError,
    RefusedRequestError,
    RequestRefusal,
    UnreachableError,
)
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.web.admission import MOST_WORK, WORK_HEADER, asked_bits, find_work
from billboard.web.client import OCTETS, TIMEOUT, Answer, NoAnswerError, ask, session

_LARGEST = 1 << 17


class Courier(Protocol):
    """Brings sealed bytes to push servers."""

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """Bring a request. When this returns, the server, or a node that passes it on, has it.

        Raises `RefusedRequestError`, `BusyError` or `UnreachableError`. After `UnreachableError`
        the server may have the request all the same. To repeat it, bring the same bytes.
        """

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """Return the descriptor that the server of ``known`` has now, as a signed note.

        Raises `UnreachableError`.
        """


@final
class HttpCourier:
    """Brings each request over HTTP, on a connection of its own.

    ``proxy`` is the URL of a proxy, or empty for none. Proxies that the environment names are not
    used. A request takes ``timeout`` seconds at most.
    """

    def __init__(self, *, proxy: str = "", timeout: float = TIMEOUT) -> None:
        self._proxy, self._timeout = proxy, timeout

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """See `Courier.send`."""
        self._post("/push", request, descriptor, 202)

    def register(self, registration: bytes, descriptor: ServerDescriptor) -> None:
        """Bring a registration of a handle (SPEC 10.6). Raises the same errors as `send`."""
        self._post("/handles", registration, descriptor, 204)

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """See `Courier.descriptor`."""
        answer = self._ask("GET", f"{known.url}/descriptor")
        if answer.status != 200:
            raise UnreachableError(f"{known.server.name}: /descriptor: status {answer.status}")
        try:
            ServerDescriptor.from_bytes(answer.body, known.server)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            problem = f"{known.server.name}: /descriptor: not its descriptor: {error}"
            raise UnreachableError(problem) from None
        return answer.body

    def _post(self, path: str, body: bytes, descriptor: ServerDescriptor, expected: int) -> None:
        url = f"{descriptor.url}{path}"
        answer = self._ask("POST", url, body, OCTETS)
        bits = asked_bits(answer.headers)
        if answer.status == 429 and bits is not None and 1 <= bits <= MOST_WORK:
            work = find_work(descriptor.server.name, body, bits).hex()
            answer = self._ask("POST", url, body, {**OCTETS, WORK_HEADER: work})
        if answer.status == expected:
            return
        if answer.status == 422:
            raise _refusal(path, answer.body)
        problem = f"{descriptor.server.name}: {path}: status {answer.status}"
        if answer.status in (429, 503):
            raise BusyError(f"{problem}: the push server takes no more now, try again later")
        raise UnreachableError(problem)

    def _ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        try:
            with session(timeout=self._timeout, proxy=self._proxy) as own:
                return ask(own, method, url, limit=_LARGEST, headers=headers, body=body)
        except NoAnswerError as error:
            raise UnreachableError(str(error)) from None


def _refusal(path: str, answer: bytes) -> RefusedRequestError:
    try:
        reason = RequestRefusal(json.loads(answer)["reason"])
    except (ValueError, LookupError, TypeError, RecursionError):
        reason = RequestRefusal.ENCODING
    return RefusedRequestError(reason, f"{path}: the push server refuses the request: {reason}")
