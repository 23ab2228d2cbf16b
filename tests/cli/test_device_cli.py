"""`billboard device` and `billboard sender`, on a board and a push server that run as programs."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import LONGEST
from push.requests.waku_node import WakuNode

from billboard import BoardParameters, create_board, open_board
from billboard.board.manifest import Descriptor
from billboard.device.state import DeviceState
from billboard.push import SqliteOutbox
from billboard.storage.secret_file import Kind
from billboard.storage.state_file import StateFile
from billboard.tlog.note import Algorithm, NoteSigner
from cli.shell import TOKEN, Shell as Programs
from cli.test_push_cli import SECTION, make_key, program, set_up
from cli.test_witness_cli import Shell

ORIGIN = "example.org/board"


@dataclass
class Town:
    """What runs: a board at ``url``, and a push server which says that it wakes devices."""

    directory: Path
    url: str
    board_key: str
    server_key: str

    @property
    def options(self) -> list[str]:
        """Of `init`."""
        keys = ["--board-key", self.board_key, "--server", self.server_key]
        return ["--board", self.url, *keys]

    def count(self, table: str) -> int:
        """Rows of the push server, when it has opened all that it took."""
        with SqliteOutbox(self.directory / "push" / "outbox.sqlite") as outbox:
            wait(lambda: not outbox.waiting()[0])
            ((count,),) = outbox._database.rows(f"SELECT count(*) FROM {table}")  # noqa: S608
        assert isinstance(count, int)
        return count


def wait(done: Callable[[], object]) -> None:
    """Try until something is so."""
    deadline = time.monotonic() + LONGEST
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    shell = Programs(tmp_path_factory.mktemp("town"))
    directory = shell.directory
    key = create_board(directory / "board", BoardParameters(ORIGIN, late_interval=5))
    vkey = shell.ok("push", "init", "push", "--name", "example.org/push", "--url", "http://wake")
    make_key(shell)
    settings = directory / "push" / "push.toml"
    serve = ("push", "serve", "push", "--dry-run", "--port", "0")
    set_up(shell, SECTION)
    with program(shell, *serve, ends=signal.SIGTERM, code=0) as said:
        url = said.readline().strip()
    settings.write_text(settings.read_text().replace("http://wake", url))
    port = url.rpartition(":")[2]
    with (
        program(shell, *serve[:-1], port, ends=signal.SIGTERM, code=0) as said,
        program(shell, "serve", "board", "--port", "0", ends=signal.SIGTERM, code=0) as board,
    ):
        said.readline()
        with open_board(directory / "board") as opened:
            opened.publish(opened.epoch)
            text = shell.ok("push", "descriptor", "push")
            opened.publish_descriptor(Descriptor(text.encode()))
        yield Town(directory, board.readline().strip(), str(key), vkey.strip())


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    (tmp_path / "token").write_text(TOKEN)
    return Shell(monkeypatch, capsys, tmp_path)


def meet(shell: Shell, town: Town, *options: str) -> None:
    """Alice's device, and a sender for Bob, who has the grant."""
    shell.ok("device", "init", "alice", *town.options, *options)
    shell.ok("device", "token", "alice", "token")
    shell.ok("device", "add", "alice", "her", "bob", "-o", "grant")
    shell.ok("sender", "init", "bob", *town.options, "--interval", "1")
    shell.ok("sender", "add", "bob", "alice", "grant")


def find(shell: Shell) -> None:
    """Both do what is due, until Bob can wake Alice."""

    def found() -> bool:
        shell.ok("device", "work", "alice", "--most", "2")
        shell.ok("sender", "work", "bob")
        return "alice: can be woken until" in shell.ok("sender", "status", "bob")

    wait(found)


def test_a_sender_wakes_a_device_until_it_is_muted(shell: Shell, town: Town) -> None:
    meet(shell, town)
    assert "nothing is published yet" in shell.ok("device", "status", "alice")
    assert "nothing was found yet" in shell.ok("sender", "status", "bob")
    find(shell)
    assert "  bob: can wake this user until" in shell.ok("device", "status", "alice")
    assert town.count("pace") == 0
    said = shell.ok("sender", "wake", "bob", "alice")
    assert said.startswith("1 taken, 0 waiting; work again at ")
    assert town.count("pace") == 1
    assert town.count("gate") == 0
    shell.ok("device", "mute", "alice", "her")
    assert "profile her, device 0, muted" in shell.ok("device", "status", "alice")
    shell.ok("device", "work", "alice")
    assert town.count("gate") > 0
    shell.ok("device", "unmute", "alice", "her")
    assert "muted" not in shell.ok("device", "status", "alice")
    shell.ok("device", "revoke", "alice", "her", "bob")
    assert "revoked" in shell.ok("device", "status", "alice")
    shell.ok("device", "logout", "alice", "her")
    assert "logging out" in shell.ok("device", "status", "alice")


