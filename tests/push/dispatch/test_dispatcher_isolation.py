"""The dispatcher on an outbox: services and storage that fail, and stops. Time is simulated."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from billboard import StoreError
from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome
from billboard.push.dispatch.dispatcher import BURST, CLAIM_SECONDS
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import Platform
from push.dispatch.dispatching import HOUR, ends, notification, notifications
from push.simulation import (
    DELIVERED,
    DOWN,
    Scripted,
    after,
    delivering,
    delivers,
    elapsed,
    emptied,
    enqueue,
    never,
    now,
    simulated,
    until,
)
from push.support import device


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        yield outbox


# Many, and more than one provider


@simulated
async def test_a_defect_upon_one_notification_leaves_the_others_alone(
    outbox: SqliteOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not trip the breaker, however often, and only the type of what is raised is told."""
    poisoned = notifications(30)

    def answer(one: Notification, _before: int) -> Attempt | Exception:
        if one in poisoned:
            return KeyError(one.token.value.hex())
        return DELIVERED

    provider = Scripted(answer)
    states: set[bool] = set()
    good = notifications(30)
    with caplog.at_level(logging.DEBUG):
        async with delivering(outbox, provider, max_attempts=3) as dispatcher:
            enqueue(outbox, *(each for pair in zip(poisoned, good, strict=True) for each in pair))
            while outbox.next_due(Platform.APNS) is not None:
                states |= set(dispatcher.breakers_open().values())
                await asyncio.sleep(0.01)
    assert {provider.attempts(each) for each in good} == {1}
    assert {provider.attempts(each) for each in poisoned} == {3}
    assert Counter(ends(outbox)) == {(Outcome.RETRY, "provider raised KeyError"): 30}
    assert states == {False}
    assert not any(each.token.value.hex() in caplog.text for each in poisoned)


@simulated
async def test_an_attempt_that_cancels_itself_is_made_again(outbox: SqliteOutbox) -> None:
    """As a provider's library may do. Not even as the probe of an open breaker does it harm."""

    def answer(_one: Notification, _before: int) -> Attempt | BaseException:
        if len(provider.sent) <= 10:
            return DOWN
        return asyncio.CancelledError() if len(provider.sent) <= 13 else DELIVERED

    provider = Scripted(answer)
    async with delivering(outbox, provider, concurrency=10):
        enqueue(outbox, *notifications(20))
        await emptied(outbox)
        assert elapsed() < 3 * CLAIM_SECONDS
    times = [time for time, _ in provider.sent]
    assert times[10] - times[9] > 0.2, "the next was a probe"
    assert ends(outbox) == []


@simulated
async def test_one_provider_that_hangs_starves_no_other(outbox: SqliteOutbox) -> None:
    hangs, works = Scripted(lambda *_: never()), Scripted(delivers, Platform.FCM)
    apple, google = notifications(100), [notification(device(Platform.FCM)) for _ in range(100)]
    async with delivering(outbox, hangs, works, concurrency=10) as dispatcher:
        enqueue(outbox, *apple, *google)
        await emptied(outbox, Platform.FCM)
        assert elapsed() < 1
        assert hangs.in_flight == hangs.most_in_flight == 10
        await until(lambda: dispatcher.breakers_open()[Platform.APNS])
        assert elapsed() < CLAIM_SECONDS, "no attempt outlives its claim"
        await asyncio.sleep(HOUR)
        outbox.prune(now())
        assert outbox.next_due(Platform.APNS) is None
        assert hangs.in_flight == 0
    assert len(works.sent) == 100
    dead = outbox.dead_letters(1000)
    assert {each.id for each in dead} == {each.id for each in apple}
    assert {each.outcome for each in dead} == {Outcome.EXPIRED}
    tried = {each.id for _, each in hangs.sent}
    assert {each.reason for each in dead if each.id in tried} == {"no answer in 60 s"}


