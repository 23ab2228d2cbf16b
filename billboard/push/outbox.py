"""What a push server must not lose: one interface for each part that needs some of it.

All of it is stored together, so that a tick is one commit. When a method returns, its effect is
durable; it happens as a whole or not at all. Methods may be called from several threads and
processes. All raise `StoreError` if storage failed. Times are in seconds since 1970.
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
        """Return when a push that comes ``now`` is due, and the ``before`` of the next push."""
        begin = max(before, now)
        return max(now, begin - (self.burst - 1) * self.interval), begin + self.interval


class Requests(Protocol):
    """Requests, unopened until the tick."""

    def hold(self, key_ids: Collection[bytes]) -> None:
        """Remember the digests of requests under these request keys, and forget all others.

        Requests that wait under a key that is no longer held wait on.
        """

    def store(self, requests: Sequence[SealedRequest], now: float) -> None:
        """Keep each request, unless it was kept before.

        Raises `StoreError` also if the request key of one is not held, and then keeps none.
        """

    def waiting(self) -> tuple[int, float | None]:
        """Return how many requests wait, and since when the first does (None if none waits)."""

    def requests(self, limit: int) -> list[SealedRequest]:
        """Return at most ``limit`` requests, those that wait longest."""

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        """Delete the requests with the digests ``done``, and keep notifications in their place.

        Each is ``due`` at its time, or later if the ``pace`` of its token asks for that. If another
        waits for the same token, the two become one, which expires at the later of their times.
        Returns how many are new.
        """


class Registry(Protocol):
    """Gates that are refused, and what handles stand for."""

    def refuse(self, gates: Mapping[bytes, float]) -> int:
        """Refuse each gate until its time, or until the later one if it is refused already.

        Returns how many are not refused because no more can be kept.
        """

    def refused(self, gates: Collection[bytes], now: float) -> set[bytes]:
        """Return which of these gates are refused now."""

    def register(self, registration: Registration, now: float) -> bool:
        """Keep a registration that came ``now``. Return False if the one that is kept is not older.

        Raises `BusyError` if the handle is new and no more can be kept.
        """

    def tokens(self, handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
        """Return what these handles stand for. Those that stand for nothing are left out."""

    def kept(self) -> Mapping[str, int]:
        """Return how many ``gates`` and ``handles`` are kept, as far as is known."""


class Upkeep(Protocol):
    """What whoever runs the server can look at and put right."""

    def prune(self, now: float) -> int:
        """Give up notifications that have expired and are not claimed. Delete what is over.

        Returns how many notifications were given up.
        """

    def pending(self) -> dict[Platform, int]:
        """Return how many notifications of each platform are not settled."""

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the last ``limit`` dead letters, the newest first."""

    def replay(self, ids: Collection[UUID], now: float, expires: float) -> int:
        """Make these dead letters due ``now``, to expire at ``expires``. Return how many exist."""


class Outbox(Queue, Requests, Registry, Upkeep, Protocol):
    """All that a push server stores.

    When it is settled that a token is dead, the handles that stand for it are removed, except those
    that were registered after the push service knew that it is dead (SPEC 10.6).
    """
