"""Interleaved timing: rounds of all contestants, and ratios taken within a round."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from operations import Call

SLICE = 0.05
"""Seconds for which a shorter call is repeated, to make one timing."""

FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest value over the rounds."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def percent(self) -> Spread:
        return Spread(100 * self.median, 100 * self.min, 100 * self.max)


@dataclass(frozen=True)
class Timing:
    """Microseconds per item: by the clock on the wall, and of CPU time of all our threads."""

    wall: float
    cpu: float


class Contest:
    """Calls that do the same work. ``calls`` maps a contestant to its call and the items in it."""

    def __init__(self, calls: Mapping[str, tuple[Call, int]]) -> None:
        """Warm up, and see how often each call fits in a slice."""
        self._calls = calls
        self._repeats = {name: _repeats(call) for name, (call, _) in calls.items()}
        self.timings: dict[str, list[Timing]] = {name: [] for name in calls}

    def round(self, backwards: bool) -> None:
        """Time every contestant once; ``backwards`` evens out a machine that slows down."""
        names = list(self._calls)
        for name in reversed(names) if backwards else names:
            self.timings[name].append(_time(*self._calls[name], self._repeats[name]))

    def cpu(self, name: str) -> Spread:
        """Microseconds of CPU time per item."""
        return Spread.of([timing.cpu for timing in self.timings[name]])

    def cpu_ratio(self, slow: Sequence[str], fast: str) -> Spread:
        """CPU time of ``slow``, added up, over that of ``fast`` in the same round."""
        rounds = zip(self.timings[fast], *(self.timings[name] for name in slow), strict=True)
        return Spread.of([sum(t.cpu for t in others) / ours.cpu for ours, *others in rounds])

    def wall_ratio(self, slow: str, fast: str) -> Spread:
        """Time that ``slow`` took over what ``fast`` took in the same round."""
        rounds = zip(self.timings[slow], self.timings[fast], strict=True)
        return Spread.of([other.wall / ours.wall for other, ours in rounds])

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


def _repeats(call: Call) -> int:
    """How many calls fill a slice, judged by as few as take a tenth of it."""
    microseconds = 0.0
    for calls in (1, 10, 100):
        microseconds = _time(call, 1, calls).wall
        if microseconds * calls >= SLICE * 1e6 / 10:
            break
    return max(1, round(SLICE * 1e6 / microseconds))


def _time(call: Call, items: int, repeats: int) -> Timing:
    """The mean of ``repeats`` calls."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        call()
    per_item = 1e6 / (repeats * items)
    return Timing((time.perf_counter() - wall) * per_item, (time.process_time() - cpu) * per_item)
