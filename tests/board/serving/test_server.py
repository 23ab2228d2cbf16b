"""Posts to a board over HTTP, by real sockets (SPEC 9.9), and what it says of itself."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount
from web.running import Running, running, wait_until

from billboard import posts
from billboard.board import Board
from billboard.board.receipt import Receipt
from billboard.board.server import create_app
from billboard.errors import StoreError
from board.serving.support import make_post, new_board
from board.support import Clock, make_board, make_store

TOKEN = "a token"  # noqa: S105


def test_a_post_gets_a_receipt_and_is_published(board: Board, server: Running) -> None:
    post = make_post(board)
    answer = server.post(post)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    receipt = Receipt.from_bytes(answer.body, board.key)
    assert receipt == Receipt.sign(board._signer, board.epoch, post, receipt.deadline)
    board.publish(board.epoch)
    assert post in map(bytes, board.posts(board.epoch, edition=0))


def test_refusals_say_why(board: Board, server: Running) -> None:
    """All of them: see test_refusals.py."""
    good = make_post(board)
    assert server.post(good).status == 201
    for post, reason in ((good[:-1], "encoding"), (good, "seq")):
        answer = server.post(post)
        assert (answer.status, answer.headers["content-type"]) == (422, "application/json")
        assert json.loads(answer.body)["reason"] == reason
        assert answer.headers["cache-control"] == "no-store"


@contextmanager
def held(board: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The board's database does nothing until the event is set."""
    original, release = board.submit_all, threading.Event()

    def submit_all(encoded: list[bytes]) -> object:
        assert release.wait(20)
        return original(encoded)

    monkeypatch.setattr(board, "submit_all", submit_all)
    try:
        yield release
    finally:
        release.set()


def test_a_full_queue_is_503_with_retry_after(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_post(board) for _ in range(12)]
    with (
        running(create_app(board, capacity=4)) as server,
        ThreadPoolExecutor(len(made)) as pool,
        held(board, monkeypatch) as release,
    ):
        waiting = [pool.submit(server.post, post) for post in made]
        wait_until(lambda: sum(each.done() for each in waiting) == len(made) - 5)
        assert server.get("/readyz").status == 503
        assert server.get("/healthz").status == 200
        release.set()
        answers = [each.result() for each in waiting]
        assert server.get("/readyz").status == 200
    busy = [answer for answer in answers if answer.status == 503]
    assert len(busy) == len(made) - 5  # one was with the thread, and four waited
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in busy)
    assert sum(answer.status == 201 for answer in answers) == 5


def test_what_was_accepted_is_answered_before_the_end(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make_post(board) for _ in range(8)]
    server = Running(create_app(board))
    with ThreadPoolExecutor(len(made)) as pool, held(board, monkeypatch) as release:
        waiting = [pool.submit(server.post, post) for post in made]
        wait_until(lambda: len(server.server.server_state.tasks) == len(made))
        server.server.should_exit = True
        threading.Timer(0.5, release.set).start()
        server.stop()
        assert [each.result().status for each in waiting] == [201] * len(made)
    board.publish(board.epoch)
    assert set(made) <= set(map(bytes, board.posts(board.epoch, edition=0)))


