"""What every group offers (SPEC 12): `Group`, `Element` and `Scalar`."""

from __future__ import annotations

from typing import Any, Protocol, Self


class Scalar(Protocol):
    """An integer modulo the order of a group. Immutable; never shows its value in a ``repr``.

    With a scalar or element of another group every operator raises `GroupMismatchError`.
    """

    @property
    def group(self) -> Group:
        """The group whose order this is an integer of."""

    @property
    def is_zero(self) -> bool:
        """Whether this is 0."""

    def __bytes__(self) -> bytes: ...
    def __int__(self) -> int: ...
    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __mul__(self, other: Any, /) -> Any:
        """The product with a scalar, a scalar; with an element, an element."""

    def invert(self) -> Self:
        """1 / self. Raises `ZeroDivisionError` for 0."""


class Element(Protocol):
    """An element of a group, written additively. Immutable and hashable.

    With an element or scalar of another group every operator raises `GroupMismatchError`, and
    ``==`` is false.
    """

    @property
    def group(self) -> Group:
        """The group that this is an element of."""

    @property
    def is_identity(self) -> bool:
        """Whether this is the neutral element."""

    def __bytes__(self) -> bytes: ...
    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __mul__(self, scalar: Any, /) -> Self: ...
    def __hash__(self) -> int: ...


class Group(Protocol):
    """A group of prime order (SPEC 12). What it lacks raises `UnsupportedError`."""

    @property
    def name(self) -> str:
        """The name in SPEC 12, as `groups.get` takes it."""

    @property
    def order(self) -> int:
        """The number of elements, a prime."""

    @property
    def scalar_size(self) -> int:
        """Bytes of an encoded scalar."""

    @property
    def element_size(self) -> int:
        """Bytes of an encoded element."""

    @property
    def embedding_size(self) -> int:
        """Bytes that an element can carry; 0 if the group has no embedding."""

    @property
    def identity(self) -> Element:
        """The neutral element."""

    @property
    def generator(self) -> Element:
        """The standard generator G."""

    def scalar(self, number: int) -> Scalar:
        """``number`` modulo the order."""

    def scalar_from_bytes(self, data: bytes, field: str = "scalar") -> Scalar:
        """Decode (SPEC 12.1); `InvalidEncodingError`, with ``field``, for what is not canonical."""

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode (SPEC 12.1); `InvalidEncodingError`, with ``field``, for what is not canonical."""

    def random_scalar(self, *, nonzero: bool = True) -> Scalar:
        """A uniform scalar, other than 0 if ``nonzero``, from the operating system's randomness."""

    def mul_generator(self, scalar: Any) -> Element:
        """scalar * G."""

    def hash_to_scalar(self, message: bytes, dst: bytes) -> Scalar:
        """A scalar from a message, uniform if the hash is a random oracle (SPEC 12.2).

        ``dst``, 1 to 255 bytes, separates uses: `InvalidEncodingError` for another length.
        """

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """An element whose logarithm nobody knows (SPEC 12.2). Errors as of `hash_to_scalar`."""

    def embed(self, data: bytes) -> Element:
        """A random element that carries ``data``, `embedding_size` bytes (SPEC 12.3).

        Variable time. Raises `InvalidEncodingError` for another length.
        """

    def extract(self, element: Any) -> bytes:
        """The bytes that `embed` put into ``element`` (SPEC 12.3).

        Raises `InvalidEncodingError` for an element that can carry none.
        """
