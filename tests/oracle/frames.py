"""Frames, SPEC 5: those with a token in classes S, L and XL, those with a handle in class H."""

from typing import NamedTuple

from .notation import CLASS_H, be8, be16, be32, hash_parts
from .refusals import NOT_MINE, Refused, require, require_length

VERSION = 1
APNS, FCM, WEB_PUSH, AMAZON_SNS, PUSHY = PLATFORMS = (1, 2, 3, 4, 5)
HEADER = 26
TAG = 16


class Frame(NamedTuple):
    """The fields of a frame of class S, L or XL, SPEC 5.1."""

    platform: int
    app: int
    expiry: int
    gate: bytes
    token: bytes


class HandleFrame(NamedTuple):
    """The fields of a frame of class H but for the salt, SPEC 5.2."""

    expiry: int
    gate: bytes
    handle: bytes


def tag_of(key_hash: bytes, body: bytes) -> bytes:
    """Give the tag for all bytes before it."""
    return hash_parts("frame", key_hash, body)[:TAG]


def encode(key_hash: bytes, n: int, frame: Frame) -> bytes:
    """Encode a frame of 30 n bytes."""
    require(n != CLASS_H, "class")
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


def encode_handle(key_hash: bytes, n: int, frame: HandleFrame, salt: bytes) -> bytes:
    """Encode a frame of class H."""
    require(n == CLASS_H, "class")
    return lay_out_handle(key_hash, frame, salt)


def lay_out_handle(
    key_hash: bytes, frame: HandleFrame, salt: bytes, version: int = VERSION
) -> bytes:
    """Lay out a frame of class H with a matching tag."""
    require_length(salt, 7)
    require_length(frame.handle, 16)
    body = be8(version) + be32(frame.expiry) + frame.gate + salt + frame.handle
    return body + tag_of(key_hash, body)


def decode(key_hash: bytes, n: int, data: bytes, time: int) -> Frame | HandleFrame:
    """Decode a frame that must be valid at the time."""
    if len(data) != 30 * n:
        raise Refused("wrong-length", NOT_MINE)
    body, tag = data[:-TAG], data[-TAG:]
    require(body[0] == VERSION, "version", NOT_MINE)
    frame = _handle_fields(body) if n == CLASS_H else _token_fields(body)
    require(tag == tag_of(key_hash, body), "tag", NOT_MINE)
    require(time // 3600 < frame.expiry, "expired", NOT_MINE)
    return frame


def _handle_fields(body: bytes) -> HandleFrame:
    return HandleFrame(int.from_bytes(body[1:5], "big"), body[5:21], body[28:44])


def _token_fields(body: bytes) -> Frame:
    platform = body[1]
    app, length = int.from_bytes(body[2:4], "big"), int.from_bytes(body[4:6], "big")
    expiry, gate = int.from_bytes(body[6:10], "big"), body[10:HEADER]
    require(platform in PLATFORMS, "platform-unknown", NOT_MINE)
    require(1 <= length <= len(body) - HEADER, "token-length", NOT_MINE)
    require(not any(body[HEADER + length :]), "padding", NOT_MINE)
    return Frame(platform, app, expiry, gate, body[HEADER : HEADER + length])
