"""Measure billboard and its peers in interleaved rounds, and print the ratios.

A round times every contestant of every operation once. A ratio is taken within a round; the result
is its median over the rounds. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boundary
import classes
import groups
import machine
import pairs
import sizes
import tables
from measure import Contest, run
from operations import Operation
from records import records, timings

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Batches have ``pairs`` pairs and about ``elements`` elements; ``large`` adds the largest batch.
    A timing takes at least ``slice`` seconds, and no round begins after ``seconds``.
    """

    pairs: int
    elements: int
    large: bool
    slice: float
    seconds: float


FULL = Effort(pairs=4_096, elements=9_000, large=True, slice=0.05, seconds=600)
QUICK = Effort(pairs=1_024, elements=1_800, large=False, slice=0.005, seconds=15)


def operations(effort: Effort) -> list[Operation]:
    """Return all operations that are measured, checked."""
    return [
        *pairs.operations(effort.pairs),
        *classes.operations(effort.elements),
        *(operation for group in groups.PEERS for operation in groups.operations(group)),
        *boundary.operations(),
        *sizes.operations(effort.large),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small batches, at most a minute")
    effort = QUICK if parser.parse_args().quick else FULL
    described = machine.describe()
    load = [os.getloadavg()[0]]
    contests = [Contest(operation, effort.slice) for operation in operations(effort)]
    rounds = run(contests, effort.seconds)
    load.append(os.getloadavg()[0])
    results = records(contests)
    print(f"{described['cpu']}, commit {described['commit']}, core {described['core']}")
    print(
        f"batches of {effort.pairs} pairs and {effort.elements} elements, {rounds} rounds,", end=""
    )
    print(f" load {load[0]:.2f} before and {load[1]:.2f} after")
    tables.show(results)
    about = {
        "machine": described,
        "method": asdict(effort) | {"rounds": rounds},
        "load_average": load,
    }
    write("ratios.json", about | {"records": results})
    write("timings.json", about | {"timings": timings(contests)})


def write(name: str, result: dict[str, Any]) -> None:
    """Write JSON to the results, with one line for each record."""
    *about, (key, lines) = result.items()
    head = "".join(f" {json.dumps(k)}: {json.dumps(v)},\n" for k, v in about)
    body = ",\n".join(f"  {json.dumps(line)}" for line in lines)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(f"{{\n{head} {json.dumps(key)}: [\n{body}\n ]\n}}\n")


if __name__ == "__main__":
    main()
