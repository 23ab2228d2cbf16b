"""The wheel installs and runs without Rust (`make test-slow`)."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = """
import doctest, pathlib, sys
result = doctest.testfile(sys.argv[1], module_relative=False, optionflags=doctest.ELLIPSIS)
sys.exit(not (result.attempted >= 14 and result.failed == 0))
"""


@pytest.mark.slow
def test_the_wheel_runs_the_readme_without_rust(tmp_path: Path) -> None:
    maturin = [Path(sys.executable).parent / "maturin", "build", "--release", "--locked"]
    subprocess.run([*maturin, "--out", tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert "cp311-abi3" in wheel.name
    assert not [n for n in zipfile.ZipFile(wheel).namelist() if n.startswith(("tests", "rust"))]
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    constraints = ["--constraint", ROOT / "constraints.txt"]
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--only-binary", ":all:", *constraints, wheel], check=True)
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())
    clean = {"PATH": "/usr/bin:/bin"}
    subprocess.run([python, "-c", README, readme], cwd=tmp_path, env=clean, check=True)
