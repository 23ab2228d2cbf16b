"""Lanes: channels from one device to one contact, under rolling identifiers (SPEC 7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn, final

from billboard import _core, posts
from billboard.blob import Blob
from billboard.errors import EpochError, InvalidEncodingError, NotMine, SecretFileError
from billboard.frames import FrameClass
from billboard.groups.ristretto255 import SUITE_NUMBER, Element, Scalar, random_scalar
from billboard.hashing import expand
from billboard.keys import PublicKey
from billboard.posts import Envelope, Post
from billboard.storage import secret_file
from billboard.times import (
    DEFAULT_EPOCH_LENGTH,
    MAX_UINT32,
    check_epoch_length,
    check_origin,
    epoch_at,
)

_VERSION = 1
_FIXED = 11 + 32 + 32 + 1

LONGEST_CATCH_UP = 4096
"""The most epochs that a holder derives ahead (SPEC 7.2)."""

_KEPT = 4
"""Epochs whose identifiers a reader keeps, because it looks at the same few again and again."""

SLOTS = 16
"""Slots of an epoch (SPEC 7.2)."""


MOST_LANES = 8
"""The most lanes of one contact: one for each device of a user (SPEC 7.3)."""


def encode_grants(grants: Sequence[LaneReader]) -> bytes:
    """Join the grants of one contact, 1 to ``MOST_LANES`` of one board (SPEC 7.3).

    Raises `InvalidEncodingError`.
    """
    _check_grants(grants)
    encoded = [bytes(grant) for grant in grants]
    parts = [len(each).to_bytes(2, "big") + each for each in encoded]
    return bytes([_VERSION, len(grants)]) + b"".join(parts)


def decode_grants(data: bytes) -> list[LaneReader]:
    """Decode the grants that `encode_grants` joined. Raises `InvalidEncodingError`."""
    data = bytes(memoryview(data))
    if len(data) < 2 or data[0] != _VERSION:
        problem = f"must be more than 1 byte and begin with version {_VERSION}"
        raise InvalidEncodingError("grants", problem)
    grants, rest = [], data[2:]
    for _ in range(data[1]):
        size = int.from_bytes(rest[:2], "big")
        if len(rest) < 2 + size:
            raise InvalidEncodingError("grants", "are shorter than they say")
        grants.append(LaneReader.from_bytes(rest[2 : 2 + size]))
        rest = rest[2 + size :]
    if rest:
        raise InvalidEncodingError("grants", "are longer than they say")
    _check_grants(grants)
    return grants


def _check_grants(grants: Sequence[LaneReader]) -> None:
    if not 1 <= len(grants) <= MOST_LANES:
        raise InvalidEncodingError("grants", f"must be 1 to {MOST_LANES}, not {len(grants)}")
    if len({(each.origin, each.epoch_length, each.frame_class) for each in grants}) != 1:
        raise InvalidEncodingError("grants", "must be for one board")


def _unusable(epoch: int, slot: int) -> EpochError:
    """Return the error for a slot without a usable key: probability 2^-251 (SPEC 7.2)."""
    return EpochError(f"slot {slot} of epoch {epoch} has no usable key: take the next slot")


@dataclass(frozen=True, repr=False)
class _Schedule:
    """The part of a lane that both sides have: its board, and the ratchet at ``epoch``."""

    origin: str
    frame_class: FrameClass
    epoch_length: int
    epoch: int
    key: bytes

    def __post_init__(self) -> None:
        check_origin(self.origin)
        check_epoch_length(self.epoch_length)
        if not 0 <= self.epoch <= MAX_UINT32:
            raise InvalidEncodingError("epoch", f"{self.epoch} is not from 0 to 2^32 - 1")

    def at(self, epoch: int) -> _Schedule:
        """Return the schedule from ``epoch`` on. Raises `EpochError` if it is out of reach."""
        if not self.epoch <= epoch <= min(self.epoch + LONGEST_CATCH_UP, MAX_UINT32):
            reach = f"{self.epoch} to {self.epoch + LONGEST_CATCH_UP}"
            raise EpochError(f"epoch {epoch} is out of reach: this lane covers {reach}")
        key = self.key
        for _ in range(epoch - self.epoch):
            key = expand(key, "lane/update", 32)
        return replace(self, epoch=epoch, key=key)

    def slot_key(self, slot: int) -> bytes:
        """Return SK_{e,c}, the key of slot c at this epoch (SPEC 7.2)."""
        if not 0 <= slot < SLOTS:
            raise EpochError(f"slot {slot} is not from 0 to {SLOTS - 1}")
        return self.key if slot == 0 else expand(self.key, "lane/slot", 32, bytes([slot]))

    def first_seq(self, slot: int) -> int:
        """Return the seq of the first post of a slot at this epoch (SPEC 8.2)."""
        wide = expand(self.slot_key(slot), "lane/seq", 4)
        return int.from_bytes(wide, "big") % posts.FIRST_SEQ_LIMIT

    def wide(self, slot: int, public: bytes) -> bytes:
        """Return the 128 bytes that u and v are reduced from; ``public`` is P_0 (SPEC 7.2)."""
        return expand(self.slot_key(slot), "lane/diversify", 128, public)

    def diversifier(self, slot: int, public: Element) -> tuple[Scalar, Scalar]:
        """Return u and v at this epoch; ``public`` is P_0 (SPEC 7.2)."""
        wide = self.wide(slot, bytes(public))
        u, v = Scalar.from_uniform_bytes(wide[:64]), Scalar.from_uniform_bytes(wide[64:])
        if u.is_zero:
            raise _unusable(self.epoch, slot)
        return u, v

    def encode(self, middle: bytes) -> bytes:
        """Encode a grant, with P_0 as ``middle``, or a lane, with d_0 (SPEC 7.1, 11)."""
        numbers = self.epoch_length.to_bytes(4, "big") + self.epoch.to_bytes(4, "big")
        origin = self.origin.encode()
        start = bytes([_VERSION, SUITE_NUMBER, self.frame_class])
        return start + numbers + middle + self.key + bytes([len(origin)]) + origin

    @classmethod
    def decode(cls, field: str, data: bytes) -> tuple[_Schedule, bytes]:
        """Return the schedule and the middle of a grant or lane. Raises `InvalidEncodingError`."""
        if len(data) < _FIXED or len(data) != _FIXED + data[_FIXED - 1]:
            raise InvalidEncodingError(field, f"has the wrong length, {len(data)} bytes")
        version, suite, number = data[:3]
        if version != _VERSION or suite != SUITE_NUMBER or number not in list(FrameClass):
            problem = f"version {version}, suite {suite} or class {number} is not known"
            raise InvalidEncodingError(field, problem)
        try:
            origin = data[_FIXED:].decode("ascii")
        except UnicodeDecodeError:
            raise InvalidEncodingError("origin", "is not ASCII") from None
        schedule = cls(
            origin=origin,
            frame_class=FrameClass(number),
            epoch_length=int.from_bytes(data[3:7], "big"),
            epoch=int.from_bytes(data[7:11], "big"),
            key=data[43:75],
        )
        return schedule, data[11:43]


class _Side:
    """The base class of the device's side and the contact's side."""

    def __init__(self, schedule: _Schedule) -> None:
        self._schedule = schedule
        self._last = schedule  # the last one derived, to derive later epochs from

    def _at(self, epoch: int) -> _Schedule:
        """Return the schedule from ``epoch`` on. Raises `EpochError`."""
        ahead = self._last.epoch <= epoch <= self.epoch + LONGEST_CATCH_UP
        self._last = (self._last if ahead else self._schedule).at(epoch)
        return self._last

    @property
    def origin(self) -> str:
        """The origin of the board that this lane posts to."""
        return self._schedule.origin

    @property
    def epoch_length(self) -> int:
        """Seconds of an epoch."""
        return self._schedule.epoch_length

    @property
    def frame_class(self) -> FrameClass:
        """The class of the board, and of all posts of this lane."""
        return self._schedule.frame_class

    @property
    def epoch(self) -> int:
        """The first epoch that can still be used."""
        return self._schedule.epoch

    def advance(self, epoch: int) -> None:
        """Forget everything before ``epoch``, for good. Raises `EpochError`."""
        self._schedule = self._last = self._schedule.at(epoch)


@final
class LaneReader(_Side):
    """A contact's side of a lane, which finds and opens its posts but cannot make any.

    Its encoding is the lane grant (SPEC 7.1), a secret between the device and the contact.
    """

    def __init__(self, schedule: _Schedule, public: Element) -> None:
        """Use `Lane.grant` or `from_bytes`."""
        super().__init__(schedule)
        self._public = public
        self._identifiers: dict[int, dict[int, bytes]] = {}  # by epoch and slot

    @classmethod
    def from_bytes(cls, data: bytes) -> LaneReader:
        """Decode a lane grant. Raises `InvalidEncodingError`."""
        schedule, middle = _Schedule.decode("grant", bytes(memoryview(data)))
        public = Element.from_bytes(middle, "P_0")
        if public.is_identity:
            raise InvalidEncodingError("P_0", "is the identity")
        return cls(schedule, public)

    def __bytes__(self) -> bytes:
        return self._schedule.encode(bytes(self._public))

    def identifier(self, epoch: int, slot: int = 0) -> bytes:
        """Return the 32 bytes under which a slot of ``epoch`` is posted. Raises `EpochError`."""
        return self._identifiers_of(epoch, range(slot, slot + 1))[0]

    def identifiers(self, epoch: int) -> tuple[bytes, ...]:
        """Return the identifiers of all slots of ``epoch``, by slot. Raises `EpochError`."""
        return self._identifiers_of(epoch, range(SLOTS))

    def _identifiers_of(self, epoch: int, slots: range) -> tuple[bytes, ...]:
        known = self._identifiers.get(epoch, {})
        if new := [slot for slot in slots if slot not in known]:
            publics = self._publics(self._at(epoch), new)
            known.update(zip(new, map(posts.identifier_of, publics), strict=True))
            self._identifiers[epoch] = known
            if len(self._identifiers) > _KEPT:
                del self._identifiers[next(iter(self._identifiers))]
        return tuple(known[slot] for slot in slots)

    def _publics(self, schedule: _Schedule, slots: Sequence[int]) -> Iterator[bytes]:
        """Yield the encoded element P of each slot (SPEC 7.2)."""
        public = bytes(self._public)
        wide = [schedule.wide(slot, public) for slot in slots]
        for slot, element in zip(slots, _core.diversify(self._public, wide), strict=True):
            if element is None:
                raise _unusable(schedule.epoch, slot)
            yield element

    def advance(self, epoch: int) -> None:
        super().advance(epoch)
        self._identifiers = {at: ids for at, ids in self._identifiers.items() if at >= epoch}

    def find(self, candidates: Iterable[Post]) -> Post | None:
        """Return this lane's post of the latest epoch, and there of the highest slot, or None."""
        by_place = {(post.epoch, post.identifier): post for post in candidates}
        newest = None
        for epoch in sorted({epoch for epoch, _ in by_place}):
            if self.epoch <= epoch <= self.epoch + LONGEST_CATCH_UP:
                for identifier in self.identifiers(epoch):
                    newest = by_place.get((epoch, identifier), newest)
        return newest

    def open(self, post: Post) -> Envelope:
        """Return the envelope in ``post`` (SPEC 8.3).

        Raises `NotMine` if the post is not of this lane, `WithdrawnError` if it was withdrawn,
        `InvalidSignatureError` if it is forged, and `InvalidEncodingError` if it is of another
        class or its content is malformed.
        """
        slot = self.slot_of(post)
        if post.frame_class is not self.frame_class:
            raise InvalidEncodingError("post", "is not of the class of this lane")
        return post.open(self.origin, self._at(post.epoch).slot_key(slot))

    def slot_of(self, post: Post) -> int:
        """Return the slot that ``post`` is in. Raises `NotMine` if it is not of this lane."""
        identifier = posts.identifier_of(post.public)
        with contextlib.suppress(EpochError):
            for slot in range(SLOTS):
                if self.identifier(post.epoch, slot) == identifier:
                    return slot
        raise NotMine("the post is not of this lane")

    def __repr__(self) -> str:
        return f"<LaneReader {self.origin} from epoch {self.epoch}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LaneReader cannot be pickled or copied: use bytes and from_bytes")


