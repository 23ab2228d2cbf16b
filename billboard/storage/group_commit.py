"""Calls that come one by one, made together: what shares a commit costs one fsync."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar, final

from billboard.errors import BusyError

T = TypeVar("T")
R = TypeVar("R")


@final
class Grouped(Generic[T, R]):
    """A queue of at most ``capacity`` calls, and the thread that makes up to ``largest`` at once.

    ``work`` gets what they were made with, and returns what each gets. While the thread works,
    others gather: the more come in, the more share one call. Without ``capacity`` as many as come
    wait. All of it is of one event loop, but for what the thread does.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        largest: int,
        capacity: int | None = None,
    ) -> None:
        self._work, self._largest, self._capacity = work, largest, capacity
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._thread = ThreadPoolExecutor(1, "grouped")
        self._working = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return self._capacity is not None and len(self._waiting) >= self._capacity

    async def __call__(self, item: T) -> R:
        """What ``work`` returns for ``item``; what it raises, all that were made together raise.

        Raises `BusyError` at once if there is no room. What waits is done even if its caller does
        not wait any more.
        """
        if self.full:
            raise BusyError("as many calls wait as may: try again later")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, future))
        if not self._working:
            self._start(loop)
        return await future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        count = min(len(self._waiting), self._largest)
        batch = [self._waiting.popleft() for _ in range(count)]
        self._working = True
        self._thread.submit(self._run, loop, batch)

    def _run(
        self, loop: asyncio.AbstractEventLoop, batch: Sequence[tuple[T, asyncio.Future[R]]]
    ) -> None:
        """What the thread does; the futures are of the event loop, and set there."""
        results: Sequence[R] | BaseException
        try:
            results = self._work([item for item, _ in batch])
        except BaseException as error:  # whatever it is, who waits must not wait for ever
            results = error
        loop.call_soon_threadsafe(self._answer, loop, [each for _, each in batch], results)

    def _answer(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: Sequence[asyncio.Future[R]],
        results: Sequence[R] | BaseException,
    ) -> None:
        self._working = False
        if self._waiting:
            self._start(loop)
        for index, future in enumerate(waiting):
            if future.done():  # cancelled: nobody waits any more
                continue
            if isinstance(results, BaseException):
                future.set_exception(results)
            else:
                future.set_result(results[index])
