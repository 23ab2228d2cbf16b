"""The tick: blobs in, notifications out (SPEC 10). The only part of ``push`` that knows blobs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from billboard.batches import Array
from billboard.errors import InvalidEncodingError
from billboard.keys import SecretKey
from billboard.push.notification import Notification
from billboard.tokens import DeviceToken, Handle, Platform, seconds
from billboard.webpush import WebPushSubscription

__all__ = ["DEFAULT_LIFETIME", "Tick", "open_tick"]

DEFAULT_LIFETIME = 3600.0
"""Seconds for which a push service may try to deliver."""


@dataclass(frozen=True)
class Tick:
    """What one tick gives: one notification for each device, in random order.

    ``received`` blobs came in and ``opened`` of them were for this server; several of one device
    were made one notification. A blob with a handle that is not known, or with a Web Push token
    that does not decode, counts as one for another server.
    """

    notifications: tuple[Notification, ...]
    received: int
    opened: int


def open_tick(
    secret_key: SecretKey,
    array: Array,
    *,
    handles: Mapping[Handle, DeviceToken] | None = None,
    lifetime: float = DEFAULT_LIFETIME,
    now: float | None = None,
    threads: int | None = None,
) -> Tick:
    """Open the blobs of one tick, uint8 of shape (items, n + 1, 32), and coalesce them.

    ``handles`` has the token of each handle that devices have registered: required with a key of
    class H, refused with another. ``lifetime`` is in seconds, and ``now`` in seconds since 1970
    (the clock if None). What does not open is dropped without a trace.

    Raises `InvalidEncodingError` if ``handles`` is missing or out of place.
    """
    if secret_key.public_key.frame_class.carries_handle != (handles is not None):
        raise InvalidEncodingError("handles", "are given with a key of class H, and only there")
    now = seconds(now)
    frames, opened = secret_key.open_batch(array, now=now, threads=threads)
    found = [frames[row].token for row in opened.nonzero()[0].tolist()]
    tokens = [token for each in found if (token := _deliverable(each, handles or {})) is not None]
    devices = list(set(tokens))
    random.SystemRandom().shuffle(devices)
    notifications = tuple(Notification(token, expires=now + lifetime) for token in devices)
    return Tick(notifications, len(array), len(tokens))


def _deliverable(
    found: DeviceToken | Handle, handles: Mapping[Handle, DeviceToken]
) -> DeviceToken | None:
    """The token to push to, or None where there is none (SPEC 5.3, 10)."""
    token = handles.get(found) if isinstance(found, Handle) else found
    if token is not None and token.platform is Platform.WEB_PUSH:
        try:
            WebPushSubscription.from_token(token)
        except InvalidEncodingError:
            return None
    return token
