"""Ed25519 (RFC 8032), the signatures of notes, SPEC 9.3."""

import hashlib

from .multiplication import multiple_of_generator
from .refusals import Refused, require, require_length
from .ristretto255 import IDENTITY, ORDER, D, Element, P, is_negative, sqrt_ratio


def _hash(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _encode(point: Element) -> bytes:
    """Encode a point: y, and the sign of x (RFC 8032, section 5.1.2)."""
    inverse = pow(point.z, -1, P)
    x, y = point.x * inverse % P, point.y * inverse % P
    return (y | is_negative(x) << 255).to_bytes(32, "little")


def _decode(data: bytes) -> Element | None:
    """Decode a point (RFC 8032, section 5.1.3), canonical ones only."""
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255, number >> 255
    was_square, x = sqrt_ratio(y * y - 1, D * y * y + 1)
    if not was_square or y >= P or (x == 0 and sign == 1):
        return None
    x = x if is_negative(x) == bool(sign) else -x % P
    return Element(x, y, 1, x * y % P)


def _expand(seed: bytes) -> tuple[int, bytes]:
    """Give the secret scalar and the prefix of the nonce of a seed."""
    require_length(seed, 32)
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return scalar % 2**254 - scalar % 8 + 2**254, digest[32:]


def _base() -> Element:
    """Give the base point B, of which y is 4/5 and x is even."""
    base = _decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    if base is None:
        raise ValueError("B")
    return base


BASE = _base()


ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8."""


def multiple(scalar: int) -> bytes:
    """Give a multiple of B."""
    return _encode(multiple_of_generator(BASE, IDENTITY, scalar % ORDER))


def public_of(seed: bytes) -> bytes:
    """Give the public key of a seed."""
    return multiple(_expand(seed)[0])


def scalar_of(seed: bytes) -> int:
    """Give the secret scalar of a seed."""
    return _expand(seed)[0]


def challenge(commitment: bytes, public: bytes, message: bytes) -> int:
    """Give h, the hash of R, A and the message."""
    return _hash(commitment, public, message) % ORDER


def respond(public: bytes, scalar: int, commitment: bytes, nonce: int, message: bytes) -> bytes:
    """Make a signature of R and a response to the challenge, right or not."""
    response = (nonce + challenge(commitment, public, message) * scalar) % ORDER
    return commitment + response.to_bytes(32, "little")


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign a message (RFC 8032, section 5.1.6)."""
    scalar, prefix = _expand(seed)
    nonce = _hash(prefix, message) % ORDER
    return respond(multiple(scalar), scalar, multiple(nonce), nonce, message)


def plus_order_8(public: bytes) -> bytes:
    """Add a point of order 8 to a public key."""
    point, torsion = _decode(public), _decode(ORDER_8)
    if point is None or torsion is None:
        raise Refused("public-not-canonical")
    return _encode(point.plus(torsion))


def is_small_order(public: bytes) -> bool:
    """Tell whether a public key is a point of order 1, 2, 4 or 8."""
    point = _decode(public)
    return point is not None and _encode(point.times(8)) == _encode(IDENTITY)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Refuse a signature that is not right (RFC 8032, section 5.1.7, without cofactors)."""
    require_length(public, 32)
    require_length(signature, 64)
    point = _decode(public)
    if point is None:
        raise Refused("public-not-canonical")
    response = int.from_bytes(signature[32:], "little")
    require(response < ORDER, "response-not-canonical")
    product = multiple_of_generator(BASE, IDENTITY, response % ORDER)
    hashed = challenge(signature[:32], public, message)
    expected = _encode(product.minus(point.times(hashed)))
    require(expected == signature[:32], "signature-equation")
