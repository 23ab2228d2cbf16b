"""Storage for what a board publishes: files that are written once (SPEC 9.3)."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, final

from billboard.errors import StoreError
from billboard.storage.files import sync

_DELETED = ".deleted."
"""The prefix of the names of directories that `Objects.sweep` deletes."""


class Objects(Protocol):
    """Immutable bytes by name. Names are parts of ``A-Z a-z 0-9 . - _``, joined by ``/``.

    The methods may be called from several threads and processes.
    """

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Keep each of ``objects``, a name and its bytes. When this returns, all are durable.

        An object that exists with the same bytes stays. Raises `StoreError` if it has other bytes,
        or if storage failed; then some objects may have been kept, each of them whole.
        """

    def get(self, name: str) -> bytes:
        """Return the bytes of an object. Raises `LookupError` if there is none, or `StoreError`."""

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all objects below ``prefix``, which is empty or ends with a slash."""

    def delete(self, prefix: str) -> None:
        """Delete all objects below ``prefix``, which is the first part of names and a slash.

        When this returns they are gone for good, with all that interrupted puts left there. The
        disk space may be free only after `sweep`. Raises `StoreError` if storage failed; then some
        objects may be left.
        """

    def sweep(self) -> None:
        """Free the disk space of all that was deleted, also by processes that were then killed.

        Does nothing where `delete` frees the space. Raises `StoreError` if storage failed.
        """


@final
class FileObjects:
    """Objects as files in ``directory``, which is made if it is missing.

    A file gets its name only when it is whole and on stable storage, and the name is on stable
    storage before `put` returns. What is deleted is renamed, all at once, until it is swept.
    Raises `StoreError`.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        with _explained(self.directory):
            self.directory.mkdir(exist_ok=True)
            sync(self.directory.parent)

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """See `Objects.put`."""
        changed: set[Path] = set()
        for name, data in objects:
            path = self.directory / name
            with _explained(path):
                self._make(path.parent, changed)
                temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                try:
                    _write(temporary, data)
                    os.link(temporary, path)
                except FileExistsError:
                    if path.read_bytes() != data:
                        problem = "exists with other bytes, and what is published never changes"
                        raise StoreError(f"{path}: {problem}; run `billboard board fsck`") from None
                finally:
                    with contextlib.suppress(OSError):
                        temporary.unlink()
                # It is synced even if it existed: whoever made it may not have synced it yet.
                changed.add(path.parent)
        for directory in changed:
            with _explained(directory):
                sync(directory)

    def get(self, name: str) -> bytes:
        """See `Objects.get`."""
        path = self.directory / name
        with _explained(path):
            try:
                return path.read_bytes()
            except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
                raise LookupError(f"there is no object {name}") from None

    def names(self, prefix: str) -> Iterator[str]:
        """See `Objects.names`."""
        for directory, below, files in os.walk(self.directory / prefix):
            below[:] = [each for each in below if not each.startswith(_DELETED)]
            for file in files:
                if not file.startswith("."):
                    yield str((Path(directory) / file).relative_to(self.directory))

    def delete(self, prefix: str) -> None:
        """See `Objects.delete`."""
        path = self.directory / prefix
        with _explained(path):
            with contextlib.suppress(FileNotFoundError):
                path.rename(self.directory / f"{_DELETED}{secrets.token_hex(8)}")
            # It is synced even if nothing was there: whoever deleted it may not have synced yet.
            sync(self.directory)

    def sweep(self) -> None:
        """See `Objects.sweep`."""
        for path in self.directory.glob(f"{_DELETED}*/"):
            with _explained(path), contextlib.suppress(FileNotFoundError):  # somebody swept it
                shutil.rmtree(path)

    def _make(self, directory: Path, changed: set[Path]) -> None:
        """Make a directory and those above it. Add those with new names in them to ``changed``."""
        if not directory.is_dir():
            self._make(directory.parent, changed)
            directory.mkdir(exist_ok=True)
            changed.add(directory.parent)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        written = 0
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; nothing refers to it yet, so retry") from error
