"""A board over HTTP that can be made to misbehave: what it answers to a path is easily replaced."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self

import pytest

from billboard import BoardError, BoardParameters, FrameClass, RefusedPostError, posts
from billboard.board.manifest import (
    PREFIX,
    Edition,
    Leaf,
    edition_origin,
    edition_prefix,
    encode_leaf,
)
from billboard.board.parameters import BUNDLE
from billboard.board.receipt import Receipt
from billboard.errors import NotAdmittedError, PostRefusal
from billboard.tlog.checkpoint import Checkpoint
from billboard.tlog.note import Algorithm, Note, NoteSigner
from billboard.tlog.writer import LogWriter
from billboard.web.admission import ProofOfWork
from board.support import EPOCH, ORIGIN, make_signer


class Served(Protocol):
    """What of a `billboard.Board` is served."""

    def checkpoint(self) -> bytes: ...

    def object(self, name: str) -> bytes: ...

    def submit_all(self, encoded: Sequence[bytes]) -> Sequence[Receipt | RefusedPostError]: ...


class ForgedBoard:
    """Signs and serves whatever it is told to."""

    def __init__(
        self,
        signer: NoteSigner | None = None,
        *,
        first: Leaf | bytes | None = None,
        **parameters: Any,
    ) -> None:
        self.signer = signer or make_signer()
        self.parameters = BoardParameters(ORIGIN, **parameters)
        self.objects: dict[str, bytes] = {}
        self.note = b""
        self.log = LogWriter(self, "")
        self.log_leaf(first or self.parameters)

    def get(self, name: str) -> bytes:
        return self.objects[name]

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        self.objects.update(objects)

    def object(self, name: str) -> bytes:
        return self.objects[name]

    def checkpoint(self) -> bytes:
        return self.note

    def submit_all(self, encoded: Sequence[bytes]) -> Sequence[Receipt | RefusedPostError]:
        refusal = RefusedPostError(PostRefusal.QUOTA, "a forged board takes nothing")
        return [refusal for _ in encoded]

    def log_leaf(self, leaf: Leaf | bytes) -> None:
        """Append an entry to the master log."""
        entry = leaf if isinstance(leaf, bytes) else encode_leaf(ORIGIN, leaf)
        root = self.log.append([entry])
        self.note = self.sign(Checkpoint(ORIGIN, self.log.size, root))

    def sign(self, checkpoint: Checkpoint) -> bytes:
        return bytes(Note(str(checkpoint), (self.signer.sign(str(checkpoint)),)))

    def publish(
        self,
        epoch: int,
        entries: Sequence[bytes],
        *,
        number: int = 0,
        time: int | None = None,
        index: bytes | None = None,
    ) -> Edition:
        """Publish an edition of ``entries`` as they are."""
        prefix = edition_prefix(epoch, number)
        root = LogWriter(self, prefix).append(entries)
        if index is None:
            index = b"".join(entry[:PREFIX] for entry in entries[::BUNDLE])
        checkpoint = Checkpoint(edition_origin(ORIGIN, epoch, number), len(entries), root)
        self.put([(f"{prefix}index", index), (f"{prefix}checkpoint", self.sign(checkpoint))])
        begin = epoch * self.parameters.epoch_length
        its_time = begin if time is None else time
        found = hashlib.sha256(index).digest()
        edition = Edition(epoch, number, len(entries), root, found, its_time)
        self.log_leaf(edition)
        return edition


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

    Posts need a proof of ``work_bits``, if any. ``answers`` has functions from the honest answer to
    the one that is given, by path.
    """

    def __init__(self, board: Served, *, work_bits: int = 0) -> None:
        self.board, self.work_bits = board, work_bits
        self.answers: dict[str, Callable[[Answer], Answer]] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", 0), handler)
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
        change = self.answers.get(asked.path)
        return honest if change is None else change(honest)

    def _get(self, path: str) -> Answer:
        try:
            if path == "checkpoint":
                note = self.board.checkpoint()
                return Answer(note) if note else Answer(status=404)
            return Answer(self.board.object(path))
        except LookupError:
            return Answer(status=404)

    def _post(self, asked: Asked) -> Answer:
        try:
            if self.work_bits:
                work = bytes.fromhex(dict(asked.headers).get("Billboard-Work", ""))
                ProofOfWork(ORIGIN, self.work_bits).admit(asked.body, work)
        except NotAdmittedError as error:
            refusal = RefusedPostError(PostRefusal.ADMISSION, str(error))
            return replace(_refused(refusal), headers={"Billboard-Work": str(self.work_bits)})
        (outcome,) = self.board.submit_all([asked.body])
        if isinstance(outcome, RefusedPostError):
            return _refused(outcome)
        return Answer(bytes(outcome), 201)


def _refused(error: RefusedPostError) -> Answer:
    told = {"reason": error.reason, "detail": str(error)}
    status = 429 if error.reason in ("quota", "admission") else 422
    return Answer(json.dumps(told).encode(), status)


def fails(reason: str, call: Callable[[], object], match: str | None = None) -> BoardError:
    """The `BoardError` that ``call`` raises, which has that ``reason``."""
    with pytest.raises(BoardError, match=match) as caught:
        call()
    assert caught.value.reason == reason
    return caught.value


def other_signer(name: str = ORIGIN) -> NoteSigner:
    """Of another key than the board's."""
    return NoteSigner(name, Algorithm.ED25519, bytes(32))


def dummies(count: int, *, epoch: int = EPOCH, origin: str = ORIGIN) -> list[bytes]:
    """Posts as they are in an edition."""
    made = [posts.dummy(FrameClass.L, origin=origin, epoch=epoch) for _ in range(count)]
    return sorted(map(bytes, made))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


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
