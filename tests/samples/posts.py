"""Envelopes and sealed posts (SPEC 8)."""

from __future__ import annotations

from types import SimpleNamespace

from billboard import Blob, FrameClass, Lane, posts
from billboard.groups.ristretto255 import Scalar
from billboard.hashing import encode_tuple
from billboard.proofs import schnorr
from samples.blobs import damaged_blob
from samples.keys import frame_class
from samples.lanes import lane, later, payload, slot
from samples.sampler import (
    IDENTITY,
    Json,
    Random,
    chance,
    damaged,
    data,
    element,
    flipped,
    multiple,
    number,
    origin,
    replaced,
    sampler,
    scalar,
    seeded,
    strange,
)

SIGNATURE = 64
HEAD = 105


def any_blob(rng: Random, of: FrameClass) -> bytes:
    """Elements that hold nothing: who seals a blob does not look into it."""
    first = multiple(scalar(rng, nonzero=True))
    return first + b"".join(element(rng) for _ in range(of.elements))


def envelope(rng: Random, of: FrameClass) -> bytes:
    return data(rng, 16) + data(rng, 32) + any_blob(rng, of)


def seq(rng: Random) -> int:
    return number(rng, 0, 2**32 - 1)


def sealed(rng: Random, made: Lane, epoch: int, in_slot: int) -> bytes:
    content = envelope(rng, made.frame_class)
    blob = Blob.from_bytes(content[48:])
    key = SimpleNamespace(key_id=content[:16], frame_class=made.frame_class)
    with seeded(rng):
        post = made.post(
            epoch,
            blob,
            key,  # type: ignore[arg-type]
            seq=seq(rng),
            slot=in_slot,
            descriptor=content[16:48],
        )
    return bytes(post)


def signed(rng: Random, made: Lane, epoch: int, in_slot: int, unsigned: bytes) -> bytes:
    """Other bytes before the signature, and a signature that fits them."""
    secret = made._slot_secret(epoch, in_slot)
    rnd = rng.randbytes(32)
    message = (made.origin.encode(), unsigned)
    return unsigned + schnorr.sign("post", secret, *message, rnd=rnd)


def resealed(rng: Random, made: Lane, epoch: int, in_slot: int, plain: bytes) -> bytes:
    """A post around any envelope of the right length."""
    slot_key = made._schedule.at(epoch).slot_key(in_slot)
    public, salt = multiple(bytes(made._slot_secret(epoch, in_slot))), rng.randbytes(32)
    header = posts._header(epoch, seq(rng), public, salt)
    associated = encode_tuple(made.origin.encode(), header)
    box = posts._cipher(slot_key, salt).encrypt(bytes(12), plain, associated)
    return signed(rng, made, epoch, in_slot, header + box)


def damaged_post(rng: Random, value: bytes) -> bytes:
    kind = rng.randrange(8)
    if kind == 0:
        return replaced(value, 32, rng.randbytes(1))
    if kind == 1:
        return replaced(value, 41, rng.choice((IDENTITY, strange(rng), element(rng))))
    if kind == 2:  # P is another, and the identifier is that of it
        public = rng.choice((IDENTITY, strange(rng), element(rng)))
        return replaced(replaced(value, 41, public), 0, posts.identifier_of(public))
    if kind == 3:
        start = len(value) - rng.choice((64, 32))
        return replaced(value, start, strange(rng))
    if kind == 4:  # somewhere in the identifier, the numbers, P, the salt, the box
        edges = (0, 32, 41, 73, HEAD, len(value) - SIGNATURE)
        part = rng.randrange(5)
        position = rng.randrange(edges[part], edges[part + 1])
        return replaced(value, position, flipped(rng, value[position : position + 1]))
    if kind == 5:
        sizes = [posts.post_size(c) for c in FrameClass]
        return value.ljust(max(sizes), b"\0")[: rng.choice(sizes)]
    return damaged(rng, value)


