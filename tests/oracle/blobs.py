"""Blobs, SPEC 6, and the tick, SPEC 10."""

from typing import NamedTuple

from . import elgamal, web_push
from .frames import WEB_PUSH, Frame, HandleFrame
from .frames import decode as decode_frame
from .groups import RISTRETTO255, Element
from .notation import blob_length, class_of_blob
from .refusals import NOT_MINE, Refused, all_refusals_as


class OpeningKey(NamedTuple):
    """What it takes to open blobs."""

    secrets: tuple[int, ...]
    key_hash: bytes


class Push(NamedTuple):
    """A notification: where to push."""

    platform: int
    app: int
    token: bytes


def embed_frame(frame: bytes, candidates: list[int]) -> list[bytes]:
    """Embed a frame by a candidate number for each 30 bytes, SPEC 6.1."""
    pieces = [frame[i : i + 30] for i in range(0, len(frame), 30)]
    return [RISTRETTO255.embed(piece, c) for piece, c in zip(pieces, candidates, strict=True)]


def extract_frame(elements: list[bytes]) -> bytes:
    """Take a frame out of its elements, SPEC 6.1."""
    return b"".join(map(RISTRETTO255.extract, elements))


def decode(blob: bytes) -> tuple[Element, list[Element]]:
    """Decode a blob, SPEC 6.3."""
    return elgamal.decode(RISTRETTO255, blob, class_of_blob(len(blob)))


def open_blob(key: OpeningKey, blob: bytes, time: int) -> Frame | HandleFrame:
    """Open a blob at a time, SPEC 6.4."""
    with all_refusals_as(NOT_MINE):
        frame = extract_frame(elgamal.decrypt(RISTRETTO255, key.secrets, blob))
    return decode_frame(key.key_hash, len(key.secrets), frame, time)


def open_batch(key: OpeningKey, batch: bytes, time: int) -> list[Frame | HandleFrame | None]:
    """Open the rows of a batch, each alone, SPEC 6.3 and 6.4; None stands for "not mine"."""
    size = blob_length(len(key.secrets))
    if len(batch) % size:
        raise Refused("wrong-length")
    rows: list[Frame | HandleFrame | None] = []
    for i in range(0, len(batch), size):
        try:
            rows.append(open_blob(key, batch[i : i + size], time))
        except Refused:
            rows.append(None)
    return rows


def notifications(
    key: OpeningKey, batch: bytes, time: int, registered: dict[bytes, Push]
) -> list[Push]:
    """List what one tick pushes, SPEC 10, sorted here where the push server shuffles.

    `registered` has the tokens of the handles of class H.
    """
    pushes = set()
    for frame in open_batch(key, batch, time):
        if isinstance(frame, HandleFrame):
            push = registered.get(frame.handle)
        else:
            push = frame and Push(frame.platform, frame.app, frame.token)
        if push is not None and _can_be_pushed(push):
            pushes.add(push)
    return sorted(pushes)


def _can_be_pushed(push: Push) -> bool:
    """Tell whether the token is none of Web Push or decodes, SPEC 5.3."""
    if push.platform == WEB_PUSH:
        try:
            web_push.decode(push.token)
        except Refused:
            return False
    return True
