"""Batches of plain ElGamal pairs (n = 1), and the embedding of 30 bytes in one element."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from functools import partial

import numpy as np
from groups import Scheme
from operations import (
    BACKEND,
    BATCH,
    BILLBOARD,
    PORTABLE,
    Contestant,
    Operation,
    check,
    in_batches,
)
from peers.dalek import Dalek
from peers.ristretto255 import PAYLOAD, LibpepPairs, Rbcl, extract

from billboard import _core, elgamal
from billboard.batches import Array
from billboard.elgamal import DecryptionKey, EncryptionKey
from billboard.groups.ristretto255 import Scalar, random_scalar

SUBJECT = "pair"

DALEK = "dalek, in Rust"

ALONE = "multiplications alone"

COUNTED = {"rerandomize": (721, 538), "decrypt": (1436, 1545)}
"""Multiplications and squarings in the field for a pair on the backend ifma: the arithmetic bound.

The test rust/src/kernel/tests/operations.rs counts them.
"""

ONE_AT_A_TIME = 256
"""Items that dalek processes, one after the other, for each request over the pipe."""

SAMPLE = 64
"""Rows of a batch that each peer checks."""

Peers = dict[str, Rbcl | LibpepPairs]


class Batches:
    """billboard's batch keys, used with batches of one row."""

    def __init__(self, secret: Scalar) -> None:
        self.public = EncryptionKey(elgamal.public_elements([secret]))
        self.secret = DecryptionKey([secret])

    def encrypt(self, message: bytes) -> bytes:
        return self.public.encrypt_batch(_rows(message, 1), threads=1).tobytes()

    def rerandomize(self, ciphertext: bytes) -> bytes:
        return self.public.rerandomize_batch(_rows(ciphertext, 2), threads=1).tobytes()

    def decrypt(self, ciphertext: bytes) -> bytes:
        return self.secret.decrypt_batch(_rows(ciphertext, 2), threads=1).tobytes()


def operations(items: int) -> list[Operation]:
    """Return embed, encrypt, rerandomize and decrypt of ``items`` pairs, all checked."""
    secret = random_scalar()
    batches = Batches(secret)
    peers: Peers = {"rbcl": Rbcl([int(secret)]), "libpep-py": LibpepPairs([int(secret)])}
    schemes = {BILLBOARD: batches, **peers}
    public, decryption = batches.public, batches.secret
    data = np.frombuffer(os.urandom(items * PAYLOAD), np.uint8).reshape(items, 1, PAYLOAD)
    messages = _embed(data, 1)
    pairs = public.encrypt_batch(messages, threads=1)
    _check_batches(batches, peers, data, messages)
    message, pair, first = messages[0].tobytes(), pairs[0].tobytes(), data[0].tobytes()
    _check_schemes(schemes, message)
    check(all(extract(p.embed(first)) == first for p in peers.values()), "a peer's embedding")
    dalek = Dalek(int(secret), messages.tobytes(), pairs.tobytes())
    _check_dalek(dalek, batches, message)
    contestants = {
        "embed": in_batches(
            items,
            lambda threads: _embed(data, threads),
            {
                BILLBOARD: lambda: _embed(data[:1], 1).tobytes(),
                **{name: lambda p=peer: p.embed(first) for name, peer in peers.items()},
            },
        ),
        "encrypt": in_batches(
            items,
            lambda threads: public.encrypt_batch(messages, threads=threads),
            {name: lambda s=scheme: s.encrypt(message) for name, scheme in schemes.items()},
        ),
        "rerandomize": in_batches(
            items,
            lambda threads: public.rerandomize_batch(pairs, threads=threads),
            {name: lambda s=scheme: s.rerandomize(pair) for name, scheme in schemes.items()},
        ),
        "decrypt": in_batches(
            items,
            lambda threads: decryption.decrypt_batch(pairs, threads=threads),
            {name: lambda s=scheme: s.decrypt(pair) for name, scheme in schemes.items()},
        ),
    }
    for name in ("encrypt", "rerandomize", "decrypt"):
        contestants[name] |= {
            DALEK: Contestant(partial(dalek.run, name, ONE_AT_A_TIME), ONE_AT_A_TIME, cpu=dalek.cpu)
        }
        contestants[name] = _compare(contestants[name], (BATCH, PORTABLE), DALEK)
    if BACKEND == "ifma":
        for name, counted in COUNTED.items():
            alone = Contestant(partial(_multiply_and_square, *counted), ONE_AT_A_TIME)
            contestants[name] = _compare(contestants[name] | {ALONE: alone}, (BATCH,), ALONE)
    return [Operation(SUBJECT, name, those) for name, those in contestants.items()]


def _compare(
    contestants: dict[str, Contestant], batches: tuple[str, ...], other: str
) -> dict[str, Contestant]:
    """Return the contestants, with those named in ``batches`` compared with ``other`` too."""
    there = {name: contestants[name] for name in batches if name in contestants}
    return contestants | {
        name: replace(batch, beside=(*batch.beside, other)) for name, batch in there.items()
    }


def _multiply_and_square(multiplications: int, squarings: int) -> None:
    _core.field_operations(False, multiplications * ONE_AT_A_TIME)
    _core.field_operations(True, squarings * ONE_AT_A_TIME)


def _check_dalek(dalek: Dalek, batches: Batches, message: bytes) -> None:
    """Check that billboard decrypts what dalek makes, and dalek what billboard makes."""
    ours = batches.encrypt(message)
    check(batches.decrypt(dalek.show("encrypt", message)) == message, "dalek encrypts")
    fresh = dalek.show("rerandomize", ours)
    check(fresh[:32] != ours[:32] and fresh[32:] != ours[32:], "dalek: an element stayed")
    check(batches.decrypt(fresh) == message, "dalek rerandomizes")
    check(dalek.show("decrypt", batches.rerandomize(ours)) == message, "dalek decrypts")


def _check_batches(batches: Batches, peers: Peers, data: Array, messages: Array) -> None:
    """Check that billboard decrypts every row of a batch, and each peer a sample of its rows."""
    check(np.array_equal(_core.extract(messages, 1), data), "embedding a batch")
    sample = np.linspace(0, len(data) - 1, SAMPLE, dtype=int)
    for threads in (1, 2):
        pairs = batches.public.encrypt_batch(messages, threads=threads)
        fresh = batches.public.rerandomize_batch(pairs, threads=threads)
        check(bool((pairs != fresh).any(axis=2).all()), "rerandomizing: an element stayed")
        for array in (pairs, fresh):
            decrypted = batches.secret.decrypt_batch(array, threads=threads)
            check(np.array_equal(decrypted, messages), f"a batch on {threads} threads")
            for (name, peer), i in itertools.product(peers.items(), sample):
                message = peer.decrypt(array[i].tobytes())
                check(message == messages[i].tobytes(), f"row {i} of a batch, decrypted by {name}")


def _check_schemes(schemes: dict[str, Batches | Scheme], message: bytes) -> None:
    """Check that each library decrypts what any encrypts and any rerandomizes."""
    for names in itertools.product(schemes, repeat=3):
        first, second, third = (schemes[name] for name in names)
        pair = first.encrypt(message)
        fresh = second.rerandomize(pair)
        check(pair[:32] != fresh[:32] and pair[32:] != fresh[32:], f"{names}: an element stayed")
        check(third.decrypt(fresh) == message, f"{names} in a row")


def _embed(data: Array, threads: int) -> Array:
    return _core.embed(data, 1, os.urandom(32), threads)


def _rows(data: bytes, elements: int) -> Array:
    return np.frombuffer(data, np.uint8).reshape(1, elements, 32)
