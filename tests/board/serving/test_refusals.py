"""The table of SPEC 9.9: requests to ``/posts``, and what the oracle and the engine answer to each.

The engine is asked as an ASGI server asks it: no server would pass on all that is in the table.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from oracle import board as oracle_board, http as oracle_http
from starlette.types import ASGIApp, Message
from web.running import Answer

from billboard import Board, FrameClass, Post, posts
from billboard.board import FileObjects
from billboard.board.receipt import Receipt
from billboard.board.server import LARGEST_BODY, create_app
from billboard.hashing import hash_bytes
from billboard.web.admission import ProofOfWork, Rate, find_work
from board.support import (
    DAY,
    EPOCH,
    NOW,
    ORIGIN,
    Clock,
    make_lane,
    make_post,
    make_signer,
    make_store,
)

OCTETS = "application/octet-stream"
BITS = 8


@dataclass(frozen=True)
class Case:
    """A request to a board that holds some posts, and the status and reason of its answer."""

    status: int
    reason: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"
    target: str = "/posts"
    bits: int | None = None
    has_room: bool = True
    quota: int | None = None
    pending: tuple[bytes, ...] = ()
    closed: tuple[bytes, ...] = ()
    over: bool = False


def case(status: int, reason: str, body: bytes, kind: str | None = OCTETS, **more: Any) -> Case:
    """Headers are given by name, with _ for -, and the members of `Case` by theirs."""
    headers = {} if kind is None else {"content-type": kind}
    for name in ("content_length", "billboard_work"):
        if name in more:
            headers[name.replace("_", "-")] = more.pop(name)
    return Case(status, reason, body, headers, **more)


def post_of(frame_class: FrameClass = FrameClass.L, epoch: int = EPOCH) -> bytes:
    return bytes(posts.dummy(frame_class, origin=ORIGIN, epoch=epoch))


def changed(data: bytes, position: int) -> bytes:
    """One bit of it is another."""
    copy = bytearray(data)
    copy[position] ^= 1
    return bytes(copy)


def not_enough(post: bytes) -> str:
    """What is no proof of work for it (SPEC 9.1), in hex."""
    tried = (number.to_bytes(8, "big") for number in itertools.count())
    return next(
        each.hex() for each in tried if hash_bytes("work", ORIGIN.encode(), post, each)[0] != 0
    )


@functools.cache
def cases() -> dict[str, Case]:
    good, other = post_of(), post_of()
    lane = make_lane()
    old, new = (bytes(make_post(lane, seq=seq)) for seq in (5, 6))
    forged = changed(good, -1)
    identity = good[:41] + bytes(32) + good[73:]
    work = find_work(ORIGIN, good, BITS).hex()
    long = bytes(LARGEST_BODY + 1)
    return {
        "a post": case(201, "", good),
        "parameters of the type": case(201, "", good, "Application/Octet-Stream; a=b"),
        "its length": case(201, "", good, content_length=str(len(good))),
        "a length with zeros": case(201, "", good, content_length="000000521"),
        "a newer post": case(201, "", new, pending=(old,)),
        "a newer post on a full board": case(201, "", new, pending=(old,), quota=1),
        "the last place": case(201, "", good, pending=(other,), quota=2),
        "work that nobody asked for": case(201, "", good, billboard_work="0" * 16),
        "enough work": case(201, "", good, bits=BITS, billboard_work=work),
        "the last epoch that is open": case(201, "", post_of(epoch=EPOCH + 14)),
        # Names
        "an encoded name": case(404, "", good, target="/p%6fsts"),
        "an encoded slash": case(404, "", good, target="%2Fposts"),
        "a query": case(404, "", good, target="/posts?a=b"),
        "a query of another method": case(404, "", b"", method="GET", target="/posts?a"),
        # 1
        "no GET": case(405, "", b"", None, method="GET"),
        "no HEAD": case(405, "", b"", None, method="HEAD"),
        "no type": case(415, "", good, None),
        "another type": case(415, "", good, "text/plain"),
        "the type before the length": case(415, "", long, "text/plain", content_length="x"),
        # 2
        "a length that is a word": case(400, "", good, content_length="long"),
        "an empty length": case(400, "", good, content_length=""),
        "a negative length": case(400, "", good, content_length="-1"),
        "a length with a sign": case(400, "", good, content_length="+521"),
        "a length with an underscore": case(400, "", good, content_length="5_21"),
        "a length with a space": case(400, "", good, content_length=" 521"),
        "a length of other digits": case(400, "", good, content_length="\u00b2"),
        "a length of 19 digits": case(400, "", good, content_length="1" * 19),
        "a length of 5000 digits": case(400, "", good, content_length="1" * 5000),
        "a length over all": case(413, "", good, content_length=str(LARGEST_BODY + 1)),
        "a body over all": case(413, "", long),
        # 3
        "no body": case(422, "encoding", b""),
        "a byte less": case(422, "encoding", good[:-1]),
        "a byte more": case(422, "encoding", good + b"\0"),
        "the longest body": case(422, "class", post_of(FrameClass.XL)),
        "another version": case(422, "encoding", changed(good, 32)),
        "the identity": case(422, "encoding", identity),
        "another identifier": case(422, "encoding", changed(good, 0)),
        "another class": case(422, "class", post_of(FrameClass.S)),
        "encoding before class": case(422, "encoding", changed(post_of(FrameClass.S), 32)),
        "class before epoch": case(422, "class", post_of(FrameClass.S, EPOCH + 30)),
        "an epoch to come": case(422, "epoch", post_of(epoch=EPOCH + 15)),
        "an epoch that is over": case(422, "epoch", post_of(epoch=EPOCH - 2)),
        "epoch before signature": case(422, "epoch", changed(post_of(epoch=EPOCH + 30), -1)),
        "work that is a word": case(422, "encoding", good, billboard_work="no hex"),
        "empty work": case(422, "encoding", good, bits=BITS, billboard_work=""),
        "work in capitals": case(422, "encoding", good, billboard_work="AB" * 8),
        "work with spaces": case(422, "encoding", good, billboard_work="00 " * 8),
        "a byte too little work": case(422, "encoding", good, billboard_work="00" * 7),
        "a byte too much work": case(422, "encoding", good, billboard_work="00" * 9),
        "work of other digits": case(422, "encoding", good, billboard_work="\u00b2" * 16),
        # 4
        "no work": case(429, "admission", good, bits=BITS),
        "too little work": case(429, "admission", good, bits=BITS, billboard_work=not_enough(good)),
        "no room": case(429, "admission", good, has_room=False),
        "encoding before admission": case(422, "encoding", b"", bits=BITS, has_room=False),
        "class before admission": case(422, "class", post_of(FrameClass.S), has_room=False),
        "epoch before admission": case(422, "epoch", post_of(epoch=EPOCH + 30), has_room=False),
        "admission before signature": case(429, "admission", forged, has_room=False),
        # 5
        "another signature": case(422, "signature", forged),
        "of another board": case(
            422, "signature", bytes(posts.dummy(FrameClass.L, origin="x", epoch=EPOCH))
        ),
        "signature before quota": case(422, "signature", forged, quota=0),
        "an epoch whose last edition is closed": case(422, "epoch", good, over=True),
        "the same again": case(422, "seq", good, pending=(good,)),
        "an older post": case(422, "seq", old, pending=(new,)),
        "what is published": case(422, "published", good, closed=(good,)),
        "under an identifier that is published": case(422, "published", new, closed=(old,)),
        "seq before quota": case(422, "seq", old, pending=(new,), quota=1),
        "a full board": case(429, "quota", good, pending=(other,), quota=1),
        "a board that takes nothing": case(429, "quota", good, quota=0),
    }


each_case = pytest.mark.parametrize("name", cases())


@each_case
def test_the_oracle_answers(name: str) -> None:
    asked = cases()[name]
    rows = [Post.from_bytes(each) for each in asked.pending]
    held = [Post.from_bytes(each) for each in asked.closed]
    state = oracle_board.Board(
        ORIGIN.encode(),
        FrameClass.L,
        DAY,
        asked.quota,
        {(row.epoch, row.identifier): row.seq for row in rows},
        {(row.epoch, row.identifier) for row in held},
        {EPOCH} if asked.over else set(),
        0,
    )
    asking = oracle_http.Asking(asked.bits, asked.has_room)
    request = oracle_http.Request(asked.method, asked.target, dict(asked.headers), asked.body)
    answer = oracle_http.answer(state, asking, request, int(NOW))
    assert answer == (asked.status, asked.reason)


@each_case
async def test_the_board_answers(name: str, tmp_path: Path) -> None:
    asked = cases()[name]
    with board_of(asked, tmp_path) as board:
        admission = [] if asked.bits is None else [ProofOfWork(ORIGIN, asked.bits)]
        rate = Rate(1e-6, clock=Clock())
        if not asked.has_room:
            rate.admit(b"", b"")
        app = create_app(board, admission=[*admission, rate])
        answer = await ask(app, asked)
    assert (answer.status, answer.headers["content-length"]) == (
        asked.status,
        str(len(answer.body)),
    )
    assert answer.headers["cache-control"] == "no-store"
    if asked.status == 201:
        assert Receipt.from_bytes(answer.body, board.key).epoch
    elif asked.reason:
        told = json.loads(answer.body)
        assert told == {"reason": asked.reason, "detail": told["detail"]}
        assert told["detail"]
    else:
        assert answer.body == b""
    wanted = {
        "allow": "POST" if asked.status == 405 else None,
        "connection": "close" if asked.status in (400, 413, 415) else None,
        "retry-after": "1" if asked.reason == "admission" else None,
        "billboard-work": str(asked.bits) if asked.reason == "admission" and asked.bits else None,
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted


async def test_a_quota_says_nothing_of_the_posts_that_wait(tmp_path: Path) -> None:
    """The answer is the same whatever waits: of this epoch, and of one to come."""
    told = []
    for quota in (1, 3):
        waiting = tuple(post_of() for _ in range(quota))
        asked = case(429, "quota", post_of(), quota=quota, pending=waiting)
        (tmp_path / str(quota)).mkdir()
        with board_of(asked, tmp_path / str(quota)) as board:
            told.append(await ask(create_app(board), asked))
    assert told[0] == told[1]


async def test_what_is_no_post_uses_up_no_rate(tmp_path: Path) -> None:
    """One post may come in: what is refused before does not take its place."""
    table = cases()
    with board_of(table["a post"], tmp_path) as board:
        app = create_app(board, admission=[Rate(1e-6, clock=Clock())])
        for name in ("no body", "another version", "another class", "an epoch to come"):
            assert (await ask(app, table[name])).status == 422
        assert (await ask(app, table["a post"])).status == 201
        assert (await ask(app, table["a post"])).status == 429


@contextmanager
def board_of(asked: Case, directory: Path) -> Iterator[Board]:
    """A board that holds what the case says."""
    with make_store(directory) as store:
        objects = FileObjects(directory / "objects")
        signer, clock = make_signer(), Clock()
        filling = Board(store, objects, signer, clock=clock)
        for each in asked.closed:
            filling.submit(Post.from_bytes(each))
            filling.close_edition(EPOCH)
        for each in asked.pending:
            filling.submit(Post.from_bytes(each))
        if asked.over:
            clock.now = store.parameters.last_due(EPOCH)
            filling.close_edition(EPOCH)
            clock.now = NOW
        yield Board(store, objects, signer, quota=asked.quota, clock=clock)


async def ask(app: ASGIApp, asked: Case) -> Answer:
    """What ``app`` answers, as it tells the server."""
    path, _, query = asked.target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in asked.headers.items()],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": asked.body}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, body["body"])
