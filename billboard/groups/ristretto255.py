"""ristretto255 (RFC 9496), from the native core."""

from __future__ import annotations

import os

from billboard._core import Element, Scalar

__all__ = ["ORDER", "SUITE", "SUITE_NUMBER", "Element", "Scalar", "random_scalar"]

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order l of the group."""

SUITE = b"ristretto255-SHA512"
SUITE_NUMBER = 1


def random_scalar() -> Scalar:
    """A uniform scalar other than 0, from the operating system's randomness."""
    while (scalar := Scalar.from_uniform_bytes(os.urandom(64))).is_zero:
        pass
    return scalar
