"""What the SQLite store does when it is interrupted, forked, raced or used in the wrong way."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import apsw
import pytest
from processes import LONGEST

from billboard import BoardParameters, StoreError
from billboard.board.sqlite import SqliteStore
from board.support import EPOCH, ORIGIN, make_store
from board.test_sqlite import close, entry, put, stored

# Puts in four threads and the main one, while an alarm interrupts the main one all the time.
INTERRUPTED = """
import itertools, random, signal, sys, threading, time
from billboard import StoreError
from billboard.board import SqliteStore
from billboard.board.store import Entry

store = SqliteStore(sys.argv[1])
numbers, kept, stopping = itertools.count(), [], threading.Event()
dummies = itertools.count()

def put():
    number = next(numbers)
    try:
        store.put([Entry(1, number.to_bytes(32, "big"), 0, b"x" * 500)])
    except StoreError as error:
        if "not known" not in str(error):
            raise SystemExit(str(error))
    else:
        kept.append(number)

def work():
    while not stopping.is_set():
        put()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
signal.signal(signal.SIGALRM, signal.default_int_handler)
interrupts, end = 0, time.monotonic() + 3
while time.monotonic() < end:
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.01))
        while True:
            put()
            store.close_edition(2, 0, lambda count: [
                Entry(2, next(dummies).to_bytes(32, "big"), 0, b"x" * 500) for _ in range(count)])
    except KeyboardInterrupt:
        interrupts += 1
signal.setitimer(signal.ITIMER_REAL, 0)
stopping.set()
for thread in threads:
    thread.join()
