"""Whether the time of an operation depends on a secret, by statistics.

After Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?" (DATE 2017): time the
operation on two classes of secrets in random order, and compare the means by Welch's t-test, also
without the slowest measurements. |t| above 4.5 is evidence of a dependence; below, none was found
in so many measurements.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 4.5
_KEPT = (1.0, 0.99, 0.9, 0.75, 0.5)
"""Shares of the measurements that are compared, the fastest first."""


@dataclass(frozen=True)
class Case:
    """``run`` is timed after ``prepare`` has put a secret of class 0 or 1 in place."""

    name: str
    prepare: Callable[[int], object]
    run: Callable[[], object]


def statistic(case: Case, measurements: int) -> float:
    """The largest t of Welch, in absolute value, over the shares."""
    generator = random.Random()
    classes = [0, 1] * (measurements // 2)
    generator.shuffle(classes)
    times = np.empty(len(classes))
    for i, number in enumerate(classes):
        case.prepare(number)
        start = time.perf_counter_ns()
        case.run()
        times[i] = time.perf_counter_ns() - start
    chosen = np.array(classes) == 1
    return max((_welch(a, b) for a, b in _shares(times, chosen)), key=abs)


def _shares(
    times: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    for kept in _KEPT:
        fast = times <= np.quantile(times, kept)
        yield times[fast & chosen], times[fast & ~chosen]


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if min(len(a), len(b)) < 100:  # a share may be all of one class: then the others tell
        return 0.0
    variance = a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)
    return float((a.mean() - b.mean()) / np.sqrt(variance))


def depends(case: Case, measurements: int) -> tuple[bool, list[float]]:
    """Whether the time depends on the class. Three runs must agree: noise is no evidence."""
    found = list[float]()
    for _ in range(3):
        found.append(statistic(case, measurements))
        if abs(found[-1]) <= THRESHOLD or found[-1] * found[0] < 0:
            return False, found
    return True, found
