"""p256, p224, secp256k1 and bls12_381: short Weierstrass curves and their encodings, SPEC 12.1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from .multiplication import multiple, multiple_of_generator
from .refusals import Refused, require, require_length


class Point(NamedTuple):
    """A point in projective coordinates, x/z and y/z; z = 0 is the identity."""

    curve: Curve
    x: int
    y: int
    z: int

    def plus(self, other: Point) -> Point:
        """Add: Renes, Costello and Batina (Eurocrypt 2016), section 3, complete for odd orders."""
        curve, x1, y1, z1 = self
        _, x2, y2, z2 = other
        p, a, b = curve.p, curve.a, curve.b
        xx, yy, zz = x1 * x2, y1 * y2 % p, z1 * z2 % p
        xy, yz, xz = x1 * y2 + x2 * y1, y1 * z2 + y2 * z1, (x1 * z2 + x2 * z1) % p
        c = (a * xz + 3 * b * zz) % p
        d = (a * (xx - a * zz) + 3 * b * xz) % p
        e = (3 * xx + a * zz) % p
        x3 = xy * (yy - c) - yz * d
        y3 = (yy + c) * (yy - c) + e * d
        z3 = yz * (yy + c) + xy * e
        return Point(curve, x3 % p, y3 % p, z3 % p)

    def negated(self) -> Point:
        """Give the inverse."""
        return self._replace(y=-self.y % self.curve.p)

    def minus(self, other: Point) -> Point:
        """Subtract."""
        return self.plus(other.negated())

    def times(self, k: int) -> Point:
        """Multiply by a scalar."""
        return multiple(self, self.curve.identity, k % self.curve.order)

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""
        return self.z == 0

    def equals(self, other: Point) -> bool:
        """Compare."""
        return self.minus(other).is_identity()

    def affine(self) -> tuple[int, int]:
        """Give x and y of a point that is not the identity."""
        inverse = pow(self.z, -1, self.curve.p)
        return self.x * inverse % self.curve.p, self.y * inverse % self.curve.p

    def encode(self) -> bytes:
        """Encode as is usual for the curve."""
        return self.curve.encode(self)


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + ax + b over the field of p elements, and a base point of prime order."""

    p: int
    a: int
    b: int
    order: int
    x: int
    y: int

    @property
    def identity(self) -> Point:
        """The neutral element."""
        return Point(self, 0, 1, 0)

    @property
    def generator(self) -> Point:
        """The base point."""
        return Point(self, self.x, self.y, 1)

    @property
    def coordinate_length(self) -> int:
        """The bytes of a coordinate."""
        return (self.p.bit_length() + 7) // 8

    def times_generator(self, k: int) -> Point:
        """Give k times the base point."""
        return multiple_of_generator(self.generator, self.identity, k % self.order)

    def square_of_y(self, x: int) -> int:
        """Give x^3 + ax + b."""
        return (x**3 + self.a * x + self.b) % self.p

    def has(self, x: int, y: int) -> bool:
        """Tell whether x and y are reduced coordinates of a point."""
        return max(x, y) < self.p and y * y % self.p == self.square_of_y(x)

    def lift(self, x: int) -> Point | None:
        """Find the point of an x that has an even y, if there is one."""
        y = square_root(self.square_of_y(x), self.p)
        return None if y is None else Point(self, x, y if y % 2 == 0 else self.p - y, 1)

    def encode(self, point: Point) -> bytes:
        """Encode in the compressed form of SEC 1, section 2.3.3; the identity as zeros."""
        if point.is_identity():
            return bytes(1 + self.coordinate_length)
        x, y = point.affine()
        return bytes([2 + y % 2]) + x.to_bytes(self.coordinate_length, "big")

    def decode(self, data: bytes, reason: str = "not-canonical") -> Point:
        """Decode what `encode` gives and nothing else."""
        require_length(data, 1 + self.coordinate_length)
        if not any(data):
            return self.identity
        x = int.from_bytes(data[1:], "big")
        require(data[0] in (2, 3) and x < self.p, reason)
        point = self.lift(x % self.p)
        if point is None:
            raise Refused(reason)
        return point if data[0] % 2 == 0 else point.negated()


COMPRESSED, IDENTITY, GREATER = 0x80, 0x40, 0x20


class PairingCurve(Curve):
    """G1 of bls12_381: a subgroup of its curve, and three flags above x."""

    def encode(self, point: Point) -> bytes:
        """Encode x with the flags."""
        if point.is_identity():
            return bytes([COMPRESSED | IDENTITY]) + bytes(47)
        x, y = point.affine()
        flags = COMPRESSED | (GREATER if y > self.p // 2 else 0)
        return (flags << 376 | x).to_bytes(48, "big")

    def decode(self, data: bytes, reason: str = "not-canonical") -> Point:
        """Decode what `encode` gives and nothing else; the point must be in the subgroup."""
        require_length(data, 48)
        if data == self.identity.encode():
            return self.identity
        flags, x = data[0] & 0xE0, int.from_bytes(data, "big") % 2**381
        require(flags & ~GREATER == COMPRESSED and x < self.p, reason)
        point = self.lift(x % self.p)
        if point is None:
            raise Refused(reason)
        in_subgroup = multiple(point, self.identity, self.order).is_identity()
        require(in_subgroup, reason)
        greater = point.y > self.p // 2
        return point if greater == bool(flags & GREATER) else point.negated()


@cache
def _non_residue(p: int) -> int:
    return next(n for n in range(2, p) if pow(n, p // 2, p) == p - 1)


def square_root(square: int, p: int) -> int | None:
    """Find a square root modulo p, if there is one (Tonelli and Shanks)."""
    odd, twos = p - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    root, rest = pow(square, (odd + 1) // 2, p), pow(square, odd, p)
    # root^2 = square * rest; powers of z, of order 2^twos, make rest 1, a bit at a time.
    z = pow(_non_residue(p), odd, p)
    for i in range(twos - 2, -1, -1):
        if pow(rest, 2**i, p) == p - 1:
            root, rest = root * z % p, rest * z * z % p
        z = z * z % p
    return root if root * root % p == square % p else None


P256 = Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    order=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    x=0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    y=0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
P224 = Curve(
    p=2**224 - 2**96 + 1,
    a=-3,
    b=0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4,
    order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    x=0xB70E0CBD6BB4BF7F321390B94A03C1D356C21122343280D6115C1D21,
    y=0xBD376388B5F723FB4C22DFE6CD4375A05A07476444D5819985007E34,
)
SECP256K1 = Curve(
    p=2**256 - 2**32 - 977,
    a=0,
    b=7,
    order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    x=0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    y=0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Z = -0xD201000000010000  # the parameter of the family BLS12, for this curve
BLS12_381 = PairingCurve(
    p=(Z - 1) ** 2 * (Z**4 - Z**2 + 1) // 3 + Z,
    a=0,
    b=4,
    order=Z**4 - Z**2 + 1,
    x=0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    y=0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
)
