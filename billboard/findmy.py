"""Apple's Find My, exactly: the keys of an accessory and its location reports (SPEC 14).

For researchers who hold the secrets of an accessory. A report proves nothing: whoever has seen the
public key can make one of any place, and whoever passes it on can change its time and confidence.

OpenSSL does the curve operations. A private key is derived with Python integers, which is not
constant time.
"""

from __future__ import annotations

import hashlib
import operator
import struct
from dataclasses import dataclass, field
from typing import NoReturn, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF

from billboard.errors import EpochError, InvalidEncodingError, NotMine

__all__ = ["LAST_INDEX", "REPORT_SIZE", "Key", "KeySchedule", "Report"]

_CURVE = ec.SECP224R1()
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D
_COORDINATE = 28
_POINT = 1 + 2 * _COORDINATE
_SYMMETRIC = 32
_WIDE = 36  # bytes that are reduced to u_i or v_i

_START_OF_2001 = 978_307_200
_UNIT = 10_000_000  # of a degree
_HEAD = struct.Struct(">IB")
_PLACE = struct.Struct(">iiBB")
_TAG = 16

LAST_INDEX = 1 << 20
"""The last index of a schedule (SPEC 14.1)."""

REPORT_SIZE = _HEAD.size + _POINT + _PLACE.size + _TAG
"""Bytes of a report: 88 (SPEC 14.2)."""


@final
@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Key:
    """The key of an accessory at one index of its schedule. Cannot be pickled or copied."""

    private_key: bytes
    """d_i, 28 bytes. Opens the reports."""
    public_x: bytes
    """The x-coordinate of the public key, 28 bytes, which the accessory broadcasts."""
    symmetric_key: bytes
    """SK_i, 32 bytes. With ``private_key`` it gives d_0, and so every key."""

    @property
    def identifier(self) -> bytes:
        """The 32 bytes under which Apple stores the reports: SHA-256 of ``public_x``."""
        return hashlib.sha256(self.public_x).digest()

    def __repr__(self) -> str:
        return f"<findmy.Key {self.identifier.hex()[:16]}..>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a findmy.Key cannot be pickled or copied: derive it again")


@final
class KeySchedule:
    """The keys of an accessory, one after the other (SPEC 14.1). Cannot be pickled or copied."""

    def __init__(self, private_key: bytes, symmetric_key: bytes) -> None:
        """Start at index 0, with d_0 (28 bytes) and SK_0 (32 bytes).

        An accessory has two schedules with the same d_0. In the primary one SK_0 is SKN, and the
        index grows every 15 minutes; in the secondary one SK_0 is SKS, and it grows every day.
        Raises `InvalidEncodingError`.
        """
        self._first = _exactly("symmetric key", symmetric_key, _SYMMETRIC)
        self._secret = _scalar("private key", private_key)
        self._position = 0, self._first

    def at(self, i: int) -> Key:
        """Return the key at index ``i``, from 0 to 2^20.

        To go on from the last index that was asked for is fast; to go back starts again at 0.
        Raises `EpochError` for another index, or if the index has no usable key.
        """
        key = self._symmetric_key(i)
        wide = _kdf(key, b"diversify", 2 * _WIDE)
        halves = wide[:_WIDE], wide[_WIDE:]
        u, v = (int.from_bytes(half, "big") % (_ORDER - 1) + 1 for half in halves)
        secret = (u * self._secret + v) % _ORDER
        if not secret:  # with probability 2^-224
            raise EpochError(f"index {i} has no usable key: take the next index")
        private_key = secret.to_bytes(_COORDINATE, "big")
        public = ec.derive_private_key(secret, _CURVE).public_key().public_numbers()
        return Key(private_key, public.x.to_bytes(_COORDINATE, "big"), key)

    def _symmetric_key(self, i: int) -> bytes:
        index = _whole(i)
        if index is None or not 0 <= index <= LAST_INDEX:
            raise EpochError("the index must be a whole number from 0 to 2^20")
        # Threads may race for the position, but each reads and writes the pair as one object, so
        # index and key always belong together.
        reached, key = self._position
        if index < reached:
            reached, key = 0, self._first
        for _ in range(index - reached):
            key = _kdf(key, b"update", _SYMMETRIC)
        self._position = index, key
        return key

    def __repr__(self) -> str:
        return "<findmy.KeySchedule>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a findmy.KeySchedule cannot be pickled or copied")


