"""bls12_381: G1 of the curve BLS12-381, through py_ecc (SPEC 12). For research; very slow.

It is plain Python, so nothing here is constant time.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any, Final, NoReturn, cast, final

from billboard.errors import InvalidEncodingError, UnsupportedError
from billboard.groups.hashing import check_dst
from billboard.groups.modular import Operand, Scalar, ScalarField, exact

_limit = sys.getrecursionlimit()
from py_ecc.bls.hash_to_curve import hash_to_G1  # noqa: E402
from py_ecc.fields import optimized_bls12_381_FQ as FQ  # noqa: E402
from py_ecc.optimized_bls12_381 import optimized_curve as curve  # noqa: E402

sys.setrecursionlimit(_limit)  # py_ecc raised the limit of the whole process to 100,000

_P: Final = curve.field_modulus
_SIZE = 48
_COMPRESSED, _IDENTITY, _LARGER = 0x80, 0x40, 0x20

_Point = tuple[FQ, FQ, FQ]
"""Projective coordinates (X : Y : Z). An element has many; Z is 0 only for the identity."""


@final
class Element(Operand):
    """An element of the prime-order subgroup of the curve over the prime field."""

    __slots__ = ("_point",)

    def __init__(self, group: Bls12381, point: _Point) -> None:
        """Use the methods of the group."""
        super().__init__(group)
        self._point = point

    @property
    def is_identity(self) -> bool:
        """Whether this is the identity."""
        return curve.is_inf(self._point)

    def __bytes__(self) -> bytes:
        if self.is_identity:
            return bytes([_COMPRESSED | _IDENTITY]) + bytes(_SIZE - 1)
        x, y = (int(coordinate) for coordinate in curve.normalize(self._point))
        encoding = x.to_bytes(_SIZE, "big")
        flags = _COMPRESSED | (_LARGER if y > (_P - 1) // 2 else 0)
        return bytes([encoding[0] | flags]) + encoding[1:]

    def __add__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return Element(BLS12_381, curve.add(self._point, other._point))

    def __sub__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return Element(BLS12_381, curve.add(self._point, curve.neg(other._point)))

    def __neg__(self) -> Element:
        return Element(BLS12_381, curve.neg(self._point))

    def __mul__(self, scalar: Any, /) -> Element:
        if self._is_kin(scalar) or not isinstance(scalar, Scalar):
            return NotImplemented
        return Element(BLS12_381, curve.multiply(self._point, int(scalar)))

    def __rmul__(self, scalar: Any, /) -> Element:
        return self.__mul__(scalar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash((self._group.name, bytes(self)))


@final
class Bls12381(ScalarField):
    """The prime-order `Group` of the curve BLS12-381 over the prime field."""

    element_size: Final = _SIZE
    embedding_size: Final = 0

    def __init__(self) -> None:
        super().__init__("bls12_381", curve.curve_order)
        self.identity: Final = Element(self, curve.Z1)
        self.generator: Final = Element(self, curve.G1)

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode an element (SPEC 12.1). Raises `InvalidEncodingError` that names ``field``."""
        flags = exact(data, _SIZE, field)[0] & (_COMPRESSED | _IDENTITY | _LARGER)
        if data == bytes(self.identity):
            return self.identity
        x = int.from_bytes(bytes([data[0] ^ flags]) + data[1:], "big")
        square = (pow(x, 3, _P) + 4) % _P
        y = pow(square, (_P + 1) // 4, _P)
        if not flags & _COMPRESSED or flags & _IDENTITY or x >= _P or y * y % _P != square:
            raise InvalidEncodingError(field, f"is not a canonical element of {self.name}")
        if (y > (_P - 1) // 2) != bool(flags & _LARGER):
            y = _P - y
        point = FQ(x), FQ(y), FQ.one()
        if not curve.is_inf(curve.multiply(point, self.order)):
            raise InvalidEncodingError(field, "is a point outside of the group")
        return Element(self, point)

    def mul_generator(self, scalar: Scalar) -> Element:
        """Return scalar * G."""
        return self.generator * scalar

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash by ``BLS12381G1_XMD:SHA-256_SSWU_RO_`` (RFC 9380, 8.8.1; SPEC 12.2)."""
        return Element(self, hash_to_G1(message, check_dst(dst), cast(Any, hashlib.sha256)))

    def embed(self, data: bytes) -> NoReturn:  # noqa: ARG002
        """Raise `UnsupportedError`: hardly any point of the curve is in the group (SPEC 12.3)."""
        raise UnsupportedError(f"{self.name} has no embed: hardly any point is in the group")

    def extract(self, element: Element) -> NoReturn:  # noqa: ARG002
        """Raise `UnsupportedError`, because there is no `embed`."""
        raise UnsupportedError(f"{self.name} has no extract, because it has no embed")

    def __reduce__(self) -> str:
        return "BLS12_381"


BLS12_381: Final = Bls12381()
"""The only `Bls12381`."""
