"""Secret files (SPEC 11).

Passphrases and salts come from a small pool, so that one run of scrypt serves many cases.
"""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from billboard.hashing import expand, hash_bytes
from billboard.storage import secret_file
from samples.sampler import (
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
    length,
    replaced,
    sampler,
)

POOL = random.Random("passphrases and salts")
PASSPHRASES = (
    "correct horse battery staple",
    "",
    "pass phrase ",
    "\u00e9t\u00e9 \U0001f511",
    "e" * 100,
)
SALTS = (bytes(16), b"\xff" * 16, *(POOL.randbytes(16) for _ in range(3)))
MAGIC = b"billboard-secret\n"


def _payload(rng: Random) -> bytes:
    return data(rng, length(rng, 400))


def _kind(rng: Random) -> int:
    """Of a key or a lane; a share is of a state."""
    return rng.choice((5, 6)) if chance(rng, 0.04) else rng.choice((1, 2, 3, 4))


@sampler("file/encode")
def _encode(rng: Random) -> Json:
    return {"kind": _kind(rng), "payload": _payload(rng).hex()}


@sampler("file/encode-protected")
def _encode_protected(rng: Random) -> Json:
    return {
        "kind": _kind(rng),
        "payload": _payload(rng).hex(),
        "passphrase": rng.choice(PASSPHRASES),
        "salt": rng.choice(SALTS).hex(),
        "nonce": data(rng, 12).hex(),
    }


def _plain(rng: Random) -> Json:
    """Half of them with something wrong under a checksum that fits."""
    head = MAGIC + bytes([1, _kind(rng), 0])
    if chance(rng, 0.3):
        head = replaced(head, rng.randrange(17, 20), rng.randbytes(1))
    elif chance(rng, 0.1):
        head = replaced(head, rng.randrange(17), rng.randbytes(1))
    content = head + _payload(rng)
    file = content + hash_bytes("file", content)[:16]
    return {"file": (damaged(rng, file) if chance(rng, 0.3) else file).hex(), "passphrase": None}


def _protected(rng: Random) -> Json:
    passphrase, salt, nonce = rng.choice(PASSPHRASES), rng.choice(SALTS), data(rng, 12)
    cost = (15 if chance(rng, 0.1) else 14, 8, 1)
    head = MAGIC + bytes([1, _kind(rng), 1, *cost]) + salt + nonce
    key = secret_file._derive(passphrase, salt, *cost)
    file = head + ChaCha20Poly1305(key).encrypt(nonce, _payload(rng), head)
    given: str | None = passphrase
    kind = rng.randrange(12)
    if kind == 0:
        given = rng.choice(PASSPHRASES)
    elif kind == 1:
        given = None if passphrase else passphrase
    elif kind == 2:  # a parameter of scrypt out of range
        position, other = rng.choice(((20, 13), (20, 0), (20, 21), (20, 255), (21, 7), (21, 0)))
        file = replaced(file, position, bytes([other]))
    elif kind == 3:
        file = replaced(file, 22, rng.choice((b"\0", b"\5", b"\xff")))
    elif kind == 4:
        file = replaced(file, 23, rng.choice(SALTS))
    elif kind == 5:
        file = file[: rng.choice((len(MAGIC) + 3, 22, 50, 51, 66, len(file) - 1))]
    elif kind < 8:  # not in the parameters of scrypt or the salt: each change is a run of it
        position = rng.choice((rng.randrange(20), rng.randrange(39, len(file))))
        file = replaced(file, position, bytes([file[position] ^ 1 << rng.randrange(8)]))
    return {"file": file.hex(), "passphrase": given}


@sampler("file/decode")
def _decode(rng: Random) -> Json:
    return _plain(rng) if chance(rng, 0.5) else _protected(rng)


def _kind_of_state(rng: Random) -> int:
    """Of a state; a share is of a key or a lane."""
    return rng.choice((1, 2, 3, 4)) if chance(rng, 0.04) else rng.choice((5, 6))


@sampler("file/encode-keyed")
def _encode_keyed(rng: Random) -> Json:
    return {
        "kind": _kind_of_state(rng),
        "payload": _payload(rng).hex(),
        "key": data(rng, 32).hex(),
        "salt": data(rng, 32).hex(),
    }


@sampler("file/decode-keyed")
def _decode_keyed(rng: Random) -> Json:
    """Some with something wrong in a header that the box fits."""
    if chance(rng, 0.05):
        return {"file": _plain(rng)["file"], "key": data(rng, 32).hex()}
    head = MAGIC + bytes([1, _kind_of_state(rng), 2])
    if chance(rng, 0.15):
        head = replaced(head, rng.randrange(len(head)), rng.randbytes(1))
    header, key = head + data(rng, 32), data(rng, 32)
    cipher = ChaCha20Poly1305(expand(key, "state", 32, header))
    file = header + cipher.encrypt(bytes(12), _payload(rng), header)
    if chance(rng, 0.2):
        file = flipped(rng, file) if chance(rng, 0.5) else damaged(rng, file)
    elif chance(rng, 0.05):
        file = file[: rng.choice((0, 19, 20, 51, 52, 67, len(file) - 1))]
    given = data(rng, 32) if chance(rng, 0.05) else key
    return {"file": file.hex(), "key": given.hex()}


@sampler("file/mode")
def _mode(rng: Random) -> Json:
    """Always readable for its owner, as who runs the tests may be anyone."""
    others = 0 if chance(rng, 0.4) else rng.randrange(0o100)
    return {"mode": f"{0o400 | rng.randrange(0o10) << 6 | others:04o}"}
