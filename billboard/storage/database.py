"""SQLite files that lose nothing, for any number of threads and processes of one machine."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import apsw

from billboard.errors import StoreError

SQLiteValue = None | int | float | str | bytes

_BUSY_TIMEOUT = 30_000  # milliseconds


@dataclass(frozen=True)
class Schema:
    """The format of a file: ``what`` it is, in words, its ``application_id``, and its ``steps``.

    Step i takes the tables from version i to version i + 1. Never edit a step that has shipped.
    """

    what: str
    application_id: int
    steps: tuple[str, ...]


@final
class Database:
    """The database in the file ``path``, which `create` made with ``schema``.

    It uses a write-ahead log and ``synchronous=FULL``: what was committed survives a crash of the
    process or of the machine. Each thread has its own connection, which first runs the statements
    ``settings``. Do not use it after a fork.

    Raises `StoreError` if the file is of another kind, damaged, or of a newer version.
    """

    def __init__(
        self, path: str | os.PathLike[str], schema: Schema, settings: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        self._settings = settings
        self._process = os.getpid()
        self._closed = False
        self._local = threading.local()
        # One thread writes at a time: SQLite lets a writer that waits for another sleep for 100 ms.
        self._writing = threading.Lock()
        # The references are weak, so that a connection is closed when its thread ends.
        self._connections: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        with self.explained(), contextlib.closing(_connect(self.path)) as db:
            _upgrade(db, schema)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        schema: Schema,
        fill: Callable[[apsw.Connection], None] = lambda _: None,
    ) -> Database:
        """Make the file, ``fill`` its tables, and open it.

        Raises `StoreError`, also if the file exists.
        """
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        path = Path(path)
        with (
            _explained(path, schema.what),
            contextlib.closing(_connect(path, flags)) as db,
            _transaction(db),
        ):
            if not _is_empty(db):
                raise StoreError(f"{path}: exists; open it, or use another path")
            _run(db, schema, schema.steps)
            fill(db)
        return cls(path, schema)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Write all of a block or nothing. When the block ends it is on stable storage."""
        self.check_usable()  # first, because a fork may have left the lock locked
        with self._writing, self.explained():
            db = self._connection
            with _transaction(db):
                yield db

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Open a connection on which the block reads everything as of one moment."""
        self.check_usable()
        with self.explained(), contextlib.closing(_connect(self.path)) as db:
            db.execute("BEGIN")
            yield db

    def rows(self, query: str, *values: SQLiteValue) -> list[tuple[Any, ...]]:
        """Return the rows that a query finds."""
        with self.explained():
            return rows(self._connection, query, *values)

    def check(self) -> None:
        """Read the whole file; raise `StoreError` if it is damaged."""
        ((result,),) = self.rows("PRAGMA integrity_check(1)")
        if result != "ok":
            raise damaged(self.path, str(result))

    def copy(self, path: Path) -> None:
        """Write all that is committed, as of one moment, to the new file ``path``."""
        with self.explained():
            self._connection.execute("VACUUM INTO ?", (str(path),)).fetchall()

    def close(self) -> None:
        """Close the file. The database cannot be used any more."""
        self._closed = True
        if os.getpid() == self._process:
            for connection in list(self._connections):
                # Closing may fail, but what was committed is in the write-ahead log.
                with contextlib.suppress(apsw.Error):
                    connection.close()

    def check_usable(self) -> None:
        """Raise `StoreError` if the database is closed, or was opened before a fork."""
        if os.getpid() != self._process:
            raise StoreError(f"{self.path}: opened before a fork; open it again in this process")
        if self._closed:
            raise StoreError(f"{self.path}: the database is closed; open it again")

    def explained(self) -> contextlib.AbstractContextManager[None]:
        """Turn SQLite's errors in the block into `StoreError` that says what to do."""
        return _explained(self.path)

    @property
    def _connection(self) -> apsw.Connection:
        """The connection of this thread."""
        self.check_usable()
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = _connect(self.path, settings=self._settings)
            self._local.connection = connection
            self._connections.add(connection)
        return connection


def rows(db: apsw.Connection, query: str, *values: SQLiteValue) -> list[tuple[Any, ...]]:
    """Return the rows that a query finds."""
    return db.execute(query, values).fetchall()


def undecided(path: Path, problem: str) -> StoreError:
    """Return the error of an operation that may have been kept, or not."""
    return StoreError(f"{path}: {problem}; whether the last operation was kept is not known")


def damaged(path: Path, detail: str) -> StoreError:
    """Return the error of a file that is not as it was written."""
    return StoreError(
        f"{path}: the database is damaged ({detail}); restore a backup, or try sqlite3's .recover"
    )


@contextmanager
def _transaction(db: apsw.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    try:
        db.execute(begin)
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def _explained(path: Path, what: str = "file") -> Iterator[None]:
    try:
        yield
    except apsw.FullError as error:
        raise StoreError(f"{path}: the disk is full; free some space and retry") from error
    except apsw.BusyError as error:
        raise StoreError(f"{path}: another process kept it locked; retry") from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise damaged(path, str(error)) from error
    except apsw.CantOpenError as error:
        problem = f"this {what} cannot be opened: is it there, and may it be written?"
        raise StoreError(f"{path}: {problem}") from error
    except apsw.IOError as error:
        raise undecided(path, f"reading or writing failed ({error})") from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _connect(
    path: Path, flags: int = apsw.SQLITE_OPEN_READWRITE, settings: Sequence[str] = ()
) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags)
    try:
        connection.set_busy_timeout(_BUSY_TIMEOUT)
        for setting in ("PRAGMA synchronous = FULL", *settings):
            rows(connection, setting)
    except BaseException:
        with contextlib.suppress(apsw.Error):
            connection.close()  # or the garbage collector does, and its error reaches nobody
        raise
    return connection


def _upgrade(db: apsw.Connection, schema: Schema) -> None:
    """Upgrade a file to the schema of this code. If it raises `StoreError`, nothing has changed."""
    path, known = db.filename, len(schema.steps)
    if _pragma(db, "application_id") != schema.application_id:
        raise StoreError(f"{path}: this file is no {schema.what}; use another path")
    version = _pragma(db, "user_version")
    if version > known:
        raise StoreError(
            f"{path}: written by a newer billboard (schema {version}, this one knows {known});"
            " upgrade billboard"
        )
    if version < known:
        with _transaction(db):
            _run(db, schema, schema.steps[_pragma(db, "user_version") :])
    # The mode is kept in the file, and cannot be set within a transaction. SQLite itself does not
    # wait for another process that sets it at the same moment.
    end = time.monotonic() + _BUSY_TIMEOUT / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except apsw.BusyError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def _run(db: apsw.Connection, schema: Schema, steps: Sequence[str]) -> None:
    # apsw runs statements lazily: fetchall runs each to its end.
    for step in steps:
        db.execute(step).fetchall()
    db.execute(f"PRAGMA application_id = {schema.application_id}").fetchall()
    db.execute(f"PRAGMA user_version = {len(schema.steps)}").fetchall()


def _is_empty(db: apsw.Connection) -> bool:
    ((tables,),) = db.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    return not (_pragma(db, "application_id") or _pragma(db, "user_version") or tables)


def _pragma(db: apsw.Connection, name: str) -> int:
    ((number,),) = rows(db, f"PRAGMA {name}")
    return int(number)
