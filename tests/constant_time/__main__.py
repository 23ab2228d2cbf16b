"""Run the checks of constant time: ``make ct``. Takes a few minutes; wants a quiet machine.

First valgrind, on the portable path: no branch and no memory address may depend on a secret scalar.
Then statistics of time, on each backend. Both are shown to find what they look for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from places import ROOT

from billboard import _core

from .cases import cases, control
from .timing import depends

_MANIFEST = ROOT / "rust/Cargo.toml"
_TESTS = "kernel::tests::secrets::"
_CHECKED = ("encrypting_and_rerandomizing", "decrypting", "multiplying", "combining")
_CONTROLS = ("a_branch_on_a_secret", "an_address_from_a_secret", "a_product_in_variable_time")


def build() -> str:
    """The Rust tests, with the profile that is shipped: no assertions, which look at secrets."""
    command = ["cargo", "test", "--release", "--locked", "--no-default-features", "--no-run"]
    command += ["--manifest-path", str(_MANIFEST), "--message-format", "json"]
    messages = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    executables: list[str | None] = [
        json.loads(line).get("executable") for line in messages.splitlines()
    ]
    return next(executable for executable in executables if executable)


def under_valgrind(binary: str, test: str) -> bool:
    """Whether valgrind finds nothing in one of the tests of rust/src/kernel/tests/secrets.rs."""
    command = ["valgrind", "--quiet", "--error-exitcode=9", binary, "--exact", test]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 9) or "1 passed" not in done.stdout:
        raise SystemExit(f"{test} did not run:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def check_addresses(binary: str) -> Iterator[str]:
    for name in _CHECKED:
        clean = under_valgrind(binary, _TESTS + name)
        print(
            f"valgrind: {name:32} {'nothing depends on a secret' if clean else 'FOUND'}", flush=True
        )
        if not clean:
            yield f"valgrind reports {name}: run it with {binary} --exact {_TESTS}{name}"
    for name in _CONTROLS:
        if under_valgrind(binary, f"{_TESTS}control::{name}"):
            yield f"valgrind does not report {name}, so what it does not report means nothing"
        else:
            print(f"valgrind: {name:32} is found, as it should be", flush=True)


def check_times(backend: str, measurements: int) -> Iterator[str]:
    _core.use_backend(backend)
    for case in cases():
        found, statistics = depends(case, measurements)
        shown = ", ".join(f"{t:.1f}" for t in statistics)
        print(f"{backend}: {case.name:24} t = {shown}", flush=True)
        if found:
            yield f"the time of {case.name} on {backend} depends on the secret: t = {shown}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measurements", type=int, default=20_000, help="of each case and run")
    arguments = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}")
    problems = list(check_addresses(build()))
    best = _core.backend()
    for backend in dict.fromkeys(("portable", best)):
        problems += check_times(backend, arguments.measurements)
    found, statistics = depends(control(), arguments.measurements)
    print(f"control: {control().name}, t = {', '.join(f'{t:.1f}' for t in statistics)}")
    if not found:
        problems.append("the statistics do not find a product in variable time")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
