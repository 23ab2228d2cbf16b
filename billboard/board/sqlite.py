"""A `Store` in one SQLite file, for any number of threads and processes of one machine."""

from __future__ import annotations

import contextlib
import heapq
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import apsw

from billboard.board.store import BUNDLE, BoardParameters, Edition, Entry
from billboard.errors import RefusedPostError, StoreError
from billboard.tokens import FrameClass

__all__ = ["SqliteStore"]

_APPLICATION_ID = 0x62626264  # "bbbd"
_BUSY_TIMEOUT = 30_000  # milliseconds

MIGRATIONS = (
    """
    CREATE TABLE board (
        origin TEXT NOT NULL,
        epoch_length INTEGER NOT NULL,
        frame_class INTEGER NOT NULL
    );
    CREATE TABLE post (
        epoch INTEGER NOT NULL,
        identifier BLOB NOT NULL,
        seq INTEGER NOT NULL,
        data BLOB,                      -- NULL once it is in an edition
        PRIMARY KEY (epoch, identifier)
    ) WITHOUT ROWID;
    CREATE TABLE edition (
        epoch INTEGER NOT NULL,
        number INTEGER NOT NULL,
        first_identifiers BLOB NOT NULL,
        PRIMARY KEY (epoch, number)
    ) WITHOUT ROWID;
    CREATE TABLE bundle (
        epoch INTEGER NOT NULL,
        number INTEGER NOT NULL,
        position INTEGER NOT NULL,
        posts BLOB NOT NULL,
        PRIMARY KEY (epoch, number, position)
    );
    """,
)
"""Step i takes the schema from version i to version i + 1. Never edit one that has shipped."""


@dataclass(eq=False)
class _Waiting:
    """A post in the queue, until it is ``decided``, and why it was not kept then, if so.

    Not a `Future`: its lock is one of Python's own, which an interrupt may leave locked.
    """

    epoch: int
    entry: Entry
    decided: bool = False
    refusal: RefusedPostError | StoreError | None = None

    def decide(self, refusal: RefusedPostError | StoreError | None) -> None:
        """Whoever sees ``decided`` sees the refusal too."""
        self.refusal = refusal
        self.decided = True