def test_a_sender_that_opts_out(shell: Shell, town: Town) -> None:
    meet(shell, town)
    shell.ok("sender", "wake", "bob", "alice")
    shell.ok("sender", "opt-out", "bob")
    assert "opted out" in shell.ok("sender", "status", "bob")
    assert shell.ok("sender", "wake", "bob", "alice").startswith("0 taken, 0 waiting")
    shell.ok("sender", "opt-out", "bob", "alice", "--undo")
    assert shell.ok("sender", "wake", "bob", "alice").startswith("0 taken, 1 waiting")
    shell.ok("sender", "remove", "bob", "alice")
    assert "no contact alice" in shell.fails("sender", "wake", "bob", "alice")
    assert "no contact alice" in shell.fails("sender", "remove", "bob", "alice")
    assert "no contact alice" in shell.fails("sender", "opt-out", "bob", "alice")


def test_two_phones_of_one_user(shell: Shell, town: Town) -> None:
    meet(shell, town, "--devices", "2")
    shell.ok("device", "init", "second", *town.options, "--devices", "2")
    shell.ok("device", "token", "second", "token")
    shell.ok("device", "hand-over", "alice", "her", "1", "-o", "lanes")
    shell.ok("device", "join", "second", "her", "lanes")
    assert "profile her, device 1" in shell.ok("device", "status", "second")
    shell.ok("device", "recovery", "second", "her", "-o", "recovery")
    shell.ok("device", "refuse-lost", "alice", "recovery")
    assert "still to refuse: 256" in shell.ok("device", "status", "alice")
    assert "numbers go from 0 to 1" in shell.fails("device", "hand-over", "alice", "her", "2")
    assert "for device 1" in shell.fails("device", "join", "alice", "her", "lanes")
    assert "not what another device" in shell.fails("device", "join", "alice", "her", "grant")
    assert "recovery: is not what" in shell.fails("device", "refuse-lost", "alice", "grant")


def test_grants_are_shown_where_asked_for(shell: Shell, town: Town) -> None:
    shell.ok("device", "init", "alice", *town.options)
    code, first, said = shell.run("device", "add", "alice", "her", "bob")
    assert (code, said) == (0, "new profile her\n")
    assert shell.ok("device", "grant", "alice", "her", "bob") == first
    shell.ok("device", "grant", "alice", "her", "bob", "-o", "grant")
    assert (shell.directory / "grant").read_text() == first
    assert (shell.directory / "grant").stat().st_mode & 0o777 == 0o600
    assert shell.ok("device", "renew", "alice", "her", "bob") not in ("", first)
    assert "already has a contact bob" in shell.fails("device", "add", "alice", "her", "bob")
    # What is in the way is found out before anything is done.
    assert "ever overwritten" in shell.fails("device", "add", "alice", "his", "eve", "-o", "grant")
    assert "no profile his" in shell.fails("device", "mute", "alice", "his")
    assert "has no contact eve" in shell.fails("device", "revoke", "alice", "her", "eve")
    assert "has no contact eve" in shell.fails("device", "grant", "alice", "her", "eve", "-o", "x")
    assert not (shell.directory / "x").exists()
    shell.ok("sender", "init", "bob", *town.options)
    (shell.directory / "two").write_text(first + first)
    assert "one grant" in shell.fails("sender", "add", "bob", "alice", "two")
    (shell.directory / "half").write_text(first[:8])
    assert "grant" in shell.fails("sender", "add", "bob", "alice", "half")
    assert "no contact" in shell.fails("sender", "wake", "bob", "alice")


def test_tokens(shell: Shell, town: Town) -> None:
    shell.ok("device", "init", "alice", *town.options)
    shell.ok("device", "token", "alice", "token")
    assert "no device token" not in shell.ok("device", "status", "alice")
    shell.ok("device", "token", "alice", "--forget")
    assert "no device token" in shell.ok("device", "status", "alice")
    (shell.directory / "two").write_text(f"{TOKEN}\n{TOKEN}\n")
    assert "one token" in shell.fails("device", "token", "alice", "two")
    said = shell.fails("device", "token", "alice", "token", "--platform", "carrier pigeon")
    assert "is none of apns" in said
    (shell.directory / "long").write_text("x" * 199)
    assert "199 bytes" in shell.fails("device", "token", "alice", "long", "--platform", "fcm")


