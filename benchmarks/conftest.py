"""Fixtures of the benchmarks, and what their JSON says about the machine."""

from __future__ import annotations

from typing import Any

import blobs
import machine
import pairs
import pytest
from operations import Operation

PAIRS = 10_000
BLOBS = 1_000


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Say which machine, versions, commit and core were measured."""
    machine_info["billboard"] = machine.describe()


@pytest.fixture(scope="session")
def pair_operations() -> dict[str, Operation]:
    """The operations on plain ElGamal pairs, checked."""
    return pairs.operations(PAIRS)


@pytest.fixture(scope="session")
def blob_operations() -> dict[str, Operation]:
    """The operations on blobs of class L, checked."""
    return blobs.operations(BLOBS)
