"""What makes a board the one it is, and the schedule that follows from it (SPEC 2, 9, 9.2)."""

from __future__ import annotations

from dataclasses import dataclass

from billboard.errors import InvalidEncodingError
from billboard.frames import FrameClass
from billboard.times import DEFAULT_EPOCH_LENGTH, MAX_UINT32, check_epoch_length, check_origin

BUNDLE = 256
"""Posts that are read together."""

DEFAULT_LATE_INTERVAL = 3600
"""Seconds."""

EPOCHS_AHEAD = 14
"""For how many epochs after the current one a board takes posts (SPEC 9.1)."""

LONGEST_SKEW = 3600
"""Seconds by which clocks may differ, if half an epoch is not shorter (SPEC 9)."""


@dataclass(frozen=True)
class BoardParameters:
    """What makes a board the one it is.

    Its origin, its epoch length in seconds, the class of its posts, and how many seconds there are
    between the editions of an epoch. Raises `InvalidEncodingError` (SPEC 2, 9.2).
    """

    origin: str
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    frame_class: FrameClass = FrameClass.L
    late_interval: int = DEFAULT_LATE_INTERVAL

    def __post_init__(self) -> None:
        check_origin(self.origin)
        if "+" in self.origin or self.origin.startswith("billboard/"):
            raise InvalidEncodingError(
                "origin", "of a board has no + and begins with no billboard/"
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
        """When the board begins to take posts of ``epoch``, in seconds since 1970."""
        return (epoch - EPOCHS_AHEAD) * self.epoch_length - self.skew

    def ends(self, epoch: int) -> int:
        """When it takes none any more."""
        return (epoch + 1) * self.epoch_length + self.skew

    def due(self, epoch: int, now: float) -> int:
        """When the latest edition of ``epoch`` was due (SPEC 9.2); its beginning before that."""
        begin = epoch * self.epoch_length
        passed = max(int((now - begin) // self.late_interval), 0)
        return min(begin + self.late_interval * passed, self.last_due(epoch))

    def last_due(self, epoch: int) -> int:
        """When the last edition of ``epoch`` is due."""
        begin = epoch * self.epoch_length
        return begin + self.late_interval * -(-(self.ends(epoch) - begin) // self.late_interval)

    def check_time(self, epoch: int, time: int, now: float) -> str:
        """What is wrong with an edition of ``epoch`` of ``time``; nothing if it is empty.

        ``now`` is when it is published already (SPEC 9.2).
        """
        begin = epoch * self.epoch_length
        if time < begin or self.due(epoch, time) != time:
            return f"is said to be due at {time}, when none is"
        # At its beginning an epoch may be closed ahead, by as much as clocks may differ besides.
        if time > now + self.skew * (2 if time == begin else 1):
            return f"is of {time}, which is yet to come"
        return ""

    def next_due(self, epoch: int, now: float) -> int:
        """When the first edition of ``epoch`` after ``now`` is due."""
        begin = epoch * self.epoch_length
        passed = int((now - begin) // self.late_interval)
        return begin if now < begin else begin + self.late_interval * (passed + 1)
