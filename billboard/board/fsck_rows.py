"""Check of all rows of a board's database (SPEC 9.1, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from billboard.board.parameters import BUNDLE, BoardParameters
from billboard.board.sqlite import row_digest
from billboard.errors import BillboardError
from billboard.posts import Post
from billboard.storage.database import damaged, rows

Problem = tuple[str, str]
"""Where a problem is, and what it is."""


@dataclass(frozen=True)
class EditionRow:
    """An edition with the ``size`` posts at the positions from ``first`` on."""

    epoch: int
    number: int
    first: int
    size: int
    time: int
    leaf: bytes | None


@dataclass(frozen=True)
class LogRow:
    """The state of the master log."""

    size: int
    root: bytes
    note: bytes
    served_size: int
    served: bytes
    pending: bytes | None
    restored: int


class Rows:
    """The rows of a board, all of one moment. ``damaged`` has the editions with a wrong row."""

    def __init__(self, db: apsw.Connection, parameters: BoardParameters) -> None:
        self._db, self.parameters = db, parameters
        self.damaged: set[tuple[int, int]] = set()
        columns = "epoch, number, first, size, time, leaf"
        found = rows(db, f"SELECT {columns} FROM edition ORDER BY epoch, number")  # noqa: S608
        self.editions = [EditionRow(*row) for row in found if _is_edition(row)]
        self._unreadable = [row[:2] for row in found if not _is_edition(row)]
        self.epochs = {epoch for (epoch,) in rows(db, "SELECT epoch FROM epoch")}
        columns = "size, root, note, served_size, served, pending, restored"
        ((*values,),) = rows(db, f"SELECT {columns} FROM log")  # noqa: S608
        if not all(map(isinstance, values, (int, bytes, bytes, int, bytes, bytes | None, int))):
            raise damaged(Path(db.filename), "the state of the log is unreadable")
        self.log = LogRow(*values)

    def entries(self, edition: EditionRow) -> Iterator[bytes]:
        """Yield the posts of an edition, by identifier."""
        query = (
            f"SELECT data FROM post_{edition.epoch:d}"  # noqa: S608
            " WHERE position BETWEEN ? AND ? ORDER BY identifier"
        )
        positions = edition.first, edition.first + edition.size - 1
        try:
            for (data,) in self._db.execute(query, positions):
                yield data
        except apsw.Error as error:
            raise damaged(Path(self._db.filename), str(error)) from error

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the rows, except those of the log and its entries."""
        for (result,) in rows(self._db, "PRAGMA integrity_check"):
            if result != "ok":
                yield "database", str(result)
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'post_*'"
        tables = {name for (name,) in rows(self._db, query)}
        for name in tables ^ {f"post_{epoch}" for epoch in self.epochs}:
            yield name, "the table does not belong to a known epoch, or the epoch has no table"
        for epoch, number in self._unreadable:
            yield f"edition {number} of epoch {epoch}", "its row is unreadable"
        for edition in self.editions:
            if edition.epoch not in self.epochs:
                self.damaged.add((edition.epoch, edition.number))
                yield _name(edition), "its epoch is not known"
        for epoch in sorted(self.epochs):
            if f"post_{epoch}" in tables:
                yield from self._editions(epoch)
                yield from self._posts(epoch)

    def _editions(self, epoch: int) -> Iterator[Problem]:
        """Yield what is wrong with the sequence of the editions of an epoch."""
        begin, late = epoch * self.parameters.epoch_length, self.parameters.late_interval
        times = range(begin, self.parameters.last_due(epoch) + 1, late)
        position = 1
        for number, edition in enumerate(e for e in self.editions if e.epoch == epoch):
            problem = None
            if edition.number != number:
                problem = f"number {number} is missing"
            elif edition.first != position:
                problem = f"begins at position {edition.first}, not {position}"
            elif edition.size < 1 or edition.size % BUNDLE:
                problem = f"cannot have {edition.size} posts"
            elif edition.time not in times:
                problem = f"was never due at {edition.time}"
            if problem:
                self.damaged.add((epoch, edition.number))
                yield _name(edition), problem
            position = edition.first + edition.size

    def _posts(self, epoch: int) -> Iterator[Problem]:
        """Yield the posts that are not as they were accepted, and the positions without one."""
        query = f"SELECT position, identifier, seq, digest, data FROM post_{epoch:d}"  # noqa: S608
        expected = 1
        try:
            for position, *values in self._db.execute(query + " ORDER BY position"):
                problem = self._problem_of_post(epoch, *values)
                if position != expected:
                    problem = f"position {expected} is empty"
                    self._mark(epoch, expected)
                if problem:
                    self._mark(epoch, position)
                    yield f"post {position} of epoch {epoch}", problem
                expected = position + 1
        except apsw.Error as error:
            self._mark(epoch, None)
            yield f"posts of epoch {epoch}", str(error)
        closed = sum(edition.size for edition in self.editions if edition.epoch == epoch)
        if expected <= closed:
            self._mark(epoch, closed)
            yield (
                f"posts of epoch {epoch}",
                f"{closed} are in editions, but only {expected - 1} are there",
            )

    def _problem_of_post(
        self, epoch: int, identifier: Any, seq: Any, digest: Any, data: Any
    ) -> str | None:
        if not isinstance(data, bytes) or digest != row_digest(data):
            return "its bytes do not match its digest"
        try:
            post = Post.from_bytes(data)
            post.verify(self.parameters.origin)
        except BillboardError as error:
            return str(error)
        if (post.identifier, post.seq, post.epoch) != (identifier, seq, epoch):
            return "its columns do not match the post"
        if post.frame_class is not self.parameters.frame_class:
            return f"is of class {post.frame_class.name}"
        return None

    def _mark(self, epoch: int, position: int | None) -> None:
        """Mark the edition with that position as damaged, or all of the epoch if it is None."""
        for edition in self.editions:
            within = position is None or 0 <= position - edition.first < edition.size
            if edition.epoch == epoch and within:
                self.damaged.add((epoch, edition.number))


def _is_edition(row: tuple[Any, ...]) -> bool:
    *numbers, leaf = row
    return all(isinstance(each, int) for each in numbers) and isinstance(leaf, bytes | None)


def _name(edition: EditionRow) -> str:
    return f"edition {edition.number} of epoch {edition.epoch}"
