"""Merkle trees (SPEC 9.3), compared with RFC 6962 as its text defines them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from billboard import InvalidEncodingError
from billboard.tlog import merkle

# The values that the tests of Certificate Transparency's first implementation publish.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def mth(d: list[bytes]) -> bytes:
    """The Merkle Tree Hash of section 2.1."""
    if not d:
        return sha256(b"")
    if len(d) == 1:
        return sha256(b"\x00" + d[0])
    k = split(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:]))


def path(m: int, d: list[bytes]) -> list[bytes]:
    """The audit path of section 2.1.1."""
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def subproof(m: int, d: list[bytes], whole: bool) -> list[bytes]:
    """The consistency proof of section 2.1.2."""
    if m == len(d):
        return [] if whole else [mth(d)]
    k = split(len(d))
    if m <= k:
        return [*subproof(m, d[:k], whole), mth(d[k:])]
    return [*subproof(m - k, d[k:], False), mth(d[:k])]


def node_of(d: list[bytes]) -> merkle.Node:
    def node(level: int, index: int) -> bytes:
        leaves = d[index << level : (index + 1) << level]
        assert len(leaves) == 1 << level
        return mth(leaves)

    return node


def make(size: int) -> list[bytes]:
    return [number.to_bytes(2, "big") for number in range(size)]


sizes = st.integers(1, 70) | st.sampled_from([127, 128, 129, 255, 256, 257])


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    d = LEAVES[:size]
    assert merkle.subtree_hash(0, size, node_of(d)).hex() == ROOTS[size] == mth(d).hex()


@given(sizes)
def test_roots_are_those_of_the_definition(size: int) -> None:
    d = make(size)
    assert merkle.subtree_hash(0, size, node_of(d)) == mth(d)
    assert merkle.leaf_hash(d[0]) == mth(d[:1])


@given(st.data(), sizes)
def test_inclusion_proofs_are_those_of_the_definition(data: st.DataObject, size: int) -> None:
    d = make(size)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.subtree_proof(index, index + 1, size, node_of(d))
    assert proof == path(index, d)
    found = merkle.leaf_hash(d[index])
    assert merkle.root_of_proof(found, index, index + 1, size, proof) == mth(d)


@given(st.data(), sizes)
def test_no_other_inclusion_proof_verifies(data: st.DataObject, size: int) -> None:
    d, root = make(size), mth(make(size))
    index = data.draw(st.integers(0, size - 1))
    proof, found = path(index, d), merkle.leaf_hash(d[index])
    verified = [
        merkle.root_of_proof(found, other, other + 1, size, proof) == root for other in range(size)
    ]
    assert [at for at, each in enumerate(verified) if each] == [index]
    assert merkle.root_of_proof(merkle.leaf_hash(b"?"), index, index + 1, size, proof) != root
    assert merkle.root_of_proof(found, index, index + 1, size, [*proof, bytes(32)]) is None
    for cut in range(len(proof)):
        assert merkle.root_of_proof(found, index, index + 1, size, proof[:cut]) is None
        changed = [*proof[:cut], bytes(32), *proof[cut + 1 :]]
        assert merkle.root_of_proof(found, index, index + 1, size, changed) != root


@given(st.data(), sizes, st.integers(0, 5))
def test_a_subtree_is_proven_as_a_leaf_is(data: st.DataObject, size: int, level: int) -> None:
    """Of a bundle: of 2^level leaves, or what there is of them at the end."""
    d, width = make(size), 1 << level
    start = data.draw(st.integers(0, (size - 1) // width)) * width
    end = min(start + width, size)
    found = merkle.subtree_hash(start, end, node_of(d))
    assert found == mth(d[start:end])
    proof = merkle.subtree_proof(start, end, size, node_of(d))
    assert merkle.root_of_proof(found, start, end, size, proof) == mth(d)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 2), (-1, 1), (6, 8), (1, 3), (0, 3)])
def test_what_is_no_subtree_has_no_proof(start: int, end: int) -> None:
    with pytest.raises(InvalidEncodingError):
        merkle.subtree_proof(start, end, 7, node_of(make(7)))


@given(st.data(), sizes)
def test_consistency_proofs_are_those_of_the_definition(data: st.DataObject, new: int) -> None:
    d = make(new)
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_proof(old, new, node_of(d))
    assert proof == subproof(old, d, True)
    assert merkle.verify_consistency(old, mth(d[:old]), new, mth(d), proof)


@given(st.data(), sizes.filter(lambda size: size > 1))
def test_no_other_consistency_proof_verifies(data: st.DataObject, new: int) -> None:
    d = make(new)
    old = data.draw(st.integers(1, new - 1))
    proof, first, last = subproof(old, d, True), mth(d[:old]), mth(d)
    forged = [*d[: old - 1], b"forged"]
    assert not merkle.verify_consistency(old, mth(forged), new, last, proof)
    assert not merkle.verify_consistency(old, first, new, mth([*forged, *d[old:]]), proof)
    assert not merkle.verify_consistency(old, first, new, last, [*proof, bytes(32)])
    for cut in range(len(proof)):
        assert not merkle.verify_consistency(old, first, new, last, proof[:cut])
        changed = [*proof[:cut], bytes(32), *proof[cut + 1 :]]
        assert not merkle.verify_consistency(old, first, new, last, changed)


def test_the_edges_of_consistency() -> None:
    d = make(5)
    root = mth(d)
    assert merkle.consistency_proof(0, 5, node_of(d)) == []
    assert merkle.consistency_proof(5, 5, node_of(d)) == []
    assert merkle.verify_consistency(0, merkle.EMPTY, 5, root, [])
    assert merkle.verify_consistency(5, root, 5, root, [])
    assert not merkle.verify_consistency(0, merkle.EMPTY, 5, root, [root])
    assert not merkle.verify_consistency(0, root, 5, root, [])
    assert not merkle.verify_consistency(5, bytes(32), 5, root, [])
    assert not merkle.verify_consistency(5, root, 5, root, [root])
    assert not merkle.verify_consistency(6, root, 5, root, [])
