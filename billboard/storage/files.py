"""Operations on files that survive a crash of the machine."""

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
    """Lock a file for this process, and return its descriptor. The file is made if it is missing.

    The lock lasts until `os.close` or the end of the process. Raises `OSError`; it is a
    `BlockingIOError` if another process has the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replace_file(path: Path, data: bytes, *, durable: bool = True, private: bool = False) -> None:
    """Replace a file by a new one as a whole, or leave it as it is.

    If it is ``private``, only its owner can read it. A crash may leave a temporary file, whose name
    is ``.``, the name of the file, and a random suffix. Raises `OSError`.
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
    """Make a new directory, and delete it with all that is in it if the block fails.

    Only its owner can use it. Raises `StoreError`, also if it exists.
    """
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from None
    try:
        yield
    except BaseException:
        # A key that was shown to nobody has no use, and would be in the way of the next attempt.
        shutil.rmtree(path, ignore_errors=True)
        raise
