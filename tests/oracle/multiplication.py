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
def _row(element: E, identity: E, i: int) -> list[E]:
    """List 0 to 15 times 16^i times the element."""
    if i:
        last = _row(element, identity, i - 1)
        element = last[15].plus(last[1])
    return _first_sixteen(element, identity)


def multiple_of_generator(generator: E, identity: E, k: int) -> E:
    """Give k times a generator, k >= 0, from tables that are made once."""
    product = identity
    for i in range((k.bit_length() + 3) // 4):
        product = product.plus(_row(generator, identity, i)[k >> 4 * i & 15])
    return product
