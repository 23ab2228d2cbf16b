"""What ``make`` looks for in the system, and what it says and does if that is missing."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from places import ROOT

RUSTUP = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
USED = ("bash", "env", "head", "sort", "cut", "grep", "cat")
PRESENT = {
    "python3": "exit 0",
    "cc": "cat",
    "cargo": "echo cargo 1.89.0",
    "openssl": "exit 0",
    "curl": "echo Features: HTTP2",
    "chromium": "exit 0",
    "valgrind": "exit 0",
    "id": "echo 1000",
}
ALL = ("python", "compiler", "rust", "rust-linters", "headers", "http2", "chromium", "valgrind")


def ask(directory: Path, programs: dict[str, str], *what: str) -> subprocess.CompletedProcess[str]:
    """Run it where no programs are but these, each of a line of shell."""
    directory.mkdir(exist_ok=True)
    for name in USED:
        (directory / name).symlink_to(shutil.which(name) or name)
    for name, line in programs.items():
        (directory / name).write_text(f"#!{shutil.which('bash')}\n{line}\n")
        (directory / name).chmod(0o755)
    return subprocess.run(
        [ROOT / ".ci/prerequisites", *what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": str(directory)},
    )


def test_all_is_there(tmp_path: Path) -> None:
    done = ask(tmp_path / "bin", PRESENT, *ALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_that_is_missing_is_one_line_to_paste(tmp_path: Path) -> None:
    done = ask(tmp_path / "bin", {"id": "echo 1000"}, *ALL)
    assert done.returncode == 1
    names, line = done.stderr.splitlines()
    assert re.findall(
        r"Python 3.11|C compiler|Rust 1.89|clippy|OpenSSL|HTTP/2|Chromium|valgrind", names
    ) == [
        *(
            "Python 3.11",
            "C compiler",
            "Rust 1.89",
            "clippy",
            "OpenSSL",
            "HTTP/2",
            "Chromium",
            "valgrind",
        )
    ]
    packages, _, command = line.partition(" && ")
    assert packages.split() == [
        *("apt-get", "install", "-y", "python3-venv", "gcc", "libc6-dev", "curl"),
        *("ca-certificates", "libssl-dev", "openssl", "python3-dev", "chromium", "valgrind"),
    ]
    assert command == RUSTUP


@pytest.mark.parametrize(
    ("changed", "what", "line"),
    [
        ({"cargo": "echo cargo 1.88.0"}, "rust", RUSTUP),
        (
            {"cargo": "echo cargo 1.9.0", "rustup": "exit 0"},
            "rust",
            "rustup toolchain install stable && rustup default stable",
        ),
        (
            {"cargo": "[ $1 = --version ]", "rustup": "exit 0"},
            "rust-linters",
            "rustup component add rustfmt clippy",
        ),
        ({"python3": "exit 1"}, "python", "apt-get install -y python3-venv"),
        ({"cc": "exit 1", "sudo": "exit 1"}, "compiler", "sudo apt-get install -y gcc libc6-dev"),
        ({"curl": "echo curl 7"}, "http2", "apt-get install -y curl"),
    ],
)
def test_what_is_too_old_or_broken(
    tmp_path: Path, changed: dict[str, str], what: str, line: str
) -> None:
    done = ask(tmp_path / "bin", PRESENT | changed, *ALL)
    assert done.returncode == 1
    assert line in done.stderr.splitlines()[1]
    assert ask(tmp_path / "other", PRESENT | changed, what).stderr.splitlines()[1] == line


def test_root_installs_all_but_rust(tmp_path: Path) -> None:
    programs = {
        "id": "echo 0",
        "python3": "exit 0",
        "apt-get": f'echo "$@" >> {tmp_path}/log; [ $1 = update ] || echo cat > {tmp_path}/bin/cc; '
        f"{shutil.which('chmod')} +x {tmp_path}/bin/cc",
        "cc": "exit 1",
    }
    done = ask(tmp_path / "bin", programs, "python", "compiler", "rust")
    assert (tmp_path / "log").read_text().splitlines() == [
        "update -qq",
        "install -qq -y gcc libc6-dev curl ca-certificates",
    ]
    assert "apt-get installs gcc libc6-dev curl ca-certificates" in done.stdout
    assert done.returncode == 1
    assert "a C compiler" not in done.stderr
    assert "Rust 1.89" in done.stderr


@pytest.mark.parametrize(
    ("goal", "wanted", "unwanted"),
    [
        ("demo", "rust", "headers"),
        ("docs", "rust", "headers"),
        ("wheel", "rust", "headers"),
        ("notebook", "headers", "linters"),
        ("bench", "headers", "linters"),
        ("test", "rust-linters", "chromium"),
        ("test-slow", "http2 chromium", "valgrind"),
        ("ct", "valgrind", "http2"),
    ],
)
def test_goals_ask_for_what_they_need(goal: str, wanted: str, unwanted: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(
        ["make", "--dry-run", goal],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=clean,
    ).stdout
    (asked,) = set(re.findall(r"\.ci/prerequisites (.*)", told))
    assert wanted in asked
    assert unwanted not in asked


def test_all_that_is_installed_is_pinned() -> None:
    def normal(requirement: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    named = {normal(each) for some in lists for each in some if isinstance(each, str)}
    pinned = {
        normal(line)
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if re.fullmatch(r"[\w.-]+==[\w.]+", line)
    }
    assert named - pinned == {"anonymous-billboard"}


def test_all_that_is_installed_runs_on_the_python_of_debian_12() -> None:
    wanted = {
        each.name: each.metadata["Requires-Python"] or ""
        for each in importlib.metadata.distributions()
    }
    assert len(wanted) > 100
    assert [name for name in wanted if "3.11.2" not in SpecifierSet(wanted[name])] == []
