"""Writer of a log as tiles, and functions that read it back (SPEC 9.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from billboard.errors import InvalidEncodingError, StoreError
from billboard.tlog import merkle
from billboard.tlog.tiles import (
    ENTRIES,
    HASH,
    WIDTH,
    bundle_bytes,
    check_width,
    node_of,
    split_bundle,
    tile_path,
    tiles,
)

T = TypeVar("T")

_FLUSH = 32
"""Full bundles that one call of `Objects.put` gets."""


class _Tiles(Protocol):
    """The methods of `Objects` that a log needs."""

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None: ...

    def get(self, name: str) -> bytes: ...


class LogWriter:
    """Appends to the log of ``size`` entries whose tiles are in ``objects`` below ``prefix``.

    It takes memory for a few bundles, however many entries there are. Raises `StoreError` if the
    last tiles are missing or have the wrong length. Compare `root` to verify their content.
    """

    def __init__(self, objects: _Tiles, prefix: str, size: int = 0) -> None:
        self.size = size
        self._objects, self._prefix = objects, prefix
        self._entries: list[bytes] = []  # those in no full bundle yet
        self._rows: dict[int, bytes] = {}  # by level from 1 on: hashes in no full tile yet
        self._written: list[tuple[str, bytes]] = []
        for level, index, width in tiles(size):
            if level and width < WIDTH:
                path = tile_path(level, index, width)
                self._rows[level] = _checked(objects, prefix + path, width, check_width)
        if width := size % WIDTH:
            path = tile_path(ENTRIES, size // WIDTH, width)
            self._entries = _checked(objects, prefix + path, width, split_bundle)

    def append(self, entries: Iterable[bytes]) -> bytes:
        """Append ``entries`` and return the root. When this returns, all tiles are durable."""
        for entry in entries:
            self._entries.append(entry)
            self.size += 1
            if self.size % WIDTH == 0:
                self._put_bundle()
        self._put_partial()
        return self.root()

    def _put_bundle(self) -> None:
        index = (self.size - 1) // WIDTH
        self._written.append((tile_path(ENTRIES, index), bundle_bytes(self._entries)))
        self._put_tile(0, index, merkle.leaf_hashes(self._entries))
        self._entries.clear()
        if len(self._written) >= 2 * _FLUSH:
            self._flush()

    def _put_tile(self, level: int, index: int, tile: bytes) -> None:
        self._written.append((tile_path(level, index), tile))
        row = self._rows.get(level + 1, b"") + merkle.complete_hash(tile)
        if len(row) == WIDTH * HASH:
            self._put_tile(level + 1, index // WIDTH, row)
            row = b""
        self._rows[level + 1] = row

    def _put_partial(self) -> None:
        if self._entries:
            path = tile_path(ENTRIES, self.size // WIDTH, len(self._entries))
            self._written.append((path, bundle_bytes(self._entries)))
        for level, row in self._partial().items():
            if row:
                path = tile_path(level, self.size >> 8 * (level + 1), len(row) // HASH)
                self._written.append((path, row))
        self._flush()

    def _partial(self) -> dict[int, bytes]:
        """Return the hashes that are in no full tile yet, by level."""
        return {0: merkle.leaf_hashes(self._entries)} | self._rows

    def _flush(self) -> None:
        self._objects.put((self._prefix + path, data) for path, data in self._written)
        self._written.clear()

    def root(self) -> bytes:
        """Return the root of the log as it is now."""
        partial = self._partial()

        def tile(level: int, index: int) -> bytes:  # noqa: ARG001
            return partial[level]

        return merkle.subtree_hash(0, self.size, lambda *node: node_of(tile, *node))


def read_entries(objects: _Tiles, prefix: str, size: int) -> Iterator[bytes]:
    """Yield the entries of a log, unverified. Raises `StoreError` if a bundle cannot be read."""
    for start in range(0, size, WIDTH):
        width = min(size - start, WIDTH)
        path = prefix + tile_path(ENTRIES, start // WIDTH, width)
        yield from _checked(objects, path, width, split_bundle)


def check_log(
    objects: _Tiles, prefix: str, size: int, root: bytes, entries: Iterable[bytes]
) -> None:
    """Make the log again from ``entries``, which `read_entries` gives, and compare each tile.

    Raises `StoreError` if it is not the log with that ``size`` and ``root``.
    """
    writer = LogWriter(_Compared(objects), prefix)
    if writer.append(entries) != root or writer.size != size:
        raise _damaged(prefix + "tile")


class _Compared:
    """Compares what is put with the existing objects, and keeps nothing."""

    def __init__(self, objects: _Tiles) -> None:
        self._objects = objects

    def get(self, name: str) -> bytes:
        return self._objects.get(name)

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        for name, data in objects:
            if _get(self._objects, name) != data:
                raise _damaged(name)


def _checked(objects: _Tiles, name: str, width: int, check: Callable[[bytes, int], T]) -> T:
    """Return what is in an object, or raise `StoreError` if it has the wrong length."""
    try:
        return check(_get(objects, name), width)
    except InvalidEncodingError:
        raise _damaged(name) from None


def _get(objects: _Tiles, name: str) -> bytes:
    try:
        return objects.get(name)
    except LookupError:
        raise StoreError(f"{name} is missing: restore a backup") from None


def _damaged(name: str) -> StoreError:
    return StoreError(f"{name} is damaged, and not what was signed: restore a backup")
