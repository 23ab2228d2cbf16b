"""Provider tokens: their bytes, and how rarely they change."""

from __future__ import annotations

import base64
import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from billboard.errors import ProviderError
from billboard.push.providers.apns_key import ApnsKey, ProviderToken
from push.support import Clock

MINUTE = 60.0
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token(clock: Clock) -> ProviderToken:
    return ProviderToken(ApnsKey("TEAM123456", "KEY1234567", pem(PRIVATE)), clock)


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_it_is_a_jwt_signed_with_es256(token: ProviderToken, clock: Clock) -> None:
    header, claims, signature = token.current().split(".")
    assert json.loads(decode(header)) == {"alg": "ES256", "typ": "JWT", "kid": "KEY1234567"}
    assert json.loads(decode(claims)) == {"iss": "TEAM123456", "iat": int(clock.now)}
    raw = decode(signature)
    assert len(raw) == 64
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    PRIVATE.public_key().verify(der, f"{header}.{claims}".encode(), ec.ECDSA(SHA256()))


def test_it_is_reused_for_fifty_minutes(token: ProviderToken, clock: Clock) -> None:
    first = token.current()
    clock.now += 50 * MINUTE - 1
    assert token.current() == first
    clock.now += 1
    assert token.current() != first


def test_an_expired_one_is_replaced_at_once(token: ProviderToken) -> None:
    first = token.current()
    assert token.expired(first) == 0.0
    assert token.current() != first


def test_many_that_expired_together_are_replaced_once(token: ProviderToken) -> None:
    first = token.current()
    token.expired(first)
    second = token.current()
    assert [token.expired(first) for _ in range(100)] == [0.0] * 100
    assert token.current() == second


def test_a_replacement_that_expired_too_is_kept_for_twenty_minutes(
    token: ProviderToken, clock: Clock
) -> None:
    token.expired(token.current())
    second = token.current()
    clock.now += 5 * MINUTE
    assert token.expired(second) == 15 * MINUTE
    assert token.current() == second
    clock.now += 15 * MINUTE
    assert token.expired(second) == 0.0
    assert token.current() != second


def test_a_clock_that_goes_back_makes_a_new_one_but_a_small_step_does_not(
    token: ProviderToken, clock: Clock
) -> None:
    first = token.current()
    clock.now -= 60
    assert token.current() == first
    clock.now -= 1
    assert token.current() != first


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n",
        pem(PRIVATE)[:-40],
        pem(PRIVATE, BestAvailableEncryption(b"passphrase")),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["empty", "nonsense", "truncated", "encrypted", "P-384", "Ed25519", "public"],
)
def test_an_unusable_key_is_refused_without_showing_it(text: bytes) -> None:
    with pytest.raises(ProviderError, match="not an unencrypted P-256 private key") as caught:
        ApnsKey("TEAM123456", "KEY1234567", text)
    for line in re.findall(r"\S{8,}", text.decode()):
        assert line not in str(caught.value)


@pytest.mark.parametrize("identifier", ["", "a b", 'x"y', "T\u00c9AM", "A" * 33])
def test_an_unusable_identifier_is_refused(identifier: str) -> None:
    with pytest.raises(ProviderError, match="team_id"):
        ApnsKey(identifier, "KEY1234567", pem(PRIVATE))
    with pytest.raises(ProviderError, match="key_id"):
        ApnsKey("TEAM123456", identifier, pem(PRIVATE))


def test_the_repr_shows_no_key() -> None:
    key = ApnsKey("TEAM123456", "KEY1234567", pem(PRIVATE))
    assert "PRIVATE" not in repr(key)
    assert repr(key) == "ApnsKey(team_id='TEAM123456', key_id='KEY1234567')"
