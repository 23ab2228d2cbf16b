"""ElGamal: agreement with libsodium, the laws of SPEC 6.2, and what is refused."""

from __future__ import annotations

import random

import numpy as np
import pytest
import rbcl
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, strategies as st
from vectors.engine.setting import drawn

from billboard import InvalidEncodingError, _core, elgamal
from billboard.batches import Array
from billboard.elgamal import Ciphertext, DecryptionKey, EncryptionKey
from billboard.groups.ristretto255 import ORDER, Element, Scalar, random_scalar

pytestmark = pytest.mark.backend

SEED = bytes(range(32))
IDENTITY = Element.identity()


def scalar(number: int) -> Scalar:
    return Scalar.from_bytes((number % ORDER).to_bytes(32, "little"))


ONE, MINUS_ONE = scalar(1), scalar(-1)

numbers = st.one_of(st.sampled_from([1, 2, ORDER - 1, ORDER - 2]), st.integers(1, ORDER - 1))
scalars = numbers.map(scalar)
elements = st.one_of(
    st.just(IDENTITY),
    st.just(Element.generator()),
    scalars.map(Element.mul_generator),
    st.binary(min_size=64, max_size=64).map(Element.from_uniform_bytes),
)
keys_and_messages = st.integers(1, 3).flatmap(
    lambda n: st.tuples(
        st.lists(scalars, min_size=n, max_size=n), st.lists(elements, min_size=n, max_size=n)
    )
)


# Laws


@given(keys_and_messages, scalars)
def test_decrypting_gives_the_message(case: tuple[list[Scalar], list[Element]], r: Scalar) -> None:
    secret, message = case
    public = elgamal.public_elements(secret)
    assert elgamal.decrypt(secret, elgamal.encrypt(public, message, r)) == message
    assert elgamal.decrypt(secret, elgamal.encrypt(public, message)) == message


@given(keys_and_messages, scalars, scalars, scalars)
def test_rerandomizing_composes_and_keeps_the_message(
    case: tuple[list[Scalar], list[Element]], r: Scalar, s: Scalar, t: Scalar
) -> None:
    secret, message = case
    public = elgamal.public_elements(secret)
    sums = [r + s, r + s + t]
    if any(total.is_zero for total in sums):
        return
    fresh = elgamal.encrypt(public, message, r)
    moved = elgamal.rerandomize(public, fresh, s)
    assert moved == elgamal.encrypt(public, message, r + s)
    twice = elgamal.rerandomize(public, moved, t)
    assert twice == elgamal.rerandomize(public, fresh, s + t)
    assert elgamal.decrypt(secret, twice) == message


@given(keys_and_messages, scalars, scalars)
def test_encryption_is_homomorphic(
    case: tuple[list[Scalar], list[Element]], r: Scalar, s: Scalar
) -> None:
    secret, message = case
    public = elgamal.public_elements(secret)
    if (r + s).is_zero:
        return
    one = elgamal.encrypt(public, message, r)
    two = elgamal.encrypt(public, message[::-1], s)
    added = Ciphertext(one.a + two.a, tuple(x + y for x, y in zip(one.b, two.b, strict=True)))
    expected = [x + y for x, y in zip(message, message[::-1], strict=True)]
    assert elgamal.decrypt(secret, added) == expected


@given(keys_and_messages, scalars)
def test_another_key_gives_another_message(
    case: tuple[list[Scalar], list[Element]], r: Scalar
) -> None:
    secret, message = case
    public = elgamal.public_elements(secret)
    others = [x + ONE if x != MINUS_ONE else ONE for x in secret]
    wrong = elgamal.decrypt(others, elgamal.encrypt(public, message, r))
    assert all(x != y for x, y in zip(wrong, message, strict=True))


# What is drawn, and what is refused


def test_encrypting_draws_anew_each_time() -> None:
    public, message = [Element.generator()], [IDENTITY]
    assert len({bytes(elgamal.encrypt(public, message).a) for _ in range(50)}) == 50
    fresh = elgamal.encrypt(public, message)
    assert len({bytes(elgamal.rerandomize(public, fresh).a) for _ in range(50)}) == 50


