"""Requests, revocations and registrations (SPEC 10.2, 10.5, 10.6).

They are sealed by the oracle, which takes its randomness as an argument: OpenSSL takes its own.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from oracle import descriptors, requests

from billboard.groups.ristretto255 import ORDER
from samples.frames import LAST, PLATFORMS
from samples.keys import frame_class
from samples.posts import any_blob
from samples.push import SEEDS, public_of
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
    length,
    number,
    replaced,
    sampler,
)

SERVERS = (bytes(range(32)), b"\xff" * 32)
APART = 3_600_000
LONGEST = 1098
SIGNED = 1144


@sampler("gate/of")
def _gate(rng: Random) -> Json:
    return {"kappa": data(rng, 32).hex()}


@sampler("gate/kappa")
def _kappa(rng: Random) -> Json:
    numbers = {"epoch": number(rng, 0, LAST), "number": number(rng, 0, LAST)}
    return {"root": data(rng, 32).hex(), **numbers}


@sampler("handle/of")
def _handle(rng: Random) -> Json:
    return {"handle_key": data(rng, 32).hex()}


@sampler("request/encode-push")
def _encode_push(rng: Random) -> Json:
    return {"key_id": data(rng, 16).hex(), "blob": any_blob(rng, frame_class(rng)).hex()}


@sampler("request/encode-revocation")
def _encode_revocation(rng: Random) -> Json:
    values = {"kappa": data(rng, 32).hex(), "until": number(rng, 0, LAST)}
    return {"class": frame_class(rng).elements, **values}


def _sealed(rng: Random, label: str, server: bytes, n: int, plaintext: bytes) -> tuple[Json, bytes]:
    """Who opens it, and what is sealed: mostly for him."""
    seed = rng.choice(SEEDS)
    used = rng.choice(SEEDS) if chance(rng, 0.05) else seed
    to = rng.choice(SERVERS) if chance(rng, 0.05) else server
    other = rng.choice(("request", "registration")) if chance(rng, 0.05) else label
    key = public_of(used)
    sealed = requests.seal_as(other, n, to, key, plaintext, rng.randbytes(64))
    if chance(rng, 0.1):  # the id is that of who opens it
        sealed = replaced(sealed, 1, descriptors.request_key_id(server, public_of(seed)))
    if chance(rng, 0.2):
        sealed = flipped(rng, sealed) if chance(rng, 0.7) else damaged(rng, sealed)
    return {"secret": seed.hex(), "server_key": server.hex()}, sealed


@sampler("request/open")
def _open(rng: Random) -> Json:
    n = frame_class(rng).elements
    size = 17 + 32 * (n + 1)
    if chance(rng, 0.5):
        plaintext = b"\x01" + data(rng, size - 1)
    else:
        plaintext = (b"\x02" + data(rng, 36)).ljust(size, b"\0")
    if chance(rng, 0.2):
        wrong = ((0, rng.randbytes(1)), (size - 1, b"\1"), (37, b"\1"))
        plaintext = replaced(plaintext, *rng.choice(wrong))
    opener, sealed = _sealed(rng, "request", rng.choice(SERVERS), n, plaintext)
    other = frame_class(rng).elements if chance(rng, 0.03) else n
    return {**opener, "class": other, "request": sealed.hex()}


# Registrations


def _token(rng: Random, longest: int) -> Json | None:
    if chance(rng, 0.2):
        return None
    token = data(rng, max(length(rng, longest), 1))
    return {"platform": rng.choice(PLATFORMS), "app": number(rng, 0, 65535), "token": token.hex()}


@sampler("registration/encode")
def _encode_registration(rng: Random) -> Json:
    """At whole seconds: the engine takes its time in seconds."""
    token = _token(rng, LONGEST)
    if token and chance(rng, 0.05):
        token["token"] = data(rng, LONGEST + 1).hex()
    time = 1000 * number(rng, 0, 2**33)
    keys = {"handle_secret": data(rng, 32).hex(), "server_key": data(rng, 32).hex()}
    return {**keys, "time": time, "token": token}


def _plaintext(rng: Random, server: bytes, time: int) -> bytes:
    """Signed, whatever is in it."""
    key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    token = _token(rng, LONGEST)
    place = token or {"platform": 0, "app": 0, "token": ""}
    value = bytes.fromhex(place["token"])
    numbers: bytes = place["platform"].to_bytes(1, "big") + place["app"].to_bytes(2, "big")
    fields = numbers + len(value).to_bytes(2, "big") + value
    body = b"\x01" + key.public_key().public_bytes_raw() + time.to_bytes(8, "big") + fields
    body = body.ljust(SIGNED, b"\0")
    if chance(rng, 0.2):
        numbers_and_length = ((41, rng.randbytes(1)), (42, b"\0\1"), (44, rng.randbytes(2)))
        wrong = ((0, b"\0"), *numbers_and_length, (44, b"\0\0"), (SIGNED - 1, b"\1"))
        body = replaced(body, *rng.choice(wrong))
    if chance(rng, 0.05):
        server = rng.choice(SERVERS)
    signature = key.sign(requests.signed_bytes(server, body))
    if chance(rng, 0.05):
        response = int.from_bytes(signature[32:], "little") + ORDER
        signature = replaced(signature, 32, response.to_bytes(32, "little"))
    if chance(rng, 0.05):
        body = replaced(body, 1, rng.randbytes(32))
    return body + (flipped(rng, signature) if chance(rng, 0.05) else signature)


@sampler("registration/open")
def _open_registration(rng: Random) -> Json:
    time = number(rng, 0, 2**41)
    now = time + rng.choice((0, 0, 0, 1, -1, APART, -APART, APART + 1, -APART - 1))
    if now < 0:
        now = time
    last = rng.choice((None, None, max(time - 1, 0), time, time + 1)) if chance(rng, 0.4) else None
    server = rng.choice(SERVERS)
    opener, sealed = _sealed(rng, "registration", server, 2, _plaintext(rng, server, time))
    return {**opener, "registration": sealed.hex(), "time": now, "last": last}
