"""The labelled hashes that everything else uses (SPEC 2)."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

LABEL = b"billboard/v1/"
"""The start of every label."""


def encode_tuple(*parts: bytes) -> bytes:
    """Return ``TUPLE`` of SPEC 2: an injective encoding of a sequence of byte strings."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hash_bytes(label: str, *parts: bytes) -> bytes:
    """Return ``HASH`` of SPEC 2: 32 bytes."""
    return hashlib.sha256(encode_tuple(LABEL + label.encode(), *parts)).digest()


def uniform_bytes(label: str, *parts: bytes) -> bytes:
    """Return the 64 bytes that ``SCALAR`` of SPEC 2 reduces modulo the group order."""
    return hashlib.sha512(encode_tuple(LABEL + label.encode(), *parts)).digest()


def expand(key: bytes, label: str, length: int, *parts: bytes) -> bytes:
    """Return ``EXPAND`` of SPEC 2: HKDF-Expand with SHA-256 (RFC 5869) of a uniform 32-byte key."""
    info = encode_tuple(LABEL + label.encode(), *parts)
    return HKDFExpand(hashes.SHA256(), length, info).derive(key)
