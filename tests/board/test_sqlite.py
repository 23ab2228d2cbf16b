"""The SQLite store: durability, several threads and processes, damage, versions, a full disk."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from places import TESTS
from processes import LONGEST, watched

from billboard import BoardParameters, Post, RefusedPostError, StoreError
from billboard.board import sqlite
from billboard.board.parameters import BUNDLE
from billboard.board.sqlite import SqliteStore
from billboard.board.store import ClosedEdition, Entry
from billboard.storage import database
from board.support import DAY, EPOCH, NOW, ORIGIN, Clock, make_board, make_post, make_store

SUBMITTER = """
import sys
sys.path.append(sys.argv[3])
from billboard import Post
from billboard.board import SqliteStore
from board.support import Clock, make_board
board = make_board(SqliteStore(sys.argv[1]), Clock(float(sys.argv[2])))
for line in sys.stdin:
    post = Post.from_bytes(bytes.fromhex(line))
    board.submit(post)
    print(post.identifier.hex(), flush=True)
"""


def submitter(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SUBMITTER, str(path), str(NOW), str(TESTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def stored(path: Path) -> dict[bytes, bytes]:
    """What the file holds, read without the store."""
    with contextlib.closing(apsw.Connection(str(path))) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'post%'").fetchall()
        query = "SELECT identifier, data FROM "
        return {row[0]: row[1] for (name,) in tables for row in db.execute(query + str(name))}


def entry(number: int, seq: int = 0) -> Entry:
    identifier = number.to_bytes(32, "big")
    return Entry(EPOCH, identifier, seq, identifier + number.to_bytes(4, "big") * 122)


def put(store: SqliteStore, one: Entry) -> None:
    """Put one post. Raises its refusal."""
    (refusal,) = store.put([one])
    if refusal is not None:
        raise refusal


def close(store: SqliteStore, dummies: Callable[[int], Sequence[Entry]]) -> ClosedEdition:
    return store.close_edition(EPOCH, EPOCH * DAY, dummies)


@pytest.mark.parametrize("acknowledged", [0, 1, 50, 117, 180])
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, acknowledged: int) -> None:
    """200 submissions, the process killed after so many answers: they are all there, whole."""
    path = tmp_path / "board.sqlite"
    make_store(tmp_path).close()
    posts = [make_post() for _ in range(200)]
    process = submitter(path)
    assert process.stdin is not None
    assert process.stdout is not None
    feeder = threading.Thread(target=_feed, args=(process, posts))
    with watched(process):
        feeder.start()
        # It waits for more when all are answered, so that the signal always finds it at work.
        answered = [bytes.fromhex(process.stdout.readline()) for _ in range(acknowledged)]
        process.send_signal(signal.SIGKILL)
        answered += [bytes.fromhex(line) for line in process.stdout if len(line) == 65]
        feeder.join()
        assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    assert len(answered) >= acknowledged
    by_identifier = {post.identifier: bytes(post) for post in posts}
    with SqliteStore(path) as store:
        store.check()
        found = stored(path)
        assert set(answered) <= set(found)
        for identifier, data in found.items():
            assert data == by_identifier[identifier]
        board = make_board(store)
        board.publish(EPOCH)
        published = {post.identifier for post in board.posts(EPOCH, edition=0)}
        assert set(answered) <= published


def _feed(process: subprocess.Popen[str], posts: list[Post], end: bool = False) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        for post in posts:
            process.stdin.write(bytes(post).hex() + "\n")
            process.stdin.flush()
            time.sleep(0.0005)
            if end and post is posts[-1]:
                process.stdin.close()


def test_several_processes_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "board.sqlite"
    make_store(tmp_path).close()
    batches = [[make_post() for _ in range(40)] for _ in range(3)]
    processes = [submitter(path) for _ in batches]
    feeders = [
        threading.Thread(target=_feed, args=(*pair, True))
        for pair in zip(processes, batches, strict=True)
    ]
    with SqliteStore(path) as store, contextlib.ExitStack() as stack:
        for process in processes:
            stack.enter_context(watched(process))
        for feeder in feeders:
            feeder.start()
        board = make_board(store)
        for process, feeder in zip(processes, feeders, strict=True):
            assert process.stdout is not None
            board.publish(EPOCH)
            assert len(process.stdout.readlines()) == 40
            feeder.join()
            assert process.wait() == 0
            process.stdout.close()
        board.publish(EPOCH)
        published = [
            post.identifier
            for edition in board.editions(EPOCH)
            for post in board.posts(EPOCH, edition=edition.number)
        ]
    wanted = [post.identifier for batch in batches for post in batch]
    assert len(published) == len(set(published))
    assert set(wanted) <= set(published)


def test_posts_that_are_put_together_share_a_commit(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        put(store, entry(10_000))
        before = _wal_commits(store.path)
        assert store.put([entry(i) for i in range(40)]) == [None] * 40
        assert store.epochs() == {EPOCH: 41}
        assert _wal_commits(store.path) - before == 1


def _wal_commits(path: Path) -> int:
    """Commit records in the write-ahead log: frames whose second header word is not 0."""
    data = path.with_name(path.name + "-wal").read_bytes()
    page = int.from_bytes(data[8:12], "big")
    salts = data[16:24]
    starts = range(32, len(data) - 23, 24 + page)
    valid = [start for start in starts if data[start + 8 : start + 16] == salts]
    return sum(data[start + 4 : start + 8] != bytes(4) for start in valid)


def test_concurrent_refusals_concern_only_their_own_post(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        put(store, entry(3, seq=7))
        outcomes: dict[int, str] = {}

        def attempt(i: int) -> None:
            try:
                put(store, entry(i, seq=5))
                outcomes[i] = "stored"
            except RefusedPostError as error:
                outcomes[i] = error.reason

        threads = [threading.Thread(target=attempt, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == {i: "seq" if i == 3 else "stored" for i in range(12)}
        assert store.epochs() == {EPOCH: 12}


def test_durability_settings_are_in_force(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        db = store._database._connection
        assert db.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert db.execute("PRAGMA synchronous").fetchall() == [(2,)]  # FULL


def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        ((pages,),) = store._database.rows("PRAGMA page_count")
        store._database._connection.execute(f"PRAGMA max_page_count = {pages + 20}").fetchall()
        kept: list[int] = []
        with pytest.raises(StoreError, match="disk is full"):
            _put_until_it_fails(store, kept)
        assert len(kept) > 10
        with pytest.raises(StoreError, match="disk is full"):
            close(store, lambda n: [entry(20_000 + i) for i in range(n)])
        assert store.closed(EPOCH) == ()
        assert store.epochs() == {EPOCH: len(kept)}
        store._database._connection.execute("PRAGMA max_page_count = 100000").fetchall()
        put(store, entry(len(kept)))
    with SqliteStore(tmp_path / "board.sqlite") as store:
        store.check()
        assert store.epochs() == {EPOCH: len(kept) + 1}


def _put_until_it_fails(store: SqliteStore, kept: list[int]) -> None:
    for number in range(10_000):
        put(store, entry(number))
        kept.append(number)


def test_a_file_that_can_not_grow(tmp_path: Path) -> None:
    """The real system error: the process may not write beyond a size."""
    path = tmp_path / "board.sqlite"
    make_store(tmp_path).close()
    code = SUBMITTER.replace("import sys\n", "import resource, signal, sys\n", 1).replace(
        "for line",
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))\nfor line",
    )
    posts = [make_post() for _ in range(60)]
    result = subprocess.run(
        [sys.executable, "-c", code, str(path), str(NOW), str(TESTS)],
        input="".join(bytes(post).hex() + "\n" for post in posts),
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    answered = {bytes.fromhex(line) for line in result.stdout.split()}
    assert 0 < len(answered) < 60
    assert result.returncode == 1
    assert "StoreError" in result.stderr
    with SqliteStore(path) as store:
        store.check()
        assert answered <= set(stored(path))


def test_publishing_is_all_or_nothing(tmp_path: Path) -> None:
    with make_store(tmp_path) as store:
        for number in range(3):
            put(store, entry(number))

        def fail(count: int) -> list[Entry]:
            raise RuntimeError(str(count))

        with pytest.raises(RuntimeError, match="253"):
            close(store, fail)
        assert store.closed(EPOCH) == ()
        assert store.epochs() == {EPOCH: 3}
        edition = close(store, lambda n: [entry(100 + i) for i in range(n)])
        assert edition.size == BUNDLE


def test_two_publishers_make_two_editions(tmp_path: Path) -> None:
    with make_store(tmp_path) as one, SqliteStore(tmp_path / "board.sqlite") as two:
        numbers: list[int] = []
        dummies = itertools.count()

        def publish(store: SqliteStore) -> None:
            edition = close(store, lambda n: [entry(next(dummies)) for _ in range(n)])
            numbers.append(edition.number)

        threads = [threading.Thread(target=publish, args=(store,)) for store in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers) == [0, 1]


def test_damage_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "board.sqlite"
    with make_store(tmp_path) as store:
        for number in range(200):
            put(store, entry(number))
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 6] = os.urandom(4096 * 3)
    path.write_bytes(data)
    with pytest.raises(StoreError, match="restore a backup"), SqliteStore(path) as store:
        store.check()


@pytest.mark.parametrize("size", [1, 100, 4096])
def test_a_file_of_something_else(tmp_path: Path, size: int) -> None:
    path = tmp_path / "board.sqlite"
    path.write_bytes(os.urandom(size))
    with pytest.raises(StoreError, match=r"damaged|is no board"):
        SqliteStore(path)


def test_another_sqlite_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is no board"):
        SqliteStore(path)
    with pytest.raises(StoreError, match="exists"):
        SqliteStore.create(path, BoardParameters(ORIGIN))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["other.sqlite"]


def test_an_empty_file_is_no_board(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(StoreError, match="is no board"):
        SqliteStore(tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_missing_and_existing_files(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is it there"):
        SqliteStore(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    make_store(tmp_path).close()
    with pytest.raises(StoreError, match="exists"):
        make_store(tmp_path)
    with pytest.raises(StoreError, match="may it be written"):
        SqliteStore.create(tmp_path / "no" / "such", BoardParameters(ORIGIN))


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    make_store(tmp_path).close()
    path = tmp_path / "board.sqlite"
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute(f"PRAGMA user_version = {len(sqlite.SCHEMA.steps) + 1}").fetchall()
    with pytest.raises(StoreError, match="upgrade billboard"):
        SqliteStore(path)


def test_an_older_version_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next release adds a table: a file of this one gets it, and keeps what it holds."""
    with make_store(tmp_path) as store:
        put(store, entry(1))
    steps = (*sqlite.SCHEMA.steps, "CREATE TABLE checkpoint (size INTEGER NOT NULL)")
    monkeypatch.setattr(sqlite, "SCHEMA", replace(sqlite.SCHEMA, steps=steps))
    for _ in range(2):
        with SqliteStore(tmp_path / "board.sqlite") as store:
            assert store.epochs() == {EPOCH: 1}
            assert store.parameters == BoardParameters(ORIGIN)
            assert store._database._connection.execute("SELECT * FROM checkpoint").fetchall() == []


def test_a_failed_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path).close()
    steps = (
        *sqlite.SCHEMA.steps,
        "CREATE TABLE checkpoint (size INTEGER); CREATE TABLE edition (x)",
    )
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "SCHEMA", replace(sqlite.SCHEMA, steps=steps))
        with pytest.raises(StoreError, match="already exists"):
            SqliteStore(tmp_path / "board.sqlite")
    with SqliteStore(tmp_path / "board.sqlite") as store:
        tables = store._database._connection.execute("SELECT name FROM sqlite_schema").fetchall()
        assert ("checkpoint",) not in tables


def test_a_locked_database_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT", 50)
    with make_store(tmp_path) as store:
        with contextlib.closing(apsw.Connection(str(store.path))) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                put(store, entry(1))
        put(store, entry(1))


def test_parameters_survive(tmp_path: Path) -> None:
    parameters = BoardParameters("example.org/other", 600, late_interval=60)
    SqliteStore.create(tmp_path / "b", parameters).close()
    with SqliteStore(tmp_path / "b") as store:
        assert store.parameters == parameters
        board = make_board(store, Clock(1_200.0))
        assert (board.origin, board.epoch_length, board.epoch) == ("example.org/other", 600, 2)
