"""Merkle trees of RFC 6962 over SHA-256: hashes, roots and proofs (SPEC 9.3).

A tree of n leaves has a *subtree* of leaves [start, end) wherever splitting [0, n) at the largest
power of two below its length, again and again, leads to it. A complete one is named by its level
and index: it has the leaves [index << level, (index + 1) << level).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from billboard import _core
from billboard.errors import InvalidEncodingError

Node = Callable[[int, int], bytes]
"""A function that gives the hash of a complete subtree, by level and index."""

EMPTY = hashlib.sha256().digest()
"""The root of the tree without leaves."""


leaf_hashes = _core.leaf_hashes
"""Return the hashes of leaves, one after the other."""

complete_hash = _core.complete_hash
"""Return the hash of the complete subtree above 2^k hashes, given one after the other."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf."""
    return leaf_hashes([entry])


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node with two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree_hash(start: int, end: int, node: Node) -> bytes:
    """Return the hash of the subtree of leaves [start, end); of the whole tree if it is [0, n)."""
    size = end - start
    if size == 0:
        return EMPTY
    level = size.bit_length() - 1
    if size == 1 << level:
        return node(level, start >> level)
    middle = start + (1 << level)
    return node_hash(node(level, start >> level), subtree_hash(middle, end, node))


def subtree_proof(start: int, end: int, size: int, node: Node) -> list[bytes]:
    """Return the inclusion proof of the subtree [start, end) in the tree of ``size`` leaves.

    For a single leaf it is the one of RFC 6962, section 2.1.1: siblings from the bottom to the top.
    Raises `InvalidEncodingError` if the tree has no such subtree.
    """
    return [subtree_hash(*sibling, node) for sibling, _ in reversed(_path(start, end, size))]


def root_of_proof(
    found: bytes, start: int, end: int, size: int, proof: Sequence[bytes]
) -> bytes | None:
    """Return the root of the tree of ``size`` leaves with ``found`` as its subtree [start, end).

    None if ``proof`` has the wrong length. The caller compares the root. Raises
    `InvalidEncodingError` if the tree has no such subtree.
    """
    path = _path(start, end, size)
    if len(path) != len(proof):
        return None
    for (_, is_left), sibling in zip(reversed(path), proof, strict=True):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    return found


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Return the proof that the tree of ``old`` leaves is the beginning of that of ``new`` leaves.

    It is the one of RFC 6962, section 2.1.2, and empty if ``old`` is 0 or ``new``.
    """
    if not 0 < old < new:
        return []
    start, end, path = _frontier(old, new)
    proof = [] if start == 0 else [subtree_hash(start, end, node)]
    return proof + [subtree_hash(*sibling, node) for sibling, _ in reversed(path)]


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether ``proof`` shows that the ``old`` leaves are the beginning of the ``new``."""
    if not 0 < old < new:
        same = old == new and old_root == new_root
        return (same or old < new) and (old > 0 or old_root == EMPTY) and not proof
    start, _, path = _frontier(old, new)
    first = [old_root] if start == 0 else list(proof[:1])
    siblings = proof if start == 0 else proof[1:]
    if not first or len(path) != len(siblings):
        return False
    small = large = first[0]
    for (_, is_left), sibling in zip(reversed(path), siblings, strict=True):
        large = node_hash(sibling, large) if is_left else node_hash(large, sibling)
        if is_left:
            small = node_hash(sibling, small)
    return small == old_root and large == new_root


_Siblings = list[tuple[tuple[int, int], bool]]
"""The leaves of each sibling, and whether it is on the left, from the top to the bottom."""


def _path(start: int, end: int, size: int) -> _Siblings:
    low, high, path = 0, size, _Siblings()
    if not 0 <= start < end <= size:
        raise InvalidEncodingError("proof", f"[{start}, {end}) is not within {size} leaves")
    while (low, high) != (start, end):
        if high - low == 1:
            raise InvalidEncodingError("proof", f"[{start}, {end}) is no subtree of {size} leaves")
        middle = low + _split(high - low)
        if start < middle:
            path.append(((middle, high), False))
            high = middle
        else:
            path.append(((low, middle), True))
            low = middle
    return path


def _frontier(old: int, new: int) -> tuple[int, int, _Siblings]:
    """The last of the complete subtrees that make up ``old`` leaves, and its path in ``new``."""
    low, high, path = 0, new, _Siblings()
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(((middle, high), False))
            high = middle
        else:
            path.append(((low, middle), True))
            low = middle
    return low, high, path


def _split(size: int) -> int:
    """The largest power of two below ``size``, which is 2 or more."""
    return 1 << ((size - 1).bit_length() - 1)
