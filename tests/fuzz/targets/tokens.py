"""Frames, blobs and batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
from oracle import frames as oracle, web_push as oracle_web_push
from oracle.refusals import Refused

from billboard import (
    Blob,
    DeviceToken,
    Frame,
    FrameClass,
    Handle,
    InvalidEncodingError,
    InvalidRowsError,
    NotMine,
    Platform,
    _core,
    elgamal,
    validate_batch,
)
from billboard.push.requests.request import LONGEST_REVOCATION, PushRequest
from billboard.push.tick import open_tick

from ..material import NOW, public_key, secret_key, tagged
from ..target import Source, Target, attempt, require, vectors

CLASSES = list(FrameClass)
SMALL = [each for each in CLASSES if each.elements <= 8]
SEED = bytes(32)
"""What batches are encrypted with here, so that they are the same each time."""


def frame(data: bytes) -> None:
    """A frame of any class as it is or, so that what is behind the tag is reached, tagged."""
    source = Source(data)
    frame_class = CLASSES[source.number() % len(CLASSES)]
    to_tag, hours = source.number() & 1, source.number(4)
    encoded = source.rest()
    key_hash = public_key(frame_class).key_hash
    if to_tag:
        body = encoded[: frame_class.frame_size - 16].ljust(frame_class.frame_size - 16, b"\0")
        encoded = tagged(body, key_hash)
    decoded = _decode(encoded, frame_class, hours * 3600)
    require((decoded is not None) == _is_valid(encoded, frame_class, hours * 3600), "the oracle")
    if decoded is not None:
        require(decoded.expires > hours * 3600, "an expired frame")
        require(decoded.encode(frame_class, key_hash) == encoded, "a frame goes round")
        blank = replace(decoded, token=replace(decoded.token, value=bytes(16)), gate=None)
        require(repr(blank) == repr(decoded), "a repr shows token, handle or gate")


def _decode(encoded: bytes, frame_class: FrameClass, now: int) -> Frame | None:
    key_hash = public_key(frame_class).key_hash
    return attempt(encoded, lambda it: Frame.decode(it, frame_class, key_hash, now=now), NotMine)


def _is_valid(encoded: bytes, frame_class: FrameClass, now: int) -> bool:
    try:
        oracle.decode(public_key(frame_class).key_hash, frame_class.elements, encoded, now)
    except Refused:
        return False
    return True


def _frames() -> Iterator[bytes]:
    start = (NOW // 3600).to_bytes(4, "big")
    for index, encoded in _frames_of_vectors():
        yield bytes([index, 1]) + start + encoded
    for encoded in vectors("frame/decode", "frame"):
        yield b"\0\0" + start + encoded


def _frames_of_vectors() -> Iterator[tuple[int, bytes]]:
    for index, frame_class in enumerate(CLASSES):
        for encoded in vectors("frame/decode", "frame"):
            if len(encoded) == frame_class.frame_size:
                yield index, encoded


def blob(data: bytes) -> None:
    decoded = attempt(data, Blob.from_bytes, InvalidEncodingError)
    frame_class = next((c for c in CLASSES if c.blob_size == len(data)), None)
    if frame_class is None:
        require(decoded is None, "a blob has one of few lengths")
        return
    row = np.frombuffer(data, np.uint8).reshape(1, frame_class.elements + 1, 32)
    agreed = validate_batch(row, frame_class).tolist() == [decoded is not None]
    require(agreed, "a blob and a row are the same")
    if decoded is not None:
        require(bytes(decoded) == data, "a blob goes round")
        require(repr(decoded) == f"<Blob {frame_class.name}>", "the repr of a blob")
        fresh = decoded.rerandomize(public_key(frame_class))
        require(Blob.from_bytes(bytes(fresh)) == fresh != decoded, "a fresh blob")
        before, after = (_opened(each, frame_class) for each in (decoded, fresh))
        require(before == after, "a fresh blob is of the same frame")


def _opened(one: Blob, frame_class: FrameClass) -> Frame | None:
    try:
        return secret_key(frame_class).open(one, now=NOW)
    except NotMine:
        return None


def _blobs() -> Iterator[bytes]:
    yield from vectors("blob/decode", "blob")
    yield from map(_good, CLASSES)


@cache
def _good(frame_class: FrameClass) -> bytes:
    """A blob that opens; of class H too, for which the frame is made by hand."""
    value = b"a token of sixteen bytes and more, but no more than 48"[:40]
    body = bytes([1, Platform.APNS, 0, 7, 0, len(value)]) + b"\0\x7f\xff\xff" + bytes(16) + value
    if frame_class.elements == 2:
        body = b"\x01\0\x7f\xff\xff" + bytes(16) + b"7 bytes" + value[:16]
    return _encrypted(body, frame_class)


def _encrypted(body: bytes, frame_class: FrameClass) -> bytes:
    """A blob of a frame with the right tag, whatever is in it."""
    n, size = frame_class.elements, frame_class.frame_size - 16
    encoded = tagged(body[:size].ljust(size, b"\0"), public_key(frame_class).key_hash)
    data = np.frombuffer(encoded, np.uint8).reshape(1, n, 30)
    messages = _core.embed(data, n, SEED, 1)
    encryption: elgamal.EncryptionKey = public_key(frame_class)._encryption
    return encryption.encrypt_batch(messages, seed=SEED, threads=1).tobytes()


def sealed_frame(data: bytes) -> None:
    """A blob under the right key with any content: it opens if, and only if, that is a frame."""
    source = Source(data)
    frame_class = CLASSES[source.number() % len(CLASSES)]
    body = source.rest()
    encrypted = Blob.from_bytes(_encrypted(body, frame_class))
    size = frame_class.frame_size - 16
    encoded = tagged(body[:size].ljust(size, b"\0"), public_key(frame_class).key_hash)
    require(_opened(encrypted, frame_class) == _decode(encoded, frame_class, NOW), "opening")
    found, tokens = _decode(encoded, frame_class, NOW), None
    if frame_class.carries_handle:
        tokens = _stands_for_other
    requests = [PushRequest.of(public_key(frame_class).key_id, encrypted)] * 2
    tick = open_tick([secret_key(frame_class)], requests, tokens=tokens, now=NOW, threads=1)
    require(len(tick.notifications) == _is_deliverable(found), "one notification for each device")
    require(tick.opened == 2 * len(tick.notifications), "how many opened")


OTHER = DeviceToken(Platform.APNS, b"what a handle stands for")


def _stands_for_other(handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
    return dict.fromkeys(handles, OTHER)


def _is_deliverable(found: Frame | None) -> bool:
    if found is None or found.expires > (NOW // 3600 + LONGEST_REVOCATION) * 3600:
        return False
    if isinstance(found.token, Handle):
        return True
    token = found.token
    if isinstance(token, DeviceToken) and token.platform is Platform.WEB_PUSH:
        try:
            oracle_web_push.decode(token.value)
        except Refused:
            return False
    return True


def _sealed_frames() -> Iterator[bytes]:
    for index, encoded in _frames_of_vectors():
        yield bytes([index]) + encoded


def batch(data: bytes) -> None:
    """Rows of all kinds: each is judged alone, and bad ones never change their neighbours."""
    source = Source(data)
    frame_class = SMALL[source.number() % len(SMALL)]
    good = _good(frame_class)
    rows: list[bytes] = []
    while source.left and len(rows) < 10:
        rows.append(_row(source, good))
    if not rows:
        return
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, frame_class.elements + 1, 32)
    valid = [attempt(row, Blob.from_bytes, InvalidEncodingError) is not None for row in rows]
    require(validate_batch(array, frame_class, threads=2).tolist() == valid, "which rows are blobs")
    frames, opened = secret_key(frame_class).open_batch(array, now=NOW, threads=2)
    require(opened.tolist() == [row == good for row in rows], "which rows open")
    for index, row in enumerate(rows):
        if row == good:
            require(frames[index] == _opened(Blob.from_bytes(good), frame_class), "a neighbour")
        else:
            require(not frames.records[index].tobytes().strip(b"\0"), "a masked row is zero")
    bad = tuple(index for index, sound in enumerate(valid) if not sound)
    try:
        fresh = public_key(frame_class).rerandomize_batch(array, threads=2)
    except InvalidRowsError as error:
        require(error.rows == bad != (), "which rows cannot be rerandomized")
    else:
        require(not bad, "bad rows are refused")
        again = secret_key(frame_class).open_batch(fresh, now=NOW)[1]
        require(again.tolist() == opened.tolist(), "fresh blobs open as before")
    require(array.tobytes() == b"".join(rows), "the input is left as it is")


def _row(source: Source, good: bytes) -> bytes:
    kind = source.number()
    if kind % 4 == 0:
        return good
    if kind % 4 == 1:
        return source.take(len(good))
    if kind % 4 == 2:
        return source.part().ljust(len(good), b"\0")[: len(good)]
    at, patch = 32 * (source.number() % (len(good) // 32)), source.take(32)
    return good[:at] + patch + good[at + 32 :]


def _batches() -> Iterator[bytes]:
    for index, frame_class in enumerate(SMALL):
        yield bytes([index]) + b"\0\x03\0" + bytes(32) + b"\0\x03\x01" + bytes(32) + b"\0"
        yield bytes([index]) + b"\0" * 33
        for encoded in vectors("blob/decode", "blob"):
            if len(encoded) == frame_class.blob_size:
                yield bytes([index]) + b"\0\x01" + encoded + b"\0"
    for encoded in vectors("element/decode", "bytes", group="ristretto255"):
        yield b"\0\0\x03\x01" + encoded[:32].ljust(32, b"\0") + b"\0"


def batch_shapes(data: bytes) -> None:
    """Arrays of any shape: a ValueError that says which is right, or judged."""
    source = Source(data)
    frame_class = CLASSES[source.number() % len(CLASSES)]
    shape = tuple(source.number() for _ in range(source.number() % 5))
    size = int(np.prod(shape, dtype=np.int64))
    if size > 1 << 20:
        return
    array = np.frombuffer(source.take(size), np.uint8).reshape(shape)
    if source.number() & 1:
        array = array[..., ::-1] if array.ndim else array
    right = array.ndim == 3 and array.shape[1:] == (frame_class.elements + 1, 32)
    fits = right and array.flags.c_contiguous
    for use in (
        lambda: validate_batch(array, frame_class),
        lambda: secret_key(frame_class).open_batch(array, now=NOW)[1],
        lambda: public_key(frame_class).rerandomize_batch(array),
    ):
        try:
            result = use()
        except InvalidRowsError:
            require(fits, "an array of another shape is refused as such")
        except ValueError as error:
            require(not fits and "C-contiguous" in str(error), "an array of the right shape fits")
        else:
            require(fits and len(result) == len(array), "an array of another shape is refused")


def _shapes() -> Iterator[bytes]:
    for index, frame_class in enumerate(CLASSES):
        columns = frame_class.elements + 1
        yield bytes([index, 3, 2, columns, 32]) + _good(frame_class) * 2
        yield bytes([index, 3, 0, columns, 32])
        yield bytes([index, 3, 1, columns, 31])
        yield bytes([index, 2, columns, 32])
        yield bytes([index, 0])


def device_token(data: bytes) -> None:
    """Tokens that an application makes: refused, or the same after a frame of any class."""
    source = Source(data)
    platform, app = source.number(), source.number(3)
    hours, gate, value = source.number(5), source.part(), source.rest()
    try:
        made = Frame(DeviceToken(Platform(platform), value, app), 3600 * hours, gate or None)
    except InvalidEncodingError:
        return
    except ValueError:
        require(platform not in list(Platform), "only an unknown platform is a ValueError")
        return
    for frame_class in CLASSES:
        key_hash = public_key(frame_class).key_hash
        encoded = attempt(
            value,
            lambda _, c=frame_class, k=key_hash: made.encode(c, k),  # type: ignore[misc]
            InvalidEncodingError,
        )
        require((encoded is not None) == (len(value) <= frame_class.longest_token), "what fits")
        if encoded is not None:
            back = _decode(encoded, frame_class, 0)
            require(back == (made if hours else None), "a token goes round")


def _tokens() -> Iterator[bytes]:
    for platform in Platform:
        yield bytes([platform, 0, 0, 7, 0, 0, 7, 0xFF, 0xFF, 0]) + bytes(range(32))
        yield bytes([platform, 0, 0xFF, 0xFF, 0, 0, 7, 0xFF, 0xFF, 16]) + bytes(range(16)) + b"x"


def handle(data: bytes) -> None:
    """Handles that an application makes: refused, or the same after a frame of class H."""
    source = Source(data)
    hours, gate, salt, value = source.number(5), source.part(), source.part(), source.rest()
    try:
        made = Frame(Handle(value), 3600 * hours, gate or None, salt or None)
    except InvalidEncodingError:
        return
    for frame_class in CLASSES:
        key_hash = public_key(frame_class).key_hash
        encoded = attempt(value, lambda _: made.encode(frame_class, key_hash), InvalidEncodingError)  # noqa: B023
        require((encoded is not None) == frame_class.carries_handle, "which class carries it")
        if encoded is not None:
            back = _decode(encoded, frame_class, 0)
            require(back == (made if hours else None), "a handle goes round")


def _handles() -> Iterator[bytes]:
    yield b"\0\0\x07\xff\xff\0\0" + bytes(range(16))
    yield b"\0\0\x07\xff\xff\x10" + bytes(range(16)) + b"\x07" + bytes(7) + bytes(16)


TARGETS = {
    "frame": Target(frame, _frames, 1200),
    "blob": Target(blob, _blobs, 1300),
    "sealed-frame": Target(sealed_frame, _sealed_frames, 1200),
    "batch": Target(batch, _batches, 4000),
    "batch-shapes": Target(batch_shapes, _shapes, 3000),
    "device-token": Target(device_token, _tokens, 1200),
    "handle": Target(handle, _handles, 100),
}
