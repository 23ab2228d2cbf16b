"""Values that the cases share; all "random" ones are SHAKE-256 of a fixed string and a name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from reference import blobs, frames, group, keys, lanes, posts
from reference.notation import CLASS_L
from reference.refusals import Refused

SEED = b"billboard test vectors 0.1\n"
DAY = 86400
EPOCH = 20800
TIME = EPOCH * DAY + 30000
EXPIRY = TIME // 3600 + 14 * 24
ORIGIN = "board.example"


def draw(name: str, length: int = 32) -> bytes:
    """Draw bytes that depend on the name only."""
    return hashlib.shake_256(SEED + name.encode()).digest(length)


def draw_scalar(name: str) -> int:
    """Draw a scalar that depends on the name only."""
    return group.wide_scalar(draw(name, 64))


def draw_element(name: str) -> bytes:
    """Draw the encoding of an element that depends on the name only."""
    return group.from_uniform_bytes(draw(name, 64)).encode()


def multiple(scalar: int) -> bytes:
    """Encode a multiple of the generator."""
    return group.GENERATOR.times(scalar).encode()


def flip(data: bytes, bit: int) -> bytes:
    """Flip one bit; bit 0 is the lowest of the first byte."""
    return (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")


def replaced(data: bytes, start: int, new: bytes) -> bytes:
    """Overwrite some bytes."""
    return data[:start] + new + data[start + len(new) :]


class NamedKey(NamedTuple):
    """A key set to which cases refer by name."""

    secrets: tuple[int, ...]
    public_key: bytes

    @property
    def public(self) -> keys.PublicKey:
        """The decoded public key."""
        elements = tuple(self.public_key[i : i + 32] for i in range(2, len(self.public_key), 96))
        return keys.PublicKey(CLASS_L, elements)

    @property
    def opening(self) -> blobs.OpeningKey:
        """What it takes to open blobs."""
        return blobs.OpeningKey(self.secrets, self.public.key_hash)

    def as_json(self) -> dict[str, object]:
        """Describe the key set in a file of vectors."""
        return {
            "class": CLASS_L,
            "secrets": [group.encode_scalar(secret).hex() for secret in self.secrets],
            "public_key": self.public_key.hex(),
            "key_hash": self.public.key_hash.hex(),
            "key_id": keys.key_id(self.public.key_hash).hex(),
        }


def _named_key(name: str) -> NamedKey:
    secrets = tuple(draw_scalar(f"key {name} {j}") for j in range(CLASS_L))
    rnds = tuple(draw(f"key {name} rnd {j}") for j in range(CLASS_L))
    return NamedKey(secrets, keys.encode_public_key(secrets, rnds))


ALPHA = _named_key("alpha")
BETA = _named_key("beta")
NAMED_KEYS = {"alpha": ALPHA, "beta": BETA}


def embedding(message: bytes, name: str) -> int:
    """Draw a candidate number that decodes."""
    for attempt in range(1000):
        candidate = int.from_bytes(draw(f"{name} {attempt}", 2), "big") % blobs.CANDIDATES
        try:
            blobs.embed(message, candidate)
        except Refused:
            continue
        return candidate
    raise ValueError(name)


def embeddings(frame: bytes, name: str) -> list[int]:
    """Draw candidate numbers for all parts of a frame."""
    pieces = [frame[i : i + 30] for i in range(0, len(frame), 30)]
    return [embedding(piece, f"{name} {j}") for j, piece in enumerate(pieces)]


def embed_all(frame: bytes, candidates: Iterable[int]) -> list[bytes]:
    """Embed a frame by the given candidates."""
    pieces = [frame[i : i + 30] for i in range(0, len(frame), 30)]
    return [blobs.embed(piece, c) for piece, c in zip(pieces, candidates, strict=True)]


def blob_of(key: NamedKey, frame: bytes, name: str) -> bytes:
    """Encrypt a frame."""
    messages = embed_all(frame, embeddings(frame, f"{name} embedding"))
    return blobs.encrypt(key.public.elements, messages, draw_scalar(f"{name} r"))


FIELDS = frames.Frame(1, 7, EXPIRY, bytes(16), draw("token", 32))
FRAME = frames.encode(ALPHA.public.key_hash, CLASS_L, FIELDS)
BLOB = blob_of(ALPHA, FRAME, "blob")
ENVELOPE = keys.key_id(ALPHA.public.key_hash) + bytes(32) + BLOB

LANE = lanes.Lane(
    lanes.Channel(CLASS_L, DAY, EPOCH, draw("lane key"), ORIGIN.encode()), draw_scalar("lane d_0")
)
SALT = draw("salt")
RND = draw("rnd")


def post_of(epoch: int = EPOCH, slot: int = 0, seq: int = 0, envelope: bytes = ENVELOPE) -> bytes:
    """Seal a post of the shared lane."""
    keys_of_slot = lanes.slot_of(LANE.grant, epoch, slot)
    return posts.seal(LANE, keys_of_slot, epoch, seq, envelope, SALT, RND)
