"""NIST P-256 and P-224, and secp256k1, by petlib on OpenSSL (SPEC 12). Not constant time.

petlib's own checks vanish under ``python -O``: nothing reaches it that was not checked before.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, cast, final

from petlib.bn import Bn
from petlib.ec import EcGroup, EcPt

from billboard.errors import GroupMismatchError, InvalidEncodingError, UnsupportedError
from billboard.groups import modular, sswu
from billboard.groups.hashing import hash_to_field
from billboard.groups.modular import Operand, Scalar

_CANDIDATES = 1 << 17
_COMPRESSED = (2, 3)
_OVERHEAD = 3  # bytes of an encoding that do not carry data


@final
class Element(Operand):
    """A point of one of the curves (SPEC 12.1)."""

    __slots__ = ("_point",)

    def __init__(self, group: OpensslGroup, point: Any) -> None:
        """Use `Group.element_from_bytes`."""
        super().__init__(group)
        self._point = point

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""
        return bool(self._point.is_infinite())

    def __bytes__(self) -> bytes:
        if self.is_identity:
            return bytes(self._group.element_size)
        return bytes(self._point.export())

    def __add__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return self._of(self._point + other._point)

    def __sub__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return self._of(self._point + -other._point)

    def __neg__(self) -> Element:
        return self._of(-self._point)

    def __mul__(self, scalar: Any, /) -> Element:
        if self._is_kin(scalar) or not isinstance(scalar, Scalar):
            return NotImplemented
        return self._of(Bn.from_binary(bytes(scalar)) * self._point)

    def __rmul__(self, scalar: Any, /) -> Element:
        return self.__mul__(scalar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return self._group is other._group and bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash((self._group.name, bytes(self)))

    def _of(self, point: Any) -> Element:
        return Element(cast(OpensslGroup, self._group), point)


@final
@dataclass(frozen=True, eq=False, repr=False)
class OpensslGroup:
    """A curve of prime order, as a `Group`. ``nid`` is OpenSSL's number for it."""

    name: str
    nid: int
    field: int
    order: int
    map: sswu.Map | None
    """How to hash to it; None where RFC 9380 has no suite."""

    def __post_init__(self) -> None:
        curve = EcGroup(self.nid)
        if int(curve.order()) != self.order or int(curve.parameters()["p"]) != self.field:
            raise UnsupportedError(f"this OpenSSL has another curve than {self.name}")
        object.__setattr__(self, "_curve", curve)

    @property
    def scalar_size(self) -> int:
        """Bytes of an encoded scalar."""
        return (self.order.bit_length() + 7) // 8

    @property
    def element_size(self) -> int:
        """Bytes of an encoded element."""
        return 1 + (self.field.bit_length() + 7) // 8

    @property
    def embedding_size(self) -> int:
        """Bytes that an element can carry."""
        return self.element_size - _OVERHEAD

    @property
    def identity(self) -> Element:
        """The neutral element."""
        return Element(self, self._ec.infinite())

    @property
    def generator(self) -> Element:
        """The standard generator."""
        return Element(self, self._ec.generator())

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
        if data == bytes(self.element_size):
            return self.identity
        element = self._decompress(data)
        if element is None:
            raise InvalidEncodingError(field, f"is not a canonical element of {self.name}")
        return element

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
        """hash_to_curve of the suite in SPEC 12. Raises `UnsupportedError` on p224."""
        if self.map is None:
            raise UnsupportedError(f"{self.name} has no hash_to_element: RFC 9380 has no suite")
        elements = hash_to_field(message, dst, self.field, 2)
        first, second = (self._of_point(*self.map.to_curve(u)) for u in elements)
        return first + second

    def embed(self, data: bytes) -> Element:
        """A random element that carries ``data``, `embedding_size` bytes (SPEC 12.3)."""
        data = bytes(memoryview(data))
        if len(data) != self.embedding_size:
            problem = f"must be {self.embedding_size} bytes, not {len(data)}"
            raise InvalidEncodingError("data", problem)
        while True:
            k = secrets.randbelow(_CANDIDATES)
            encoding = bytes([2 + k % 2]) + (k // 2).to_bytes(2, "big") + data
            if (element := self._decompress(encoding)) is not None:
                return element

    def extract(self, element: Element) -> bytes:
        """The bytes that ``element`` carries; `InvalidEncodingError` for the identity."""
        if element.group is not self:
            raise GroupMismatchError(self.name, element.group.name)
        if element.is_identity:
            raise InvalidEncodingError("element", "is the identity, which carries nothing")
        return bytes(element)[_OVERHEAD:]

    @property
    def _ec(self) -> Any:
        return self.__dict__["_curve"]

    def _decompress(self, data: bytes) -> Element | None:
        """The point of a compressed encoding of the right length, None if there is none."""
        if data[0] not in _COMPRESSED or int.from_bytes(data[1:], "big") >= self.field:
            return None
        try:
            point = EcPt.from_binary(data, self._ec)
        except Exception:  # petlib raises just this class, if OpenSSL finds no point
            return None
        return Element(self, point) if self._ec.check_point(point) else None

    def _of_point(self, x: int, y: int) -> Element:
        size = self.element_size - 1
        encoding = bytes([2 + y % 2]) + x.to_bytes(size, "big")
        return self.element_from_bytes(encoding)

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


_P224 = 2**224 - 2**96 + 1

_GROUPS = {
    "p256": (
        415,
        sswu.P256.p,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        sswu.P256,
    ),
    "p224": (713, _P224, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D, None),
    "secp256k1": (
        714,
        sswu.SECP256K1.p,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
        sswu.SECP256K1,
    ),
}


def group(name: str) -> OpensslGroup:
    """One of the three groups; `groups.get` keeps it, so that there is one object of each."""
    return OpensslGroup(name, *_GROUPS[name])
