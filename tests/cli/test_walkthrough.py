"""What README.md and docs/operating.md show to copy into a terminal, run in a terminal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

PORTS = ("8080", "8081", "8001", "8090")
LONGEST = 300

PROGRAM = """
from billboard.cli import main
if __name__ == "__main__":  # what the processes of `billboard serve` import too
    main()
"""

WAIT = """
for i in $(seq 600); do (: > /dev/tcp/127.0.0.1/{port}) 2> /dev/null && break; sleep 0.1; done
"""
"""Who copies by hand gives a server the second that it needs to listen."""


def commands(document: str, heading: str) -> list[str]:
    """Those of the blocks below a heading, up to the next."""
    text = (ROOT / document).read_text()
    (section,) = re.findall(rf"^## {heading}\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return [re.sub("^[$>] ", "", line) for block in blocks for line in block.splitlines()]


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("document", "heading", "says"),
    [
        # It waits as long as a push server does that hides each request among others.
        pytest.param(
            "README.md", "By hand", "woke a device of com.example", marks=pytest.mark.slow
        ),
        ("docs/operating.md", "A board, a witness and a monitor", "entries, all in order"),
    ],
)
def test_what_is_shown_runs(tmp_path: Path, document: str, heading: str, says: str) -> None:
    shown = commands(document, heading)
    ports = {port: free_port() for port in PORTS}
    script = "set -eu\n"
    for line in shown:
        script += line + "\n"
        if re.search(r"&( *#.*)?$", line) and "emulator" not in line:
            named = re.search(r"--port (\d+)", line)
            port = named[1] if named else "8090" if "push serve" in line else "8080"
            script += WAIT.format(port=port)
        elif line.startswith("billboard board publish"):
            script += "sleep 1.5\n"  # the server may show the checkpoint before for a second
    script = script.replace("serve board", f"serve board --port {ports['8080']}")
    script = script.replace("push serve push", f"push serve push --port {ports['8090']}")
    for port, free in ports.items():
        script = script.replace(port, free)
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "billboard"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}")
    program.chmod(0o755)
    with (
        (tmp_path / "out").open("wb") as written,
        subprocess.Popen(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "200"},
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            code = process.wait(LONGEST)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    out = (tmp_path / "out").read_text()
    assert code == 0, out
    assert says in out, out
    assert (tmp_path / "found.txt").read_text() == (tmp_path / "blob.txt").read_text()
    assert (tmp_path / "receipt.txt").stat().st_mode & 0o777 == 0o600
