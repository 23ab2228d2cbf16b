"""Memory does not grow with an edition. A long campaign: ten million posts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

BENCHMARK = ROOT / "benchmarks" / "editions.py"


def measured(posts: int, tmp_path: Path) -> dict[str, dict[str, float]]:
    environment = {"TMPDIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, str(BENCHMARK), str(posts)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )
    found: dict[str, dict[str, float]] = json.loads(result.stdout)
    return found


@pytest.mark.slow
def test_memory_is_flat_while_ten_million_posts_stream_through(tmp_path: Path) -> None:
    few, many = measured(100_000, tmp_path), measured(10_000_000, tmp_path)
    print(few, many)
    for step in ("store", "publish", "expire"):
        assert many[step]["peak MiB"] < few[step]["peak MiB"] + 64, step
