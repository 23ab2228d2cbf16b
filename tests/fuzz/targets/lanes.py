"""Lane grants and the payloads of lanes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from billboard import (
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    Lane,
    LaneReader,
    NotMine,
    SecretFileError,
)
from billboard.posts import MAX_UINT32, Post

from ..target import Target, attempt, require, vector, vectors

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


TARGETS = {"grant": Target(grant, _grants, 350), "lane": Target(lane, _lanes, 350)}
