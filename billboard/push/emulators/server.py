"""What the emulators share: a TLS server on loopback that speaks HTTP/2 and fails on demand."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import trustme

from billboard.push.emulators.http2 import (
    DropConnection,
    Http2Connection,
    Reply,
    Request,
    ResetStream,
)


class EmulatorServer(ABC):
    """An emulator, as an async context manager. Emulators share nothing with each other.

    In its context, ``url`` is where it listens, and ``ca_file`` the authority of its certificate.
    It waits ``latency`` seconds before each answer. After ``goaway_every`` requests a connection is
    shut down gracefully. Of all requests, each ``reset_every``-th has its stream reset, and each
    ``drop_every``-th its connection dropped: after it was processed, so that its repeat is a
    duplicate. ``clock`` returns unix seconds.
    """

    NAME = "localhost"
    """The name in its certificate, beside its address."""

    def __init__(
        self,
        port: int = 0,
        *,
        address: str = "127.0.0.1",
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        goaway_every: int | None = None,
        reset_every: int | None = None,
        drop_every: int | None = None,
    ) -> None:
        self._port = port
        self._address = address
        self._clock = clock
        self._latency = latency
        self._goaway_every = goaway_every
        self._reset_every = reset_every
        self._drop_every = drop_every
        self._processed = 0
        self._open: set[Http2Connection] = set()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._connections = 0

    async def __aenter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="billboard-emulator-")
        try:
            authority = trustme.CA()
            self._ca_file = Path(self._directory.name) / "ca.pem"
            authority.cert_pem.write_to_path(str(self._ca_file))
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.set_alpn_protocols(["h2"])
            authority.issue_cert(self.NAME, self._address).configure_cert(tls)
            family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
            self._listener = socket.create_server(
                (self._address, self._port), family=family, backlog=1000
            )
        except BaseException:
            self._directory.cleanup()
            raise
        self._listener.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(tls))
        return self

    async def __aexit__(self, *exception: object) -> None:
        for tasks in ([self._accepting], list(self._handshakes)):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()
        connections = list(self._open)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
        self._directory.cleanup()

    @property
    def url(self) -> str:
        """The ``host`` for a provider."""
        port: int = self._listener.getsockname()[1]
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"https://{host}:{port}"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority. It is deleted when the context ends."""
        return self._ca_file

    @property
    def connections(self) -> int:
        """How many connections were made so far."""
        return self._connections

    async def _accept(self, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            self._connections += 1
            handshake = loop.create_task(self._shake_hands(client, tls))
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, client: socket.socket, tls: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):  # the client gave up or does not trust us
            await loop.connect_accepted_socket(self._connect, client, ssl=tls)

    def _connect(self) -> Http2Connection:
        return Http2Connection(self._respond, self._goaway_every, self._open)

    async def _respond(self, request: Request) -> Reply:
        reply = self._process(request)
        self._processed += 1
        if self._drop_every and self._processed % self._drop_every == 0:
            raise DropConnection
        if self._reset_every and self._processed % self._reset_every == 0:
            raise ResetStream
        if self._latency:
            await asyncio.sleep(self._latency)
        return reply

    @abstractmethod
    def _process(self, request: Request) -> Reply:
        """Answer one request."""
