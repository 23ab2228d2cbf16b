"""Frames, SPEC 5."""

from typing import NamedTuple

from .notation import be8, be16, be32, hash_parts
from .refusals import NOT_MINE, Refused, require

VERSION = 1
PLATFORMS = (1, 2)
HEADER = 26
TAG = 16


class Frame(NamedTuple):
    """The fields of a frame."""

    platform: int
    app: int
    expiry: int
    gate: bytes
    token: bytes


def tag_of(key_hash: bytes, body: bytes) -> bytes:
    """Give the tag for all bytes before it."""
    return hash_parts("frame", key_hash, body)[:TAG]


def encode(key_hash: bytes, n: int, frame: Frame) -> bytes:
    """Encode a frame of 30 n bytes."""
    require(frame.platform in PLATFORMS, "platform-unknown")
    require(1 <= len(frame.token) <= 30 * n - HEADER - TAG, "token-length")
    return lay_out(key_hash, n, frame)


def lay_out(
    key_hash: bytes,
    n: int,
    frame: Frame,
    version: int = VERSION,
    length: int | None = None,
    padding: bytes = b"",
) -> bytes:
    """Lay out a frame with a matching tag, without any check."""
    length = len(frame.token) if length is None else length
    head = be8(version) + be8(frame.platform) + be16(frame.app) + be16(length)
    body = head + be32(frame.expiry) + frame.gate + frame.token + padding
    body = body.ljust(30 * n - TAG, b"\0")
    return body + tag_of(key_hash, body)


def decode(key_hash: bytes, n: int, data: bytes, time: int) -> Frame:
    """Decode a frame that must be valid at the time."""
    if len(data) != 30 * n:
        raise Refused("wrong-length", NOT_MINE)
    body, tag = data[:-TAG], data[-TAG:]
    version, platform = body[0], body[1]
    app, length = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
    expiry, gate = int.from_bytes(body[6:10], "big"), body[10:HEADER]
    require(version == VERSION, "version", NOT_MINE)
    require(platform in PLATFORMS, "platform-unknown", NOT_MINE)
    require(1 <= length <= len(body) - HEADER, "token-length", NOT_MINE)
    require(not any(body[HEADER + length :]), "padding", NOT_MINE)
    require(tag == tag_of(key_hash, body), "tag", NOT_MINE)
    require(time // 3600 < expiry, "expired", NOT_MINE)
    return Frame(platform, app, expiry, gate, body[HEADER : HEADER + length])
