"""ristretto255: the engine agrees with libsodium, and the group is a group (RFC 9496)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import rbcl
from hypothesis import given, strategies as st
from places import VECTORS

from billboard import InvalidEncodingError
from billboard.groups.ristretto255 import ORDER, Element, Scalar, random_scalar

FIELD = 2**255 - 19
EDGES = [0, 1, 2, 7, 8, 2**128, 2**252, ORDER // 2, ORDER - 2, ORDER - 1]
ZERO, IDENTITY = bytes(32), bytes(32)

_GROUP = json.loads((VECTORS / "groups.json").read_text())["cases"]
RFC_INVALID = [
    bytes.fromhex(case["input"]["bytes"])
    for case in _GROUP
    if case["id"].startswith("groups/element/decode/rfc-") and case["result"] == "invalid"
]


def encode(number: int) -> bytes:
    return number.to_bytes(32, "little")


def scalar(number: int) -> Scalar:
    return Scalar.from_bytes(encode(number % ORDER))


def random_bytes(seed: str, size: int, count: int) -> list[bytes]:
    generator = random.Random(seed)
    return [generator.randbytes(size) for _ in range(count)]


def sodium_decodes(data: bytes) -> bool:
    """The libsodium 1.0.18 in rbcl ignores bit 255, which RFC 9496, 4.3.1 refuses."""
    return data[31] < 0x80 and bool(rbcl.crypto_core_ristretto255_is_valid_point(data))


def sodium_multiply(factor: bytes, point: bytes) -> bytes:
    """0 where libsodium refuses: it does not return the identity."""
    return bytes(rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(factor, point))


def sodium_base(factor: bytes) -> bytes:
    return bytes(rbcl.crypto_scalarmult_ristretto255_base_allow_scalar_zero(factor))


def decodes(data: bytes) -> bool:
    try:
        return bytes(Element.from_bytes(data)) == data
    except InvalidEncodingError:
        return False


# Agreement with libsodium


def test_the_invalid_encodings_of_the_rfc_are_all_here() -> None:
    assert len(RFC_INVALID) == len(set(RFC_INVALID)) == 29


@pytest.mark.parametrize("data", RFC_INVALID, ids=bytes.hex)
def test_the_invalid_encodings_of_the_rfc_are_refused(data: bytes) -> None:
    assert not sodium_decodes(data)
    with pytest.raises(InvalidEncodingError, match="canonical"):
        Element.from_bytes(data)


def edge_encodings() -> list[bytes]:
    """Field elements about every bound, the small-order points of edwards25519, and near misses."""
    numbers = [
        base + offset for base in (0, FIELD, 2**255, FIELD // 2) for offset in range(-20, 40)
    ]
    sqrt_minus_1 = pow(2, (FIELD - 1) // 4, FIELD)
    eighth = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
    numbers += [sqrt_minus_1, FIELD - sqrt_minus_1, eighth, FIELD - eighth, FIELD - 1]
    valid = [bytes(Element.from_uniform_bytes(data)) for data in random_bytes("edge", 64, 50)]
    for encoding in valid:
        number = int.from_bytes(encoding, "little")
        numbers += [number, FIELD - number, FIELD + number, number + 2**255, number ^ 1, number + 2]
    return [encode(number) for number in numbers if 0 <= number < 2**256]


def test_decoding_agrees_at_the_edges() -> None:
    data = edge_encodings()
    assert [decodes(each) for each in data] == [sodium_decodes(each) for each in data]
    assert {decodes(each) for each in data} == {True, False}


def test_decoding_agrees_on_random_strings() -> None:
    data = random_bytes("decode", 32, 6000)
    # A quarter of all strings that may be canonical by sign and size.
    data += [bytes([each[0] & 0xFE]) + each[1:31] + bytes([each[31] & 0x7F]) for each in data]
    assert [decodes(each) for each in data] == [sodium_decodes(each) for each in data]
    assert 1000 < sum(map(decodes, data)) < 3000


def test_hashing_to_the_group_agrees() -> None:
    data = [*random_bytes("hash", 64, 2000), bytes(64), b"\xff" * 64, encode(FIELD) + encode(FIELD)]
    for wide in data:
        expected = rbcl.crypto_core_ristretto255_from_hash(wide)
        assert bytes(Element.from_uniform_bytes(wide)) == expected


def points() -> list[bytes]:
    small = [bytes(Element.mul_generator(scalar(number))) for number in EDGES]
    return small + [bytes(Element.from_uniform_bytes(w)) for w in random_bytes("points", 64, 40)]


def test_adding_and_subtracting_agree() -> None:
    for left in points():
        for right in points():
            a, b = Element.from_bytes(left), Element.from_bytes(right)
            assert bytes(a + b) == rbcl.crypto_core_ristretto255_add(left, right)
            assert bytes(a - b) == rbcl.crypto_core_ristretto255_sub(left, right)


def factors() -> list[bytes]:
    wide = random_bytes("factors", 64, 25)
    return [encode(n) for n in EDGES] + [bytes(Scalar.from_uniform_bytes(w)) for w in wide]


def test_multiplying_agrees() -> None:
    for factor in factors():
        x = Scalar.from_bytes(factor)
        for point in points():
            product = bytes(Element.from_bytes(point) * x)
            assert product == sodium_multiply(factor, point)


def test_multiplying_the_generator_agrees() -> None:
    wide = random_bytes("base", 64, 2000)
    for factor in factors() + [bytes(Scalar.from_uniform_bytes(w)) for w in wide]:
        assert bytes(Element.mul_generator(Scalar.from_bytes(factor))) == sodium_base(factor)


def test_the_variable_time_double_product_agrees() -> None:
    for a, b, point in zip(factors(), reversed(factors()), points(), strict=False):
        product = Element.from_bytes(point).mul_add_generator_vartime(
            Scalar.from_bytes(a), Scalar.from_bytes(b)
        )
        terms = sodium_multiply(a, point), sodium_base(b)
        assert bytes(product) == rbcl.crypto_core_ristretto255_add(*terms)


def test_scalar_arithmetic_agrees() -> None:
    for left in factors():
        a = Scalar.from_bytes(left)
        assert bytes(-a) == rbcl.crypto_core_ristretto255_scalar_negate(left)
        for right in factors():
            b = Scalar.from_bytes(right)
            assert bytes(a + b) == rbcl.crypto_core_ristretto255_scalar_add(left, right)
            assert bytes(a - b) == rbcl.crypto_core_ristretto255_scalar_sub(left, right)
            assert bytes(a * b) == rbcl.crypto_core_ristretto255_scalar_mul(left, right)


def test_reducing_and_inverting_scalars_agree() -> None:
    edges = [k * ORDER + d for k in (0, 1, 2, 2**255, ORDER) for d in (-1, 0, 1)]
    wide = [n.to_bytes(64, "little") for n in [*edges, 2**512 - 1] if n >= 0]
    for data in wide + random_bytes("wide", 64, 1000):
        reduced = bytes(Scalar.from_uniform_bytes(data))
        assert reduced == rbcl.crypto_core_ristretto255_scalar_reduce(data)
        assert int.from_bytes(reduced, "little") == int.from_bytes(data, "little") % ORDER
        if reduced != ZERO:
            inverse = bytes(Scalar.from_bytes(reduced).invert())
            assert inverse == rbcl.crypto_core_ristretto255_scalar_invert(reduced)


# Decoding


@pytest.mark.parametrize(
    "number", [ORDER, ORDER + 1, 2 * ORDER, 2**253, 2**255 - 1, 2**255, 2**256 - 1]
)
def test_scalars_of_the_order_or_more_are_refused(number: int) -> None:
    with pytest.raises(InvalidEncodingError, match="not a canonical scalar"):
        Scalar.from_bytes(encode(number))


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_wrong_lengths_are_refused(size: int) -> None:
    for decode in (Element.from_bytes, Scalar.from_bytes):
        with pytest.raises(InvalidEncodingError, match=f"must be 32 bytes, not {size}"):
            decode(bytes(size))
    for reduce in (Element.from_uniform_bytes, Scalar.from_uniform_bytes):
        with pytest.raises(InvalidEncodingError, match="must be 64 bytes"):
            reduce(bytes(size + 1))


def test_the_error_names_the_field() -> None:
    with pytest.raises(InvalidEncodingError) as element:
        Element.from_bytes(b"\xff" * 32, "P_0")
    with pytest.raises(InvalidEncodingError) as number:
        Scalar.from_bytes(b"\xff" * 32, "d_0")
    assert (element.value.field, number.value.field) == ("P_0", "d_0")
    assert str(element.value).startswith("P_0: ")


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError):
        scalar(0).invert()


@pytest.mark.parametrize("other", [1, b"", None, 1.5])
def test_arithmetic_with_anything_else_is_a_type_error(other: object) -> None:
    operations: tuple[Callable[[Any, Any], object], ...] = (
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a * b,
        lambda a, b: b * a,
    )
    for left in (scalar(1), Element.generator()):
        for apply in operations:
            with pytest.raises(TypeError):
                apply(left, other)
        assert left != other


# Laws

numbers = st.one_of(st.sampled_from(EDGES), st.integers(0, ORDER - 1), st.integers(0, 2**16))
elements = st.one_of(
    st.just(Element.identity()),
    st.just(Element.generator()),
    numbers.map(scalar).map(Element.mul_generator),
    st.binary(min_size=64, max_size=64).map(Element.from_uniform_bytes),
)


@given(numbers, numbers, numbers)
def test_scalars_are_the_integers_modulo_l(a: int, b: int, c: int) -> None:
    x, y, z = scalar(a), scalar(b), scalar(c)
    assert bytes(x + y) == encode((a + b) % ORDER)
    assert bytes(x - y) == encode((a - b) % ORDER)
    assert bytes(x * y) == encode(a * b % ORDER)
    assert bytes(-x) == encode(-a % ORDER)
    assert x * (y + z) == x * y + x * z
    assert x.is_zero == (a == 0)
    assert (x == y) == (a == b)
    if a:
        assert bytes(x.invert()) == encode(pow(a, -1, ORDER))


@given(elements, elements, elements)
def test_elements_are_an_abelian_group(p: Element, q: Element, r: Element) -> None:
    assert p + q == q + p
    assert (p + q) + r == p + (q + r)
    assert p + Element.identity() == p
    assert (p + -p).is_identity
    assert p - q == p + -q
    assert (p == q) == (bytes(p) == bytes(q)) == (p - q).is_identity
    assert hash(p) == hash(Element.from_bytes(bytes(p)))


@given(elements, elements, numbers, numbers)
def test_multiplying_is_linear(p: Element, q: Element, a: int, b: int) -> None:
    x, y = scalar(a), scalar(b)
    assert p * (x + y) == p * x + p * y
    assert (p + q) * x == p * x + q * x
    assert (p * x) * y == p * (x * y) == (x * y) * p
    assert p.mul_add_generator_vartime(x, y) == p * x + Element.mul_generator(y)
    assert Element.mul_generator(x) == Element.generator() * x


@given(elements)
def test_every_element_has_the_order_of_the_group(p: Element) -> None:
    assert p * scalar(0) == Element.identity()
    assert p * scalar(1) == p
    assert p * scalar(ORDER - 1) == -p
    assert bytes(Element.from_bytes(bytes(p))) == bytes(p)


def test_the_identity_is_32_zero_bytes() -> None:
    assert bytes(Element.identity()) == IDENTITY
    assert Element.from_bytes(IDENTITY).is_identity
    assert not Element.generator().is_identity


def test_random_scalars_are_fresh_and_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({bytes(random_scalar()) for _ in range(100)}) == 100
    draws = iter([bytes(64), ORDER.to_bytes(64, "little"), (ORDER + 5).to_bytes(64, "little")])
    monkeypatch.setattr("os.urandom", lambda size: next(draws) if size == 64 else b"")
    assert random_scalar() == scalar(5)
