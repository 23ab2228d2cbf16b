"""Universal re-encryption, and re-randomisable keys (SPEC 13). For research.

A universal ciphertext also contains an encryption of the identity, so that anybody can re-randomise
it without the public key. SPEC 13.2 says how an attacker can use that.

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
    """A universal ciphertext: (a0, b0; a1, b1) = (M + k0 X, k0 G; k1 X, k1 G) (SPEC 13.1).

    Raises `InvalidEncodingError` if a1 or b1 is the identity, and `GroupMismatchError` if not all
    elements are of one group.
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
    """Encrypt an element under X; ``k0`` and ``k1`` are random unless given (SPEC 13.1).

    Raises `InvalidEncodingError` if X is the identity or ``k1`` is 0, and `GroupMismatchError` if
    not all are of one group.
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
    """Return a fresh ciphertext of the same message, without its public key (SPEC 13.1).

    ``k0``, ``k1`` and the errors for them are as for `encrypt`.
    """
    group = ciphertext.a1.group
    k0 = group.random_scalar(nonzero=False) if k0 is None else k0
    k1 = group.random_scalar() if k1 is None else k1
    a1, b1 = ciphertext.a1, ciphertext.b1
    return Ciphertext(ciphertext.a0 + a1 * k0, ciphertext.b0 + b1 * k0, a1 * k1, b1 * k1)


def decrypt(secret: Scalar, ciphertext: Ciphertext) -> Element:
    """Return the message, decrypted with the secret key x (SPEC 13.1).

    Raises `NotMine` if the ciphertext is under another key or was altered (SPEC 13.2),
    `InvalidEncodingError` if x is 0, and `GroupMismatchError` if it is of another group.
    """
    _refuse_zero("x", secret)
    if ciphertext.b1 * secret != ciphertext.a1:
        raise NotMine("the ciphertext is not for this key")
    return ciphertext.a0 - ciphertext.b0 * secret


@dataclass(frozen=True, repr=False)
class RerandomizableKey:
    """A key (T, U) = (tG, t l G) for a secret l (SPEC 13.3).

    Anybody can change t, and only the holder of l recognises the result as a key of l.

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
        """Make a key of the secret l; ``t`` is random unless given.

        Raises `InvalidEncodingError` if l or t is 0, and `GroupMismatchError` if t is of another
        group.
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
        """Return a fresh key of the same l; ``r`` is random unless given.

        Raises `InvalidEncodingError` if r is 0, and `GroupMismatchError` if it is of another group.
        """
        r = self.t.group.random_scalar() if r is None else r
        return RerandomizableKey(self.t * r, self.u * r)

    def belongs_to(self, secret: Scalar) -> bool:
        """Return whether U = lT for the secret l.

        Raises `InvalidEncodingError` if l is 0, and `GroupMismatchError` if it is of another group.
        """
        _refuse_zero("l", secret)
        return self.t * secret == self.u


def rerandomize_keys_batch(
    array: Array, *, threads: int | None = None, progress: Progress | None = None
) -> Array:
    """Re-randomise keys on ristretto255: uint8 of shape (items, 2, 32), T and U of each.

    Returns a new array of the same shape. ``threads`` and ``progress`` are those of
    `batches.multiply_batch`. Raises `InvalidRowsError` if an element is not canonical or is the
    identity: the error lists all such rows, and the results of the other rows are not returned.
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
    """Return which rows are re-randomisable keys of the secret l: bool of shape (items,).

    ``array`` is uint8 of shape (items, 2, 32); a row that is not a key counts as False. ``threads``
    and ``progress`` are those of `batches.multiply_batch`. Raises `InvalidEncodingError` if
    ``secret`` is 0, and `GroupMismatchError` if it is not of ristretto255.
    """
    if secret.group is not RISTRETTO255:
        raise GroupMismatchError(RISTRETTO255.name, secret.group.name)
    _refuse_zero("l", secret)
    return _core.recognize_keys(array, bytes(secret), threads, progress)


def _decode(group: Group, data: bytes, what: str, names: tuple[str, ...]) -> list[Element]:
    """Decode one element for each name; ``what`` names the whole in an error."""
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