@sampler("envelope/encode")
def _envelope_encode(rng: Random) -> Json:
    return {
        "key_id": data(rng, 16).hex(),
        "descriptor": data(rng, 32).hex(),
        "blob": any_blob(rng, frame_class(rng)).hex(),
    }


@sampler("envelope/decode")
def _envelope_decode(rng: Random) -> Json:
    value = envelope(rng, frame_class(rng))
    if chance(rng, 0.3):
        value = value[:48] + damaged_blob(rng, value[48:])
    return {"envelope": (damaged(rng, value, 16) if chance(rng, 0.3) else value).hex()}


@sampler("post/seal")
def _seal(rng: Random) -> Json:
    """Some envelopes are of another class than the lane; those have no other failure."""
    made, other = lane(rng), chance(rng, 0.05)
    of = frame_class(rng) if other else made.frame_class
    return {
        "lane": payload(made).hex(),
        "epoch": later(rng, made.epoch, share=0 if other else 0.1),
        "slot": slot(rng, share=0 if other else 0.1),
        "seq": seq(rng),
        "envelope": envelope(rng, of).hex(),
        "salt": data(rng, 32).hex(),
        "rnd": data(rng, 32).hex(),
    }


@sampler("post/withdraw")
def _withdraw(rng: Random) -> Json:
    made = lane(rng)
    return {
        "lane": payload(made).hex(),
        "epoch": later(rng, made.epoch, share=0),
        "slot": slot(rng, share=0),
        "seq": None if chance(rng, 0.3) else seq(rng),
        "salt": data(rng, 32).hex(),
        "box": data(rng, posts.box_size(made.frame_class)).hex(),
        "rnd": data(rng, 32).hex(),
    }


def any_post(rng: Random, of: FrameClass, on: str, epoch: int) -> bytes:
    """A well-formed post under a key of its own, as a dummy is."""
    secret = Scalar.from_bytes(scalar(rng, nonzero=True))
    with seeded(rng):
        post = posts.withdrawal(of, origin=on, epoch=epoch, seq=seq(rng), secret=secret)
    return bytes(post)


@sampler("post/check")
def _check(rng: Random) -> Json:
    on, of = origin(rng), frame_class(rng)
    value = any_post(rng, of, on, number(rng, 0, 2**32 - 1))
    if chance(rng, 0.1):
        on = origin(rng)
    if chance(rng, 0.5):
        value = damaged_post(rng, value)
    return {"origin": on, "class": of.elements, "post": value.hex()}


@sampler("post/read")
def _read(rng: Random) -> Json:
    """By the reader of the lane, of an earlier or later one, or of another lane."""
    made = lane(rng)
    of = made.frame_class
    epoch, in_slot = later(rng, made.epoch, share=0), slot(rng, share=0)
    reader = made.grant(rng.choice((made.epoch, min(epoch, made.epoch + 1))))
    kind = rng.randrange(10)
    if kind < 4:
        post = sealed(rng, made, epoch, in_slot)
    elif kind == 4:
        with seeded(rng):
            post = bytes(made.withdraw(epoch, seq=seq(rng), slot=in_slot))
    elif kind == 5:
        content = envelope(rng, of)
        wrong = damaged_blob(rng, content[48:])[: of.blob_size].ljust(of.blob_size, b"\0")
        post = resealed(rng, made, epoch, in_slot, content[:48] + wrong)
    elif kind == 6:
        post = any_post(rng, of, made.origin, epoch)
    elif kind == 7:
        good = sealed(rng, made, epoch, in_slot)
        unsigned = damaged_post(rng, good)[: len(good) - SIGNATURE]
        post = signed(rng, made, epoch, in_slot, unsigned)
    elif kind == 8:
        post = sealed(rng, made, epoch, in_slot)
        reader = made.grant(min(epoch + 1, made.epoch + 4096, 2**32 - 1))
    else:
        post = damaged_post(rng, sealed(rng, made, epoch, in_slot))
    return {"grant": bytes(reader).hex(), "post": post.hex()}
