"""An `Outbox` in one SQLite file."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import final

import apsw

from billboard.errors import BusyError, StoreError
from billboard.push.dispatch.notification import Notification
from billboard.push.dispatch.sqlite import (
    LISTED,
    TABLES,
    Due,
    SqliteQueue,
    listed,
    put_rows,
    token_of,
    waiting,
)
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.registration import Registration
from billboard.storage.database import Schema, rows
from billboard.tokens import DeviceToken, Handle

MOST_GATES = 4_000_000
"""The most refused gates that are kept, in some 80 bytes each: revocations are free to make."""

MOST_HANDLES = 4_000_000
"""The most handles that are kept, in some 200 bytes each and their token: they are free too."""

REGISTRATION_LIFETIME = 90 * 86_400.0
"""Seconds after which a handle that was not registered again is removed (SPEC 10.6)."""

REGISTRATION_MEMORY = 2 * 3600.0
"""Seconds for which the time of an unregistration is remembered (SPEC 10.6)."""

_TABLES = """
CREATE TABLE request (
    number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, key_id BLOB NOT NULL,
    sealed BLOB NOT NULL, arrived REAL NOT NULL);
CREATE TABLE held (key_id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE pace (mac BLOB PRIMARY KEY, before REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX pace_before ON pace (before);
CREATE TABLE gate (gate BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX gate_until ON gate (until);
CREATE TABLE handle (
    handle BLOB PRIMARY KEY, time REAL NOT NULL, mac BLOB, platform INTEGER, app INTEGER,
    token BLOB) WITHOUT ROWID;
CREATE INDEX handle_mac ON handle (mac);
CREATE INDEX handle_time ON handle (time);
"""


@final
class SqliteOutbox(SqliteQueue):
    """An `Outbox` in the SQLite file ``path``, which ``create`` has made.

    Deleted data is overwritten (``secure_delete``) once it leaves the write-ahead log, but not the
    digests of requests. Raises `StoreError` if the file is not there, is another kind of file, or
    cannot be read.
    """

    SCHEMA = Schema(
        "outbox of a push server",
        0x62625075,  # "bbPu"
        (
            TABLES + _TABLES,
            # `taken` is when a registration came in. Its `time` is by the clock of a device.
            "ALTER TABLE handle ADD COLUMN taken REAL NOT NULL DEFAULT 0",
        ),
    )

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._kept = self._counted()

    # Requests

    def hold(self, key_ids: Collection[bytes]) -> None:
        """See `Requests.hold`."""
        with self._database.writing() as db:
            before = {key_id for (key_id,) in rows(db, "SELECT key_id FROM held")}
            # Each key has a table, so that its digests are forgotten in one step. Digests are not
            # secret, and to overwrite a day of them would take minutes.
            rows(db, "PRAGMA secure_delete = OFF")
            try:
                for key_id in before - set(key_ids):
                    rows(db, f"DROP TABLE {_seen(key_id)}")
                    rows(db, "DELETE FROM held WHERE key_id = ?", key_id)
            finally:
                rows(db, "PRAGMA secure_delete = ON")
            for key_id in set(key_ids) - before:
                rows(db, f"CREATE TABLE {_seen(key_id)} (digest BLOB PRIMARY KEY) WITHOUT ROWID")
                rows(db, "INSERT INTO held VALUES (?)", key_id)

    def store(self, requests: Sequence[SealedRequest], now: float) -> None:
        """See `Requests.store`."""
        insert = "INSERT INTO request (digest, key_id, sealed, arrived) VALUES (?, ?, ?, ?)"
        with self._database.writing() as db:
            for each in requests:
                seen = f"INSERT OR IGNORE INTO {_seen(each.key_id)} VALUES (?)"  # noqa: S608
                rows(db, seen, each.digest)
                if db.changes():
                    rows(db, insert, each.digest, each.key_id, each.sealed, now)

    def waiting(self) -> tuple[int, float | None]:
        """See `Requests.waiting`."""
        ((count, first),) = self._database.rows("SELECT count(*), min(arrived) FROM request")
        return count, first

    def requests(self, limit: int) -> list[SealedRequest]:
        """See `Requests.requests`."""
        query = "SELECT digest, key_id, sealed FROM request ORDER BY number LIMIT ?"
        return [SealedRequest(*row) for row in self._database.rows(query, limit)]

    # Gates and handles

    def kept(self) -> dict[str, int]:
        """See `Registry.kept`."""
        return dict(self._kept)

    def _counted(self) -> dict[str, int]:
        # Not while writing, because it reads a whole index. What other processes keep is counted
        # from time to time.
        ((gates,),) = self._database.rows("SELECT count(*) FROM gate")
        ((handles,),) = self._database.rows("SELECT count(*) FROM handle")
        return {"gates": gates, "handles": handles}

    def refuse(self, gates: Mapping[bytes, float]) -> int:
        """See `Registry.refuse`."""
        update = "UPDATE gate SET until = max(until, ?2) WHERE gate = ?1"
        left_out = 0
        with self._database.writing() as db:
            for gate, until in gates.items():
                rows(db, update, gate, until)
                if db.changes():
                    continue
                if self._kept["gates"] >= MOST_GATES:
                    left_out += 1
                    continue
                rows(db, "INSERT INTO gate VALUES (?, ?)", gate, until)
                self._kept["gates"] += 1
        return left_out

    def refused(self, gates: Collection[bytes], now: float) -> set[bytes]:
        """See `Registry.refused`."""
        query = "SELECT 1 FROM gate WHERE gate = ? AND until > ?"
        return {gate for gate in set(gates) if self._database.rows(query, gate, now)}

    def register(self, registration: Registration, now: float) -> bool:
        """See `Registry.register`."""
        token = registration.token
        stands = (
            (None, None, None, None)
            if token is None
            else (self._mac(token), int(token.platform), token.app, token.value)
        )
        insert = (
            "INSERT INTO handle VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " (time, mac, platform, app, token, taken) = (excluded.time, excluded.mac,"
            " excluded.platform, excluded.app, excluded.token, excluded.taken)"
            " WHERE excluded.time > time"
        )
        known = "SELECT 1 FROM handle WHERE handle = ?"
        with self._database.writing() as db:
            is_new = not rows(db, known, registration.handle.value)
            if is_new and self._kept["handles"] >= MOST_HANDLES:
                raise BusyError("no more handles can be kept: try again later")
            rows(db, insert, registration.handle.value, registration.time / 1000, *stands, now)
            self._kept["handles"] += is_new
            return bool(db.changes())

    def tokens(self, handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
        """See `Registry.tokens`."""
        query = "SELECT platform, app, token FROM handle WHERE handle = ? AND token IS NOT NULL"
        found = {handle: self._database.rows(query, handle.value) for handle in set(handles)}
        return {handle: token_of(*row[0]) for handle, row in found.items() if row}

    # Notifications

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        """See `Requests.enqueue`."""
        delete = f"DELETE FROM request WHERE digest IN ({LISTED})"  # noqa: S608
        ones = self._with_macs(due)
        # A few statements, however many rows: intake waits for this transaction, and this thread
        # would wait for the GIL after each statement.
        with self._database.writing() as db:
            rows(db, delete, listed(done))
            if db.changes() != len(set(done)):
                raise StoreError(f"{self.path}: another process has opened these requests")
            before = waiting(db, ones)
            return put_rows(db, _paced(db, ones, before, pace), before)

    def _prune(self, db: apsw.Connection, now: float) -> int:
        given_up = super()._prune(db, now)
        rows(db, "DELETE FROM pace WHERE before <= ?", now)
        rows(db, "DELETE FROM gate WHERE until <= ?", now)
        forgotten = "DELETE FROM handle WHERE token IS NULL AND time <= ?"
        rows(db, forgotten, now - REGISTRATION_MEMORY)
        rows(db, "DELETE FROM handle WHERE time <= ?", now - REGISTRATION_LIFETIME)
        return given_up

    def prune(self, now: float) -> int:
        """See `Upkeep.prune`."""
        given_up = super().prune(now)
        self._kept = self._counted()
        return given_up

    def _token_died(self, db: apsw.Connection, mac: bytes, since: float | None) -> None:
        """Remove the token from the handles that stand for it, unless they came in later."""
        # The rows stay and remember their time, so that no old registration comes back.
        update = (
            "UPDATE handle SET (mac, platform, app, token) = (NULL, NULL, NULL, NULL)"
            " WHERE mac = ?1 AND (?2 IS NULL OR taken <= ?2)"
        )
        rows(db, update, mac, since)


def _seen(key_id: bytes) -> str:
    """Return the name of the table of the digests of requests under a key."""
    return f"seen_{key_id.hex()}"


def _paced(db: apsw.Connection, ones: Sequence[Due], before: set[bytes], pace: Pace) -> list[Due]:
    """Return the same, due when the pace of their tokens allows it.

    ``before`` has the MACs of the tokens for which a notification waits already.
    """
    query = f"SELECT mac, before FROM pace WHERE mac IN ({LISTED})"  # noqa: S608
    known = dict(rows(db, query, listed(mac for mac, _, _ in ones)))
    seen, paced, made = set(before), {}, []
    for mac, one, when in ones:
        due = when
        if mac not in seen:
            due, paced[mac.hex()] = pace.next(known.get(mac, when), when)
        seen.add(mac)
        made.append((mac, one, due))
    replace = "INSERT OR REPLACE INTO pace SELECT unhex(key), value FROM json_each(?)"
    rows(db, replace, json.dumps(paced))
    return made
