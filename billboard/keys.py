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
"""Seconds that a blob is valid by default: 14 days of posting ahead, its own day, one day late."""


@final
class PublicKey:
    """A push server's public key, which encrypts tokens and re-randomises blobs (SPEC 4.1)."""

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
        """Decode a public key (SPEC 4.2).

        Raises `InvalidEncodingError`, and `InvalidSignatureError` if a proof of possession does not
        verify.
        """
        data = bytes(memoryview(data))
        if len(data) < 2:
            raise InvalidEncodingError("public key", f"{len(data)} bytes are too few")
        if data[0] != _VERSION:
            problem = f"begins with {data[0]}, not with version {_VERSION}: is it a public key?"
            raise InvalidEncodingError("public key", problem)
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
        """The 16 bytes that name this key (SPEC 4.3)."""
        return self.key_hash[:16]

    def encrypt(
        self,
        token: DeviceToken | Handle,
        *,
        gate: bytes | None = None,
        expires: float | None = None,
        now: float | None = None,
    ) -> Blob:
        """Encrypt a device token, or in class H a handle, with a fresh random embedding (SPEC 6.1).

        ``expires`` is in seconds since 1970, and is rounded up to the hour; if left out, it is 16
        days after ``now`` (the clock if None). ``gate`` is 16 bytes. A device must encrypt once for
        each profile and epoch, and rerandomize the result for each lane (SPEC 6.1).

        Raises `InvalidEncodingError` if the token is too long for the class of this key, and for a
        token in class H or a handle in another class.
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
        """Encrypt each token or handle as `encrypt` does, to uint8 of shape (items, n + 1, 32).

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
        """Return a fresh blob of the same frame for each row, a new array.

        Both arrays are uint8 of shape (items, n + 1, 32). Parameters and errors are those of
        `elgamal.EncryptionKey.rerandomize_batch`.
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
    """A push server's secret key, which opens blobs (SPEC 4.1).

    The scalars live in the native core and are zeroized when freed. A key cannot be pickled or
    copied; `save` writes it to a file.
    """

    def __init__(self, public_key: PublicKey, scalars: bytes) -> None:
        """Use `generate` or `load`."""
        self.public_key = public_key
        """The public key of this key pair, to publish."""
        self._core = _core.DecryptionKey(scalars)

    @classmethod
    def generate(cls, frame_class: FrameClass = FrameClass.L) -> SecretKey:
        """Make a fresh key with its proofs of possession (SPEC 4.1)."""
        frame_class = FrameClass(frame_class)
        n = frame_class.elements
        secret = [random_scalar() for _ in range(n)]
        proofs = b"".join(
            schnorr.sign("pop", x, bytes([n]), bytes([j])) for j, x in enumerate(secret, start=1)
        )
        public_key = PublicKey(frame_class, map(Element.mul_generator, secret), proofs)
        return cls(public_key, b"".join(map(bytes, secret)))

    def open(self, blob: Blob, *, now: float | None = None) -> Frame:
        """Return the frame in ``blob`` if it is valid at ``now``.

        ``now`` is in seconds since 1970; the clock if None. Raises `NotMine` in every other case,
        and does not say which (SPEC 6.4). Raises `InvalidEncodingError` if ``now`` is not finite.
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
        """Open each row of ``array``, and return the frames and which rows opened.

        ``array`` is uint8 of shape (items, n + 1, 32), the mask bool of shape (items,). A row that
        is not canonical, not for this key or no longer valid is False in the mask; it raises no
        error. ``now`` is as for `open`, ``threads`` and ``progress`` as for
        `elgamal.EncryptionKey.encrypt_batch`.
        """
        frames, opened = self._core.open(
            array, self.public_key.key_hash, hours(now), threads, progress
        )
        return FrameBatch(frames, opened, self.public_key.frame_class), opened

    def save(self, path: str | os.PathLike[str], passphrase: str | None = None) -> None:
        """Write a new file of mode 0600 (SPEC 11), encrypted if there is a passphrase.

        Raises `SecretFileError`, for example if the file exists.
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
        """Decode the bytes of a file that `save` wrote. Raises `SecretFileError`."""
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
            raise SecretFileError(f"the secret key file holds a malformed key: {error}") from None
        if not matches:
            raise SecretFileError("the secret key file holds a secret and a public key of two keys")
        return cls(public_key, payload[split:])

    def __repr__(self) -> str:
        return f"<SecretKey {self.public_key.frame_class.name} {self.public_key.key_id.hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey cannot be pickled or copied: use save")
