"""What tests of push share."""

from __future__ import annotations

import pytest


@pytest.fixture
def rare_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dispatcher asks every ten minutes, not every second, what other processes queued.

    No test that uses this has such a process, and simulated days are short.
    """
    monkeypatch.setattr("billboard.push.dispatch.dispatcher.POLL", 600.0)
