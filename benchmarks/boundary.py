"""What crossing from Python to the native core and back costs a batch of pairs."""

from __future__ import annotations

import os

import numpy as np
from operations import Contestant, Operation, check

from billboard import _core, elgamal
from billboard.batches import Array
from billboard.elgamal import EncryptionKey
from billboard.groups.ristretto255 import random_scalar

ITEMS = 1024
WIDTH = 64

SUBJECT = "Python boundary"
WHOLE = "all of it"
ARRAYS = "arrays"
LISTS = "lists of bytes besides"


def operations() -> list[Operation]:
    """Return the rerandomizing of 1,024 pairs, beside its parts that are not cryptography.

    `ARRAYS` is two calls. One has an empty batch and costs what does not depend on the rows. The
    other checks, allocates and walks arrays of as many rows, but copies 30 bytes of each element
    instead of computing. Together they are an upper bound of the cost of the boundary. `LISTS` is
    the additional cost for a caller who has one bytes object for each pair and wants the same back.
    """
    key = EncryptionKey(elgamal.public_elements([random_scalar()]))
    data = np.frombuffer(os.urandom(ITEMS * 30), np.uint8).reshape(ITEMS, 1, 30)
    messages = _core.embed(data, 1, os.urandom(32), 1)
    array = key.encrypt_batch(messages, threads=1)
    pairs = _split(array)
    check(np.array_equal(_core.extract(array, 2), array[:, :, 1:31]), "copying a batch")
    check(np.array_equal(_join(pairs), array), "joining pairs")
    empty = array[:0]
    calls = {
        WHOLE: lambda: key.rerandomize_batch(array, threads=1),
        ARRAYS: lambda: (key.rerandomize_batch(empty, threads=1), _core.extract(array, 2)),
        LISTS: lambda: _split(_join(pairs)),
    }
    beside = {WHOLE: (ARRAYS, LISTS)}
    contestants = {
        name: Contestant(call, ITEMS, beside=beside.get(name, ())) for name, call in calls.items()
    }
    return [Operation(SUBJECT, "rerandomize", contestants)]


def _join(pairs: list[bytes]) -> Array:
    return np.frombuffer(b"".join(pairs), np.uint8).reshape(-1, 2, 32)


def _split(array: Array) -> list[bytes]:
    data = array.tobytes()
    return [data[i : i + WIDTH] for i in range(0, len(data), WIDTH)]
