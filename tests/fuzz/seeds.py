"""Where inputs come from: the seeds of a target, and its committed corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from .targets import TARGETS

COMMITTED = Path(__file__).parent / "corpus"
"""A folder for each target, of inputs that fuzzing found and that its seeds do not stand for."""


def file_name(data: bytes) -> str:
    """The name of the file of an input, as libFuzzer has it."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def write_seeds(name: str, folder: Path) -> Path:
    """Write the seeds of a target below ``folder``; the folder that they are in."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (place / file_name(seed)).write_bytes(seed)
    return place


def committed(name: str) -> Iterator[bytes]:
    """The committed inputs of a target."""
    for path in sorted((COMMITTED / name).iterdir()):
        yield path.read_bytes()
