"""What a board has published, read by real sockets (SPEC 9.9)."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from processes import LONGEST
from web.running import Running, read_all, running

from billboard.board import Board, FileObjects
from billboard.board.server import create_app
from billboard.board.serving.objects import Published, object_name
from billboard.errors import StoreError
from board.serving.support import make_post, new_board
from board.support import Clock

FOR_EVER = "public, max-age=31536000, immutable"


def test_everything_that_is_published_can_be_read(board: Board, server: Running) -> None:
    board.submit_all([make_post(board) for _ in range(300)])
    board.publish(board.epoch)
    objects = board._objects
    assert isinstance(objects, FileObjects)
    names = [name for name in objects.names("") if not name.startswith("checkpoints/")]
    assert len(names) > 8
    for name in names:
        answer = server.get("/" + name)
        assert (answer.status, answer.body) == (200, objects.get(name))
        assert answer.headers["cache-control"] == FOR_EVER
        assert answer.headers["content-length"] == str(len(answer.body))
        kind = "text/plain; charset=utf-8" if "check" in name else "application/octet-stream"
        assert answer.headers["content-type"] == kind


def test_the_checkpoint_may_be_cached_for_seconds(board: Board, server: Running) -> None:
    before = server.get("/checkpoint")
    assert (before.status, before.headers["cache-control"]) == (404, "no-store")
    board.publish(board.epoch)
    answer = server.get("/checkpoint")
    assert (answer.status, answer.body) == (200, board.checkpoint())
    assert answer.headers["cache-control"] == "public, max-age=5"


def test_the_checkpoint_is_never_an_older_one(board: Board, server: Running) -> None:
    for _ in range(5):
        board.publish(board.epoch)
        assert server.get("/checkpoint").body == board.checkpoint()


async def test_requests_for_the_checkpoint_share_a_reading(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that came before it began do; who comes later gets what was published meanwhile."""
    board.publish(board.epoch)
    old, begun, may_end = board.checkpoint(), threading.Event(), threading.Event()
    readings: list[bytes] = []

    def checkpoint() -> bytes:
        readings.append(board._publication.checkpoint())
        begun.set()
        assert may_end.wait(LONGEST)
        return readings[-1]

    monkeypatch.setattr(board, "checkpoint", checkpoint)
    published = Published(board, 0)
    first = asyncio.create_task(published._newest())
    assert await asyncio.to_thread(begun.wait, LONGEST)
    board.publish(board.epoch)
    others = [asyncio.create_task(published._newest()) for _ in range(8)]
    await asyncio.sleep(0)  # so that each has asked
    may_end.set()
    await asyncio.gather(first, *others)
    new = board._publication.checkpoint()
    assert readings == [old, new]
    assert {each.result().data for each in others} == {new}


async def test_a_checkpoint_that_cannot_be_read_is_read_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.publish(board.epoch)
    published, original = Published(board, 0), board.checkpoint

    def fail() -> bytes:
        raise StoreError("no")

    monkeypatch.setattr(board, "checkpoint", fail)
    with pytest.raises(StoreError, match="no"):
        await published._newest()
    monkeypatch.setattr(board, "checkpoint", original)
    assert (await published._newest()).data == original()


def test_what_the_client_has_is_not_sent_again(board: Board, server: Running) -> None:
    board.publish(board.epoch)
    for path in (f"/{board.epoch}/0/index", "/checkpoint", "/openapi.json"):
        answer = server.get(path)
        etag = answer.headers["etag"]
        assert etag[0] == etag[-1] == '"'
        for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            again = server.get(path, If_None_Match=known)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
            assert again.headers["cache-control"] == answer.headers["cache-control"]
        for other in ('"other"', etag[1:-1], ""):
            assert server.get(path, If_None_Match=other).body == answer.body


def test_different_bytes_have_different_etags(board: Board, server: Running) -> None:
    board.publish(board.epoch)
    board.publish(board.epoch)
    found = {server.get(f"/{board.epoch}/{n}/index").headers["etag"] for n in (0, 1)}
    assert len(found) == 2


def test_head_has_the_headers_alone(board: Board, server: Running) -> None:
    board.publish(board.epoch)
    path = f"/{board.epoch}/0/index"
    full, head = server.get(path), server.request("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "etag", "cache-control", "content-type"):
        assert head.headers[name] == full.headers[name]


@pytest.mark.parametrize(
    "path",
    [
        "/board.key",
        "/../board.key",
        "/tile/../../board.key",
        "/tile/..%2f..%2fboard.key",
        "/tile/%2e%2e/%2e%2e/board.key",
        "/tile/entries/..%2f..%2f..%2fboard.sqlite",
        "/%2e%2e/board.sqlite",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/checkpoints/1",
        "/index",
        "/posts/",
        "/tile/0/000/",
        "/tile/00/000",
        "/tile/8/000",
        "/tile/0/000.p/0",
        "/tile/0/000.p/01",
        "/tile/0/000.p/256",
        "/tile/0/x000/000",
        "/tile/0/001%00",
        "/tile/0/\u0661\u0661\u0661",
        "/tile/0/000%0a",
        "/tile/0/00%30",
        "/%74ile/0/000",
        "/%63heckpoint",
        "/checkpoint?again=1",
        "/tile/0/000?again",
        "/openapi.json?again",
        "/%6fpenapi.json",
        "/tile/entries/000.p/2/..",
        "/4294967296/0/index",
        "/00/0/index",
        "/1/00/index",
        "/.tmp",
        "/tile",
        "/",
        "",
    ],
)
def test_only_names_of_objects_are_looked_up(
    board: Board, server: Running, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.publish(board.epoch)
    looked_up: list[str] = []
    monkeypatch.setattr(board, "object", looked_up.append)
    with server.raw(b"GET %s HTTP/1.0\r\n\r\n" % path.encode()) as connection:
        answer = read_all(connection)
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ")), answer
    assert looked_up == []


def test_names_that_are_not_there_are_404(board: Board, server: Running) -> None:
    for name in ("tile/0/999", f"{board.epoch}/0/index", "1/2/tile/entries/x001/234.p/3"):
        assert object_name(name) == name
        answer = server.get("/" + name)
        assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")


def test_other_methods_are_405(server: Running) -> None:
    for method, path in (("GET", "/posts"), ("POST", "/checkpoint"), ("DELETE", "/tile/0/000")):
        answer = server.request(method, path)
        assert (answer.status, "allow" in answer.headers) == (405, True)


def test_what_expired_is_not_served_from_memory(tmp_path: Path) -> None:
    clock = Clock()
    with new_board(tmp_path, clock=clock) as (board, _), running(create_app(board)) as server:
        board.publish(board.epoch)
        path = f"/{board.epoch}/0/index"
        assert server.get(path).status == 200
        clock.now += 2 * board.epoch_length
        board.expire()
        assert server.get(path).status == 404


def test_the_memory_for_objects_is_bounded(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.publish(board.epoch)
    board.publish(board.epoch)
    paths = [f"/{board.epoch}/{n}/tile/entries/000" for n in (0, 1)]
    loaded: list[str] = []
    original = board.object

    def load(name: str) -> bytes:
        loaded.append(name)
        return original(name)

    monkeypatch.setattr(board, "object", load)
    with running(create_app(board, cache_bytes=200_000)) as server:
        for path in (paths[0], paths[0], paths[1], paths[0]):
            assert len(server.get(path).body) == 256 * 523
    assert ["/" + name for name in loaded] == [paths[0], paths[1], paths[0]]
