"""A push server beside a stub of a Waku node, and what comes to it over that."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from billboard.push import Timing, seal
from billboard.push.metrics import Metrics
from billboard.push.requests.request import PushRequest
from billboard.push.requests.waku import content_topic
from billboard.push.waku_source import WakuSource
from billboard.tlog.note import NoteKey
from push.requests.waku_node import WakuNode
from push.servers import Scripted, Site, site, token

SLOW = Timing(tick=3600.0, minimum=8192, patience=3600.0)
"""Nothing is opened."""

LONGEST = 120.0
"""Seconds for what takes one, on a machine that has much else to do."""


class Shifted:
    """A clock that is ahead."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextmanager
def server(path: Path, *providers: Scripted, **options: Any) -> Iterator[Site]:
    with site(path, *providers, **{"timing": SLOW, **options}) as made:
        yield made


@asynccontextmanager
async def taking(made: Site, node: WakuNode, **options: Any) -> AsyncIterator[WakuSource]:
    """Have it take what the node has in the block."""
    path = made.server.outbox.path.parent / "swept"  # type: ignore[attr-defined]
    options = {"interval": 0.01, "timeout": 5.0, **options}
    source = WakuSource(made.server, node.url, path, **options)
    task = asyncio.create_task(source.run())
    try:
        yield source
        assert not task.done()
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def message(made: Site, sealed: bytes, at: float | None = None) -> dict[str, Any]:
    """What a sender gives to a node; ``at`` seconds since 1970."""
    return waku_message(made.key, sealed, at)


def waku_message(key: NoteKey, sealed: bytes, at: float | None = None) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(sealed).decode(),
        "contentTopic": content_topic(key),
        "timestamp": int((time.time() if at is None else at) * 10**9),
        "ephemeral": False,
    }


def requests(made: Site, count: int) -> list[bytes]:
    """That many requests, of which nothing is opened."""
    blob = bytes(made.blob(token()))
    request = PushRequest(made.secret.public_key.key_id, blob)
    return [seal(request, made.descriptor) for _ in range(count)]


def waiting(made: Site) -> list[bytes]:
    return [each.sealed for each in made.server.outbox.requests(100_000)]


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def looks(node: WakuNode, count: int) -> None:
    """Wait for so many more questions."""
    goal = len(node.queries) + count
    await until(lambda: len(node.queries) >= goal)


def counted(metrics: Metrics, outcome: str) -> float:
    name = "billboard_push_waku_messages_total"
    return metrics._registry.get_sample_value(name, {"outcome": outcome}) or 0.0


def failed(metrics: Metrics, reason: str) -> float:
    name = "billboard_push_waku_failures_total"
    return metrics._registry.get_sample_value(name, {"reason": reason}) or 0.0
