"""The test vectors, run against the engine: hashes, group, signatures, keys, frames and blobs.

Each operation of tests/vectors/README.md has a handler here or in `vector_engine_board`. Where a
case gives randomness, the handler passes it as a parameter if the engine has one (``rnd``, ``r``,
``s``); lets `drawn` hand it out in the place of ``os.urandom``; or, for the candidates of an
embedding, which the native core draws from a seed, compares with all that the core ever draws.
"""

from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from billboard import (
    Blob,
    DeviceToken,
    Frame,
    FrameClass,
    PublicKey,
    SecretKey,
    _core,
    elgamal,
    secretfile,
    validate_batch,
)
from billboard.elgamal import Array, Ciphertext
from billboard.errors import InvalidEncodingError
from billboard.groups.ristretto255 import Element, Scalar
from billboard.hashing import encode_tuple, expand, hash_bytes, hash_to_scalar
from billboard.proofs import schnorr
from billboard.push.tick import open_tick

Json = dict[str, Any]
NO_GATE = "00" * 16
CANDIDATES = 1 << 14


@dataclass
class Setting:
    """Where a case runs: an empty folder, and the key sets of its file."""

    folder: Path
    keys: dict[str, Json] = field(default_factory=dict)

    def new_path(self) -> Path:
        return self.folder / secrets.token_hex(8)

    def secret_key(self, name: str) -> SecretKey:
        key = self.keys[name]
        return load_secret_key(key["public_key"] + "".join(key["secrets"]), self)


Handler = Callable[[Json, Setting], Json]
HANDLERS: dict[str, Handler] = {}


def operation(name: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        if name in HANDLERS:
            raise ValueError(f"two handlers for {name}")
        HANDLERS[name] = handler
        return handler

    return register


@contextmanager
def drawn(*values: bytes) -> Iterator[None]:
    """``os.urandom`` returns ``values``: these, in this order, in these lengths, and no more."""
    queue = list(values)

    def urandom(size: int) -> bytes:
        if not queue or len(queue[0]) != size:
            raise AssertionError(f"{size} random bytes drawn, {len(queue)} values are left")
        return queue.pop(0)

    with mock.patch.object(os, "urandom", urandom):
        yield
    if queue:
        raise AssertionError(f"{len(queue)} values were not drawn")


def unhex(parts: list[str]) -> list[bytes]:
    return [bytes.fromhex(part) for part in parts]


def scalar(text: str) -> Scalar:
    return Scalar.from_bytes(bytes.fromhex(text))


def element(text: str) -> Element:
    return Element.from_bytes(bytes.fromhex(text))


def hexed(value: object) -> str:
    return bytes(value).hex()  # type: ignore[call-overload, no-any-return]


def split(data: bytes, size: int = 32) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


# SPEC 2


@operation("tuple")
def _tuple(given: Json, _: Setting) -> Json:
    return {"bytes": encode_tuple(*unhex(given["parts"])).hex()}


@operation("hash")
def _hash(given: Json, _: Setting) -> Json:
    return {"hash": hash_bytes(given["label"], *unhex(given["parts"])).hex()}


@operation("scalar")
def _scalar(given: Json, _: Setting) -> Json:
    return {"scalar": hexed(hash_to_scalar(given["label"], *unhex(given["parts"])))}


@operation("expand")
def _expand(given: Json, _: Setting) -> Json:
    key = bytes.fromhex(given["key"])
    return {"bytes": expand(key, given["label"], given["length"], *unhex(given["parts"])).hex()}


@operation("element/decode")
def _element_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["bytes"])
    decoded = Element.from_bytes(data)
    assert bytes(decoded) == data
    return {"identity": decoded.is_identity}


@operation("element/multiple-of-generator")
def _element_base(given: Json, _: Setting) -> Json:
    product = Element.mul_generator(scalar(given["scalar"]))
    assert product == Element.generator() * scalar(given["scalar"])
    return {"element": hexed(product)}


@operation("element/multiply")
def _element_multiply(given: Json, _: Setting) -> Json:
    point, factor = element(given["element"]), scalar(given["scalar"])
    zero = factor - factor
    products = {point * factor, factor * point, point.mul_add_generator_vartime(factor, zero)}
    (product,) = products
    return {"element": hexed(product)}


