"""Signatures that are right but for one thing."""

from oracle import ristretto255
from oracle.ristretto255 import ORDER
from oracle.signatures import answer

from vectors.cases.material import draw_scalar, multiple, replaced

Parts = tuple[bytes, ...]


def negated(encoding: bytes) -> bytes:
    """Give another encoding that a lenient decoder takes for the same element."""
    return ristretto255.negative_encoding(ristretto255.decode(encoding))


def high_bit(encoding: bytes) -> bytes:
    """Set bit 255, which a lenient decoder ignores."""
    return replaced(encoding, 31, bytes([encoding[31] | 128]))


def raised(scalar: bytes) -> bytes:
    """Add the group order to the encoding of a scalar."""
    return (int.from_bytes(scalar, "little") + ORDER).to_bytes(32, "little")


def raised_response(signature: bytes) -> bytes:
    """Add the group order to z."""
    return replaced(signature, 32, raised(signature[32:]))


def over_commitment(
    context: str, secret: int, commitment: bytes, nonce: int, *parts: bytes
) -> bytes:
    """Sign with an encoding R that the signer chose."""
    return answer(context, secret, nonce, commitment, multiple(secret), *parts).signature


def negated_commitment(context: str, secret: int, *parts: bytes) -> bytes:
    """Sign with an R that is the negated encoding of the right element."""
    nonce = draw_scalar("forged nonce")
    return over_commitment(context, secret, negated(multiple(nonce)), nonce, *parts)


def high_bit_commitment(context: str, secret: int, *parts: bytes) -> bytes:
    """Sign with an R that has bit 255 set."""
    nonce = draw_scalar("forged nonce")
    return over_commitment(context, secret, high_bit(multiple(nonce)), nonce, *parts)


def for_public(context: str, secret: int, public: bytes, *parts: bytes) -> bytes:
    """Sign for an encoding P that the signer chose."""
    nonce = draw_scalar("forged nonce")
    return answer(context, secret, nonce, multiple(nonce), public, *parts).signature
