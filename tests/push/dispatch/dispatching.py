"""Notifications for dispatchers in simulated time, and what became of them."""

from __future__ import annotations

from typing import Any

from billboard.push.dispatch import Notification, Outcome
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import DeviceToken
from push.simulation import START
from push.support import device

HOUR = 3600.0


def notification(
    token: DeviceToken | None = None, *, lifetime: float = HOUR, **parts: Any
) -> Notification:
    return Notification(token or device(), expires=START + lifetime, **parts)


def notifications(count: int, **parts: Any) -> list[Notification]:
    return [notification(**parts) for _ in range(count)]


def ends(outbox: SqliteOutbox) -> list[tuple[Outcome, str | None]]:
    """What became of those that were given up, in order."""
    return [(each.outcome, each.reason) for each in reversed(outbox.dead_letters(10_000))]
