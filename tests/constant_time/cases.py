"""What is timed: the operations with secret scalars, on scalars of 1 and on random ones.

The secrets of both classes are made before, as many of each, so that what precedes a measurement
is the same. What is measured is a copy, which comes to lie where the one before lay: where a secret
lies takes time too, which would tell the classes apart, though both were random.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from billboard import _core, elgamal
from billboard.batches import Array
from billboard.groups.ristretto255 import Element, Scalar, random_scalar

from .timing import Case

ROWS = 8
_POOL = 64
_ONE = Scalar.from_bytes((1).to_bytes(32, "little"))
_Made = TypeVar("_Made")
_Secret = TypeVar("_Secret")


def case(
    name: str,
    make: Callable[[int], _Made],
    copy: Callable[[_Made], _Secret],
    run: Callable[[_Secret], object],
) -> Case:
    """Time ``run`` on copies of secrets that ``make`` made of a class, one after the other."""
    pools = [[make(number) for _ in range(_POOL)] for number in (0, 1)]
    turn, chosen = [0], list[_Secret]()

    def prepare(number: int) -> None:
        turn[0] = (turn[0] + 1) % _POOL
        chosen.clear()
        chosen.append(copy(pools[number][turn[0]]))

    return Case(name, prepare, lambda: run(chosen[0]))


def copied(secret: bytes) -> bytes:
    return bytes(bytearray(secret))


def scalars(number: int, count: int) -> Array:
    """Of class 0 all 1, of class 1 random."""
    encodings = [bytes(random_scalar() if number else _ONE) for _ in range(count)]
    return np.frombuffer(b"".join(encodings), np.uint8).reshape(count, 1, 32)


def elements(count: int, n: int) -> Array:
    encodings = [bytes(Element.mul_generator(random_scalar())) for _ in range(count * n)]
    return np.frombuffer(b"".join(encodings), np.uint8).reshape(count, n, 32)


def seed(number: int) -> bytes:
    """Of class 0 always the same, of class 1 another each time."""
    return os.urandom(32) if number else bytes(range(32))


def cases() -> Iterator[Case]:
    """On the backend in use."""
    for n in (1, 8):
        public = elgamal.public_elements([random_scalar() for _ in range(n)])
        blobs, messages = elements(ROWS, n + 1), elements(ROWS, n)
        key = elgamal.EncryptionKey(public)._core
        for _ in range(4):
            key.rerandomize(blobs, os.urandom(32), 1)  # which makes the tables
        yield _rerandomize(n, key, blobs)
        yield _encrypt(n, key, messages)
        yield _decrypt(n, blobs)
    points = elements(ROWS, 1)
    secrets = lambda number: scalars(number, ROWS)  # noqa: E731
    yield case("multiply", secrets, np.copy, lambda secret: _core.multiply(points, secret, 1))
    base = Element.mul_generator(random_scalar())
    wide = lambda number: [  # noqa: E731
        os.urandom(128) if number else 2 * (bytes(_ONE) + bytes(32)) for _ in range(ROWS)
    ]
    copies = lambda secret: list(map(copied, secret))  # noqa: E731
    yield case("diversify", wide, copies, lambda secret: _core.diversify(base, secret))
    generate = lambda secret: _core.multiply_generator(secret, 1)  # noqa: E731
    yield case("multiply_generator", secrets, np.copy, generate)


def _rerandomize(n: int, key: _core.EncryptionKey, blobs: Array) -> Case:
    run = lambda secret: key.rerandomize(blobs, secret, 1)  # noqa: E731
    return case(f"rerandomize, n = {n}", seed, copied, run)


def _encrypt(n: int, key: _core.EncryptionKey, messages: Array) -> Case:
    run = lambda secret: key.encrypt(messages, secret, 1)  # noqa: E731
    return case(f"encrypt, n = {n}", seed, copied, run)


def _decrypt(n: int, blobs: Array) -> Case:
    make = lambda number: scalars(number, n).tobytes()  # noqa: E731
    return case(f"decrypt, n = {n}", make, _core.DecryptionKey, lambda key: key.decrypt(blobs, 1))


def control() -> Case:
    """What has to be found: a product whose name says that it takes variable time."""
    element = Element.mul_generator(random_scalar())
    make = lambda number: bytes(random_scalar() if number else _ONE)  # noqa: E731
    return case(
        "a product in variable time",
        make,
        Scalar.from_bytes,
        lambda secret: element.mul_add_generator_vartime(secret, secret),
    )
