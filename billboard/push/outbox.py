"""What a push server must not lose, by who needs it: all in one file, so that a tick is one commit.

All of it is durable when a method returns, and happened as a whole or not at all. Methods may be
called from several threads and processes. All raise `StoreError` if storage failed. Times are in
seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from billboard.push.dispatch.notification import Notification
from billboard.push.dispatch.queue import DeadLetter, Queue
from billboard.push.requests.registration import Registration
from billboard.tokens import DeviceToken, Handle, Platform


@dataclass(frozen=True)
class SealedRequest:
    """A request as it came in (SPEC 10.2); ``digest`` tells it from others."""

    digest: bytes
    key_id: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Pace:
    """How often one token is pushed: ``burst`` at once, then one in ``interval`` seconds."""

    interval: float = 10.0
    burst: int = 6

    def next(self, before: float, now: float) -> tuple[float, float]:
        """When a push that comes now is due, and what to give as ``before`` for the one after."""
        begin = max(before, now)
        return max(now, begin - (self.burst - 1) * self.interval), begin + self.interval


class Requests(Protocol):
    """Requests, unopened until the tick."""

    def hold(self, key_ids: Collection[bytes]) -> None:
        """Remember the digests of requests under these request keys, and forget all others.

        What waits under a key that is not held any more waits on.
        """

    def store(self, requests: Sequence[SealedRequest], now: float) -> None:
        """Keep each request, but for one that was kept before: that is done already.

        Raises `StoreError` too, and keeps none, if the request key of one is not held.
        """

    def waiting(self) -> tuple[int, float | None]:
        """How many requests wait, and since when the first does."""

    def requests(self, limit: int) -> list[SealedRequest]:
        """Those that wait longest."""

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        """Delete the requests with the digests ``done``, and have notifications in their place.

        Each is ``due`` at its time, or later by ``pace``. One for a token for which another waits
        is that one, which then expires at the later of their times. How many are new.
        """


class Registry(Protocol):
    """Gates that are refused, and what handles stand for."""

    def refuse(self, gates: Mapping[bytes, float]) -> int:
        """Refuse each gate until a time; or until the later one, if it is refused already.

        How many are not refused, for as many are kept as may be.
        """

    def refused(self, gates: Collection[bytes], now: float) -> set[bytes]:
        """Which of these gates are refused now."""

    def register(self, registration: Registration, now: float) -> bool:
        """Keep what a handle stands for since ``now``; False if what is kept is not older.

        Raises `BusyError` if the handle is new and as many are kept as may be.
        """

    def tokens(self, handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
        """What these handles stand for."""

    def kept(self) -> Mapping[str, int]:
        """How many ``gates`` and ``handles`` are kept, as far as is known."""


class Upkeep(Protocol):
    """What whoever runs the server looks at and puts right."""

    def prune(self, now: float) -> int:
        """Give up what has expired and is not claimed, which is counted; forget what is over."""

    def pending(self) -> dict[Platform, int]:
        """How many notifications of each platform are not settled."""

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The last that were given up, newest first."""

    def replay(self, ids: Collection[UUID], now: float, expires: float) -> int:
        """Have these dead letters due now, until ``expires``; how many there were."""


class Outbox(Queue, Requests, Registry, Upkeep, Protocol):
    """All that a push server stores.

    When it is settled that a token is dead, the handles that stand for it are removed, but for
    those that were registered after the push service knew it to be dead (SPEC 10.6).
    """
