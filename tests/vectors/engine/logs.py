"""The test vectors, run against the engine: logs, notes and proofs (SPEC 9.3 to 9.6, 9.8)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from billboard import InvalidSignatureError, Post
from billboard.board import Edition
from billboard.board.manifest import Descriptor, decode_leaf, encode_leaf
from billboard.board.proof import Neighbor, _index, verify_absence, verify_post
from billboard.board.publisher import indexed
from billboard.board.receipt import Receipt
from billboard.storage import secret_file
from billboard.tlog import merkle, tiles
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.key_file import load_signer, save_seed
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from billboard.tlog.tiles import TileReader
from billboard.tlog.writer import LogWriter
from vectors.engine.board import hashes, identifiers
from vectors.engine.setting import Json, Setting, operation, unhex


class Memory(dict[str, bytes]):
    """Objects in memory, which are written once."""

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        for name, data in objects:
            assert self.setdefault(name, data) == data

    def get(self, name: str) -> bytes:  # type: ignore[override]
        return self[name]


def log_of(leaves: list[bytes]) -> tuple[Memory, TileReader]:
    """The tiles of the log that has these hashes of leaves."""
    objects = Memory()
    with patch.object(merkle, "leaf_hashes", b"".join):  # each entry stands for its hash
        root = LogWriter(objects, "").append(leaves)
    reader = TileReader(len(leaves), objects.get)
    assert reader.root() == root
    return objects, reader


# Merkle trees and tiles


@operation("merkle/root")
def _root(given: Json, _: Setting) -> Json:
    entries, objects = unhex(given["entries"]), Memory()
    root = LogWriter(objects, "").append(entries)
    assert TileReader(len(entries), objects.get).root() == root
    return {"root": root.hex()}


@operation("merkle/inclusion")
def _inclusion(given: Json, _: Setting) -> Json:
    reader = log_of(hashes(**given["leaves"]))[1]
    return {"proof": [each.hex() for each in reader.inclusion_proof(given["index"])]}


def check_inclusion(entry: bytes, index: int, size: int, root: str, proof: list[str]) -> None:
    leaf = merkle.leaf_hash(entry)
    found = merkle.root_of_proof(leaf, index, index + 1, size, unhex(proof))
    if found != bytes.fromhex(root):
        raise InvalidSignatureError("the proof is not of this entry")


@operation("merkle/check-inclusion")
def _check_inclusion(given: Json, _: Setting) -> Json:
    check_inclusion(**{**given, "entry": bytes.fromhex(given["entry"])})
    return {}


@operation("merkle/consistency")
def _consistency(given: Json, _: Setting) -> Json:
    reader = log_of(hashes(**given["leaves"]))[1]
    return {"proof": [each.hex() for each in reader.consistency_proof(given["old_size"])]}


@operation("merkle/check-consistency")
def _check_consistency(given: Json, _: Setting) -> Json:
    roots = bytes.fromhex(given["old_root"]), bytes.fromhex(given["root"])
    old, new, proof = given["old_size"], given["size"], unhex(given["proof"])
    if not merkle.verify_consistency(old, roots[0], new, roots[1], proof):
        raise InvalidSignatureError("the log is not the one that it was")
    return {}


@operation("tile/path")
def _tile_path(given: Json, _: Setting) -> Json:
    level = tiles.ENTRIES if given["level"] is None else given["level"]
    return {"path": tiles.tile_path(level, given["index"], given["width"])}


@operation("tile/paths")
def _tile_paths(given: Json, _: Setting) -> Json:
    objects = Memory()
    LogWriter(objects, "").append(b"" for _ in range(given["size"]))
    hashed = {tiles.tile_path(*tile) for tile in tiles.tiles(given["size"])}
    assert hashed == {name for name in objects if not name.startswith("tile/entries/")}
    return {"paths": sorted(objects)}


@operation("tile/hashes")
def _tile_hashes(given: Json, _: Setting) -> Json:
    leaves, level, index = hashes(**given["leaves"]), given["level"], given["index"]
    objects, _reader = log_of(leaves)
    width = min((len(leaves) >> 8 * level) - 256 * index, 256)
    assert width > 0
    data = objects.get(tiles.tile_path(level, index, width))
    return {"width": len(data) // 32, "digest": hashlib.sha256(data).hexdigest()}


@operation("entries/encode")
def _entries_encode(given: Json, _: Setting) -> Json:
    return {"bundle": tiles.bundle_bytes(unhex(given["entries"])).hex()}


@operation("entries/decode")
def _entries_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["bundle"])
    entries = tiles.split_bundle(data, given["count"])
    assert tiles.bundle_bytes(entries) == data
    return {"entries": [entry.hex() for entry in entries]}


# Entries of the master log, indexes


@operation("entry/encode-edition")
def _encode_edition(given: Json, _: Setting) -> Json:
    root, index = bytes.fromhex(given["root"]), bytes.fromhex(given["index"])
    numbers = given["epoch"], given["number"], given["size"]
    return {
        "entry": encode_leaf(given["origin"], Edition(*numbers, root, index, given["time"])).hex()
    }


@operation("entry/encode-descriptor")
def _encode_descriptor(given: Json, _: Setting) -> Json:
    descriptor = Descriptor(bytes.fromhex(given["descriptor"]))
    return {"entry": encode_leaf(given["origin"], descriptor).hex()}


@operation("entry/decode")
def _decode_entry(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["entry"])
    leaf = decode_leaf(given["origin"], data)
    assert encode_leaf(given["origin"], leaf) == data
    if isinstance(leaf, Edition):
        return {"kind": "edition", **_edition_fields(leaf)}
    if isinstance(leaf, Descriptor):
        return {"kind": "descriptor", "descriptor": leaf.data.hex()}
    assert leaf.origin == given["origin"]
    fields = {"epoch_length": leaf.epoch_length, "class": int(leaf.frame_class)}
    return {"kind": "board", **fields, "interval": leaf.late_interval}


def _edition_fields(edition: Edition) -> Json:
    numbers = {"epoch": edition.epoch, "number": edition.number, "size": edition.size}
    found = {"root": edition.root.hex(), "index": edition.index_hash.hex()}
    return {**numbers, **found, "time": edition.time}


@operation("index/encode")
def _index_encode(given: Json, _: Setting) -> Json:
    index = bytearray()
    content = identifiers(**given["edition"])
    assert list(indexed(content, index)) == content
    return {"index": index.hex()}


@operation("index/decode")
def _index_decode(given: Json, _: Setting) -> Json:
    """As it is read for a proof, of the edition of a manifest."""
    assert given["size"] % 256 == 0
    digest, data = bytes.fromhex(given["digest"]), bytes.fromhex(given["index"])
    index = _index(lambda _: data, Edition(0, 0, given["size"], b"", digest, 0))
    return {"prefixes": [prefix.hex() for prefix in index._prefixes]}


# Notes


@operation("ed25519/sign")
def _ed25519_sign(given: Json, _: Setting) -> Json:
    signer = NoteSigner("name", Algorithm.ED25519, bytes.fromhex(given["secret"]))
    signature = signer.sign(given["text"])
    return {"public": signer.key.public.hex(), "signature": signature.value.hex()}


@operation("ed25519/verify")
def _ed25519_verify(given: Json, _: Setting) -> Json:
    key = NoteKey("name", Algorithm.ED25519, bytes.fromhex(given["public"]))
    assert key.verify(given["text"], bytes.fromhex(given["signature"])) is None
    return {}


@operation("note-key/encode")
def _note_key_encode(given: Json, _: Setting) -> Json:
    algorithm, public = Algorithm(given["algorithm"]), bytes.fromhex(given["public"])
    key = NoteKey(given["name"], algorithm, public)
    return {"key_id": key.key_id.hex(), "vkey": str(key)}


@operation("note-key/decode")
def _note_key_decode(given: Json, _: Setting) -> Json:
    key = NoteKey.from_text(given["vkey"])
    assert str(key) == given["vkey"]
    fields = {"name": key.name, "algorithm": int(key.algorithm)}
    return {**fields, "public": key.public.hex(), "key_id": key.key_id.hex()}


@operation("note-key/encode-payload")
def _payload_encode(given: Json, setting: Setting) -> Json:
    path, seed = setting.new_path(), bytes.fromhex(given["secret"])
    save_seed(path, NoteSigner(given["name"], Algorithm(given["algorithm"]), seed), seed, None)
    return {"payload": secret_file.load(path, secret_file.Kind.NOTE_KEY, None).hex()}


@operation("note-key/decode-payload")
def _payload_decode(given: Json, setting: Setting) -> Json:
    """A key does not give its secret away: its public key shows that it is the payload's."""
    path, payload = setting.new_path(), bytes.fromhex(given["payload"])
    secret_file.save(path, secret_file.Kind.NOTE_KEY, payload, None)
    signer, secret = load_signer(path), payload[1:33]
    public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert signer.key.public == public
    fields = {"algorithm": int(signer.key.algorithm), "name": signer.key.name}
    return {**fields, "secret": secret.hex()}


