"""The command line, run as a program: the whole path by hand, and what a user may get wrong."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import LONGEST

from billboard import (
    Blob,
    FrameClass,
    Handle,
    Lane,
    PublicKey,
    SecretKey,
    epoch_at,
)
from billboard.board import open_board
from billboard.cli import main
from cli.shell import TOKEN, Shell

HANDLE = Handle(b"sixteen bytes ..")
POST = ["post", "board", "lane.key", "server.pub", "blob"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, a blob, a lane, a grant and an empty board."""
    made = Shell(tmp_path_factory.mktemp("template"))
    made.ok("keygen", "server.key", "server.pub")
    made.write("tokens", TOKEN + "\n")
    made.ok("encrypt", "server.pub", "tokens", "--out", "blob")
    made.ok("board", "init", "board", "--origin", "example.org/board")
    made.ok("lane", "new", "lane.key", "--origin", "example.org/board")
    made.ok("lane", "grant", "lane.key", "--out", "grant")
    return made.directory


@pytest.fixture
def shell(template: Path, tmp_path: Path) -> Shell:
    return Shell(Path(shutil.copytree(template, tmp_path / "shell")))


def test_from_token_to_blob_of_a_contact(shell: Shell) -> None:
    said = shell.ok("post", "board", "lane.key", "server.pub", "blob")
    assert "slot 0" in said
    assert "seq" in shell.fails("post", "board", "lane.key", "server.pub", "blob")
    assert "256 posts" in shell.ok("board", "publish", "board")
    shell.ok("fetch", "board", "grant", "--out", "found")
    assert shell.read("found") == shell.read("blob")
    fresh = shell.ok("rerandomize", "server.pub", "found")
    assert fresh != shell.read("blob")
    assert "1 of 1 blobs" in shell.ok("open", "server.key", stdin=fresh)
    info = shell.ok("board", "info", "board")
    assert "example.org/board" in info
    assert "256" in info
    left = shell.directory / "board" / "objects" / ".deleted.0123"
    left.mkdir()
    assert "0 posts deleted" in shell.ok("board", "expire", "board")
    assert not left.exists()


def test_a_published_post_is_replaced_by_the_next_slot(shell: Shell) -> None:
    shell.ok("post", "board", "lane.key", "server.pub", "blob")
    shell.ok("board", "publish", "board")
    newer = shell.ok("encrypt", "server.pub", "tokens")
    arguments = ("post", "board", "lane.key", "server.pub")
    assert "next slot" in shell.fails(*arguments, stdin=newer)
    shell.ok(*arguments, "--slot", "1", stdin=newer)
    shell.ok("board", "publish", "board")
    assert shell.ok("fetch", "board", "grant") == newer


def test_an_unpublished_post_is_replaced_by_a_greater_seq(shell: Shell) -> None:
    arguments = ("post", "board", "lane.key", "server.pub")
    said = shell.ok(*arguments, "blob")
    seq = re.search(r"seq (\d+)", said)
    assert seq is not None
    newer = shell.ok("encrypt", "server.pub", "tokens")
    shell.ok(*arguments, "--replaces-seq", seq[1], stdin=newer)
    shell.ok("board", "publish", "board")
    assert shell.ok("fetch", "board", "grant") == newer


def test_many_blobs_at_once(shell: Shell) -> None:
    shell.write("tokens", (TOKEN + "\n") * 300)
    shell.ok("encrypt", "server.pub", "tokens", "--out", "blobs")
    blobs = shell.ok("rerandomize", "server.pub", "blobs")
    assert len(set(blobs.split()) | set(shell.read("blobs").split())) == 600
    assert "300 of 300" in shell.ok("open", "server.key", stdin=blobs)


