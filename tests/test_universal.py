"""Universal re-encryption and re-randomisable keys: laws, refusals, and attacks (SPEC 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsBytes

import pytest

from billboard import groups
from billboard.errors import GroupMismatchError, InvalidEncodingError, NotMine
from billboard.groups import Element, Group, Scalar
from billboard.universal import Ciphertext, RerandomizableKey, decrypt, encrypt, rerandomize

pytestmark = pytest.mark.backend

TIMES = 3
"""How often a ciphertext is re-randomised by honest mixers."""


@pytest.fixture(params=groups.NAMES)
def group(request: pytest.FixtureRequest) -> Group:
    return groups.get(request.param)


@pytest.fixture
def secret(group: Group) -> Scalar:
    return group.random_scalar()


@pytest.fixture
def public(group: Group, secret: Scalar) -> Element:
    return group.mul_generator(secret)


@pytest.fixture
def message(group: Group) -> Element:
    return group.mul_generator(group.random_scalar())


def mixed(ciphertext: Ciphertext) -> Ciphertext:
    """As it comes out of a chain of honest mixers."""
    for _ in range(TIMES):
        ciphertext = rerandomize(ciphertext)
    return ciphertext


def parts(ciphertext: Ciphertext) -> tuple[Element, ...]:
    return ciphertext.a0, ciphertext.b0, ciphertext.a1, ciphertext.b1


# Laws


def test_decrypting_gives_the_message(
    group: Group, secret: Scalar, public: Element, message: Element
) -> None:
    for each in (message, group.identity, group.generator):
        assert decrypt(secret, encrypt(public, each)) == each
        assert decrypt(secret, mixed(encrypt(public, each))) == each


def test_rerandomizing_changes_every_part(public: Element, message: Element) -> None:
    before = encrypt(public, message)
    after = rerandomize(before)
    assert all(old != new for old, new in zip(parts(before), parts(after), strict=True))


def test_rerandomizing_composes(group: Group, public: Element, message: Element) -> None:
    s, t, u, v = (group.random_scalar() for _ in range(4))
    once = rerandomize(rerandomize(encrypt(public, message, s, t), s, t), u, v)
    # a0 + s a1 + u t a1, and a1 t v
    assert once == rerandomize(encrypt(public, message, s, t), s + u * t, t * v)


def test_a_rerandomization_is_what_a_fresh_encryption_could_be(
    group: Group, secret: Scalar, public: Element, message: Element
) -> None:
    k0, k1, s, t = (group.random_scalar() for _ in range(4))
    assert rerandomize(encrypt(public, message, k0, k1), s, t) == encrypt(
        public, message, k0 + s * k1, k1 * t
    )
    assert decrypt(secret, encrypt(public, message, group.scalar(0), k1)) == message


def test_another_key_does_not_open(group: Group, secret: Scalar, public: Element) -> None:
    ciphertext = encrypt(public, group.generator)
    with pytest.raises(NotMine):
        decrypt(secret + group.scalar(1), ciphertext)


def test_encodings_are_canonical(group: Group, public: Element, message: Element) -> None:
    ciphertext = encrypt(public, message)
    data = bytes(ciphertext)
    assert len(data) == 4 * group.element_size
    assert Ciphertext.from_bytes(group, data) == ciphertext
    key = RerandomizableKey.generate(group.random_scalar())
    assert RerandomizableKey.from_bytes(group, bytes(key)) == key


# Refusals


def test_a_zero_randomizer_is_refused(group: Group, public: Element, message: Element) -> None:
    zero = group.scalar(0)
    makes: tuple[Callable[[], object], ...] = (
        lambda: encrypt(public, message, k1=zero),
        lambda: rerandomize(encrypt(public, message), k1=zero),
    )
    for make in makes:
        with pytest.raises(InvalidEncodingError, match="a1: is the identity"):
            make()


@pytest.mark.parametrize("index", [2, 3])
def test_an_identity_in_the_second_half_is_refused(
    group: Group, public: Element, message: Element, index: int
) -> None:
    size = group.element_size
    data = bytearray(bytes(encrypt(public, message)))
    data[index * size : (index + 1) * size] = bytes(group.identity)
    with pytest.raises(InvalidEncodingError, match=f"{'a1' if index == 2 else 'b1'}: is the id"):
        Ciphertext.from_bytes(group, bytes(data))


@pytest.mark.parametrize("name", ["a0", "b0", "a1", "b1"])
def test_each_element_must_be_canonical(
    group: Group, public: Element, message: Element, name: str
) -> None:
    size, index = group.element_size, ["a0", "b0", "a1", "b1"].index(name)
    data = bytearray(bytes(encrypt(public, message)))
    data[index * size : (index + 1) * size] = b"\xff" * size
    with pytest.raises(InvalidEncodingError, match=name):
        Ciphertext.from_bytes(group, bytes(data))


@pytest.mark.parametrize("change", [-1, 1])
def test_other_lengths_are_refused(group: Group, public: Element, change: int) -> None:
    data = bytes(encrypt(public, group.generator)) + b"\0"
    with pytest.raises(InvalidEncodingError, match="ciphertext: must be"):
        Ciphertext.from_bytes(group, data[: len(data) - 1 + change])
    key = bytes(RerandomizableKey.generate(group.random_scalar())) + b"\0"
    with pytest.raises(InvalidEncodingError, match="re-randomisable key: must be"):
        RerandomizableKey.from_bytes(group, key[: len(key) - 1 + change])


def test_groups_do_not_mix() -> None:
    one, two = groups.get("ristretto255"), groups.get("p256")
    ciphertext = encrypt(one.generator, one.generator)
    for call in (
        lambda: encrypt(one.generator, two.generator),
        lambda: encrypt(one.generator, one.generator, two.scalar(1)),
        lambda: rerandomize(ciphertext, k1=two.scalar(1)),
        lambda: decrypt(two.scalar(1), ciphertext),
        lambda: RerandomizableKey.generate(one.scalar(1)).belongs_to(two.scalar(1)),
    ):
        with pytest.raises(GroupMismatchError, match=r"ristretto255.*p256|p256.*ristretto255"):
            call()


# Attacks that SPEC 13.2 concedes


def test_a_planted_factor_destroys_the_message(
    group: Group, secret: Scalar, public: Element, message: Element
) -> None:
    planted, s = group.mul_generator(group.random_scalar()), group.random_scalar()
    sound = encrypt(public, message)
    tampered = Ciphertext(sound.a0, sound.b0, public * s + planted, group.mul_generator(s))
    k0, k1 = group.random_scalar(), group.random_scalar()
    out = rerandomize(tampered, k0, k1)
    assert out.a0 - out.b0 * secret == message + planted * k0
    # The holder of the key sees it. A mixer does not: it would take any a1 and b1.
    with pytest.raises(NotMine):
        decrypt(secret, out)


def test_whoever_posts_under_a_key_of_his_own_follows_his_ciphertext(
    group: Group, secret: Scalar, public: Element, message: Element
) -> None:
    tag = group.random_scalar()
    own = group.mul_generator(tag)
    carrier = encrypt(own, group.generator)
    sound = encrypt(public, message)
    marked = Ciphertext(sound.a0, sound.b0, carrier.a1, carrier.b1)
    outputs = [mixed(each) for each in (sound, marked, encrypt(public, message))]
    assert [out.a1 == out.b1 * tag for out in outputs] == [False, True, False]
    assert (outputs[1].a0 - outputs[1].b0 * secret) != message
    # A sound ciphertext for somebody else is as easy to follow.
    out = mixed(carrier)
    assert out.a1 == out.b1 * tag


def test_an_identity_would_freeze_a_part_and_is_refused(
    group: Group, public: Element, message: Element
) -> None:
    sound = encrypt(public, message)
    for a1, b1 in ((public, group.identity), (group.identity, group.generator)):
        frozen = sound.b0 + b1 * group.random_scalar(), sound.a0 + a1 * group.random_scalar()
        assert (frozen[0] == sound.b0) is b1.is_identity
        assert (frozen[1] == sound.a0) is a1.is_identity
        with pytest.raises(InvalidEncodingError):
            Ciphertext(sound.a0, sound.b0, a1, b1)


def test_pieces_combine(group: Group, secret: Scalar, public: Element, message: Element) -> None:
    sound = mixed(encrypt(public, message))
    mauled = Ciphertext(sound.a0 + group.generator, sound.b0, sound.a1, sound.b1)
    assert decrypt(secret, mixed(mauled)) == message + group.generator


# Re-randomisable keys


def test_a_key_is_recognised_by_its_owner_alone(group: Group) -> None:
    owner, stranger = group.random_scalar(), group.random_scalar()
    key = RerandomizableKey.generate(owner)
    for _ in range(TIMES):
        fresh = key.rerandomize()
        assert fresh.belongs_to(owner)
        assert not fresh.belongs_to(stranger)
        assert fresh.t != key.t
        assert fresh.u != key.u
        key = fresh
    s, t = group.random_scalar(), group.random_scalar()
    assert key.rerandomize(s).rerandomize(t) == key.rerandomize(s * t)


@pytest.mark.parametrize("index", [0, 1])
def test_an_identity_is_no_key(group: Group, index: int) -> None:
    halves = [bytes(group.generator), bytes(group.generator)]
    halves[index] = bytes(group.identity)
    with pytest.raises(InvalidEncodingError, match=f"{'TU'[index]}: is the identity"):
        RerandomizableKey.from_bytes(group, b"".join(halves))


def test_zero_makes_no_key(group: Group) -> None:
    zero, one = group.scalar(0), group.scalar(1)
    makes: tuple[Callable[[], object], ...] = (
        lambda: RerandomizableKey.generate(zero),
        lambda: RerandomizableKey.generate(one, zero),
        lambda: RerandomizableKey.generate(one).rerandomize(zero),
    )
    for make in makes:
        with pytest.raises(InvalidEncodingError, match="is the identity"):
            make()


def test_zero_is_no_secret(group: Group, public: Element, message: Element) -> None:
    """It is malformed, and not merely of somebody else."""
    zero = group.scalar(0)
    with pytest.raises(InvalidEncodingError, match="x: is 0"):
        decrypt(zero, encrypt(public, message))
    with pytest.raises(InvalidEncodingError, match="l: is 0"):
        RerandomizableKey.generate(group.scalar(1)).belongs_to(zero)


def test_two_keys_of_one_owner_give_a_third(group: Group) -> None:
    owner = group.random_scalar()
    one, two = RerandomizableKey.generate(owner), RerandomizableKey.generate(owner)
    assert RerandomizableKey(one.t + two.t, one.u + two.u).belongs_to(owner)


def test_whoever_chose_t_recognises_an_unaltered_key_only(group: Group) -> None:
    owner, t = group.random_scalar(), group.random_scalar()
    key = RerandomizableKey.generate(owner, t)
    assert key.t == group.mul_generator(t)
    assert key.rerandomize().t != group.mul_generator(t)


def test_nothing_of_it_shows_in_a_repr(group: Group, public: Element, secret: Scalar) -> None:
    things: list[SupportsBytes] = [
        encrypt(public, group.generator),
        RerandomizableKey.generate(secret),
    ]
    assert all(bytes(thing).hex()[:16] not in repr(thing) for thing in things)
    assert [type(thing).__name__ in repr(thing) for thing in things] == [True, True]
