"""The operations of SPEC 2 to 8 and 11: the billboard but its board."""

from .. import (
    blobs,
    elgamal,
    files,
    frames,
    keys,
    lanes,
    notation,
    posts,
    ristretto255,
    signatures,
    web_push,
)
from ..groups import RISTRETTO255
from .inputs import Input, Json


def _hexes(items: list[bytes] | tuple[bytes, ...]) -> list[str]:
    return [item.hex() for item in items]


def _scalar_hex(scalar: int) -> str:
    return ristretto255.encode_scalar(scalar).hex()


# SPEC 2


def tuple_(i: Input) -> Json:
    return {"bytes": notation.tuple_bytes(*i.byte_strings("parts")).hex()}


def hash_(i: Input) -> Json:
    return {"hash": notation.hash_parts(i.text("label"), *i.byte_strings("parts")).hex()}


def scalar(i: Input) -> Json:
    return {"scalar": _scalar_hex(notation.scalar_of(i.text("label"), *i.byte_strings("parts")))}


def expand(i: Input) -> Json:
    parts = i.byte_strings("parts")
    return {
        "bytes": notation.expand(i.data("key"), i.text("label"), i.number("length"), *parts).hex()
    }


def element_from_uniform_bytes(i: Input) -> Json:
    return {"element": ristretto255.from_uniform_bytes(i.data("bytes")).encode().hex()}


def scalar_from_wide_bytes(i: Input) -> Json:
    return {"scalar": _scalar_hex(ristretto255.wide_scalar(i.data("bytes")))}


def origin_check(i: Input) -> Json:
    notation.check_origin(i.text("origin").encode())
    return {}


def epoch_at(i: Input) -> Json:
    return {"epoch": notation.epoch_at(i.number("epoch_length"), i.number("time"))}


# SPEC 3


def schnorr_sign(i: Input) -> Json:
    parts = i.byte_strings("parts")
    signing = signatures.sign(i.text("context"), i.scalar("secret"), i.data("rnd"), *parts)
    return {
        "public": signing.public.hex(),
        "nonce": _scalar_hex(signing.nonce),
        "challenge": _scalar_hex(signing.challenge),
        "signature": signing.signature.hex(),
    }


def schnorr_verify(i: Input) -> Json:
    parts = i.byte_strings("parts")
    signatures.verify(i.text("context"), i.data("public"), i.data("signature"), *parts)
    return {}


# SPEC 4, and secret keys of SPEC 11


def _key_ids(key_hash: bytes) -> Json:
    return {"key_hash": key_hash.hex(), "key_id": keys.key_id(key_hash).hex()}


def public_key_encode(i: Input) -> Json:
    return {
        "public_key": keys.encode_public_key(i.scalars("secrets"), i.byte_strings("rnds")).hex()
    }


def public_key_decode(i: Input) -> Json:
    public = keys.decode_public_key(i.data("public_key"))
    decoded = {"class": public.n, "elements": _hexes(public.elements)}
    return {**decoded, **_key_ids(public.key_hash)}


def key_id(i: Input) -> Json:
    return _key_ids(keys.key_hash(i.number("class"), i.byte_strings("elements")))


def secret_key_encode(i: Input) -> Json:
    return {"payload": keys.encode_secret_key(i.data("public_key"), i.scalars("secrets")).hex()}


def secret_key_decode(i: Input) -> Json:
    key = keys.decode_secret_key(i.data("payload"))
    return {"public_key": key.public_key.hex(), "secrets": [_scalar_hex(x) for x in key.secrets]}


# SPEC 5


def _gate_hex(frame: frames.Frame | frames.HandleFrame) -> Json:
    return {"expiry": frame.expiry, "gate": frame.gate.hex()}


def _frame_json(frame: frames.Frame | frames.HandleFrame) -> Json:
    if isinstance(frame, frames.HandleFrame):
        return {**_gate_hex(frame), "handle": frame.handle.hex()}
    numbers = {"platform": frame.platform, "app": frame.app}
    return {**numbers, **_gate_hex(frame), "token": frame.token.hex()}


def frame_encode(i: Input) -> Json:
    numbers = (i.number("platform"), i.number("app"), i.number("expiry"))
    frame, key = frames.Frame(*numbers, i.data("gate"), i.data("token")), i.key()
    return {"frame": frames.encode(key.opening.key_hash, key.n, frame).hex()}


