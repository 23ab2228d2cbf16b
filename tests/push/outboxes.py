"""Outboxes for tests, and what is put into them."""

from __future__ import annotations

import os

from billboard.push.dispatch import Notification, SqliteQueue
from billboard.push.dispatch.queue import Claim
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.registration import Registration
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import DeviceToken, Handle, Platform
from push.support import device

NOW = 1_800_000_000.0
KEY, OTHER_KEY = b"k" * 8, b"K" * 8
NO_PACE = Pace(0.0, 1)


def request(number: int | None = None, key_id: bytes = KEY) -> SealedRequest:
    digest = os.urandom(16) if number is None else number.to_bytes(16, "big")
    return SealedRequest(digest, key_id, os.urandom(1450))


def notification(token: DeviceToken | None = None, lifetime: float = 3600.0) -> Notification:
    return Notification(token or device(), expires=NOW + lifetime)


def put(queue: SqliteQueue, *those: Notification, due: float = NOW) -> int:
    return queue.put([(each, due) for each in those])


def enqueue(outbox: SqliteOutbox, *those: Notification, due: float = NOW) -> int:
    return outbox.enqueue((), [(each, due) for each in those], NO_PACE)


def claim(queue: SqliteQueue, now: float = NOW, limit: int = 100) -> list[Claim]:
    return queue.claim(Platform.APNS, limit, now, now + 120)


def claimed(queue: SqliteQueue, now: float = NOW) -> Claim:
    (one,) = claim(queue, now)
    return one


def registration(handle: Handle, seconds: float, token: DeviceToken | None) -> Registration:
    return Registration(handle, int((NOW + seconds) * 1000), token)
