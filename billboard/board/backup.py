"""Backups of a board in a directory, and how a restored board goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from billboard.board.directory import DATABASE, KEY, OBJECTS
from billboard.board.manifest import edition_prefix
from billboard.board.objects import FileObjects
from billboard.board.publisher import checkpoint_name
from billboard.board.sqlite import SqliteStore
from billboard.board.store import ClosedEdition
from billboard.errors import StoreError
from billboard.storage.files import sync
from billboard.tlog.checkpoint import Policy
from billboard.tlog.note import Note, NoteKey
from billboard.tlog.tiles import ENTRIES, WIDTH, tile_path, tiles


def backup_board(
    board: str | os.PathLike[str], copy: str | os.PathLike[str], *, with_key: bool = False
) -> None:
    """Copy the board in a directory, which may be in use, to the new directory ``copy``.

    The copy is of one moment, and on stable storage when this returns. It signs nothing before it
    is restored and `resume_board` is called. The key is a secret: it is copied only ``with_key``.
    Raises `StoreError`.
    """
    source, target = Path(board), Path(copy)
    if not (source / DATABASE).is_file():
        raise StoreError(f"{source} is not a board: it has no {DATABASE}")
    try:
        target.mkdir(mode=0o700)
        if with_key:
            _copy_key(source / KEY, target / KEY)
        _copy_board(source, target)
        sync(target)
        sync(target.parent)
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror}. Delete it and retry") from error


def restore_board(copy: str | os.PathLike[str], board: str | os.PathLike[str]) -> None:
    """Copy a backup to the new directory ``board``, with its key if it has one.

    The board answers readers, but signs nothing before `resume_board`. Raises `StoreError`.
    """
    backup_board(copy, board, with_key=(Path(copy) / KEY).is_file())


def resume_board(board: str | os.PathLike[str], key: NoteKey, checkpoint: bytes) -> None:
    """Let a restored board sign again. ``checkpoint`` is the latest that it has published.

    Take it from the board's readers or witnesses; it is empty if none was ever published. ``key``
    is the board's. Raises `StoreError` if the board is not in the state of that checkpoint, and
    `InvalidEncodingError` or `InvalidSignatureError` if it is not one of the board.
    """
    with SqliteStore(Path(board) / DATABASE) as store:
        state = store.log_state()
        if checkpoint:
            latest = Policy(key).verify(Note.from_bytes(checkpoint), store.parameters.origin)
            size, same = latest.size, (latest.size, latest.root) == (state.size, state.root)
        else:
            size, same = 0, state.size == 0
        if not same:
            older = "a newer backup is needed" if size > state.size else "it is not the latest"
            raise StoreError(
                f"{store.path}: the log has {state.size} entries here, and {size} in this"
                f" checkpoint, or others: {older}. A board that goes on from an older state signs"
                " two logs. If there is no newer backup, start a new board with another origin"
            )
        store.set_restored(False)


def _copy_board(source: Path, target: Path) -> None:
    """Copy all but the key. The database comes last: without it there is no board."""
    unfinished = target / f"{DATABASE}.unfinished"
    with SqliteStore(source / DATABASE) as store:
        store.copy(unfinished)
    # Only what this copy refers to is copied, and not what was published meanwhile.
    with SqliteStore(unfinished) as store:
        store.set_restored(True)
        objects = FileObjects(source / OBJECTS)
        FileObjects(target / OBJECTS).put(_referred(store, objects))
    sync(unfinished)
    unfinished.rename(target / DATABASE)


def _copy_key(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(source.read_bytes())
    sync(target)


def _referred(store: SqliteStore, objects: FileObjects) -> Iterator[tuple[str, bytes]]:
    """Yield the objects that the rows refer to."""
    size = store.log_state().size
    names = dict.fromkeys(name for each in range(1, size + 1) for name in _master_log(each))
    for name in names:
        yield from _object(objects, name, optional=name == checkpoint_name(size))
    for epoch in store.epochs():
        for edition in store.closed(epoch):
            if edition.leaf is not None:
                for name in _edition(edition):
                    yield from _object(objects, name)


def _object(
    objects: FileObjects, name: str, *, optional: bool = False
) -> Iterator[tuple[str, bytes]]:
    try:
        yield name, objects.get(name)
    except LookupError:
        if not optional:
            raise StoreError(
                f"{objects.directory / name} is missing. If its epoch has expired meanwhile, retry;"
                " otherwise run `billboard board fsck`"
            ) from None


def _master_log(size: int) -> Iterator[str]:
    """Yield the names of what was written when the log got its last entry."""
    yield checkpoint_name(size)
    level: int | str = ENTRIES
    shift = 0
    while count := size >> shift:
        index = (count - 1) // WIDTH
        yield tile_path(level, index, count - WIDTH * index)
        level, shift = (0, 0) if level == ENTRIES else (shift // 8 + 1, shift + 8)


def _edition(edition: ClosedEdition) -> Iterator[str]:
    prefix = edition_prefix(edition.epoch, edition.number)
    yield from (f"{prefix}index", f"{prefix}checkpoint")
    for tile in tiles(edition.size):
        yield prefix + tile_path(*tile)
    for index in range(edition.size // WIDTH):
        yield prefix + tile_path(ENTRIES, index)
