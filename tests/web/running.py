"""An application over real sockets, in a thread, and requests to it."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from billboard.web.slow_clients import TimedProtocol

OCTETS = {"Content-Type": "application/octet-stream"}


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Running:
    """An application that is served at ``port`` of this machine until `stop`; 0 is a free one."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        config = uvicorn.Config(
            app, port=port, http=TimedProtocol, ws="none", log_config=None, access_log=False
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self, seconds: float = 20.0) -> None:
        """Drain and end."""
        self.server.should_exit = True
        self._thread.join(seconds)
        assert not self._thread.is_alive()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request, on a connection of its own. The path is sent as it is."""
        return request(self.port, method, path, body, headers)

    def get(self, path: str, **headers: str) -> Answer:
        """A GET; ``_`` in the name of a header is ``-``."""
        return self.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    def post(self, body: bytes, **headers: str) -> Answer:
        """Submit a post."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", "/posts", body, OCTETS | more)

    def raw(self, data: bytes) -> socket.socket:
        """A connection that ``data`` was sent on."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        made.sendall(data)
        return made


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request to this machine."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())


@contextmanager
def running(app: ASGIApp) -> Iterator[Running]:
    """Serve ``app`` in the block."""
    made = Running(app)
    try:
        yield made
    finally:
        made.stop()


def read_all(connection: socket.socket) -> bytes:
    """All that comes until the other side ends the connection; a test waits 10 s at most."""
    parts = []
    try:
        while part := connection.recv(1 << 20):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to be within 10 s")
