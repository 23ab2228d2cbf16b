"""The test vectors, run against the engine: frames, embeddings and blobs."""

from __future__ import annotations

import numpy as np

from billboard import (
    Blob,
    DeviceToken,
    Frame,
    FrameClass,
    Handle,
    Platform,
    SecretKey,
    WebPushSubscription,
    _core,
    validate_batch,
)
from billboard.batches import Array
from billboard.elgamal import Ciphertext, EncryptionKey
from billboard.errors import InvalidEncodingError, InvalidRowsError, NotMine
from billboard.groups.ristretto255 import RISTRETTO255, Element
from vectors.engine.groups import (
    SEED,
    check_embedding_of_the_core,
    embedding,
    encrypt,
    rerandomize,
    row_of,
)
from vectors.engine.setting import Json, Setting, drawn, hexed, operation, scalar, split, unhex

NO_GATE = "00" * 16

# SPEC 5


def frame_fields(frame: Frame) -> Json:
    gate = {"gate": NO_GATE if frame.gate is None else frame.gate.hex()}
    common = {"expiry": frame.expires // 3600, **gate}
    if isinstance(frame.token, Handle):
        return {**common, "handle": frame.token.value.hex()}
    return {**common, **token_fields(frame.token)}


def token_fields(token: DeviceToken) -> Json:
    return {"platform": int(token.platform), "app": token.app, "token": token.value.hex()}


def token_of(given: Json) -> DeviceToken:
    return DeviceToken(given["platform"], bytes.fromhex(given["token"]), given["app"])


def encoded(given: Json, setting: Setting, token: DeviceToken | Handle, salt: bytes | None) -> Json:
    gate = None if given["gate"] == NO_GATE else bytes.fromhex(given["gate"])
    key = setting.secret_key(given["key"]).public_key
    frame = Frame(token, given["expiry"] * 3600, gate, salt)
    return {"frame": frame.encode(key.frame_class, key.key_hash).hex()}


@operation("frame/encode")
def _frame_encode(given: Json, setting: Setting) -> Json:
    return encoded(given, setting, token_of(given), None)


@operation("frame/encode-handle")
def _frame_encode_handle(given: Json, setting: Setting) -> Json:
    """The salt as a parameter, and once more as what the operating system gives."""
    handle, salt = Handle(bytes.fromhex(given["handle"])), bytes.fromhex(given["salt"])
    made = encoded(given, setting, handle, salt)
    with drawn(salt):
        assert encoded(given, setting, handle, None) == made
    return made


@operation("frame/decode")
def _frame_decode(given: Json, setting: Setting) -> Json:
    key, data = setting.secret_key(given["key"]).public_key, bytes.fromhex(given["frame"])
    frame = Frame.decode(data, key.frame_class, key.key_hash, now=given["time"])
    assert frame.encode(key.frame_class, key.key_hash) == data
    return frame_fields(frame)


@operation("web-push/encode")
def _web_push_encode(given: Json, _: Setting) -> Json:
    p256dh, auth = bytes.fromhex(given["p256dh"]), bytes.fromhex(given["auth"])
    return {"token": WebPushSubscription(given["endpoint"], p256dh, auth).to_token().value.hex()}


@operation("web-push/decode")
def _web_push_decode(given: Json, _: Setting) -> Json:
    token = DeviceToken(Platform.WEB_PUSH, bytes.fromhex(given["token"]))
    made = WebPushSubscription.from_token(token)
    assert made.to_token() == token
    return {"p256dh": made.p256dh.hex(), "auth": made.auth.hex(), "endpoint": made.endpoint}


# SPEC 6


def embed_frame(given: Json) -> list[bytes]:
    parts = split(bytes.fromhex(given["frame"]), 30)
    pairs = zip(parts, given["candidates"], strict=True)
    return [embedding(part, candidate) for part, candidate in pairs]


@operation("embedding/embed-frame")
def _embed_frame(given: Json, _: Setting) -> Json:
    """By the formula, which is also that of what the core draws."""
    elements = embed_frame(given)
    row = row_of(b"".join(elements))
    assert _core.extract(row, len(elements)).tobytes().hex() == given["frame"]
    check_embedding_of_the_core(bytes.fromhex(given["frame"]))
    return {"elements": [encoding.hex() for encoding in elements]}


@operation("embedding/extract-frame")
def _extract_frame(given: Json, _: Setting) -> Json:
    row = row_of(b"".join(unhex(given["elements"])))
    return {"frame": _core.extract(row, row.shape[1]).tobytes().hex()}


def class_of(size: int) -> FrameClass | None:
    """The class whose blobs have this size."""
    return next((c for c in FrameClass if c.blob_size == size), None)


def publics_of(given: Json, setting: Setting) -> list[Element]:
    public_key = bytes.fromhex(setting.keys[given["key"]]["public_key"])
    return [Element.from_bytes(row[:32]) for row in split(public_key[2:], 96)]


@operation("blob/encrypt")
def _blob_encrypt(given: Json, setting: Setting) -> Json:
    messages = list(map(Element.from_bytes, embed_frame(given)))
    made = encrypt(publics_of(given, setting), messages, scalar(given["r"]))
    return {"blob": hexed(Blob.from_bytes(bytes(made)))}


@operation("blob/rerandomize")
def _blob_rerandomize(given: Json, setting: Setting) -> Json:
    """What is no blob is refused as a row of a batch too, where the length allows it."""
    publics, data = publics_of(given, setting), bytes.fromhex(given["blob"])
    try:
        blob = Blob.from_bytes(data)
    except InvalidEncodingError:
        assert len(data) != 32 * (len(publics) + 1) or is_refused_row(publics, data)
        raise
    ciphertext = Ciphertext.from_bytes(RISTRETTO255, bytes(blob))
    moved = rerandomize(publics, ciphertext, scalar(given["s"]))
    return {"blob": hexed(Blob.from_bytes(bytes(moved)))}


def is_refused_row(publics: list[Element], data: bytes) -> bool:
    try:
        EncryptionKey(publics).rerandomize_batch(row_of(data), seed=SEED)
    except InvalidRowsError:
        return True
    return False


@operation("blob/decode")
def _blob_decode(given: Json, _: Setting) -> Json:
    """As a `Blob`, and as a row of a batch, where the length allows it."""
    data = bytes.fromhex(given["blob"])
    frame_class = class_of(len(data))
    valid = frame_class is not None and validate_batch(row_of(data), frame_class).tolist()[0]
    try:
        a, *b = split(bytes(Blob.from_bytes(data)))
    except InvalidEncodingError:
        assert not valid
        raise
    assert valid
    return {"a": a.hex(), "b": [part.hex() for part in b]}


@operation("blob/open")
def _blob_open(given: Json, setting: Setting) -> Json:
    """As a `Blob`; and as a row of a batch, where the length allows it."""
    key, data = setting.secret_key(given["key"]), bytes.fromhex(given["blob"])
    frame = decode_and_open(key, data, given["time"])
    if class_of(len(data)) is key.public_key.frame_class:
        frames, opened = key.open_batch(row_of(data), now=given["time"])
        assert opened.tolist() == [frame is not None]
        assert frames[0] == frame if opened[0] else not frames.records.tobytes().strip(b"\0")
    if frame is None:
        raise NotMine("the blob does not decode, or not open")
    return frame_fields(frame)


def decode_and_open(key: SecretKey, data: bytes, time: int) -> Frame | None:
    """The two steps of SPEC 6.4. None for what is not mine, as what does not decode is."""
    try:
        blob = Blob.from_bytes(data)
    except InvalidEncodingError:
        return None
    try:
        return key.open(blob, now=time)
    except NotMine:
        return None


def batch_array(given: Json, setting: Setting) -> Array:
    """Bytes that are not whole rows make an array of no fitting shape, which the engine refuses."""
    data, n = bytes.fromhex(given["batch"]), setting.keys[given["key"]]["class"]
    whole = len(data) % (32 * (n + 1)) == 0
    return np.frombuffer(data, np.uint8).reshape((-1, n + 1, 32) if whole else (1, 1, -1))


@operation("blob/open-batch")
def _open_batch(given: Json, setting: Setting) -> Json:
    key = setting.secret_key(given["key"])
    frames, opened = key.open_batch(batch_array(given, setting), now=given["time"])
    mask = opened.tolist()
    return {"rows": [frame_fields(frames[i]) if mask[i] else None for i in range(len(mask))]}
