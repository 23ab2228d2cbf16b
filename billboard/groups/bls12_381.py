"""G1 of BLS12-381, by py_ecc (SPEC 12). Slow, and not constant time."""

from __future__ import annotations

import hashlib
from typing import Any, Final, NoReturn, cast, final

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.optimized_bls12_381.optimized_curve import (
    G1,
    Z1,
    add,
    curve_order,
    eq,
    field_modulus,
    is_inf,
    multiply,
    neg,
    normalize,
)

from billboard.errors import InvalidEncodingError, UnsupportedError
from billboard.groups import modular
from billboard.groups.hashing import check_dst, hash_to_field
from billboard.groups.modular import Operand, Scalar

_COMPRESSED, _IDENTITY, _LARGER_Y = 0x80, 0x40, 0x20
_B = 4  # y^2 = x^3 + 4


@final
class Element(Operand):
    """An element of G1. py_ecc's points are (x, y, z) in projective coordinates."""

    __slots__ = ("_point",)

    def __init__(self, group: Bls12381, point: Any) -> None:
        """Use `Group.element_from_bytes`."""
        super().__init__(group)
        self._point = point

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""
        return bool(is_inf(self._point))

    def __bytes__(self) -> bytes:
        if self.is_identity:
            return bytes([_COMPRESSED | _IDENTITY]) + bytes(self._group.element_size - 1)
        x, y = (int(coordinate) for coordinate in normalize(self._point))
        data = bytearray(x.to_bytes(self._group.element_size, "big"))
        data[0] |= _COMPRESSED | (_LARGER_Y if y > field_modulus // 2 else 0)
        return bytes(data)

    def __add__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return self._of(add(self._point, other._point))

    def __sub__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return self._of(add(self._point, neg(other._point)))

    def __neg__(self) -> Element:
        return self._of(neg(self._point))

    def __mul__(self, scalar: Any, /) -> Element:
        if self._is_kin(scalar) or not isinstance(scalar, Scalar):
            return NotImplemented
        return self._of(multiply(self._point, int(scalar)))

    def __rmul__(self, scalar: Any, /) -> Element:
        return self.__mul__(scalar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        if self.is_identity or other.is_identity:  # which eq takes for equal to everything
            return self.is_identity and other.is_identity
        return bool(eq(self._point, other._point))

    def __hash__(self) -> int:
        return hash(bytes(self))

    def _of(self, point: Any) -> Element:
        return Element(cast(Bls12381, self._group), point)


@final
class Bls12381:
    """G1 of BLS12-381, as a `Group`. Without embedding."""

    name: Final = "bls12_381"
    order: Final = int(curve_order)
    scalar_size: Final = 32
    element_size: Final = 48
    embedding_size: Final = 0

    @property
    def identity(self) -> Element:
        """The neutral element."""
        return Element(self, Z1)

    @property
    def generator(self) -> Element:
        """The standard generator."""
        return Element(self, G1)

    def scalar(self, number: int) -> Scalar:
        """``number`` modulo the order."""
        return Scalar(self, number)

    def scalar_from_bytes(self, data: bytes, field: str = "scalar") -> Scalar:
        """Decode (SPEC 12.1); `InvalidEncodingError`, with ``field``, for what is not canonical."""
        return modular.scalar_from_bytes(self, data, field)

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode (SPEC 12.1); `InvalidEncodingError`, with ``field``, for what is not canonical."""
        data = bytes(memoryview(data))
        if len(data) != self.element_size:
            problem = f"must be {self.element_size} bytes, not {len(data)}"
            raise InvalidEncodingError(field, problem)
        if data == bytes(self.identity):
            return self.identity
        point = _decompress(data)
        if point is None:
            raise InvalidEncodingError(field, f"is not a canonical element of {self.name}")
        # Points of another order are on the curve too.
        if not is_inf(multiply(point, self.order)):
            raise InvalidEncodingError(field, f"is not of the subgroup {self.name}")
        return Element(self, point)

    def random_scalar(self, *, nonzero: bool = True) -> Scalar:
        """A uniform scalar, other than 0 if ``nonzero``, from the operating system's randomness."""
        return modular.random_scalar(self, nonzero)

    def mul_generator(self, scalar: Scalar) -> Element:
        """scalar * G."""
        return self.generator * scalar

    def hash_to_scalar(self, message: bytes, dst: bytes) -> Scalar:
        """hash_to_field of RFC 9380 with the order in the place of the field (SPEC 12.2)."""
        return Scalar(self, *hash_to_field(message, dst, self.order, 1))

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """BLS12381G1_XMD:SHA-256_SSWU_RO_ (RFC 9380, section 8.8.1)."""
        return Element(self, hash_to_G1(message, check_dst(dst), cast(Any, hashlib.sha256)))

    def embed(self, data: bytes) -> NoReturn:  # noqa: ARG002
        """Not on this group: raises `UnsupportedError` (SPEC 12.3)."""
        raise UnsupportedError(f"{self.name} has no embed: most points are not in the group")

    def extract(self, element: Element) -> NoReturn:  # noqa: ARG002
        """Not on this group: raises `UnsupportedError` (SPEC 12.3)."""
        raise UnsupportedError(f"{self.name} has no extract, as it has no embed")

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


def _decompress(data: bytes) -> Any:
    """The point of an encoding that is not that of the identity, None if there is none."""
    flags = data[0] & 0xE0
    x = int.from_bytes(data, "big") - (flags << 8 * (len(data) - 1))
    if not flags & _COMPRESSED or flags & _IDENTITY or x >= field_modulus:
        return None
    square = (pow(x, 3, field_modulus) + _B) % field_modulus
    y = pow(square, (field_modulus + 1) // 4, field_modulus)
    if y * y % field_modulus != square:
        return None
    if (y > field_modulus // 2) != bool(flags & _LARGER_Y):
        y = field_modulus - y
    return FQ(x), FQ(y), FQ.one()
