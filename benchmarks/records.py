"""The flat list of records that a run gives: one for each contestant of each operation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from measure import Contest, Spread, cpu, wall

Record = dict[str, Any]
"""A record for JSON, with the fields in benchmarks/README.md."""

DIGITS = 4
"""Significant digits of a number in a record: more than a measurement has."""


def records(contests: Iterable[Contest]) -> list[Record]:
    """Return one record for each contestant, in the order of the contests."""
    return [_record(contest, name) for contest in contests for name in contest.timings]


def timings(contests: Iterable[Contest]) -> list[Record]:
    """Return the microseconds per item of each contestant in each round."""
    return [
        _labels(contest, name)
        | {"cpu": [_short(t.cpu) for t in rounds], "wall": [_short(t.wall) for t in rounds]}
        for contest in contests
        for name, rounds in contest.timings.items()
    ]


def _record(contest: Contest, name: str) -> Record:
    contestant = contest.operation.contestants[name]
    threaded = contestant.threads > 1
    clock = wall if threaded else cpu
    record = _labels(contest, name) | {
        "items": contestant.items,
        "threads": contestant.threads,
        "microseconds": _spread(contest.time(name, clock)),
        "ratios": {
            other: _spread(contest.ratio(other, name, clock)) for other in contestant.beside
        },
    }
    if threaded:
        record["cores"] = _spread(contest.cores(name))
        one_thread = contestant.beside[0]
        record["cpu_over_one_thread"] = _spread(contest.ratio(name, one_thread, cpu))
    return record


def _labels(contest: Contest, name: str) -> Record:
    operation = contest.operation
    return {"subject": operation.subject, "operation": operation.name, "contestant": name}


def _spread(spread: Spread) -> dict[str, float]:
    return {name: _short(value) for name, value in asdict(spread).items()}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
