"""The tick: blobs in, notifications out (SPEC 10). The only part of ``push`` that knows blobs."""

from __future__ import annotations

import random
from dataclasses import dataclass

from billboard.elgamal import Array
from billboard.keys import SecretKey
from billboard.push.notification import Notification
from billboard.tokens import seconds

DEFAULT_LIFETIME = 3600.0
"""Seconds for which a push service may try to deliver."""


@dataclass(frozen=True)
class Tick:
    """What one tick gives: one notification for each device, in random order.

    ``received`` blobs came in and ``opened`` of them were for this server; several of one device
    were made one notification.
    """

    notifications: tuple[Notification, ...]
    received: int
    opened: int


def open_tick(
    secret_key: SecretKey,
    array: Array,
    *,
    lifetime: float = DEFAULT_LIFETIME,
    now: float | None = None,
    threads: int | None = None,
) -> Tick:
    """Open the blobs of one tick, uint8 of shape (items, n + 1, 32), and coalesce them.

    ``lifetime`` is in seconds, and ``now`` in seconds since 1970 (the clock if None). What does not
    open is dropped without a trace.
    """
    now = seconds(now)
    frames, opened = secret_key.open_batch(array, now=now, threads=threads)
    tokens = list({frames[row].token for row in opened.nonzero()[0].tolist()})
    random.SystemRandom().shuffle(tokens)
    notifications = tuple(Notification(token, expires=now + lifetime) for token in tokens)
    return Tick(notifications, len(array), int(opened.sum()))
