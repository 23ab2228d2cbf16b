"""What readers and monitors make of a board whose files are not as it wrote them."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

from billboard import (
    Board,
    BoardError,
    BoardParameters,
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    Post,
    RefusedPostError,
    posts,
)
from billboard.board.monitor import Monitor
from billboard.board.proof import prove_post, verify_post
from billboard.board.reading.cache import Cache
from billboard.board.reading.procedure import Procedure, Request, Response
from billboard.board.reading.reader import Reader
from billboard.board.reading.submit import _refusal
from billboard.board.sqlite import SqliteStore
from billboard.push.requests import courier
from billboard.tlog.checkpoint import Policy
from billboard.tlog.note import Algorithm, NoteSigner

from ..target import Source, Target, require

T = TypeVar("T")

ORIGIN = "board.example"
EPOCH, DAY = 20_800, 86_400
NOW = EPOCH * DAY + 3600.0
SIGNER = NoteSigner(ORIGIN, Algorithm.ED25519, bytes(32))
POLICY = Policy(SIGNER.key)
MEMORY = Path("/dev/shm")  # noqa: S108
_MASTER = "tile/0/000", "tile/entries/000"
MOST = 4
"""Changes of one input."""


class Files(dict[str, bytes]):
    """The objects of a board, in memory."""

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        for name, data in objects:
            require(self.setdefault(name, data) == data, "bytes under a name never change")

    def get(self, name: str) -> bytes:  # type: ignore[override]
        return self[name]

    def names(self, prefix: str) -> Iterator[str]:
        return (name for name in sorted(self) if name.startswith(prefix))

    def delete(self, prefix: str) -> None:
        for name in list(self.names(prefix)):
            del self[name]

    def sweep(self) -> None:
        """There is nothing to free."""


def folder() -> tempfile.TemporaryDirectory[str]:
    """In memory where there is such a folder: what is durable waits for the disk otherwise."""
    return tempfile.TemporaryDirectory(
        prefix="billboard-fuzz-", dir=MEMORY if MEMORY.is_dir() else None
    )


@cache
def published() -> tuple[Files, Post]:
    """The files of a board with two editions of class H, and a post of the first."""
    parameters = BoardParameters(ORIGIN, frame_class=FrameClass.H)
    post, late = (posts.dummy(FrameClass.H, origin=ORIGIN, epoch=EPOCH) for _ in range(2))
    files, time = Files(), NOW - 3600
    with folder() as name:
        SqliteStore.create(f"{name}/board.sqlite", parameters).close()
        with SqliteStore(f"{name}/board.sqlite") as store:
            board = Board(store, files, SIGNER, clock=lambda: time)
            board.submit(post)
            board.publish(EPOCH)
            board.submit(late)
            time = NOW
            board.publish(EPOCH)
            files["checkpoint"] = board.checkpoint()
    # What nobody reads any more: of the master log when it was smaller.
    for unread in ("checkpoints/", *(f"{tile}.p/{i}" for tile in _MASTER for i in (1, 2))):
        files.delete(unread)
    return files, post


def run(procedure: Procedure[T], files: Files) -> T:
    """Let a procedure read the files, as over HTTP."""
    answers: tuple[Response, ...] = ()
    while True:
        try:
            wanted = procedure.send(answers) if answers else next(procedure)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answers = tuple(_answer(each, files) for each in wanted if isinstance(each, Request))


def _answer(request: Request, files: Files) -> Response:
    data = files.get(request.path) if request.path in files else None
    if data is None or len(data) > request.limit:
        return Response(404, b"")
    return Response(200, data)


def files(data: bytes) -> None:
    """Changes of files, each of one that the input chooses."""
    original, post = published()
    changed, source = Files(original), Source(data)
    names = sorted(original)
    for _ in range(MOST):
        if source.left:
            _change(changed, names[source.number() % len(names)], source)
    found = _fetched(changed, post)
    require(found is None or found == post, "a reader finds no other post, nor none")
    findings = _findings(changed)
    # To a note anybody may add signatures, which count for nothing.
    tiles = [name for name in names if not name.endswith("checkpoint")]
    same = all(name in changed and changed[name] == original[name] for name in tiles)
    require(bool(findings) or same, "a monitor sees every change")
    require(not findings or changed != original, "a monitor sees no change where there is none")
    try:
        verify_post(prove_post(changed.get, post), post, POLICY)
    except (LookupError, InvalidEncodingError, InvalidSignatureError):
        require(changed != original, "a post on the board is proven")


def _change(changed: Files, name: str, source: Source) -> None:
    kind, place, content = source.number() % 5, source.number(2), changed.pop(name, b"")
    place %= len(content) + 1
    if kind == 0:
        changed[name] = content[:place] + bytes([source.number()]) + content[place + 1 :]
    elif kind == 1:
        changed[name] = content[:place]
    elif kind == 2:
        changed[name] = content[:place] + source.part() + content[place:]
    elif kind == 3 and changed:
        names = sorted(changed)
        changed[name] = changed[names[place % len(names)]]


def _fetched(changed: Files, post: Post) -> Post | None:
    """What a reader finds; None if it says that the board is not as it should be."""
    reader = Reader(POLICY, Cache(memory=2**20), lambda: NOW)
    try:
        found = run(reader.fetch(EPOCH, post.identifier), changed)
    except BoardError:
        return None
    require(found is not None, "a post that is there is not absent")
    return found


def _findings(changed: Files) -> list[str]:
    with folder() as name, Monitor("http://localhost", POLICY, name, clock=lambda: NOW) as monitor:
        try:
            run(monitor._follow(), changed)
        except BoardError as error:
            return [str(error)]
        return [finding.what for finding in monitor._findings]


def refusal(data: bytes) -> None:
    """What a client makes of an answer to a submission that is no receipt."""
    source = Source(data)
    status, body = (422, 429, 503, 500, 200)[source.number() % 5], source.rest()
    error = _refusal(Response(status, body))
    require(isinstance(error, RefusedPostError | BoardError), "what a refusal is")
    of_server = courier._refusal("push", body)
    require(of_server.reason in ("encoding", "key", "signature", "time"), "what a server may say")
    require(all(each.isprintable() for each in str(error)), "an error is printed safely")


def _files() -> Iterator[bytes]:
    """Nothing changed; each file changed in each way."""
    yield b""
    for number, kind in itertools.product(range(len(published()[0])), range(5)):
        yield bytes([number, kind, 0, 40, 1, 65])


def _refusals() -> Iterator[bytes]:
    for body in (
        b'{"reason": "seq", "detail": "is not greater"}',
        b'{"reason": "seq", "detail": "\\u001b[2J"}',
        b'{"reason": ["seq"], "detail": 1}',
        b"[]",
        b"",
        b"\xff",
        b"[" * 500,
    ):
        for status in range(3):
            yield bytes([status]) + body


TARGETS = {
    "published": Target(files, _files, 60),
    "refusal": Target(refusal, _refusals, 600),
}
