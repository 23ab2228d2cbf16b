"""Frames (SPEC 5)."""

from __future__ import annotations

from billboard.hashing import hash_bytes
from samples.keys import key_name, named_keys
from samples.sampler import (
    Json,
    Random,
    chance,
    data,
    number,
    replaced,
    sampler,
    sometimes_damaged,
)

TAG = 16
HEADER = 26
HOUR = 3600
LAST = 2**32 - 1
PLATFORMS = (1, 2, 3, 4, 5)
CLASS_H = 2


def tagged(key_hash: bytes, body: bytes) -> bytes:
    return body + hash_bytes("frame", key_hash, body)[:TAG]


def gate(rng: Random) -> bytes:
    return bytes(16) if chance(rng, 0.4) else data(rng, 16)


def expiry(rng: Random) -> int:
    return number(rng, 0, LAST) if chance(rng, 0.4) else number(rng, 495_000, 505_000)


def frame(rng: Random, n: int, key_hash: bytes, share: float = 0.0) -> tuple[bytes, int]:
    """A frame and its expiry; a share of them has a field that is wrong, under a matching tag."""
    hours = expiry(rng)
    if n == CLASS_H:
        body = b"\x01" + hours.to_bytes(4, "big") + gate(rng) + data(rng, 7) + data(rng, 16)
        if chance(rng, share):
            body = rng.randbytes(1) + body[1:]
        return tagged(key_hash, body), hours
    longest = 30 * n - HEADER - TAG
    size = number(rng, 1, longest)
    head = bytes([1, rng.choice(PLATFORMS)]) + number(rng, 0, 65535).to_bytes(2, "big")
    body = head + size.to_bytes(2, "big") + hours.to_bytes(4, "big") + gate(rng) + data(rng, size)
    body = body.ljust(30 * n - TAG, b"\0")
    if chance(rng, share):
        body = _wrong(rng, body, longest)
    return tagged(key_hash, body), hours


def _wrong(rng: Random, body: bytes, longest: int) -> bytes:
    kind = rng.randrange(4)
    if kind < 2:  # version, platform
        return replaced(body, kind, rng.choice((b"\0", b"\2", b"\6", rng.randbytes(1))))
    if kind == 2:
        other = rng.choice((0, 1, longest, longest + 1, longest + TAG, 65535))
        return replaced(body, 4, other.to_bytes(2, "big"))
    return replaced(body, rng.randrange(HEADER, len(body)), b"\x01")


def time_around(rng: Random, hours: int) -> int:
    """A time, valid mostly, for an expiry in hours."""
    edges = ((hours - 1) * HOUR, hours * HOUR - 1, hours * HOUR, 0, (hours + 1) * HOUR)
    weights = (4, 6, 3, 4, 1)
    return max(rng.choices(edges, weights)[0], 0)


@sampler("frame/encode")
def _encode(rng: Random) -> Json:
    name = key_name(rng)
    if named_keys()[name]["class"] == CLASS_H and chance(rng, 0.9):
        name = "L first"
    longest = 30 * named_keys()[name]["class"] - HEADER - TAG
    size = number(rng, 0, longest + 1)
    return {
        "key": name,
        "platform": rng.choice(PLATFORMS) if chance(rng, 0.8) else number(rng, 0, 255),
        "app": number(rng, 0, 65535),
        "expiry": expiry(rng),
        "gate": gate(rng).hex(),
        "token": data(rng, size).hex(),
    }


@sampler("frame/encode-handle")
def _encode_handle(rng: Random) -> Json:
    return {
        "key": "H first" if chance(rng, 0.8) else key_name(rng),
        "expiry": expiry(rng),
        "gate": gate(rng).hex(),
        "handle": data(rng, 16).hex(),
        "salt": data(rng, 7).hex(),
    }


@sampler("frame/decode")
def _decode(rng: Random) -> Json:
    name = key_name(rng)
    key = named_keys()[name]
    key_hash = bytes.fromhex(key["key_hash"]) if chance(rng, 0.9) else rng.randbytes(32)
    made, hours = frame(rng, key["class"], key_hash, share=0.3)
    value = sometimes_damaged(rng, made, share=0.25)
    return {"key": name, "frame": value.hex(), "time": time_around(rng, hours)}
