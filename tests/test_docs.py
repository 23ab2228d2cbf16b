"""What the documents show works, and what they point to exists."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from board.serving import OCTETS, running
from board.witnesses import serving

from billboard import (
    BoardParameters,
    DeviceToken,
    Lane,
    Platform,
    SecretKey,
    create_board,
    open_board,
)
from billboard.board.server import create_app
from billboard.push import SqliteOutbox, create_server_keys
from billboard.push.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
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
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", (ROOT / "SPEC.md").read_text(), re.MULTILINE)
    }
    for anchor in re.findall(r"\]\((?:SPEC\.md)?#([^)]*)\)", text):
        assert anchor in headings, anchor


def readme(function: str) -> Any:
    """The function of README.md's example that defines it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (code,) = (block for block in blocks if f"def {function}(" in block)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    return names[function]


async def test_the_readme_is_a_push_server(tmp_path: Path) -> None:
    """Its application and its sender, over HTTP, and the sandbox instead of Apple."""
    secret_key, value = SecretKey.generate(), bytes(range(32))
    blob = secret_key.public_key.encrypt(DeviceToken(Platform.APNS, value))
    server_key = create_server_keys(tmp_path, "example.org/wake")
    SqliteOutbox.create(tmp_path / "outbox.sqlite").close()
    application, request = readme("application"), readme("request")
    async with Sandbox() as sandbox:
        application.__globals__["ApnsProvider"] = partial(
            application.__globals__["ApnsProvider"], host=sandbox.url, ca_file=sandbox.ca_file
        )
        key = sandbox.key
        app = application(tmp_path, secret_key, key.team_id, key.key_id, key.private_key_pem)
        with running(app) as http:

            def send() -> int:
                descriptor = http.get("/wake/descriptor").body
                body = request(secret_key.public_key, blob, descriptor, server_key)
                return http.request("POST", "/wake/push", body, OCTETS).status

            assert await asyncio.to_thread(send) == 202
            deadline = time.monotonic() + 120
            while not sandbox.deliveries:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            # In a thread: the server waits for the sandbox, which answers in this event loop.
            await asyncio.to_thread(http.stop)
        assert [delivery.token for delivery in sandbox.deliveries] == [value]


def test_the_readme_reads_a_board_over_http(tmp_path: Path) -> None:
    """Its example of a client, against a board that is served."""
    fetch = readme("fetch")
    key = create_board(tmp_path / "board", BoardParameters("example.org/board"))
    server_key, lane = SecretKey.generate().public_key, Lane.generate("example.org/board")
    blob = server_key.encrypt(DeviceToken(Platform.APNS, bytes(32)))
    with open_board(tmp_path / "board") as board, serving(create_app(board)) as url:
        post = lane.post(board.epoch, blob, server_key)
        board.submit(post)
        board.publish(board.epoch)
        assert fetch(url, key, lane.grant(board.epoch)) == post


def test_the_code_cites_sections_that_exist() -> None:
    spec = (ROOT / "SPEC.md").read_text()
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?) ", spec, re.MULTILINE))
    cited = set()
    for path in [*ROOT.glob("billboard/**/*.py"), *ROOT.glob("rust/src/**/*.rs")]:
        for group in re.findall(r"SPEC (\d[\d., ]*)", path.read_text()):
            cited |= set(re.findall(r"\d+(?:\.\d+)?", group))
    assert len(cited) > 15
    assert cited <= sections
