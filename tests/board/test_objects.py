"""Objects as files: written once, durable, whole (SPEC 9.3)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from billboard import StoreError
from billboard.board import FileObjects


@pytest.fixture
def objects(tmp_path: Path) -> FileObjects:
    return FileObjects(tmp_path / "objects")


def leftovers(directory: Path) -> list[str]:
    return [path.name for path in directory.rglob(".*")]


def test_what_is_put_is_there(objects: FileObjects) -> None:
    put = {"a": b"1", "d/b": b"", "d/e/c": bytes(100_000)}
    objects.put(put.items())
    assert {name: objects.get(name) for name in put} == put
    assert sorted(objects.names("")) == sorted(put)
    assert sorted(objects.names("d/")) == ["d/b", "d/e/c"]
    assert list(objects.names("f/")) == []
    assert leftovers(objects.directory) == []
    assert sorted(FileObjects(objects.directory).names("")) == sorted(put)


@pytest.mark.parametrize("name", ["b", "a/b", "d", "d/e"])
def test_what_is_not_there(objects: FileObjects, name: str) -> None:
    objects.put([("a", b"1"), ("d/e/c", b"2")])
    with pytest.raises(LookupError, match=name):
        objects.get(name)


def written(path: Path) -> tuple[int, int]:
    """Which file that is, and when it was written to."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def test_an_object_never_changes(objects: FileObjects) -> None:
    objects.put([("a", b"1")])
    made = written(objects.directory / "a")
    objects.put([("a", b"1")])
    assert written(objects.directory / "a") == made
    with pytest.raises(StoreError, match="never changes"):
        objects.put([("a", b"2")])
    assert objects.get("a") == b"1"
    assert leftovers(objects.directory) == []


def test_what_was_put_before_a_failure_is_whole(objects: FileObjects) -> None:
    objects.put([("b", b"other")])
    with pytest.raises(StoreError):
        objects.put([("a", b"1"), ("b", b"2"), ("c", b"3")])
    assert sorted(objects.names("")) == ["a", "b"]
    assert objects.get("a") == b"1"


def test_a_name_below_an_object(objects: FileObjects) -> None:
    objects.put([("a", b"1")])
    with pytest.raises(StoreError, match="a"):
        objects.put([("a/b", b"2")])


def test_what_is_deleted(objects: FileObjects) -> None:
    objects.put([("1/a", b"1"), ("1/t/b", b"2"), ("11/a", b"3"), ("2/a", b"4")])
    (objects.directory / "1" / ".a.0123").write_bytes(b"cut off")
    objects.delete("1/")
    objects.delete("1/")
    objects.delete("3/")
    assert sorted(objects.names("")) == ["11/a", "2/a"]
    assert not (objects.directory / "1").exists()
    objects.put([("1/a", b"5")])
    assert objects.get("1/a") == b"5"


def test_what_is_deleted_takes_room_until_it_is_swept(objects: FileObjects) -> None:
    kept = {".deleted.file", ".snapshot", "2"}
    (objects.directory / ".deleted.file").write_bytes(b"of a put that was cut off")
    (objects.directory / ".snapshot").mkdir()
    objects.put([("1/t/a", b"1"), ("2/a", b"2")])
    objects.delete("1/")
    assert len(list(objects.directory.iterdir())) == len(kept) + 1
    FileObjects(objects.directory).sweep()
    objects.sweep()
    assert {path.name for path in objects.directory.iterdir()} == kept
    assert list(objects.names("")) == ["2/a"]


def test_cut_off_puts_are_no_objects(objects: FileObjects) -> None:
    objects.put([("a", b"1")])
    (objects.directory / ".a.0123").write_bytes(b"cut off")
    assert list(objects.names("")) == ["a"]


def test_storage_that_fails(objects: FileObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="Input/output error"):
            objects.put([("a", b"1")])
        with pytest.raises(StoreError, match="Input/output error"):
            FileObjects(objects.directory)
        with pytest.raises(StoreError, match="Input/output error"):
            objects.delete("d/")
    assert list(objects.names("")) == []
    objects.put([("a", b"1")])
    with pytest.raises(StoreError, match="File exists"):
        FileObjects(objects.directory / "a")


def test_many_threads_put_the_same(objects: FileObjects) -> None:
    def put() -> None:
        try:
            objects.put((f"{number % 3}/{number}", bytes([number])) for number in range(40))
        except StoreError as error:
            failures.append(error)

    failures: list[StoreError] = []
    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(objects.names(""))) == 40
    assert leftovers(objects.directory) == []
