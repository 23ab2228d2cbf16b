"""The example of docs/dispatch.md: it queues, is killed, is started again, and delivers."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from places import ROOT
from processes import LONGEST, watched

from billboard.push.dispatch import SqliteQueue
from billboard.push.emulators.apns import ApnsEmulator
from billboard.tokens import Platform

EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "docs/dispatch.md").read_text(), re.DOTALL)[0]

IN_PLACE_OF_APPLE = """
import functools
from billboard.push import providers
providers.ApnsKey = functools.partial(providers.ApnsKey, {team!r}, {key!r})
providers.ApnsKey = (lambda make: lambda _team, _key, pem: make(pem))(providers.ApnsKey)
providers.ApnsProvider = functools.partial(
    providers.ApnsProvider, host={host!r}, ca_file={ca_file!r}
)
"""

KILLED_WHILE_CREATING = """
import os, signal
os.urandom = lambda _: os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED = """
import os, signal
from billboard.push.dispatch import Dispatcher
Dispatcher.run = lambda _: os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_example_is_short() -> None:
    lines = [line for line in EXAMPLE.splitlines() if line.strip()]
    assert len(lines) <= 15


async def test_what_was_queued_before_a_kill_is_delivered_after_it(tmp_path: Path) -> None:
    tokens = [bytes([each]) * 32 for each in (1, 2)]
    async with ApnsEmulator() as emulator:
        (tmp_path / "key.p8").write_bytes(emulator.key.private_key_pem)
        setting = IN_PLACE_OF_APPLE.format(
            team=emulator.key.team_id,
            key=emulator.key.key_id,
            host=emulator.url,
            ca_file=str(emulator.ca_file),
        )

        def example(before: str, *arguments: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, "-c", setting + before + EXAMPLE, *arguments],
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                text=True,
            )

        with example(KILLED_WHILE_CREATING) as process, watched(process):
            assert process.wait(LONGEST) == -signal.SIGKILL
        with example(KILLED, *(each.hex() for each in tokens)) as process, watched(process):
            assert process.wait(LONGEST) == -signal.SIGKILL
        with SqliteQueue(tmp_path / "queue.sqlite") as queue:
            assert queue.pending() == {Platform.APNS: 2}
            assert emulator.deliveries == []
            with example("") as process, watched(process):
                await _until_empty(queue)
                process.send_signal(signal.SIGINT)
                assert process.wait(LONGEST) == -signal.SIGINT
            assert sorted(each.token for each in emulator.deliveries) == tokens
            assert queue.dead_letters(1) == []


async def _until_empty(queue: SqliteQueue) -> None:
    deadline = time.monotonic() + LONGEST
    while queue.pending():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
