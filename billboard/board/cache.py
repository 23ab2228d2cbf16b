"""What a reader of a board keeps: files that never change, and the last checkpoint that it took."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import final

from billboard.durable import sync
from billboard.errors import StoreError

OBJECTS, CHECKPOINT, LOCK = "objects", "checkpoint", "lock"


@final
class Cache:
    """Files of one board by name: ``memory`` bytes of the last used, and all in ``directory``.

    Without a directory nothing outlives this. With one it belongs to one cache at a time. What is
    read back is not verified: a disk may have damaged it, but a crash leaves no half of a file.

    Raises `StoreError` if the directory can not be used, or another cache uses it.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, memory: int) -> None:
        self._directory = None if directory is None else Path(directory)
        self._limit, self._size = memory, 0
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._lock: int | None = None
        if self._directory is not None:
            with _explained(self._directory):
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = _locked(self._directory / LOCK)

    def close(self) -> None:
        """Let another cache use the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def get(self, name: str) -> bytes | None:
        """The bytes of a file, None if it is not here."""
        if name in self._memory:
            self._memory.move_to_end(name)
            return self._memory[name]
        if self._directory is None:
            return None
        with _explained(self._path(name)), contextlib.suppress(FileNotFoundError):
            data = self._path(name).read_bytes()
            self._remember(name, data)
            return data
        return None

    def has(self, name: str) -> bool:
        """Whether a file is here."""
        return name in self._memory or (self._directory is not None and self._path(name).exists())

    def put(self, name: str, data: bytes) -> None:
        """Keep the bytes of a file, for as long as there is room."""
        self._remember(name, data)
        if self._directory is not None:
            # Not synced: what a crash damages is found out when it is read, and fetched again.
            replace_file(self._path(name), data, durable=False)

    def delete(self, name: str) -> None:
        """Forget a file."""
        self._size -= len(self._memory.pop(name, b""))
        if self._directory is not None:
            with _explained(self._path(name)):
                self._path(name).unlink(missing_ok=True)

    def expire(self, epoch: int) -> None:
        """Forget the files of epochs before ``epoch``."""
        for name in [name for name in self._memory if _epoch(name.split("/")[0]) < epoch]:
            self._size -= len(self._memory.pop(name))
        if self._directory is not None:
            with _explained(self._directory), contextlib.suppress(FileNotFoundError):
                for path in (self._directory / OBJECTS).iterdir():
                    if _epoch(path.name) < epoch:
                        shutil.rmtree(path)

    def load_checkpoint(self) -> bytes | None:
        """The checkpoint that `save_checkpoint` wrote last, None before the first."""
        if self._directory is None:
            return None
        path = self._directory / CHECKPOINT
        with _explained(path), contextlib.suppress(FileNotFoundError):
            return path.read_bytes()
        return None

    def save_checkpoint(self, note: bytes) -> None:
        """Remember a checkpoint: when this returns it is on stable storage."""
        if self._directory is not None:
            replace_file(self._directory / CHECKPOINT, note, durable=True)

    def _remember(self, name: str, data: bytes) -> None:
        self._size += len(data) - len(self._memory.pop(name, b""))
        self._memory[name] = data
        while self._size > self._limit:
            _, dropped = self._memory.popitem(last=False)
            self._size -= len(dropped)

    def _path(self, name: str) -> Path:
        return Path(self._directory or "", OBJECTS, name)


def _epoch(part: str) -> int:
    """The epoch that a first part of a name stands for, greater than any other if for none."""
    return int(part) if part.isdigit() else 2**64


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(f"{path.parent} is in use by another reader: give each its own") from None
    return descriptor


def replace_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Write a file as a whole, in place of the one that is there. Raises `StoreError`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        if durable:
            sync(path.parent)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error
