"""Monitors, which follow a board, verify all of it, and keep evidence of what is wrong.

Readers verify only what they read. Somebody must read everything, to make sure that the rest keeps
to the rules, and that editions are sorted: only then is an absent post nowhere else.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, final

from billboard.board.manifest import PREFIX, Edition, edition_origin, edition_prefix, encode_leaf
from billboard.board.parameters import BUNDLE
from billboard.board.reading.cache import Cache, write_file
from billboard.board.reading.connection import Connection
from billboard.board.reading.history import History
from billboard.board.reading.procedure import Procedure, get
from billboard.board.reading.reader import AT_ONCE, Reader
from billboard.board.reading.verified_log import VerifiedLog
from billboard.errors import (
    BoardError,
    BoardFault,
    InvalidEncodingError,
    InvalidSignatureError,
    StoreError,
)
from billboard.hashing import encode_tuple
from billboard.times import epoch_at
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.note import LARGEST, Note
from billboard.tlog.tiles import WIDTH, tiles
from billboard.web.client import TIMEOUT

STATUS: Mapping[BoardFault, int] = {
    BoardFault.UNREACHABLE: 3,
    BoardFault.STALE: 4,
    BoardFault.SCHEDULE: 5,
    BoardFault.MISSING: 6,
    BoardFault.DAMAGED: 7,
    BoardFault.SIGNATURE: 8,
    BoardFault.MISBEHAVIOR: 9,
    BoardFault.FORK: 10,
}
"""The exit status of ``billboard monitor`` for each reason, the worst last."""

MEMORY = 32 << 20
"""Bytes of files that are kept in memory."""

MOST_EVIDENCE = 100
"""Faults of each reason for which evidence is kept."""

_IDENTIFIER = 32


@final
@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a board.

    ``evidence`` has files by name: signed notes, and what they sign.
    """

    reason: BoardFault
    what: str
    evidence: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def status(self) -> int:
        """The exit status of its reason: the worse, the greater."""
        return STATUS[self.reason]


