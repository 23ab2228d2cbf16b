"""Ed25519, keys of notes, notes, checkpoints, receipts, proofs (SPEC 9.3, 9.4, 9.6, 9.8, 11)."""

from __future__ import annotations

import hashlib

from billboard.board import merkle
from billboard.board.note import Algorithm, Note, NoteSigner, Signature, encode_base64
from samples.board import LAST, board_origin
from samples.logs import LATEST, strange_hash, strange_lines, strange_number
from samples.sampler import (
    ORDER,
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
    length,
    number,
    origin,
    replaced,
    sampler,
    sometimes_damaged,
)

CHARACTERS = "ab/.-\u00e9\u6f22\U0001f511\u200b\U0001fae9\x7f"
BAD_CHARACTERS = "+ \t\n\0\x85\xa0\u2028\u3000"


def name(rng: Random) -> str:
    """A name that a key can have."""
    return "".join(rng.choices(CHARACTERS, k=rng.randint(1, 20)))


def _any_name(rng: Random) -> str:
    text = name(rng)
    if not chance(rng, 0.3):
        return text
    position = rng.randrange(len(text) + 1)
    return rng.choice(("", text[:position] + rng.choice(BAD_CHARACTERS) + text[position:]))


def _text(rng: Random) -> str:
    """A text of a note."""
    return "".join(f"{rng.choice(('', 'a', name(rng)))}\n" for _ in range(rng.randint(1, 4)))


def _algorithm(rng: Random) -> Algorithm:
    return rng.choice((Algorithm.ED25519, Algorithm.COSIGNATURE))


def _signer(rng: Random, algorithm: Algorithm | None = None, of: str | None = None) -> NoteSigner:
    chosen = algorithm or _algorithm(rng)
    return NoteSigner(name(rng) if of is None else of, chosen, rng.randbytes(32))


def _time(rng: Random) -> int:
    return number(rng, 0, LATEST)


def _signed(rng: Random, text: str, signer: NoteSigner) -> Signature:
    cosigning = signer.key.algorithm is Algorithm.COSIGNATURE
    return signer.sign(text, time=_time(rng) if cosigning else None)


@sampler("ed25519/sign")
def _sign(rng: Random) -> Json:
    return {"secret": data(rng, 32).hex(), "message": name(rng) * rng.randrange(9)}


@sampler("ed25519/verify")
def _verify(rng: Random) -> Json:
    signer, message = _signer(rng, Algorithm.ED25519), name(rng)
    public, signature = signer.key.public, signer.sign(message).value
    kind = rng.randrange(8)
    if kind == 0:
        signature = damaged(rng, signature)
    elif kind == 1:
        message += "."
    elif kind == 2:
        response = int.from_bytes(signature[32:], "little") + ORDER
        signature = replaced(signature, 32, response.to_bytes(32, "little"))
    elif kind == 3:
        public = sometimes_damaged(rng, rng.choice((public, _signer(rng).key.public)))
    return {"public": public.hex(), "message": message, "signature": signature.hex()}


@sampler("note-key/encode")
def _encode_key(rng: Random) -> Json:
    public = data(rng, 32).hex()
    return {"name": _any_name(rng), "algorithm": int(_algorithm(rng)), "public": public}


@sampler("note-key/decode")
def _decode_key(rng: Random) -> Json:
    public, algorithm = data(rng, rng.choice((32, 32, 32, 31, 33))), rng.choice((1, 4, 1, 4, 2))
    text = _any_name(rng)
    prefix = f"{text}\n".encode() + bytes([algorithm])
    key_id = hashlib.sha256(prefix + public).hexdigest()[:8]
    encoded = encode_base64(bytes([algorithm]) + public)
    kind = rng.randrange(8)
    if kind == 0:
        key_id = rng.choice((key_id.upper(), key_id[1:], flipped(rng, b"1234").hex(), ""))
    elif kind == 1:
        encoded = strange_hash(rng, encoded)
    vkey = f"{text}+{key_id}+{encoded}"
    return {"vkey": vkey.replace("+", "", 1) if chance(rng, 0.05) else vkey}


