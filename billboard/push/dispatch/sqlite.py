"""A `Queue` in one SQLite file."""

from __future__ import annotations

import contextlib
import hmac
import json
import math
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self
from uuid import UUID

import apsw

from billboard.push.dispatch.notification import Notification, Outcome
from billboard.push.dispatch.queue import Claim, DeadLetter, Settlement
from billboard.storage.database import Database, Schema, SQLiteValue, rows
from billboard.tokens import DeviceToken, Platform

MOST_DEAD_LETTERS = 10_000
"""How many dead letters of one platform, app and outcome are kept. The oldest are deleted."""

DEAD_LETTER_LIFETIME = 7 * 86_400.0
"""Seconds for which a dead letter is kept."""

TABLES = """
CREATE TABLE secret (mac_key BLOB NOT NULL);
CREATE TABLE notification (
    id BLOB PRIMARY KEY, mac BLOB NOT NULL, platform INTEGER NOT NULL, app INTEGER NOT NULL,
    token BLOB NOT NULL, expires REAL NOT NULL, priority INTEGER NOT NULL, collapse_id TEXT,
    due REAL NOT NULL, claimed INTEGER NOT NULL, attempts INTEGER NOT NULL, reason TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX notification_waiting ON notification (mac) WHERE NOT claimed;
CREATE INDEX notification_due ON notification (platform, due);
CREATE INDEX notification_expires ON notification (expires);
CREATE TABLE dead (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, platform INTEGER NOT NULL,
    app INTEGER NOT NULL, token BLOB NOT NULL, priority INTEGER NOT NULL, collapse_id TEXT,
    outcome TEXT NOT NULL, reason TEXT, died REAL NOT NULL);
CREATE INDEX dead_died ON dead (died);
CREATE INDEX dead_kind ON dead (platform, app, outcome, number);
"""

_COPIED = "id, platform, app, token, priority, collapse_id"
"""The columns that notifications and dead letters have in common."""

Due = tuple[bytes, Notification, float]
"""The MAC of a token, a notification for it, and when that is due."""

LISTED = "SELECT unhex(value) FROM json_each(?)"
"""The values that `listed` encodes: any number of them as one parameter of a statement."""


