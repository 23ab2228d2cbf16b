"""A `Store` in one SQLite file, for any number of threads and processes of one machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast, final

import apsw

from billboard.board.parameters import BUNDLE, BoardParameters
from billboard.board.store import ClosedEdition, Entry, LogState
from billboard.errors import EpochError, PostRefusal, RefusedPostError, StoreError
from billboard.frames import FrameClass
from billboard.storage.database import Database, Schema, damaged, rows

SCHEMA = Schema(
    "board",
    0x62626264,  # "bbbd"
    (
        """
        CREATE TABLE board (
            origin TEXT NOT NULL,
            epoch_length INTEGER NOT NULL,
            frame_class INTEGER NOT NULL,
            late_interval INTEGER NOT NULL
        );
        CREATE TABLE log (
            size INTEGER NOT NULL,
            root BLOB NOT NULL,
            note BLOB NOT NULL,
            served_size INTEGER NOT NULL,
            served BLOB NOT NULL,
            pending BLOB,
            restored INTEGER NOT NULL,      -- 1 in a backup, until it may sign
            expired INTEGER NOT NULL        -- no epoch smaller than this comes back
        );
        CREATE TABLE edition (
            epoch INTEGER NOT NULL,
            number INTEGER NOT NULL,
            first INTEGER NOT NULL,         -- position of its first post
            size INTEGER NOT NULL,
            time INTEGER NOT NULL,
            leaf BLOB,                      -- NULL until it is published
            PRIMARY KEY (epoch, number)
        ) WITHOUT ROWID;
        CREATE TABLE epoch (epoch INTEGER PRIMARY KEY);
        """,
    ),
)

_POSTS = """
    CREATE TABLE IF NOT EXISTS post_{epoch} (
        position INTEGER PRIMARY KEY,       -- 1, 2, ..: an edition is a range of positions
        identifier BLOB NOT NULL UNIQUE,
        seq INTEGER NOT NULL,
        digest BLOB NOT NULL,
        data BLOB NOT NULL
    )
"""
"""A table for each epoch makes expiring an epoch cheap: SQLite only lists its pages as free."""

_PUT = """
    INSERT INTO post_{epoch} (identifier, seq, digest, data) VALUES (?, ?, ?, ?)
    ON CONFLICT (identifier) DO UPDATE
    SET seq = excluded.seq, digest = excluded.digest, data = excluded.data
    WHERE excluded.seq > seq AND position > {closed}
