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
"""Bytes that a descriptor may have."""

PREFIX = 8
"""Bytes of an identifier that the index holds."""


@final
@dataclass(frozen=True)
class Edition:
    """A published edition: the log of ``size`` posts with ``root``, which never changes.

    ``index_hash`` is the SHA-256 of its index. It was due at ``time``, in seconds since 1970.
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
    """What a push server says about itself, the same for everybody (SPEC 9.3): opaque bytes."""

    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.data) <= LARGEST_DESCRIPTOR:
            raise InvalidEncodingError("descriptor", f"must have 1 to {LARGEST_DESCRIPTOR} bytes")


Leaf = BoardParameters | Edition | Descriptor


@final
@dataclass(frozen=True)
class Index:
    """The first bytes of the first identifier of each bundle of an edition."""

    data: bytes

    def __post_init__(self) -> None:
        prefixes = self._prefixes
        if not prefixes or len(self.data) % PREFIX or list(prefixes) != sorted(prefixes):
            raise InvalidEncodingError("index", "is not a sequence of ascending prefixes")

    @classmethod
    def of(cls, edition: Edition, data: bytes) -> Index:
        """Parse the index of an edition. Raises `InvalidEncodingError` if ``data`` is not that."""
        found = hashlib.sha256(data).digest()
        if found != edition.index_hash or len(data) != PREFIX * (edition.size // BUNDLE):
            raise InvalidEncodingError("index", "its hash is not the one in the manifest")
        return cls(data)

    @property
    def _prefixes(self) -> tuple[bytes, ...]:
        return tuple(self.data[i : i + PREFIX] for i in range(0, len(self.data), PREFIX))

    def bundles_of(self, identifier: bytes) -> range:
        """Return the bundles (0, 1, ..) to search for ``identifier``, the last first (SPEC 9.5).

        If ``identifier`` is there at all, it is in the first of these bundles whose first
        identifier is not greater. That is nearly always the first one: the others begin with the
        same 8 bytes.
        """
        prefix = identifier[:PREFIX]
        last = max(bisect_right(self._prefixes, prefix) - 1, 0)
        first = max(bisect_left(self._prefixes, prefix) - 1, 0)
        return range(last, first - 1, -1)

    @property
    def hash(self) -> bytes:
        """The SHA-256, which must be the edition's ``index_hash``."""
        return hashlib.sha256(self.data).digest()


def edition_prefix(epoch: int, number: int) -> str:
    """Return the prefix of the names of an edition's objects."""
    return f"{epoch}/{number}/"


def edition_origin(origin: str, epoch: int, number: int) -> str:
    """Return the origin of the log of an edition."""
    return f"{origin}/{epoch}/{number}"


def encode_leaf(origin: str, leaf: Leaf) -> bytes:
    """Encode an entry of the master log of the board ``origin``."""
    if isinstance(leaf, Descriptor):
        return f"{_DESCRIPTOR}\n{origin}\n".encode() + leaf.data
    if isinstance(leaf, Edition):
        hashes = map(encode_base64, (leaf.root, leaf.index_hash))
        fields = [_EDITION, origin, leaf.epoch, leaf.number, leaf.size, *hashes, leaf.time]
    else:
        values = leaf.epoch_length, leaf.frame_class.name, leaf.late_interval
        fields = [_BOARD, origin, *values]
    return "".join(f"{field}\n" for field in fields).encode()


@functools.lru_cache(maxsize=512)  # readers decode the last entries again and again
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
        raise InvalidEncodingError("manifest", "has a form that is not known here")
    return leaf


def _decode(head: bytes, origin: str, lines: list[str]) -> Leaf | None:
    if head == _EDITION.encode() and len(lines) == 6:
        epoch, number, size = (decode_number("manifest", line) for line in lines[:3])
        root, index_hash = (decode_hash("manifest", line) for line in lines[3:5])
        if epoch > MAX_UINT32 or size == 0 or size % 256:
            raise InvalidEncodingError("manifest", "its epoch or size is out of range")
        time = decode_number("manifest", lines[5])
        return Edition(epoch, number, size, root, index_hash, time)
    if head == _BOARD.encode() and len(lines) == 3 and lines[1] in FrameClass.__members__:
        epoch_length, late = (decode_number("manifest", lines[i]) for i in (0, 2))
        return BoardParameters(origin, epoch_length, FrameClass[lines[1]], late)
    return None
