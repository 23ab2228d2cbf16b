"""Embeddings and blobs (SPEC 6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from billboard import Blob, DeviceToken, InvalidEncodingError, Platform, SecretKey, _core, stack
from billboard.elgamal import DecryptionKey
from billboard.groups.ristretto255 import Element, Scalar

pytestmark = pytest.mark.backend

KEY = SecretKey.generate()
PUBLIC = KEY.public_key
NOW = 1_800_000_000
TOKEN = DeviceToken(Platform.APNS, b"t" * 32)
BLOB = PUBLIC.encrypt(TOKEN, now=NOW)
SECRET = KEY._core.secret_bytes()
DECRYPTION = DecryptionKey([Scalar.from_bytes(SECRET[i : i + 32]) for i in range(0, 256, 32)])

edge_payloads = st.one_of(
    st.sampled_from([bytes(30), b"\xff" * 30, b"\x01" + bytes(29), bytes(29) + b"\x80"]),
    st.binary(min_size=30, max_size=30),
)


def elements(blob: Blob) -> list[bytes]:
    return [bytes(row) for row in blob.array[0]]


# Embedding


def drawn_by_the_core(payload: bytes, times: int) -> list[bytes]:
    data = np.frombuffer(payload * times, np.uint8).reshape(-1, 1, 30)
    return [bytes(row) for row in _core.embed(data, 1, b"drawn" + bytes(27)).reshape(-1, 32)]


@given(edge_payloads, st.binary(min_size=32, max_size=32))
def test_embedding_is_undone_by_extraction(payload: bytes, seed: bytes) -> None:
    data = np.frombuffer(payload * 5, np.uint8).reshape(1, 5, 30)
    embedded = _core.embed(data, 5, seed)
    assert (_core.extract(embedded, 5) == data).all()
    for encoding in embedded[0]:
        assert bytes(Element.from_bytes(bytes(encoding))) == bytes(encoding)


def candidates(payload: bytes) -> set[bytes]:
    """Those of the 2^14 that decode, by SPEC 6.1."""
    found = set()
    for c in range(1 << 14):
        encoding = bytes([2 * (c % 128)]) + payload + bytes([c // 128])
        try:
            Element.from_bytes(encoding)
        except InvalidEncodingError:
            continue
        found.add(encoding)
    return found


@pytest.mark.parametrize(
    "payload", [b"thirty bytes of this or that ..", bytes(30)], ids=["text", "0"]
)
def test_embeddings_are_uniform_among_all_that_decode(payload: bytes) -> None:
    """Chi-squared: with k cells it is about normal with mean k and variance 2k."""
    payload = payload[:30]
    possible = candidates(payload)
    assert 0.2 < len(possible) / (1 << 14) < 0.3
    draws = drawn_by_the_core(payload, 60_000)
    counts = dict.fromkeys(possible, 0)
    for encoding in draws:
        counts[encoding] += 1
    expected = len(draws) / len(possible)
    chi = sum((count - expected) ** 2 / expected for count in counts.values())
    deviation = (chi - len(possible)) / (2 * len(possible)) ** 0.5
    assert abs(deviation) < 5


def test_the_identity_is_an_embedding_of_zeros() -> None:
    assert bytes(32) in candidates(bytes(30))


def test_embeddings_of_two_seeds_differ() -> None:
    data = np.zeros((64, 8, 30), np.uint8)
    one, two = (_core.embed(data, 8, seed) for seed in (bytes(32), b"\x01" * 32))
    assert (one != two).any(axis=(1, 2)).all()
    assert len({row.tobytes() for row in one}) == 64


# Blobs


def test_a_blob_goes_round() -> None:
    again = Blob.from_bytes(bytes(BLOB))
    assert again == BLOB
    assert hash(again) == hash(BLOB)
    assert again != PUBLIC.encrypt(TOKEN, now=NOW)
    assert again != bytes(BLOB)
    assert (again.array == stack([BLOB])).all()


@pytest.mark.parametrize("size", [0, 32, 256, 287, 289, 320, 576])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(
        InvalidEncodingError, match=f"must be one of 96, 128, 288, 1248 bytes, not {size}"
    ):
        Blob.from_bytes((bytes(BLOB) * 2)[:size])


@pytest.mark.parametrize("position", range(9))
def test_an_element_that_is_not_canonical_is_refused(position: int) -> None:
    for wrong in (b"\xff" * 32, b"\x01" + bytes(31), elements(BLOB)[0][:31] + b"\x80"):
        rows = elements(BLOB)
        rows[position] = wrong
        with pytest.raises(InvalidEncodingError, match="not canonical"):
            Blob.from_bytes(b"".join(rows))


def test_a_may_not_be_the_identity_and_b_may() -> None:
    rows = elements(BLOB)
    with pytest.raises(InvalidEncodingError, match="identity"):
        Blob.from_bytes(b"".join([bytes(32), *rows[1:]]))
    Blob.from_bytes(b"".join([rows[0], *[bytes(32)] * 8]))


def test_every_encryption_is_fresh() -> None:
    seen = {encoding for _ in range(20) for encoding in elements(PUBLIC.encrypt(TOKEN, now=NOW))}
    assert len(seen) == 180


def test_an_encryption_of_many_tokens_has_an_embedding_for_each() -> None:
    array = PUBLIC.encrypt_batch([TOKEN] * 20, now=NOW)
    messages = DECRYPTION.decrypt_batch(array)
    assert len({message.tobytes() for message in messages}) == 20
    assert len({_core.extract(message[None], 8).tobytes() for message in messages}) == 1


def test_rerandomizing_keeps_the_embedding_and_moves_every_element() -> None:
    moved = [BLOB.rerandomize(PUBLIC) for _ in range(20)]
    assert len({encoding for blob in [BLOB, *moved] for encoding in elements(blob)}) == 21 * 9
    messages = DECRYPTION.decrypt_batch(stack([BLOB, *moved]))
    assert (messages == messages[0]).all()
