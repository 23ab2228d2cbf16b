"""Hashes and signatures (SPEC 2 and 3)."""

from __future__ import annotations

from billboard.groups.ristretto255 import ORDER, Scalar
from billboard.proofs import schnorr
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    label,
    length,
    multiple,
    number,
    parts,
    sampler,
    scalar,
    strange,
)


@sampler("tuple")
def _tuple(rng: Random) -> Json:
    return {"parts": parts(rng)}


@sampler("hash")
def _hash(rng: Random) -> Json:
    return {"label": label(rng), "parts": parts(rng)}


@sampler("scalar")
def _scalar(rng: Random) -> Json:
    return {"label": label(rng), "parts": parts(rng)}


@sampler("expand")
def _expand(rng: Random) -> Json:
    size = number(rng, 1, 255 * 32) if chance(rng, 0.1) else length(rng, 200)
    return {
        "key": data(rng, 32).hex(),
        "label": label(rng),
        "length": max(size, 1),
        "parts": parts(rng),
    }


@sampler("element/from-uniform-bytes")
def _uniform(rng: Random) -> Json:
    halves = [strange(rng) if chance(rng, 0.3) else data(rng, 32) for _ in range(2)]
    return {"bytes": b"".join(halves).hex()}


@sampler("scalar/from-wide-bytes")
def _wide(rng: Random) -> Json:
    edge = ORDER * rng.randrange(2**259) + rng.choice((0, 1, ORDER - 1))
    value = edge.to_bytes(64, "little") if chance(rng, 0.3) else data(rng, 64)
    return {"bytes": value.hex()}


@sampler("schnorr/sign")
def _sign(rng: Random) -> Json:
    return {
        "context": label(rng),
        "secret": scalar(rng).hex(),
        "rnd": data(rng, 32).hex(),
        "parts": parts(rng),
    }


@sampler("schnorr/verify")
def _verify(rng: Random) -> Json:
    context, secret, message = label(rng), scalar(rng, nonzero=True), parts(rng)
    signed = [bytes.fromhex(part) for part in message]
    rnd = rng.randbytes(32)
    signature = schnorr.sign(context, Scalar.from_bytes(secret), *signed, rnd=rnd)
    public = multiple(secret)
    kind = rng.randrange(8)
    if kind == 0:
        public = damaged(rng, public)
    elif kind == 1:
        public = strange(rng) if chance(rng, 0.7) else bytes(32)
    elif kind == 2:
        context += "x"
    elif kind == 3:
        message = message[:-1] if message else [""]
    elif kind < 6:
        signature = damaged(rng, signature)
    return {
        "context": context,
        "public": public.hex(),
        "signature": signature.hex(),
        "parts": message,
    }
