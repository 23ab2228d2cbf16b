"""What a board needs of its database. A store sees opaque bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from billboard.errors import InvalidEncodingError, RefusedPostError
from billboard.posts import DEFAULT_EPOCH_LENGTH, MAX_UINT32, check_epoch_length, check_origin
from billboard.tokens import FrameClass

__all__ = [
    "BUNDLE",
    "DEFAULT_LATE_INTERVAL",
    "EPOCHS_AHEAD",
    "LONGEST_SKEW",
    "BoardParameters",
    "ClosedEdition",
    "Entry",
    "LogState",
    "Store",
]

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


@dataclass(frozen=True)
class Entry:
    """A post as the store sees it."""

    epoch: int
    identifier: bytes
    seq: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class ClosedEdition:
    """An edition whose posts can not change any more: ``size`` of them, due at ``time``.

    ``leaf`` is its entry in the master log, None as long as it is not published.
    """

    epoch: int
    number: int
    size: int
    time: int
    leaf: bytes | None = None


@dataclass(frozen=True)
class LogState:
    """How far the master log is.

    ``note`` is its last checkpoint, signed by the board, ``served`` the one that readers get, which
    may be older and has the cosignatures of witnesses. Both are empty before the first. What is
    ``restored`` from a backup signs nothing: more may have been signed since.
    """

    size: int
    root: bytes
    note: bytes
    served: bytes
    restored: bool = False


class Store(Protocol):
    """The rows of one board; its methods may be called from several threads and processes.

    What returns is on stable storage. What raises `StoreError` has changed nothing, unless the
    message says that this is not known.
    """

    @property
    def parameters(self) -> BoardParameters:
        """Of which board. They are set once, when the store is made."""

    def put(
        self, entries: Sequence[Entry], quota: int | None = None
    ) -> list[RefusedPostError | None]:
        """Keep each post until its edition is closed, in place of an older one of its identifier.

        For each one whether it was refused, and then it is not kept: ``epoch`` if the last edition
        of its epoch is closed, ``published`` if its
        identifier is in an edition, ``seq`` if there is a post of the same or a greater seq,
        ``quota`` if so many others already wait for an edition of its epoch.
        """

    def close_edition(
        self,
        epoch: int,
        time: int,
        dummies: Callable[[int], Sequence[Entry]],
        *,
        again: bool = True,
    ) -> ClosedEdition:
        """Make the next edition of all posts that wait for ``epoch``, with ``dummies(count)``.

        Unless ``again``, the last one is returned instead if it is of ``time`` or later.
        """

    def closed(self, epoch: int | None = None) -> tuple[ClosedEdition, ...]:
        """The closed editions of an epoch, by number; without one, those not published, in turn."""

    def entries(self, edition: ClosedEdition) -> Iterator[bytes]:
        """The posts of a closed edition, by identifier. Raises `StoreError` if one is damaged."""

    def log_state(self) -> LogState:
        """How far the master log is."""

    def propose(self, size: int, leaf: bytes, edition: tuple[int, int] | None) -> bytes | None:
        """Make ``leaf`` the pending entry of the log with ``size`` entries, if there is none.

        Returns the entry that is pending. None if the log has another size by now, or ``edition``,
        the epoch and number of the one that the entry is of, is published.
        """

    def advance(
        self,
        state: LogState,
        pending: bytes,
        root: bytes,
        note: bytes,
        edition: tuple[int, int] | None,
    ) -> bool:
        """Move the log from ``state`` by its ``pending`` entry to ``root`` and its checkpoint.

        If the entry is of an edition, it is published then: ``edition`` is its epoch and number.
        False, and nothing has changed, if the log is not in that state.
        """

    def serve(self, size: int, note: bytes) -> None:
        """Let readers get ``note``, of the log with ``size`` entries, unless they get a newer."""

    def epochs(self) -> dict[int, int]:
        """Each epoch that there are rows of, with how many posts wait for its next edition."""

    def expire(self, before: int) -> int:
        """Delete posts and editions of epochs smaller than ``before``; how many posts that was.

        For ever: these epochs are over then, whatever the clock says. Raises `StoreError` if one of
        the editions is not published.
        """

    def close(self) -> None:
        """Let go of what it has open. It can not be used after."""
