"""Commands that look after the files of a board."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from billboard.board import FileObjects, SqliteStore
from billboard.board.backup import backup_board, restore_board, resume_board
from billboard.board.directory import DATABASE, KEY, OBJECTS
from billboard.board.fsck import check_board
from billboard.cli import files
from billboard.cli.files import Ask, BoardPath, console
from billboard.tlog.key_file import load_signer
from billboard.tlog.note import NoteKey

maintenance_app = typer.Typer()

BoardKey = Annotated[
    str | None,
    typer.Option(metavar="VKEY", help="The board's public key; that of its key file if left out."),
]
NewDirectory = Annotated[Path, typer.Argument(metavar="NEW", help="A directory to make.")]


@maintenance_app.command("fsck")
def board_fsck(board: BoardPath, key: BoardKey = None, passphrase: Ask = False) -> None:
    """Check all the data of a board, and say what is wrong and what to do. It may be in use."""
    with SqliteStore(board / DATABASE) as store:
        found = 0
        for finding in check_board(
            store, FileObjects(board / OBJECTS), _key(board, key, passphrase)
        ):
            found += 1
            console.print(str(finding))
    console.print(f"{found} findings" if found else "nothing is wrong")
    if found:
        raise typer.Exit(1)


@maintenance_app.command("backup")
def board_backup(
    board: BoardPath,
    new: NewDirectory,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Copy the key too. It is a secret.")
    ] = False,
) -> None:
    """Copy a board, which may be in use, to the directory NEW."""
    backup_board(board, new, with_key=with_key)
    console.print(f"{new} is a backup of {board}" + (", with its key" if with_key else ""))


@maintenance_app.command("restore")
def board_restore(
    backup_path: Annotated[Path, typer.Argument(metavar="BACKUP", help="The backup's directory.")],
    new: NewDirectory,
) -> None:
    """Copy a backup to the directory NEW, as a board that signs nothing until `resume`."""
    restore_board(backup_path, new)
    console.print(f"{new} is restored. Next: billboard board resume {new} CHECKPOINT")
    if not (new / KEY).exists():
        console.print(f"the backup has no key: put the board's at {new / KEY}")


@maintenance_app.command("resume")
def board_resume(
    board: BoardPath,
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="File of the latest checkpoint that readers or witnesses have; empty if none was"
            " ever published; - for stdin.",
        ),
    ],
    key: BoardKey = None,
    passphrase: Ask = False,
) -> None:
    """Let a restored board sign again, if its log is that of its latest checkpoint."""
    data = sys.stdin.buffer.read() if checkpoint == "-" else Path(checkpoint).read_bytes()
    resume_board(board, _key(board, key, passphrase), data)
    console.print(f"{board} goes on: it can sign again")


def _key(board: Path, key: str | None, ask: bool) -> NoteKey:
    if key is not None:
        return NoteKey.from_text(key)
    return load_signer(board / KEY, files.passphrase(ask)).key
