"""Plain ElGamal pairs, and embedding: one at a time beside the peers, and in batches."""

from __future__ import annotations

import pytest
from operations import BATCH, BILLBOARD, TWO_THREADS, Operations
from pairs import SUBJECT
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
NAMES = ["embed", "encrypt", "rerandomize", "decrypt"]


@pytest.mark.parametrize("library", [BILLBOARD, "rbcl", "libpep-py"])
@pytest.mark.parametrize("name", NAMES)
def test_one_pair(
    benchmark: BenchmarkFixture, pair_operations: Operations, name: str, library: str
) -> None:
    benchmark.group = f"pair: {name} one"
    benchmark(pair_operations[SUBJECT, name].contestants[library].call)


@pytest.mark.parametrize("contestant", [BATCH, TWO_THREADS])
@pytest.mark.parametrize("name", NAMES)
def test_batch(
    benchmark: BenchmarkFixture, pair_operations: Operations, name: str, contestant: str
) -> None:
    batch = pair_operations[SUBJECT, name].contestants[contestant]
    benchmark.group = f"pair: {name} {batch.items}"
    benchmark.extra_info.update(items=batch.items, threads=batch.threads)
    benchmark.pedantic(batch.call, rounds=ROUNDS, warmup_rounds=1)
