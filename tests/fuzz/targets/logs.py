"""Notes and their keys, and what is in the logs of a board, as the oracle has them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from oracle import (
    logs as oracle_logs,
    notes as oracle_notes,
    receipts as oracle_receipts,
    tiles as oracle_tiles,
)
from oracle.refusals import Refused

from billboard import InvalidEncodingError, InvalidSignatureError, SecretFileError
from billboard.board.manifest import Index, decode_leaf, encode_leaf
from billboard.board.receipt import Receipt
from billboard.storage import secret_file
from billboard.tlog.checkpoint import Checkpoint, Proof
from billboard.tlog.cosigner import AddCheckpoint
from billboard.tlog.key_file import load_signer
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from billboard.tlog.tiles import bundle_bytes, split_bundle
from billboard.web.admission import decode_work

from ..target import Source, Target, Value, attempt, require, vectors

ORIGIN = "board.example"
SIGNER = NoteSigner(ORIGIN, Algorithm.ED25519, bytes(32))
MOST_HASHES = 63


def _expected(decode: Callable[[], Value]) -> Value | None:
    """What the oracle makes of an input; None if it refuses."""
    try:
        return decode()
    except Refused:
        return None


def _public(use: Callable[[], Value], *documented: type[Exception]) -> Value | None:
    """As `attempt`, of what is no secret: messages may name the keys and origins in it."""
    return attempt(b"", lambda _: use(), *documented)


def note(data: bytes) -> None:
    decoded = _public(lambda: Note.from_bytes(data), InvalidEncodingError)
    expected = _expected(lambda: oracle_notes.decode(data))
    require((decoded is None) == (expected is None), "which notes decode")
    if decoded is None or expected is None:
        return
    require(bytes(decoded) == data, "a note goes round")
    require(decoded.text.encode() == expected.text, "the text of a note")
    lines = [(each.name, each.key_id, each.value) for each in decoded.signatures]
    require(lines == [tuple(line) for line in expected.signatures], "the lines of a note")
    _public(lambda: decoded.time_of(SIGNER.key), InvalidSignatureError)


def note_key(data: bytes) -> None:
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return
    decoded = _public(lambda: NoteKey.from_text(text), InvalidEncodingError)
    if any("\ud800" <= each <= "\udfff" for each in text):
        require(decoded is None, "a key has no half of a character")
        return
    expected = _expected(lambda: oracle_notes.decode_vkey(text))
    require((decoded is None) == (expected is None), "which keys decode")
    if decoded is not None and expected is not None:
        found = decoded.name, int(decoded.algorithm), decoded.public
        require(found == tuple(expected), "the parts of a key")
        require(str(decoded) == text, "a key goes round")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def note_key_file(data: bytes) -> None:
    path = Path(_folder().name) / "note.key"
    path.write_bytes(secret_file.encode(secret_file.Kind.NOTE_KEY, data, None))
    path.chmod(0o600)
    signer = attempt(data, lambda _: load_signer(path), SecretFileError)
    expected = _expected(lambda: oracle_notes.decode_payload(data))
    require((signer is None) == (expected is None), "which note keys load")
    if signer is not None and expected is not None:
        algorithm, seed, name = expected
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        found = int(signer.key.algorithm), signer.key.public, signer.key.name
        require(found == (algorithm, public, name), "the parts of a note key")
        require(data[1:33].hex() not in repr(signer), "the repr of a note key")


def checkpoint(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if not text.endswith("\n"):
        return  # it is none of a note
    decoded = _public(lambda: Checkpoint.from_text(text), InvalidEncodingError)
    expected = _expected(lambda: oracle_logs.decode_checkpoint(data))
    require((decoded is None) == (expected is None), "which checkpoints decode")
    if decoded is not None and expected is not None:
        require((decoded.origin, decoded.size, decoded.root) == tuple(expected), "its parts")
        require(str(decoded) == text, "a checkpoint goes round")


def log_entry(data: bytes) -> None:
    decoded = _public(lambda: decode_leaf(ORIGIN, data), InvalidEncodingError)
    expected = _expected(lambda: oracle_logs.decode_entry(data, ORIGIN))
    require((decoded is None) == (expected is None), "which entries of the master log decode")
    if decoded is not None and expected is not None:
        require(encode_leaf(ORIGIN, decoded) == data, "an entry goes round")
        require(expected.encode() == data, "an entry goes round by the oracle")


def index(data: bytes) -> None:
    decoded = _public(lambda: Index(data), InvalidEncodingError)
    size, digest = 256 * (len(data) // 8), hashlib.sha256(data).digest()
    expected = _expected(lambda: oracle_logs.decode_index(data, size, digest))
    require((decoded is None) == (not expected), "which indexes decode")
    if decoded is not None and expected:
        require(decoded.hash == digest, "the hash of an index")
        for prefix in expected:
            found = decoded.bundles_of(prefix + bytes(24))
            last = max(i for i, each in enumerate(expected) if each == prefix)
            require(found[0] == last, "where a prefix is looked for first")


def receipt(data: bytes) -> None:
    """As it is, and as a text that the board signed."""
    _check_receipt(data)
    try:
        text = Note(data.decode() + "\n", ())
    except (UnicodeDecodeError, InvalidEncodingError):
        return
    _check_receipt(bytes(text.signed(SIGNER.sign(text.text))))


def _check_receipt(data: bytes) -> None:
    errors = InvalidEncodingError, InvalidSignatureError
    decoded = _public(lambda: Receipt.from_bytes(data, SIGNER.key), *errors)
    key = oracle_notes.Key(ORIGIN, 1, SIGNER.key.public)
    expected = _expected(lambda: oracle_receipts.open_receipt(data, key))
    require((decoded is None) == (expected is None), "which receipts decode")
    if decoded is not None and expected is not None:
        found = ORIGIN, decoded.epoch, decoded.post_hash, decoded.deadline
        require(found == tuple(expected), "the parts of a receipt")
        require(bytes(decoded) == data, "a receipt goes round")


def proof(data: bytes) -> None:
    """A tlog-proof; and a request to a witness, which is the same but for its first lines."""
    decoded = _public(lambda: Proof.from_bytes(data), InvalidEncodingError)
    expected = _expected(lambda: oracle_receipts.decode_proof(data))
    if expected is not None and len(expected.hashes) > MOST_HASHES:
        require(decoded is None, "a proof of too many hashes is refused")
        return
    require((decoded is None) == (expected is None), "which proofs decode")
    if decoded is not None and expected is not None:
        found = decoded.extra, decoded.index, decoded.hashes, bytes(decoded.note)
        require(found == tuple(expected), "the parts of a proof")
        require(bytes(decoded) == data, "a proof goes round")


def add_checkpoint(data: bytes) -> None:
    """As the oracle has a tlog-proof of the same number, hashes and checkpoint."""
    decoded = _public(lambda: AddCheckpoint.from_bytes(data), InvalidEncodingError)
    beginning = f"{oracle_receipts.PROOF_LINE}\nindex ".encode()
    as_proof = beginning + data.removeprefix(b"old ")
    expected = _expected(lambda: oracle_receipts.decode_proof(as_proof))
    asked = data.startswith(b"old ") and expected is not None
    if expected is not None and len(expected.hashes) > MOST_HASHES:
        asked = False
    require((decoded is not None) == asked, "which requests to a witness decode")
    if decoded is not None and expected is not None:
        require((decoded.old, decoded.proof) == (expected.place, expected.hashes), "its parts")
        require(bytes(decoded) == data, "a request to a witness goes round")


def entries(data: bytes) -> None:
    """A bundle that is to have as many entries as the first byte says."""
    source = Source(data)
    count, bundle = source.number(), source.rest()
    found = _public(lambda: split_bundle(bundle, count), InvalidEncodingError)
    expected = _expected(lambda: oracle_tiles.decode_entries(bundle, count))
    require(found == expected, "the entries of a bundle")
    if found is not None:
        require(bundle_bytes(found) == bundle, "a bundle goes round")


def work(data: bytes) -> None:
    """The header of a proof of work."""
    found = _public(lambda: decode_work(data), InvalidEncodingError)
    if found is not None:
        digits = b"".join(data.split())
        require(found.hex().encode() == digits.lower(), "the bytes of a proof of work")


def _notes() -> Iterator[bytes]:
    yield from vectors("note/decode", "note")
    text = "text\n"
    yield bytes(Note(text, (SIGNER.sign(text),)))


def _keys() -> Iterator[bytes]:
    for case in ("name", "board.example", "n\u00e4me"):
        yield str(NoteKey(case, Algorithm.COSIGNATURE, bytes(32))).encode()
    yield str(SIGNER.key).encode()
    yield b"a+b+c"
    yield "\ud800+00000000+AA==".encode("utf-8", "surrogatepass")


def _texts(operation: str, field: str) -> Iterator[bytes]:
    """What is signed in the notes of some cases."""
    for data in vectors(operation, field):
        yield data.rpartition(b"\n\n")[0] + b"\n"


def _receipts() -> Iterator[bytes]:
    yield from vectors("receipt/open", "receipt")
    for text in _texts("receipt/open", "receipt"):
        yield text[:-1]


def _entries() -> Iterator[bytes]:
    for bundle in vectors("entries/decode", "bundle"):
        for count in (0, 1, 3, 4, 5):
            yield bytes([count]) + bundle


def _requests() -> Iterator[bytes]:
    for data in vectors("proof/decode", "proof"):
        head, _, rest = data.partition(b"\nindex ")
        yield b"old " + (rest or head)


def _log_entries() -> Iterator[bytes]:
    for data in vectors("entry/decode", "entry"):
        if len(data) < 1000:
            yield data


TARGETS = {
    "note": Target(note, _notes, 2000),
    "note-key": Target(note_key, _keys, 300),
    "note-key-file": Target(
        note_key_file, lambda: vectors("note-key/decode-payload", "payload"), 300
    ),
    "checkpoint": Target(checkpoint, lambda: _texts("checkpoint/open", "note"), 600),
    "log-entry": Target(log_entry, _log_entries, 1000),
    "index": Target(index, lambda: vectors("index/decode", "index"), 400),
    "receipt": Target(receipt, _receipts, 1000),
    "proof": Target(proof, lambda: vectors("proof/decode", "proof"), 4000),
    "add-checkpoint": Target(add_checkpoint, _requests, 4000),
    "entries": Target(entries, _entries, 1500),
    "work": Target(work, lambda: iter((b"0011223344556677", b"", b"0g", b"00 11", b"\xff")), 40),
}
