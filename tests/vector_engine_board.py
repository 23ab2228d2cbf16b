"""The test vectors, run against the engine: lanes, posts, the board and secret files."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import cast
from unittest import mock

from vector_engine import Json, Setting, drawn, element, hexed, operation, scalar

from billboard import (
    Blob,
    Board,
    BoardParameters,
    Envelope,
    FrameClass,
    Lane,
    LaneReader,
    Post,
    SecretFileError,
    SqliteStore,
    epoch_at,
    posts,
    secretfile,
)
from billboard.board import BUNDLE
from billboard.board.store import Entry
from billboard.errors import InvalidEncodingError
from billboard.hashing import expand
from billboard.lanes import SLOTS, _Schedule


def load_lane(payload: str, setting: Setting) -> Lane:
    path = setting.new_path()
    secretfile.save(path, secretfile.Kind.LANE, bytes.fromhex(payload), None)
    return Lane.load(path)


def payload_of(lane: Lane, setting: Setting) -> bytes:
    path = setting.new_path()
    lane.save(path)
    return secretfile.load(path, secretfile.Kind.LANE, None)


def reader_of(given: Json) -> LaneReader:
    return LaneReader.from_bytes(bytes.fromhex(given["grant"]))


# SPEC 7


@operation("lane/schedule")
def _schedule(given: Json, setting: Setting) -> Json:
    lane, epoch, slot = load_lane(given["lane"], setting), given["epoch"], given["slot"]
    secret = lane._slot_secret(epoch, slot)
    public = posts.Element.mul_generator(secret)
    schedule = lane._schedule.at(epoch)
    lane.advance(epoch)
    assert payload_of(lane, setting)[43:75] == schedule.key
    return {
        "epoch_key": schedule.key.hex(),
        "slot_key": schedule.slot_key(slot).hex(),
        "public": hexed(public),
        "identifier": lane.identifier(epoch, slot).hex(),
        "first_seq": schedule.first_seq(slot),
        "secret": hexed(secret),
    }


@operation("lane/schedule-public")
def _schedule_public(given: Json, _: Setting) -> Json:
    reader, epoch, slot = reader_of(given), given["epoch"], given["slot"]
    identifier = reader.identifier(epoch, slot)
    reader.advance(epoch)
    assert reader.identifier(epoch, slot) == identifier
    return {
        "epoch_key": bytes(reader)[43:75].hex(),
        "slot_key": reader._schedule.slot_key(slot).hex(),
        "public": reader._slot_public(reader._schedule, slot).hex(),
        "identifier": identifier.hex(),
        "first_seq": reader._schedule.first_seq(slot),
    }


@operation("lane/identifiers")
def _identifiers(given: Json, _: Setting) -> Json:
    reader = reader_of(given)
    made = [reader.identifier(given["epoch"], slot) for slot in range(SLOTS)]
    return {"identifiers": [identifier.hex() for identifier in made]}


@operation("lane/highest-slot")
def _highest_slot(given: Json, _: Setting) -> Json:
    """Posts that hold nothing but an identifier: `LaneReader.find` looks at no more."""
    reader, epoch = reader_of(given), given["epoch"]
    found = [
        SimpleNamespace(identifier=bytes.fromhex(identifier), epoch=epoch)
        for identifier in given["found"]
    ]
    post = reader.find(cast("list[Post]", found))
    slots = {reader.identifier(epoch, slot): slot for slot in range(SLOTS)}
    return {"slot": None if post is None else slots[post.identifier]}


@operation("lane/encode")
def _lane_encode(given: Json, setting: Setting) -> Json:
    """A fresh lane whose randomness is drawn: SK_b, then d_0 in 64 bytes."""
    key, secret = bytes.fromhex(given["key"]), bytes.fromhex(given["secret"])
    with drawn(key, secret + bytes(32)):
        lane = Lane.generate(
            given["origin"],
            frame_class=FrameClass(given["class"]),
            epoch_length=given["epoch_length"],
            now=given["epoch"] * given["epoch_length"],
        )
    return {"lane": payload_of(lane, setting).hex()}


@operation("lane/decode")
def _lane_decode(given: Json, setting: Setting) -> Json:
    lane = load_lane(given["lane"], setting)
    assert payload_of(lane, setting).hex() == given["lane"]
    return {"secret": hexed(lane._secret), **_fields(lane._schedule)}


def _fields(schedule: _Schedule) -> Json:
    return {
        "class": int(schedule.frame_class),
        "epoch_length": schedule.epoch_length,
        "epoch": schedule.epoch,
        "key": schedule.key.hex(),
        "origin": schedule.origin,
    }


@operation("grant/from-lane")
def _grant_from_lane(given: Json, setting: Setting) -> Json:
    return {"grant": hexed(load_lane(given["lane"], setting).grant(given["epoch"]))}


@operation("grant/encode")
def _grant_encode(given: Json, _: Setting) -> Json:
    schedule = _Schedule(
        given["origin"],
        FrameClass(given["class"]),
        given["epoch_length"],
        given["epoch"],
        bytes.fromhex(given["key"]),
    )
    return {"grant": hexed(LaneReader(schedule, element(given["public"])))}


@operation("grant/decode")
def _grant_decode(given: Json, _: Setting) -> Json:
    reader = reader_of(given)
    assert hexed(reader) == given["grant"]
    fields = _fields(reader._schedule)
    assert (reader.origin, reader.epoch_length, reader.epoch) == tuple(
        fields[name] for name in ("origin", "epoch_length", "epoch")
    )
    return {"public": hexed(reader._public), **fields}


# SPEC 8


@operation("envelope/encode")
def _envelope_encode(given: Json, _: Setting) -> Json:
    key_id, descriptor, blob = (bytes.fromhex(given[k]) for k in ("key_id", "descriptor", "blob"))
    return {"envelope": hexed(Envelope(Blob.from_bytes(blob), key_id, descriptor))}


@operation("envelope/decode")
def _envelope_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["envelope"])
    envelope = Envelope.from_bytes(data)
    assert bytes(envelope) == data
    return _envelope_fields(envelope)


def _envelope_fields(envelope: Envelope) -> Json:
    return {
        "key_id": envelope.key_id.hex(),
        "descriptor": envelope.descriptor.hex(),
        "blob": hexed(envelope.blob),
    }


@operation("post/seal")
def _seal(given: Json, setting: Setting) -> Json:
    """`Lane.post`, which draws the salt and then the rnd of the signature."""
    lane, epoch, slot = load_lane(given["lane"], setting), given["epoch"], given["slot"]
    salt = bytes.fromhex(given["salt"])
    envelope = Envelope.from_bytes(bytes.fromhex(given["envelope"]))
    key = SimpleNamespace(key_id=envelope.key_id, frame_class=lane.frame_class)
    with drawn(salt, bytes.fromhex(given["rnd"])):
        post = lane.post(
            epoch,
            envelope.blob,
            key,  # type: ignore[arg-type]
            seq=given["seq"],
            slot=slot,
            descriptor=envelope.descriptor,
        )
    slot_key = lane._schedule.at(epoch).slot_key(slot)
    return {
        "identifier": post.identifier.hex(),
        "public": post.public.hex(),
        "secret": hexed(lane._slot_secret(epoch, slot)),
        "envelope_key": expand(slot_key, "envelope", 32, salt).hex(),
        "post": hexed(post),
    }


@operation("post/withdraw")
def _withdraw(given: Json, setting: Setting) -> Json:
    """`Lane.withdraw`, which draws salt, box and rnd."""
    with drawn(*(bytes.fromhex(given[name]) for name in ("salt", "box", "rnd"))):
        lane = load_lane(given["lane"], setting)
        post = lane.withdraw(given["epoch"], seq=given["seq"], slot=given["slot"])
    return {"post": hexed(post)}


@operation("post/check")
def _check(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["post"])
    post = Post.from_bytes(data)
    if post.frame_class != given["class"]:
        raise InvalidEncodingError("post", "is not of the class of the board")
    post.verify(given["origin"])
    assert bytes(post) == data
    return {
        "identifier": post.identifier.hex(),
        "epoch": post.epoch,
        "seq": post.seq,
        "public": post.public.hex(),
    }


@operation("post/read")
def _read(given: Json, _: Setting) -> Json:
    reader, post = reader_of(given), Post.from_bytes(bytes.fromhex(given["post"]))
    envelope = reader.open(post)
    slots = {reader.identifier(post.epoch, slot): slot for slot in range(SLOTS)}
    found = {"epoch": post.epoch, "slot": slots[post.identifier], "seq": post.seq}
    return {**found, **_envelope_fields(envelope)}


# SPEC 2 and 9


@operation("origin/check")
def _origin(given: Json, _: Setting) -> Json:
    BoardParameters(given["origin"])
    assert posts.check_origin(given["origin"]) == given["origin"]
    return {}


@operation("epoch/at")
def _epoch_at(given: Json, _: Setting) -> Json:
    return {"epoch": epoch_at(given["time"], given["epoch_length"])}


@contextlib.contextmanager
def store_of(
    setting: Setting, origin: str, epoch_length: int, frame_class: FrameClass = FrameClass.L
) -> Iterator[SqliteStore]:
    parameters = BoardParameters(origin, epoch_length, frame_class)
    with SqliteStore.create(setting.new_path(), parameters) as store:
        yield store


def entry(identifier: bytes, seq: int = 0, frame_class: FrameClass = FrameClass.L) -> Entry:
    """A post as the store sees it; no two of different identifier or seq are equal."""
    data = identifier + seq.to_bytes(4, "big")
    return Entry(identifier, seq, data.ljust(posts.post_size(frame_class), b"\0"))


def identifiers(seed: str, count: int) -> list[bytes]:
    start = seed.encode()
    return sorted(hashlib.sha256(start + i.to_bytes(4, "big")).digest() for i in range(count))


@functools.cache
def filler(frame_class: FrameClass, count: int) -> Sequence[Entry]:
    return [entry(identifier, 0, frame_class) for identifier in identifiers("filler", count)]


def published_bytes(store: SqliteStore, epoch: int, number: int) -> list[bytes]:
    bundles = store.editions(epoch)[number].size // BUNDLE
    return [data for index in range(bundles) for data in store.bundle(epoch, number, index)]


@operation("epoch/open")
def _epoch_open(given: Json, setting: Setting) -> Json:
    """A board takes a well-formed post of the epoch."""
    with store_of(setting, "board.example", given["epoch_length"]) as store:
        board = Board(store, clock=lambda: given["time"])
        board.submit(posts.dummy(FrameClass.L, origin=board.origin, epoch=given["epoch"]))
        assert store.epochs() == {given["epoch"]: 1}
    return {}


@operation("epoch/publishable")
def _publishable(given: Json, setting: Setting) -> Json:
    with store_of(setting, "board.example", given["epoch_length"]) as store:
        Board(store, clock=lambda: given["time"]).publish(given["epoch"])
        assert len(store.editions(given["epoch"])) == 1
    return {}


@operation("epoch/expirable")
def _expirable(given: Json, setting: Setting) -> Json:
    """What is deleted is the epoch before, and not the given one."""
    with store_of(setting, "board.example", given["epoch_length"]) as store:
        epochs = {epoch: 1 for epoch in (given["epoch"] - 1, given["epoch"]) if epoch >= 0}
        for epoch in epochs:
            store.put(epoch, entry(bytes(32)))
        try:
            Board(store, clock=lambda: given["time"]).expire(given["epoch"])
        except Exception:
            assert store.epochs() == epochs
            raise
        assert store.epochs() == {given["epoch"]: 1}
    return {}


@operation("board/submit")
def _submit(given: Json, setting: Setting) -> Json:
    """The board, over a store that holds what the case says; then all of it is published."""
    data, of = bytes.fromhex(given["post"]), FrameClass(given["class"])
    fill = functools.partial(filler, of)
    with store_of(setting, given["origin"], given["epoch_length"], of) as store:
        for old in given["published"]:
            store.put(old["epoch"], entry(bytes.fromhex(old["identifier"]), 0, of))
            store.publish(old["epoch"], fill)
        waiting = [
            (old["epoch"], entry(bytes.fromhex(old["identifier"]), old["seq"], of))
            for old in given["pending"]
        ]
        for epoch, old in waiting:
            store.put(epoch, old)
        before = store.epochs()
        try:
            post = Post.from_bytes(data)
            Board(store, clock=lambda: given["time"]).submit(post)
        except Exception:
            assert store.epochs() == before
            raise
        kept: list[bytes] = []
        for epoch in store.epochs():
            number = store.publish(epoch, fill).number
            kept += published_bytes(store, epoch, number)
    assert kept.count(data) == 1
    replaced = [old.seq for _, old in waiting if old.data not in kept]
    assert len(replaced) <= 1
    return {"replaces": replaced[0] if replaced else None}


@operation("board/edition-size")
def _edition_size(given: Json, setting: Setting) -> Json:
    """A board publishes so many posts, and makes the dummies itself."""
    put = [entry(identifier) for identifier in identifiers("posts", given["posts"])]
    with store_of(setting, "board.example", 86_400) as store:
        for each in put:
            store.put(3, each)
        board = Board(store, clock=lambda: 3 * 86_400)
        edition = board.publish(3)
        data = set(published_bytes(store, 3, 0))
    dummies = data - {each.data for each in put}
    for dummy in sorted(dummies)[: None if setting.thorough else 1]:
        Post.from_bytes(dummy).verify(board.origin)
    assert len(data) == edition.size
    return {"size": edition.size, "dummies": len(dummies)}


def _publish(store: SqliteStore, waiting: list[bytes], dummies: list[bytes]) -> list[bytes]:
    """The identifiers of the edition of ``waiting`` and exactly as many ``dummies``."""
    for identifier in waiting:
        store.put(3, entry(identifier))

    def make(count: int) -> Sequence[Entry]:
        assert count == len(dummies)
        return [entry(identifier) for identifier in reversed(dummies)]

    store.publish(3, make)
    return [data[:32] for data in published_bytes(store, 3, 0)]


@operation("board/edition")
def _edition(given: Json, setting: Setting) -> Json:
    waiting, dummies = identifiers(**given["posts"]), identifiers(**given["dummies"])
    with store_of(setting, "board.example", 86_400) as store:
        made = _publish(store, waiting[::-1], dummies)
    digest = hashlib.sha256(b"".join(made)).hexdigest()
    return {"first": made[0].hex(), "last": made[-1].hex(), "digest": digest}


@operation("board/bundle")
def _bundle(given: Json, setting: Setting) -> Json:
    """`Board.bundle`, of an edition that holds such posts; their content is not looked at."""
    content = identifiers(**given["edition"])
    with store_of(setting, "board.example", 86_400) as store:
        waiting = len(content) - BUNDLE + 1 if len(content) > BUNDLE else 0
        order = _publish(store, content[:waiting], content[waiting:])
        board, passed = Board(store), mock.patch.object(Post, "from_bytes", lambda data: data)
        with passed:
            found = board.bundle(3, bytes.fromhex(given["identifier"]))
    bundle = [bytes(data)[:32] for data in found]
    assert len(bundle) == BUNDLE
    start = order.index(bundle[0])
    assert order[start : start + BUNDLE] == bundle
    return {"start": start, "first": bundle[0].hex(), "last": bundle[-1].hex()}


@operation("board/default-expiry")
def _expiry(given: Json, setting: Setting) -> Json:
    """The first epoch that is left of the ten around."""
    current = given["time"] // given["epoch_length"]
    with store_of(setting, "board.example", given["epoch_length"]) as store:
        for epoch in range(max(current - 5, 0), current + 5):
            store.put(epoch, entry(bytes(32)))
        Board(store, clock=lambda: given["time"]).expire()
        return {"epoch": min(store.epochs())}


@operation("board/dummy")
def _dummy(given: Json, _: Setting) -> Json:
    """`posts.dummy` draws seq, secret, salt, box and rnd."""
    of = next(c for c in FrameClass if 2 * posts.box_size(c) == len(given["box"]))
    d, salt, box, rnd = (bytes.fromhex(given[name]) for name in ("secret", "salt", "box", "rnd"))
    seq = mock.patch("secrets.randbelow", lambda bound: given["seq"] if bound == 2**31 else -1)
    with seq, drawn(d + bytes(32), salt, box, rnd):
        post = posts.dummy(of, origin=given["origin"], epoch=given["epoch"])
    assert post.public == bytes(posts.Element.mul_generator(scalar(given["secret"])))
    return {"post": hexed(post)}


# SPEC 11


@operation("file/encode")
def _file_encode(given: Json, _: Setting) -> Json:
    kind = secretfile.Kind(given["kind"])
    return {"file": secretfile.encode(kind, bytes.fromhex(given["payload"]), None).hex()}


@operation("file/encode-protected")
def _file_encode_protected(given: Json, _: Setting) -> Json:
    """The engine draws salt and nonce."""
    kind = secretfile.Kind(given["kind"])
    with drawn(bytes.fromhex(given["salt"]), bytes.fromhex(given["nonce"])):
        data = secretfile.encode(kind, bytes.fromhex(given["payload"]), given["passphrase"])
    return {"file": data.hex()}


@operation("file/decode")
def _file_decode(given: Json, setting: Setting) -> Json:
    """From the disk, as each kind that there is."""
    path, data = setting.new_path(), bytes.fromhex(given["file"])
    path.write_bytes(data)
    path.chmod(0o600)
    refusals = []
    for kind in secretfile.Kind:
        try:
            payload = secretfile.load(path, kind, given["passphrase"])
        except SecretFileError as error:
            refusals.append(error)
        else:
            return {"kind": int(kind), "protection": data[19], "payload": payload.hex()}
    raise refusals[0]


@operation("file/mode")
def _file_mode(given: Json, setting: Setting) -> Json:
    path = setting.new_path()
    path.write_bytes(secretfile.encode(secretfile.Kind.LANE, b"lane", None))
    path.chmod(int(given["mode"], 8))
    assert secretfile.load(path, secretfile.Kind.LANE, None) == b"lane"
    return {}
