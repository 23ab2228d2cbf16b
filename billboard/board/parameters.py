"""The parameters that define a board, and the schedule that follows (SPEC 2, 9, 9.2)."""

from __future__ import annotations

from dataclasses import dataclass

from billboard.errors import InvalidEncodingError
from billboard.frames import FrameClass
from billboard.times import DEFAULT_EPOCH_LENGTH, MAX_UINT32, check_epoch_length, check_origin

BUNDLE = 256
"""Posts in a bundle, which are read together."""

DEFAULT_LATE_INTERVAL = 3600
"""Seconds between the editions of an epoch."""

EPOCHS_AHEAD = 14
"""Epochs after the current one for which a board accepts posts (SPEC 9.1)."""

LONGEST_SKEW = 3600
"""Seconds by which clocks may differ, unless half an epoch is shorter (SPEC 9)."""


@dataclass(frozen=True)
class BoardParameters:
    """The parameters that define a board (SPEC 2, 9.2).

    They are its origin, its epoch length in seconds, the class of its posts, and the seconds
    between the editions of an epoch. Raises `InvalidEncodingError`.
    """

    origin: str
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    frame_class: FrameClass = FrameClass.L
    late_interval: int = DEFAULT_LATE_INTERVAL

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if "+" in self.origin or self.origin.startswith("billboard/"):
            raise InvalidEncodingError(
                "origin", "of a board must have no + and not begin with billboard/"
            )
        check_epoch_length(self.epoch_length)
        object.__setattr__(self, "frame_class", FrameClass(self.frame_class))
        if not 1 <= self.late_interval <= MAX_UINT32:
            raise InvalidEncodingError("late interval", "must be from 1 to 2^32 - 1 seconds")
        if self.last_due(0) >= 2 * self.epoch_length:
            raise InvalidEncodingError(
                "late interval",
                f"of {self.late_interval} seconds is too long for epochs of {self.epoch_length}:"
                " the last edition of one would come when nobody looks for it any more",
            )

    @property
    def skew(self) -> int:
        """Seconds by which clocks may differ (SPEC 9)."""
        return min(LONGEST_SKEW, self.epoch_length // 2)

    def opens(self, epoch: int) -> int:
        """Return when the board begins to accept posts of ``epoch``, in seconds since 1970."""
        return (epoch - EPOCHS_AHEAD) * self.epoch_length - self.skew

    def ends(self, epoch: int) -> int:
        """Return when the board stops accepting posts of ``epoch``, in seconds since 1970."""
        return (epoch + 1) * self.epoch_length + self.skew

    def due(self, epoch: int, now: float) -> int:
        """Return when the latest edition of ``epoch`` was due (SPEC 9.2), or else its beginning."""
        begin = epoch * self.epoch_length
        passed = max(int((now - begin) // self.late_interval), 0)
        return min(begin + self.late_interval * passed, self.last_due(epoch))

    def last_due(self, epoch: int) -> int:
        """Return when the last edition of ``epoch`` is due."""
        begin = epoch * self.epoch_length
        return begin + self.late_interval * -(-(self.ends(epoch) - begin) // self.late_interval)

    def check_time(self, epoch: int, time: int, now: float) -> str:
        """Return what is wrong with the ``time`` of an edition of ``epoch``; empty if nothing is.

        ``now`` is a time by which the edition is published (SPEC 9.2).
        """
        begin = epoch * self.epoch_length
        if time < begin or self.due(epoch, time) != time:
            return f"is said to be due at {time}, when no edition is"
        # The edition at the beginning of an epoch may be closed early, by the skew of clocks.
        if time > now + self.skew * (2 if time == begin else 1):
            return f"is of {time}, which is yet to come"
        return ""

    def next_due(self, epoch: int, now: float) -> int:
        """Return when the first edition of ``epoch`` after ``now`` is due."""
        begin = epoch * self.epoch_length
        passed = int((now - begin) // self.late_interval)
        return begin if now < begin else begin + self.late_interval * (passed + 1)
