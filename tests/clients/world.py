"""A board, a push server and the way to them, all real but for the network, in simulated time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from board.http_board import Asked, HttpBoard
from board.support import DAY, ORIGIN, Clock, DummiesMadeOnce
from push.simulation import Scripted, delivers

from billboard import (
    Board,
    BoardError,
    BoardParameters,
    DeviceToken,
    FrameClass,
    Platform,
    Post,
    PublicKey,
    SecretKey,
    create_board,
    open_board,
)
from billboard.board.client import BoardClient
from billboard.board.manifest import Descriptor
from billboard.board.reading.procedure import FindWork, Request, Response
from billboard.device.device import Device
from billboard.errors import BoardFault, RefusedRequestError, RequestRefusal, UnreachableError
from billboard.push import (
    PushServer,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    create_server_keys,
)
from billboard.push.dispatch import Dispatcher, Notification
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.courier import Courier
from billboard.push.requests.registration import Registration
from billboard.push.service import _digest
from billboard.sender.sender import Sender
from billboard.tlog.checkpoint import Policy

HOUR = 3600
PERIOD = 6 * HOUR
"""Of an epoch."""

KEY = bytes(range(32))


class DirectCourier:
    """Brings requests to a push server, as `HttpCourier` does over HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        self._world.step("before it is sent")
        self._world.servers[descriptor.server.name].take(request)
        self._world.step("after it is sent")

    def register(self, registration: bytes, descriptor: ServerDescriptor) -> None:
        self._world.servers[descriptor.server.name].register(registration)

    def descriptor(self, known: ServerDescriptor) -> bytes:
        server = self._world.servers[known.server.name]
        if server.is_down:
            raise UnreachableError("the push server is down")
        return server.keys.descriptor


class _Outbox:
    """Says who would be woken, instead of keeping it for a dispatcher."""

    def __init__(self, path: Path) -> None:
        self._outbox = SqliteOutbox(path)
        self.woken: Counter[bytes] = Counter()

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        self.woken.update(each.token.value for each, _ in due)
        return self._outbox.enqueue(done, [], pace)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)


class Server:
    """A push server whose tick comes when it is told to."""

    def __init__(self, directory: Path, name: str, clock: Clock, frame_class: FrameClass) -> None:
        self.clock, self.is_down, self._directory = clock, False, directory
        directory.mkdir()
        self.key = create_server_keys(directory, name)
        self.secret_key = SecretKey.generate(frame_class)
        SqliteOutbox.create(directory / "outbox.sqlite").close()
        self._start([self.secret_key])

    def _start(self, secret_keys: list[SecretKey]) -> None:
        self.keys = ServerKeys(self._directory, secret_keys, f"https://{self.key.name}")
        self.outbox = _Outbox(self._directory / "outbox.sqlite")
        dispatcher = Dispatcher(self.outbox, [Scripted(delivers)])
        self.push = PushServer(self.keys, self.outbox, dispatcher, clock=self.clock)

    def renew(self) -> None:
        """What it does every hour."""
        self.push._keep_house()

    def rotate(self) -> PublicKey:
        """Have a new key, to which devices encrypt from now on; the old one is still read."""
        self.secret_key = SecretKey.generate(self.keys.frame_class)
        self.outbox.close()
        self._start([self.secret_key, *self.keys.secret_keys])
        return self.secret_key.public_key

    def restart(self) -> None:
        """Forget all that is not in files."""
        self.outbox.close()
        self._start([self.secret_key])

    def take(self, request: bytes) -> None:
        if self.is_down:
            raise UnreachableError("the push server is down")
        key_id = self.push.check(request, self.push._size)
        self.outbox.store([SealedRequest(_digest(request), key_id, request)], self.clock())

    def register(self, sealed: bytes) -> None:
        if self.is_down:
            raise UnreachableError("the push server is down")
        key_id = self.push.check(sealed, len(sealed))
        secret = self.keys.request_secret(key_id)
        plaintext = secret.open("registration", self.key, self.keys.frame_class, sealed)
        registration = Registration.from_plaintext(plaintext, self.key, self.keys.frame_class)
        if not self.outbox.register(registration, self.clock()):
            raise RefusedRequestError(RequestRefusal.TIME, "a later one was taken")

    def tick(self) -> Counter[bytes]:
        """Open what waits; which tokens are woken by it, and how often."""
        self.push.tick()
        woken, self.outbox.woken = self.outbox.woken, Counter()
        return woken


class Killed(BaseException):
    """In the place of a kill: nothing of the process goes on."""


