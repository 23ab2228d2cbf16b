"""A log of which only the root is trusted: all else is verified as it is read (SPEC 9.5).

No proofs are asked for. Every tile is compared with its hash in its parent, up to the last tiles of
each level, which make the root. Only the names of a bundle and of the tiles above it depend on the
entry that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

from billboard.board.reading.cache import Cache
from billboard.board.reading.procedure import Procedure, Request, content
from billboard.errors import BoardError, BoardFault, InvalidEncodingError
from billboard.tlog import merkle
from billboard.tlog.tiles import (
    ENTRIES,
    HASH,
    LONGEST_ENTRY,
    WIDTH,
    check_width,
    node_of,
    split_bundle,
    tile_path,
)

T = TypeVar("T")

Verified = LRUCache[tuple[str, bytes], tuple[bytes, list[bytes]]]
"""The last bundles that were verified, by name and hash: the bytes and the entries of each.

They need not be hashed again if several lanes have their posts there.
"""

KEPT = 16
"""Bundles that `Verified` may have."""


@dataclass(frozen=True)
class File(Generic[T]):
    """A file that never changes, of at most ``limit`` bytes.

    ``check`` returns its content, or raises `InvalidEncodingError` if it is not the right file.
    """

    name: str
    limit: int
    check: Callable[[bytes], T]

    def cached(self, cache: Cache) -> list[T]:
        """Return the content in a list; an empty one if the cache does not have the right file."""
        data = cache.get(self.name)
        try:
            return [] if data is None else [self.check(data)]
        except InvalidEncodingError:
            return []


def read_all(cache: Cache, files: Sequence[File[T]]) -> Procedure[list[T]]:
    """Return the content of each of ``files``, from the cache or else as `fetch_all` does."""
    found = [file.cached(cache) for file in files]
    wanted = [file for file, cached in zip(files, found, strict=True) if not cached]
    fetched = iter((yield from fetch_all(cache, wanted)) if wanted else [])
    return [cached[0] if cached else next(fetched) for cached in found]


def fetch_all(cache: Cache, files: Sequence[File[T]]) -> Procedure[list[T]]:
    """Fetch ``files``, all together, and return the content of each.

    Nothing is cached or returned before all of them are there and right: whoever damages some of
    them sees the same afterwards, whichever they are.
    """
    responses = yield tuple(Request(file.name, file.limit) for file in files)
    pairs = [(file, content(file.name, each)) for file, each in zip(files, responses, strict=True)]
    found = [_checked(file, data) for file, data in pairs]
    for file, data in pairs:
        cache.put(file.name, data)
    return found


def _checked(file: File[T], data: bytes) -> T:
    try:
        return file.check(data)
    except InvalidEncodingError as error:
        raise BoardError(
            BoardFault.DAMAGED, f"/{file.name} is not what was signed: {error}"
        ) from None


class VerifiedLog:
    """The log of ``size`` entries with ``root``, whose files are below ``prefix``.

    An entry may have ``longest`` bytes. All logs of a reader share ``verified``.
    """

    def __init__(
        self,
        size: int,
        root: bytes,
        prefix: str,
        cache: Cache,
        verified: Verified,
        *,
        longest: int = LONGEST_ENTRY,
    ) -> None:
        self.size, self.root = size, root
        self.bundles = -(-size // WIDTH)
        self._prefix, self._cache, self._longest = prefix, cache, longest
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._verified = verified

    def edge(self) -> list[tuple[int, int, int]]:
        """Return level, index and width of the tiles that are not full: they make the root."""
        levels = range(0, -(-self.size.bit_length() // 8))
        widths = [(level, self.size >> 8 * level) for level in levels]
        return [(level, n // WIDTH, n % WIDTH) for level, n in widths if n % WIDTH]

    def edge_names(self) -> list[str]:
        """Return the names of the files that a log of another size does not have."""
        names = [tile_path(*tile) for tile in self.edge()]
        if self.size % WIDTH:
            names.append(tile_path(ENTRIES, self.size // WIDTH, self.size % WIDTH))
        return [self._prefix + name for name in names]

    def tile(self, level: int, index: int) -> Procedure[bytes]:
        """Return the hashes of a tile. Raises `BoardError`."""
        if not self._tiles:
            yield from self._open()
        if (level, index) not in self._tiles:
            parent = yield from self.tile(level + 1, index // WIDTH)
            expected = _hash_at(parent, index % WIDTH)

            def check(data: bytes) -> bytes:
                if len(data) != WIDTH * HASH or merkle.complete_hash(data) != expected:
                    raise InvalidEncodingError("tile", "its hash does not match its parent")
                return data

            name = self._prefix + tile_path(level, index)
            file = File(name, WIDTH * HASH, check)
            (self._tiles[level, index],) = yield from read_all(self._cache, [file])
        return self._tiles[level, index]

    def bundle_name(self, index: int) -> str:
        """Return the name of a bundle."""
        return self._prefix + tile_path(ENTRIES, index, self._width(index))

    def bundle_file(self, index: int) -> Procedure[File[list[bytes]]]:
        """Return the file of a bundle, with its check. Raises `BoardError`."""
        width = self._width(index)
        if width == WIDTH:
            tile = yield from self.tile(1, index // WIDTH)
            expected = _hash_at(tile, index % WIDTH)
        else:
            expected = yield from self.tile(0, index)

        name = self.bundle_name(index)

        def check(data: bytes) -> list[bytes]:
            known = self._verified.get((name, expected))
            if known is not None and known[0] == data:
                return known[1]
            entries = split_bundle(data, width)
            hashes = merkle.leaf_hashes(entries)
            found = merkle.complete_hash(hashes) if width == WIDTH else hashes
            if found != expected:
                raise InvalidEncodingError("bundle", "its entries do not match the tile")
            self._verified[name, expected] = data, entries
            return entries

        return File(name, width * (2 + self._longest), check)

    def bundle(self, index: int) -> Procedure[list[bytes]]:
        """Return the entries of a bundle. Raises `BoardError`."""
        file = yield from self.bundle_file(index)
        (entries,) = yield from read_all(self._cache, [file])
        return entries

    def inclusion_proof(self, index: int) -> Procedure[list[bytes]]:
        """Return the inclusion proof of the entry ``index``. Raises `BoardError`."""
        for level in range(-(-self.size.bit_length() // 8)):
            if index >> 8 * level < self.size >> 8 * level:
                yield from self.tile(level, index >> 8 * (level + 1))
        return merkle.subtree_proof(index, index + 1, self.size, self._node)

    def root_at(self, size: int) -> Procedure[bytes]:
        """Return the root of the first ``size`` entries of this log. Raises `BoardError`."""
        start = 0
        while start < size:
            level = (size - start).bit_length() - 1
            tile_level, within = divmod(level, 8)
            yield from self.tile(tile_level, (start >> level << within) // WIDTH)
            start += 1 << level
        return merkle.subtree_hash(0, size, self._node)

    def _open(self) -> Procedure[None]:
        """Read the tiles that make the root, and fetch them again if the cache is damaged."""
        files = [self._edge_file(*tile) for tile in self.edge()]
        places = [(level, index) for level, index, _ in self.edge()]
        for _ in range(2):
            tiles = yield from read_all(self._cache, files)
            self._tiles = dict(zip(places, tiles, strict=True))
            if merkle.subtree_hash(0, self.size, self._node) == self.root:
                return
            self._tiles = {}
            for file in files:
                self._cache.delete(file.name)
        problem = f"the tiles of {self.size} entries do not have the root that was signed"
        raise BoardError(BoardFault.DAMAGED, f"/{self._prefix}tile: {problem}")

    def _width(self, index: int) -> int:
        """Return the number of entries of a bundle."""
        return min(self.size - WIDTH * index, WIDTH)

    def _edge_file(self, level: int, index: int, width: int) -> File[bytes]:
        name = self._prefix + tile_path(level, index, width)
        return File(name, width * HASH, lambda data: check_width(data, width))

    def _node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, whose tile has been read."""
        return node_of(lambda *place: self._tiles[place], level, index)


def _hash_at(tile: bytes, index: int) -> bytes:
    return tile[HASH * index : HASH * (index + 1)]
