"""The push server, which takes requests, opens them at ticks, and has them delivered (SPEC 10)."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, final

from cachetools import LRUCache

from billboard.errors import (
    BillboardError,
    BusyError,
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    RefusedRequestError,
    RequestRefusal,
)
from billboard.push.clock import ClockWatch
from billboard.push.dispatch.dispatcher import Dispatcher, first_of
from billboard.push.outbox import Outbox, Pace, SealedRequest
from billboard.push.requests.registration import (
    LABEL as REGISTRATION,
    REGISTRATION_SIZE,
    Registration,
)
from billboard.push.requests.request import (
    LONGEST_REVOCATION,
    PushRequest,
    Revocation,
    gate_of,
    request_size,
)
from billboard.push.requests.request_key import key_id_of
from billboard.push.server_keys import ServerKeys, open_request
from billboard.push.tick import DEFAULT_LIFETIME, Drop, Tick, open_tick
from billboard.storage.group_commit import Grouped
from billboard.times import HOUR

_log = logging.getLogger(__name__)

LARGEST_INTAKE = 256
"""The most requests that are stored in one commit."""

LARGEST_TICK = 8192
"""The most requests that are opened together. Others that wait are opened after them."""

MOST_REMEMBERED = 65_536
"""How many of the last requests are remembered, to know repetitions without the outbox."""

SKEW = 3600.0
"""Seconds by which the clock of a device may differ from this one."""

RETRY = 1.0
"""Seconds after which a tick that failed is tried again."""

HOUSEKEEPING = 60.0
"""Seconds after which old data is deleted, and request keys are made and destroyed."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that computes lets the event loop answer."""

CLOCK = "clock"
"""The file of `ClockWatch`, beside the keys."""

ADVICE = "nothing is destroyed. Set it right, or if it is, run `billboard push clock` and restart"


@dataclass(frozen=True)
class Timing:
    """When a push server ticks and delivers. Times are in seconds.

    Every ``tick`` seconds the server looks at the requests that wait. It opens them if there are
    at least ``minimum``, or if the first has waited for ``patience``. A notification is delayed by
    a random part of ``jitter``, and by the ``pace`` of its token. It is given up after
    ``lifetime``. Raises `ValueError` if one of them is out of range.
    """

    tick: float = 3.0
    minimum: int = 16
    patience: float = 15.0
    jitter: float = 2.0
    lifetime: float = DEFAULT_LIFETIME
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        if not 0 < self.tick <= self.patience <= 3600 or self.minimum < 1:
            problem = "tick must be above 0, patience from tick to 3600 s, minimum at least 1"
            raise ValueError(problem)
        if not 0 <= self.jitter <= 3600 or not 1 <= self.lifetime <= 30 * 86_400:
            raise ValueError("jitter must be from 0 to 3600 s, lifetime from 1 s to 30 days")
        if not 0 <= self.pace.interval <= 3600 or self.pace.burst < 1:
            raise ValueError("the pace must be from 0 to 3600 s, with a burst of at least 1")
        if self.jitter + self.pace.interval >= self.lifetime:
            problem = "jitter and pace may delay a notification for longer than its lifetime"
            raise ValueError(f"{problem}: lower them, or raise the lifetime")


