"""Whether the clock may be believed when it says that something is over, and can be forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import final

from billboard.errors import SecretFileError

MOST_AHEAD = 3600.0
"""Seconds by which a clock may go ahead of the time that passed while a process runs."""

MOST_DOWNTIME = 86_400.0
"""Seconds for which a server is believed not to have run."""


@final
class ClockWatch:
    """Compares a clock with ``passed``, seconds that nobody sets, and with the file ``path``.

    The file was modified when the clock was last believed, by itself: that of a server that has
    been down for longer than `MOST_DOWNTIME` is not, until `trust` is called and it starts again.
    """

    def __init__(self, path: Path, passed: Callable[[], float]) -> None:
        self._path, self._passed = path, passed
        self._start: float | None = None
        """The least that the clock was ahead of ``passed``, in seconds."""

    def ahead(self, now: float) -> float:
        """Seconds by which ``now`` (since 1970) is later than may be believed; 0 if it is not.

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
        """Remember that the clock was right. Raises `SecretFileError`."""
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
