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
    """The median over the rounds, and an interval that has the true one with 95 % confidence.

    That of the order statistics, which assumes nothing about the distribution (Conover, "Practical
    Nonparametric Statistics", section 3.2). Of fewer than six rounds it is from the least to the
    greatest, and the confidence is less.
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
    """How many of the least, and as many of the greatest, are outside of the interval.

    The most for which so many heads or fewer among ``count`` fair coins have at most 2.5 %.
    """
    tails = itertools.accumulate(math.comb(count, heads) / 2**count for heads in range(count))
    return max(sum(tail <= 0.025 for tail in tails) - 1, 0)


@dataclass(frozen=True)
class Timing:
    """Microseconds per item: by the clock on the wall, and of CPU time of all our threads."""

    wall: float
    cpu: float


def cpu(timing: Timing) -> float:
    return timing.cpu


def wall(timing: Timing) -> float:
    return timing.wall


class Contest:
    """The contestants of an operation, and how long they took in each round."""

    def __init__(self, operation: Operation, seconds: float) -> None:
        """Warm up, and see how often each call is repeated to take about ``seconds``."""
        self.operation = operation
        contestants = operation.contestants
        self._repeats = {name: _repeats(c.call, seconds) for name, c in contestants.items()}
        self.timings: dict[str, list[Timing]] = {name: [] for name in contestants}

    def round(self, backwards: bool) -> None:
        """Time every contestant once; ``backwards`` evens out a machine that slows down."""
        names = list(self.timings)
        for name in reversed(names) if backwards else names:
            contestant = self.operation.contestants[name]
            self.timings[name].append(_time(contestant, self._repeats[name]))

    def time(self, name: str, clock: Callable[[Timing], float]) -> Spread:
        """Microseconds per item."""
        return Spread.of([clock(timing) for timing in self.timings[name]])

    def ratio(self, other: str, ours: str, clock: Callable[[Timing], float]) -> Spread:
        """Time per item of ``other`` over that of ``ours`` in the same round."""
        rounds = zip(self.timings[other], self.timings[ours], strict=True)
        return Spread.of([clock(theirs) / clock(own) for theirs, own in rounds])

    def cores(self, name: str) -> Spread:
        """How many cores a contestant got: less than it has threads if others wanted them too."""
        return Spread.of([timing.cpu / timing.wall for timing in self.timings[name]])


def run(contests: Sequence[Contest], seconds: float) -> int:
    """Rounds of all contests, of which none begins after ``seconds``; returns how many."""
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
    """How many calls fill ``seconds``, judged by as few as take a tenth of it."""
    microseconds = 0.0
    for calls in (1, 10, 100):
        microseconds = _time(Contestant(call), calls).wall
        if microseconds * calls >= seconds * 1e6 / 10:
            break
    return max(1, round(seconds * 1e6 / microseconds))


def _time(contestant: Contestant, repeats: int) -> Timing:
    """The mean of ``repeats`` calls."""
    call, cpu = contestant.call, contestant.cpu
    cpu_begin, wall_begin = cpu(), time.perf_counter()
    for _ in range(repeats):
        call()
    per_item = 1e6 / (repeats * contestant.items)
    elapsed = time.perf_counter() - wall_begin
    return Timing(elapsed * per_item, (cpu() - cpu_begin) * per_item)
