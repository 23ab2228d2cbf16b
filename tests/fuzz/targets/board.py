"""What a board takes, against a model of its rules."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from billboard import (
    Board,
    BoardParameters,
    EpochError,
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    Post,
    RefusedPostError,
)
from billboard.board import FileObjects
from billboard.board.sqlite import SqliteStore
from billboard.groups.ristretto255 import Element
from billboard.posts import box_size
from billboard.tlog.note import Algorithm, NoteSigner

from ..material import header, lane, signed, slot
from ..target import Source, Target, attempt, require, vectors

EPOCH = 20_800
MOST = 24
"""Steps of one input."""


class Clock:
    """Whatever time it was set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def _opened(clock: Clock) -> Iterator[tuple[Board, SqliteStore]]:
    """A new board, in memory where there is such a folder: posts wait for the disk otherwise."""
    memory = Path("/dev/shm")  # noqa: S108
    signer = NoteSigner(lane().origin, Algorithm.ED25519, bytes(32))
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        path = f"{folder}/board.sqlite"
        with SqliteStore.create(path, BoardParameters(lane().origin)) as store:
            yield Board(store, FileObjects(f"{folder}/objects"), signer, clock=clock), store


class Model:
    """The rules of SPEC 9 in a few lines, without a store."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.waiting: dict[tuple[int, bytes], int] = {}
        self.published: set[tuple[int, bytes]] = set()
        self.over: set[int] = set()

    def submit(self, data: bytes, now: float) -> str | None:
        """The reason to refuse a post, or None."""
        try:
            post = Post.from_bytes(data)
        except InvalidEncodingError:
            return "encoding"
        if post.frame_class is not FrameClass.L:
            return "class"
        epoch, seq = post.epoch, post.seq
        skew, place = min(3600, self.length), (epoch, post.identifier)
        if not (epoch - 14) * self.length - skew <= now < (epoch + 1) * self.length + skew:
            return "epoch"
        try:
            post.verify(lane().origin)
        except InvalidSignatureError:
            return "signature"
        if epoch in self.over:
            return "epoch"
        if place in self.published:
            return "published"
        if seq <= self.waiting.get(place, -1):
            return "seq"
        self.waiting[place] = seq
        return None

    def publish(self, epoch: int, now: float) -> None:
        """Nothing of ``epoch`` waits any more, and nothing will if this was its last edition."""
        if now >= (epoch + 1) * self.length + min(3600, self.length):
            self.over.add(epoch)
        moved = {place for place in self.waiting if place[0] == epoch}
        self.published |= moved
        for place in moved:
            del self.waiting[place]


def board(data: bytes) -> None:
    """Steps: time passes, posts that are right or anything else come in, epochs are published."""
    clock = Clock()
    with _opened(clock) as (opened, store):
        _play(Source(data), opened, store, clock)


def _play(source: Source, opened: Board, store: SqliteStore, clock: Clock) -> None:
    model = Model(opened.epoch_length)
    clock.now = EPOCH * opened.epoch_length
    for _ in range(MOST):
        if not source.left:
            break
        kind = source.number() % 8
        if kind < 4:
            _submit_signed(source, opened, model, clock)
        elif kind == 4:
            _submit_bytes(source, opened, model, clock)
        elif kind == 5:
            clock.now += source.number(3) - 2**22
        elif kind == 6:
            _submit_object(source, opened, model, clock)
        else:
            _publish(EPOCH + source.number() % 4, opened, model, clock)
    waiting = {(epoch, identifier) for epoch, identifier in model.waiting}
    counts = {epoch: count for epoch, count in store.epochs().items() if count}
    expected = {epoch: len([1 for e, _ in waiting if e == epoch]) for epoch, _ in waiting}
    require(counts == expected, "which posts wait")


def _submit_signed(source: Source, opened: Board, model: Model, clock: Clock) -> None:
    epoch, number = EPOCH + source.number() % 32, source.number() % 4
    seq = source.number(source.number() % 5)
    secret, _ = slot(epoch, number)
    start = header(epoch, seq, bytes(Element.mul_generator(secret)), bytes(32))
    encoded = signed(secret, start + source.part().ljust(box_size(FrameClass.L), b"\0"))
    _submit(Post.from_bytes(encoded), opened, model, clock)


def _submit_bytes(source: Source, opened: Board, model: Model, clock: Clock) -> None:
    data = source.part(2)
    post = attempt(data, Post.from_bytes, InvalidEncodingError)
    if post is not None:
        _submit(post, opened, model, clock)


def _submit_object(source: Source, opened: Board, model: Model, clock: Clock) -> None:
    """An object that no decoder made: refused if a part does not fit, by the board otherwise."""
    epoch, seq = source.number(4), source.number(5)
    public, salt, box, signature = source.part(), source.part(), source.part(2), source.part()
    post = attempt(
        public + salt + box + signature,
        lambda _: Post(epoch, seq, public, salt, box, signature),
        InvalidEncodingError,
    )
    fits = (len(public), len(salt), len(signature)) == (32, 32, 64) and seq < 2**32
    fits = fits and len(box) in map(box_size, FrameClass)
    require((post is not None) == fits, "which parts make a post")
    if post is not None:
        _submit(post, opened, model, clock)


def _submit(post: Post, opened: Board, model: Model, clock: Clock) -> None:
    try:
        expected = model.submit(bytes(post), clock.now)
    except InvalidEncodingError:
        expected = "encoding"
    try:
        opened.submit(post)
    except RefusedPostError as error:
        require(error.reason == expected, f"refused for {error.reason}, not for {expected}")
    else:
        require(expected is None, f"accepted, not refused for {expected}")


def _publish(epoch: int, opened: Board, model: Model, clock: Clock) -> None:
    length = opened.epoch_length
    places = {identifier for at, identifier in model.waiting if at == epoch}
    in_time = epoch * length - min(3600, length) <= clock.now
    in_time = in_time and (clock.now < (epoch + 2) * length or bool(places))
    try:
        edition = opened.publish(epoch)
    except EpochError:
        require(not in_time, "an epoch that is current can be published")
        return
    require(in_time, "an epoch that is not current is not published")
    model.publish(epoch, clock.now)
    identifiers = [post.identifier for post in opened.posts(epoch, edition=edition.number)]
    require(identifiers == sorted(set(identifiers)) and len(identifiers) == 256, "an edition")
    require(places <= set(identifiers), "every post that waited is in the edition")


def _boards() -> Iterator[bytes]:
    def post(epoch: int, number: int, seq: int) -> bytes:
        return bytes([0, epoch, number, 4]) + seq.to_bytes(4, "big") + b"\0"

    yield post(0, 0, 5) + post(0, 0, 5) + post(0, 0, 6) + post(1, 0, 0) + post(14, 0, 0)
    yield post(0, 0, 5) + b"\x07\0" + post(0, 0, 6) + post(0, 1, 6) + b"\x07\0"
    for later in (2 * 86_400 - 1, 86_400 + 3599, 86_400 + 3600):
        yield b"\x05" + (2**22 + later).to_bytes(3, "big") + post(0, 0, 0) + b"\x07\0"
    yield b"\x05\x41\x51\x80" + post(0, 0, 0) + post(1, 1, 1) + b"\x07\x01\x07\x00"
    for reference in list(vectors("board/submit", "post"))[::4]:
        yield b"\x04" + len(reference).to_bytes(2, "big") + reference
        parts = [reference[41:73], reference[73:105]]
        joined = b"".join(bytes([len(part)]) + part for part in parts)
        box, signature = reference[105:-64], reference[-64:]
        yield (
            b"\x06"
            + reference[33:37]
            + b"\0"
            + reference[37:41]
            + joined
            + len(box).to_bytes(2, "big")
            + box
            + bytes([len(signature)])
            + signature
        )


TARGETS = {"board": Target(board, _boards, 1600)}
