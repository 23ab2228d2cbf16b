"""Delivers what is in the outbox through providers. It alone decides upon retries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from random import random as uniform
from typing import Any, final

from billboard.errors import StoreError
from billboard.grouped import Grouped
from billboard.push.breaker import Brake, Breaker
from billboard.push.notification import Attempt, Notification, Outcome
from billboard.push.outbox import Claim, Outbox, Settlement
from billboard.push.provider import Provider
from billboard.tokens import DeviceToken, Platform

__all__ = ["ATTEMPT_SECONDS", "BACKOFF_BASE", "BACKOFF_MAX", "CLAIM_SECONDS", "Dispatcher"]

_log = logging.getLogger(__name__)

BACKOFF_BASE = 1.0
"""Seconds: the most that is waited after the first attempt; it doubles with each further one."""

BACKOFF_MAX = 600.0
"""Seconds: the most that is waited, unless the push service asks for more."""

ATTEMPT_SECONDS = 60.0
"""Seconds after which an attempt is given up, whatever its provider does."""

CLAIM_SECONDS = 150.0
"""Seconds for which a notification is claimed. No attempt begins that might end after it."""

POLL = 1.0
"""Seconds after which the outbox is asked again; other processes may have put something there."""

LARGEST_GROUP = 256
"""Notifications that are claimed, and settled, in one commit."""

BURST = 8
"""Attempts that begin before the event loop does something else: each takes it 0.3 ms."""


@final
class Dispatcher:
    """Attempts what is due in ``outbox``, again and again until there is an answer that is final.

    After an attempt that may be repeated a notification waits as long as the push service asked,
    and by itself a random part of an exponentially growing time ("full jitter"); never beyond its
    ``expires``, and under the same ``id``. What was delivered is forgotten; all else that ends is a
    dead letter, with the reason. After ``max_attempts`` it is one too: more than can be made before
    it expires, but for one that ends the process each time.

    Each provider has ``concurrency`` attempts in flight, and a breaker, of its own: none waits for
    another. One that does not answer is not waited for longer than `ATTEMPT_SECONDS`.

    ``on_unregistered`` is called with each dead token and with the unix seconds at which the push
    service knew it dead, if it says: delete the token only if the device has not registered it
    since. If suddenly most tokens are dead it is not called: a wrong host or topic makes APNs call
    every token bad. An exception of it is logged by its type, and changes nothing. ``observe`` is
    called with each attempt.

    ``clock`` gives unix seconds, ``random`` numbers from 0 to below 1. Raises ValueError for two
    providers of one platform, or for a ``concurrency`` or ``max_attempts`` below 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        providers: Iterable[Provider],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = uniform,
        concurrency: int = 100,
        max_attempts: int = 100,
        on_unregistered: Callable[[DeviceToken, float | None], None] | None = None,
        observe: Callable[[Platform, Attempt], None] | None = None,
    ) -> None:
        if concurrency < 1 or max_attempts < 1:
            raise ValueError("concurrency and max_attempts must be at least 1")
        providers = tuple(providers)
        self._lanes = {each.platform: _Lane(each, clock, random) for each in providers}
        if len(self._lanes) != len(providers):
            raise ValueError("two providers of the same platform")
        self._outbox = outbox
        self._clock, self._sleep, self._random = clock, sleep, random
        self._concurrency, self._max_attempts = concurrency, max_attempts
        self._on_unregistered, self._observe = on_unregistered, observe
        self._settle: Grouped[Settlement, None] = Grouped(self._settle_all, LARGEST_GROUP)
        self._stopping = False

    def serves(self, token: DeviceToken) -> bool:
        """Whether there is a provider for this token, and credentials for its app."""
        lane = self._lanes.get(token.platform)
        return lane is not None and lane.provider.serves(token)

    def breakers_open(self) -> dict[Platform, bool]:
        """Of each provider, whether it is left alone for now."""
        return {platform: lane.breaker.open for platform, lane in self._lanes.items()}

    def credential_ages(self) -> dict[Platform, float]:
        """Of each provider that has a token of its own, how old that is, in seconds."""
        ages = {each: lane.provider.credential_age for each, lane in self._lanes.items()}
        return {platform: age for platform, age in ages.items() if age is not None}

    def wake(self) -> None:
        """Look at the outbox now: something was put there. To be called in the event loop."""
        for lane in self._lanes.values():
            lane.woken.set()

    async def run(self) -> None:
        """Deliver until `stop` is called, once; when it returns, nothing is in flight.

        If cancelled, all that is in flight is cancelled too, and may or may not have been
        delivered: its claims end by themselves.
        """
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes.values():
                group.create_task(self._run(lane))

    def stop(self) -> None:
        """Begin nothing more, not even if `run` is called later."""
        self._stopping = True
        self.wake()

    async def aclose(self) -> None:
        """Close all providers."""
        await asyncio.gather(*(lane.provider.aclose() for lane in self._lanes.values()))

    async def _run(self, lane: _Lane) -> None:
        async with asyncio.TaskGroup() as attempts:
            while not self._stopping:
                lane.woken.clear()
                pause = POLL
                with suppress(StoreError):  # logged where it was raised; asked again after a pause
                    if await self._begin(lane, attempts):
                        continue
                    pause = await self._idle(lane)
                await first_of(lane.woken.wait(), self._sleep(pause))
            with suppress(StoreError):  # then they end by themselves
                await self._release(lane.claims)

    async def _begin(self, lane: _Lane, attempts: asyncio.TaskGroup) -> int:
        """Begin as many attempts as may be made now; of how many claims it has disposed."""
        if self._free(lane) and not lane.claims:
            now = self._clock()
            limit = 1 if lane.breaker.open else LARGEST_GROUP
            claim, platform = self._outbox.claim, lane.provider.platform
            lane.claims.extend(await self._thread(claim, platform, limit, now, now + CLAIM_SECONDS))
        before = len(lane.claims)
        over = []
        while lane.claims and self._free(lane) and not self._stopping:
            one = lane.claims.popleft()
            if one.until - self._clock() < ATTEMPT_SECONDS:
                over.append(one)
                continue
            lane.in_flight += 1
            attempts.create_task(self._deliver(lane, one, lane.breaker.begin()))
            if lane.in_flight % BURST == 0:
                await asyncio.sleep(0)
        await self._release(over)
        return before - len(lane.claims)

    def _free(self, lane: _Lane) -> int:
        """How many attempts may begin now."""
        return lane.breaker.allowed(self._concurrency - lane.in_flight)

    async def _release(self, claims: Collection[Claim]) -> None:
        if claims:
            await self._thread(self._outbox.release, claims, self._clock())

    async def _idle(self, lane: _Lane) -> float:
        """Seconds until something may be done; an attempt that ends says so by itself."""
        if lane.breaker.wait:
            return min(max(lane.breaker.wait, 0.01), POLL)
        if not self._free(lane):
            return POLL
        due = await self._thread(self._outbox.next_due, lane.provider.platform)
        return POLL if due is None else min(max(due - self._clock(), 0.01), POLL)

    async def _deliver(self, lane: _Lane, claim: Claim, probe: bool) -> None:
        """Make one attempt, and settle it."""
        try:
            settlement = await self._attempt(lane, claim, probe)
            with suppress(StoreError):  # logged; it is attempted again when its claim ends
                await self._settle(settlement)
        finally:
            lane.in_flight -= 1
            lane.breaker.end(probe)
            lane.woken.set()

    async def _attempt(self, lane: _Lane, claim: Claim, probe: bool) -> Settlement:
        if self._is_over(claim, 0.0):
            return Settlement(claim, Outcome.EXPIRED, None)
        if claim.attempts >= self._max_attempts:  # the process ended in each of them
            return Settlement(claim, Outcome.RETRY, "its attempts never ended")
        attempt = await self._send(lane, claim.notification, probe)
        lane.brake.observe(attempt)
        if self._observe is not None:
            self._observe(lane.provider.platform, attempt)
        return self._settlement(lane, claim, attempt)

    async def _send(self, lane: _Lane, one: Notification, probe: bool) -> Attempt:
        limit = asyncio.timeout(ATTEMPT_SECONDS)
        try:
            async with limit:
                attempt = await lane.provider.send(one)
        except Exception as error:  # one defect must not take others along, nor trip a breaker
            if not limit.expired():
                return Attempt(Outcome.RETRY, f"provider raised {type(error).__name__}")
            attempt = Attempt(Outcome.RETRY, f"no answer in {ATTEMPT_SECONDS:g} s")
        if lane.provider.one_service and not attempt.of_account:
            lane.breaker.observe(attempt, probe)
        return attempt

    def _settlement(self, lane: _Lane, claim: Claim, attempt: Attempt) -> Settlement:
        outcome, reason = attempt.outcome, attempt.reason
        attempts = claim.attempts + 1
        if outcome is Outcome.RETRY and attempts < self._max_attempts:
            delay = self._delay(attempt, attempts)
            if self._is_over(claim, delay):
                return Settlement(claim, Outcome.EXPIRED, reason)
            return Settlement(claim, outcome, reason, self._clock() + delay)
        if outcome is not Outcome.UNREGISTERED:
            return Settlement(claim, outcome, reason)
        if lane.brake.on:
            return Settlement(claim, outcome, f"{reason}, of too many tokens to be believed")
        self._report(claim.notification.token, attempt.unregistered_at)
        return Settlement(claim, outcome, reason, dead=True, dead_since=attempt.unregistered_at)

    def _delay(self, attempt: Attempt, attempts: int) -> float:
        """Seconds until the next attempt."""
        if attempt.retry_after == 0:
            return 0.0
        jitter = self._random() * min(BACKOFF_MAX, BACKOFF_BASE * 2.0 ** min(attempts - 1, 30))
        return (attempt.retry_after or 0.0) + jitter

    def _is_over(self, claim: Claim, delay: float) -> bool:
        expires = claim.notification.expires
        return expires is not None and self._clock() + delay >= expires

    def _report(self, token: DeviceToken, since: float | None) -> None:
        if self._on_unregistered is None:
            return
        try:
            self._on_unregistered(token, since)
        except Exception as error:  # its text may hold the token
            _log.error("on_unregistered raised %s", type(error).__name__)

    def _settle_all(self, settlements: Sequence[Settlement]) -> list[None]:
        try:
            self._outbox.settle(settlements, self._clock())
        except StoreError as error:
            _log.error("%d attempts were not settled: %s", len(settlements), error)
            raise
        return [None] * len(settlements)

    async def _thread(self, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            return await asyncio.to_thread(call, *arguments)
        except StoreError as error:
            _log.error("the outbox can not be used: %s", error)
            raise


@final
class _Lane:
    """What a provider has of its own."""

    def __init__(
        self, provider: Provider, clock: Callable[[], float], random: Callable[[], float]
    ) -> None:
        self.provider = provider
        self.breaker, self.brake = Breaker(clock, random), Brake()
        self.claims: deque[Claim] = deque()
        self.in_flight = 0
        self.woken = asyncio.Event()


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until the first of them ends, and cancel the others."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
