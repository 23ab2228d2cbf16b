"""The fixed keys and lane of the targets, and what is made with them, always the same."""

from __future__ import annotations

import functools
import hashlib

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from billboard import FrameClass, Lane, PublicKey, SecretKey
from billboard.groups.ristretto255 import Element, Scalar
from billboard.hashing import encode_tuple, expand
from billboard.posts import identifier_of
from billboard.proofs import schnorr
from billboard.proofs.schnorr import hash_to_scalar

from .target import vector

NOW = 1_797_150_000
"""The time of most test vectors, in seconds since 1970."""

NO_HEDGE = bytes(32)


def proven_key(scalars: list[Scalar]) -> bytes:
    """The encoding of a key set (SPEC 4.2), whatever the scalars are: also equal ones."""
    n = len(scalars)
    encoded = bytes([1, n])
    for j, x in enumerate(scalars, start=1):
        proof = schnorr.sign("pop", x, bytes([n]), bytes([j]), rnd=NO_HEDGE)
        encoded += bytes(Element.mul_generator(x)) + proof
    return encoded


@functools.cache
def secret_key(frame_class: FrameClass = FrameClass.L) -> SecretKey:
    """A key of a class."""
    n = frame_class.elements
    scalars = [hash_to_scalar("fuzz/key", bytes([n, j])) for j in range(n)]
    return SecretKey._from_payload(proven_key(scalars) + b"".join(map(bytes, scalars)))


@functools.cache
def public_key(frame_class: FrameClass = FrameClass.L) -> PublicKey:
    """Its public side."""
    return secret_key(frame_class).public_key


@functools.cache
def lane() -> Lane:
    """The lane of most test vectors; it is of class L."""
    return Lane.from_secret_bytes(vector("post/seal", "lane"))


@functools.cache
def slot(epoch: int, number: int) -> tuple[Scalar, bytes]:
    """The secret d of a slot of the lane, and its key."""
    key = lane()._schedule.at(epoch).slot_key(number)
    return lane()._slot_secret(epoch, number), key


def header(epoch: int, seq: int, public: bytes, salt: bytes) -> bytes:
    """A post before its box (SPEC 8.2)."""
    numbers = b"\x01" + epoch.to_bytes(4, "big") + seq.to_bytes(4, "big")
    return identifier_of(public) + numbers + public + salt


def sealed(key: bytes, start: bytes, plain: bytes) -> bytes:
    """The box of a post that begins with ``start``, whatever the plaintext is."""
    associated = encode_tuple(lane().origin.encode(), start)
    cipher = ChaCha20Poly1305(expand(key, "envelope", 32, start[73:]))
    return cipher.encrypt(bytes(12), plain, associated)


def signed(secret: Scalar, body: bytes) -> bytes:
    """A post whose signature is right, whatever is in it."""
    origin = lane().origin.encode()
    return body + schnorr.sign("post", secret, origin, body, rnd=NO_HEDGE)


def tagged(body: bytes, key_hash: bytes) -> bytes:
    """A frame whose tag is right, whatever is in it (SPEC 5)."""
    label, size = b"billboard/v1/frame", 16
    return body + hashlib.sha256(encode_tuple(label, key_hash, body)).digest()[:size]
