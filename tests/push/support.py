"""What the tests of this folder share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome, Provider
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.push.providers.apns import ApnsProvider
from billboard.tokens import DeviceToken, Platform

TOPIC = "org.example.app"


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Alike(EmulatorServer):
    """Answers each request alike, and keeps the requests: an emulator, or what comes before one."""

    def __init__(self, reply: Reply, **options: Any) -> None:
        super().__init__(**options)
        self.reply = reply
        self.requests: list[Request] = []

    def _process(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


class Canned(Alike, ApnsEmulator):
    """In the place of APNs."""


def device(platform: Platform = Platform.APNS, app: int = 0) -> DeviceToken:
    return DeviceToken(platform, os.urandom(32), app)


def notification(token: DeviceToken | None = None, **parts: Any) -> Notification:
    return Notification(token or device(), **parts)


def provider(emulator: ApnsEmulator, **options: Any) -> ApnsProvider:
    return ApnsProvider(emulator.key, {0: TOPIC}, emulator.url, emulator.ca_file, **options)


async def check_closing(one: Provider, to: Notification, arrived: Callable[[], object]) -> None:
    """What is in flight when a provider is closed is a RETRY, and nothing is sent after that."""
    task = asyncio.create_task(one.send(to))
    while not arrived():
        await asyncio.sleep(0.01)
    await one.aclose()
    await one.aclose()
    assert await task == Attempt(Outcome.RETRY, "the provider was closed")
    with pytest.raises(ProviderError, match="closed"):
        await one.send(to)
