"""Envelopes and sealed posts, SPEC 8."""

from typing import NamedTuple

from . import blobs, lanes, ristretto255
from .notation import VERSION, be8, be32, blob_length, expand, tuple_bytes
from .refusals import NOT_MINE, WITHDRAWN, Refused, all_refusals_as, require, require_length
from .signatures import sign, verify
from .symmetric import aead_open, aead_seal

HEAD = 105
SIGNATURE = 64
NONCE = bytes(12)


def envelope_length(n: int) -> int:
    """Give the length of an envelope of class n, SPEC 8.1."""
    return 48 + blob_length(n)


def box_length(n: int) -> int:
    """Give the length of a box of class n, SPEC 8.2."""
    return envelope_length(n) + 16


def post_length(n: int) -> int:
    """Give the length of a post of class n, SPEC 8.2."""
    return HEAD + box_length(n) + SIGNATURE


class Envelope(NamedTuple):
    """The fields of an envelope, SPEC 8.1."""

    key_id: bytes
    descriptor: bytes
    blob: bytes


class Post(NamedTuple):
    """The fields of a sealed post, SPEC 8.2."""

    identifier: bytes
    epoch: int
    seq: int
    public: bytes
    salt: bytes
    box: bytes


class Reading(NamedTuple):
    """What a reader gets out of a post, SPEC 8.3."""

    post: Post
    slot: int
    envelope: bytes


def decode_envelope(data: bytes) -> Envelope:
    """Decode an envelope, SPEC 8.1, of which the blob must decode, SPEC 8.3."""
    if len(data) < 48:
        raise Refused("wrong-length")
    blobs.decode(data[48:])
    return Envelope(data[:16], data[16:48], data[48:])


def lay_out_head(post: Post, version: int = VERSION) -> bytes:
    """Lay out the bytes before the box."""
    numbers = be8(version) + be32(post.epoch) + be32(post.seq)
    return post.identifier + numbers + post.public + post.salt


def envelope_key(slot_key: bytes, salt: bytes) -> bytes:
    """Derive the key of the box, SPEC 8.2."""
    return expand(slot_key, "envelope", 32, salt)


def seal_box(slot_key: bytes, origin: bytes, head: bytes, envelope: bytes) -> bytes:
    """Seal an envelope into a box, SPEC 8.2."""
    key = envelope_key(slot_key, head[73:HEAD])
    return aead_seal(key, NONCE, envelope, tuple_bytes(origin, head))


def sign_post(secret: int, origin: bytes, unsigned: bytes, rnd: bytes) -> bytes:
    """Add the signature, SPEC 8.2."""
    return unsigned + sign("post", secret, rnd, origin, unsigned).signature


def seal(
    lane: lanes.Lane,
    slot: lanes.Slot,
    epoch: int,
    seq: int,
    envelope: bytes,
    salt: bytes,
    rnd: bytes,
) -> bytes:
    """Make a post, SPEC 8.2."""
    require_length(envelope, envelope_length(lane.channel.n))
    post = Post(slot.identifier, epoch, seq, slot.public, salt, b"")
    head = lay_out_head(post)
    box = seal_box(slot.slot_key, lane.channel.origin, head, envelope)
    return sign_post(lanes.slot_secret(lane, slot), lane.channel.origin, head + box, rnd)


def post_with_box(
    secret: int, origin: bytes, epoch: int, seq: int, salt: bytes, box: bytes, rnd: bytes
) -> bytes:
    """Make a post with a given box: a withdrawal, SPEC 8.2, or a dummy, SPEC 9."""
    public = ristretto255.times_generator(secret).encode()
    post = Post(lanes.identifier_of(public), epoch, seq, public, salt, box)
    return sign_post(secret, origin, lay_out_head(post) + box, rnd)


def split(n: int, data: bytes) -> Post:
    """Split a post of class n into its fields."""
    require_length(data, post_length(n))
    epoch, seq = int.from_bytes(data[33:37], "big"), int.from_bytes(data[37:41], "big")
    return Post(data[:32], epoch, seq, data[41:73], data[73:HEAD], data[HEAD:-SIGNATURE])


def check_form(n: int, data: bytes) -> Post:
    """Refuse a post of a class in which anything but the signature is wrong, SPEC 8.2."""
    post = split(n, data)
    require(data[32] == VERSION, "version")
    element = ristretto255.decode(post.public, "public-not-canonical")
    require(not element.is_identity(), "public-identity")
    require(post.identifier == lanes.identifier_of(post.public), "identifier")
    return post


def check(origin: bytes, n: int, data: bytes) -> Post:
    """Refuse a post that is not well-formed for a board of a class, SPEC 8.2."""
    post = check_form(n, data)
    verify("post", post.public, data[-SIGNATURE:], origin, data[:-SIGNATURE])
    return post


def read(grant: lanes.Grant, data: bytes) -> Reading:
    """Read a post as a holder of a grant, SPEC 8.3."""
    post = split(grant.channel.n, data)
    number, slot = _slot_of_post(grant, post)
    check(grant.channel.origin, grant.channel.n, data)
    key = envelope_key(slot.slot_key, post.salt)
    associated = tuple_bytes(grant.channel.origin, data[:HEAD])
    envelope = aead_open(key, NONCE, post.box, associated)
    if envelope is None:
        raise Refused("box", WITHDRAWN)
    decode_envelope(envelope)
    return Reading(post, number, envelope)


def _slot_of_post(grant: lanes.Grant, post: Post) -> tuple[int, lanes.Slot]:
    with all_refusals_as(NOT_MINE):
        for number in range(lanes.SLOTS):
            slot = lanes.slot_of(grant, post.epoch, number)
            if slot.identifier == post.identifier:
                return number, slot
    raise Refused("identifier-not-of-lane", NOT_MINE)
