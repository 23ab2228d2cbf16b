"""The rules of the board, SPEC 9."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from . import posts
from .notation import epoch_at
from .refusals import require

BUNDLE = 256
AHEAD = 14
TOLERANCE = 3600


def tolerance(epoch_length: int) -> int:
    """Give S, by how much clocks may differ."""
    return min(TOLERANCE, epoch_length)


class Board(NamedTuple):
    """What a board is and holds, as far as a submission is concerned."""

    origin: bytes
    n: int
    epoch_length: int
    pending: dict[tuple[int, bytes], int]
    published: set[tuple[int, bytes]]


def check_open(epoch_length: int, epoch: int, time: int) -> None:
    """Refuse an epoch that takes no posts at the time."""
    require((epoch - AHEAD) * epoch_length - tolerance(epoch_length) <= time, "epoch-not-yet-open")
    require(time < (epoch + 1) * epoch_length + tolerance(epoch_length), "epoch-closed")


def check_publishable(epoch_length: int, epoch: int, time: int) -> None:
    """Refuse to publish an epoch too early or too late."""
    require(time >= epoch * epoch_length - tolerance(epoch_length), "too-early")
    require(time < (epoch + 2) * epoch_length, "too-late")


def submit(board: Board, post: bytes, time: int) -> int | None:
    """Refuse a post, or give the seq of the pending post that it replaces, if there is one."""
    fields = posts.check(board.origin, board.n, post)
    check_open(board.epoch_length, fields.epoch, time)
    place = (fields.epoch, fields.identifier)
    require(place not in board.published, "in-edition")
    replaced = board.pending.get(place)
    require(replaced is None or fields.seq > replaced, "seq-not-greater")
    return replaced


def edition_size(count: int) -> int:
    """Give the number of posts of an edition, dummies included."""
    return max(1, -(-count // BUNDLE)) * BUNDLE


def bundle_start(identifiers: Sequence[bytes], identifier: bytes) -> int:
    """Give the index of the first post of the bundle of an identifier."""
    return max(0, bisect_right(identifiers, identifier) - 1) // BUNDLE * BUNDLE


def check_expirable(epoch_length: int, epoch: int, time: int) -> None:
    """Refuse to expire before an epoch that is too late."""
    require(epoch <= default_expiry(epoch_length, time), "epoch-still-needed")


def default_expiry(epoch_length: int, time: int) -> int:
    """Give the epoch before which a board expires by default."""
    return max(0, epoch_at(epoch_length, time) - 1)
