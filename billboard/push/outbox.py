"""What a push server must not lose: requests until the tick, notifications until they are settled.

All of it is durable when a method returns, and happened as a whole or not at all. A notification
waits, is claimed for one attempt, and is settled after the answer of the push service. If the
process dies between, its claim ends and it is attempted again under the same id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from billboard.push.notification import Notification, Outcome
from billboard.push.registration import Registration
from billboard.tokens import DeviceToken, Handle, Platform

__all__ = ["Claim", "DeadLetter", "Outbox", "Pace", "SealedRequest", "Settlement"]


@dataclass(frozen=True)
class SealedRequest:
    """A request as it came in (SPEC 10.2); ``digest`` tells it from others."""

    digest: bytes
    key_id: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class Claim:
    """A notification that is to be attempted, after ``attempts`` before.

    It is nobody else's before ``until``, which tells this claim from others of the notification.
    """

    notification: Notification
    attempts: int
    until: float


@dataclass(frozen=True)
class Settlement:
    """What became of a notification that was claimed.

    If it is to be attempted again, ``due`` says when (seconds since 1970). Handles are removed that
    stand for its token if that is ``dead``, since ``dead_since`` if that is known: not those that
    came in later.
    """

    claim: Claim
    outcome: Outcome
    reason: str | None
    due: float | None = None
    dead: bool = False
    dead_since: float | None = None


@dataclass(frozen=True)
class DeadLetter:
    """A notification that was given up at ``died`` (seconds since 1970), and why."""

    id: UUID
    platform: Platform
    app: int
    outcome: Outcome
    reason: str | None
    died: float


@dataclass(frozen=True)
class Pace:
    """How often one token is pushed: ``burst`` at once, then one in ``interval`` seconds."""

    interval: float = 10.0
    burst: int = 6

    def next(self, before: float, now: float) -> tuple[float, float]:
        """When a push that comes now is due, and what to give as ``before`` for the one after."""
        begin = max(before, now)
        return max(now, begin - (self.burst - 1) * self.interval), begin + self.interval


class Outbox(Protocol):
    """The store of a push server. Methods may be called from several threads and processes.

    All raise `StoreError` if storage failed. Times are in seconds since 1970.
    """

    def hold(self, key_ids: Collection[bytes]) -> None:
        """Remember the digests of requests under these request keys, and forget all others.

        What waits under a key that is not held any more waits on.
        """

    def put(self, requests: Sequence[SealedRequest], now: float) -> None:
        """Keep each request, but for one that was kept before: that is done already.

        Raises `StoreError` too, and keeps none, if the request key of one is not held.
        """

    def waiting(self) -> tuple[int, float | None]:
        """How many requests wait, and since when the first does."""

    def requests(self, limit: int) -> list[SealedRequest]:
        """Those that wait longest."""

    def kept(self) -> Mapping[str, int]:
        """How many ``gates`` and ``handles`` are kept, as far as is known."""

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

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        """Delete the requests with the digests ``done``, and have notifications in their place.

        Each is ``due`` at its time, or later by ``pace``. One for a token for which another waits
        is that one, which then expires at the later of their times. How many are new.
        """

    def claim(self, platform: Platform, limit: int, now: float, until: float) -> list[Claim]:
        """Take notifications that are due, for nobody else to take before ``until``."""

    def pending(self) -> dict[Platform, int]:
        """How many notifications of each platform are not settled."""

    def next_due(self, platform: Platform) -> float | None:
        """When `claim` will find something, as far as is known; None if nothing waits."""

    def settle(self, settlements: Sequence[Settlement], now: float) -> None:
        """End claims: what was delivered is deleted, what is due again waits, all else is dead.

        A claim that ended is settled all the same, unless somebody has claimed the notification
        since, or may: it stands for what came in after this attempt began, too.
        """

    def release(self, claims: Collection[Claim], now: float) -> None:
        """End claims of which no attempt was made; not those that have ended, as in `settle`."""

    def prune(self, now: float) -> int:
        """Give up what has expired and is not claimed, which is counted; forget what is over."""

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The last that were given up, newest first."""

    def replay(self, ids: Collection[UUID], now: float, expires: float) -> int:
        """Have these dead letters due now, until ``expires``; how many there were."""
