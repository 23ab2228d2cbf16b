"""The demo succeeds, and notices when something went wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from billboard import DeviceToken, Platform
from billboard.board.monitor import Finding
from billboard.cli import demo
from billboard.push import Notification, service
from billboard.push.tick import Tick


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
    original = service.open_tick
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


def test_a_contact_that_does_not_rerandomize_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_post(
        grant: bytes, client: demo.BoardClient, epoch: int, _: demo.PublicKey
    ) -> demo.Blob:
        reader = demo.LaneReader.from_bytes(grant)
        post = client.find(reader, epoch)
        assert post is not None
        blob = reader.open(post).blob
        sent.append(bytes(blob))
        return blob

    sent: list[bytes] = []
    monkeypatch.setattr(demo, "_find", open_post)
    assert play()[0], "a sealed post shows no blob, so this alone is no leak"
    assert sent

    original = demo._checks
    monkeypatch.setattr(
        demo, "_checks", lambda story, files: original(story, [*files, b"x" + sent[-1] + b"y"])
    )
    passed, said = play()
    assert not passed
    assert "FAIL no blob" in said


def test_a_promise_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.BoardClient, "check_receipt", lambda *_: None)
    passed, said = play()
    assert not passed
    assert "FAIL the board kept all" in said


def test_what_a_monitor_finds_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = Finding("misbehavior", "a post is not where the index says")
    monkeypatch.setattr(demo.Monitor, "check", lambda _: [finding])
    passed, said = play()
    assert not passed
    assert "FAIL the board kept all" in said


def test_a_token_in_the_clear_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    original = demo._publish_lanes

    def leak(
        device: demo.Device, client: demo.BoardClient, epoch: int, key: demo.PublicKey
    ) -> list[tuple[demo.Receipt, demo.Post]]:
        leaked.append(device.token.value)
        return original(device, client, epoch, key)

    leaked: list[bytes] = []
    monkeypatch.setattr(demo, "_publish_lanes", leak)
    checks = demo._checks
    monkeypatch.setattr(demo, "_checks", lambda story, files: checks(story, [*files, *leaked]))
    passed, said = play()
    assert not passed
    assert "FAIL no token" in said


def test_the_posts_themselves_are_searched() -> None:
    """The board's own bytes are searched, not only files."""
    story = demo.Story(on_board=[b"1" * 40 + b"t" * 32 + b"2" * 40])
    story.expected[b"t" * 32] = 1
    assert not demo._checks(story, [])["no token is on the board"]
