"""The operations of SPEC 9.3 to 9.6 and 9.8: logs, notes, receipts, proofs."""

import hashlib

from .. import ed25519, logs, merkle, notes, receipts, tiles
from .inputs import Input, Json


def _hexes(items: list[bytes] | tuple[bytes, ...]) -> list[str]:
    return [item.hex() for item in items]


# Merkle trees and tiles


def merkle_root(i: Input) -> Json:
    leaves = list(map(merkle.leaf_hash, i.byte_strings("entries")))
    return {"root": merkle.root_of(leaves).hex()}


def merkle_inclusion(i: Input) -> Json:
    return {"proof": _hexes(merkle.inclusion(i.hashes("leaves"), i.number("index")))}


def merkle_check_inclusion(i: Input) -> Json:
    leaf = merkle.leaf_hash(i.data("entry"))
    place = i.number("index"), i.number("size")
    merkle.check_inclusion(leaf, *place, i.data("root"), i.byte_strings("proof"))
    return {}


def merkle_consistency(i: Input) -> Json:
    return {"proof": _hexes(merkle.consistency(i.hashes("leaves"), i.number("old_size")))}


def merkle_check_consistency(i: Input) -> Json:
    sizes, roots = (i.number("old_size"), i.number("size")), (i.data("old_root"), i.data("root"))
    merkle.check_consistency(*sizes, *roots, i.byte_strings("proof"))
    return {}


def tile_path(i: Input) -> Json:
    level = i.optional_number("level")
    return {"path": tiles.path(level, i.number("index"), i.number("width"))}


def tile_paths(i: Input) -> Json:
    return {"paths": sorted(tiles.paths(i.number("size")))}


def tile_hashes(i: Input) -> Json:
    hashes = tiles.tile(i.hashes("leaves"), i.number("level"), i.number("index"))
    return {"width": len(hashes), "digest": hashlib.sha256(b"".join(hashes)).hexdigest()}


def entries_encode(i: Input) -> Json:
    return {"bundle": tiles.encode_entries(i.byte_strings("entries")).hex()}


def entries_decode(i: Input) -> Json:
    return {"entries": _hexes(tiles.decode_entries(i.data("bundle"), i.number("count")))}


# Entries of the master log, and indexes


def entry_encode_edition(i: Input) -> Json:
    numbers = i.number("epoch"), i.number("number"), i.number("size")
    hashes = i.data("root"), i.data("index")
    manifest = logs.Manifest(i.text("origin"), *numbers, *hashes, i.number("time"))
    return {"entry": manifest.encode().hex()}


def entry_encode_descriptor(i: Input) -> Json:
    return {"entry": logs.Descriptor(i.text("origin"), i.data("descriptor")).encode().hex()}


def entry_decode(i: Input) -> Json:
    entry = logs.decode_entry(i.data("entry"), i.text("origin"))
    if isinstance(entry, logs.BoardEntry):
        numbers = {"epoch_length": entry.epoch_length, "class": entry.n}
        return {"kind": "board", **numbers, "interval": entry.interval}
    if isinstance(entry, logs.Descriptor):
        return {"kind": "descriptor", "descriptor": entry.descriptor.hex()}
    return {"kind": "edition", **_manifest_json(entry)}


def _manifest_json(manifest: logs.Manifest) -> Json:
    numbers = {"epoch": manifest.epoch, "number": manifest.number, "size": manifest.size}
    hashes = {"root": manifest.root.hex(), "index": manifest.index_hash.hex()}
    return {**numbers, **hashes, "time": manifest.time}


def index_encode(i: Input) -> Json:
    return {"index": logs.index_of(i.edition("edition")).hex()}


def index_decode(i: Input) -> Json:
    prefixes = logs.decode_index(i.data("index"), i.number("size"), i.data("digest"))
    return {"prefixes": _hexes(prefixes)}


# Notes


def ed25519_sign(i: Input) -> Json:
    seed = i.data("secret")
    signature = ed25519.sign(seed, i.text("text").encode())
    return {"public": ed25519.public_of(seed).hex(), "signature": signature.hex()}


