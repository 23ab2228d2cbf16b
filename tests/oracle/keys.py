"""Key sets, SPEC 4, and the payload of a secret key, SPEC 11."""

from typing import NamedTuple

from . import ristretto255
from .notation import CLASSES, SUITE, VERSION, be8, hash_parts
from .refusals import Refused, require, require_length
from .signatures import sign, verify


class PublicKey(NamedTuple):
    """A decoded public key."""

    n: int
    elements: tuple[bytes, ...]

    @property
    def key_hash(self) -> bytes:
        """KEYHASH, SPEC 4.3."""
        return key_hash(self.n, self.elements)


class SecretKey(NamedTuple):
    """A decoded payload of a secret key."""

    public_key: bytes
    public: PublicKey
    secrets: tuple[int, ...]


def key_hash(n: int, elements: tuple[bytes, ...]) -> bytes:
    """KEYHASH, SPEC 4.3."""
    return hash_parts("key", SUITE, be8(n), b"".join(elements))


def key_id(hash_of_key: bytes) -> bytes:
    """Give the kid, SPEC 4.3."""
    return hash_of_key[:16]


def encode_public_key(secrets: tuple[int, ...], rnds: tuple[bytes, ...]) -> bytes:
    """Make a public key with its proofs of possession, SPEC 4.1 and 4.2."""
    n = len(secrets)
    require(n in CLASSES, "class-unknown")
    require(all(secrets), "secret-zero")
    require(len(set(secrets)) == n, "public-repeated")
    proofs = [
        sign("pop", secret, rnd, be8(n), be8(j))
        for j, (secret, rnd) in enumerate(zip(secrets, rnds, strict=True), start=1)
    ]
    return be8(VERSION) + be8(n) + b"".join(proof.public + proof.signature for proof in proofs)


def decode_public_key(data: bytes) -> PublicKey:
    """Decode a public key and verify its proofs, SPEC 4.2."""
    if len(data) < 2:
        raise Refused("wrong-length")
    version, n = data[0], data[1]
    require(version == VERSION, "version")
    require(n in CLASSES, "class-unknown")
    require_length(data, 2 + 96 * n)
    rows = [data[i : i + 96] for i in range(2, len(data), 96)]
    elements = tuple(row[:32] for row in rows)
    for element in elements:
        require(
            not ristretto255.decode(element, "public-not-canonical").is_identity(),
            "public-identity",
        )
    require(len(set(elements)) == n, "public-repeated")
    for j, row in enumerate(rows, start=1):
        _check_proof(n, j, row)
    return PublicKey(n, elements)


def _check_proof(n: int, j: int, row: bytes) -> None:
    verify("pop", row[:32], row[32:], be8(n), be8(j))


def encode_secret_key(public_key: bytes, secrets: tuple[int, ...]) -> bytes:
    """Encode the payload of a secret key, SPEC 11."""
    return public_key + b"".join(map(ristretto255.encode_scalar, secrets))


def decode_secret_key(payload: bytes) -> SecretKey:
    """Decode the payload of a secret key, SPEC 11."""
    if len(payload) < 2:
        raise Refused("wrong-length")
    end = 2 + 96 * payload[1]
    public = decode_public_key(payload[:end])
    require_length(payload, end + 32 * public.n)
    secrets = tuple(
        ristretto255.decode_scalar(payload[i : i + 32], "secret-not-canonical")
        for i in range(end, len(payload), 32)
    )
    for secret, element in zip(secrets, public.elements, strict=True):
        require(ristretto255.times_generator(secret).encode() == element, "secret-mismatch")
    return SecretKey(payload[:end], public, secrets)
