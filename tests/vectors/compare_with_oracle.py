"""Random cases of every operation of the test vectors, by the oracle and by the engine.

    python -m vectors.compare_with_oracle --cases 10000 --only 'post/*' --jobs 2

prints a line for each operation: cases, valid and refused ones, and the seconds of CPU. A case
depends on its operation and index only, so that ``--from 4711 --cases 1`` plays one again.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import functools
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from unittest import mock

import oracle.files
import oracle.lanes
import oracle.operations
import oracle.refusals
from samples import SAMPLERS, named_keys

import vectors.engine.cases  # noqa: F401  with the handlers
from billboard import BillboardError, InvalidEncodingError
from billboard.errors import RefusedRequestError
from billboard.storage import secret_file
from vectors.engine.errors import expected_errors
from vectors.engine.setting import HANDLERS, Json, Setting, setting_in_memory

PORTION = 100


# One run of scrypt for each of its inputs, which come from a small pool (samples/files.py).
DERIVED_BY_THE_ORACLE = functools.cache(oracle.files.derive)
DERIVED_BY_THE_ENGINE = functools.cache(secret_file._derive)


class Disagreement(Exception):
    """The oracle and the engine differ on a case."""


@dataclass
class Tally:
    """What came out of some cases of an operation, and the seconds of CPU that they took."""

    results: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __iadd__(self, other: Tally) -> Tally:
        self.results += other.results
        self.seconds += other.seconds
        return self

    @property
    def cases(self) -> int:
        return self.results.total()

    @property
    def valid(self) -> int:
        return self.results["valid"]

    @property
    def refused(self) -> int:
        return self.cases - self.valid

    def __str__(self) -> str:
        counts = f"{self.cases:8} cases{self.valid:8} valid{self.refused:8} refused"
        return f"{counts}{self.seconds:9.2f} s of CPU"


def case_of(operation: str, index: int) -> Json:
    """The inputs of a random case; always the same ones."""
    return SAMPLERS[operation](random.Random(f"{operation} {index}"))


@contextlib.contextmanager
def settings() -> Iterator[Setting]:
    """Where cases run, with the key sets that they name."""
    with (
        setting_in_memory(named_keys(), thorough=False) as setting,
        mock.patch.object(oracle.files, "derive", DERIVED_BY_THE_ORACLE),
        mock.patch.object(secret_file, "_derive", DERIVED_BY_THE_ENGINE),
    ):
        yield setting


def compare(operation: str, inputs: Json, setting: Setting) -> str:
    """The result on which both agree. Raises `Disagreement`."""
    expected = oracle.operations.run(operation, inputs, setting.keys)
    try:
        output = HANDLERS[operation](inputs, setting)
    except (BillboardError, RefusedRequestError, ValueError, ZeroDivisionError) as error:
        if expected["result"] != "valid" and _fits(error, operation, inputs, setting, expected):
            return str(expected["result"])
        problem = f"the oracle says {expected}, the engine {type(error).__name__}: {error}"
        raise Disagreement(problem) from error
    if expected != {"result": "valid", "output": output}:
        raise Disagreement(f"the oracle says {expected}, the engine {output}")
    return "valid"


def _fits(error: Exception, operation: str, inputs: Json, setting: Setting, refusal: Json) -> bool:
    """Whether the error is that of the refusal, or of another failure of the same inputs."""
    if isinstance(error, expected_errors({"operation": operation, **refusal})):
        return True
    if operation == "post/read" and refusal["result"] == "not-mine":
        # The engine decodes a post before it looks whose it is.
        grant = oracle.lanes.decode_grant(bytes.fromhex(inputs["grant"]))
        fields = {"origin": grant.channel.origin.decode(), "class": grant.channel.n}
        checking = {**fields, "post": inputs["post"]}
        checked = oracle.operations.run("post/check", checking)
        return isinstance(error, InvalidEncodingError) and checked["result"] == "invalid"
    with oracle.refusals.waived(refusal["reason"]):
        again = oracle.operations.run(operation, inputs, setting.keys)
        other = again["result"] != "valid" and again != refusal
        return other and _fits(error, operation, inputs, setting, again)


def run(operation: str, start: int, stop: int) -> Tally:
    """Compare the cases from ``start`` up to ``stop``. Raises `Disagreement`, which says which."""
    tally, began = Tally(), time.process_time()
    with settings() as setting:
        for index in range(start, stop):
            inputs = case_of(operation, index)
            try:
                tally.results[compare(operation, inputs, setting)] += 1
            except Exception as error:
                again = f"--only '{operation}' --from {index} --cases 1"
                raise Disagreement(f"{again}: {error}") from error
    tally.seconds = time.process_time() - began
    return tally


@contextlib.contextmanager
def workers(jobs: int | None) -> Iterator[Pool]:
    """So many processes; None for one on each CPU that this process may use."""
    count = len(os.sched_getaffinity(0)) if jobs is None else jobs
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        yield pool


def campaign(pool: Pool, operation: str, start: int, cases: int) -> Tally:
    """What came out of all cases of an operation. Raises the first `Disagreement`."""
    stop = start + cases
    portions = [(operation, i, min(i + PORTION, stop)) for i in range(start, stop, PORTION)]
    tally = Tally()
    for part in pool.starmap(run, portions, chunksize=1):
        tally += part
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100, help="of each operation")
    parser.add_argument("--from", dest="start", type=int, default=0, help="the first case")
    parser.add_argument("--only", default="*", help="a pattern of operations")
    parser.add_argument("--jobs", type=int, help="processes; one for each CPU if left out")
    given = parser.parse_args()
    failed = 0
    with workers(given.jobs) as pool:
        for name in fnmatch.filter(sorted(SAMPLERS), given.only):
            try:
                tally = campaign(pool, name, given.start, given.cases)
            except Disagreement as disagreement:
                failed += 1
                print(f"{name:32}{disagreement}", flush=True)
            else:
                print(f"{name:32}{tally}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
