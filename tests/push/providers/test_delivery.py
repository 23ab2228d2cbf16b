"""Outbox, dispatcher, provider and emulator: a push service that fails, and nothing lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from billboard.push.dispatch import Dispatcher, Notification, Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.outbox import Pace
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import DeviceToken, Platform
from push.support import Clock, device, provider

LONGEST = 120.0
"""Seconds within which all is delivered, on a machine that has much else to do."""


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        yield outbox


def notifications(count: int, now: float | None = None, lifetime: float = 3600) -> list[Any]:
    expires = (time.time() if now is None else now) + lifetime
    return [Notification(device(), expires=expires) for _ in range(count)]


def enqueue(outbox: SqliteOutbox, batch: Sequence[Notification], due: float | None = None) -> None:
    moment = time.time() if due is None else due
    outbox.enqueue((), [(each, moment) for each in batch], Pace(0.0, 1))


@asynccontextmanager
async def delivering(
    outbox: SqliteOutbox, apns: ApnsProvider, **options: Any
) -> AsyncIterator[Dispatcher]:
    settings: dict[str, Any] = {"random": lambda: 0.01, "max_attempts": 20}
    dispatcher = Dispatcher(outbox, [apns], **(settings | options))
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
    await dispatcher.aclose()


async def emptied(outbox: SqliteOutbox) -> None:
    async with asyncio.timeout(LONGEST):
        while outbox.next_due(Platform.APNS) is not None:
            await asyncio.sleep(0.01)


async def deliver(
    outbox: SqliteOutbox, apns: ApnsProvider, batch: Sequence[Notification], **options: Any
) -> None:
    """Until all are delivered or dead."""
    async with delivering(outbox, apns, **options):
        enqueue(outbox, batch)
        await emptied(outbox)


async def test_a_thousand_over_one_connection(outbox: SqliteOutbox) -> None:
    batch = notifications(1000)
    async with ApnsEmulator() as emulator:
        await deliver(outbox, provider(emulator), batch)
        assert Counter(each.apns_id for each in emulator.deliveries) == {
            each.id: 1 for each in batch
        }
        assert (emulator.connections, emulator.provider_tokens) == (1, 1)
    assert outbox.dead_letters(10) == []


@pytest.mark.parametrize("latency", [0.0, 0.02])
async def test_graceful_shutdowns_lose_nothing_and_repeat_nothing(
    outbox: SqliteOutbox, latency: float
) -> None:
    batch = notifications(1000)
    async with ApnsEmulator(goaway_every=50, latency=latency) as emulator:
        await deliver(outbox, provider(emulator), batch)
        assert Counter(each.apns_id for each in emulator.deliveries) == {
            each.id: 1 for each in batch
        }
        assert emulator.connections == 20
    assert outbox.dead_letters(10) == []


@pytest.mark.parametrize("failure", [{"reset_every": 7}, {"drop_every": 101}])
async def test_after_a_reset_each_arrives_and_repeats_can_be_told(
    outbox: SqliteOutbox, failure: dict[str, int]
) -> None:
    batch = notifications(300)
    async with ApnsEmulator(**failure) as emulator:  # type: ignore[arg-type]
        await deliver(outbox, provider(emulator), batch, concurrency=20)
        ids = {each.apns_id for each in emulator.deliveries}
        first = [each for each in emulator.deliveries if not each.duplicate]
        repeats = [each for each in emulator.deliveries if each.duplicate]
    assert outbox.dead_letters(10) == []
    assert ids == {each.id for each in batch}, "a retry has the id of the first attempt"
    assert len(first) == 300
    assert repeats, "what was processed before the failure was sent again"


async def test_dead_tokens_are_reported(outbox: SqliteOutbox) -> None:
    dead: list[tuple[DeviceToken, float | None]] = []
    batch = notifications(5)
    async with ApnsEmulator() as emulator:
        emulator.unregister(batch[3].token.value, at=1_600_000_000.5)
        await deliver(
            outbox, provider(emulator), batch, on_unregistered=lambda *each: dead.append(each)
        )
        assert len(emulator.deliveries) == 4
    (letter,) = outbox.dead_letters(10)
    assert (letter.id, letter.outcome) == (batch[3].id, Outcome.UNREGISTERED)
    assert letter.reason == "Unregistered"
    assert dead == [(batch[3].token, 1_600_000_000.5)]


@pytest.mark.parametrize("lifetime", [3600, 29])
async def test_a_throttled_token_waits_as_long_as_it_is_told(
    outbox: SqliteOutbox, lifetime: float
) -> None:
    """Not when its time is over before."""
    clock = Clock()
    times: list[float] = []
    begin = clock.now
    (one,) = notifications(1, clock.now, lifetime)

    async def sleep(seconds: float) -> None:
        # An attempt over the network ends before time jumps: else its claim would end meanwhile.
        await asyncio.sleep(0.05)
        await clock.sleep(seconds)

    async with ApnsEmulator() as emulator:
        emulator.throttle(one.token.value, times=2, retry_after=30)
        async with delivering(
            outbox,
            provider(emulator),
            clock=clock,
            sleep=sleep,
            random=lambda: 0.0,
            observe=lambda *_: times.append(clock.now - begin),
        ):
            enqueue(outbox, [one], clock.now)
            await emptied(outbox)
        delivered = len(emulator.deliveries)
    if lifetime == 29:
        (letter,) = outbox.dead_letters(10)
        assert (letter.outcome, letter.reason) == (Outcome.EXPIRED, "TooManyRequests")
        assert (len(times), delivered) == (1, 0)
    else:
        assert (len(times), delivered) == (3, 1)
        assert times[1] - times[0] >= 30 <= times[2] - times[1]
        assert outbox.dead_letters(10) == []


async def test_an_expired_provider_token_costs_one_attempt_and_no_wait(
    outbox: SqliteOutbox,
) -> None:
    attempts: Counter[Outcome] = Counter()
    async with ApnsEmulator() as emulator:
        async with delivering(
            outbox,
            provider(emulator),
            random=lambda: 0.999,
            observe=lambda _, attempt: attempts.update([attempt.outcome]),
        ):
            enqueue(outbox, notifications(1))
            await emptied(outbox)
            emulator.expire_jwts()
            enqueue(outbox, notifications(100))
            await emptied(outbox)
        assert len(emulator.deliveries) == 101
        assert emulator.provider_tokens == 2
    assert attempts[Outcome.DELIVERED] == 101
    assert 1 <= attempts[Outcome.RETRY] <= 100


async def test_no_token_is_ever_shown(
    outbox: SqliteOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    batch = notifications(60)
    shown: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with ApnsEmulator(reset_every=7, drop_every=31) as emulator:
            for each in batch[:20]:
                emulator.unregister(each.token.value)
            apns = provider(emulator)
            shown += [await apns.send(each) for each in batch]
            await deliver(
                outbox,
                provider(emulator),
                batch,
                on_unregistered=lambda token, _: shown.append(token),
                observe=lambda *each: shown.append(each),
            )
            shown += [emulator, apns, outbox, *emulator.deliveries, *outbox.dead_letters(100)]
        shown += [await apns.send(each) for each in batch[:3]]
        await apns.aclose()
    text = caplog.text + "".join(f"{each}{each!r}" for each in shown)
    assert "Unregistered" in text
    assert "transport error" in text
    for each in batch:
        assert each.token.value.hex() not in text
        assert repr(each.token.value) not in text
