"""Benchmark of rerandomizing pairs in batches of growing size."""

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
"""Pairs of the largest batch, which only the fastest backend gets."""

TWO_THREADS = f"{BACKEND} on two threads"


def operations(large: bool) -> list[Operation]:
    """Return the rerandomizing of `SIZES` pairs on each backend.

    On the fastest backend, ``large`` adds a batch of `LARGE` pairs, and the two largest batches
    also run on two threads.
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
