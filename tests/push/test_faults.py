"""A push server loses nothing that it accepted, whenever it is killed and whatever fails."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from billboard.push.dispatch import Notification
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.outbox import Pace
from billboard.push.sqlite import SqliteOutbox
from push.killed import CONTEXT, Lives, Site, dispatch, make_site, write_requests
from push.support import device

LONGEST = 300.0
"""Seconds for one life of a server, on a machine that has much else to do."""


class SlowApns(ApnsEmulator):
    """A push service that fails now and then, and has its event loop in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(latency=0.02, reset_every=701, drop_every=1999, goaway_every=1500)


@pytest.fixture
def apns() -> Iterator[SlowApns]:
    emulator = SlowApns()
    ready, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def main() -> None:
        async with emulator:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(60)
    yield emulator
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


def lose_nothing(
    site: Site, apns: SlowApns, chosen: random.Random, count: int, kills: int
) -> Lives:
    """Send ``count`` requests through a server that is killed all the time; see what became."""
    tokens = [os.urandom(32) for _ in range(count)]
    gone, throttled = set(tokens[:: count // 20]), tokens[1 :: count // 20]
    for each in gone:
        apns.unregister(each)
    for each in throttled:
        apns.throttle(each, times=1)
    write_requests(site, tokens)
    apns.deliveries.clear()

    def progress() -> int:
        return site.accepted.stat().st_size // 4 + len(apns.deliveries)

    lives = Lives(site, chosen, LONGEST)
    lives.live(kills, 2 * count // kills, progress)
    assert sorted(site.accepted_numbers()) == list(range(count))
    delivered: defaultdict[bytes, set[UUID]] = defaultdict(set)
    for delivery in list(apns.deliveries):
        delivered[delivery.token].add(delivery.apns_id)
    dead = dead_letters(site)
    for token in tokens:
        assert token in delivered or dead.get(token), "it is silently gone"
    assert {dead[each] for each in gone} == {"Unregistered"}
    assert not gone & set(delivered)
    assert {len(ids) for ids in delivered.values()} == {1}, "a repeat has the id of the first"
    return lives


def dead_letters(site: Site) -> dict[bytes, str]:
    """The tokens of all dead letters, and their reasons."""
    with SqliteOutbox(site.outbox) as outbox:
        return dict(outbox._database.rows("SELECT token, reason FROM dead"))


@pytest.mark.parametrize(
    ("count", "kills"), [(1_000, 4), pytest.param(10_000, 16, marks=pytest.mark.slow)]
)
def test_killed_at_random_moments(apns: SlowApns, tmp_path: Path, count: int, kills: int) -> None:
    site = make_site(tmp_path, apns.key, apns.url, apns.ca_file)
    lives = lose_nothing(site, apns, random.Random(6), count, kills)
    assert lives.killed >= kills // 2


@pytest.mark.slow
def test_a_million_requests_and_a_thousand_kills(apns: SlowApns, tmp_path: Path) -> None:
    """In rounds, each with an outbox of its own."""
    chosen = random.Random(7)
    killed = 0
    for number in range(50):
        directory = tmp_path / str(number)
        directory.mkdir()
        site = make_site(directory, apns.key, apns.url, apns.ca_file)
        killed += lose_nothing(site, apns, chosen, 20_000, 20).killed
        shutil.rmtree(directory)
    assert killed >= 500


def test_two_processes_deliver_from_one_outbox(tmp_path: Path) -> None:
    """Each notification once, for no claim ends meanwhile."""
    batch = [Notification(device(), expires=time.time() + 3600) for _ in range(1500)]
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        outbox.enqueue((), [(each, time.time()) for each in batch], Pace(0.0, 1))
        told = [tmp_path / "one", tmp_path / "two"]
        processes = [
            CONTEXT.Process(target=dispatch, args=(outbox.path, path, told)) for path in told
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(LONGEST)
            process.kill()
        assert [process.exitcode for process in processes] == [0, 0]
        assert outbox.dead_letters(1) == []
    data = b"".join(path.read_bytes() for path in told)
    sent = Counter(data[at : at + 16] for at in range(0, len(data), 16))
    assert sent == {each.id.bytes: 1 for each in batch}
    assert all(path.stat().st_size for path in told), "both had a part"
