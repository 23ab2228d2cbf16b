"""Merkle trees, tiles, entries of the master log, indexes (SPEC 9.3, 9.5)."""

from __future__ import annotations

import hashlib

from vectors.engine.board import identifiers

from billboard.tlog import merkle
from billboard.tlog.note import encode_base64
from samples.board import LAST, board_origin
from samples.lanes import epoch_length
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
    length,
    near,
    number,
    sampler,
    sometimes_damaged,
)

LATEST = 2**63 - 1


def _size(rng: Random, most: int = 300) -> int:
    """Of a tree: often around a power of two."""
    return min(max((1 << rng.randrange(9)) + rng.choice((-1, 0, 1, 1)), 1), most)


def _leaves(rng: Random, count: int) -> Json:
    return {"seed": rng.randbytes(4).hex(), "count": count}


def tree(leaves: list[bytes]) -> merkle.Node:
    def node(level: int, index: int) -> bytes:
        return merkle.complete_hash(b"".join(leaves[index << level : (index + 1) << level]))

    return node


def _changed_proof(rng: Random, proof: list[bytes]) -> list[str]:
    """Half of them as they are."""
    kind = rng.randrange(10)
    if kind == 0:
        proof = proof[:-1]
    elif kind == 1:
        proof = [*proof, rng.randbytes(32)]
    elif kind == 2 and proof:
        position = rng.randrange(len(proof))
        proof = [flipped(rng, each) if i == position else each for i, each in enumerate(proof)]
    elif kind == 3:
        proof = rng.sample(proof, len(proof))
    elif kind == 4:
        proof = []
    return [each.hex() for each in proof]


@sampler("merkle/root")
def _root(rng: Random) -> Json:
    return {"entries": [data(rng, length(rng, 80)).hex() for _ in range(number(rng, 0, 20))]}


@sampler("merkle/inclusion")
def _inclusion(rng: Random) -> Json:
    size = _size(rng)
    return {"leaves": _leaves(rng, size), "index": number(rng, 0, size - 1)}


@sampler("merkle/check-inclusion")
def _check_inclusion(rng: Random) -> Json:
    entries = [rng.randbytes(8) for _ in range(_size(rng, 40))]
    leaves = list(map(merkle.leaf_hash, entries))
    size, index = len(entries), rng.randrange(len(entries))
    root = merkle.subtree_hash(0, size, tree(leaves))
    proof = merkle.subtree_proof(index, index + 1, size, tree(leaves))
    entry = sometimes_damaged(rng, entries[index], share=0.1)
    if chance(rng, 0.2):
        index, size = near(rng, index, size), near(rng, size)
    root = flipped(rng, root) if chance(rng, 0.1) else root
    values = {"entry": entry.hex(), "index": index, "size": size, "root": root.hex()}
    return {**values, "proof": _changed_proof(rng, proof)}


@sampler("merkle/consistency")
def _consistency(rng: Random) -> Json:
    size = _size(rng)
    return {"leaves": _leaves(rng, size), "old_size": number(rng, 0, size)}


@sampler("merkle/check-consistency")
def _check_consistency(rng: Random) -> Json:
    leaves = [rng.randbytes(32) for _ in range(_size(rng, 40))]
    size = len(leaves)
    old = number(rng, 0, size)
    roots = [merkle.subtree_hash(0, each, tree(leaves)) for each in (old, size)]
    proof = merkle.consistency_proof(old, size, tree(leaves))
    if chance(rng, 0.2):
        old, size = near(rng, old, size, high=999), near(rng, size, 0, high=999)
    if chance(rng, 0.2):
        roots[rng.randrange(2)] = rng.choice((merkle.EMPTY, rng.randbytes(32), *roots))
    values = {"old_size": old, "size": size, "old_root": roots[0].hex(), "root": roots[1].hex()}
    return {**values, "proof": _changed_proof(rng, proof)}


@sampler("tile/path")
def _path(rng: Random) -> Json:
    level = rng.choice((None, number(rng, 0, 63)))
    index = 10 ** rng.randrange(12) * rng.randrange(10) - rng.choice((0, 1))
    return {"level": level, "index": max(index, 0), "width": number(rng, 1, 256)}


@sampler("tile/paths")
def _paths(rng: Random) -> Json:
    return {"size": 256 * number(rng, 0, 4) + number(rng, 0, 255)}


