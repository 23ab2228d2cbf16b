"""Programs in Go that check what ours wrote, built by the Go that pip installs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from places import SCRIPTS


def built(source: Path, directory: Path) -> Path:
    """The program whose module is in the folder ``source``, put into ``directory``."""
    program = directory / "program"
    options = ["build", "-mod=readonly", "-buildvcs=false", "-o", str(program), "."]
    # Go would fetch another version of itself, if a setting of the user asks for one.
    environment = os.environ | {"GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [SCRIPTS / "go", *options],
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program
