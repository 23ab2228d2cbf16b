"""Logs as tiles (C2SP tlog-tiles): the names of files, and how to read them (SPEC 9.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from billboard.errors import InvalidEncodingError
from billboard.tlog import merkle

WIDTH = 256
"""Hashes in a full tile, and entries in a full bundle."""

HASH = 32
"""Bytes of a hash."""

LONGEST_ENTRY = 65_535
"""Bytes that an entry may have."""

ENTRIES = "entries"
"""The name of the level of bundles."""


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Return the name of a tile or bundle: ``tile/0/x001/234``, with ``.p/W`` added if partial."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < WIDTH else "")


def tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of each tile of hashes of a log with ``size`` entries."""
    level = 0
    while size:
        for index in range(size // WIDTH):
            yield level, index, WIDTH
        if size % WIDTH:
            yield level, size // WIDTH, size % WIDTH
        level, size = level + 1, size // WIDTH


def bundle_bytes(entries: Sequence[bytes]) -> bytes:
    """Encode a bundle of entries. Raises `InvalidEncodingError` if one is too long."""
    if any(len(entry) > LONGEST_ENTRY for entry in entries):
        raise InvalidEncodingError("entry", f"is longer than {LONGEST_ENTRY} bytes")
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def split_bundle(data: bytes, width: int) -> list[bytes]:
    """Return the ``width`` entries of a bundle. Raises `InvalidEncodingError`."""
    entries, position = [], 0
    while position < len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2], "big")
        if position + 2 > len(data) or end > len(data):
            raise InvalidEncodingError("bundle", "its last entry is cut off")
        entries.append(data[position + 2 : end])
        position = end
    if len(entries) != width:
        raise InvalidEncodingError("bundle", f"has {len(entries)} entries, not {width}")
    return entries


def check_width(tile: bytes, width: int) -> bytes:
    """Return a tile of ``width`` hashes, or raise `InvalidEncodingError`."""
    if len(tile) != HASH * width:
        raise InvalidEncodingError("tile", f"has {len(tile)} bytes, not {HASH * width}")
    return tile


def node_of(tile: Callable[[int, int], bytes], level: int, index: int) -> bytes:
    """Return the hash of a complete subtree. ``tile`` gives a tile by level and index."""
    tile_level, within = divmod(level, 8)
    number, offset = divmod(index << within, WIDTH)
    part = tile(tile_level, number)[HASH * offset : HASH * (offset + (1 << within))]
    return merkle.complete_hash(part)


class TileReader:
    """The hashes and entries of a log with ``size`` entries, and the proofs made of them.

    ``get`` gives the bytes of a file by its name. What is read is not verified: compare the root of
    a proof (``merkle.root_of_proof``), or use `bundle`, which verifies.
    """

    def __init__(self, size: int, get: Callable[[str], bytes]) -> None:
        self.size = size
        self._get = get
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        return node_of(self._tile, level, index)

    def root(self) -> bytes:
        """Return the root of the tree."""
        return merkle.subtree_hash(0, self.size, self.node)

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return the inclusion proof of the entry ``index``."""
        return merkle.subtree_proof(index, index + 1, self.size, self.node)

    def consistency_proof(self, old: int) -> list[bytes]:
        """Return the proof that the log with ``old`` entries is the beginning of this one."""
        return merkle.consistency_proof(old, self.size, self.node)

    def bundle(self, index: int, root: bytes) -> list[bytes]:
        """Return the entries of a bundle, verified against the ``root`` of the tree.

        Raises `InvalidEncodingError` if they do not belong to it.
        """
        start, end = WIDTH * index, min(WIDTH * (index + 1), self.size)
        entries = split_bundle(self._get(tile_path(ENTRIES, index, end - start)), end - start)
        hashes = merkle.leaf_hashes(entries)

        def own(level: int, position: int) -> bytes:
            first = (position << level) - start
            return merkle.complete_hash(hashes[HASH * first : HASH * (first + (1 << level))])

        found = merkle.subtree_hash(start, end, own)
        proof = merkle.subtree_proof(start, end, self.size, self.node)
        if merkle.root_of_proof(found, start, end, self.size, proof) != root:
            raise InvalidEncodingError("bundle", f"bundle {index} is not part of the checkpoint")
        return entries

    def _tile(self, level: int, index: int) -> bytes:
        if (level, index) not in self._tiles:
            width = min((self.size >> (8 * level)) - WIDTH * index, WIDTH)
            data = self._get(tile_path(level, index, width))
            self._tiles[level, index] = check_width(data, width)
        return self._tiles[level, index]
