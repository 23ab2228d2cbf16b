"""`billboard wait`: a line that is there, one that comes, and none."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from processes import watched

from cli.shell import BILLBOARD, Shell


def waiting(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command as a program that runs beside the test."""
    return subprocess.Popen(
        [*BILLBOARD, "wait", *arguments], cwd=directory, stdout=subprocess.PIPE, text=True
    )


def test_the_first_line_is_shown_or_the_first_that_holds_a_text(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("log", "http://127.0.0.1:8080\nwoke one\n[woke] another\n")
    assert shell.ok("wait", "log") == "http://127.0.0.1:8080\n"
    assert shell.ok("wait", "log", "woke", "--seconds", "0") == "woke one\n"
    assert shell.ok("wait", "log", "[woke]", "--seconds", "0") == "[woke] another\n"


def test_a_file_and_a_line_that_come_later(tmp_path: Path) -> None:
    """Half a line is none."""
    process = waiting(tmp_path, "log", "woke")
    with process, watched(process):
        time.sleep(0.5)
        with (tmp_path / "log").open("w") as log:
            for part in ("begun\nwo", "ke a ", "device"):
                log.write(part)
                log.flush()
                time.sleep(0.3)
            assert process.poll() is None
            log.write(" of com.example\nand another\n")
        out, _ = process.communicate()
        assert (process.returncode, out) == (0, "woke a device of com.example\n")


def test_what_does_not_come_is_said(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.write("log", "begun\nwoke half of a line")
    said = shell.fails("wait", "log", "woke", "--seconds", "0.2")
    assert "log: has no line that holds 'woke' after 0.2 s: check whether" in said
    shell.write("empty", "")
    assert "empty: has no line after 0 s" in shell.fails("wait", "empty", "--seconds", "0")
    assert "missing: No such file" in shell.fails("wait", "missing", "--seconds", "0")
    assert "directory" in shell.fails("wait", ".", "--seconds", "0")
