"""Multiples of a group element, four bits of the scalar at a time."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Protocol, Self, TypeVar


class Additive(Hashable, Protocol):
    """What can be added, to itself and to the identity too."""

    def plus(self, other: Self) -> Self:
        """Add."""
        ...


E = TypeVar("E", bound=Additive)


def _first_sixteen(element: E, identity: E) -> list[E]:
    multiples = [identity]
    for _ in range(15):
        multiples.append(multiples[-1].plus(element))
    return multiples


def multiple(element: E, identity: E, k: int) -> E:
    """Give k times an element, k >= 0."""
    multiples, product = _first_sixteen(element, identity), identity
    for shift in range(k.bit_length() // 4 * 4, -1, -4):
        for _ in range(4):
            product = product.plus(product)
        product = product.plus(multiples[k >> shift & 15])
    return product


@cache
def _table(element: E, identity: E) -> list[list[E]]:
    """List 0 to 15 times 16^i times the element, for i from 0 to 63."""
    rows = []
    for _ in range(64):
        rows.append(_first_sixteen(element, identity))
        element = rows[-1][15].plus(element)
    return rows


def multiple_of_generator(generator: E, identity: E, k: int) -> E:
    """Give k times a generator, 0 <= k < 2^256, from a table that is made once."""
    product = identity
    for i, row in enumerate(_table(generator, identity)):
        product = product.plus(row[k >> 4 * i & 15])
    return product
