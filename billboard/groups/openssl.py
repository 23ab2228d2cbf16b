"""p256, p224 and secp256k1 on OpenSSL, through petlib (SPEC 12). For research.

Scalars are Python integers, so nothing here is constant time, whatever OpenSSL does.

petlib manages the memory, but this module calls OpenSSL's functions itself, through petlib's
binding: the operators of petlib's points check what OpenSSL returns only by assertions, which
``python -O`` removes.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, final

from petlib.bindings import _C, _FFI, get_errors
from petlib.bn import Bn, get_ctx
from petlib.ec import POINT_CONVERSION_COMPRESSED, EcGroup, EcPt

from billboard.errors import InvalidEncodingError, UnsupportedError
from billboard.groups import sswu
from billboard.groups.hashing import hash_to_field
from billboard.groups.modular import Operand, Scalar, ScalarField, exact, own

if _C is None:
    raise ImportError("petlib cannot load OpenSSL")

_CANDIDATES = 1 << 17

# OpenSSL's numbers of the curves, and how to hash to them (SPEC 12).
_CURVES: dict[str, tuple[int, sswu.Map | None]] = {
    "p256": (415, sswu.P256),
    "p224": (713, None),
    "secp256k1": (714, sswu.SECP256K1),
}


@final
class Element(Operand):
    """A point of one of the curves. It is never changed, though OpenSSL's points could be."""

    __slots__ = ("_point",)

    _group: OpensslGroup

    def __init__(self, group: OpensslGroup, point: EcPt) -> None:
        """Use the methods of the group."""
        super().__init__(group)
        self._point = point

    @property
    def is_identity(self) -> bool:
        """Whether this is the identity."""
        return bool(_C.EC_POINT_is_at_infinity(self._group.curve.ecg, self._point.pt))

    def __bytes__(self) -> bytes:
        size = self._group.element_size
        if self.is_identity:
            return bytes(size)
        data, context = _FFI.new("unsigned char[]", size), get_ctx().bnctx
        form, ecg = POINT_CONVERSION_COMPRESSED, self._group.curve.ecg
        _check(_C.EC_POINT_point2oct(ecg, self._point.pt, form, data, size, context) == size)
        return bytes(_FFI.buffer(data))

    def __add__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        curve, total = self._group.curve, self._group.new_point()
        context = get_ctx().bnctx
        _check(_C.EC_POINT_add(curve.ecg, total.pt, self._point.pt, other._point.pt, context))
        return Element(self._group, total)

    def __sub__(self, other: Element, /) -> Element:
        if not self._is_kin(other):
            return NotImplemented
        return self + -other

    def __neg__(self) -> Element:
        negated = self._group.new_point()
        _check(_C.EC_POINT_copy(negated.pt, self._point.pt))
        _check(_C.EC_POINT_invert(self._group.curve.ecg, negated.pt, get_ctx().bnctx))
        return Element(self._group, negated)

    def __mul__(self, scalar: Any, /) -> Element:
        if self._is_kin(scalar) or not isinstance(scalar, Scalar):
            return NotImplemented
        product, factor = self._group.new_point(), Bn.from_binary(bytes(scalar))
        point, context = self._point.pt, get_ctx().bnctx
        ecg = self._group.curve.ecg
        _check(_C.EC_POINT_mul(ecg, product.pt, _FFI.NULL, point, factor.bn, context))
        return Element(self._group, product)

    def __rmul__(self, scalar: Any, /) -> Element:
        return self.__mul__(scalar)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return self._group is other._group and bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash((self._group.name, bytes(self)))


@final
class OpensslGroup(ScalarField):
    """The `Group` of all points of a curve; its order is prime."""

    def __init__(self, name: str) -> None:
        """Load the curve. Raises `UnsupportedError` if OpenSSL was built without it."""
        number, self._map = _CURVES[name]
        self.curve: Final = EcGroup(number, optimize_mult=False)
        if self.curve.ecg == _FFI.NULL:
            get_errors()
            raise UnsupportedError(f"the installed OpenSSL has no {name}")
        super().__init__(name, int(self.curve.order()))
        self._modulus = int(self.curve.parameters()["p"])
        self.element_size: Final = 1 + -(-self._modulus.bit_length() // 8)
        self.embedding_size: Final = self.element_size - 3
        self.identity: Final = Element(self, self.new_point())
        self.generator: Final = Element(self, self.curve.generator())

    def new_point(self) -> EcPt:
        """Allocate a point, which is the identity at first."""
        point = EcPt(self.curve)
        if point.pt == _FFI.NULL:
            raise MemoryError("OpenSSL has no memory for a point")
        return point

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode an element (SPEC 12.1). Raises `InvalidEncodingError` that names ``field``."""
        if not any(exact(data, self.element_size, field)):
            return self.identity
        element = self._decompress(data)
        if element is None:
            raise InvalidEncodingError(field, f"is not a canonical element of {self.name}")
        return element

    def mul_generator(self, scalar: Scalar) -> Element:
        """Return scalar * G."""
        return self.generator * scalar

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash by hash_to_curve of the suite in SPEC 12. Raises `UnsupportedError` on p224."""
        if self._map is None:
            raise UnsupportedError(f"{self.name} has no hash_to_element: RFC 9380 has no suite")
        numbers = hash_to_field(message, dst, self._modulus, 2)
        first, second = (self._element(*self._map.to_curve(u)) for u in numbers)
        return first + second

    def embed(self, data: bytes) -> Element:
        """Return a random element that carries ``data`` (SPEC 12.3). Takes variable time."""
        exact(data, self.embedding_size, "data")
        while True:
            candidate = secrets.randbelow(_CANDIDATES)
            encoding = bytes([2 + candidate % 2]) + (candidate // 2).to_bytes(2, "big") + data
            element = self._decompress(encoding)
            if element is not None:
                return element

    def extract(self, element: Element) -> bytes:
        """Return the bytes that ``element`` carries (SPEC 12.3); only the identity has none."""
        if own(self, element, Element).is_identity:
            raise InvalidEncodingError("element", "is the identity, which carries no bytes")
        return bytes(element)[3:]

    def _decompress(self, data: bytes) -> Element | None:
        """Return the point that ``data`` encodes (SEC 1, 2.3.4); None if there is no such point.

        ``data`` must have the right length. OpenSSL computes y, or finds that no point has this x.
        """
        if data[0] not in (2, 3) or int.from_bytes(data[1:], "big") >= self._modulus:
            return None
        point, context = self.new_point(), get_ctx().bnctx
        if _C.EC_POINT_oct2point(self.curve.ecg, point.pt, data, len(data), context) != 1:
            get_errors()  # or the errors stay in the thread's queue, and later calls report them
            return None
        return Element(self, point)

    def _element(self, x: int, y: int) -> Element:
        return self.element_from_bytes(
            bytes([2 + y % 2]) + x.to_bytes(self.element_size - 1, "big")
        )

    def __reduce__(self) -> tuple[object, ...]:
        return group, (self.name,)


def _check(code: int) -> None:
    """Raise `MemoryError` unless ``code`` is 1: OpenSSL can fail here for no other reason."""
    if code != 1:
        get_errors()
        raise MemoryError("OpenSSL failed to compute on a curve")


_groups: dict[str, OpensslGroup] = {}


def group(name: str) -> OpensslGroup:
    """Return the group ``name``: always the same object, for all threads.

    Raises `UnsupportedError` if OpenSSL was built without its curve.
    """
    return _groups.get(name) or _groups.setdefault(name, OpensslGroup(name))
