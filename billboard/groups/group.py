"""The interface of every group (SPEC 12): `Group`, `Element` and `Scalar`."""

from __future__ import annotations

from typing import Any, Protocol, Self


class Scalar(Protocol):
    """An integer modulo the order of a group. It is immutable, and its ``repr`` hides its value.

    Every operator raises `GroupMismatchError` for a scalar or element of another group.
    """

    @property
    def group(self) -> Group:
        """The group whose order is the modulus."""

    @property
    def is_zero(self) -> bool:
        """Whether this is 0."""

    def __bytes__(self) -> bytes: ...
    def __int__(self) -> int: ...
    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __mul__(self, other: Any, /) -> Any:
        """Multiply by a scalar, which gives a scalar, or by an element, which gives an element."""

    def invert(self) -> Self:
        """Return 1 / self. Raises `ZeroDivisionError` for 0."""


class Element(Protocol):
    """An element of a group, written additively. Immutable and hashable.

    Every operator raises `GroupMismatchError` for an element or scalar of another group, except
    ``==``, which is false.
    """

    @property
    def group(self) -> Group:
        """The group that this is an element of."""

    @property
    def is_identity(self) -> bool:
        """Whether this is the identity."""

    def __bytes__(self) -> bytes: ...
    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __mul__(self, scalar: Any, /) -> Self: ...
    def __hash__(self) -> int: ...


class Group(Protocol):
    """A group of prime order (SPEC 12). A method that it lacks raises `UnsupportedError`."""

    @property
    def name(self) -> str:
        """The name in SPEC 12, which `groups.get` takes."""

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
        """Bytes that an element can carry; 0 if the group has no embedding (SPEC 12.3)."""

    @property
    def identity(self) -> Element:
        """The identity, the neutral element of addition."""

    @property
    def generator(self) -> Element:
        """The standard generator G."""

    def scalar(self, number: int) -> Scalar:
        """Return ``number`` modulo the order."""

    def scalar_from_bytes(self, data: bytes, field: str = "scalar") -> Scalar:
        """Decode a scalar (SPEC 12.1).

        Raises `InvalidEncodingError` that names ``field`` if the encoding is not canonical.
        """

    def element_from_bytes(self, data: bytes, field: str = "element") -> Element:
        """Decode an element (SPEC 12.1).

        Raises `InvalidEncodingError` that names ``field`` if the encoding is not canonical.
        """

    def random_scalar(self, *, nonzero: bool = True) -> Scalar:
        """Draw a uniform scalar, other than 0 if ``nonzero``, from the operating system."""

    def mul_generator(self, scalar: Any) -> Element:
        """Return scalar * G."""

    def hash_to_scalar(self, message: bytes, dst: bytes) -> Scalar:
        """Hash a message to a scalar, uniform if the hash is a random oracle (SPEC 12.2).

        ``dst``, 1 to 255 bytes, keeps different uses apart. Raises `InvalidEncodingError` if it has
        another length.
        """

    def hash_to_element(self, message: bytes, dst: bytes) -> Element:
        """Hash a message to an element whose logarithm nobody knows (SPEC 12.2).

        ``dst`` and errors are as for `hash_to_scalar`.
        """

    def embed(self, data: bytes) -> Element:
        """Return a random element that carries ``data``, `embedding_size` bytes (SPEC 12.3).

        Takes variable time. Raises `InvalidEncodingError` if ``data`` has another length.
        """

    def extract(self, element: Any) -> bytes:
        """Return the bytes that `embed` put into ``element`` (SPEC 12.3).

        Raises `InvalidEncodingError` for an element that cannot carry any.
        """