@final
class Monitor:
    """Follows the board at ``url``, which signs as ``policy`` says.

    ``directory`` keeps its progress, what it has read, and evidence. It is made if it is missing,
    and no other monitor may use it. For ``timeout``, ``proxy`` and ``clock`` see `BoardClient`.
    Raises `StoreError` if the directory cannot be used.
    """

    def __init__(
        self,
        url: str,
        policy: Policy,
        directory: str | os.PathLike[str],
        *,
        timeout: float = TIMEOUT,
        proxy: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory = Path(directory)
        self._connection = Connection(url, timeout=timeout, proxy=proxy)
        self._cache = Cache(self._directory / "cache", memory=MEMORY)
        self._reader = Reader(policy, self._cache, clock)
        self._findings: list[Finding] = []
        self._seen: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and let another monitor use the directory."""
        self._connection.close()
        self._cache.close()

    @property
    def size(self) -> int:
        """Entries of the master log at the last checkpoint that was taken."""
        return self._reader.taken.checkpoint.size if self._reader.taken else 0

    def check(self) -> list[Finding]:
        """Verify all that is new, and return what is wrong.

        Evidence is written to files, once for each fault. An edition with a fault is verified and
        reported again the next time. Raises `StoreError` if the directory cannot be used.
        """
        self._findings = []
        try:
            self._connection.run(self._follow())
        except BoardError as error:
            self._found(error)
        self._findings = [self._with_evidence(finding) for finding in self._findings]
        return self._findings

    def _follow(self) -> Procedure[None]:
        yield from self._reader.checkpoint()
        parameters = yield from self._reader.parameters()
        log = yield from self._reader.log()
        for level, index, _ in tiles(log.size):
            yield from log.tile(level, index)
        history = History(parameters, self._reader.now)
        for index in range(log.bundles):
            entries = yield from log.bundle(index)
            for position, entry in enumerate(entries, WIDTH * index):
                try:
                    history.add(position, self._reader.leaf(entry))
                except BoardError:
                    what = f"entry {position} of its master log cannot be understood"
                    history.problems.append((position, BoardFault.MISBEHAVIOR, what))
        reported = self._checked()
        for position, reason, what in history.problems:
            if reason is not BoardFault.SCHEDULE or position >= reported:
                yield from self._report_entry(log, position, reason, what)
        current = epoch_at(self._reader.now, parameters.epoch_length)
        for position, edition in history.editions:
            if edition.epoch >= current - 1 and not self._mark(edition).exists():
                yield from self._check_edition(log, position, edition)
        first = current if history.first_epoch is None else history.first_epoch
        for epoch in (current - 1, current):
            if epoch >= first:
                try:
                    yield from self._reader.editions(epoch)
                except BoardError as error:
                    if error.reason is BoardFault.STALE:  # the checks above find all else
                        self._found(error)
        self._expire(current - 1)
        _write(self._directory / "checked", f"{log.size}\n".encode())

    def _report_entry(
        self, log: VerifiedLog, position: int, reason: BoardFault, what: str
    ) -> Procedure[None]:
        """Report an entry of the master log that breaks a rule, with the proof that it is there."""
        entry, proof = yield from self._reader.proven(log, self._reader.taken_note, position)
        evidence = {"entry": entry, "entry.proof": proof}
        self._findings.append(Finding(reason, f"{self._reader.origin}: {what}", evidence))

    def _check_edition(self, log: VerifiedLog, position: int, edition: Edition) -> Procedure[None]:
        """Verify all of an edition, and mark it as verified."""
        self._seen = {"manifest": encode_leaf(self._reader.origin, edition)}
        try:
            proof = yield from self._proof(
                log, position, self._reader.taken_note, self._seen["manifest"]
            )
            self._seen["manifest.proof"] = bytes(proof)
            identifiers = yield from self._read_edition(edition, proof)
            self._check_unique(edition, identifiers)
        except BoardError as error:
            self._found(error, f"edition {edition.number} of epoch {edition.epoch}: ")
        else:
            _write(self._mark(edition), identifiers)
        finally:
            self._seen = {}
            self._reader.forget(edition)

    def _read_edition(self, edition: Edition, manifest: Proof) -> Procedure[bytes]:
        """Verify an edition, and return its identifiers, one after the other."""
        reader, prefix = self._reader, edition_prefix(edition.epoch, edition.number)
        log = yield from reader.edition_log(edition)
        note = yield from self._edition_checkpoint(edition)
        for level, number, _ in tiles(log.size):
            yield from log.tile(level, number)
        index = yield from reader.index(edition)
        identifiers, last = bytearray(), b""
        for start in range(0, log.bundles, AT_ONCE):
            bundles = yield from reader.bundles(edition, start)
            for position, entry in enumerate(itertools.chain(*bundles), start * BUNDLE):
                problem = ""
                if entry[:_IDENTIFIER] <= last[:_IDENTIFIER]:
                    problem = "is not greater than the one before"
                elif position % BUNDLE == 0 and not _begins(index.data, position, entry):
                    self._seen["index"] = index.data
                    problem = "is not where the index says"
                try:
                    reader.post(edition, entry)
                except BoardError as error:
                    problem = problem or str(error)
                if problem:
                    around = {position - 1: last, position: entry} if last else {position: entry}
                    for i, each in around.items():
                        extra = bytes(manifest)
                        proof = yield from self._proof(log, i, note, extra)
                        self._seen |= {f"post-{i}": each, f"post-{i}.proof": bytes(proof)}
                    raise reader.misbehavior(f"post {position} of {prefix} {problem}")
                identifiers += entry[:_IDENTIFIER]
                last = entry
        return bytes(identifiers)

    def _edition_checkpoint(self, edition: Edition) -> Procedure[bytes]:
        """Return the checkpoint of an edition's own log, which must agree with its manifest."""
        reader = self._reader
        name = edition_prefix(edition.epoch, edition.number) + "checkpoint"
        note = yield from get(name, LARGEST)
        origin = edition_origin(reader.origin, edition.epoch, edition.number)
        try:
            found = Policy(reader.policy.log).verify(Note.from_bytes(note), origin)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise BoardError(BoardFault.SIGNATURE, f"/{name}: {error}") from None
        self._seen["edition-checkpoint"] = note
        if found != Checkpoint(origin, edition.size, edition.root):
            raise reader.misbehavior(f"/{name} and its manifest say different things")
        return note

    def _check_unique(self, edition: Edition, identifiers: bytes) -> None:
        """Raise `BoardError` if a post is in two editions of an epoch (SPEC 9.1)."""
        own = set(_split(identifiers))
        # Later editions count too: this one may have been withheld when they were verified.
        marks = self._mark(edition).parent
        for mark in marks.iterdir() if marks.exists() else ():
            if not mark.name.isdigit() or int(mark.name) == edition.number:
                continue
            others = _split(mark.read_bytes())
            if (again := next((each for each in others if each in own), None)) is not None:
                problem = f"{again.hex()} is also in edition {mark.name}"
                raise self._reader.misbehavior(problem)

    def _proof(self, log: VerifiedLog, index: int, note: bytes, extra: bytes) -> Procedure[Proof]:
        hashes = yield from log.inclusion_proof(index)
        return Proof(index, tuple(hashes), Note.from_bytes(note), extra)

    def _found(self, error: BoardError, where: str = "") -> None:
        names = (f"checkpoint-{i}" for i in itertools.count(1))
        evidence = {**self._seen, **dict(zip(names, error.evidence, strict=False))}
        self._findings.append(Finding(error.reason, f"{where}{error}", evidence))

    def _mark(self, edition: Edition) -> Path:
        """Return the path of the file with the identifiers of an edition, if that was verified."""
        return self._directory / "verified" / str(edition.epoch) / str(edition.number)

    def _checked(self) -> int:
        """Return the number of entries of the master log whose schedule was reported."""
        path = self._directory / "checked"
        if not path.exists():
            return 0
        try:
            return int(path.read_text())
        except ValueError:
            raise StoreError(f"{path} is damaged: delete it, and all is reported again") from None

    def _expire(self, epoch: int) -> None:
        verified = self._directory / "verified"
        for directory in verified.iterdir() if verified.exists() else ():
            if directory.name.isdigit() and int(directory.name) < epoch:
                for path in directory.iterdir():
                    path.unlink()
                directory.rmdir()

    def _with_evidence(self, finding: Finding) -> Finding:
        """Write the evidence to its own directory, or say in the finding that there is too much."""
        if not finding.evidence or finding.reason is BoardFault.STALE:
            return finding
        every = self._directory / "evidence"
        directory = every / f"{finding.reason}-{_fault(finding)}"
        told = directory / "finding.txt"
        if told.exists():
            return finding
        if len(list(every.glob(f"{finding.reason}-*/finding.txt"))) >= MOST_EVIDENCE:
            problem = f"{every} has evidence of {MOST_EVIDENCE} such faults: move them elsewhere"
            return replace(finding, what=f"{finding.what} (not kept: {problem})")
        for file, data in finding.evidence.items():
            _write(directory / file, data)
        _write(told, f"{finding.reason}: {finding.what}\n".encode())  # last: it marks the end
        return finding


def _fault(finding: Finding) -> str:
    """Return a hash of what is wrong, which is the same each time that the same is found.

    It leaves out checkpoints and proofs, because each checkpoint brings other proofs of the same
    fault. Of a fork, checkpoints are all that there is.
    """
    if finding.reason is BoardFault.FORK:
        parts = list(finding.evidence.values())
    else:
        proven = sorted(finding.evidence.items())
        own = [data for name, data in proven if "checkpoint" not in name and "proof" not in name]
        parts = [finding.what.encode(), *own]
    return hashlib.sha256(encode_tuple(*parts)).hexdigest()[:16]


def _write(path: Path, data: bytes) -> None:
    write_file(path, data, durable=True)


def _begins(index: bytes, position: int, entry: bytes) -> bool:
    start = position // BUNDLE * PREFIX
    return index[start : start + PREFIX] == entry[:PREFIX]


def _split(identifiers: bytes) -> Iterator[bytes]:
    return (identifiers[i : i + _IDENTIFIER] for i in range(0, len(identifiers), _IDENTIFIER))
