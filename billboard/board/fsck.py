"""Check of everything that a board has: it reports all that is wrong (SPEC 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from billboard.board.fsck_rows import EditionRow, LogRow, Rows
from billboard.board.manifest import (
    Edition,
    Index,
    decode_leaf,
    edition_origin,
    edition_prefix,
)
from billboard.board.objects import Objects
from billboard.board.publisher import checkpoint_name, indexed
from billboard.board.sqlite import SqliteStore
from billboard.errors import BillboardError, StoreError
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.tlog.merkle import EMPTY
from billboard.tlog.note import Note, NoteKey
from billboard.tlog.writer import LogWriter, read_entries

_RESTORE = "put the file of a backup in its place"
_DELETE = "delete it, and publish again: nothing refers to it yet"
_REBUILD = "restore the database of a backup, or publish as a new board"


@dataclass(frozen=True)
class Damage:
    """A ``problem`` of a board, ``where`` it is, and a ``remedy``."""

    where: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}; {self.remedy}"


def check_board(store: SqliteStore, objects: Objects, key: NoteKey) -> Iterator[Damage]:
    """Yield all that is wrong with the board that signs with ``key``.

    The board may be used meanwhile, but nothing may expire. Raises `StoreError` if the database
    cannot be read at all.
    """
    # Names are read before the rows: otherwise a new object would look as if nothing refers to it.
    unexplained = set(objects.names(""))
    with store.reading() as db:
        rows = Rows(db, store.parameters)
        for where, problem in rows.problems():
            yield Damage(f"{store.path}: {where}", problem, _REBUILD)
        check = _Check(rows, objects, key)
        for edition in rows.editions:
            yield from check.edition(edition)
        yield from check.master_log()
    for name in sorted(unexplained - check.explained):
        yield Damage(name, "nothing refers to it", "delete it, if it is not from a newer backup")


class _Check:
    def __init__(self, rows: Rows, objects: Objects, key: NoteKey) -> None:
        self._rows, self._objects, self._policy = rows, objects, Policy(key)
        self._origin = rows.parameters.origin
        self.explained: set[str] = set()

    def edition(self, row: EditionRow) -> Iterator[Damage]:
        """Yield what is wrong with the objects of an edition and its entry in the master log."""
        prefix = edition_prefix(row.epoch, row.number)
        compared = _Compared(self._objects, self.explained, all_there=row.leaf is not None)
        index = bytearray()
        try:
            found = self._entries(row, prefix)
            root = LogWriter(compared, prefix).append(indexed(_ascending(found), index))
        except BillboardError as error:
            yield from compared.findings
            yield Damage(prefix, str(error), _RESTORE)
            return
        compared.put([(f"{prefix}index", bytes(index))])
        yield from compared.findings
        origin = edition_origin(self._origin, row.epoch, row.number)
        expected = Checkpoint(origin, row.size, root)
        yield from self._checkpoint(f"{prefix}checkpoint", expected, row.leaf is not None)
        edition = Edition(row.epoch, row.number, row.size, root, Index(bytes(index)).hash, row.time)
        if row.leaf is not None and self._decoded(row.leaf) != edition:
            yield Damage(prefix, "it is not what its manifest says", _REBUILD)

    def master_log(self) -> Iterator[Damage]:
        """Yield what is wrong with the master log."""
        log = self._rows.log
        compared = _Compared(self._objects, self.explained)
        writer, roots, entries = LogWriter(compared, ""), [EMPTY], list[bytes]()
        try:
            for entry in read_entries(self._objects, "", log.size):
                entries.append(entry)
                roots.append(writer.append([entry]))
        except BillboardError as error:
            yield from compared.findings
            yield Damage("master log", str(error), _RESTORE)
            return
        yield from compared.findings
        compared.findings.clear()
        for size in range(1, log.size + 1):
            expected = Checkpoint(self._origin, size, roots[size])
            # The last checkpoint may be missing: it is put after the row is changed.
            yield from self._checkpoint(checkpoint_name(size), expected, size < log.size)
        yield from self._log_row(log, roots)
        yield from self._leaves(entries)
        if log.pending is not None:
            yield from self._pending(log.pending)
            # Its tiles may be there already.
            compared.all_there = False
            writer.append([log.pending])
            yield from compared.findings

    def _entries(self, row: EditionRow, prefix: str) -> Iterable[bytes]:
        """Return the entries in the database, or, if those are damaged, in the objects."""
        if (row.epoch, row.number) in self._rows.damaged:
            return read_entries(self._objects, prefix, row.size)
        return self._rows.entries(row)

    def _checkpoint(self, name: str, expected: Checkpoint, required: bool) -> Iterator[Damage]:
        self.explained.add(name)
        try:
            problem = self._problem_of_note(self._objects.get(name), expected)
        except LookupError:
            problem = "is missing" if required else None
        except StoreError as error:
            problem = str(error)
        if problem:
            yield Damage(name, problem, _RESTORE if required else _DELETE)

    def _problem_of_note(self, data: bytes, expected: Checkpoint) -> str | None:
        try:
            note = Note.from_bytes(data)
            if self._policy.verify(note, expected.origin) == expected:
                return None
        except BillboardError as error:
            return str(error)
        return f"is not a checkpoint of the {expected.size} entries here"

    def _log_row(self, log: LogRow, roots: list[bytes]) -> Iterator[Damage]:
        """Yield what is wrong with the state of the log in the database."""
        if log.root != roots[-1]:
            yield Damage("master log", "its root is not the one in the database", _REBUILD)
        for what, size, data in (
            ("last checkpoint", log.size, log.note),
            ("served checkpoint", log.served_size, log.served),
        ):
            problem = None
            if not 0 <= size <= log.size or not isinstance(data, bytes):
                problem = "is invalid"
            elif size:
                expected = Checkpoint(self._origin, size, roots[size])
                problem = self._problem_of_note(data, expected)
            elif data:
                problem = "is there, though the log is empty"
            if problem:
                yield Damage(what, problem, _REBUILD)
        newer = checkpoint_name(log.size + 1)
        if newer in self._objects.names("checkpoints/"):
            self.explained.add(newer)
            yield Damage(
                newer,
                f"the log has been signed with more than the {log.size} entries that the database"
                " has: this is an old backup",
                "restore a newer one; this one must not sign",
            )

    def _leaves(self, entries: list[bytes]) -> Iterator[Damage]:
        """Yield where the entries of the log and the editions in the database do not agree."""
        logged: dict[tuple[int, int], bytes] = {}
        for number, entry in enumerate(entries):
            leaf = self._decoded(entry)
            if leaf is None or (number == 0) != (leaf == self._rows.parameters):
                yield Damage(f"entry {number} of the master log", "is invalid", _REBUILD)
            if isinstance(leaf, Edition):
                previous = (leaf.epoch, leaf.number - 1)
                if (leaf.epoch, leaf.number) in logged or (leaf.number and previous not in logged):
                    yield Damage(
                        f"entry {number} of the master log",
                        f"edition {leaf.number} of epoch {leaf.epoch} is out of turn",
                        _REBUILD,
                    )
                logged[leaf.epoch, leaf.number] = entry
        for row in self._rows.editions:
            if logged.pop((row.epoch, row.number), None) != row.leaf:
                where = edition_prefix(row.epoch, row.number)
                yield Damage(where, "its manifest is not the one in the master log", _REBUILD)
        for epoch, number in logged:
            if epoch in self._rows.epochs:
                problem = "the master log has it, but the database does not"
                yield Damage(edition_prefix(epoch, number), problem, _REBUILD)

    def _pending(self, pending: bytes) -> Iterator[Damage]:
        """Yield what is wrong with the next entry of the log."""
        leaf = self._decoded(pending)
        waiting = [
            (row.epoch, row.number, row.size, row.time)
            for row in self._rows.editions
            if row.leaf is None
        ]
        wrong = leaf is None or (
            isinstance(leaf, Edition)
            and (leaf.epoch, leaf.number, leaf.size, leaf.time) not in waiting
        )
        if wrong:
            yield Damage("pending entry of the master log", "is invalid", _REBUILD)

    def _decoded(self, leaf: bytes) -> object:
        try:
            return decode_leaf(self._origin, leaf)
        except BillboardError:
            return None


class _Compared:
    """Compares what a log writes with the existing objects."""

    def __init__(self, objects: Objects, explained: set[str], *, all_there: bool = True) -> None:
        self.findings: list[Damage] = []
        self.all_there = all_there
        self._objects, self._explained = objects, explained

    def get(self, name: str) -> bytes:
        return self._objects.get(name)

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        for name, data in objects:
            self._explained.add(name)
            problem = None
            try:
                if self._objects.get(name) != data:
                    problem = "is damaged"
            except LookupError:
                problem = "is missing" if self.all_there else None
            except StoreError as error:
                problem = str(error)
            if problem:
                remedy = _RESTORE if self.all_there else _DELETE
                self.findings.append(Damage(name, problem, remedy))


def _ascending(entries: Iterable[bytes]) -> Iterator[bytes]:
    last = b""
    for entry in entries:
        if entry <= last:
            raise StoreError("its posts are not sorted")
        last = entry
        yield entry
