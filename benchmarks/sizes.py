"""What a pair costs in batches that grow."""

from __future__ import annotations

import os

import numpy as np
from operations import BACKEND, Call, Contestant, Operation, check, on_portable

from billboard import _core, elgamal
from billboard.batches import Array
from billboard.groups.ristretto255 import random_scalar

SUBJECT = "pair, batches that grow"
SIZES = (1, 8, 64, 512, 4_096, 32_768)
LARGE = 1_000_000
"""Pairs that only the native backend of the fastest is given."""

TWO_THREADS = f"{BACKEND} on two threads"


def operations(large: bool) -> list[Operation]:
    """Rerandomizing `SIZES` pairs on each backend; on the fastest `LARGE` too, if so.

    On the fastest, the largest two of them on two threads besides.
    """
    sizes = (*SIZES, LARGE) if large else SIZES
    key = elgamal.EncryptionKey(elgamal.public_elements([random_scalar()]))
    data = np.frombuffer(os.urandom(30 * SIZES[-1]), np.uint8).reshape(-1, 1, 30)
    some = key.encrypt_batch(_core.embed(data, 1, os.urandom(32)))
    check(bool((key.rerandomize_batch(some) != some).any(axis=2).all()), "an element stayed")
    pairs = np.concatenate([some] * -(-sizes[-1] // len(some)))
    contestants = {
        f"{BACKEND}, {items}": Contestant(_call(key, pairs[:items]), items) for items in sizes
    }
    for items in sizes[-2:]:
        call, one_thread = _call(key, pairs[:items], threads=2), f"{BACKEND}, {items}"
        contestants[f"{TWO_THREADS}, {items}"] = Contestant(call, items, 2, (one_thread,))
    if BACKEND != "portable":
        contestants |= {
            f"portable, {items}": Contestant(on_portable(_call(key, pairs[:items])), items)
            for items in SIZES
        }
    return [Operation(SUBJECT, "rerandomize", contestants)]


def _call(key: elgamal.EncryptionKey, pairs: Array, threads: int = 1) -> Call:
    return lambda: key.rerandomize_batch(pairs, threads=threads)