@pytest.mark.parametrize("name", ["H", "XL"])
def test_another_class_by_hand(shell: Shell, name: str) -> None:
    shell.ok("keygen", "a.key", "a.pub", "--class", name)
    shell.ok("board", "init", "a", "--origin", "a", "--class", name)
    assert f"a: class {name}," in shell.ok("board", "info", "a")
    shell.ok("lane", "new", "a.lane", "--origin", "a", "--class", name)
    shell.ok("lane", "grant", "a.lane", "--out", "a.grant")
    text = HANDLE.value.hex() if name == "H" else TOKEN
    shell.ok("encrypt", "a.pub", "--out", "a.blob", stdin=text)
    shell.ok("post", "a", "a.lane", "a.pub", "a.blob")
    shell.ok("board", "publish", "a")
    found = shell.ok("fetch", "a", "a.grant")
    fresh = shell.ok("rerandomize", "a.pub", stdin=found)
    assert "1 of 1 blobs" in shell.ok("open", "a.key", stdin=fresh)


def test_each_platform(shell: Shell) -> None:
    point = (
        "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    )
    keys = f'{{"p256dh": "{point}", "auth": "AAAAAAAAAAAAAAAAAAAAAA"}}'
    subscription = f'{{"endpoint": "https://push.example/1", "keys": {keys}}}'
    for platform, shown, text, size in (
        ("apns", "APNS", TOKEN, 32),
        ("fcm", "FCM", "token:of_fcm", 12),
        ("webpush", "WEB_PUSH", subscription, 103),
        ("sns", "SNS", "arn:aws:sns:eu-1:1:endpoint/x", 29),
        ("pushy", "PUSHY", "0123456789abcdef", 16),
    ):
        options = ("--platform", platform, "--app", "7")
        blobs = shell.ok("encrypt", "server.pub", *options, stdin=f"{text}\n{text}\n")
        shown_rows = shell.ok("open", "server.key", stdin=blobs).split("\n")
        rows = [re.split(r"[│┃ ]+", line.strip("│┃ ")) for line in shown_rows]
        cells = [shown, "7", str(size)]
        assert [row[1:4] for row in rows if row[0] in ("1", "2")][:2] == [cells, cells]
        assert text not in "".join(shown_rows)


def test_opening_shows_no_handle(shell: Shell) -> None:
    shell.ok("keygen", "h.key", "h.pub", "--class", "H")
    blob = shell.ok("encrypt", "h.pub", stdin=HANDLE.value.hex())
    out = shell.ok("open", "h.key", stdin=blob)
    assert "1 of 1 blobs" in out
    assert "expires" in out
    assert "platform" not in out
    assert HANDLE.value.hex() not in out


def test_passphrases(shell: Shell) -> None:
    secret = {"BILLBOARD_PASSPHRASE": "correct horse"}
    shell.ok("keygen", "locked.key", "locked.pub", **secret)
    shell.ok("encrypt", "locked.pub", "tokens", "--out", "locked")
    assert "1 of 1" in shell.ok("open", "locked.key", "locked", **secret)
    assert "needs its passphrase" in shell.fails("open", "locked.key", "locked")
    secret = dict.fromkeys(secret, "wrong")
    assert "wrong passphrase" in shell.fails("open", "locked.key", "locked", **secret)


def test_secrets_are_private_and_never_overwritten(shell: Shell) -> None:
    before = _contents(shell)
    for name in ("server.key", "lane.key", "grant"):
        assert (shell.directory / name).stat().st_mode & 0o777 == 0o600
    assert "never overwritten" in shell.fails("keygen", "server.key", "new.pub")
    for public in ("server.pub", "server.key", "lane.key"):
        assert "ever overwritten" in shell.fails("keygen", "new.key", public)
    shell.fails("keygen", "new.key", "no/such/directory.pub")
    shell.fails("keygen", "same", "same")
    assert "ever overwritten" in shell.fails(
        "encrypt", "server.pub", "tokens", "--out", "server.key"
    )
    assert "exists" in shell.fails("lane", "new", "lane.key", "--origin", "example.org/board")
    assert "exists" in shell.fails("board", "init", "board", "--origin", "x")
    shell.fails("lane", "grant", "lane.key", "--out", "grant")
    shell.fails("lane", "grant", "lane.key", "--epoch", "1", "--out", "new.grant")
    assert _contents(shell) == before
    (shell.directory / "server.key").chmod(0o644)
    assert "chmod 600" in shell.fails("open", "server.key", "blob")


def _contents(shell: Shell) -> dict[str, bytes]:
    paths = (path for path in shell.directory.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in paths}


def test_a_blob_for_another_key(shell: Shell) -> None:
    shell.ok("keygen", "other.key", "other.pub")
    code, out, _ = shell.run("open", "other.key", "blob")
    assert code == 1
    assert "0 of 1 blobs" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["open", "nothing", "blob"], "nothing"),
        (["open", "server.key", "nothing"], "nothing: No such file"),
        (["open", "server.key", "tokens"], "line 1 must be 288 bytes"),
        (["open", "server.key", "garbage"], "must be base64"),
        (["open", "server.key", "empty"], "is empty"),
        (["rerandomize", "server.key", "blob"], "server.key: is a secret file"),
        (["open", "lane.key", "blob"], "holds a lane, not a secret key"),
        (["open", "server.pub", "blob"], "server.pub"),
        (["encrypt", "blob", "tokens"], "blob: public key: "),
        (["encrypt", "server.pub", "garbage"], "in hex"),
        (["encrypt", "server.pub", "long"], "1 to 198 bytes"),
        (["encrypt", "server.pub", "empty"], "empty: is empty"),
        (["encrypt", "server.pub", "tokens", "--platform", "pager"], "pager"),
        (["encrypt", "server.pub", "tokens", "--app", "65536"], "tokens, line 1: app: 65536"),
        (["encrypt", "server.pub", "tokens", "--platform", "webpush"], "not a JSON object"),
        (["encrypt", "server.pub", "second-bad"], "second-bad, line 3: an APNs token"),
        (["encrypt", "h.pub", "tokens"], "line 1: handle: must be 16 bytes, not 32"),
        (["encrypt", "h.pub", "garbage"], "a handle must be given in hex"),
        (["encrypt", "h.pub", "handles", "--platform", "apns"], "takes handles"),
        (["encrypt", "h.pub", "handles", "--app", "0"], "takes handles"),
        (["rerandomize", "h.pub", "blob"], "line 1 must be 96 bytes"),
        (["open", "h.key", "blob"], "line 1 must be 96 bytes"),
        (["keygen", "--class", "M", "new.key", "new.pub"], "class M is none of H, S, L, XL"),
        (["keygen", "--class", "8", "new.key", "new.pub"], "class 8 is none of H, S, L, XL"),
        (["board", "init", "new", "--origin", "x", "--class", "l"], "class l is none of"),
        (["lane", "new", "new.key", "--origin", "x", "--class", ""], "is none of H, S, L, XL"),
        (["post", "board", "h.lane", "server.pub", "blob"], "of class L, but this lane"),
        (["post", "board", "lane.key", "h.pub", "blob"], "of class H, but this lane"),
        (["post", "board", "h.lane", "h.pub", "h.blob"], "in class H, but this board"),
        (
            ["rerandomize", "server.pub", "identity"],
            "identity: no blobs in these lines: 1, 3; nothing was written",
        ),
        ([*POST, "--epoch", "3"], "epoch 3"),
        ([*POST, "--slot", "16"], "slot 16"),
        (["post", "board", "lane.key", "server.pub", "garbage"], "must be base64"),
        (["post", "board", "lane.key", "server.pub", "blob", "--replaces-seq", "-5"], "seq"),
        (
            [
                "post",
                "board",
                "lane.key",
                "server.pub",
                "blob",
                "--replaces-seq",
                "4294967295",
            ],
            "seq",
        ),
        (["lane", "new", "new.key", "--origin", "[/x] y"], "origin"),
        (["post", "tokens", "lane.key", "server.pub", "blob"], "is not a board"),
        (["post", "board", "other.lane", "server.pub", "blob"], "this lane is for"),
        (["fetch", "board", "grant"], "no post in a published edition"),
        (["fetch", "board", "blob"], "blob: grant: "),
        (["post", "board", "lane.key", "server.pub", "server.pub"], "server.pub: blob: "),
        (["fetch", "none", "grant"], "board init"),
        (["board", "init", "new", "--origin", "two words"], "origin"),
        (["board", "publish", "board", "--epoch", "4000000000"], "has not begun"),
        (["lane", "new", "new.key", "--origin", "x", "--epoch-length", "5"], "epoch length"),
    ],
)
def test_a_users_mistake_is_one_line(
    shell: Shell,
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shell.write("garbage", "%%%\n")
    Lane.generate("example.org/other").save(shell.directory / "other.lane")
    Lane.generate("example.org/board", frame_class=FrameClass.H).save(shell.directory / "h.lane")
    key = SecretKey.generate(FrameClass.H)
    key.save(shell.directory / "h.key")
    shell.write("h.pub", base64.b64encode(bytes(key.public_key)).decode())
    shell.write("h.blob", base64.b64encode(bytes(key.public_key.encrypt(HANDLE))).decode())
    shell.write("handles", HANDLE.value.hex())
    shell.write("register", f"{HANDLE.value.hex()} {TOKEN}\n")
    shell.write("second-bad", f"{TOKEN}\n\n%%%\n")
    shell.write("empty", "\n")
    shell.write("long", "ab" * 199)
    shell.write("identity", f"{'A' * 384}\n{shell.read('blob')}{'A' * 384}\n")
    monkeypatch.chdir(shell.directory)
    monkeypatch.setattr(sys, "argv", ["billboard", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    said = capfd.readouterr().err
    assert left.value.code == 1
    assert said.startswith("billboard: ")
    assert said.count("\n") == 1
    assert says in said
    assert TOKEN not in said


@pytest.mark.parametrize("command", ["push check", "push descriptor", "board info", "device work"])
def test_root_does_not_work_in_a_directory_of_another_user(
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It would leave files there that the user's server cannot read."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12345)
    else:  # the folder is that of another than root anyhow
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["billboard", *command.split(), str(tmp_path)])
    with pytest.raises(SystemExit):
        main()
    said = capfd.readouterr().err
    assert f"{tmp_path} belongs to the user " in said
    assert list(tmp_path.iterdir()) == []


def test_an_origin_is_shown_as_it_is(shell: Shell) -> None:
    for number, origin in enumerate(("[/x]", "[red]z", "a:smile:b")):
        assert origin in shell.ok("lane", "new", f"{number}.key", "--origin", origin)
        shell.ok("board", "init", f"board-{number}", "--origin", origin)
        assert origin in shell.ok("board", "info", f"board-{number}")


def test_the_previous_epoch_is_looked_at_too(shell: Shell) -> None:
    yesterday = epoch_at() - 1
    yesterdays = 86_400.0 * yesterday
    with open_board(shell.directory / "board", clock=lambda: yesterdays) as board:
        lane = Lane.generate(board.origin, now=yesterdays)
        key = PublicKey.from_bytes(base64.b64decode(shell.read("server.pub")))
        blob = Blob.from_bytes(base64.b64decode(shell.read("blob")))
        board.submit(lane.post(yesterday, blob, key))
        board.publish(yesterday)
    lane.save(shell.directory / "old.key")
    shell.ok("lane", "grant", "old.key", "--epoch", str(yesterday), "--out", "old.grant")
    assert shell.ok("fetch", "board", "old.grant") == shell.read("blob")


def test_usage_errors_exit_2(shell: Shell) -> None:
    for arguments in (["nonsense"], ["open"], ["demo", "--devices", "1"]):
        code, _, err = shell.run(*arguments)
        assert code == 2
        assert "Usage" in err


@pytest.mark.parametrize("package", ["typer", "uvicorn"])
def test_missing_extras_are_named(shell: Shell, package: str) -> None:
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from billboard.cli import main\n"
        "sys.argv = ['billboard', 'demo']; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=shell.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"billboard: {package}")
    assert "pip install 'anonymous-billboard[cli]'" in result.stderr