@simulated
async def test_an_account_that_fails_opens_no_breaker(outbox: SqliteOutbox) -> None:
    """Other apps have others, at the same push service."""
    failed = Attempt(Outcome.RETRY, "access token: status 503", of_account=True)
    provider = Scripted(lambda one, _: failed if one.token.app else DELIVERED)
    fine = notifications(20)
    async with delivering(outbox, provider, concurrency=10) as dispatcher:
        enqueue(outbox, *(notification(device(app=1)) for _ in range(200)))
        await asyncio.sleep(10.0)
        assert not dispatcher.breakers_open()[Platform.APNS]
        begin = elapsed()
        enqueue(outbox, *fine)
        await until(lambda: {each.id for each in fine} <= {each.id for _, each in provider.sent})
        assert elapsed() - begin < 2


@simulated
async def test_no_more_are_in_flight_than_allowed(outbox: SqliteOutbox) -> None:
    provider = Scripted(lambda *_: after(1.0))
    async with delivering(outbox, provider, concurrency=7):
        enqueue(outbox, *notifications(50))
        await emptied(outbox)
        assert elapsed() == pytest.approx(8, abs=0.5)
    assert provider.most_in_flight == 7


@simulated
async def test_others_have_the_event_loop_while_attempts_begin(outbox: SqliteOutbox) -> None:
    provider = Scripted(lambda *_: after(1.0))
    turns = [0]

    async def take_turns() -> None:
        while len(provider.sent) < 100:
            await asyncio.sleep(0)
            turns.append(len(provider.sent))

    enqueue(outbox, *notifications(100))
    async with delivering(outbox, provider, concurrency=100):
        await take_turns()
    assert max(late - early for early, late in pairwise(turns)) <= BURST


@simulated
async def test_what_waits_for_a_retry_keeps_nobody_from_being_sent(outbox: SqliteOutbox) -> None:
    late = Attempt(Outcome.RETRY, "Later", 429, retry_after=900.0)
    provider = Scripted(lambda _, before: DELIVERED if before else late)
    async with delivering(outbox, provider, concurrency=1):
        enqueue(outbox, *notifications(5))
        await until(lambda: len(provider.sent) == 5)
        assert elapsed() < 1
        await emptied(outbox)
    assert len(provider.sent) == 10
    assert ends(outbox) == []


@simulated
async def test_a_slow_provider_does_not_use_up_attempts_that_were_never_made(
    outbox: SqliteOutbox,
) -> None:
    """256 are claimed at once, and most of their claims end before there is a slot."""
    provider = Scripted(lambda *_: after(20.0))
    batch = notifications(300, lifetime=24 * HOUR)
    async with delivering(outbox, provider, concurrency=2, max_attempts=3):
        enqueue(outbox, *batch)
        await emptied(outbox)
        assert elapsed() < 300 * 20 / 2 * 1.2
    assert ends(outbox) == []
    assert Counter(each.id for _, each in provider.sent) == {each.id: 1 for each in batch}


@simulated
async def test_too_many_requests_are_waited_out_and_open_no_breaker(outbox: SqliteOutbox) -> None:
    """For half an hour every answer is a 429 that asks for ten minutes."""

    def answer(_one: Notification, _before: int) -> Attempt:
        if elapsed() < HOUR / 2:
            return Attempt(Outcome.RETRY, "TooManyRequests", 429, retry_after=600.0)
        return DELIVERED

    provider = Scripted(answer)
    batch = notifications(300)
    async with delivering(outbox, provider) as dispatcher:
        enqueue(outbox, *batch)
        await asyncio.sleep(HOUR / 4)
        assert dispatcher.breakers_open() == {Platform.APNS: False}
        await emptied(outbox)
    assert ends(outbox) == []
    assert Counter(each.id for _, each in provider.sent) == {each.id: 4 for each in batch}


