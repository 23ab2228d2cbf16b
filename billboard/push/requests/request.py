"""Requests to a push server: to wake a device, or to refuse a gate (SPEC 10.2, 10.5)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import final

from billboard.blob import Blob
from billboard.errors import InvalidEncodingError, NotMine
from billboard.frames import GATE_SIZE, FrameClass
from billboard.hashing import hash_bytes
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.request_key import OVERHEAD
from billboard.times import MAX_UINT32

LABEL = "request"
"""The label under which requests are sealed."""

KAPPA_SIZE = 32
"""Bytes of a kappa."""

LONGEST_REVOCATION = 9600
"""Hours for which a push server refuses a gate at most. It drops frames that expire later."""

_PUSH, _REVOCATION = 1, 2
_KEY_ID = 16


def new_kappa() -> bytes:
    """Return 32 random bytes, the secret behind a gate."""
    return os.urandom(KAPPA_SIZE)


def gate_of(kappa: bytes) -> bytes:
    """Return the gate (16 bytes, see `Frame`) of ``kappa`` (32 bytes).

    Whoever shows kappa to the push server can have the gate refused. Raises `InvalidEncodingError`
    for a kappa of another size.
    """
    if len(kappa) != KAPPA_SIZE:
        raise InvalidEncodingError("kappa", f"must be {KAPPA_SIZE} bytes, not {len(kappa)}")
    return hash_bytes("gate", kappa)[:GATE_SIZE]


@final
@dataclass(frozen=True)
class PushRequest:
    """A request to wake the device whose token is in ``blob``, encrypted to the key ``key_id``.

    The blob is encoded, and may be malformed: see `Blob.from_bytes`.
    """

    key_id: bytes
    blob: bytes = field(repr=False)

    @classmethod
    def of(cls, key_id: bytes, blob: Blob) -> PushRequest:
        """Make a request with ``blob``, which must be re-randomised since it was fetched."""
        return cls(key_id, bytes(blob))


@final
@dataclass(frozen=True)
class Revocation:
    """A request to refuse the gate of ``kappa`` until the hour ``until`` since 1970.

    Raises `InvalidEncodingError` if one of them is out of range.
    """

    kappa: bytes = field(repr=False)
    until: int

    def __post_init__(self) -> None:
        gate_of(self.kappa)
        if not 0 <= self.until <= MAX_UINT32:
            raise InvalidEncodingError("until", f"{self.until} is not an hour since 1970")


def request_size(frame_class: FrameClass) -> int:
    """Return the bytes of a request, whatever it asks for: 1,450 in class L."""
    return OVERHEAD + _plaintext_size(frame_class)


def seal(
    request: PushRequest | Revocation, descriptor: ServerDescriptor, *, now: float | None = None
) -> bytes:
    """Seal a request for the server of ``descriptor``.

    ``now`` is in seconds since 1970 (the clock if None). To repeat a request, send the same bytes
    again. Raises `InvalidEncodingError` if the blob is of another class, `UnsupportedError` if the
    descriptor has no request key for this time.
    """
    frame_class = descriptor.frame_class
    if isinstance(request, PushRequest):
        if len(request.key_id) != _KEY_ID or len(request.blob) != frame_class.blob_size:
            raise InvalidEncodingError(
                "request", f"its blob is not one of class {frame_class.name}"
            )
        plaintext = bytes([_PUSH]) + request.key_id + request.blob
    else:
        plaintext = bytes([_REVOCATION]) + request.kappa + request.until.to_bytes(4, "big")
    padded = plaintext.ljust(_plaintext_size(frame_class), b"\0")
    key = descriptor.request_key(now)
    return key.seal(LABEL, descriptor.server, frame_class, padded)


def open_plaintext(plaintext: bytes, frame_class: FrameClass) -> PushRequest | Revocation:
    """Parse the plaintext of a request. Raises `NotMine` if it is not one of SPEC 10.2."""
    if len(plaintext) == _plaintext_size(frame_class):
        if plaintext[0] == _PUSH:
            return PushRequest(plaintext[1 : 1 + _KEY_ID], plaintext[1 + _KEY_ID :])
        end = 1 + KAPPA_SIZE + 4
        if plaintext[0] == _REVOCATION and not any(plaintext[end:]):
            until = int.from_bytes(plaintext[end - 4 : end], "big")
            return Revocation(plaintext[1 : end - 4], until)
    raise NotMine("not a request of SPEC 10.2")


def _plaintext_size(frame_class: FrameClass) -> int:
    return 1 + _KEY_ID + FrameClass(frame_class).blob_size
