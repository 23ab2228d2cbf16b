"""The rules of the board, SPEC 9."""

from collections.abc import Sequence
from typing import NamedTuple

from . import posts
from .notation import check_origin, epoch_at, hash_parts
from .refusals import require, require_length

BUNDLE = 256
AHEAD = 14
TOLERANCE = 3600


def tolerance(epoch_length: int) -> int:
    """Give S, by how much clocks may differ."""
    return min(TOLERANCE, epoch_length // 2)


def check_board_origin(origin: bytes) -> None:
    """Refuse what is not the origin of a board."""
    check_origin(origin)
    require(not origin.startswith(b"billboard/"), "origin-reserved")
    require(b"+" not in origin, "origin-plus")


def check_interval(interval: int) -> None:
    """Refuse a late interval that is out of range."""
    require(1 <= interval < 2**32, "interval")


def check_schedule(epoch_length: int, interval: int) -> None:
    """Refuse a board whose last editions nobody would look for."""
    ends, step = epoch_length + tolerance(epoch_length), max(interval, 1)
    require(-(-ends // step) * step < 2 * epoch_length, "last-edition")


def check_manifest_time(epoch_length: int, interval: int, epoch: int, time: int, now: int) -> None:
    """Refuse the time of an edition that cannot be its, SPEC 9.2."""
    due = Schedule(epoch_length, interval, epoch)
    places = range(due.start, due.start + (due.last + 1) * interval, interval)
    require(time in places, "not-due")
    ahead = 2 if time == due.start else 1
    require(time <= now + ahead * tolerance(epoch_length), "yet-to-come")


def publication_order(closed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the epochs and numbers of closed editions in the order of publishing, SPEC 9.2.

    Of each there are the epoch and the time, in the order of closing.
    """
    editions = [
        (time, epoch, sum(other == epoch for other, _ in closed[:i]))
        for i, (epoch, time) in enumerate(closed)
    ]
    return [(epoch, number) for _, epoch, number in sorted(editions)]


def check_log_size(size: int) -> None:
    """Refuse a master log that no reader reads, SPEC 9.5."""
    require(1 <= size <= 2**20, "log-size")


def check_edition_size(size: int) -> None:
    """Refuse an edition that no reader reads, SPEC 9.5."""
    require(size <= 2**24, "edition-size")


class Board(NamedTuple):
    """What a board is and holds, as far as a submission is concerned.

    The pending posts are those that wait for the next edition. Of epochs that are over the last
    edition is closed, and those below `expired` have expired.
    """

    origin: bytes
    n: int
    epoch_length: int
    quota: int | None
    pending: dict[tuple[int, bytes], int]
    closed: set[tuple[int, bytes]]
    over: set[int]
    expired: int


def check_open(epoch_length: int, epoch: int, time: int) -> None:
    """Refuse an epoch that takes no posts at the time."""
    require((epoch - AHEAD) * epoch_length - tolerance(epoch_length) <= time, "epoch-not-yet-open")
    require(time < (epoch + 1) * epoch_length + tolerance(epoch_length), "epoch-closed")


def check_closable(epoch_length: int, epoch: int, time: int, waiting: int) -> None:
    """Refuse to close an edition of an epoch too early, or too late though no posts wait."""
    require(time >= epoch * epoch_length - tolerance(epoch_length), "too-early")
    require(time < (epoch + 2) * epoch_length or waiting > 0, "too-late")


def submit(board: Board, post: bytes, time: int) -> int | None:
    """Refuse a post, or give the seq of the pending post that it replaces, if there is one."""
    fields = posts.check(board.origin, board.n, post)
    check_open(board.epoch_length, fields.epoch, time)
    require(fields.epoch not in board.over, "epoch-over")
    require(fields.epoch >= board.expired, "epoch-expired")
    place = (fields.epoch, fields.identifier)
    require(place not in board.closed, "in-edition")
    replaced = board.pending.get(place)
    require(replaced is None or fields.seq > replaced, "seq-not-greater")
    if replaced is None and board.quota is not None:
        waiting = sum(epoch == fields.epoch for epoch, _ in board.pending)
        require(waiting < board.quota, "quota")
    return replaced


def check_work(origin: bytes, post: bytes, work: bytes, bits: int) -> None:
    """Refuse a proof of work of too few bits, SPEC 9.1."""
    require(1 <= bits <= 64, "work-bits")
    require_length(work, 8)
    value = int.from_bytes(hash_parts("work", origin, post, work), "big")
    require(value < 2 ** (256 - bits), "work-short")


class Schedule(NamedTuple):
    """When the editions of an epoch are due, SPEC 9.2."""

    epoch_length: int
    interval: int
    epoch: int

    @property
    def start(self) -> int:
        """Give eE."""
        return self.epoch * self.epoch_length

    @property
    def last(self) -> int:
        """Give the greatest k: the first that is not before the end of submissions."""
        length = self.epoch_length
        return -(-(length + tolerance(length)) // self.interval)

    def latest(self, time: int) -> int:
        """Give the latest time at which one was due at a time; the first one, if none was."""
        k = min(max((time - self.start) // self.interval, 0), self.last)
        return self.start + k * self.interval

    def next(self, time: int) -> int:
        """Give the first time after this one at which one is due."""
        if time < self.start:
            return self.start
        return self.start + ((time - self.start) // self.interval + 1) * self.interval

    def close(self, time: int, waiting: int, expired: int) -> int:
        """Refuse to close an edition at a time, or give the time that it has."""
        check_closable(self.epoch_length, self.epoch, time, waiting)
        require(self.epoch >= expired, "epoch-expired")
        return self.latest(time)

    def deadline(self, time: int, closed: Sequence[int]) -> int:
        """Give the deadline of a receipt of a post that is accepted at a time, SPEC 9.6.

        The editions that are closed already have these times.
        """
        check_open(self.epoch_length, self.epoch, time)
        require(all(each < self.latest(2**128) for each in closed), "epoch-over")
        return self.next(max(time, *closed, 0)) + self.interval

    def check_fresh(self, time: int, editions: Sequence[int]) -> int | None:
        """Refuse a log as stale that has editions of the epoch of these times, SPEC 9.5.

        What it must have is the edition due at the time that this gives, or a later one.
        """
        seen = time - self.interval - tolerance(self.epoch_length)
        if seen < self.start:
            return None
        due = self.latest(seen)
        require(any(each >= due for each in editions), "stale")
        return due


def edition_size(count: int) -> int:
    """Give the number of posts of an edition, dummies included."""
    return max(1, -(-count // BUNDLE)) * BUNDLE


def check_expirable(epoch_length: int, epoch: int, time: int) -> None:
    """Refuse to expire before an epoch that is too late."""
    require(epoch <= default_expiry(epoch_length, time), "epoch-still-needed")


def expire(epoch_length: int, epoch: int, time: int, unfinished: Sequence[int]) -> int:
    """Give the first epoch that is kept if a board expires before an epoch, SPEC 9.7."""
    check_expirable(epoch_length, epoch, time)
    return min([epoch, *unfinished])


def default_expiry(epoch_length: int, time: int) -> int:
    """Give the epoch before which a board expires by default."""
    return max(0, epoch_at(epoch_length, time) - 1)
