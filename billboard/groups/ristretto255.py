"""ristretto255 (RFC 9496), from the native core."""

from __future__ import annotations

import hashlib
import operator
import os
from typing import Final, final

import numpy as np

from billboard import _core
from billboard._core import Element as Element, Scalar as Scalar
from billboard.groups.hashing import expand_message_xmd
from billboard.groups.modular import exact, own

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order l of the group."""

SUITE = b"ristretto255-SHA512"
"""The name of the suite in hashes (SPEC 2)."""

SUITE_NUMBER = 1
"""The number of the suite in grants and lanes (SPEC 7.1)."""

EMBEDDING_SIZE = 30


def random_scalar(*, nonzero: bool = True) -> Scalar:
    """Draw a uniform scalar, other than 0 if ``nonzero``, from the operating system."""
    while (scalar := Scalar.from_uniform_bytes(os.urandom(64))).is_zero and nonzero:
        pass
    return scalar


@final
class Ristretto255:
    """The `Group` of blobs, lanes and posts. Takes constant time where nothing else is said."""

    name: Final = "ristretto255"
    order: Final = ORDER
    scalar_size: Final = 32
    element_size: Final = 32
    embedding_size: Final = EMBEDDING_SIZE

    @property
    def identity(self) -> Element:
        """The identity, the neutral element of addition."""
        return Element.identity()

    @property
    def generator(self) -> Element:
        """The generator G of RFC 9496."""
        return Element.generator()

    def scalar(self, number: int) -> Scalar:
        """Return ``number`` modulo the order. Takes variable time, as Python integers do."""
        return Scalar.from_bytes((operator.index(number) % ORDER).to_bytes(32, "little"))

    def scalar_from_bytes(self, data: bytes, field: str = "scalar") -> Scalar:
        """Decode a scalar (SPEC 2). Raises `InvalidEncodingError` that names ``field``."""
        return Scalar.from_bytes(data, field)

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode an element (SPEC 2). Raises `InvalidEncodingError` that names ``field``."""
        return Element.from_bytes(data, field)

    def random_scalar(self, *, nonzero: bool = True) -> Scalar:
        """Draw a uniform scalar, other than 0 if ``nonzero``, from the operating system."""
        return random_scalar(nonzero=nonzero)

    def mul_generator(self, scalar: Scalar) -> Element:
        """Return scalar * G."""
        return Element.mul_generator(own(self, scalar, Scalar))

    def hash_to_scalar(self, message: bytes, dst: bytes) -> Scalar:
        """Hash by HashToScalar of RFC 9497, 4.1; ``dst`` is 1 to 255 bytes (SPEC 12.2)."""
        return Scalar.from_uniform_bytes(expand_message_xmd(message, dst, 64, hashlib.sha512))

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash by ``ristretto255_XMD:SHA-512_R255MAP_RO_`` (RFC 9380, appendix B; SPEC 12.2)."""
        return Element.from_uniform_bytes(expand_message_xmd(message, dst, 64, hashlib.sha512))

    def embed(self, data: bytes) -> Element:
        """Return a random element that carries 30 bytes (SPEC 6.1). Takes variable time."""
        row = np.frombuffer(exact(data, EMBEDDING_SIZE, "data"), np.uint8).reshape(
            1, 1, EMBEDDING_SIZE
        )
        return Element.from_bytes(_core.embed(row, 1, os.urandom(32), 1).tobytes())

    def extract(self, element: Element) -> bytes:
        """Return the 30 bytes that ``element`` carries (SPEC 6.1); every element has some."""
        return bytes(own(self, element, Element))[1:31]

    def __repr__(self) -> str:
        return f"<Group {self.name}>"

    def __reduce__(self) -> str:
        return "RISTRETTO255"


RISTRETTO255: Final = Ristretto255()
"""The only `Ristretto255`."""
