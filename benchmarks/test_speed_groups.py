"""Every operation on every group, one at a time beside the peers."""

from __future__ import annotations

import groups
import pytest
from operations import Operations
from pytest_benchmark.fixture import BenchmarkFixture

CASES = [
    (group, operation, library)
    for group in groups.PEERS
    for operation in groups.OPERATIONS
    for library in groups.contestants(group, operation)
]


@pytest.mark.benchmark(max_time=0.3)
@pytest.mark.parametrize(("group", "operation", "library"), CASES)
def test_one(
    benchmark: BenchmarkFixture,
    group_operations: Operations,
    group: str,
    operation: str,
    library: str,
) -> None:
    benchmark.group = f"{group}: {operation}"
    benchmark(group_operations[f"group {group}", operation].contestants[library].call)
