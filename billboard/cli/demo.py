"""``billboard demo``: the whole story on a fresh board and emulator, and checks of its result."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from billboard.board import BoardParameters, create_board, open_board
from billboard.board.client import BoardClient
from billboard.board.manifest import Descriptor
from billboard.board.monitor import Monitor
from billboard.cli.demo_servers import Clock, PushSide, Witnessed, served
from billboard.device.device import Device
from billboard.errors import BillboardError
from billboard.push import PushRequest
from billboard.push.tick import Tick
from billboard.sender.sender import Sender
from billboard.times import HOUR
from billboard.tlog.checkpoint import Policy
from billboard.tokens import DeviceToken, Platform

ORIGIN = "demo.example/board"
CONTACTS = 3
"""Contacts of each phone."""

FRIENDS = 20
"""Phones for each person who can wake some."""

POSTS = 2 * CONTACTS
"""Posts of each phone: for the epoch that is about to end and for the next one."""

DAY = 86_400
EVE = 4 * HOUR
"""The story begins this many seconds before the end of an epoch."""


@dataclass
class Phone:
    """A device, whose state is a file, and the people who can wake it."""

    state: Path
    key: bytes
    token: DeviceToken
    contacts: list[int]


@dataclass
class Story:
    """What happened, and how long it took."""

    times: dict[str, float] = field(default_factory=dict)
    on_board: list[bytes] = field(default_factory=list)
    posted: int = 0
    findings: list[str] = field(default_factory=list)
    errors: list[BillboardError] = field(default_factory=list)
    editions: int = 0
    requests: list[bytes] = field(default_factory=list)
    taken: int = 0
    wanted: int = 0
    blobs: list[bytes] = field(default_factory=list)
    expected: Counter[bytes] = field(default_factory=Counter)
    woken: Counter[bytes] = field(default_factory=Counter)
    connections: int = 0
    ticks: list[Tick] = field(default_factory=list)

    @property
    def opened(self) -> int:
        """Requests that the push server could read."""
        return sum(tick.opened for tick in self.ticks)


def run_demo(devices: int, console: Console) -> bool:
    """Play the story with this many devices, and return whether every check holds."""
    console.print("starting a board and a push server ..")
    with tempfile.TemporaryDirectory(prefix="billboard-demo-") as directory:
        story = _play(devices, Path(directory), console)
        console.print("checking all that happened ..")
        files = [path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()]
    checks = _checks(story, files)
    console.print(_who_saw_what(devices, story))
    console.print(_timing(story))
    for error in story.errors[:10]:
        console.print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
    for claim, holds in checks.items():
        console.print(f"[green]ok[/green]   {claim}" if holds else f"[red]FAIL[/red] {claim}")
    return all(checks.values())


def _play(count: int, path: Path, console: Console) -> Story:
    """Play the acts in order, and return what happened."""
    with Progress(console=console, transient=True) as bars, ExitStack() as stack:
        stage = _Stage(count, path, bars, stack)
        stage.share_lanes()
        stage.post()
        stage.publish()
        stage.fetch()
        stage.send()
        stage.watch()
        stage.deliver()
    return stage.told()


@final
class _Stage:
    """A board, a push server, people and their phones, until ``stack`` is closed."""

    def __init__(self, count: int, path: Path, bars: Progress, stack: ExitStack) -> None:
        self.story = Story()
        self._count, self._path, self._bars = count, path, bars
        self._end = (int(time.time()) // DAY + 1) * DAY
        self._clock = clock = Clock(self._end - EVE)
        self._policy = Policy(create_board(path / "board", BoardParameters(ORIGIN)))
        (path / "push").mkdir()
        self._push = stack.enter_context(PushSide(path / "push", clock, self.story.ticks.append))
        self._board = stack.enter_context(open_board(path / "board", clock=clock))
        self._url = stack.enter_context(served(self._board))
        # All devices and people of this demo share a client, and with it what it has fetched.
        self._client = stack.enter_context(BoardClient(self._url, self._policy, clock=clock))
        self._board.publish_due()
        self._board.publish_descriptor(Descriptor(self._push.server.keys.descriptor))
        count_of_people = max(CONTACTS, count // FRIENDS)
        self._people = [stack.enter_context(self._person(i)) for i in range(count_of_people)]
        self._phones: list[Phone] = []

    def _person(self, number: int) -> Sender:
        return Sender(
            self._path / f"person{number}",
            os.urandom(32),
            [self._client],
            [self._push.key],
            decoys=1,
            courier=Witnessed(self.story.requests),
            clock=self._clock,
        )

    def share_lanes(self) -> None:
        """Make the phones, each of which gives grants to some people."""
        with self._step("devices make lanes, contacts get grants", self._count) as advance:
            for i in range(self._count):
                self._phones.append(self._phone(self._path / f"phone{i}"))
                advance()

    def _phone(self, state: Path) -> Phone:
        """Make a phone and its grants, which in reality go through end-to-end encrypted chats."""
        key, token = os.urandom(32), DeviceToken(Platform.APNS, os.urandom(32))
        contacts = random.SystemRandom().sample(range(len(self._people)), CONTACTS)
        with Device.create(state, key, self._client, self._push.key, clock=self._clock) as device:
            device.set_token(token)
            profile = device.add_profile("its user")
            for contact in contacts:
                grant = profile.add_contact(f"person {contact}")
                self._people[contact].add_contact(state.name, grant)
            device.work(0)  # draws the times of its posts
        return Phone(state, key, token, contacts)

    def post(self) -> None:
        """Let time pass until all posts are due and the board still takes them, and submit them."""
        self._pass_hours(self._end - EVE, self._end - EVE + 2 * HOUR)
        with self._step("devices encrypt, seal and submit (HTTP)", self._count) as advance:
            for phone in self._phones:
                with Device.open(phone.state, phone.key, self._client, clock=self._clock) as device:
                    work = device.work(POSTS)
                    self.story.posted += work.posted
                    self.story.errors += filter(None, [work.error])
                advance()

    def publish(self) -> None:
        """Let time pass until the next epoch begins."""
        with self._step("board publishes the editions", 1):
            self._pass_hours(self._end - EVE + 2 * HOUR, self._end)

    def _pass_hours(self, start: int, end: int) -> None:
        """Let time pass hour by hour, and have the board publish what is due."""
        for hour in range(start, end, HOUR):
            self._clock.skip_to(hour + HOUR + 1)
            for each in self._board.publish_due():
                self.story.editions += 1
                posts = self._board.posts(each.epoch, edition=each.number)
                self.story.on_board += map(bytes, posts)

    def fetch(self) -> None:
        """Let all people fetch, whether they have something to send or not."""
        with self._step("contacts fetch and verify", len(self._people)) as advance:
            for person in self._people:
                self.story.errors += filter(None, [person.work().error])
                advance()

    def send(self) -> None:
        """Wake half of the phones, each through some of the people who can."""
        story, chosen = self.story, random.SystemRandom().sample(self._phones, self._count // 2)
        with self._step("contacts re-randomise, seal and send (HTTP)", len(chosen)) as advance:
            for phone in chosen:
                story.expected[phone.token.value] = 1
                some = random.SystemRandom().randint(1, CONTACTS)
                for contact in random.SystemRandom().sample(phone.contacts, some):
                    errand = self._people[contact].wake(phone.state.name)
                    story.taken += errand.taken
                    story.errors += filter(None, [errand.error])
                    story.wanted += 1
                advance()
        asked = map(self._push.opened, story.requests)
        story.blobs = [each.blob for each in asked if isinstance(each, PushRequest)]

    def watch(self) -> None:
        """Let a monitor verify the whole board."""
        with (
            self._step("a monitor verifies the whole board", 1),
            Monitor(self._url, self._policy, self._path / "monitor", clock=self._clock) as monitor,
        ):
            self.story.findings = [finding.what for finding in monitor.check()]

    def deliver(self) -> None:
        """Make one tick, and wait until its notifications are delivered."""
        with self._step("push server opens the tick", 1):
            self._push.server.tick()
        with self._step("push server wakes devices (TLS, HTTP/2)", 1):
            self._push.wait_until_delivered()

    def told(self) -> Story:
        """Return what happened. Who was woken is known only after the stack is closed."""
        self.story.woken, self.story.connections = self._push.woken, self._push.connections
        return self.story

    @contextmanager
    def _step(self, title: str, total: int) -> Iterator[Callable[[], None]]:
        """Print that a step begins, show its progress, and record how long it took."""
        self._bars.console.print(f"{title} ..", highlight=False)
        task = self._bars.add_task(title, total=total)
        start = time.perf_counter()
        yield lambda: self._bars.advance(task)
        self.story.times[title] = time.perf_counter() - start
        self._bars.remove_task(task)


def _checks(story: Story, files: list[bytes]) -> dict[str, bool]:
    public = [data for data in [*story.on_board, *files] if len(data) >= 32]
    sent = story.blobs
    elements = [blob[i : i + 32] for blob in sent for i in range(0, len(blob), 32)]
    return {
        "every device that had a sender was woken exactly once, and no other": (
            story.woken == story.expected and len(story.expected) > 0
        ),
        "every request opened, and none was a copy of another": (
            story.opened == len(sent) == len(set(sent)) == story.taken == story.wanted
        ),
        "the board published all that it took, and a monitor found nothing wrong in its logs": (
            0 < story.posted <= len(story.on_board) and not story.findings
        ),
        "no token is on the board, or in a file": (not _shown(story.expected, public)),
        "no blob, and no element of one, that the server received is on the board": (
            not _shown(elements, public)
        ),
    }


def _shown(needles: Iterable[bytes], public: Iterable[bytes]) -> bool:
    """Return whether one of the 32-byte ``needles`` occurs anywhere in ``public``.

    A table of all three-byte values finds the places where a needle may begin. Only these few are
    compared in full.
    """
    wanted = set(needles)
    table = np.zeros(1 << 24, np.bool_)
    table[[int.from_bytes(each[:3], "big") for each in wanted]] = True
    for data in public:
        first, second, third = (
            np.frombuffer(data, np.uint8)[i : len(data) - 31 + i].astype(np.uint32)
            for i in range(3)
        )
        places = table[first << 16 | second << 8 | third].nonzero()[0].tolist()
        if any(data[i : i + 32] in wanted for i in places):
            return True
    return False


def _who_saw_what(devices: int, story: Story) -> Table:
    title = "Who saw what: a random half of the devices has senders"
    table = Table("who", "did", "saw", title=title, show_lines=True)
    table.add_row(
        f"{devices} devices",
        f"posted {story.posted} sealed blobs, for each of {CONTACTS} contacts and two epochs",
        "neither who fetches nor who sends",
    )
    dummies = len(story.on_board) - story.posted
    table.add_row(
        "the board",
        f"published {story.editions} editions of {len(story.on_board)} posts",
        f"{story.posted} sealed posts, sorted among {dummies} dummies;"
        " no token, no blob, and not for which server",
    )
    table.add_row(
        "their contacts",
        "fetched bundles of 256, re-randomised the blobs in them",
        "blobs that they cannot read",
    )
    received = sum(tick.received for tick in story.ticks)
    table.add_row(
        "the push server",
        f"opened {_count(received, 'blob')} in one tick,"
        f" woke {_count(sum(story.woken.values()), 'device')}"
        f" over {_count(story.connections, 'connection')}",
        "tokens to wake, but not whose they are or who sent",
    )
    return table


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _timing(story: Story) -> Table:
    table = Table("step", "seconds", title="How long it took")
    for title, seconds in story.times.items():
        table.add_row(title, f"{seconds:.2f}")
    return table
