"""A new board, and posts for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from billboard import posts
from billboard.board import Board, BoardParameters, create_board, open_board
from billboard.tlog.note import NoteKey

ORIGIN = "example.org/board"


@contextmanager
def new_board(
    directory: Path, *, clock: Callable[[], float] = time.time
) -> Iterator[tuple[Board, NoteKey]]:
    """A board of class L with epochs of a day, and its key."""
    key = create_board(directory / "board", BoardParameters(ORIGIN))
    with open_board(directory / "board", clock=clock) as board:
        yield board, key


def make_post(board: Board, epoch: int | None = None) -> bytes:
    """A valid post."""
    chosen = board.epoch if epoch is None else epoch
    return bytes(posts.dummy(board.frame_class, origin=board.origin, epoch=chosen))