def test_a_random_s_that_makes_a_the_identity_is_drawn_again() -> None:
    public, message = [Element.generator()], [Element.generator()]
    fresh = elgamal.encrypt(public, message, scalar(5))
    wide = [bytes(scalar(n)) + bytes(32) for n in (-5, -5, 3)]
    with drawn(*wide):
        moved = elgamal.rerandomize(public, fresh)
    assert moved == elgamal.encrypt(public, message, scalar(8))


def test_a_random_r_is_never_zero() -> None:
    public, message = [Element.generator()], [Element.generator()]
    with drawn(bytes(64), bytes(scalar(3)) + bytes(32)):
        fresh = elgamal.encrypt(public, message)
    assert fresh == elgamal.encrypt(public, message, scalar(3))


def test_given_scalars_that_make_a_the_identity_are_refused() -> None:
    public, message = [Element.generator()], [IDENTITY]
    with pytest.raises(InvalidEncodingError, match="identity"):
        elgamal.encrypt(public, message, scalar(0))
    with pytest.raises(InvalidEncodingError, match="identity"):
        elgamal.rerandomize(public, elgamal.encrypt(public, message, scalar(5)), scalar(-5))
    with pytest.raises(InvalidEncodingError, match="identity"):
        Ciphertext(IDENTITY, (Element.generator(),))


def test_a_ciphertext_of_nothing_is_refused() -> None:
    nothings: tuple[tuple[Element, ...] | list[Element], ...] = ((), [])
    for nothing in nothings:
        with pytest.raises(InvalidEncodingError, match="ciphertext: has no B_1"):
            Ciphertext(Element.generator(), nothing)  # type: ignore[arg-type]


def test_a_ciphertext_holds_a_tuple_whatever_it_is_made_of() -> None:
    a, b = Element.generator(), [Element.generator(), IDENTITY]
    made = Ciphertext(a, b)  # type: ignore[arg-type]
    assert made == Ciphertext(a, tuple(b)) == Ciphertext(a, iter(b))  # type: ignore[arg-type]
    assert hash(made) == hash(Ciphertext(a, tuple(b)))
    before = bytes(made)
    b.append(a)
    assert bytes(made) == before


def test_lengths_that_do_not_fit_are_refused() -> None:
    secret = [random_scalar(), random_scalar()]
    public = elgamal.public_elements(secret)
    fresh = elgamal.encrypt(public, [IDENTITY, IDENTITY])
    with pytest.raises(InvalidEncodingError, match="1 elements do not fit a key of 2"):
        elgamal.encrypt(public, [IDENTITY])
    with pytest.raises(InvalidEncodingError, match="2 elements do not fit a key of 1"):
        elgamal.rerandomize(public[:1], fresh)
    with pytest.raises(InvalidEncodingError, match="2 elements do not fit a key of 1"):
        elgamal.decrypt(secret[:1], fresh)


def test_keys_of_nothing_of_zero_and_of_the_identity_are_refused() -> None:
    with pytest.raises(InvalidEncodingError, match="X_2: is the identity"):
        EncryptionKey([Element.generator(), IDENTITY])
    with pytest.raises(InvalidEncodingError, match="x_2: is 0"):
        DecryptionKey([ONE, scalar(0)])
    for make in (EncryptionKey, DecryptionKey):
        with pytest.raises(InvalidEncodingError, match="positive multiple of 32"):
            make([])
    with pytest.raises(InvalidEncodingError, match="X_1: is not a canonical element"):
        _core.EncryptionKey(b"\x01" * 32)
    with pytest.raises(InvalidEncodingError, match="x_1: is not a canonical scalar"):
        _core.DecryptionKey(b"\xff" * 32)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(size: int) -> None:
    key = EncryptionKey([Element.generator()])
    batch = np.zeros((1, 1, 32), np.uint8)
    with pytest.raises(InvalidEncodingError, match=f"seed: must be 32 bytes, not {size}"):
        key.encrypt_batch(batch, seed=bytes(size))
    with pytest.raises(InvalidEncodingError, match="seed"):
        _core.scalars_from_seed(bytes(size), 1)


# Agreement with libsodium


def batch_of(rows: list[list[bytes]]) -> Array:
    return np.frombuffer(b"".join(b"".join(row) for row in rows), np.uint8).reshape(
        len(rows), -1, 32
    )


def rows_of(array: Array) -> list[list[bytes]]:
    return [[bytes(encoding) for encoding in row] for row in array]


