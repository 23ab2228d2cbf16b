"""Values that the cases share; all "random" ones are SHAKE-256 of a fixed string and a name."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from oracle import blobs, elgamal, frames, keys, lanes, posts, ristretto255
from oracle.groups import RISTRETTO255
from oracle.notation import CLASS_H, CLASS_L, CLASS_S, CLASS_XL, class_of_blob
from oracle.refusals import Refused

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
    return ristretto255.wide_scalar(draw(name, 64))


def draw_element(name: str) -> bytes:
    """Draw the encoding of an element that depends on the name only."""
    return ristretto255.from_uniform_bytes(draw(name, 64)).encode()


def multiple(scalar: int) -> bytes:
    """Encode a multiple of the generator."""
    return ristretto255.times_generator(scalar).encode()


def flip(data: bytes, bit: int) -> bytes:
    """Flip one bit; bit 0 is the lowest of the first byte."""
    return (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(len(data), "little")


def loose_bits(text: str) -> str:
    """Set the lowest bit behind the last byte of base64 with padding, where there must be none."""
    bare = text.rstrip("=")
    # The last character stands for a multiple of 4 or 16, and none of these ends a run of letters.
    return f"{bare[:-1]}{chr(ord(bare[-1]) + 1)}{text[len(bare) :]}"


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
        return keys.PublicKey(len(self.secrets), elements)

    @property
    def opening(self) -> blobs.OpeningKey:
        """What it takes to open blobs."""
        return blobs.OpeningKey(self.secrets, self.public.key_hash)

    def as_json(self) -> dict[str, object]:
        """Describe the key set in a file of vectors."""
        return {
            "class": len(self.secrets),
            "secrets": [ristretto255.encode_scalar(secret).hex() for secret in self.secrets],
            "public_key": self.public_key.hex(),
            "key_hash": self.public.key_hash.hex(),
            "key_id": keys.key_id(self.public.key_hash).hex(),
        }


def _named_key(name: str, n: int = CLASS_L) -> NamedKey:
    secrets = tuple(draw_scalar(f"key {name} {j}") for j in range(n))
    rnds = tuple(draw(f"key {name} rnd {j}") for j in range(n))
    return NamedKey(secrets, keys.encode_public_key(secrets, rnds))


ALPHA = _named_key("alpha")
BETA = _named_key("beta")
KEY_H = _named_key("class-h", CLASS_H)
KEY_S = _named_key("class-s", CLASS_S)
KEY_XL = _named_key("class-xl", CLASS_XL)
NAMED_KEYS = {
    "alpha": ALPHA,
    "beta": BETA,
    "class-h": KEY_H,
    "class-s": KEY_S,
    "class-xl": KEY_XL,
}
KEYS_JSON = {name: key.as_json() for name, key in NAMED_KEYS.items()}


def embedding(message: bytes, name: str) -> int:
    """Draw a candidate number that decodes."""
    for attempt in range(1000):
        candidate = int.from_bytes(draw(f"{name} {attempt}", 2), "big") % 2**14
        try:
            RISTRETTO255.embed(message, candidate)
        except Refused:
            continue
        return candidate
    raise ValueError(name)


def embeddings(frame: bytes, name: str) -> list[int]:
    """Draw candidate numbers for all parts of a frame."""
    pieces = [frame[i : i + 30] for i in range(0, len(frame), 30)]
    return [embedding(piece, f"{name} {j}") for j, piece in enumerate(pieces)]


def blob_of(key: NamedKey, frame: bytes, name: str) -> bytes:
    """Encrypt a frame."""
    messages = blobs.embed_frame(frame, embeddings(frame, f"{name} embedding"))
    return elgamal.encrypt(RISTRETTO255, key.public.elements, messages, draw_scalar(f"{name} r"))


FIELDS = frames.Frame(1, 7, EXPIRY, bytes(16), draw("token", 32))
FRAME = frames.encode(ALPHA.public.key_hash, CLASS_L, FIELDS)
BLOB = blob_of(ALPHA, FRAME, "blob")
ENVELOPE = keys.key_id(ALPHA.public.key_hash) + bytes(32) + BLOB

HANDLE_FIELDS = frames.HandleFrame(EXPIRY, bytes(16), draw("handle", 16))
HANDLE_FRAME = frames.lay_out_handle(KEY_H.public.key_hash, HANDLE_FIELDS, draw("handle salt", 7))
HANDLE_BLOB = blob_of(KEY_H, HANDLE_FRAME, "handle blob")


def envelope_of(name: str) -> bytes:
    """Make an envelope of the class of a named key set, one that is not of class H."""
    key = NAMED_KEYS[name]
    frame = frames.encode(key.public.key_hash, len(key.secrets), FIELDS)
    return keys.key_id(key.public.key_hash) + bytes(32) + blob_of(key, frame, f"blob of {name}")


HANDLE_ENVELOPE = keys.key_id(KEY_H.public.key_hash) + bytes(32) + HANDLE_BLOB


def lane_of(n: int) -> lanes.Lane:
    """Give the shared lane, for a board of a class."""
    channel = lanes.Channel(n, DAY, EPOCH, draw("lane key"), ORIGIN.encode())
    return lanes.Lane(channel, draw_scalar("lane d_0"))


LANE = lane_of(CLASS_L)
SALT = draw("salt")
RND = draw("rnd")


def post_of(epoch: int = EPOCH, slot: int = 0, seq: int = 0, envelope: bytes = ENVELOPE) -> bytes:
    """Seal a post of the shared lane, of the class of the envelope."""
    lane = lane_of(class_of_blob(len(envelope) - 48))
    keys_of_slot = lanes.slot_of(lane.grant, epoch, slot)
    return posts.seal(lane, keys_of_slot, epoch, seq, envelope, SALT, RND)
