"""Hashing to P-256 and secp256k1 by the simplified SWU map (RFC 9380, sections 6.6 and 8).

It uses Python integers and takes variable time, because what is hashed is public.
"""

from __future__ import annotations

from dataclasses import dataclass

Polynomial = tuple[int, ...]
"""A polynomial: its coefficients, that of x^0 first."""


@dataclass(frozen=True)
class Isogeny:
    """The map from (x, y) to (x_num / x_den, y y_num / y_den), with four polynomials in x."""

    x_num: Polynomial
    x_den: Polynomial
    y_num: Polynomial
    y_den: Polynomial

    def map(self, x: int, y: int, p: int) -> tuple[int, int]:
        """Return the image of a point.

        No denominator is 0: on a curve of prime order, only the identity is in the kernel.
        """
        x_num, x_den, y_num, y_den = (
            sum(c * pow(x, i, p) for i, c in enumerate(polynomial)) % p
            for polynomial in (self.x_num, self.x_den, self.y_num, self.y_den)
        )
        return x_num * pow(x_den, -1, p) % p, y * y_num * pow(y_den, -1, p) % p


@dataclass(frozen=True)
class Map:
    """The map from the field of p elements to y^2 = x^3 + ax + b, and then by the isogeny.

    p must be 3 modulo 4.
    """

    p: int
    a: int
    b: int
    z: int
    isogeny: Isogeny | None = None

    def to_curve(self, u: int) -> tuple[int, int]:
        """Map by map_to_curve, to the affine coordinates of a point (RFC 9380, 6.6.2, 6.6.3)."""
        p = self.p
        zuu = self.z * u * u % p
        if denominator := (zuu * zuu + zuu) % p:
            x = -self.b * pow(self.a, -1, p) * (1 + pow(denominator, -1, p)) % p
        else:
            x = self.b * pow(self.z * self.a, -1, p) % p
        y = self._root(x)
        if y * y % p != self._square(x):
            x = zuu * x % p
            y = self._root(x)  # one of the two candidates always has a root
        if y % 2 != u % 2:
            y = -y % p
        return (x, y) if self.isogeny is None else self.isogeny.map(x, y, p)

    def _square(self, x: int) -> int:
        return (x * x * x + self.a * x + self.b) % self.p

    def _root(self, x: int) -> int:
        """Return y of a point with this x, or another number if there is no such point."""
        return pow(self._square(x), (self.p + 1) // 4, self.p)


P256 = Map(
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    z=-10,
)
"""``P256_XMD:SHA-256_SSWU_RO_`` (RFC 9380, section 8.2)."""

SECP256K1 = Map(
    p=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F,
    a=0x3F8731ABDD661ADCA08A5558F0F5D272E953D363CB6F0E5D405447C01A444533,
    b=1771,
    z=-11,
    isogeny=Isogeny(
        x_num=(
            0x8E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38DAAAAA8C7,
            0x7D3D4C80BC321D5B9F315CEA7FD44C5D595D2FC0BF63B92DFFF1044F17C6581,
            0x534C328D23F234E6E2A413DECA25CAECE4506144037C40314ECBD0B53D9DD262,
            0x8E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38E38DAAAAA88C,
        ),
        x_den=(
            0xD35771193D94918A9CA34CCBB7B640DD86CD409542F8487D9FE6B745781EB49B,
            0xEDADC6F64383DC1DF7C4B2D51B54225406D36B641F5E41BBC52A56612A8C6D14,
            1,
        ),
        y_num=(
            0x4BDA12F684BDA12F684BDA12F684BDA12F684BDA12F684BDA12F684B8E38E23C,
            0xC75E0C32D5CB7C0FA9D0A54B12A0A6D5647AB046D686DA6FDFFC90FC201D71A3,
            0x29A6194691F91A73715209EF6512E576722830A201BE2018A765E85A9ECEE931,
            0x2F684BDA12F684BDA12F684BDA12F684BDA12F684BDA12F684BDA12F38E38D84,
        ),
        y_den=(
            0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFF93B,
            0x7A06534BB8BDB49FD5E9E6632722C2989467C1BFC8E8D978DFB425D2685C2573,
            0x6484AA716545CA2CF3A70C3FA8FE337E0A3D21162F0D6299A7BF8192BFD2A76F,
            1,
        ),
    ),
)
"""``secp256k1_XMD:SHA-256_SSWU_RO_`` (RFC 9380, section 8.7 and appendix E.1)."""
