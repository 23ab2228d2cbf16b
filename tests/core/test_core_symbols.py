"""What the compiler made of the core (docs/adr/0006)."""

from __future__ import annotations

import platform
import subprocess

from billboard import _core


def test_all_that_works_on_lanes_is_inlined_where_its_instructions_are_enabled() -> None:
    """What is not would be a function by the name of its instruction: right, and very slow."""
    done = subprocess.run(["nm", "-C", _core.__file__], capture_output=True, text=True, check=True)
    has_ifma = platform.machine() in ("x86_64", "AMD64")
    assert ("kernel::ifma::kernels::enabled::decode" in done.stdout) == has_ifma
    assert [line for line in done.stdout.splitlines() if "_mm512_" in line] == []
