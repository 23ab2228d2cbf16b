"""The test vectors, run against the engine: lanes, posts and secret files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from billboard import Blob, Envelope, FrameClass, Lane, LaneReader, Post, SecretFileError
from billboard.errors import InvalidEncodingError
from billboard.groups.ristretto255 import Element
from billboard.hashing import expand
from billboard.lanes import SLOTS, _Schedule, decode_grants, encode_grants
from billboard.storage import secret_file
from vectors.engine.setting import Json, Setting, drawn, element, hexed, operation, unhex


def load_lane(payload: str, setting: Setting) -> Lane:
    path = setting.new_path()
    secret_file.save(path, secret_file.Kind.LANE, bytes.fromhex(payload), None)
    return Lane.load(path)


def payload_of(lane: Lane, setting: Setting) -> bytes:
    path = setting.new_path()
    lane.save(path)
    return secret_file.load(path, secret_file.Kind.LANE, None)


def reader_of(given: Json) -> LaneReader:
    return LaneReader.from_bytes(bytes.fromhex(given["grant"]))


# SPEC 7


@operation("lane/schedule")
def _schedule(given: Json, setting: Setting) -> Json:
    lane, epoch, slot = load_lane(given["lane"], setting), given["epoch"], given["slot"]
    secret = lane._slot_secret(epoch, slot)
    public = Element.mul_generator(secret)
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
        "public": next(reader._publics(reader._schedule, [slot])).hex(),
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


@operation("grants/encode")
def _grants_encode(given: Json, _: Setting) -> Json:
    readers = [LaneReader.from_bytes(grant) for grant in unhex(given["grants"])]
    return {"encoding": encode_grants(readers).hex()}


@operation("grants/decode")
def _grants_decode(given: Json, _: Setting) -> Json:
    readers = decode_grants(bytes.fromhex(given["encoding"]))
    assert encode_grants(readers).hex() == given["encoding"]
    return {"grants": [hexed(reader) for reader in readers]}


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


# SPEC 11


@operation("file/encode")
def _file_encode(given: Json, _: Setting) -> Json:
    kind = secret_file.Kind(given["kind"])
    return {"file": secret_file.encode(kind, bytes.fromhex(given["payload"]), None).hex()}


@operation("file/encode-protected")
def _file_encode_protected(given: Json, _: Setting) -> Json:
    """The engine draws salt and nonce."""
    kind = secret_file.Kind(given["kind"])
    with drawn(bytes.fromhex(given["salt"]), bytes.fromhex(given["nonce"])):
        data = secret_file.encode(kind, bytes.fromhex(given["payload"]), given["passphrase"])
    return {"file": data.hex()}


@operation("file/decode")
def _file_decode(given: Json, setting: Setting) -> Json:
    """From the disk, as each kind that there is."""
    path, data = setting.new_path(), bytes.fromhex(given["file"])
    path.write_bytes(data)
    path.chmod(0o600)
    refusals = []
    for kind in secret_file.Kind:
        try:
            payload = secret_file.load(path, kind, given["passphrase"])
        except SecretFileError as error:
            refusals.append(error)
        else:
            return {"kind": int(kind), "protection": data[19], "payload": payload.hex()}
    raise refusals[0]


@operation("file/encode-keyed")
def _file_encode_keyed(given: Json, _: Setting) -> Json:
    """The engine draws the salt."""
    kind, key = secret_file.Kind(given["kind"]), bytes.fromhex(given["key"])
    with drawn(bytes.fromhex(given["salt"])):
        data = secret_file.encode_keyed(kind, bytes.fromhex(given["payload"]), key)
    return {"file": data.hex()}


@operation("file/decode-keyed")
def _file_decode_keyed(given: Json, _: Setting) -> Json:
    """As each kind that there is."""
    data, key = bytes.fromhex(given["file"]), bytes.fromhex(given["key"])
    refusals = []
    for kind in secret_file.Kind:
        try:
            payload = secret_file.decode_keyed(data, kind, key)
        except SecretFileError as error:
            refusals.append(error)
        else:
            return {"kind": int(kind), "payload": payload.hex()}
    raise refusals[0]


@operation("file/mode")
def _file_mode(given: Json, setting: Setting) -> Json:
    path = setting.new_path()
    path.write_bytes(secret_file.encode(secret_file.Kind.LANE, b"lane", None))
    path.chmod(int(given["mode"], 8))
    assert secret_file.load(path, secret_file.Kind.LANE, None) == b"lane"
    return {}