class World:
    """Everything but the clients. ``step`` may be replaced, to kill whoever makes it."""

    def __init__(
        self,
        directory: Path,
        *,
        frame_class: FrameClass = FrameClass.L,
        late_interval: int = HOUR,
        epoch_length: int = PERIOD,
    ) -> None:
        self.directory, self.clock = directory, Clock()
        self.step: Callable[[str], object] = lambda _what: None
        self.submissions: list[bytes] = []
        self.board_is_down = False
        self.servers: dict[str, Server] = {}
        parameters = BoardParameters(ORIGIN, epoch_length, frame_class, late_interval)
        self.board_key = create_board(directory / "board", parameters)
        self.board: Board = open_board(directory / "board", clock=self.clock)
        dummies = partial(DummiesMadeOnce(), self.board)
        self.board._dummies = dummies  # type: ignore[method-assign]
        self.http = HttpBoard(self.board)
        self.server = self.add_server("example.org/push")
        self.board.publish_due()

    def close(self) -> None:
        self.board.close()
        for server in self.servers.values():
            server.outbox.close()

    def add_server(self, name: str) -> Server:
        path = self.directory / f"push{len(self.servers)}"
        server = self.servers[name] = Server(path, name, self.clock, self.board.frame_class)
        self.log_descriptors()
        return server

    def log_descriptors(self) -> None:
        """What an operator does daily."""
        for server in self.servers.values():
            server.renew()
            self.board.publish_descriptor(Descriptor(server.keys.descriptor))

    def client(self, clock: Clock | None = None) -> BoardClient:
        """A client of the board."""
        policy = Policy(self.board_key)
        client = BoardClient("http://board.invalid", policy, clock=clock or self.clock)
        client._connection._answer = self._answer  # type: ignore[method-assign]
        return client

    def _answer(self, wanted: Request | FindWork) -> Response:
        """What the board answers, without a connection."""
        assert isinstance(wanted, Request)
        if self.board_is_down:
            raise BoardError(BoardFault.UNREACHABLE, "the board is down")
        method = "GET" if wanted.body is None else "POST"
        if wanted.body is not None:
            self.submissions.append(wanted.body)
            self.step("before it is submitted")
        answer = self.http.answer(Asked(method, wanted.path, (), (), wanted.body or b""))
        if wanted.body is not None:
            self.step("after it is submitted")
        return Response(answer.status, answer.body)

    def device(self, name: str, *, clock: Clock | None = None, devices: int = 1) -> Device:
        """A new device."""
        return Device.create(
            self.directory / name,
            KEY,
            self.client(clock),
            self.server.key,
            courier=DirectCourier(self),  # type: ignore[arg-type]
            clock=clock or self.clock,
            devices=devices,
        )

    def reopened(self, name: str, *, clock: Clock | None = None) -> Device:
        """The device of a state file."""
        return Device.open(
            self.directory / name,
            KEY,
            self.client(clock),
            courier=DirectCourier(self),  # type: ignore[arg-type]
            clock=clock or self.clock,
        )

    def sender(
        self,
        name: str,
        *,
        clock: Clock | None = None,
        courier: Courier | None = None,
        **options: float,
    ) -> Sender:
        """A sender, new or as it was."""
        return Sender(
            self.directory / name,
            KEY,
            [self.client(clock)],
            [server.key for server in self.servers.values()],
            courier=courier or DirectCourier(self),
            clock=clock or self.clock,
            **options,  # type: ignore[arg-type]
        )

    def pass_time(self, seconds: float, clients: Sequence[Device | Sender] = ()) -> None:
        """Let time pass in steps of half an hour, in which everybody does what is due."""
        end, due = self.clock.now + seconds, dict.fromkeys(clients, 0.0)
        while self.clock.now < end:
            day = self.clock.now // DAY
            self.clock.now = min(self.clock.now + HOUR / 2, end)
            if self.clock.now // DAY != day:
                self.log_descriptors()
            self.board.publish_due()
            for client, at in due.items():
                if at <= self.clock.now:
                    did = client.work(1000) if isinstance(client, Device) else client.work()
                    due[client] = did.next


def apns(name: str) -> DeviceToken:
    """The token of a phone."""
    return DeviceToken(Platform.APNS, name.encode().ljust(32, b"\0"))


def woken(server: Server) -> dict[str, int]:
    """Which phones a tick wakes, by the names of `apns`, and how often."""
    return {token.rstrip(b"\0").decode(): times for token, times in server.tick().items()}


def check_posts(world: World) -> None:
    """No salt and no nonce is used for two posts, and no identifier's seq goes back."""
    by_salt: defaultdict[bytes, set[bytes]] = defaultdict(set)
    by_nonce: defaultdict[bytes, set[bytes]] = defaultdict(set)
    seqs: defaultdict[bytes, list[int]] = defaultdict(list)
    for data in world.submissions:
        post = Post.from_bytes(data)
        by_salt[post.salt].add(data)
        by_nonce[post.signature[:32]].add(data)
        seqs[post.identifier].append(post.seq)
    assert {len(each) for each in (*by_salt.values(), *by_nonce.values())} == {1}
    assert all(each == sorted(each) for each in seqs.values())
