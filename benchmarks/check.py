"""Fail if billboard is slower beside its peers than it was: ``make bench-check``.

Each ratio is to a reference that is measured in the same rounds. `floors.json` has the floor of
each ratio, by processor and backend. For a processor without floors this prints a notice, and
compares the core with that of the base commit. No time by itself is a limit. See
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import classes
import machine
import pairs
from compare import ROOT, compare
from measure import Contest, Spread, cpu, run
from operations import BACKEND, BATCH, PORTABLE

from billboard import FrameClass

FLOORS = Path(__file__).parent / "floors.json"
PAIRS, ELEMENTS = 4_096, 4_608

REFERENCES = ("rbcl", pairs.ALONE)

CORE = ("rust", "billboard/groups", ":(glob)billboard/*.py")
"""The files that the measured calls run through, as pathspecs of git."""

AT_LEAST = 0.97
"""The least upper end of the interval of a median ratio to the base commit."""

SHARE = 0.85
"""A floor as a share of the measured ratio. It passes noise, but no kernel that is 25 % slower."""


def ratios(contests: list[Contest]) -> Iterator[tuple[str, str, Spread]]:
    """Yield each ratio: backend, a name like ``pair: rerandomize over rbcl``, and its spread."""
    for contest in contests:
        operation = contest.operation
        for contestant, backend in ((BATCH, BACKEND), (PORTABLE, "portable")):
            if contestant in operation.contestants:
                for other in operation.contestants[contestant].beside:
                    if other in REFERENCES:
                        name = f"{operation.subject}: {operation.name} over {other}"
                        yield backend, name, contest.ratio(other, contestant, cpu)


ADVICE = "To set floors: `.venv/bin/python benchmarks/check.py --set`, on a quiet machine."


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=90, help="seconds of rounds")
    parser.add_argument("--base", help="the commit to compare with if there are no floors")
    parser.add_argument("--set", action="store_true", help="set new floors from what is measured")
    arguments = parser.parse_args()
    floors, processor = json.loads(FLOORS.read_text()), machine.processor()
    if not arguments.set and BACKEND not in floors.get(processor, {}):
        return 0 if compared(processor, arguments.base or base_commit()) else 1
    rounds, measured = measure(arguments.seconds)
    if arguments.set:
        floors[processor] = floors_of(measured)
        FLOORS.write_text(json.dumps(floors, indent=1) + "\n")
    print(f"{processor}, backend {BACKEND}, {rounds} rounds: median (95 % interval), and its floor")
    below = []
    for backend, name, spread in measured:
        floor = floors[processor][backend][name]
        shown = f"{spread.median:.3g} ({spread.low:.3g} .. {spread.high:.3g})"
        print(f"{backend:9} {name:46} {shown:26} {floor}")
        if spread.median < floor:
            below.append(f"{backend}, {name}: {spread.median:.3g}, below its floor of {floor}")
    for line in below:
        print(f"slower: {line}", file=sys.stderr)
    if below:
        return 1
    print("All ratios are at or above their floors.")
    return 0


def measure(seconds: float) -> tuple[int, list[tuple[str, str, Spread]]]:
    """Measure for ``seconds``. Return the number of rounds, and the ratios."""
    operations = [
        *(each for each in pairs.operations(PAIRS) if each.name != "embed"),
        *classes.of_class(FrameClass.L, ELEMENTS // 9),
    ]
    contests = [Contest(operation, 0.02) for operation in operations]
    rounds = run(contests, seconds)
    return rounds, list(ratios(contests))


def floors_of(measured: list[tuple[str, str, Spread]]) -> dict[str, dict[str, float]]:
    """Return the floors, by backend and name: `SHARE` of what was measured."""
    floors: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for backend, name, spread in measured:
        floors[backend][name] = round(spread.median * SHARE, 2)
    return floors


def compared(processor: str, base: str | None) -> bool:
    """Compare the core with that of the commit ``base``; return whether it is about as fast."""
    says = f"NO FLOORS for this processor ({processor}, backend {BACKEND}) in {FLOORS.name}"
    if base is None:
        print(f"{says}, and there is no earlier commit: NOTHING WAS CHECKED.", file=sys.stderr)
        return True
    if _git("diff", "--quiet", base, "--", *CORE).returncode == 0:
        problem = f"The core is unchanged since {base}: NOTHING WAS CHECKED."
        print(f"{says}. {problem} {ADVICE}", file=sys.stderr)
        return True
    print(f"{says}: comparing with {base} instead. {ADVICE}", file=sys.stderr)
    return compare(base, ["core"], at_least=AT_LEAST)


def base_commit() -> str | None:
    """Return the commit to compare the working tree with; None if there is none.

    It is ``HEAD`` if the tree was changed, otherwise the commit where the branch left
    ``origin/HEAD``, or else the commit before. A shallow clone of one commit has none.
    """
    if _git("status", "--porcelain", "--untracked-files=no").stdout:
        return "HEAD"
    head = _git("rev-parse", "HEAD").stdout
    for found in (_git("merge-base", "HEAD", "origin/HEAD"), _git("rev-parse", "HEAD~1")):
        if found.returncode == 0 and found.stdout != head:
            return found.stdout.strip()
    return None


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        ["git", "-C", str(ROOT), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    raise SystemExit(main())
