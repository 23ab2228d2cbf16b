"""Sealed posts, the entries of a board (SPEC 8)."""

from __future__ import annotations

import dataclasses
import functools
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from billboard import html
from billboard.batches import Mask
from billboard.blob import Blob
from billboard.errors import InvalidEncodingError, WithdrawnError
from billboard.frames import FrameClass
from billboard.groups.ristretto255 import Element, Scalar, random_scalar
from billboard.hashing import encode_tuple, expand, hash_bytes
from billboard.proofs import schnorr
from billboard.times import MAX_UINT32

_VERSION = 1
_KEY_ID, _DESCRIPTOR = 16, 32
_HEADER = 105
_AEAD_TAG = 16
_NONCE = bytes(12)  # each key encrypts once (SPEC 2)

NO_DESCRIPTOR = bytes(_DESCRIPTOR)
"""The descriptor field of an envelope that names no push server (SPEC 8.1)."""

FIRST_SEQ_LIMIT = 2**31
"""The seq of a first post is below this, so that there is room for reposts (SPEC 8.2)."""


def box_size(frame_class: FrameClass) -> int:
    """Return the size of a sealed envelope in bytes."""
    return _KEY_ID + _DESCRIPTOR + FrameClass(frame_class).blob_size + _AEAD_TAG


def post_size(frame_class: FrameClass) -> int:
    """Return the size of a post in bytes: 329, 361, 521 or 1481 in class H, S, L or XL."""
    return _HEADER + box_size(frame_class) + schnorr.SIGNATURE_SIZE


_CLASSES = {box_size(frame_class): frame_class for frame_class in FrameClass}
_POST_SIZES = tuple(map(post_size, FrameClass))

_SIZES = {
    "public": (32,),
    "salt": (32,),
    "box": tuple(_CLASSES),
    "signature": (schnorr.SIGNATURE_SIZE,),
}
"""The sizes in bytes that each part of a post may have."""


def dtype(frame_class: FrameClass) -> np.dtype[np.void]:
    """Return the fields of a post as a NumPy record (SPEC 8.2).

    ``np.frombuffer(b"".join(map(bytes, found)), posts.dtype(frame_class))`` turns the posts
    ``found`` into an array of records.
    """
    return np.dtype(
        [
            ("identifier", "u1", 32),
            ("version", "u1"),
            ("epoch", ">u4"),
            ("seq", ">u4"),
            ("public", "u1", 32),
            ("salt", "u1", 32),
            ("box", "u1", box_size(frame_class)),
            ("signature", "u1", schnorr.SIGNATURE_SIZE),
        ]
    )


def identifier_of(public: bytes) -> bytes:
    """Return the identifier that belongs to an encoded P (SPEC 7.2)."""
    return hash_bytes("lane/id", public)


@dataclass(frozen=True, repr=False)
class Envelope:
    """The content of a post: a blob, and which push server can open it (SPEC 8.1).

    ``key_id`` (16 bytes) names the server's `PublicKey`. ``descriptor`` (32 bytes) is the server
    id, or all zero where readers know the server otherwise. Raises `InvalidEncodingError`.
    """

    blob: Blob
    key_id: bytes
    descriptor: bytes = NO_DESCRIPTOR

    def __post_init__(self) -> None:
        if len(self.key_id) != _KEY_ID:
            raise InvalidEncodingError("key id", f"must be 16 bytes, not {len(self.key_id)}")
        if len(self.descriptor) != _DESCRIPTOR:
            problem = f"must be 32 bytes, not {len(self.descriptor)}"
            raise InvalidEncodingError("descriptor", problem)

    def __bytes__(self) -> bytes:
        return self.key_id + self.descriptor + bytes(self.blob)

    @classmethod
    def from_bytes(cls, data: bytes) -> Envelope:
        """Decode an envelope (SPEC 8.1). Raises `InvalidEncodingError`."""
        data, split = bytes(memoryview(data)), _KEY_ID + _DESCRIPTOR
        blob = Blob.from_bytes(data[split:])
        return cls(blob, data[:_KEY_ID], data[_KEY_ID:split])

    def __repr__(self) -> str:
        return f"<Envelope for {self.key_id.hex()}>"


