"""Hashing to groups: the published vectors of RFC 9380 and RFC 9497 (test_groups_hashing.json)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from billboard import InvalidEncodingError, groups
from billboard.errors import UnsupportedError
from billboard.groups import sswu
from billboard.groups.hashing import expand_message_xmd, hash_to_field

Json = dict[str, Any]

PUBLISHED = json.loads(Path(__file__).with_name("hashing.json").read_text())
FIELDS = {
    "p256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "secp256k1": 2**256 - 2**32 - 977,
    "bls12_381": int(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624"
        "1eabfffeb153ffffb9feffffffffaaab",
        16,
    ),
}
WITH_HASH = ("ristretto255", "p256", "secp256k1", "bls12_381")


def published(part: str) -> pytest.MarkDecorator:
    """Each vector of a part, under the section that it is from."""
    vectors = PUBLISHED[part]
    ids = [f"{vector['source']} {number}" for number, vector in enumerate(vectors)]
    return pytest.mark.parametrize("vector", vectors, ids=ids)


def encode(name: str, x: int, y: int) -> bytes:
    """An affine point as SPEC 12.1 has it."""
    if name != "bls12_381":
        return bytes([2 + y % 2]) + x.to_bytes(32, "big")
    larger = y > FIELDS[name] - y
    return (x + ((0b101 if larger else 0b100) << 381)).to_bytes(48, "big")


def test_there_are_all_vectors() -> None:
    assert {part: len(vectors) for part, vectors in PUBLISHED.items()} == {
        "hash_to_element": 3 * 5,
        "expand_message_xmd": 2 * 10,
        "oprf": 2 * 3,
    }


@published("expand_message_xmd")
def test_expanding_a_message(vector: Json) -> None:
    message, dst, expected = vector["message"], vector["dst"], bytes.fromhex(vector["bytes"])
    hash_ = getattr(hashlib, vector["hash"])
    assert expand_message_xmd(message.encode(), dst.encode(), len(expected), hash_) == expected


@published("hash_to_element")
def test_hashing_to_a_curve(vector: Json) -> None:
    name, message, dst = vector["group"], vector["message"].encode(), vector["dst"].encode()
    numbers = [int(u, 16) for u in vector["u"]]
    assert hash_to_field(message, dst, FIELDS[name], 2) == numbers
    expected = encode(name, int(vector["x"], 16), int(vector["y"], 16))
    assert bytes(groups.get(name).hash_to_element(message, dst)) == expected


@published("oprf")
def test_deriving_the_key_of_an_oblivious_function(vector: Json) -> None:
    """DeriveKeyPair of RFC 9497, 3.2.1, is a hash to a scalar."""
    group = groups.get(vector["group"])
    dst = b"DeriveKeyPair" + context(vector)
    info = bytes.fromhex(vector["key_info"])
    message = bytes.fromhex(vector["seed"]) + len(info).to_bytes(2, "big") + info + b"\0"
    secret = group.hash_to_scalar(message, dst)
    assert bytes(secret).hex() == vector["secret"]
    if "public" in vector:
        assert bytes(group.mul_generator(secret)).hex() == vector["public"]


@published("oprf")
def test_blinding_the_input_of_an_oblivious_function(vector: Json) -> None:
    """Blind of RFC 9497, 3.3, multiplies a hash to an element."""
    group = groups.get(vector["group"])
    dst = b"HashToGroup-" + context(vector)
    assert vector["blinded"]
    for blinded in vector["blinded"]:
        element = group.hash_to_element(bytes.fromhex(blinded["input"]), dst)
        blind = group.scalar_from_bytes(bytes.fromhex(blinded["blind"]))
        assert bytes(element * blind).hex() == blinded["element"]


def context(vector: Json) -> bytes:
    """CreateContextString of RFC 9497, 3.1."""
    suite: str = vector["suite"]
    return b"OPRFV1-" + bytes([vector["mode"]]) + b"-" + suite.encode()


# What the vectors do not reach


@pytest.mark.parametrize("curve", [sswu.P256, sswu.SECP256K1])
def test_every_field_element_maps_to_the_curve(curve: sswu.Map) -> None:
    """Also 0 and the roots of Z^2 u^4 + Z u^2, where RFC 9380, 6.6.2 has an exception."""
    p = curve.p
    root = pow(-pow(curve.z, -1, p), (p + 1) // 4, p)
    assert curve.z * root * root % p == p - 1
    numbers = [0, 1, 2, p - 1, p - 2, root, p - root, *range(3, 60)]
    a, b = (0, 7) if curve.isogeny else (curve.a, curve.b)
    for u in numbers:
        x, y = curve.to_curve(u)
        assert (y * y - x**3 - a * x - b) % p == 0
        assert 0 <= x < p
        assert 0 <= y < p
        opposite = curve.to_curve(-u % p)
        assert opposite == ((x, y) if u == 0 else (x, p - y))


@pytest.mark.parametrize("curve", [sswu.P256, sswu.SECP256K1])
def test_the_exception_of_the_map(curve: sswu.Map) -> None:
    """x = B / (Z A), before any isogeny (RFC 9380, 6.6.2)."""
    p, before = curve.p, dataclasses.replace(curve, isogeny=None)
    root = pow(-pow(curve.z, -1, p), (p + 1) // 4, p)
    for u in (0, root, p - root):
        x, _ = before.to_curve(u)
        assert (x * curve.z * curve.a - curve.b) % p == 0


@pytest.mark.parametrize("name", groups.NAMES)
def test_hashes_to_scalars_depend_on_message_and_dst(name: str) -> None:
    group = groups.get(name)
    inputs = [(b"", b"d"), (b"d", b"d"), (b"", b"dd"), (b"dd", b"d"), (b"d", b"dd"), (b"", b"e")]
    hashes = [int(group.hash_to_scalar(*each)) for each in inputs]
    assert len(set(hashes)) == len(inputs)
    assert hashes == [int(group.hash_to_scalar(*each)) for each in inputs]
    assert all(number.bit_length() > group.order.bit_length() - 40 for number in hashes)


@pytest.mark.parametrize("name", WITH_HASH)
def test_hashes_to_elements_depend_on_message_and_dst(name: str) -> None:
    group = groups.get(name)
    inputs = [(b"", b"d"), (b"d", b"d"), (b"", b"dd"), (b"", b"e")]
    hashes = [group.hash_to_element(*each) for each in inputs]
    assert len(set(hashes)) == len(inputs)
    assert hashes == [group.hash_to_element(*each) for each in inputs]
    for element in hashes:
        assert group.element_from_bytes(bytes(element)) == element
        assert (element * group.scalar(-1) + element).is_identity


def test_the_scalar_of_p224_is_from_44_bytes() -> None:
    """SPEC 12.2: L = ceil((224 + 128) / 8)."""
    group = groups.get("p224")
    uniform = expand_message_xmd(b"message", b"dst", 44, hashlib.sha256)
    expected = int.from_bytes(uniform, "big") % group.order
    assert int(group.hash_to_scalar(b"message", b"dst")) == expected


def test_p224_has_no_hash_to_an_element() -> None:
    with pytest.raises(UnsupportedError, match="p224 has no hash_to_element"):
        groups.get("p224").hash_to_element(b"message", b"dst")


@pytest.mark.parametrize("name", groups.NAMES)
def test_only_tags_of_1_to_255_bytes_are_taken(name: str) -> None:
    group = groups.get(name)
    hashes = [group.hash_to_scalar]
    if name in WITH_HASH:
        hashes.append(group.hash_to_element)  # type: ignore[arg-type]
    for hash_ in hashes:
        assert hash_(b"message", bytes(255)) != hash_(b"message", bytes(1))
        for size in (0, 256, 300):
            with pytest.raises(InvalidEncodingError, match=f"dst: must be 1 to 255.* not {size}"):
                hash_(b"message", bytes(size))
        for message, dst in [("text", b"dst"), (b"message", "text"), (5, b"dst"), (None, b"d")]:
            with pytest.raises(TypeError):
                hash_(message, dst)  # type: ignore[arg-type]
