"""What the documentation shows to paste into a terminal, pasted into a shell as it stands.

Each page is one paste: all its blocks, one after the other, into a shell in an empty folder. The
shell ends at the first command that fails. Nothing is added, left out or replaced.
"""

from __future__ import annotations

import fcntl
import functools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from places import ROOT

from cli.shell import with_billboard

LONGEST = 900.0
"""Seconds that a page may take."""

NETWORK = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]
"""A network of its own for a command, where all ports are free."""

ELSEWHERE = re.compile(
    r"/opt/|/var/lib/|\.venv/|make |docker |wakunode2 |--waku |//wake\.example\.org/descriptor"
)
"""In blocks that need another machine, the repository, or another project's program."""

SHOWN = {
    "docs/by_hand.md": "woke a device of com.example",
    "docs/phones.md": "muted",
    "docs/board_server.md": "entries, all in order",
}
"""What pages show in the end, beside that no command fails."""


def blocks(page: Path) -> list[str]:
    """The blocks of a page that a reader pastes."""
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


PAGES = [
    str(page.relative_to(ROOT))
    for page in sorted(ROOT.glob("docs/**/*.md"))
    if page.name != "embedding.md"  # its own test runs it: tests/push/test_embedding.py
    and any(not ELSEWHERE.search(block) for block in blocks(page))
]


@functools.cache
def network() -> list[str]:
    """How to run a command in its own network; nothing where the system does not allow that."""
    try:
        tried = subprocess.run([*NETWORK, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return []
    return [] if tried.returncode else NETWORK


@contextmanager
def turn() -> Iterator[None]:
    """Without networks of their own, pages name the same ports: one runs at a time then."""
    with Path(tempfile.gettempdir(), "billboard-walkthrough.lock").open("w") as file:
        if not network():
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def shell(name: str, script: Path, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that reads ``script`` as it reads a paste; what it started ends with the block."""
    (directory / "folder").mkdir()
    with (
        script.open("rb") as pasted,
        (directory / "out").open("wb") as written,
        subprocess.Popen(
            [*network(), name, "-e"],
            cwd=directory / "folder",
            env={**with_billboard(directory), "TMPDIR": str(directory)},
            stdin=pasted,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # all of them ended
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bash", "sh"])
@pytest.mark.parametrize("page", PAGES)
def test_what_is_shown_runs(tmp_path: Path, page: str, name: str) -> None:
    shown = [block for block in blocks(ROOT / page) if not ELSEWHERE.search(block)]
    script = tmp_path / "script"
    script.write_text("".join(shown))
    with turn(), shell(name, script, tmp_path) as process:
        code = process.wait(LONGEST)
    out = (tmp_path / "out").read_text()
    assert code == 0, out
    assert SHOWN.get(page, "") in out, out
    for receipt in (tmp_path / "folder").glob("receipt.txt"):
        assert receipt.stat().st_mode & 0o777 == 0o600


def test_pages_with_blocks_are_found() -> None:
    assert set(PAGES) >= set(SHOWN)
