"""Ed25519, keys of notes, notes, checkpoints (SPEC 9.3, 9.4, 11)."""

from __future__ import annotations

import hashlib

from billboard.groups.ristretto255 import ORDER
from billboard.tlog.note import Algorithm, Note, NoteSigner, Signature, encode_base64
from samples.logs import LATEST, strange_hash, strange_lines
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
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


def note_text(rng: Random) -> str:
    """A text of a note."""
    return "".join(f"{rng.choice(('', 'a', name(rng)))}\n" for _ in range(rng.randint(1, 4)))


def _algorithm(rng: Random) -> Algorithm:
    return rng.choice((Algorithm.ED25519, Algorithm.COSIGNATURE))


def signer_of(rng: Random, algorithm: Algorithm | None = None, of: str | None = None) -> NoteSigner:
    chosen = algorithm or _algorithm(rng)
    return NoteSigner(name(rng) if of is None else of, chosen, rng.randbytes(32))


def _time(rng: Random) -> int:
    return number(rng, 0, LATEST)


def _signed(rng: Random, text: str, signer: NoteSigner) -> Signature:
    cosigning = signer.key.algorithm is Algorithm.COSIGNATURE
    return signer.sign(text, time=_time(rng) if cosigning else None)


@sampler("ed25519/sign")
def _sign(rng: Random) -> Json:
    return {"secret": data(rng, 32).hex(), "text": name(rng) * rng.randrange(9)}


@sampler("ed25519/verify")
def _verify(rng: Random) -> Json:
    signer, message = signer_of(rng, Algorithm.ED25519), name(rng)
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
        public = sometimes_damaged(rng, rng.choice((public, signer_of(rng).key.public)))
    return {"public": public.hex(), "text": message, "signature": signature.hex()}


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
    return {"text": note_text(rng), "signers": signers}


def note_of(rng: Random, text: str, *signers: NoteSigner) -> bytes:
    """A note by these, some of which did not sign, or not rightly, and by strangers."""
    lines = [_signed(rng, text, signer) for signer in signers if not chance(rng, 0.1)]
    if chance(rng, 0.1) and lines:
        line = rng.choice(lines)
        lines.append(Signature(line.name, line.key_id, flipped(rng, line.value)))
    if chance(rng, 0.1) and lines:
        lines.append(rng.choice(lines))
    if chance(rng, 0.3) or not lines:
        lines.append(_signed(rng, text, signer_of(rng)))
    return bytes(Note(text, tuple(rng.sample(lines, len(lines)))))


@sampler("note/decode")
def _note_decode(rng: Random) -> Json:
    note = note_of(rng, note_text(rng), signer_of(rng), signer_of(rng))
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
    signer, text = signer_of(rng), note_text(rng)
    note = note_of(rng, text, signer, signer_of(rng))
    if chance(rng, 0.1):
        note = note_of(rng, text + "a\n", signer)
    return {"note": note.hex(), "vkey": str(signer.key)}


@sampler("checkpoint/encode")
def _checkpoint_encode(rng: Random) -> Json:
    return {"origin": origin(rng), "size": number(rng, 0, LATEST), "root": data(rng, 32).hex()}


def _checkpoint(on: str, size: int, root: bytes) -> list[str]:
    return [on, str(size), encode_base64(root)]


def joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def policy_of(rng: Random, board: NoteSigner, witnesses: list[NoteSigner]) -> Json:
    keys, quorum = [str(signer.key) for signer in witnesses], number(rng, 0, len(witnesses))
    if chance(rng, 0.05):
        keys, quorum = [*keys, rng.choice((str(board.key), *keys))], number(rng, 0, 3)
    if chance(rng, 0.03):
        quorum += 5
    return {"board": str(board.key), "witnesses": keys, "quorum": quorum}


def witnesses_of(rng: Random) -> list[NoteSigner]:
    return [signer_of(rng, Algorithm.COSIGNATURE) for _ in range(rng.randrange(4))]


@sampler("checkpoint/open")
def _checkpoint_open(rng: Random) -> Json:
    kind = _algorithm(rng) if chance(rng, 0.05) else Algorithm.ED25519
    on, board, witnesses = origin(rng), signer_of(rng, kind), witnesses_of(rng)
    lines = _checkpoint(on, number(rng, 0, LATEST), data(rng, 32))
    if chance(rng, 0.3):
        lines = strange_lines(rng, lines)
    # A control character cannot be in a note at all.
    text = joined(lines).replace("\r", "")
    note = note_of(rng, text, board, *witnesses)
    other = chance(rng, 0.05)
    policy = policy_of(rng, board, witnesses)
    return {"note": note.hex(), "origin": origin(rng) if other else on, **policy}