@operation("note/sign")
def _note_sign(given: Json, _: Setting) -> Json:
    note = Note(given["text"], ())
    for row in given["signers"]:
        signer = NoteSigner(row["name"], Algorithm(row["algorithm"]), bytes.fromhex(row["secret"]))
        note = note.signed(signer.sign(note.text, time=row["time"]))
    return {"note": bytes(note).hex()}


@operation("note/decode")
def _note_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["note"])
    note = Note.from_bytes(data)
    assert bytes(note) == data
    lines = [
        {"name": each.name, "key_id": each.key_id.hex(), "signature": each.value.hex()}
        for each in note.signatures
    ]
    return {"text": note.text, "signatures": lines}


@operation("note/verify")
def _note_verify(given: Json, _: Setting) -> Json:
    note = Note.from_bytes(bytes.fromhex(given["note"]))
    return {"time": note.time_of(NoteKey.from_text(given["vkey"]))}


@operation("checkpoint/encode")
def _checkpoint_encode(given: Json, _: Setting) -> Json:
    text = str(Checkpoint(given["origin"], given["size"], bytes.fromhex(given["root"])))
    assert str(Checkpoint.from_text(text)) == text
    return {"text": text}


def policy_of(given: Json) -> Policy:
    witnesses = tuple(map(NoteKey.from_text, given["witnesses"]))
    return Policy(NoteKey.from_text(given["board"]), witnesses, given["quorum"])


