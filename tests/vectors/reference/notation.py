"""Bytes, hashes, origins and epochs, SPEC 2."""

import hashlib

from . import group
from .refusals import require
from .symmetric import hkdf_expand

SUITE = b"ristretto255-SHA512"
SUITE_NUMBER = 1
VERSION = 1
CLASS_L = 8


def be8(i: int) -> bytes:
    """One byte."""
    return i.to_bytes(1, "big")


def be16(i: int) -> bytes:
    """Two big-endian bytes."""
    return i.to_bytes(2, "big")


def be32(i: int) -> bytes:
    """Four big-endian bytes."""
    return i.to_bytes(4, "big")


def tuple_bytes(*parts: bytes) -> bytes:
    """TUPLE, SPEC 2."""
    return b"".join(be32(len(part)) + part for part in parts)


def _labelled(label: str, parts: tuple[bytes, ...]) -> bytes:
    return tuple_bytes(b"billboard/v1/" + label.encode("ascii"), *parts)


def hash_parts(label: str, *parts: bytes) -> bytes:
    """HASH, SPEC 2."""
    return hashlib.sha256(_labelled(label, parts)).digest()


def scalar_of(label: str, *parts: bytes) -> int:
    """SCALAR, SPEC 2."""
    return group.wide_scalar(hashlib.sha512(_labelled(label, parts)).digest())


def expand(key: bytes, label: str, length: int, *parts: bytes) -> bytes:
    """EXPAND, SPEC 2."""
    return hkdf_expand(key, _labelled(label, parts), length)


def check_origin(origin: bytes) -> None:
    """Refuse what is not an origin, SPEC 2."""
    require(1 <= len(origin) <= 255, "origin-length")
    require(all(0x21 <= byte <= 0x7E for byte in origin), "origin-character")


def check_epoch_length(epoch_length: int) -> None:
    """Refuse an epoch length out of range, SPEC 2."""
    require(60 <= epoch_length < 2**32, "epoch-length")


def epoch_at(epoch_length: int, time: int) -> int:
    """Find the epoch of a time, SPEC 2."""
    check_epoch_length(epoch_length)
    epoch = time // epoch_length
    require(0 <= epoch < 2**32, "epoch-out-of-range")
    return epoch
