"""Fuzz all targets: ``python -m fuzz [--seconds N] [--jobs N] [TARGET ..]``, as `make fuzz` does.

Ends with one line for each target, and with 1 if there is a finding.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import core
from .seeds import COMMITTED, write_seeds
from .targets import TARGETS

SECONDS = 60
"""For each target, unless told."""

SLOWEST = 30
"""Seconds that one input may take."""

MEMORY = 1536
"""MiB that a target may use."""

START = 4
"""Seconds that a target needs to start."""

FINDINGS, GROWN, LOGS = (core.FOLDER / name for name in ("findings", "corpus", "logs"))


@dataclass(frozen=True)
class Report:
    """What became of one target."""

    name: str
    executions: int
    seconds: float
    coverage: tuple[int, int]
    corpus: int
    findings: tuple[Path, ...]
    broken: bool

    def __str__(self) -> str:
        first, last = self.coverage
        rate = self.executions / max(self.seconds, 1)
        found = "BROKEN" if self.broken else f"{len(self.findings)} findings"
        return (
            f"{self.name:20} {self.executions:>10,} runs {rate:>7,.0f}/s"
            f"   coverage {first:>5} to {last:>5}   corpus {self.corpus:>5}   {found}"
        )


class Budget:
    """Shares what is left of the time among the targets that are left."""

    def __init__(self, seconds: float, jobs: int, targets: int) -> None:
        self._end = time.monotonic() + seconds
        self._jobs, self._targets = jobs, targets
        self._lock = threading.Lock()

    def next(self) -> int:
        """Seconds for the target that starts now."""
        with self._lock:
            left = max(self._end - time.monotonic(), 0)
            rounds = max(-(-self._targets // self._jobs), 1)
            self._targets -= 1
        return max(int(left / rounds) - START, 1)


def main() -> int:
    """Run the campaign; the exit status."""
    options = _options()
    names = options.targets or list(TARGETS)
    jobs = min(options.jobs, len(names))
    total = options.seconds or SECONDS * len(names) / jobs
    library = core.build()
    budget = Budget(total, jobs, len(names))
    print(f"{len(names)} targets, {jobs} at a time, {total:,.0f} seconds in all", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        reports = list(pool.map(lambda name: _fuzz(name, budget, library), names))
    runs = sum(report.executions for report in reports)
    bad = [report for report in reports if report.findings or report.broken]
    findings = sum(len(report.findings) for report in reports)
    print(f"{'all':20} {runs:>10,} runs, {findings} findings in {len(bad)} targets")
    for report in bad:
        _explain(report)
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all, unless named")
    parser.add_argument(
        "--seconds",
        type=float,
        help=f"of the whole campaign; {SECONDS} a target and job if left out",
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(
            f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}"
        )
    return options


def _fuzz(name: str, budget: Budget, library: Path) -> Report:
    seconds = budget.next()
    seeds, grown, found = write_seeds(name, core.FOLDER / "seeds"), GROWN / name, FINDINGS / name
    for folder in (grown, found, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    committed = [COMMITTED / name] if (COMMITTED / name).is_dir() else []
    log, before, start = LOGS / f"{name}.txt", set(found.iterdir()), time.monotonic()
    command = [
        *(sys.executable, "-m", "fuzz.single", name),
        f"-max_total_time={seconds}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-reload=0",
        *map(str, (grown, *committed, seeds)),
    ]
    environment = os.environ | {core.VARIABLE: str(library), "PYTHONHASHSEED": "0"}
    with log.open("w") as file:
        try:
            status = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment,
                timeout=seconds + START + 4 * SLOWEST + 60,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1  # it did not even see its own time limit
    after = {path for path in found.iterdir() if not path.name.startswith("slow-unit")}
    report = _read(name, log, time.monotonic() - start, tuple(sorted(after - before)), status)
    print(report, flush=True)
    return report


def _read(name: str, log: Path, seconds: float, findings: tuple[Path, ...], status: int) -> Report:
    text = log.read_text("utf-8", "replace")
    first = re.findall(r"INITED cov: (\d+)", text) or ["0"]
    coverage = re.findall(r"\bcov: (\d+)", text) or ["0"]
    corpus = re.findall(r"\bcorp: (\d+)", text) or ["0"]
    runs = re.findall(r"number_of_executed_units: (\d+)", text) or re.findall(
        r"^#(\d+)", text, re.M
    )
    return Report(
        name=name,
        executions=int(runs[-1]) if runs else 0,
        seconds=seconds,
        coverage=(int(first[0]), int(coverage[-1])),
        corpus=int(corpus[-1]),
        findings=findings,
        broken=status != 0 and not findings,
    )


def _explain(report: Report) -> None:
    log = LOGS / f"{report.name}.txt"
    print(f"\n{report.name}: {'no input was kept, ' if report.broken else ''}see {log}")
    for line in _error(log):
        print(f"    {line}")
    for path in report.findings:
        print(f"  input   {path}")
        print(f"  replay  PYTHONPATH=tests {sys.executable} -m fuzz.replay {report.name} {path}")


def _error(log: Path) -> Iterator[str]:
    """The exception in a log, without libFuzzer's own lines."""
    text = log.read_text("utf-8", "replace")
    match = re.search(r"=== Uncaught Python exception: ===\n(.*?)\n==\d+==", text, re.S)
    yield from (match.group(1) if match else text[-1000:]).splitlines()[-14:]


if __name__ == "__main__":
    sys.exit(main())
