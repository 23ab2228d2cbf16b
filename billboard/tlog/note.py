"""Signed notes (C2SP signed-note), under Ed25519, and cosignatures of witnesses (SPEC 9.4)."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from billboard._core import Ed25519Key
from billboard.errors import InvalidEncodingError, InvalidSignatureError

LARGEST = 1_000_000
"""Bytes that a note may have."""

MOST_SIGNATURES = 100

LATEST = 2**63 - 1
"""The latest time of a cosignature, in seconds since 1970."""

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")

_DASH = "\u2014 "


class Algorithm(IntEnum):
    """How a key signs a note: the byte that its key id commits to."""

    ED25519 = 1
    COSIGNATURE = 4


@final
@dataclass(frozen=True)
class NoteKey:
    """A public key that verifies notes: its name, its algorithm, and its 32 bytes."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != 32:
            raise InvalidEncodingError("note key", "an Ed25519 public key has 32 bytes")

    @functools.cached_property
    def key_id(self) -> bytes:
        """4 bytes that, with the name, distinguish signatures of this key from others."""
        prefix = f"{self.name}\n".encode() + bytes([self.algorithm])
        return hashlib.sha256(prefix + self.public).digest()[:4]

    def __str__(self) -> str:
        """The key as text (a "vkey"): ``name+key id in hex+base64``."""
        encoded = encode_base64(bytes([self.algorithm]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def from_text(cls, text: str) -> NoteKey:
        """Parse a vkey. Raises `InvalidEncodingError`."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise InvalidEncodingError("note key", "must be name+id+base64")
        name, key_id, encoded = parts
        data = decode_base64("note key", encoded)
        if not data or data[0] not in list(Algorithm):
            raise InvalidEncodingError("note key", "its algorithm is not known here")
        key = cls(name, Algorithm(data[0]), data[1:])
        if key_id != key.key_id.hex():
            raise InvalidEncodingError("note key", "its id does not belong to the key")
        return key

    def verify(self, text: str, signature: bytes) -> int | None:
        """Verify that ``signature`` is of this key and ``text``. Raises `InvalidSignatureError`.

        Returns the time at which it was made, None if it has no time.
        """
        message, time = text.encode(), None
        if self.algorithm is Algorithm.COSIGNATURE:
            if len(signature) != 72:
                raise InvalidSignatureError(f"{self.name}: a cosignature has 72 bytes")
            (time,) = struct.unpack(">Q", signature[:8])
            if time > LATEST:
                raise InvalidSignatureError(f"{self.name}: a cosignature's time is out of range")
            message, signature = _cosigned(time, text), signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise InvalidSignatureError(f"{self.name}: the signature does not verify") from None
        return time


@final
class NoteSigner:
    """A secret key that signs notes, from a ``seed`` of 32 bytes."""

    def __init__(self, name: str, algorithm: Algorithm, seed: bytes) -> None:
        self._private = Ed25519Key(seed)
        self.key = NoteKey(name, algorithm, self._private.public)
        """The public key."""

    def sign(self, text: str, *, time: int | None = None) -> Signature:
        """Sign ``text``; a cosignature also signs ``time``, in seconds since 1970.

        Raises `ValueError` if a cosignature has no time, or another signature has one.
        """
        if (time is not None) != (self.key.algorithm is Algorithm.COSIGNATURE):
            raise ValueError("a cosignature needs a time, and other signatures must have none")
        if time is None:
            (signature,) = self.sign_all([text])
            return signature
        (value,) = self._private.sign_batch([_cosigned(time, text)])
        return Signature(self.key.name, self.key.key_id, struct.pack(">Q", time) + value)

    def sign_all(self, texts: Sequence[str]) -> list[Signature]:
        """Sign each of ``texts`` as `sign` does, without a time."""
        values = self._private.sign_batch([text.encode() for text in texts])
        return [Signature(self.key.name, self.key.key_id, value) for value in values]

    def __repr__(self) -> str:
        return f"<NoteSigner {self.key}>"


@final
@dataclass(frozen=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.value)}\n"

    @classmethod
    def from_line(cls, line: str) -> Signature:
        """Parse a line, without its end. Raises `InvalidEncodingError`."""
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH):
            raise InvalidEncodingError("note", "a signature line must begin with an em dash")
        data = decode_base64("note", encoded)
        if len(data) < 5:
            raise InvalidEncodingError("note", "a signature is too short")
        return cls(check_name(name), data[:4], data[4:])

    def is_of(self, key: NoteKey) -> bool:
        """Return whether the signature claims to be of ``key``."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@final
@dataclass(frozen=True)
class Note:
    """A text, which ends with a new line, and its signatures, which are not verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        if not self.text.endswith("\n"):
            raise InvalidEncodingError("note", "the text must end with a new line")
        if _CONTROL.search(self.text):
            raise InvalidEncodingError("note", "the text has a control character")

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Note:
        """Parse a note with at least one signature. Raises `InvalidEncodingError`."""
        if len(data) > LARGEST:
            raise InvalidEncodingError("note", f"is larger than {LARGEST} bytes")
        try:
            message = data.decode()
        except UnicodeDecodeError:
            raise InvalidEncodingError("note", "is not UTF-8") from None
        text, separator, below = message.rpartition("\n\n")
        if not separator or not below.endswith("\n"):
            raise InvalidEncodingError("note", "has no signatures after an empty line")
        lines = below.removesuffix("\n").split("\n")
        if len(lines) > MOST_SIGNATURES:
            raise InvalidEncodingError("note", f"has more than {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(Signature.from_line, lines)))

    def time_of(self, key: NoteKey) -> int | None:
        """Return the time at which ``key`` cosigned this; None if its signatures have no time.

        Raises `InvalidSignatureError` if ``key`` did not sign this, or if a signature that claims
        to be of ``key`` does not verify.
        """
        times = [key.verify(self.text, each.value) for each in self.signatures if each.is_of(key)]
        if not times:
            raise InvalidSignatureError(f"{key.name}: there is no signature of this key")
        return times[0]

    def signed(self, *signatures: Signature) -> Note:
        """Return the same note with more signatures."""
        return Note(self.text, self.signatures + signatures)


def check_name(name: str) -> str:
    """Return the name of a key, or raise `InvalidEncodingError`."""
    # The rule of signed-note: which characters are printable changes with every Unicode version.
    if not name or any(c.isspace() or c == "+" or c < " " or _is_surrogate(c) for c in name):
        raise InvalidEncodingError("note key", "a name must not be empty or have spaces or a plus")
    return name


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _cosigned(time: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def encode_base64(data: bytes) -> str:
    """Encode as base64 with padding."""
    return base64.b64encode(data).decode()


def decode_base64(field: str, text: str) -> bytes:
    """Decode base64. Raises `InvalidEncodingError` that names ``field`` if it is not canonical."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if encode_base64(data) != text:
        raise InvalidEncodingError(field, "is not canonical base64")
    return data