class SqliteQueue:
    """A `Queue` in the SQLite file ``path``, which ``create`` has made.

    Deleted data is overwritten (``secure_delete``) once it leaves the write-ahead log. Raises
    `StoreError` if the file is not there, is another kind of file, or cannot be read.
    """

    SCHEMA = Schema("queue of notifications", 0x62624471, (TABLES,))  # "bbDq"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._database = Database(path, self.SCHEMA, ("PRAGMA secure_delete = ON",))
        ((self._mac_key,),) = self._database.rows("SELECT mac_key FROM secret")

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Self:
        """Make the file and open it. Raises `StoreError`, also if the file exists."""

        def fill(db: apsw.Connection) -> None:
            db.execute("INSERT INTO secret VALUES (?)", (os.urandom(32),))

        # It will hold tokens, so only its owner may read it. An existing file is not opened: if
        # this process has it open elsewhere, to close it here would end those locks. SQLite
        # reports all other errors.
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        Database.create(path, cls.SCHEMA, fill).close()
        return cls(path)

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._database.path

    def close(self) -> None:
        """Close the file. The queue cannot be used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def put(self, due: Iterable[tuple[Notification, float]]) -> int:
        """See `Queue.put`."""
        ones = self._with_macs(due)
        with self._database.writing() as db:
            return _put_missing(db, ones)

    def claim(self, platform: Platform, limit: int, now: float, until: float) -> list[Claim]:
        """See `Queue.claim`."""
        query = (
            f"SELECT {_COPIED}, expires, attempts FROM notification"  # noqa: S608
            " WHERE platform = ? AND due <= ? ORDER BY due LIMIT ?"
        )
        # `due` of a claimed notification is when the claim ends. Attempts are counted before they
        # are made, so that those count too during which the process ended.
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

    def settle(self, settlements: Sequence[Settlement], now: float) -> None:
        """See `Queue.settle`."""
        with self._database.writing() as db:
            for each in settlements:
                found = _claimed(db, each.claim)
                if found is None:
                    continue
                if each.due is not None:
                    _wait_again(db, *found, each.due, each.reason)
                    continue
                if each.dead:
                    self._token_died(db, found[1], each.dead_since)
                if each.outcome is not Outcome.DELIVERED:
                    _give_up(db, each.outcome, each.reason, now, "id = ?1", found[0])
                rows(db, "DELETE FROM notification WHERE id = ?", found[0])

    def release(self, claims: Collection[Claim], now: float) -> None:
        """See `Queue.release`."""
        uncount = "UPDATE notification SET attempts = attempts - 1 WHERE id = ?"
        with self._database.writing() as db:
            for each in claims:
                found = _claimed(db, each)
                if found is not None:
                    rows(db, uncount, found[0])
                    _wait_again(db, *found, now, None)

    def next_due(self, platform: Platform) -> float | None:
        """See `Queue.next_due`."""
        query = "SELECT min(due) FROM notification WHERE platform = ?"
        ((due,),) = self._database.rows(query, int(platform))
        return None if due is None else float(due)

    def pending(self) -> dict[Platform, int]:
        """Return how many notifications of each platform are not settled."""
        query = "SELECT platform, count(*) FROM notification GROUP BY platform"
        return {Platform(number): count for number, count in self._database.rows(query)}

    def prune(self, now: float) -> int:
        """Give up what has expired and is not claimed, and delete old dead letters.

        Returns how many notifications were given up.
        """
        with self._database.writing() as db:
            return self._prune(db, now)

    def _prune(self, db: apsw.Connection, now: float) -> int:
        # Claims that are over count too: perhaps no dispatcher runs that would claim these again.
        over = "expires <= ?1 AND (NOT claimed OR due <= ?1)"
        given_up = _give_up(db, Outcome.EXPIRED, None, now, over, now)
        rows(db, f"DELETE FROM notification WHERE {over}", now)  # noqa: S608
        rows(db, "DELETE FROM dead WHERE died <= ?", now - DEAD_LETTER_LIFETIME)
        # The limit is for each kind, so that junk tokens do not push out others.
        newest = "row_number() OVER (PARTITION BY platform, app, outcome ORDER BY number DESC)"
        old = f"SELECT number FROM (SELECT number, {newest} AS n FROM dead) WHERE n > ?"  # noqa: S608
        rows(db, f"DELETE FROM dead WHERE number IN ({old})", MOST_DEAD_LETTERS)  # noqa: S608
        return given_up

    def dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the last ``limit`` dead letters, the newest first."""
        query = (
            "SELECT id, platform, app, outcome, reason, died FROM dead ORDER BY number DESC LIMIT ?"
        )
        return [_dead(*row) for row in self._database.rows(query, limit)]

    def replay(self, ids: Collection[UUID], now: float, expires: float) -> int:
        """Make these dead letters due ``now``, to expire at ``expires``. Return how many exist."""
        query = f"SELECT {_COPIED} FROM dead WHERE id = ?"  # noqa: S608
        with self._database.writing() as db:
            found = [row for each in dict.fromkeys(ids) for row in rows(db, query, each.bytes)]
            for row in found:
                rows(db, "DELETE FROM dead WHERE id = ?", row[0])
            again = [(replace(_notification(*row), expires=expires), now) for row in found]
            _put_missing(db, self._with_macs(again))
        return len(found)

    def _token_died(self, db: apsw.Connection, mac: bytes, since: float | None) -> None:
        """Do in this transaction what else is due when a token is dead: here nothing."""

    def _with_macs(self, due: Iterable[tuple[Notification, float]]) -> list[Due]:
        ones = [(self._mac(one.token), one, when) for one, when in due]
        for _, one, when in ones:
            if one.expires is None or not math.isfinite(one.expires):
                raise ValueError(f"notification {one.id} must expire: give it `expires`")
            if not math.isfinite(when):
                raise ValueError(f"a notification is due at a time in seconds, not at {when}")
        return ones

    def _mac(self, token: DeviceToken) -> bytes:
        """Return the MAC that stands for a token in tables that may outlive the token."""
        prefix = bytes([token.platform]) + token.app.to_bytes(2, "big")
        return hmac.digest(self._mac_key, prefix + token.value, "sha256")[:16]


def listed(values: Iterable[bytes]) -> str:
    """Return the parameter for `LISTED`."""
    return json.dumps([each.hex() for each in values])