@final
@dataclass(frozen=True, repr=False)
class Post:
    """A sealed post (SPEC 8.2).

    `from_bytes` checks everything that makes a post well-formed except its signature: call
    `verify` for that. Raises `InvalidEncodingError` if a part has a size or value that no post can
    have.
    """

    epoch: int
    seq: int
    public: bytes
    salt: bytes
    box: bytes
    signature: bytes

    def __post_init__(self) -> None:
        _check_numbers(self.epoch, self.seq)
        for name, sizes in _SIZES.items():
            if (size := len(getattr(self, name))) not in sizes:
                listed = " or ".join(map(str, sizes))
                raise InvalidEncodingError(name, f"must be {listed} bytes, not {size}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Post:
        """Decode a post (SPEC 8.2). Raises `InvalidEncodingError`."""
        data = bytes(memoryview(data))
        if len(data) not in _POST_SIZES:
            sizes = ", ".join(map(str, _POST_SIZES))
            raise InvalidEncodingError("post", f"must be one of {sizes} bytes, not {len(data)}")
        if data[32] != _VERSION:
            raise InvalidEncodingError("post", f"version {data[32]} is not known")
        post = cls(
            epoch=int.from_bytes(data[33:37], "big"),
            seq=int.from_bytes(data[37:41], "big"),
            public=data[41:73],
            salt=data[73:_HEADER],
            box=data[_HEADER : -schnorr.SIGNATURE_SIZE],
            signature=data[-schnorr.SIGNATURE_SIZE :],
        )
        if post._element.is_identity:
            raise InvalidEncodingError("P", "is the identity")
        if data[:32] != post.identifier:
            raise InvalidEncodingError("identifier", "does not belong to P")
        return post

    @functools.cached_property
    def identifier(self) -> bytes:
        """The 32 bytes under which the post is found: a hash of P."""
        return identifier_of(self.public)

    @functools.cached_property
    def _element(self) -> Element:
        return Element.from_bytes(self.public, "P")

    @property
    def frame_class(self) -> FrameClass:
        """The class of the board that this post is for."""
        return _CLASSES[len(self.box)]

    @property
    def header(self) -> bytes:
        """All bytes before the box; they are part of its associated data (SPEC 8.2)."""
        numbers = _encode_numbers(self.epoch, self.seq)
        return self.identifier + numbers + self.public + self.salt

    def verify(self, origin: str) -> None:
        """Raise `InvalidSignatureError` unless the signature is valid for the board ``origin``."""
        schnorr.verify("post", self._element, self.signature, *self._signed(origin))

    def open(self, origin: str, slot_key: bytes) -> Envelope:
        """Return the envelope, with the key of this post's slot (SPEC 8.3).

        Raises `InvalidSignatureError`, `WithdrawnError` if the signature is right but the box does
        not open, and `InvalidEncodingError` if the envelope in it is malformed.
        """
        self.verify(origin)
        associated = encode_tuple(origin.encode(), self.header)
        try:
            plain = _cipher(slot_key, self.salt).decrypt(_NONCE, self.box, associated)
        except InvalidTag:
            raise WithdrawnError("the owner of the lane has withdrawn this post") from None
        return Envelope.from_bytes(plain)

    def _signed(self, origin: str) -> tuple[bytes, bytes]:
        return origin.encode(), self.header + self.box

    def __bytes__(self) -> bytes:
        return self.header + self.box + self.signature

    def __reduce__(self) -> tuple[object, ...]:
        # Only the fields: the element that is cached beside them cannot be pickled.
        return type(self), tuple(getattr(self, part.name) for part in dataclasses.fields(self))

    def __repr__(self) -> str:
        return f"<Post {self.identifier.hex()[:16]}.. epoch {self.epoch} seq {self.seq}>"

    def _repr_html_(self) -> str:
        rows = {
            "identifier": self.identifier.hex(),
            "class": self.frame_class.name,
            "epoch": self.epoch,
            "seq": self.seq,
            "bytes": post_size(self.frame_class),
        }
        return html.table("Post", rows)


def verify_batch(posts: Sequence[Post], origin: str, *, threads: int | None = None) -> Mask:
    """Return which posts `Post.verify` accepts for the board ``origin``: bool of shape (posts,).

    ``threads`` is the number of threads; None means all CPUs that this process may use.
    """
    return schnorr.verify_batch(
        "post",
        [post.public for post in posts],
        [post.signature for post in posts],
        [post._signed(origin) for post in posts],
        threads=threads,
    )


def seal(
    envelope: Envelope, *, origin: str, epoch: int, seq: int, secret: Scalar, slot_key: bytes
) -> Post:
    """Seal ``envelope`` under ``slot_key``, and sign it with ``secret``, the d of that slot."""
    public, salt = bytes(Element.mul_generator(secret)), os.urandom(32)
    associated = encode_tuple(origin.encode(), _header(epoch, seq, public, salt))
    box = _cipher(slot_key, salt).encrypt(_NONCE, bytes(envelope), associated)
    return _signed(origin, epoch, seq, secret, public, salt, box)


def withdrawal(
    frame_class: FrameClass, *, origin: str, epoch: int, seq: int, secret: Scalar
) -> Post:
    """Make a post with a box of random bytes, signed with ``secret`` (SPEC 8.2)."""
    public, salt = bytes(Element.mul_generator(secret)), os.urandom(32)
    return _signed(origin, epoch, seq, secret, public, salt, os.urandom(box_size(frame_class)))


def dummy(frame_class: FrameClass, *, origin: str, epoch: int) -> Post:
    """Make a post that nobody can open, to fill an edition (SPEC 9.2)."""
    return withdrawal(
        frame_class,
        origin=origin,
        epoch=epoch,
        seq=secrets.randbelow(FIRST_SEQ_LIMIT),
        secret=random_scalar(),
    )


def _signed(
    origin: str, epoch: int, seq: int, secret: Scalar, public: bytes, salt: bytes, box: bytes
) -> Post:
    signed = _header(epoch, seq, public, salt) + box
    signature = schnorr.sign("post", secret, origin.encode(), signed)
    return Post(epoch, seq, public, salt, box, signature)


def _check_numbers(epoch: int, seq: int) -> None:
    for name, number in (("epoch", epoch), ("seq", seq)):
        if not 0 <= number <= MAX_UINT32:
            raise InvalidEncodingError(name, f"{number} is not from 0 to 2^32 - 1")


def _header(epoch: int, seq: int, public: bytes, salt: bytes) -> bytes:
    return identifier_of(public) + _encode_numbers(epoch, seq) + public + salt


def _encode_numbers(epoch: int, seq: int) -> bytes:
    _check_numbers(epoch, seq)
    return bytes([_VERSION]) + epoch.to_bytes(4, "big") + seq.to_bytes(4, "big")


def _cipher(slot_key: bytes, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(expand(slot_key, "envelope", 32, salt))
