"""Request keys, to which senders seal requests to a push server (SPEC 10.2)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from billboard.errors import InvalidEncodingError, NotMine, SecretFileError
from billboard.frames import FrameClass
from billboard.hashing import LABEL, encode_tuple, hash_bytes
from billboard.storage import secret_file
from billboard.times import MAX_UINT32
from billboard.tlog.note import NoteKey

PUBLIC_SIZE = 1216
"""Bytes of a public request key: 1,184 of ML-KEM-768 and 32 of X25519."""

KEY_ID_SIZE = 8
"""Bytes of a request key id."""

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_VERSION = 1
_MLKEM_PUBLIC, _MLKEM_SEED = 1184, 64
_SEED = 32
_HEADER = 1 + KEY_ID_SIZE
_ANY = X25519PrivateKey.from_private_bytes(bytes(32))
"""A multiple by this scalar is the identity only for points of small order. It is no secret."""

OVERHEAD = _HEADER + 1120 + 16
"""Bytes that sealing adds: version, key id, encapsulation and tag."""


@final
@dataclass(frozen=True)
class RequestKey:
    """A public key for requests, from hour ``start`` up to, not including, hour ``end`` since 1970.

    ``public`` is 1,216 bytes. Raises `InvalidEncodingError`, also if its point of X25519 is of
    small order: nothing could be sealed to it (RFC 7748, section 6.1).
    """

    start: int
    end: int
    public: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_hours(self.start, self.end)
        _public_key(self.public)
        try:
            _ANY.exchange(X25519PublicKey.from_public_bytes(self.public[_MLKEM_PUBLIC:]))
        except ValueError:
            raise InvalidEncodingError("request key", "its X25519 key is of small order") from None

    def id(self, server: NoteKey) -> bytes:
        """Return the 8 bytes by which ``server`` knows this key."""
        return hash_bytes("request-key", server.public, self.public)[:KEY_ID_SIZE]

    def seal(self, label: str, server: NoteKey, frame_class: FrameClass, plaintext: bytes) -> bytes:
        """Encrypt ``plaintext`` to the holder of the secret key. It becomes 1,145 bytes longer."""
        key_id = self.id(server)
        info = _info(label, server, frame_class, key_id)
        box = _SUITE.encrypt(plaintext, _public_key(self.public), info)
        return bytes([_VERSION]) + key_id + box


@final
class RequestSecret:
    """The secret key of a `RequestKey`, from an X-Wing ``seed`` of 32 bytes.

    Raises `InvalidEncodingError` if the hours or the seed are out of range.
    """

    def __init__(self, start: int, end: int, seed: bytes) -> None:
        check_hours(start, end)
        if len(seed) != _SEED:
            raise InvalidEncodingError("request key", f"its seed must have {_SEED} bytes")
        self._seed = seed
        expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:])
        self._private = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        self.key = RequestKey(start, end, public)
        """The public key."""

    @classmethod
    def generate(cls, start: int, end: int) -> RequestSecret:
        """Make a random key for the hours from ``start`` up to, not including, ``end``."""
        return cls(start, end, os.urandom(_SEED))

    def open(self, label: str, server: NoteKey, frame_class: FrameClass, sealed: bytes) -> bytes:
        """Decrypt what `RequestKey.seal` sealed with the same arguments. Raises `NotMine`."""
        info = _info(label, server, frame_class, self.key.id(server))
        try:
            return _SUITE.decrypt(sealed[_HEADER:], self._private, info)
        except (InvalidTag, ValueError):
            raise NotMine("not sealed to this request key") from None

    def save(self, path: Path, passphrase: str | None) -> None:
        """Write the secret file (SPEC 11). Raises `SecretFileError`."""
        hours = self.key.start.to_bytes(4, "big") + self.key.end.to_bytes(4, "big")
        secret_file.save(path, secret_file.Kind.REQUEST_KEY, hours + self._seed, passphrase)

    @classmethod
    def load(cls, path: Path, passphrase: str | None) -> RequestSecret:
        """Read the secret file. Raises `SecretFileError`."""
        payload = secret_file.load(path, secret_file.Kind.REQUEST_KEY, passphrase)
        start, end = (int.from_bytes(payload[i : i + 4], "big") for i in (0, 4))
        try:
            return cls(start, end, payload[8:])
        except InvalidEncodingError:
            problem = "the request key in it is damaged: delete the file, the server makes another"
            raise SecretFileError(f"{path}: {problem}") from None

    def __repr__(self) -> str:
        return f"<RequestSecret {self.key.start} to {self.key.end}>"


def key_id_of(sealed: bytes, size: int) -> bytes:
    """Return the request key id in ``sealed``.

    Raises `InvalidEncodingError` unless that has ``size`` bytes and a known version.
    """
    if len(sealed) != size:
        raise InvalidEncodingError("request", f"must be {size} bytes, not {len(sealed)}")
    if sealed[0] != _VERSION:
        raise InvalidEncodingError("request", f"version {sealed[0]} is not known here")
    return sealed[1:_HEADER]


def check_hours(start: int, end: int) -> None:
    """Raise `InvalidEncodingError` unless these hours since 1970 are in order and in range."""
    if not 0 <= start < end <= MAX_UINT32:
        raise InvalidEncodingError("request key", "its hours are not in order, or out of range")


def _public_key(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(public) != PUBLIC_SIZE:
        raise InvalidEncodingError("request key", f"must have {PUBLIC_SIZE} bytes")
    try:
        return hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
        )
    except ValueError:
        raise InvalidEncodingError("request key", "its ML-KEM-768 key is not valid") from None


def _info(label: str, server: NoteKey, frame_class: FrameClass, key_id: bytes) -> bytes:
    return encode_tuple(LABEL + label.encode(), bytes([frame_class]), server.public, key_id)
