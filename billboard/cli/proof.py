"""The commands `billboard prove` and `billboard verify`: a post is on a board (SPEC 9.8)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from billboard.board.directory import open_publication
from billboard.board.proof import manifest_proof_of, prove_post, verify_post
from billboard.cli import files
from billboard.cli.files import BoardPath, Output, console
from billboard.cli.trust import Key, Threshold, WitnessKeys, policy_of
from billboard.posts import Post
from billboard.tlog.checkpoint import Proof

proof_app = typer.Typer()

PostPath = Annotated[str, typer.Argument(metavar="POST", help="The post in base64, - for stdin.")]


@proof_app.command()
def prove(board: BoardPath, post: PostPath, out: Output = "-") -> None:
    """Write a proof that a post is on a board, which anybody with its key can verify offline."""
    wanted = Post.from_bytes(files.read_one(post, "post"))
    with open_publication(board) as publication:
        proof = bytes(prove_post(publication.file, wanted)).decode()
    files.write_text(out, proof)


@proof_app.command()
def verify(
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="What `prove` wrote.")],
    post: PostPath,
    *,
    key: Key,
    witness: WitnessKeys = None,
    threshold: Threshold = None,
) -> None:
    """Verify the proof that a post is on a board."""
    policy = policy_of(key, witness, threshold)
    parsed, wanted = Proof.from_bytes(proof.read_bytes()), files.read_one(post, "post")
    edition = verify_post(parsed, Post.from_bytes(wanted), policy)
    cosigned = len(policy.cosigned(manifest_proof_of(parsed).note))
    known = len(policy.witnesses)
    console.print(
        f"{policy.log.name}: epoch {edition.epoch}, edition {edition.number},"
        f" post {parsed.index + 1} of {edition.size}, cosigned by {cosigned} of {known}"
    )
