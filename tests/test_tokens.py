"""Device tokens and frames (SPEC 5)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billboard import (
    DeviceToken,
    Frame,
    FrameBatch,
    FrameClass,
    InvalidEncodingError,
    NotMine,
    Platform,
    _core,
)
from billboard.tokens import hours

L = FrameClass.L
HASH = bytes(range(32))
TOKEN = DeviceToken(Platform.APNS, b"token", 7)
FRAME = Frame(TOKEN, 500_000 * 3600, b"0123456789abcdef")
NOW = 400_000 * 3600
DATA = FRAME.encode(L, HASH)

tokens = st.builds(
    DeviceToken,
    st.sampled_from(Platform),
    st.binary(min_size=1, max_size=198),
    st.one_of(st.sampled_from([0, 65535]), st.integers(0, 65535)),
)
gates = st.one_of(st.none(), st.binary(min_size=16, max_size=16).filter(any))
hours_of_expiry = st.one_of(st.sampled_from([1, 2**32 - 1]), st.integers(1, 2**32 - 1))


@given(tokens, hours_of_expiry, gates)
def test_a_frame_goes_round(token: DeviceToken, expiry: int, gate: bytes | None) -> None:
    frame = Frame(token, expiry * 3600, gate)
    data = frame.encode(L, HASH)
    assert len(data) == 240
    assert Frame.decode(data, L, HASH, now=0) == frame
    assert Frame.decode(data, L, HASH, now=expiry * 3600 - 1) == frame
    with pytest.raises(NotMine):
        Frame.decode(data, L, HASH, now=expiry * 3600)


def test_every_flipped_bit_is_not_mine() -> None:
    for position in range(len(DATA)):
        for bit in range(8):
            flipped = bytearray(DATA)
            flipped[position] ^= 1 << bit
            with pytest.raises(NotMine):
                Frame.decode(bytes(flipped), L, HASH, now=NOW)


def test_a_tag_of_another_key_is_not_mine() -> None:
    assert Frame.decode(DATA, L, HASH, now=NOW) == FRAME
    with pytest.raises(NotMine):
        Frame.decode(DATA, L, HASH[::-1], now=NOW)


def retagged(changes: dict[int, int]) -> bytes:
    """A frame with other bytes, and the tag that belongs to them."""
    body = bytearray(DATA[:-16])
    for position, value in changes.items():
        body[position] = value
    parts = (b"billboard/v1/frame", HASH, bytes(body))
    joined = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return bytes(body) + hashlib.sha256(joined).digest()[:16]


@pytest.mark.parametrize(
    "changes",
    [
        {0: 0},
        {0: 2},
        {1: 0},
        {1: 3},
        {5: 0},
        {4: 0, 5: 199},
        {4: 255, 5: 255},
        {5: 4},
        {31: 1},
        {223: 1},
        {6: 0, 7: 0, 8: 0, 9: 0},
    ],
    ids=str,
)
def test_a_frame_with_a_right_tag_and_a_wrong_field_is_not_mine(changes: dict[int, int]) -> None:
    assert Frame.decode(retagged({}), L, HASH, now=NOW) == FRAME
    with pytest.raises(NotMine):
        Frame.decode(retagged(changes), L, HASH, now=NOW)


def test_the_refusal_is_the_same_whatever_the_reason() -> None:
    messages = set()
    for data, now in [(retagged({0: 2}), NOW), (DATA, 2**40), (DATA[:-1], NOW), (bytes(240), NOW)]:
        with pytest.raises(NotMine) as refusal:
            Frame.decode(data, L, HASH, now=now)
        messages.add(str(refusal.value))
    assert len(messages) == 1


@pytest.mark.parametrize("now", [-1.0, -3600.0 * 2**33, 3600.0 * 2**32, 1e300])
def test_times_far_away_do_not_crash(now: float) -> None:
    """floor(t / 3600) < expiry: true of all times before 1970, and of none after 2^32 hours."""
    if now < 0:
        assert Frame.decode(DATA, L, HASH, now=now) == FRAME
    else:
        with pytest.raises(NotMine):
            Frame.decode(DATA, L, HASH, now=now)


@pytest.mark.parametrize(
    ("platform", "value", "app", "message"),
    [
        (0, b"t", 0, "platform: 0 is not a known number"),
        (3, b"t", 0, "platform: 3 is not a known number"),
        (1, b"", 0, "token: is empty"),
        (1, b"t", -1, "app: -1 is not from 0 to 65535"),
        (1, b"t", 65536, "app: 65536 is not from 0 to 65535"),
    ],
)
def test_bad_tokens_are_refused(platform: int, value: bytes, app: int, message: str) -> None:
    with pytest.raises(InvalidEncodingError) as refusal:
        DeviceToken(platform, value, app)  # type: ignore[arg-type]
    assert str(refusal.value) == message


def test_a_token_of_text_is_a_type_error_that_does_not_show_it() -> None:
    with pytest.raises(TypeError) as refusal:
        DeviceToken(Platform.FCM, "secret text")  # type: ignore[arg-type]
    assert str(refusal.value) == "token value must be bytes, not str"


def test_numbers_become_platforms() -> None:
    assert DeviceToken(1, b"t").platform is Platform.APNS  # type: ignore[arg-type]


@pytest.mark.parametrize("expires", [1, 3599, 3601, -3600, 3600 * 2**32])
def test_bad_expiries_are_refused(expires: int) -> None:
    with pytest.raises(InvalidEncodingError, match="whole hour"):
        Frame(TOKEN, expires)


@pytest.mark.parametrize("gate", [b"", b"x", b"x" * 17, bytes(16)])
def test_bad_gates_are_refused(gate: bytes) -> None:
    with pytest.raises(InvalidEncodingError, match="gate"):
        Frame(TOKEN, 3600, gate)


@pytest.mark.parametrize("size", [0, 42, 239, 241, 480])
def test_frames_of_another_size_are_not_mine(size: int) -> None:
    with pytest.raises(NotMine):
        Frame.decode((DATA * 2)[:size], L, HASH, now=NOW)
    assert not _core.decode_frame(bytes(size), HASH, 0)


def test_hours_are_rounded_down() -> None:
    assert (hours(3599.9), hours(3600), hours(7199)) == (0, 1, 1)


def test_records_are_the_fields_as_numpy_sees_them() -> None:
    array = np.frombuffer(DATA, np.uint8).reshape(1, 8, 30)
    (record,) = FrameBatch(array, np.array([True]), L).records
    assert (record["version"], record["platform"], record["app"]) == (1, 1, 7)
    assert (record["length"], record["expiry"]) == (5, 500_000)
    assert record["gate"].tobytes() == FRAME.gate
    assert record["token"].tobytes()[:5] == b"token"
    assert record["tag"].tobytes() == DATA[-16:]