@operation("element/add")
def _element_add(given: Json, _: Setting) -> Json:
    return {"element": hexed(element(given["left"]) + element(given["right"]))}


@operation("element/subtract")
def _element_subtract(given: Json, _: Setting) -> Json:
    left, right = element(given["left"]), element(given["right"])
    assert left - right == left + -right
    return {"element": hexed(left - right)}


@operation("element/from-uniform-bytes")
def _element_uniform(given: Json, _: Setting) -> Json:
    return {"element": hexed(Element.from_uniform_bytes(bytes.fromhex(given["bytes"])))}


@operation("scalar/decode")
def _scalar_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["bytes"])
    decoded = Scalar.from_bytes(data)
    assert bytes(decoded) == data
    return {"zero": decoded.is_zero}


@operation("scalar/from-wide-bytes")
def _scalar_wide(given: Json, _: Setting) -> Json:
    return {"scalar": hexed(Scalar.from_uniform_bytes(bytes.fromhex(given["bytes"])))}


# SPEC 3


@operation("schnorr/sign")
def _sign(given: Json, _: Setting) -> Json:
    """``rnd`` as a parameter, and once more as what the operating system gives."""
    context, parts = given["context"], unhex(given["parts"])
    secret, rnd = scalar(given["secret"]), bytes.fromhex(given["rnd"])
    signature = schnorr.sign(context, secret, *parts, rnd=rnd)
    with drawn(rnd):
        assert schnorr.sign(context, secret, *parts) == signature
    public = Element.mul_generator(secret)
    schnorr.verify(context, public, signature, *parts)
    nonce = hash_to_scalar(f"{context}/nonce", bytes(secret), rnd, bytes(public), *parts)
    # z = k + cx
    challenge = (Scalar.from_bytes(signature[32:]) - nonce) * secret.invert()
    return {
        "public": hexed(public),
        "nonce": hexed(nonce),
        "challenge": hexed(challenge),
        "signature": signature.hex(),
    }


@operation("schnorr/verify")
def _verify(given: Json, _: Setting) -> Json:
    signature = bytes.fromhex(given["signature"])
    public = element(given["public"])
    schnorr.verify(given["context"], public, signature, *unhex(given["parts"]))
    return {}


# SPEC 4


def load_secret_key(payload: str, setting: Setting) -> SecretKey:
    path = setting.new_path()
    secretfile.save(path, secretfile.Kind.SECRET_KEY, bytes.fromhex(payload), None)
    return SecretKey.load(path)


@operation("public-key/encode")
def _public_key_encode(given: Json, _: Setting) -> Json:
    """From the parts, as `SecretKey.generate` does; then by it, with the randomness drawn."""
    frame_class = FrameClass(given["class"])
    n = bytes([frame_class.elements])
    secret, rnds = [scalar(text) for text in given["secrets"]], unhex(given["rnds"])
    pairs = enumerate(zip(secret, rnds, strict=True), start=1)
    proofs = [schnorr.sign("pop", x, n, bytes([j]), rnd=rnd) for j, (x, rnd) in pairs]
    made = PublicKey(frame_class, elgamal.public_elements(secret), b"".join(proofs))
    encoding = bytes(PublicKey.from_bytes(bytes(made)))
    with drawn(*(bytes(x) + bytes(32) for x in secret), *rnds):
        generated = SecretKey.generate(frame_class)
    assert bytes(generated.public_key) == encoding
    return {"public_key": encoding.hex()}


@operation("public-key/decode")
def _public_key_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["public_key"])
    key = PublicKey.from_bytes(data)
    assert bytes(key) == data
    return {
        "class": int(key.frame_class),
        "elements": [row[:32].hex() for row in split(bytes(key)[2:], 96)],
        "key_hash": key.key_hash.hex(),
        "key_id": key.key_id.hex(),
    }


@operation("key/id")
def _key_id(given: Json, _: Setting) -> Json:
    elements = [element(text) for text in given["elements"]]
    key = PublicKey(FrameClass(given["class"]), elements, proofs=b"")
    return {"key_hash": key.key_hash.hex(), "key_id": key.key_id.hex()}


@operation("secret-key/encode")
def _secret_key_encode(given: Json, setting: Setting) -> Json:
    path = setting.new_path()
    load_secret_key(given["public_key"] + "".join(given["secrets"]), setting).save(path)
    return {"payload": secretfile.load(path, secretfile.Kind.SECRET_KEY, None).hex()}


