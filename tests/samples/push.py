"""Push servers: descriptors, request keys, the tick (SPEC 10.1, 10.4, 11)."""

from __future__ import annotations

import functools
import hashlib

import numpy as np

from billboard import _core
from billboard.elgamal import DecryptionKey
from billboard.groups.ristretto255 import Scalar
from billboard.hashing import hash_bytes
from billboard.push.requests.request_key import PUBLIC_SIZE, RequestSecret
from billboard.tlog.note import Algorithm, Note, NoteSigner, encode_base64
from samples.blobs import again, blob_for
from samples.frames import CLASS_H, HOUR, LAST, time_around
from samples.keys import key_name, named_keys
from samples.logs import strange_hash, strange_lines
from samples.notes import name, note_of, signer_of
from samples.sampler import (
    PRIME,
    Json,
    Random,
    chance,
    damaged,
    data,
    flipped,
    near,
    number,
    replaced,
    sampler,
    sometimes_damaged,
)

SEEDS = tuple(hashlib.sha256(b"request key %d" % i).digest() for i in range(3))
"""Few: to expand one takes the oracle long."""

LETTERS = {2: "H", 3: "S", 8: "L", 38: "XL"}
URLS = (
    *("https://push.example", "http://[::1]:8080/a", "https://a", "http://a", "https:///a"),
    *("https://push.example/", "https://a?", "https://a#b", "ftp://push.example", "https://"),
    *("https://a b", "https://\xe9", "HTTPS://push.example", "https://a@b", "http://ab"),
)


@functools.cache
def public_of(seed: bytes) -> bytes:
    """The public request key of a seed."""
    return RequestSecret(0, 1, seed).key.public


def _seed(rng: Random) -> bytes:
    return rng.choice(SEEDS)


@sampler("server/id")
def _server_id(rng: Random) -> Json:
    return {"vkey": str(signer_of(rng).key)}


@sampler("request-key/expand")
def _expand(rng: Random) -> Json:
    return {"secret": data(rng, 32).hex(), "server_key": data(rng, 32).hex()}


def _hours(rng: Random) -> tuple[int, int]:
    start, until = number(rng, 0, LAST), number(rng, 0, LAST)
    if chance(rng, 0.7):
        return min(start, until), max(start, until)
    return start, near(rng, start, high=LAST)


@sampler("request-key/encode-payload")
def _encode_payload(rng: Random) -> Json:
    start, until = _hours(rng)
    return {"from": start, "until": until, "secret": data(rng, 32).hex()}


@sampler("request-key/decode-payload")
def _decode_payload(rng: Random) -> Json:
    start, until = _hours(rng)
    payload = start.to_bytes(4, "big") + until.to_bytes(4, "big") + data(rng, 32)
    return {"payload": sometimes_damaged(rng, payload, share=0.3).hex()}


# Descriptors


def _request_public(rng: Random) -> bytes:
    """Mostly a key; some are of a wrong length, have a coefficient of q or more, or a bad point."""
    public = public_of(_seed(rng))
    if not chance(rng, 0.1):
        return public
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice((public[:-1], public + b"\0", b""))
    if kind == 1:
        position = 3 * rng.randrange(384)
        return replaced(public, position, rng.choice((b"\x01\x0d\x00", b"\xff\xff\xff")))
    if kind == 2:
        point = rng.choice((0, 1, PRIME - 1, PRIME, PRIME + 1, 1 << 255))
        return replaced(public, PUBLIC_SIZE - 32, point.to_bytes(32, "little"))
    return flipped(rng, public)


def _of_requests(rng: Random) -> list[Json]:
    count = rng.choice((1, 1, 2, 3, 3, 0, 16, 17) if chance(rng, 0.3) else (1, 2))
    rows, start = [], number(rng, 0, 500_000)
    for _ in range(count):
        until = start + rng.choice((1, 24, 24, 48, 0) if chance(rng, 0.1) else (1, 24))
        rows.append({"from": start, "until": until, "public": _request_public(rng).hex()})
        start += rng.choice((0, -1) if chance(rng, 0.03) else (1, 24))
        start = max(start, 0)
    return rows


def _keys(rng: Random) -> tuple[int, list[str]]:
    """A class, and keys mostly of it."""
    names = sorted(named_keys(), key=lambda it: it.startswith("XL"))
    first = rng.choice(names[:4] if chance(rng, 0.9) else names)
    n = named_keys()[first]["class"]
    same = [each for each in names if named_keys()[each]["class"] == n]
    chosen = rng.sample(same, rng.randint(1, len(same)))
    if chance(rng, 0.05):
        chosen = rng.choice(([], chosen * 2, chosen * 4, [*chosen, rng.choice(names)]))
    keys = [named_keys()[each]["public_key"] for each in chosen]
    if keys and chance(rng, 0.05):
        keys[0] = damaged(rng, bytes.fromhex(keys[0])).hex()
    return n, keys