@sampler("note-key/encode-payload")
def _encode_payload(rng: Random) -> Json:
    secret = data(rng, 32).hex()
    return {"algorithm": int(_algorithm(rng)), "secret": secret, "name": name(rng)}


@sampler("note-key/decode-payload")
def _decode_payload(rng: Random) -> Json:
    payload = bytes([_algorithm(rng)]) + data(rng, 32) + _any_name(rng).encode()
    return {"payload": sometimes_damaged(rng, payload, share=0.3).hex()}


@sampler("note/sign")
def _note_sign(rng: Random) -> Json:
    signers = []
    for _ in range(rng.randint(1, 3)):
        algorithm, secret = _algorithm(rng), rng.randbytes(32).hex()
        time = _time(rng) if algorithm is Algorithm.COSIGNATURE else None
        of = {"algorithm": int(algorithm), "secret": secret, "name": name(rng)}
        signers.append({**of, "time": time})
    return {"text": _text(rng), "signers": signers}


def _lines(rng: Random, text: str, *signers: NoteSigner) -> bytes:
    """A note by these, some of which did not sign, or not rightly, and by strangers."""
    lines = [_signed(rng, text, signer) for signer in signers if not chance(rng, 0.1)]
    if chance(rng, 0.1) and lines:
        line = rng.choice(lines)
        lines.append(Signature(line.name, line.key_id, flipped(rng, line.value)))
    if chance(rng, 0.1) and lines:
        lines.append(rng.choice(lines))
    if chance(rng, 0.3) or not lines:
        lines.append(_signed(rng, text, _signer(rng)))
    return bytes(Note(text, tuple(rng.sample(lines, len(lines)))))


@sampler("note/decode")
def _note_decode(rng: Random) -> Json:
    note = _lines(rng, _text(rng), _signer(rng), _signer(rng))
    kind = rng.randrange(8)
    if kind == 0:
        note = damaged(rng, note)
    elif kind == 1:
        bad = rng.choice(("\n", "\n\n", "\t", "\u2014 ", "\x7f", " ", "=", "\r")).encode()
        position = rng.choice((0, len(note), rng.randint(0, len(note))))
        note = note[:position] + bad + note[position:]
    elif kind == 2:
        encoded = encode_base64(rng.randbytes(rng.choice((0, 3, 4, 5))))
        note += f"\u2014 {_any_name(rng)} {encoded}\n".encode()
    return {"note": note.hex()}


@sampler("note/verify")
def _note_verify(rng: Random) -> Json:
    signer, text = _signer(rng), _text(rng)
    note = _lines(rng, text, signer, _signer(rng))
    if chance(rng, 0.1):
        note = _lines(rng, text + "a\n", signer)
    return {"note": note.hex(), "vkey": str(signer.key)}


@sampler("checkpoint/encode")
def _checkpoint_encode(rng: Random) -> Json:
    return {"origin": origin(rng), "size": number(rng, 0, LATEST), "root": data(rng, 32).hex()}


def _checkpoint(on: str, size: int, root: bytes) -> list[str]:
    return [on, str(size), encode_base64(root)]


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _policy(rng: Random, board: NoteSigner, witnesses: list[NoteSigner]) -> Json:
    keys, quorum = [str(signer.key) for signer in witnesses], number(rng, 0, len(witnesses))
    if chance(rng, 0.05):
        keys, quorum = [*keys, rng.choice((str(board.key), *keys))], number(rng, 0, 3)
    if chance(rng, 0.03):
        quorum += 5
    return {"board": str(board.key), "witnesses": keys, "quorum": quorum}


def _witnesses(rng: Random) -> list[NoteSigner]:
    return [_signer(rng, Algorithm.COSIGNATURE) for _ in range(rng.randrange(4))]


@sampler("checkpoint/open")
def _checkpoint_open(rng: Random) -> Json:
    kind = _algorithm(rng) if chance(rng, 0.05) else Algorithm.ED25519
    on, board, witnesses = origin(rng), _signer(rng, kind), _witnesses(rng)
    lines = _checkpoint(on, number(rng, 0, LATEST), data(rng, 32))
    if chance(rng, 0.3):
        lines = strange_lines(rng, lines)
    # A control character can not be in a note at all.
    text = _joined(lines).replace("\r", "")
    note = _lines(rng, text, board, *witnesses)
    other = chance(rng, 0.05)
    policy = _policy(rng, board, witnesses)
    return {"note": note.hex(), "origin": origin(rng) if other else on, **policy}


