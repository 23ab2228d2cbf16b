"""A witness: it cosigns a log only as far as the log continues what it has seen (SPEC 9.4).

The rules are those of C2SP tlog-witness, ``add-checkpoint``.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from billboard.errors import (
    InvalidEncodingError,
    InvalidSignatureError,
    RefusedCheckpointError,
)
from billboard.storage.database import Database, Schema, rows
from billboard.storage.files import new_directory
from billboard.tlog import merkle
from billboard.tlog.checkpoint import LONGEST_PROOF, Checkpoint, decode_hash, decode_number
from billboard.tlog.key_file import load_signer, new_key
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner, Signature, encode_base64

DATABASE, KEY = "witness.sqlite", "witness.key"

SCHEMA = Schema(
    "witness",
    0x62627774,  # "bbwt"
    (
        """
        CREATE TABLE log (
            origin TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            root BLOB NOT NULL,
            note BLOB NOT NULL              -- the checkpoint, with the cosignature
        ) WITHOUT ROWID;
        """,
    ),
)

_KEEP = """
    INSERT INTO log (origin, size, root, note) VALUES (?, ?, ?, ?)
    ON CONFLICT (origin) DO UPDATE
    SET size = excluded.size, root = excluded.root, note = excluded.note
"""


@final
@dataclass(frozen=True)
class AddCheckpoint:
    """A request to a witness to cosign ``note``, which continues the log with ``old`` entries.

    ``proof`` has the hashes that show that it does.
    """

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *map(encode_base64, self.proof), "", ""]
        return "\n".join(lines).encode() + bytes(self.note)

    @classmethod
    def from_bytes(cls, data: bytes) -> AddCheckpoint:
        """Parse a request. Raises `InvalidEncodingError`."""
        head, separator, note = data.partition(b"\n\n")
        try:
            first, *hashes = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise InvalidEncodingError("request", "is not ASCII before its note") from None
        if not separator or not first.startswith("old "):
            raise InvalidEncodingError("request", "must be a size, a proof, blank line and note")
        if len(hashes) > LONGEST_PROOF:
            raise InvalidEncodingError("request", f"has more than {LONGEST_PROOF} hashes")
        old = decode_number("request", first.removeprefix("old "))
        proof = tuple(decode_hash("request", line) for line in hashes)
        return cls(old, proof, Note.from_bytes(note))


@final
class Cosigner:
    """A witness of ``logs`` that signs with ``signer`` and remembers in ``database``.

    The name of a log's key is the origin of the log; one log may have several keys. ``clock`` gives
    seconds since 1970. Any number of threads and processes may use one database.

    Raises `InvalidEncodingError` if the key of ``signer`` is not one that cosigns.
    """

    def __init__(
        self,
        database: Database,
        signer: NoteSigner,
        logs: Sequence[NoteKey],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if signer.key.algorithm is not Algorithm.COSIGNATURE:
            raise InvalidEncodingError("note key", f"{signer.key.name} is not one that cosigns")
        self._database, self._signer, self._clock = database, signer, clock
        self._logs: dict[str, list[NoteKey]] = {}
        for key in logs:
            self._logs.setdefault(key.name, []).append(key)
        self._hashes = {hashlib.sha256(name.encode()).hexdigest(): name for name in self._logs}

    @property
    def key(self) -> NoteKey:
        """The public key that verifies the cosignatures."""
        return self._signer.key

    def add_checkpoint(self, body: bytes) -> Signature:
        """Return the cosignature that an encoded `AddCheckpoint` asks for.

        When this returns, the new state of the log is on stable storage: from now on no checkpoint
        is cosigned that does not continue it or has an earlier size. Raises `StoreError`, and
        `RefusedCheckpointError`, after which nothing has changed.
        """
        try:
            request = AddCheckpoint.from_bytes(body)
            checkpoint = Checkpoint.from_text(request.note.text)
        except InvalidEncodingError as error:
            raise RefusedCheckpointError(400, str(error)) from None
        note = self._verified(request.note, checkpoint.origin)
        if request.old > checkpoint.size:
            problem = f"the old size, {request.old}, is greater than that of the checkpoint"
            raise RefusedCheckpointError(400, problem)
        # Comparing and replacing are one transaction: otherwise a slower request for fewer entries
        # could take back what a faster one for more entries was given (tlog-witness).
        with self._database.writing() as db:
            found = rows(db, "SELECT size, root FROM log WHERE origin = ?", checkpoint.origin)
            size, root = found[0] if found else (0, merkle.EMPTY)
            _check(request, checkpoint, size, root)
            signature = self._signer.sign(note.text, time=int(self._clock()))
            kept = checkpoint.size, checkpoint.root, bytes(note.signed(signature))
            db.execute(_KEEP, (checkpoint.origin, *kept)).fetchall()
        return signature

    def checkpoint(self, origin_hash: str) -> bytes:
        """Return the last checkpoint cosigned of the log whose origin has this SHA-256, in hex.

        Raises `LookupError` if there is none.
        """
        query = "SELECT note FROM log WHERE origin = ?"
        found = self._database.rows(query, self._hashes.get(origin_hash))
        if not found:
            raise LookupError("no checkpoint of this log has been cosigned")
        return bytes(found[0][0])

    def sizes(self) -> dict[str, int]:
        """Return how many entries of each log were cosigned, by origin."""
        return dict(self._database.rows("SELECT origin, size FROM log ORDER BY origin"))

    def _verified(self, note: Note, origin: str) -> Note:
        """Return the note with only the signatures of the log, after verifying them."""
        if origin not in self._logs:
            raise RefusedCheckpointError(404, f"this witness does not watch {origin}")
        keys = self._logs[origin]
        known = [each for each in note.signatures if any(map(each.is_of, keys))]
        if not known:
            raise RefusedCheckpointError(403, f"{origin}: the note has no signature of a known key")
        try:
            for key in keys:
                if any(each.is_of(key) for each in known):
                    note.time_of(key)
        except InvalidSignatureError as error:
            raise RefusedCheckpointError(403, str(error)) from None
        return Note(note.text, tuple(known))


def _check(request: AddCheckpoint, checkpoint: Checkpoint, size: int, root: bytes) -> None:
    """Raise unless the checkpoint continues the log with ``size`` entries and ``root``."""
    if request.old != size:
        problem = f"{checkpoint.origin} has {size} entries here, not {request.old}"
        raise RefusedCheckpointError(409, problem, size)
    if checkpoint.size == 0 and checkpoint.root != merkle.EMPTY:
        problem = f"{checkpoint.origin}: the root is not that of a log without entries"
        raise RefusedCheckpointError(422, problem)
    if not merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, request.proof):
        problem = f"{checkpoint.origin}: the proof does not continue the log with {size} entries"
        raise RefusedCheckpointError(422, problem)


def create_witness(
    directory: str | os.PathLike[str], name: str, passphrase: str | None = None
) -> NoteKey:
    """Make a witness with a new key in the new ``directory``, and return the public key.

    ``name`` is a URL without its scheme. Raises `StoreError`, `SecretFileError`,
    `InvalidEncodingError`.
    """
    path = Path(directory)
    # Key and database are made together, once: a key with an empty database would sign a fork.
    with new_directory(path):
        key = new_key(path / KEY, name, Algorithm.COSIGNATURE, passphrase)
        Database.create(path / DATABASE, SCHEMA).close()
    return key


@contextmanager
def open_witness(
    directory: str | os.PathLike[str],
    logs: Sequence[NoteKey],
    passphrase: str | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Iterator[Cosigner]:
    """Open the witness in ``directory``; see `Cosigner`. Raises `StoreError`, `SecretFileError`."""
    path = Path(directory)
    signer = load_signer(path / KEY, passphrase)
    with closing(Database(path / DATABASE, SCHEMA)) as database:
        yield Cosigner(database, signer, logs, clock=clock)
