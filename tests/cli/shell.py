"""A folder in which commands run, as programs."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from places import TESTS
from processes import LONGEST

BILLBOARD = [sys.executable, "-c", "from billboard.cli import main; main()"]
"""The command in a process that is started anew: for servers, and what is killed."""

_PROGRAM = f"""#!{sys.executable}
from billboard.cli import main
if __name__ == "__main__":  # what the processes of `billboard serve` import too
    main()
"""

TOKEN = bytes(range(32)).hex()
"""A device token that no command may show."""


WIDE = {"COLUMNS": "200"}


def with_billboard(directory: Path) -> dict[str, str]:
    """An environment in which shells find the command, as a program that is put into ``bin``."""
    programs = directory / "bin"
    programs.mkdir()
    program = programs / "billboard"
    program.write_text(_PROGRAM)
    program.chmod(0o755)
    return {**os.environ, **WIDE, "PATH": f"{programs}:{os.environ['PATH']}"}


class Zygote:
    """The process that the others are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cli.zygote"],
            cwd=TESTS,
            env={**os.environ, **WIDE},  # what is imported there makes the console
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def run(
        self, arguments: tuple[str, ...], directory: Path, stdin: str, environment: dict[str, str]
    ) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a command."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder, name) for name in ("in", "out", "err")]
            for path, text in zip(streams, (stdin, "", ""), strict=True):
                path.write_text(text)
            request = {
                "arguments": arguments,
                "directory": str(directory),
                "environment": environment,
                "seconds": LONGEST,
                "streams": list(map(str, streams)),
            }
            with self._lock:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
                code = int(self._process.stdout.readline())
            return code, streams[1].read_text(), streams[2].read_text()


zygote = functools.cache(Zygote)
"""The one of this process of pytest; it ends with it, when its standard input is closed."""


class Shell:
    """The folder ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def run(self, *arguments: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a command."""
        variables = {**os.environ, **WIDE, **environment}
        code, out, err = zygote().run(arguments, self.directory, stdin, variables)
        assert "Traceback" not in err, err
        assert TOKEN not in out + err
        return code, out, err

    def ok(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """What a command prints that ends well."""
        code, out, err = self.run(*arguments, stdin=stdin, **environment)
        assert code == 0, err
        return out

    def fails(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """The one line that a command says of a user's mistake."""
        code, _, err = self.run(*arguments, stdin=stdin, **environment)
        assert code == 1, err
        assert err.startswith("billboard: ")
        assert err.count("\n") == 1
        return err

    def read(self, name: str) -> str:
        """The text of a file."""
        return (self.directory / name).read_text()

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.directory / name).write_text(text)
