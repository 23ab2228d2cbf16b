"""ristretto255 (RFC 9496) and its scalars, SPEC 2."""

from __future__ import annotations

from typing import NamedTuple

from .multiplication import multiple, multiple_of_generator
from .refusals import Refused, require, require_length

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
# The two square roots below have a sign that RFC 9496, section 4.1, fixes.
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


def is_negative(x: int) -> bool:
    """Tell whether a field element is negative: odd."""
    return x % P % 2 == 1


def absolute(x: int) -> int:
    """Give the non-negative one of x and -x."""
    return -x % P if is_negative(x) else x % P


def sqrt_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496, section 4.2."""
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    flipped = check == -u % P
    if flipped or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return check == u % P or flipped, absolute(r)


class Element(NamedTuple):
    """A point of edwards25519 in extended coordinates that stands for a group element."""

    x: int
    y: int
    z: int
    t: int

    def plus(self, other: Element) -> Element:
        """Add (complete formulas of Hisil, Wong, Carter and Dawson for a = -1)."""
        a = (self.y - self.x) * (other.y - other.x) % P
        b = (self.y + self.x) * (other.y + other.x) % P
        c = 2 * D * self.t * other.t % P
        d = 2 * self.z * other.z % P
        e, f, g, h = b - a, d - c, d + c, b + a
        return Element(e * f % P, g * h % P, f * g % P, e * h % P)

    def negated(self) -> Element:
        """Give the inverse."""
        return Element(-self.x % P, self.y, self.z, -self.t % P)

    def minus(self, other: Element) -> Element:
        """Subtract."""
        return self.plus(other.negated())

    def times(self, k: int) -> Element:
        """Multiply by a scalar."""
        return multiple(self, IDENTITY, k % ORDER)

    def equals(self, other: Element) -> bool:
        """Compare as group elements (RFC 9496, section 4.3.3)."""
        same = (self.x * other.y - self.y * other.x) % P == 0
        return same or (self.y * other.y - self.x * other.x) % P == 0

    def is_identity(self) -> bool:
        """Tell whether this is the neutral element."""
        return self.equals(IDENTITY)

    def encode(self) -> bytes:
        """Encode (RFC 9496, section 4.3.2)."""
        u1 = (self.z + self.y) * (self.z - self.y) % P
        u2 = self.x * self.y % P
        _, inverse_root = sqrt_ratio(1, u1 * u2 * u2)
        den1, den2 = inverse_root * u1 % P, inverse_root * u2 % P
        z_inverse = den1 * den2 * self.t % P
        if is_negative(self.t * z_inverse):
            x, y = self.y * SQRT_M1, self.x * SQRT_M1
            den = den1 * INVSQRT_A_MINUS_D
        else:
            x, y, den = self.x, self.y, den2
        if is_negative(x * z_inverse):
            y = -y
        return absolute(den * (self.z - y)).to_bytes(32, "little")


IDENTITY = Element(0, 1, 1, 0)


def _element_of_root(s: int) -> Element | None:
    """Find the element that s or -s stands for, if there is one."""
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, inverse_root = sqrt_ratio(1, v * u2 * u2)
    den_x = inverse_root * u2 % P
    x = absolute(2 * s * den_x)
    y = u1 * inverse_root * den_x * v % P
    if not was_square or is_negative(x * y) or y == 0:
        return None
    return Element(x, y, 1, x * y % P)


def decode(data: bytes, reason: str = "not-canonical") -> Element:
    """Decode an element and refuse what is not canonical (RFC 9496, section 4.3.1)."""
    require_length(data, 32)
    s = int.from_bytes(data, "little")
    require(s < P and s % 2 == 0, reason)
    element = _element_of_root(s % 2**255 % P)
    if element is None:
        raise Refused(reason)
    return element


def negative_encoding(element: Element) -> bytes:
    """Encode with the negated root: a lenient decoder takes it for the same element."""
    return (P - int.from_bytes(element.encode(), "little")).to_bytes(32, "little")


def _map(t: int) -> Element:
    """MAP of RFC 9496, section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio(u, v)
    c = -1
    if not was_square:
        s, c = -absolute(s * t) % P, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return Element(w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def from_uniform_bytes(data: bytes) -> Element:
    """Derive an element from 64 bytes (RFC 9496, section 4.3.4)."""
    require_length(data, 64)
    first, second = (int.from_bytes(data[i : i + 32], "little") % 2**255 for i in (0, 32))
    return _map(first).plus(_map(second))


GENERATOR = decode(
    bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
)


def times_generator(k: int) -> Element:
    """Give k times the generator."""
    return multiple_of_generator(GENERATOR, IDENTITY, k % ORDER)


def encode_scalar(k: int) -> bytes:
    """Encode a scalar in 32 little-endian bytes, SPEC 2."""
    return (k % ORDER).to_bytes(32, "little")


def decode_scalar(data: bytes, reason: str = "not-canonical") -> int:
    """Decode a scalar and refuse the order or more, SPEC 2."""
    require_length(data, 32)
    k = int.from_bytes(data, "little")
    require(k < ORDER, reason)
    return k % ORDER


def wide_scalar(data: bytes) -> int:
    """Reduce 64 little-endian bytes modulo the order, SPEC 2."""
    require_length(data, 64)
    return int.from_bytes(data, "little") % ORDER