def _url(rng: Random) -> str:
    made = rng.choice(URLS if chance(rng, 0.2) else URLS[:3])
    return made.ljust(rng.choice((254, 255, 256)), "~") if chance(rng, 0.1) else made


def _number(rng: Random) -> int:
    return number(rng, 0, 2**63 - 1)


@sampler("descriptor/sign")
def _sign(rng: Random) -> Json:
    n, keys = _keys(rng)
    values = {"secret": data(rng, 32).hex(), "name": name(rng), "number": _number(rng), "class": n}
    return {**values, "url": _url(rng), "keys": keys, "request_keys": _of_requests(rng)}


def _lines(rng: Random, of: str) -> list[str]:
    n, keys = _keys(rng)
    lines = ["billboard/push@v1", of, str(_number(rng)), LETTERS[n], _url(rng)]
    lines += [f"key {_base64(each)}" for each in keys]
    for row in _of_requests(rng):
        lines.append(f"request {row['from']} {row['until']} {_base64(row['public'])}")
    return lines


def _base64(text: str) -> str:
    return encode_base64(bytes.fromhex(text))


def _strange(rng: Random, lines: list[str]) -> list[str]:
    """Something is not as it has to be in one line, or in their order."""
    position = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        return strange_lines(rng, lines)
    if kind == 1:
        return rng.sample(lines, len(lines))
    if kind == 2:
        words = lines[position].split(" ")
        words[-1] = strange_hash(rng, words[-1]) if len(words[-1]) > 8 else "0" + words[-1]
        lines[position] = " ".join(words)
    elif kind == 3:
        lines[position] = rng.choice((lines[position] + " ", lines[position][1:], "key", "request"))
    elif kind == 4:
        lines.insert(position, rng.choice((lines[position], "", "request 1 2 ", "key ")))
    else:
        lines[rng.choice((0, 1, 3))] = rng.choice(("billboard/push@v2", "L", "M", "", "h"))
    return lines


@sampler("descriptor/open")
def _open(rng: Random) -> Json:
    algorithm = Algorithm.COSIGNATURE if chance(rng, 0.03) else Algorithm.ED25519
    signer = signer_of(rng, algorithm)
    lines = _lines(rng, name(rng) if chance(rng, 0.03) else signer.key.name)
    if chance(rng, 0.3):
        lines = _strange(rng, lines)
    text = "".join(f"{line}\n" for line in lines).replace("\r", "").replace("\x00", "")
    note = _signed(rng, text, signer)
    if chance(rng, 0.05):
        note = damaged(rng, note)
    return {"descriptor": note.hex(), "vkey": str(signer.key)}


def _signed(rng: Random, text: str, signer: NoteSigner) -> bytes:
    """Mostly by the server alone."""
    if chance(rng, 0.15):
        return note_of(rng, text, signer)
    cosigning = signer.key.algorithm is Algorithm.COSIGNATURE
    return bytes(Note(text, (signer.sign(text, time=1 if cosigning else None),)))


@sampler("descriptor/request-key")
def _request_key(rng: Random) -> Json:
    rows, start = [], number(rng, 0, 500_000)
    for _ in range(rng.randint(1, 5)):
        rows.append({"from": start, "until": start + rng.choice((1, 24, 30))})
        start += rng.choice((1, 24, 30))
    edge = rng.choice([row[which] for row in rows for which in ("from", "until")])
    time = HOUR * edge + rng.choice((-1, 0, 0, 1, HOUR - 1))
    return {"hours": rows, "time": max(time, 0)}


@sampler("request-key/taken")
def _taken(rng: Random) -> Json:
    start = number(rng, 0, 500_000)
    until = start + rng.choice((1, 24))
    hour = near(rng, start - 1, until + 1, low=0)
    return {"from": start, "until": until, "time": HOUR * hour + rng.choice((0, HOUR - 1))}


@sampler("descriptor/newest")
def _newest(rng: Random) -> Json:
    """Descriptors of two servers, some of them damaged or logged twice, for a reader of one."""
    signers = [signer_of(rng), signer_of(rng)]
    notes = []
    for _ in range(rng.randint(0, 3)):
        signer = rng.choice((signers[0], signers[0], signers[1]))
        lines = _lines(rng, signer.key.name)
        lines[2] = str(number(rng, 0, 3))
        note = _signed(rng, "".join(f"{line}\n" for line in lines), signer)
        notes.append(sometimes_damaged(rng, note, share=0.1))
    notes += [rng.choice(notes)] if notes and chance(rng, 0.2) else []
    return {"descriptors": [each.hex() for each in notes], "vkey": str(signers[0].key)}


