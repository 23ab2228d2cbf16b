"""Signed notes and their keys (C2SP signed-note, tlog-cosignature), SPEC 9.3, 9.4, 11."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from . import ed25519
from .notation import be8
from .refusals import Refused, require
from .text import from_base64, to_base64

BOARD, WITNESS = 1, 4
"""Signature types: Ed25519, and a cosignature with a time."""
ALGORITHMS = (BOARD, WITNESS)
DASH = "\u2014 "


class Key(NamedTuple):
    """A key that signs notes, as others know it."""

    name: str
    algorithm: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Give the first four bytes of a hash of all that the key is."""
        hashed = self.name.encode() + b"\n" + be8(self.algorithm) + self.public
        return hashlib.sha256(hashed).digest()[:4]


class Signature(NamedTuple):
    """A line of signature: whose it says it is, and what follows the key id."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text and its signatures."""

    text: bytes
    signatures: tuple[Signature, ...]


def check_name(name: str) -> None:
    """Refuse what is no name of a key: nothing, spaces, control characters, a plus."""
    good = bool(name) and not any(c.isspace() or c == "+" or ord(c) < 32 for c in name)
    require(good, "key-name")


def encode_vkey(key: Key) -> str:
    """Encode a key as signed-note, "Verifier keys", has it."""
    return f"{key.name}+{key.key_id.hex()}+{to_base64(be8(key.algorithm) + key.public)}"


def decode_vkey(text: str) -> Key:
    """Decode a key."""
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise Refused("vkey-form")
    data = from_base64(parts[2])
    if len(data) != 33:
        raise Refused("wrong-length")
    key = Key(parts[0], data[0], data[1:])
    check_name(key.name)
    require(key.algorithm in ALGORITHMS, "algorithm-unknown")
    require(parts[1] == key.key_id.hex(), "key-id")
    return key


def encode_payload(algorithm: int, seed: bytes, name: str) -> bytes:
    """Encode the payload of a secret file, SPEC 11."""
    return be8(algorithm) + seed + name.encode()


def decode_payload(payload: bytes) -> tuple[int, bytes, str]:
    """Decode it: algorithm, seed, name."""
    if len(payload) < 33:
        raise Refused("wrong-length")
    try:
        name = payload[33:].decode()
    except UnicodeDecodeError as error:
        raise Refused("utf-8") from error
    require(payload[0] in ALGORITHMS, "algorithm-unknown")
    check_name(name)
    return payload[0], payload[1:33], name


def cosigned(text: bytes, time: int) -> bytes:
    """Give what a witness signs."""
    return f"cosignature/v1\ntime {time}\n".encode() + text


def sign(text: bytes, algorithm: int, seed: bytes, name: str, time: int = 0) -> Signature:
    """Sign a text; the time counts for a witness only."""
    key = Key(name, algorithm, ed25519.public_of(seed))
    if algorithm == BOARD:
        return Signature(name, key.key_id, ed25519.sign(seed, text))
    signature = ed25519.sign(seed, cosigned(text, time))
    return Signature(name, key.key_id, time.to_bytes(8, "big") + signature)


def encode_line(line: Signature) -> str:
    """Encode a line of signature, with its line feed."""
    return f"{DASH}{line.name} {to_base64(line.key_id + line.signature)}\n"


def encode(text: bytes, signatures: Sequence[Signature]) -> bytes:
    """Encode a note."""
    return text + b"\n" + "".join(map(encode_line, signatures)).encode()


def decode(data: bytes) -> Note:
    """Decode a note; nothing is verified. The two limits are those of SPEC 9.3."""
    require(len(data) <= 1_000_000, "note-length")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise Refused("utf-8") from error
    require(not any(ord(c) < 32 and c != "\n" for c in whole), "control-character")
    at = whole.rfind("\n\n")
    if at < 0:
        raise Refused("no-blank-line")
    lines = whole[at + 2 :].split("\n")
    if lines.pop() or not lines:
        raise Refused("signature-line")
    require(len(lines) <= 100, "many-signatures")
    return Note(whole[: at + 1].encode(), tuple(map(_decode_line, lines)))


def _decode_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space:
        raise Refused("signature-line")
    data = from_base64(encoded)
    if len(data) < 5:
        raise Refused("wrong-length")
    check_name(name)
    return Signature(name, data[:4], data[4:])


def verify_line(key: Key, text: bytes, signature: bytes) -> int:
    """Refuse a signature of a known key that is not right; give its time, 0 for a board."""
    if key.algorithm == BOARD:
        ed25519.verify(key.public, text, signature)
        return 0
    if len(signature) != 72:
        raise Refused("wrong-length")
    time = int.from_bytes(signature[:8], "big")
    require(time < 2**63, "cosignature-time")
    ed25519.verify(key.public, cosigned(text, time), signature[8:])
    return time


def verify(note: Note, keys: Sequence[Key]) -> dict[Key, int]:
    """Give those of the keys that signed, and when. One bad signature of theirs is too much."""
    found: dict[Key, int] = {}
    for key in keys:
        for name, key_id, signature in note.signatures:
            if (name, key_id) == (key.name, key.key_id):
                found.setdefault(key, verify_line(key, note.text, signature))
    return found


def require_signed(note: Note, key: Key) -> int:
    """Refuse a note that a key did not sign; give the time at which it did, 0 for a board."""
    signed = verify(note, [key])
    require(key in signed, "signature-missing")
    return signed.get(key, 0)
