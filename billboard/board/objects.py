"""Where a board keeps what it publishes: files that are written once (SPEC 9.3)."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, final

from billboard.durable import sync
from billboard.errors import StoreError

__all__ = ["FileObjects", "Objects"]


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
        """Delete all objects below ``prefix``, a name and a slash, and what cut-off puts left.

        Raises `StoreError` if storage failed; then some may be left.
        """


@final
class FileObjects:
    """Objects as files in ``directory``, which is made if it is missing.

    A file gets its name only when it is whole and on stable storage, and so does the name before
    `put` returns.
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
        for directory, _, files in os.walk(self.directory / prefix):
            for file in files:
                if not file.startswith("."):
                    yield str((Path(directory) / file).relative_to(self.directory))

    def delete(self, prefix: str) -> None:
        """See `Objects.delete`."""
        path = self.directory / prefix
        with _explained(path), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)
            sync(path.parent)

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
