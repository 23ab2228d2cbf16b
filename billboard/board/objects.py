"""Where a board keeps what it publishes: files that are written once (SPEC 9.3)."""

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
"""Directories whose names begin so are swept."""


class Objects(Protocol):
    """Immutable bytes by name: parts of ASCII letters, digits, ``.``, ``-`` and ``_``, with ``/``.

    Its methods may be called from several threads and processes.
    """

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Keep each of ``objects``, a name and its bytes. When this returns all are durable.

        What is there already and has the same bytes stays. Raises `StoreError` if it has others,
        or if storage failed; then some may have been kept, each of them whole.
        """

    def get(self, name: str) -> bytes:
        """The bytes of an object. Raises `LookupError` if there is none, `StoreError`."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names of all objects below ``prefix``, a name and a slash or nothing."""

    def delete(self, prefix: str) -> None:
        """Delete all objects below ``prefix``, the first part of names and a slash.

        When this returns they are gone for good, and what cut-off puts left there; the room that
        they take may be free only after `sweep`. Raises `StoreError` if storage failed; then some
        may be left.
        """

    def sweep(self) -> None:
        """Free the room of all that was deleted, also by those that were killed before they could.

        Where `delete` does that there is nothing to do. Raises `StoreError` if storage failed.
        """


@final
class FileObjects:
    """Objects as files in ``directory``, which is made if it is missing.

    A file gets its name only when it is whole and on stable storage, and so does the name before
    `put` returns. What is deleted gets another name, all at once, until it is swept.
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
                # Also where it existed: whoever made it may not have come so far.
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
            # Also where it was not there: whoever deleted it may not have come so far.
            sync(self.directory)

    def sweep(self) -> None:
        """See `Objects.sweep`."""
        for path in self.directory.glob(f"{_DELETED}*/"):
            with _explained(path), contextlib.suppress(FileNotFoundError):  # who sweeps it, too
                shutil.rmtree(path)

    def _make(self, directory: Path, changed: set[Path]) -> None:
        """Make a directory and those above it; the ones whose names are new are ``changed``."""
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
        raise StoreError(f"{path}: {error.strerror}; nothing points to it yet, retry") from error
