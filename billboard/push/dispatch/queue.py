"""What a dispatcher must not lose: notifications, from when they are put until they are settled.

A notification waits, is claimed for one attempt, and is settled after the answer of the push
service. If the process dies between, its claim ends, and it is attempted again under the same id.
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
    """A notification that is to be attempted, after ``attempts`` before.

    It is nobody else's before ``until``, which tells this claim from others of the notification.
    """

    notification: Notification
    attempts: int
    until: float


@dataclass(frozen=True)
class Settlement:
    """What became of a notification that was claimed.

    If it is to be attempted again, ``due`` says when (seconds since 1970). ``dead`` says that its
    token is, since ``dead_since`` if that is known.
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

    What returns is durable, and happened as a whole. All raise `StoreError` if storage failed.
    Times are in seconds since 1970.
    """

    def put(self, due: Iterable[tuple[Notification, float]]) -> int:
        """Keep notifications, each ``due`` at its time; how many are new.

        One for a token for which another waits is that one, which then expires at the later of
        their times. One whose id is there already is the same, and stays as it is. Raises
        ValueError for one that never expires, a time that is not finite, and an id that another
        token has.
        """

    def claim(self, platform: Platform, limit: int, now: float, until: float) -> list[Claim]:
        """Take notifications that are due, for nobody else to take before ``until``."""

    def settle(self, settlements: Sequence[Settlement], now: float) -> None:
        """End claims: what was delivered is deleted, what is due again waits, all else is dead.

        A claim that ended is settled all the same, unless somebody has claimed the notification
        since, or may: it stands for what came in after this attempt began, too.
        """

    def release(self, claims: Collection[Claim], now: float) -> None:
        """End claims of which no attempt was made; not those that have ended, as in `settle`."""

    def next_due(self, platform: Platform) -> float | None:
        """When `claim` will find something, as far as is known; None if nothing waits."""
