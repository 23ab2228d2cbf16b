"""Prime-order groups (SPEC 12). Keys, lanes, posts and batches use ``ristretto255``.

>>> group = get("ristretto255")
>>> x, y = group.random_scalar(), group.random_scalar()
>>> group.mul_generator(x) * y == group.mul_generator(x * y)
True
"""

from __future__ import annotations

from billboard.errors import UnsupportedError
from billboard.groups.group import Element, Group, Scalar
from billboard.groups.ristretto255 import RISTRETTO255

__all__ = ["NAMES", "Element", "Group", "Scalar", "get"]

NAMES = ("ristretto255", "p256", "p224", "secp256k1", "bls12_381")
"""The names of the groups of SPEC 12."""


def get(name: str) -> Group:
    """Return the group ``name``, one of `NAMES`; always the same object.

    Raises `UnsupportedError` if there is no such group, or its extra is not installed:
    ``openssl`` for p256, p224 and secp256k1, ``bls`` for bls12_381.
    """
    try:
        if name == "ristretto255":
            return RISTRETTO255
        if name in ("p256", "p224", "secp256k1"):
            from billboard.groups import openssl

            return openssl.group(name)
        if name == "bls12_381":
            from billboard.groups import bls12_381

            return bls12_381.BLS12_381
    except (ImportError, OSError) as error:  # petlib looks for OpenSSL when it is imported
        extra = "bls" if name == "bls12_381" else "openssl"
        raise UnsupportedError(
            f"{name} needs a package that is not installed ({error}):"
            f" pip install 'anonymous-billboard[{extra}]'"
        ) from None
    raise UnsupportedError(f"there is no group {name}: it must be one of {', '.join(NAMES)}")
