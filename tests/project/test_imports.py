"""What an import loads, what an installation without extras has, and which layers hold."""

from __future__ import annotations

import ast
import math
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from places import ROOT

from billboard import lazy
from billboard.push import providers

DISPATCH_ALONE = """
import sys
from billboard import DeviceToken, Platform
from billboard.push.dispatch import Dispatcher, Notification, SqliteQueue
from billboard.push.providers import {provider}

print(*sorted(sys.modules), sep="\\n")
"""

NOT_FOR_DISPATCH = (
    *("numpy", "starlette", "typer"),
    *("billboard._core", "billboard.board", "billboard.keys", "billboard.blob", "billboard.lanes"),
    *("billboard.posts", "billboard.frames", "billboard.groups", "billboard.elgamal"),
    *("billboard.tlog", "billboard.push.service", "billboard.push.requests", "billboard.push.tick"),
)


def run(program: str, *options: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("provider", [each for each in dir(providers) if each.endswith("Provider")])
def test_dispatch_and_a_provider_load_no_board_no_keys_no_core_and_no_numpy(provider: str) -> None:
    loaded = run(DISPATCH_ALONE.format(provider=provider)).split()
    assert "billboard.push.dispatch.dispatcher" in loaded
    unwanted = [
        name
        for name in loaded
        if any(name == each or name.startswith(f"{each}.") for each in NOT_FOR_DISPATCH)
    ]
    assert unwanted == []


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
EXTRAS = ("curl_cffi", "msgspec", "starlette", "prometheus_client", "jwt", "http_ece", "botocore")


def test_without_extras_all_else_is_there() -> None:
    program = WITHOUT.format(missing=EXTRAS) + (
        "import billboard\n"
        "from billboard import *\n"
        "from billboard.board import *\n"
        "from billboard.push import *\n"
        "from billboard.tlog import *\n"
        "from billboard.push.providers import *\n"
        "from billboard.push.dispatch import *\n"
        "assert 'Lane' in dir(billboard) and 'Device' not in dir(billboard)\n"
        "assert SecretKey and Board and SqliteOutbox and Dispatcher and Cosigner and MAX_PAYLOAD\n"
        "assert all(getattr(billboard, name) for name in dir(billboard))\n"
    )
    run(program)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("from billboard import Device", "billboard.Device needs curl_cffi"),
        ("from billboard import BoardClient", "billboard.BoardClient needs curl_cffi"),
        ("from billboard.board import create_app", "billboard.board.create_app needs"),
        ("from billboard.push import create_app", "billboard.push.create_app needs"),
        ("from billboard.push.providers import ApnsProvider", "ApnsProvider needs curl_cffi"),
        ("from billboard.push.providers import SnsProvider", "SnsProvider needs botocore"),
        (
            "from billboard.tlog import WitnessClient",
            "billboard.tlog.WitnessClient needs curl_cffi",
        ),
    ],
)
def test_what_lacks_an_extra_says_which(statement: str, says: str) -> None:
    program = WITHOUT.format(missing=EXTRAS) + (
        f"try:\n    {statement}\nexcept ImportError as error:\n    print(error, error.extra)\n"
    )
    said = run(program)
    extra = said.split()[-1]
    assert says in said
    assert f"pip install 'anonymous-billboard[{extra}]'" in said


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    program = (
        "import billboard.push\n"
        "try:\n    billboard.push.Nothing\nexcept AttributeError as error:\n    print(error)"
    )
    assert run(program) == "module 'billboard.push' has no attribute 'Nothing'\n"


def test_one_thread_imports_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a thread may get a module that another has imported only in part."""
    monkeypatch.setitem(sys.modules, "lazy", ModuleType("lazy"))
    get, _, _ = lazy.exports("lazy", {"json": "loads dumps", "math": "pi", "re": "compile"})
    inside: list[int] = []
    most: list[int] = []

    def slowly(name: str) -> ModuleType:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.05)
        inside.pop()
        return sys.modules[name]

    monkeypatch.setattr("billboard.lazy.importlib.import_module", slowly)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(get, ["loads", "dumps", "pi", "compile"]))[2] == math.pi
    assert max(most) == 1
    assert vars(sys.modules["lazy"])["pi"] == math.pi, "it is not asked for again"


def test_modules_take_from_the_package_itself_only_modules() -> None:
    """`lint-imports` passes over imports from ``billboard``, since the core looks like one."""
    found = []
    for path in (ROOT / "billboard").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert "billboard" not in [alias.name for alias in node.names], path
            if not isinstance(node, ast.ImportFrom):
                continue
            assert node.level == 0, f"{path}: a relative import"
            if node.module == "billboard":
                found += [(path.name, alias.name) for alias in node.names]
                dispatches = {"dispatch", "providers"} & set(path.parts)
                assert not dispatches or node.names[0].name != "_core", path
    package = ROOT / "billboard"
    modules = {path.stem for path in package.glob("*.py")}
    modules |= {path.name for path in package.iterdir() if path.is_dir()} | {"_core"}
    assert [each for each in found if each[1] not in modules] == []
    assert len(found) > 10


FORBIDDEN = {
    "push takes from the board": (
        "push/tick.py", "from billboard.board.objects import FileObjects"),
    "the board takes from push": (
        "board/receipt.py", "from billboard.push.clock import ClockWatch"),
    "a log takes from its application": (
        "tlog/note.py", "from billboard.board.manifest import Edition"),
    "a log takes from the protocol": ("tlog/tiles.py", "from billboard.posts import Post"),
    "storage takes from what is above": (
        "storage/files.py", "from billboard.tlog.note import NoteKey"),
    "web takes from a log": ("web/bodies.py", "from billboard.tlog.note import NoteKey"),
    "a device takes from a sender": ("device/plan.py", "from billboard.sender.book import Book"),
    "for type checkers only": (
        "tokens.py",
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from billboard.keys import PublicKey",
    ),
    "dispatch takes from the server": (
        "push/dispatch/queue.py", "from billboard.push.outbox import Pace"),
    "a provider takes from the protocol": (
        "push/providers/apns.py", "from billboard.frames import Frame"),
    "reading takes from serving": (
        "board/reading/cache.py", "from billboard.board.serving.intake import submissions"),
    "a module outside of the layers": ("utilities.py", "from billboard.errors import NotMine"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of the package with all these imports in it."""
    tree = tmp_path_factory.mktemp("tree")
    package = tree / "billboard"
    shutil.copytree(ROOT / "billboard", package, ignore=shutil.ignore_patterns("*.so"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    future = "from __future__ import annotations\n"
    for name, line in FORBIDDEN.values():
        path = package / name
        text = path.read_text() if path.exists() else future
        path.write_text(text.replace(future, f"{future}\n{line}\n", 1))
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(tree)},
    )
    assert done.returncode == 1
    return done.stdout


@pytest.mark.parametrize("what", FORBIDDEN)
def test_an_import_of_each_forbidden_kind_is_refused(what: str, refused: str) -> None:
    name, line = FORBIDDEN[what]
    importer = "billboard." + name.removesuffix(".py").replace("/", ".")
    (imported,) = re.findall(r"from (billboard\S+)", line)
    listed = importer if what == "a module outside of the layers" else f"{importer} -> {imported}"
    assert listed in refused
