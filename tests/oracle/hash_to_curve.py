"""Hashing to fields and to curves, SPEC 12.2 (RFC 9380)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from .curves import BLS12_381, P256, SECP256K1, Curve, Point, square_root
from .multiplication import multiple
from .refusals import require


def expand_message(hash_name: str, msg: bytes, dst: bytes, length: int) -> bytes:
    """expand_message_xmd of RFC 9380, section 5.3.1."""
    require(1 <= len(dst) <= 255, "dst-length")
    block_size = hashlib.new(hash_name).block_size
    suffix = dst + bytes([len(dst) % 256])

    def digest(data: bytes) -> bytes:
        return hashlib.new(hash_name, data + suffix).digest()

    first = digest(bytes(block_size) + msg + length.to_bytes(2, "big") + b"\0")
    output, block = b"", bytes(len(first))
    for i in range(1, 256):
        if len(output) >= length:
            break
        block = digest(bytes(x ^ y for x, y in zip(first, block, strict=True)) + bytes([i]))
        output += block
    return output[:length]


def hash_to_field(msg: bytes, dst: bytes, modulus: int, count: int) -> list[int]:
    """hash_to_field of RFC 9380, section 5.2, for m = 1, SHA-256 and 128 bits of security."""
    length = ((modulus - 1).bit_length() + 128 + 7) // 8
    data = expand_message("sha256", msg, dst, count * length)
    pieces = [data[i : i + length] for i in range(0, len(data), length)]
    return [int.from_bytes(piece, "big") % modulus for piece in pieces]


class Mapping(NamedTuple):
    """How field elements become points of a curve: SSWU on y^2 = x^3 + ax + b, then an isogeny.

    The isogeny is given by its kernel, as the polynomial (coefficients in ascending order) whose
    roots are the x of the kernel, each once. Without a kernel it is the identity.
    """

    curve: Curve
    a: int
    b: int
    z: int
    kernel: tuple[int, ...] = (1,)
    cofactor: int = 1

    def point_of(self, u: int) -> Point:
        """Map a field element to the curve, RFC 9380, section 6.6."""
        return Point(self.curve, *self._isogenous(*self._sswu(u)), 1)

    def _sswu(self, u: int) -> tuple[int, int]:
        """map_to_curve_simple_swu of RFC 9380, section 6.6.2."""
        p, a, b = self.curve.p, self.a, self.b
        zu2 = self.z * u * u % p
        denominator = (zu2 * zu2 + zu2) % p
        if denominator == 0:
            x = b * pow(self.z * a, -1, p) % p
        else:
            x = -b * pow(a, -1, p) * (1 + pow(denominator, -1, p)) % p
        y = square_root(x**3 + a * x + b, p)
        if y is None:
            x = zu2 * x % p
            y = square_root(x**3 + a * x + b, p)
        if y is None:
            raise ArithmeticError("SSWU: one of two must be a square")
        return x, y if y % 2 == u % 2 else p - y

    def _isogenous(self, x: int, y: int) -> tuple[int, int]:
        """Apply the isogeny: Kohel's formula, divided by the squared and cubed degree.

        With f = x^3 + ax + b, h the kernel polynomial and s = h'/h, x goes to
        degree x - 2 sum(roots of h) - 2 f' s - 4 f s', and y to y times the derivative of that.
        RFC 9380, appendix E, writes out the same maps as quotients of polynomials.
        """
        p, h = self.curve.p, self.kernel
        degree = 2 * len(h) - 1
        roots = -h[-2] if degree > 1 else 0
        f, f1, f2 = x**3 + self.a * x + self.b, 3 * x * x + self.a, 6 * x
        h0, h1, h2, h3 = (_derivative_at(h, order, x) for order in range(4))
        inverse = pow(h0, -1, p)
        s, t = h1 * inverse % p, h2 * inverse % p
        s1 = (t - s * s) % p
        s2 = (h3 * inverse - 3 * s * t + 2 * s**3) % p
        new_x = degree * x - 2 * roots - 2 * f1 * s - 4 * f * s1
        slope = degree - 2 * f2 * s - 6 * f1 * s1 - 4 * f * s2
        scale = pow(degree, -1, p)
        return new_x * scale**2 % p, y * slope * scale**3 % p


def _derivative_at(polynomial: Sequence[int], order: int, x: int) -> int:
    coefficients = list(polynomial)
    for _ in range(order):
        coefficients = [i * c for i, c in enumerate(coefficients)][1:]
    return sum(c * x**i for i, c in enumerate(coefficients))


def hash_to_curve(mapping: Mapping, msg: bytes, dst: bytes) -> Point:
    """hash_to_curve of RFC 9380, section 3."""
    first, second = hash_to_field(msg, dst, mapping.curve.p, 2)
    point = mapping.point_of(first).plus(mapping.point_of(second))
    return multiple(point, mapping.curve.identity, mapping.cofactor)


# RFC 9380, sections 8.2, 8.7 and 8.8; the kernels from the denominators in its appendix E.
TO_P256 = Mapping(P256, a=P256.a, b=P256.b, z=-10)
TO_SECP256K1 = Mapping(
    SECP256K1,
    a=0x3F8731ABDD661ADCA08A5558F0F5D272E953D363CB6F0E5D405447C01A444533,
    b=1771,
    z=-11,
    kernel=(0x76D6E37B21C1EE0EFBE2596A8DAA112A0369B5B20FAF20DDE2952B309546368A, 1),
)
TO_BLS12_381 = Mapping(
    BLS12_381,
    a=0x144698A3B8E9433D693A02C96D4982B0EA985383EE66A8D8E8981AEFD881AC98936F8DA0E0F97F5CF428082D584C1D,
    b=0x12E2908D11688030018B12E8753EEE3B2016C1F0F24F4070A0B9C14FCEF35EF55A23215A316CEAA5D1CC48E98E172BE0,
    z=11,
    kernel=(
        0x133341FB0962A34CB0504A9C4FADA0A5090D38679B4C040D5D1C3AFB023A3409FCC0815FEA66D8B02BBEF9C8B5A66E07,
        0x264908AF037BCEDE00D054CF5D4775E83EB6CF63C76B969F8ED174FB59FCFF78D201F46F6CFC4ED6552E59CE75177B0,
        0x1335C502C1F54C49ACEEA65E87FD7203BA0F626F305FC0CFD606A5DAE9F3C8E81A4B3B69600129FABD307C69BF319D39,
        0x94440F65F408A6E930E16E3E92DD17BF60D6E9679A8D3D58593DE55AC23703042D609537EB3549AAC234D896CA82944,
        0x4AFE09D5CF4956A23B6B71F59D2B3407B415A774B7BE81BBB6FA99CBC798E0AC98BA725A5BC328016B1C268B4766E85,
        1,
    ),
    cofactor=0xD201000000010001,
)
