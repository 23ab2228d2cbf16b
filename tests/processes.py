"""Programs that tests start and talk to: none keeps a test waiting forever."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 180.0
"""Seconds that a program may take, unless a test says otherwise."""


@contextmanager
def watched(process: subprocess.Popen[str], seconds: float = LONGEST) -> Iterator[None]:
    """Kill ``process`` if it runs for longer, and whatever happens at the end of the block.

    What waits for it or reads from it then goes on, and finds that it was killed.
    """
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()
        process.wait()
