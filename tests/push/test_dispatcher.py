"""Dispatcher: order, retries, expiry, isolation, cancellation. No network, no real time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billboard.push import Attempt, Dispatcher, Notification, Outcome
from billboard.push.dispatcher import LONGEST_WAIT
from billboard.tokens import DeviceToken, Platform

from .support import Clock, device, notification

RETRY = Attempt(Outcome.RETRY, "Busy")
DELIVERED = Attempt(Outcome.DELIVERED, status=200)


class Scripted:
    """A provider that gives each notification the next answer of its script."""

    def __init__(
        self, script: Iterable[Attempt | Exception], platform: Platform = Platform.APNS
    ) -> None:
        self.platform = platform
        self.script = list(script)
        self.seen: list[Notification] = []
        self.closed = 0

    async def send(self, notification: Notification) -> Attempt:
        earlier = sum(each.token == notification.token for each in self.seen)
        self.seen.append(notification)
        await asyncio.sleep(0)
        answer = self.script[min(earlier, len(self.script) - 1)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed += 1


def dispatcher(provider: Any, clock: Clock, **options: Any) -> Dispatcher:
    settings: dict[str, Any] = {"random": lambda: 0.5, "clock": clock, "sleep": clock.sleep}
    return Dispatcher([provider], **(settings | options))


async def test_results_come_in_the_order_of_the_input() -> None:
    class Slow(Scripted):
        async def send(self, notification: Notification) -> Attempt:
            for _ in range(order[notification.token]):
                await asyncio.sleep(0)
            return DELIVERED

    batch = [notification() for _ in range(20)]
    order = {each.token: 20 - at for at, each in enumerate(batch)}
    results = await dispatcher(Slow([]), Clock()).dispatch(iter(batch))
    assert [result.notification for result in results] == batch
    assert {(result.outcome, result.attempts) for result in results} == {(Outcome.DELIVERED, 1)}


async def test_no_notifications_no_results() -> None:
    assert await dispatcher(Scripted([DELIVERED]), Clock()).dispatch([]) == []


async def test_a_retry_is_the_same_notification_with_the_same_id() -> None:
    provider = Scripted([RETRY, RETRY, DELIVERED])
    one = notification()
    (result,) = await dispatcher(provider, Clock()).dispatch([one])
    assert (result.outcome, result.reason, result.attempts) == (Outcome.DELIVERED, None, 3)
    assert [each.id for each in provider.seen] == [one.id] * 3


async def test_attempts_end() -> None:
    clock, provider = Clock(), Scripted([RETRY])
    (result,) = await dispatcher(provider, clock, max_attempts=4).dispatch([notification()])
    assert (result.outcome, result.reason, result.attempts) == (Outcome.RETRY, "Busy", 4)
    assert len(provider.seen) == 4
    assert len(clock.slept) == 3, "no wait after the last attempt"


@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
async def test_the_backoff_is_a_random_part_of_a_doubling_time(part: float) -> None:
    clock = Clock()
    sender = dispatcher(Scripted([RETRY]), clock, max_attempts=10, random=lambda: part)
    await sender.dispatch([notification()])
    assert clock.slept == [part * seconds for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60)]


async def test_what_the_service_asks_for_wins_over_the_backoff() -> None:
    clock = Clock()
    script = [Attempt(Outcome.RETRY, retry_after=900.0), Attempt(Outcome.RETRY, retry_after=0.0)]
    await dispatcher(Scripted([*script, DELIVERED]), clock).dispatch([notification()])
    assert clock.slept == [900.5, 0.0], "never less than asked; zero is at once"


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.REJECTED])
async def test_a_final_answer_is_not_repeated(outcome: Outcome) -> None:
    provider = Scripted([Attempt(outcome, "Why", retry_after=1.0)])
    (result,) = await dispatcher(provider, Clock()).dispatch([notification()])
    assert (result.outcome, result.reason, result.attempts) == (outcome, "Why", 1)
    assert len(provider.seen) == 1


async def test_what_has_expired_is_not_attempted() -> None:
    clock, provider = Clock(), Scripted([DELIVERED])
    batch = [notification(expires=clock.now), notification(expires=clock.now + 1)]
    results = await dispatcher(provider, clock).dispatch(batch)
    assert [(each.outcome, each.attempts) for each in results] == [
        (Outcome.EXPIRED, 0),
        (Outcome.DELIVERED, 1),
    ]
    assert provider.seen == batch[1:]


async def test_no_wait_goes_beyond_the_expiry() -> None:
    clock = Clock()
    provider = Scripted([RETRY, Attempt(Outcome.RETRY, "Later", retry_after=100.0)])
    one = notification(expires=clock.now + 60)
    (result,) = await dispatcher(provider, clock).dispatch([one])
    assert (result.outcome, result.reason, result.attempts) == (Outcome.EXPIRED, "Later", 2)
    assert clock.slept == [0.5]


async def test_what_expires_while_it_waits_for_its_turn_is_not_attempted() -> None:
    clock = Clock()

    class Slow(Scripted):
        async def send(self, notification: Notification) -> Attempt:
            clock.now += 10
            return await super().send(notification)

    batch = [notification(expires=clock.now + 15) for _ in range(4)]
    results = await dispatcher(Slow([DELIVERED]), clock, concurrency=1).dispatch(batch)
    assert [each.attempts for each in results] == [1, 1, 0, 0]


async def test_a_platform_without_a_provider_is_rejected_and_others_are_sent() -> None:
    batch = [notification(device(Platform.FCM)), notification()]
    results = await dispatcher(Scripted([DELIVERED]), Clock()).dispatch(batch)
    assert [each.outcome for each in results] == [Outcome.REJECTED, Outcome.DELIVERED]
    assert results[0].reason == "no provider for FCM"


async def test_each_platform_goes_to_its_provider() -> None:
    apple, google = Scripted([DELIVERED]), Scripted([DELIVERED], Platform.FCM)
    batch = [notification(device(platform)) for platform in (Platform.FCM, Platform.APNS)]
    await Dispatcher([apple, google]).dispatch(batch)
    assert (google.seen, apple.seen) == (batch[:1], batch[1:])


async def test_a_provider_that_raises_is_retried_and_only_its_type_is_told() -> None:
    one = notification()
    provider = Scripted([KeyError(one.token.value.hex())])
    (result,) = await dispatcher(provider, Clock(), max_attempts=2).dispatch([one])
    assert (result.outcome, result.attempts) == (Outcome.RETRY, 2)
    assert result.reason == "provider raised KeyError"


async def test_a_defect_upon_one_notification_leaves_the_others_alone() -> None:
    class Picky(Scripted):
        async def send(self, notification: Notification) -> Attempt:
            if notification is batch[3]:
                raise RuntimeError
            return await super().send(notification)

    batch = [notification() for _ in range(7)]
    results = await dispatcher(Picky([DELIVERED]), Clock()).dispatch(batch)
    assert [each.outcome for each in results].count(Outcome.DELIVERED) == 6
    assert results[3].outcome is Outcome.RETRY


async def test_dead_tokens_are_reported_once_with_their_time() -> None:
    told: list[tuple[DeviceToken, float | None]] = []
    provider = Scripted([RETRY, Attempt(Outcome.UNREGISTERED, unregistered_at=123.5)])
    one = notification()
    sender = dispatcher(provider, Clock(), on_unregistered=lambda *args: told.append(args))
    await sender.dispatch([one])
    assert told == [(one.token, 123.5)]


async def test_a_callback_that_raises_changes_nothing_and_tells_no_token(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(token: DeviceToken, _at: float | None) -> None:
        raise LookupError(token.value.hex())

    batch = [notification() for _ in range(2)]
    provider = Scripted([Attempt(Outcome.UNREGISTERED)])
    with caplog.at_level(logging.DEBUG):
        results = await dispatcher(provider, Clock(), on_unregistered=fail).dispatch(batch)
    assert [each.outcome for each in results] == [Outcome.UNREGISTERED] * 2
    assert caplog.text.count("on_unregistered raised LookupError") == 2
    assert not any(each.token.value.hex() in caplog.text for each in batch)


async def test_no_more_are_in_flight_than_allowed() -> None:
    class Counting(Scripted):
        now = most = 0

        async def send(self, _notification: Notification) -> Attempt:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return DELIVERED

    provider = Counting([])
    await dispatcher(provider, Clock(), concurrency=7).dispatch(notification() for _ in range(50))
    assert provider.most == 7


async def test_waiting_for_a_retry_keeps_nobody_from_being_sent() -> None:
    gate = asyncio.Event()
    provider = Scripted([Attempt(Outcome.RETRY, retry_after=900.0), DELIVERED])

    async def sleep(_seconds: float) -> None:
        await gate.wait()

    sender = Dispatcher([provider], sleep=sleep, concurrency=1)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.dispatch(notification() for _ in range(5)))
        while len(provider.seen) < 5:
            await asyncio.sleep(0)
        gate.set()
    assert {each.attempts for each in task.result()} == {2}


@pytest.mark.parametrize("stage", ["attempt", "wait"])
async def test_cancellation_ends_everything(stage: str) -> None:
    class Endless(Scripted):
        cancelled = 0

        async def send(self, notification: Notification) -> Attempt:
            self.seen.append(notification)
            if stage == "wait":
                return RETRY
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return DELIVERED

    provider = Endless([])
    before = asyncio.all_tasks()
    sender = Dispatcher([provider], random=lambda: 0.999, concurrency=3)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.dispatch(notification() for _ in range(10)))
        while len(provider.seen) < 3:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert provider.cancelled == (3 if stage == "attempt" else 0)
    assert asyncio.all_tasks() == before


async def test_the_context_closes_the_providers() -> None:
    providers = [Scripted([]), Scripted([], Platform.FCM)]
    async with Dispatcher(providers):
        pass
    assert [each.closed for each in providers] == [1, 1]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Dispatcher([Scripted([]), Scripted([])]),
        lambda: Dispatcher([], concurrency=0),
        lambda: Dispatcher([], max_attempts=0),
    ],
)
def test_bad_settings_are_refused(build: Callable[[], Dispatcher]) -> None:
    with pytest.raises(ValueError, match=r"two providers|at least 1"):
        build()


ATTEMPTS = st.builds(
    Attempt,
    st.sampled_from([Outcome.DELIVERED, Outcome.RETRY, Outcome.RETRY, Outcome.REJECTED]),
    retry_after=st.sampled_from([None, 0.0, 5.0, 1e6]),
)


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(ATTEMPTS, min_size=1, max_size=6),
    lifetime=st.sampled_from([None, 0.0, 3.0, 20.0]),
    max_attempts=st.integers(1, 5),
    part=st.floats(0, 1, exclude_max=True),
)
def test_laws_of_retrying(
    script: list[Attempt], lifetime: float | None, max_attempts: int, part: float
) -> None:
    clock, provider = Clock(), Scripted(script)
    expires = None if lifetime is None else clock.now + lifetime
    one = notification(expires=expires)
    sender = dispatcher(provider, clock, max_attempts=max_attempts, random=lambda: part)
    (result,) = asyncio.run(sender.dispatch([one]))
    made = [script[min(at, len(script) - 1)] for at in range(result.attempts)]
    assert len(provider.seen) == result.attempts <= max_attempts
    assert all(attempt.outcome is Outcome.RETRY for attempt in made[:-1])
    assert all(
        slept >= (attempt.retry_after or 0)
        for slept, attempt in zip(clock.slept, made, strict=False)
    )
    assert expires is None or clock.now < expires or not clock.slept
    if result.outcome is Outcome.EXPIRED:
        assert expires is not None
    else:
        assert result.outcome is made[-1].outcome
        asked = made[-1].retry_after or 0
        used_up = result.attempts == max_attempts or asked + 60 > LONGEST_WAIT
        assert result.outcome is not Outcome.RETRY or used_up
    assert all(slept <= LONGEST_WAIT for slept in clock.slept)


async def test_a_wait_of_years_is_not_waited() -> None:
    clock, provider = Clock(), Scripted([Attempt(Outcome.RETRY, retry_after=999_999_999.0)])
    (result,) = await dispatcher(provider, clock).dispatch([notification()])
    assert (result.outcome, result.attempts, clock.slept) == (Outcome.RETRY, 1, [])
