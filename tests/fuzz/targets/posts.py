"""Envelopes and sealed posts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from billboard import (
    Envelope,
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    LaneReader,
    NotMine,
    Post,
    WithdrawnError,
)
from billboard.groups.ristretto255 import Element
from billboard.posts import box_size

from ..material import header, lane, sealed, signed, slot
from ..target import Source, Target, attempt, require, vectors

CLASSES = list(FrameClass)


@cache
def reader() -> LaneReader:
    """The contact's side of the lane of `material`."""
    return lane().grant(lane().epoch)


@cache
def known_posts() -> frozenset[bytes]:
    """The posts of the test vectors, some of which are of that lane."""
    return frozenset(_posts())


def envelope(data: bytes) -> None:
    decoded = attempt(data, Envelope.from_bytes, InvalidEncodingError)
    if decoded is not None:
        require(bytes(decoded) == data, "an envelope goes round")
        require(repr(decoded) == f"<Envelope for {data[:16].hex()}>", "the repr of an envelope")


def post(data: bytes) -> None:
    decoded = attempt(data, Post.from_bytes, InvalidEncodingError)
    if decoded is None:
        return
    require(bytes(decoded) == data and decoded.identifier == data[:32], "a post goes round")
    verified = attempt(data, lambda _: _verifies(decoded), InvalidSignatureError)
    opened = attempt(
        data,
        lambda _: reader().open(decoded),
        NotMine,
        InvalidSignatureError,
        WithdrawnError,
        InvalidEncodingError,
    )
    if data not in known_posts():
        require(not verified and opened is None, "nobody can forge a post")
    require(reader().find([decoded]) in (None, decoded), "what is found is among the posts")


def _verifies(decoded: Post) -> bool:
    decoded.verify(lane().origin)
    return True


def _posts() -> Iterator[bytes]:
    yield from vectors("post/check", "post")
    yield from vectors("post/read", "post")


def signed_post(data: bytes) -> None:
    """Posts with a right signature by the owner of the lane, whatever is in them."""
    source = Source(data)
    kind, number = source.number(), source.number() % 16
    frame_class = CLASSES[(2 + kind // 2) % len(CLASSES)]
    epoch, seq, salt = lane().epoch + source.number() % 64, source.number(4), source.take(32)
    secret, key = slot(epoch, number)
    start = header(epoch, seq, bytes(Element.mul_generator(secret)), salt)
    content = source.rest()
    size = box_size(frame_class)
    if kind & 1:
        box = content[:size].ljust(size, b"\0")
    else:
        content = content[: size - 16].ljust(size - 16, b"\0")
        box = sealed(key, start, content)
    decoded = Post.from_bytes(signed(secret, start + box))
    decoded.verify(lane().origin)
    require((decoded.epoch, decoded.seq) == (epoch, seq), "its numbers")
    require(reader().find([decoded]) is decoded, "the reader finds it")
    of_lane = frame_class is reader().frame_class
    inside, refusal = None, InvalidEncodingError if not of_lane else WithdrawnError
    if of_lane and not kind & 1:
        inside = attempt(content, Envelope.from_bytes, InvalidEncodingError)
        refusal = InvalidEncodingError
    found = attempt(content, lambda _: reader().open(decoded), refusal)
    require(found == inside, "the reader gets exactly what was sealed")


def _signed_posts() -> Iterator[bytes]:
    for kind in range(8):
        for content in vectors("envelope/decode", "envelope"):
            yield bytes([kind, 0, 0]) + bytes(4) + bytes(32) + content
            yield bytes([kind, 15, 3]) + b"\xff" * 36 + content


def signed_bytes(data: bytes) -> None:
    """A right signature over any bytes in the place of a post, of which only some are a post."""
    source = Source(data)
    secret, _ = slot(lane().epoch, source.number() % 16)
    encoded = signed(secret, source.rest())
    decoded = attempt(encoded, Post.from_bytes, InvalidEncodingError)
    if decoded is not None:
        require(bytes(decoded) == encoded, "a post goes round")
        for use in (lambda: decoded.verify(lane().origin), lambda: reader().open(decoded)):
            attempt(
                encoded,
                lambda _, use=use: use(),  # type: ignore[misc]
                NotMine,
                InvalidSignatureError,
                WithdrawnError,
                InvalidEncodingError,
            )


def _signed_bytes() -> Iterator[bytes]:
    for encoded in vectors("post/read", "post"):
        for number in (0, 1):
            yield bytes([number]) + encoded[:-64]


TARGETS = {
    "envelope": Target(envelope, lambda: vectors("envelope/decode", "envelope"), 1300),
    "post": Target(post, _posts, 1500),
    "post-signed": Target(signed_post, _signed_posts, 1400),
    "post-signed-bytes": Target(signed_bytes, _signed_bytes, 1500),
}