def sodium_add_multiple(left: bytes, factor: bytes, point: bytes) -> bytes:
    product = rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(factor, point)
    return bytes(rbcl.crypto_core_ristretto255_add(left, product))


def edge_elements(generator: random.Random) -> list[bytes]:
    edges = [IDENTITY, Element.generator(), -Element.generator()]
    uniform = [Element.from_uniform_bytes(generator.randbytes(64)) for _ in range(20)]
    return [bytes(element) for element in edges + uniform]


# One row gets no tables; a backend may work on eight rows at once; 257 rows are more than a block.
@pytest.mark.parametrize("items", [1, 7, 8, 9, 64, 257])
@pytest.mark.parametrize("n", [1, 2, 8])
def test_batches_are_bit_for_bit_those_of_libsodium(n: int, items: int) -> None:
    generator = random.Random(f"{n} {items}")
    pool = edge_elements(generator)
    secret = [ONE, MINUS_ONE][:n] + [random_scalar() for _ in range(n - 2)]
    public = elgamal.public_elements(secret)
    key = EncryptionKey(public)
    messages = [[generator.choice(pool) for _ in range(n)] for _ in range(items)]
    draws = [bytes(row) for row in _core.scalars_from_seed(SEED, items)]

    fresh = rows_of(key.encrypt_batch(batch_of(messages), seed=SEED))
    for message, r, (a, *b) in zip(messages, draws, fresh, strict=True):
        assert a == rbcl.crypto_scalarmult_ristretto255_base(r)
        pairs = zip(message, public, strict=True)
        assert b == [sodium_add_multiple(m, r, bytes(x)) for m, x in pairs]

    # Any elements may be rerandomized: these nobody encrypted.
    malformed = [[generator.choice(pool[1:]) for _ in range(n + 1)] for _ in range(items)]
    moved = rows_of(key.rerandomize_batch(batch_of(malformed), seed=SEED))
    for before, s, (a, *b) in zip(malformed, draws, moved, strict=True):
        assert a == sodium_add_multiple(before[0], s, bytes(Element.generator()))
        pairs = zip(before[1:], public, strict=True)
        assert b == [sodium_add_multiple(m, s, bytes(x)) for m, x in pairs]

    opened = rows_of(DecryptionKey(secret).decrypt_batch(batch_of(malformed)))
    for (a, *b), message in zip(malformed, opened, strict=True):
        minus = [bytes(-x) for x in secret]
        assert message == [sodium_add_multiple(m, x, a) for m, x in zip(b, minus, strict=True)]


def test_a_batch_is_what_the_functions_give() -> None:
    secret = [random_scalar() for _ in range(3)]
    public = elgamal.public_elements(secret)
    message = [Element.mul_generator(random_scalar()) for _ in range(3)]
    array = batch_of([[bytes(element) for element in message]])
    r, s = (Scalar.from_bytes(bytes(_core.scalars_from_seed(x, 1)[0])) for x in (SEED, SEED[::-1]))
    fresh = EncryptionKey(public).encrypt_batch(array, seed=SEED)
    moved = EncryptionKey(public).rerandomize_batch(fresh, seed=SEED[::-1])
    expected = elgamal.rerandomize(public, elgamal.encrypt(public, message, r), s)
    assert rows_of(moved) == [[bytes(expected.a), *map(bytes, expected.b)]]
    assert (DecryptionKey(secret).decrypt_batch(moved) == array).all()


def test_row_i_has_block_i_of_a_chacha20_stream() -> None:
    drawn_scalars = [bytes(row) for row in _core.scalars_from_seed(SEED, 200)]
    stream = Cipher(algorithms.ChaCha20(SEED, bytes(16)), mode=None).encryptor()
    expected = [bytes(Scalar.from_uniform_bytes(stream.update(bytes(64)))) for _ in range(200)]
    assert drawn_scalars == expected
    assert len(set(drawn_scalars)) == 200


def test_batches_without_a_seed_are_fresh() -> None:
    key = EncryptionKey([Element.generator()])
    array = batch_of([[bytes(IDENTITY)]] * 3)
    fresh = [key.encrypt_batch(array) for _ in range(2)]
    moved = [key.rerandomize_batch(fresh[0]) for _ in range(2)]
    encodings = [encoding for batch in fresh + moved for row in rows_of(batch) for encoding in row]
    a_of_all = encodings[::2]
    assert len(set(a_of_all)) == len(a_of_all) == 12
