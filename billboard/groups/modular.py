"""Parts that the groups in Python share: scalars, and the refusal to mix groups."""

from __future__ import annotations

import operator
import secrets
from typing import Any, Final, NoReturn, TypeVar, final

from billboard import _core
from billboard.errors import GroupMismatchError, InvalidEncodingError
from billboard.groups.group import Element, Group, Scalar as AnyScalar
from billboard.groups.hashing import hash_to_field

_Own = TypeVar("_Own")


class Operand:
    """A scalar or element, which operators combine only with those of its own group."""

    __slots__ = ("_group",)

    def __init__(self, group: Group) -> None:
        self._group = group

    @property
    def group(self) -> Group:
        """The group that this belongs to."""
        return self._group

    def _is_kin(self, other: object) -> bool:
        """Return whether ``other`` is of this class. Raises `GroupMismatchError` across groups."""
        if isinstance(other, Operand | _core.Scalar | _core.Element):
            if other.group is not self._group:
                raise GroupMismatchError(self._group.name, other.group.name)
            return isinstance(other, type(self))
        return False

    def _reflected(self, other: Any, /) -> Any:
        """Refuse an operation that ``other`` does not have."""
        self._is_kin(other)
        return NotImplemented

    __radd__ = __rsub__ = __rmul__ = _reflected

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._group.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: use bytes")


@final
class Scalar(Operand):
    """An integer modulo the order, encoded in big endian (SPEC 12.1). Takes variable time."""

    __slots__ = ("_number",)

    def __init__(self, group: Group, number: int) -> None:
        """Use `Group.scalar`."""
        super().__init__(group)
        self._number = operator.index(number) % group.order

    @property
    def is_zero(self) -> bool:
        """Whether this is 0."""
        return self._number == 0

    def invert(self) -> Scalar:
        """Return 1 / self. Raises `ZeroDivisionError` for 0."""
        if self.is_zero:
            raise ZeroDivisionError("0 has no inverse modulo the order")
        return Scalar(self._group, pow(self._number, -1, self._group.order))

    def __bytes__(self) -> bytes:
        return self._number.to_bytes(self._group.scalar_size, "big")

    def __int__(self) -> int:
        return self._number

    def __add__(self, other: Scalar, /) -> Scalar:
        if not self._is_kin(other):
            return NotImplemented
        return Scalar(self._group, self._number + other._number)

    def __sub__(self, other: Scalar, /) -> Scalar:
        if not self._is_kin(other):
            return NotImplemented
        return Scalar(self._group, self._number - other._number)

    def __neg__(self) -> Scalar:
        return Scalar(self._group, -self._number)

    def __mul__(self, other: Any, /) -> Any:
        if not self._is_kin(other):
            return NotImplemented  # an element of this group has its own __rmul__
        return Scalar(self._group, self._number * other._number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._group is other._group and self._number == other._number

    __hash__ = None  # type: ignore[assignment]  # as for the native scalar: it may be a secret


class ScalarField:
    """The part of a `Group` that works on integers modulo its order."""

    def __init__(self, name: str, order: int) -> None:
        self.name: Final = name
        self.order: Final = order
        self.scalar_size: Final = -(-order.bit_length() // 8)

    def scalar(self: Group, number: int) -> Scalar:
        """Return ``number`` modulo the order."""
        return Scalar(self, number)

    def scalar_from_bytes(self: Group, data: bytes, field: str = "scalar") -> Scalar:
        """Decode a scalar (SPEC 12.1). Raises `InvalidEncodingError` that names ``field``."""
        number = int.from_bytes(exact(data, self.scalar_size, field), "big")
        if number >= self.order:
            raise InvalidEncodingError(field, "is not a canonical scalar")
        return Scalar(self, number)

    def random_scalar(self: Group, *, nonzero: bool = True) -> Scalar:
        """Draw a uniform scalar, other than 0 if ``nonzero``, from the operating system."""
        return Scalar(self, int(nonzero) + secrets.randbelow(self.order - int(nonzero)))

    def hash_to_scalar(self: Group, message: bytes, dst: bytes) -> Scalar:
        """Hash by hash_to_field modulo the order, with SHA-256 (SPEC 12.2)."""
        return Scalar(self, hash_to_field(message, dst, self.order, 1)[0])

    def __repr__(self) -> str:
        return f"<Group {self.name}>"


def one_group(first: Element | AnyScalar, *others: Element | AnyScalar) -> Group:
    """Return the group of all. Raises `GroupMismatchError` if they are not of one group."""
    group = first.group
    for each in others:
        if each.group is not group:
            raise GroupMismatchError(group.name, each.group.name)
    return group


def own(group: Group, value: object, kind: type[_Own]) -> _Own:
    """Return ``value``, a ``kind`` of ``group``. Raises `GroupMismatchError` or `TypeError`."""
    if isinstance(value, Operand | _core.Scalar | _core.Element) and value.group is not group:
        raise GroupMismatchError(group.name, value.group.name)
    if not isinstance(value, kind):
        raise TypeError(f"must be {kind.__name__} of {group.name}, not {type(value).__name__}")
    return value


def exact(data: bytes, size: int, field: str) -> bytes:
    """Return ``data`` of ``size`` bytes. Raises `InvalidEncodingError` or `TypeError`."""
    if not isinstance(data, bytes):
        raise TypeError(f"{field}: must be bytes, not {type(data).__name__}")
    if len(data) != size:
        raise InvalidEncodingError(field, f"must be {size} bytes, not {len(data)}")
    return data
