"""Interleaved timing: rounds of all contestants, and ratios taken within a round."""

from __future__ import annotations

import gc
import itertools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operations import Call, Contestant, Operation

FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Spread:
    """The median over the rounds, and an interval that has the true median with 95 % confidence.

    The interval comes from the order statistics, which assume nothing about the distribution
    (Conover, "Practical Nonparametric Statistics", section 3.2). With fewer than six rounds it goes
    from the least value to the greatest, and the confidence is less.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        ordered = sorted(values)
        outside = _outside(len(ordered))
        return cls(statistics.median(ordered), ordered[outside], ordered[-1 - outside])


def _outside(count: int) -> int:
    """Return how many of the least values are outside of the interval; as many greatest are.

    It is the largest number for which the probability of so few heads, or fewer, among ``count``
    fair coins is at most 2.5 %. If even that of no heads is more, it is 0.
    """
    tails = itertools.accumulate(math.comb(count, heads) / 2**count for heads in range(count))
    return max(sum(tail <= 0.025 for tail in tails) - 1, 0)


@dataclass(frozen=True)
class Timing:
    """Microseconds per item: wall time, and CPU time of the process that does the work."""

    wall: float
    cpu: float


def cpu(timing: Timing) -> float:
    return timing.cpu


def wall(timing: Timing) -> float:
    return timing.wall


class Contest:
    """The contestants of an operation, and the timings of each in all rounds."""

    def __init__(self, operation: Operation, seconds: float) -> None:
        """Warm up, and find how often to repeat each call to fill about ``seconds``."""
        self.operation = operation
        contestants = operation.contestants
        self._repeats = {name: _repeats(c.call, seconds) for name, c in contestants.items()}
        self.timings: dict[str, list[Timing]] = {name: [] for name in contestants}

    def round(self, backwards: bool) -> None:
        """Time every contestant once. Going ``backwards`` evens out a machine that slows down."""
        names = list(self.timings)
        for name in reversed(names) if backwards else names:
            contestant = self.operation.contestants[name]
            self.timings[name].append(_time(contestant, self._repeats[name]))

    def time(self, name: str, clock: Callable[[Timing], float]) -> Spread:
        """Return the microseconds per item of a contestant."""
        return Spread.of([clock(timing) for timing in self.timings[name]])

    def ratio(self, other: str, ours: str, clock: Callable[[Timing], float]) -> Spread:
        """Return the time per item of ``other`` over that of ``ours`` in the same round."""
        rounds = zip(self.timings[other], self.timings[ours], strict=True)
        return Spread.of([clock(theirs) / clock(own) for theirs, own in rounds])

    def cores(self, name: str) -> Spread:
        """Return how many cores a contestant got: on a busy machine, fewer than its threads."""
        return Spread.of([timing.cpu / timing.wall for timing in self.timings[name]])


def run(contests: Sequence[Contest], seconds: float) -> int:
    """Run rounds of all contests; begin none after ``seconds``. Return the number of rounds."""
    gc.disable()
    begin = time.perf_counter()
    done = 0
    while done < FEWEST_ROUNDS or time.perf_counter() - begin < seconds:
        for contest in contests:
            contest.round(backwards=bool(done % 2))
        done += 1
    gc.enable()
    return done


def _repeats(call: Call, seconds: float) -> int:
    """Return how many calls fill ``seconds``, estimated from calls for a tenth of that time."""
    microseconds = 0.0
    for calls in (1, 10, 100):
        microseconds = _time(Contestant(call), calls).wall
        if microseconds * calls >= seconds * 1e6 / 10:
            break
    return max(1, round(seconds * 1e6 / microseconds))


def _time(contestant: Contestant, repeats: int) -> Timing:
    """Return the mean time of ``repeats`` calls, per item."""
    call, cpu = contestant.call, contestant.cpu
    cpu_begin, wall_begin = cpu(), time.perf_counter()
    for _ in range(repeats):
        call()
    per_item = 1e6 / (repeats * contestant.items)
    elapsed = time.perf_counter() - wall_begin
    return Timing(elapsed * per_item, (cpu() - cpu_begin) * per_item)
