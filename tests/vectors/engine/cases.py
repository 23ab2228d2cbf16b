"""The cases of the files of test vectors, how the engine runs one, and small changes of one."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from places import VECTORS

import vectors.engine.blobs
import vectors.engine.board
import vectors.engine.findmy
import vectors.engine.groups
import vectors.engine.lanes
import vectors.engine.logs
import vectors.engine.push  # noqa: F401
from vectors.engine.errors import expected_errors
from vectors.engine.setting import HANDLERS, Json, Setting

FOLDER = VECTORS
FILES: dict[str, Json] = {
    path.stem: json.loads(path.read_text())
    for path in sorted(FOLDER.glob("*.json"))
    if path.name != "schema.json"
}
CASES: list[tuple[str, Json]] = [
    (name, case) for name, file in FILES.items() for case in file["cases"]
]

TEXTS = {
    "label",
    "context",
    "origin",
    "passphrase",
    "endpoint",
    "seed",
    "name",
    "text",
    "url",
    "vkey",
    "board",
    "witnesses",
    "path",
    "paths",
    "kind",
}
"""Members that are text; other strings are hex, or names."""

STRINGS = {"parts", "entries"}
"""Lists of any number of byte strings, also of none."""

COUNTS = {"posts", "count", "index", "length", "level", "size", "waiting", "zeros"}
"""Members of which the work grows: only their last byte is changed."""


def check(case: Json, setting: Setting) -> None:
    """Fail unless the engine does with the case what is recorded."""
    handler = HANDLERS[case["operation"]]
    if case["result"] == "valid":
        assert handler(case["input"], setting) == case["output"]
    else:
        with pytest.raises(expected_errors(case)):
            handler(case["input"], setting)


def changed(name: str, value: Any, rng: Random, names: list[str]) -> Any:
    """The member ``name`` with one digit, character or bit changed; ``names``: with another name.

    An empty list of parts gets a part, and any other that is empty stays as it is.
    """
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        bits = 8 if name in COUNTS else max(abs(value).bit_length(), 32)
        return value ^ 1 << rng.randrange(bits)
    if isinstance(value, str):
        if value in names:
            return rng.choice([other for other in names if other != value])
        return _changed_text(value, rng, is_hex=name not in TEXTS)
    if isinstance(value, list | dict) and value:
        members: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        which = rng.choice(members)
        copy = value.copy()
        inner = which if isinstance(value, dict) else name
        copy[which] = changed(inner, value[which], rng, names)
        return copy
    if value is None:
        return "00" if name in TEXTS else 0
    return ["00"] if name in STRINGS else value


def _changed_text(text: str, rng: Random, *, is_hex: bool) -> str:
    if not text:
        return "00"
    # The first and the last more often: the highest and the lowest digits of a number.
    position = rng.choice((0, len(text) - 1, *(rng.randrange(len(text)) for _ in range(6))))
    if is_hex:
        new = f"{int(text[position], 16) ^ 1 << rng.randrange(4):x}"
    else:
        new = chr(ord(text[position]) ^ 1 << rng.randrange(7))
    return text[:position] + new + text[position + 1 :]
