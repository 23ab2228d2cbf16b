"""Embedding, ElGamal and blobs, SPEC 6, and the tick, SPEC 10."""

from collections.abc import Sequence
from typing import NamedTuple

from . import frames, group
from .group import Element
from .notation import CLASS_L
from .refusals import NOT_MINE, Refused, all_refusals_as, require, require_length

CANDIDATES = 2**14


class OpeningKey(NamedTuple):
    """What it takes to open blobs."""

    secrets: tuple[int, ...]
    key_hash: bytes


def embed(message: bytes, candidate: int) -> bytes:
    """Embed 30 bytes by a candidate number, SPEC 6.1; give the encoding of the element."""
    require_length(message, 30)
    require(0 <= candidate < CANDIDATES, "candidate-out-of-range")
    encoding = bytes([2 * (candidate % 128)]) + message + bytes([candidate // 128 % 256])
    group.decode(encoding, "candidate-does-not-decode")
    return encoding


def extract(element: bytes) -> bytes:
    """Take the 30 bytes out of an element, SPEC 6.1."""
    group.decode(element)
    return element[1:31]


def encrypt(publics: Sequence[bytes], messages: Sequence[bytes], r: int) -> bytes:
    """Encrypt elements, SPEC 6.2; give A || B_1 || .. || B_n."""
    require(r != 0, "r-zero")
    masked = [
        group.decode(message).plus(group.decode(public).times(r)).encode()
        for message, public in zip(messages, publics, strict=True)
    ]
    return group.GENERATOR.times(r).encode() + b"".join(masked)


def rerandomize(publics: Sequence[bytes], blob: bytes, s: int) -> bytes:
    """Rerandomize, SPEC 6.2."""
    a, bs = decode(blob, len(publics))
    new_a = a.plus(group.GENERATOR.times(s))
    require(not new_a.is_identity(), "a-identity")
    new_bs = [b.plus(group.decode(x).times(s)) for b, x in zip(bs, publics, strict=True)]
    return b"".join(element.encode() for element in (new_a, *new_bs))


def decrypt(secrets: Sequence[int], blob: bytes) -> list[bytes]:
    """Decrypt to n elements, SPEC 6.2."""
    a, bs = decode(blob, len(secrets))
    return [b.minus(a.times(x)).encode() for b, x in zip(bs, secrets, strict=True)]


def decode(blob: bytes, n: int = CLASS_L) -> tuple[Element, list[Element]]:
    """Decode a blob, SPEC 6.3."""
    require_length(blob, 32 * (n + 1))
    a = group.decode(blob[:32], "a-not-canonical")
    require(not a.is_identity(), "a-identity")
    bs = [group.decode(blob[i : i + 32], "b-not-canonical") for i in range(32, len(blob), 32)]
    return a, bs


def open_blob(key: OpeningKey, blob: bytes, time: int) -> frames.Frame:
    """Open a blob at a time, SPEC 6.4."""
    n = len(key.secrets)
    with all_refusals_as(NOT_MINE):
        messages = decrypt(key.secrets, blob)
    plaintext = b"".join(element[1:31] for element in messages)
    return frames.decode(key.key_hash, n, plaintext, time)


def open_batch(key: OpeningKey, batch: bytes, time: int) -> list[frames.Frame | None]:
    """Open the rows of a batch, each alone, SPEC 6.3 and 6.4; None stands for "not mine"."""
    size = 32 * (len(key.secrets) + 1)
    if len(batch) % size:
        raise Refused("wrong-length")
    rows: list[frames.Frame | None] = []
    for i in range(0, len(batch), size):
        try:
            rows.append(open_blob(key, batch[i : i + size], time))
        except Refused:
            rows.append(None)
    return rows


def notifications(key: OpeningKey, batch: bytes, time: int) -> list[tuple[int, int, bytes]]:
    """List what one tick pushes, SPEC 10, sorted here where the push server shuffles."""
    opened = [frame for frame in open_batch(key, batch, time) if frame is not None]
    return sorted({(frame.platform, frame.app, frame.token) for frame in opened})
