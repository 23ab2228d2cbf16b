"""The watch that tells whether to believe the clock before anything that is over is destroyed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import final

from billboard.errors import SecretFileError

MOST_AHEAD = 3600.0
"""Seconds by which a clock may go ahead of the time that passed while a process runs."""

MOST_DOWNTIME = 86_400.0
"""The longest time for which it is believed that a server was down, in seconds."""


@final
class ClockWatch:
    """Compares a clock with ``passed``, seconds that nobody sets, and with the file ``path``.

    The modification time of the file is when the clock was last believed. If that is longer ago
    than `MOST_DOWNTIME` at the start, the clock is not believed until somebody calls `trust`. While
    the process runs, the clock must not go ahead of ``passed`` by more than `MOST_AHEAD`.
    """

    def __init__(self, path: Path, passed: Callable[[], float]) -> None:
        self._path, self._passed = path, passed
        self._start: float | None = None
        """The least difference between the clock and ``passed`` so far, in seconds."""

    def ahead(self, now: float) -> float:
        """Return the seconds by which ``now`` (since 1970) is later than is believed, or 0.

        Raises `SecretFileError` if the file cannot be read or written.
        """
        offset = now - self._passed()
        if self._start is None:
            last = self._last()
            if last is not None and now - last > MOST_DOWNTIME:
                return now - last - MOST_DOWNTIME
            self._start = offset
        self._start = min(self._start, offset)
        if offset - self._start > MOST_AHEAD:
            return offset - self._start - MOST_AHEAD
        self.trust(now)
        return 0.0

    def trust(self, now: float) -> None:
        """Remember that the clock is right at ``now``. Raises `SecretFileError`."""
        try:
            self._path.touch(mode=0o600)
            os.utime(self._path, (now, now))
        except OSError as error:
            raise SecretFileError(f"{self._path} cannot be written: {error.strerror}") from None

    def _last(self) -> float | None:
        try:
            return self._path.stat().st_mtime
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretFileError(f"{self._path} cannot be read: {error.strerror}") from None
