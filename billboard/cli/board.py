"""The commands `billboard board`, for the operator of a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from billboard.board import BoardParameters, create_board, open_board
from billboard.board.manifest import Descriptor
from billboard.board.parameters import DEFAULT_LATE_INTERVAL
from billboard.cli import files
from billboard.cli.files import Ask, BoardPath, Class, Epoch, console
from billboard.cli.trust import Witnesses, witnesses_of
from billboard.times import DEFAULT_EPOCH_LENGTH

board_app = typer.Typer(no_args_is_help=True, help="Look after a board.")


@board_app.command("init")
def init(
    board: BoardPath,
    origin: Annotated[str, typer.Option(help="The board's name: a domain and a path.")],
    epoch_length: Annotated[int, typer.Option(help="Seconds of an epoch.")] = DEFAULT_EPOCH_LENGTH,
    class_name: Class = "L",
    late_interval: Annotated[
        int, typer.Option(help="Seconds from one edition of an epoch to the next.")
    ] = DEFAULT_LATE_INTERVAL,
    passphrase: Ask = False,
) -> None:
    """Make an empty board, and show its key, which readers and witnesses need."""
    frame_class = files.frame_class(class_name)
    parameters = BoardParameters(origin, epoch_length, frame_class, late_interval)
    key = create_board(board, parameters, files.passphrase(passphrase, confirm=True))
    console.print(str(key))


@board_app.command("close")
def close(board: BoardPath, epoch: Epoch = None, passphrase: Ask = False) -> None:
    """Close the next edition of an epoch: later posts go into a later one."""
    with open_board(board, files.passphrase(passphrase)) as opened:
        chosen = opened.epoch if epoch is None else epoch
        opened.close_edition(chosen)
        console.print(f"epoch {chosen}: an edition is closed. Next: billboard board publish")


@board_app.command("publish")
def publish(
    board: BoardPath,
    epoch: Epoch = None,
    due: Annotated[
        bool, typer.Option("--due", help="Publish all that is due by the schedule, of any epoch.")
    ] = False,
    witness: Witnesses = None,
    passphrase: Ask = False,
) -> None:
    """Publish the next edition of an epoch, or all that is due.

    `billboard serve` does this by itself; a board that it does not serve needs this in cron.
    """
    asked = witnesses_of(witness)
    with open_board(board, files.passphrase(passphrase), witnesses=asked) as opened:
        if due:
            editions = opened.publish_due()
        else:
            editions = (opened.publish(opened.epoch if epoch is None else epoch),)
    for edition in editions:
        console.print(f"epoch {edition.epoch}, edition {edition.number}: {edition.size} posts")


@board_app.command("descriptor")
def descriptor(
    board: BoardPath,
    file: Annotated[Path, typer.Argument(metavar="DESCRIPTOR", help="The server's descriptor.")],
    witness: Witnesses = None,
    passphrase: Ask = False,
) -> None:
    """Add the descriptor of a push server to the log, so that everybody sees the same one.

    `billboard push descriptor` shows it.
    """
    asked = witnesses_of(witness)
    with open_board(board, files.passphrase(passphrase), witnesses=asked) as opened:
        opened.publish_descriptor(Descriptor(file.read_bytes()))


@board_app.command("expire")
def expire(board: BoardPath, passphrase: Ask = False) -> None:
    """Delete what is older than the previous epoch."""
    with open_board(board, files.passphrase(passphrase)) as opened:
        console.print(f"{opened.expire()} posts deleted")
        opened.sweep()


@board_app.command("info")
def info(board: BoardPath, passphrase: Ask = False) -> None:
    """Show what is on the board, and its key."""
    with open_board(board, files.passphrase(passphrase)) as opened:
        console.print(f"{opened.origin}: class {opened.frame_class.name},", end=" ")
        console.print(f"epochs of {opened.epoch_length} s, now {opened.epoch}")
        console.print(f"key {opened.key}")
        table = Table("epoch", "waiting", "editions", "published, with dummies")
        for epoch, waiting in opened.epochs().items():
            editions = opened.editions(epoch)
            size = sum(edition.size for edition in editions)
            table.add_row(str(epoch), str(waiting), str(len(editions)), str(size))
        console.print(table)