# The tick


def _frames(of: str, blobs: list[bytes]) -> list[bytes]:
    """What is in some blobs, of those that decode; frames or not."""
    key = named_keys()[of]
    n = key["class"]
    secret = DecryptionKey([Scalar.from_bytes(bytes.fromhex(x)) for x in key["secrets"]])
    rows = np.frombuffer(b"".join(blobs), np.uint8).reshape(-1, n + 1, 32)
    rows = rows[_core.validate(rows, n + 1, 1)]
    frames = _core.extract(secret.decrypt_batch(rows, threads=1), n)
    return [row.tobytes() for row in frames.reshape(-1, 30 * n)]


def _handles(of: str, blobs: list[bytes]) -> list[bytes]:
    """The handles in some blobs."""
    if named_keys()[of]["class"] != CLASS_H:
        return []
    return list(dict.fromkeys(frame[28:44] for frame in _frames(of, blobs)))


def _place(rng: Random) -> Json:
    return {"platform": rng.choice((1, 1, 2, 3, 4, 5)), "app": rng.choice((0, 1, 65535))}


def _registered(rng: Random, of: str, blobs: list[bytes]) -> list[Json]:
    """In class H, tokens of some of the handles in the blobs."""
    shared = data(rng, rng.randint(1, 40)) if chance(rng, 0.3) else None
    return [
        {"handle": handle.hex(), **_place(rng), "token": (shared or data(rng, 9)).hex()}
        for handle in _handles(of, blobs)
        if chance(rng, 0.8)
    ]


def _gates(of: str, blobs: list[bytes]) -> list[bytes]:
    """The gates in some blobs."""
    at = 5 if named_keys()[of]["class"] == CLASS_H else 10
    return list(dict.fromkeys(frame[at : at + 16] for frame in _frames(of, blobs)))


def _places(of: str, blobs: list[bytes]) -> list[Json]:
    """For which credentials may be: the platforms and apps in some blobs, or of some handles."""
    places = {(platform, app) for platform in range(1, 6) for app in (0, 1, 65535)}
    if named_keys()[of]["class"] != CLASS_H:
        places = {(each[1], int.from_bytes(each[2:4], "big")) for each in _frames(of, blobs)}
    return [{"platform": platform, "app": app} for platform, app in sorted(places)]


def _revocation(rng: Random, n: int, hour: int) -> bytes:
    kappa = rng.choice((bytes(32), b"\xff" * 32, rng.randbytes(32)))
    until = near(rng, 0, hour, hour + 9600, LAST, high=LAST)
    plaintext = b"\x02" + kappa + until.to_bytes(4, "big")
    return plaintext.ljust(17 + 32 * (n + 1), b"\0")


@sampler("tick/notifications")
def _tick(rng: Random) -> Json:
    of = key_name(rng)
    key = named_keys()[of]
    n, size = key["class"], 32 * (key["class"] + 1)
    blobs, expiries = list[bytes](), [1]
    for _ in range(rng.choice((0, 1, 2, 2, 3))):
        value, hours = blob_for(rng, of)
        row = value[:size].ljust(size, b"\0")
        blobs += [row, again(rng, of, row)] if chance(rng, 0.2) else [row]
        expiries.append(hours)
    time = time_around(rng, rng.choice(expiries[-2:]))
    if chance(rng, 0.1):
        time = max(time - HOUR * rng.choice((9598, 9599, 9600, 9601)), 0)
    hour = time // HOUR
    key_id = bytes.fromhex(key["key_id"])
    plaintexts = [
        b"\x01" + (flipped(rng, key_id) if chance(rng, 0.05) else key_id) + each for each in blobs
    ]
    while chance(rng, 0.3):
        plaintexts.append(_revocation(rng, n, hour))
    if chance(rng, 0.2):
        plaintexts.append(damaged(rng, plaintexts[-1] if plaintexts else bytes(50)))
    rng.shuffle(plaintexts)
    other = f"{of.partition(' ')[0]} {'second' if of.endswith('first') else 'first'}"
    refused = [
        {"gate": gate.hex(), "until": near(rng, hour, hour + 1, hour + 9600, high=hour + 9600)}
        for gate in [*_gates(of, blobs), hash_bytes("gate", bytes(32))[:16]]
        if any(gate) and chance(rng, 0.3)
    ]
    return {
        "keys": [of, other] if chance(rng, 0.3) else [of],
        "plaintexts": [each.hex() for each in plaintexts],
        "time": time,
        "lifetime": rng.choice((1, HOUR, 24 * HOUR)),
        "refused": refused,
        "registered": _registered(rng, of, blobs),
        "credentials": [each for each in _places(of, blobs) if chance(rng, 0.8)],
    }