@dataclass(frozen=True)
class Report:
    """Where a finder saw an accessory (SPEC 14.2).

    ``time`` is in seconds since 1970, from 2001 to 2137, and is encoded in whole seconds.
    ``latitude`` and ``longitude`` are in degrees, and are encoded in units of 10^-7. ``accuracy``
    is in metres. ``accuracy``, ``status`` and ``confidence`` are from 0 to 255. A report that was
    decrypted encrypts to the same fields again.

    Raises `InvalidEncodingError` for a value out of these ranges.
    """

    time: float
    latitude: float = field(repr=False)
    longitude: float = field(repr=False)
    accuracy: int
    status: int
    confidence: int

    def __post_init__(self) -> None:
        if not _START_OF_2001 <= self.time < _START_OF_2001 + (1 << 32):
            raise InvalidEncodingError("time", "must be within 2^32 seconds from 2001 on")
        if not -90 <= self.latitude <= 90:
            raise InvalidEncodingError("latitude", "must be from -90 to 90 degrees")
        if not -180 <= self.longitude <= 180:
            raise InvalidEncodingError("longitude", "must be from -180 to 180 degrees")
        for name in ("accuracy", "status", "confidence"):
            value = _whole(getattr(self, name))
            if value is None or not 0 <= value <= 255:
                raise InvalidEncodingError(name, "must be a whole number from 0 to 255")
            object.__setattr__(self, name, value)

    def encrypt(self, public_x: bytes, *, ephemeral: bytes | None = None) -> bytes:
        """Return the 88 bytes that a finder who sees ``public_x`` sends.

        ``ephemeral`` is e, a secret of 28 bytes for this one report; it is random if left out.
        Raises `InvalidEncodingError`.
        """
        x = _exactly("public key", public_x, _COORDINATE)
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, b"\x02" + x)
        except ValueError:
            problem = "is not the x-coordinate of a point of P-224"
            raise InvalidEncodingError("public key", problem) from None
        if ephemeral is None:
            secret = ec.generate_private_key(_CURVE)
        else:
            secret = _private_key("ephemeral secret", ephemeral)
        numbers = secret.public_key().public_numbers()
        point = b"\x04" + b"".join(n.to_bytes(_COORDINATE, "big") for n in (numbers.x, numbers.y))
        aead, iv = _aead(secret, public, point)
        degrees = (round(float(each) * _UNIT) for each in (self.latitude, self.longitude))
        box = aead.encrypt(iv, _PLACE.pack(*degrees, self.accuracy, self.status), None)
        return _HEAD.pack(int(self.time) - _START_OF_2001, self.confidence) + point + box

    @classmethod
    def decrypt(cls, data: bytes, private_key: bytes) -> Report:
        """Open a report of 88 or 89 bytes with `Key.private_key`.

        Raises `NotMine` if it is for another key or was changed, and `InvalidEncodingError` if it
        is malformed.
        """
        secret = _private_key("private key", private_key)
        data = bytes(memoryview(data))
        if len(data) == REPORT_SIZE + 1:
            data = data[:4] + data[5:]
        if len(data) != REPORT_SIZE:
            raise InvalidEncodingError("report", f"must be 88 or 89 bytes, not {len(data)}")
        seconds, confidence = _HEAD.unpack_from(data)
        point, box = data[_HEAD.size : _HEAD.size + _POINT], data[_HEAD.size + _POINT :]
        aead, iv = _aead(secret, _uncompressed(point), point)
        try:
            latitude, longitude, accuracy, status = _PLACE.unpack(aead.decrypt(iv, box, None))
        except InvalidTag:
            raise NotMine("the report is not for this key") from None
        return cls(
            time=_START_OF_2001 + seconds,
            latitude=latitude / _UNIT,
            longitude=longitude / _UNIT,
            accuracy=accuracy,
            status=status,
            confidence=confidence,
        )


def _whole(number: object) -> int | None:
    """Return a whole number of Python or NumPy as an int; None for anything else."""
    try:
        return operator.index(number)  # type: ignore[arg-type]
    except TypeError:
        return None


def _kdf(secret: bytes, shared_info: bytes, length: int) -> bytes:
    """Derive ``length`` bytes by the ANSI X9.63 KDF with SHA-256 (SPEC 14)."""
    return X963KDF(hashes.SHA256(), length, shared_info).derive(secret)


def _aead(
    secret: ec.EllipticCurvePrivateKey, public: ec.EllipticCurvePublicKey, point: bytes
) -> tuple[AESGCM, bytes]:
    """Return the cipher of a report whose E is ``point``, and its IV (SPEC 14.2)."""
    derived = _kdf(secret.exchange(ec.ECDH(), public), point, 32)
    return AESGCM(derived[:16]), derived[16:]


def _uncompressed(point: bytes) -> ec.EllipticCurvePublicKey:
    if point[0] != 4:
        raise InvalidEncodingError("E", "is not an uncompressed point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    except ValueError:
        raise InvalidEncodingError("E", "is not a point of the curve") from None


def _private_key(name: str, data: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_scalar(name, data), _CURVE)


def _scalar(name: str, data: bytes) -> int:
    scalar = int.from_bytes(_exactly(name, data, _COORDINATE), "big")
    if not 0 < scalar < _ORDER:
        raise InvalidEncodingError(name, "must be from 1 to the order of P-224 less 1")
    return scalar


def _exactly(name: str, data: bytes, length: int) -> bytes:
    data = bytes(memoryview(data))
    if len(data) != length:
        raise InvalidEncodingError(name, f"must be {length} bytes, not {len(data)}")
    return data
