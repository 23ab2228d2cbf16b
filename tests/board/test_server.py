"""The board over HTTP, by real sockets: every answer of SPEC 9.9, and what clients may do wrong."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount

from billboard import FrameClass, posts
from billboard.board import Board, FileObjects
from billboard.board import protocol as board_protocol
from billboard.board.admission import ProofOfWork, Rate, find_work
from billboard.board.note import NoteKey
from billboard.board.protocol import LARGEST_HEAD
from billboard.board.published import object_name
from billboard.board.receipt import Receipt
from billboard.board.server import LARGEST_BODY, create_app
from billboard.errors import StoreError
from billboard.hashing import hash_bytes

from .serving import ORIGIN, Answer, Running, make_post, new_board, running
from .support import Clock

TOKEN = "a token"  # noqa: S105

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Board, NoteKey]]:
    with new_board(tmp_path) as made:
        yield made


@pytest.fixture
def board(opened: tuple[Board, NoteKey]) -> Board:
    return opened[0]


@pytest.fixture
def server(board: Board) -> Iterator[Running]:
    with running(create_app(board)) as made:
        yield made


def is_refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    content = json.loads(answer.body)
    assert content["reason"] == reason
    assert content["detail"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_post_gets_a_receipt_and_is_published(
    opened: tuple[Board, NoteKey], server: Running
) -> None:
    board, key = opened
    post = make_post(board)
    answer = server.post(post)
    assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
    receipt = Receipt.from_bytes(answer.body, key)
    assert receipt == Receipt.sign(board._signer, board.epoch, post, receipt.deadline)
    board.publish(board.epoch)
    assert post in map(bytes, board.posts(board.epoch, edition=0))


def test_refusals_say_why(board: Board, server: Running) -> None:
    good, epoch = make_post(board), board.epoch
    other = bytes(posts.dummy(FrameClass.XL, origin=ORIGIN, epoch=epoch))
    is_refused(server.post(b""), 422, "encoding")
    is_refused(server.post(good[:-1]), 422, "encoding")
    is_refused(server.post(good + b"\0"), 422, "encoding")
    is_refused(server.post(other), 422, "class")
    is_refused(server.post(make_post(board, epoch + 30)), 422, "epoch")
    is_refused(server.post(good[:-1] + bytes([good[-1] ^ 1])), 422, "signature")
    assert server.post(good).status == 201
    is_refused(server.post(good), 422, "seq")
    board.publish(epoch)
    is_refused(server.post(good), 422, "published")


def test_the_quota_is_429(tmp_path: Path) -> None:
    with new_board(tmp_path, quota=1) as (board, _), running(create_app(board)) as server:
        assert server.post(make_post(board)).status == 201
        answer = server.post(make_post(board))
        is_refused(answer, 429, "quota")
        assert answer.headers["retry-after"] == str(board.parameters.late_interval)


def test_a_rate_is_429_with_retry_after(board: Board) -> None:
    with running(create_app(board, admission=[Rate(0.001, 2)])) as server:
        answers = [server.post(make_post(board)) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    is_refused(answers[2], 429, "admission")
    assert int(answers[2].headers["retry-after"]) >= 1


def test_a_proof_of_work_is_asked_for(board: Board) -> None:
    post = make_post(board)
    work = find_work(ORIGIN, post, 8)
    with running(create_app(board, admission=[ProofOfWork(ORIGIN, 8)])) as server:
        is_refused(server.post(post), 429, "admission")
        is_refused(server.post(post, Billboard_Work="no hex"), 429, "admission")
        is_refused(server.post(post, Billboard_Work="\u00fc"), 429, "admission")
        wrong = next(n for n in range(256) if not is_work(post, bytes(7) + bytes([n])))
        is_refused(server.post(post, Billboard_Work=f"{wrong:016x}"), 429, "admission")
        is_refused(server.post(make_post(board), Billboard_Work=""), 429, "admission")
        assert server.post(post, Billboard_Work=work.hex()).status == 201


def is_work(post: bytes, work: bytes) -> bool:
    """As SPEC 9.1 has it."""
    return hash_bytes("work", ORIGIN.encode(), post, work)[0] == 0


@pytest.mark.parametrize("kind", ["text/plain", "", "application/octet-streams"])
def test_another_content_type_is_415(board: Board, server: Running, kind: str) -> None:
    answer = server.request("POST", "/posts", make_post(board), {"Content-Type": kind})
    assert (answer.status, answer.headers["connection"]) == (415, "close")


def test_parameters_of_the_content_type_do_not_matter(board: Board, server: Running) -> None:
    kind = "Application/Octet-Stream; charset=binary"
    assert server.post(make_post(board), Content_Type=kind).status == 201


HEAD = b"POST /posts HTTP/1.1\r\nHost: b\r\nContent-Type: application/octet-stream\r\n"


def test_a_body_that_says_to_be_too_long_is_not_read(server: Running) -> None:
    data = HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1)
    with server.raw(data) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")


def test_an_endless_chunked_body_is_cut_off(server: Running) -> None:
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    with server.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + 2 * chunk) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_post_is_taken(board: Board, server: Running) -> None:
    post = make_post(board)
    parts = [post[:100], post[100:101], post[101:], b""]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with server.raw(head + chunks) as connection:
        assert read_all(connection).startswith(b"HTTP/1.1 201 ")


def test_a_slow_body_is_408(board: Board) -> None:
    with (
        running(create_app(board, body_seconds=0.2)) as server,
        server.raw(HEAD + b"Content-Length: 521\r\n\r\nslow") as connection,
    ):
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("data", [b"", b"\r\n", b"GET /check", b"GET / HTTP/1.1\r\nA: b\r\n"])
def test_a_slow_head_is_cut_off(
    server: Running, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_protocol, "PATIENCE", 0.2)
    with server.raw(data) as connection:
        assert read_all(connection) == b""


def test_a_slow_second_head_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_protocol, "PATIENCE", 0.2)
    first = b"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n"
    with server.raw(first) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"\r\n")
        assert read_all(connection) == b""


def test_an_endless_head_is_cut_off(server: Running) -> None:
    with (
        server.raw(b"GET / HTTP/1.1\r\nA: ") as connection,
        pytest.raises((BrokenPipeError, ConnectionResetError)),
    ):
        connection.sendall(b"a" * (500 * LARGEST_HEAD))


def test_connections_have_a_limit(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_protocol, "MOST_CONNECTIONS", 1)
    with server.raw(b"") as first:
        wait_until(lambda: server.server.server_state.connections)
        with server.raw(b"") as second:
            assert read_all(second) == b""
        first.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert read_all(first).startswith(b"HTTP/1.1 200 ")


def test_who_does_not_read_is_cut_off(
    board: Board, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_protocol, "PATIENCE", 0.3)
    board.publish(board.epoch)
    path = f"/{board.epoch}/0/tile/entries/000"
    # So many answers, of 134 kB each, that the buffers of both sides do not hold them.
    wanted = b"GET %s HTTP/1.1\r\nHost: b\r\n\r\n" % path.encode() * 200
    with server.raw(wanted) as connection:
        wait_until(lambda: server.server.server_state.connections)
        wait_until(lambda: not server.server.server_state.connections)
        received = read_all(connection)
    assert 0 < len(received) < 200 * 256 * 521


def read_all(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection; a test waits 10 s at most."""
    parts = []
    try:
        while part := connection.recv(1 << 20):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to be within 10 s")


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
    board.publish(board.epoch)
    wait_until(lambda: server.get("/checkpoint").body == board.checkpoint())


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
