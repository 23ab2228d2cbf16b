"""Checkpoints, entries of the master log, indexes and absence, SPEC 9.3 to 9.5."""

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from . import notes
from .board import BUNDLE, check_board_origin, check_interval, check_schedule
from .notation import CLASSES, check_epoch_length
from .refusals import Refused, require
from .text import from_base64, lines_of, number, split_lines, to_base64

PREFIX = 8
CLASS_NAMES = dict(zip(CLASSES, ("H", "S", "L", "XL"), strict=True))
BOARD_LINE = "billboard/board@v1"
EDITION_LINE = "billboard/edition@v1"
DESCRIPTOR_LINE = "billboard/descriptor@v1"
LONGEST_DESCRIPTOR = 60_000


class Checkpoint(NamedTuple):
    """The state of a log."""

    origin: str
    size: int
    root: bytes

    def encode(self) -> bytes:
        """Give the text that is signed."""
        return lines_of(self.origin, str(self.size), to_base64(self.root))


def decode_checkpoint(text: bytes) -> Checkpoint:
    """Decode the text of a checkpoint."""
    origin, size, root = split_lines(text, 3)
    if not origin:
        raise Refused("origin-length")
    return Checkpoint(origin, number(size, 63), from_base64(root, 32))


class Policy(NamedTuple):
    """What a reader asks of a checkpoint, SPEC 9.4."""

    board: notes.Key
    witnesses: tuple[notes.Key, ...]
    quorum: int

    def check(self) -> None:
        """Refuse a policy that cannot be fulfilled, or that counts one key twice."""
        keys = (self.board, *self.witnesses)
        require(self.quorum <= len(self.witnesses), "quorum")
        require(len({key.public for key in keys}) == len(keys), "key-repeated")
        algorithms = [key.algorithm for key in keys]
        expected = [notes.BOARD] + [notes.WITNESS] * len(self.witnesses)
        require(algorithms == expected, "key-algorithm")


def open_checkpoint(data: bytes, origin: str, policy: Policy) -> Checkpoint:
    """Decode a signed checkpoint of the log of an origin, and verify what the policy asks for."""
    policy.check()
    note = notes.decode(data)
    signed = notes.verify(note, [policy.board, *policy.witnesses])
    require(policy.board in signed, "signature-missing")
    count = sum(witness in signed for witness in policy.witnesses)
    require(count >= policy.quorum, "too-few-witnesses")
    checkpoint = decode_checkpoint(note.text)
    require(checkpoint.origin == origin, "other-origin")
    return checkpoint


class BoardEntry(NamedTuple):
    """Entry 0 of the master log."""

    origin: str
    epoch_length: int
    n: int
    interval: int

    def encode(self) -> bytes:
        """Encode the entry."""
        numbers = (str(self.epoch_length), CLASS_NAMES[self.n], str(self.interval))
        return lines_of(BOARD_LINE, self.origin, *numbers)


class Manifest(NamedTuple):
    """The manifest of an edition."""

    origin: str
    epoch: int
    number: int
    size: int
    root: bytes
    index_hash: bytes
    time: int

    @property
    def log(self) -> str:
        """Give the origin of the log of the edition."""
        return f"{self.origin}/{self.epoch}/{self.number}"

    def encode(self) -> bytes:
        """Encode the manifest."""
        numbers = map(str, (self.epoch, self.number, self.size))
        hashes = map(to_base64, (self.root, self.index_hash))
        return lines_of(EDITION_LINE, self.origin, *numbers, *hashes, str(self.time))


class Descriptor(NamedTuple):
    """A push server's descriptor in the master log."""

    origin: str
    descriptor: bytes

    def encode(self) -> bytes:
        """Encode the entry."""
        require(1 <= len(self.descriptor) <= LONGEST_DESCRIPTOR, "descriptor-length")
        return lines_of(DESCRIPTOR_LINE, self.origin) + self.descriptor


def decode_entry(data: bytes, board: str) -> BoardEntry | Manifest | Descriptor:
    """Decode an entry of the master log of a board."""
    entry = _decode_any(data)
    require(entry.origin == board, "other-board")
    return entry


