"""ElGamal, universal re-encryption, hashing and embedding on every group, one call at a time."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from operations import BILLBOARD, Call, Operation, check, one_by_one
from peers.arkworks import Arkworks
from peers.bls12_381 import PyEcc
from peers.by_hand import DST
from peers.libsecp256k1 import Coincurve
from peers.openssl import Petlib
from peers.ristretto255 import LibpepPairs, Rbcl

from billboard import elgamal, groups, universal


class Scheme(Protocol):
    """ElGamal (n = 1) and universal re-encryption, from bytes to bytes."""

    def encrypt(self, message: bytes) -> bytes: ...
    def rerandomize(self, ciphertext: bytes) -> bytes: ...
    def decrypt(self, ciphertext: bytes) -> bytes: ...
    def universal_encrypt(self, message: bytes) -> bytes: ...
    def universal_rerandomize(self, ciphertext: bytes) -> bytes: ...
    def universal_decrypt(self, ciphertext: bytes) -> bytes: ...


class Hashing(Protocol):
    def hash_to_element(self, message: bytes) -> bytes: ...


class Embedding(Protocol):
    def embed(self, data: bytes) -> bytes: ...


class Billboard:
    """billboard's functions on the elements of a group, from bytes to bytes."""

    def __init__(self, group: groups.Group, secret: Sequence[int]) -> None:
        self.group = group
        self.secret = [group.scalar(x) for x in secret]
        self.public = elgamal.public_elements(self.secret)

    def encrypt(self, message: bytes) -> bytes:
        return bytes(elgamal.encrypt(self.public, [self.group.element_from_bytes(message)]))

    def rerandomize(self, ciphertext: bytes) -> bytes:
        decoded = elgamal.Ciphertext.from_bytes(self.group, ciphertext)
        return bytes(elgamal.rerandomize(self.public, decoded))

    def decrypt(self, ciphertext: bytes) -> bytes:
        decoded = elgamal.Ciphertext.from_bytes(self.group, ciphertext)
        return bytes(elgamal.decrypt(self.secret, decoded)[0])

    def universal_encrypt(self, message: bytes) -> bytes:
        return bytes(universal.encrypt(self.public[0], self.group.element_from_bytes(message)))

    def universal_rerandomize(self, ciphertext: bytes) -> bytes:
        return bytes(universal.rerandomize(universal.Ciphertext.from_bytes(self.group, ciphertext)))

    def universal_decrypt(self, ciphertext: bytes) -> bytes:
        decoded = universal.Ciphertext.from_bytes(self.group, ciphertext)
        return bytes(universal.decrypt(self.secret[0], decoded))

    def hash_to_element(self, message: bytes) -> bytes:
        return bytes(self.group.hash_to_element(message, DST))

    def embed(self, data: bytes) -> bytes:
        return bytes(self.group.embed(data))


PEERS: dict[str, dict[str, Callable[[Sequence[int]], Scheme]]] = {
    "ristretto255": {"rbcl": Rbcl, "libpep-py": LibpepPairs},
    "p256": {"petlib": partial(Petlib, 415)},
    "p224": {"petlib": partial(Petlib, 713)},
    "secp256k1": {"petlib": partial(Petlib, 714), "coincurve": Coincurve},
    "bls12_381": {"py_ecc": PyEcc, "py-arkworks": Arkworks},
}

OPERATIONS = (
    "encrypt",
    "rerandomize",
    "decrypt",
    "universal encrypt",
    "universal rerandomize",
    "universal decrypt",
    "hash to element",
    "embed",
)

LACKING = {("p224", "hash to element"), ("bls12_381", "embed"), ("coincurve", "hash to element")}
"""Operations that a group (SPEC 12) or a library does not have."""


def contestants(group: str, operation: str) -> list[str]:
    """Return who does ``operation`` on ``group``: billboard and its peers, or nobody."""
    if (group, operation) in LACKING:
        return []
    return [BILLBOARD, *(peer for peer in PEERS[group] if (peer, operation) not in LACKING)]


def operations(name: str) -> list[Operation]:
    """Return all `OPERATIONS` that the group ``name`` has, checked."""
    group = groups.get(name)
    secret = [int(group.random_scalar())]
    ours = Billboard(group, secret)
    schemes: dict[str, Scheme] = {BILLBOARD: ours}
    schemes |= {peer: make(secret) for peer, make in PEERS[name].items()}
    message = bytes(group.mul_generator(group.random_scalar()))
    data = os.urandom(group.embedding_size)
    _check_schemes(name, schemes, message)
    _check_hashes(name, ours, schemes, data)
    pair, quadruple = ours.encrypt(message), ours.universal_encrypt(message)
    inputs = (message, pair, pair, message, quadruple, quadruple, b"a message", data)
    return [
        Operation(
            f"group {name}",
            operation,
            one_by_one({n: _call(schemes[n], operation, value) for n in names}),
        )
        for operation, value in zip(OPERATIONS, inputs, strict=True)
        if (names := contestants(name, operation))
    ]


def _call(scheme: Scheme, operation: str, value: bytes) -> Call:
    method = getattr(scheme, operation.replace(" ", "_"))
    return lambda: method(value)


def _check_schemes(group: str, schemes: dict[str, Scheme], message: bytes) -> None:
    """Check that each library decrypts what any encrypts and any rerandomizes."""
    for names in itertools.product(schemes, repeat=3):
        first, second, third = (schemes[name] for name in names)
        pair = first.encrypt(message)
        fresh = second.rerandomize(pair)
        check(_all_differ(pair, fresh, 2), f"{names} on {group}: an element stayed")
        check(third.decrypt(fresh) == message, f"{names} in a row on {group}")
        quadruple = first.universal_encrypt(message)
        fresh = second.universal_rerandomize(quadruple)
        check(_all_differ(quadruple, fresh, 4), f"{names} on {group}, universal: an element stayed")
        check(third.universal_decrypt(fresh) == message, f"{names} in a row on {group}, universal")


def _all_differ(first: bytes, second: bytes, elements: int) -> bool:
    size = len(first) // elements
    pairs = ((first[i : i + size], second[i : i + size]) for i in range(0, len(first), size))
    return len(first) == len(second) and all(a != b for a, b in pairs)


def _check_hashes(name: str, ours: Billboard, schemes: dict[str, Scheme], data: bytes) -> None:
    """Check that all hash alike (petlib: to any element), and that we extract what all embed."""
    group = ours.group
    for peer in contestants(name, "hash to element"):
        scheme: Hashing = schemes[peer]  # type: ignore[assignment]
        hashed = scheme.hash_to_element(data)
        check(bytes(group.element_from_bytes(hashed)) == hashed, f"{peer}'s hash to {name}")
        same = hashed == ours.hash_to_element(data)
        check(same or peer == "petlib", f"{peer} hashes to {name} differently")
    for peer in contestants(name, "embed"):
        embedding: Embedding = schemes[peer]  # type: ignore[assignment]
        element = group.element_from_bytes(embedding.embed(data))
        check(group.extract(element) == data, f"{peer}'s embedding in {name}")
