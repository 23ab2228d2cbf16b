"""Lane grants and the payloads of lanes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import oracle.lanes
from oracle.refusals import Refused

from billboard import (
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    Lane,
    LaneReader,
    NotMine,
    SecretFileError,
)
from billboard.lanes import decode_grants, encode_grants
from billboard.posts import Post
from billboard.times import MAX_UINT32

from ..target import Source, Target, attempt, require, vector, vectors

START, PUBLIC, KEY = slice(0, 11), slice(11, 43), slice(43, 75)
"""Where a grant or lane has them; a lane has its secret in the place of P_0."""


def grant(data: bytes) -> None:
    reader = attempt(data, LaneReader.from_bytes, InvalidEncodingError)
    if reader is None:
        return
    require(bytes(reader) == data, "a grant goes round")
    other = LaneReader.from_bytes(_with_another_key(data))
    require(repr(other) == repr(reader), "a repr shows the key")
    epoch = reader.epoch
    here = [reader.identifier(epoch, slot) for slot in (0, 1, 15)]
    require(len(set(here)) == 3 and {len(each) for each in here} == {32}, "identifiers")
    for wrong in ((epoch - 1, 0), (epoch + 4097, 0), (epoch, 16), (epoch, -1)):
        _refused(reader, *wrong)
    post = Post.from_bytes(vector("post/read", "post"))
    opened = attempt(
        data, lambda _: reader.open(post), NotMine, InvalidSignatureError, InvalidEncodingError
    )
    own = (data[PUBLIC], reader.origin) in {(each[PUBLIC], _origin(each)) for each in _readers()}
    require(
        opened is None or (own and reader.frame_class is post.frame_class),
        "only who has the lane opens its posts",
    )
    require(reader.find([]) is None, "nothing is found in nothing")
    if epoch < MAX_UINT32:
        following = reader.identifier(epoch + 1)
        reader.advance(epoch + 1)
        require(reader.identifier(epoch + 1) == following not in here, "the next epoch")
        require(LaneReader.from_bytes(bytes(reader)).epoch == epoch + 1, "a later grant")
        _refused(reader, epoch, 0)


def grants(data: bytes) -> None:
    """Those of several devices, as they are, or framed as they should be whatever is in them."""
    source = Source(data)
    framed = source.number() & 1
    encoded = _framed(source) if framed else source.rest()
    readers = attempt(encoded, decode_grants, InvalidEncodingError)
    require((readers is None) == (_as_by_the_oracle(encoded) is None), "which grants decode")
    if readers is None:
        return
    require(encode_grants(readers) == encoded, "grants go round")
    require(1 <= len(readers) <= 8, "as many as a user can have devices")
    boards = {(each.origin, each.epoch_length, each.frame_class) for each in readers}
    require(len(boards) == 1, "they are for one board")
    for reader in readers:
        require(bytes(LaneReader.from_bytes(bytes(reader))) in encoded, "each is a grant")


def _framed(source: Source) -> bytes:
    """Up to 15 grants: each of the board of the vectors, with another part, or any bytes."""
    good, parts = vector("grant/decode", "grant"), []
    for _ in range(source.number() & 15):
        kind = source.number()
        if kind & 1:
            at, size = source.number(), source.number() & 31
            part = good[:at] + source.take(size) + good[at + size :]
        else:
            part = source.part() if kind & 2 else good
        parts.append(len(part).to_bytes(2, "big") + part)
    return bytes([1, len(parts)]) + b"".join(parts)


def _as_by_the_oracle(data: bytes) -> list[oracle.lanes.Grant] | None:
    try:
        return oracle.lanes.decode_grants(data)
    except Refused:
        return None


def _origin(data: bytes) -> str:
    return data[KEY.stop + 1 :].decode()


@cache
def _readers() -> list[bytes]:
    """The grants of the lane that the post of the vector is of."""
    return list(vectors("post/read", "grant"))


def _refused(side: LaneReader | Lane, epoch: int, slot: int) -> None:
    try:
        side.identifier(epoch, slot)
    except EpochError:
        return
    require(False, f"epoch {epoch}, slot {slot} are out of reach")


def _with_another_key(data: bytes) -> bytes:
    return data[: KEY.start] + bytes(0xFF ^ byte for byte in data[KEY]) + data[KEY.stop :]


def lane(data: bytes) -> None:
    owner = attempt(data, Lane.from_secret_bytes, SecretFileError)
    if owner is None:
        return
    require(owner._schedule.encode(bytes(owner._secret)) == data, "a lane goes round")
    another = b"\x01" + bytes(31)
    masked = data[START] + another + _with_another_key(data)[KEY.start :]
    require(repr(Lane.from_secret_bytes(masked)) == repr(owner), "a repr shows a secret")
    reader = owner.grant(owner.epoch)
    require(bytes(LaneReader.from_bytes(bytes(reader))) == bytes(reader), "its grant decodes")
    for slot in (0, 7, 15):
        ours, theirs = (side.identifier(owner.epoch, slot) for side in (owner, reader))
        require(ours == theirs, "both sides agree on identifiers")
    _refused(owner, owner.epoch - 1, 0)
    withdrawn = owner.withdraw(owner.epoch, seq=0)
    withdrawn.verify(owner.origin)
    require(reader.find([withdrawn]) is withdrawn, "the reader finds a post of the lane")


def _lanes() -> Iterator[bytes]:
    yield from vectors("lane/decode", "lane")
    yield from vectors("lane/schedule", "lane")


def _grants() -> Iterator[bytes]:
    yield from vectors("grant/decode", "grant")
    yield from vectors("lane/schedule-public", "grant")
    good = vector("grant/decode", "grant")
    yield good[:-1] + bytes([good[-1] | 0x80])


def _several() -> Iterator[bytes]:
    for encoded in vectors("grants/decode", "encoding"):
        yield b"\0" + encoded
    for framed in (b"", b"\0", b"\2\0\0", b"\x08" + bytes(8), b"\x09" + bytes(9)):
        yield b"\1" + framed
    for at, part in ((3, b"\0\1\x51\x80"), (7, bytes(4)), (2, b"\2"), (11, bytes(31)), (76, b"c")):
        yield b"\1\2\0\1" + bytes([at, len(part)]) + part


TARGETS = {
    "grant": Target(grant, _grants, 350),
    "grants": Target(grants, _several, 2700),
    "lane": Target(lane, _lanes, 350),
}