@operation("secret-key/decode")
def _secret_key_decode(given: Json, setting: Setting) -> Json:
    key, path = load_secret_key(given["payload"], setting), setting.new_path()
    key.save(path)
    payload = secretfile.load(path, secretfile.Kind.SECRET_KEY, None)
    public_key = bytes(key.public_key)
    return {
        "public_key": public_key.hex(),
        "secrets": [part.hex() for part in split(payload[len(public_key) :])],
    }


# SPEC 5


def frame_fields(frame: Frame) -> Json:
    return {
        "platform": int(frame.token.platform),
        "app": frame.token.app,
        "expiry": frame.expires // 3600,
        "gate": NO_GATE if frame.gate is None else frame.gate.hex(),
        "token": frame.token.value.hex(),
    }


@operation("frame/encode")
def _frame_encode(given: Json, setting: Setting) -> Json:
    token = DeviceToken(given["platform"], bytes.fromhex(given["token"]), given["app"])
    gate = None if given["gate"] == NO_GATE else bytes.fromhex(given["gate"])
    key = setting.secret_key(given["key"]).public_key
    frame = Frame(token, given["expiry"] * 3600, gate)
    return {"frame": frame.encode(key.frame_class, key.key_hash).hex()}


@operation("frame/decode")
def _frame_decode(given: Json, setting: Setting) -> Json:
    key, data = setting.secret_key(given["key"]).public_key, bytes.fromhex(given["frame"])
    frame = Frame.decode(data, key.frame_class, key.key_hash, now=given["time"])
    assert frame.encode(key.frame_class, key.key_hash) == data
    return frame_fields(frame)


# SPEC 6


@functools.cache
def embeddings_of(message: bytes) -> frozenset[bytes]:
    """All that the core draws for ``message``: in 70,000 draws it misses none of about 4,096."""
    data = np.frombuffer(message * 70_000, np.uint8).reshape(-1, 1, 30)
    return frozenset(map(bytes, _core.embed(data, 1, bytes(32)).reshape(-1, 32)))


