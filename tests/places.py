"""Where things are, for tests at any depth."""

from __future__ import annotations

import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
VECTORS = TESTS / "vectors"
SCRIPTS = Path(sysconfig.get_path("scripts"))
"""Where pip puts commands."""
