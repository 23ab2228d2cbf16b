"""The keys that providers sign their tokens with (ES256)."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from billboard.errors import ProviderError


def load_signing_key(pem: bytes, what: str, advice: str) -> EllipticCurvePrivateKey:
    """Parse an unencrypted P-256 private key. Keep the result no longer than needed.

    Raises a `ProviderError` that begins with ``what`` the key is, and ends with ``advice``.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ProviderError(f"{what}: not an unencrypted P-256 private key in PEM; {advice}")
    return key
