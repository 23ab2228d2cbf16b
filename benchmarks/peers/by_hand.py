"""ElGamal and universal re-encryption, built from the group operations of any library."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

E = TypeVar("E")
S = TypeVar("S")

DST = b"billboard/benchmarks"
"""The domain separation tag for hashing to elements."""


class ByHand(ABC, Generic[E, S]):
    """ElGamal with n keys and one randomizer (SPEC 6.2), and with one key also SPEC 13.1.

    A subclass brings the elements E and scalars S of a library. B - xA is computed as B + (-x)A,
    with a stored -x: for coincurve, which cannot subtract, this saves a multiplication.
    """

    size: int
    """Bytes of an element."""

    order: int

    def __init__(self, secret: Sequence[int]) -> None:
        self.secret = [self.scalar(x) for x in secret]
        self.minus = [self.scalar(self.order - x) for x in secret]
        self.public = [self.mul_generator(x) for x in self.secret]

    @abstractmethod
    def scalar(self, number: int) -> S: ...
    @abstractmethod
    def random(self) -> S: ...
    @abstractmethod
    def decode(self, encoding: bytes) -> E: ...
    @abstractmethod
    def encode(self, element: E) -> bytes: ...
    @abstractmethod
    def add(self, first: E, second: E) -> E: ...
    @abstractmethod
    def mul(self, element: E, scalar: S) -> E: ...
    @abstractmethod
    def mul_generator(self, scalar: S) -> E: ...
    @abstractmethod
    def equal(self, first: E, second: E) -> bool: ...

    def encrypt(self, message: bytes) -> bytes:
        return self.encrypt_elements(self._decode(message))

    def encrypt_elements(self, message: Iterable[E]) -> bytes:
        r = self.random()
        masked = [self.add(m, self.mul(x, r)) for x, m in zip(self.public, message, strict=True)]
        return self._encode(self.mul_generator(r), *masked)

    def rerandomize(self, ciphertext: bytes) -> bytes:
        s = self.random()
        a, *b = self._decode(ciphertext)
        fresh = [self.add(e, self.mul(x, s)) for x, e in zip(self.public, b, strict=True)]
        return self._encode(self.add(a, self.mul_generator(s)), *fresh)

    def decrypt(self, ciphertext: bytes) -> bytes:
        a, *b = self._decode(ciphertext)
        return self._encode(
            *[self.add(e, self.mul(a, x)) for x, e in zip(self.minus, b, strict=True)]
        )

    def universal_encrypt(self, message: bytes) -> bytes:
        k0, k1, public = self.random(), self.random(), self.public[0]
        return self._encode(
            self.add(self.decode(message), self.mul(public, k0)),
            self.mul_generator(k0),
            self.mul(public, k1),
            self.mul_generator(k1),
        )

    def universal_rerandomize(self, ciphertext: bytes) -> bytes:
        k0, k1 = self.random(), self.random()
        a0, b0, a1, b1 = self._decode(ciphertext)
        return self._encode(
            self.add(a0, self.mul(a1, k0)),
            self.add(b0, self.mul(b1, k0)),
            self.mul(a1, k1),
            self.mul(b1, k1),
        )

    def universal_decrypt(self, ciphertext: bytes) -> bytes:
        a0, b0, a1, b1 = self._decode(ciphertext)
        if not self.equal(a1, self.mul(b1, self.secret[0])):
            raise ValueError("not for this key")
        return self.encode(self.add(a0, self.mul(b0, self.minus[0])))

    def _decode(self, data: bytes) -> Iterator[E]:
        return map(self.decode, split(data, self.size))

    def _encode(self, *elements: E) -> bytes:
        return b"".join(map(self.encode, elements))


def split(data: bytes, size: int) -> list[bytes]:
    """Return ``data`` in pieces of ``size`` bytes."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def embed_sec1(data: bytes, decode: Callable[[bytes], object]) -> bytes:
    """Try random candidates (SPEC 12.3) until ``decode`` raises nothing. Return the encoding."""
    while True:
        draw = os.urandom(3)
        encoding = bytes([2 + draw[0] % 2]) + draw[1:] + data
        with suppress(Exception):  # petlib raises no narrower one
            decode(encoding)
            return encoding
