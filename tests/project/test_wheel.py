"""The wheel installs and runs without Rust (`make test-slow`)."""

from __future__ import annotations

import functools
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from places import ROOT

run = functools.partial(subprocess.run, check=True, timeout=20 * 60)

README = """
import doctest, pathlib, sys
result = doctest.testfile(sys.argv[1], module_relative=False, optionflags=doctest.ELLIPSIS)
sys.exit(not (result.attempted >= 11 and result.failed == 0))
"""


@pytest.mark.slow
def test_the_wheel_runs_the_readme_without_rust(tmp_path: Path) -> None:
    maturin = [Path(sys.executable).parent / "maturin", "build", "--release", "--locked"]
    run([*maturin, "--out", tmp_path], cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    assert "cp311-abi3" in wheel.name
    assert not [n for n in zipfile.ZipFile(wheel).namelist() if n.startswith(("tests", "rust"))]
    run([sys.executable, "-m", "venv", tmp_path / "venv"])
    python = tmp_path / "venv/bin/python"
    constraints = ["--constraint", ROOT / "constraints.txt"]
    pip = [python, "-m", "pip", "install", "--quiet"]
    run([*pip, "--only-binary", ":all:", *constraints, wheel])
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())
    clean = {"PATH": "/usr/bin:/bin"}
    run([python, "-c", README, readme], cwd=tmp_path, env=clean)
