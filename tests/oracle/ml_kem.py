"""ML-KEM-768 (FIPS 203), for request keys, SPEC 10.2."""

import hashlib
from typing import NamedTuple

from .refusals import require, require_length

Q = 3329
K = 3
ETA = 2
DU, DV = 10, 4
POLYNOMIAL = 384
"""Bytes of a polynomial whose 256 coefficients are all kept."""
PUBLIC = K * POLYNOMIAL + 32
CIPHERTEXT = 32 * (K * DU + DV)

Poly = list[int]


class Pair(NamedTuple):
    """A key: what encapsulates, and what decapsulates."""

    public: bytes
    s: list[Poly]
    rejection: bytes


def _reversed(i: int) -> int:
    """Reverse seven bits."""
    return int(f"{i:07b}"[::-1], 2)


ZETAS = [pow(17, _reversed(i), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * _reversed(i) + 1, Q) for i in range(128)]


def _ntt(f: Poly) -> Poly:
    """Algorithm 9."""
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            zeta = ZETAS[i]
            i += 1
            for j in range(start, start + length):
                t = zeta * f[j + length]
                f[j + length] = (f[j] - t) % Q
                f[j] = (f[j] + t) % Q
        length //= 2
    return f


def _inverse_ntt(f: Poly) -> Poly:
    """Algorithm 10."""
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            zeta = ZETAS[i]
            i -= 1
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % Q
                f[j + length] = zeta * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def _product(f: Poly, g: Poly) -> Poly:
    """Multiply two that are transformed, algorithms 11 and 12."""
    product = []
    for i, gamma in enumerate(GAMMAS):
        (a0, a1), (b0, b1) = f[2 * i : 2 * i + 2], g[2 * i : 2 * i + 2]
        product += [(a0 * b0 + a1 * b1 * gamma) % Q, (a0 * b1 + a1 * b0) % Q]
    return product


def _sum(*polys: Poly) -> Poly:
    return [sum(column) % Q for column in zip(*polys, strict=True)]


def _inner(f: list[Poly], g: list[Poly]) -> Poly:
    return _sum(*map(_product, f, g))


def _encode(bits: int, f: Poly) -> bytes:
    """Algorithm 5."""
    number = sum(x << bits * i for i, x in enumerate(f))
    return number.to_bytes(32 * bits, "little")


def _decode(bits: int, data: bytes) -> Poly:
    """Algorithm 6, without the reduction of coefficients of q or more."""
    number = int.from_bytes(data, "little")
    return [number >> bits * i & (1 << bits) - 1 for i in range(256)]


def _compress(bits: int, f: Poly) -> Poly:
    """Round 2^bits / q x, halves upwards."""
    return [((x << bits + 1) + Q) // (2 * Q) % (1 << bits) for x in f]


def _decompress(bits: int, f: Poly) -> Poly:
    return [(2 * x * Q + (1 << bits)) >> bits + 1 for x in f]


def _split(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def _sample_uniform(seed: bytes) -> Poly:
    """Algorithm 7."""
    stream = hashlib.shake_128(seed).digest(3 * 1024)
    found = []
    for a, b, c in zip(stream[::3], stream[1::3], stream[2::3], strict=True):
        found += [x for x in (a | (b & 15) << 8, b >> 4 | c << 4) if x < Q]
    if len(found) < 256:
        raise ValueError("this happens once in 2^1000 years")
    return found[:256]


def _sample_small(seed: bytes, number: int) -> Poly:
    """Algorithm 8, of the output of PRF."""
    stream = hashlib.shake_256(seed + bytes([number])).digest(64 * ETA)
    bits = _decode(1, stream[:32]) + _decode(1, stream[32:64])
    bits += _decode(1, stream[64:96]) + _decode(1, stream[96:])
    return [(bits[i] + bits[i + 1] - bits[i + 2] - bits[i + 3]) % Q for i in range(0, 1024, 4)]


def _matrix(rho: bytes) -> list[list[Poly]]:
    return [[_sample_uniform(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def generate(d: bytes, z: bytes) -> Pair:
    """Algorithms 13 and 16."""
    seeds = hashlib.sha3_512(d + bytes([K])).digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [_ntt(_sample_small(sigma, i)) for i in range(K)]
    e = [_ntt(_sample_small(sigma, K + i)) for i in range(K)]
    t = [_sum(_inner(row, s), e[i]) for i, row in enumerate(_matrix(rho))]
    return Pair(b"".join(_encode(12, each) for each in t) + rho, s, z)


def check_public(public: bytes) -> None:
    """Refuse what does not pass the modulus check (FIPS 203, section 7.2)."""
    require_length(public, PUBLIC)
    coefficients = [x for part in _split(public[:-32], POLYNOMIAL) for x in _decode(12, part)]
    require(all(x < Q for x in coefficients), "request-key-not-canonical")


def _encrypt(public: bytes, message: bytes, coins: bytes) -> bytes:
    """Algorithm 14."""
    t = [[x % Q for x in _decode(12, part)] for part in _split(public[:-32], POLYNOMIAL)]
    rows = _matrix(public[-32:])
    columns = [list(column) for column in zip(*rows, strict=True)]
    y = [_ntt(_sample_small(coins, i)) for i in range(K)]
    u = [
        _sum(_inverse_ntt(_inner(column, y)), _sample_small(coins, K + i))
        for i, column in enumerate(columns)
    ]
    bits = _decompress(1, _decode(1, message))
    v = _sum(_inverse_ntt(_inner(t, y)), _sample_small(coins, 2 * K), bits)
    parts = [_encode(DU, _compress(DU, each)) for each in u]
    return b"".join(parts) + _encode(DV, _compress(DV, v))


def _decrypt(s: list[Poly], ciphertext: bytes) -> bytes:
    """Algorithm 15."""
    parts = _split(ciphertext[: 32 * DU * K], 32 * DU)
    u = [_ntt(_decompress(DU, _decode(DU, part))) for part in parts]
    v = _decompress(DV, _decode(DV, ciphertext[32 * DU * K :]))
    masked = _inverse_ntt(_inner(s, u))
    return _encode(1, _compress(1, [(a - b) % Q for a, b in zip(v, masked, strict=True)]))


def _derive(message: bytes, public: bytes) -> tuple[bytes, bytes]:
    seeds = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    return seeds[:32], seeds[32:]


def encapsulate(public: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Give the shared secret and the ciphertext, algorithm 17."""
    secret, coins = _derive(message, public)
    return secret, _encrypt(public, message, coins)


def decapsulate(pair: Pair, ciphertext: bytes) -> bytes:
    """Give the shared secret, algorithm 18; that of nobody, if the ciphertext is not sound."""
    message = _decrypt(pair.s, ciphertext)
    secret, coins = _derive(message, pair.public)
    if _encrypt(pair.public, message, coins) != ciphertext:
        return hashlib.shake_256(pair.rejection + ciphertext).digest(32)
    return secret