@final
class Lane(_Side):
    """A device's side of a lane. It cannot be pickled or copied; `save` writes it to a file."""

    def __init__(self, schedule: _Schedule, secret: Scalar) -> None:
        """Use `generate` or `load`."""
        super().__init__(schedule)
        self._secret = secret
        self._public = Element.mul_generator(secret)

    @classmethod
    def generate(
        cls,
        origin: str,
        *,
        frame_class: FrameClass = FrameClass.L,
        epoch_length: int = DEFAULT_EPOCH_LENGTH,
        now: float | None = None,
    ) -> Lane:
        """Make a fresh lane for the board ``origin``; its first epoch is the current one.

        ``frame_class`` and ``epoch_length`` (in seconds) are those of the board. ``now`` is in
        seconds since 1970; the clock if None. Raises `InvalidEncodingError`, and `EpochError` for a
        time without epoch (SPEC 2).
        """
        epoch = epoch_at(now, epoch_length)
        frame_class = FrameClass(frame_class)
        schedule = _Schedule(origin, frame_class, epoch_length, epoch, os.urandom(32))
        return cls(schedule, random_scalar())

    def grant(self, epoch: int) -> LaneReader:
        """Return what a contact needs to read this lane from ``epoch`` on, and nothing earlier.

        Raises `EpochError`.
        """
        return LaneReader(self._at(epoch), self._public)

    def identifier(self, epoch: int, slot: int = 0) -> bytes:
        """Return the 32 bytes under which a slot of ``epoch`` is posted. Raises `EpochError`."""
        public = Element.mul_generator(self._slot_secret(epoch, slot))
        return posts.identifier_of(bytes(public))

    def post(
        self,
        epoch: int,
        blob: Blob,
        public_key: PublicKey,
        *,
        seq: int | None = None,
        slot: int = 0,
        descriptor: bytes = posts.NO_DESCRIPTOR,
    ) -> Post:
        """Seal ``blob``, which is encrypted under ``public_key``, and sign it for ``epoch``.

        To replace a post before its edition is published, post again with ``seq=earlier.seq + 1``;
        afterwards, post with the next ``slot`` (SPEC 7.2, 8.2). If ``seq`` is left out, it is the
        first of the slot, so that a board refuses a second post that is made by mistake.
        ``descriptor`` is that of `Envelope`. Raises `EpochError`, and `InvalidEncodingError` if the
        blob or the key is not of the class of this lane.
        """
        for field, its_class in (("blob", blob.frame_class), ("key", public_key.frame_class)):
            if its_class is not self.frame_class:
                ours = self.frame_class.name
                problem = f"is of class {its_class.name}, but this lane is of class {ours}"
                raise InvalidEncodingError(field, problem)
        schedule = self._at(epoch)
        return posts.seal(
            Envelope(blob, public_key.key_id, descriptor),
            origin=self.origin,
            epoch=epoch,
            seq=schedule.first_seq(slot) if seq is None else seq,
            secret=self._slot_secret(epoch, slot),
            slot_key=schedule.slot_key(slot),
        )

    def is_same(self, other: Lane) -> bool:
        """Return whether this is the same lane as ``other``, whatever epochs the two cover."""
        return self._public == other._public

    def withdraw(self, epoch: int, *, seq: int | None = None, slot: int = 0) -> Post:
        """Make a post that replaces another and holds nothing (SPEC 8.2).

        ``seq``, ``slot`` and `EpochError` are as for `post`.
        """
        return posts.withdrawal(
            self.frame_class,
            origin=self.origin,
            epoch=epoch,
            seq=self._at(epoch).first_seq(slot) if seq is None else seq,
            secret=self._slot_secret(epoch, slot),
        )

    def save(self, path: str | os.PathLike[str], passphrase: str | None = None) -> None:
        """Write a new file of mode 0600 (SPEC 11). Raises `SecretFileError`."""
        secret_file.save(Path(path), secret_file.Kind.LANE, self.secret_bytes(), passphrase)

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: str | None = None) -> Lane:
        """Read a file that `save` wrote. Raises `SecretFileError`."""
        return cls.from_secret_bytes(
            secret_file.load(Path(path), secret_file.Kind.LANE, passphrase)
        )

    def secret_bytes(self) -> bytes:
        """Return the payload of a lane's file (SPEC 11), which holds its secrets."""
        return self._schedule.encode(bytes(self._secret))

    @classmethod
    def from_secret_bytes(cls, payload: bytes) -> Lane:
        """Decode what `secret_bytes` returned. Raises `SecretFileError`."""
        try:
            schedule, middle = _Schedule.decode("lane", payload)
            secret = Scalar.from_bytes(middle, "d_0")
        except InvalidEncodingError as error:
            raise SecretFileError(f"the file holds a malformed lane: {error}") from None
        if secret.is_zero:
            raise SecretFileError("the file holds a malformed lane: d_0 is 0")
        return cls(schedule, secret)

    def _slot_secret(self, epoch: int, slot: int) -> Scalar:
        u, v = self._at(epoch).diversifier(slot, self._public)
        secret = u * self._secret + v
        if secret.is_zero:
            raise _unusable(epoch, slot)
        return secret

    def __repr__(self) -> str:
        return f"<Lane {self.origin} from epoch {self.epoch}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Lane cannot be pickled or copied: use save")
