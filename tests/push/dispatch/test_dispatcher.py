"""The dispatcher on an outbox: retries, expiry, dead tokens. Time is simulated."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome
from billboard.push.dispatch.breaker import LEAST_DEAD
from billboard.push.dispatch.dispatcher import BACKOFF_BASE, BACKOFF_MAX, CLAIM_SECONDS
from billboard.push.dispatch.queue import Claim, Settlement
from billboard.push.requests.registration import Registration
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import DeviceToken, Handle, Platform
from push.dispatch.dispatching import HOUR, ends, notification, notifications
from push.simulation import (
    DELIVERED,
    START,
    Scripted,
    after,
    delivering,
    delivers,
    elapsed,
    emptied,
    enqueue,
    now,
    simulate,
    simulated,
)
from push.support import device

SOON = 0.05
"""Seconds within which the dispatcher begins what is due."""


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        yield outbox


# One notification


@simulated
async def test_what_is_delivered_is_gone(outbox: SqliteOutbox) -> None:
    provider = Scripted(delivers)
    one = notification(priority=5, collapse_id="one")
    async with delivering(outbox, provider):
        enqueue(outbox, one)
        await emptied(outbox)
        await asyncio.sleep(4 * CLAIM_SECONDS)
    assert [each for _, each in provider.sent] == [one]
    assert ends(outbox) == []


@pytest.mark.parametrize("outcome", [Outcome.UNREGISTERED, Outcome.REJECTED])
@simulated
async def test_a_final_answer_is_not_repeated(outbox: SqliteOutbox, outcome: Outcome) -> None:
    provider = Scripted(lambda *_: Attempt(outcome, "Why", 400, retry_after=1.0))
    async with delivering(outbox, provider):
        enqueue(outbox, one := notification())
        await asyncio.sleep(4 * CLAIM_SECONDS)
    assert len(provider.sent) == 1
    (dead,) = outbox.dead_letters(10)
    assert (dead.id, dead.outcome, dead.reason) == (one.id, outcome, "Why")
    assert dead.died == pytest.approx(START, abs=1)


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
@simulated
async def test_the_backoff_is_a_random_part_of_a_doubling_time(
    outbox: SqliteOutbox, part: float
) -> None:
    """Answers with a 429 leave the breaker closed: what is measured is the wait alone."""
    provider = Scripted(lambda *_: Attempt(Outcome.RETRY, "TooMany", 429))
    async with delivering(outbox, provider, random=lambda: part, max_attempts=13):
        enqueue(outbox, one := notification(lifetime=10 * HOUR))
        await emptied(outbox)
    times = [time for time, _ in provider.sent]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    longest = [min(BACKOFF_MAX, BACKOFF_BASE * 2**number) for number in range(12)]
    assert longest[-3:] == [512, 600, 600]
    assert waits == pytest.approx([part * each for each in longest], abs=SOON)
    assert {each.id for _, each in provider.sent} == {one.id}
    assert ends(outbox) == [(Outcome.RETRY, "TooMany")]


@simulated
async def test_what_the_service_asks_for_wins_over_the_backoff(outbox: SqliteOutbox) -> None:
    asked = [900.0, 0.0, 7.0]

    def answer(_one: Notification, before: int) -> Attempt:
        if before == len(asked):
            return DELIVERED
        return Attempt(Outcome.RETRY, "Later", 429, retry_after=asked[before])

    provider = Scripted(answer)
    async with delivering(outbox, provider):
        enqueue(outbox, notification())
        await emptied(outbox)
    times = [time for time, _ in provider.sent]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert waits == pytest.approx([900.5, 0.0, 9.0], abs=SOON), "and zero is at once"


@simulated
async def test_nothing_is_attempted_beyond_its_expiry(outbox: SqliteOutbox) -> None:
    busy = Attempt(Outcome.RETRY, "Busy", 429, retry_after=100.0)
    provider = Scripted(lambda *_: busy)
    async with delivering(outbox, provider):
        enqueue(outbox, over := notification(lifetime=0))
        enqueue(outbox, short := notification(lifetime=250))
        await emptied(outbox)
        assert elapsed() < 210, "given up as soon as no wait ends before"
        outbox.prune(now())
    assert provider.attempts(over) == 0
    assert provider.attempts(short) == 3
    assert ends(outbox) == [(Outcome.EXPIRED, None), (Outcome.EXPIRED, "Busy")]


ATTEMPTS = st.builds(
    Attempt,
    st.sampled_from([Outcome.DELIVERED, *[Outcome.RETRY] * 3, *set(Outcome)]),
    st.sampled_from(["Why", "Busy"]),
    st.sampled_from([None, 200, 400, 429, 503]),
    retry_after=st.sampled_from([None, 0.0, 5.0, 400.0, 1e9]),
)


@settings(max_examples=60)
@given(
    script=st.lists(ATTEMPTS, min_size=1, max_size=6),
    lifetime=st.sampled_from([0.0, 3.0, 20.0, 2000.0]),
    max_attempts=st.integers(1, 5),
    part=st.floats(0, 1, exclude_max=True),
)
def test_laws_of_retrying(
    tmp_path_factory: pytest.TempPathFactory,
    script: list[Attempt],
    lifetime: float,
    max_attempts: int,
    part: float,
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "outbox.sqlite"
    provider = Scripted(lambda _, before: script[min(before, len(script) - 1)])
    one = notification(lifetime=lifetime)

    with SqliteOutbox.create(path) as made_here:

        async def main() -> None:
            async with delivering(
                made_here, provider, max_attempts=max_attempts, random=lambda: part
            ):
                enqueue(made_here, one)
                await emptied(made_here)

        simulate(main)
        ended = ends(made_here)
    made = [script[min(at, len(script) - 1)] for at in range(len(provider.sent))]
    assert len(made) <= max_attempts
    assert all(attempt.outcome is Outcome.RETRY for attempt in made[:-1])
    times = [time for time, _ in provider.sent]
    for attempt, earlier, later in zip(made, times, times[1:], strict=False):
        assert later - earlier >= (attempt.retry_after or 0) - 1e-6
    assert all(time < lifetime for time in times)
    if made and made[-1].outcome is Outcome.DELIVERED:
        assert ended == []
    else:
        ((outcome, reason),) = ended
        assert reason == (made[-1].reason if made else None)
        if outcome is not Outcome.EXPIRED:
            assert outcome is made[-1].outcome
        if outcome is Outcome.RETRY:
            assert len(made) == max_attempts


# Dead tokens


def register(outbox: SqliteOutbox, token: DeviceToken, time: float) -> Handle:
    handle = Handle(os.urandom(16))
    assert outbox.register(Registration(handle, int(time * 1000), token), time)
    return handle


@simulated
async def test_a_dead_token_is_reported_and_its_older_handles_go(outbox: SqliteOutbox) -> None:
    told: list[tuple[DeviceToken, float | None]] = []
    token, other = device(), device()
    old, newer = register(outbox, token, START - 100), register(outbox, token, START - 10)
    kept = register(outbox, other, START - 100)
    dead = Attempt(Outcome.UNREGISTERED, "Unregistered", 410, unregistered_at=START - 50)
    provider = Scripted(lambda *_: dead)
    async with delivering(outbox, provider, on_unregistered=lambda *each: told.append(each)):
        enqueue(outbox, notification(token))
        await emptied(outbox)
    assert told == [(token, START - 50)]
    assert outbox.tokens([old, newer, kept]) == {newer: token, kept: other}
    assert ends(outbox) == [(Outcome.UNREGISTERED, "Unregistered")]


@simulated
async def test_a_token_that_is_dead_since_an_unknown_time_loses_all_handles(
    outbox: SqliteOutbox,
) -> None:
    told: list[tuple[DeviceToken, float | None]] = []
    handle = register(outbox, token := device(), START)
    provider = Scripted(lambda *_: Attempt(Outcome.UNREGISTERED, "NOT_FOUND", 404))
    async with delivering(outbox, provider, on_unregistered=lambda *each: told.append(each)):
        enqueue(outbox, notification(token))
        await emptied(outbox)
    assert told == [(token, None)]
    assert outbox.tokens([handle]) == {}


@simulated
async def test_a_callback_that_raises_changes_nothing_and_tells_no_token(
    outbox: SqliteOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(token: DeviceToken, _at: float | None) -> None:
        raise LookupError(token.value.hex())

    batch = notifications(2)
    provider = Scripted(lambda *_: Attempt(Outcome.UNREGISTERED, "Unregistered", 410))
    with caplog.at_level(logging.DEBUG):
        async with delivering(outbox, provider, on_unregistered=fail):
            enqueue(outbox, *batch)
            await emptied(outbox)
    assert ends(outbox) == [(Outcome.UNREGISTERED, "Unregistered")] * 2
    assert caplog.text.count("on_unregistered raised LookupError") == 2
    assert not any(each.token.value.hex() in caplog.text for each in batch)


@simulated
async def test_a_service_that_calls_every_token_dead_is_not_believed(
    outbox: SqliteOutbox,
) -> None:
    told: list[DeviceToken] = []
    provider = Scripted(lambda *_: Attempt(Outcome.UNREGISTERED, "BadDeviceToken", 400))
    batch = notifications(400)
    handles = [register(outbox, each.token, START - 100) for each in batch]
    async with delivering(outbox, provider, on_unregistered=lambda token, _: told.append(token)):
        enqueue(outbox, *batch)
        await emptied(outbox)
    assert len(told) == LEAST_DEAD - 1
    known = outbox.tokens(handles)
    assert set(known.values()) == {each.token for each in batch} - set(told)
    doubt = "not believed: too many tokens are called dead"
    assert Counter(ends(outbox)) == {
        (Outcome.UNREGISTERED, "BadDeviceToken"): LEAST_DEAD - 1,
        (Outcome.UNREGISTERED, f"BadDeviceToken, {doubt}"): 301,
    }
    assert outbox.replay([each.id for each in batch], now(), now() + HOUR) == 400
    again = Scripted(delivers)
    async with delivering(outbox, again):
        await emptied(outbox)
    assert {each.token for _, each in again.sent} == {each.token for each in batch}


@simulated
async def test_dead_tokens_among_many_that_live_are_believed(outbox: SqliteOutbox) -> None:
    told: list[DeviceToken] = []
    dead = set(notifications(300))

    def answer(one: Notification, _before: int) -> Attempt:
        return Attempt(Outcome.UNREGISTERED, "Unregistered", 410) if one in dead else DELIVERED

    provider = Scripted(answer)
    alive = notifications(400)
    async with delivering(outbox, provider, on_unregistered=lambda token, _: told.append(token)):
        enqueue(outbox, *alive[:300])
        await emptied(outbox)
        mixed = [each for pair in zip(alive[300:], list(dead)[:100], strict=True) for each in pair]
        enqueue(outbox, *mixed, *list(dead)[100:])
        await emptied(outbox)
    assert set(told) == {each.token for each in dead}


# Reading what was claimed by others


@simulated
async def test_two_dispatchers_share_an_outbox(outbox: SqliteOutbox) -> None:
    providers = [Scripted(lambda *_: after(1.0)) for _ in range(2)]
    batch = notifications(900)
    enqueue(outbox, *batch)
    async with delivering(outbox, providers[0]), delivering(outbox, providers[1]):
        await emptied(outbox)
    sent = [each.id for provider in providers for _, each in provider.sent]
    assert Counter(sent) == {each.id: 1 for each in batch}
    assert all(len(provider.sent) > 200 for provider in providers)


@simulated
async def test_each_attempt_is_observed(outbox: SqliteOutbox) -> None:
    seen: list[tuple[Platform, Attempt]] = []
    busy = Attempt(Outcome.RETRY, "Busy", 429)
    provider = Scripted(lambda _, before: DELIVERED if before else busy)
    async with delivering(outbox, provider, observe=lambda *each: seen.append(each)):
        enqueue(outbox, notification())
        await emptied(outbox)
    assert seen == [(Platform.APNS, busy), (Platform.APNS, DELIVERED)]


@simulated
async def test_only_what_a_provider_serves_is_served(outbox: SqliteOutbox) -> None:
    dispatcher = Dispatcher(outbox, [Scripted(delivers)])
    assert dispatcher.serves(device())
    assert not dispatcher.serves(device(app=1))
    assert not dispatcher.serves(device(Platform.FCM))


def test_settlements_and_claims_show_no_token() -> None:
    one = notification()
    shown = f"{Claim(one, 0, 0.0)!r}{Settlement(Claim(one, 0, 0.0), Outcome.RETRY, 'Busy')!r}"
    assert one.token.value.hex() not in shown
    assert repr(one.token.value) not in shown
