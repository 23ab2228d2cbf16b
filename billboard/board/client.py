"""Clients of a board over HTTP, which believe nothing that they have not verified (SPEC 9.9).

The extra ``client`` has what they need. What they do is in `billboard.board.reader` and
`billboard.board.submitting`; here are the connections.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar, final

from curl_cffi import AsyncSession, CurlECode, CurlError, CurlOpt, Session
from curl_cffi import Response as HttpResponse

from billboard.board import submitting
from billboard.board.admission import find_work
from billboard.board.cache import Cache
from billboard.board.checkpoint import Checkpoint, Policy
from billboard.board.manifest import Descriptor, Edition
from billboard.board.reader import Reader
from billboard.board.receipt import Receipt
from billboard.board.steps import Procedure, Request, Response, Work
from billboard.board.store import BoardParameters
from billboard.errors import BoardError
from billboard.lanes import LaneReader
from billboard.posts import Post

__all__ = ["AsyncBoardClient", "BoardClient"]

TIMEOUT = 30.0
"""Seconds for one request, from connecting to the last byte."""

MEMORY = 32 << 20
"""Bytes of files that are kept in memory."""

WORK_HEADER = "Billboard-Work"

_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")
_BITS = re.compile(r"[0-9]{1,3}")
_WRITE_ERROR = 0xFFFFFFFF  # what a callback returns to end a transfer

T = TypeVar("T")


class _Client:
    """What both clients have in common."""

    def __init__(
        self,
        url: str,
        policy: Policy,
        *,
        directory: str | os.PathLike[str] | None = None,
        memory: int = MEMORY,
        timeout: float = TIMEOUT,
        proxy: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _URL.fullmatch(url):
            raise BoardError(
                "unreachable", f"{url}: the URL of a board is like https://example.org"
            )
        self._url = url.rstrip("/")
        self._cache = Cache(directory, memory=memory)
        self.reader = Reader(policy, self._cache, clock)
        """What makes the procedures that `run` runs."""
        self._options = _options(timeout, proxy)
        self._lock = threading.Lock()

    @property
    def origin(self) -> str:
        """What names the board."""
        return self.reader.origin


@final
class BoardClient(_Client):
    """A client of the board at ``url``, which signs as ``policy`` says.

    It takes a checkpoint only if it continues the last that it took, and verifies what it reads
    against it. What it has read it keeps: ``memory`` bytes in memory, and in ``directory`` if there
    is one, which also has the last checkpoint, and is for this client alone. A request takes
    ``timeout`` seconds at most. ``proxy`` is the URL of one; what the environment says of proxies
    is not heeded. ``clock`` gives seconds since 1970.

    Its methods may be called from several threads; one runs at a time. They raise `BoardError`.
    """

    @functools.cached_property
    def _session(self) -> Session[HttpResponse]:
        return Session(**self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and let another client use the directory."""
        self._session.close()
        self._cache.close()

    def checkpoint(self) -> Checkpoint:
        """The checkpoint of the master log: the last one, or the last taken if that is newer."""
        return self.run(self.reader.checkpoint()).checkpoint

    def parameters(self) -> BoardParameters:
        """What makes the board the one it is."""
        return self.run(self.reader.parameters())

    def submit(self, post: Post) -> Receipt:
        """Submit a post, over a connection of its own; what the board promises for it.

        If the board asks for a proof of work this takes as long as that does. Raises
        `RefusedPostError` with the board's reason; after a `BoardError` the post may be accepted,
        and submitting it again is then refused with the reason ``seq``.
        """
        return self.run(submitting.submit(self.reader, post))

    def editions(self, epoch: int, *, accept_stale: bool = False) -> tuple[Edition, ...]:
        """The editions of ``epoch``, by number; none if none is due yet.

        If one is due, and for so long that it must be there, `BoardError` is raised, unless
        ``accept_stale``.
        """
        return self.run(self.reader.editions(epoch, accept_stale=accept_stale))

    def fetch(
        self, epoch: int, identifier: bytes, *, dummies: int = 0, accept_stale: bool = False
    ) -> Post | None:
        """The post under ``identifier``; None if it is shown that no edition of ``epoch`` has it.

        Of the first edition one bundle is fetched, and ``dummies`` others in a random order (more
        if less than these would then be left), so that the board does not know which it is for.
        Later editions are fetched whole. Raises
        `EpochError` if ``epoch`` has no edition yet; see `editions` for ``accept_stale``.
        """
        found = self.reader.fetch(epoch, identifier, dummies=dummies, accept_stale=accept_stale)
        return self.run(found)

    def find(
        self,
        reader: LaneReader,
        epoch: int | None = None,
        *,
        dummies: int = 0,
        accept_stale: bool = False,
    ) -> Post | None:
        """The newest post of the lane of ``reader``, which can open it; None if there is none.

        Without ``epoch`` it is looked for in the current one and the one before. Otherwise as
        `fetch`. Raises `EpochError` if the lane is not one of this board, or does not reach.
        """
        found = self.reader.find(reader, epoch, dummies=dummies, accept_stale=accept_stale)
        return self.run(found)

    def descriptors(self) -> tuple[Descriptor, ...]:
        """What push servers say of themselves, the oldest first. Reads the whole master log."""
        return self.run(self.reader.descriptors())

    def check_receipt(self, receipt: Receipt, post: Post, *, dummies: int = 0) -> Edition | None:
        """The edition in which what ``receipt`` promises is; None if it is not there yet.

        Raises `BoardError` with the reason ``lost`` if its deadline is over, and evidence of it;
        `InvalidEncodingError` if the receipt is not one for ``post``.
        """
        checked = submitting.check_receipt(self.reader, receipt, post, dummies=dummies)
        return self.run(checked)

    def run(self, procedure: Procedure[T]) -> T:
        """Run a procedure of `billboard.board.reader` over this client's connections."""
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
class AsyncBoardClient(_Client):
    """As `BoardClient`, for the event loop that first uses it: each method is a coroutine.

    What an edition is made of is fetched with several requests at a time. The methods may be called
    from several tasks.
    """

    @functools.cached_property
    def _session(self) -> AsyncSession[HttpResponse]:
        return AsyncSession(**self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See `BoardClient.close`."""
        await self._session.close()
        self._cache.close()

    async def checkpoint(self) -> Checkpoint:
        """See `BoardClient.checkpoint`."""
        return (await self.run(self.reader.checkpoint())).checkpoint

    async def parameters(self) -> BoardParameters:
        """See `BoardClient.parameters`."""
        return await self.run(self.reader.parameters())

    async def submit(self, post: Post) -> Receipt:
        """See `BoardClient.submit`."""
        return await self.run(submitting.submit(self.reader, post))

    async def editions(self, epoch: int, *, accept_stale: bool = False) -> tuple[Edition, ...]:
        """See `BoardClient.editions`."""
        return await self.run(self.reader.editions(epoch, accept_stale=accept_stale))

    async def fetch(
        self, epoch: int, identifier: bytes, *, dummies: int = 0, accept_stale: bool = False
    ) -> Post | None:
        """See `BoardClient.fetch`."""
        found = self.reader.fetch(epoch, identifier, dummies=dummies, accept_stale=accept_stale)
        return await self.run(found)

    async def find(
        self,
        reader: LaneReader,
        epoch: int | None = None,
        *,
        dummies: int = 0,
        accept_stale: bool = False,
    ) -> Post | None:
        """See `BoardClient.find`."""
        found = self.reader.find(reader, epoch, dummies=dummies, accept_stale=accept_stale)
        return await self.run(found)

    async def descriptors(self) -> tuple[Descriptor, ...]:
        """See `BoardClient.descriptors`."""
        return await self.run(self.reader.descriptors())

    async def check_receipt(
        self, receipt: Receipt, post: Post, *, dummies: int = 0
    ) -> Edition | None:
        """See `BoardClient.check_receipt`."""
        checked = submitting.check_receipt(self.reader, receipt, post, dummies=dummies)
        return await self.run(checked)

    async def run(self, procedure: Procedure[T]) -> T:
        """See `BoardClient.run`."""
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
    bits = response.headers.get(WORK_HEADER) or ""
    return Response(
        response.status_code, bytes(body.data), int(bits) if _BITS.fullmatch(bits) else None
    )


def _unreachable(wanted: Request, body: _Body, error: CurlError) -> BoardError:
    if body.is_too_long:
        problem = f"the answer has more than {wanted.limit} bytes"
    else:
        try:
            problem = f"there is no answer ({CurlECode(error.code).name})"
        except ValueError:
            problem = f"there is no answer ({error.code})"
    return BoardError("unreachable", f"/{wanted.path}: {problem}")
