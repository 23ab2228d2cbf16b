"""AES-128 (FIPS 197) in Galois/Counter Mode (NIST SP 800-38D), for SPEC 14.2."""

Block = list[int]


def _doubled(x: int) -> int:
    """Multiply by x in the field of AES."""
    return x << 1 ^ (0x11B if x & 0x80 else 0)


def _s_box() -> list[int]:
    """Make the table: the inverse in the field, then an affine map."""
    box, power, inverse = [0x63] * 256, 1, 1
    for _ in range(255):
        rotated = inverse * 0x101
        box[power] = 0x63 ^ inverse
        for shift in (4, 5, 6, 7):
            box[power] ^= rotated >> shift & 0xFF
        power ^= _doubled(power)  # times 3, which generates the group
        for shift in (1, 2, 4):  # divided by 3
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
    return box


S_BOX = _s_box()
SHIFTED_ROWS = [(i + 4 * (i % 4)) % 16 for i in range(16)]


def _expand_key(key: bytes) -> list[Block]:
    """Derive the 11 round keys (FIPS 197, section 5.2)."""
    words, constant = [list(key[i : i + 4]) for i in range(0, 16, 4)], 1
    for i in range(4, 44):
        word = words[-1]
        if i % 4 == 0:
            word = [S_BOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _doubled(constant)
        words.append([x ^ y for x, y in zip(words[i - 4], word, strict=True)])
    return [[byte for word in words[i : i + 4] for byte in word] for i in range(0, 44, 4)]


def _mix_columns(state: Block) -> Block:
    mixed = []
    for i in range(0, 16, 4):
        column = state[i : i + 4]
        total = column[0] ^ column[1] ^ column[2] ^ column[3]
        for j in range(4):
            mixed.append(column[j] ^ total ^ _doubled(column[j] ^ column[(j + 1) % 4]))
    return mixed


def _encrypt_block(round_keys: list[Block], block: bytes) -> bytes:
    """Encrypt 16 bytes (FIPS 197, section 5.1)."""
    state = [x ^ y for x, y in zip(block, round_keys[0], strict=True)]
    for i, round_key in enumerate(round_keys[1:], start=1):
        state = [S_BOX[state[j]] for j in SHIFTED_ROWS]
        if i < 10:
            state = _mix_columns(state)
        state = [x ^ y for x, y in zip(state, round_key, strict=True)]
    return bytes(state)


def _ghash(h: int, data: bytes) -> int:
    """GHASH (SP 800-38D, section 6.4) of whole blocks; bit 0 of a block is its highest."""
    total = 0
    for i in range(0, len(data), 16):
        factor, total = total ^ int.from_bytes(data[i : i + 16], "big"), 0
        multiple = h
        for bit in range(127, -1, -1):
            if factor >> bit & 1:
                total ^= multiple
            multiple = multiple >> 1 ^ (0xE1 << 120 if multiple & 1 else 0)
    return total


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _lengths(first: bytes, second: bytes) -> bytes:
    return (8 * len(first)).to_bytes(8, "big") + (8 * len(second)).to_bytes(8, "big")


def _crypt(key: bytes, iv: bytes, data: bytes) -> tuple[bytes, int, bytes]:
    """Encrypt or decrypt; give also the key of GHASH and the mask of the tag."""
    round_keys = _expand_key(key)
    h = int.from_bytes(_encrypt_block(round_keys, bytes(16)), "big")
    if len(iv) == 12:
        start = iv + b"\0\0\0\1"
    else:
        start = _ghash(h, _padded(iv) + _lengths(b"", iv)).to_bytes(16, "big")
    counter, stream = int.from_bytes(start[12:], "big"), b""
    for _ in range(0, len(data), 16):
        counter = (counter + 1) % 2**32
        stream += _encrypt_block(round_keys, start[:12] + counter.to_bytes(4, "big"))
    output = bytes(x ^ y for x, y in zip(data, stream, strict=False))
    return output, h, _encrypt_block(round_keys, start)


def _tag(h: int, mask: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    hashed = _padded(associated) + _padded(ciphertext) + _lengths(associated, ciphertext)
    return (_ghash(h, hashed) ^ int.from_bytes(mask, "big")).to_bytes(16, "big")


def gcm_seal(key: bytes, iv: bytes, plaintext: bytes, associated: bytes = b"") -> bytes:
    """Encrypt: the ciphertext and its tag of 16 bytes."""
    ciphertext, h, mask = _crypt(key, iv, plaintext)
    return ciphertext + _tag(h, mask, ciphertext, associated)


def gcm_open(key: bytes, iv: bytes, box: bytes, associated: bytes = b"") -> bytes | None:
    """Open what gcm_seal made, or give None."""
    ciphertext, tag = box[:-16], box[-16:]
    plaintext, h, mask = _crypt(key, iv, ciphertext)
    return plaintext if tag == _tag(h, mask, ciphertext, associated) else None
