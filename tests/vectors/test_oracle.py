"""The oracle and the engine agree: on some random cases of every operation, and on 10,000 each.

The oracle is the specification a second time, in plain Python; it shares no code with the engine.
`compare_with_oracle` plays single cases again, and runs parts of the campaign. Batches of the core
are compared row for row.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.pool import Pool

import oracle.elgamal
import oracle.groups
import pytest
import samples.groups
from samples import SAMPLERS

import vectors.compare_batches_with_oracle
import vectors.compare_with_oracle
from billboard import groups
from vectors.compare_with_oracle import Disagreement
from vectors.engine.cases import CASES
from vectors.engine.setting import HANDLERS, Json, Setting

CASES_EACH = 5
CAMPAIGN = 10_000
LEAST_VALID = 0.1
LEAST_REFUSED = 0.01

REFUSING = {case["operation"] for _, case in CASES if case["result"] != "valid"}

SIZES: dict[str, tuple[int, ...]] = dict.fromkeys(
    ("encrypt", "rerandomize", "decrypt", "embed"), (1, 2, 3, 8, 38)
)
SIZES["open"] = (2, 3, 8, 38)
"""How many elements a message has, by what is done to a batch; only the classes have frames."""

SMOKE = 2
"""The size that `make test` tries."""

SOME_ELEMENTS = 600
"""More than the core has in a block of rows."""

MANY_ROWS = (1, 15, 17, 64, 65, 338)
"""One, those around which a key makes its tables, and those in one or more blocks."""

each_operation = pytest.mark.parametrize("operation", sorted(SAMPLERS))


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with vectors.compare_with_oracle.workers(None) as pool:
        yield pool


def test_every_operation_has_a_sampler() -> None:
    assert set(SAMPLERS) == set(HANDLERS)
    assert set(samples.groups.WEIGHTS) == set(samples.groups.FIELDS) == set(groups.NAMES)


@each_operation
def test_a_case_can_be_played_again(operation: str) -> None:
    first, second = (vectors.compare_with_oracle.case_of(operation, 4711) for _ in range(2))
    assert first == second


@each_operation
def test_they_agree(operation: str) -> None:
    assert vectors.compare_with_oracle.run(operation, 0, CASES_EACH).cases == CASES_EACH


@pytest.mark.slow
@each_operation
def test_they_agree_on_ten_thousand_cases(operation: str, pool: Pool) -> None:
    tally = vectors.compare_with_oracle.campaign(pool, operation, 0, CAMPAIGN)
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
        with pytest.raises(Disagreement, match="--only 'epoch/at' --from 0 "):
            vectors.compare_with_oracle.run("epoch/at", 0, CASES_EACH)


# Batches


@pytest.mark.backend
@pytest.mark.parametrize(
    ("name", "n"),
    [
        pytest.param(name, n, marks=[] if n == SMOKE else [pytest.mark.slow])
        for name in SIZES
        for n in SIZES[name]
    ],
)
def test_batches_agree(name: str, n: int) -> None:
    counts = 1, 17, SOME_ELEMENTS // (n + 1)
    done = [vectors.compare_batches_with_oracle.run(name, n, count, 0) for count in counts]
    good, bad = map(sum, zip(*done, strict=True))
    assert good + bad == sum(counts)
    assert good > 0
    assert bad > 0 or name == "embed"


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_batches_agree_on_ten_thousand_rows(name: str, pool: Pool) -> None:
    rounds = CAMPAIGN // (sum(MANY_ROWS) * len(SIZES[name]))
    batches = [
        (name, n, count, 1 + index)
        for n in SIZES[name]
        for count in MANY_ROWS
        for index in range(rounds)
    ]
    done = pool.starmap(vectors.compare_batches_with_oracle.run, batches, chunksize=1)
    assert sum(good + bad for good, bad in done) == CAMPAIGN
    assert sum(good for good, _ in done) >= CAMPAIGN // 3


def test_a_disagreement_of_a_batch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def disagrees(name: str) -> None:
        with pytest.raises(Disagreement, match=rf"run\('{name}', 2, 5, 0\): row 0: "):
            vectors.compare_batches_with_oracle.run(name, 2, 5, 0)

    of_another_row = property(lambda batch: range(1, 1 + len(batch.rows)))
    monkeypatch.setattr(vectors.compare_batches_with_oracle.Batch, "drawn", of_another_row)
    monkeypatch.setattr(oracle.elgamal, "decrypt", lambda *_: [bytes(32), bytes(32)])
    monkeypatch.setattr(oracle.groups.Group, "embed", lambda *_: bytes(32))
    for name in ("encrypt", "rerandomize", "decrypt", "embed"):
        disagrees(name)
