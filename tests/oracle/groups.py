"""The groups of SPEC 12 by name: encodings, hashing, embedding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, Protocol, Self

from . import ristretto255
from .curves import BLS12_381, P224, P256, SECP256K1, Curve
from .hash_to_curve import (
    TO_BLS12_381,
    TO_P256,
    TO_SECP256K1,
    Mapping,
    expand_message,
    hash_to_curve,
    hash_to_field,
)
from .refusals import Refused, require, require_length


class Element(Protocol):
    """What an element of any group can do."""

    def plus(self, other: Self) -> Self:
        """Add."""
        ...

    def minus(self, other: Self) -> Self:
        """Subtract."""
        ...

    def negated(self) -> Self:
        """Give the inverse."""
        ...

    def times(self, k: int) -> Self:
        """Multiply by a scalar."""
        ...

    def equals(self, other: Self) -> bool:
        """Compare."""
        ...

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""
        ...

    def encode(self) -> bytes:
        """Encode."""
        ...


class Embedding(NamedTuple):
    """How bytes of one length become an element, SPEC 6.1 and 12.3.

    `encoding` gives what a candidate number stands for, in which the bytes begin at `start`.
    """

    length: int
    candidates: int
    start: int
    encoding: Callable[[bytes, int], bytes]
    holds_identity: bool


class Group(NamedTuple):
    """A group of the table of SPEC 12; None stands for what it lacks.

    `decode` takes the bytes and the reason with which it refuses what is not canonical.
    """

    name: str
    order: int
    element_length: int
    byteorder: Literal["little", "big"]
    decode: Callable[..., Element]
    times_generator: Callable[[int], Element]
    hash_to: Callable[[bytes, bytes], Element] | None
    embedding: Embedding | None

    @property
    def scalar_length(self) -> int:
        """The bytes of a scalar."""
        return (self.order.bit_length() + 7) // 8

    def encode_scalar(self, k: int) -> bytes:
        """Encode a scalar, SPEC 12.1."""
        return (k % self.order).to_bytes(self.scalar_length, self.byteorder)

    def decode_scalar(self, data: bytes, reason: str = "not-canonical") -> int:
        """Decode a scalar and refuse the order or more, SPEC 12.1."""
        require_length(data, self.scalar_length)
        k = int.from_bytes(data, self.byteorder)
        require(k < self.order, reason)
        return k % self.order

    def invert_scalar(self, k: int) -> int:
        """Give 1 / k, SPEC 12.1."""
        if k % self.order == 0:
            raise Refused("zero")
        return pow(k, -1, self.order)

    def hash_to_element(self, msg: bytes, dst: bytes) -> Element:
        """hash_to_element, SPEC 12.2."""
        if self.hash_to is None:
            raise Refused("unsupported")
        return self.hash_to(msg, dst)

    def hash_to_scalar(self, msg: bytes, dst: bytes) -> int:
        """hash_to_scalar, SPEC 12.2."""
        if self.name == "ristretto255":
            return ristretto255.wide_scalar(expand_message("sha512", msg, dst, 64))
        return hash_to_field(msg, dst, self.order, 1)[0]

    def embed(self, message: bytes, candidate: int) -> bytes:
        """Embed bytes by a candidate number, SPEC 6.1 and 12.3; give the encoding."""
        if self.embedding is None:
            raise Refused("unsupported")
        require_length(message, self.embedding.length)
        require(0 <= candidate < self.embedding.candidates, "candidate-out-of-range")
        encoding = self.embedding.encoding(message, candidate)
        self.decode(encoding, "candidate-does-not-decode")
        return encoding

    def extract(self, element: bytes) -> bytes:
        """Take the bytes out of an element, SPEC 6.1 and 12.3."""
        if self.embedding is None:
            raise Refused("unsupported")
        identity = self.decode(element).is_identity()
        require(self.embedding.holds_identity or not identity, "identity")
        return element[self.embedding.start :][: self.embedding.length]


def _embedding_of_ristretto(message: bytes, candidate: int) -> bytes:
    return bytes([2 * (candidate % 128)]) + message + bytes([candidate // 128 % 256])


def _embedding_of_curve(message: bytes, candidate: int) -> bytes:
    return bytes([2 + candidate % 2]) + (candidate // 2 % 2**16).to_bytes(2, "big") + message


def _hash_to_ristretto(msg: bytes, dst: bytes) -> ristretto255.Element:
    return ristretto255.from_uniform_bytes(expand_message("sha512", msg, dst, 64))


def _group_of_curve(
    name: str, curve: Curve, mapping: Mapping | None, embedding: Embedding | None
) -> Group:
    hash_to = None if mapping is None else partial(hash_to_curve, mapping)
    length, operations = len(curve.generator.encode()), (curve.decode, curve.times_generator)
    return Group(name, curve.order, length, "big", *operations, hash_to, embedding)


def _curve_embedding(length: int) -> Embedding:
    return Embedding(length, 2**17, 3, _embedding_of_curve, holds_identity=False)


RISTRETTO255 = Group(
    "ristretto255",
    ristretto255.ORDER,
    32,
    "little",
    ristretto255.decode,
    ristretto255.times_generator,
    _hash_to_ristretto,
    Embedding(30, 2**14, 1, _embedding_of_ristretto, holds_identity=True),
)
GROUPS = {
    group.name: group
    for group in (
        RISTRETTO255,
        _group_of_curve("p256", P256, TO_P256, _curve_embedding(30)),
        _group_of_curve("p224", P224, None, _curve_embedding(26)),
        _group_of_curve("secp256k1", SECP256K1, TO_SECP256K1, _curve_embedding(30)),
        _group_of_curve("bls12_381", BLS12_381, TO_BLS12_381, None),
    )
}