def test_posts_that_wait_share_a_commit(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = board._store.put

    def put(entries: list[object], quota: int | None) -> object:
        sizes.append(len(entries))
        return original(entries, quota)  # type: ignore[arg-type]

    monkeypatch.setattr(board._store, "put", put)
    made = [make_post(board) for _ in range(10)]
    with (
        running(create_app(board)) as server,
        ThreadPoolExecutor(len(made)) as pool,
        held(board, monkeypatch) as release,
    ):
        waiting = [pool.submit(server.post, post) for post in made]
        wait_until(lambda: len(server.server.server_state.tasks) == len(made))
        release.set()
        assert all(each.result().status == 201 for each in waiting)
    assert sizes[0] + sizes[1] == sum(sizes) == len(made)


def test_a_failure_of_storage_is_503_and_says_nothing_of_the_post(
    board: Board, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    post = make_post(board)
    with running(create_app(board)) as server:
        with monkeypatch.context() as broken, caplog.at_level(logging.DEBUG):
            for method in ("submit_all", "object", "checkpoint"):
                broken.setattr(board, method, fail)
            broken.setattr(board._store, "log_state", fail)
            answers = [server.post(post), server.get("/tile/0/000"), server.get("/checkpoint")]
            assert server.get("/readyz").status == 503
        assert [answer.status for answer in answers] == [503] * 3
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert "1 posts were not stored: the disk is full" in caplog.text
        assert post.hex()[:16] not in caplog.text
        assert "127.0.0.1" not in caplog.text
        assert server.post(post).status == 201


def test_nothing_is_logged_of_requests(
    board: Board, server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        server.post(make_post(board))
        server.get("/checkpoint")
    assert caplog.text == ""


def test_a_restored_board_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billboard.web.about.READY_SECONDS", 0.0)
    with make_store(tmp_path) as store, running(create_app(make_board(store))) as server:
        assert server.get("/readyz").status == 200
        store.set_restored(True)
        assert server.get("/readyz").status == 503
        assert server.get("/healthz").status == 200


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"body_seconds": 0.0},
        {"body_seconds": float("nan")},
        {"cache_bytes": -1},
        {"metrics_token": ""},
        {"metrics_token": " a token"},
        {"metrics_token": "two\nlines"},
        {"metrics_token": "\u00fc"},
    ],
)
def test_options_that_can_not_be(board: Board, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"too small|printable ASCII"):
        create_app(board, **options)


def test_metrics_are_for_who_bears_the_token(board: Board) -> None:
    post = make_post(board)
    with running(create_app(board, metrics_token=TOKEN)) as server:
        assert [server.post(post).status for _ in range(2)] == [201, 422]
        server.request("POST", "/posts", b"", {"Content-Type": "text/plain"})
        edition = board.publish(board.epoch)
        for wrong in ({}, {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": "\u00fc"}):
            assert server.get("/metrics", **wrong).status == 404
        answer = server.get("/metrics", Authorization=f"Bearer {TOKEN}")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert samples["billboard_submissions_total", "accepted"] == 1
    assert samples["billboard_submissions_total", "seq"] == 1
    assert samples["billboard_submissions_total", "415"] == 1
    assert samples["billboard_batch_posts_count",] == 2
    assert samples["billboard_queue_posts",] == 0
    assert samples["billboard_log_entries",] == 2
    assert samples["billboard_edition_timestamp_seconds",] == edition.time
    identifier = posts.Post.from_bytes(post).identifier.hex()
    assert identifier[:8] not in answer.body.decode()


def test_the_last_edition_may_be_of_the_epoch_before(tmp_path: Path) -> None:
    clock = Clock()
    name = b"billboard_edition_timestamp_seconds "
    with (
        new_board(tmp_path, clock=clock) as (board, _),
        running(create_app(board, metrics_token=TOKEN)) as server,
    ):
        assert name + b"0.0\n" in server.get("/metrics", Authorization=f"Bearer {TOKEN}").body
        edition = board.publish(board.epoch)
        clock.now += board.epoch_length
        text = server.get("/metrics", Authorization=f"Bearer {TOKEN}").body
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    assert float(line.removeprefix(name)) == edition.time


def test_without_a_token_there_are_no_metrics(server: Running) -> None:
    assert server.get("/metrics", Authorization="Bearer None").status == 404


def test_it_can_be_mounted_in_another_application(board: Board) -> None:
    outer = Starlette(routes=[Mount("/some/board", create_app(board))])
    board.publish(board.epoch)
    with running(outer) as server:
        answer = server.request(
            "POST",
            "/some/board/posts",
            make_post(board),
            {"Content-Type": "application/octet-stream"},
        )
        assert answer.status == 201
        assert server.get("/some/board/checkpoint").body == board.checkpoint()
        index = server.get(f"/some/board/{board.epoch}/0/index")
        assert index.body == board.object(f"{board.epoch}/0/index")
        assert server.get("/checkpoint").status == 404
