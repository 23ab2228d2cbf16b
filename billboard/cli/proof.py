"""The commands `billboard prove` and `billboard verify`: a post is on a board (SPEC 9.8)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from billboard.board import Board, open_board
from billboard.board.checkpoint import Policy, Proof
from billboard.board.note import NoteKey
from billboard.board.proof import Get, manifest_proof_of, prove_post, verify_post
from billboard.cli import files
from billboard.cli.files import BoardPath, Output, console
from billboard.posts import Post

proof_app = typer.Typer()

PostPath = Annotated[str, typer.Argument(metavar="POST", help="The post in base64, - for stdin.")]


@proof_app.command()
def prove(board: BoardPath, post: PostPath, out: Output = "-") -> None:
    """Write the proof that a post is on a board, for whoever has its key and no network."""
    wanted = Post.from_bytes(files.read_one(post, "post"))
    with open_board(board) as opened:
        proof = bytes(prove_post(_published(opened), wanted)).decode()
    if out == "-":
        sys.stdout.write(proof)
    else:
        with files.new_file(Path(out)) as file:
            file.write(proof)


@proof_app.command()
def verify(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="The proof.")],
    post: PostPath,
    *,
    board: Annotated[str, typer.Option(metavar="VKEY", help="The board's key.")],
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="VKEY", help="Key of a witness to trust; may be repeated."),
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(min=0, help="How many must have cosigned; all if left out.")
    ] = None,
) -> None:
    """Verify the proof that a post is on a board."""
    witnesses = tuple(map(NoteKey.from_text, witness or ()))
    needed = len(witnesses) if threshold is None else threshold
    policy = Policy(NoteKey.from_text(board), witnesses, needed)
    parsed, wanted = Proof.from_bytes(proof.read_bytes()), files.read_one(post, "post")
    edition = verify_post(parsed, Post.from_bytes(wanted), policy)
    cosigned = len(policy.cosigned(manifest_proof_of(parsed).note))
    console.print(
        f"{policy.log.name}: epoch {edition.epoch}, edition {edition.number},"
        f" post {parsed.index + 1} of {edition.size}, cosigned by {cosigned} of {len(witnesses)}"
    )


def _published(board: Board) -> Get:
    """What readers get of a board."""

    def get(name: str) -> bytes:
        if name != "checkpoint":
            return board.object(name)
        found = board.checkpoint()
        if not found:
            raise LookupError(f"{board.origin} has published nothing")
        return found

    return get
