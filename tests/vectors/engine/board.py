"""The test vectors, run against the engine: the rules of the board (SPEC 9.1, 9.2, 9.5 to 9.7)."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

from billboard import Board, BoardError, BoardParameters, FrameClass, Post, epoch_at, posts
from billboard.board import BUNDLE, Edition, FileObjects
from billboard.board.manifest import encode_leaf
from billboard.board.publisher import Publisher
from billboard.board.reading.reader import Reader
from billboard.board.sqlite import SqliteStore
from billboard.board.store import ClosedEdition, Entry
from billboard.errors import BoardFault
from billboard.groups.ristretto255 import Element
from billboard.times import check_origin
from billboard.tlog.note import Algorithm, NoteSigner
from billboard.tlog.tiles import tile_path
from billboard.web.admission import ProofOfWork
from vectors.engine.setting import Json, Setting, drawn, hexed, operation, scalar

ORIGIN = "board.example"
MOST_EDITIONS = 1000
"""Of an epoch in a case."""


@operation("origin/check")
def _origin(given: Json, _: Setting) -> Json:
    assert check_origin(given["origin"]) == given["origin"]
    return {}


@operation("epoch/at")
def _epoch_at(given: Json, _: Setting) -> Json:
    return {"epoch": epoch_at(given["time"], given["epoch_length"])}


@operation("board/parameters")
def _parameters(given: Json, _: Setting) -> Json:
    """As entry 0 of the master log has them."""
    return {"entry": encode_leaf(given["origin"], parameters_of(given)).hex()}


def parameters_of(given: Json) -> BoardParameters:
    """Those of a case that is about a schedule, or about an epoch."""
    of, late = FrameClass(given.get("class", FrameClass.L)), given.get("interval", 1)
    return BoardParameters(given.get("origin", ORIGIN), given["epoch_length"], of, late)


@contextlib.contextmanager
def store_of(setting: Setting, parameters: BoardParameters) -> Iterator[SqliteStore]:
    with SqliteStore.create(setting.new_path(), parameters) as store:
        yield store


def board_of(
    setting: Setting, store: SqliteStore, time: float = 0, quota: int | None = None
) -> Board:
    """A board whose clock has stopped."""
    signer = NoteSigner(store.parameters.origin, Algorithm.ED25519, bytes(32))
    objects = FileObjects(setting.new_path())
    return Board(store, objects, signer, quota=quota, clock=lambda: time)


def entry(epoch: int, identifier: bytes, seq: int = 0, of: FrameClass = FrameClass.L) -> Entry:
    """A post as the store sees it; no two of different identifier or seq are equal."""
    data = identifier + seq.to_bytes(4, "big")
    return Entry(epoch, identifier, seq, data.ljust(posts.post_size(of), b"\0"))


def put(store: SqliteStore, *entries: Entry) -> None:
    assert store.put(entries) == [None] * len(entries)


def hashes(seed: str, count: int) -> list[bytes]:
    """What a seed and a count stand for, in order of their numbers."""
    start = seed.encode()
    return [hashlib.sha256(start + i.to_bytes(4, "big")).digest() for i in range(count)]


def identifiers(seed: str, count: int, zeros: int = 0) -> list[bytes]:
    return sorted(bytes(min(zeros, 32)) + each[zeros:] for each in hashes(seed, count))


def close(store: SqliteStore, epoch: int, time: int = 0) -> ClosedEdition:
    """Close an edition, filled up with what is no post."""
    of, number = store.parameters.frame_class, len(store.closed(epoch))

    def fill(count: int) -> Sequence[Entry]:
        return [entry(epoch, each, 0, of) for each in _filler(number, count)]

    return store.close_edition(epoch, time, fill)


@functools.cache
def _filler(number: int, count: int) -> list[bytes]:
    return hashes(f"filler of edition {number}", count)


# SPEC 9.1


@operation("epoch/open")
def _epoch_open(given: Json, setting: Setting) -> Json:
    """A board takes a well-formed post of the epoch."""
    with store_of(setting, parameters_of(given)) as store:
        _submit_dummy(board_of(setting, store, given["time"]), given["epoch"])
        assert store.epochs() == {given["epoch"]: 1}
    return {}


def _submit_dummy(board: Board, epoch: int) -> int:
    """The deadline of the receipt."""
    post = posts.dummy(board.frame_class, origin=board.origin, epoch=epoch)
    return board.submit(post).deadline


@operation("board/submit")
def _submit(given: Json, setting: Setting) -> Json:
    """The board, over a store that holds what the case says; then all of it is closed."""
    data, of = bytes.fromhex(given["post"]), FrameClass(given["class"])
    with store_of(setting, parameters := parameters_of(given)) as store:
        store.expire(given["expired"])
        for epoch in given["over"]:
            close(store, epoch, parameters.last_due(epoch))
        for old in given["closed"]:
            put(store, entry(old["epoch"], bytes.fromhex(old["identifier"]), 0, of))
            close(store, old["epoch"])
        waiting = [
            entry(old["epoch"], bytes.fromhex(old["identifier"]), old["seq"], of)
            for old in given["pending"]
        ]
        put(store, *waiting)
        before = _waiting(store)
        try:
            post = Post.from_bytes(data)
            board_of(setting, store, given["time"], given["quota"]).submit(post)
        except Exception:
            assert _waiting(store) == before
            raise
        kept = [each for epoch in store.epochs() for each in store.entries(close(store, epoch))]
    assert kept.count(data) == 1
    replaced = [old.seq for old in waiting if old.data not in kept]
    assert len(replaced) <= 1
    return {"replaces": replaced[0] if replaced else None}


def _waiting(store: SqliteStore) -> dict[int, int]:
    return {epoch: count for epoch, count in store.epochs().items() if count}


@operation("work/check")
def _work(given: Json, _: Setting) -> Json:
    post, work = bytes.fromhex(given["post"]), bytes.fromhex(given["work"])
    ProofOfWork(given["origin"], given["bits"]).admit(post, work)
    return {}


# SPEC 9.2


@operation("edition/schedule")
def _schedule(given: Json, _: Setting) -> Json:
    parameters, epoch = parameters_of(given), given["epoch"]
    time = first = parameters.due(epoch, 0)
    last = parameters.due(epoch, 2**70)
    count = 1
    while time < last and count < MOST_EDITIONS:
        time, count = parameters.next_due(epoch, time), count + 1
    assert time == last
    return {"first": first, "last": last, "count": count}


@operation("edition/close")
def _close(given: Json, setting: Setting) -> Json:
    with store_of(setting, parameters_of(given)) as store:
        put(store, *(entry(given["epoch"], each) for each in hashes("wait", given["waiting"])))
        store.expire(given["expired"])
        with mock.patch.object(posts, "dummy", _quick_dummy):
            board_of(setting, store, given["time"]).close_edition(given["epoch"])
        (closed,) = store.closed(given["epoch"])
    return {"time": closed.time, "dummies": closed.size - given["waiting"]}


_DUMMIES = iter(range(2**32))


def _quick_dummy(of: FrameClass, *, epoch: int, **_: str) -> Post:
    """Not signed: what is in the edition does not matter."""
    public = next(_DUMMIES).to_bytes(32, "big")
    return Post(epoch, 0, public, bytes(32), bytes(posts.box_size(of)), bytes(64))


@operation("edition/order")
def _order(given: Json, setting: Setting) -> Json:
    """The order in which a store gives closed editions to the publisher."""
    with store_of(setting, BoardParameters(ORIGIN)) as store:
        for row in given["closed"]:
            close(store, row["epoch"], row["time"])
        return {"order": [{"epoch": it.epoch, "number": it.number} for it in store.closed()]}


@operation("board/edition-size")
def _edition_size(given: Json, setting: Setting) -> Json:
    """A board publishes so many posts, and makes the dummies itself."""
    waiting = [entry(3, identifier) for identifier in hashes("posts", given["posts"])]
    with store_of(setting, BoardParameters(ORIGIN)) as store:
        put(store, *waiting)
        board = board_of(setting, store, 3 * 86_400)
        board.close_edition(3)
        (edition,) = store.closed()
        data = set(store.entries(edition))
    dummies = data - {each.data for each in waiting}
    for dummy in sorted(dummies)[: None if setting.thorough else 1]:
        Post.from_bytes(dummy).verify(board.origin)
    assert len(data) == edition.size
    return {"size": edition.size, "dummies": len(dummies)}


def _close_with(store: SqliteStore, waiting: list[bytes], dummies: list[bytes]) -> list[bytes]:
    """The identifiers of the edition of ``waiting`` and exactly as many ``dummies``."""
    put(store, *(entry(3, identifier) for identifier in waiting))

    def make(count: int) -> Sequence[Entry]:
        assert count == len(dummies)
        return [entry(3, identifier) for identifier in reversed(dummies)]

    return [data[:32] for data in store.entries(store.close_edition(3, 0, make))]


@operation("board/edition")
def _edition(given: Json, setting: Setting) -> Json:
    waiting, dummies = identifiers(**given["posts"]), identifiers(**given["dummies"])
    with store_of(setting, BoardParameters(ORIGIN)) as store:
        made = _close_with(store, waiting[::-1], dummies)
    digest = hashlib.sha256(b"".join(made)).hexdigest()
    return {"first": made[0].hex(), "last": made[-1].hex(), "digest": digest}


@operation("board/dummy")
def _dummy(given: Json, _: Setting) -> Json:
    """`posts.dummy` draws seq, secret, salt, box and rnd."""
    of = next(c for c in FrameClass if 2 * posts.box_size(c) == len(given["box"]))
    d, salt, box, rnd = (bytes.fromhex(given[name]) for name in ("secret", "salt", "box", "rnd"))
    seq = mock.patch("secrets.randbelow", lambda bound: given["seq"] if bound == 2**31 else -1)
    with seq, drawn(d + bytes(32), salt, box, rnd):
        post = posts.dummy(of, origin=given["origin"], epoch=given["epoch"])
    assert post.public == bytes(Element.mul_generator(scalar(given["secret"])))
    return {"post": hexed(post)}


# SPEC 9.5 to 9.7


@operation("board/bundle")
def _bundle(given: Json, setting: Setting) -> Json:
    """`Board.bundle`, of an edition that holds such posts; their content is not looked at."""
    content, identifier = identifiers(**given["edition"]), bytes.fromhex(given["identifier"])
    with store_of(setting, BoardParameters(ORIGIN)) as store:
        waiting = len(content) - BUNDLE + 1 if len(content) > BUNDLE else 0
        order = _close_with(store, content[:waiting], content[waiting:])
        board = board_of(setting, store)
        Publisher(store, board._objects, board._signer).publish_closed()
        with (
            mock.patch.object(Post, "from_bytes", _Identified),
            mock.patch.object(
                FileObjects, "get", autospec=True, side_effect=FileObjects.get
            ) as get,
        ):
            found = [post.identifier for post in board.bundle(3, identifier)]
    read = [call.args[1] for call in get.call_args_list if "/tile/entries/" in call.args[1]]
    names = {f"3/0/{tile_path('entries', i)}": i for i in range(len(content) // BUNDLE)}
    bundles = [names[name] for name in read]
    assert found == order[BUNDLE * bundles[-1] : BUNDLE * (bundles[-1] + 1)]
    return {"bundles": bundles, "first": found[0].hex(), "last": found[-1].hex()}


class _Identified:
    """Of a post, the identifier alone."""

    def __init__(self, data: bytes) -> None:
        self.identifier = data[:32]


@operation("log/fresh")
def _fresh(given: Json, _: Setting) -> Json:
    """What a reader of the board checks, once it has the manifests."""
    parameters, epoch, now = parameters_of(given), given["epoch"], given["time"]
    found = [Edition(epoch, i, 256, b"", b"", time) for i, time in enumerate(given["editions"])]
    reader = SimpleNamespace(_clock=lambda: now, origin=ORIGIN, taken=None)
    Reader._check_fresh(reader, parameters, epoch, found)  # type: ignore[arg-type]
    seen = now - parameters.late_interval - parameters.skew
    begun = seen >= epoch * parameters.epoch_length
    return {"due": parameters.due(epoch, seen) if begun else None}


@operation("edition/check-time")
def _check_time(given: Json, _: Setting) -> Json:
    """What a reader and a monitor refuse, once they have the manifest."""
    problem = parameters_of(given).check_time(given["epoch"], given["due"], given["time"])
    if problem:
        raise BoardError(BoardFault.MISBEHAVIOR, problem)
    return {}


@operation("log/check-size")
def _check_log_size(given: Json, _: Setting) -> Json:
    """What a reader refuses, once it has taken the checkpoint."""
    reader = _reader_that_took(SimpleNamespace(size=given["size"]))
    with contextlib.suppress(StopIteration):
        next(Reader.log(reader))
    return {}


def _reader_that_took(log: SimpleNamespace) -> Any:
    taken = SimpleNamespace(note=b"")
    reader: Any = SimpleNamespace(origin=ORIGIN, taken=taken, _log=log, _clock=lambda: 0)
    reader._checked_at = 0  # just now
    reader.misbehavior = functools.partial(Reader.misbehavior, reader)
    return reader


@operation("edition/check-size")
def _check_edition_size(given: Json, _: Setting) -> Json:
    """What a reader refuses, once it has the manifest."""
    manifest = Edition(3, 0, given["size"], bytes(32), bytes(32), 3 * 86_400)
    reader = _reader_that_took(SimpleNamespace(size=1))
    assert Reader.leaf(reader, encode_leaf(ORIGIN, manifest)) == manifest
    return {}


@operation("receipt/deadline")
def _deadline(given: Json, setting: Setting) -> Json:
    with store_of(setting, parameters_of(given)) as store:
        for time in given["closed"]:
            close(store, given["epoch"], time)
        board = board_of(setting, store, given["time"])
        return {"deadline": _submit_dummy(board, given["epoch"])}


def _entries(epoch: int, count: int) -> list[Entry]:
    return [entry(epoch, i.to_bytes(32)) for i in range(count)]


def _publish(store: SqliteStore, epochs: Iterable[int]) -> None:
    """Have an edition of each epoch for published, without what that takes."""
    for epoch in epochs:
        store.close_edition(epoch, 0, functools.partial(_entries, epoch))
    with store._database.writing() as db:
        db.execute("UPDATE edition SET leaf = x'00'")


@operation("epoch/expirable")
def _expirable(given: Json, setting: Setting) -> Json:
    """What is deleted is the epoch before, and not the given one."""
    with store_of(setting, parameters_of(given)) as store:
        epochs = [epoch for epoch in (given["epoch"] - 1, given["epoch"]) if epoch >= 0]
        _publish(store, epochs)
        try:
            board_of(setting, store, given["time"]).expire(given["epoch"])
        except Exception:
            assert list(store.epochs()) == epochs
            raise
        assert list(store.epochs()) == [given["epoch"]]
    return {}


@operation("board/expire")
def _expire(given: Json, setting: Setting) -> Json:
    """The first epoch that is left: of those that are unfinished a post waits."""
    with store_of(setting, parameters_of(given)) as store:
        _publish(store, {given["epoch"], *range(max(given["epoch"] - 6, 0), given["epoch"])})
        put(store, *(entry(epoch, b"\xff" * 32) for epoch in given["unfinished"]))
        board_of(setting, store, given["time"]).expire(given["epoch"])
        return {"before": min(store.epochs())}


@operation("board/default-expiry")
def _expiry(given: Json, setting: Setting) -> Json:
    """The first epoch that is left of the ten around."""
    current = given["time"] // given["epoch_length"]
    with store_of(setting, parameters_of(given)) as store:
        around = range(max(current - 5, 0), current + 5)
        _publish(store, around)
        board_of(setting, store, given["time"]).expire()
        return {"epoch": min(store.epochs())}
