"""Device tokens, and the handles that stand for them (SPEC 5.2, 5.3)."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field

from billboard.errors import InvalidEncodingError

HANDLE_SIZE = 16
"""Bytes of a handle (SPEC 5.2)."""


class Platform(enum.IntEnum):
    """The push service that a device token belongs to (SPEC 5.3)."""

    APNS = 1
    FCM = 2
    WEB_PUSH = 3
    SNS = 4
    PUSHY = 5


@dataclass(frozen=True)
class DeviceToken:
    """The address at which a push service wakes a device.

    ``value`` is the binary token for APNs, the ASCII registration token for FCM, the ARN of the
    endpoint for Amazon SNS, and the device token for Pushy; for Web Push
    `WebPushSubscription.to_token` makes it. It has one byte or more, up to the
    `FrameClass.longest_token` of the class that is to carry it. ``app`` (0 to 65535) selects the
    push server's credentials and topic.

    Raises `InvalidEncodingError`, and `TypeError` if ``value`` is not bytes.
    """

    platform: Platform
    value: bytes = field(repr=False)
    app: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.value, bytes):
            raise TypeError(f"token value must be bytes, not {type(self.value).__name__}")
        if not self.value:
            raise InvalidEncodingError("token", "is empty")
        if not 0 <= self.app <= 0xFFFF:
            raise InvalidEncodingError("app", f"{self.app} is not from 0 to 65535")
        if self.platform not in list(Platform):
            raise InvalidEncodingError("platform", f"{self.platform} is not a known number")
        object.__setattr__(self, "platform", Platform(self.platform))


@dataclass(frozen=True)
class Handle:
    """16 random bytes by which a push server knows a device token (SPEC 5.2).

    The device makes the handle, and registers it with the push server together with its token (SPEC
    10.6). Raises `InvalidEncodingError`, and `TypeError` if ``value`` is not bytes.
    """

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.value, bytes):
            raise TypeError(f"handle must be bytes, not {type(self.value).__name__}")
        if len(self.value) != HANDLE_SIZE:
            problem = f"must be {HANDLE_SIZE} bytes, not {len(self.value)}"
            raise InvalidEncodingError("handle", problem)

    @classmethod
    def generate(cls) -> Handle:
        """Make a fresh handle."""
        return cls(os.urandom(HANDLE_SIZE))
