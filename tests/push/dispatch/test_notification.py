"""Notification: its limits, and that it shows no token."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from typing import Any

import pytest
from processes import LONGEST

from billboard.push.providers.content import (
    CONTENT_FREE_BYTES,
    CONTENT_FREE_DATA,
    CONTENT_FREE_PAYLOAD,
)
from push.support import device, notification


def test_what_devices_are_told_is_constant_and_free_of_content() -> None:
    told = {"event": "NEW_MESSAGE"}
    assert json.loads(CONTENT_FREE_PAYLOAD) == {
        "aps": {"alert": {"loc-key": "NEW_MESSAGE"}, "mutable-content": 1}
    }
    assert CONTENT_FREE_DATA == json.loads(CONTENT_FREE_BYTES) == told
    with pytest.raises(TypeError):
        CONTENT_FREE_DATA["event"] = "other"  # type: ignore[index]


def test_a_notification_carries_no_content() -> None:
    names = {each.name for each in dataclasses.fields(notification())}
    assert names == {"token", "id", "collapse_id", "expires", "priority"}


def test_each_has_an_id_of_its_own_and_none_can_be_changed() -> None:
    first, second = notification(), notification()
    assert first.id != second.id
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.id = second.id  # type: ignore[misc]


@pytest.mark.parametrize(
    "parts",
    [
        {"collapse_id": "c" * 64},
        {"expires": 0.0},
        {"priority": 1},
        {"priority": 5},
    ],
)
def test_the_limits_are_allowed(parts: dict[str, Any]) -> None:
    notification(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"collapse_id": ""},
        {"collapse_id": "c" * 65},
        {"collapse_id": "caf\u00e9"},
        {"collapse_id": "a\r\nb: c"},
        {"expires": math.nan},
        {"expires": math.inf},
        {"expires": -1.0},
        {"priority": 0},
        {"priority": 7},
    ],
)
def test_beyond_the_limits_is_refused_and_the_part_named(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(parts))):
        notification(**parts)


def test_the_repr_does_not_show_the_token() -> None:
    token = device()
    shown = repr(notification(token))
    assert token.value.hex() not in shown
    assert repr(token.value) not in shown


def test_the_package_needs_no_library_of_a_push_service() -> None:
    program = (
        "import sys, billboard.push\n"
        "print(*sorted({'curl_cffi', 'jwt', 'h2', 'trustme'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.stdout.split() == []
