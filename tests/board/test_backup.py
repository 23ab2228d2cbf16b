"""Backups, and what a restored board may do (SPEC 9.3: it never signs two logs)."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from billboard import InvalidSignatureError, RefusedPostError, StoreError
from billboard.board import FileObjects
from billboard.board.backup import backup_board, restore_board, resume_board
from billboard.board.directory import DATABASE, KEY, OBJECTS
from billboard.board.manifest import Descriptor
from billboard.tlog.checkpoint import Checkpoint
from billboard.tlog.key_file import load_signer
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from board.boards import findings, new_board, opened
from board.support import DAY, EPOCH, Clock, make_post


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = new_board(tmp_path / "board")
    with opened(path) as running:
        running.submit(make_post())
        running.publish(EPOCH)
        running.submit(make_post())
    return path


def key_of(board: Path) -> NoteKey:
    return load_signer(board / KEY).key


def checkpoint_of(board: Path) -> bytes:
    with opened(board) as running:
        return running.checkpoint()


def objects_of(board: Path) -> dict[str, bytes]:
    objects = FileObjects(board / OBJECTS)
    return {name: objects.get(name) for name in objects.names("")}


def test_a_backup_is_the_board(board: Path, tmp_path: Path) -> None:
    backup_board(board, tmp_path / "copy", with_key=True)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == [KEY, DATABASE, OBJECTS]
    assert objects_of(tmp_path / "copy") == objects_of(board)
    assert findings(tmp_path / "copy") == []
    assert (tmp_path / "copy" / KEY).stat().st_mode & 0o777 == 0o600
    with opened(board) as running, opened(tmp_path / "copy") as copied:
        assert copied.checkpoint() == running.checkpoint()
        assert list(copied.posts(EPOCH, edition=0)) == list(running.posts(EPOCH, edition=0))


def test_the_key_is_only_copied_if_asked_for(board: Path, tmp_path: Path) -> None:
    backup_board(board, tmp_path / "copy")
    restore_board(tmp_path / "copy", tmp_path / "restored")
    assert not (tmp_path / "copy" / KEY).exists()
    assert not (tmp_path / "restored" / KEY).exists()
    shutil.copy(board / KEY, tmp_path / "restored" / KEY)
    resume_board(tmp_path / "restored", key_of(board), checkpoint_of(board))
    with opened(tmp_path / "restored") as going_on:
        assert going_on.publish(EPOCH).number == 1
    assert findings(tmp_path / "restored") == []


def test_a_restored_board_signs_nothing(board: Path, tmp_path: Path) -> None:
    backup_board(board, tmp_path / "copy", with_key=True)
    restore_board(tmp_path / "copy", tmp_path / "restored")
    for path in (tmp_path / "copy", tmp_path / "restored"):
        before = objects_of(path)
        with opened(path) as held:
            actions: tuple[Callable[[], object], ...] = (
                partial(held.submit, make_post()),
                partial(held.publish, EPOCH),
                held.publish_due,
                held.publish_closed,
                partial(held.close_edition, EPOCH),
                partial(held.publish_descriptor, Descriptor(b"x")),
                held.check_may_sign,
            )
            for action in actions:
                with pytest.raises(StoreError, match="billboard board resume"):
                    action()
            assert len(held.editions(EPOCH)) == 1
            assert len(held._store.closed(EPOCH)) == 1
        assert objects_of(path) == before


def test_what_resumes_a_restored_board(board: Path, tmp_path: Path) -> None:
    first = checkpoint_of(board)
    backup_board(board, tmp_path / "copy", with_key=True)
    restore_board(tmp_path / "copy", restored := tmp_path / "restored")
    with opened(board) as running:
        running.publish(EPOCH)
    latest, key = checkpoint_of(board), key_of(board)
    with pytest.raises(StoreError, match="a newer backup is needed"):
        resume_board(restored, key, latest)
    with pytest.raises(StoreError, match="not the latest"):
        resume_board(restored, key, b"")
    other = NoteSigner(key.name, Algorithm.ED25519, bytes(32))
    note = Note.from_bytes(first)
    with pytest.raises(InvalidSignatureError):
        resume_board(restored, key, bytes(Note(note.text, (other.sign(note.text),))))
    signer = load_signer(board / KEY)
    forked = str(Checkpoint(key.name, Checkpoint.from_text(note.text).size, bytes(32)))
    with pytest.raises(StoreError, match="or others"):
        resume_board(restored, key, bytes(Note(forked, (signer.sign(forked),))))
    with opened(restored) as held, pytest.raises(StoreError, match="resume"):
        held.publish(EPOCH)
    resume_board(restored, key, first)
    with opened(restored) as going_on:
        going_on.publish(EPOCH)


def test_a_board_that_published_nothing(tmp_path: Path) -> None:
    board = new_board(tmp_path / "board")
    with opened(board) as running:
        post = make_post()
        running.submit(post)
    backup_board(board, tmp_path / "copy", with_key=True)
    restore_board(tmp_path / "copy", tmp_path / "restored")
    resume_board(tmp_path / "restored", key_of(board), b"")
    with opened(tmp_path / "restored") as going_on:
        going_on.publish(EPOCH)
        assert post in list(going_on.posts(EPOCH, edition=0))


def test_a_backup_while_the_board_is_used_is_of_one_moment(board: Path, tmp_path: Path) -> None:
    def use() -> None:
        with opened(board) as running:
            while not stopping.is_set():
                running.submit(make_post())
                running.publish(EPOCH)

    stopping = threading.Event()
    thread = threading.Thread(target=use)
    thread.start()
    copies: list[Path] = []
    deadline = time.monotonic() + 30
    try:
        # Until something was published between copies, however long that takes here.
        while len(copies) < 3 or checkpoint_of(copies[-1]) == checkpoint_of(copies[0]):
            assert time.monotonic() < deadline
            copies.append(tmp_path / f"copy-{len(copies)}")
            backup_board(board, copies[-1], with_key=True)
    finally:
        stopping.set()
        thread.join()
    for copy in copies:
        assert findings(copy) == []
    assert findings(board) == []


def test_a_backup_after_expiring(board: Path, tmp_path: Path) -> None:
    clock = Clock()
    clock.now += 3 * DAY
    with opened(board, clock) as later:
        later.expire()
    backup_board(board, tmp_path / "copy", with_key=True)
    assert findings(tmp_path / "copy") == []


def test_what_can_not_be_copied(board: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a board"):
        backup_board(tmp_path, tmp_path / "copy")
    with pytest.raises(StoreError, match="File exists"):
        backup_board(board, board)
    (board / OBJECTS / f"{EPOCH}/0/index").unlink()
    with pytest.raises(StoreError, match=f"{EPOCH}/0/index is missing"):
        backup_board(board, tmp_path / "copy")
    assert not (tmp_path / "copy" / DATABASE).exists()
    with pytest.raises(StoreError, match="not a board"):
        restore_board(tmp_path / "copy", tmp_path / "restored")


def test_what_was_published_is_refused_by_a_restored_board(board: Path, tmp_path: Path) -> None:
    with opened(board) as running:
        (post, *_) = running.posts(EPOCH, edition=0)
    backup_board(board, tmp_path / "copy", with_key=True)
    resume_board(tmp_path / "copy", key_of(board), checkpoint_of(board))
    with opened(tmp_path / "copy") as going_on, pytest.raises(RefusedPostError) as refused:
        going_on.submit(post)
    assert refused.value.reason == "published"