def test_the_key_of_a_state(shell: Shell, town: Town) -> None:
    """It is made if there is none, and nobody else can read it; with another one there is none."""
    shell.ok("device", "init", "alice", *town.options, "--state-key", "keys")
    key = shell.directory / "keys"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    shell.ok("sender", "init", "bob", *town.options, "--state-key", "keys")
    assert {path.name for path in (shell.directory / "bob").iterdir()} == {
        *("board", "sender.toml", "state", "state.lock")
    }
    for name in ("alice", "bob"):
        kind = "device" if name == "alice" else "sender"
        shutil.move(shell.directory / name, shell.directory / f"moved {name}")
        shell.ok(kind, "status", f"moved {name}")
        key.chmod(0o644)
        assert "chmod 600" in shell.fails(kind, "status", f"moved {name}")
        key.chmod(0o600)
    right = key.read_bytes()
    key.write_bytes(os.urandom(32))
    assert "wrong key" in shell.fails("device", "status", "moved alice")
    key.write_bytes(right[:31])
    assert "must have 32 bytes" in shell.fails("device", "status", "moved alice")
    key.unlink()
    assert "cannot be read" in shell.fails("device", "status", "moved alice")


def test_no_two_at_a_time(shell: Shell, town: Town) -> None:
    shell.ok("device", "init", "alice", *town.options)
    key = (shell.directory / "alice" / "state.key").read_bytes()
    file = StateFile(shell.directory / "alice" / "state", key, Kind.DEVICE, DeviceState)
    assert "another process" in shell.fails("device", "status", "alice")
    file.close()
    shell.ok("device", "status", "alice")


def test_what_can_not_be_made_is_not_there(shell: Shell, town: Town) -> None:
    _, url, *keys = town.options
    proxied = [*town.options, "--proxy", "http://127.0.0.1:1"]
    assert "Is the proxy running?" in shell.fails("device", "init", "a", *proxied)
    for kind in ("device", "sender"):
        assert "cannot be read" in shell.fails(kind, "status", "nowhere")
        bad = {
            "http(s)": ["--board", "ftp://x", *keys],
            "note key": [*town.options, "--server", "a"],
            "threshold of 1": [*town.options, "--threshold", "1"],
        }
        for said, options in bad.items():
            assert said in shell.fails(kind, "init", "a", *options)
            assert not (shell.directory / "a").exists()
        shell.ok(kind, "init", kind, *town.options)
        assert "cannot be made" in shell.fails(kind, "init", kind, *town.options)
        settings = shell.directory / kind / f"{kind}.toml"
        settings.write_text(settings.read_text() + "colour = 1\n")
        assert "colour is not known" in shell.fails(kind, "status", kind)
    keys[1] = str(NoteSigner(ORIGIN, Algorithm.ED25519, os.urandom(32)).key)
    assert "no signature of this key" in shell.fails("device", "init", "a", "--board", url, *keys)
    assert not (shell.directory / "a").exists()


def test_what_fails_is_said_and_tried_again(shell: Shell, town: Town) -> None:
    """A board that cannot be reached, and a Waku node that is none."""
    meet(shell, town)
    settings = shell.directory / "alice" / "device.toml"
    settings.write_text(settings.read_text().replace(town.url, "http://127.0.0.1:1"))
    code, out, err = shell.run("device", "work", "alice")
    assert code == 1
    assert out.startswith("0 posted; work again at ")
    assert err.startswith("billboard: ")
    shell.ok("device", "status", "alice")
    assert "URL of a Waku node" in shell.fails(
        "sender", "init", "carol", *town.options, "--waku", "node"
    )


def test_over_waku(shell: Shell, town: Town) -> None:
    """A sender whose requests go through a node of its own, which is a stub."""
    meet(shell, town)
    shutil.rmtree(shell.directory / "bob")
    node = WakuNode()
    with node.running():
        shell.ok("sender", "init", "bob", *town.options, "--interval", "1", "--waku", node.url)
        shell.ok("sender", "add", "bob", "alice", "grant")
        find(shell)
        assert shell.ok("sender", "wake", "bob", "alice").startswith("1 taken")
        assert len(node.pushed) == 1
