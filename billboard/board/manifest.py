"""The entries of a board's master log (SPEC 9.3): its parameters, its editions, descriptors."""

from __future__ import annotations

import functools
import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import final

from billboard.board.parameters import BUNDLE, BoardParameters
from billboard.errors import InvalidEncodingError
from billboard.frames import FrameClass
from billboard.times import MAX_UINT32
from billboard.tlog.checkpoint import decode_hash, decode_number
from billboard.tlog.note import encode_base64

_BOARD, _EDITION, _DESCRIPTOR = (
    f"billboard/{kind}@v1" for kind in ("board", "edition", "descriptor")
)

LARGEST_DESCRIPTOR = 60_000
"""Bytes."""

PREFIX = 8
"""Bytes of an identifier that the index holds."""


@final
@dataclass(frozen=True)
class Edition:
    """A published edition: the log of ``size`` posts with ``root``, which never changes.

    ``index_hash`` is the SHA-256 of its index, and ``time`` when it was due, in seconds since 1970.
    """

    epoch: int
    number: int
    size: int
    root: bytes = field(repr=False)
    index_hash: bytes = field(repr=False)
    time: int


@final
@dataclass(frozen=True)
class Descriptor:
    """What a push server says of itself, for all to see the same (SPEC 9.3): opaque bytes."""

    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.data) <= LARGEST_DESCRIPTOR:
            raise InvalidEncodingError("descriptor", f"must have 1 to {LARGEST_DESCRIPTOR} bytes")


Leaf = BoardParameters | Edition | Descriptor


@final
@dataclass(frozen=True)
class Index:
    """For each bundle of an edition, how the identifier of its first post begins."""

    data: bytes

    def __post_init__(self) -> None:
        prefixes = self._prefixes
        if not prefixes or len(self.data) % PREFIX or list(prefixes) != sorted(prefixes):
            raise InvalidEncodingError("index", "is not a sequence of ascending prefixes")

    @classmethod
    def of(cls, edition: Edition, data: bytes) -> Index:
        """The index of an edition. Raises `InvalidEncodingError` if ``data`` is not that."""
        found = hashlib.sha256(data).digest()
        if found != edition.index_hash or len(data) != PREFIX * (edition.size // BUNDLE):
            raise InvalidEncodingError("index", "its hash is not that of the manifest")
        return cls(data)

    @property
    def _prefixes(self) -> tuple[bytes, ...]:
        return tuple(self.data[i : i + PREFIX] for i in range(0, len(self.data), PREFIX))

    def bundles_of(self, identifier: bytes) -> range:
        """The bundles (0, 1, ..) to look for ``identifier`` in, the last one first (SPEC 9.5).

        It is in the first of them whose first identifier is not greater, if it is there at all.
        Nearly always that is the first of them: the others begin with the same 8 bytes.
        """
        prefix = identifier[:PREFIX]
        last = max(bisect_right(self._prefixes, prefix) - 1, 0)
        first = max(bisect_left(self._prefixes, prefix) - 1, 0)
        return range(last, first - 1, -1)

    @property
    def hash(self) -> bytes:
        """What the edition's ``index_hash`` must be."""
        return hashlib.sha256(self.data).digest()


def edition_prefix(epoch: int, number: int) -> str:
    """Where the objects of an edition are, below the board."""
    return f"{epoch}/{number}/"


def edition_origin(origin: str, epoch: int, number: int) -> str:
    """The origin of the log that an edition is."""
    return f"{origin}/{epoch}/{number}"


def encode_leaf(origin: str, leaf: Leaf) -> bytes:
    """The entry of the master log of the board ``origin``."""
    if isinstance(leaf, Descriptor):
        return f"{_DESCRIPTOR}\n{origin}\n".encode() + leaf.data
    if isinstance(leaf, Edition):
        hashes = map(encode_base64, (leaf.root, leaf.index_hash))
        fields = [_EDITION, origin, leaf.epoch, leaf.number, leaf.size, *hashes, leaf.time]
    else:
        values = leaf.epoch_length, leaf.frame_class.name, leaf.late_interval
        fields = [_BOARD, origin, *values]
    return "".join(f"{field}\n" for field in fields).encode()


@functools.lru_cache(maxsize=512)  # readers come back to the last ones, which may be large
def decode_leaf(origin: str, data: bytes) -> Leaf:
    """Parse an entry of the master log of ``origin``. Raises `InvalidEncodingError`."""
    head, _, rest = data.partition(b"\n")
    named, _, body = rest.partition(b"\n")
    if named != origin.encode():
        raise InvalidEncodingError("manifest", f"is not one of {origin}")
    if head == _DESCRIPTOR.encode():
        return Descriptor(body)
    try:
        lines = body.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        lines = []
    leaf = _decode(head, origin, lines)
    if leaf is None or encode_leaf(origin, leaf) != data:
        raise InvalidEncodingError("manifest", "is not of a form that is known here")
    return leaf


def _decode(head: bytes, origin: str, lines: list[str]) -> Leaf | None:
    if head == _EDITION.encode() and len(lines) == 6:
        epoch, number, size = (decode_number("manifest", line) for line in lines[:3])
        root, index_hash = (decode_hash("manifest", line) for line in lines[3:5])
        if epoch > MAX_UINT32 or size == 0 or size % 256:
            raise InvalidEncodingError("manifest", "its epoch or size cannot be")
        time = decode_number("manifest", lines[5])
        return Edition(epoch, number, size, root, index_hash, time)
    if head == _BOARD.encode() and len(lines) == 3 and lines[1] in FrameClass.__members__:
        epoch_length, late = (decode_number("manifest", lines[i]) for i in (0, 2))
        return BoardParameters(origin, epoch_length, FrameClass[lines[1]], late)
    return None