@simulated
async def test_a_provider_that_is_down_for_an_hour(outbox: SqliteOutbox) -> None:
    """It is probed and not flooded; what has not expired is delivered after."""

    def answer(_one: Notification, _before: int) -> Attempt:
        return DOWN if elapsed() < HOUR else DELIVERED

    provider = Scripted(answer)
    short, long = notifications(200, lifetime=HOUR / 2), notifications(200, lifetime=3 * HOUR)
    async with delivering(outbox, provider, concurrency=20):
        enqueue(outbox, *(each for pair in zip(short, long, strict=True) for each in pair))
        while outbox.next_due(Platform.APNS) is not None:
            outbox.prune(now())
            await asyncio.sleep(3)
    down = [time for time, _ in provider.sent if time < HOUR]
    assert 60 <= len(down) <= 20 + HOUR / 30 + 10
    delivered = {each.id for time, each in provider.sent if time >= HOUR}
    assert delivered == {each.id for each in long}
    assert len(provider.sent) == len(down) + len(long)
    dead = outbox.dead_letters(1000)
    assert {each.id for each in dead} == {each.id for each in short}
    assert {each.outcome for each in dead} == {Outcome.EXPIRED}


class Counted:
    """An outbox that counts its calls, and fails those that it is told to."""

    def __init__(self, outbox: SqliteOutbox, failing: Callable[[str], bool] = lambda _: False):
        self._outbox, self._failing = outbox, failing
        self.calls: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            if self._failing(name):
                self.failed[name] += 1
                raise StoreError("the disk is full")
            return getattr(self._outbox, name)(*arguments)

        return call


@simulated
async def test_an_open_breaker_with_nothing_due_asks_the_outbox_rarely(
    outbox: SqliteOutbox,
) -> None:
    counted = Counted(outbox)
    later = Attempt(Outcome.RETRY, "Down", 503, retry_after=HOUR)
    provider = Scripted(lambda *_: later)
    async with delivering(counted, provider):
        enqueue(outbox, *notifications(10, lifetime=2 * HOUR))
        await until(lambda: len(provider.sent) == 10)
        await asyncio.sleep(HOUR / 10)
    assert counted.calls["claim"] <= HOUR / 10 + 10


@simulated
async def test_a_probe_that_takes_long_is_waited_for(outbox: SqliteOutbox) -> None:
    def answer(_one: Notification, _before: int) -> Any:
        return DOWN if len(provider.sent) <= 10 else after(40.0, DOWN)

    provider = Scripted(answer)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(seconds)

    async with delivering(outbox, provider, sleep=sleep, concurrency=10):
        enqueue(outbox, *notifications(30))
        await asyncio.sleep(100)
    assert len(provider.sent) <= 13
    assert len(pauses) <= 130


# Storage fails


@pytest.mark.parametrize("failing", ["claim", "settle", "next_due", "release"])
@simulated
async def test_storage_that_fails_for_a_while_ends_nothing(
    outbox: SqliteOutbox, failing: str
) -> None:
    def fails(name: str) -> bool:
        return name == failing and 300 < elapsed() < 1200

    counted = Counted(outbox, fails)
    provider = Scripted(lambda *_: after(10.0))
    batch: list[Notification] = []
    async with delivering(counted, provider, concurrency=30):
        while elapsed() < 1500:
            one = notification(lifetime=9 * HOUR)
            batch.append(one)
            enqueue(outbox, one)
            await asyncio.sleep(30)
        await emptied(outbox)
        assert elapsed() < HOUR
    assert ends(outbox) == []
    assert {each.id for _, each in provider.sent} == {each.id for each in batch}
    assert counted.failed[failing] <= 1000, "and it is not asked more than once a second"
    if failing in ("claim", "settle"):
        assert counted.failed[failing] >= 30


# Stopping


