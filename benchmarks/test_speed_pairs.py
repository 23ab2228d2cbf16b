"""Plain ElGamal pairs, and embedding: one at a time beside the peers, and in batches."""

from __future__ import annotations

import pytest
from operations import Operation
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5


@pytest.mark.parametrize("library", ["billboard", "billboard-elements", "rbcl", "libpep-py"])
@pytest.mark.parametrize("name", ["encrypt", "rerandomize", "decrypt"])
def test_one_pair(
    benchmark: BenchmarkFixture, pair_operations: dict[str, Operation], name: str, library: str
) -> None:
    benchmark.group = f"pair: {name} one"
    benchmark(pair_operations[name].single[library])


@pytest.mark.parametrize("library", ["billboard", "rbcl", "libpep-py"])
def test_embed_one(
    benchmark: BenchmarkFixture, pair_operations: dict[str, Operation], library: str
) -> None:
    benchmark.group = "pair: embed one"
    benchmark(pair_operations["embed"].single[library])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["embed", "encrypt", "rerandomize", "decrypt"])
def test_batch(
    benchmark: BenchmarkFixture, pair_operations: dict[str, Operation], name: str, threads: int
) -> None:
    operation = pair_operations[name]
    benchmark.group = f"pair: {name} {operation.items}"
    benchmark.extra_info.update(items=operation.items, threads=threads)
    benchmark.pedantic(operation.batch, args=(threads,), rounds=ROUNDS, warmup_rounds=1)
