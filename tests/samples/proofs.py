"""Receipts, and proofs without network (SPEC 9.6, 9.8)."""

from __future__ import annotations

import functools
import random

from billboard import FrameClass, Post
from billboard.posts import box_size
from billboard.tlog import merkle
from billboard.tlog.note import Algorithm, NoteSigner, encode_base64
from samples.board import LAST, board_origin
from samples.logs import LATEST, strange_lines, strange_number, tree
from samples.notes import joined, note_of, note_text, policy_of, signer_of, witnesses_of
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    element,
    flipped,
    length,
    near,
    number,
    sampler,
    sometimes_damaged,
)


@sampler("receipt/sign")
def _receipt_sign(rng: Random) -> Json:
    values = {"origin": board_origin(rng), "secret": data(rng, 32).hex()}
    return {**values, "post": data(rng, 300).hex(), "deadline": number(rng, 0, LATEST)}


@sampler("receipt/open")
def _receipt_open(rng: Random) -> Json:
    board = signer_of(rng, Algorithm.ED25519, board_origin(rng))
    numbers = str(number(rng, 0, LAST)), str(number(rng, 0, LATEST))
    digest = encode_base64(data(rng, 32))
    lines = ["billboard/receipt@v1", board.key.name, numbers[0], digest, numbers[1]]
    if chance(rng, 0.3):
        lines = strange_lines(rng, lines)
    note = note_of(rng, joined(lines).replace("\r", ""), board)
    return {"receipt": note.hex(), "board": str(board.key)}


@sampler("proof/encode")
def _proof_encode(rng: Random) -> Json:
    hashes = [data(rng, 32).hex() for _ in range(rng.randrange(5))]
    extra = rng.choice((None, data(rng, length(rng, 90)).hex()))
    note = note_of(rng, note_text(rng), signer_of(rng))
    index = number(rng, 0, LATEST)
    return {"extra": extra, "index": index, "hashes": hashes, "note": note.hex()}


def _proof(extra: bytes | None, index: int, hashes: list[bytes], note: bytes) -> bytes:
    lines = [] if extra is None else [f"extra {encode_base64(extra)}"]
    lines += [f"index {index}", *map(encode_base64, hashes), ""]
    return joined(["c2sp.org/tlog-proof@v1", *lines]).encode() + note


@sampler("proof/decode")
def _proof_decode(rng: Random) -> Json:
    hashes = [encode_base64(data(rng, 32)) for _ in range(rng.randrange(4))]
    extra = [f"extra {encode_base64(data(rng, length(rng, 90)))}"] if chance(rng, 0.5) else []
    index = str(number(rng, 0, LATEST))
    if chance(rng, 0.1):
        index = strange_number(rng, index)
    lines = ["c2sp.org/tlog-proof@v1", *extra, f"index {index}", *hashes]
    if chance(rng, 0.2):
        lines = strange_lines(rng, lines)
    proof = joined([*lines, ""]).encode() + note_of(rng, "text\n", signer_of(rng))
    return {"proof": sometimes_damaged(rng, proof, share=0.1).hex()}


EPOCHS = (0, 20_800, LAST)


@functools.cache
def _edition(epoch: int) -> tuple[list[bytes], list[bytes]]:
    """Its 256 posts, right but for their signatures, which no proof is about; and their leaves."""
    rng, posts = random.Random(epoch), list[bytes]()
    while len(posts) < 256:
        public = element(rng)
        if public != bytes(32):
            box = rng.randbytes(box_size(FrameClass.H))
            posts.append(
                bytes(Post(epoch, number(rng, 0, LAST), public, bytes(32), box, bytes(64)))
            )
    posts.sort()
    return posts, list(map(merkle.leaf_hash, posts))


def _manifest_proof(rng: Random, epoch: int, signers: list[NoteSigner]) -> bytes:
    """That the manifest of the edition is in the master log of the first signer; not always."""
    on, root = signers[0].key.name, merkle.subtree_hash(0, 256, tree(_edition(epoch)[1]))
    said = flipped(rng, root) if chance(rng, 0.03) else root
    hashes = [encode_base64(said), encode_base64(bytes(32))]
    manifest = ["billboard/edition@v1", on, str(epoch), "0", "256", *hashes, "1797120000"]
    if chance(rng, 0.05):
        manifest = strange_lines(rng, manifest)
    entry, sibling = joined(manifest).encode(), rng.randbytes(32)
    above = merkle.node_hash(sibling, merkle.leaf_hash(entry))
    note = note_of(rng, joined([on, "2", encode_base64(above)]), *signers)
    inner = _proof(entry, 1, [sibling], note)
    return damaged(rng, inner) if chance(rng, 0.03) else inner


def _post_proof(rng: Random, epoch: int, place: int, board: NoteSigner, inner: bytes) -> bytes:
    """That the post at a place is in the edition; not always."""
    leaves = _edition(epoch)[1]
    log = f"{board.key.name}/{epoch}/{1 if chance(rng, 0.02) else 0}"
    root = encode_base64(merkle.subtree_hash(0, 256, tree(leaves)))
    note = note_of(rng, joined([log, "256", root]), board)
    path = merkle.subtree_proof(place, place + 1, 256, tree(leaves))
    index = near(rng, place) if chance(rng, 0.03) else place
    return _proof(None if chance(rng, 0.02) else inner, index, path, note)


@sampler("proof/check-post")
def _check_post(rng: Random) -> Json:
    board, witnesses = signer_of(rng, Algorithm.ED25519, board_origin(rng)), witnesses_of(rng)
    epoch, place = rng.choice(EPOCHS), rng.randrange(256)
    inner = _manifest_proof(rng, epoch, [board, *witnesses])
    proof = _post_proof(rng, epoch, place, board, inner)
    post = sometimes_damaged(rng, _edition(epoch)[0][place], share=0.05)
    if chance(rng, 0.03):
        post = rng.choice(_edition(rng.choice(EPOCHS))[0])
    return {"proof": proof.hex(), "post": post.hex(), **policy_of(rng, board, witnesses)}


@sampler("proof/check-absence")
def _check_absence(rng: Random) -> Json:
    board, witnesses = signer_of(rng, Algorithm.ED25519, board_origin(rng)), witnesses_of(rng)
    epoch = rng.choice(EPOCHS)
    posts = _edition(epoch)[0]
    near_one = int.from_bytes(rng.choice(posts)[:32], "big") + rng.choice((-1, 0, 1))
    wanted = rng.choice((near_one.to_bytes(32, "big"), bytes(32), b"\xff" * 32, rng.randbytes(32)))
    after = sum(post[:32] < wanted for post in posts)
    places = [place for place in (after - 1, after) if 0 <= place < 256]
    if chance(rng, 0.2):
        places = rng.sample(range(max(after - 2, 0), min(after + 3, 256)), rng.randrange(3))
    inner = _manifest_proof(rng, epoch, [board, *witnesses])
    neighbours = [
        {"post": posts[place].hex(), "proof": _post_proof(rng, epoch, place, board, inner).hex()}
        for place in places
    ]
    policy = policy_of(rng, board, witnesses)
    return {"neighbours": neighbours, "identifier": wanted.hex(), **policy}
