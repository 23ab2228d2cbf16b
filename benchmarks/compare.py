"""Compare the working tree with another commit, on one machine: ``make bench-compare BASE=main``.

Both native cores are timed in processes of their own that take turns, so that what else the machine
does meets both alike. Above 1, the working tree is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Spread

ROOT = Path(__file__).parents[1]
ROUNDS = 15

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
    """A directory with the package of a commit, its core built."""
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


def take(tree: Path) -> dict[str, float]:
    """Seconds of each call in a fresh process."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", JOB],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=tree,
        stdout=subprocess.PIPE,
        check=True,
    )
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", help="a commit or branch")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with built(arguments.base) as base:
        rounds = []
        for i in range(arguments.rounds):
            sides = [base, ROOT] if i % 2 else [ROOT, base]
            taken = {side: take(side) for side in sides}
            rounds.append((taken[base], taken[ROOT]))
    print(f"time of {arguments.base} over that of the working tree, {len(rounds)} rounds")
    for name in rounds[0][1]:
        spread = Spread.of([theirs[name] / ours[name] for theirs, ours in rounds])
        print(f"{name:24} {spread.median:.3f} ({spread.low:.3f} .. {spread.high:.3f})")


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(ROOT), *arguments], check=True)  # noqa: S603, S607


if __name__ == "__main__":
    main()
