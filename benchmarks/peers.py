"""The peers: rbcl (libsodium) and libpep-py (curve25519-dalek), as their callers would use them.

Each adapter holds keys and does ElGamal with n elements and one randomizer (SPEC 6.2) from and to
bytes, one ciphertext at a time, with a fresh random scalar each time. The calls are the fewest that
the library allows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import rbcl
from libpep.elgamal import ElGamal, decrypt, encrypt
from libpep.elgamal.arithmetic.group_elements import GroupElement
from libpep.elgamal.arithmetic.scalars import ScalarNonZero
from libpep.elgamal.primitives import rerandomize

Decoded = TypeVar("Decoded")

ELEMENT = 32
PAYLOAD = 30


class Scheme(Protocol):
    """ElGamal with n elements: a message is 32 n bytes, a ciphertext 32 (n + 1)."""

    def encrypt(self, message: bytes) -> bytes: ...
    def rerandomize(self, ciphertext: bytes) -> bytes: ...
    def decrypt(self, ciphertext: bytes) -> bytes: ...


class PairPeer(Scheme, Protocol):
    """A scheme of pairs that embeds bytes too (SPEC 6.1)."""

    def embed(self, data: bytes) -> bytes:
        """30 bytes to an element."""
        ...


class FramePeer(Scheme, Protocol):
    """A scheme that encrypts frames too."""

    def encrypt_frame(self, frame: bytes) -> bytes:
        """Embed the n times 30 bytes of ``frame`` and encrypt the elements."""
        ...


class Rbcl:
    """rbcl's bindings of libsodium, for any n. All its values are bytes."""

    def __init__(self, secret: Sequence[bytes]) -> None:
        self.secret = secret
        self.public = [rbcl.crypto_scalarmult_ristretto255_base(x) for x in secret]

    def encrypt(self, message: bytes) -> bytes:
        r = rbcl.crypto_core_ristretto255_scalar_random()
        return rbcl.crypto_scalarmult_ristretto255_base(r) + self._mask(message, r)

    def rerandomize(self, ciphertext: bytes) -> bytes:
        s = rbcl.crypto_core_ristretto255_scalar_random()
        a = rbcl.crypto_scalarmult_ristretto255_base(s)
        a = rbcl.crypto_core_ristretto255_add(ciphertext[:ELEMENT], a)
        return a + self._mask(ciphertext[ELEMENT:], s)

    def decrypt(self, ciphertext: bytes) -> bytes:
        a = ciphertext[:ELEMENT]
        return b"".join(
            rbcl.crypto_core_ristretto255_sub(b, rbcl.crypto_scalarmult_ristretto255(x, a))
            for x, b in zip(self.secret, split(ciphertext[ELEMENT:], ELEMENT), strict=True)
        )

    def embed(self, data: bytes) -> bytes:
        return _embed(data, _rbcl_decode)[0]

    def encrypt_frame(self, frame: bytes) -> bytes:
        return self.encrypt(b"".join(map(self.embed, split(frame, PAYLOAD))))

    def _mask(self, elements: bytes, r: bytes) -> bytes:
        return b"".join(
            rbcl.crypto_core_ristretto255_add(m, rbcl.crypto_scalarmult_ristretto255(r, x))
            for x, m in zip(self.public, split(elements, ELEMENT), strict=True)
        )


class LibpepPairs:
    """libpep-py's own ElGamal, which has one element."""

    def __init__(self, secret: bytes) -> None:
        self.secret = ScalarNonZero.from_bytes(secret)
        self.public = GroupElement.generator().mul(self.secret)

    def encrypt(self, message: bytes) -> bytes:
        return bytes(encrypt(GroupElement.from_bytes(message), self.public).to_bytes())

    def rerandomize(self, ciphertext: bytes) -> bytes:
        pair = ElGamal.from_bytes(ciphertext)
        return bytes(rerandomize(pair, self.public, ScalarNonZero.random()).to_bytes())

    def decrypt(self, ciphertext: bytes) -> bytes:
        return bytes(decrypt(ElGamal.from_bytes(ciphertext), self.secret).to_bytes())

    def embed(self, data: bytes) -> bytes:
        return _embed(data, GroupElement.from_bytes)[0]


class LibpepElements:
    """The same with n elements, out of libpep-py's group operations."""

    def __init__(self, secret: Sequence[bytes]) -> None:
        self.generator = GroupElement.generator()
        self.secret = [ScalarNonZero.from_bytes(x) for x in secret]
        self.public = [self.generator.mul(x) for x in self.secret]

    def encrypt(self, message: bytes) -> bytes:
        return self._encrypt([GroupElement.from_bytes(m) for m in split(message, ELEMENT)])

    def rerandomize(self, ciphertext: bytes) -> bytes:
        s = ScalarNonZero.random()
        a, *b = (GroupElement.from_bytes(element) for element in split(ciphertext, ELEMENT))
        fresh = (element.add(x.mul(s)) for x, element in zip(self.public, b, strict=True))
        return _encode(a.add(self.generator.mul(s)), *fresh)

    def decrypt(self, ciphertext: bytes) -> bytes:
        a, *b = (GroupElement.from_bytes(element) for element in split(ciphertext, ELEMENT))
        return _encode(*(m.sub(a.mul(x)) for x, m in zip(self.secret, b, strict=True)))

    def encrypt_frame(self, frame: bytes) -> bytes:
        payloads = split(frame, PAYLOAD)
        return self._encrypt([_embed(data, GroupElement.from_bytes)[1] for data in payloads])

    def _encrypt(self, message: Sequence[GroupElement]) -> bytes:
        r = ScalarNonZero.random()
        masked = (m.add(x.mul(r)) for x, m in zip(self.public, message, strict=True))
        return _encode(self.generator.mul(r), *masked)


def split(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def extract(message: bytes) -> bytes:
    """The bytes that the elements of a message carry (SPEC 6.1)."""
    return b"".join(element[1 : 1 + PAYLOAD] for element in split(message, ELEMENT))


def _embed(data: bytes, decode: Callable[[bytes], Decoded | None]) -> tuple[bytes, Decoded]:
    """Try random candidates (SPEC 6.1) until one decodes: its encoding, and what it decodes to."""
    while True:
        low, high = os.urandom(2)
        encoding = bytes([low & 0xFE]) + data + bytes([high & 0x7F])
        element = decode(encoding)
        if element is not None:
            return encoding, element


def _rbcl_decode(encoding: bytes) -> bytes | None:
    return encoding if rbcl.crypto_core_ristretto255_is_valid_point(encoding) else None


def _encode(*elements: GroupElement) -> bytes:
    return b"".join(element.to_bytes() for element in elements)
