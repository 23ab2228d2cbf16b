"""SQLite files that lose nothing: opened by any number of threads and processes of one machine."""

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
    """What a file is: ``what`` in words, its ``application_id``, and how its tables are made.

    Step i of ``steps`` takes it from version i to version i + 1. Never edit one that has shipped.
    """

    what: str
    application_id: int
    steps: tuple[str, ...]


@final
class Database:
    """The file ``path``, which `create` has made by ``schema``.

    Write-ahead log and ``synchronous=FULL``: what was committed survives a crash of the process or
    of the machine. Each thread has a connection of its own, with ``settings``: statements that it
    begins with. Not to be used after a fork.

    Raises `StoreError` if the file is another one, damaged, or of a newer version.
    """

    def __init__(
        self, path: str | os.PathLike[str], schema: Schema, settings: Sequence[str] = ()
    ) -> None:
        self.path = Path(path)
        self._settings = settings
        self._process = os.getpid()
        self._closed = False
        self._local = threading.local()
        # One thread after the other: SQLite lets those who wait for each other sleep for 100 ms.
        self._writing = threading.Lock()
        # Weak, so that the connection of a thread that has ended is closed with it.
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

        Raises `StoreError`, also if it exists.
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
        """All or nothing, on stable storage when the block is left."""
        self.check_usable()  # before the lock, which a fork may have left locked
        with self._writing, self.explained():
            db = self._connection
            with _transaction(db):
                yield db

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection of its own, on which all that is read in the block is of one moment."""
        self.check_usable()
        with self.explained(), contextlib.closing(_connect(self.path)) as db:
            db.execute("BEGIN")
            yield db

    def rows(self, query: str, *values: SQLiteValue) -> list[tuple[Any, ...]]:
        """What a query finds."""
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
        """Close the file. It cannot be used after."""
        self._closed = True
        if os.getpid() == self._process:
            for connection in list(self._connections):
                # To tidy up may fail. What was committed is in the write-ahead log.
                with contextlib.suppress(apsw.Error):
                    connection.close()

    def check_usable(self) -> None:
        """Raise `StoreError` if this cannot be used any more."""
        if os.getpid() != self._process:
            raise StoreError(f"{self.path}: open it again after a fork")
        if self._closed:
            raise StoreError(f"{self.path}: is closed")

    def explained(self) -> contextlib.AbstractContextManager[None]:
        """SQLite's errors in the block, as `StoreError` that says what to do."""
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
    """What a query finds."""
    return db.execute(query, values).fetchall()


def undecided(path: Path, problem: str) -> StoreError:
    """Of an operation that may have been kept, or not."""
    return StoreError(f"{path}: {problem}; whether the last operation was kept is not known")


def damaged(path: Path, detail: str) -> StoreError:
    """Of a file that is not as it was written."""
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
            connection.close()  # else it is when it is collected, and an error of that is nobody's
        raise
    return connection


def _upgrade(db: apsw.Connection, schema: Schema) -> None:
    """Bring a file to the schema of this code. Raises `StoreError`, and then changes nothing."""
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
    # Kept in the file, and not possible within a transaction. SQLite does not wait by itself for
    # who does the same at this moment.
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
    # apsw runs statements lazily: each is read to its end.
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
