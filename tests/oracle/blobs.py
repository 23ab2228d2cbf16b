"""Blobs, SPEC 6."""

from typing import NamedTuple

from . import elgamal
from .frames import Frame, HandleFrame, decode as decode_frame
from .groups import RISTRETTO255, Element
from .notation import blob_length, class_of_blob
from .refusals import NOT_MINE, Refused, all_refusals_as


class OpeningKey(NamedTuple):
    """What it takes to open blobs."""

    secrets: tuple[int, ...]
    key_hash: bytes


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