def frame_encode_handle(i: Input) -> Json:
    frame = frames.HandleFrame(i.number("expiry"), i.data("gate"), i.data("handle"))
    key, salt = i.key(), i.data("salt")
    return {"frame": frames.encode_handle(key.opening.key_hash, key.n, frame, salt).hex()}


def frame_decode(i: Input) -> Json:
    key = i.key()
    frame = frames.decode(key.opening.key_hash, key.n, i.data("frame"), i.number("time"))
    return _frame_json(frame)


def web_push_encode(i: Input) -> Json:
    subscription = web_push.Subscription(
        i.data("p256dh"), i.data("auth"), i.text("endpoint").encode()
    )
    return {"token": web_push.encode(subscription).hex()}


def web_push_decode(i: Input) -> Json:
    p256dh, auth, endpoint = web_push.decode(i.data("token"))
    return {"p256dh": p256dh.hex(), "auth": auth.hex(), "endpoint": endpoint.decode()}


# SPEC 6


def embedding_embed_frame(i: Input) -> Json:
    return {"elements": _hexes(blobs.embed_frame(i.data("frame"), i.items("candidates")))}


def embedding_extract_frame(i: Input) -> Json:
    return {"frame": blobs.extract_frame(list(i.byte_strings("elements"))).hex()}


def blob_encrypt(i: Input) -> Json:
    messages = blobs.embed_frame(i.data("frame"), i.items("candidates"))
    return {"blob": elgamal.encrypt(RISTRETTO255, i.key().elements, messages, i.scalar("r")).hex()}


def blob_rerandomize(i: Input) -> Json:
    moved = elgamal.rerandomize(RISTRETTO255, i.key().elements, i.data("blob"), i.scalar("s"))
    return {"blob": moved.hex()}


def blob_decode(i: Input) -> Json:
    a, bs = blobs.decode(i.data("blob"))
    return {"a": a.encode().hex(), "b": [b.encode().hex() for b in bs]}


def blob_open(i: Input) -> Json:
    return _frame_json(blobs.open_blob(i.key().opening, i.data("blob"), i.number("time")))


def blob_open_batch(i: Input) -> Json:
    rows = blobs.open_batch(i.key().opening, i.data("batch"), i.number("time"))
    return {"rows": [row and _frame_json(row) for row in rows]}


# SPEC 7, and lanes of SPEC 11


def _slot_json(slot: lanes.Slot) -> Json:
    derived = {"epoch_key": slot.epoch_key.hex(), "slot_key": slot.slot_key.hex()}
    derived |= {"public": slot.public.hex(), "identifier": slot.identifier.hex()}
    return {**derived, "first_seq": slot.first_seq}


def lane_schedule(i: Input) -> Json:
    lane = i.lane()
    slot = lanes.slot_of(lane.grant, i.number("epoch"), i.number("slot"))
    return {**_slot_json(slot), "secret": _scalar_hex(lanes.slot_secret(lane, slot))}


def lane_schedule_public(i: Input) -> Json:
    return _slot_json(lanes.slot_of(i.grant(), i.number("epoch"), i.number("slot")))


def lane_identifiers(i: Input) -> Json:
    return {"identifiers": _hexes(lanes.identifiers(i.grant(), i.number("epoch")))}


def lane_highest_slot(i: Input) -> Json:
    found = set(i.byte_strings("found"))
    return {"slot": lanes.highest_slot(i.grant(), i.number("epoch"), found)}


def _channel(i: Input) -> lanes.Channel:
    numbers = (i.number("class"), i.number("epoch_length"), i.number("epoch"))
    return lanes.Channel(*numbers, i.data("key"), i.text("origin").encode())


def _channel_json(channel: lanes.Channel, owner: str, value: bytes) -> Json:
    numbers = {"class": channel.n, "epoch_length": channel.epoch_length, "epoch": channel.epoch}
    texts = {"key": channel.key.hex(), "origin": channel.origin.decode()}
    return {**numbers, owner: value.hex(), **texts}


def lane_encode(i: Input) -> Json:
    return {"lane": lanes.encode_lane(lanes.Lane(_channel(i), i.scalar("secret"))).hex()}


