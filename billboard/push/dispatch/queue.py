"""Queues, which keep notifications from when they are put until they are settled.

A notification waits, is claimed for one attempt, and is settled after the answer of the push
service. If the process dies in between, the claim ends at its time, and the notification is
attempted again under the same id.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from billboard.push.dispatch.notification import Notification, Outcome
from billboard.tokens import Platform


@dataclass(frozen=True)
class Claim:
    """A notification that was taken for an attempt; ``attempts`` were made before.

    Nobody else can take it before ``until`` (seconds since 1970). ``until`` also tells this claim
    from other claims of the notification.
    """

    notification: Notification
    attempts: int
    until: float


@dataclass(frozen=True)
class Settlement:
    """What became of a notification that was claimed.

    ``due`` is when to attempt it again (seconds since 1970), None if never. ``dead`` says that its
    token is dead, and ``dead_since`` since when, if that is known.
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


class Queue(Protocol):
    """Where notifications wait. Methods may be called from several threads and processes.

    When a method returns, its effect is durable; it happens as a whole or not at all. All raise
    `StoreError` if storage failed. Times are in seconds since 1970.
    """

    def put(self, due: Iterable[tuple[Notification, float]]) -> int:
        """Keep notifications, each ``due`` at its time. Return how many are new.

        If another waits for the same token, the two become one, which expires at the later of
        their times. A notification whose id is in the queue already changes nothing. Raises
        `ValueError` if one never expires, a time is not finite, or an id is that of a notification
        for another token.
        """

    def claim(self, platform: Platform, limit: int, now: float, until: float) -> list[Claim]:
        """Take at most ``limit`` notifications that are due, for nobody else before ``until``."""

    def settle(self, settlements: Sequence[Settlement], now: float) -> None:
        """End claims: delete what was delivered, keep what is due again, give up the rest.

        A claim whose time is over is settled too, but ignored if the notification was claimed
        again or waits again: it may then stand for another that came after this attempt began.
        """

    def release(self, claims: Collection[Claim], now: float) -> None:
        """End claims for which no attempt was made. Those that `settle` ignores are ignored."""

    def next_due(self, platform: Platform) -> float | None:
        """Return when `claim` will find something, as far as is known; None if there is nothing."""