@operation("checkpoint/open")
def _checkpoint_open(given: Json, _: Setting) -> Json:
    note = Note.from_bytes(bytes.fromhex(given["note"]))
    checkpoint = policy_of(given).verify(note, given["origin"])
    assert str(checkpoint) == note.text
    return {"size": checkpoint.size, "root": checkpoint.root.hex()}


# Receipts and proofs


@operation("receipt/sign")
def _receipt_sign(given: Json, _: Setting) -> Json:
    signer = NoteSigner(given["origin"], Algorithm.ED25519, bytes.fromhex(given["secret"]))
    post = bytes.fromhex(given["post"])
    epoch = int.from_bytes(post[33:37], "big")
    return {"receipt": bytes(Receipt.sign(signer, epoch, post, given["deadline"])).hex()}


@operation("receipt/open")
def _receipt_open(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["receipt"])
    receipt = Receipt.from_bytes(data, NoteKey.from_text(given["board"]))
    assert bytes(receipt) == data
    fields = {"epoch": receipt.epoch, "digest": receipt.post_hash.hex()}
    return {**fields, "deadline": receipt.deadline}


@operation("proof/encode")
def _proof_encode(given: Json, _: Setting) -> Json:
    extra = None if given["extra"] is None else bytes.fromhex(given["extra"])
    note = Note.from_bytes(bytes.fromhex(given["note"]))
    proof = Proof(given["index"], tuple(unhex(given["hashes"])), note, extra)
    return {"proof": bytes(proof).hex()}


@operation("proof/decode")
def _proof_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["proof"])
    proof = Proof.from_bytes(data)
    assert bytes(proof) == data
    found = {"extra": None if proof.extra is None else proof.extra.hex(), "index": proof.index}
    return {
        **found,
        "hashes": [each.hex() for each in proof.hashes],
        "note": bytes(proof.note).hex(),
    }


@operation("proof/check-post")
def _proof_check_post(given: Json, _: Setting) -> Json:
    return _edition_fields(verify_post(*_proven(given), policy_of(given)))


def _proven(row: Json) -> tuple[Proof, Post]:
    proof, post = bytes.fromhex(row["proof"]), bytes.fromhex(row["post"])
    return Proof.from_bytes(proof), Post.from_bytes(post)


@operation("proof/check-absence")
def _proof_check_absence(given: Json, _: Setting) -> Json:
    neighbors = tuple(Neighbor(post, proof) for proof, post in map(_proven, given["neighbours"]))
    identifier = bytes.fromhex(given["identifier"])
    return _edition_fields(verify_absence(neighbors, identifier, policy_of(given)))
