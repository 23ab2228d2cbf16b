"""Hashing to scalars and to the field (SPEC 12.2; RFC 9380, section 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from billboard.errors import InvalidEncodingError

Hash = Callable[..., Any]
"""A constructor of ``hashlib``."""


def check_dst(dst: bytes) -> bytes:
    """Return a domain separation tag, or raise `InvalidEncodingError` (SPEC 12.2)."""
    if not 1 <= len(dst) <= 255:
        raise InvalidEncodingError("dst", f"must be 1 to 255 bytes, not {len(dst)}")
    return dst


def expand_message_xmd(message: bytes, dst: bytes, length: int, hash_: Hash) -> bytes:
    """Expand a message to ``length`` uniform bytes (RFC 9380, 5.3.1).

    Raises `InvalidEncodingError` if ``dst`` is not 1 to 255 bytes.
    """
    suffix = check_dst(dst) + bytes([len(dst)])
    block = hash_().block_size
    size = length.to_bytes(2, "big")
    first: bytes = hash_(bytes(block) + message + size + b"\0" + suffix).digest()
    last: bytes = hash_(first + b"\1" + suffix).digest()
    output = last
    for i in range(2, -(-length // len(first)) + 1):
        mixed = bytes(a ^ b for a, b in zip(first, last, strict=True))
        last = hash_(mixed + bytes([i]) + suffix).digest()
        output += last
    return output[:length]


def hash_to_field(
    message: bytes, dst: bytes, modulus: int, count: int, hash_: Hash = hashlib.sha256
) -> list[int]:
    """Hash to ``count`` integers modulo a prime (RFC 9380, 5.2, with m = 1 and k = 128)."""
    size = -(-(modulus.bit_length() + 128) // 8)
    uniform = expand_message_xmd(message, dst, count * size, hash_)
    parts = [uniform[i : i + size] for i in range(0, len(uniform), size)]
    return [int.from_bytes(part, "big") % modulus for part in parts]
