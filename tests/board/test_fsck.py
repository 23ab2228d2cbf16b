"""`fsck` finds whatever is wrong with a board, and names it all."""

# ruff: noqa: S608

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import apsw
import pytest

from billboard.board import FileObjects, SqliteStore
from billboard.board.directory import DATABASE, KEY, OBJECTS
from billboard.board.fsck import check_board
from billboard.board.manifest import Descriptor
from billboard.board.publisher import checkpoint_name
from billboard.board.sqlite import row_digest
from billboard.tlog.key_file import load_signer
from board.boards import findings, new_board, opened
from board.support import DAY, EPOCH, Clock, make_lane, make_post


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two published editions, one that is closed, posts that wait, a descriptor that is pending."""
    path = new_board(tmp_path_factory.mktemp("fsck") / "board")
    with opened(path) as board:
        for _ in range(5):
            board.submit(make_post())
        board.publish(EPOCH)
        board.publish_descriptor(Descriptor(b"of a push server"))
        board.submit(make_post())
        board.publish(EPOCH)
        board.submit(make_post())
        board.close_edition(EPOCH)
        for _ in range(3):
            board.submit(make_post(epoch=EPOCH + 1))
    return path


@pytest.fixture
def board(original: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(original, tmp_path / "board"))


def execute(board: Path, *statements: str) -> None:
    with contextlib.closing(apsw.Connection(str(board / DATABASE))) as db:
        for statement in statements:
            db.execute(statement)
            assert db.changes() or not statement.startswith(("UPDATE", "DELETE"))


def test_nothing_is_wrong(board: Path) -> None:
    assert findings(board) == []


def test_nothing_is_wrong_with_a_new_board(tmp_path: Path) -> None:
    assert findings(new_board(tmp_path / "board")) == []


def test_nothing_is_wrong_after_expiring(board: Path) -> None:
    clock = Clock()
    clock.now += 3 * DAY
    with opened(board, clock) as later:
        assert later.expire() == 0, "what still waits is published first"
        later.publish_due()
        assert later.expire() > 3 * 256
        assert findings(board) == []
        later.publish(EPOCH + 3)
    assert findings(board) == []


ROW = f"UPDATE post_{EPOCH} SET {{}} WHERE position = 3"
WAITING = f"UPDATE post_{EPOCH + 1} SET {{}} WHERE position = 2"


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        (ROW.format("identifier = randomblob(32)"), f"post 3 of epoch {EPOCH}"),
        (ROW.format("seq = seq + 1"), f"post 3 of epoch {EPOCH}"),
        (ROW.format("digest = x'0000000000000000'"), f"post 3 of epoch {EPOCH}"),
        (ROW.format("data = CAST('text' AS TEXT)"), f"post 3 of epoch {EPOCH}"),
        (ROW.format("data = NULL").replace("NULL", "1"), f"post 3 of epoch {EPOCH}"),
        (ROW.format("position = 10000"), f"post 10000 of epoch {EPOCH}"),
        (WAITING.format("seq = seq + 1"), f"post 2 of epoch {EPOCH + 1}"),
        (WAITING.format("identifier = randomblob(32)"), f"post 2 of epoch {EPOCH + 1}"),
        (f"DELETE FROM post_{EPOCH} WHERE position = 768", f"{EPOCH}"),
        (f"DELETE FROM post_{EPOCH} WHERE position = 100", f"post 101 of epoch {EPOCH}"),
        (f"DROP TABLE post_{EPOCH}", f"post_{EPOCH}"),
        (f"CREATE TABLE post_{EPOCH + 2} (a)", f"post_{EPOCH + 2}"),
        (f"DELETE FROM epoch WHERE epoch = {EPOCH}", f"edition 0 of epoch {EPOCH}"),
        ("UPDATE edition SET size = 255 WHERE number = 1", f"edition 1 of epoch {EPOCH}"),
        ("UPDATE edition SET size = 512 WHERE number = 2", f"posts of epoch {EPOCH}"),
        ("UPDATE edition SET first = 2 WHERE number = 0", f"edition 0 of epoch {EPOCH}"),
        ("UPDATE edition SET time = time + 1 WHERE number = 2", f"edition 2 of epoch {EPOCH}"),
        ("UPDATE edition SET time = time + 3600 WHERE number = 1", f"{EPOCH}/1/"),
        ("UPDATE edition SET time = 'soon' WHERE number = 1", f"edition 1 of epoch {EPOCH}"),
        ("UPDATE edition SET number = 3 WHERE number = 1", f"edition 3 of epoch {EPOCH}"),
        ("UPDATE edition SET leaf = x'00' WHERE number = 1", f"{EPOCH}/1/"),
        ("UPDATE edition SET leaf = NULL WHERE number = 1", f"{EPOCH}/1/"),
        ("UPDATE edition SET leaf = x'00' WHERE number = 2", f"{EPOCH}/2/"),
        ("DELETE FROM edition WHERE number = 0", f"{EPOCH}/0/"),
        ("UPDATE log SET root = zeroblob(32)", "master log"),
        ("UPDATE log SET size = size - 1", "checkpoints/4"),
        ("UPDATE log SET note = CAST(note || x'20' AS BLOB)", "last checkpoint"),
        ("UPDATE log SET served_size = 1", "served checkpoint"),
        ("UPDATE log SET served_size = 5", "served checkpoint"),
        ("UPDATE log SET served = x''", "served checkpoint"),
        ("UPDATE log SET pending = x'00'", "pending entry"),
        ("UPDATE board SET late_interval = 1800", "entry 0 of the master log"),
        ("UPDATE board SET frame_class = 2", f"post 1 of epoch {EPOCH}"),
    ],
)
def test_a_wrong_row_is_found(board: Path, statement: str, where: str) -> None:
    execute(board, statement)
    found = findings(board)
    assert any(where in each for each in found), found
    assert all("; " in each for each in found)


def flip(data: bytes, chosen: random.Random) -> bytes:
    damaged = bytearray(data)
    damaged[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_damaged_file_is_found_and_named(board: Path, step: int) -> None:
    objects = FileObjects(board / OBJECTS)
    for number, name in enumerate(sorted(objects.names(""))[::step]):
        path, whole = board / OBJECTS / name, objects.get(name)
        path.write_bytes(flip(whole, random.Random(number)))
        assert any(each.startswith((name, "master log")) for each in findings(board)), name
        path.unlink()
        found = findings(board)
        if name == checkpoint_name(4):  # the last one is put again before the next
            assert found == []
        else:
            assert any(name in each for each in found), name
        path.write_bytes(whole)
    assert findings(board) == []


class Flipped:
    """The objects in a directory, one of which has one other bit."""

    def __init__(self, objects: FileObjects, name: str, bit: int) -> None:
        self._objects, self._name, self._bit = objects, name, bit

    def get(self, name: str) -> bytes:
        data = bytearray(self._objects.get(name))
        if name == self._name:
            data[self._bit // 8] ^= 1 << self._bit % 8
        return bytes(data)

    def names(self, prefix: str) -> Iterator[str]:
        return self._objects.names(prefix)

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:  # noqa: ARG002
        raise AssertionError("fsck changes nothing")

    def delete(self, prefix: str) -> None:  # noqa: ARG002
        raise AssertionError("fsck changes nothing")

    def sweep(self) -> None:
        raise AssertionError("fsck changes nothing")


@pytest.mark.parametrize("step", [397, pytest.param(1, marks=pytest.mark.slow)])
def test_every_bit_of_a_file_counts(tmp_path: Path, step: int) -> None:
    """Of the files of a master log, which are small."""
    path = new_board(tmp_path / "board")
    with opened(path) as board:
        board.publish_descriptor(Descriptor(b"of a push server"))
    objects, key = FileObjects(path / OBJECTS), load_signer(path / KEY).key
    bits = [
        (name, bit)
        for name in sorted(objects.names(""))
        for bit in range(8 * len(objects.get(name)))
    ]
    assert len(bits) > 4000
    with SqliteStore(path / DATABASE) as store:
        for name, bit in bits[::step]:
            assert any(check_board(store, Flipped(objects, name, bit), key)), (name, bit)


@pytest.mark.parametrize("step", [397, pytest.param(1, marks=pytest.mark.slow)])
def test_every_bit_of_a_row_counts(tmp_path: Path, step: int) -> None:
    path, post = new_board(tmp_path / "board"), make_post()
    with opened(path) as board:
        board.submit(post)
    assert findings(path) == []
    table, key = f"post_{EPOCH}", load_signer(path / KEY).key
    columns = {
        "data": bytes(post),
        "identifier": post.identifier,
        "digest": row_digest(bytes(post)),
        "seq": post.seq.to_bytes(7, "big"),
        "position": (1).to_bytes(7, "big"),
    }
    bits = [(column, bit) for column, data in columns.items() for bit in range(8 * len(data))]
    with (
        SqliteStore(path / DATABASE) as store,
        contextlib.closing(apsw.Connection(str(path / DATABASE))) as db,
    ):
        db.execute("PRAGMA synchronous = OFF")
        for column, bit in bits[::step]:
            damaged = bytearray(columns[column])
            damaged[bit // 8] ^= 1 << bit % 8
            for value in (damaged, columns[column]):
                number = int.from_bytes(value, "big")
                put = number if column in ("seq", "position") else bytes(value)
                db.execute(f"UPDATE {table} SET {column} = ?", (put,))
                found = any(check_board(store, FileObjects(path / OBJECTS), key))
                assert found == (value is damaged), (column, bit)


def test_all_findings_are_named(board: Path) -> None:
    objects = FileObjects(board / OBJECTS)
    damaged = [f"{EPOCH}/0/tile/0/000", f"{EPOCH}/1/index", checkpoint_name(2), "tile/0/000.p/1"]
    for name in damaged:
        (board / OBJECTS / name).write_bytes(flip(objects.get(name), random.Random(name)))
    objects.put([("foreign", b"?"), (f"{EPOCH}/9/index", b"?")])
    execute(board, WAITING.format("seq = seq + 1"))
    found = findings(board)
    expected = [*damaged, "foreign", f"{EPOCH}/9/index", f"post 2 of epoch {EPOCH + 1}"]
    assert len(found) == len(expected)
    for name in expected:
        assert sum(name in each for each in found) == 1


def test_a_damaged_row_does_not_accuse_its_files(board: Path) -> None:
    execute(board, ROW.format("data = zeroblob(500)"))
    assert len(findings(board)) == 1


def _unlink(board: Path) -> None:
    (board / OBJECTS / f"{EPOCH}/2/tile/0/000").unlink(missing_ok=True)


def _garbage(board: Path) -> None:
    FileObjects(board / OBJECTS).put([(f"{EPOCH}/2/tile/0/000", bytes(8192))])


@pytest.mark.parametrize(("change", "wrong"), [(_unlink, 0), (_garbage, 1)])
def test_what_an_unfinished_edition_has_must_be_right(
    board: Path, change: Callable[[Path], None], wrong: int
) -> None:
    change(board)
    assert len(findings(board)) == wrong


def test_an_old_database_is_found(board: Path, tmp_path: Path) -> None:
    shutil.copytree(board, tmp_path / "old")
    with opened(board) as newer:
        newer.publish_closed()
    shutil.copyfile(tmp_path / "old" / DATABASE, board / DATABASE)
    assert any("old backup" in each for each in findings(board))


def test_a_damaged_page_is_found(board: Path) -> None:
    """Somewhere within a post that waits, and within the tree that leads to posts."""
    path = board / DATABASE
    whole = path.read_bytes()
    lane_post = make_post(make_lane())
    with opened(board) as running:
        running.submit(lane_post)
    whole = path.read_bytes()
    position = whole.index(bytes(lane_post)) + 300
    path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
    assert any("digest" in each for each in findings(board))
