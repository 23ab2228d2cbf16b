"""The push server's keys (SPEC 4), and what it does with blobs (SPEC 6.4)."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest

from billboard import (
    DeviceToken,
    Frame,
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    Platform,
    PublicKey,
    SecretKey,
    keys,
)
from billboard.errors import SecretFileError
from billboard.groups.ristretto255 import Element, Scalar, random_scalar
from billboard.proofs import schnorr
from billboard.storage import secret_file

pytestmark = pytest.mark.backend

NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400
TOKEN = DeviceToken(Platform.APNS, bytes(range(32)), 3)
KEY = SecretKey.generate()
PUBLIC = KEY.public_key


def rows(key: PublicKey) -> list[bytes]:
    data = bytes(key)[2:]
    return [data[i : i + 96] for i in range(0, len(data), 96)]


def joined(parts: list[bytes]) -> bytes:
    return bytes(PUBLIC)[:2] + b"".join(parts)


# Generating and decoding


def test_generated_keys_are_their_own() -> None:
    made = [SecretKey.generate().public_key for _ in range(5)]
    elements = [row[:32] for key in made for row in rows(key)]
    assert len(set(elements)) == 40
    assert len({key.key_id for key in made}) == 5
    assert all(len(bytes(key)) == 770 for key in made)


def test_a_public_key_goes_round() -> None:
    again = PublicKey.from_bytes(bytes(PUBLIC))
    assert again == PUBLIC
    assert hash(again) == hash(PUBLIC)
    assert again.key_id == PUBLIC.key_id == PUBLIC.key_hash[:16]
    assert pickle.loads(pickle.dumps(PUBLIC)) == PUBLIC  # noqa: S301
    assert SecretKey.generate().public_key != PUBLIC
    assert bytes(PUBLIC) != PUBLIC


def test_new_proofs_make_another_encoding_of_the_same_key_id(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key")
    payload = secret_file.load(tmp_path / "key", secret_file.Kind.SECRET_KEY, None)
    x_1 = Scalar.from_bytes(payload[770:802])
    proof = schnorr.sign("pop", x_1, b"\x08", b"\x01")
    again = PublicKey.from_bytes(joined([rows(PUBLIC)[0][:32] + proof, *rows(PUBLIC)[1:]]))
    assert again.key_id == PUBLIC.key_id
    assert again != PUBLIC


def test_every_flipped_byte_is_refused() -> None:
    data = bytes(PUBLIC)
    for position in range(len(data)):
        flipped = data[:position] + bytes([data[position] ^ 0x40]) + data[position + 1 :]
        with pytest.raises((InvalidEncodingError, InvalidSignatureError)):
            PublicKey.from_bytes(flipped)


def test_elements_in_another_order_are_refused() -> None:
    """Proofs are bound to their position."""
    with pytest.raises(InvalidSignatureError):
        PublicKey.from_bytes(joined(rows(PUBLIC)[::-1]))


def test_an_element_of_unknown_secret_is_refused() -> None:
    """X_2 = X_1 + G, for which whoever knows x_1 can sign, still has to be proved at place 2."""
    first, second, *rest = rows(PUBLIC)
    rogue = bytes(Element.from_bytes(first[:32]) + Element.generator())
    with pytest.raises(InvalidSignatureError):
        PublicKey.from_bytes(joined([first, rogue + second[32:], *rest]))
    with pytest.raises(InvalidEncodingError, match="two of its elements are equal"):
        PublicKey.from_bytes(joined([first, first, *rest]))


# Opening


def test_opening_gives_back_what_was_encrypted() -> None:
    gate = bytes(range(1, 17))
    blob = PUBLIC.encrypt(TOKEN, gate=gate, expires=NOW + HOUR, now=NOW)
    assert KEY.open(blob, now=NOW) == Frame(TOKEN, NOW + HOUR, gate)
    assert KEY.open(blob.rerandomize(PUBLIC), now=NOW) == Frame(TOKEN, NOW + HOUR, gate)


def test_another_key_opens_nothing() -> None:
    blob = PUBLIC.encrypt(TOKEN, now=NOW)
    with pytest.raises(NotMine):
        SecretKey.generate().open(blob, now=NOW)


def test_rerandomizing_under_another_key_opens_under_neither() -> None:
    other = SecretKey.generate()
    blob = PUBLIC.encrypt(TOKEN, now=NOW).rerandomize(other.public_key)
    for key in (KEY, other):
        with pytest.raises(NotMine):
            key.open(blob, now=NOW)


@pytest.mark.parametrize(
    ("expires", "until"),
    [
        (NOW + HOUR, NOW + HOUR),
        (NOW + HOUR - 1, NOW + HOUR),
        (NOW + HOUR + 0.5, NOW + 2 * HOUR),
        (None, NOW + 16 * DAY),
    ],
)
def test_a_blob_opens_until_its_hour_is_over(expires: float | None, until: int) -> None:
    assert NOW % HOUR == 0
    blob = PUBLIC.encrypt(TOKEN, expires=expires, now=NOW)
    assert KEY.open(blob, now=until - 0.001).expires == until
    assert KEY.open(blob, now=0).expires == until
    with pytest.raises(NotMine):
        KEY.open(blob, now=until)


def test_the_clock_is_the_default() -> None:
    blob = PUBLIC.encrypt(TOKEN)
    left = KEY.open(blob).expires - time.time()
    assert keys.DEFAULT_LIFETIME - 60 < left < keys.DEFAULT_LIFETIME + HOUR
    with pytest.raises(NotMine):
        KEY.open(PUBLIC.encrypt(TOKEN, expires=time.time() - HOUR))


@pytest.mark.parametrize("size", [1, 32, 198])
def test_tokens_of_every_size_fit(size: int) -> None:
    token = DeviceToken(Platform.FCM, b"\xff" * size, 65535)
    assert KEY.open(PUBLIC.encrypt(token, now=NOW), now=NOW).token == token


def test_a_token_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidEncodingError, match="must be 1 to 198 bytes, not 199"):
        PUBLIC.encrypt(DeviceToken(Platform.FCM, bytes(199)))


@pytest.mark.parametrize("gate", [b"", bytes(15), bytes(17), bytes(16)])
def test_a_bad_gate_is_refused(gate: bytes) -> None:
    with pytest.raises(InvalidEncodingError, match="gate"):
        PUBLIC.encrypt(TOKEN, gate=gate)


@pytest.mark.parametrize("expires", [-1e6, 2.0**32 * HOUR])
def test_an_expiry_that_no_frame_holds_is_refused(expires: float) -> None:
    with pytest.raises(InvalidEncodingError, match="expires"):
        PUBLIC.encrypt(TOKEN, expires=expires)


# Files


def test_a_key_goes_round_through_a_file(tmp_path: Path) -> None:
    KEY.save(tmp_path / "plain")
    KEY.save(tmp_path / "protected", "passphrase")
    blob = PUBLIC.encrypt(TOKEN, now=NOW)
    for again in (
        SecretKey.load(tmp_path / "plain"),
        SecretKey.load(tmp_path / "protected", "passphrase"),
    ):
        assert again.public_key == PUBLIC
        assert again.open(blob, now=NOW).token == TOKEN


def test_a_file_whose_secrets_are_not_of_its_public_key_is_refused(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key")
    payload = secret_file.load(tmp_path / "key", secret_file.Kind.SECRET_KEY, None)
    swapped = payload[:770] + payload[802:834] + payload[770:802] + payload[834:]
    stranger = payload[:-32] + bytes(random_scalar())
    for name, wrong in {"swapped": swapped, "stranger": stranger, "short": payload[:-32]}.items():
        secret_file.save(tmp_path / name, secret_file.Kind.SECRET_KEY, wrong, None)
        with pytest.raises(SecretFileError):
            SecretKey.load(tmp_path / name)


def test_the_class_fixes_the_sizes() -> None:
    assert (FrameClass.L.elements, FrameClass.L.frame_size) == (8, 240)
    assert (FrameClass.L.blob_size, FrameClass.L.longest_token) == (288, 198)
    assert FrameClass.L.dtype.itemsize == 240
