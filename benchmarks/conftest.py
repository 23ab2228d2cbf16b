"""Fixtures of the benchmarks, and what their JSON says about the machine."""

from __future__ import annotations

from typing import Any

import classes
import groups
import machine
import pairs
import pytest
from operations import Operation, Operations

PAIRS = 10_000
ELEMENTS = 9_000


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Say which machine, versions, commit and core were measured."""
    machine_info["billboard"] = machine.describe()


@pytest.fixture(scope="session")
def pair_operations() -> Operations:
    """The operations on plain ElGamal pairs, checked."""
    return _by_name(pairs.operations(PAIRS))


@pytest.fixture(scope="session")
def blob_operations() -> Operations:
    """The operations on blobs of every class, checked."""
    return _by_name(classes.operations(ELEMENTS))


@pytest.fixture(scope="session")
def group_operations() -> Operations:
    """The operations on elements of every group, checked."""
    return _by_name([operation for name in groups.PEERS for operation in groups.operations(name)])


def _by_name(operations: list[Operation]) -> Operations:
    return {(operation.subject, operation.name): operation for operation in operations}
