"""Secret files, SPEC 11."""

import hashlib
from typing import NamedTuple

from .notation import VERSION, be8, expand, hash_parts
from .refusals import Refused, require, require_length
from .symmetric import aead_open, aead_seal

MAGIC = b"billboard-secret\n"
KINDS = (1, 2, 3, 4)
KINDS_OF_STATE = (5, 6)
CHECKSUM = 16
PROTECTED_HEADER = len(MAGIC) + 3 + 3 + 16 + 12
KEYED_HEADER = len(MAGIC) + 3 + 32


class Cost(NamedTuple):
    """Parameters of scrypt; `n` is the logarithm of N."""

    n: int = 15
    r: int = 8
    p: int = 1


class SecretFile(NamedTuple):
    """The contents of a secret file."""

    kind: int
    protection: int
    payload: bytes


def head(kind: int, protection: int, version: int = VERSION) -> bytes:
    """Give the bytes with which all kinds of protection begin."""
    return MAGIC + be8(version) + be8(kind) + be8(protection)


def with_checksum(content: bytes) -> bytes:
    """Add the checksum."""
    return content + hash_parts("file", content)[:CHECKSUM]


def derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    """Derive a key from a passphrase (RFC 7914)."""
    memory = 128 * cost.r * (2**cost.n + cost.p + 2) * 2
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=2**cost.n, r=cost.r, p=cost.p, maxmem=memory, dklen=32
    )


def protected_head(beginning: bytes, cost: Cost, salt: bytes, nonce: bytes) -> bytes:
    """Give all bytes before the box."""
    return beginning + be8(cost.n) + be8(cost.r) + be8(cost.p) + salt + nonce


def protect(associated: bytes, key: bytes, payload: bytes) -> bytes:
    """Add the box to the bytes before it."""
    return associated + aead_seal(key, associated[-12:], payload, associated)


def encode(kind: int, payload: bytes) -> bytes:
    """Encode a file without protection."""
    require(kind in KINDS, "protection-of-kind")
    return with_checksum(head(kind, 0) + payload)


def encode_protected(
    kind: int, payload: bytes, passphrase: str, salt: bytes, nonce: bytes
) -> bytes:
    """Encode a file under a passphrase, as writers do."""
    require(kind in KINDS, "protection-of-kind")
    cost = Cost()
    beginning = protected_head(head(kind, 1), cost, salt, nonce)
    return protect(beginning, derive(passphrase, salt, cost), payload)


def seal_keyed(beginning: bytes, payload: bytes, key: bytes, salt: bytes) -> bytes:
    """Add the salt and the box of protection 2 to the bytes before them."""
    associated = beginning + salt
    sealing_key = expand(key, "state", 32, associated)
    return associated + aead_seal(sealing_key, bytes(12), payload, associated)


def encode_keyed(kind: int, payload: bytes, key: bytes, salt: bytes) -> bytes:
    """Encode the state of a device or a sender, under a key."""
    require(kind in KINDS_OF_STATE, "protection-of-kind")
    require_length(key, 32)
    require_length(salt, 32)
    return seal_keyed(head(kind, 2), payload, key, salt)


def decode_keyed(data: bytes, key: bytes) -> SecretFile:
    """Decode the state of a device or a sender."""
    kind, protection = _kind_and_protection(data)
    if protection != 2:
        raise Refused("other-protection")
    if len(data) < KEYED_HEADER + 16:
        raise Refused("wrong-length")
    associated = data[:KEYED_HEADER]
    sealing_key = expand(key, "state", 32, associated)
    payload = aead_open(sealing_key, bytes(12), data[KEYED_HEADER:], associated)
    if payload is None:
        raise Refused("box")
    return SecretFile(kind, protection, payload)


def _kind_and_protection(data: bytes) -> tuple[int, int]:
    """Check what all files begin with."""
    if len(data) < len(MAGIC) + 3:
        raise Refused("wrong-length")
    require(data.startswith(MAGIC), "magic")
    version, kind, protection = data[len(MAGIC) : len(MAGIC) + 3]
    require(version == VERSION, "version")
    require(kind in KINDS + KINDS_OF_STATE, "kind-unknown")
    if protection > 2:
        raise Refused("protection-unknown")
    others = KINDS if protection == 2 else KINDS_OF_STATE
    require(kind not in others, "protection-of-kind")
    return kind, protection


def decode(data: bytes, passphrase: str | None) -> SecretFile:
    """Decode a file of a key or a lane; the passphrase counts under protection 1 only."""
    kind, protection = _kind_and_protection(data)
    if protection == 0:
        return SecretFile(kind, protection, _checked_payload(data))
    if protection == 1:
        return SecretFile(kind, protection, _unprotected_payload(data, passphrase or ""))
    raise Refused("other-protection")


def _checked_payload(data: bytes) -> bytes:
    if len(data) < len(MAGIC) + 3 + CHECKSUM:
        raise Refused("wrong-length")
    content = data[:-CHECKSUM]
    require(with_checksum(content) == data, "checksum")
    return content[len(MAGIC) + 3 :]


def _unprotected_payload(data: bytes, passphrase: str) -> bytes:
    if len(data) < PROTECTED_HEADER + 16:
        raise Refused("wrong-length")
    cost = Cost(*data[20:23])
    require(14 <= cost.n <= 20, "scrypt-n")
    require(cost.r == 8, "scrypt-r")
    require(1 <= cost.p <= 4, "scrypt-p")
    associated = data[:PROTECTED_HEADER]
    key = derive(passphrase, data[23:39], cost)
    payload = aead_open(key, data[39:51], data[51:], associated)
    if payload is None:
        raise Refused("box")
    return payload


def check_mode(mode: int) -> None:
    """Refuse a file that others than its owner may read, write or execute."""
    require(mode & 0o077 == 0, "mode")
