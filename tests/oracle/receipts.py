"""Receipts, and proofs without network (C2SP tlog-proof), SPEC 9.6 and 9.8."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from . import logs, merkle, notes
from .refusals import Refused, require
from .text import from_base64, lines_of, number, split_lines, to_base64

RECEIPT_LINE = "billboard/receipt@v1"
PROOF_LINE = "c2sp.org/tlog-proof@v1"


class Receipt(NamedTuple):
    """What a board promises to a submitter."""

    origin: str
    epoch: int
    digest: bytes
    deadline: int

    def encode(self) -> bytes:
        """Give the text that is signed."""
        hashed = to_base64(self.digest)
        return lines_of(RECEIPT_LINE, self.origin, str(self.epoch), hashed, str(self.deadline))


def receipt_of(origin: str, post: bytes, deadline: int) -> Receipt:
    """Give the receipt of a post."""
    epoch = int.from_bytes(post[33:37], "big")
    return Receipt(origin, epoch, hashlib.sha256(post).digest(), deadline)


def decode_receipt(text: bytes) -> Receipt:
    """Decode the text of a receipt."""
    kind, origin, epoch, digest, deadline = split_lines(text, 5)
    require(kind == RECEIPT_LINE, "receipt-kind")
    return Receipt(origin, number(epoch, 32), from_base64(digest, 32), number(deadline, 63))


def open_receipt(data: bytes, board: notes.Key) -> Receipt:
    """Decode a signed receipt and verify it under the key of a board."""
    note = notes.decode(data)
    notes.require_signed(note, board)
    receipt = decode_receipt(note.text)
    require(receipt.origin == board.name, "other-origin")
    return receipt


class Proof(NamedTuple):
    """That an entry is in a log; the checkpoint is a signed note."""

    extra: bytes | None
    place: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def encode_proof(proof: Proof) -> bytes:
    """Encode a proof."""
    extra = [] if proof.extra is None else [f"extra {to_base64(proof.extra)}"]
    hashes = map(to_base64, proof.hashes)
    head = lines_of(PROOF_LINE, *extra, f"index {proof.place}", *hashes, "")
    return head + proof.checkpoint


def decode_proof(data: bytes) -> Proof:
    """Decode a proof; nothing is verified."""
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank:
        raise Refused("no-blank-line")
    lines = split_lines(head + b"\n", head.count(b"\n") + 1)
    require(lines.pop(0) == PROOF_LINE, "proof-kind")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = from_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise Refused("lines")
    index = number(lines.pop(0).removeprefix("index "), 63)
    notes.decode(checkpoint)
    return Proof(extra, index, tuple(from_base64(line, 32) for line in lines), checkpoint)


def check_entry(proof: Proof, entry: bytes, checkpoint: logs.Checkpoint) -> None:
    """Refuse a proof that does not show an entry in the log of a checkpoint."""
    leaf, (_, size, root) = merkle.leaf_hash(entry), checkpoint
    merkle.check_inclusion(leaf, proof.place, size, root, proof.hashes)


def check_post(data: bytes, post: bytes, policy: logs.Policy) -> logs.Manifest:
    """Refuse a proof that does not show that a post is on a board; give the manifest, SPEC 9.8."""
    outer = decode_proof(data)
    inner = decode_proof(_extra(outer))
    origin = policy.board.name
    manifest = logs.decode_entry(_extra(inner), origin)
    if not isinstance(manifest, logs.Manifest):
        raise Refused("no-manifest")
    alone = logs.Policy(policy.board, (), 0)
    edition = logs.open_checkpoint(outer.checkpoint, manifest.log, alone)
    master = logs.open_checkpoint(inner.checkpoint, origin, policy)
    require(edition.size == manifest.size, "other-size")
    require(edition.root == manifest.root, "other-root")
    require(int.from_bytes(post[33:37], "big") == manifest.epoch, "other-epoch")
    check_entry(outer, post, edition)
    check_entry(inner, manifest.encode(), master)
    return manifest


def check_absence(
    neighbours: Sequence[tuple[bytes, bytes]], identifier: bytes, policy: logs.Policy
) -> logs.Manifest:
    """Refuse proofs of posts that do not show that an identifier is absent from an edition."""
    manifests = [check_post(data, post, policy) for data, post in neighbours]
    if not manifests:
        raise Refused("not-neighbours")
    require(all(each == manifests[0] for each in manifests), "other-edition")
    places = [(decode_proof(data).place, post) for data, post in neighbours]
    logs.check_absent(manifests[0].size, identifier, places)
    return manifests[0]


def _extra(proof: Proof) -> bytes:
    if proof.extra is None:
        raise Refused("no-extra")
    return proof.extra
