"""Connections to a board: how the requests of a procedure travel (SPEC 9.9).

The extra ``client`` installs what they need.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any, TypeVar, final

from curl_cffi import AsyncSession, Response as HttpResponse, Session

from billboard.board.reading.procedure import FindWork, Procedure, Request, Response
from billboard.errors import BoardError, BoardFault
from billboard.web.admission import WORK_HEADER, asked_bits, find_work
from billboard.web.client import (
    OCTETS,
    TIMEOUT,
    URL,
    Answer,
    NoAnswerError,
    ask,
    ask_async,
    async_session,
    session,
)

T = TypeVar("T")


@final
class Connection:
    """Runs procedures over connections to the board at ``url``, one procedure at a time.

    A request takes ``timeout`` seconds at most. ``proxy`` is the URL of a proxy, empty for none.
    Raises `BoardError` if ``url`` is not the URL of a board.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT, proxy: str = "") -> None:
        self._url, self._timeout, self._proxy = _checked_url(url), timeout, proxy
        self._lock = threading.Lock()

    @functools.cached_property
    def _session(self) -> Session[HttpResponse]:
        return session(timeout=self._timeout, proxy=self._proxy)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure to its end, and return what it returns. Raises `BoardError`."""
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

    def _answer(self, wanted: Request | FindWork) -> Response:
        if isinstance(wanted, FindWork):
            return Response(200, find_work(wanted.origin, wanted.post, wanted.bits))
        if wanted.body is None:
            return self._request(self._session, wanted)
        # A post has a connection of its own: nobody can link it with what the client reads.
        with session(timeout=self._timeout, proxy=self._proxy) as own:
            return self._request(own, wanted)

    def _request(self, session: Session[HttpResponse], wanted: Request) -> Response:
        try:
            return _parsed(ask(session, **_arguments(self._url, wanted)))
        except NoAnswerError as error:
            raise _unreachable(error, self._proxy) from None


@final
class AsyncConnection:
    """A `Connection` for the event loop that first uses it, and any number of procedures."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT, proxy: str = "") -> None:
        self._url, self._timeout, self._proxy = _checked_url(url), timeout, proxy

    @functools.cached_property
    def _session(self) -> AsyncSession[HttpResponse]:
        return async_session(timeout=self._timeout, proxy=self._proxy)

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

    async def _answers(self, wanted: tuple[Request | FindWork, ...]) -> tuple[Response, ...]:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._answer(each)) for each in wanted]
        except* BoardError as errors:
            raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    async def _answer(self, wanted: Request | FindWork) -> Response:
        if isinstance(wanted, FindWork):
            arguments = wanted.origin, wanted.post, wanted.bits
            return Response(200, await asyncio.to_thread(find_work, *arguments))
        if wanted.body is None:
            return await self._request(self._session, wanted)
        async with async_session(timeout=self._timeout, proxy=self._proxy) as own:
            return await self._request(own, wanted)

    async def _request(self, session: AsyncSession[HttpResponse], wanted: Request) -> Response:
        try:
            return _parsed(await ask_async(session, **_arguments(self._url, wanted)))
        except NoAnswerError as error:
            raise _unreachable(error, self._proxy) from None


def _checked_url(url: str) -> str:
    if not URL.fullmatch(url):
        # The URL is not shown, because there may be a password in it.
        problem = "the URL of a board must be http(s)://host[:port][/path], without user, ? and #"
        raise BoardError(BoardFault.UNREACHABLE, problem)
    return url.rstrip("/")


def _arguments(url: str, wanted: Request) -> dict[str, Any]:
    headers = {} if wanted.body is None else dict(OCTETS)
    if wanted.work:
        headers[WORK_HEADER] = wanted.work.hex()
    return {
        "method": "GET" if wanted.body is None else "POST",
        "url": f"{url}/{wanted.path}",
        "limit": wanted.limit,
        "headers": headers,
        "body": wanted.body,
    }


def _parsed(answer: Answer) -> Response:
    return Response(answer.status, answer.body, asked_bits(answer.headers))


def _unreachable(error: NoAnswerError, proxy: str) -> BoardError:
    hint = ""
    if error.is_unconnected:
        hint = ". Is the proxy running?" if proxy else ". Is `billboard serve` running?"
    return BoardError(BoardFault.UNREACHABLE, f"{error}{hint}")