@simulated
async def test_stopping_settles_what_is_in_flight_and_releases_the_rest(
    outbox: SqliteOutbox,
) -> None:
    provider = Scripted(lambda *_: after(10.0))
    batch = notifications(40)
    async with delivering(outbox, provider, concurrency=5):
        enqueue(outbox, *batch)
        await until(lambda: provider.in_flight == 5)
    assert elapsed() == pytest.approx(10, abs=0.5)
    assert len(provider.sent) == 5
    assert provider.in_flight == 0
    left = outbox.claim(Platform.APNS, 100, now(), now() + 1)
    done = {each.id for _, each in provider.sent}
    assert {each.notification.id for each in left} == {each.id for each in batch} - done
    assert {each.attempts for each in left} == {0}, "an attempt that was not made is not counted"
    assert ends(outbox) == []


@simulated
async def test_nothing_begins_after_a_stop_that_comes_while_claiming(
    outbox: SqliteOutbox,
) -> None:
    class Stopping(Counted):
        def __getattr__(self, name: str) -> Any:
            if name == "claim":
                dispatcher.stop()
            return super().__getattr__(name)

    provider = Scripted(delivers)
    enqueue(outbox, *notifications(3))
    dispatcher = Dispatcher(Stopping(outbox), [provider], clock=now)
    await dispatcher.run()
    assert provider.sent == []
    assert len(outbox.claim(Platform.APNS, 10, now(), now() + 1)) == 3, "they are released"


@simulated
async def test_a_stop_before_the_start_counts(outbox: SqliteOutbox) -> None:
    provider = Scripted(delivers)
    enqueue(outbox, notification())
    dispatcher = Dispatcher(outbox, [provider], clock=now)
    dispatcher.stop()
    await asyncio.wait_for(dispatcher.run(), 60)
    assert provider.sent == []


@simulated
async def test_what_was_cancelled_is_attempted_again_under_the_same_id(
    outbox: SqliteOutbox,
) -> None:
    provider = Scripted(lambda *_: never())
    batch = notifications(10)
    before = asyncio.all_tasks()
    task = asyncio.create_task(Dispatcher(outbox, [provider], clock=now, concurrency=4).run())
    enqueue(outbox, *batch)
    await until(lambda: provider.in_flight == 4)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert provider.in_flight == 0
    assert asyncio.all_tasks() == before
    again = Scripted(delivers)
    async with delivering(outbox, again):
        await emptied(outbox)
        assert elapsed() < CLAIM_SECONDS + 2
    assert Counter(each.id for _, each in again.sent) == {each.id: 1 for each in batch}


@simulated
async def test_what_ended_with_the_process_each_time_is_given_up(outbox: SqliteOutbox) -> None:
    """A notification that kills the process is not claimed for ever."""
    enqueue(outbox, one := notification(lifetime=24 * HOUR))
    for _ in range(3):
        ((claim),) = outbox.claim(Platform.APNS, 10, now(), now() + CLAIM_SECONDS)
        assert claim.notification.id == one.id
        await asyncio.sleep(CLAIM_SECONDS)
    provider = Scripted(delivers)
    async with delivering(outbox, provider, max_attempts=3):
        await emptied(outbox)
    assert provider.sent == []
    assert ends(outbox) == [(Outcome.RETRY, "its attempts never ended")]


@simulated
async def test_all_providers_are_closed(outbox: SqliteOutbox) -> None:
    providers = [Scripted(delivers), Scripted(delivers, Platform.FCM)]
    await Dispatcher(outbox, providers).aclose()
    assert [each.closed for each in providers] == [1, 1]


@pytest.mark.parametrize(
    "build",
    [
        lambda outbox: Dispatcher(outbox, [Scripted(delivers), Scripted(delivers)]),
        lambda outbox: Dispatcher(outbox, [], concurrency=0),
        lambda outbox: Dispatcher(outbox, [], max_attempts=0),
    ],
)
@simulated
async def test_bad_settings_are_refused(
    outbox: SqliteOutbox, build: Callable[[SqliteOutbox], Dispatcher]
) -> None:
    with pytest.raises(ValueError, match=r"two providers|at least 1"):
        build(outbox)
