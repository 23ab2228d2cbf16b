"""An outbox in one SQLite file: see `billboard.push.outbox.Outbox`."""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, final
from uuid import UUID

import apsw

from billboard.database import Database, Schema, rows
from billboard.errors import BusyError, StoreError
from billboard.push.notification import Notification, Outcome
from billboard.push.outbox import Claim, DeadLetter, Pace, SealedRequest, Settlement
from billboard.push.registration import Registration
from billboard.tokens import DeviceToken, Handle, Platform

__all__ = ["MOST_DEAD_LETTERS", "MOST_GATES", "MOST_HANDLES", "SqliteOutbox"]

MOST_GATES = 4_000_000
"""Refused gates that are kept, in some 80 bytes each: revocations are free to make."""

MOST_HANDLES = 4_000_000
"""Handles that are kept, in some 200 bytes and their token each: so are registrations."""

MOST_DEAD_LETTERS = 10_000
"""Dead letters of one platform, app and outcome that are kept; the oldest go first."""

DEAD_LETTER_LIFETIME = 7 * 86_400.0
"""Seconds for which a dead letter is kept."""

REGISTRATION_LIFETIME = 90 * 86_400.0
"""Seconds after which a handle that was not registered again is removed (SPEC 10.6)."""

REGISTRATION_MEMORY = 2 * 3600.0
"""Seconds for which the time of an unregistration is remembered (SPEC 10.6)."""

_SCHEMA = Schema(
    "outbox of a push server",
    0x62625075,  # "bbPu"
    (
        """
CREATE TABLE secret (mac_key BLOB NOT NULL);
CREATE TABLE request (
    number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, key_id BLOB NOT NULL,
    sealed BLOB NOT NULL, arrived REAL NOT NULL);
CREATE TABLE held (key_id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE notification (
    id BLOB PRIMARY KEY, mac BLOB NOT NULL, platform INTEGER NOT NULL, app INTEGER NOT NULL,
    token BLOB NOT NULL, expires REAL NOT NULL, priority INTEGER NOT NULL, collapse_id TEXT,
    due REAL NOT NULL, claimed INTEGER NOT NULL, attempts INTEGER NOT NULL, reason TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX notification_waiting ON notification (mac) WHERE NOT claimed;
CREATE INDEX notification_due ON notification (platform, due);
CREATE INDEX notification_expires ON notification (expires);
CREATE TABLE pace (mac BLOB PRIMARY KEY, before REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX pace_before ON pace (before);
CREATE TABLE gate (gate BLOB PRIMARY KEY, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX gate_until ON gate (until);
CREATE TABLE handle (
    handle BLOB PRIMARY KEY, time REAL NOT NULL, mac BLOB, platform INTEGER, app INTEGER,
    token BLOB) WITHOUT ROWID;
CREATE INDEX handle_mac ON handle (mac);
CREATE INDEX handle_time ON handle (time);
CREATE TABLE dead (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, platform INTEGER NOT NULL,
    app INTEGER NOT NULL, token BLOB NOT NULL, priority INTEGER NOT NULL, collapse_id TEXT,
    outcome TEXT NOT NULL, reason TEXT, died REAL NOT NULL);
CREATE INDEX dead_died ON dead (died);
CREATE INDEX dead_kind ON dead (platform, app, outcome, number);
""",
        # When a registration came in: its own time is of the clock of a device.
        "ALTER TABLE handle ADD COLUMN taken REAL NOT NULL DEFAULT 0",
    ),
)

_COPIED = "id, platform, app, token, priority, collapse_id"
"""What a notification and a dead letter have in common."""

_Due = tuple[bytes, Notification, float]
"""The MAC of a token, a notification for it, and when that is due."""

_LISTED = "SELECT unhex(value) FROM json_each(?)"
"""Any number of values in one statement."""


