"""The dispatcher, which delivers the notifications of a queue. It alone decides upon retries."""

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
from billboard.push.dispatch.breaker import Brake, Breaker
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.dispatch.provider import Provider
from billboard.push.dispatch.queue import Claim, Queue, Settlement
from billboard.storage.group_commit import Grouped
from billboard.tokens import DeviceToken, Platform

_log = logging.getLogger(__name__)

BACKOFF_BASE = 1.0
"""The longest random wait after the first attempt, in seconds. It doubles with each attempt."""

BACKOFF_MAX = 600.0
"""The longest random wait, in seconds. What the push service asks for is added to it."""

ATTEMPT_SECONDS = 60.0
"""Seconds after which an attempt is given up, whatever its provider does."""

CLAIM_SECONDS = 150.0
"""Seconds for which a notification is claimed. No attempt begins that could outlast its claim."""

POLL = 1.0
"""Seconds after which the queue is asked again; other processes may have put something there."""

LARGEST_GROUP = 256
"""How many notifications are claimed, or settled, in one commit at most."""

BURST = 8
"""How many attempts begin before the event loop gets a turn: to begin one takes 0.3 ms."""


@final
class Dispatcher:
    """Delivers the notifications in ``queue``: repeats attempts until an answer is final.

    After an attempt that may be repeated, a notification waits as long as the push service asked,
    and a random part of an exponentially growing time more ("full jitter"). It keeps its ``id``. A
    notification that was delivered is deleted. Any other end makes it a dead letter with the
    reason: a final refusal, ``max_attempts`` attempts, or a wait beyond its ``expires``.
    ``max_attempts`` also ends notifications whose attempts end the process each time.

    Each provider has a breaker and at most ``concurrency`` attempts in flight of its own, so that
    none waits for another. An attempt without an answer is given up after a minute.

    ``on_unregistered`` is called with each dead token and with the unix seconds at which the push
    service knew that it is dead (None if it does not say). Delete the token only if the device has
    not registered it since. While most tokens are called dead it is not called: the cause is then
    likely a wrong host or topic, for which APNs calls every token bad. If it raises an exception,
    the type is logged and delivery goes on. ``observe`` is called with each attempt.

    ``clock`` returns unix seconds, ``random`` returns numbers from 0 to below 1. Raises
    `ValueError` for two providers of one platform, or for a ``concurrency`` or ``max_attempts``
    below 1.
    """

    def __init__(
        self,
        queue: Queue,
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
            given = f"{concurrency} and {max_attempts}"
            raise ValueError(f"concurrency and max_attempts must be at least 1, not {given}")
        providers = tuple(providers)
        self._services = {each.platform: _Service(each, clock, random) for each in providers}
        if len(self._services) != len(providers):
            raise ValueError("two providers are for the same platform: give one for each")
        self._queue = queue
        self._clock, self._sleep, self._random = clock, sleep, random
        self._concurrency, self._max_attempts = concurrency, max_attempts
        self._on_unregistered, self._observe = on_unregistered, observe
        self._settle: Grouped[Settlement, None] = Grouped(self._settle_all, LARGEST_GROUP)
        self._stopping = False

    def serves(self, token: DeviceToken) -> bool:
        """Whether there is a provider for this token, and credentials for its app."""
        service = self._services.get(token.platform)
        return service is not None and service.provider.serves(token)

    def breakers_open(self) -> dict[Platform, bool]:
        """Whether the breaker of each provider is open."""
        return {platform: service.breaker.open for platform, service in self._services.items()}

    def credential_ages(self) -> dict[Platform, float]:
        """Age in seconds of each provider's access token; providers without one are left out."""
        ages = {each: service.provider.credential_age for each, service in self._services.items()}
        return {platform: age for platform, age in ages.items() if age is not None}

    def wake(self) -> None:
        """Look at the queue now, because something was put there. Call it in the event loop."""
        for service in self._services.values():
            service.woken.set()

    async def run(self) -> None:
        """Deliver until `stop` is called. When it returns, nothing is in flight. Call it once.

        If it is cancelled, the attempts in flight are cancelled too. Whether they delivered
        anything is not known, so these notifications are attempted again when their claims end.
        """
        async with asyncio.TaskGroup() as group:
            for service in self._services.values():
                group.create_task(self._run(service))

    def stop(self) -> None:
        """Begin no more attempts, not even if `run` is called later."""
        self._stopping = True
        self.wake()

    async def aclose(self) -> None:
        """Close all providers."""
        await asyncio.gather(*(service.provider.aclose() for service in self._services.values()))

    async def _run(self, service: _Service) -> None:
        async with asyncio.TaskGroup() as attempts:
            while not self._stopping:
                service.woken.clear()
                pause = POLL
                with suppress(StoreError):  # logged already; the queue is asked again after a pause
                    if await self._begin(service, attempts):
                        continue
                    pause = await self._idle(service)
                await first_of(service.woken.wait(), self._sleep(pause))
            with suppress(StoreError):  # then the claims end by themselves
                await self._release(service.claims)

    async def _begin(self, service: _Service, attempts: asyncio.TaskGroup) -> int:
        """Begin as many attempts as may be made now. Return how many claims began or ended."""
        if self._free(service) and not service.claims:
            now = self._clock()
            limit = 1 if service.breaker.open else LARGEST_GROUP
            claim, platform = self._queue.claim, service.provider.platform
            service.claims.extend(
                await self._thread(claim, platform, limit, now, now + CLAIM_SECONDS)
            )
        before = len(service.claims)
        over = []
        while service.claims and self._free(service) and not self._stopping:
            one = service.claims.popleft()
            if one.until - self._clock() < ATTEMPT_SECONDS:
                over.append(one)
                continue
            service.in_flight += 1
            attempts.create_task(self._deliver(service, one, service.breaker.begin()))
            if service.in_flight % BURST == 0:
                await asyncio.sleep(0)
        await self._release(over)
        return before - len(service.claims)

    def _free(self, service: _Service) -> int:
        """Return how many attempts may begin now."""
        return service.breaker.allowed(self._concurrency - service.in_flight)

    async def _release(self, claims: Collection[Claim]) -> None:
        if claims:
            await self._thread(self._queue.release, claims, self._clock())

    async def _idle(self, service: _Service) -> float:
        """Return the seconds until there may be something to do.

        An attempt that ends wakes the loop by itself.
        """
        if service.breaker.wait:
            return min(max(service.breaker.wait, 0.01), POLL)
        if not self._free(service):
            return POLL
        due = await self._thread(self._queue.next_due, service.provider.platform)
        return POLL if due is None else min(max(due - self._clock(), 0.01), POLL)

    async def _deliver(self, service: _Service, claim: Claim, probe: bool) -> None:
        """Make one attempt, and settle it."""
        try:
            settlement = await self._attempt(service, claim, probe)
            with suppress(StoreError):  # logged; it is attempted again when its claim ends
                await self._settle(settlement)
        finally:
            service.in_flight -= 1
            service.breaker.end(probe)
            service.woken.set()

    async def _attempt(self, service: _Service, claim: Claim, probe: bool) -> Settlement:
        if self._is_over(claim, 0.0):
            return Settlement(claim, Outcome.EXPIRED, None)
        if claim.attempts >= self._max_attempts:  # the process ended during these attempts
            return Settlement(claim, Outcome.RETRY, "its attempts never ended")
        attempt = await self._send(service, claim.notification, probe)
        service.brake.observe(attempt)
        if self._observe is not None:
            self._observe(service.provider.platform, attempt)
        return self._settlement(service, claim, attempt)

    async def _send(self, service: _Service, one: Notification, probe: bool) -> Attempt:
        limit = asyncio.timeout(ATTEMPT_SECONDS)
        try:
            async with limit:
                attempt = await service.provider.send(one)
        except Exception as error:  # a defect must not stop other attempts, nor open a breaker
            if not limit.expired():
                return Attempt(Outcome.RETRY, f"provider raised {type(error).__name__}")
            attempt = Attempt(Outcome.RETRY, f"no answer in {ATTEMPT_SECONDS:g} s")
        if service.provider.one_service and not attempt.of_account:
            service.breaker.observe(attempt, probe)
        return attempt

    def _settlement(self, service: _Service, claim: Claim, attempt: Attempt) -> Settlement:
        outcome, reason = attempt.outcome, attempt.reason
        attempts = claim.attempts + 1
        if outcome is Outcome.RETRY and attempts < self._max_attempts:
            delay = self._delay(attempt, attempts)
            if self._is_over(claim, delay):
                return Settlement(claim, Outcome.EXPIRED, reason)
            return Settlement(claim, outcome, reason, self._clock() + delay)
        if outcome is not Outcome.UNREGISTERED:
            return Settlement(claim, outcome, reason)
        if service.brake.on:
            problem = f"{reason}, not believed: too many tokens are called dead"
            return Settlement(claim, outcome, problem)
        self._report(claim.notification.token, attempt.unregistered_at)
        return Settlement(claim, outcome, reason, dead=True, dead_since=attempt.unregistered_at)

    def _delay(self, attempt: Attempt, attempts: int) -> float:
        """Return the seconds until the next attempt."""
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
            self._queue.settle(settlements, self._clock())
        except StoreError as error:
            _log.error("%d attempts were not settled: %s", len(settlements), error)
            raise
        return [None] * len(settlements)

    async def _thread(self, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            return await asyncio.to_thread(call, *arguments)
        except StoreError as error:
            _log.error("the queue cannot be used: %s", error)
            raise


@final
class _Service:
    """A provider with its breaker, its brake, its claims and its attempts in flight."""

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
