"""Blobs of class L: one at a time beside the peers, and in batches."""

from __future__ import annotations

import pytest
from operations import Operation
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
NAMES = ["encrypt", "rerandomize", "open"]


@pytest.mark.parametrize("library", ["billboard", "rbcl", "libpep-py"])
@pytest.mark.parametrize("name", NAMES)
def test_one_blob(
    benchmark: BenchmarkFixture, blob_operations: dict[str, Operation], name: str, library: str
) -> None:
    benchmark.group = f"blob: {name} one"
    benchmark(blob_operations[name].single[library])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_batch(
    benchmark: BenchmarkFixture, blob_operations: dict[str, Operation], name: str, threads: int
) -> None:
    operation = blob_operations[name]
    benchmark.group = f"blob: {name} {operation.items}"
    benchmark.extra_info.update(items=operation.items, threads=threads)
    benchmark.pedantic(operation.batch, args=(threads,), rounds=ROUNDS, warmup_rounds=1)
