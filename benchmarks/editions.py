"""A large edition on this machine: seconds and memory to store, publish, expire and sweep it.

    python benchmarks/editions.py [POSTS]

The posts have the size of class L but made-up bytes: no signature is made or verified. Each step
runs in a process of its own, so that the peak of memory is that of the step. Prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from billboard import BoardParameters, FrameClass, create_board, open_board, posts
from billboard.board.directory import DATABASE
from billboard.board.sqlite import SqliteStore
from billboard.board.store import Entry

EPOCH = 20_000
NOW = EPOCH * 86_400.0
TOGETHER = 1000
"""Posts in one commit."""


def store(board: Path, count: int) -> None:
    size = posts.post_size(FrameClass.L) - 32
    with SqliteStore(board / DATABASE) as rows:
        for first in range(0, count, TOGETHER):
            batch = []
            for number in range(first, min(first + TOGETHER, count)):
                identifier = hashlib.sha256(b"%d" % number).digest()
                batch.append(Entry(EPOCH, identifier, 0, identifier + identifier[:1] * size))
            if any(rows.put(batch)):
                raise ArithmeticError("a post was refused")


def publish(board: Path, count: int) -> None:
    with open_board(board, clock=lambda: NOW) as opened:
        edition = opened.publish(EPOCH)
    if not count <= edition.size < count + 256:
        raise ArithmeticError(f"{edition.size} posts were published")


def expire(board: Path, count: int) -> None:
    with open_board(board, clock=lambda: NOW + 3 * 86_400) as opened:
        if opened.expire() < count:
            raise ArithmeticError(f"fewer than {count} posts have expired")


def sweep(board: Path, count: int) -> None:  # noqa: ARG001
    with open_board(board) as opened:
        opened.sweep()


STEPS: dict[str, Callable[[Path, int], None]] = {
    "store": store,
    "publish": publish,
    "expire": expire,
    "sweep": sweep,
}


def step(name: str, board: Path, count: int) -> None:
    """Do one step. Print its seconds, and the peak of its memory in MiB."""
    begin = time.perf_counter()
    STEPS[name](board, count)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": round(seconds, 2), "peak MiB": round(peak)}))


def measure(count: int, directory: Path) -> dict[str, dict[str, float]]:
    """Measure each step of an edition of ``count`` posts, on a new board in ``directory``."""
    board = directory / "board"
    create_board(board, BoardParameters("example.org/board"))
    found = {}
    for name in STEPS:
        command = [sys.executable, __file__, name, str(board), str(count)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
        found[name] = json.loads(output)
    return found


def main() -> None:
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        step(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
        return
    count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        print(json.dumps({"posts": count} | measure(count, Path(directory)), indent=1))


if __name__ == "__main__":
    main()