@sampler("receipt/sign")
def _receipt_sign(rng: Random) -> Json:
    values = {"origin": board_origin(rng), "secret": data(rng, 32).hex()}
    return {**values, "post": data(rng, 300).hex(), "deadline": number(rng, 0, LATEST)}


@sampler("receipt/open")
def _receipt_open(rng: Random) -> Json:
    board = _signer(rng, Algorithm.ED25519, board_origin(rng))
    numbers = str(number(rng, 0, LAST)), str(number(rng, 0, LATEST))
    digest = encode_base64(data(rng, 32))
    lines = ["billboard/receipt@v1", board.key.name, numbers[0], digest, numbers[1]]
    if chance(rng, 0.3):
        lines = strange_lines(rng, lines)
    note = _lines(rng, _joined(lines).replace("\r", ""), board)
    return {"receipt": note.hex(), "board": str(board.key)}


@sampler("proof/encode")
def _proof_encode(rng: Random) -> Json:
    hashes = [data(rng, 32).hex() for _ in range(rng.randrange(5))]
    extra = rng.choice((None, data(rng, length(rng, 90)).hex()))
    note = _lines(rng, _text(rng), _signer(rng))
    index = number(rng, 0, LATEST)
    return {"extra": extra, "index": index, "hashes": hashes, "note": note.hex()}


def _proof(extra: bytes | None, index: int, hashes: list[bytes], note: bytes) -> bytes:
    lines = [] if extra is None else [f"extra {encode_base64(extra)}"]
    lines += [f"index {index}", *map(encode_base64, hashes), ""]
    return _joined(["c2sp.org/tlog-proof@v1", *lines]).encode() + note


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
    proof = _joined([*lines, ""]).encode() + _lines(rng, "text\n", _signer(rng))
    return {"proof": sometimes_damaged(rng, proof, share=0.1).hex()}


@sampler("proof/check-post")
def _proof_check_post(rng: Random) -> Json:
    """A small log of entries that need not be posts, in one of two entries."""
    on = board_origin(rng)
    board, witnesses = _signer(rng, Algorithm.ED25519, on), _witnesses(rng)
    post, epoch, edition = data(rng, 300), number(rng, 0, LAST), number(rng, 0, 99)
    sibling = rng.randbytes(32)
    # Two inner nodes of a log of 256 posts, the path to the first of which is made up.
    path = [rng.randbytes(32) for _ in range(8)]
    root = merkle.leaf_hash(post)
    for each in path:
        root = merkle.node_hash(root, each)
    said = flipped(rng, root) if chance(rng, 0.05) else root
    numbers = [str(each) for each in (epoch, edition, rng.choice((256, 256, 256, 256, 512)))]
    hashes = [encode_base64(said), encode_base64(rng.randbytes(32))]
    manifest = ["billboard/edition@v1", on, *numbers, *hashes, "1797120000"]
    if chance(rng, 0.1):
        manifest = strange_lines(rng, manifest)
    entry = _joined(manifest).encode()
    log = f"{on}/{epoch}/{edition + (1 if chance(rng, 0.05) else 0)}"
    below = _lines(rng, _joined(_checkpoint(log, 256, root)), board)
    above_root = merkle.node_hash(sibling, merkle.leaf_hash(entry))
    above = _lines(rng, _joined(_checkpoint(on, 2, above_root)), board, *witnesses)
    inner = _proof(entry, 1, [sibling], above)
    if chance(rng, 0.1):
        inner = damaged(rng, inner)
    index = rng.choice((0, 0, 0, 0, 0, 0, 1, 255, 256))
    extra = None if chance(rng, 0.03) else inner
    proof = _proof(extra, index, path, below)
    post = sometimes_damaged(rng, post, share=0.05)
    return {"proof": proof.hex(), "post": post.hex(), **_policy(rng, board, witnesses)}
