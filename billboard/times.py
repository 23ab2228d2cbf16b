"""Time as the protocol counts it: seconds and hours since 1970, and epochs of a board (SPEC 2)."""

from __future__ import annotations

import datetime
import math
import time

from billboard.errors import EpochError, InvalidEncodingError

HOUR = 3600
"""Seconds of an hour."""

MAX_UINT32 = 2**32 - 1
"""The last epoch, epoch length and seq that have an encoding."""

MAX_HOURS = 2**32 - 1
"""The last hour that an expiry can name."""

SHORTEST_EPOCH = 60
"""Seconds of the shortest epoch that a board may have (SPEC 2)."""

DEFAULT_EPOCH_LENGTH = 86_400
"""Seconds of an epoch by default: a day."""


def check_origin(origin: str) -> str:
    """Return ``origin``, or raise `InvalidEncodingError` (SPEC 2)."""
    if not 1 <= len(origin) <= 255 or not all(0x21 <= ord(c) <= 0x7E for c in origin):
        raise InvalidEncodingError(
            "origin", "must be 1 to 255 printable ASCII characters, no space"
        )
    return origin


def check_epoch_length(length: int) -> int:
    """Return ``length`` in seconds, or raise `InvalidEncodingError` (SPEC 2)."""
    if not isinstance(length, int) or not SHORTEST_EPOCH <= length <= MAX_UINT32:
        problem = f"{length!r} is not an int from {SHORTEST_EPOCH} to 2^32 - 1 (seconds)"
        raise InvalidEncodingError("epoch length", problem)
    return length


def check_epoch(epoch: int) -> int:
    """Return ``epoch``, or raise `EpochError` (SPEC 2)."""
    if not 0 <= epoch <= MAX_UINT32:
        raise EpochError(f"epoch {epoch} is not from 0 to 2^32 - 1")
    return epoch


def epoch_at(now: float | None = None, epoch_length: int = DEFAULT_EPOCH_LENGTH) -> int:
    """Return the epoch at ``now`` (seconds since 1970; the clock if None).

    ``epoch_length`` is in seconds. Raises `InvalidEncodingError` if it is out of range or ``now``
    is not finite, and `EpochError` for a time that has no epoch (SPEC 2).
    """
    return check_epoch(int(seconds(now) // check_epoch_length(epoch_length)))


def seconds(now: float | None) -> float:
    """Return ``now``, or the clock if None, in seconds since 1970.

    Raises `InvalidEncodingError` if it is not finite.
    """
    if now is None:
        return time.time()
    if not math.isfinite(now):
        raise InvalidEncodingError("time", f"{now} is not a finite number of seconds")
    return now


def hours(now: float | None) -> int:
    """Return the whole hours since 1970 at ``now``, within the range of an expiry.

    ``now`` is in seconds since 1970; the clock if None. Raises `InvalidEncodingError` if it is not
    finite.
    """
    return min(max(int(seconds(now) // HOUR), 0), MAX_HOURS)


def utc(at: float) -> str:
    """Format a time in seconds since 1970 for people to read."""
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M} UTC"
