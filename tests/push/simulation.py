"""An event loop whose time jumps to the next moment at which something happens.

What takes an hour takes milliseconds, and happens in the same order each time: work for threads is
done at once, in the thread of the loop. There must be no network in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import selectors
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome, Provider
from billboard.push.outbox import Outbox, Pace
from billboard.tokens import DeviceToken, Platform

START = 1_800_000_000.0
"""Unix seconds at which each simulation begins."""

LONGEST = 40 * 86_400.0
"""Simulated seconds after which a simulation is given up."""

MOST_JUMPS = 200_000
"""Moments at which something happens, after which it is given up too."""

NO_PACE = Pace(0.0, 1)

DELIVERED = Attempt(Outcome.DELIVERED, None, 200)
DOWN = Attempt(Outcome.RETRY, "transport error")


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self.jumps = 0
        self.give_up: Callable[[str], object] = print

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                self.give_up("everything waits, and nothing will ever happen")
            self.passed += max(timeout or 0.0, 0.0)
            self.jumps += 1
            if self.jumps == MOST_JUMPS or self.passed > LONGEST:
                self.give_up("it goes on and on")
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _Selector()
        super().__init__(self.jumping)
        self.set_default_executor(_Inline(1))

    def time(self) -> float:
        return self.jumping.passed


class _Inline(ThreadPoolExecutor):
    """Does what it is given at once."""

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


def simulate(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` in simulated time."""

    problems: list[str] = []
    done: list[bool] = []

    async def limited() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert isinstance(loop, _Loop)

        def give_up(problem: str) -> None:
            assert task is not None
            if not problems:
                problems.append(problem)
                loop.call_soon(task.cancel)

        loop.jumping.give_up = give_up
        await main()
        done.append(True)

    with (
        mock.patch("billboard.storage.group_commit.ThreadPoolExecutor", _Inline),
        asyncio.Runner(loop_factory=_Loop) as runner,
        contextlib.suppress(asyncio.CancelledError),
    ):
        runner.run(limited())
    assert done, problems or "it was cancelled"


def simulated(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Have a test run in simulated time."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        simulate(lambda: test(*arguments, **named))

    return run


def now() -> float:
    """The unix seconds of the simulation."""
    return START + asyncio.get_running_loop().time()


def elapsed() -> float:
    """Seconds since it began."""
    return asyncio.get_running_loop().time()


class Scripted:
    """A provider that answers as ``answer`` says, and remembers what it was asked, and when.

    ``answer`` gets the notification and how often it was attempted before, and gives the attempt,
    something that gives it when awaited, or an exception to be raised.
    """

    credential_age: float | None = None

    def __init__(
        self,
        answer: Callable[[Notification, int], Attempt | BaseException | Awaitable[Attempt]],
        platform: Platform = Platform.APNS,
        *,
        one_service: bool = True,
    ) -> None:
        self._answer, self.platform, self.one_service = answer, platform, one_service
        self.sent: list[tuple[float, Notification]] = []
        self.in_flight = self.most_in_flight = self.closed = 0

    def serves(self, token: DeviceToken) -> bool:
        return token.app == 0

    def attempts(self, one: Notification) -> int:
        return sum(each.id == one.id for _, each in self.sent)

    async def send(self, notification: Notification) -> Attempt:
        before = self.attempts(notification)
        self.sent.append((asyncio.get_running_loop().time(), notification))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            answer = self._answer(notification, before)
            if isinstance(answer, BaseException):
                raise answer
            return answer if isinstance(answer, Attempt) else await answer
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        self.closed += 1


def delivers(_one: Notification, _before: int) -> Attempt:
    return DELIVERED


async def after(seconds: float, attempt: Attempt = DELIVERED) -> Attempt:
    await asyncio.sleep(seconds)
    return attempt


async def never(_one: Notification | None = None, _before: int = 0) -> Attempt:
    await asyncio.Event().wait()
    raise AssertionError("woken")


@asynccontextmanager
async def delivering(
    outbox: Outbox, *providers: Provider, **options: Any
) -> AsyncIterator[Dispatcher]:
    """A dispatcher that runs until the block is left, and is stopped then."""
    settings: dict[str, Any] = {"clock": now, "random": lambda: 0.5}
    dispatcher = Dispatcher(outbox, providers, **(settings | options))
    async with asyncio.TaskGroup() as group:
        group.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Let time pass until something holds; it is seen after a hundredth more at most."""
    while not condition():
        await asyncio.sleep(max(0.25, elapsed() / 100))


async def emptied(outbox: Outbox, *platforms: Platform) -> None:
    """Let time pass until nothing waits to be delivered."""
    await until(lambda: all(outbox.next_due(each) is None for each in platforms or Platform))


def enqueue(outbox: Outbox, *notifications: Notification, due: float | None = None) -> None:
    """Have these delivered, now if no time is given."""
    moment = now() if due is None else due
    outbox.enqueue((), [(each, moment) for each in notifications], NO_PACE)