def waiting(db: apsw.Connection, ones: Sequence[Due]) -> set[bytes]:
    """Return the MACs of those tokens for which a notification waits."""
    query = f"SELECT mac FROM notification WHERE NOT claimed AND mac IN ({LISTED})"  # noqa: S608
    return {mac for (mac,) in rows(db, query, listed(mac for mac, _, _ in ones))}


def put_rows(db: apsw.Connection, ones: Sequence[Due], before: set[bytes]) -> int:
    """Keep notifications. Return how many are new, given the MACs ``before`` for which some wait.

    One statement keeps them all, because other transactions wait for this one.
    """
    made = []
    for mac, one, due in ones:
        token = one.token
        fields = int(token.platform), token.app, token.value.hex(), one.expires, one.priority
        made.append((one.id.hex, mac.hex(), *fields, one.collapse_id, due))
    # A notification that waits already gets as many attempts as a new one would have.
    insert = (
        "INSERT INTO notification SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2,"
        " value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6, value ->> 7, value ->> 8,"
        " 0, 0, NULL FROM json_each(?) WHERE true ON CONFLICT (mac) WHERE NOT claimed"
        " DO UPDATE SET expires = max(expires, excluded.expires), attempts = 0"
    )
    rows(db, insert, json.dumps(made))
    return len({mac for mac, _, _ in ones} - before)


def _put_missing(db: apsw.Connection, ones: Sequence[Due]) -> int:
    """Put those whose ids are not there yet. Return how many are new, as `put_rows` does.

    So whoever does not know whether notifications were kept may put them again.
    """
    query = f"SELECT id, mac FROM notification WHERE id IN ({LISTED})"  # noqa: S608
    there = dict(rows(db, query, listed(one.id.bytes for _, one, _ in ones)))
    fresh = []
    for mac, one, due in ones:
        if one.id.bytes not in there:
            fresh.append((mac, one, due))
        if there.setdefault(one.id.bytes, mac) != mac:
            raise ValueError(f"the id {one.id} belongs to a notification for another token")
    return put_rows(db, fresh, waiting(db, fresh))


def _claimed(db: apsw.Connection, claim: Claim) -> tuple[bytes, bytes] | None:
    """Return the id and MAC of a notification, if this is its last claim and was not ended."""
    # `due` of a claimed notification is when the claim ends.
    query = "SELECT id, mac FROM notification WHERE id = ? AND claimed AND due = ?"
    for number, mac in rows(db, query, claim.notification.id.bytes, claim.until):
        return number, mac
    return None


def _wait_again(
    db: apsw.Connection, number: bytes, mac: bytes, due: float, reason: str | None
) -> None:
    """Let it wait again, in the place of one for the same token that was put meanwhile."""
    other = "FROM notification WHERE mac = ? AND NOT claimed"
    expires = rows(db, f"SELECT expires {other}", mac)
    rows(db, f"DELETE {other}", mac)
    update = (
        "UPDATE notification SET claimed = 0, due = ?, reason = coalesce(?, reason),"
        " expires = max(expires, ?) WHERE id = ?"
    )
    rows(db, update, due, reason, max(expires)[0] if expires else 0.0, number)


def _give_up(
    db: apsw.Connection,
    outcome: Outcome,
    reason: str | None,
    now: float,
    which: str,
    value: SQLiteValue,
) -> int:
    """Copy notifications to the dead letters. Return how many. ``value`` is ?1 in ``which``.

    If an id was given up before and put again, only the last dead letter of it stays.
    """
    insert = (
        f"INSERT OR REPLACE INTO dead ({_COPIED}, outcome, reason, died)"  # noqa: S608
        f" SELECT {_COPIED}, ?2, coalesce(?3, reason), ?4 FROM notification WHERE {which}"
    )
    rows(db, insert, value, outcome.value, reason, now)
    return db.changes()


def token_of(platform: int, app: int, value: bytes) -> DeviceToken:
    return DeviceToken(Platform(platform), value, app)


def _notification(
    id: bytes, platform: int, app: int, value: bytes, priority: int, collapse: str | None
) -> Notification:
    token = token_of(platform, app, value)
    return Notification(token, id=UUID(bytes=id), priority=priority, collapse_id=collapse)


def _dead(
    id: bytes, platform: int, app: int, outcome: str, reason: str | None, died: float
) -> DeadLetter:
    return DeadLetter(UUID(bytes=id), Platform(platform), app, Outcome(outcome), reason, died)
