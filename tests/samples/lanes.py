"""Lanes and grants (SPEC 7, and the payload of a lane of SPEC 11)."""

from __future__ import annotations

from billboard import FrameClass, Lane
from billboard.groups.ristretto255 import Scalar
from billboard.lanes import LONGEST_CATCH_UP, MOST_LANES, SLOTS, _Schedule
from samples.keys import frame_class
from samples.sampler import (
    IDENTITY,
    Json,
    Random,
    chance,
    damaged,
    data,
    multiple,
    number,
    origin,
    replaced,
    sampler,
    scalar,
    strange,
)

LAST = 2**32 - 1


def epoch_length(rng: Random) -> int:
    return rng.choice((60, 61, 3599, 3600, 3601, 86_400, 86_400, LAST, number(rng, 60, LAST)))


def first_epoch(rng: Random) -> int:
    return number(rng, 0, LAST) if chance(rng, 0.5) else number(rng, 20_000, 21_000)


def lane(rng: Random, of: FrameClass | None = None, *, epoch: int | None = None) -> Lane:
    """Any lane; its first epoch is the given one."""
    chosen = frame_class(rng) if of is None else of
    start = first_epoch(rng) if epoch is None else epoch
    schedule = _Schedule(origin(rng), chosen, epoch_length(rng), start, data(rng, 32))
    return Lane(schedule, Scalar.from_bytes(scalar(rng, nonzero=True)))


def payload(made: Lane) -> bytes:
    return made._schedule.encode(bytes(made._secret))


def later(rng: Random, start: int, share: float = 0.15) -> int:
    """An epoch that the lane reaches; a share is before its start, or too far."""
    if chance(rng, share):
        epoch = rng.choice((start - 1, 0, start + LONGEST_CATCH_UP + 1, LAST))
    else:
        ahead = LONGEST_CATCH_UP if chance(rng, 0.01) else rng.choice((0, 0, 1, 2, 13, 14, 60))
        epoch = start + ahead
    return min(max(epoch, 0), LAST)


def slot(rng: Random, share: float = 0.1) -> int:
    """From 0 to 15; a share is beyond."""
    return rng.choice((16, 17, 255)) if chance(rng, share) else number(rng, 0, SLOTS - 1)


@sampler("lane/schedule")
def _schedule(rng: Random) -> Json:
    made = lane(rng)
    return {"lane": payload(made).hex(), "epoch": later(rng, made.epoch), "slot": slot(rng)}


@sampler("lane/schedule-public")
def _schedule_public(rng: Random) -> Json:
    made = lane(rng)
    grant = bytes(made.grant(made.epoch)).hex()
    return {"grant": grant, "epoch": later(rng, made.epoch), "slot": slot(rng)}


@sampler("lane/identifiers")
def _identifiers(rng: Random) -> Json:
    made = lane(rng)
    grant = bytes(made.grant(made.epoch)).hex()
    return {"grant": grant, "epoch": later(rng, made.epoch, share=0)}


@sampler("lane/highest-slot")
def _highest_slot(rng: Random) -> Json:
    made = lane(rng)
    epoch = later(rng, made.epoch, share=0)
    slots = rng.sample(range(SLOTS), rng.choice((0, 1, 1, 2, 5)))
    found = [made.identifier(epoch, number).hex() for number in slots]
    found += [rng.randbytes(32).hex() for _ in range(rng.randrange(3))]
    if chance(rng, 0.2) and epoch > made.epoch:
        found.append(made.identifier(epoch - 1, 15).hex())
    rng.shuffle(found)
    return {"grant": bytes(made.grant(made.epoch)).hex(), "epoch": epoch, "found": found}


def _fields(rng: Random) -> Json:
    return {
        "class": frame_class(rng).elements,
        "epoch_length": epoch_length(rng),
        "epoch": first_epoch(rng),
        "key": data(rng, 32).hex(),
        "origin": origin(rng),
    }


@sampler("lane/encode")
def _lane_encode(rng: Random) -> Json:
    return {**_fields(rng), "secret": scalar(rng, nonzero=True).hex()}


