"""What a fuzz target is, and what all of them check."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from places import VECTORS

import billboard

Value = TypeVar("Value")

ENGINE = Path(billboard.__file__).parent

_WINDOW = 12
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")


class Finding(Exception):
    """Something that must never happen. Not a `BillboardError`, so that no target expects it."""


@dataclass(frozen=True)
class Target:
    """A function of bytes that raises if a property does not hold.

    ``seeds`` gives inputs to begin with, which come from the test vectors where there are any.
    ``longest`` is the greatest size of an input in bytes.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    longest: int


class Source:
    """Takes an input apart, for targets that build something well-formed from it.

    Past its end there are zeros.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(len(self._data) - self._at, 0)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        part = self._data[self._at : self._at + size]
        self._at += size
        return part.ljust(size, b"\0")

    def number(self, size: int = 1) -> int:
        """The next ``size`` bytes as a big-endian integer."""
        return int.from_bytes(self.take(size), "big")

    def part(self, size: int = 1) -> bytes:
        """A string after its length, which is a number of ``size`` bytes; not padded."""
        length = min(self.number(size), self.left)
        return self.take(length)

    def rest(self) -> bytes:
        """All that is left; not padded."""
        return self.take(self.left)


def require(holds: bool, what: str) -> None:
    """Raise `Finding` unless ``holds``."""
    if not holds:
        raise Finding(what)


def attempt(
    data: bytes, use: Callable[[bytes], Value], *documented: type[Exception]
) -> Value | None:
    """What ``use`` makes of ``data``; None if it refuses with an error that is documented.

    Any other exception gets through, and is a finding. So is a message that shows ``data``.
    """
    try:
        return use(data)
    except documented as error:
        silent(error, data)
        return None


def silent(error: Exception, *secrets: bytes) -> None:
    """Require that a message shows no piece of a secret, as it is or in hex.

    What is in the source of the message anyhow is none, even where an input says the same.
    """
    message = str(error)
    text = message.encode("utf-8", "surrogatepass")
    pieces = [text[i : i + _WINDOW] for i in range(len(text) - _WINDOW + 1)]
    pieces += [bytes.fromhex(match) for match in _HEX.findall(message)]
    found = [piece for piece in pieces if any(piece in secret for secret in secrets)]
    shown = [piece for piece in found if piece not in _source()]
    require(not shown, f"the message of {type(error).__name__} shows its input")


def vectors(operation: str, field: str, **fixed: str) -> Iterator[bytes]:
    """A field of the input of every case of an operation in ``tests/vectors``.

    ``fixed`` are other fields, and what must be in them. Raises `Finding` if there is no case.
    """
    count = 0
    for case in _cases():
        given = case["input"]
        if case["operation"] == operation and fixed.items() <= given.items():
            count += 1
            yield bytes.fromhex(given[field])
    require(count > 0, f"there are test vectors of {operation}")


def vector(operation: str, field: str) -> bytes:
    """The first of `vectors`."""
    return next(vectors(operation, field))


@functools.cache
def _source() -> bytes:
    return b"".join(path.read_bytes() for path in ENGINE.rglob("*.py"))


@functools.cache
def _cases() -> list[dict[str, Any]]:
    files = [json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))]
    return [case for file in files for case in file.get("cases", [])]
