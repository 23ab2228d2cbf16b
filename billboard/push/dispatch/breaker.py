"""Breakers, which pause a push service that fails, and brakes, which doubt its dead tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import final

from billboard.push.dispatch.notification import Attempt, Outcome

FAILURES = 10
"""Attempts in a row without an answer, or with a 5xx, after which a breaker opens."""

FIRST_PAUSE = 1.0
"""The longest time until the first probe, in seconds. It doubles with each probe that fails."""

LONGEST_PAUSE = 60.0
"""The longest time until any probe, in seconds."""

WINDOW = 1000
"""How many of the last answers a brake looks at."""

DEAD_SHARE = 0.5
"""The share of dead tokens among these answers above which a brake is on."""

LEAST_DEAD = 100
"""The number of dead tokens among them below which a brake is never on."""


@final
class Breaker:
    """Stops attempts at a push service that does not work, and probes it with one at a time.

    Outcomes that depend on a single token never open it: junk tokens are free to make. ``random``
    returns numbers from 0 to below 1, ``clock`` returns seconds.
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock, self._random = clock, random
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._probe_at = 0.0
        self._probing = False

    @property
    def open(self) -> bool:
        """Whether attempts are stopped, but for probes."""
        return self._failures >= FAILURES

    def allowed(self, limit: int) -> int:
        """Return how many of ``limit`` attempts may begin now."""
        if not self.open:
            return limit
        if self._probing or limit == 0 or self._clock() < self._probe_at:
            return 0
        return 1

    def begin(self) -> bool:
        """Note that an attempt begins. Return whether it is a probe, for `observe` and `end`."""
        self._probing = self._probing or self.open
        return self.open

    @property
    def wait(self) -> float:
        """Seconds until the next probe; 0 while the breaker is not open."""
        return max(self._probe_at - self._clock(), 0.0) if self.open else 0.0

    def end(self, probe: bool) -> None:
        """Note that an attempt has ended. Call it for each attempt, also without `observe`."""
        if probe:
            self._probing = False

    def observe(self, attempt: Attempt, probe: bool) -> None:
        """Note the answer of an attempt."""
        failed = attempt.outcome is Outcome.RETRY and (
            attempt.status is None or attempt.status >= 500
        )
        if not failed:
            self._failures, self._pause = 0, FIRST_PAUSE
            return
        if self.open and not probe:  # it began before the breaker opened and tells nothing new
            return
        self._failures += 1
        if self.open:
            self._probe_at = self._clock() + self._pause * (0.5 + self._random() / 2)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)


@final
class Brake:
    """Notices when so many tokens are called dead that the push service or its setup is wrong."""

    def __init__(self) -> None:
        self._dead: deque[bool] = deque(maxlen=WINDOW)

    @property
    def on(self) -> bool:
        """Whether answers that call a token dead are not to be believed."""
        dead = sum(self._dead)
        return dead >= LEAST_DEAD and dead > DEAD_SHARE * len(self._dead)

    def observe(self, attempt: Attempt) -> None:
        """Note the answer of an attempt."""
        if attempt.outcome in (Outcome.DELIVERED, Outcome.UNREGISTERED):
            self._dead.append(attempt.outcome is Outcome.UNREGISTERED)
