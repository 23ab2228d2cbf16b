"""What a reader keeps: as much as there is room for, and what it must not forget."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from billboard import Board, Post, StoreError
from billboard.board.reading.cache import DISK, Cache
from board.conftest import Connect
from board.http_board import HttpBoard, fails
from board.support import EPOCH, make_post

BLOCK = 4096


def used(directory: Path) -> int:
    """Bytes of the files there, as they take a disk."""
    files = [path for path in (directory / "objects").rglob("*") if path.is_file()]
    return sum(-(-path.stat().st_size // BLOCK) * BLOCK for path in files)


def names(cache: Cache) -> set[str]:
    return {f"{i}/0/index" for i in range(10) if cache.get(f"{i}/0/index") is not None}


def name(i: int) -> str:
    return f"{i}/0/index"


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0, disk=3 * BLOCK)
    for i in range(3):
        cache.put(name(i), bytes([i]))
    assert cache.get(name(0)) == b"\0"
    cache.put(name(3), bytes(2 * BLOCK))
    assert used(tmp_path) == 3 * BLOCK
    assert names(cache) == {name(0), name(3)}
    cache.put(name(3), b"less")
    cache.put(name(4), b"one more")
    assert names(cache) == {name(0), name(3), name(4)}


def test_what_is_used_from_memory_counts_as_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=BLOCK, disk=2 * BLOCK)
    cache.put(name(0), b"in memory")
    cache.put(name(1), b"in memory")
    cache.get(name(0))
    cache.put(name(2), b"in memory")
    assert {path.parts[-3] for path in tmp_path.rglob("index")} == {"0", "2"}


def test_the_order_outlives_a_restart(tmp_path: Path) -> None:
    with_room = Cache(tmp_path, memory=0, disk=4 * BLOCK)
    for i in range(4):
        with_room.put(name(i), b"x")
        os.utime(tmp_path / "objects" / name(i), (i, i))
    with_room.get(name(0))
    with_room.close()
    again = Cache(tmp_path, memory=0, disk=3 * BLOCK)
    assert used(tmp_path) == 3 * BLOCK
    again.put(name(4), b"x")
    assert names(again) == {name(0), name(3), name(4)}


def test_what_is_larger_than_the_room_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0, disk=BLOCK)
    cache.put(name(0), b"small")
    cache.put(name(1), bytes(BLOCK + 1))
    assert names(cache) == {name(0)}
    cache.put(name(0), bytes(BLOCK + 1))
    assert names(cache) == set()
    assert used(tmp_path) == 0


def test_what_is_deleted_or_expired_makes_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0, disk=3 * BLOCK)
    for i in range(3):
        cache.put(name(i), b"x")
    cache.delete(name(2))
    cache.expire(1)
    assert used(tmp_path) == BLOCK
    for i in (3, 4):
        cache.put(name(i), b"x")
    assert names(cache) == {name(1), name(3), name(4)}


def test_what_was_cut_off_is_dropped(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0)
    cache.put(name(0), b"x")
    cache.close()
    half = tmp_path / "objects" / "0" / "0" / ".index.0123456789abcdef"
    half.write_bytes(b"half")
    assert names(Cache(tmp_path, memory=0)) == {name(0)}
    assert not half.exists()


def test_what_somebody_deleted_is_not_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0)
    cache.put(name(0), b"x")
    (tmp_path / "objects" / name(0)).unlink()
    assert cache.get(name(0)) is None
    cache.put(name(0), b"x")
    assert cache.get(name(0)) == b"x"


def test_what_is_saved_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, memory=0, disk=0)
    cache.save("checkpoint", bytes(BLOCK))
    cache.save("decoys/5", b"5")
    cache.put(name(0), b"x")
    cache.close()
    again = Cache(tmp_path, memory=0, disk=0)
    assert (again.load("checkpoint"), again.load("decoys/5")) == (bytes(BLOCK), b"5")
    assert names(again) == set()


def test_a_gibibyte_by_default(tmp_path: Path) -> None:
    assert DISK == 2**30
    cache = Cache(tmp_path, memory=0)
    room = cache._on_disk
    for i in range(1025):
        room.add(str(i), 2**20)
    assert "0" not in room
    assert "1" in room


@pytest.mark.parametrize("disk", [0, 20_000, 150_000])
def test_a_client_of_little_room(
    connect: Connect, served: HttpBoard, board: Board, tmp_path: Path, disk: int
) -> None:
    """It finds what it looks for, keeps to its room, and forgets nothing that keeps it safe."""
    post = _published(board)
    options = {"directory": tmp_path / "cache", "memory": 0, "disk": disk}
    for _ in range(2):
        client = connect(served.url, **options)
        for _ in range(2):
            assert client.fetch(EPOCH, post.identifier) == post
            assert client.parameters() == board.parameters
            assert used(tmp_path / "cache") <= disk
        client.close()
    saved = {path.name for path in (tmp_path / "cache").iterdir()} - {"objects"}
    assert saved == {"lock", "checkpoint", "decoys"}


def test_parameters_that_were_dropped_are_asked_for_and_verified(
    connect: Connect, served: HttpBoard, board: Board, tmp_path: Path
) -> None:
    """They need no room of their own: the checkpoint, which stays, says what they are."""
    _published(board)
    options = {"directory": tmp_path / "cache", "memory": 0, "disk": 0}
    client = connect(served.url, **options)
    client.parameters()
    client.close()
    bundle = board.object("tile/entries/000.p/2")
    served.replace("tile/entries/000.p/2", bundle.replace(b"\n3600\n", b"\n3601\n", 1))
    fails("damaged", connect(served.url, **options).parameters)


def _published(board: Board) -> Post:
    post = make_post()
    board.submit(post)
    board.publish(EPOCH)
    return post


def test_a_directory_that_can_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        Cache(tmp_path / "file", memory=0)