def _decode_any(data: bytes) -> BoardEntry | Manifest | Descriptor:
    kind = data.partition(b"\n")[0].decode(errors="replace")
    if kind == BOARD_LINE:
        return _decode_board(data)
    if kind == EDITION_LINE:
        return _decode_manifest(data)
    if kind == DESCRIPTOR_LINE:
        return _decode_descriptor(data)
    raise Refused("entry-kind")


def _decode_board(data: bytes) -> BoardEntry:
    _, origin, epoch_length, letters, interval = split_lines(data, 5)
    check_board_origin(origin.encode())
    names = {name: n for n, name in CLASS_NAMES.items()}
    if letters not in names:
        raise Refused("class-name")
    entry = BoardEntry(origin, number(epoch_length, 63), names[letters], number(interval, 63))
    check_epoch_length(entry.epoch_length)
    check_interval(entry.interval)
    check_schedule(entry.epoch_length, entry.interval)
    return entry


def _decode_manifest(data: bytes) -> Manifest:
    _, origin, epoch, edition, size, root, index, time = split_lines(data, 8)
    numbers = number(epoch, 32), number(edition, 63), number(size, 63)
    hashes = from_base64(root, 32), from_base64(index, 32)
    manifest = Manifest(origin, *numbers, *hashes, number(time, 63))
    require(manifest.size > 0 and manifest.size % BUNDLE == 0, "size")
    return manifest


def _decode_descriptor(data: bytes) -> Descriptor:
    _, origin, descriptor = [*data.split(b"\n", 2), b"", b""][:3]
    try:
        entry = Descriptor(origin.decode(), descriptor)
    except UnicodeDecodeError as error:
        raise Refused("utf-8") from error
    require(1 <= len(descriptor) <= LONGEST_DESCRIPTOR, "descriptor-length")
    return entry


# Indexes, SPEC 9.3 and 9.5


def index_of(identifiers: Sequence[bytes]) -> bytes:
    """Make the index of an edition."""
    return b"".join(identifier[:PREFIX] for identifier in identifiers[::BUNDLE])


def decode_index(data: bytes, size: int, digest: bytes) -> list[bytes]:
    """Split the index of an edition of a size, of which the manifest has the hash."""
    if len(data) * BUNDLE != PREFIX * size:
        raise Refused("wrong-length")
    prefixes = [data[i : i + PREFIX] for i in range(0, len(data), PREFIX)]
    require(prefixes == sorted(prefixes), "order")
    require(hashlib.sha256(data).digest() == digest, "index-hash")
    return prefixes


def bundles_of(identifiers: Sequence[bytes], identifier: bytes) -> list[int]:
    """Give the bundles that a reader fetches to look for an identifier, in their order."""
    prefixes = [each[:PREFIX] for each in identifiers[::BUNDLE]]
    fetched = [max(0, bisect_right(prefixes, identifier[:PREFIX]) - 1)]
    while _goes_on(identifiers[fetched[-1] * BUNDLE], identifier) and fetched[-1]:
        fetched.append(fetched[-1] - 1)
    return fetched


def _goes_on(first: bytes, identifier: bytes) -> bool:
    return first > identifier and first[:PREFIX] <= identifier[:PREFIX]


def check_absent(size: int, identifier: bytes, neighbours: Sequence[tuple[int, bytes]]) -> None:
    """Refuse posts at some places that do not show that an identifier is not in an edition."""
    before = [index for index, post in neighbours if post[:32] < identifier]
    after = [index for index, post in neighbours if post[:32] > identifier]
    if len(before) + len(after) != len(neighbours):
        raise Refused("present")
    if len(neighbours) == 1:
        require(after == [0] or before == [size - 1], "not-neighbours")
    elif len(neighbours) == 2:
        require(len(before) == len(after), "not-around")
        (low, _), (high, _) = sorted(neighbours)
        require(high == low + 1 and before[:1] <= [low], "not-neighbours")
    else:
        raise Refused("not-neighbours")
