"""The groups against other implementations: cryptography, coincurve and py_ecc's own functions."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import coincurve
import py_ecc.secp256k1
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_ecc.bls.g2_primitives import subgroup_check
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, decompress_G1
from py_ecc.optimized_bls12_381.optimized_curve import G1, Z1, add, multiply, neg, normalize

from billboard import InvalidEncodingError, groups
from billboard.groups import Element, Group

CURVES = {"p256": ec.SECP256R1(), "p224": ec.SECP224R1(), "secp256k1": ec.SECP256K1()}

every_curve = pytest.mark.parametrize("name", CURVES)


def numbers(group: Group, count: int) -> Iterator[int]:
    """None of them 0, which is no private key."""
    q = group.order
    yield from (1, 2, 3, q - 1, q - 2, q // 2, q // 2 + 1, 2**128, 2**128 - 1)
    generator = random.Random(group.name)
    yield from (generator.randrange(1, q) for _ in range(count))


# cryptography, on an OpenSSL of its own


def public_key(element: Element) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[element.group.name], bytes(element))


@every_curve
def test_multiples_of_the_generator_are_public_keys(name: str) -> None:
    group = groups.get(name)
    for number in numbers(group, 40):
        key = ec.derive_private_key(number, CURVES[name]).public_key()
        expected = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        assert bytes(group.mul_generator(group.scalar(number))) == expected
        assert group.element_from_bytes(expected) == group.generator * group.scalar(number)


@every_curve
def test_products_are_shared_secrets(name: str) -> None:
    group = groups.get(name)
    element = group.mul_generator(group.scalar(0xC0FFEE))
    for number in numbers(group, 40):
        private = ec.derive_private_key(number, CURVES[name])
        shared = private.exchange(ec.ECDH(), public_key(element))
        assert bytes(element * group.scalar(number))[1:] == shared


@every_curve
def test_decoding_agrees_on_random_strings(name: str) -> None:
    group, generator = groups.get(name), random.Random(name)
    accepted = 0
    for _ in range(300):
        data = bytes([generator.choice([2, 2, 3, 3, 5])]) + generator.randbytes(
            group.element_size - 1
        )
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(CURVES[name], data)
        except ValueError:
            with pytest.raises(InvalidEncodingError):
                group.element_from_bytes(data)
        else:
            assert bytes(group.element_from_bytes(data)) == data
            accepted += 1
    assert 60 < accepted < 180


# coincurve, on libsecp256k1


def test_secp256k1_is_that_of_libsecp256k1() -> None:
    group = groups.get("secp256k1")
    base = coincurve.PublicKey(bytes(group.generator))
    others = list(numbers(group, 25))
    for a, b in zip(others, reversed(others), strict=True):
        x, y = group.scalar(a), group.scalar(b)
        left, right = base.multiply(bytes(x)), base.multiply(bytes(y))
        assert bytes(group.mul_generator(x)) == left.format()
        assert bytes(group.mul_generator(x) * y) == left.multiply(bytes(y)).format()
        if (x + y).is_zero:
            assert (group.mul_generator(x) + group.mul_generator(y)).is_identity
            continue
        total = coincurve.PublicKey.combine_keys([left, right])
        assert bytes(group.mul_generator(x) + group.mul_generator(y)) == total.format()


def test_secp256k1_is_that_of_py_ecc() -> None:
    group = groups.get("secp256k1")
    curve: Any = py_ecc.secp256k1.secp256k1

    def encode(point: tuple[int, int]) -> bytes:
        return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")

    for number in list(numbers(group, 4))[5:]:
        point = curve.multiply(curve.G, number)
        element = group.mul_generator(group.scalar(number))
        assert bytes(element) == encode(point)
        assert bytes(element + group.generator) == encode(curve.add(point, curve.G))
        assert bytes(element + element) == encode(curve.add(point, point))


# py_ecc's own encoding of bls12_381


def test_encodings_of_bls12_381_are_those_of_py_ecc() -> None:
    group = groups.get("bls12_381")
    assert bytes(group.identity) == int(compress_G1(Z1)).to_bytes(48, "big")
    for number in numbers(group, 8):
        point = multiply(G1, number)
        element = group.mul_generator(group.scalar(number))
        assert bytes(element) == int(compress_G1(point)).to_bytes(48, "big")
        decompressed = decompress_G1(int.from_bytes(bytes(element), "big"))  # type: ignore[arg-type]
        assert normalize(decompressed) == normalize(point)
        assert bytes(element + group.generator) == int(compress_G1(add(point, G1))).to_bytes(
            48, "big"
        )
        assert bytes(-element) == int(compress_G1(neg(point))).to_bytes(48, "big")


def test_decoding_bls12_381_agrees_with_py_ecc() -> None:
    """Which decompresses points outside of the group, and checks that apart."""
    group, generator = groups.get("bls12_381"), random.Random("bls12_381")
    outcomes = []
    for number in range(60):
        data = generator.randbytes(48)
        data = bytes([data[0] & 0x3F | (0x00, 0x80, 0x80, 0x80, 0xC0)[number % 5]]) + data[1:]
        try:
            point = decompress_G1(int.from_bytes(data, "big"))  # type: ignore[arg-type]
        except ValueError:
            expected = "no point"
        else:
            expected = "canonical" if subgroup_check(point) else "a point outside"
        with pytest.raises(InvalidEncodingError) as caught:
            group.element_from_bytes(data)
        assert ("a point outside" in str(caught.value)) == (expected == "a point outside")
        outcomes.append(expected)
    assert outcomes.count("a point outside") > 5
    assert outcomes.count("no point") > 20


@pytest.mark.parametrize("message", [b"", b"message", bytes(300)])
def test_hashing_to_bls12_381_is_that_of_py_ecc(message: bytes) -> None:
    hash_: Any = hashlib.sha256
    point = hash_to_G1(message, b"dst", hash_)
    element = groups.get("bls12_381").hash_to_element(message, b"dst")
    assert bytes(element) == int(compress_G1(point)).to_bytes(48, "big")
