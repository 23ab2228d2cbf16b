"""ristretto255 by rbcl (libsodium) and libpep-py (curve25519-dalek)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import rbcl
from libpep.elgamal import ElGamal, decrypt, encrypt
from libpep.elgamal.arithmetic.group_elements import GroupElement
from libpep.elgamal.arithmetic.scalars import ScalarNonZero
from libpep.elgamal.primitives import rerandomize
from py_ecc.bls.hash import expand_message_xmd

from peers.by_hand import DST, ByHand, split

PAYLOAD = 30
"""Bytes that an element carries."""

Decoded = TypeVar("Decoded")


class _Ristretto255:
    size = 32
    order = 2**252 + 27742317777372353535851937790883648493


class Rbcl(_Ristretto255, ByHand[bytes, bytes]):
    """rbcl's bindings of libsodium. All its values are bytes; every call decodes them."""

    def scalar(self, number: int) -> bytes:
        return number.to_bytes(32, "little")

    def random(self) -> bytes:
        return rbcl.crypto_core_ristretto255_scalar_random()

    def decode(self, encoding: bytes) -> bytes:
        return encoding

    def encode(self, element: bytes) -> bytes:
        return element

    def add(self, first: bytes, second: bytes) -> bytes:
        return rbcl.crypto_core_ristretto255_add(first, second)

    def mul(self, element: bytes, scalar: bytes) -> bytes:
        return rbcl.crypto_scalarmult_ristretto255(scalar, element)

    def mul_generator(self, scalar: bytes) -> bytes:
        return rbcl.crypto_scalarmult_ristretto255_base(scalar)

    def equal(self, first: bytes, second: bytes) -> bool:
        return first == second

    def hash_to_element(self, message: bytes) -> bytes:
        return rbcl.crypto_core_ristretto255_from_hash(_uniform(message))

    def embed(self, data: bytes) -> bytes:
        return _embed(data, _valid)[0]

    def encrypt_frame(self, frame: bytes) -> bytes:
        """Embed the n times 30 bytes of ``frame`` and encrypt the elements."""
        return self.encrypt_elements(map(self.embed, split(frame, PAYLOAD)))


class LibpepElements(_Ristretto255, ByHand[GroupElement, ScalarNonZero]):
    """libpep-py's group operations."""

    def __init__(self, secret: Sequence[int]) -> None:
        self.generator = GroupElement.generator()
        super().__init__(secret)

    def scalar(self, number: int) -> ScalarNonZero:
        return ScalarNonZero.from_bytes(number.to_bytes(32, "little"))

    def random(self) -> ScalarNonZero:
        return ScalarNonZero.random()

    def decode(self, encoding: bytes) -> GroupElement:
        return GroupElement.from_bytes(encoding)

    def encode(self, element: GroupElement) -> bytes:
        return bytes(element.to_bytes())

    def add(self, first: GroupElement, second: GroupElement) -> GroupElement:
        return first.add(second)

    def mul(self, element: GroupElement, scalar: ScalarNonZero) -> GroupElement:
        return element.mul(scalar)

    def mul_generator(self, scalar: ScalarNonZero) -> GroupElement:
        return self.generator.mul(scalar)

    def equal(self, first: GroupElement, second: GroupElement) -> bool:
        return bool(first == second)

    def hash_to_element(self, message: bytes) -> bytes:
        return self.encode(GroupElement.from_hash(_uniform(message)))

    def embed(self, data: bytes) -> bytes:
        return _embed(data, GroupElement.from_bytes)[0]

    def encrypt_frame(self, frame: bytes) -> bytes:
        """Embed the n times 30 bytes of ``frame`` and encrypt the elements."""
        return self.encrypt_elements(
            _embed(data, GroupElement.from_bytes)[1] for data in split(frame, PAYLOAD)
        )


class LibpepPairs(LibpepElements):
    """libpep-py's own ElGamal, which has one element, and the rest from its group operations."""

    def encrypt(self, message: bytes) -> bytes:
        return bytes(encrypt(GroupElement.from_bytes(message), self.public[0]).to_bytes())

    def rerandomize(self, ciphertext: bytes) -> bytes:
        pair = ElGamal.from_bytes(ciphertext)
        return bytes(rerandomize(pair, self.public[0], ScalarNonZero.random()).to_bytes())

    def decrypt(self, ciphertext: bytes) -> bytes:
        return bytes(decrypt(ElGamal.from_bytes(ciphertext), self.secret[0]).to_bytes())


def extract(message: bytes) -> bytes:
    """Return the bytes that the elements of a message carry (SPEC 6.1)."""
    return b"".join(element[1 : 1 + PAYLOAD] for element in split(message, 32))


def _uniform(message: bytes) -> bytes:
    """Return 64 bytes to map to an element. Only py_ecc has the expansion of RFC 9380."""
    return expand_message_xmd(message, DST, 64, hashlib.sha512)


def _embed(data: bytes, decode: Callable[[bytes], Decoded | None]) -> tuple[bytes, Decoded]:
    """Try random candidates (SPEC 6.1) until one decodes. Return its encoding and its element."""
    while True:
        low, high = os.urandom(2)
        encoding = bytes([low & 0xFE]) + data + bytes([high & 0x7F])
        element = decode(encoding)
        if element is not None:
            return encoding, element


def _valid(encoding: bytes) -> bytes | None:
    return encoding if rbcl.crypto_core_ristretto255_is_valid_point(encoding) else None
