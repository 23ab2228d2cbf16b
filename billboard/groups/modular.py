"""What the groups in Python share: scalars, and the refusal to mix groups."""

from __future__ import annotations

import secrets
from typing import Any, NoReturn, final

from billboard import _core
from billboard.errors import GroupMismatchError, InvalidEncodingError
from billboard.groups.group import Group


class Operand:
    """A scalar or element that operators take together with those of its own group only."""

    __slots__ = ("_group",)

    def __init__(self, group: Group) -> None:
        self._group = group

    @property
    def group(self) -> Group:
        """The group that this belongs to."""
        return self._group

    def _is_kin(self, other: object) -> bool:
        """Whether ``other`` is of this very class. Raises `GroupMismatchError` across groups."""
        if isinstance(other, Operand | _core.Scalar | _core.Element):
            if other.group is not self._group:
                raise GroupMismatchError(self._group.name, other.group.name)
            return isinstance(other, type(self))
        return False

    def _reflected(self, other: Any, /) -> Any:
        """What is left when ``other`` did not know what to do with this."""
        self._is_kin(other)
        return NotImplemented

    __radd__ = __rsub__ = __rmul__ = _reflected

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._group.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} can not be pickled or copied: use bytes")


@final
class Scalar(Operand):
    """An integer modulo the order, big endian when encoded (SPEC 12.1). Not constant time."""

    __slots__ = ("_number",)

    def __init__(self, group: Group, number: int) -> None:
        """Use `Group.scalar`."""
        super().__init__(group)
        self._number = number % group.order

    @property
    def is_zero(self) -> bool:
        """Whether this is 0."""
        return self._number == 0

    def invert(self) -> Scalar:
        """1 / self. Raises `ZeroDivisionError` for 0."""
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
            return NotImplemented  # an element of this group knows how
        return Scalar(self._group, self._number * other._number)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scalar):
            return NotImplemented
        return self._group is other._group and self._number == other._number

    __hash__ = None  # type: ignore[assignment]  # as that of the native scalar: it is a secret


def scalar_from_bytes(group: Group, data: bytes, field: str) -> Scalar:
    """Decode (SPEC 12.1). Raises `InvalidEncodingError`."""
    if len(data) != group.scalar_size:
        raise InvalidEncodingError(field, f"must be {group.scalar_size} bytes, not {len(data)}")
    number = int.from_bytes(data, "big")
    if number >= group.order:
        raise InvalidEncodingError(field, "is not a canonical scalar")
    return Scalar(group, number)


def random_scalar(group: Group, nonzero: bool) -> Scalar:
    """A uniform scalar, other than 0 if ``nonzero``, from the operating system's randomness."""
    return Scalar(group, int(nonzero) + secrets.randbelow(group.order - int(nonzero)))