@sampler("grant/encode")
def _grant_encode(rng: Random) -> Json:
    return {**_fields(rng), "public": multiple(scalar(rng, nonzero=True)).hex()}


def _damaged_channel(rng: Random, value: bytes) -> bytes:
    """A grant or the payload of a lane with something else in one place."""
    kind = rng.randrange(8)
    if kind < 3:  # version, suite, class
        return replaced(value, kind, rng.randbytes(1))
    if kind == 3:
        other = rng.choice((0, 59, 60, LAST))
        return replaced(value, 3, other.to_bytes(4, "big"))
    if kind == 4:
        return replaced(value, 11, rng.choice((IDENTITY, strange(rng))))
    if kind == 5:
        text = rng.choice((b"", b" ", b"board example", b"b\xf6ard", b"\x7f", b"a\n", b"a\0"))
        return value[:75] + bytes([len(text)]) + text
    if kind == 6:
        return replaced(value, 75, rng.randbytes(1))
    return damaged(rng, value, 11)


@sampler("lane/decode")
def _lane_decode(rng: Random) -> Json:
    value = payload(lane(rng))
    return {"lane": (_damaged_channel(rng, value) if chance(rng, 0.6) else value).hex()}


@sampler("grant/decode")
def _grant_decode(rng: Random) -> Json:
    made = lane(rng)
    value = bytes(made.grant(made.epoch))
    return {"grant": (_damaged_channel(rng, value) if chance(rng, 0.6) else value).hex()}


@sampler("grant/from-lane")
def _grant_from_lane(rng: Random) -> Json:
    made = lane(rng)
    return {"lane": payload(made).hex(), "epoch": later(rng, made.epoch, share=0.3)}


def _grants(rng: Random) -> list[bytes]:
    """Those of a user's devices, mostly; a share has one of another board, or too many or few."""
    made = lane(rng)
    count = rng.choice((0, MOST_LANES + 1)) if chance(rng, 0.08) else number(rng, 1, MOST_LANES)
    first, grants = bytes(made.grant(made.epoch)), []
    for _ in range(count):
        changed = replaced(replaced(first, 7, data(rng, 4)), 43, data(rng, 32))
        grants.append(replaced(changed, 11, multiple(scalar(rng, nonzero=True))))
    if grants and chance(rng, 0.2):
        other = lane(rng) if chance(rng, 0.3) else made
        stranger = bytes(other.grant(other.epoch))
        kind = rng.randrange(3)
        if kind == 0:
            stranger = replaced(stranger, 2, bytes([frame_class(rng).elements]))
        elif kind == 1:
            stranger = replaced(stranger, 3, epoch_length(rng).to_bytes(4, "big"))
        else:
            stranger = replaced(stranger, len(stranger) - 1, b"~")
        grants[rng.randrange(len(grants))] = stranger
    return grants


def _joined(grants: list[bytes]) -> bytes:
    parts = [len(grant).to_bytes(2, "big") + grant for grant in grants]
    return bytes([1, len(grants)]) + b"".join(parts)


@sampler("grants/encode")
def _grants_encode(rng: Random) -> Json:
    return {"grants": [grant.hex() for grant in _grants(rng)]}


@sampler("grants/decode")
def _grants_decode(rng: Random) -> Json:
    """Half of them with something wrong: in a grant, in a number, or anywhere."""
    grants = _grants(rng)
    kind = rng.randrange(10)
    if kind == 0 and grants:
        which = rng.randrange(len(grants))
        grants[which] = _damaged_channel(rng, grants[which])
    value = _joined(grants)
    if kind == 1:
        value = replaced(value, rng.randrange(2), rng.randbytes(1))
    elif kind == 2 and grants:  # a length
        start = len(value) - len(grants[-1]) - 2
        other = rng.choice((len(grants[-1]) + 1, len(grants[-1]) - 1, 0, 2**16 - 1))
        value = replaced(value, start, other.to_bytes(2, "big"))
    elif kind == 3:
        value = damaged(rng, value, 2)
    elif kind == 4:
        value = value[: rng.randrange(len(value))]
    return {"encoding": value.hex()}
