"""The register of samplers, and the random values of which they make inputs.

What is drawn is weighed to the edges: 0, 1, -1, the order, the identity, nothing, and full.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from billboard.groups.ristretto255 import ORDER, Element, Scalar

Json = dict[str, Any]
Random = random.Random
Sampler = Callable[[Random], Json]
SAMPLERS: dict[str, Sampler] = {}

PRIME = 2**255 - 19
IDENTITY = bytes(32)
EDGE_SCALARS = (0, 1, 2, 3, ORDER - 2, ORDER - 1, 2**252, 2**128, (ORDER + 1) // 2)


def sampler(operation: str) -> Callable[[Sampler], Sampler]:
    def register(function: Sampler) -> Sampler:
        if operation in SAMPLERS:
            raise ValueError(f"two samplers for {operation}")
        SAMPLERS[operation] = function
        return function

    return register


@contextmanager
def seeded(rng: Random) -> Iterator[None]:
    """What the engine takes from the operating system comes from ``rng``."""
    with (
        mock.patch.object(os, "urandom", rng.randbytes),
        mock.patch.object(secrets, "randbelow", rng.randrange),
    ):
        yield


def chance(rng: Random, share: float) -> bool:
    return rng.random() < share


def data(rng: Random, size: int) -> bytes:
    """Random bytes; sometimes all zero or all ones."""
    return rng.choice((bytes(size), b"\xff" * size)) if chance(rng, 0.1) else rng.randbytes(size)


def length(rng: Random, longest: int) -> int:
    """A length from 0 on: empty, full, around a block of a hash, or any."""
    edges = [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, longest - 1, longest]
    return min(rng.choice(edges) if chance(rng, 0.5) else rng.randint(0, longest), longest)


def number(rng: Random, low: int, high: int) -> int:
    """An integer of the closed interval; often at an end of it."""
    if not chance(rng, 0.4):
        return rng.randint(low, high)
    return min(max(rng.choice((low, low + 1, high - 1, high)), low), high)


def near(rng: Random, *edges: int, low: int = 0, high: int = 2**53 - 1) -> int:
    """One of the edges, or a neighbour of it."""
    return min(max(rng.choice(edges) + rng.choice((-2, -1, 0, 0, 1, 2)), low), high)


def parts(rng: Random) -> list[str]:
    return [data(rng, length(rng, 200)).hex() for _ in range(rng.choice((0, 1, 1, 2, 3, 5)))]


def label(rng: Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789/-"
    if chance(rng, 0.3):
        return rng.choice(("", "pop", "post", "frame", "key", "lane/id", "lane/update", "file"))
    return "".join(rng.choices(letters, k=rng.randint(1, 40)))


def origin(rng: Random) -> str:
    """A valid one: a printable ASCII text."""
    size = rng.choice((1, 2, 13, 254, 255, rng.randint(1, 255)))
    return "".join(chr(rng.randint(0x21, 0x7E)) for _ in range(size))


def integer(rng: Random, *, nonzero: bool = False) -> int:
    """A scalar as an integer."""
    drawn = rng.choice(EDGE_SCALARS) if chance(rng, 0.25) else rng.randrange(ORDER)
    return 1 if nonzero and drawn == 0 else drawn


def scalar(rng: Random, *, nonzero: bool = False) -> bytes:
    return integer(rng, nonzero=nonzero).to_bytes(32, "little")


def scalars(rng: Random, count: int) -> list[bytes]:
    """Distinct, none of them 0."""
    drawn: dict[bytes, None] = {}
    while len(drawn) < count:
        drawn[scalar(rng, nonzero=True)] = None
    return list(drawn)


def multiple(scalar: bytes) -> bytes:
    """The encoding of a multiple of the generator."""
    return bytes(Element.mul_generator(Scalar.from_bytes(scalar)))


def element(rng: Random) -> bytes:
    """The identity, a small multiple of the generator or of -G, or any element."""
    if chance(rng, 0.25):
        small = rng.choice(EDGE_SCALARS).to_bytes(32, "little")
        return multiple(small)
    return bytes(Element.from_uniform_bytes(rng.randbytes(64)))


def strange(rng: Random) -> bytes:
    """32 bytes that are no canonical element or scalar, or not likely so."""
    return rng.choice(
        (
            b"\xff" * 32,
            (PRIME + rng.choice((0, 1, 2, 18))).to_bytes(32, "little"),
            (ORDER + rng.choice((0, 1, 2**128))).to_bytes(32, "little"),
            (PRIME - int.from_bytes(element(rng), "little") % PRIME).to_bytes(32, "little"),
            (int.from_bytes(element(rng), "little") | 1 << 255).to_bytes(32, "little"),
            rng.randbytes(31) + b"\x00",
            rng.randbytes(32),
            b"\x01" + bytes(31),
        )
    )


def flipped(rng: Random, value: bytes) -> bytes:
    """One bit is another: anywhere, or in the first bytes, where versions and lengths are."""
    if not value:
        return b"\0"
    last = min(len(value), 12) if chance(rng, 0.3) else len(value)
    position = rng.randrange(last)
    changed = value[position] ^ 1 << rng.randrange(8)
    return value[:position] + bytes([changed]) + value[position + 1 :]


def replaced(value: bytes, start: int, new: bytes) -> bytes:
    return value[:start] + new + value[start + len(new) :]


def damaged(rng: Random, value: bytes, start: int = 0) -> bytes:
    """Something else: ``start`` is where parts of 32 bytes begin, of which some are exchanged."""
    count = max((len(value) - start) // 32, 0)
    kind = rng.randrange(10 if count >= 2 else 6)
    if kind < 3:
        return flipped(rng, value)
    if kind == 3:
        return value[: rng.choice((0, max(len(value) - 1, 0), rng.randint(0, len(value))))]
    if kind == 4:
        return value + rng.randbytes(rng.choice((1, 31, 32)))
    if kind == 5:
        return rng.randbytes(len(value))
    first, second = (start + 32 * i for i in rng.sample(range(count), 2))
    if kind == 6:
        swapped = replaced(value, first, value[second : second + 32])
        return replaced(swapped, second, value[first : first + 32])
    if kind == 7:
        return replaced(value, first, value[second : second + 32])
    return replaced(value, first, IDENTITY if kind == 8 else strange(rng))


def sometimes_damaged(rng: Random, value: bytes, start: int = 0, share: float = 0.5) -> bytes:
    return damaged(rng, value, start) if chance(rng, share) else value
