"""Notifications, and what came of attempts to deliver them."""

from __future__ import annotations

import enum
import math
import uuid
from dataclasses import dataclass, field

from billboard.tokens import DeviceToken

MAX_COLLAPSE_ID = 64
"""Bytes of UTF-8; the limit of APNs."""

_PRIORITIES = (1, 5, 10)


@dataclass(frozen=True)
class Notification:
    """One alert for one device. It has no content: a provider sends the same with all of them.

    ``id`` is the same in each attempt, so that the push service and the device can merge repeats.
    Notifications of the same ``collapse_id``, at most 64 characters of printable ASCII, may be
    merged too. ``expires``, in unix seconds, is when it is no longer worth delivering; None leaves
    that to the push service. ``priority`` is 10 (now), 5 or 1 (when it suits the battery).

    Raises `ValueError` if a part is outside of what push services accept.
    """

    token: DeviceToken
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    collapse_id: str | None = None
    expires: float | None = None
    priority: int = 10

    def __post_init__(self) -> None:
        if self.collapse_id is not None:
            _check_collapse_id(self.collapse_id)
        if self.expires is not None and not (math.isfinite(self.expires) and self.expires >= 0):
            raise ValueError("expires: must be unix seconds, finite and not negative")
        if type(self.priority) is not int or self.priority not in _PRIORITIES:
            raise ValueError(f"priority: {self.priority} is none of {_PRIORITIES}")


def _check_collapse_id(collapse_id: str) -> None:
    if not 0 < len(collapse_id.encode()) <= MAX_COLLAPSE_ID:
        raise ValueError(f"collapse_id: must be 1 to {MAX_COLLAPSE_ID} bytes of UTF-8")
    if not (collapse_id.isascii() and collapse_id.isprintable()):
        raise ValueError("collapse_id: must be printable ASCII, for it travels in a header")


class Outcome(enum.Enum):
    """What became of a notification."""

    DELIVERED = "delivered"
    """The push service accepted it. Whether the device shows it is not known."""

    UNREGISTERED = "unregistered"
    """The token is dead: delete it, and do not send to it again."""

    RETRY = "retry"
    """Not accepted now, and nothing is wrong with it: try later. It may have arrived even so."""

    EXPIRED = "expired"
    """Its time passed, or would pass before the next attempt."""

    REJECTED = "rejected"
    """Refused for good, most likely because the configuration is wrong. The token may be alive."""


@dataclass(frozen=True)
class Attempt:
    """The answer to one attempt.

    ``reason`` is the push service's word, or the provider's if there was no answer. It never holds
    a token. ``status`` is the HTTP status, None without an answer. ``retry_after`` is the least
    number of seconds to wait (0: at once), None if the service does not say. ``unregistered_at`` is
    when a dead token was last known to be dead, in unix seconds: a token that the device registered
    after that is alive. ``of_account`` says that only the account of one app is affected, so that
    the breaker of the provider does not count it.
    """

    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    retry_after: float | None = None
    unregistered_at: float | None = None
    of_account: bool = False
