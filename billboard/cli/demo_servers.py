"""The servers of ``billboard demo``: a board, a push server and an emulated push service."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from billboard.board import Board
from billboard.board.server import create_app
from billboard.keys import SecretKey
from billboard.push import (
    PushRequest,
    PushServer,
    Revocation,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    Timing,
    create_server_keys,
)
from billboard.push.dispatch import Dispatcher
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns import ApnsProvider
from billboard.push.requests.courier import HttpCourier
from billboard.push.requests.request import LABEL, open_plaintext
from billboard.push.requests.request_key import key_id_of
from billboard.push.server import create_app as create_push_app
from billboard.push.tick import Tick
from billboard.tlog.note import NoteKey

PUSH_NAME = "demo.example/push"
TOPIC = "com.example.messenger"


class Clock:
    """A running clock that can be put forward, so that the demo does not take a day."""

    def __init__(self, start: float) -> None:
        self._ahead = start - time.monotonic()

    def __call__(self) -> float:
        return self._ahead + time.monotonic()

    def skip_to(self, moment: float) -> None:
        """Set the clock to ``moment``, in seconds since 1970."""
        self._ahead = moment - time.monotonic()


@contextmanager
def served(board: Board) -> Iterator[str]:
    """Serve the board over HTTP on a free port, in a thread, and yield its URL."""
    with listening() as its_socket:
        config = uvicorn.Config(create_app(board), lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [its_socket]})
        thread.start()
        try:
            yield url_of(its_socket)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Yield a listening socket on a free port. Clients wait there until a server accepts them."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as made:
        yield made


def url_of(listener: socket.socket) -> str:
    """Return the URL of a server that listens at this socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


class PushSide:
    """The push server over HTTP, and the emulator that it pushes to, in a thread of their own.

    It makes no tick by itself, only when it is told to.
    """

    server: PushServer
    woken: Counter[bytes]
    connections: int

    def __init__(
        self, directory: Path, clock: Callable[[], float], observe: Callable[[Tick], None]
    ) -> None:
        self._directory, self._clock, self._observe = directory, clock, observe
        self.key: NoteKey = create_server_keys(directory, PUSH_NAME)
        self._secret_key = SecretKey.generate()
        self._started, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> PushSide:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_until_delivered(self) -> None:
        """Wait until no notification waits for its delivery."""
        while self.server.outbox.pending():
            time.sleep(0.02)

    def opened(self, request: bytes) -> PushRequest | Revocation:
        """Open a request, as only the push server can."""
        keys = self.server.keys
        secret = keys.request_secret(key_id_of(request, len(request)))
        return open_plaintext(
            secret.open(LABEL, keys.server, keys.frame_class, request), keys.frame_class
        )

    async def _run(self) -> None:
        never = Timing(tick=3600.0, minimum=8192, patience=3600.0, jitter=0.0)
        with (
            SqliteOutbox.create(self._directory / "outbox.sqlite") as outbox,
            listening() as its_socket,
        ):
            async with ApnsEmulator(clock=self._clock) as emulator:
                provider = ApnsProvider(
                    emulator.key, {0: TOPIC}, emulator.url, emulator.ca_file, clock=self._clock
                )
                self.server = PushServer(
                    ServerKeys(self._directory, [self._secret_key], url_of(its_socket)),
                    outbox,
                    Dispatcher(outbox, [provider], clock=self._clock),
                    timing=never,
                    observe=self._observe,
                    clock=self._clock,
                )
                async with self.server:
                    await self._serve(its_socket)
                self.woken = Counter(delivery.token for delivery in emulator.deliveries)
                self.connections = emulator.connections

    async def _serve(self, its_socket: socket.socket) -> None:
        app = create_push_app(self.server)
        http_server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        self._started.set()
        serving = asyncio.create_task(http_server.serve(sockets=[its_socket]))
        await asyncio.to_thread(self._stop.wait)
        http_server.should_exit = True
        await serving


class Witnessed:
    """A courier that records the requests that it sends, for the checks at the end."""

    def __init__(self, seen: list[bytes]) -> None:
        self._courier, self._seen = HttpCourier(), seen

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """See `HttpCourier.send`."""
        self._seen.append(request)
        self._courier.send(request, descriptor)

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """See `HttpCourier.descriptor`."""
        return self._courier.descriptor(known)
