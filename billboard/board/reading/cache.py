"""The cache of a board's reader: files that never change, and a few that it must not forget."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import final

from cachetools import LRUCache

from billboard.errors import StoreError
from billboard.storage.files import lock_file, replace_file

DISK = 1 << 30
"""Bytes of files that are kept in a directory."""

OBJECTS, LOCK = "objects", "lock"

_BLOCK = 4096
"""Bytes of a block of a disk: a file takes a whole number of blocks."""


@final
class Cache:
    """Files of one board by name: ``memory`` bytes of the last used, ``disk`` in ``directory``.

    Without a directory, nothing outlives the cache. A directory belongs to one cache at a time.
    What is read back is not verified: a disk may have damaged it, but a crash leaves no partial
    file. When there is no room, the least recently used files are deleted first; what was given to
    `save` stays.

    Raises `StoreError` if the directory cannot be used, or another cache uses it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        memory: int,
        disk: int = DISK,
    ) -> None:
        self._directory = None if directory is None else Path(directory)
        self._data: dict[str, bytes] = {}
        self._in_memory = _Room(memory, lambda name: self._data.pop(name, None))
        self._on_disk = _Room(disk, self._unlink)
        self._lock: int | None = None
        if self._directory is not None:
            with _explained(self._directory):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _locked(self._directory / LOCK)
                for name, size in _stored(self._directory):
                    self._on_disk.add(name, size)

    def close(self) -> None:
        """Let another cache use the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a file; None if it is not in the cache."""
        stored = self._on_disk.get(name)  # this marks it as used last
        if name in self._data:
            self._in_memory.get(name)
            return self._data[name]
        if stored is None:
            return None
        path = self._path(name)
        with _explained(path), contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            os.utime(path)  # tells the next cache of this directory when it was used
            self._remember(name, data)
            return data
        self._on_disk.pop(name, None)
        return None

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes of a file, for as long as there is room."""
        self._remember(name, data)
        if self._directory is not None and self._on_disk.add(name, _blocks(len(data))):
            # It is not synced: what a crash damages is detected when it is read, and fetched again.
            write_file(self._path(name), data, durable=False)

    def delete(self, name: str) -> None:
        """Forget a file."""
        self._forget(name)
        if self._directory is not None:
            self._unlink(name)

    def expire(self, epoch: int) -> None:
        """Forget the files of epochs before ``epoch``, and what was saved for these epochs."""
        old = [name for name in (*self._data, *self._on_disk) if _epoch(name.split("/")[0]) < epoch]
        for name in old:
            self._forget(name)
        if self._directory is not None:
            with _explained(self._directory):
                for path in self._directory.glob("*/*"):
                    if _epoch(path.name) < epoch:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def load(self, name: str) -> bytes | None:
        """Return what `save` wrote last under a name; None if it wrote nothing."""
        if self._directory is None:
            return None
        path = self._directory / name
        with _explained(path), contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    def save(self, name: str, data: bytes) -> None:
        """Remember what must not be forgotten. When this returns it is on stable storage.

        It does not count as one of the ``disk`` bytes. Its name must not be that of a file.
        """
        if self._directory is not None:
            write_file(self._directory / name, data, durable=True)

    def _remember(self, name: str, data: bytes) -> None:
        if self._in_memory.add(name, len(data)):
            self._data[name] = data

    def _forget(self, name: str) -> None:
        self._data.pop(name, None)
        self._in_memory.pop(name, None)
        self._on_disk.pop(name, None)

    def _unlink(self, name: str) -> None:
        with _explained(self._path(name)):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return Path(self._directory or "", OBJECTS, name)


@final
class _Room(LRUCache[str, int]):
    """The sizes of files by name, up to a total. ``drop`` gets the name of each that must go."""

    def __init__(self, limit: int, drop: Callable[[str], object]) -> None:
        super().__init__(limit, lambda size: size)
        self._drop = drop

    def popitem(self) -> tuple[str, int]:
        """Drop the least recently used file."""
        name, size = super().popitem()
        self._drop(name)
        return name, size

    def add(self, name: str, size: int) -> bool:
        """Make room for a file by dropping others. False if it is too large."""
        self.pop(name, None)
        if size > self.maxsize:
            self._drop(name)
            return False
        self[name] = size
        return True


def _blocks(size: int) -> int:
    """Return the bytes that a file of ``size`` takes on a disk."""
    return -(-size // _BLOCK) * _BLOCK


def _stored(directory: Path) -> list[tuple[str, int]]:
    """Return names and sizes of files, the least recently used first. Deletes partial files."""
    found = []
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            if path.name.startswith("."):
                path.unlink()
            elif path.is_relative_to(directory / OBJECTS):
                state, name = path.stat(), path.relative_to(directory / OBJECTS).as_posix()
                found.append((state.st_mtime_ns, name, _blocks(state.st_size)))
    return [(name, size) for _, name, size in sorted(found)]


def _epoch(part: str) -> int:
    """Return the epoch in the first part of a name, or a number greater than any epoch."""
    return int(part) if part.isdigit() else 2**64


def _locked(path: Path) -> int:
    try:
        return lock_file(path)
    except BlockingIOError:
        raise StoreError(f"{path.parent} is in use by another reader: give each its own") from None


def write_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file as a whole, or replace it. Raises `StoreError`."""
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, durable=durable)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
