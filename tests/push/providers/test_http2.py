"""The HTTP/2 transport, chosen by test (docs/adr/0011-push-providers.md): that nothing is lost.

3,000 requests, 100 of them in flight, while connections end: gracefully, over nginx and over the
emulator; and by resets. `make test` sends fewer. benchmarks/transports.py runs the same against
other libraries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from billboard.push.dispatch import Notification, Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sqlite import SqliteOutbox
from push.providers.nginx import Nginx
from push.providers.test_delivery import deliver, notifications
from push.support import TOPIC, provider

IN_FLIGHT = 100


@pytest.fixture(params=[600, pytest.param(3000, marks=pytest.mark.slow)])
def batch(request: pytest.FixtureRequest) -> list[Notification]:
    return notifications(request.param, lifetime=86_400)


def once(batch: list[Notification]) -> dict[str, int]:
    return {str(each.id): 1 for each in batch}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        yield outbox


async def dispatch(
    outbox: SqliteOutbox, apns: ApnsProvider, batch: list[Notification]
) -> Counter[Outcome]:
    """What came of all attempts; in the end all are delivered."""
    counted: Counter[Outcome] = Counter()
    await deliver(
        outbox,
        apns,
        batch,
        concurrency=IN_FLIGHT,
        max_attempts=50,
        random=lambda: 0.0,
        observe=lambda _, attempt: counted.update([attempt.outcome]),
    )
    assert outbox.dead_letters(1) == []
    assert counted[Outcome.DELIVERED] == len(batch)
    return counted


async def test_graceful_ends_of_nginx_lose_nothing_and_double_nothing(
    outbox: SqliteOutbox, batch: list[Notification]
) -> None:
    async with Nginx(keepalive_requests=100) as nginx:
        apns = ApnsProvider(ApnsEmulator().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        assert await dispatch(outbox, apns, batch) == {Outcome.DELIVERED: len(batch)}
        assert nginx.ids == once(batch)


async def test_ends_that_come_too_often_for_curl_double_nothing_either(
    outbox: SqliteOutbox, batch: list[Notification]
) -> None:
    """What each of several connections leaves unprocessed fails, and may be sent again."""
    async with Nginx(keepalive_requests=10) as nginx:
        apns = ApnsProvider(ApnsEmulator().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        await dispatch(outbox, apns, batch)
        assert nginx.ids == once(batch)


async def test_graceful_ends_of_the_emulator_lose_nothing_and_double_nothing(
    outbox: SqliteOutbox, batch: list[Notification]
) -> None:
    async with ApnsEmulator(goaway_every=100) as emulator:
        assert await dispatch(outbox, provider(emulator), batch) == {Outcome.DELIVERED: len(batch)}
        assert Counter(str(each.apns_id) for each in emulator.deliveries) == once(batch)
        assert emulator.connections >= len(batch) // 100


@pytest.mark.parametrize(
    "failure", [{"reset_every": 7}, pytest.param({"drop_every": 101}, marks=pytest.mark.slow)]
)
async def test_after_a_reset_each_is_sent_again_under_the_same_id(
    outbox: SqliteOutbox, batch: list[Notification], failure: dict[str, int]
) -> None:
    async with ApnsEmulator(**failure) as emulator:  # type: ignore[arg-type]
        await dispatch(outbox, provider(emulator), batch)
        delivered = Counter(str(each.apns_id) for each in emulator.deliveries)
    assert delivered.keys() == once(batch).keys(), "none is lost, and none has another id"
    again = sum(delivered.values()) - len(batch)
    assert again >= len(batch) // max(failure.values()), "each that was processed and cut off"
