"""Measure billboard and its peers in interleaved rounds, and print the ratios.

A round times every contestant of every operation once. A ratio is taken within a round, and its
median over the rounds counts. benchmarks/README.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import blobs
import boundary
import machine
import pairs
from measure import SLICE, Contest, Spread, run
from operations import Operation

RESULTS = Path(__file__).parent / "results" / "ratios.json"
PEERS = ("rbcl", "libpep-py")
BATCH = "billboard, batch"
TWO_THREADS = "billboard, batch on two threads"
SINGLE = {"billboard": "", "billboard-elements": " (elements)"}


@dataclass(frozen=True)
class Effort:
    """Items of a batch, and the seconds after which no round begins."""

    pairs: int
    blobs: int
    seconds: float


FULL = Effort(pairs=10_000, blobs=1_000, seconds=90)
QUICK = Effort(pairs=2_000, blobs=200, seconds=10)


@dataclass(frozen=True)
class Row:
    """One line of a table: its name, microseconds per item, and ratios, by contestant or kind."""

    name: str
    microseconds: dict[str, Spread]
    ratios: dict[str, Spread]


def enter(operation: Operation) -> Contest:
    """All the ways to do one operation as the contestants of a contest."""
    batches = {
        BATCH: (partial(operation.batch, 1), operation.items),
        TWO_THREADS: (partial(operation.batch, 2), operation.items),
    }
    return Contest(batches | {name: (call, 1) for name, call in operation.single.items()})


def beside_peers(name: str, contest: Contest, ours: str) -> Row:
    """How billboard's contestant ``ours`` does beside the peers, in CPU time."""
    return Row(
        name,
        {contestant: contest.cpu(contestant) for contestant in (ours, *PEERS)},
        {f"over {peer}": contest.cpu_ratio([peer], ours) for peer in PEERS},
    )


def threads(name: str, contest: Contest) -> Row:
    """Two threads over one, by the clock on the wall, the cores they got, and their CPU time."""
    ratios = {
        "over one thread": contest.wall_ratio(BATCH, TWO_THREADS),
        "cores got": contest.cores(TWO_THREADS),
        "CPU time over one's": contest.cpu_ratio([TWO_THREADS], BATCH),
    }
    return Row(name, {}, ratios)


def crossings(contest: Contest) -> list[Row]:
    """The Python boundary as a share of the CPU time of rerandomizing."""
    parts = {"arrays": ["empty batch", "copied batch"], "lists of bytes besides": ["lists"]}
    return [
        Row(name, {}, {"% of its time": contest.cpu_ratio(calls, "rerandomize").percent()})
        for name, calls in parts.items()
    ]


def tabulate(contests: dict[str, Contest], crossing: Contest) -> dict[str, list[Row]]:
    """All the tables, by title."""
    singles = [
        beside_peers(name + suffix, contest, ours)
        for name, contest in contests.items()
        for ours, suffix in SINGLE.items()
        if ours in contest.timings
    ]
    return {
        "Batches on one thread, us per item": [
            beside_peers(name, contest, BATCH) for name, contest in contests.items()
        ],
        "One call for one item, us": singles,
        "Two threads": [threads(name, contest) for name, contest in contests.items()],
        f"Python boundary, rerandomizing {boundary.ITEMS} pairs": crossings(crossing),
    }


def show(title: str, rows: list[Row]) -> None:
    """Print a table: times are medians, ratios median (least .. greatest)."""
    times, ratios = rows[0].microseconds, rows[0].ratios
    names = ("billboard", *PEERS) if times else ()
    heads = [f"{name:>10}" for name in names] + [f"   {name:24}" for name in ratios]
    print(f"\n{title}\n{'':28}{''.join(heads)}".rstrip())
    for row in rows:
        cells = [f"{spread.median:10.2f}" for spread in row.microseconds.values()]
        for s in row.ratios.values():
            spread = f"{s.median:.2f} ({s.min:.2f} .. {s.max:.2f})"
            cells.append(f"   {spread:24}")
        print(f"{row.name:28}{''.join(cells)}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small batches, 30 seconds at most")
    effort = QUICK if parser.parse_args().quick else FULL
    described = machine.describe()
    load_before = os.getloadavg()[0]
    operations = {
        **{f"pair {name}": op for name, op in pairs.operations(effort.pairs).items()},
        **{f"blob {name}": op for name, op in blobs.operations(effort.blobs).items()},
    }
    contests = {name: enter(operation) for name, operation in operations.items()}
    crossing = boundary.contest()
    rounds = run([*contests.values(), crossing], effort.seconds)
    load = [load_before, os.getloadavg()[0]]
    tables = tabulate(contests, crossing)
    print(f"{described['cpu']}, commit {described['commit']}, core {described['core']}")
    print(f"batches of {effort.pairs} pairs and {effort.blobs} blobs, {rounds} rounds, load {load}")
    for title, rows in tables.items():
        show(title, rows)
    result = {
        "machine": described,
        "method": asdict(effort) | {"rounds": rounds, "slice_seconds": SLICE},
        "load_average": load,
        "tables": {title: [asdict(row) for row in rows] for title, rows in tables.items()},
        "timings": {
            name: {key: [asdict(t) for t in timings] for key, timings in contest.timings.items()}
            for name, contest in (contests | {"boundary": crossing}).items()
        },
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
