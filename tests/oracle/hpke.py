"""HPKE (RFC 9180) of one message in base mode with X-Wing, for SPEC 10.2 and 10.6."""

import functools
import hashlib
import hmac
from typing import NamedTuple

from . import ml_kem
from .notation import be16
from .refusals import Refused, require, require_length
from .symmetric import aead_open, aead_seal, hkdf_expand

P = 2**255 - 19
A24 = 121665
BASE_POINT = b"\x09" + bytes(31)
XWING_LABEL = rb"\.//^" + b"\\"
PUBLIC = ml_kem.PUBLIC + 32
ENCAPSULATED = ml_kem.CIPHERTEXT + 32
KEM, KDF, AEAD = 0x647A, 1, 3
SUITE_ID = b"HPKE" + be16(KEM) + be16(KDF) + be16(AEAD)


def x25519(scalar: bytes, u: bytes) -> bytes:
    """X25519 (RFC 7748, section 5)."""
    k = int.from_bytes(scalar, "little") % 2**254 // 8 * 8 + 2**254
    x1 = int.from_bytes(u, "little") % 2**255 % P
    x2, z2, x3, z3 = 1, 0, x1, 1
    for i in reversed(range(255)):
        bit = k >> i & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + A24 * e) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, -1, P) % P if z2 % P else 0).to_bytes(32, "little")


def _shared(scalar: bytes, u: bytes) -> bytes:
    """Give a shared secret of X25519, and refuse that of a point of small order."""
    secret = x25519(scalar, u)
    require(any(secret), "point-of-small-order")
    return secret


class Pair(NamedTuple):
    """An X-Wing key."""

    public: bytes
    ml_kem: ml_kem.Pair
    scalar: bytes


@functools.lru_cache(maxsize=16)
def expand(seed: bytes) -> Pair:
    """Expand the seed of an X-Wing key."""
    require_length(seed, 32)
    expanded = hashlib.shake_256(seed).digest(96)
    pair, scalar = ml_kem.generate(expanded[:32], expanded[32:64]), expanded[64:]
    return Pair(pair.public + x25519(scalar, BASE_POINT), pair, scalar)


def check_public(public: bytes) -> None:
    """Refuse what is no X-Wing key."""
    require_length(public, PUBLIC)
    ml_kem.check_public(public[: ml_kem.PUBLIC])
    _shared(bytes(32), public[ml_kem.PUBLIC :])


def combine(of_ml_kem: bytes, of_x25519: bytes, enc: bytes, public: bytes) -> bytes:
    """Give the shared secret of X-Wing."""
    points = enc[ml_kem.CIPHERTEXT :] + public[ml_kem.PUBLIC :]
    return hashlib.sha3_256(of_ml_kem + of_x25519 + points + XWING_LABEL).digest()


def encapsulate(public: bytes, coins: bytes) -> tuple[bytes, bytes]:
    """Give the shared secret of X-Wing and enc; coins are 64 random bytes."""
    check_public(public)
    of_ml_kem, ciphertext = ml_kem.encapsulate(public[: ml_kem.PUBLIC], coins[:32])
    of_x25519 = _shared(coins[32:], public[ml_kem.PUBLIC :])
    enc = ciphertext + x25519(coins[32:], BASE_POINT)
    return combine(of_ml_kem, of_x25519, enc, public), enc


def decapsulate(pair: Pair, enc: bytes) -> bytes:
    """Give the shared secret that is in enc."""
    require_length(enc, ENCAPSULATED)
    of_ml_kem = ml_kem.decapsulate(pair.ml_kem, enc[: ml_kem.CIPHERTEXT])
    of_x25519 = _shared(pair.scalar, enc[ml_kem.CIPHERTEXT :])
    return combine(of_ml_kem, of_x25519, enc, pair.public)


def _extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.new(salt, b"HPKE-v1" + SUITE_ID + label + ikm, hashlib.sha256).digest()


def _expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
    info = be16(length) + b"HPKE-v1" + SUITE_ID + label + context
    return hkdf_expand(prk, info, length)


def schedule(shared: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Give the key and the nonce of the first message (RFC 9180, section 5.1)."""
    context = b"\0" + _extract(b"", b"psk_id_hash", b"") + _extract(b"", b"info_hash", info)
    secret = _extract(shared, b"secret", b"")
    return _expand(secret, b"key", context, 32), _expand(secret, b"base_nonce", context, 12)


def seal(public: bytes, info: bytes, plaintext: bytes, coins: bytes) -> bytes:
    """Seal one message without associated data: enc || box."""
    shared, enc = encapsulate(public, coins)
    return enc + aead_seal(*schedule(shared, info), plaintext, b"")


def open_(pair: Pair, info: bytes, sealed: bytes) -> bytes:
    """Open it."""
    shared = decapsulate(pair, sealed[:ENCAPSULATED])
    plaintext = aead_open(*schedule(shared, info), sealed[ENCAPSULATED:], b"")
    if plaintext is None:
        raise Refused("box")
    return plaintext
