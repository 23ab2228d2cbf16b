"""Blobs of every class: one at a time beside the peers, and in batches."""

from __future__ import annotations

import pytest
from operations import BATCH, BILLBOARD, TWO_THREADS, Operations
from pytest_benchmark.fixture import BenchmarkFixture

from billboard import FrameClass

ROUNDS = 3
CLASSES = [f"class {frame_class.name}" for frame_class in FrameClass]
NAMES = ["encrypt", "rerandomize", "open"]


@pytest.mark.benchmark(max_time=0.3)
@pytest.mark.parametrize("library", [BILLBOARD, "rbcl", "libpep-py"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", CLASSES)
def test_one_blob(
    benchmark: BenchmarkFixture, blob_operations: Operations, subject: str, name: str, library: str
) -> None:
    benchmark.group = f"{subject}: {name} one"
    benchmark(blob_operations[subject, name].contestants[library].call)


@pytest.mark.parametrize("contestant", [BATCH, TWO_THREADS])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", CLASSES)
def test_batch(
    benchmark: BenchmarkFixture,
    blob_operations: Operations,
    subject: str,
    name: str,
    contestant: str,
) -> None:
    batch = blob_operations[subject, name].contestants[contestant]
    benchmark.group = f"{subject}: {name} {batch.items}"
    benchmark.extra_info.update(items=batch.items, threads=batch.threads)
    benchmark.pedantic(batch.call, rounds=ROUNDS, warmup_rounds=1)
