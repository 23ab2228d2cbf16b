"""Fail if billboard is slower beside its peers than it was: ``make bench-check``.

Each ratio is to a reference that is measured in the same rounds; `floors.json` has the least that
each may be, by backend. No time by itself is a limit. benchmarks/README.md says more.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import classes
import machine
import pairs
from measure import Contest, Spread, cpu, run
from operations import BACKEND, BATCH, PORTABLE

from billboard import FrameClass

FLOORS = Path(__file__).parent / "floors.json"
PAIRS, ELEMENTS = 4_096, 4_608

REFERENCES = ("rbcl", pairs.ALONE)

SHARE = 0.85
"""Of what was measured: room for noise, but none for a kernel that takes a quarter longer."""


def ratios(contests: list[Contest]) -> Iterator[tuple[str, str, Spread]]:
    """Each with its backend, and a name like ``pair: rerandomize over rbcl``."""
    for contest in contests:
        operation = contest.operation
        for contestant, backend in ((BATCH, BACKEND), (PORTABLE, "portable")):
            if contestant in operation.contestants:
                for other in operation.contestants[contestant].beside:
                    if other in REFERENCES:
                        name = f"{operation.subject}: {operation.name} over {other}"
                        yield backend, name, contest.ratio(other, contestant, cpu)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=90, help="of rounds")
    parser.add_argument("--set", action="store_true", help="make what is measured the new floors")
    arguments = parser.parse_args()
    operations = [
        *(each for each in pairs.operations(PAIRS) if each.name != "embed"),
        *classes.of_class(FrameClass.L, ELEMENTS // 9),
    ]
    contests = [Contest(operation, 0.02) for operation in operations]
    rounds = run(contests, arguments.seconds)
    measured = list(ratios(contests))
    floors = json.loads(FLOORS.read_text())
    if arguments.set:
        for backend, name, spread in measured:
            floors[backend][name] = round(spread.median * SHARE, 2)
        floors["measured on"] = machine.describe()["cpu"]
        FLOORS.write_text(json.dumps(floors, indent=1) + "\n")
    below = []
    print(f"backend {BACKEND}, {rounds} rounds: median (95 % interval), and the least it may be")
    for backend, name, spread in measured:
        floor = floors[backend][name]
        shown = f"{spread.median:.3g} ({spread.low:.3g} .. {spread.high:.3g})"
        print(f"{backend:9} {name:46} {shown:26} {floor}")
        if spread.median < floor:
            below.append(f"{backend}, {name}: {spread.median:.3g}, and the least is {floor}")
    for line in below:
        print(f"slower: {line}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    raise SystemExit(main())