@final
class SqliteStore:
    """Keeps a board in the file ``path``, which `create` has made.

    Write-ahead log and ``synchronous=FULL``: what was acknowledged survives a crash of the process
    or of the machine. Posts that several threads put at the same time share one commit. Use as a
    context manager, or `close`; not after a fork.

    Raises `StoreError` if the file is not a board, damaged, or of a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._process = os.getpid()
        self._closed = False
        self._write_lock = threading.Lock()
        self._queue: list[_Waiting] = []
        self._queue_lock = threading.Lock()
        self._local = threading.local()
        # Weak, so that the connection of a thread that has ended is closed with it.
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        with _explained(self.path), contextlib.closing(_connect(self.path)) as db:
            _upgrade(db)
            self._parameters = _parameters(db)

    @classmethod
    def create(cls, path: str | os.PathLike[str], parameters: BoardParameters) -> SqliteStore:
        """Make the file for a new board, and open it. Raises `StoreError`, also if it exists."""
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        path = Path(path)
        with (
            _explained(path),
            contextlib.closing(_connect(path, flags)) as db,
            _transaction(db),
        ):
            if not _is_empty(db):
                raise StoreError(f"{path}: exists; open it, or use another path")
            _run(db, MIGRATIONS)
            values = (parameters.origin, parameters.epoch_length, parameters.frame_class)
            db.execute("INSERT INTO board VALUES (?, ?, ?)", values)
        return cls(path)

    @property
    def parameters(self) -> BoardParameters:
        """See `Store.parameters`."""
        return self._parameters

    def put(self, epoch: int, entry: Entry) -> None:
        """See `Store.put`."""
        self._check_usable()
        waiting = _Waiting(epoch, entry)
        with self._queue_lock:
            self._queue.append(waiting)
        with self._write_lock:
            # Whoever holds the lock commits for all that queued up behind the previous commit.
            if not waiting.decided:
                self._commit_queue()
        if not waiting.decided:  # the thread that committed for this one was interrupted
            raise _undecided(self.path, "the commit was interrupted")
        if waiting.refusal is not None:
            raise waiting.refusal

    def publish(self, epoch: int, dummies: Callable[[int], Sequence[Entry]]) -> Edition:
        """See `Store.publish`."""
        self._check_usable()
        with self._write_lock, self._writing() as db:
            waiting = _count(db, "SELECT count(data) FROM post WHERE epoch = ?", epoch)
            number = _count(db, "SELECT count(*) FROM edition WHERE epoch = ?", epoch)
            padding = -waiting % BUNDLE if waiting else BUNDLE
            made = sorted((entry.identifier, entry.data) for entry in dummies(padding))
            rows = db.execute(
                "SELECT identifier, data FROM post WHERE epoch = ? AND data IS NOT NULL"
                " ORDER BY identifier",
                (epoch,),
            )
            first = []
            for index, bundle in enumerate(_bundles(heapq.merge(rows, made))):
                first.append(bundle[0][0])
                joined = b"".join(data for _, data in bundle)
                db.execute("INSERT INTO bundle VALUES (?, ?, ?, ?)", (epoch, number, index, joined))
            db.execute("UPDATE post SET data = NULL WHERE epoch = ? AND data IS NOT NULL", (epoch,))
            db.execute("INSERT INTO edition VALUES (?, ?, ?)", (epoch, number, b"".join(first)))
        return Edition(epoch, number, tuple(first))

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """See `Store.editions`."""
        query = "SELECT number, first_identifiers FROM edition WHERE epoch = ? ORDER BY number"
        with _explained(self.path):
            rows = _rows(self._connection, query, epoch)
        return tuple(Edition(epoch, number, _split(joined, 32)) for number, joined in rows)

    def bundle(self, epoch: int, number: int, index: int) -> tuple[bytes, ...]:
        """See `Store.bundle`."""
        query = "SELECT posts FROM bundle WHERE epoch = ? AND number = ? AND position = ?"
        with _explained(self.path):
            rows = _rows(self._connection, query, epoch, number, index)
        if not rows:
            raise LookupError(f"edition {number} of epoch {epoch} has no bundle {index}")
        ((joined,),) = rows
        return _split(joined, len(joined) // BUNDLE)

    def expire(self, before: int) -> int:
        """See `Store.expire`."""
        self._check_usable()
        with self._write_lock, self._writing() as db:
            waiting = _count(db, "SELECT count(data) FROM post WHERE epoch < ?", before)
            bundles = _count(db, "SELECT count(*) FROM bundle WHERE epoch < ?", before)
            for table in ("post", "bundle", "edition"):
                db.execute(f"DELETE FROM {table} WHERE epoch < ?", (before,))  # noqa: S608
        return waiting + BUNDLE * bundles

    def epochs(self) -> dict[int, int]:
        """Each epoch that the store knows, with the number of posts that wait in it."""
        query = (
            "SELECT epoch, sum(waiting) FROM (SELECT epoch, data IS NOT NULL AS waiting FROM post"
            " UNION ALL SELECT epoch, 0 FROM edition) GROUP BY epoch ORDER BY epoch"
        )
        with _explained(self.path):
            return dict(_rows(self._connection, query))

    def check(self) -> None:
        """Read the whole file; raise `StoreError` if it is damaged."""
        with _explained(self.path):
            ((result,),) = _rows(self._connection, "PRAGMA integrity_check(1)")
        if result != "ok":
            raise _damaged(self.path, result)

    def close(self) -> None:
        """Close the file. The store can not be used after."""
        self._closed = True
        if os.getpid() == self._process:
            for connection in list(self._connections):
                connection.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _commit_queue(self) -> None:
        with self._queue_lock:
            batch, self._queue = self._queue, []
        if not batch:
            return
        try:
            with self._writing() as db:
                refusals = [_put(db, waiting.epoch, waiting.entry) for waiting in batch]
        except StoreError as error:
            for waiting in batch:
                waiting.decide(error)
            return
        for waiting, refusal in zip(batch, refusals, strict=True):
            waiting.decide(refusal)

    def _check_usable(self) -> None:
        if os.getpid() != self._process:
            raise StoreError(f"{self.path}: open the store again after a fork")
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")

    @property
    def _connection(self) -> apsw.Connection:
        """The connection of this thread."""
        self._check_usable()
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path)
            self._local.connection = connection
            self._connections.add(connection)
        return connection

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        with _explained(self.path):
            db = self._connection
            with _transaction(db):
                yield db


@contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    """All or nothing, on stable storage when the block is left."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """SQLite's errors as `StoreError` that says what to do."""
    try:
        yield
    except apsw.FullError as error:
        raise StoreError(f"{path}: the disk is full; free some space and retry") from error
    except apsw.BusyError as error:
        raise StoreError(f"{path}: another process kept it locked; retry") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise _damaged(path, str(error)) from error
    except apsw.CantOpenError as error:
        problem = "can not be opened; `billboard board init` makes a board, where it may write"
        raise StoreError(f"{path}: {problem}") from error
    except apsw.IOError as error:
        raise _undecided(path, f"reading or writing failed ({error})") from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _connect(path: Path, flags: int = apsw.SQLITE_OPEN_READWRITE) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(_BUSY_TIMEOUT)
    connection.execute("PRAGMA synchronous = FULL").fetchall()
    return connection


