"""Dispatcher, provider and sandbox together: a server that fails, and no notification lost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from billboard.push import Dispatcher, DispatchResult, Notification, Outcome
from billboard.push.sandbox import Sandbox
from billboard.tokens import DeviceToken

from .support import Clock, notification, provider


async def dispatch(
    sandbox: Sandbox, batch: Sequence[Notification], **options: Any
) -> list[DispatchResult]:
    """Without waiting between attempts."""
    clock = Clock()
    settings: dict[str, Any] = {"sleep": clock.sleep, "random": lambda: 0.0, "max_attempts": 20}
    async with Dispatcher([provider(sandbox)], **(settings | options)) as dispatcher:
        return await dispatcher.dispatch(batch)


def outcomes(results: Sequence[DispatchResult]) -> Counter[Outcome]:
    return Counter(result.outcome for result in results)


async def test_a_thousand_over_one_connection() -> None:
    batch = [notification() for _ in range(1000)]
    async with Sandbox() as sandbox:
        results = await dispatch(sandbox, batch)
        assert outcomes(results) == {Outcome.DELIVERED: 1000}
        assert {each.apns_id for each in sandbox.deliveries} == {each.id for each in batch}
        assert len(sandbox.deliveries) == 1000
        assert (sandbox.connections, sandbox.provider_tokens) == (1, 1)


@pytest.mark.parametrize("latency", [0.0, 0.02])
async def test_graceful_shutdowns_lose_nothing_and_repeat_nothing(latency: float) -> None:
    batch = [notification() for _ in range(1000)]
    async with Sandbox(goaway_every=50, latency=latency) as sandbox:
        results = await dispatch(sandbox, batch)
        assert outcomes(results) == {Outcome.DELIVERED: 1000}
        assert Counter(each.apns_id for each in sandbox.deliveries) == {
            each.id: 1 for each in batch
        }
        assert sandbox.connections == 20


@pytest.mark.parametrize("failure", [{"reset_every": 7}, {"drop_every": 101}])
async def test_after_a_reset_each_arrives_and_repeats_can_be_told(
    failure: dict[str, int],
) -> None:
    batch = [notification() for _ in range(300)]
    async with Sandbox(**failure) as sandbox:  # type: ignore[arg-type]
        results = await dispatch(sandbox, batch, concurrency=20)
        ids = {each.apns_id for each in sandbox.deliveries}
        first = [each for each in sandbox.deliveries if not each.duplicate]
        repeats = [each for each in sandbox.deliveries if each.duplicate]
    assert outcomes(results) == {Outcome.DELIVERED: 300}
    assert ids == {each.id for each in batch}, "a retry has the id of the first attempt"
    assert len(first) == 300
    assert repeats, "what was processed before the failure was sent again"


async def test_dead_tokens_are_reported() -> None:
    dead: list[tuple[DeviceToken, float | None]] = []
    batch = [notification() for _ in range(5)]
    async with Sandbox() as sandbox:
        sandbox.unregister(batch[3].token.value, at=1_600_000_000.5)
        results = await dispatch(sandbox, batch, on_unregistered=lambda *args: dead.append(args))
        assert len(sandbox.deliveries) == 4
    assert outcomes(results) == {Outcome.DELIVERED: 4, Outcome.UNREGISTERED: 1}
    assert (results[3].outcome, results[3].reason) == (Outcome.UNREGISTERED, "Unregistered")
    assert dead == [(batch[3].token, 1_600_000_000.5)]


async def test_a_throttled_token_waits_as_long_as_it_is_told() -> None:
    clock = Clock()
    one = notification()
    async with Sandbox() as sandbox:
        sandbox.throttle(one.token.value, times=2, retry_after=30)
        (result,) = await dispatch(sandbox, [one], clock=clock, sleep=clock.sleep)
    assert (result.outcome, result.attempts) == (Outcome.DELIVERED, 3)
    assert clock.slept == [30.0, 30.0]


async def test_a_throttled_token_is_given_up_when_its_time_is_over() -> None:
    clock = Clock()
    one = notification(expires=clock.now + 29)
    async with Sandbox() as sandbox:
        sandbox.throttle(one.token.value, times=2, retry_after=30)
        (result,) = await dispatch(sandbox, [one], clock=clock, sleep=clock.sleep)
        assert sandbox.deliveries == []
    assert (result.outcome, result.reason) == (Outcome.EXPIRED, "TooManyRequests")
    assert clock.slept == []


async def test_an_expired_provider_token_costs_one_attempt_and_no_wait() -> None:
    clock = Clock()
    async with Sandbox() as sandbox:
        async with Dispatcher([provider(sandbox)], sleep=clock.sleep) as dispatcher:
            await dispatcher.dispatch([notification()])
            sandbox.expire_jwts()
            results = await dispatcher.dispatch([notification() for _ in range(100)])
        assert {(each.outcome, each.attempts) for each in results} == {(Outcome.DELIVERED, 2)}
        assert sandbox.provider_tokens == 2
    assert set(clock.slept) == {0.0}


async def test_no_token_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    batch = [notification() for _ in range(60)]
    shown: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with Sandbox(reset_every=7, drop_every=31) as sandbox:
            for each in batch[:20]:
                sandbox.unregister(each.token.value)
            apns = provider(sandbox)
            shown += [await apns.send(each) for each in batch]
            shown += await dispatch(sandbox, batch)
            shown += [sandbox, apns, *sandbox.deliveries]
        shown += [await apns.send(each) for each in batch[:3]]
        await apns.aclose()
    text = caplog.text + "".join(f"{each}{each!r}" for each in shown)
    assert "Unregistered" in text
    assert "transport error" in text
    for each in batch:
        assert each.token.value.hex() not in text
        assert repr(each.token.value) not in text
