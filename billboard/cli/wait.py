"""The command `billboard wait`, which waits until a program in the background writes something."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from billboard.cli.files import console
from billboard.errors import BillboardError

_PAUSE = 0.1
"""Seconds from one look at the file to the next."""


def wait(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file that the program writes to.")
    ],
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Text in the line; any line if left out.")
    ] = "",
    seconds: Annotated[float, typer.Option(min=0, help="How long to wait at most.")] = 60.0,
) -> None:
    """Wait until FILE has a line that holds TEXT, and show the first such line.

    The first line that `billboard serve` and the other servers print is the URL where they listen,
    so `BOARD=$(billboard wait FILE)` waits for the one that writes to FILE. If no such line comes
    in time, the exit status is 1.
    """
    for line in _lines(file, time.monotonic() + seconds):
        if text in line:
            console.print(line)
            return
    wanted = f"has no line that holds {text!r}" if text else "has no line"
    problem = f"{wanted} after {seconds:g} s: check whether the program that writes it still runs"
    raise BillboardError(f"{file}: {problem}")


def _lines(path: Path, end: float) -> Iterator[str]:
    """Yield the complete lines of a file, and those that are added until ``end``."""
    while not path.exists() and time.monotonic() < end:
        time.sleep(_PAUSE)
    with path.open(encoding="utf-8", errors="replace") as file:
        line = ""
        while True:
            line += file.readline()
            if line.endswith("\n"):
                yield line.removesuffix("\n")
                line = ""
            elif time.monotonic() < end:
                time.sleep(_PAUSE)
            else:
                return
