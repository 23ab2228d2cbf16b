"""The batch kernel where batching could go wrong: special points, special sums, and neighbours.

The kernel works on a block of rows at once, eight side by side on some backends, and with tables
once a key has served some rows, so what is checked here is checked among many rows, against
libsodium.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import rbcl
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from groups.test_group import RFC_INVALID, edge_encodings, random_bytes, sodium_decodes
from test_elgamal import SEED, batch_of, rows_of, scalar, sodium_add_multiple

from billboard import _core, elgamal
from billboard.batches import Array, Mask
from billboard.elgamal import DecryptionKey, EncryptionKey
from billboard.groups import Element as AnyElement
from billboard.groups.ristretto255 import Element, Scalar, random_scalar

pytestmark = pytest.mark.backend

BLOCK = 64
IDENTITY, G = bytes(32), bytes(Element.generator())
EDGES = list(dict.fromkeys([*edge_encodings(), *RFC_INVALID, *random_bytes("kernel", 32, 200)]))
VALID = [data for data in EDGES if sodium_decodes(data)]
INVALID = [data for data in EDGES if not sodium_decodes(data)]


def draws(items: int) -> list[Scalar]:
    return [Scalar.from_bytes(bytes(row)) for row in _core.scalars_from_seed(SEED, items)]


def warm(public: Sequence[AnyElement]) -> EncryptionKey:
    """A key that has its tables."""
    key = EncryptionKey(public)
    key.encrypt_batch(np.zeros((2 * BLOCK, len(public), 32), np.uint8))
    return key


def test_there_are_edges_of_both_kinds() -> None:
    assert len(VALID) > 80
    assert len(INVALID) > 200
    assert IDENTITY in VALID


# Decoding


def test_blocks_decode_what_libsodium_decodes() -> None:
    encodings = EDGES + random_bytes("blocks", 32, 4000)
    canonical = [e[:31] + bytes([e[31] & 0x7F]) for e in encodings]
    everything = encodings + [bytes([e[0] & 0xFE]) + e[1:] for e in canonical]
    random.Random("shuffled").shuffle(everything)
    expected = [sodium_decodes(data) for data in everything]
    assert 1000 < sum(expected) < len(expected) / 2
    behind = batch_of([[G, data] for data in everything])
    assert _core.validate(behind, 2).tolist() == expected
    alone = batch_of([[data] for data in everything])
    assert _core.validate(alone, 1).tolist() == [
        good and data != IDENTITY for good, data in zip(expected, everything, strict=True)
    ]


@pytest.mark.parametrize("n", [1, 8])
def test_an_encoding_alone_in_a_block_changes_no_neighbour(n: int) -> None:
    public = [Element.mul_generator(random_scalar()) for _ in range(n)]
    core, secret = warm(public)._core, DecryptionKey([random_scalar() for _ in range(n)])._core
    pool = [bytes(Element.from_uniform_bytes(data)) for data in random_bytes("pool", 64, n + 1)]
    good = batch_of([pool] * BLOCK)
    messages = np.ascontiguousarray(good[:, 1:])
    runs: list[tuple[Array, Callable[[Array], tuple[Array, Mask]]]] = [
        (good, lambda array: core.rerandomize(array, SEED, 1)),
        (messages, lambda array: core.encrypt(array, SEED, 1)),
        (good, lambda array: secret.decrypt(array, 1)),
    ]
    generator = random.Random(n)
    for array, run in runs:
        whole, all_valid = run(array)
        assert all_valid.all()
        for encoding in [IDENTITY, *generator.sample(EDGES, 60)]:
            row, position = generator.randrange(BLOCK), generator.randrange(array.shape[1])
            changed = array.copy()
            changed[row, position] = np.frombuffer(encoding, np.uint8)
            output, valid = run(changed)
            others = np.arange(BLOCK) != row
            assert valid[others].all()
            assert (output[others] == whole[others]).all()
            a_is_identity = encoding == IDENTITY and position == 0 and array is good
            assert valid[row] == (sodium_decodes(encoding) and not a_is_identity)
            assert output[row].any() == valid[row]


def test_a_block_of_bad_rows_only_is_all_masked() -> None:
    public = [Element.generator()]
    for encoding in INVALID[:40]:
        array = batch_of([[encoding, encoding]] * BLOCK)
        output, valid = warm(public)._core.rerandomize(array, SEED)
        assert not valid.any()
        assert not output.any()


# Sums


def special(product: Element, x: Element) -> list[Element]:
    """What to add to ``product``: its opposite, itself, and others that formulas trip over."""
    two = scalar(2)
    near = [product, -product, product * two, -(product * two), x, -x, x - product]
    fixed = [Element.identity(), Element.generator(), -Element.generator()]
    return [*near, *fixed, Element.generator() - product]


SECRETS = [1, -1, 2, -2, 2**252, 3, 5, 7]


@pytest.mark.parametrize("tables", [False, True])
def test_special_sums_are_those_of_libsodium(tables: bool) -> None:
    """Each special point in the place of each M_j, of each B_j, and of A."""
    public = [Element.mul_generator(scalar(number)) for number in SECRETS]
    generator_and_public = [Element.generator(), *public]
    count = 11
    r_of = draws(count)
    rows = [[special(x * r, x) for x in generator_and_public] for r in r_of]
    for shift in range(count):
        parts = [
            [bytes(options[(i + shift) % count]) for options in row] for i, row in enumerate(rows)
        ]
        key = warm(public) if tables else EncryptionKey(public)
        fresh = rows_of(key.encrypt_batch(batch_of([row[1:] for row in parts]), seed=SEED))
        for row, r, (a, *b) in zip(parts, r_of, fresh, strict=True):
            assert a == rbcl.crypto_scalarmult_ristretto255_base(bytes(r))
            expected = zip(row[1:], public, strict=True)
            assert b == [sodium_add_multiple(m, bytes(r), bytes(x)) for m, x in expected]
        # A = -sG and A = 0 have tests of their own.
        for i, row in enumerate(parts):
            if row[0] in (bytes(-(Element.generator() * r_of[i])), IDENTITY):
                row[0] = G
        key = warm(public) if tables else EncryptionKey(public)
        moved = rows_of(key.rerandomize_batch(batch_of(parts), seed=SEED))
        for row, s, made in zip(parts, r_of, moved, strict=True):
            expected = zip(row, generator_and_public, strict=True)
            assert made == [sodium_add_multiple(m, bytes(s), bytes(x)) for m, x in expected]


def test_thousands_of_rows_are_those_of_libsodium() -> None:
    items = 3000
    x, generator = Element.mul_generator(random_scalar()), random.Random("rows")
    array = [[generator.choice(VALID)] for _ in range(items)]
    made = rows_of(EncryptionKey([x]).encrypt_batch(batch_of(array), seed=SEED))
    for (message,), r, (a, b) in zip(array, draws(items), made, strict=True):
        assert a == rbcl.crypto_scalarmult_ristretto255_base(bytes(r))
        assert b == sodium_add_multiple(message, bytes(r), bytes(x))


@pytest.mark.parametrize("items", [15, 16, 17, BLOCK])
def test_tables_change_nothing(items: int) -> None:
    """A key makes its tables after some rows; before and after, the bytes are the same."""
    public = [Element.mul_generator(random_scalar()) for _ in range(3)]
    generator = random.Random(items)
    pool = [data for data in VALID if data != IDENTITY]
    array = batch_of([[generator.choice(pool) for _ in range(4)] for _ in range(items)])
    one_by_one = [
        EncryptionKey(public)._core.rerandomize(array[: row + 1], SEED, 1)[0][row]
        for row in range(min(items, 14))
    ]
    cold, warmed = EncryptionKey(public), warm(public)
    for key in (cold, warmed):
        assert (key.rerandomize_batch(array, seed=SEED)[: len(one_by_one)] == one_by_one).all()
    messages = np.ascontiguousarray(array[:, 1:])
    assert (
        EncryptionKey(public).encrypt_batch(messages, seed=SEED)
        == warmed.encrypt_batch(messages, seed=SEED)
    ).all()


# An A' that would be the identity (SPEC 6.2)


def draw(number: int, row: int) -> Scalar:
    """What a row uses when it draws for the time ``number`` + 1: a block of a ChaCha20 stream."""
    nonce = row.to_bytes(8, "little") + number.to_bytes(8, "little")
    stream = Cipher(algorithms.ChaCha20(SEED, nonce), mode=None).encryptor()
    return Scalar.from_uniform_bytes(stream.update(bytes(64)))


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("at", [[0], [9], [4], [0, 1], [3, 4, 9], list(range(10))])
def test_an_s_that_makes_a_the_identity_is_drawn_again(at: list[int], tables: bool) -> None:
    secret = [random_scalar(), random_scalar()]
    public = elgamal.public_elements(secret)
    items = 10
    rows = list[list[bytes]]()
    for row in range(items):
        r = -draw(0, row) if row in at else random_scalar()
        fresh = elgamal.encrypt(public, [Element.generator()] * 2, r)
        rows.append([bytes(fresh.a), *map(bytes, fresh.b)])
    key = warm(public) if tables else EncryptionKey(public)
    moved = rows_of(key.rerandomize_batch(batch_of(rows), seed=SEED))
    for row, (before, (a, *b)) in enumerate(zip(rows, moved, strict=True)):
        s = draw(int(row in at), row)
        assert a != IDENTITY
        assert a == sodium_add_multiple(before[0], bytes(s), G)
        expected = zip(before[1:], public, strict=True)
        assert b == [sodium_add_multiple(m, bytes(s), bytes(x)) for m, x in expected]
    opened = DecryptionKey(secret).decrypt_batch(batch_of(moved))
    assert {bytes(message) for row in opened for message in row} == {G}


@pytest.mark.parametrize("tables", [False, True])
def test_a_bad_row_is_not_drawn_again(tables: bool) -> None:
    public = [Element.mul_generator(random_scalar())]
    rows = [[G, G] for _ in range(12)]
    rows[2] = [bytes(Element.mul_generator(-draw(0, 2))), INVALID[0]]
    rows[5] = [bytes(Element.mul_generator(-draw(0, 5))), G]
    key = warm(public) if tables else EncryptionKey(public)
    output, valid = key._core.rerandomize(batch_of(rows), SEED)
    assert np.flatnonzero(~valid).tolist() == [2]
    for row, before in enumerate(rows):
        expected = sodium_add_multiple(before[0], bytes(draw(int(row == 5), row)), G)
        assert bytes(output[row, 0]) == (bytes(32) if row == 2 else expected)
