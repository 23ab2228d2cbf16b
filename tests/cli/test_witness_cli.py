"""`billboard witness`, `prove` and `verify`, run as programs."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from processes import LONGEST, watched

from billboard import BoardParameters, DeviceToken, Lane, Platform, SecretKey
from billboard.board import create_board, open_board
from billboard.board.manifest import Descriptor
from billboard.cli import main
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.tlog.merkle import EMPTY
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from billboard.tlog.witness_client import WitnessClient
from cli.shell import BILLBOARD


class Witness:
    """A witness that runs as a program."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()

    def add_checkpoint(self, body: bytes) -> int:
        """The status of an answer."""
        url = f"{self.url}/add-checkpoint"
        try:
            with urllib.request.urlopen(url, body, timeout=10) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


class Shell:
    """The folder in which commands run: in this process, but for servers."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], directory: Path
    ) -> None:
        self.directory, self._monkeypatch, self._capsys = directory, monkeypatch, capsys
        monkeypatch.chdir(directory)

    def run(self, *arguments: str) -> tuple[object, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["billboard", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *self._capsys.readouterr()

    def ok(self, *arguments: str) -> str:
        code, out, err = self.run(*arguments)
        assert code == 0, err
        return out

    def fails(self, *arguments: str) -> str:
        code, _, err = self.run(*arguments)
        assert code == 1
        assert err.startswith("billboard: ")
        return err

    @contextmanager
    def witness(self, *logs: str) -> Iterator[Witness]:
        options = [each for log in logs for each in ("--log", log)]
        process = subprocess.Popen(
            [*BILLBOARD, "witness", "serve", "witness", *options],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process, watched(process):
            yield Witness(process)


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    return Shell(monkeypatch, capsys, tmp_path)


def test_from_a_post_to_a_proof_that_a_witness_has_seen(shell: Shell) -> None:
    board_key = create_board(shell.directory / "board", BoardParameters("example.org/board"))
    key = shell.ok("witness", "init", "witness", "--name", "example.net/w").strip()
    server, lane = SecretKey.generate().public_key, Lane.generate("example.org/board")
    blob = server.encrypt(DeviceToken(Platform.APNS, bytes(32)))
    post = lane.post(lane.epoch, blob, server)
    encoded = base64.b64encode(bytes(post)).decode()
    (shell.directory / "post").write_text(encoded)
    assert "has published nothing" in shell.fails("prove", "board", "post")
    with shell.witness(str(board_key)) as witness:
        client = WitnessClient(witness.url, NoteKey.from_text(key))
        with open_board(shell.directory / "board", witnesses=[client]) as board:
            board.submit(post)
            board.publish(post.epoch)
        witness.process.send_signal(signal.SIGTERM)
        assert witness.process.wait(LONGEST) == 0
    assert shell.ok("witness", "info", "witness") == f"{key}\nexample.org/board: 2\n"
    shell.ok("prove", "board", "post", "--out", "proof")
    assert shell.ok("prove", "board", "post") == (shell.directory / "proof").read_text()
    asked = "verify", "proof", "post", "--key", str(board_key)
    shown = shell.ok(*asked, "--witness", key)
    assert shown.startswith(f"example.org/board: epoch {post.epoch}, edition 0, post ")
    assert shown.endswith("of 256, cosigned by 1 of 1\n")
    assert "cosigned by 0 of 0" in shell.ok(*asked)
    other = str(NoteSigner("example.com/w", Algorithm.COSIGNATURE, os.urandom(32)).key)
    assert "1 known witnesses" in shell.fails(*asked, "--witness", key, "--witness", other)
    shell.ok(*asked, "--witness", key, "--witness", other, "--threshold", "1")
    assert "exists" in shell.fails("prove", "board", "post", "--out", "proof")
    absent = lane.post(lane.epoch, blob, server, slot=1)
    (shell.directory / "absent").write_text(base64.b64encode(bytes(absent)).decode())
    assert "in no published edition" in shell.fails("prove", "board", "absent")
    assert "not of this entry" in shell.fails("verify", "proof", "absent", *asked[3:])


def test_a_witness_that_is_killed_between_requests_has_lost_nothing(shell: Shell) -> None:
    board_key = create_board(shell.directory / "board", BoardParameters("example.org/board"))
    key = NoteKey.from_text(
        shell.ok("witness", "init", "witness", "--name", "example.net/w").strip()
    )
    with shell.witness(str(board_key)) as witness:
        client = WitnessClient(witness.url, key)
        with open_board(shell.directory / "board", witnesses=[client]) as board:
            board.publish_descriptor(Descriptor(b"1"))
            note = Note.from_bytes(board.checkpoint())
        witness.process.kill()
    assert Policy(board_key, (key,), 1).verify(note).size == 2
    with shell.witness(str(board_key)) as witness:
        shown = f"{witness.url}/{hashlib.sha256(b'example.org/board').hexdigest()}/checkpoint"
        with urllib.request.urlopen(shown, timeout=10) as answer:  # noqa: S310
            assert answer.read() == bytes(note)
        old = Note(note.text, note.signatures[:1])
        assert witness.add_checkpoint(b"old 0\n\n" + bytes(old)) == 409
        client = WitnessClient(witness.url, key)
        with open_board(shell.directory / "board", witnesses=[client]) as board:
            board.publish_descriptor(Descriptor(b"2"))
            note = Note.from_bytes(board.checkpoint())
        assert Policy(board_key, (key,), 1).verify(note).size == 3


def test_a_witness_that_is_killed_at_any_moment_has_kept_what_it_signed(shell: Shell) -> None:
    """It dies among requests for 40 logs: those that were answered are known when it is back."""
    logs = [NoteSigner(f"example.org/{i}", Algorithm.ED25519, os.urandom(32)) for i in range(40)]
    shell.ok("witness", "init", "witness", "--name", "example.net/w")
    requests = []
    for each in logs:
        text = str(Checkpoint(each.key.name, 0, EMPTY))
        grown = str(Checkpoint(each.key.name, 1, hashlib.sha256(b"\0").digest()))
        requests.append(
            tuple(b"old 0\n\n" + bytes(Note(t, (each.sign(t),))) for t in (text, grown))
        )
    acknowledged = []
    with shell.witness(*(str(each.key) for each in logs)) as witness:
        assert witness.add_checkpoint(requests[0][0]) == 200
        for i, (_, grown_request) in enumerate(requests):
            if i == 5:
                threading.Timer(0.02, witness.process.kill).start()
            if i == len(requests) - 1:
                witness.process.wait(LONGEST)
            try:
                assert witness.add_checkpoint(grown_request) == 200
            except OSError:
                break
            acknowledged.append(i)
            time.sleep(0.005)
        witness.process.wait(LONGEST)
    assert 0 < len(acknowledged) < len(logs)
    with shell.witness(*(str(each.key) for each in logs)) as witness:
        for i in acknowledged:
            assert witness.add_checkpoint(requests[i][1]) == 409
            assert witness.add_checkpoint(requests[i][0]) == 409  # it never shrinks


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_what_is_being_answered(shell: Shell, number: int) -> None:
    log = NoteSigner("example.org/log", Algorithm.ED25519, os.urandom(32))
    shell.ok("witness", "init", "witness", "--name", "example.net/w")
    text = str(Checkpoint(log.key.name, 1, hashlib.sha256(b"\0").digest()))
    body = b"old 0\n\n" + bytes(Note(text, (log.sign(text),)))
    with shell.witness(str(log.key)) as witness:
        port = int(witness.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            head = (
                f"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body[:10])
            assert witness.add_checkpoint(b"") == 400  # so it has begun
            witness.process.send_signal(number)
            time.sleep(0.2)
            connection.sendall(body[10:])
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert witness.process.wait(LONGEST) == 0


def test_what_a_user_may_get_wrong(shell: Shell) -> None:
    shell.ok("witness", "init", "witness", "--name", "example.net/w")
    assert "cannot be made" in shell.fails("witness", "init", "witness", "--name", "x")
    assert "have spaces" in shell.fails("witness", "init", "other", "--name", "a b")
    assert not (shell.directory / "other").exists()
    log = str(NoteSigner("example.org/log", Algorithm.ED25519, os.urandom(32)).key)
    assert "note key" in shell.fails("witness", "serve", "witness", "--log", "x")
    code, _, err = shell.run("witness", "serve", "witness", "--log", log, "--port", "99999")
    assert code == 2
    assert "65535" in err
    (shell.directory / "witness" / "witness.sqlite").unlink()
    assert "is it there" in shell.fails("witness", "serve", "witness", "--log", log)