@final
class SqliteOutbox:
    """The outbox in the file ``path``, which `create` has made. Raises `StoreError`.

    What is deleted is overwritten (``secure_delete``) once it leaves the write-ahead log.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = Database(path, _SCHEMA, ("PRAGMA secure_delete = ON",))
        ((self._mac_key,),) = self._database.rows("SELECT mac_key FROM secret")
        self._kept = self._counted()

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Make the file, and open it. Raises `StoreError`, also if it exists."""

        def fill(db: apsw.Connection) -> None:
            db.execute("INSERT INTO secret VALUES (?)", (os.urandom(32),))

        Database.create(path, _SCHEMA, fill).close()
        Path(path).chmod(0o600)  # it holds tokens
        return cls(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Close the file. The outbox can not be used after."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # Requests

    def hold(self, key_ids: Collection[bytes]) -> None:
        """See `Outbox.hold`."""
        with self._database.writing() as db:
            before = {key_id for (key_id,) in rows(db, "SELECT key_id FROM held")}
            # A table for each key: what was seen under it is forgotten in one step. Digests are no
            # secrets, and to overwrite a day of them would take minutes.
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

    def put(self, requests: Sequence[SealedRequest], now: float) -> None:
        """See `Outbox.put`."""
        insert = "INSERT INTO request (digest, key_id, sealed, arrived) VALUES (?, ?, ?, ?)"
        with self._database.writing() as db:
            for each in requests:
                seen = f"INSERT OR IGNORE INTO {_seen(each.key_id)} VALUES (?)"  # noqa: S608
                rows(db, seen, each.digest)
                if db.changes():
                    rows(db, insert, each.digest, each.key_id, each.sealed, now)

    def waiting(self) -> tuple[int, float | None]:
        """See `Outbox.waiting`."""
        ((count, first),) = self._database.rows("SELECT count(*), min(arrived) FROM request")
        return count, first

    def requests(self, limit: int) -> list[SealedRequest]:
        """See `Outbox.requests`."""
        query = "SELECT digest, key_id, sealed FROM request ORDER BY number LIMIT ?"
        return [SealedRequest(*row) for row in self._database.rows(query, limit)]

    # Gates and handles

    def kept(self) -> dict[str, int]:
        """See `Outbox.kept`."""
        return dict(self._kept)

    def _counted(self) -> dict[str, int]:
        # Not while writing: it reads all of an index. Other processes are seen from time to time.
        ((gates,),) = self._database.rows("SELECT count(*) FROM gate")
        ((handles,),) = self._database.rows("SELECT count(*) FROM handle")
        return {"gates": gates, "handles": handles}

    def refuse(self, gates: Mapping[bytes, float]) -> int:
        """See `Outbox.refuse`."""
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
        """See `Outbox.refused`."""
        query = "SELECT 1 FROM gate WHERE gate = ? AND until > ?"
        return {gate for gate in set(gates) if self._database.rows(query, gate, now)}

    def register(self, registration: Registration, now: float) -> bool:
        """See `Outbox.register`."""
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
                raise BusyError("as many handles are kept as may be")
            rows(db, insert, registration.handle.value, registration.time / 1000, *stands, now)
            self._kept["handles"] += is_new
            return bool(db.changes())

    def tokens(self, handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
        """See `Outbox.tokens`."""
        query = "SELECT platform, app, token FROM handle WHERE handle = ? AND token IS NOT NULL"
        found = {handle: self._database.rows(query, handle.value) for handle in set(handles)}
        return {handle: _token(*row[0]) for handle, row in found.items() if row}

    # Notifications

    def enqueue(
        self, done: Collection[bytes], due: Iterable[tuple[Notification, float]], pace: Pace
    ) -> int:
        """See `Outbox.enqueue`."""
        delete = f"DELETE FROM request WHERE digest IN ({_LISTED})"  # noqa: S608
        ones, listed = self._with_macs(due), _listed(done)
        # A few statements, however many rows: intake waits for this transaction, and this thread
        # would wait for the GIL after each statement.
        with self._database.writing() as db:
            rows(db, delete, listed)
            if db.changes() != len(set(done)):
                raise StoreError(f"{self.path}: another process has opened these requests")
            return _enqueue(db, ones, pace)

    def _with_macs(self, due: Iterable[tuple[Notification, float]]) -> list[_Due]:
        return [(self._mac(one.token), one, when) for one, when in due]

    def claim(self, platform: Platform, limit: int, now: float, until: float) -> list[Claim]:
        """See `Outbox.claim`."""
        query = (
            f"SELECT {_COPIED}, expires, attempts FROM notification"  # noqa: S608
            " WHERE platform = ? AND due <= ? ORDER BY due LIMIT ?"
        )
        # Of one that is claimed, `due` is when the claim ends. Attempts are counted before they are
        # made, so that those count too after which the process was gone.
        update = (
            "UPDATE notification SET claimed = 1, due = ?, attempts = attempts + 1 WHERE id = ?"
        )
        with self._database.writing() as db:
            found = rows(db, query, int(platform), now, limit)
            for row in found:
                rows(db, update, until, row[0])
        return [
            Claim(replace(_notification(*row), expires=expires), attempts, until)
            for *row, expires, attempts in found
        ]

    def pending(self) -> dict[Platform, int]:
        """See `Outbox.pending`."""
        query = "SELECT platform, count(*) FROM notification GROUP BY platform"
        return {Platform(number): count for number, count in self._database.rows(query)}

    def next_due(self, platform: Platform) -> float | None:
        """See `Outbox.next_due`."""
        query = "SELECT min(due) FROM notification WHERE platform = ?"
        ((due,),) = self._database.rows(query, int(platform))
        return None if due is None else float(due)

    def settle(self, settlements: Sequence[Settlement], now: float) -> None:
        """See `Outbox.settle`."""
        with self._database.writing() as db:
            for each in settlements:
                found = _claimed(db, each.claim)
                if found is None:
                    continue
                if each.due is not None:
                    _wait_again(db, *found, each.due, each.reason)
                    continue
                if each.dead:
                    _forget(db, found[1], each.dead_since)
                if each.outcome is not Outcome.DELIVERED:
                    _give_up(db, each.outcome, each.reason, now, "id = ?1", found[0])
                rows(db, "DELETE FROM notification WHERE id = ?", found[0])

    def release(self, claims: Collection[Claim], now: float) -> None:
        """See `Outbox.release`."""
        uncount = "UPDATE notification SET attempts = attempts - 1 WHERE id = ?"
        with self._database.writing() as db:
            for each in claims:
                found = _claimed(db, each)
                if found is not None:
                    rows(db, uncount, found[0])
                    _wait_again(db, *found, now, None)

    def prune(self, now: float) -> int:
        """See `Outbox.prune`."""
        # Nobody may be there to claim again what was claimed when a process ended.
        over = "expires <= ?1 AND (NOT claimed OR due <= ?1)"
        with self._database.writing() as db:
            given_up = _give_up(db, Outcome.EXPIRED, None, now, over, now)
            rows(db, f"DELETE FROM notification WHERE {over}", now)  # noqa: S608
            rows(db, "DELETE FROM pace WHERE before <= ?", now)
            rows(db, "DELETE FROM gate WHERE until <= ?", now)
            forgotten = "DELETE FROM handle WHERE token IS NULL AND time <= ?"
            rows(db, forgotten, now - REGISTRATION_MEMORY)
            rows(db, "DELETE FROM handle WHERE time <= ?", now - REGISTRATION_LIFETIME)
            rows(db, "DELETE FROM dead WHERE died <= ?", now - DEAD_LETTER_LIFETIME)
            # Of each kind: junk tokens push out no others.
            newest = "row_number() OVER (PARTITION BY platform, app, outcome ORDER BY number DESC)"
            old = f"SELECT number FROM (SELECT number, {newest} AS n FROM dead) WHERE n > ?"  # noqa: S608
            rows(db, f"DELETE FROM dead WHERE number IN ({old})", MOST_DEAD_LETTERS)  # noqa: S608
        self._kept = self._counted()
        return given_up

    # Dead letters

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """See `Outbox.dead_letters`."""
        query = (
            "SELECT id, platform, app, outcome, reason, died FROM dead ORDER BY number DESC LIMIT ?"
        )
        return [_dead(*row) for row in self._database.rows(query, limit)]

    def replay(self, ids: Collection[UUID], now: float, expires: float) -> int:
        """See `Outbox.replay`."""
        query = f"SELECT {_COPIED} FROM dead WHERE id = ?"  # noqa: S608
        with self._database.writing() as db:
            found = [row for each in ids for row in rows(db, query, each.bytes)]
            for row in found:
                rows(db, "DELETE FROM dead WHERE id = ?", row[0])
                # Whatever the pace of its token: whoever replays wants it now.
                again = replace(_notification(*row), expires=expires)
                _enqueue(db, self._with_macs([(again, now)]), None)
        return len(found)

    def _mac(self, token: DeviceToken) -> bytes:
        """What is counted for a token, so that tables that outlive it do not hold it."""
        prefix = bytes([token.platform]) + token.app.to_bytes(2, "big")
        return hmac.digest(self._mac_key, prefix + token.value, "sha256")[:16]


def _listed(values: Iterable[bytes]) -> str:
    """What `_LISTED` takes."""
    return json.dumps([each.hex() for each in values])


def _seen(key_id: bytes) -> str:
    """The table of the digests of requests under a key."""
    return f"seen_{key_id.hex()}"


def _enqueue(db: apsw.Connection, ones: Sequence[_Due], pace: Pace | None) -> int:
    macs = _listed(mac for mac, _, _ in ones)
    query = f"SELECT mac FROM notification WHERE NOT claimed AND mac IN ({_LISTED})"  # noqa: S608
    waiting = {mac for (mac,) in rows(db, query, macs)}
    query = f"SELECT mac, before FROM pace WHERE mac IN ({_LISTED})"  # noqa: S608
    before, paced, made, count = dict(rows(db, query, macs)), {}, [], len(waiting)
    for mac, one, when in ones:
        if one.expires is None:
            raise ValueError("a notification in an outbox has to expire")
        due = when
        if pace is not None and mac not in waiting:
            due, paced[mac.hex()] = pace.next(before.get(mac, when), when)
        waiting.add(mac)
        token = one.token
        fields = int(token.platform), token.app, token.value.hex(), one.expires, one.priority
        made.append((one.id.hex, mac.hex(), *fields, one.collapse_id, due))
    # What waits already gets as many attempts as one of its own would have.
    insert = (
        "INSERT INTO notification SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2,"
        " value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6, value ->> 7, value ->> 8,"
        " 0, 0, NULL FROM json_each(?) WHERE true ON CONFLICT (mac) WHERE NOT claimed"
        " DO UPDATE SET expires = max(expires, excluded.expires), attempts = 0"
    )
    rows(db, insert, json.dumps(made))
    replace = "INSERT OR REPLACE INTO pace SELECT unhex(key), value FROM json_each(?)"
    rows(db, replace, json.dumps(paced))
    return len(waiting) - count


def _claimed(db: apsw.Connection, claim: Claim) -> tuple[bytes, bytes] | None:
    """The id and MAC of a notification, if this is its last claim and has not been ended."""
    # `due` of what is claimed is when the claim ends.
    query = "SELECT id, mac FROM notification WHERE id = ? AND claimed AND due = ?"
    for number, mac in rows(db, query, claim.notification.id.bytes, claim.until):
        return number, mac
    return None


def _wait_again(
    db: apsw.Connection, number: bytes, mac: bytes, due: float, reason: str | None
) -> None:
    """Let it wait again, in the place of one for the same token that came meanwhile."""
    other = "FROM notification WHERE mac = ? AND NOT claimed"
    expires = rows(db, f"SELECT expires {other}", mac)
    rows(db, f"DELETE {other}", mac)
    update = (
        "UPDATE notification SET claimed = 0, due = ?, reason = coalesce(?, reason),"
        " expires = max(expires, ?) WHERE id = ?"
    )
    rows(db, update, due, reason, max(expires)[0] if expires else 0.0, number)


def _forget(db: apsw.Connection, mac: bytes, since: float | None) -> None:
    """Remove the handles that stand for a token."""
    # They stay without one, and so remember their time: no old registration comes back.
    update = (
        "UPDATE handle SET (mac, platform, app, token) = (NULL, NULL, NULL, NULL)"
        " WHERE mac = ?1 AND (?2 IS NULL OR taken <= ?2)"
    )
    rows(db, update, mac, since)


def _give_up(
    db: apsw.Connection, outcome: Outcome, reason: str | None, now: float, which: str, value: Any
) -> int:
    """Copy notifications to the dead letters; how many. In ``which``, ?1 is ``value``."""
    insert = (
        f"INSERT OR IGNORE INTO dead ({_COPIED}, outcome, reason, died)"  # noqa: S608
        f" SELECT {_COPIED}, ?2, coalesce(?3, reason), ?4 FROM notification WHERE {which}"
    )
    rows(db, insert, value, outcome.value, reason, now)
    return db.changes()


def _token(platform: int, app: int, value: bytes) -> DeviceToken:
    return DeviceToken(Platform(platform), value, app)


def _notification(
    id: bytes, platform: int, app: int, value: bytes, priority: int, collapse: str | None
) -> Notification:
    token = _token(platform, app, value)
    return Notification(token, id=UUID(bytes=id), priority=priority, collapse_id=collapse)


def _dead(
    id: bytes, platform: int, app: int, outcome: str, reason: str | None, died: float
) -> DeadLetter:
    return DeadLetter(UUID(bytes=id), Platform(platform), app, Outcome(outcome), reason, died)
