"""``billboard demo``: the whole story on a fresh board and the sandbox, and a check of it."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from billboard.blob import Blob
from billboard.board import Board, BoardParameters, create_board, open_board
from billboard.board.checkpoint import Policy
from billboard.board.client import BoardClient
from billboard.board.monitor import Monitor
from billboard.board.receipt import Receipt
from billboard.board.server import create_app
from billboard.keys import PublicKey, SecretKey
from billboard.lanes import Lane, LaneReader
from billboard.posts import Post
from billboard.push import (
    Dispatcher,
    PushRequest,
    PushServer,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    Timing,
    create_server_keys,
    seal,
)
from billboard.push.providers.apns import ApnsProvider
from billboard.push.sandbox import Sandbox
from billboard.push.server import create_app as create_push_app
from billboard.push.tick import Tick
from billboard.tokens import DeviceToken, Platform

ORIGIN = "demo.example/board"
PUSH_NAME = "demo.example/push"
TOPIC = "com.example.messenger"
CONTACTS = 3


@dataclass
class Device:
    """A phone: its token, and a lane for each contact."""

    token: DeviceToken
    lanes: list[Lane]


@dataclass
class Story:
    """What happened, and how long it took."""

    times: dict[str, float] = field(default_factory=dict)
    on_board: list[bytes] = field(default_factory=list)
    receipts: list[tuple[Receipt, Post]] = field(default_factory=list)
    kept: int = 0
    findings: list[str] = field(default_factory=list)
    editions: int = 0
    dummies: int = 0
    requests: list[Blob] = field(default_factory=list)
    senders: int = 0
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
        story = _play(devices, Path(directory) / "board", console)
        files = [path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()]
    checks = _checks(story, files)
    console.print(_who_saw_what(devices, story))
    console.print(_timing(story))
    for claim, holds in checks.items():
        console.print(f"[green]ok[/green]   {claim}" if holds else f"[red]FAIL[/red] {claim}")
    return all(checks.values())


def _play(count: int, path: Path, console: Console) -> Story:
    story = Story()
    with Progress(console=console, transient=True) as bars:

        @contextmanager
        def step(title: str, total: int) -> Iterator[Callable[[], None]]:
            task = bars.add_task(title, total=total)
            start = time.perf_counter()
            yield lambda: bars.advance(task)
            story.times[title] = time.perf_counter() - start
            bars.remove_task(task)

        secret_key = SecretKey.generate()
        with step("devices make lanes", count) as advance:
            devices = [_device(advance) for _ in range(count)]
        policy = Policy(create_board(path, BoardParameters(ORIGIN)))
        push_key = create_server_keys(path.parent, PUSH_NAME)
        with (
            _PushSide(path.parent, secret_key, story) as push,
            open_board(path) as board,
            _served(board) as url,
            # All devices and contacts of this demo share a client, and so what it has fetched.
            BoardClient(url, policy) as client,
        ):
            epoch = board.epoch
            # Contacts got their grants through their end-to-end encrypted chat.
            grants = [[bytes(lane.grant(epoch)) for lane in device.lanes] for device in devices]
            with step("devices encrypt, seal and submit (HTTP)", count) as advance:
                for device in devices:
                    story.receipts += _publish_lanes(device, client, epoch, secret_key.public_key)
                    advance()
            with step("board publishes the edition", 1):
                edition = board.publish(epoch)
            story.on_board = [bytes(post) for post in board.posts(epoch, edition=0)]
            story.editions = len(board.editions(epoch))
            story.dummies = edition.size - count * CONTACTS
            chosen = random.SystemRandom().sample(range(count), count // 2)
            descriptor = ServerDescriptor.from_bytes(push.get("/descriptor"), push_key)
            with step("contacts fetch, verify and re-randomise", len(chosen)) as advance:
                for index in chosen:
                    story.expected[devices[index].token.value] = 1
                    senders = random.SystemRandom().sample(grants[index], _some_contacts())
                    for grant in senders:
                        story.requests.append(_find(grant, client, epoch, secret_key.public_key))
                    story.senders += len(senders)
                    advance()
            with step("contacts seal and send (HTTP)", len(story.requests)) as advance:
                for blob in story.requests:
                    push.post(seal(PushRequest.of(push.key_id, blob), descriptor))
                    advance()
            with step("devices check what the board promised", len(story.receipts)) as advance:
                for receipt, post in story.receipts:
                    story.kept += client.check_receipt(receipt, post) is not None
                    advance()
            with (
                step("a monitor verifies the whole board", 1),
                Monitor(url, policy, path.with_name("monitor")) as monitor,
            ):
                story.findings = [finding.what for finding in monitor.check()]
            with step("push server opens the tick", 1):
                push.server.tick()
            with step("push server wakes devices (TLS, HTTP/2)", 1):
                push.wait_until_delivered()
    return story


def _device(advance: Callable[[], None]) -> Device:
    advance()
    token = DeviceToken(Platform.APNS, os.urandom(32))
    return Device(token, [Lane.generate(ORIGIN) for _ in range(CONTACTS)])


@contextmanager
def _served(board: Board) -> Iterator[str]:
    """The board over HTTP on a free port, in a thread: its URL."""
    config = uvicorn.Config(create_app(board), port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()  # so that whoever comes before the thread runs waits for it
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class _PushSide:
    """The push server over HTTP, and the sandbox that it pushes to, in a thread of their own.

    Its only tick is the one that it is told to make.
    """

    server: PushServer

    def __init__(self, directory: Path, secret_key: SecretKey, story: Story) -> None:
        self._directory, self._secret_key, self._story = directory, secret_key, story
        self.key_id = secret_key.public_key.key_id
        self._started, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> _PushSide:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def get(self, path: str) -> bytes:
        """What is there. Each asks on a connection of its own."""
        return self._ask("GET", path, None, 200)

    def post(self, request: bytes) -> None:
        """Hand over a request."""
        self._ask("POST", "/push", request, 202)

    def wait_until_delivered(self) -> None:
        """Wait until nothing waits."""
        while self.server.outbox.pending():
            time.sleep(0.02)

    def _ask(self, method: str, path: str, body: bytes | None, status: int) -> bytes:
        headers = {"content-type": "application/octet-stream"}
        with closing(http.client.HTTPConnection(*self._address)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        if answer.status != status:
            raise LookupError(f"the push server answered {answer.status}")
        return data

    async def _run(self) -> None:
        never = Timing(tick=3600.0, minimum=8192, patience=3600.0, jitter=0.0)
        with SqliteOutbox.create(self._directory / "outbox.sqlite") as outbox:
            async with Sandbox() as sandbox:
                provider = ApnsProvider(sandbox.key, {0: TOPIC}, sandbox.url, sandbox.ca_file)
                self.server = PushServer(
                    ServerKeys(self._directory, [self._secret_key], "https://push.demo.example"),
                    outbox,
                    Dispatcher(outbox, [provider]),
                    timing=never,
                    observe=self._story.ticks.append,
                )
                async with self.server:
                    await self._serve()
                deliveries = sandbox.deliveries
                self._story.woken = Counter(delivery.token for delivery in deliveries)
                self._story.connections = sandbox.connections

    async def _serve(self) -> None:
        app = create_push_app(self.server)
        config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
        http_server = uvicorn.Server(config)
        listening = config.bind_socket()
        listening.listen()
        self._address = listening.getsockname()
        self._started.set()
        serving = asyncio.create_task(http_server.serve(sockets=[listening]))
        await asyncio.to_thread(self._stop.wait)
        http_server.should_exit = True
        await serving


def _publish_lanes(
    device: Device, client: BoardClient, epoch: int, public_key: PublicKey
) -> list[tuple[Receipt, Post]]:
    """Encrypt once, re-randomise for each lane (SPEC 6.1), and submit one post after the other."""
    blob = public_key.encrypt(device.token)
    posts = [lane.post(epoch, blob.rerandomize(public_key), public_key) for lane in device.lanes]
    return [(client.submit(post), post) for post in posts]


def _some_contacts() -> int:
    return random.SystemRandom().randint(1, CONTACTS)


def _find(grant: bytes, client: BoardClient, epoch: int, public_key: PublicKey) -> Blob:
    """What a contact does: fetch a bundle, find and open the post, re-randomise the blob."""
    reader = LaneReader.from_bytes(grant)
    post = client.find(reader, epoch, dummies=1)
    if post is None:
        raise LookupError("a contact found no post of its lane")
    return Blob.from_bytes(bytes(reader.open(post).blob.rerandomize(public_key)))


def _checks(story: Story, files: list[bytes]) -> dict[str, bool]:
    public = [*story.on_board, *files]
    sent = [bytes(blob) for blob in story.requests]
    elements = [blob[i : i + 32] for blob in sent for i in range(0, len(blob), 32)]
    return {
        "every device that had a sender was woken exactly once, and no other": (
            story.woken == story.expected and len(story.expected) > 0
        ),
        "every request opened, and none was a copy of another": (
            story.opened == len(sent) == len(set(sent)) == story.senders
        ),
        "the board kept all that it promised, and a monitor found nothing wrong in its logs": (
            story.kept == len(story.receipts) > 0 and not story.findings
        ),
        "no token is on the board": not any(_contains(data, story.expected) for data in public),
        "no blob, and no element of one, that the server received is on the board": (
            not any(_contains(data, elements) for data in public)
        ),
    }


def _contains(data: bytes, needles: Counter[bytes] | list[bytes]) -> bool:
    """Whether one of the 32-byte ``needles`` is anywhere in ``data``."""
    wanted = set(needles)
    return any(data[i : i + 32] in wanted for i in range(len(data) - 31))


def _who_saw_what(devices: int, story: Story) -> Table:
    posts = devices * CONTACTS
    title = "Who saw what: a random half of the devices has senders"
    table = Table("who", "did", "saw", title=title, show_lines=True)
    table.add_row(
        f"{devices} devices",
        f"posted {posts} sealed blobs, one for each of {CONTACTS} contacts",
        "not who fetches, nor who sends",
    )
    table.add_row(
        "the board",
        f"published {story.editions} edition of {len(story.on_board)} posts",
        f"{posts} sealed posts, sorted among {story.dummies} dummies;"
        " no token, no blob, nor for which server",
    )
    table.add_row(
        f"{story.senders} contacts",
        "fetched a bundle of 256 each, re-randomised the blob in it",
        "a blob that they can not read",
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