def _upgrade(db: apsw.Connection) -> None:
    """Bring a board to the schema of this code. Raises `StoreError`, and then changes nothing."""
    path, known = db.filename, len(MIGRATIONS)
    if _count(db, "PRAGMA application_id") != _APPLICATION_ID:
        raise StoreError(f"{path}: this file is not a billboard board; use another path")
    version = _count(db, "PRAGMA user_version")
    if version > known:
        raise StoreError(
            f"{path}: written by a newer billboard (schema {version}, this one knows {known});"
            " upgrade billboard"
        )
    if version < known:
        with _transaction(db):
            _run(db, MIGRATIONS[_count(db, "PRAGMA user_version") :])
    # Kept in the file, and not possible within a transaction.
    db.execute("PRAGMA journal_mode = WAL").fetchall()


def _run(db: apsw.Connection, steps: Sequence[str]) -> None:
    # apsw runs statements lazily: each is read to its end.
    for step in steps:
        db.execute(step).fetchall()
    db.execute(f"PRAGMA application_id = {_APPLICATION_ID}").fetchall()
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}").fetchall()


def _is_empty(db: apsw.Connection) -> bool:
    queries = "PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema"
    return not any(_count(db, query) for query in queries)


def _parameters(db: apsw.Connection) -> BoardParameters:
    try:
        ((origin, epoch_length, number),) = _rows(db, "SELECT * FROM board")
        return BoardParameters(origin, epoch_length, FrameClass(number))
    except (TypeError, ValueError) as error:
        raise _damaged(Path(db.filename), "its parameters are unreadable") from error


def _put(db: apsw.Connection, epoch: int, entry: Entry) -> RefusedPostError | None:
    query = "SELECT seq, data IS NULL FROM post WHERE epoch = ? AND identifier = ?"
    row = db.execute(query, (epoch, entry.identifier)).fetchone()
    if row is not None and row[1]:
        return RefusedPostError("published", "its identifier is in an edition: use the next slot")
    if row is not None and entry.seq <= row[0]:
        return RefusedPostError("seq", f"seq {entry.seq} is not greater than {row[0]}")
    db.execute(
        "INSERT OR REPLACE INTO post VALUES (?, ?, ?, ?)",
        (epoch, entry.identifier, entry.seq, entry.data),
    )
    return None


def _rows(db: apsw.Connection, query: str, *values: int) -> list[tuple[Any, ...]]:
    return db.execute(query, values).fetchall()


def _count(db: apsw.Connection, query: str, *values: int) -> int:
    ((number,),) = _rows(db, query, *values)
    return int(number)


def _bundles(rows: Iterator[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    bundle: list[tuple[bytes, bytes]] = []
    for row in rows:
        bundle.append(row)
        if len(bundle) == BUNDLE:
            yield bundle
            bundle = []


def _split(joined: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(joined[i : i + size] for i in range(0, len(joined), size))


def _undecided(path: Path, problem: str) -> StoreError:
    return StoreError(f"{path}: {problem}; whether the last operation was kept is not known")


def _damaged(path: Path, detail: str) -> StoreError:
    return StoreError(
        f"{path}: the database is damaged ({detail}); restore a backup, or try sqlite3's .recover"
    )