def lane_decode(i: Input) -> Json:
    lane = i.lane()
    return _channel_json(lane.channel, "secret", ristretto255.encode_scalar(lane.secret))


def grant_from_lane(i: Input) -> Json:
    return {"grant": lanes.encode_grant(lanes.grant_at(i.lane(), i.number("epoch"))).hex()}


def grant_encode(i: Input) -> Json:
    return {"grant": lanes.encode_grant(lanes.Grant(_channel(i), i.data("public"))).hex()}


def grant_decode(i: Input) -> Json:
    grant = i.grant()
    return _channel_json(grant.channel, "public", grant.public)


def grants_encode(i: Input) -> Json:
    grants = list(map(lanes.decode_grant, i.byte_strings("grants")))
    return {"encoding": lanes.encode_grants(grants).hex()}


def grants_decode(i: Input) -> Json:
    grants = lanes.decode_grants(i.data("encoding"))
    return {"grants": _hexes([lanes.encode_grant(grant) for grant in grants])}


# SPEC 8


def _envelope_json(envelope: posts.Envelope) -> Json:
    return {name: value.hex() for name, value in envelope._asdict().items()}


def envelope_encode(i: Input) -> Json:
    return {"envelope": (i.data("key_id") + i.data("descriptor") + i.data("blob")).hex()}


def envelope_decode(i: Input) -> Json:
    return _envelope_json(posts.decode_envelope(i.data("envelope")))


def post_seal(i: Input) -> Json:
    lane, epoch = i.lane(), i.number("epoch")
    slot = lanes.slot_of(lane.grant, epoch, i.number("slot"))
    envelope, salt, rnd = i.data("envelope"), i.data("salt"), i.data("rnd")
    post = posts.seal(lane, slot, epoch, i.number("seq"), envelope, salt, rnd)
    return {
        "identifier": slot.identifier.hex(),
        "public": slot.public.hex(),
        "secret": _scalar_hex(lanes.slot_secret(lane, slot)),
        "envelope_key": posts.envelope_key(slot.slot_key, salt).hex(),
        "post": post.hex(),
    }


def post_withdraw(i: Input) -> Json:
    lane, epoch = i.lane(), i.number("epoch")
    slot = lanes.slot_of(lane.grant, epoch, i.number("slot"))
    secret, given = lanes.slot_secret(lane, slot), i.optional_number("seq")
    salt, box, rnd = i.data("salt"), i.data("box"), i.data("rnd")
    origin, seq = lane.channel.origin, slot.first_seq if given is None else given
    return {"post": posts.post_with_box(secret, origin, epoch, seq, salt, box, rnd).hex()}


def post_check(i: Input) -> Json:
    post = posts.check(i.text("origin").encode(), i.number("class"), i.data("post"))
    numbers = {"epoch": post.epoch, "seq": post.seq}
    return {"identifier": post.identifier.hex(), **numbers, "public": post.public.hex()}


def post_read(i: Input) -> Json:
    reading = posts.read(i.grant(), i.data("post"))
    numbers = {"epoch": reading.post.epoch, "slot": reading.slot, "seq": reading.post.seq}
    return {**numbers, **_envelope_json(posts.decode_envelope(reading.envelope))}


# SPEC 11


def file_encode(i: Input) -> Json:
    return {"file": files.encode(i.number("kind"), i.data("payload")).hex()}


def file_encode_protected(i: Input) -> Json:
    contents = (i.number("kind"), i.data("payload"), i.text("passphrase"))
    return {"file": files.encode_protected(*contents, i.data("salt"), i.data("nonce")).hex()}


def file_decode(i: Input) -> Json:
    decoded = files.decode(i.data("file"), i.optional_text("passphrase"))
    numbers = {"kind": decoded.kind, "protection": decoded.protection}
    return {**numbers, "payload": decoded.payload.hex()}


def file_encode_keyed(i: Input) -> Json:
    contents = i.number("kind"), i.data("payload"), i.data("key"), i.data("salt")
    return {"file": files.encode_keyed(*contents).hex()}


def file_decode_keyed(i: Input) -> Json:
    decoded = files.decode_keyed(i.data("file"), i.data("key"))
    return {"kind": decoded.kind, "payload": decoded.payload.hex()}


def file_mode(i: Input) -> Json:
    files.check_mode(int(i.text("mode"), 8))
    return {}
