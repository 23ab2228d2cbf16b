"""The HTTP/2 transport, chosen by test (docs/adr/0011-push-providers.md): that nothing is lost.

3,000 requests, 100 of them in flight, while connections end: gracefully, over nginx and over the
sandbox; and by resets. benchmarks/transports.py runs the same against other libraries.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from billboard.push import Dispatcher, Outcome
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sandbox import Sandbox

from .nginx import Nginx
from .support import TOPIC, Clock, notification, provider

REQUESTS = 3000
IN_FLIGHT = 100


async def dispatch(apns: ApnsProvider, **options: Any) -> Counter[tuple[Outcome, int]]:
    """How many notifications there are of each outcome and number of attempts."""
    clock = Clock()
    settings: dict[str, Any] = {"sleep": clock.sleep, "random": lambda: 0.0}
    async with Dispatcher([apns], concurrency=IN_FLIGHT, **(settings | options)) as dispatcher:
        results = await dispatcher.dispatch(BATCH)
    return Counter((each.outcome, each.attempts) for each in results)


BATCH = [notification() for _ in range(REQUESTS)]
ONCE = {str(each.id): 1 for each in BATCH}
DELIVERED_AT_ONCE = {(Outcome.DELIVERED, 1): REQUESTS}


async def test_graceful_ends_of_nginx_lose_nothing_and_double_nothing() -> None:
    async with Nginx(keepalive_requests=100) as nginx:
        apns = ApnsProvider(Sandbox().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        assert await dispatch(apns) == DELIVERED_AT_ONCE
        assert nginx.ids == ONCE


async def test_ends_that_come_too_often_for_curl_double_nothing_either() -> None:
    """What each of several connections leaves unprocessed fails, and may be sent again."""
    async with Nginx(keepalive_requests=10) as nginx:
        apns = ApnsProvider(Sandbox().key, {0: TOPIC}, nginx.url, nginx.ca_file)
        counted = await dispatch(apns, max_attempts=50)
        assert {outcome for outcome, _ in counted} == {Outcome.DELIVERED}
        assert nginx.ids == ONCE


async def test_graceful_ends_of_the_sandbox_lose_nothing_and_double_nothing() -> None:
    async with Sandbox(goaway_every=100) as sandbox:
        assert await dispatch(provider(sandbox)) == DELIVERED_AT_ONCE
        assert Counter(str(each.apns_id) for each in sandbox.deliveries) == ONCE
        assert sandbox.connections >= REQUESTS // 100


@pytest.mark.parametrize("failure", [{"reset_every": 7}, {"drop_every": 101}])
async def test_after_a_reset_each_is_sent_again_under_the_same_id(
    failure: dict[str, int],
) -> None:
    async with Sandbox(**failure) as sandbox:  # type: ignore[arg-type]
        counted = await dispatch(provider(sandbox), max_attempts=50)
        delivered = Counter(str(each.apns_id) for each in sandbox.deliveries)
    assert {outcome for outcome, _ in counted} == {Outcome.DELIVERED}
    assert delivered.keys() == ONCE.keys(), "none is lost, and none has another id"
    again = sum(delivered.values()) - REQUESTS
    assert again >= REQUESTS // max(failure.values()), "each that was processed and cut off"
