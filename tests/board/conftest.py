"""Boards over HTTP, and clients of both kinds, to be used in the same way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from web.running import Running, running

from billboard import Board
from billboard.board.client import AsyncBoardClient, BoardClient
from billboard.board.parameters import BUNDLE
from billboard.board.server import create_app
from billboard.tlog.checkpoint import Policy
from board.http_board import ForgedBoard, HttpBoard, dummies
from board.support import EPOCH, Clock, DummiesMadeOnce, make_board, make_signer, make_store


@pytest.fixture(autouse=True)
def dummies_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = DummiesMadeOnce()
    monkeypatch.setattr(Board, "_dummies", lambda *arguments: drawn(*arguments))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(tmp_path: Path, clock: Clock) -> Iterator[Board]:
    with make_store(tmp_path) as store:
        yield make_board(store, clock)


@pytest.fixture
def served(board: Board) -> Iterator[HttpBoard]:
    with HttpBoard(board) as http:
        yield http


@pytest.fixture
def server(board: Board) -> Iterator[Running]:
    """The application of the board, over real sockets."""
    with running(create_app(board)) as made:
        yield made


@pytest.fixture(scope="module")
def entries() -> list[bytes]:
    """The posts of two bundles."""
    return dummies(2 * BUNDLE)


@pytest.fixture
def forged(entries: list[bytes]) -> ForgedBoard:
    """A board that has published one edition, as it should."""
    forged = ForgedBoard()
    forged.publish(EPOCH, entries)
    return forged


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
