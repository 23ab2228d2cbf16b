"""Key-prefixed Schnorr signatures with hedged nonces (SPEC 3)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from billboard import _core
from billboard.batches import Mask
from billboard.errors import InvalidEncodingError, InvalidSignatureError
from billboard.groups.ristretto255 import SUITE, Element, Scalar
from billboard.hashing import uniform_bytes

SIGNATURE_SIZE = 64
"""Bytes of a signature."""

_ELEMENT = 32
_NO_SIGNATURE = bytes(5 * _ELEMENT)
"""A row that the batch refuses, because its key is the identity."""


def hash_to_scalar(label: str, *parts: bytes) -> Scalar:
    """Return ``SCALAR`` of SPEC 2: a uniform scalar."""
    return Scalar.from_uniform_bytes(uniform_bytes(label, *parts))


def sign(context: str, secret: Scalar, *parts: bytes, rnd: bytes | None = None) -> bytes:
    """Return the signature, 64 bytes, of ``parts`` in ``context`` under ``secret``.

    ``rnd`` is 32 bytes that hedge the nonce; if left out, they come from the operating system.
    Raises `InvalidEncodingError` if ``secret`` is 0.
    """
    if secret.is_zero:
        raise InvalidEncodingError("secret", "a signing scalar must not be 0")
    public = bytes(Element.mul_generator(secret))
    hedge = os.urandom(32) if rnd is None else rnd
    nonce = hash_to_scalar(f"{context}/nonce", bytes(secret), hedge, public, *parts)
    if nonce.is_zero:
        return sign(context, secret, *parts)
    commitment = bytes(Element.mul_generator(nonce))
    challenge = Scalar.from_uniform_bytes(_challenge(context, commitment, public, parts))
    return commitment + bytes(nonce + challenge * secret)


def verify(context: str, public: Element, signature: bytes, *parts: bytes) -> None:
    """Verify the ``signature`` of ``parts`` in ``context`` under ``public``.

    Raises `InvalidSignatureError`. Takes variable time, because everything here is public.
    """
    if len(signature) != SIGNATURE_SIZE or public.is_identity:
        raise InvalidSignatureError(f"{context}: malformed signature or key")
    commitment = signature[:32]
    try:
        response = Scalar.from_bytes(signature[32:])
    except InvalidEncodingError:
        raise InvalidSignatureError(f"{context}: malformed signature") from None
    challenge = Scalar.from_uniform_bytes(_challenge(context, commitment, bytes(public), parts))
    # Comparing encodings refuses a commitment that is not canonical.
    if bytes(public.mul_add_generator_vartime(-challenge, response)) != commitment:
        raise InvalidSignatureError(f"{context}: the signature does not verify")


def verify_batch(
    context: str,
    publics: Sequence[bytes],
    signatures: Sequence[bytes],
    messages: Sequence[tuple[bytes, ...]],
    *,
    threads: int | None = None,
) -> Mask:
    """Return which signatures `verify` accepts: bool of shape (items,).

    Each signature is verified by itself. ``publics`` are encoded keys; the result is False for one
    that is malformed or the identity. ``messages`` are the parts that were signed. ``threads`` is
    as in `billboard.batches`. Raises `ValueError` if the numbers of items differ.
    """
    rows = [
        _row(context, public, signature, parts)
        for public, signature, parts in zip(publics, signatures, messages, strict=True)
    ]
    array = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), 5, _ELEMENT)
    return _core.verify_vartime(array, threads)


def _row(context: str, public: bytes, signature: bytes, parts: tuple[bytes, ...]) -> bytes:
    """Return P, R, s and the challenge before it is reduced: 160 bytes."""
    if len(public) != _ELEMENT or len(signature) != SIGNATURE_SIZE:
        return _NO_SIGNATURE
    return public + signature + _challenge(context, signature[:_ELEMENT], public, parts)


def _challenge(context: str, commitment: bytes, public: bytes, parts: tuple[bytes, ...]) -> bytes:
    """Return the 64 bytes that are reduced to the challenge."""
    return uniform_bytes(f"{context}/challenge", SUITE, commitment, public, *parts)
