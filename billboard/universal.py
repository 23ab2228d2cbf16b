"""Universal re-encryption, and re-randomisable keys (SPEC 13). For research.

A universal ciphertext carries an encryption of the identity along, so that whoever does not know
the public key can re-randomise it. SPEC 13.2 says what an attacker makes of that.

>>> from billboard import groups
>>> group = groups.get("ristretto255")
>>> secret = group.random_scalar()
>>> message = group.hash_to_element(b"any element", b"example")
>>> ciphertext = encrypt(group.mul_generator(secret), message)
>>> decrypt(secret, rerandomize(ciphertext)) == message
True
>>> key = RerandomizableKey.generate(secret)
>>> key.rerandomize().belongs_to(secret)
True
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from billboard import _core
from billboard.batches import Array, Mask, Progress, refuse_invalid_rows
from billboard.errors import GroupMismatchError, InvalidEncodingError, NotMine
from billboard.groups import Element, Group, Scalar
from billboard.groups.modular import one_group
from billboard.groups.ristretto255 import RISTRETTO255

__all__ = [
    "Ciphertext",
    "RerandomizableKey",
    "decrypt",
    "encrypt",
    "recognize_keys_batch",
    "rerandomize",
    "rerandomize_keys_batch",
]


@dataclass(frozen=True, repr=False)
class Ciphertext:
    """(a0, b0; a1, b1) = (M + k0 X, k0 G; k1 X, k1 G); neither a1 nor b1 is the identity.

    Raises `InvalidEncodingError`, and `GroupMismatchError` for elements of two groups.
    """

    a0: Element
    b0: Element
    a1: Element
    b1: Element

    def __post_init__(self) -> None:
        one_group(self.a0, self.b0, self.a1, self.b1)
        _refuse_identity(a1=self.a1, b1=self.b1)

    @classmethod
    def from_bytes(cls, group: Group, data: bytes) -> Ciphertext:
        """Decode a0 || b0 || a1 || b1 (SPEC 13.1). Raises `InvalidEncodingError`."""
        return cls(*_decode(group, data, "ciphertext", ("a0", "b0", "a1", "b1")))

    def __bytes__(self) -> bytes:
        return b"".join(map(bytes, (self.a0, self.b0, self.a1, self.b1)))


def encrypt(
    public: Element, message: Element, k0: Scalar | None = None, k1: Scalar | None = None
) -> Ciphertext:
    """Encrypt an element under X; ``k0`` and ``k1`` (not 0) are random unless given (SPEC 13.1).

    Raises `GroupMismatchError` if not all are of one group.
    """
    group = public.group
    k0 = group.random_scalar(nonzero=False) if k0 is None else k0
    k1 = group.random_scalar() if k1 is None else k1
    return Ciphertext(
        message + public * k0, group.mul_generator(k0), public * k1, group.mul_generator(k1)
    )


def rerandomize(
    ciphertext: Ciphertext, k0: Scalar | None = None, k1: Scalar | None = None
) -> Ciphertext:
    """A fresh ciphertext of the same message, without its public key (SPEC 13.1).

    Parameters and errors are those of `encrypt`.
    """
    group = ciphertext.a1.group
    k0 = group.random_scalar(nonzero=False) if k0 is None else k0
    k1 = group.random_scalar() if k1 is None else k1
    a1, b1 = ciphertext.a1, ciphertext.b1
    return Ciphertext(ciphertext.a0 + a1 * k0, ciphertext.b0 + b1 * k0, a1 * k1, b1 * k1)


def decrypt(secret: Scalar, ciphertext: Ciphertext) -> Element:
    """The message, with the secret key x, which is not 0 (SPEC 13.1).

    Raises `NotMine` if the ciphertext is under another key, or was tampered with (SPEC 13.2),
    `InvalidEncodingError` if x is 0, and `GroupMismatchError` if it is of another group.
    """
    _refuse_zero("x", secret)
    if ciphertext.b1 * secret != ciphertext.a1:
        raise NotMine("the ciphertext is not for this key")
    return ciphertext.a0 - ciphertext.b0 * secret


@dataclass(frozen=True, repr=False)
class RerandomizableKey:
    """(T, U) = (tG, t l G): anybody can change t, and only who has l recognises it (SPEC 13.3).

    Raises `InvalidEncodingError` if T or U is the identity, and `GroupMismatchError` if they are of
    two groups.
    """

    t: Element
    u: Element

    def __post_init__(self) -> None:
        one_group(self.t, self.u)
        _refuse_identity(T=self.t, U=self.u)

    @classmethod
    def generate(cls, secret: Scalar, t: Scalar | None = None) -> RerandomizableKey:
        """A key of ``secret`` l, not 0; ``t`` is not 0 and random unless given.

        Raises `InvalidEncodingError` if l or t is 0.
        """
        group = secret.group
        first = group.mul_generator(group.random_scalar() if t is None else t)
        return cls(first, first * secret)

    @classmethod
    def from_bytes(cls, group: Group, data: bytes) -> RerandomizableKey:
        """Decode T || U (SPEC 13.3). Raises `InvalidEncodingError`."""
        return cls(*_decode(group, data, "re-randomisable key", ("T", "U")))

    def __bytes__(self) -> bytes:
        return bytes(self.t) + bytes(self.u)

    def rerandomize(self, r: Scalar | None = None) -> RerandomizableKey:
        """A fresh key of the same l; ``r`` is not 0 and random unless given."""
        r = self.t.group.random_scalar() if r is None else r
        return RerandomizableKey(self.t * r, self.u * r)

    def belongs_to(self, secret: Scalar) -> bool:
        """Whether U = lT, with ``secret`` l, which is not 0.

        Raises `InvalidEncodingError` if it is 0, and `GroupMismatchError` if it is of another
        group.
        """
        _refuse_zero("l", secret)
        return self.t * secret == self.u


def rerandomize_keys_batch(
    array: Array, *, threads: int | None = None, progress: Progress | None = None
) -> Array:
    """Fresh re-randomisable keys on ristretto255: uint8 of shape (items, 2, 32), T and U of each.

    ``threads`` and ``progress`` are those of `batches.multiply_batch`. Raises `InvalidRowsError`,
    which lists all rows that are not canonical or have the identity, and then returns nothing.
    """
    output, valid = _core.rerandomize_keys(array, os.urandom(32), threads, progress)
    refuse_invalid_rows("array", valid)
    return output


def recognize_keys_batch(
    array: Array,
    secret: Scalar,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Mask:
    """Which rows of uint8 (items, 2, 32) are re-randomisable keys of ``secret``: bool of (items,).

    Rows that are no keys belong to nobody. Raises `InvalidEncodingError` if ``secret`` is 0, and
    `GroupMismatchError` if it is not of ristretto255. ``threads`` and ``progress`` are those of
    `batches.multiply_batch`.
    """
    if secret.group is not RISTRETTO255:
        raise GroupMismatchError(RISTRETTO255.name, secret.group.name)
    _refuse_zero("l", secret)
    return _core.recognize_keys(array, bytes(secret), threads, progress)


def _decode(group: Group, data: bytes, what: str, names: tuple[str, ...]) -> list[Element]:
    """One element for each name."""
    size = group.element_size
    if len(data) != size * len(names):
        raise InvalidEncodingError(what, f"must be {size * len(names)} bytes, not {len(data)}")
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    pairs = zip(parts, names, strict=True)
    return [group.element_from_bytes(part, name) for part, name in pairs]


def _refuse_zero(name: str, secret: Scalar) -> None:
    if secret.is_zero:
        raise InvalidEncodingError(name, "is 0")


def _refuse_identity(**elements: Element) -> None:
    for name, element in elements.items():
        if element.is_identity:
            raise InvalidEncodingError(name, "is the identity")
