"""Merkle trees (RFC 6962, section 2.1) and their proofs, SPEC 9.3."""

import hashlib
from collections.abc import Sequence

from .refusals import Refused, require

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size: int) -> int:
    """Give k, the largest power of two that is smaller than the size."""
    return 1 << (size - 1).bit_length() - 1


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Give MTH of hashes of leaves."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(root_of(leaves[:k]), root_of(leaves[k:]))


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Give PATH, from the sibling of the leaf up."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion(leaves[:k], index), root_of(leaves[k:])]
    return [*inclusion(leaves[k:], index - k), root_of(leaves[:k])]


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """Give PROOF that the first `old` leaves are a tree that this one goes on with."""
    return [] if old == 0 else _subproof(leaves, old, whole=True)


def _subproof(leaves: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*_subproof(leaves[:k], old, whole=whole), root_of(leaves[k:])]
    return [*_subproof(leaves[k:], old - k, whole=False), root_of(leaves[:k])]


def _last(proof: Sequence[bytes]) -> tuple[Sequence[bytes], bytes]:
    if not proof:
        raise Refused("wrong-length")
    return proof[:-1], proof[-1]


def _climb(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    if size == 1:
        if proof:
            raise Refused("wrong-length")
        return leaf
    below, sibling = _last(proof)
    k = split(size)
    if index < k:
        return node_hash(_climb(leaf, index, k, below), sibling)
    return node_hash(sibling, _climb(leaf, index - k, size - k, below))


def check_inclusion(
    leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse a proof that a leaf is in a tree."""
    if not 0 <= index < size:
        raise Refused("index-not-in-tree")
    require(_climb(leaf, index, size, proof) == root, "root")


def check_consistency(
    old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """Refuse a proof that a tree goes on with another."""
    if old > size:
        raise Refused("size-smaller")
    if old == 0:
        require(not proof, "wrong-length")
        require(old_root == EMPTY, "old-root")
        require(size > 0 or root == EMPTY, "root")
        return
    olds, news = _replay(old, size, proof, old_root, whole=True)
    require(olds == old_root, "old-root")
    require(news == root, "root")


def _replay(
    old: int, size: int, proof: Sequence[bytes], old_root: bytes, *, whole: bool
) -> tuple[bytes, bytes]:
    """Give the roots of the old and of the new tree that a proof comes to."""
    if old == size and whole:
        if proof:
            raise Refused("wrong-length")
        return old_root, old_root
    below, sibling = _last(proof)
    if old == size:
        if below:
            raise Refused("wrong-length")
        return sibling, sibling
    k = split(size)
    if old <= k:
        olds, news = _replay(old, k, below, old_root, whole=whole)
        return olds, node_hash(news, sibling)
    olds, news = _replay(old - k, size - k, below, old_root, whole=False)
    return node_hash(sibling, olds), node_hash(sibling, news)
