"""Key-prefixed Schnorr signatures with hedged nonces (SPEC 3)."""

from __future__ import annotations

import os

from billboard.errors import InvalidEncodingError, InvalidSignatureError
from billboard.groups.ristretto255 import SUITE, Element, Scalar
from billboard.hashing import hash_to_scalar

__all__ = ["SIGNATURE_SIZE", "sign", "verify"]

SIGNATURE_SIZE = 64
"""Bytes of a signature."""


def sign(context: str, secret: Scalar, *parts: bytes, rnd: bytes | None = None) -> bytes:
    """Sign ``parts`` in ``context`` under ``secret`` (not 0); 64 bytes.

    ``rnd`` is 32 bytes that hedge the nonce; left out, they come from the operating system.
    """
    if secret.is_zero:
        raise InvalidEncodingError("secret", "a signing scalar must not be 0")
    public = bytes(Element.mul_generator(secret))
    hedge = os.urandom(32) if rnd is None else rnd
    nonce = hash_to_scalar(f"{context}/nonce", bytes(secret), hedge, public, *parts)
    if nonce.is_zero:
        return sign(context, secret, *parts)
    commitment = bytes(Element.mul_generator(nonce))
    return commitment + bytes(nonce + _challenge(context, commitment, public, parts) * secret)


def verify(context: str, public: Element, signature: bytes, *parts: bytes) -> None:
    """Return if ``signature`` is one of ``parts`` in ``context`` under ``public``.

    Raises `InvalidSignatureError` otherwise. Variable time, as everything here is public.
    """
    if len(signature) != SIGNATURE_SIZE or public.is_identity:
        raise InvalidSignatureError(f"{context}: malformed signature or key")
    commitment = signature[:32]
    try:
        response = Scalar.from_bytes(signature[32:])
    except InvalidEncodingError:
        raise InvalidSignatureError(f"{context}: malformed signature") from None
    challenge = _challenge(context, commitment, bytes(public), parts)
    # Comparing encodings refuses a commitment that is not canonical.
    if bytes(public.mul_add_generator_vartime(-challenge, response)) != commitment:
        raise InvalidSignatureError(f"{context}: the signature does not verify")


def _challenge(context: str, commitment: bytes, public: bytes, parts: tuple[bytes, ...]) -> Scalar:
    return hash_to_scalar(f"{context}/challenge", SUITE, commitment, public, *parts)
