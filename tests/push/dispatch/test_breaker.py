"""The breaker and the mass-delete brake, by themselves."""

from __future__ import annotations

import pytest

from billboard.push.dispatch import Attempt, Outcome
from billboard.push.dispatch.breaker import (
    DEAD_SHARE,
    FAILURES,
    FIRST_PAUSE,
    LEAST_DEAD,
    LONGEST_PAUSE,
    WINDOW,
    Brake,
    Breaker,
)
from push.support import Clock

DELIVERED = Attempt(Outcome.DELIVERED, None, 200)
DEAD = Attempt(Outcome.UNREGISTERED, "Unregistered", 410)
NO_ANSWER = Attempt(Outcome.RETRY, "transport error")
BROKEN = Attempt(Outcome.RETRY, "InternalServerError", 500)

NOT_ITS_FAULT = [
    DELIVERED,
    DEAD,
    Attempt(Outcome.RETRY, "TooManyRequests", 429),
    Attempt(Outcome.RETRY, "ExpiredProviderToken", 403),
    Attempt(Outcome.REJECTED, "BadTopic", 400),
    Attempt(Outcome.REJECTED, "no topic for app 7"),
]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, lambda: 1.0 - 2**-53)


def attempt(breaker: Breaker, answer: Attempt | None) -> bool:
    """Make one attempt, if it may be made."""
    if not breaker.allowed(1):
        return False
    probe = breaker.begin()
    if answer is not None:
        breaker.observe(answer, probe)
    breaker.end(probe)
    return True


def trip(breaker: Breaker) -> None:
    for _ in range(FAILURES):
        assert attempt(breaker, NO_ANSWER)
    assert breaker.open


@pytest.mark.parametrize("failure", [NO_ANSWER, BROKEN])
def test_it_opens_after_failures_in_a_row(breaker: Breaker, failure: Attempt) -> None:
    for _ in range(FAILURES - 1):
        assert attempt(breaker, failure)
    attempt(breaker, DELIVERED)
    for _ in range(FAILURES - 1):
        assert attempt(breaker, failure)
        assert not breaker.open
        assert breaker.allowed(77) == 77
    assert attempt(breaker, failure)
    assert breaker.open
    assert breaker.allowed(77) == 0


@pytest.mark.parametrize("answer", NOT_ITS_FAULT)
def test_what_depends_on_a_token_never_opens_it(breaker: Breaker, answer: Attempt) -> None:
    for _ in range(5 * FAILURES):
        assert attempt(breaker, answer)
    assert not breaker.open


@pytest.mark.parametrize("answer", NOT_ITS_FAULT)
def test_any_answer_closes_it(breaker: Breaker, clock: Clock, answer: Attempt) -> None:
    trip(breaker)
    clock.now += LONGEST_PAUSE
    assert attempt(breaker, answer)
    assert not breaker.open
    assert breaker.wait == 0
    assert breaker.allowed(5) == 5


def test_it_probes_one_by_one_after_growing_pauses(breaker: Breaker, clock: Clock) -> None:
    trip(breaker)
    pauses = []
    for _ in range(9):
        assert breaker.allowed(5) == 0
        pauses.append(breaker.wait)
        clock.now += breaker.wait + 1e-6
        assert breaker.allowed(0) == 0
        assert breaker.allowed(5) == 1
        probe = breaker.begin()
        assert probe
        assert breaker.allowed(5) == 0, "one at a time"
        breaker.observe(NO_ANSWER, probe)
        breaker.end(probe)
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60, 60])
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (1, 60)
    clock.now += LONGEST_PAUSE
    attempt(breaker, DELIVERED)
    trip(breaker)
    assert breaker.wait == pytest.approx(FIRST_PAUSE), "it begins anew"


def test_a_pause_is_half_random(clock: Clock) -> None:
    breaker = Breaker(clock, lambda: 0.0)
    trip(breaker)
    assert breaker.wait == pytest.approx(FIRST_PAUSE / 2)


def test_late_failures_of_attempts_from_before_change_nothing(
    breaker: Breaker, clock: Clock
) -> None:
    """A hundred are in flight when a service goes away, and end one after the other."""
    begun = [breaker.begin() for _ in range(100)]
    assert not any(begun)
    for probe in begun[:FAILURES]:
        breaker.observe(NO_ANSWER, probe)
        breaker.end(probe)
    clock.now += breaker.wait + 1e-6
    ours = breaker.begin()
    for probe in begun[FAILURES:]:
        breaker.observe(NO_ANSWER, probe)
        breaker.end(probe)
        assert breaker.allowed(5) == 0, "the probe is still in flight"
    breaker.observe(NO_ANSWER, ours)
    breaker.end(ours)
    assert breaker.wait == pytest.approx(2 * FIRST_PAUSE), "one probe has failed"


def test_a_late_success_closes_it(breaker: Breaker) -> None:
    late = breaker.begin()
    trip(breaker)
    breaker.observe(DELIVERED, late)
    breaker.end(late)
    assert not breaker.open


def test_a_probe_that_ends_without_an_answer_is_followed_by_another(
    breaker: Breaker, clock: Clock
) -> None:
    trip(breaker)
    clock.now += LONGEST_PAUSE
    for _ in range(3):
        assert attempt(breaker, None)
    assert breaker.open


# The brake


def test_the_brake_is_on_if_most_tokens_are_called_dead() -> None:
    brake = Brake()
    for _ in range(LEAST_DEAD - 1):
        brake.observe(DEAD)
        assert not brake.on, "a few may be dead"
    brake.observe(DEAD)
    assert brake.on
    for _ in range(round(LEAST_DEAD * (1 / DEAD_SHARE - 1))):
        assert brake.on
        brake.observe(DELIVERED)
    assert not brake.on


def test_the_brake_looks_at_the_last_answers_about_tokens_only() -> None:
    brake = Brake()
    for _ in range(WINDOW):
        brake.observe(DEAD)
    for _ in range(WINDOW):
        brake.observe(NO_ANSWER)
        brake.observe(Attempt(Outcome.REJECTED, "BadTopic", 400))
    assert brake.on
    for _ in range(WINDOW // 2):
        brake.observe(DELIVERED)
    assert not brake.on
