"""No secret scalar is left in memory that was freed (SECURITY.md, Memory)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core.test_backends import AVAILABLE

pytestmark = pytest.mark.backend

# Counts words of secrets in the heap, each kept masked so that the search does not find itself.
SCAN = """
import ctypes, os, sys
import numpy as np
from billboard import _core
from billboard.groups.ristretto255 import Element

MASK = np.uint64(0x5555555555555555)

def heap():
    for line in open("/proc/self/maps"):
        if "[heap]" in line:
            return [int(end, 16) for end in line.split()[0].split("-")]

def found(words):
    low, high = heap()
    with open("/proc/self/mem", "rb", 0) as memory:
        memory.seek(low)
        data = np.frombuffer(memory.read(high - low), "<u8")
    return int(np.isin(data ^ MASK, words).sum())

def masked(scalars):
    # The third word of each: a freed piece of memory loses its first two.
    return np.ascontiguousarray(scalars).view("<u8")[:, 2] ^ MASK

def wipe(data):
    ctypes.memset(id(data) + bytes.__basicsize__ - 1, 0, len(data))

element = np.frombuffer(bytes(Element.generator()), np.uint8)
for n in (1, 2, 3):
    scalars = _core.scalars_from_seed(os.urandom(32), n)
    words, encoded = masked(scalars), scalars.tobytes()
    scalars[:] = 0
    key = _core.DecryptionKey(encoded)
    wipe(encoded)
    for rows in (1, 5, 9):
        blobs = np.tile(element, (rows, n + 1, 1))
        before = found(words)
        key.decrypt(blobs, 1)
        if n > 1:
            key.open(blobs, bytes(32), 0, 1)
        print("secret key", n, rows, found(words) - before)

public = _core.EncryptionKey(bytes(Element.generator()) * 2)
for rows in (3, 5, 9):
    seed = os.urandom(32)
    scalars = _core.scalars_from_seed(seed, rows)
    words = masked(scalars)
    scalars[:] = 0
    del scalars
    before = found(words)
    for _ in range(60):
        public.encrypt(np.tile(element, (rows, 2, 1)), seed, 1)
        public.rerandomize(np.tile(element, (rows, 3, 1)), seed, 1)
    print("randomizers", 2, rows, found(words) - before)
"""


@pytest.mark.parametrize("backend", AVAILABLE)
def test_no_secret_scalar_stays_in_the_heap(backend: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCAN],
        # With a fixed threshold, what the search itself copies stays out of the heap.
        env={
            **os.environ,
            "BILLBOARD_BACKEND": backend,
            "MALLOC_MMAP_THRESHOLD_": "65536",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 12
    assert [line for line in lines if not line.endswith(" 0")] == []
