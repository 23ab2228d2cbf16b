"""Boards in directories, whose clocks stand still."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from billboard import Board, BoardParameters
from billboard.board import FileObjects, create_board, open_board
from billboard.board.board import Witness
from billboard.board.directory import DATABASE, KEY, OBJECTS
from billboard.board.fsck import check_board
from billboard.board.sqlite import SqliteStore
from billboard.tlog.key_file import load_signer
from board.support import ORIGIN, Clock


def new_board(directory: Path) -> Path:
    """Make a board there."""
    create_board(directory, BoardParameters(ORIGIN))
    return directory


def opened(
    directory: Path,
    clock: Callable[[], float] | None = None,
    witnesses: Sequence[Witness] = (),
) -> contextlib.AbstractContextManager[Board]:
    return open_board(directory, clock=clock or Clock(), witnesses=witnesses)


def findings(directory: Path) -> list[str]:
    """What `fsck` says of the board there."""
    key = load_signer(directory / KEY).key
    with SqliteStore(directory / DATABASE) as store:
        return [str(each) for each in check_board(store, FileObjects(directory / OBJECTS), key)]
