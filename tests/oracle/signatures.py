"""Schnorr signatures, SPEC 3."""

from typing import NamedTuple

from . import ristretto255
from .notation import SUITE, scalar_of
from .refusals import Refused, require, require_length


class Signing(NamedTuple):
    """A signature and the values on the way to it."""

    public: bytes
    nonce: int
    challenge: int
    signature: bytes


def challenge_of(context: str, commitment: bytes, public: bytes, parts: tuple[bytes, ...]) -> int:
    """Give c of SPEC 3."""
    return scalar_of(context + "/challenge", SUITE, commitment, public, *parts)


def sign(context: str, secret: int, rnd: bytes, *parts: bytes) -> Signing:
    """SIGN, SPEC 3, with the random bytes given."""
    require(secret != 0, "secret-zero")
    require_length(rnd, 32)
    public = ristretto255.times_generator(secret).encode()
    nonce = scalar_of(context + "/nonce", ristretto255.encode_scalar(secret), rnd, public, *parts)
    if nonce == 0:
        raise Refused("nonce-zero")
    commitment = ristretto255.times_generator(nonce).encode()
    return answer(context, secret, nonce, commitment, public, *parts)


def answer(
    context: str, secret: int, nonce: int, commitment: bytes, public: bytes, *parts: bytes
) -> Signing:
    """Finish a signature over the encodings R and P that are given, which may be bad ones."""
    challenge = challenge_of(context, commitment, public, parts)
    response = ristretto255.encode_scalar(nonce + challenge * secret)
    return Signing(public, nonce, challenge, commitment + response)


def verify(context: str, public: bytes, signature: bytes, *parts: bytes) -> None:
    """VERIFY, SPEC 3."""
    require_length(public, 32)
    require_length(signature, 64)
    commitment = signature[:32]
    public_element = ristretto255.decode(public, "public-not-canonical")
    commitment_element = ristretto255.decode(commitment, "commitment-not-canonical")
    require(not public_element.is_identity(), "public-identity")
    response = ristretto255.decode_scalar(signature[32:], "response-not-canonical")
    challenge = challenge_of(context, commitment, public, parts)
    expected = commitment_element.plus(public_element.times(challenge))
    require(ristretto255.times_generator(response).equals(expected), "signature-equation")