"""

_EDITIONS = "SELECT epoch, number, size, time, leaf FROM edition WHERE "
"""A query for the fields of `ClosedEdition`."""

_DIGEST = 8


@final
class SqliteStore:
    """Keeps the rows of a board in the file ``path``, which `create` made.

    Use it as a context manager, or `close` it. Do not use it after a fork.

    Raises `StoreError` if the file is not a board, damaged, or of a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = Database(path, SCHEMA)
        self._parameters = self._read_parameters()

    @classmethod
    def create(cls, path: str | os.PathLike[str], parameters: BoardParameters) -> SqliteStore:
        """Make the file for a new board, and open it. Raises `StoreError`, also if it exists."""

        def fill(db: apsw.Connection) -> None:
            p = parameters
            values = (p.origin, p.epoch_length, p.frame_class, p.late_interval)
            db.execute("INSERT INTO board VALUES (?, ?, ?, ?)", values)
            empty = hashlib.sha256().digest()
            query = "INSERT INTO log VALUES (0, ?, x'', 0, x'', NULL, 0, 0)"
            db.execute(query, (empty,))

        Database.create(path, SCHEMA, fill).close()
        return cls(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def parameters(self) -> BoardParameters:
        """See `Posts.parameters`."""
        return self._parameters

    def put(
        self, entries: Sequence[Entry], quota: int | None = None
    ) -> list[RefusedPostError | None]:
        """See `Posts.put`."""
        epochs: dict[int, _Posts | None] = {}
        with self._database.writing() as db:
            return [self._put(db, epochs, each, quota) for each in entries]

    def close_edition(
        self,
        epoch: int,
        time: int,
        dummies: Callable[[int], Sequence[Entry]],
        *,
        again: bool = True,
    ) -> ClosedEdition:
        """See `Editions.close_edition`."""
        with self._database.writing() as db:
            query = _EDITIONS + "epoch = ? AND time >= ? ORDER BY number DESC LIMIT 1"
            if not again and (found := rows(db, query, epoch, time)):
                return ClosedEdition(*found[0])
            if _has_expired(db, epoch):
                raise EpochError(f"epoch {epoch} has expired")
            posts = _Posts(db, epoch)
            padding = -posts.waiting % BUNDLE if posts.waiting else BUNDLE
            for entry in dummies(padding):
                refusal = posts.put(entry, None)
                if refusal is not None:
                    raise StoreError(f"{self.path}: a dummy was refused: {refusal}")
            number = _count(db, "SELECT count(*) FROM edition WHERE epoch = ?", epoch)
            edition = ClosedEdition(epoch, number, posts.waiting, time)
            values = (epoch, number, posts.closed + 1, edition.size, time)
            db.execute("INSERT INTO edition VALUES (?, ?, ?, ?, ?, NULL)", values)
        return edition

    def closed(self, epoch: int | None = None) -> tuple[ClosedEdition, ...]:
        """See `Editions.closed`."""
        if epoch is None:
            found = self._database.rows(_EDITIONS + "leaf IS NULL ORDER BY time, epoch, number")
        else:
            found = self._database.rows(_EDITIONS + "epoch = ? ORDER BY number", epoch)
        return tuple(ClosedEdition(*row) for row in found)

    def entries(self, edition: ClosedEdition) -> Iterator[bytes]:
        """See `Editions.entries`."""
        key = edition.epoch, edition.number
        with self._database.reading() as db:
            row = rows(db, "SELECT first FROM edition WHERE (epoch, number) = (?, ?)", *key)
            if not row:
                raise StoreError(f"{self.path}: epoch {edition.epoch} has expired meanwhile")
            ((first,),) = row
            found = db.execute(
                f"SELECT identifier, digest, data FROM post_{edition.epoch:d}"  # noqa: S608
                " WHERE position BETWEEN ? AND ? ORDER BY identifier",
                (first, first + edition.size - 1),
            )
            for row in found:
                identifier, digest, data = cast(tuple[bytes, bytes, bytes], row)
                if data[: len(identifier)] != identifier or digest != row_digest(data):
                    raise damaged(self.path, f"a post of epoch {edition.epoch}")
                yield data

    def log_state(self) -> LogState:
        """See `MasterLog.log_state`."""
        query = "SELECT size, root, note, served, restored FROM log"
        ((size, root, note, served, restored),) = self._database.rows(query)
        return LogState(size, root, note, served, bool(restored))

    def propose(self, size: int, leaf: bytes, edition: tuple[int, int] | None) -> bytes | None:
        """See `MasterLog.propose`."""
        with self._database.writing() as db:
            published = (
                edition is not None
                and db.execute(
                    "SELECT 1 FROM edition WHERE (epoch, number) = (?, ?) AND leaf IS NOT NULL",
                    edition,
                ).fetchall()
            )
            if published:
                return None
            query = "UPDATE log SET pending = ? WHERE size = ? AND pending IS NULL"
            db.execute(query, (leaf, size))
            found = rows(db, "SELECT pending FROM log WHERE size = ?", size)
        return found[0][0] if found else None

    def advance(
        self,
        state: LogState,
        pending: bytes,
        root: bytes,
        note: bytes,
        edition: tuple[int, int] | None,
    ) -> bool:
        """See `MasterLog.advance`."""
        query = (
            "UPDATE log SET size = size + 1, root = ?, note = ?, pending = NULL"
            " WHERE (size, root, note, pending) = (?, ?, ?, ?)"
        )
        with self._database.writing() as db:
            db.execute(query, (root, note, state.size, state.root, state.note, pending))
            moved = db.changes() == 1
            if moved and edition is not None:
                mark = "UPDATE edition SET leaf = ? WHERE (epoch, number) = (?, ?)"
                db.execute(mark, (pending, *edition))
        return moved

    def serve(self, size: int, note: bytes) -> None:
        """See `MasterLog.serve`."""
        query = "UPDATE log SET served_size = ?, served = ? WHERE served_size <= ?"
        with self._database.writing() as db:
            db.execute(query, (size, note, size))

    def expire(self, before: int) -> int:
        """See `Editions.expire`."""
        posts = 0
        with self._database.writing() as db:
            query = "SELECT epoch FROM epoch WHERE epoch < ?"
            unfinished = "SELECT count(*) FROM edition WHERE epoch < ? AND leaf IS NULL"
            if _count(db, unfinished, before):
                raise StoreError(f"{self.path}: editions before {before} are not published yet")
            db.execute("UPDATE log SET expired = max(expired, ?)", (before,))
            for (epoch,) in rows(db, query, before):
                posts += _Posts(db, epoch).last
                db.execute(f"DROP TABLE post_{epoch:d}")
            for table in ("edition", "epoch"):
                db.execute(f"DELETE FROM {table} WHERE epoch < ?", (before,))  # noqa: S608
        return posts

    def epochs(self) -> dict[int, int]:
        """See `Posts.epochs`."""
        with self._database.reading() as db:
            found = rows(db, "SELECT epoch FROM epoch ORDER BY epoch")
            return {epoch: _Posts(db, epoch).waiting for (epoch,) in found}

    def set_restored(self, restored: bool) -> None:
        """Say whether this is a backup, so that the board signs nothing."""
        with self._database.writing() as db:
            db.execute("UPDATE log SET restored = ?", (restored,))

    def reading(self) -> contextlib.AbstractContextManager[apsw.Connection]:
        """Return a connection on which all rows are of one moment, for `check_board`."""
        return self._database.reading()

    def copy(self, path: Path) -> None:
        """Write all rows, as of one moment, to the new file ``path``."""
        self._database.copy(path)

    def check(self) -> None:
        """Read the whole file; raise `StoreError` if it is damaged."""
        self._database.check()

    def close(self) -> None:
        """Close the file. The store cannot be used any more."""
        self._database.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _put(
        self,
        db: apsw.Connection,
        epochs: dict[int, _Posts | None],
        entry: Entry,
        quota: int | None,
    ) -> RefusedPostError | None:
        """Put one entry. ``epochs`` has the epochs looked up so far, None for one that is over."""
        epoch = entry.epoch
        if epoch not in epochs:
            epochs[epoch] = None if self._is_over(db, epoch) else _Posts(db, epoch)
        posts = epochs[epoch]
        if posts is None:
            problem = f"epoch {epoch} has had its last edition"
            return RefusedPostError(PostRefusal.EPOCH, problem)
        return posts.put(entry, quota)

    def _is_over(self, db: apsw.Connection, epoch: int) -> bool:
        """Return whether the last edition is closed or has expired, whatever the clock says."""
        query = "SELECT count(*) FROM edition WHERE epoch = ? AND time >= ?"
        last_due = self.parameters.last_due(epoch)
        return _has_expired(db, epoch) or _count(db, query, epoch, last_due) > 0

    def _read_parameters(self) -> BoardParameters:
        found = self._database.rows("SELECT * FROM board")
        try:
            ((origin, epoch_length, number, late_interval),) = found
            return BoardParameters(origin, epoch_length, FrameClass(number), late_interval)
        except (TypeError, ValueError) as error:
            raise damaged(self.path, "its parameters are unreadable") from error


class _Posts:
    """The table of an epoch within one transaction: ``closed`` posts are in editions."""

    def __init__(self, db: apsw.Connection, epoch: int) -> None:
        self._db, self._epoch = db, epoch
        self.closed = _count(db, "SELECT sum(size) FROM edition WHERE epoch = ?", epoch)
        if not _count(db, "SELECT count(*) FROM epoch WHERE epoch = ?", epoch):
            db.execute("INSERT INTO epoch VALUES (?)", (epoch,))
            db.execute(_POSTS.format(epoch=epoch))
        self.last = _count(db, f"SELECT max(position) FROM post_{epoch:d}")  # noqa: S608
        self._query = _PUT.format(epoch=epoch, closed=self.closed)

    @property
    def waiting(self) -> int:
        """How many posts wait for the next edition."""
        return self.last - self.closed

    def put(self, entry: Entry, quota: int | None) -> RefusedPostError | None:
        if quota is not None and self.waiting >= quota and self._find(entry) is None:
            problem = f"the quota of epoch {entry.epoch} is used up: try after its next edition"
            return RefusedPostError(PostRefusal.QUOTA, problem)
        values = (entry.identifier, entry.seq, row_digest(entry.data), entry.data)
        self._db.set_last_insert_rowid(0)
        self._db.execute(self._query, values)
        if self._db.changes():
            self.last = self._db.last_insert_rowid() or self.last  # 0 if it replaced a post
            return None
        found = self._find(entry)
        if found is None or found[0] <= self.closed:
            return RefusedPostError(
                PostRefusal.PUBLISHED, "its identifier is in an edition: use the next slot"
            )
        return RefusedPostError(PostRefusal.SEQ, f"seq {entry.seq} is not greater than {found[1]}")

    def _find(self, entry: Entry) -> tuple[int, int] | None:
        query = f"SELECT position, seq FROM post_{self._epoch:d} WHERE identifier = ?"  # noqa: S608
        found: tuple[int, int] | None = self._db.execute(query, (entry.identifier,)).fetchone()
        return found


def _has_expired(db: apsw.Connection, epoch: int) -> bool:
    return _count(db, "SELECT expired > ? FROM log", epoch) > 0


def row_digest(data: bytes) -> bytes:
    """Return a digest that detects damage of a row; it does not protect against attackers."""
    return hashlib.sha256(data).digest()[:_DIGEST]


def _count(db: apsw.Connection, query: str, *values: int) -> int:
    ((number,),) = rows(db, query, *values)
    return int(number or 0)
