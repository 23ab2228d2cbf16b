"""Lanes and grants, SPEC 7, and the payload of a lane, SPEC 11."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from . import ristretto255
from .notation import (
    CLASSES,
    SUITE_NUMBER,
    VERSION,
    be8,
    be16,
    be32,
    check_epoch_length,
    check_origin,
    expand,
    hash_parts,
)
from .refusals import Refused, require, require_length

SLOTS = 16
REACH = 4096
FIXED_LENGTH = 76
DEVICES = 8


class Channel(NamedTuple):
    """What a lane and its grants have in common: board, class, and SK of an epoch."""

    n: int
    epoch_length: int
    epoch: int
    key: bytes
    origin: bytes


class Grant(NamedTuple):
    """A lane grant, SPEC 7.1."""

    channel: Channel
    public: bytes


class Lane(NamedTuple):
    """The secrets of a lane at the device, SPEC 7.1."""

    channel: Channel
    secret: int

    @property
    def grant(self) -> Grant:
        """The grant of the same epoch."""
        return Grant(self.channel, ristretto255.times_generator(self.secret).encode())


class Slot(NamedTuple):
    """The keys of one slot of one epoch, SPEC 7.2."""

    epoch_key: bytes
    slot_key: bytes
    u: int
    v: int
    public: bytes
    identifier: bytes
    first_seq: int


def identifier_of(public: bytes) -> bytes:
    """Give the identifier of an encoded P, SPEC 7.2."""
    return hash_parts("lane/id", public)


def epoch_key(channel: Channel, epoch: int) -> bytes:
    """Give SK of an epoch, SPEC 7.2."""
    if epoch < channel.epoch:
        raise Refused("epoch-before")
    require(epoch <= channel.epoch + REACH, "epoch-too-far")
    return _updated(channel.key, epoch - channel.epoch)


@lru_cache
def _updated(key: bytes, times: int) -> bytes:
    for _ in range(times):
        key = expand(key, "lane/update", 32)
    return key


def slot_of(grant: Grant, epoch: int, slot: int) -> Slot:
    """Derive a slot from what every holder knows, SPEC 7.2."""
    require(0 <= slot < SLOTS, "slot-out-of-range")
    key = epoch_key(grant.channel, epoch)
    slot_key = key if slot == 0 else expand(key, "lane/slot", 32, be8(slot))
    w = expand(slot_key, "lane/diversify", 128, grant.public)
    u, v = ristretto255.wide_scalar(w[:64]), ristretto255.wide_scalar(w[64:])
    require(u != 0, "diversifier-zero")
    element = ristretto255.decode(grant.public).times(u).plus(ristretto255.times_generator(v))
    require(not element.is_identity(), "public-identity")
    public = element.encode()
    first_seq = int.from_bytes(expand(slot_key, "lane/seq", 4), "big") % 2**31
    return Slot(key, slot_key, u, v, public, identifier_of(public), first_seq)


def slot_secret(lane: Lane, slot: Slot) -> int:
    """Give d of a slot, SPEC 7.2."""
    return (slot.u * lane.secret + slot.v) % ristretto255.ORDER


def identifiers(grant: Grant, epoch: int) -> list[bytes]:
    """List the identifiers of all slots of an epoch."""
    return [slot_of(grant, epoch, c).identifier for c in range(SLOTS)]


def highest_slot(grant: Grant, epoch: int, found: set[bytes]) -> int | None:
    """Give the highest slot among the identifiers that were found, SPEC 7.2."""
    slots = [c for c, name in enumerate(identifiers(grant, epoch)) if name in found]
    return max(slots, default=None)


def grant_at(lane: Lane, epoch: int) -> Grant:
    """Make the grant from which a contact may read from an epoch on, SPEC 7.1."""
    channel = lane.channel._replace(epoch=epoch, key=epoch_key(lane.channel, epoch))
    return Grant(channel, lane.grant.public)


def encode_channel(channel: Channel, owner: bytes) -> bytes:
    """Encode a grant or a lane, of which `owner` is P_0 or d_0, without any check."""
    head = be8(VERSION) + be8(SUITE_NUMBER) + be8(channel.n)
    times = be32(channel.epoch_length) + be32(channel.epoch)
    return head + times + owner + channel.key + be8(len(channel.origin)) + channel.origin


def encode_grant(grant: Grant) -> bytes:
    """Encode a grant, SPEC 7.1."""
    return encode_channel(grant.channel, grant.public)


def encode_lane(lane: Lane) -> bytes:
    """Encode the payload of a lane, SPEC 11."""
    return encode_channel(lane.channel, ristretto255.encode_scalar(lane.secret))


def decode_channel(data: bytes) -> tuple[Channel, bytes]:
    """Decode what a grant and a lane have in common; the other value is P_0 or d_0."""
    if len(data) < FIXED_LENGTH:
        raise Refused("wrong-length")
    require_length(data, FIXED_LENGTH + data[75])
    require(data[0] == VERSION, "version")
    require(data[1] == SUITE_NUMBER, "suite-unknown")
    require(data[2] in CLASSES, "class-unknown")
    epoch_length, epoch = int.from_bytes(data[3:7], "big"), int.from_bytes(data[7:11], "big")
    check_epoch_length(epoch_length)
    check_origin(data[76:])
    return Channel(data[2], epoch_length, epoch, data[43:75], data[76:]), data[11:43]


def decode_grant(data: bytes) -> Grant:
    """Decode a grant, SPEC 7.1."""
    channel, public = decode_channel(data)
    require(
        not ristretto255.decode(public, "public-not-canonical").is_identity(), "public-identity"
    )
    return Grant(channel, public)


def decode_lane(data: bytes) -> Lane:
    """Decode the payload of a lane, SPEC 11."""
    channel, secret = decode_channel(data)
    value = ristretto255.decode_scalar(secret, "secret-not-canonical")
    require(value != 0, "secret-zero")
    return Lane(channel, value)


def check_grants(grants: Sequence[Grant]) -> None:
    """Refuse grants that are not those of the devices of one user, SPEC 7.3."""
    require(1 <= len(grants) <= DEVICES, "grant-count")
    channels = [grant.channel for grant in grants]
    require(len({channel.origin for channel in channels}) <= 1, "grant-origins")
    require(len({channel.epoch_length for channel in channels}) <= 1, "grant-epoch-lengths")
    require(len({channel.n for channel in channels}) <= 1, "grant-classes")


def encode_grants(grants: Sequence[Grant]) -> bytes:
    """Encode the grants of a user's devices, in their order, SPEC 7.3."""
    check_grants(grants)
    encoded = map(encode_grant, grants)
    return be8(VERSION) + be8(len(grants)) + b"".join(be16(len(it)) + it for it in encoded)


def decode_grants(data: bytes) -> list[Grant]:
    """Decode the grants of a user's devices, SPEC 7.3."""
    if len(data) < 2:
        raise Refused("wrong-length")
    require(data[0] == VERSION, "version")
    grants, rest = [], data[2:]
    for _ in range(data[1]):
        if len(rest) < 2:
            raise Refused("wrong-length")
        length, rest = int.from_bytes(rest[:2], "big"), rest[2:]
        require_length(rest[:length], length)
        grants.append(decode_grant(rest[:length]))
        rest = rest[length:]
    require_length(rest, 0)
    check_grants(grants)
    return grants