put()
waiting = store.epochs()[1]
store.check()
print(interrupts, len(kept), waiting, next(numbers))
"""


def test_ctrl_c_at_any_moment_blocks_nobody(tmp_path: Path) -> None:
    make_store(tmp_path).close()
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "board.sqlite")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    interrupts, kept, waiting, attempts = map(int, result.stdout.split())
    assert interrupts > 10
    assert 0 < kept <= waiting <= attempts


def interrupted_at(moment: int, action: Callable[[], object]) -> bool:
    """Whether ``action`` was cut short by a Ctrl-C at so many steps from its beginning.

    A step is where Python looks for signals, but for loops: when it enters a function of its own,
    and when one of C returns.
    """
    steps = iter(range(moment))

    def profile(_: object, event: str, __: object) -> None:
        if event in ("call", "c_return") and next(steps, None) is None:
            raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_a_commit_may_be_interrupted_at_each_of_its_steps(tmp_path: Path) -> None:
    """Whoever comes next goes on, and what was kept before stays."""
    kept: list[int] = []

    def follow(number: int) -> None:
        put(store, entry(number))
        kept.append(number)

    with make_store(tmp_path) as store:
        for moment in itertools.count():
            interrupted = interrupted_at(moment, partial(put, store, entry(2 * moment)))
            follower = threading.Thread(target=follow, args=(2 * moment + 1,), daemon=True)
            follower.start()
            follower.join(timeout=10)
            assert not follower.is_alive(), f"blocked by an interrupt at step {moment}"
            if not interrupted:
                kept.append(2 * moment)
                break
        assert {entry(number).identifier for number in kept} <= set(stored(store.path))
    assert len(kept) == moment + 2 > 20


def _create(path: str, origin: str, start: float, outcomes: multiprocessing.Queue[str]) -> None:
    time.sleep(max(start - time.monotonic(), 0))
    try:
        with SqliteStore.create(path, BoardParameters(origin)) as store:
            outcomes.put(f"{origin} got {store.parameters.origin}")
    except StoreError as error:
        outcomes.put("exists" if "exists" in str(error) else str(error))


def test_of_two_that_create_one_wins(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    outcomes: multiprocessing.Queue[str] = context.Queue()
    for attempt in range(3):
        path, start = str(tmp_path / f"board-{attempt}"), time.monotonic() + 1.5
        processes = [
            context.Process(target=_create, args=(path, origin, start, outcomes))
            for origin in ("one", "two")
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=LONGEST)
            process.kill()
        said = sorted(outcomes.get(timeout=10) for _ in processes)
        with SqliteStore(path) as store:
            origin = store.parameters.origin
        assert said == ["exists", f"{origin} got {origin}"]


def test_a_create_that_was_cut_short_is_repeated(tmp_path: Path) -> None:
    """Killed at the last moment before its commit: the next one starts afresh."""
    path = tmp_path / "board.sqlite"
    code = (
        "import os, signal, sys\n"
        "from billboard.board import BoardParameters, SqliteStore\n"
        "from billboard.storage import database\n"
        "run = database._run\n"
        "def killed(db, *rest):\n"
        "    run(db, *rest)\n"
        "    db.cache_flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "database._run = killed\n"
        "SqliteStore.create(sys.argv[1], BoardParameters('example.org/board'))\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    process = subprocess.run(command, check=False, timeout=LONGEST)
    assert process.returncode == -signal.SIGKILL
    assert path.stat().st_size > 0
    with SqliteStore.create(path, BoardParameters(ORIGIN)) as store:
        assert store.parameters == BoardParameters(ORIGIN)


def _fork(action: str, store: SqliteStore) -> int:
    """The exit status of a child that uses the store: 7 if it is told to open it again."""
    child = os.fork()
    if not child:
        signal.alarm(10)
        try:
            if action == "put":
                put(store, entry(9))
            elif action == "publish":
                close(store, lambda count: [entry(i) for i in range(count)])
            elif action == "expire":
                store.expire(EPOCH)
            else:
                store.closed(EPOCH)
        except StoreError as error:
            os._exit(7 if "fork" in str(error) else 1)
        os._exit(2)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("action", ["put", "publish", "expire", "editions"])
@pytest.mark.parametrize("locked", [False, True])
def test_use_after_fork_is_refused(tmp_path: Path, action: str, locked: bool) -> None:
    with make_store(tmp_path) as store:
        put(store, entry(1))
        if locked:
            with store._database._writing:
                assert _fork(action, store) == 7
        else:
            assert _fork(action, store) == 7
        put(store, entry(2))
        assert store.epochs() == {EPOCH: 2}


def test_threads_that_end_give_their_connections_back(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with make_store(tmp_path) as store:
        put(store, entry(0))
        before = descriptors()
        for number in range(1, 41):
            thread = threading.Thread(target=put, args=(store, entry(number)))
            thread.start()
            thread.join()
        assert descriptors() <= before + 4
        assert store.epochs() == {EPOCH: 41}


def test_a_closed_store_is_not_used(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    put(store, entry(1))
    store.close()
    store.close()
    for use in (
        lambda: put(store, entry(2)),
        lambda: store.closed(EPOCH),
        lambda: close(store, lambda _: []),
    ):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_a_reader_opens_while_a_writer_writes(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        put(store, entry(1))
        with contextlib.closing(apsw.Connection(str(store.path))) as writer:
            writer.execute("BEGIN IMMEDIATE")
            begin = time.monotonic()
            with SqliteStore(store.path) as reader:
                assert reader.epochs() == {EPOCH: 1}
            assert time.monotonic() - begin < 5


def test_damaged_parameters(tmp_path: Path) -> None:
    for number, change in enumerate(
        [
            "origin = 'two words'",
            "epoch_length = 1",
            "epoch_length = 3600",
            "late_interval = 172800",
            "frame_class = 77",
            "origin = x'00'",
        ]
    ):
        make_store(tmp_path, f"board-{number}").close()
        with contextlib.closing(apsw.Connection(str(tmp_path / f"board-{number}"))) as db:
            db.execute(f"UPDATE board SET {change}")  # noqa: S608
        with pytest.raises(StoreError, match="restore a backup"):
            SqliteStore(tmp_path / f"board-{number}")
