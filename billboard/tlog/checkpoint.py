"""Checkpoints, who must have signed them, and proofs that need no network (SPEC 9.3, 9.4, 9.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from billboard.errors import InvalidEncodingError, InvalidSignatureError
from billboard.tlog import merkle
from billboard.tlog.note import Algorithm, Note, NoteKey, decode_base64, encode_base64

_PROOF = "c2sp.org/tlog-proof@v1"

LARGEST_SIZE = 2**63 - 1
"""Entries that a log may have."""

LONGEST_PROOF = 63
"""Hashes that a proof may have."""


@final
@dataclass(frozen=True)
class Checkpoint:
    """The state of a log at one moment (C2SP tlog-checkpoint): ``size`` entries with ``root``."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def from_text(cls, text: str) -> Checkpoint:
        """Parse the text of a note. Raises `InvalidEncodingError`."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) != 3 or not all(lines):
            raise InvalidEncodingError("checkpoint", "must have three lines, none of them empty")
        origin, size, root = lines
        return cls(origin, decode_number("checkpoint", size), decode_hash("checkpoint", root))


@final
@dataclass(frozen=True)
class Policy:
    """The signatures that a checkpoint of ``log`` needs: its own, and ``threshold`` of witnesses.

    Raises `InvalidEncodingError` if there are fewer witnesses than that, if a key has another
    algorithm than SPEC 9.3 and 9.4 say, or if a key is there twice: a cosignature does not say
    under which name it was made.
    """

    log: NoteKey
    witnesses: tuple[NoteKey, ...] = ()
    threshold: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= len(self.witnesses):
            count = len(self.witnesses)
            problem = f"a threshold of {self.threshold} is not possible with {count} witnesses"
            raise InvalidEncodingError("policy", problem)
        if len({key.public for key in (self.log, *self.witnesses)}) <= len(self.witnesses):
            raise InvalidEncodingError("policy", "names the same key twice")
        algorithms = {key.algorithm for key in self.witnesses} - {Algorithm.COSIGNATURE}
        if algorithms or self.log.algorithm is not Algorithm.ED25519:
            problem = "a log must have an Ed25519 key, and its witnesses cosignature/v1 keys"
            raise InvalidEncodingError("policy", problem)

    def verify(self, note: Note, origin: str | None = None) -> Checkpoint:
        """Return the checkpoint in a note that has the signatures; ``origin`` is that of ``log``.

        Raises `InvalidEncodingError`, `InvalidSignatureError`.
        """
        checkpoint = Checkpoint.from_text(note.text)
        expected = self.log.name if origin is None else origin
        if checkpoint.origin != expected:
            raise InvalidSignatureError(f"the checkpoint is of another log than {expected}")
        note.time_of(self.log)
        cosigned = len(self.cosigned(note))
        if cosigned < self.threshold:
            problem = f"{cosigned} known witnesses cosigned, but {self.threshold} must"
            raise InvalidSignatureError(f"{expected}: {problem}")
        return checkpoint

    def cosigned(self, note: Note) -> dict[NoteKey, int]:
        """Return which witnesses cosigned a note, and when, in seconds since 1970."""
        times = {}
        for key in self.witnesses:
            if any(signature.is_of(key) for signature in note.signatures):
                times[key] = note.time_of(key) or 0
        return times


@final
@dataclass(frozen=True)
class Proof:
    """A proof that an entry is in a log (C2SP tlog-proof): its ``index``, hashes and a checkpoint.

    ``extra`` is whatever the application adds; the proof does not cover it.
    """

    index: int
    hashes: tuple[bytes, ...]
    note: Note
    extra: bytes | None = None

    def __bytes__(self) -> bytes:
        lines = [_PROOF]
        if self.extra is not None:
            lines.append(f"extra {encode_base64(self.extra)}")
        lines += [f"index {self.index}", *map(encode_base64, self.hashes), "", ""]
        return "\n".join(lines).encode() + bytes(self.note)

    @classmethod
    def from_bytes(cls, data: bytes) -> Proof:
        """Parse a proof. Raises `InvalidEncodingError`."""
        head, separator, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            lines = []
        if not separator or lines[:1] != [_PROOF]:
            raise InvalidEncodingError("proof", f"is not of the form {_PROOF}")
        extra, rest = None, lines[1:]
        if rest and rest[0].startswith("extra "):
            extra, rest = decode_base64("proof", rest[0].removeprefix("extra ")), rest[1:]
        if not rest or not rest[0].startswith("index "):
            raise InvalidEncodingError("proof", "has no index")
        index = decode_number("proof", rest[0].removeprefix("index "))
        if len(rest) - 1 > LONGEST_PROOF:
            raise InvalidEncodingError("proof", f"has more than {LONGEST_PROOF} hashes")
        hashes = tuple(decode_hash("proof", line) for line in rest[1:])
        return cls(index, hashes, Note.from_bytes(note), extra)

    def verify(self, entry: bytes, policy: Policy, origin: str | None = None) -> Checkpoint:
        """Return the checkpoint of the log, if this proves that ``entry`` is in it.

        Raises `InvalidEncodingError`, `InvalidSignatureError`.
        """
        checkpoint = policy.verify(self.note, origin)
        found, end = merkle.leaf_hash(entry), self.index + 1
        root = None
        if end <= checkpoint.size:
            root = merkle.root_of_proof(found, self.index, end, checkpoint.size, self.hashes)
        if root != checkpoint.root:
            raise InvalidSignatureError(f"{checkpoint.origin}: the proof is not of this entry")
        return checkpoint


def decode_hash(field: str, text: str) -> bytes:
    """Parse a hash of 32 bytes in base64. Raises `InvalidEncodingError` that names ``field``."""
    found = decode_base64(field, text)
    if len(found) != 32:
        raise InvalidEncodingError(field, f"a hash has 32 bytes, not {len(found)}")
    return found


def decode_number(field: str, text: str) -> int:
    """Parse a number in decimal. Raises `InvalidEncodingError` that names ``field``."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or str(int(text)) != text:
        raise InvalidEncodingError(field, "a number must be in decimal, without leading zeros")
    if int(text) > LARGEST_SIZE:
        raise InvalidEncodingError(field, f"a number is greater than {LARGEST_SIZE}")
    return int(text)
