"""Blobs, and the frames in them (SPEC 6)."""

from __future__ import annotations

import numpy as np

from billboard import _core
from billboard.elgamal import EncryptionKey
from billboard.errors import InvalidRowsError
from billboard.groups.ristretto255 import ORDER, Element
from samples.frames import frame, time_around
from samples.keys import key_name, named_keys
from samples.sampler import (
    IDENTITY,
    Json,
    Random,
    chance,
    damaged,
    data,
    element,
    multiple,
    replaced,
    sampler,
    scalar,
    strange,
)


def embedded(rng: Random, message: bytes) -> list[bytes]:
    """An element for each 30 bytes, as the engine embeds them."""
    rows = np.frombuffer(message, np.uint8).reshape(1, -1, 30)
    made = _core.embed(rows, rows.shape[1], rng.randbytes(32), 1).tobytes()
    return [made[i : i + 32] for i in range(0, len(made), 32)]


def candidate_of(encoding: bytes) -> int:
    """The number c of SPEC 6.1."""
    return encoding[0] // 2 + 128 * encoding[31]


def public_elements(name: str) -> list[bytes]:
    public = bytes.fromhex(named_keys()[name]["public_key"])
    return [public[i : i + 32] for i in range(2, len(public), 96)]


def encrypted(rng: Random, publics: list[bytes], messages: list[bytes]) -> bytes:
    key = EncryptionKey([Element.from_bytes(public) for public in publics])
    rows = np.frombuffer(b"".join(messages), np.uint8).reshape(1, -1, 32)
    return key.encrypt_batch(rows, seed=rng.randbytes(32), threads=1).tobytes()


def blob(rng: Random, name: str, share: float = 0.0) -> tuple[bytes, int]:
    """A blob under a named key, and the expiry of the frame in it."""
    key = named_keys()[name]
    made, hours = frame(rng, key["class"], bytes.fromhex(key["key_hash"]), share)
    return encrypted(rng, public_elements(name), embedded(rng, made)), hours


def damaged_blob(rng: Random, value: bytes) -> bytes:
    position = 32 * rng.randrange(len(value) // 32)
    kind = rng.randrange(5)
    if kind == 0:
        return replaced(value, 0, IDENTITY)
    if kind == 1:
        return replaced(value, position, strange(rng))
    if kind == 2:
        return replaced(value, position, element(rng))
    return damaged(rng, value)


@sampler("embedding/embed-frame")
def _embed_frame(rng: Random) -> Json:
    message = data(rng, 30 * named_keys()[key_name(rng)]["class"])
    candidates = [candidate_of(encoding) for encoding in embedded(rng, message)]
    return {"frame": message.hex(), "candidates": candidates}


@sampler("embedding/extract-frame")
def _extract_frame(rng: Random) -> Json:
    n = named_keys()[key_name(rng)]["class"]
    return {"elements": [element(rng).hex() for _ in range(n)]}


@sampler("blob/encrypt")
def _blob_encrypt(rng: Random) -> Json:
    name = key_name(rng)
    key = named_keys()[name]
    made, _ = frame(rng, key["class"], bytes.fromhex(key["key_hash"]))
    return {
        "key": name,
        "frame": made.hex(),
        "candidates": [candidate_of(encoding) for encoding in embedded(rng, made)],
        "r": scalar(rng, nonzero=True).hex(),
    }


@sampler("blob/rerandomize")
def _rerandomize(rng: Random) -> Json:
    """Some randomizers are the very one that makes A the identity."""
    name, s = key_name(rng), scalar(rng)
    value, _ = blob(rng, name)
    if chance(rng, 0.3):
        value = damaged_blob(rng, value)
    if chance(rng, 0.1):
        opposite = (ORDER - int.from_bytes(s, "little")) % ORDER
        value = replaced(value, 0, multiple(opposite.to_bytes(32, "little")))
    return {"key": name, "blob": value.hex(), "s": s.hex()}


@sampler("blob/decode")
def _blob_decode(rng: Random) -> Json:
    value, _ = blob(rng, key_name(rng))
    return {"blob": (damaged_blob(rng, value) if chance(rng, 0.5) else value).hex()}


def blob_for(rng: Random, name: str) -> tuple[bytes, int]:
    """A blob for a key mostly: some are for another, hold a wrong frame, or are damaged."""
    other = key_name(rng)
    same = named_keys()[other]["class"] == named_keys()[name]["class"]
    value, hours = blob(rng, other if same and chance(rng, 0.1) else name, share=0.2)
    return (damaged_blob(rng, value) if chance(rng, 0.2) else value), hours


@sampler("blob/open")
def _blob_open(rng: Random) -> Json:
    name = key_name(rng)
    value, hours = blob_for(rng, name)
    return {"key": name, "blob": value.hex(), "time": time_around(rng, hours)}


def again(rng: Random, name: str, row: bytes) -> bytes:
    """The same blob re-randomised, if it decodes."""
    key = EncryptionKey([Element.from_bytes(public) for public in public_elements(name)])
    try:
        rows = np.frombuffer(row, np.uint8).reshape(1, -1, 32)
        return key.rerandomize_batch(rows, seed=rng.randbytes(32), threads=1).tobytes()
    except InvalidRowsError:
        return row


def _batch(rng: Random, name: str) -> tuple[bytes, int]:
    """Some rows, and the expiry of one."""
    size = 32 * (named_keys()[name]["class"] + 1)
    rows, expiries = [], [1]
    for _ in range(rng.choice((0, 1, 2, 2, 3))):
        value, hours = blob_for(rng, name)
        row = value[:size].ljust(size, b"\0")
        rows += [row, again(rng, name, row)] if chance(rng, 0.2) else [row]
        expiries.append(hours)
    return b"".join(rows), rng.choice(expiries[-2:])


@sampler("blob/open-batch")
def _open_batch(rng: Random) -> Json:
    name = key_name(rng)
    rows, hours = _batch(rng, name)
    if chance(rng, 0.2):
        rows += rng.randbytes(rng.choice((1, 31, 32, 287)))
    return {"key": name, "batch": rows.hex(), "time": time_around(rng, hours)}
