"""``billboard demo``: the whole story on a fresh board and the sandbox, and a check of it."""

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

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from billboard.board import Board, BoardParameters, Edition, create_board, open_board
from billboard.board.checkpoint import Policy
from billboard.board.client import BoardClient
from billboard.board.manifest import Descriptor
from billboard.board.monitor import Monitor
from billboard.board.published import CHECKPOINT_AGE
from billboard.cli.demo_servers import Clock, PushSide, Witnessed, served
from billboard.device import Device
from billboard.errors import BillboardError
from billboard.push import PushRequest
from billboard.push.tick import Tick
from billboard.sender import Sender
from billboard.tokens import DeviceToken, Platform

ORIGIN = "demo.example/board"
CONTACTS = 3
"""Of each phone."""

FRIENDS = 20
"""Phones that a person knows, or so."""

POSTS = 2 * CONTACTS
"""Of each phone: for the epoch that is about to end, and for the next."""

DAY = 86_400
HOUR = 3600
EVE = 4 * HOUR
"""Seconds before the end of an epoch at which the story begins."""


@dataclass
class Phone:
    """A device, whose state is a file, and who can wake it."""

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
    """Play the story with that many devices; whether everything was as it should be."""
    with tempfile.TemporaryDirectory(prefix="billboard-demo-") as directory:
        story = _play(devices, Path(directory), console)
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
    story = Story()
    end = (int(time.time()) // DAY + 1) * DAY
    clock = Clock(end - EVE)
    parameters = BoardParameters(ORIGIN)
    policy = Policy(create_board(path / "board", parameters))
    (path / "push").mkdir()
    with Progress(console=console, transient=True) as bars, ExitStack() as stack:

        @contextmanager
        def step(title: str, total: int) -> Iterator[Callable[[], None]]:
            task = bars.add_task(title, total=total)
            start = time.perf_counter()
            yield lambda: bars.advance(task)
            story.times[title] = time.perf_counter() - start
            bars.remove_task(task)

        push = stack.enter_context(PushSide(path / "push", clock, story.ticks.append))
        board = stack.enter_context(open_board(path / "board", clock=clock))
        url = stack.enter_context(served(board))
        # All devices and contacts of this demo share a client, and so what it has fetched.
        client = stack.enter_context(BoardClient(url, policy, clock=clock))
        board.publish_due()
        board.publish_descriptor(Descriptor(push.server.keys.descriptor))
        people = [
            stack.enter_context(
                Sender(
                    path / f"person{i}",
                    os.urandom(32),
                    [client],
                    [push.key],
                    dummies=1,
                    courier=Witnessed(story.requests),
                    clock=clock,
                )
            )
            for i in range(max(CONTACTS, count // FRIENDS))
        ]
        with step("devices make lanes, contacts get grants", count) as advance:
            phones = []
            for i in range(count):
                phones.append(_phone(path / f"phone{i}", client, push, people, clock))
                advance()
        # When all that is for the next epoch is due, and the board still takes it.
        published = [*_pass_hours(board, clock, end - EVE, end - EVE + 2 * HOUR)]
        with step("devices encrypt, seal and submit (HTTP)", count) as advance:
            for phone in phones:
                with Device.open(phone.state, phone.key, client, clock=clock) as device:
                    work = device.work(POSTS)
                    story.posted += work.posted
                    story.errors += filter(None, [work.error])
                advance()
        with step("board publishes the editions", 1):
            published += _pass_hours(board, clock, end - EVE + 2 * HOUR, end)
            time.sleep(CHECKPOINT_AGE)  # for so long the server may show the checkpoint before
        story.editions = len(published)
        story.on_board = [
            bytes(post)
            for each in published
            for post in board.posts(each.epoch, edition=each.number)
        ]
        with step("contacts fetch and verify", len(people)) as advance:
            for person in people:
                story.errors += filter(None, [person.work().error])
                advance()
        chosen = random.SystemRandom().sample(phones, count // 2)
        with step("contacts re-randomise, seal and send (HTTP)", len(chosen)) as advance:
            for phone in chosen:
                story.expected[phone.token.value] = 1
                for contact in random.SystemRandom().sample(phone.contacts, _some_contacts()):
                    errand = people[contact].wake(phone.state.name)
                    story.taken += errand.taken
                    story.errors += filter(None, [errand.error])
                    story.wanted += 1
                advance()
        asked = map(push.opened, story.requests)
        story.blobs = [each.blob for each in asked if isinstance(each, PushRequest)]
        with (
            step("a monitor verifies the whole board", 1),
            Monitor(url, policy, path / "monitor", clock=clock) as monitor,
        ):
            story.findings = [finding.what for finding in monitor.check()]
        with step("push server opens the tick", 1):
            push.server.tick()
        with step("push server wakes devices (TLS, HTTP/2)", 1):
            push.wait_until_delivered()
    story.woken, story.connections = push.woken, push.connections
    return story


def _pass_hours(board: Board, clock: Clock, start: int, end: int) -> Iterator[Edition]:
    """Have the board publish what is due while time passes."""
    for hour in range(start, end, HOUR):
        clock.skip_to(hour + HOUR + 1)
        yield from board.publish_due()


def _phone(
    state: Path, client: BoardClient, push: PushSide, people: list[Sender], clock: Clock
) -> Phone:
    """A phone that gives grants to some people, through their end-to-end encrypted chats."""
    key, token = os.urandom(32), DeviceToken(Platform.APNS, os.urandom(32))
    contacts = random.SystemRandom().sample(range(len(people)), CONTACTS)
    with Device.create(state, key, client, push.key, clock=clock) as device:
        device.set_token(token)
        profile = device.add_profile("its user")
        for contact in contacts:
            people[contact].add_contact(state.name, profile.add_contact(f"person {contact}"))
        device.work(0)  # which draws when to post
    return Phone(state, key, token, contacts)


def _some_contacts() -> int:
    return random.SystemRandom().randint(1, CONTACTS)


def _checks(story: Story, files: list[bytes]) -> dict[str, bool]:
    public = [*story.on_board, *files]
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
        "no token is on the board, or in a file": (
            not any(_contains(data, story.expected) for data in public)
        ),
        "no blob, and no element of one, that the server received is on the board": (
            not any(_contains(data, elements) for data in public)
        ),
    }


def _contains(data: bytes, needles: Iterable[bytes]) -> bool:
    """Whether one of the 32-byte ``needles`` is anywhere in ``data``."""
    wanted = set(needles)
    return any(data[i : i + 32] in wanted for i in range(len(data) - 31))


def _who_saw_what(devices: int, story: Story) -> Table:
    title = "Who saw what: a random half of the devices has senders"
    table = Table("who", "did", "saw", title=title, show_lines=True)
    table.add_row(
        f"{devices} devices",
        f"posted {story.posted} sealed blobs, for each of {CONTACTS} contacts and two epochs",
        "not who fetches, nor who sends",
    )
    dummies = len(story.on_board) - story.posted
    table.add_row(
        "the board",
        f"published {story.editions} editions of {len(story.on_board)} posts",
        f"{story.posted} sealed posts, sorted among {dummies} dummies;"
        " no token, no blob, nor for which server",
    )
    table.add_row(
        "their contacts",
        "fetched bundles of 256, re-randomised the blobs in them",
        "blobs that they can not read",
    )
    received = sum(tick.received for tick in story.ticks)
    table.add_row(
        "the push server",
        f"opened {_count(received, 'blob')} in one tick,"
        f" woke {_count(sum(story.woken.values()), 'device')}"
        f" over {_count(story.connections, 'connection')}",
        "tokens to wake; not whose they are, nor who sent",
    )
    return table


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _timing(story: Story) -> Table:
    table = Table("step", "seconds", title="How long it took")
    for title, seconds in story.times.items():
        table.add_row(title, f"{seconds:.2f}")
    return table
