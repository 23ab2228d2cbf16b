"""A board in a directory: its database, its objects and its key."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from billboard.board.board import Board, Witness
from billboard.board.objects import FileObjects
from billboard.board.parameters import BoardParameters
from billboard.board.publication import Publication
from billboard.board.sqlite import SqliteStore
from billboard.errors import StoreError
from billboard.storage.files import new_directory
from billboard.tlog.key_file import load_signer, new_key
from billboard.tlog.note import Algorithm, NoteKey

DATABASE, OBJECTS, KEY = "board.sqlite", "objects", "board.key"


def create_board(
    directory: str | os.PathLike[str], parameters: BoardParameters, passphrase: str | None = None
) -> NoteKey:
    """Make a board with a new key in the new ``directory``, and return the public key.

    Raises `StoreError`, `SecretFileError`, `InvalidEncodingError`.
    """
    path = Path(directory)
    with new_directory(path):
        key = new_key(path / KEY, parameters.origin, Algorithm.ED25519, passphrase)
        # The database comes last: without it there is no board.
        FileObjects(path / OBJECTS)
        SqliteStore.create(path / DATABASE, parameters).close()
    return key


def open_board(
    directory: str | os.PathLike[str],
    passphrase: str | None = None,
    *,
    witnesses: Sequence[Witness] = (),
    quota: int | None = None,
    clock: Callable[[], float] = time.time,
) -> Board:
    """Open the board in ``directory``; see `Board`. Raises `StoreError`, `SecretFileError`."""
    path = _existing(directory)
    signer = load_signer(path / KEY, passphrase)
    store, objects = SqliteStore(path / DATABASE), FileObjects(path / OBJECTS)
    return Board(store, objects, signer, witnesses=witnesses, quota=quota, clock=clock)


@contextmanager
def open_publication(directory: str | os.PathLike[str]) -> Iterator[Publication]:
    """Open what the board in ``directory`` has published, without its key. Raises `StoreError`."""
    path = _existing(directory)
    with SqliteStore(path / DATABASE) as store:
        yield Publication(store, FileObjects(path / OBJECTS))


def _existing(directory: str | os.PathLike[str]) -> Path:
    path = Path(directory)
    if not (path / DATABASE).is_file():
        raise StoreError(f"{path} is not a board: `billboard board init` makes one")
    return path
