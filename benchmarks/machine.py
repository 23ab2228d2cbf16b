"""The machine of a measurement, and the versions of what is measured."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import petlib.bindings

from billboard import _core, batches

PACKAGES = (
    "anonymous-billboard",
    "rbcl",
    "libpep-py",
    "petlib",
    "coincurve",
    "py_ecc",
    "py-arkworks-bls12381",
    "numpy",
)
CORE = hashlib.sha256(Path(_core.__file__).read_bytes()).hexdigest()[:16]
"""Digest of the native core. It is taken at the start, as a build may replace the file later."""

SIMD = ("avx2", "avx512f", "avx512ifma")

_CPUINFO = Path("/proc/cpuinfo")
_ROOT = Path(__file__).parents[1]


def describe() -> dict[str, object]:
    """Return the machine, the versions and the commit, for the JSON of results.

    ``core`` is a digest of the loaded native core, because a working tree may hold another build
    than that of its commit. ``openssl`` is the version that petlib uses, and with it the groups
    p256, p224 and secp256k1 of billboard.
    """
    cpu = _cpu()
    flags = cpu.get("flags", "").split()
    return {
        "cpu": cpu.get("model name", platform.processor() or platform.machine()),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "simd": [feature for feature in SIMD if feature in flags],
        "backend": batches.backend(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": {package: version(package) for package in PACKAGES},
        "curve25519-dalek": _locked("curve25519-dalek"),
        "openssl": petlib.bindings.version().strip("b'"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain")),
        "core": CORE,
    }


def processor() -> str:
    """Return vendor, family and model, such as ``AuthenticAMD 25/17``.

    Where the system does not tell them, return the architecture. The name of the model would be too
    coarse: virtual machines call several generations "AMD EPYC".
    """
    cpu = _cpu()
    if "cpu family" not in cpu:
        return platform.machine()
    return f"{cpu['vendor_id']} {cpu['cpu family']}/{cpu['model']}"


def _cpu() -> dict[str, str]:
    """Return the first processor in Linux's list; nothing on other systems."""
    if not _CPUINFO.exists():
        return {}
    lines = _CPUINFO.read_text().partition("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}


def _locked(crate: str) -> str:
    lock = (_ROOT / "rust/Cargo.lock").read_text()
    return lock.partition(f'name = "{crate}"\nversion = "')[2].partition('"')[0]


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", "-C", str(_ROOT), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
