"""Compare the working tree with another commit, on one machine: ``make bench-compare BASE=main``.

The native core, the board and the push server of both trees are timed in processes of their own
that take turns, so that other work on the machine affects both alike. Each tree runs its own
benchmarks. A ratio is taken within a round; above 1, the working tree is faster.

With ``--at-least x`` it fails if the upper end of the interval of a ratio is below x.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Spread

ROOT = Path(__file__).parents[1]
ROUNDS = 15
"""Rounds by default. Fewer than nine are refused."""

JOB = """
import json, os, time
import numpy as np
from billboard import FrameClass, SecretKey, _core, elgamal
from billboard.groups.ristretto255 import random_scalar

x = random_scalar()
key, decryption = elgamal.EncryptionKey(elgamal.public_elements([x])), elgamal.DecryptionKey([x])
data = np.frombuffer(os.urandom(30 * 4096), np.uint8).reshape(-1, 1, 30)
messages = _core.embed(data, 1, os.urandom(32))
pairs = key.encrypt_batch(messages)
secret = SecretKey.generate(FrameClass.L)
blobs = secret.public_key._encryption.encrypt_batch(messages.reshape(-1, 8, 32))
calls = {
    "pair: encrypt": lambda: key.encrypt_batch(messages, threads=1),
    "pair: rerandomize": lambda: key.rerandomize_batch(pairs, threads=1),
    "pair: decrypt": lambda: decryption.decrypt_batch(pairs, threads=1),
    "class L: rerandomize": lambda: secret.public_key.rerandomize_batch(blobs, threads=1),
    "class L: open": lambda: secret.open_batch(blobs, threads=1),
    "embed": lambda: _core.embed(data, 1, os.urandom(32), 1),
}
taken = {}
for name, call in calls.items():
    call()
    begin, count = time.process_time(), 0
    while time.process_time() - begin < 0.15:
        call()
        count += 1
    taken[name] = (time.process_time() - begin) / count
print(json.dumps(taken))
"""


@contextmanager
def built(commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary directory, build its core, and give the directory."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        _git("worktree", "add", "--detach", "--quiet", str(tree), commit)
        try:
            command = ["cargo", "build", "--release", "--locked", "--quiet"]
            manifest = ["--manifest-path", str(tree / "rust/Cargo.toml")]
            environment = os.environ | {"PYO3_BUILD_EXTENSION_MODULE": "1"}
            subprocess.run([*command, *manifest], check=True, env=environment)  # noqa: S603
            library = tree / "rust/target/release/lib_core.so"
            shutil.copy(library, tree / "billboard/_core.abi3.so")
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def core(tree: Path) -> dict[str, float]:
    """Return how often a fresh process makes each call of the core in a second."""
    return {name: 1 / seconds for name, seconds in json.loads(_run(tree, "-c", JOB)).items()}


def board(tree: Path) -> dict[str, float]:
    """Return the answers of the board a second: posts stored, bundles and checkpoints read."""
    found = json.loads(_run(tree, "board.py", "--posts", "5000", "--runs", "1"))
    return {
        f"board: {name}": each["a_second"] for name, each in found["medians"]["uvicorn"].items()
    }


def push(tree: Path) -> dict[str, float]:
    """Return pushes a second: by the provider alone, from the outbox, and from sealed requests."""
    said = _run(tree, "push.py", "--requests", "2000")
    patterns = {
        "push: transport": r"^transport (\d+)",
        "push: outbox": r"^outbox (\d+)",
        "push: end to end": r"'delivered_per_second': ([\d.]+)",
    }
    return {
        name: statistics.median(map(float, re.findall(pattern, said, re.MULTILINE)))
        for name, pattern in patterns.items()
    }


MEASURED: dict[str, Callable[[Path], dict[str, float]]] = {
    "core": core,
    "board": board,
    "push": push,
}


def _run(tree: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree / "benchmarks",
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", help="a commit or branch")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least nine")
    parser.add_argument("--only", nargs="+", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--at-least", type=float, default=0.0, help="the least ratio that passes")
    arguments = parser.parse_args()
    if arguments.rounds < 9:
        parser.error("--rounds must be at least 9: an interval of fewer rounds says little")
    passed = compare(
        arguments.base, arguments.only, rounds=arguments.rounds, at_least=arguments.at_least
    )
    sys.exit(0 if passed else 1)


def compare(base: str, only: Iterable[str], *, rounds: int = ROUNDS, at_least: float) -> bool:
    """Print each ratio to the commit ``base``. Return whether all are at least ``at_least``."""
    passed = True
    with built(base) as tree:
        print(f"a second, the working tree over {base}; {rounds} rounds", flush=True)
        for name in only:
            taken = []
            for i in range(rounds):
                sides = [tree, ROOT] if i % 2 else [ROOT, tree]
                by_side = {side: MEASURED[name](side) for side in sides}
                taken.append((by_side[tree], by_side[ROOT]))
            for what in taken[0][1]:
                spread = Spread.of([ours[what] / theirs[what] for theirs, ours in taken])
                passed &= spread.high >= at_least
                shown = f"{spread.median:.3f} ({spread.low:.3f} .. {spread.high:.3f})"
                print(f"{what:24} {shown}", flush=True)
    return passed


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *arguments], check=True)  # noqa: S603, S607


if __name__ == "__main__":
    main()
