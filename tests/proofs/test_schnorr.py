"""Signatures (SPEC 3)."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from billboard import InvalidEncodingError, InvalidSignatureError
from billboard.groups.ristretto255 import ORDER, Element, Scalar, random_scalar
from billboard.hashing import encode_tuple, hash_bytes
from billboard.proofs import schnorr
from billboard.proofs.schnorr import hash_to_scalar

pytestmark = pytest.mark.backend

SECRET = random_scalar()
PUBLIC = Element.mul_generator(SECRET)
RND = bytes(32)
MESSAGES = (b"first", b"second")
SIGNATURE = schnorr.sign("test", SECRET, *MESSAGES)


def scalar(number: int) -> Scalar:
    return Scalar.from_bytes((number % ORDER).to_bytes(32, "little"))


@given(st.integers(1, ORDER - 1), st.lists(st.binary(max_size=50), max_size=4), st.text(max_size=9))
def test_what_is_signed_verifies_and_nothing_else(
    number: int, parts: list[bytes], context: str
) -> None:
    secret = scalar(number)
    public = Element.mul_generator(secret)
    signature = schnorr.sign(context, secret, *parts)
    schnorr.verify(context, public, signature, *parts)
    others = [[*parts, b""], [b"x", *parts], parts[1:] if parts else [b"y"]]
    for other in others:
        with pytest.raises(InvalidSignatureError):
            schnorr.verify(context, public, signature, *other)
    with pytest.raises(InvalidSignatureError):
        schnorr.verify(context + "x", public, signature, *parts)
    with pytest.raises(InvalidSignatureError):
        schnorr.verify(context, public + Element.generator(), signature, *parts)


def test_every_byte_of_a_signature_counts() -> None:
    for position in range(len(SIGNATURE)):
        for bit in (0, 7):
            flipped = bytearray(SIGNATURE)
            flipped[position] ^= 1 << bit
            with pytest.raises(InvalidSignatureError):
                schnorr.verify("test", PUBLIC, bytes(flipped), *MESSAGES)


@pytest.mark.parametrize("size", [0, 32, 63, 65, 128])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(InvalidSignatureError):
        schnorr.verify("test", PUBLIC, (SIGNATURE * 2)[:size], *MESSAGES)


def test_the_identity_signs_nothing() -> None:
    """Under P = 0 the pair (zG, z) satisfies the equation for every message."""
    z = random_scalar()
    forged = bytes(Element.mul_generator(z)) + bytes(z)
    with pytest.raises(InvalidSignatureError):
        schnorr.verify("test", Element.identity(), forged, *MESSAGES)
    with pytest.raises(InvalidEncodingError, match="must not be 0"):
        schnorr.sign("test", scalar(0), *MESSAGES)


def test_a_response_of_the_order_or_more_is_refused() -> None:
    response = int.from_bytes(SIGNATURE[32:], "little")
    raised = SIGNATURE[:32] + (response + ORDER).to_bytes(32, "little")
    with pytest.raises(InvalidSignatureError):
        schnorr.verify("test", PUBLIC, raised, *MESSAGES)


def test_the_nonce_is_hedged() -> None:
    """Good randomness gives a nonce of its own to each signature; bad still to each message."""
    fresh = {schnorr.sign("test", SECRET, b"m")[:32] for _ in range(20)}
    assert len(fresh) == 20
    signed = [(c, x, m) for c in ("a", "b") for x in (SECRET, scalar(2)) for m in (b"m", b"n")]
    commitments = [schnorr.sign(c, x, m, rnd=RND)[:32] for c, x, m in signed]
    assert len(set(commitments)) == len(signed)
    again = schnorr.sign("a", SECRET, b"m", rnd=RND)
    assert again[:32] == commitments[0]


def test_a_nonce_of_zero_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    nonces = [scalar(0), scalar(0), scalar(7)]

    def stub(label: str, *parts: bytes) -> Scalar:
        return nonces.pop(0) if label.endswith("/nonce") else hash_to_scalar(label, *parts)

    monkeypatch.setattr(schnorr, "hash_to_scalar", stub)
    signature = schnorr.sign("test", SECRET, *MESSAGES, rnd=RND)
    assert signature[:32] == bytes(Element.mul_generator(scalar(7)))
    schnorr.verify("test", PUBLIC, signature, *MESSAGES)


# The hashes under it (SPEC 2)

tuples = st.lists(st.binary(max_size=12), max_size=5)


@given(tuples, tuples)
def test_tuples_are_injective(one: list[bytes], two: list[bytes]) -> None:
    assert (encode_tuple(*one) == encode_tuple(*two)) == (one == two)


def test_labels_separate() -> None:
    hashed = {
        hash_bytes(label, *parts) for label in ("a", "b", "") for parts in ((), (b"",), (b"a",))
    }
    assert len(hashed) == 9