@sampler("tile/hashes")
def _hashes(rng: Random) -> Json:
    if chance(rng, 0.3):
        return {"leaves": _leaves(rng, 256 * number(rng, 1, 4)), "level": 1, "index": 0}
    count = number(rng, 1, 1000)
    return {"leaves": _leaves(rng, count), "level": 0, "index": rng.randrange(-(-count // 256))}


@sampler("entries/encode")
def _encode_entries(rng: Random) -> Json:
    return {"entries": [data(rng, length(rng, 300)).hex() for _ in range(number(rng, 0, 6))]}


@sampler("entries/decode")
def _decode_entries(rng: Random) -> Json:
    entries = [data(rng, length(rng, 300)) for _ in range(number(rng, 0, 6))]
    bundle = b"".join(len(each).to_bytes(2, "big") + each for each in entries)
    bundle = sometimes_damaged(rng, bundle, share=0.3)
    return {"bundle": bundle.hex(), "count": near(rng, *[len(entries)] * 5)}


# Entries of the master log


def _numbers(rng: Random) -> Json:
    return {
        "epoch": number(rng, 0, LAST),
        "number": number(rng, 0, LATEST),
        "size": 256 * number(rng, 1, LATEST // 256),
        "root": data(rng, 32).hex(),
        "index": data(rng, 32).hex(),
        "time": number(rng, 0, LATEST),
    }


@sampler("entry/encode-edition")
def _encode_edition(rng: Random) -> Json:
    return {"origin": board_origin(rng), **_numbers(rng)}


@sampler("entry/encode-descriptor")
def _encode_descriptor(rng: Random) -> Json:
    size = rng.choice((0, 59_999, 60_000, 60_001)) if chance(rng, 0.1) else length(rng, 300)
    return {"origin": board_origin(rng), "descriptor": data(rng, size).hex()}


def strange_number(rng: Random, text: str) -> str:
    """Another way to write a number, another one, or none."""
    ways = (f"0{text}", f"+{text}", f" {text}", f"-{text}", "", "0", "00", f"{text}.0", "1_000")
    return rng.choice((*ways, str(2**63), str(2**32), f"{text}\u0660", text + "\r", "1e3"))


def strange_hash(rng: Random, text: str) -> str:
    """Another way to write a hash, another one, or none."""
    ways = (text[:-1], text + "=", text.replace("+", "-"), text + " ", "", "====", "\u00e9")
    return rng.choice((*ways, encode_base64(bytes(31)), encode_base64(bytes(33)), _loose(text)))


def _loose(text: str) -> str:
    """The bits behind the last byte are not all zero; a text too short for that stays as it is."""
    if len(text) < 2:
        return text
    return text[:-2] + chr(ord(text[-2]) + 1) + text[-1:]


def strange_lines(rng: Random, lines: list[str]) -> list[str]:
    """A line more or less, or one that is another."""
    position = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        return [*lines, rng.choice(("", "x"))]
    if kind == 1:
        return lines[:-1]
    if kind == 2:
        return ["", *lines]
    text = lines[position]
    strange = strange_hash(rng, text) if text.endswith("=") else strange_number(rng, text)
    return [strange if i == position else each for i, each in enumerate(lines)]


@sampler("entry/decode")
def _decode_entry(rng: Random) -> Json:
    on, kind = board_origin(rng), rng.randrange(3)
    if kind == 0:
        letters = rng.choice(("H", "S", "L", "XL", "XL", "M", "l", "8"))
        interval = near(rng, 1, LAST + 1, 3600)
        lines = ["billboard/board@v1", on, str(epoch_length(rng)), letters, str(interval)]
    elif kind == 1:
        given = _numbers(rng)
        encoded = [encode_base64(bytes.fromhex(given[name])) for name in ("root", "index")]
        numbers = [str(given[name]) for name in ("epoch", "number", "size")]
        lines = ["billboard/edition@v1", on, *numbers, *encoded, str(given["time"])]
    else:
        lines = ["billboard/descriptor@v1", on]
    if chance(rng, 0.4) and kind < 2:
        lines = strange_lines(rng, lines)
    entry = "".join(f"{line}\n" for line in lines).encode()
    if kind == 2:
        entry += data(rng, length(rng, 200))
    entry = sometimes_damaged(rng, entry, share=0.1)
    return {"origin": board_origin(rng) if chance(rng, 0.05) else on, "entry": entry.hex()}


# Indexes


def _edition(rng: Random) -> Json:
    return {**_leaves(rng, 256 * number(rng, 1, 3)), "zeros": rng.choice((0, 0, 7, 8))}


@sampler("index/encode")
def _encode_index(rng: Random) -> Json:
    return {"edition": _edition(rng)}


@sampler("index/decode")
def _decode_index(rng: Random) -> Json:
    edition = _edition(rng)
    index = b"".join(each[:8] for each in identifiers(**edition)[::256])
    if chance(rng, 0.4):
        index = rng.choice(
            (index[:-8], index[8:] + index[:8], index + bytes(8), damaged(rng, index))
        )
    digest = hashlib.sha256(index).digest()
    if chance(rng, 0.1):
        digest = flipped(rng, digest)
    return {"index": index.hex(), "size": edition["count"], "digest": digest.hex()}
