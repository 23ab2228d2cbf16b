"""The SQLite outbox: nothing is lost, done twice or left over, whoever calls it when."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import apsw
import pytest
from board.faults import Failer, watched
from processes import LONGEST

from billboard import StoreError
from billboard.push.dispatch import Notification, Outcome
from billboard.push.dispatch.queue import Settlement
from billboard.push.dispatch.sqlite import DEAD_LETTER_LIFETIME
from billboard.push.outbox import Pace
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import Handle, Platform
from push.outboxes import KEY, NO_PACE, NOW, claim, enqueue, notification, registration, request
from push.support import device


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        outbox.hold([KEY])
        yield outbox


def test_nothing_is_left_of_what_was_deleted(tmp_path: Path) -> None:
    """Neither in the file nor in its log, once it is closed: no token and no sealed request."""
    path = tmp_path / "outbox.sqlite"
    chosen = random.Random(7)
    secrets: list[bytes] = []
    with SqliteOutbox.create(path) as outbox:
        outbox.hold([KEY])
        for _ in range(6):
            requests = [request() for _ in range(60)]
            outbox.store(requests, NOW)
            those = [notification() for _ in range(60)]
            for each in those[:20]:
                handle = Handle(os.urandom(16))
                outbox.register(registration(handle, 0, each.token), NOW)
                outbox.register(registration(handle, 1, None), NOW)
            secrets += [each.sealed[:32] for each in requests]
            secrets += [each.sealed[-32:] for each in requests]
            secrets += [each.token.value for each in those]
            done = chosen.sample(outbox.requests(1000), 50)
            outbox.enqueue([each.digest for each in done], [(each, NOW) for each in those], Pace())
            for one in chosen.sample(claim(outbox), 40):
                outcome = chosen.choice([Outcome.DELIVERED, Outcome.REJECTED])
                outbox.settle([Settlement(one, outcome, None)], NOW)
        before = everything(path)
        assert sum(each in before for each in secrets) > 300, "they are found at all"
        outbox.enqueue([each.digest for each in outbox.requests(10_000)], [], Pace())
        outbox.prune(NOW + 3600)
        outbox.prune(NOW + 3600 + DEAD_LETTER_LIFETIME)
        assert outbox.next_due(Platform.APNS) is None
    left = everything(path)
    assert not [each.hex() for each in secrets if each in left]


def everything(path: Path) -> bytes:
    """The bytes of a database, of its log and whatever else is beside it."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.iterdir()))


def test_a_full_disk_changes_nothing_and_is_got_over(tmp_path: Path) -> None:
    """Each write in turn finds the disk full: what raises is not done, all else is."""
    path = tmp_path / "outbox.sqlite"
    with SqliteOutbox.create(path) as outbox:
        outbox.hold([KEY])
    number, failures = 0, 0
    while True:
        hook = Failer(number, errno.ENOSPC)
        with watched(hook), _often(lambda: SqliteOutbox(path))[0] as outbox:
            failures += _step(outbox, number)
        if not hook.failed:
            break
        number += 1
    assert failures > 10


def _step(outbox: SqliteOutbox, number: int) -> int:
    """Have one request go its way, each method repeated until it does not fail; the failures."""
    one, token = request(number), device()
    sent = Notification(token, expires=NOW + 3600)
    failures = _often(lambda: outbox.store([one], NOW))[1]
    assert outbox.requests(10) == [one]
    failures += _often(lambda: outbox.enqueue([one.digest], [(sent, NOW)], NO_PACE))[1]
    (taken,), more = _often(lambda: claim(outbox))
    assert (taken.notification, taken.attempts) == (sent, 0)
    settlement = Settlement(taken, Outcome.DELIVERED, None)
    failures += more + _often(lambda: outbox.settle([settlement], NOW))[1]
    assert outbox.next_due(Platform.APNS) is None
    assert outbox.waiting() == (0, None)
    return failures


def _often(call: Callable[[], Any]) -> tuple[Any, int]:
    """What it gives once it does not fail, and how often it failed."""
    for failures in range(3):
        with contextlib.suppress(StoreError):
            return call(), failures
    raise AssertionError("the disk is not full any more")


