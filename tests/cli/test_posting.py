"""`billboard post` and `fetch` on boards here and over HTTP, and what is asked of witnesses."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tlog.witnesses import serving
from web.running import running

from billboard import BoardParameters, DeviceToken, Lane, Platform, SecretKey
from billboard.board import create_board, open_board
from billboard.board.receipt import Receipt
from billboard.board.server import create_app
from billboard.tlog.checkpoint import Policy
from billboard.tlog.cosigner import create_witness, open_witness
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from billboard.tlog.witness_server import create_witness_app
from cli.test_witness_cli import Shell

ORIGIN = "example.org/board"
POST = ["lane", "server.pub", "blob"]


@dataclass
class Place:
    """A board that is served at ``url``."""

    url: str
    key: NoteKey
    shell: Shell

    def publish(self, *options: str) -> str:
        return self.shell.ok("board", "publish", "board", *options)


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    """A folder with a lane, its grant, a server's key and a blob."""
    public_key, lane = SecretKey.generate().public_key, Lane.generate(ORIGIN)
    blob = public_key.encrypt(DeviceToken(Platform.APNS, bytes(range(32))))
    lane.save(tmp_path / "lane")
    for name, made in (
        ("server.pub", public_key),
        ("blob", blob),
        ("grant", lane.grant(lane.epoch)),
    ):
        (tmp_path / name).write_text(base64.b64encode(bytes(made)).decode() + "\n")
    return Shell(monkeypatch, capsys, tmp_path)


@pytest.fixture
def place(shell: Shell) -> Iterator[Place]:
    key = create_board(shell.directory / "board", BoardParameters(ORIGIN))
    with (
        open_board(shell.directory / "board") as board,
        running(create_app(board)) as server,
    ):
        yield Place(f"http://127.0.0.1:{server.port}", key, shell)


def test_a_post_and_a_fetch_over_http(place: Place) -> None:
    shell, key = place.shell, ("--key", str(place.key))
    said = shell.ok("post", place.url, *POST, *key, "--out", "receipt")
    shown = re.fullmatch(r"posted for epoch (\d+), slot 0, seq (\d+)\n", said)
    assert shown is not None
    receipt = shell.directory / "receipt"
    assert receipt.stat().st_mode & 0o777 == 0o600
    assert Receipt.from_bytes(receipt.read_bytes(), place.key).epoch == int(shown[1])
    assert "256 posts" in place.publish()
    blob = (shell.directory / "blob").read_text()
    code, out, err = shell.run("fetch", place.url, "grant", *key)
    assert (code, out) == (0, blob)
    assert re.fullmatch("for push server key [0-9a-f]{32}\n", err)
    assert shell.ok("fetch", "board", "grant") == blob
    epoch = shown[1]
    options = "--epoch", epoch, "--decoys", "1", "--cache", "cache", "--out", "found"
    shell.ok("fetch", place.url, "grant", *key, *options)
    assert (shell.directory / "found").read_text() == blob
    assert (shell.directory / "cache" / "checkpoint").read_bytes()


def test_a_lane_without_a_post(place: Place) -> None:
    for board, options in (("board", ()), (place.url, ("--key", str(place.key)))):
        place.publish()
        said = place.shell.fails("fetch", board, "grant", *options)
        assert "this lane has no post in a published edition of epoch" in said


def test_no_receipt_is_lost_and_no_file_overwritten(place: Place) -> None:
    """A file that is in the way is found out before anything is posted."""
    shell, key = place.shell, ("--key", str(place.key))
    for board, options in (("board", ()), (place.url, key)):
        (shell.directory / "receipt").write_text("an older one")
        said = shell.fails("post", board, *POST, *options, "--out", "receipt")
        assert "ever overwritten" in said
        assert (shell.directory / "receipt").read_text() == "an older one"
        (shell.directory / "receipt").unlink()
        shell.fails("post", board, *POST, *options, "--epoch", "3", "--out", "receipt")
        assert not (shell.directory / "receipt").exists()
    with open_board(shell.directory / "board") as board_:
        assert not any(board_.epochs().values())
    shell.ok("post", "board", *POST, "--out", "receipt")
    assert Receipt.from_bytes((shell.directory / "receipt").read_bytes(), place.key)


