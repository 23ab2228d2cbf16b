"""What a reader of a board keeps: files that never change, and a few that it must not forget."""

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
"""Bytes of which a file takes a multiple on a disk."""


@final
class Cache:
    """Files of one board by name: ``memory`` bytes of the last used, ``disk`` in ``directory``.

    Without a directory nothing outlives this. With one it belongs to one cache at a time. What is
    read back is not verified: a disk may have damaged it, but a crash leaves no half of a file.
    What there is no room for goes, the least recently used first; what was given to `save` stays.

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
        """The bytes of a file, None if it is not here."""
        stored = self._on_disk.get(name)  # and is the last used now
        if name in self._data:
            self._in_memory.get(name)
            return self._data[name]
        if stored is None:
            return None
        path = self._path(name)
        with _explained(path), contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            os.utime(path)  # so that the next one that opens the directory knows
            self._remember(name, data)
            return data
        self._on_disk.pop(name, None)
        return None

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes of a file, for as long as there is room."""
        self._remember(name, data)
        if self._directory is not None and self._on_disk.add(name, _blocks(len(data))):
            # Not synced: what a crash damages is found out when it is read, and fetched again.
            write_file(self._path(name), data, durable=False)

    def delete(self, name: str) -> None:
        """Forget a file."""
        self._forget(name)
        if self._directory is not None:
            self._unlink(name)

    def expire(self, epoch: int) -> None:
        """Forget the files of epochs before ``epoch``, and what is saved of these."""
        old = [name for name in (*self._data, *self._on_disk) if _epoch(name.split("/")[0]) < epoch]
        for name in old:
            self._forget(name)
        if self._directory is not None:
            with _explained(self._directory):
                for path in self._directory.glob("*/*"):
                    if _epoch(path.name) < epoch:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def load(self, name: str) -> bytes | None:
        """What `save` wrote last under a name, None before the first."""
        if self._directory is None:
            return None
        path = self._directory / name
        with _explained(path), contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    def save(self, name: str, data: bytes) -> None:
        """Remember what must not be forgotten: when this returns it is on stable storage.

        It counts for no room, and has names that no file has.
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
    """Room for some bytes: the sizes of what is in it by name. What must go is told ``drop``."""

    def __init__(self, limit: int, drop: Callable[[str], object]) -> None:
        super().__init__(limit, lambda size: size)
        self._drop = drop

    def popitem(self) -> tuple[str, int]:
        """Let the least recently used go."""
        name, size = super().popitem()
        self._drop(name)
        return name, size

    def add(self, name: str, size: int) -> bool:
        """Whether there is room for it, once others have gone."""
        self.pop(name, None)
        if size > self.maxsize:
            self._drop(name)
            return False
        self[name] = size
        return True


def _blocks(size: int) -> int:
    """The bytes that a file of ``size`` takes on a disk."""
    return -(-size // _BLOCK) * _BLOCK


def _stored(directory: Path) -> list[tuple[str, int]]:
    """The names and sizes of files, the least recently used first. What a crash left half goes."""
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
    """The epoch that a first part of a name stands for, greater than any other if for none."""
    return int(part) if part.isdigit() else 2**64


def _locked(path: Path) -> int:
    try:
        return lock_file(path)
    except BlockingIOError:
        raise StoreError(f"{path.parent} is in use by another reader: give each its own") from None


def write_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file as a whole, in place of the one that is there. Raises `StoreError`."""
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
