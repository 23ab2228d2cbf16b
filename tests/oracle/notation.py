"""Bytes, hashes, origins and epochs, SPEC 2."""

import hashlib

from . import ristretto255
from .refusals import Refused, require
from .symmetric import hkdf_expand

SUITE = b"ristretto255-SHA512"
SUITE_NUMBER = 1
VERSION = 1
CLASS_H, CLASS_S, CLASS_L, CLASS_XL = 2, 3, 8, 38
"""The number of a class is the number n of elements of its messages, SPEC 4.1."""
CLASSES = (CLASS_H, CLASS_S, CLASS_L, CLASS_XL)


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
    return ristretto255.wide_scalar(hashlib.sha512(_labelled(label, parts)).digest())


def expand(key: bytes, label: str, length: int, *parts: bytes) -> bytes:
    """EXPAND, SPEC 2."""
    return hkdf_expand(key, _labelled(label, parts), length)


def blob_length(n: int) -> int:
    """Give the length of a blob of class n, SPEC 6.3."""
    return 32 * (n + 1)


def class_of_blob(length: int) -> int:
    """Tell the class from the length of a blob, SPEC 6.3."""
    for n in CLASSES:
        if blob_length(n) == length:
            return n
    raise Refused("wrong-length")


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