def test_a_board_over_http_is_believed_only_with_its_key(place: Place) -> None:
    shell = place.shell
    other = NoteSigner(ORIGIN, Algorithm.ED25519, os.urandom(32)).key
    witness = str(NoteSigner("example.net/w", Algorithm.COSIGNATURE, os.urandom(32)).key)
    shell.ok("post", "board", *POST)
    place.publish()
    for command in (["post", place.url, *POST], ["fetch", place.url, "grant"]):
        assert "--key" in shell.fails(*command)
        assert "no signature of this key" in shell.fails(*command, "--key", str(other))
        key = "--key", str(place.key)
        assert "0 known witnesses cosigned, but 1 must" in shell.fails(
            *command, *key, "--witness", witness
        )
        assert "a threshold of 1" in shell.fails(*command, *key, "--threshold", "1")
    more = "--witness", witness, "--threshold", "0"
    assert shell.ok("fetch", place.url, "grant", "--key", str(place.key), *more)


def test_options_for_a_url_are_not_for_a_directory(place: Place) -> None:
    for options in (
        ("--key", str(place.key)),
        ("--witness", "x"),
        ("--threshold", "0"),
        ("--proxy", "http://proxy.example"),
        ("--cache", "cache"),
    ):
        for command in (["post", "board", *POST], ["fetch", "board", "grant"]):
            assert "directory, which needs none of" in place.shell.fails(*command, *options)
    said = place.shell.fails("fetch", "board", "grant", "--decoys", "1")
    assert "needs no --decoys" in said
    key = "--key", str(place.key)
    said = place.shell.fails("post", place.url, *POST, *key, "--board-passphrase")
    assert "only in its directory" in said


def test_a_lane_of_another_board(place: Place) -> None:
    shell, key = place.shell, ("--key", str(place.key))
    other = Lane.generate(ORIGIN, epoch_length=3600)
    other.save(shell.directory / "other")
    grant = base64.b64encode(bytes(other.grant(other.epoch))).decode()
    (shell.directory / "other.grant").write_text(grant)
    Lane.generate("example.com/b").save(shell.directory / "far")
    assert "this lane is for" in shell.fails("post", place.url, "far", *POST[1:], *key)
    place.publish()
    assert "this lane is for" in shell.fails("post", place.url, "other", *POST[1:], *key)
    assert "this lane is for" in shell.fails("post", "board", "other", *POST[1:])
    assert "this lane is for" in shell.fails("fetch", "board", "other.grant")


def test_who_only_reads_needs_no_passphrase(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    create_board(shell.directory / "board", BoardParameters(ORIGIN), "of the board")
    assert "needs its passphrase" in shell.fails("post", "board", *POST)
    monkeypatch.setenv("BILLBOARD_BOARD_PASSPHRASE", "of the board")
    shell.ok("post", "board", *POST)
    monkeypatch.setenv("BILLBOARD_BOARD_PASSPHRASE", "wrong")
    assert "wrong passphrase" in shell.fails("post", "board", *POST, "--slot", "1")
    monkeypatch.delenv("BILLBOARD_BOARD_PASSPHRASE")
    with open_board(shell.directory / "board", "of the board") as board:
        board.publish(board.epoch)
        (post, *_) = board.posts(board.epoch, edition=0)
    assert shell.ok("fetch", "board", "grant") == (shell.directory / "blob").read_text()
    (shell.directory / "post").write_text(base64.b64encode(bytes(post)).decode())
    (shell.directory / "board" / "board.key").unlink()
    assert shell.ok("prove", "board", "post").startswith("c2sp.org/tlog-proof@v1")
    assert shell.ok("fetch", "board", "grant")
    assert "is not a board" in shell.fails("fetch", "nowhere", "grant")


def test_what_is_published_by_hand_is_cosigned(place: Place) -> None:
    shell = place.shell
    witness_key = create_witness(shell.directory / "witness", "example.net/w")
    (shell.directory / "descriptor").write_bytes(b"a server")
    policy = Policy(place.key, (witness_key,), 1)
    with (
        open_witness(shell.directory / "witness", [place.key]) as witness,
        serving(create_witness_app(witness)) as url,
        open_board(shell.directory / "board") as board,
    ):
        asked = "--witness", f"{url}={witness_key}"
        place.publish(*asked)
        assert policy.verify(Note.from_bytes(board.checkpoint())).size == 2
        shell.ok("board", "descriptor", "board", "descriptor", *asked)
        assert policy.verify(Note.from_bytes(board.checkpoint())).size == 3
        assert "name+id+base64" in shell.fails("board", "publish", "board", "--witness", url)
        shell.ok("post", place.url, *POST, "--key", str(place.key), "--witness", str(witness_key))
