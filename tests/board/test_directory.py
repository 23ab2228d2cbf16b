"""Boards and witnesses are made whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billboard import BoardParameters, SecretFileError, StoreError
from billboard.board import create_board, open_board
from billboard.tlog.cosigner import create_witness, open_witness
from board.support import ORIGIN


def board(path: Path) -> None:
    create_board(path, BoardParameters(ORIGIN))
    open_board(path).close()


def witness(path: Path) -> None:
    create_witness(path, "witness.example")
    with open_witness(path, []):
        pass


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (board, "billboard.storage.secret_file.save"),
        (board, "billboard.board.directory.FileObjects"),
        (board, "billboard.board.directory.SqliteStore.create"),
        (witness, "billboard.storage.secret_file.save"),
        (witness, "billboard.tlog.cosigner.Database.create"),
    ],
)
@pytest.mark.parametrize(
    "error", [SecretFileError("cannot be written"), StoreError("full"), KeyboardInterrupt()]
)
def test_what_could_not_be_made_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], None],
    step: str,
    error: BaseException,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(step, failing(error))
        with pytest.raises(type(error)):
            make(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "new")


@pytest.mark.parametrize("make", [board, witness])
def test_what_is_there_already_stays(tmp_path: Path, make: Callable[[Path], None]) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "file").write_bytes(b"precious")
    for path in (there, there / "file"):
        with pytest.raises(StoreError, match="cannot be made"):
            make(path)
    assert (there / "file").read_bytes() == b"precious"
    with pytest.raises(StoreError, match="cannot be made"):
        make(tmp_path / "no" / "such")
