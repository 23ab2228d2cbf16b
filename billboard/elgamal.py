"""ElGamal: n elements under n public elements and one randomizer (SPEC 6.2, 12.4).

One ciphertext is A = rG, B_j = M_j + r X_j. The functions work on elements of any group.
`EncryptionKey` and `DecryptionKey` work on batches of ristretto255 elements, in native code and on
all CPUs.

>>> from billboard import groups
>>> group = groups.get("ristretto255")
>>> secret = [group.random_scalar()]
>>> public = public_elements(secret)
>>> message = [group.embed(b"thirty bytes make one element.")]
>>> ciphertext = rerandomize(public, encrypt(public, message))
>>> decrypt(secret, ciphertext) == message
True
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from billboard import _core
from billboard.batches import Array, Progress, refuse_invalid_rows
from billboard.errors import GroupMismatchError, InvalidEncodingError
from billboard.groups import Element, Group, Scalar
from billboard.groups.modular import one_group
from billboard.groups.ristretto255 import RISTRETTO255

__all__ = [
    "Ciphertext",
    "DecryptionKey",
    "EncryptionKey",
    "decrypt",
    "encrypt",
    "public_elements",
    "rerandomize",
]

_Operand = TypeVar("_Operand", Element, Scalar)


@dataclass(frozen=True, repr=False)
class Ciphertext:
    """A pair (A, (B_1, .., B_n)) of one group, n >= 1; A is not the identity (SPEC 12.4).

    Raises `InvalidEncodingError` if there is no B_1 or A is the identity, and `GroupMismatchError`
    if not all elements are of one group.
    """

    a: Element
    b: tuple[Element, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", tuple(self.b))
        if not self.b:
            raise InvalidEncodingError("ciphertext", "has no B_1")
        one_group(self.a, *self.b)
        if self.a.is_identity:
            raise InvalidEncodingError("A", "is the identity")

    @classmethod
    def from_bytes(cls, group: Group, data: bytes) -> Ciphertext:
        """Decode A || B_1 || .. || B_n, n >= 1 (SPEC 12.4). Raises `InvalidEncodingError`."""
        size = group.element_size
        if len(data) < 2 * size or len(data) % size:
            problem = f"must be two or more elements of {size} bytes, not {len(data)} bytes"
            raise InvalidEncodingError("ciphertext", problem)
        parts = [data[i : i + size] for i in range(0, len(data), size)]
        b = [group.element_from_bytes(part, f"B_{j}") for j, part in enumerate(parts[1:], start=1)]
        return cls(group.element_from_bytes(parts[0], "A"), tuple(b))

    def __bytes__(self) -> bytes:
        return b"".join(map(bytes, (self.a, *self.b)))


def public_elements(secret: Sequence[Scalar]) -> list[Element]:
    """Return X_j = x_j G for each secret scalar x_j.

    Raises `InvalidEncodingError` if there is no x_j, or one is 0 (SPEC 6.2), and
    `GroupMismatchError` if not all are of one group.
    """
    group = _check_secret(secret)
    return [group.mul_generator(x) for x in secret]


def encrypt(
    public: Sequence[Element], message: Sequence[Element], r: Scalar | None = None
) -> Ciphertext:
    """Encrypt n elements under n public elements; ``r`` must not be 0 and is random unless given.

    Raises `InvalidEncodingError` if there is no public element, one is the identity (SPEC 6.2) or
    the numbers of elements differ, and `GroupMismatchError` if not all are of one group.
    """
    group = _check_public(public)
    _same_length(public, message)
    r = group.random_scalar() if r is None else r
    pairs = zip(message, public, strict=True)
    return Ciphertext(group.mul_generator(r), tuple(m + x * r for m, x in pairs))


def rerandomize(
    public: Sequence[Element], ciphertext: Ciphertext, s: Scalar | None = None
) -> Ciphertext:
    """Return a fresh ciphertext of the same message; ``s`` is random unless given.

    The errors are those of `encrypt`. Also raises `InvalidEncodingError` if a given ``s`` makes A
    the identity.
    """
    group = _check_public(public)
    _same_length(public, ciphertext.b)
    drawn = group.random_scalar(nonzero=False) if s is None else s
    a = ciphertext.a + group.mul_generator(drawn)
    if a.is_identity and s is None:
        return rerandomize(public, ciphertext)
    return Ciphertext(a, tuple(b + x * drawn for b, x in zip(ciphertext.b, public, strict=True)))


def decrypt(secret: Sequence[Scalar], ciphertext: Ciphertext) -> list[Element]:
    """Return the message, M_j = B_j - x_j A.

    Raises `InvalidEncodingError` if there is no secret scalar, one is 0 (SPEC 6.2) or the numbers
    differ, and `GroupMismatchError` if not all are of one group.
    """
    _check_secret(secret)
    _same_length(secret, ciphertext.b)
    return [b - ciphertext.a * x for b, x in zip(ciphertext.b, secret, strict=True)]


class EncryptionKey:
    """The public elements X_1 .. X_n, for batches.

    The key makes and keeps fixed-base tables once it has worked on enough rows to pay for them.
    """

    def __init__(self, public: Sequence[Element]) -> None:
        """Raises `InvalidEncodingError` if there is no element, or one is the identity.

        Raises `GroupMismatchError` for elements that are not of ristretto255.
        """
        self.public = tuple(_native(public))
        """X_1 .. X_n."""
        self._core = _core.EncryptionKey(b"".join(map(bytes, self.public)))

    def encrypt_batch(
        self,
        messages: Array,
        *,
        seed: bytes | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Array:
        """Encrypt ``messages``, uint8 of shape (items, n, 32), to shape (items, n + 1, 32).

        All r are drawn from ``seed``, 32 bytes, which come from the operating system if left out.
        Never use a seed twice. ``threads`` is the number of threads; None means all CPUs that this
        process may use. ``progress(done, items)`` is called a few times a second. Raises
        `InvalidRowsError` if an element is not canonical: the error lists all such rows, and the
        results of the other rows are not returned.
        """
        seed = os.urandom(32) if seed is None else seed
        output, valid = self._core.encrypt(messages, seed, threads, progress)
        refuse_invalid_rows("messages", valid)
        return output

    def rerandomize_batch(
        self,
        array: Array,
        *,
        seed: bytes | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Array:
        """Return a fresh ciphertext for each row, a new array; both uint8 (items, n + 1, 32).

        The parameters and errors are those of `encrypt_batch`, but here A may not be the identity.
        """
        seed = os.urandom(32) if seed is None else seed
        output, valid = self._core.rerandomize(array, seed, threads, progress)
        refuse_invalid_rows("array", valid)
        return output


class DecryptionKey:
    """The secret scalars x_1 .. x_n, for batches. They are zeroized when the key is freed."""

    def __init__(self, secret: Sequence[Scalar]) -> None:
        """Raises `InvalidEncodingError` if there is no scalar, or one is 0.

        Raises `GroupMismatchError` for scalars that are not of ristretto255.
        """
        self._core = _core.DecryptionKey(b"".join(map(bytes, _native(secret))))

    def decrypt_batch(
        self, array: Array, *, threads: int | None = None, progress: Progress | None = None
    ) -> Array:
        """Decrypt uint8 of shape (items, n + 1, 32) to messages of shape (items, n, 32).

        The parameters and errors are those of `EncryptionKey.rerandomize_batch`.
        """
        output, valid = self._core.decrypt(array, threads, progress)
        refuse_invalid_rows("array", valid)
        return output


def _native(values: Iterable[_Operand]) -> Iterator[_Operand]:
    """Yield the values. Raises `GroupMismatchError` if one is not of ristretto255."""
    for value in values:
        if value.group is not RISTRETTO255:
            raise GroupMismatchError(RISTRETTO255.name, value.group.name)
        yield value


def _check_public(public: Sequence[Element]) -> Group:
    """Return the group of X_1 .. X_n, and refuse an X_j that is the identity (SPEC 6.2)."""
    group = _group_of(public)
    for j, x in enumerate(public, start=1):
        if x.is_identity:
            raise InvalidEncodingError(f"X_{j}", "is the identity")
    return group


def _check_secret(secret: Sequence[Scalar]) -> Group:
    """Return the group of x_1 .. x_n, and refuse an x_j that is 0 (SPEC 6.2)."""
    group = _group_of(secret)
    for j, x in enumerate(secret, start=1):
        if x.is_zero:
            raise InvalidEncodingError(f"x_{j}", "is 0")
    return group


def _group_of(key: Sequence[Element] | Sequence[Scalar]) -> Group:
    if not key:
        raise InvalidEncodingError("key", "has no elements")
    return one_group(*key)


def _same_length(keys: Sequence[object], elements: Sequence[object]) -> None:
    if len(keys) != len(elements):
        raise InvalidEncodingError(
            "elements", f"{len(elements)} elements do not fit a key of {len(keys)}"
        )
