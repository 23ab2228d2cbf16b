"""The demo succeeds, and notices when something went wrong."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from billboard import Blob, DeviceToken, Platform, PublicKey
from billboard.board.monitor import Finding, Monitor
from billboard.cli import demo
from billboard.errors import BoardFault
from billboard.push import service
from billboard.push.dispatch import Notification
from billboard.push.tick import Tick, open_tick
from billboard.sender.sender import Errand, Sender


def play() -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=120)
    passed = demo.run_demo(20, console)
    assert isinstance(console.file, io.StringIO)
    return passed, console.file.getvalue()


def test_the_story_holds() -> None:
    passed, said = play()
    assert passed
    assert said.count("\nok   ") == 5
    assert "FAIL" not in said
    assert "woke 10 devices" in said


@pytest.mark.slow
def test_a_push_too_few_or_too_many_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = Notification(DeviceToken(Platform.APNS, bytes(32)), expires=2.0**32)
    changes: list[Callable[[Tick], tuple[Notification, ...]]] = [
        lambda tick: tick.notifications[1:],
        lambda tick: (*tick.notifications, stranger),
        lambda tick: (
            *tick.notifications[1:],
            replace(tick.notifications[0], token=stranger.token),
        ),
    ]
    original = open_tick
    for change in changes:

        def changed(
            *values: Any, change: Callable[..., tuple[Notification, ...]] = change, **named: Any
        ) -> Tick:
            tick = original(*values, **named)
            return replace(tick, notifications=change(tick))

        monkeypatch.setattr(service, "open_tick", changed)
        passed, said = play()
        assert not passed
        assert "FAIL every device that had a sender" in said


@pytest.mark.slow
def test_a_contact_that_does_not_rerandomize_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    wake, rerandomize = Sender.wake, Blob.rerandomize
    sent: list[bytes] = []
    sending = threading.Event()

    def changed(blob: Blob, key: PublicKey) -> Blob:
        if not sending.is_set():
            return rerandomize(blob, key)
        sent.append(bytes(blob))
        return blob

    def woken(sender: Sender, name: str) -> Errand:
        sending.set()
        try:
            return wake(sender, name)
        finally:
            sending.clear()

    monkeypatch.setattr(Blob, "rerandomize", changed)
    monkeypatch.setattr(Sender, "wake", woken)
    assert play()[0], "a sealed post shows no blob, so this alone is no leak"
    assert sent

    original = demo._checks
    monkeypatch.setattr(
        demo, "_checks", lambda story, files: original(story, [*files, b"x" + sent[-1] + b"y"])
    )
    passed, said = play()
    assert not passed
    assert "FAIL no blob" in said


@pytest.mark.slow
def test_a_post_that_is_lost_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = demo._checks

    def fewer(story: demo.Story, files: list[bytes]) -> dict[str, bool]:
        story.on_board = story.on_board[: story.posted - 1]
        return checks(story, files)

    monkeypatch.setattr(demo, "_checks", fewer)
    passed, said = play()
    assert not passed
    assert "FAIL the board published all" in said


@pytest.mark.slow
def test_what_a_monitor_finds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding(BoardFault.MISBEHAVIOR, "a post is not where the index says")
    monkeypatch.setattr(Monitor, "check", lambda _: [finding])
    passed, said = play()
    assert not passed
    assert "FAIL the board published all" in said


def test_a_token_in_the_clear_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = demo._checks

    def leak(story: demo.Story, files: list[bytes]) -> dict[str, bool]:
        return checks(story, [*files, next(iter(story.expected))])

    monkeypatch.setattr(demo, "_checks", leak)
    passed, said = play()
    assert not passed
    assert "FAIL no token" in said


def test_the_posts_themselves_are_searched() -> None:
    """The board's own bytes are searched, not only files."""
    story = demo.Story(on_board=[b"1" * 40 + b"t" * 32 + b"2" * 40])
    story.expected[b"t" * 32] = 1
    assert not demo._checks(story, [])["no token is on the board, or in a file"]
