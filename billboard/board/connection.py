"""Connections to a board: how the requests of a procedure travel (SPEC 9.9).

The extra ``client`` has what they need.
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Mapping
from typing import Any, TypeVar, final

from curl_cffi import AsyncSession, CurlECode, CurlError, CurlOpt, Session
from curl_cffi import Response as HttpResponse

from billboard.board.admission import find_work
from billboard.board.steps import Procedure, Request, Response, Work
from billboard.errors import BoardError

TIMEOUT = 30.0
"""Seconds for one request, from connecting to the last byte."""

WORK_HEADER = "Billboard-Work"

URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!\"$->@-~]*)?")
"""Without a user, a ``?`` or a ``#``: paths are put behind it."""

_BITS = re.compile(r"[0-9]{1,3}")
_WRITE_ERROR = 0xFFFFFFFF  # what a callback returns to end a transfer

T = TypeVar("T")


@final
class Connection:
    """Runs procedures over connections to the board at ``url``, one procedure at a time.

    A request takes ``timeout`` seconds at most; ``proxy`` is the URL of one, empty for none.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT, proxy: str = "") -> None:
        self._url, self._options = _checked_url(url), _options(timeout, proxy)
        self._lock = threading.Lock()

    @functools.cached_property
    def _session(self) -> Session[HttpResponse]:
        return Session(**self._options)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure to its end, and return what it does."""
        with self._lock:
            try:
                wanted = next(procedure)
                while True:
                    try:
                        answers = tuple(map(self._answer, wanted))
                    except BoardError as error:
                        wanted = procedure.throw(error)
                    else:
                        wanted = procedure.send(answers)
            except StopIteration as stop:
                result: T = stop.value
                return result

    def _answer(self, wanted: Request | Work) -> Response:
        if isinstance(wanted, Work):
            return Response(200, find_work(wanted.origin, wanted.post, wanted.bits))
        if wanted.body is None:
            return self._request(self._session, wanted)
        # A connection of its own: nobody shall see from it who posts and who reads.
        with Session[HttpResponse](**self._options) as session:
            return self._request(session, wanted)

    def _request(self, session: Session[HttpResponse], wanted: Request) -> Response:
        body = _Body(wanted.limit)
        try:
            response = session.request(**_arguments(self._url, wanted, body))
        except CurlError as error:
            raise _unreachable(wanted, body, error) from None
        return _parsed(response, body)


@final
class AsyncConnection:
    """As `Connection`, for the event loop that first uses it, and any number of procedures."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT, proxy: str = "") -> None:
        self._url, self._options = _checked_url(url), _options(timeout, proxy)

    @functools.cached_property
    def _session(self) -> AsyncSession[HttpResponse]:
        return AsyncSession(**self._options)

    async def aclose(self) -> None:
        """See `Connection.close`."""
        await self._session.close()

    async def run(self, procedure: Procedure[T]) -> T:
        """See `Connection.run`."""
        try:
            wanted = next(procedure)
            while True:
                try:
                    answers = await self._answers(wanted)
                except BoardError as error:
                    wanted = procedure.throw(error)
                else:
                    wanted = procedure.send(answers)
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _answers(self, wanted: tuple[Request | Work, ...]) -> tuple[Response, ...]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(each)) for each in wanted]
        except* BoardError as errors:
            raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    async def _answer(self, wanted: Request | Work) -> Response:
        if isinstance(wanted, Work):
            arguments = wanted.origin, wanted.post, wanted.bits
            return Response(200, await asyncio.to_thread(find_work, *arguments))
        if wanted.body is None:
            return await self._request(self._session, wanted)
        async with AsyncSession[HttpResponse](**self._options) as session:
            return await self._request(session, wanted)

    async def _request(self, session: AsyncSession[HttpResponse], wanted: Request) -> Response:
        body = _Body(wanted.limit)
        try:
            response = await session.request(**_arguments(self._url, wanted, body))
        except CurlError as error:
            raise _unreachable(wanted, body, error) from None
        return _parsed(response, body)


class _Body:
    """Takes the body of an answer, and ends the transfer if it is longer than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self.data, self.is_too_long, self._limit = bytearray(), False, limit

    def __call__(self, chunk: bytes) -> int:
        self.is_too_long = len(self.data) + len(chunk) > self._limit
        if self.is_too_long:
            return _WRITE_ERROR
        self.data += chunk
        return len(chunk)


def _checked_url(url: str) -> str:
    if not URL.fullmatch(url):
        # What was given is not shown: there may be a password in it.
        problem = "the URL of a board must be http(s)://host[:port][/path], without user, ? and #"
        raise BoardError("unreachable", problem)
    return url.rstrip("/")


def _options(timeout: float, proxy: str) -> dict[str, Any]:
    return {
        "timeout": timeout,
        "allow_redirects": False,
        "discard_cookies": True,  # else a board could tell its readers apart
        "curl_options": {CurlOpt.PROXY: proxy},  # not what the environment says
    }


def _arguments(url: str, wanted: Request, body: _Body) -> dict[str, Any]:
    headers: Mapping[str, str] = {}
    if wanted.body is not None:
        headers = {"Content-Type": "application/octet-stream"}
    if wanted.work:
        headers = {**headers, WORK_HEADER: wanted.work.hex()}
    return {
        "method": "GET" if wanted.body is None else "POST",
        "url": f"{url}/{wanted.path}",
        "headers": headers,
        "data": wanted.body,
        "accept_encoding": None,  # what is small on the way could be large here
        "content_callback": body,
    }


def _parsed(response: HttpResponse, body: _Body) -> Response:
    return Response(response.status_code, bytes(body.data), work_bits(response))


def work_bits(response: HttpResponse) -> int | None:
    """Bits of the proof of work that an answer asks for; None if it asks for none."""
    bits = response.headers.get(WORK_HEADER) or ""
    return int(bits) if _BITS.fullmatch(bits) else None


def _unreachable(wanted: Request, body: _Body, error: CurlError) -> BoardError:
    if body.is_too_long:
        problem = f"the answer has more than {wanted.limit} bytes"
    else:
        try:
            problem = f"there is no answer ({CurlECode(error.code).name})"
        except ValueError:
            problem = f"there is no answer ({error.code})"
    return BoardError("unreachable", f"/{wanted.path}: {problem}")
