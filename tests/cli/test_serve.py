"""`billboard serve` as a program: its schedule, its end, and that it loses nothing when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from board.serving.support import ORIGIN, make_post
from processes import LONGEST, watched
from web.running import OCTETS, request

from billboard.board import Board, BoardParameters, create_board, open_board
from billboard.board.receipt import Receipt
from billboard.cli.serve import Schedule
from billboard.cli.trust import witnesses_of
from billboard.errors import InvalidEncodingError
from billboard.tlog.note import NoteKey
from cli.shell import BILLBOARD, Shell

MINUTE = BoardParameters(ORIGIN, epoch_length=60, late_interval=1)
DAY = BoardParameters(ORIGIN)


class Served:
    """`billboard serve`, and where it listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), line
        self.port = int(line.rpartition(":")[2])

    def end(self) -> tuple[int, str]:
        """End it as an init system does: its code, and what it complained about."""
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=LONGEST)
        return self.process.returncode, errors


@contextmanager
def serving(board: Path, *options: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [*BILLBOARD, "serve", str(board), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process, watched(process):
        yield Served(process)


def wait_for_editions(board: Board, count: int) -> None:
    """Until so many editions of this epoch and the one before are published."""
    for _ in range(300):
        if sum(len(board.editions(board.epoch - back)) for back in (0, 1)) >= count:
            return
        time.sleep(0.05)
    raise AssertionError("it was not published within 15 s")


def test_it_publishes_what_is_due_and_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "board"
    key = create_board(path, BoardParameters(ORIGIN, epoch_length=60, late_interval=4))
    left = path / "objects" / ".deleted.0123"
    left.mkdir()
    with serving(path) as served, open_board(path) as board:
        epoch = board.epoch
        post = make_post(board, epoch)
        answer = request(served.port, "POST", "/posts", post, OCTETS)
        assert answer.status == 201
        deadline = Receipt.from_bytes(answer.body, key).deadline
        wait_for_editions(board, 3)
        code, errors = served.end()
        assert (code, errors) == (0, "")
        assert not left.exists()
        published = {
            bytes(each): edition.time
            for edition in board.editions(epoch)
            for each in board.posts(epoch, edition=edition.number)
        }
        assert published[post] < deadline
        with pytest.raises(OSError, match="refused"):
            request(served.port, "GET", "/healthz")


def children(parent: int) -> list[int]:
    """The processes that ``parent`` has started, but for Python's own resource tracker."""
    found = []
    for status in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (status / "stat").read_text().rpartition(")")[2].split()
            arguments = (status / "cmdline").read_bytes()
            if int(fields[1]) == parent and b"spawn_main" in arguments:
                found.append(int(status.name))
    return found


def test_a_publisher_that_is_killed_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "board"
    create_board(path, MINUTE)
    with serving(path) as served, open_board(path) as board:
        killed: list[int] = []
        while not killed:
            killed = children(served.process.pid)
        for child in killed:
            os.kill(child, signal.SIGKILL)
        assert request(served.port, "GET", "/healthz").status == 200
        wait_for_editions(board, 2)
        code, errors = served.end()
    assert code == 0
    assert "publishing failed (exit code -9): next try" in errors


def test_a_board_that_can_not_publish_is_served_on(tmp_path: Path) -> None:
    path = tmp_path / "board"
    create_board(path, MINUTE)
    with serving(path) as served, open_board(path) as board:
        (path / "objects").rename(path / "away")
        (path / "objects").write_text("in the way")
        post = make_post(board)
        assert request(served.port, "POST", "/posts", post, OCTETS).status == 201
        assert served.process.stderr is not None
        assert "objects" in served.process.stderr.readline()
        (path / "objects").unlink()
        (path / "away").rename(path / "objects")
        wait_for_editions(board, 2)
        assert served.end()[0] == 0


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_loses_no_post_with_a_receipt(tmp_path: Path, kills: int) -> None:
    path = tmp_path / "board"
    key = create_board(path, DAY)
    acknowledged: list[bytes] = []
    with open_board(path) as board:
        for round_ in range(kills):
            posts = iter([make_post(board) for _ in range(1500)])
            with serving(path) as served, ThreadPoolExecutor(8) as pool:
                counted = threading.Semaphore(0)
                for _ in range(8):
                    pool.submit(
                        submit_until_it_dies, served.port, posts, key, acknowledged, counted
                    )
                for _ in range(40 * (round_ + 1)):
                    assert counted.acquire(timeout=20)
                served.process.kill()
        assert len(acknowledged) >= 40 * kills
        published = set()
        edition = board.publish(board.epoch)
        for number in range(edition.number + 1):
            published |= set(map(bytes, board.posts(edition.epoch, edition=number)))
    assert set(acknowledged) <= published


def submit_until_it_dies(
    port: int,
    posts: Iterator[bytes],
    key: NoteKey,
    acknowledged: list[bytes],
    counted: threading.Semaphore,
) -> None:
    """Submit posts, and keep those that have a receipt, as long as the server answers."""
    for post in posts:
        try:
            answer = request(port, "POST", "/posts", post, OCTETS)
        except (OSError, HTTPException):  # no answer, or half of one
            return
        if answer.status == 201:
            Receipt.from_bytes(answer.body, key)
            acknowledged.append(post)
            counted.release()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--rate", "0"], "a rate must be greater than 0"),
        (["--rate", "nan"], "both finite; they are nan and "),
        (["--rate", "inf"], "both finite; they are inf and "),
        (["--quota", "-1"], "a quota cannot be negative (-1)"),
        (["--proof-of-work", "65"], "1 to 64 bits"),
        (["--witness", "https://w.example"], "must be name+id+base64"),
        (["--metrics-token", "missing"], "missing: No such file"),
        (["--metrics-token", os.devnull], "holds no token"),
    ],
)
def test_options_that_can_not_be(tmp_path: Path, options: list[str], problem: str) -> None:
    create_board(tmp_path / "board", DAY)
    assert problem in Shell(tmp_path).fails("serve", "board", "--port", "0", *options)