def embedding(message: bytes, candidate: int) -> bytes:
    """SPEC 6.1: the encoding of a candidate that decodes."""
    if not 0 <= candidate < CANDIDATES:
        raise InvalidEncodingError("candidate", "is out of range")
    encoding = bytes([2 * (candidate % 128)]) + message + bytes([candidate // 128])
    Element.from_bytes(encoding)
    return encoding


@operation("embedding/embed")
def _embed(given: Json, _: Setting) -> Json:
    """The engine embeds at random: a candidate counts if it is among all that it draws."""
    message, candidate = bytes.fromhex(given["message"]), given["candidate"]
    encoding = bytes([2 * (candidate % 128)]) + message + bytes([candidate // 128 % 256])
    possible = embeddings_of(message)
    if candidate >= CANDIDATES or encoding not in possible:
        raise InvalidEncodingError("candidate", "is none that the engine draws")
    assert embedding(message, candidate) == encoding
    return {"element": encoding.hex()}


@operation("embedding/extract")
def _extract(given: Json, _: Setting) -> Json:
    data = np.frombuffer(bytes.fromhex(given["element"]), np.uint8).reshape(1, 1, 32)
    return {"message": _core.extract(data, 1).tobytes().hex()}


def embed_frame(given: Json) -> list[bytes]:
    parts = split(bytes.fromhex(given["frame"]), 30)
    return [embedding(m, c) for m, c in zip(parts, given["candidates"], strict=True)]


@operation("embedding/embed-frame")
def _embed_frame(given: Json, _: Setting) -> Json:
    elements = embed_frame(given)
    array = np.frombuffer(b"".join(elements), np.uint8).reshape(1, -1, 32)
    assert _core.extract(array, len(elements)).tobytes().hex() == given["frame"]
    return {"elements": [encoding.hex() for encoding in elements]}


@operation("embedding/extract-frame")
def _extract_frame(given: Json, _: Setting) -> Json:
    data = b"".join(unhex(given["elements"]))
    array = np.frombuffer(data, np.uint8).reshape(1, -1, 32)
    return {"frame": _core.extract(array, array.shape[1]).tobytes().hex()}


def ciphertext(blob: str) -> Ciphertext:
    a, *b = map(Element.from_bytes, split(bytes.fromhex(blob)))
    return Ciphertext(a, tuple(b))


def blob_hex(value: Ciphertext) -> str:
    return hexed(value.a) + "".join(map(hexed, value.b))


@operation("elgamal/encrypt")
def _encrypt(given: Json, _: Setting) -> Json:
    publics, messages = map(element, given["publics"]), map(element, given["messages"])
    made = elgamal.encrypt(list(publics), list(messages), r=scalar(given["r"]))
    return {"blob": blob_hex(made)}


@operation("elgamal/rerandomize")
def _rerandomize(given: Json, _: Setting) -> Json:
    publics = [element(text) for text in given["publics"]]
    moved = elgamal.rerandomize(publics, ciphertext(given["blob"]), s=scalar(given["s"]))
    return {"blob": blob_hex(moved)}


@operation("elgamal/decrypt")
def _decrypt(given: Json, _: Setting) -> Json:
    """One by one, and as a batch of one."""
    secret = [scalar(text) for text in given["secrets"]]
    messages = list(map(hexed, elgamal.decrypt(secret, ciphertext(given["blob"]))))
    array = np.frombuffer(bytes.fromhex(given["blob"]), np.uint8).reshape(1, -1, 32)
    assert elgamal.DecryptionKey(secret).decrypt_batch(array).tobytes().hex() == "".join(messages)
    return {"messages": messages}


@operation("blob/encrypt")
def _blob_encrypt(given: Json, setting: Setting) -> Json:
    elements = list(map(Element.from_bytes, embed_frame(given)))
    public_key = bytes.fromhex(setting.keys[given["key"]]["public_key"])
    publics = [Element.from_bytes(row[:32]) for row in split(public_key[2:], 96)]
    made = blob_hex(elgamal.encrypt(publics, elements, r=scalar(given["r"])))
    return {"blob": hexed(Blob.from_bytes(bytes.fromhex(made)))}


@operation("blob/decode")
def _blob_decode(given: Json, _: Setting) -> Json:
    """As a `Blob`, and as a row of a batch, where the length allows it."""
    data = bytes.fromhex(given["blob"])
    valid = len(data) == 288 and validate_batch(batch_array({"batch": given["blob"]})).tolist()[0]
    try:
        a, *b = split(bytes(Blob.from_bytes(data)))
    except InvalidEncodingError:
        assert not valid
        raise
    assert valid
    return {"a": a.hex(), "b": [part.hex() for part in b]}


@operation("blob/open")
def _blob_open(given: Json, setting: Setting) -> Json:
    """As a row of a batch, where the length allows it, and as a `Blob`."""
    key, data = setting.secret_key(given["key"]), bytes.fromhex(given["blob"])
    if len(data) == 288:
        frames, opened = key.open_batch(batch_array({"batch": given["blob"]}), now=given["time"])
        assert opened[0] or not frames.records.tobytes().strip(b"\0")
        row = frames[0]
    frame = key.open(Blob.from_bytes(data), now=given["time"])
    assert frame == row
    return frame_fields(frame)


def batch_array(given: Json) -> Array:
    """Bytes that are not whole rows make an array of no fitting shape, which the engine refuses."""
    data = bytes.fromhex(given["batch"])
    return np.frombuffer(data, np.uint8).reshape(
        (-1, 9, 32) if len(data) % 288 == 0 else (1, 1, -1)
    )


@operation("blob/open-batch")
def _open_batch(given: Json, setting: Setting) -> Json:
    key = setting.secret_key(given["key"])
    frames, opened = key.open_batch(batch_array(given), now=given["time"])
    mask = opened.tolist()
    return {"rows": [frame_fields(frames[i]) if mask[i] else None for i in range(len(mask))]}


@operation("tick/notifications")
def _tick(given: Json, setting: Setting) -> Json:
    tick = open_tick(setting.secret_key(given["key"]), batch_array(given), now=given["time"])
    tokens = [notification.token for notification in tick.notifications]
    found = sorted((int(token.platform), token.app, token.value.hex()) for token in tokens)
    return {"notifications": [{"platform": p, "app": a, "token": t} for p, a, t in found]}