def test_threads_claim_each_notification_once(outbox: SqliteOutbox) -> None:
    """While others put there and settle: in the end all were delivered, once each."""
    delivered: list[Notification] = []
    put: list[Notification] = []
    problems: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                problems.append(error)

        return run

    def fill() -> None:
        for _ in range(30):
            those = [notification() for _ in range(10)]
            put.extend(those)
            enqueue(outbox, *those)

    def empty() -> None:
        while filling or outbox.next_due(Platform.APNS) is not None:
            found = claim(outbox, limit=7)
            delivered.extend(each.notification for each in found)
            outbox.settle([Settlement(each, Outcome.DELIVERED, None) for each in found], NOW)

    filling = [threading.Thread(target=guarded(fill)) for _ in range(2)]
    emptying = [threading.Thread(target=guarded(empty)) for _ in range(3)]
    for thread in filling + emptying:
        thread.start()
    while filling:
        filling[0].join(LONGEST)
        filling.pop(0)
    for thread in emptying:
        thread.join(LONGEST)
        assert not thread.is_alive()
    assert problems == []
    assert Counter(each.id for each in delivered) == {each.id: 1 for each in put}


def _claim_all(path: str, told: Queue[list[bytes]]) -> None:
    taken: list[bytes] = []
    with SqliteOutbox(path) as outbox:
        while found := claim(outbox, limit=5):
            taken += [each.notification.id.bytes for each in found]
            outbox.settle([Settlement(each, Outcome.DELIVERED, None) for each in found], NOW)
    told.put(taken)


def test_processes_claim_each_notification_once(outbox: SqliteOutbox) -> None:
    those = [notification() for _ in range(400)]
    enqueue(outbox, *those)
    context = multiprocessing.get_context("spawn")
    told: Queue[list[bytes]] = context.Queue()
    processes = [
        context.Process(target=_claim_all, args=(str(outbox.path), told)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    try:
        taken = [each for _ in processes for each in told.get(timeout=LONGEST)]
    finally:
        for process in processes:
            process.join(LONGEST)
            process.kill()
    assert Counter(taken) == {each.id.bytes: 1 for each in those}


def test_a_file_is_created_once_and_reopened(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    with SqliteOutbox.create(path) as outbox:
        assert outbox.path == path
        outbox.hold([KEY])
        outbox.store([one := request()], NOW)
    with pytest.raises(StoreError, match="exists"):
        SqliteOutbox.create(path)
    with SqliteOutbox(path) as outbox:
        assert outbox.requests(10) == [one]
    with pytest.raises(StoreError, match="closed"):
        outbox.waiting()
    other = tmp_path / "other"
    with contextlib.closing(apsw.Connection(str(other))) as db:
        db.execute("CREATE TABLE other (number INTEGER)")
    with pytest.raises(StoreError, match="is no outbox"):
        SqliteOutbox(other)


def test_intake_waits_for_a_few_statements_however_large_the_tick_is(outbox: SqliteOutbox) -> None:
    statements: list[str] = []

    def trace(db: apsw.Cursor, query: str, bindings: object) -> bool:
        del db, bindings
        statements.append(query)
        return True

    made = [request() for _ in range(300)]
    outbox.store(made, NOW)
    outbox._database._connection.exec_trace = trace
    due = [(notification(), NOW) for _ in made]
    assert outbox.enqueue([each.digest for each in made], due, Pace()) == 300
    assert len(statements) < 15
    assert outbox.waiting()[0] == 0


def test_threads_that_write_wait_for_each_other_and_not_by_sleeping(
    outbox: SqliteOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would let them sleep for up to 100 ms: here it may not let them wait at all."""
    monkeypatch.setattr("billboard.storage.database._BUSY_TIMEOUT", 0)
    with ThreadPoolExecutor(4) as threads:
        puts = [threads.submit(outbox.store, [request()], NOW) for _ in range(200)]
        for each in puts:
            each.result()
    assert outbox.waiting()[0] == 200
