"""Clients of both kinds, to be used in the same way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from billboard.board.checkpoint import Policy
from billboard.board.client import AsyncBoardClient, BoardClient

from .support import Clock, make_signer


class Waiting:
    """An `AsyncBoardClient` with the methods of a `BoardClient`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.client = AsyncBoardClient(*arguments, **options)
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return lambda *args, **options: self._loop.run_until_complete(found(*args, **options))

    def close(self) -> None:
        self._loop.run_until_complete(self.client.aclose())
        self._loop.close()


Connect = Callable[..., BoardClient]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes clients of one kind: of the URL, with the options of a `BoardClient`.

    Close one early to use its directory again.
    """
    made: list[Any] = []

    def make(url: str, policy: Policy | None = None, **options: Any) -> BoardClient:
        policy = policy or Policy(make_signer().key)
        options.setdefault("clock", Clock())
        kind = BoardClient if request.param == "sync" else Waiting
        made.append(kind(url, policy, **options))
        close = made[-1].close

        def once() -> None:
            if client in made:
                made.remove(client)
                close()

        client = made[-1]
        client.close = once
        return cast(BoardClient, client)

    yield make
    for client in list(made):
        client.close()
