"""Hypothesis runs the same examples each time, and keeps no database.

`make test` runs a few of them, `make test-slow` more, by ``--hypothesis-profile=thorough``.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before any test imports py_ecc, which raises the recursion limit of the process to 100,000, where
# deep JSON is a crash in the place of a RecursionError: this puts the limit back.
import billboard.groups.bls12_381  # noqa: F401

# A shell lets what it runs in the background ignore Ctrl-C, and that passes to its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests share: its assertions are checked as those of tests are, also under `python -O`.
pytest.register_assert_rewrite(
    *{each.stem for each in Path(__file__).parent.iterdir() if each.suffix in ("", ".py")}
)

for name, max_examples in (("quick", 30), ("thorough", 100)):
    settings.register_profile(
        name,
        deadline=None,
        derandomize=True,
        database=None,
        max_examples=max_examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")
