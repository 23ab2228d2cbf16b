"""The push server's key pair (SPEC 4), and what it does with blobs (SPEC 6)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn, final

import numpy as np

from billboard import _core, elgamal, html
from billboard.batches import Array, Mask, Progress
from billboard.blob import Blob
from billboard.errors import (
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    SecretFileError,
)
from billboard.frames import Frame, FrameBatch, FrameClass
from billboard.groups.ristretto255 import SUITE, Element, Scalar, random_scalar
from billboard.hashing import hash_bytes
from billboard.proofs import schnorr
from billboard.storage import secret_file
from billboard.times import hours, seconds
from billboard.tokens import DeviceToken, Handle

_VERSION = 1
_SCALAR = 32
_PER_ELEMENT = 32 + schnorr.SIGNATURE_SIZE

DEFAULT_LIFETIME = 16 * 86_400
"""Seconds that a blob is valid unless told: 14 days posted ahead, the day itself, and one late."""


@final
class PublicKey:
    """A push server's public key: it encrypts tokens, and re-randomises blobs (SPEC 4.1)."""

    def __init__(self, frame_class: FrameClass, elements: Iterable[Element], proofs: bytes) -> None:
        """Use `from_bytes`, or `SecretKey.generate`."""
        self.frame_class = frame_class
        """The class of this key, and of its blobs."""
        self._encryption = elgamal.EncryptionKey(tuple(elements))
        self._proofs = proofs
        joined = b"".join(map(bytes, self._encryption.public))
        self.key_hash = hash_bytes("key", SUITE, bytes([frame_class]), joined)
        """KEYHASH, 32 bytes (SPEC 4.3)."""

    @classmethod
    def from_bytes(cls, data: bytes) -> PublicKey:
        """Decode (SPEC 4.2).

        Raises `InvalidEncodingError`, or `InvalidSignatureError` for a proof of possession.
        """
        data = bytes(memoryview(data))
        if len(data) < 2:
            raise InvalidEncodingError("public key", f"{len(data)} bytes are too few")
        if data[0] != _VERSION:
            raise InvalidEncodingError("public key", f"version {data[0]} is not known")
        if data[1] not in list(FrameClass):
            raise InvalidEncodingError("public key", f"class {data[1]} is not known")
        n = FrameClass(data[1]).elements
        if len(data) != 2 + _PER_ELEMENT * n:
            expected = 2 + _PER_ELEMENT * n
            raise InvalidEncodingError("public key", f"must be {expected} bytes, not {len(data)}")
        parts = [data[i : i + _PER_ELEMENT] for i in range(2, len(data), _PER_ELEMENT)]
        if len({part[:32] for part in parts}) != n:
            raise InvalidEncodingError("public key", "two of its elements are equal")
        elements = [Element.from_bytes(part[:32], f"X_{j + 1}") for j, part in enumerate(parts)]
        proofs = [part[32:] for part in parts]
        public_key = cls(FrameClass(data[1]), elements, b"".join(proofs))
        for j, (element, proof) in enumerate(zip(elements, proofs, strict=True), start=1):
            schnorr.verify("pop", element, proof, bytes([n]), bytes([j]))
        return public_key

    def __bytes__(self) -> bytes:
        size = schnorr.SIGNATURE_SIZE
        proofs = [self._proofs[i : i + size] for i in range(0, len(self._proofs), size)]
        pairs = zip(self._encryption.public, proofs, strict=True)
        body = b"".join(bytes(element) + proof for element, proof in pairs)
        return bytes([_VERSION, self.frame_class]) + body

    @property
    def key_id(self) -> bytes:
        """16 bytes that name this key (SPEC 4.3)."""
        return self.key_hash[:16]

    def encrypt(
        self,
        token: DeviceToken | Handle,
        *,
        gate: bytes | None = None,
        expires: float | None = None,
        now: float | None = None,
    ) -> Blob:
        """Encrypt a device token, in class H a handle, with a fresh random embedding (SPEC 6.1).

        ``expires`` is in seconds since 1970 and rounded up to the hour; left out, it is
        16 days after ``now`` (the clock if None). ``gate`` is 16 bytes. A device
        encrypts once for each profile and epoch, and rerandomizes for each of its lanes.

        Raises `InvalidEncodingError` if the class of this key does not carry the token: too long a
        one, one in class H, or a handle in another class.
        """
        array = self.encrypt_batch([token], gate=gate, expires=expires, now=now, threads=1)
        return Blob(array.tobytes(), self.frame_class)

    def encrypt_batch(
        self,
        tokens: Iterable[DeviceToken | Handle],
        *,
        gate: bytes | None = None,
        expires: float | None = None,
        now: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Array:
        """Encrypt each token or handle as `encrypt` does: uint8 of shape (items, n + 1, 32).

        ``threads`` and ``progress`` are those of `elgamal.EncryptionKey.encrypt_batch`.
        """
        if expires is None:
            expires = seconds(now) + DEFAULT_LIFETIME
        until = int(-(-seconds(expires) // 3600)) * 3600
        n = self.frame_class.elements
        frames = b"".join(
            Frame(token, until, gate).encode(self.frame_class, self.key_hash) for token in tokens
        )
        data = np.frombuffer(frames, np.uint8).reshape(-1, n, 30)
        messages = _core.embed(data, n, os.urandom(32), threads)
        return self._encryption.encrypt_batch(messages, threads=threads, progress=progress)

    def rerandomize_batch(
        self, array: Array, *, threads: int | None = None, progress: Progress | None = None
    ) -> Array:
        """Fresh blobs of the same frames: uint8 of shape (items, n + 1, 32), a new array.

        Parameters and errors are those of `elgamal.EncryptionKey.encrypt_batch`.
        """
        return self._encryption.rerandomize_batch(array, threads=threads, progress=progress)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash(self.key_hash)

    def __repr__(self) -> str:
        return f"<PublicKey {self.frame_class.name} {self.key_id.hex()}>"

    def _repr_html_(self) -> str:
        rows = {
            "class": self.frame_class.name,
            "key id": self.key_id.hex(),
            "bytes": len(bytes(self)),
            "bytes of a blob": self.frame_class.blob_size,
        }
        return html.table("Public key", rows)

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return PublicKey.from_bytes, (bytes(self),)


@final
class SecretKey:
    """A push server's secret key: it opens blobs (SPEC 4.1).

    The scalars live in the native core and are zeroized when freed. Cannot be pickled or copied;
    `save` writes it to a file.
    """

    def __init__(self, public_key: PublicKey, scalars: bytes) -> None:
        """Use `generate` or `load`."""
        self.public_key = public_key
        """What belongs to this key, to publish."""
        self._core = _core.DecryptionKey(scalars)

    @classmethod
    def generate(cls, frame_class: FrameClass = FrameClass.L) -> SecretKey:
        """A fresh key with its proofs of possession."""
        frame_class = FrameClass(frame_class)
        n = frame_class.elements
        secret = [random_scalar() for _ in range(n)]
        proofs = b"".join(
            schnorr.sign("pop", x, bytes([n]), bytes([j])) for j, x in enumerate(secret, start=1)
        )
        public_key = PublicKey(frame_class, map(Element.mul_generator, secret), proofs)
        return cls(public_key, b"".join(map(bytes, secret)))

    def open(self, blob: Blob, *, now: float | None = None) -> Frame:
        """The frame in ``blob`` if it is valid at ``now`` (seconds since 1970; the clock if None).

        Raises `NotMine` in every other case, and does not say which (SPEC 6.4), and
        `InvalidEncodingError` if ``now`` is not finite.
        """
        if blob.frame_class is not self.public_key.frame_class:
            raise NotMine("the blob is not for this key, or no longer valid")
        frames, opened = self.open_batch(blob.array, now=now, threads=1)
        if not opened[0]:
            raise NotMine("the blob is not for this key, or no longer valid")
        return frames[0]

    def open_batch(
        self,
        array: Array,
        *,
        now: float | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> tuple[FrameBatch, Mask]:
        """Open each row of uint8 (items, n + 1, 32): the frames, and which rows opened.

        Rows that are not canonical, not for this key or no longer valid are masked, never raised.
        """
        frames, opened = self._core.open(
            array, self.public_key.key_hash, hours(now), threads, progress
        )
        return FrameBatch(frames, opened, self.public_key.frame_class), opened

    def save(self, path: str | os.PathLike[str], passphrase: str | None = None) -> None:
        """Write a new file of mode 0600 (SPEC 11), encrypted if there is a passphrase.

        Raises `SecretFileError`, also if the file exists.
        """
        payload = bytes(self.public_key) + self._core.secret_bytes()
        secret_file.save(Path(path), secret_file.Kind.SECRET_KEY, payload, passphrase)

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: str | None = None) -> SecretKey:
        """Read a file that `save` wrote. Raises `SecretFileError`."""
        return cls._from_payload(
            secret_file.load(Path(path), secret_file.Kind.SECRET_KEY, passphrase)
        )

    @classmethod
    def from_file_bytes(cls, data: bytes, passphrase: str | None = None) -> SecretKey:
        """Read the bytes of such a file, wherever they are kept. Raises `SecretFileError`."""
        return cls._from_payload(secret_file.decode(data, secret_file.Kind.SECRET_KEY, passphrase))

    @classmethod
    def _from_payload(cls, payload: bytes) -> SecretKey:
        n = len(payload) // (_PER_ELEMENT + _SCALAR)
        split = len(payload) - _SCALAR * n
        try:
            public_key = PublicKey.from_bytes(payload[:split])
            encodings = [payload[i : i + _SCALAR] for i in range(split, len(payload), _SCALAR)]
            secret = [Scalar.from_bytes(encoding, "x") for encoding in encodings]
            matches = tuple(map(Element.mul_generator, secret)) == public_key._encryption.public
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise SecretFileError(f"the key in it is malformed: {error}") from None
        if not matches:
            raise SecretFileError("the secret and the public key in it do not match")
        return cls(public_key, payload[split:])

    def __repr__(self) -> str:
        return f"<SecretKey {self.public_key.frame_class.name} {self.public_key.key_id.hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey cannot be pickled or copied: use save")
