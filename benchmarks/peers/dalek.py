"""Plain ElGamal pairs by curve25519-dalek in a Rust process: rust/examples/dalek.rs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

_MANIFEST = Path(__file__).parents[2] / "rust/Cargo.toml"
_BUILD = ("cargo", "build", "--release", "--locked", "--no-default-features", "--example", "dalek")


class Dalek:
    """The Rust process, which processes one pair at a time, with tables and without Python."""

    def __init__(self, secret: int, messages: bytes, pairs: bytes) -> None:
        """Build and start it, to encrypt ``messages`` and to rerandomize and decrypt ``pairs``."""
        subprocess.run([*_BUILD, "--quiet", "--manifest-path", str(_MANIFEST)], check=True)  # noqa: S603
        program = _MANIFEST.parent / "target/release/examples/dalek"
        self._process = subprocess.Popen(  # noqa: S603
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._inputs = {"encrypt": messages, "rerandomize": pairs, "decrypt": pairs}
        self._input = b""
        self._ask(f"secret {secret.to_bytes(32, 'little').hex()}")

    def show(self, operation: str, first: bytes) -> bytes:
        """Return the result of an operation on the one item ``first``."""
        self._set(first)
        return bytes.fromhex(self._ask(f"show {operation}"))

    def run(self, operation: str, items: int) -> None:
        """Process ``items`` items, and forget the results."""
        self._set(self._inputs[operation])
        self._ask(f"run {operation} {items}")

    def cpu(self) -> float:
        """Return the seconds of processor time of the process (see clock_getcpuclockid(3))."""
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def _set(self, data: bytes) -> None:
        if data != self._input:
            self._ask(f"input {data.hex()}")
            self._input = data

    def _ask(self, line: str) -> str:
        """Send a line and return the answer. The program ends when its input does."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the program ended at: {line[:40]}")
        return answer.strip()
