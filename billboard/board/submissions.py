"""Posts that come in one by one, submitted together: one commit for all that wait (SPEC 9.9)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

from billboard.board.board import Board
from billboard.errors import RefusedPostError

_log = logging.getLogger(__name__)

LARGEST_BATCH = 256
"""Posts that are submitted together: so many that a commit hardly counts beside their checks."""

Outcome = bytes | RefusedPostError
"""An encoded receipt, or why there is none."""


class BusyError(Exception):
    """As many posts wait as may."""


@final
class Submissions:
    """A queue of at most ``capacity`` posts to ``board``, and the thread that empties it.

    While the thread works on some posts, others gather: the more come in, the more share a commit.
    All of it is of one event loop, but for what the thread does.
    """

    def __init__(self, board: Board, capacity: int, observe: Callable[[int], object]) -> None:
        self._board, self._capacity, self._observe = board, capacity, observe
        self._waiting: deque[tuple[bytes, asyncio.Future[Outcome]]] = deque()
        self._thread = ThreadPoolExecutor(1, "submissions")
        self._working = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._waiting) >= self._capacity

    async def submit(self, post: bytes) -> Outcome:
        """The receipt of a post, encoded, or the refusal, as `Board.submit_all` gives them.

        Raises `BusyError` at once if the queue is full, and `StoreError` if storage failed. A post
        stays in the queue if whoever submitted it no longer waits.
        """
        if self.full:
            raise BusyError
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((post, outcome))
        if not self._working:
            self._start(loop)
        return await outcome

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        count = min(len(self._waiting), LARGEST_BATCH)
        batch = [self._waiting.popleft() for _ in range(count)]
        self._working = True
        self._observe(count)
        self._thread.submit(self._work, loop, batch)

    def _work(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: Sequence[tuple[bytes, asyncio.Future[Outcome]]],
    ) -> None:
        """What the thread does; the futures are of the event loop, and set there."""
        outcomes: list[Outcome] | BaseException
        try:
            outcomes = [
                each if isinstance(each, RefusedPostError) else bytes(each)
                for each in self._board.submit_all([post for post, _ in batch])
            ]
        except BaseException as error:  # whatever it is, who waits must not wait for ever
            _log.error("%d posts were not stored: %s", len(batch), error)
            outcomes = error
        loop.call_soon_threadsafe(self._answer, loop, [each for _, each in batch], outcomes)

    def _answer(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: Sequence[asyncio.Future[Outcome]],
        outcomes: list[Outcome] | BaseException,
    ) -> None:
        self._working = False
        if self._waiting:
            self._start(loop)
        for index, future in enumerate(waiting):
            if future.done():  # cancelled: nobody waits any more
                continue
            if isinstance(outcomes, BaseException):
                future.set_exception(outcomes)
            else:
                future.set_result(outcomes[index])
