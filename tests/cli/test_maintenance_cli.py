"""Looking after the files of a board, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder with a board that has published an edition, and its checkpoint."""
    made = Shell(tmp_path)
    made.ok("board", "init", "board", "--origin", "example.org/board")
    made.ok("board", "publish", "board")
    made.write("checkpoint", made.read("board/objects/checkpoints/2"))
    return made


def test_a_board_goes_on_from_a_backup(shell: Shell) -> None:
    assert shell.ok("board", "fsck", "board") == "nothing is wrong\n"
    shell.ok("board", "backup", "board", "copy", "--with-key")
    shell.ok("board", "restore", "copy", "again")
    assert "signs nothing" in shell.fails("board", "publish", "again")
    assert "or others" in shell.fails("board", "resume", "again", "-", stdin="")
    shell.ok("board", "resume", "again", "checkpoint")
    assert "256 posts" in shell.ok("board", "publish", "again")
    assert shell.ok("board", "fsck", "again") == "nothing is wrong\n"


def test_a_backup_without_the_key(shell: Shell) -> None:
    vkey = shell.ok("board", "init", "other", "--origin", "example.org/board").strip()
    shell.ok("board", "backup", "other", "copy")
    assert "board.key" in shell.ok("board", "restore", "copy", "again")
    assert "again" in shell.fails("board", "fsck", "again")
    assert shell.ok("board", "fsck", "again", "--key", vkey) == "nothing is wrong\n"
    assert "goes on" in shell.ok("board", "resume", "again", "-", "--key", vkey, stdin="")


def test_what_is_wrong_is_said(shell: Shell) -> None:
    (index,) = (shell.directory / "board/objects").glob("*/0/index")
    index.write_bytes(bytes(8))
    code, out, _ = shell.run("board", "fsck", "board")
    assert code == 1
    assert "0/index: is damaged; put the file of a backup in its place\n1 findings\n" in out
    assert "is not a board" in shell.fails("board", "backup", "nowhere", "copy")
