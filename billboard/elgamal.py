"""ElGamal on ristretto255: n elements under n public elements and one randomizer (SPEC 6.2).

One ciphertext is A = rG, B_j = M_j + r X_j. The functions work on elements; `EncryptionKey` and
`DecryptionKey` work on batches, natively and on all CPUs.

>>> secret = [random_scalar()]
>>> public = public_elements(secret)
>>> message = [Element.mul_generator(random_scalar())]
>>> ciphertext = rerandomize(public, encrypt(public, message))
>>> decrypt(secret, ciphertext) == message
True
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from billboard import _core
from billboard.errors import InvalidEncodingError, InvalidRowsError
from billboard.groups.ristretto255 import Element, Scalar, random_scalar

Array = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Progress = Callable[[int, int], object]


@dataclass(frozen=True, repr=False)
class Ciphertext:
    """A pair (A, (B_1, .., B_n)); A is not the identity."""

    a: Element
    b: tuple[Element, ...]

    def __post_init__(self) -> None:
        if self.a.is_identity:
            raise InvalidEncodingError("A", "is the identity")


def public_elements(secret: Sequence[Scalar]) -> list[Element]:
    """X_j = x_j G."""
    return [Element.mul_generator(x) for x in secret]


def encrypt(
    public: Sequence[Element], message: Sequence[Element], r: Scalar | None = None
) -> Ciphertext:
    """Encrypt n elements under n public elements; ``r`` is not 0 and random unless given."""
    _same_length(public, message)
    r = random_scalar() if r is None else r
    pairs = zip(message, public, strict=True)
    return Ciphertext(Element.mul_generator(r), tuple(m + x * r for m, x in pairs))


def rerandomize(
    public: Sequence[Element], ciphertext: Ciphertext, s: Scalar | None = None
) -> Ciphertext:
    """A fresh ciphertext of the same message; ``s`` is random unless given.

    Raises `InvalidEncodingError` if a given ``s`` makes A the identity.
    """
    _same_length(public, ciphertext.b)
    drawn = Scalar.from_uniform_bytes(os.urandom(64)) if s is None else s
    a = ciphertext.a + Element.mul_generator(drawn)
    if a.is_identity and s is None:
        return rerandomize(public, ciphertext)
    return Ciphertext(a, tuple(b + x * drawn for b, x in zip(ciphertext.b, public, strict=True)))


def decrypt(secret: Sequence[Scalar], ciphertext: Ciphertext) -> list[Element]:
    """M_j = B_j - x_j A."""
    _same_length(secret, ciphertext.b)
    return [b - ciphertext.a * x for b, x in zip(ciphertext.b, secret, strict=True)]


class EncryptionKey:
    """The public elements X_1 .. X_n, for batches.

    Fixed-base tables are made when enough rows have gone by to pay for them, and kept.
    """

    def __init__(self, public: Sequence[Element]) -> None:
        """Raises `InvalidEncodingError` if there is no element, or one is the identity."""
        self.public = tuple(public)
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

        ``seed`` is 32 bytes from which all r are drawn; left out, it comes from the operating
        system. Never use a seed twice. ``threads`` is the number of threads, None for all CPUs this
        process may use; ``progress(done, items)`` is called a few times a second. Raises
        `InvalidRowsError`, which lists all bad rows, and then returns nothing.
        """
        seed = os.urandom(32) if seed is None else seed
        output, valid = self._core.encrypt(messages, seed, threads, progress)
        _refuse_invalid_rows("messages", valid)
        return output

    def rerandomize_batch(
        self,
        array: Array,
        *,
        seed: bytes | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Array:
        """Fresh ciphertexts for ``array``, uint8 of shape (items, n + 1, 32); a new array.

        The parameters and errors are those of `encrypt_batch`.
        """
        seed = os.urandom(32) if seed is None else seed
        output, valid = self._core.rerandomize(array, seed, threads, progress)
        _refuse_invalid_rows("array", valid)
        return output


class DecryptionKey:
    """The secret scalars x_1 .. x_n, for batches. They are zeroized when the key is freed."""

    def __init__(self, secret: Sequence[Scalar]) -> None:
        """Raises `InvalidEncodingError` if there is no scalar, or one is 0."""
        self._core = _core.DecryptionKey(b"".join(map(bytes, secret)))

    def decrypt_batch(
        self, array: Array, *, threads: int | None = None, progress: Progress | None = None
    ) -> Array:
        """Decrypt uint8 of shape (items, n + 1, 32) to messages of shape (items, n, 32).

        The parameters and errors are those of `EncryptionKey.encrypt_batch`.
        """
        output, valid = self._core.decrypt(array, threads, progress)
        _refuse_invalid_rows("array", valid)
        return output


def _refuse_invalid_rows(field: str, valid: Mask) -> None:
    if not valid.all():
        raise InvalidRowsError(field, np.flatnonzero(~valid).tolist())


def _same_length(keys: Sequence[object], elements: Sequence[object]) -> None:
    if len(keys) != len(elements):
        raise InvalidEncodingError(
            "elements", f"{len(elements)} elements do not fit a key of {len(keys)}"
        )
