"""A board in a directory: its database, its objects and its key."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from billboard import secretfile
from billboard.board.board import Board, Witness
from billboard.board.note import Algorithm, NoteKey, NoteSigner
from billboard.board.objects import FileObjects
from billboard.board.publication import Publication
from billboard.board.sqlite import SqliteStore
from billboard.board.store import BoardParameters
from billboard.errors import SecretFileError, StoreError

__all__ = ["create_board", "load_signer", "open_board", "open_publication", "save_seed"]

DATABASE, OBJECTS, KEY = "board.sqlite", "objects", "board.key"


def create_board(
    directory: str | os.PathLike[str], parameters: BoardParameters, passphrase: str | None = None
) -> NoteKey:
    """Make a board in ``directory``, which must not exist, with a new key; the public key.

    Raises `StoreError`, `SecretFileError`, `InvalidEncodingError`.
    """
    path = Path(directory)
    with new_directory(path):
        key = new_key(path / KEY, parameters.origin, Algorithm.ED25519, passphrase)
        # The database last: without it there is no board.
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
    """The board in ``directory``; see `Board`. Raises `StoreError`, `SecretFileError`."""
    path = _existing(directory)
    signer = load_signer(path / KEY, passphrase)
    store, objects = SqliteStore(path / DATABASE), FileObjects(path / OBJECTS)
    return Board(store, objects, signer, witnesses=witnesses, quota=quota, clock=clock)


@contextmanager
def open_publication(directory: str | os.PathLike[str]) -> Iterator[Publication]:
    """What the board in ``directory`` has published, without its key. Raises `StoreError`."""
    path = _existing(directory)
    with SqliteStore(path / DATABASE) as store:
        yield Publication(store, FileObjects(path / OBJECTS))


def _existing(directory: str | os.PathLike[str]) -> Path:
    path = Path(directory)
    if not (path / DATABASE).is_file():
        raise StoreError(f"{path} is no board: `billboard board init` makes one")
    return path


@contextmanager
def new_directory(path: Path) -> Iterator[None]:
    """Make a directory, which must not exist; it goes again, with all in it, if the block fails.

    For nobody but its owner: the order of a board's rows tells posts from dummies. Raises
    `StoreError`.
    """
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"{path} can not be made: {error.strerror}") from None
    try:
        yield
    except BaseException:
        # A key that nobody has been told is of no use, and would be in the way of the next try.
        shutil.rmtree(path, ignore_errors=True)
        raise


def new_key(path: Path, name: str, algorithm: Algorithm, passphrase: str | None) -> NoteKey:
    """Write the secret file of a new key of that name; the public key.

    Raises `SecretFileError`, `InvalidEncodingError`.
    """
    seed = os.urandom(32)
    signer = NoteSigner(name, algorithm, seed)
    save_seed(path, signer, seed, passphrase)
    return signer.key


def save_seed(path: Path, signer: NoteSigner, seed: bytes, passphrase: str | None) -> None:
    """Write the secret file of a note key (SPEC 11)."""
    key = signer.key
    payload = bytes([key.algorithm]) + seed + key.name.encode()
    secretfile.save(path, secretfile.Kind.NOTE_KEY, payload, passphrase)


def load_signer(path: Path, passphrase: str | None = None) -> NoteSigner:
    """Read the secret file of a note key. Raises `SecretFileError`."""
    payload = secretfile.load(path, secretfile.Kind.NOTE_KEY, passphrase)
    try:
        return NoteSigner(payload[33:].decode(), Algorithm(payload[0]), payload[1:33])
    except (IndexError, ValueError):
        raise SecretFileError(f"{path}: the note key in it is damaged") from None