def test_a_port_that_can_not_be(tmp_path: Path) -> None:
    code, _, errors = Shell(tmp_path).run("serve", ".", "--port", "99999")
    assert code == 2
    assert "65535" in errors


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    create_board(tmp_path / "board", DAY)
    with serving(tmp_path / "board") as served:
        code, _, errors = Shell(tmp_path).run("serve", "board", "--port", str(served.port))
    assert code != 0
    assert "address already in use" in errors


def test_the_rate_and_the_proof_of_work_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "board"
    create_board(path, DAY)
    token = tmp_path / "token"
    token.write_text("a token\n")
    options = "--proof-of-work", "20", "--rate", "1", "--metrics-token", str(token)
    with serving(path, *options) as served, open_board(path) as board:
        answer = request(served.port, "POST", "/posts", make_post(board), OCTETS)
        assert (answer.status, b"20 bits" in answer.body) == (429, True)
        bearer = {"Authorization": "Bearer a token"}
        metrics = request(served.port, "GET", "/metrics", headers=bearer)
        assert b'billboard_submissions_total{outcome="admission"} 1.0' in metrics.body


def test_an_option_for_a_witness_has_a_key() -> None:
    with pytest.raises(InvalidEncodingError, match="name"):
        witnesses_of(["https://w.example/=nothing"])


@pytest.mark.parametrize("late_interval", [1, 7, 59, 90, 119])
def test_the_schedule_is_that_of_the_parameters(tmp_path: Path, late_interval: int) -> None:
    """Between two times at which it wakes up no edition of any epoch becomes due."""
    parameters = BoardParameters(ORIGIN, epoch_length=60, late_interval=late_interval)
    schedule = Schedule(parameters, tmp_path, None, ())
    for now in range(60 * 1000 - 130, 60 * 1000 + 130):
        due = schedule.next_due(now)
        assert due > now
        for epoch in range(now // 60 - 2, now // 60 + 3):
            begun = epoch * 60 <= due - 1
            if begun and epoch >= (due - 1) // 60 - 1:
                assert parameters.due(epoch, max(now, epoch * 60)) == parameters.due(epoch, due - 1)
