"""What the documents show works, and what they point to exists."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import re
import time
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from places import ROOT
from tlog.witnesses import serving

from billboard import (
    Board,
    BoardParameters,
    SecretKey,
    create_board,
    open_board,
)
from billboard.board.client import BoardClient
from billboard.board.manifest import Descriptor
from billboard.board.server import create_app
from billboard.cli.demo_servers import listening, url_of
from billboard.push import PushServer, ServerKeys, SqliteOutbox, Timing, create_server_keys
from billboard.push.dispatch import Dispatcher
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns import ApnsProvider
from billboard.push.server import create_app as create_push_app
from billboard.tlog.checkpoint import Policy
from billboard.tlog.note import NoteKey

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("document", ["README.md", "docs/research.md"])
def test_the_examples_run(document: str) -> None:
    result = doctest.testfile(
        str(ROOT / document), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert result.attempted >= 11
    assert result.failed == 0


@pytest.mark.parametrize("name", ["billboard.elgamal", "billboard.groups", "billboard.universal"])
def test_docstrings_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_sections(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text())
    for target, anchor in links:
        linked = document.parent / target if target else document
        assert linked.exists(), target
        if anchor:
            assert anchor in headings(linked), f"{target}#{anchor}"


def headings(document: Path) -> set[str]:
    """The anchors of the headings of a document. A page of docs/ may include one of the root."""
    text = document.read_text()
    if included := re.search(r"\{include\} (\S+)", text):
        text = (document.parent / included[1]).read_text()
    return {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


def test_each_question_has_its_test() -> None:
    names = re.findall(
        r"\| `(test_\w+)` \|$", (ROOT / "docs/questions.md").read_text(), re.MULTILINE
    )
    rows = (ROOT / "docs/questions.md").read_text().count("\n| ") - 1
    there = "".join(path.read_text() for path in (ROOT / "tests/clients").glob("test_*.py"))
    assert len(names) == rows > 20
    assert [name for name in names if f"\ndef {name}(" not in there] == []


def phones(function: str) -> Any:
    """The function of the example in docs/phones.md that defines it."""
    text = (ROOT / "docs/phones.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    return names[function]


async def test_the_example_wakes_alice(tmp_path: Path) -> None:
    """Its device and its sender, over HTTP: a board, a push server, and the emulator."""
    server_key = create_server_keys(tmp_path, "example.org/push")
    parameters = BoardParameters("example.org/board", late_interval=1)
    board_key = create_board(tmp_path / "board", parameters)
    with (
        SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox,
        open_board(tmp_path / "board") as board,
        listening() as its_socket,
    ):
        async with ApnsEmulator() as emulator:
            provider = ApnsProvider(emulator.key, {0: "topic"}, emulator.url, emulator.ca_file)
            keys = ServerKeys(tmp_path, [SecretKey.generate()], url_of(its_socket))
            soon = Timing(tick=0.1, minimum=1, patience=0.1, jitter=0.0)
            push = PushServer(keys, outbox, Dispatcher(outbox, [provider]), timing=soon)
            board.publish_due()
            board.publish_descriptor(Descriptor(keys.descriptor))
            app = uvicorn.Server(
                uvicorn.Config(create_push_app(push), lifespan="off", log_config=None)
            )
            async with push:
                serving_push = asyncio.create_task(app.serve(sockets=[its_socket]))
                await asyncio.to_thread(_wake_alice, tmp_path, board, board_key, server_key)
                deadline = time.monotonic() + 120
                while not emulator.deliveries:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
                app.should_exit = True
                await serving_push
            assert {each.token for each in emulator.deliveries} == {b"alice's phone".ljust(32)}


def _wake_alice(directory: Path, board: Board, board_key: NoteKey, server_key: NoteKey) -> None:
    alice, bob, policy = phones("alice"), phones("bob"), Policy(board_key)
    secret = bytes(range(32))
    with serving(create_app(board)) as url, BoardClient(url, policy) as client:
        token = b"alice's phone".ljust(32)
        device, grant = alice(directory / "alice", secret, client, server_key, token)
        with device, bob(directory / "bob", secret, client, server_key, grant) as sender:
            deadline = time.monotonic() + 120
            while not sender.wake("alice").taken:
                assert time.monotonic() < deadline
                device.work()
                board.publish_due()
                sender._book.state.fetch_at = 0.0  # rather than in an hour
                sender.work()
                time.sleep(0.2)


def test_the_code_cites_sections_that_exist() -> None:
    spec = (ROOT / "SPEC.md").read_text()
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?) ", spec, re.MULTILINE))
    cited = set()
    for path in [*ROOT.glob("billboard/**/*.py"), *ROOT.glob("rust/src/**/*.rs")]:
        for group in re.findall(r"SPEC (\d[\d., ]*)", path.read_text()):
            cited |= set(re.findall(r"\d+(?:\.\d+)?", group))
    assert len(cited) > 15
    assert cited <= sections
