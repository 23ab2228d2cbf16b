"""The commands `billboard post` and `billboard fetch`, on a board's directory or over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from billboard.board import BoardParameters, open_board
from billboard.board.directory import open_publication
from billboard.board.publication import Publication
from billboard.board.receipt import Receipt
from billboard.cli import files
from billboard.cli.files import Ask, Epoch, LanePath, Output, PublicPath, console
from billboard.cli.remote import Remote, with_remote
from billboard.errors import BillboardError, BoardError, BoardFault
from billboard.lanes import Lane, LaneReader
from billboard.posts import Post
from billboard.times import epoch_at

posting_app = typer.Typer()

DECOYS = 7
"""Bundles that are fetched by default to hide which one is wanted."""

Place = Annotated[str, typer.Argument(metavar="BOARD", help="The board's directory, or its URL.")]


@posting_app.command()
@with_remote
def post(
    board: Place,
    lane: LanePath,
    public: PublicPath,
    blob: Annotated[str, typer.Argument(metavar="BLOB", help="The blob, - for stdin.")] = "-",
    epoch: Epoch = None,
    slot: Annotated[int, typer.Option(help="0, or the next one to replace a published post.")] = 0,
    replaces_seq: Annotated[
        int | None, typer.Option(help="The seq of the unpublished post that this one replaces.")
    ] = None,
    *,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="FILE", help="New file for the board's receipt."),
    ] = None,
    remote: Remote,
    passphrase: Ask = False,
    board_passphrase: Annotated[
        bool,
        typer.Option(
            "--board-passphrase",
            help="Ask for the passphrase of the board's key, if BOARD is a directory"
            f" (or set {files.BOARD_PASSPHRASE_VARIABLE}).",
        ),
    ] = False,
) -> None:
    """Seal a blob for a lane and submit it to a board. With a URL, give the board's --key."""
    owner = Lane.load(lane, files.passphrase(passphrase))
    sealed = owner.post(
        epoch_of(owner, epoch),
        files.read_blob(blob),
        files.read_public_key(public),
        seq=None if replaces_seq is None else replaces_seq + 1,
        slot=slot,
    )
    # The file is opened before the post is submitted, or the receipt could be lost.
    receipts = nullcontext() if out is None else files.new_file(Path(out), files.PRIVATE)
    with receipts as file:
        if _is_url(board):
            if board_passphrase:
                problem = "the board's key is only in its directory: leave out --board-passphrase"
                raise BillboardError(f"{board} is a URL, and {problem}")
            receipt = _submit(board, remote, owner, sealed)
        else:
            remote.check_unused(board)
            chosen = files.passphrase(
                board_passphrase,
                variable=files.BOARD_PASSPHRASE_VARIABLE,
                prompt="Passphrase of the board's key",
            )
            with open_board(board, chosen) as opened:
                _check_same_board(owner, opened.parameters)
                receipt = opened.submit(sealed)
        if file is not None:
            file.write(bytes(receipt).decode())
    console.print(f"posted for epoch {sealed.epoch}, slot {slot}, seq {sealed.seq}")


@posting_app.command()
@with_remote
def fetch(
    board: Place,
    grant: Annotated[str, typer.Argument(metavar="GRANT", help="The grant, - for stdin.")],
    epoch: Epoch = None,
    out: Output = "-",
    *,
    remote: Remote,
    decoys: Annotated[
        int | None,
        typer.Option(min=0, help=f"Bundles to hide the wanted one among; {DECOYS} if left out."),
    ] = None,
) -> None:
    """Find the blob of the device whose lane grant you have.

    With a URL, give the board's --key. Then everything that the board answers is verified.
    """
    reader = files.read_grant(grant)
    if _is_url(board):
        with remote.client(board) as client:
            hidden = DECOYS if decoys is None else decoys
            newest = client.find(reader, epoch, decoys=hidden)
    else:
        remote.check_unused(board)
        if decoys is not None:
            raise BillboardError(f"{board} is read as a directory, which needs no --decoys")
        with open_publication(board) as publication:
            _check_same_board(reader, publication.parameters)
            candidates = (
                post
                for each in _wanted(reader, epoch)
                for post in _candidates(publication, reader, each)
            )
            newest = reader.find(candidates)
    if newest is None:
        listed = " or ".join(map(str, _wanted(reader, epoch)))
        raise BillboardError(f"this lane has no post in a published edition of epoch {listed}")
    envelope = reader.open(newest)
    files.errors.print(f"for push server key {envelope.key_id.hex()}")
    files.write_lines(out, [bytes(envelope.blob)])


def epoch_of(lane: Lane | LaneReader, epoch: int | None) -> int:
    """Return the given epoch, or the current one of the lane."""
    return epoch_at(None, lane.epoch_length) if epoch is None else epoch


def _is_url(board: str) -> bool:
    return board.startswith(("http://", "https://"))


def _submit(url: str, remote: Remote, owner: Lane, sealed: Post) -> Receipt:
    with remote.client(url) as client:
        try:
            parameters = client.parameters()
        except BoardError as error:
            if error.reason is not BoardFault.MISSING:
                raise
            # The board has published nothing yet, also not its parameters. Its key has the origin.
            if client.origin != owner.origin:
                problem = f"this lane is for {owner.origin}, but this board is {client.origin}"
                raise BillboardError(problem) from None
        else:
            _check_same_board(owner, parameters)
        return client.submit(sealed)


def _check_same_board(lane: Lane | LaneReader, parameters: BoardParameters) -> None:
    ours, its = (
        f"{side.origin} with epochs of {side.epoch_length} s in class {side.frame_class.name}"
        for side in (lane, parameters)
    )
    if ours != its:
        raise BillboardError(f"this lane is for {ours}, but this board is {its}")


def _wanted(reader: LaneReader, epoch: int | None) -> list[int]:
    """Return the epochs to look in."""
    current = epoch_of(reader, None)
    return [current, current - 1] if epoch is None else [epoch]


def _candidates(publication: Publication, reader: LaneReader, epoch: int) -> Iterator[Post]:
    """Yield one bundle of the first edition, and all posts of the later editions."""
    for edition in publication.editions(epoch) if epoch >= reader.epoch else ():
        if edition.number == 0:
            yield from publication.bundle(epoch, reader.identifier(epoch))
        else:
            yield from publication.posts(epoch, edition=edition.number)
