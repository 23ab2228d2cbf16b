"""What a reader of a board keeps: files that never change, and a few that it must not forget."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

from billboard.durable import lock_file, replace_file
from billboard.errors import StoreError

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

    Raises `StoreError` if the directory can not be used, or another cache uses it.
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
        self._in_memory, self._on_disk = _Room(memory), _Room(disk)
        self._lock: int | None = None
        if self._directory is not None:
            with _explained(self._directory):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _locked(self._directory / LOCK)
                for name, size in _stored(self._directory):
                    self._unlink(self._on_disk.add(name, size))

    def close(self) -> None:
        """Let another cache use the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def get(self, name: str) -> bytes | None:
        """The bytes of a file, None if it is not here."""
        self._on_disk.use(name)
        if name in self._data:
            self._in_memory.use(name)
            return self._data[name]
        if name not in self._on_disk:
            return None
        path = self._path(name)
        with _explained(path), contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            os.utime(path)  # so that the next one that opens the directory knows
            self._remember(name, data)
            return data
        self._on_disk.remove(name)
        return None

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes of a file, for as long as there is room."""
        self._remember(name, data)
        if self._directory is not None:
            self._unlink(self._on_disk.add(name, _blocks(len(data))))
            if name in self._on_disk:
                # Not synced: what a crash damages is found out when it is read, and fetched again.
                write_file(self._path(name), data, durable=False)

    def delete(self, name: str) -> None:
        """Forget a file."""
        self._forget([name])
        self._on_disk.remove(name)
        if self._directory is not None:
            self._unlink([name])

    def expire(self, epoch: int) -> None:
        """Forget the files of epochs before ``epoch``, and what is saved of these."""
        old = [name for name in (*self._data, *self._on_disk) if _epoch(name.split("/")[0]) < epoch]
        self._forget(old)
        for name in old:
            self._on_disk.remove(name)
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
        self._data[name] = data
        self._forget(self._in_memory.add(name, len(data)))

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._in_memory.remove(name)
            self._data.pop(name, None)

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            with _explained(self._path(name)):
                self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return Path(self._directory or "", OBJECTS, name)


@final
class _Room:
    """Room for ``limit`` bytes, and what is in it by name, the least recently used first."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    def __iter__(self) -> Iterator[str]:
        return iter(self._sizes)

    def use(self, name: str) -> None:
        """It is the last used now, if it is there."""
        if name in self._sizes:
            self._sizes.move_to_end(name)

    def add(self, name: str, size: int) -> list[str]:
        """What has to go for it: itself, if it is larger than all the room."""
        self.remove(name)
        if size > self._limit:
            return [name]
        self._sizes[name] = size
        self._size += size
        gone = []
        while self._size > self._limit:
            gone.append(next(iter(self._sizes)))
            self.remove(gone[-1])
        return gone

    def remove(self, name: str) -> None:
        """It is not there any more."""
        self._size -= self._sizes.pop(name, 0)


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