def ed25519_verify(i: Input) -> Json:
    ed25519.verify(i.data("public"), i.text("text").encode(), i.data("signature"))
    return {}


def note_key_encode(i: Input) -> Json:
    notes.check_name(i.text("name"))
    key = notes.Key(i.text("name"), i.number("algorithm"), i.data("public"))
    return {"key_id": key.key_id.hex(), "vkey": notes.encode_vkey(key)}


def note_key_decode(i: Input) -> Json:
    key = i.vkey("vkey")
    names = {"name": key.name, "algorithm": key.algorithm}
    return {**names, "public": key.public.hex(), "key_id": key.key_id.hex()}


def note_key_encode_payload(i: Input) -> Json:
    payload = notes.encode_payload(i.number("algorithm"), i.data("secret"), i.text("name"))
    return {"payload": payload.hex()}


def note_key_decode_payload(i: Input) -> Json:
    algorithm, seed, name = notes.decode_payload(i.data("payload"))
    return {"algorithm": algorithm, "secret": seed.hex(), "name": name}


def note_sign(i: Input) -> Json:
    text = i.text("text").encode()
    signatures = [
        notes.sign(
            text,
            row["algorithm"],
            bytes.fromhex(row["secret"]),
            row["name"],
            row["time"] or 0,
        )
        for row in i.items("signers")
    ]
    return {"note": notes.encode(text, signatures).hex()}


def note_decode(i: Input) -> Json:
    note = notes.decode(i.data("note"))
    lines = [
        {"name": name, "key_id": key_id.hex(), "signature": signature.hex()}
        for name, key_id, signature in note.signatures
    ]
    return {"text": note.text.decode(), "signatures": lines}


def note_verify(i: Input) -> Json:
    key = i.vkey("vkey")
    time = notes.require_signed(notes.decode(i.data("note")), key)
    return {"time": time if key.algorithm == notes.WITNESS else None}


def checkpoint_encode(i: Input) -> Json:
    checkpoint = logs.Checkpoint(i.text("origin"), i.number("size"), i.data("root"))
    return {"text": checkpoint.encode().decode()}


def _policy(i: Input) -> logs.Policy:
    return logs.Policy(i.vkey("board"), i.vkeys("witnesses"), i.number("quorum"))


def checkpoint_open(i: Input) -> Json:
    checkpoint = logs.open_checkpoint(i.data("note"), i.text("origin"), _policy(i))
    return {"size": checkpoint.size, "root": checkpoint.root.hex()}


# Receipts and proofs


def receipt_sign(i: Input) -> Json:
    receipt = receipts.receipt_of(i.text("origin"), i.data("post"), i.number("deadline"))
    text = receipt.encode()
    signature = notes.sign(text, notes.BOARD, i.data("secret"), i.text("origin"))
    return {"receipt": notes.encode(text, [signature]).hex()}


def receipt_open(i: Input) -> Json:
    receipt = receipts.open_receipt(i.data("receipt"), i.vkey("board"))
    values = {"epoch": receipt.epoch, "digest": receipt.digest.hex()}
    return {**values, "deadline": receipt.deadline}


def proof_encode(i: Input) -> Json:
    hashes = i.byte_strings("hashes")
    proof = receipts.Proof(i.optional_data("extra"), i.number("index"), hashes, i.data("note"))
    return {"proof": receipts.encode_proof(proof).hex()}


def proof_decode(i: Input) -> Json:
    proof = receipts.decode_proof(i.data("proof"))
    extra = None if proof.extra is None else proof.extra.hex()
    hashes = _hexes(proof.hashes)
    return {"extra": extra, "index": proof.place, "hashes": hashes, "note": proof.checkpoint.hex()}


def proof_check_post(i: Input) -> Json:
    manifest = receipts.check_post(i.data("proof"), i.data("post"), _policy(i))
    return _manifest_json(manifest)


def proof_check_absence(i: Input) -> Json:
    neighbours = [
        (bytes.fromhex(row["proof"]), bytes.fromhex(row["post"])) for row in i.items("neighbours")
    ]
    return _manifest_json(receipts.check_absence(neighbours, i.data("identifier"), _policy(i)))
