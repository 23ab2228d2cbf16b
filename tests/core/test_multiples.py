"""Batches of multiples, and of re-randomisable keys: libsodium, and the laws of SPEC 13.3."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import rbcl
from groups.test_group import RFC_INVALID, edge_encodings, random_bytes, sodium_decodes

from billboard import InvalidEncodingError, InvalidRowsError, _core, groups, universal
from billboard.batches import Array, multiply_batch, multiply_generator_batch
from billboard.errors import GroupMismatchError
from billboard.groups.ristretto255 import ORDER, Element, Scalar, random_scalar
from billboard.universal import RerandomizableKey

pytestmark = pytest.mark.backend

IDENTITY, G = bytes(32), bytes(Element.generator())
POOL = [e for e in dict.fromkeys([*edge_encodings(), *RFC_INVALID]) if sodium_decodes(e)]
EDGE_SCALARS = [0, 1, 2, 15, 16, ORDER - 1, ORDER - 2, 2**252, 2**128, (ORDER + 1) // 2]


def encode(number: int) -> bytes:
    return (number % ORDER).to_bytes(32, "little")


def column(encodings: list[bytes]) -> Array:
    return np.frombuffer(b"".join(encodings), np.uint8).reshape(-1, 32)


def sodium_multiple(scalar: bytes, element: bytes) -> bytes:
    """libsodium refuses the identity, as an input and as a result."""
    if element == IDENTITY or scalar == bytes(32):
        return IDENTITY
    product: bytes = rbcl.crypto_scalarmult_ristretto255(scalar, element)
    return product


def sample(items: int) -> tuple[list[bytes], list[bytes]]:
    generator = random.Random(items)
    elements = [
        bytes(Element.from_uniform_bytes(generator.randbytes(64)))
        if generator.random() < 0.5
        else generator.choice(POOL)
        for _ in range(items)
    ]
    scalars = [
        encode(
            generator.choice(EDGE_SCALARS)
            if generator.random() < 0.3
            else generator.getrandbits(400)
        )
        for _ in range(items)
    ]
    return elements, scalars


@pytest.mark.parametrize("items", [0, 1, 7, 8, 9, 600])
def test_multiples_are_those_of_libsodium(items: int) -> None:
    elements, scalars = sample(items)
    products = multiply_batch(column(elements), column(scalars))
    assert products.shape == (items, 32)
    expected = [sodium_multiple(*pair) for pair in zip(scalars, elements, strict=True)]
    assert [bytes(row) for row in products] == expected
    of_generator = multiply_generator_batch(column(scalars))
    assert [bytes(row) for row in of_generator] == [sodium_multiple(s, G) for s in scalars]


def test_bad_rows_are_named_and_nothing_is_returned() -> None:
    elements, scalars = sample(40)
    for row, bad in ((3, RFC_INVALID[0]), (17, bytes([255] * 32))):
        elements[row] = bad
    scalars[8], scalars[17] = ORDER.to_bytes(32, "little"), bytes([255] * 32)
    with pytest.raises(InvalidRowsError) as raised:
        multiply_batch(column(elements), column(scalars))
    assert raised.value.rows == (3, 8, 17)
    with pytest.raises(InvalidRowsError) as raised:
        multiply_generator_batch(column(scalars))
    assert raised.value.rows == (8, 17)


def test_a_bad_row_changes_no_neighbour() -> None:
    elements, scalars = sample(64)
    whole, _ = _core.multiply(column(elements)[:, None], column(scalars)[:, None])
    for row in range(64):
        changed = list(elements)
        changed[row] = RFC_INVALID[row % len(RFC_INVALID)]
        output, valid = _core.multiply(column(changed)[:, None], column(scalars)[:, None])
        assert np.flatnonzero(~valid).tolist() == [row]
        assert not output[row].any()
        assert (np.delete(output, row, 0) == np.delete(whole, row, 0)).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: multiply_batch(column([G, G]), column([G])),
        lambda: multiply_batch(column([G])[:, :31], column([encode(1)])),
        lambda: multiply_batch(column([G] * 4)[::2], column([encode(1)] * 2)),
        lambda: multiply_generator_batch(column([G]).astype(np.int64)),
        lambda: universal.rerandomize_keys_batch(column([G, G])),
    ],
)
def test_other_shapes_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"expected a C-contiguous uint8 array|as many scalars"):
        call()


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a C-contiguous uint8 array"):
        multiply_generator_batch([encode(1)])  # type: ignore[arg-type]


# Re-randomisable keys


def keys_of(secret: Scalar, items: int) -> Array:
    keys = [bytes(RerandomizableKey.generate(secret)) for _ in range(items)]
    return np.frombuffer(b"".join(keys), np.uint8).reshape(items, 2, 32)


@pytest.mark.parametrize("items", [0, 1, 8, 9, 200])
def test_only_the_holder_of_the_secret_recognizes_fresh_keys(items: int) -> None:
    mine, other = random_scalar(), random_scalar()
    array = np.concatenate([keys_of(mine, items), keys_of(other, items)])
    fresh = universal.rerandomize_keys_batch(array)
    assert not (fresh == array).all(axis=2).any()
    for keys in (array, fresh):
        expected = [True] * items + [False] * items
        assert universal.recognize_keys_batch(keys, mine).tolist() == expected
        assert universal.recognize_keys_batch(keys, other).tolist() == expected[::-1]
        decoded = [RerandomizableKey.from_bytes(mine.group, row.tobytes()) for row in keys]
        assert [key.belongs_to(mine) for key in decoded] == expected


def test_rows_that_are_no_keys_are_refused_and_belong_to_nobody() -> None:
    secret = random_scalar()
    array = keys_of(secret, 20)
    bad = {2: 0, 7: 1, 11: 0, 12: 1}
    for row, position in bad.items():
        array = array.copy()
        array[row, position] = np.frombuffer(IDENTITY if row < 10 else RFC_INVALID[0], np.uint8)
    array[15] = 0
    with pytest.raises(InvalidRowsError) as raised:
        universal.rerandomize_keys_batch(array)
    assert raised.value.rows == (2, 7, 11, 12, 15)
    recognized = universal.recognize_keys_batch(array, secret)
    assert np.flatnonzero(~recognized).tolist() == [2, 7, 11, 12, 15]


def test_a_secret_of_another_group_is_refused() -> None:
    secret = groups.get("p256").random_scalar()
    with pytest.raises(GroupMismatchError, match="ristretto255 and p256"):
        universal.recognize_keys_batch(keys_of(random_scalar(), 1), secret)


def test_zero_is_no_secret() -> None:
    with pytest.raises(InvalidEncodingError, match="l: is 0"):
        universal.recognize_keys_batch(keys_of(random_scalar(), 1), Scalar.from_bytes(encode(0)))


def test_random_encodings_are_recognized_by_nobody() -> None:
    encodings = [
        bytes([e[0] & 0xFE]) + e[1:31] + bytes([e[31] & 0x7F]) for e in random_bytes("k", 32, 400)
    ]
    array = column(encodings).reshape(-1, 2, 32)
    assert not universal.recognize_keys_batch(array, random_scalar()).any()
