"""The oracle and the engine agree: on some random cases of every operation, and on 10,000 each.

The oracle is the specification a second time, in plain Python; it shares no code with the engine.
`compare_with_oracle` plays single cases again, and runs parts of the campaign.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.pool import Pool

import compare_with_oracle
import pytest
from samples import SAMPLERS
from vector_engine import HANDLERS, Json, Setting
from vector_engine_cases import CASES

CASES_EACH = 20
CAMPAIGN = 10_000
LEAST_VALID = 0.1
LEAST_REFUSED = 0.01

REFUSING = {case["operation"] for _, case in CASES if case["result"] != "valid"}

each_operation = pytest.mark.parametrize("operation", sorted(SAMPLERS))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with compare_with_oracle.workers(None) as pool:
        yield pool


def test_every_operation_has_a_sampler() -> None:
    assert set(SAMPLERS) == set(HANDLERS)


@each_operation
def test_a_case_can_be_played_again(operation: str) -> None:
    first, second = (compare_with_oracle.case_of(operation, 4711) for _ in range(2))
    assert first == second


@each_operation
def test_they_agree(operation: str) -> None:
    tally = compare_with_oracle.run(operation, 0, CASES_EACH)
    assert tally.cases == CASES_EACH
    assert tally.valid > 0


@pytest.mark.slow
@each_operation
def test_they_agree_on_ten_thousand_cases(operation: str, pool: Pool) -> None:
    tally = compare_with_oracle.campaign(pool, operation, 0, CAMPAIGN)
    assert tally.cases == CAMPAIGN
    assert tally.valid >= LEAST_VALID * CAMPAIGN
    assert operation not in REFUSING or tally.refused >= LEAST_REFUSED * CAMPAIGN


def test_a_disagreement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a value, in the outcome, and in the class of an error."""

    def other_value(given: Json, _: Setting) -> Json:
        return {"epoch": given["time"] // given["epoch_length"] + 1}

    def another_error(given: Json, _: Setting) -> Json:
        raise ValueError(f"not of the class of a refusal: {given}")

    for handler in (other_value, another_error):
        monkeypatch.setitem(HANDLERS, "epoch/at", handler)
        with pytest.raises(compare_with_oracle.Disagreement, match="--only 'epoch/at' --from 0 "):
            compare_with_oracle.run("epoch/at", 0, CASES_EACH)
