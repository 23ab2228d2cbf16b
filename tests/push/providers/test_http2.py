"""The HTTP/2 transport, chosen by test (docs/adr/0011-push-providers.md): that nothing is lost.

3,000 requests, 100 of them in flight, while connections end: gracefully, over nginx and over the
emulator; and by resets. benchmarks/transports.py runs the same against other libraries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from billboard.push.dispatch import Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sqlite import SqliteOutbox
from push.providers.nginx import Nginx
from push.providers.test_delivery import deliver, notifications
from push.support import TOPIC, provider

REQUESTS = 3000
IN_FLIGHT = 100


BATCH = notifications(REQUESTS, lifetime=86_400)
ONCE = {str(each.id): 1 for each in BATCH}
DELIVERED_AT_ONCE = {Outcome.DELIVERED: REQUESTS}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        yield outbox


async def dispatch(outbox: SqliteOutbox, apns: ApnsProvider) -> Counter[Outcome]:
    """What came of all attempts; in the end all are delivered."""
    counted: Counter[Outcome] = Counter()
    await deliver(
        outbox,
        apns,
        BATCH,
        concurrency=IN_FLIGHT,
        max_attempts=50,
        random=lambda: 0.0,
        observe=lambda _, attempt: counted.update([attempt.outcome]),
    )
    assert outbox.dead_letters(1) == []
    assert counted[Outcome.DELIVERED] == REQUESTS
    return counted


async def test_graceful_ends_of_nginx_lose_nothing_and_double_nothing(
    outbox: SqliteOutbox,
) -> None:
    async with Nginx(keepalive_requests=100) as nginx:
        apns = ApnsProvider(ApnsEmulator().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        assert await dispatch(outbox, apns) == DELIVERED_AT_ONCE
        assert nginx.ids == ONCE


async def test_ends_that_come_too_often_for_curl_double_nothing_either(
    outbox: SqliteOutbox,
) -> None:
    """What each of several connections leaves unprocessed fails, and may be sent again."""
    async with Nginx(keepalive_requests=10) as nginx:
        apns = ApnsProvider(ApnsEmulator().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        await dispatch(outbox, apns)
        assert nginx.ids == ONCE


async def test_graceful_ends_of_the_emulator_lose_nothing_and_double_nothing(
    outbox: SqliteOutbox,
) -> None:
    async with ApnsEmulator(goaway_every=100) as emulator:
        assert await dispatch(outbox, provider(emulator)) == DELIVERED_AT_ONCE
        assert Counter(str(each.apns_id) for each in emulator.deliveries) == ONCE
        assert emulator.connections >= REQUESTS // 100


@pytest.mark.parametrize(
    "failure", [{"reset_every": 7}, pytest.param({"drop_every": 101}, marks=pytest.mark.slow)]
)
async def test_after_a_reset_each_is_sent_again_under_the_same_id(
    outbox: SqliteOutbox, failure: dict[str, int]
) -> None:
    async with ApnsEmulator(**failure) as emulator:  # type: ignore[arg-type]
        await dispatch(outbox, provider(emulator))
        delivered = Counter(str(each.apns_id) for each in emulator.deliveries)
    assert delivered.keys() == ONCE.keys(), "none is lost, and none has another id"
    again = sum(delivered.values()) - REQUESTS
    assert again >= REQUESTS // max(failure.values()), "each that was processed and cut off"
