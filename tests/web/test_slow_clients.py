"""Clients of a served board that are slow, endless or too many."""

from __future__ import annotations

import pytest
from board.serving.support import make_post

from billboard.board import Board
from billboard.board.server import LARGEST_BODY, create_app
from billboard.web import slow_clients as board_protocol
from billboard.web.slow_clients import LARGEST_HEAD
from web.running import Running, read_all, running, wait_until

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
    monkeypatch.setattr(board_protocol, "PATIENCE", 2.0)
    with server.raw(data) as connection:
        assert read_all(connection) == b""


def test_a_slow_second_head_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_protocol, "PATIENCE", 2.0)
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
    monkeypatch.setattr(board_protocol, "PATIENCE", 2.0)
    board.publish(board.epoch)
    path = f"/{board.epoch}/0/tile/entries/000"
    # So many answers, of 134 kB each, that the buffers of both sides do not hold them.
    wanted = b"GET %s HTTP/1.1\r\nHost: b\r\n\r\n" % path.encode() * 200
    with server.raw(wanted) as connection:
        wait_until(lambda: server.server.server_state.connections)
        wait_until(lambda: not server.server.server_state.connections)
        received = read_all(connection)
    assert 0 < len(received) < 200 * 256 * 521
