"""A board over HTTP that can be made to misbehave: what it answers to a path is easily replaced."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from billboard import Board
from billboard.errors import RefusedPostError


@dataclass
class Answer:
    """An answer; ``pause`` is waited for after the first byte of the body, in seconds."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    connection: tuple[Any, ...]
    body: bytes = b""


class HttpBoard:
    """Serves ``board`` on a free port while it is entered.

    ``answers`` has functions from the honest answer to the one that is given, by path.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.answers: dict[str, Callable[[Answer], Answer]] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for."""
        return [asked.path for asked in self.asked]

    def forget(self) -> None:
        """Forget what was asked for."""
        self.asked.clear()

    def replace(self, path: str, body: bytes | None = None, **fields: Any) -> None:
        """Answer so to ``path``; what is not given stays as it is."""

        def changed(honest: Answer) -> Answer:
            given = honest.body if body is None else body
            return Answer(given, **{"status": honest.status, **fields})

        self.answers[path] = changed

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        honest = self._post(asked) if asked.method == "POST" else self._get(asked.path)
        return self.answers.get(asked.path, lambda answer: answer)(honest)

    def _get(self, path: str) -> Answer:
        try:
            if path == "checkpoint":
                note = self.board.checkpoint()
                return Answer(note) if note else Answer(status=404)
            return Answer(self.board.object(path))
        except LookupError:
            return Answer(status=404)

    def _post(self, asked: Asked) -> Answer:
        (outcome,) = self.board.submit_all([asked.body])
        if isinstance(outcome, RefusedPostError):
            told = {"reason": outcome.reason, "detail": str(outcome)}
            status = 429 if outcome.reason in ("quota", "admission") else 422
            return Answer(json.dumps(told).encode(), status)
        return Answer(bytes(outcome), 201)


class _Handler(BaseHTTPRequestHandler):
    owner: HttpBoard
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers["Content-Length"])))

    def _serve(self, body: bytes) -> None:
        headers = tuple(sorted(self.headers.items()))
        path = self.path.removeprefix("/")
        answer = self.owner.answer(Asked(self.command, path, headers, self.client_address, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        try:
            if answer.pause:
                self.wfile.write(answer.body[:1])
                self.wfile.flush()
                self.owner.closing.wait(answer.pause)
                self.wfile.write(answer.body[1:])
            else:
                self.wfile.write(answer.body)
            self.wfile.flush()
        except OSError:  # the client went away
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
