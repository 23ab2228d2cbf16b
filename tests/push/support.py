"""What the tests of this folder share."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from billboard.push import Notification
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sandbox import Sandbox
from billboard.push.sandbox_http2 import Reply, Request
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


class Canned(Sandbox):
    """Answers each request alike, and keeps the requests."""

    def __init__(self, reply: Reply, **options: Any) -> None:
        super().__init__(**options)
        self.reply = reply
        self.requests: list[Request] = []

    def _process(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.reply


def device(platform: Platform = Platform.APNS, app: int = 0) -> DeviceToken:
    return DeviceToken(platform, os.urandom(32), app)


def notification(token: DeviceToken | None = None, **parts: Any) -> Notification:
    return Notification(token or device(), **parts)


def provider(sandbox: Sandbox, **options: Any) -> ApnsProvider:
    return ApnsProvider(sandbox.key, {0: TOPIC}, sandbox.url, sandbox.ca_file, **options)
