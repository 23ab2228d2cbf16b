"""HKDF-Expand (RFC 5869) and ChaCha20-Poly1305 (RFC 8439), from the RFCs."""

import hashlib
import hmac
import struct

MASK = 2**32 - 1
SIGMA = struct.unpack("<4I", b"expand 32-byte k")
QUARTERS = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


def hkdf_expand(prk: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869, section 2.3)."""
    output, block, counter = b"", b"", 0
    while len(output) < length:
        counter += 1
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
    return output[:length]


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & MASK


def _chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    start = [*SIGMA, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    state = list(start)
    for _ in range(10):
        for a, b, c, d in QUARTERS:
            for total, mixed, addend, bits in (
                (a, d, b, 16),
                (c, b, d, 12),
                (a, d, b, 8),
                (c, b, d, 7),
            ):
                state[total] = (state[total] + state[addend]) & MASK
                state[mixed] = _rotate(state[mixed] ^ state[total], bits)
    return struct.pack("<16I", *((x + y) & MASK for x, y in zip(state, start, strict=True)))


def _chacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt from block 1 on, as the AEAD does (RFC 8439, section 2.4)."""
    blocks = range(1, len(data) // 64 + 2)
    stream = b"".join(_chacha20_block(key, counter, nonce) for counter in blocks)
    return bytes(x ^ y for x, y in zip(data, stream, strict=False))


def _poly1305(key: bytes, message: bytes) -> bytes:
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        block = int.from_bytes(message[i : i + 16] + b"\x01", "little")
        total = (total + block) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:32], "little")) % 2**128).to_bytes(16, "little")


def _aead_tag(key: bytes, nonce: bytes, associated: bytes, ciphertext: bytes) -> bytes:
    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 16)

    lengths = struct.pack("<QQ", len(associated), len(ciphertext))
    one_time_key = _chacha20_block(key, 0, nonce)[:32]
    return _poly1305(one_time_key, padded(associated) + padded(ciphertext) + lengths)


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """AEAD_CHACHA20_POLY1305 (RFC 8439, section 2.8): the ciphertext and its tag."""
    ciphertext = _chacha20(key, nonce, plaintext)
    return ciphertext + _aead_tag(key, nonce, associated, ciphertext)


def aead_open(key: bytes, nonce: bytes, box: bytes, associated: bytes) -> bytes | None:
    """Open what aead_seal made, or give None."""
    ciphertext, tag = box[:-16], box[-16:]
    if len(box) < 16 or tag != _aead_tag(key, nonce, associated, ciphertext):
        return None
    return _chacha20(key, nonce, ciphertext)