@final
class PushServer:
    """The server with the secrets ``keys``, on ``outbox``, with the providers of ``dispatcher``.

    It belongs to one event loop, and runs once: to start again, make another with providers of its
    own. ``capacity`` is how many requests may wait for storage, and how many registrations.
    ``observe`` is called with each tick. A tick opens blobs with ``threads`` threads (None: all
    processors but one). ``clock`` returns unix seconds.

    While it runs, it changes two things of its process: threads switch every half millisecond, and
    garbage collection passes over what was there before (``gc.freeze``).

    Keys and data that are over are destroyed only while the clock is believed. For that it is
    compared with ``passed``, which returns seconds that nobody sets (None: the system's monotonic
    clock, or ``clock`` if that is your own).

    Raises `StoreError` or `SecretFileError`, also when it is made.
    """

    def __init__(
        self,
        keys: ServerKeys,
        outbox: Outbox,
        dispatcher: Dispatcher,
        *,
        timing: Timing | None = None,
        capacity: int = 4096,
        observe: Callable[[Tick], None] | None = None,
        threads: int | None = None,
        clock: Callable[[], float] = time.time,
        passed: Callable[[], float] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.keys, self.outbox, self.dispatcher = keys, outbox, dispatcher
        self.timing = timing or Timing()
        self._observe = observe
        self._threads = max(1, len(os.sched_getaffinity(0)) - 1) if threads is None else threads
        self._clock, self._sleep = clock, sleep
        if passed is None:
            passed = time.monotonic if clock is time.time else clock
        self._watch = ClockWatch(keys.directory / CLOCK, passed)
        self.clock_ahead = 0.0
        """Seconds by which the clock was later than is believed when it was last looked at."""
        self._put: Grouped[SealedRequest, None] = Grouped(self._put_all, LARGEST_INTAKE, capacity)
        self._register: Grouped[Registration, bool | BusyError] = Grouped(
            self._register_all, LARGEST_INTAKE, capacity
        )
        self._size = request_size(keys.frame_class)
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._begun = self._running = False
        self._taken: LRUCache[bytes, None] = LRUCache(MOST_REMEMBERED)
        self._random = random.SystemRandom()
        self._keep_house(prune=False)

    async def __aenter__(self) -> Self:
        """Let it `run` until the block is left. Raises `RuntimeError` if it ran before."""
        self._begin()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.stop()
        if self._task is not None:
            await self._task

    @property
    def running(self) -> bool:
        """Whether it ticks and delivers."""
        return self._running

    @property
    def now(self) -> float:
        """Its clock, in seconds since 1970."""
        return self._clock()

    @property
    def busy(self) -> bool:
        """Whether the queue of requests that wait for storage is full."""
        return self._put.full

    def check(self, sealed: bytes, size: int) -> bytes:
        """Return the id of the request key that ``sealed`` is sealed to.

        Raises `RefusedRequestError` unless it has ``size`` bytes and a known version, and the key
        is held.
        """
        try:
            key_id = key_id_of(sealed, size)
        except InvalidEncodingError as error:
            raise RefusedRequestError(RequestRefusal.ENCODING, str(error)) from None
        if not self.keys.holds(key_id, self._clock()):
            raise RefusedRequestError(
                RequestRefusal.KEY, "the request key is not known, or is not for this time"
            )
        return key_id

    async def take(self, sealed: bytes) -> None:
        """Keep a request, unopened (SPEC 10.3). When this returns, it is on stable storage.

        Raises `RefusedRequestError`, `BusyError` or `StoreError`.
        """
        key_id = self.check(sealed, self._size)
        digest = _digest(sealed)
        await self._put(SealedRequest(digest, key_id, sealed))
        self._taken[digest] = None

    def has_taken(self, sealed: bytes) -> bool:
        """Whether it took this request lately. A repetition is not another request."""
        return _digest(sealed) in self._taken

    async def register(self, sealed: bytes) -> None:
        """Open a registration, and keep what the handle stands for (SPEC 10.6).

        Raises `RefusedRequestError`, `BusyError` or `StoreError`.
        """
        key_id = self.check(sealed, REGISTRATION_SIZE)
        server, frame_class = self.keys.server, self.keys.frame_class
        try:
            plaintext = self.keys.request_secret(key_id).open(
                REGISTRATION, server, frame_class, sealed
            )
            registration = Registration.from_plaintext(plaintext, server, frame_class)
        except (NotMine, InvalidEncodingError) as error:
            raise RefusedRequestError(RequestRefusal.ENCODING, str(error)) from None
        except InvalidSignatureError as error:
            raise RefusedRequestError(RequestRefusal.SIGNATURE, str(error)) from None
        if abs(registration.time / 1000 - self._clock()) > SKEW:
            raise RefusedRequestError(
                RequestRefusal.TIME, "its time is more than an hour from that of the server"
            )
        taken = await self._register(registration)
        if isinstance(taken, BusyError):
            raise taken
        if not taken:
            raise RefusedRequestError(
                RequestRefusal.TIME, "a registration of this handle that is not older was taken"
            )

    async def run(self) -> None:
        """Tick and deliver until `stop` is called, and then finish what has begun.

        What was taken and is not delivered yet stays in the outbox for the next start, which needs
        another `PushServer`. Raises `RuntimeError` if this one ran before.
        """
        self._begin()
        await self._run()

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError(
                "this PushServer ran before, and its providers are closed: make a new one, with a"
                " new Dispatcher and new providers, for each start of the application"
            )
        self._begun = True

    async def _run(self) -> None:
        self._running = True
        # Ticks run in threads, and opening a request keeps the GIL.
        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, SWITCH_INTERVAL))
        gc.freeze()  # or each full collection looks at all modules, while requests wait
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.dispatcher.run())
                await self._tick_until_stopped()
                self.dispatcher.stop()
        finally:
            gc.unfreeze()
            sys.setswitchinterval(before)
            self._running = False
            await self.dispatcher.aclose()

    def stop(self) -> None:
        """Begin nothing more. `run` returns when all that has begun is finished."""
        self._stopped.set()

    async def _tick_until_stopped(self) -> None:
        renewed = self._clock()
        while not self._stopped.is_set():
            pause = self.timing.tick
            try:
                if await asyncio.to_thread(self._tick_is_due):
                    await asyncio.to_thread(self.tick)
                    self.dispatcher.wake()
                if not 0 <= self._clock() - renewed < HOUSEKEEPING:
                    await asyncio.to_thread(self._keep_house)
                    self.dispatcher.wake()  # it may have ticked
                    renewed = self._clock()
            except BillboardError as error:
                _log.error("a tick failed, and is tried again in %g s: %s", RETRY, error)
                pause = RETRY
            await first_of(self._stopped.wait(), self._sleep(pause))

    def _tick_is_due(self) -> bool:
        count, first = self.outbox.waiting()
        return count >= self.timing.minimum or (
            first is not None and not 0 <= self._clock() - first < self.timing.patience
        )

    def tick(self) -> None:
        """Open the requests that wait now, and put their notifications into the outbox.

        Raises `StoreError`. Requests that were not opened then wait on.
        """
        count, _ = self.outbox.waiting()
        for _ in range(0, count, LARGEST_TICK):
            self._tick(self.outbox.requests(LARGEST_TICK))

    def _tick(self, requests: Sequence[SealedRequest]) -> None:
        now = self._clock()
        found = [self._open(each) for each in requests]
        pushes = [each for each in found if isinstance(each, PushRequest)]
        gates = _gates([each for each in found if isinstance(each, Revocation)], now)
        left_out = self.outbox.refuse(gates)
        if left_out:
            _log.error("%d revocations were dropped: no more gates can be kept", left_out)
        tick = open_tick(
            self.keys.secret_keys,
            pushes,
            tokens=self.outbox.tokens if self.keys.frame_class.carries_handle else None,
            refused=lambda gates: self.outbox.refused(gates, now),
            serves=self.dispatcher.serves,
            lifetime=self.timing.lifetime,
            now=now,
            threads=self._threads,
        )
        due = [
            (each, now + self._random.random() * self.timing.jitter) for each in tick.notifications
        ]
        self.outbox.enqueue([each.digest for each in requests], due, self.timing.pace)
        if self._observe is not None:
            dropped = {
                **tick.dropped,
                Drop.REQUEST: found.count(None),
                Drop.FULL: left_out,
            }
            self._observe(replace(tick, received=len(requests), dropped=dropped))

    def _open(self, request: SealedRequest) -> PushRequest | Revocation | None:
        time.sleep(0)  # so that the event loop gets the GIL now, and not when a switch is due
        try:
            return open_request(self.keys, request.sealed)
        except NotMine:
            return None

    def _keep_house(self, *, prune: bool = True) -> None:
        """Make request keys for the days ahead. Destroy keys, and delete data, that are over.

        Nothing is destroyed or deleted by a clock that is not believed: what is over by this clock
        may be needed when it is right again.
        """
        now = self._clock()
        self.keys.renew(now)
        self.clock_ahead = self._watch.ahead(now)
        if self.clock_ahead:
            _log.error("the clock is %.0f s later than is believed: %s", self.clock_ahead, ADVICE)
            self.outbox.hold(self.keys.held(0.0))
            return
        if prune:
            self.outbox.prune(now)
        self.outbox.hold(self.keys.held(now))  # nothing more is stored under keys that are over
        if self.keys.ended(now):
            self.tick()  # requests that wait under these keys cannot be opened later
            self.keys.destroy(now)

    def _put_all(self, requests: Sequence[SealedRequest]) -> list[None]:
        self.outbox.store(requests, self._clock())
        return [None] * len(requests)

    def _register_all(self, registrations: Sequence[Registration]) -> list[bool | BusyError]:
        return [self._register_one(each) for each in registrations]

    def _register_one(self, registration: Registration) -> bool | BusyError:
        try:
            return self.outbox.register(registration, self._clock())
        except BusyError as error:  # of this one alone: the handles of the others may be known
            return error


def _digest(sealed: bytes) -> bytes:
    return hashlib.sha256(sealed).digest()[:16]


def _gates(revocations: Sequence[Revocation], now: float) -> dict[bytes, float]:
    """Return until when each gate is to be refused, in seconds since 1970 (SPEC 10.5)."""
    latest = (now // HOUR + LONGEST_REVOCATION) * HOUR
    until: dict[bytes, float] = {}
    for each in revocations:
        gate = gate_of(each.kappa)
        until[gate] = max(until.get(gate, 0.0), min(each.until * HOUR, latest))
    return until
