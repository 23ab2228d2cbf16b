"""What survives a crash of the machine."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billboard.errors import StoreError


def sync(path: Path) -> None:
    """Put a file, or the names in a directory, on stable storage. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_file(path: Path) -> int:
    """A descriptor of a file that is locked for this process, made if it is not there.

    Raises `OSError`, a `BlockingIOError` if another process has the lock. It lasts until `os.close`
    or the end of the process.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replace_file(path: Path, data: bytes, *, durable: bool = True, private: bool = False) -> None:
    """Write a file as a whole, in place of the one that is there, or leave that.

    If it is ``private`` nobody but its owner can read it. A crash may leave a temporary file, whose
    name is ``.``, that of the file, and an end. Raises `OSError`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(temporary, flags, 0o600 if private else 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync(path.parent)


@contextmanager
def new_directory(path: Path) -> Iterator[None]:
    """Make a directory, which must not exist; it goes again, with all in it, if the block fails.

    For nobody but its owner. Raises `StoreError`.
    """
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from None
    try:
        yield
    except BaseException:
        # A key that nobody has been told is of no use, and would be in the way of the next try.
        shutil.rmtree(path, ignore_errors=True)
        raise
