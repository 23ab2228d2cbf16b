"""The laws of SPEC 12, written once and run on every group."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from billboard import elgamal, groups
from billboard.errors import InvalidEncodingError, UnsupportedError

EMBEDDING = ("ristretto255", "p256", "p224", "secp256k1")
SEC1 = ("p256", "p224", "secp256k1")

every_group = pytest.mark.parametrize("name", groups.NAMES)


# The table of SPEC 12

SIZES = {
    "ristretto255": (2**252 + 27742317777372353535851937790883648493, 32, 32, 30),
    "p256": (
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        33,
        32,
        30,
    ),
    "p224": (0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D, 29, 28, 26),
    "secp256k1": (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
        33,
        32,
        30,
    ),
    "bls12_381": (
        0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001,
        48,
        32,
        0,
    ),
}


@every_group
def test_a_group_has_the_sizes_of_the_table(name: str) -> None:
    group = groups.get(name)
    sizes = group.order, group.element_size, group.scalar_size, group.embedding_size
    assert sizes == SIZES[name]
    assert group.name == name
    assert repr(group) == f"<Group {name}>"
    assert len(bytes(group.generator)) == len(bytes(group.identity)) == group.element_size
    assert len(bytes(group.random_scalar())) == group.scalar_size
    assert not group.generator.is_identity
    assert group.identity.is_identity


# Laws


def elements_of(group: groups.Group) -> st.SearchStrategy[Any]:
    return _elements_of(group.name)


@functools.cache
def _elements_of(name: str) -> st.SearchStrategy[Any]:
    group = groups.get(name)
    edges = [group.identity, group.generator, -group.generator]
    return st.one_of(st.sampled_from(edges), numbers_of(group).map(group.scalar).map(multiple))


def numbers_of(group: groups.Group) -> st.SearchStrategy[int]:
    q = group.order
    return st.one_of(st.sampled_from([0, 1, 2, q - 1, q - 2]), st.integers(0, q - 1))


def multiple(scalar: Any) -> Any:
    return scalar.group.mul_generator(scalar)


def law(test: Callable[[groups.Group, st.DataObject], None]) -> Callable[[str], None]:
    """``test`` on every group; on bls12_381, where a product takes 10 ms, a few examples do."""

    @every_group
    def run(name: str) -> None:
        @settings(max_examples=4 if name == "bls12_381" else 40)
        @given(st.data())
        def examples(data: st.DataObject) -> None:
            test(groups.get(name), data)

        examples()

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@law
def test_scalars_are_the_integers_modulo_the_order(group: groups.Group, data: Any) -> None:
    q = group.order
    a, b, c = (data.draw(numbers_of(group)) for _ in range(3))
    x, y, z = map(group.scalar, (a, b, c))
    assert int(x + y) == (a + b) % q
    assert int(x - y) == (a - b) % q
    assert int(x * y) == a * b % q
    assert int(-x) == -a % q
    assert x * (y + z) == x * y + x * z
    assert (x == y) == (a == b)
    assert x.is_zero == (a == 0)
    assert group.scalar(a + q) == group.scalar(a - q) == x
    assert group.scalar_from_bytes(bytes(x)) == x
    if a:
        assert int(x.invert()) == pow(a, -1, q)


@law
def test_elements_are_an_abelian_group(group: groups.Group, data: Any) -> None:
    p, q, r = (data.draw(elements_of(group)) for _ in range(3))
    assert (p + q) + r == p + (q + r)
    assert p + q == q + p
    assert p + group.identity == p == group.identity + p
    assert p - q == p + -q
    assert (p - p).is_identity
    assert (p + -p).is_identity
    assert -p + (p + p) == p
    assert p + p == p * group.scalar(2)


@law
def test_multiplying_is_linear(group: groups.Group, data: Any) -> None:
    p, q = (data.draw(elements_of(group)) for _ in range(2))
    x, y = (group.scalar(data.draw(numbers_of(group))) for _ in range(2))
    assert p * (x + y) == p * x + p * y
    assert (p + q) * x == p * x + q * x
    assert (p * x) * y == p * (x * y)
    assert p * x == x * p
    assert group.mul_generator(x) == group.generator * x


@law
def test_equality_hash_and_encoding_agree(group: groups.Group, data: Any) -> None:
    """However an element was reached: bls12_381 has many forms of one inside."""
    p, q = (data.draw(elements_of(group)) for _ in range(2))
    again = (p + q) - q
    assert again == p
    assert hash(again) == hash(p)
    assert bytes(again) == bytes(p)
    assert (p == q) == (bytes(p) == bytes(q)) == (p - q).is_identity
    assert len({p, again, q}) == len({bytes(p), bytes(q)})


@law
def test_decoding_what_was_encoded_gives_the_element(group: groups.Group, data: Any) -> None:
    p = data.draw(elements_of(group))
    decoded = group.element_from_bytes(bytes(p))
    assert decoded == p
    assert bytes(decoded) == bytes(p)
    assert decoded.is_identity == p.is_identity
    assert decoded.group is group


@law
def test_what_decodes_is_canonical(group: groups.Group, data: Any) -> None:
    """Any bytes, and those one flipped bit away from an encoding."""
    size = group.element_size
    near = bytearray(bytes(data.draw(elements_of(group))))
    near[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    first = data.draw(st.sampled_from([0, 2, 3, 0x80, 0xA0, 0xC0]))
    shaped = bytes([first]) + data.draw(st.binary(min_size=size - 1, max_size=size - 1))
    for encoding in (bytes(near), shaped, data.draw(st.binary(min_size=size, max_size=size))):
        try:
            decoded = group.element_from_bytes(encoding)
        except InvalidEncodingError:
            continue
        assert bytes(decoded) == encoding
        assert (decoded * group.scalar(-1) + decoded).is_identity


@every_group
def test_the_laws_at_the_edges(name: str) -> None:
    group = groups.get(name)
    g, identity, q = group.generator, group.identity, group.order
    assert (group.mul_generator(group.scalar(-1)) + g).is_identity
    assert g * group.scalar(q) == identity
    for element in (identity, g, -g, g + g, identity * group.scalar(5), -identity, g - g):
        assert element * group.scalar(0) == identity
        assert element * group.scalar(1) == element
        assert element * group.scalar(-1) == -element
        assert element * group.scalar(3) == element + element + element
        assert (element == identity) == element.is_identity
        assert (element == g) == (bytes(element) == bytes(g))
    assert identity * group.scalar(5) != g
    assert g != identity * group.scalar(q - 1)
    assert hash(identity * group.scalar(5)) == hash(identity)


@every_group
def test_zero_has_no_inverse(name: str) -> None:
    with pytest.raises(ZeroDivisionError):
        groups.get(name).scalar(0).invert()


@every_group
def test_random_scalars_are_fresh_below_the_order_and_zero_only_if_asked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = groups.get(name)
    numbers = [int(group.random_scalar()) for _ in range(200)]
    assert len(set(numbers)) == 200
    assert max(numbers) < group.order
    assert sum(number > group.order // 2 for number in numbers) in range(50, 151)
    if name == "ristretto255":
        return  # tests/test_group.py
    asked: list[int] = []

    def randbelow(below: int) -> int:
        asked.append(below)
        return 0

    monkeypatch.setattr("secrets.randbelow", randbelow)
    assert int(group.random_scalar()) == 1
    assert int(group.random_scalar(nonzero=False)) == 0
    assert asked == [group.order - 1, group.order]


# Embedding


@pytest.mark.parametrize("name", EMBEDDING)
@settings(max_examples=30)
@given(data=st.data())
def test_extracting_gives_what_was_embedded(name: str, data: st.DataObject) -> None:
    group = groups.get(name)
    size = group.embedding_size
    edges = st.sampled_from([bytes(size), b"\xff" * size, bytes(size - 1) + b"\1"])
    message = data.draw(st.one_of(edges, st.binary(min_size=size, max_size=size)))
    element = group.embed(message)
    assert group.extract(element) == message
    assert group.extract(group.element_from_bytes(bytes(element))) == message


def candidate_of(encoding: bytes, name: str) -> float:
    """The candidate that was drawn, of 1 (SPEC 6.1, 12.3)."""
    if name == "ristretto255":
        return (encoding[0] // 2 + 128 * encoding[31]) / 2**14
    return (encoding[0] - 2 + 2 * int.from_bytes(encoding[1:3], "big")) / 2**17


@pytest.mark.parametrize("name", EMBEDDING)
def test_all_candidates_are_drawn_about_equally_often(name: str) -> None:
    group = groups.get(name)
    message = bytes(range(group.embedding_size))
    draws = [candidate_of(bytes(group.embed(message)), name) for _ in range(1600)]
    buckets = Counter(int(16 * draw) for draw in draws)
    assert sorted(buckets) == list(range(16))
    # 100 are expected in each, with a standard deviation of 10
    assert min(buckets.values()) > 25
    assert max(buckets.values()) < 190
    assert len(set(draws)) > 1200
    assert name == "ristretto255" or 600 < sum(draw * 2**17 % 2 for draw in draws) < 1000


@pytest.mark.parametrize("name", SEC1)
def test_the_first_candidate_that_decodes_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it is uniform among those that do."""
    group, generator = groups.get(name), random.Random(1)
    draws: list[int] = []

    def randbelow(below: int) -> int:
        draws.append(generator.randrange(below))
        assert below == 2**17
        return draws[-1]

    monkeypatch.setattr("secrets.randbelow", randbelow)
    message = b"\xff" * group.embedding_size
    tries = []
    for _ in range(60):
        draws.clear()
        taken = bytes(group.embed(message))
        encodings = [bytes([2 + k % 2]) + (k // 2).to_bytes(2, "big") + message for k in draws]
        assert encodings.pop() == taken
        for encoding in encodings:
            with pytest.raises(InvalidEncodingError):
                group.element_from_bytes(encoding)
        tries.append(len(draws))
    assert 80 < sum(tries) < 180


def test_what_carries_nothing_says_so() -> None:
    group = groups.get("bls12_381")
    with pytest.raises(UnsupportedError, match="bls12_381 has no embed"):
        group.embed(b"")
    with pytest.raises(UnsupportedError, match="bls12_381 has no extract"):
        group.extract(group.generator)
    for name in SEC1:
        with pytest.raises(InvalidEncodingError, match="is the identity"):
            groups.get(name).extract(groups.get(name).identity)


# ElGamal


@law
def test_decrypting_undoes_encrypting_and_rerandomizing(group: groups.Group, data: Any) -> None:
    n = data.draw(st.integers(1, 2))
    secret = [group.scalar(data.draw(numbers_of(group)) or 1) for _ in range(n)]
    message = [data.draw(elements_of(group)) for _ in range(n)]
    public = elgamal.public_elements(secret)
    r, s, t = (group.scalar(data.draw(numbers_of(group))) for _ in range(3))
    if r.is_zero or (r + s).is_zero or (r + s + t).is_zero:
        return
    fresh = elgamal.encrypt(public, message, r)
    moved = elgamal.rerandomize(public, fresh, s)
    assert moved == elgamal.encrypt(public, message, r + s)
    assert elgamal.rerandomize(public, moved, t) == elgamal.rerandomize(public, fresh, s + t)
    assert elgamal.decrypt(secret, moved) == message
    assert elgamal.Ciphertext.from_bytes(group, bytes(moved)) == moved


@law
def test_encryption_is_homomorphic(group: groups.Group, data: Any) -> None:
    x, r, s = (group.scalar(1 + data.draw(numbers_of(group))) for _ in range(3))
    one, two = (data.draw(elements_of(group)) for _ in range(2))
    if x.is_zero or r.is_zero or s.is_zero or (r + s).is_zero:
        return
    public = elgamal.public_elements([x])
    left, right = elgamal.encrypt(public, [one], r), elgamal.encrypt(public, [two], s)
    added = elgamal.Ciphertext(left.a + right.a, (left.b[0] + right.b[0],))
    assert added == elgamal.encrypt(public, [one + two], r + s)
    assert elgamal.decrypt([x], added) == [one + two]


@every_group
def test_a_key_of_nothing_of_zero_or_of_the_identity_is_refused(name: str) -> None:
    group = groups.get(name)
    one, g, identity = group.scalar(1), group.generator, group.identity
    ciphertext = elgamal.Ciphertext(g, (g, g))
    for j, public in ((1, [identity, g]), (2, [g, identity])):
        with pytest.raises(InvalidEncodingError, match=f"X_{j}: is the identity"):
            elgamal.encrypt(public, [g, g])
        with pytest.raises(InvalidEncodingError, match=f"X_{j}: is the identity"):
            elgamal.rerandomize(public, ciphertext)
    for j, secret in ((1, [group.scalar(0), one]), (2, [one, group.scalar(0)])):
        with pytest.raises(InvalidEncodingError, match=f"x_{j}: is 0"):
            elgamal.decrypt(secret, ciphertext)
        with pytest.raises(InvalidEncodingError, match=f"x_{j}: is 0"):
            elgamal.public_elements(secret)
    for use in (
        lambda: elgamal.encrypt([], []),
        lambda: elgamal.rerandomize([], ciphertext),
        lambda: elgamal.decrypt([], ciphertext),
        lambda: elgamal.public_elements([]),
    ):
        with pytest.raises(InvalidEncodingError, match="key: has no elements"):
            use()


@every_group
def test_what_is_drawn_changes_the_ciphertext_and_not_the_message(name: str) -> None:
    group = groups.get(name)
    secret = [group.random_scalar()]
    public, message = elgamal.public_elements(secret), [group.generator]
    drawn = [elgamal.encrypt(public, message) for _ in range(3)]
    drawn += [elgamal.rerandomize(public, drawn[0]) for _ in range(3)]
    assert len({element for each in drawn for element in (each.a, *each.b)}) == 12
    assert all(elgamal.decrypt(secret, each) == message for each in drawn)
