"""Calls that come one by one and are made together, so that many share one commit and one fsync."""

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

    ``work`` gets the items of the calls, and returns a result for each. While the thread works,
    other calls gather: the more come in, the more share one run of ``work``. Without ``capacity``
    the queue has no limit. Except for ``work``, everything runs in one event loop.
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
        """Whether the queue has no room for another call."""
        return self._capacity is not None and len(self._waiting) >= self._capacity

    async def __call__(self, item: T) -> R:
        """Return what ``work`` returns for ``item``.

        If ``work`` raises an error, all calls that were made together raise it. Raises `BusyError`
        at once if the queue is full. An item in the queue is worked on even if its caller does not
        wait any more.
        """
        if self.full:
            raise BusyError("the queue is full: try again later")
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
        """Work on a batch in the thread. The event loop owns the futures and sets the results."""
        results: Sequence[R] | BaseException
        try:
            results = self._work([item for item, _ in batch])
        except BaseException as error:  # or the callers would wait for ever
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
