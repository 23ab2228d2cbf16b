"""Delivers notifications through providers. It alone decides upon retries."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from random import random as uniform
from typing import Self

from billboard.push.notification import Attempt, DispatchResult, Notification, Outcome
from billboard.push.provider import Provider
from billboard.tokens import DeviceToken

__all__ = ["BACKOFF_BASE", "BACKOFF_MAX", "LONGEST_WAIT", "Dispatcher"]

_log = logging.getLogger(__name__)

BACKOFF_BASE = 1.0
"""Seconds: the most that is waited after the first attempt; it doubles with each further one."""

BACKOFF_MAX = 60.0
"""Seconds: the most that is waited, unless the push service asks for more."""

LONGEST_WAIT = 3600.0
"""Seconds: if a push service asks for more, the result is a RETRY at once."""


class Dispatcher:
    """Sends batches of notifications, each until there is an answer that is final.

    After an attempt that may be repeated it waits as long as the push service asked, and by
    itself a random part of an exponentially growing time ("full jitter"); never beyond the
    notification's ``expires``, and with the same ``id``. ``concurrency`` is how many attempts
    one call of `dispatch` has in flight; waiting for a retry does not count.

    ``on_unregistered`` is called with each dead token and with the unix seconds at which the
    push service knew it dead, if it says. Delete the token only if the device has not registered
    it since, and stop deleting if there are suddenly many: a wrong host or topic makes APNs call
    every token bad. An exception of the callback is logged by its type, and changes no result.

    ``clock`` gives unix seconds, ``random`` numbers from 0 to below 1. Raises ValueError for two
    providers of one platform, or for a ``concurrency`` or ``max_attempts`` below 1.
    """

    def __init__(
        self,
        providers: Iterable[Provider],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = uniform,
        concurrency: int = 100,
        max_attempts: int = 5,
        on_unregistered: Callable[[DeviceToken, float | None], None] | None = None,
    ) -> None:
        if concurrency < 1 or max_attempts < 1:
            raise ValueError("concurrency and max_attempts must be at least 1")
        providers = tuple(providers)
        self._providers = {provider.platform: provider for provider in providers}
        if len(self._providers) != len(providers):
            raise ValueError("two providers of the same platform")
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._concurrency = concurrency
        self._max_attempts = max_attempts
        self._on_unregistered = on_unregistered

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all providers."""
        await asyncio.gather(*(provider.aclose() for provider in self._providers.values()))

    async def dispatch(self, notifications: Iterable[Notification]) -> list[DispatchResult]:
        """Send each, and return one result for each, in the order of the input.

        No trouble with one notification affects another. If cancelled, all that is in flight
        is cancelled too, and may or may not have been delivered. Takes about 2 KB of memory
        for each notification.
        """
        slots = asyncio.Semaphore(self._concurrency)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._deliver(each, slots)) for each in notifications]
        return [task.result() for task in tasks]

    async def _deliver(
        self, notification: Notification, slots: asyncio.Semaphore
    ) -> DispatchResult:
        attempts, reason = 0, None
        while True:
            async with slots:
                if self._is_over(notification, delay=0.0):
                    return DispatchResult(notification, Outcome.EXPIRED, reason, attempts)
                attempt = await self._attempt(notification)
            attempts, reason = attempts + 1, attempt.reason
            if attempt.outcome is not Outcome.RETRY or attempts == self._max_attempts:
                self._report(notification, attempt)
                return DispatchResult(notification, attempt.outcome, reason, attempts)
            delay = self._delay(attempt, attempts)
            if self._is_over(notification, delay):
                return DispatchResult(notification, Outcome.EXPIRED, reason, attempts)
            if delay > LONGEST_WAIT:
                return DispatchResult(notification, Outcome.RETRY, reason, attempts)
            await self._sleep(delay)

    async def _attempt(self, notification: Notification) -> Attempt:
        platform = notification.token.platform
        provider = self._providers.get(platform)
        if provider is None:
            return Attempt(Outcome.REJECTED, f"no provider for {platform.name}")
        try:
            return await provider.send(notification)
        except Exception as error:  # one defect must not take the batch along
            return Attempt(Outcome.RETRY, f"provider raised {type(error).__name__}")

    def _delay(self, attempt: Attempt, attempts: int) -> float:
        """Seconds until the next attempt."""
        if attempt.retry_after == 0:
            return 0.0
        jitter = self._random() * min(BACKOFF_MAX, BACKOFF_BASE * 2.0 ** (attempts - 1))
        return (attempt.retry_after or 0.0) + jitter

    def _is_over(self, notification: Notification, delay: float) -> bool:
        return notification.expires is not None and self._clock() + delay >= notification.expires

    def _report(self, notification: Notification, attempt: Attempt) -> None:
        if attempt.outcome is not Outcome.UNREGISTERED or self._on_unregistered is None:
            return
        try:
            self._on_unregistered(notification.token, attempt.unregistered_at)
        except Exception as error:  # its text may hold the token
            _log.error("on_unregistered raised %s", type(error).__name__)
