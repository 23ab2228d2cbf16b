"""The native core with counters, for the coverage of libFuzzer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from places import ROOT

RUST = ROOT / "rust"
FOLDER = RUST / "target" / "fuzz"
VARIABLE = "BILLBOARD_FUZZ_CORE"

COUNTERS = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
)


def build() -> Path:
    """Build it, beside the usual one, which stays as it is.

    Overflows and debug assertions are checked in it.
    """
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(FOLDER / "core"),
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS": "true",
        "CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS": "true",
        "PYO3_PYTHON": sys.executable,
        "RUSTFLAGS": " ".join(COUNTERS),
    }
    about = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = dict(line.split(": ") for line in about.splitlines() if ": " in line)["host"]
    # With a target given, the flags are not for build scripts, which nothing could link.
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target", host]
    subprocess.run(command, cwd=RUST, env=environment, check=True)
    return FOLDER / "core" / host / "release" / "lib_core.so"
