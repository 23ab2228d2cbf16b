"""Killed, or without power, at each step of storage: what was accepted is delivered or dead."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from board.faults import Counter, Killer, Killing, Recorder, crashed, killing, watched

from billboard import DeviceToken, Platform, SecretKey
from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome
from billboard.push.dispatch.dispatcher import CLAIM_SECONDS
from billboard.push.outbox import Pace
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.request import PushRequest, seal
from billboard.push.server_keys import ServerKeys, create_server_keys
from billboard.push.service import PushServer, Timing
from billboard.push.sqlite import SqliteOutbox
from push.simulation import DELIVERED, START, Scripted, after, now, simulate, until

URL = "https://push.example.org"
TIMING = Timing(tick=0.5, minimum=1, patience=0.5, jitter=0.0, pace=Pace(0.0, 1))
BUSY, REFUSED = Attempt(Outcome.RETRY, "Busy", 429), Attempt(Outcome.REJECTED, "BadTopic", 400)

GOOD, LATE, BAD, SLOW = (DeviceToken(Platform.APNS, bytes([each]) * 32) for each in range(1, 5))
NAMES = {GOOD: "good", LATE: "late", BAD: "bad", SLOW: "slow"}
WANTED = [GOOD, LATE, BAD, SLOW, SLOW, GOOD]
"""The devices of the requests. The last two come when the ones before them are under way."""


@dataclass(frozen=True)
class Case:
    """A server that nothing was sent to yet, and requests to it."""

    site: Path
    requests: tuple[bytes, ...]
    operations: int
    """How many the whole `play` takes."""

    def copy(self, path: Path) -> Path:
        return Path(shutil.copytree(self.site, path))


def play(
    site: Path,
    requests: tuple[bytes, ...],
    promise: Callable[[str], None],
    accepted: frozenset[int] = frozenset(),
    later: float = 0.0,
) -> None:
    """Send what was not accepted before, and deliver: says ``promise`` of each step."""

    def clock() -> float:
        return now() + later

    async def answer(one: Notification, before: int) -> Attempt:
        name = NAMES[one.token]
        promise(f"begin {name} {one.id}")
        attempt = DELIVERED
        if one.token == LATE and before == 0:
            attempt = BUSY
        elif one.token == BAD:
            attempt = REFUSED
        elif one.token == SLOW:
            await after(2.0)
        if attempt is DELIVERED:
            promise(f"delivered {name} {one.id}")
        return attempt

    async def main() -> None:
        with SqliteOutbox(site / "outbox.sqlite") as outbox:
            keys = ServerKeys(site, [SecretKey.load(site / "secret.key")], URL)
            provider = Scripted(answer)
            dispatcher = Dispatcher(outbox, [provider], clock=clock, random=lambda: 0.5)
            server = PushServer(keys, outbox, dispatcher, timing=TIMING, clock=clock, threads=1)
            async with server:
                for numbers in (range(4), range(4, 6)):
                    for number in sorted(set(numbers) - accepted):
                        promise(f"offered {number}")
                        await server.take(requests[number])
                        promise(f"accepted {number}")
                    await until(lambda: outbox.waiting()[0] == 0)
                await until(lambda: outbox.next_due(Platform.APNS) is None)

    simulate(main)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    directory = tmp_path_factory.mktemp("steps")
    site = directory / "site"
    site.mkdir()
    secret = SecretKey.generate()
    secret.save(site / "secret.key")
    create_server_keys(site, "push.example.org")
    keys = ServerKeys(site, [secret], URL)
    keys.renew(START)
    with SqliteOutbox.create(site / "outbox.sqlite") as outbox:
        outbox.hold(keys.held(START))
    descriptor = ServerDescriptor.from_bytes(keys.descriptor, keys.server)
    public = secret.public_key
    requests = tuple(
        seal(PushRequest.of(public.key_id, public.encrypt(each, now=START)), descriptor, now=START)
        for each in WANTED
    )
    counter, counted = Counter(), Path(shutil.copytree(site, directory / "counted"))
    promises: list[str] = []
    with watched(counter):
        play(counted, requests, promises.append)
    assert sorted(each for each in promises if "accepted" in each) == [
        f"accepted {number}" for number in range(6)
    ]
    return Case(site, requests, counter.count)


def check(site: Path, requests: tuple[bytes, ...], promises: list[str], what: str) -> None:
    """Start again, two minutes later; senders repeat what was not answered."""
    accepted = frozenset(int(each.split()[1]) for each in promises if each.startswith("accepted"))
    play(site, requests, promises.append, accepted, CLAIM_SECONDS + 1)
    with SqliteOutbox(site / "outbox.sqlite") as outbox:
        dead = {(each.outcome, each.reason) for each in outbox.dead_letters(100)}
        assert outbox.waiting() == (0, None), what
        assert outbox.next_due(Platform.APNS) is None, what
    assert dead == {(Outcome.REJECTED, "BadTopic")}, what
    for number, token in enumerate(WANTED):
        if token is not BAD:
            # An attempt that began before it was sent may have woken the device too early.
            since = promises[promises.index(f"offered {number}") :]
            begun = {each.split()[2] for each in since if each.startswith(f"begin {NAMES[token]}")}
            done = {each.split()[2] for each in since if f"delivered {NAMES[token]}" in each}
            assert begun & done, f"{what}: request {number} is silently gone"
    for name in NAMES.values():
        ids = {each.split()[2] for each in promises if each.startswith(f"delivered {name}")}
        assert len(ids) <= WANTED.count(next(each for each in NAMES if NAMES[each] == name))


@pytest.fixture(scope="module")
def killed() -> Iterator[Killing]:
    """Plays that are killed."""
    with killing(play) as started:
        yield started


def kill_at(case: Case, killed: Killing, path: Path, number: int, part: float) -> None:
    site = case.copy(path)
    promises, was_killed = killed(site, case.requests, Killer(number, part))
    # How many operations the last checkpoint takes depends on random ids.
    assert was_killed or number > case.operations - 20
    check(site, case.requests, promises, f"killed at {number}")
    shutil.rmtree(site)


GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_killed_at_any_step(case: Case, killed: Killing, tmp_path: Path, group: int) -> None:
    chosen = random.Random(group)
    for number in sorted(chosen.sample(range(group, case.operations, GROUPS), 8)):
        kill_at(case, killed, tmp_path / "site", number, chosen.choice([0, 0.5, 1]))


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, 0.5])
def test_killed_at_every_step(case: Case, killed: Killing, tmp_path: Path, part: float) -> None:
    for number in range(case.operations):
        kill_at(case, killed, tmp_path / "site", number, part)


def lose_power(case: Case, path: Path, seed: int, count: int | None) -> None:
    """At ``count`` random steps, or at every one."""
    recorder, before = Recorder(), case.copy(path / "before")
    with watched(recorder):
        play(before, case.requests, recorder.mark)
    shutil.rmtree(before)
    case.copy(before)
    chosen = random.Random(seed)
    steps = range(len(recorder.done) + 1)
    for end in steps if count is None else sorted(chosen.sample(steps, count)):
        site = path / "after"
        promises = crashed(before, recorder, end, chosen, site)
        (site / "request-keys").chmod(0o700)
        check(site, case.requests, promises, f"without power at {end}")
        shutil.rmtree(site)


@pytest.mark.parametrize("seed", range(3))
def test_power_loss_at_any_step(case: Case, tmp_path: Path, seed: int) -> None:
    lose_power(case, tmp_path, seed, 8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_power_loss_at_every_step(case: Case, tmp_path: Path, seed: int) -> None:
    lose_power(case, tmp_path, seed, None)
