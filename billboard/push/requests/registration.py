"""Registrations, which say what token a handle stands for, in class H (SPEC 10.6)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from billboard.errors import InvalidEncodingError, InvalidSignatureError
from billboard.frames import FrameClass
from billboard.hashing import LABEL as PREFIX, encode_tuple, hash_bytes
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.request_key import OVERHEAD
from billboard.times import seconds
from billboard.tlog.note import NoteKey
from billboard.tokens import HANDLE_SIZE, DeviceToken, Handle, Platform

LABEL = "registration"
"""The label under which registrations are sealed and signed."""

LONGEST_TOKEN = FrameClass.XL.longest_token
"""The longest token that a handle can stand for, in bytes: 1,098."""

_VERSION = 1
_KEY, _SIGNATURE = 32, 64
_FIELDS = 1 + _KEY + 8 + 1 + 2 + 2
_SIGNED = _FIELDS + LONGEST_TOKEN

_PRIME = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
_SMALL_ORDER = {0, 1, _PRIME - 1, _PRIME, _PRIME + 1, _ORDER_8, _PRIME - _ORDER_8}
"""The y-coordinates of the Ed25519 points of small order, in all encodings that OpenSSL accepts.
Anybody can sign for such a key."""

REGISTRATION_SIZE = OVERHEAD + _SIGNED + _SIGNATURE
"""Bytes of a sealed registration: 2,353."""


@final
class HandleKey:
    """The key of a handle, for one user of a device in class H, from a ``seed`` of 32 bytes.

    Whoever has it, and nobody else, can say which token its `handle` stands for. Keep the seed.
    Raises `InvalidEncodingError` for a seed of another size.
    """

    def __init__(self, seed: bytes) -> None:
        if len(seed) != _KEY:
            raise InvalidEncodingError("handle key", f"its seed must have {_KEY} bytes")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._private.public_key().public_bytes_raw()
        self.handle = _handle_of(self._public)
        """The handle, for `PublicKey.encrypt`."""

    @classmethod
    def generate(cls) -> HandleKey:
        """Make a key of a random seed that cannot be read out, for tests and for a single run."""
        return cls(os.urandom(_KEY))

    def register(
        self, token: DeviceToken, descriptor: ServerDescriptor, *, now: float | None = None
    ) -> bytes:
        """Say that the handle stands for ``token`` from ``now`` on. Returns 2,353 sealed bytes.

        ``now`` is in seconds since 1970 (the clock if None). Raises `InvalidEncodingError` if the
        token is longer than 1,098 bytes, `UnsupportedError` if the descriptor is too old.
        """
        if len(token.value) > LONGEST_TOKEN:
            raise InvalidEncodingError("token", f"must be at most {LONGEST_TOKEN} bytes")
        fields = bytes([token.platform]) + token.app.to_bytes(2, "big")
        return self._seal(
            fields + len(token.value).to_bytes(2, "big") + token.value, descriptor, now
        )

    def unregister(self, descriptor: ServerDescriptor, *, now: float | None = None) -> bytes:
        """Say that the handle stands for nothing from ``now`` on; otherwise as `register`."""
        return self._seal(bytes(5), descriptor, now)

    def _seal(self, what: bytes, descriptor: ServerDescriptor, now: float | None) -> bytes:
        time = int(seconds(now) * 1000).to_bytes(8, "big")
        frame_class, server = descriptor.frame_class, descriptor.server
        signed = (bytes([_VERSION]) + self._public + time + what).ljust(_SIGNED, b"\0")
        plaintext = signed + self._private.sign(_message(frame_class, server, signed))
        return descriptor.request_key(now).seal(LABEL, server, frame_class, plaintext)

    def __repr__(self) -> str:
        return "<HandleKey>"


@final
@dataclass(frozen=True)
class Registration:
    """The statement that ``handle`` stands for ``token``, or for nothing if that is None.

    It holds since ``time``, in milliseconds since 1970.
    """

    handle: Handle
    time: int
    token: DeviceToken | None = field(repr=False)

    @classmethod
    def from_plaintext(
        cls, plaintext: bytes, server: NoteKey, frame_class: FrameClass
    ) -> Registration:
        """Parse what ``server`` has opened, and verify its signature.

        Raises `InvalidEncodingError` or `InvalidSignatureError`.
        """
        if len(plaintext) != _SIGNED + _SIGNATURE or plaintext[0] != _VERSION:
            raise InvalidEncodingError("registration", "its size or version is not known here")
        signed, public = plaintext[:_SIGNED], plaintext[1 : 1 + _KEY]
        if int.from_bytes(public, "little") % 2**255 in _SMALL_ORDER:
            raise InvalidSignatureError("the handle key of the registration is of small order")
        try:
            key = Ed25519PublicKey.from_public_bytes(public)
            key.verify(plaintext[_SIGNED:], _message(frame_class, server, signed))
        except (InvalidSignature, ValueError):
            raise InvalidSignatureError(
                "the registration is not signed by its handle key"
            ) from None
        time = int.from_bytes(signed[1 + _KEY : 9 + _KEY], "big")
        return cls(_handle_of(public), time, _token(signed[9 + _KEY :]))


def _token(data: bytes) -> DeviceToken | None:
    """Parse the platform, app and token of a registration; None if it is to unregister."""
    platform, app, length = (
        data[0],
        int.from_bytes(data[1:3], "big"),
        int.from_bytes(data[3:5], "big"),
    )
    if length > LONGEST_TOKEN or any(data[5 + length :]):
        raise InvalidEncodingError(
            "registration", "the length of its token is out of range, or its padding is not 0"
        )
    if not any(data[:5]):
        return None
    if platform not in list(Platform):
        raise InvalidEncodingError("registration", "its platform is not known here")
    return DeviceToken(Platform(platform), data[5 : 5 + length], app)


def _handle_of(public: bytes) -> Handle:
    return Handle(hash_bytes("handle", public)[:HANDLE_SIZE])


def _message(frame_class: FrameClass, server: NoteKey, signed: bytes) -> bytes:
    return encode_tuple(PREFIX + LABEL.encode(), bytes([frame_class]), server.public, signed)
