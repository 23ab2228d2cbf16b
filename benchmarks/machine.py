"""Where a measurement was made, and of what."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import version
from pathlib import Path

import cpuinfo
import petlib.bindings
from pytest_benchmark.utils import get_commit_info

from billboard import _core

PACKAGES = (
    "anonymous-billboard",
    "rbcl",
    "libpep-py",
    "petlib",
    "coincurve",
    "py_ecc",
    "numpy",
    "pytest-benchmark",
)
CORE = hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()[:16]
"""Digest of the native core, taken as it is loaded: a build may replace the file meanwhile."""

SIMD = ("avx2", "avx512ifma", "avx512vbmi")


def describe() -> dict[str, object]:
    """The machine, the versions and the commit, for the JSON of results.

    ``core`` is a digest of the native core that was loaded: a working tree may hold another build
    than its commit. ``openssl`` is the one that petlib, and with it billboard's curves, runs on.
    """
    cpu = cpuinfo.get_cpu_info()
    flags = cpu.get("flags", [])
    commit = get_commit_info()
    return {
        "cpu": cpu.get("brand_raw", platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "simd": [feature for feature in SIMD if feature in flags],
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "openssl": petlib.bindings.version().strip("b'"),
        "commit": commit.get("id"),
        "uncommitted_changes": commit.get("dirty"),
        "core": CORE,
    }
