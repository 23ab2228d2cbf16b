"""Boards and posts for the tests."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from billboard import (
    Board,
    BoardParameters,
    DeviceToken,
    FrameClass,
    Lane,
    Platform,
    Post,
    PublicKey,
    SecretKey,
)
from billboard.board import FileObjects
from billboard.board.sqlite import SqliteStore
from billboard.board.store import Entry
from billboard.posts import dummy
from billboard.tlog.note import Algorithm, NoteSigner

ORIGIN = "example.org/board"
DAY = 86_400
EPOCH = 20_000
NOW = EPOCH * DAY + 1_000.0


_DUMMIES: dict[tuple[str, FrameClass, int], list[Entry]] = {}


class DummiesMadeOnce:
    """In the place of `Board._dummies`: the same ones for each test, as each is made once.

    They are real, and no board gets one twice. To make 256 for each edition takes most of the time
    of many tests.
    """

    def __init__(self) -> None:
        self._drawn: Counter[int] = Counter()

    def __call__(self, board: Board, epoch: int, count: int) -> Sequence[Entry]:
        parameters = board.parameters
        made = _DUMMIES.setdefault((board.origin, parameters.frame_class, epoch), [])
        first = self._drawn[epoch]
        self._drawn[epoch] += count
        while len(made) < first + count:
            post = dummy(parameters.frame_class, origin=board.origin, epoch=epoch)
            made.append(Entry(epoch, post.identifier, post.seq, bytes(post)))
        return made[first : first + count]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@functools.cache
def public_key() -> PublicKey:
    return SecretKey.generate().public_key


def make_lane(origin: str = ORIGIN) -> Lane:
    return Lane.generate(origin, now=NOW)


def make_post(
    lane: Lane | None = None, *, epoch: int = EPOCH, seq: int | None = None, slot: int = 0
) -> Post:
    lane = lane or make_lane()
    blob = public_key().encrypt(DeviceToken(Platform.APNS, bytes(32)), now=NOW)
    return lane.post(epoch, blob, public_key(), seq=seq, slot=slot)


def make_store(directory: Path, name: str = "board.sqlite") -> SqliteStore:
    return SqliteStore.create(directory / name, BoardParameters(ORIGIN))


def make_signer(origin: str = ORIGIN) -> NoteSigner:
    return NoteSigner(origin, Algorithm.ED25519, bytes(range(32)))


def make_board(store: SqliteStore, clock: Clock | None = None) -> Board:
    """A board with its objects beside the file of ``store``."""
    objects = FileObjects(store.path.with_suffix(".objects"))
    return Board(store, objects, make_signer(store.parameters.origin), clock=clock or Clock())
