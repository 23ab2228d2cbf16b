"""Take over into ``corpus/`` what fuzzing found: ``python -m fuzz.keep [TARGET ..]``.

libFuzzer's merge leaves what adds coverage to the seeds and to what is committed already. Of that
the shortest inputs are kept, a few dozen a target at most.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from . import core
from .__main__ import GROWN
from .seeds import COMMITTED, file_name, write_seeds
from .targets import TARGETS

MOST = 24
"""Inputs of a target."""

LARGEST = 6 * 1024
"""Bytes of a target."""


def main() -> None:
    """Merge, and copy."""
    library = core.build()
    for name in sys.argv[1:] or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            inputs = _merged(name, Path(folder), library)
        place = COMMITTED / name
        place.mkdir(parents=True, exist_ok=True)
        kept = [path.read_bytes() for path in place.iterdir()]
        for data in sorted(inputs, key=lambda it: (len(it), it)):
            if len(kept) < MOST and sum(map(len, kept)) + len(data) <= LARGEST:
                kept.append(data)
                (place / file_name(data)).write_bytes(data)
        if not kept:
            shortest = min(TARGETS[name].seeds(), key=len)
            (place / file_name(shortest)).write_bytes(shortest)
        print(f"{name}: {len(inputs)} new, {len(list(place.iterdir()))} kept", flush=True)


def _merged(name: str, folder: Path, library: Path) -> list[bytes]:
    """What the grown corpus adds to the seeds and the committed inputs."""
    base = write_seeds(name, folder)
    for path in (COMMITTED / name).glob("*"):
        (base / path.name).write_bytes(path.read_bytes())
    before = {path.name for path in base.iterdir()}
    # libFuzzer merges in processes of its own, which it starts by the name of this one.
    again = folder / "again"
    command = shlex.join([sys.executable, "-m", "fuzz.single", name])
    again.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    again.chmod(0o700)
    environment = os.environ | {core.VARIABLE: str(library), "BILLBOARD_FUZZ_SELF": str(again)}
    (GROWN / name).mkdir(parents=True, exist_ok=True)
    arguments = ["-merge=1", "-rss_limit_mb=1536", str(base), str(GROWN / name)]
    subprocess.run(
        [str(again), *arguments],
        env=environment,
        check=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return [path.read_bytes() for path in base.iterdir() if path.name not in before]


if __name__ == "__main__":
    main()
