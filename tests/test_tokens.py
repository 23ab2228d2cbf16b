"""Device tokens, handles and frames (SPEC 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from billboard import (
    DeviceToken,
    Frame,
    FrameBatch,
    FrameClass,
    Handle,
    InvalidEncodingError,
    NotMine,
    Platform,
    _core,
)
from billboard.times import hours

H, L = FrameClass.H, FrameClass.L
HASH = bytes(range(32))
TOKEN = DeviceToken(Platform.APNS, b"token", 7)
FRAME = Frame(TOKEN, 500_000 * 3600, b"0123456789abcdef")
NOW = 400_000 * 3600
DATA = FRAME.encode(L, HASH)
HANDLE = Handle(b"sixteen bytes ..")
HANDLE_FRAME = Frame(HANDLE, 500_000 * 3600, b"0123456789abcdef", b"7 bytes")
HANDLE_DATA = HANDLE_FRAME.encode(H, HASH)
BOTH = [(L, FRAME, DATA), (H, HANDLE_FRAME, HANDLE_DATA)]


def tokens(longest: int) -> st.SearchStrategy[DeviceToken]:
    sizes = st.one_of(st.sampled_from([1, longest]), st.integers(1, longest))
    return st.builds(
        DeviceToken,
        st.sampled_from(Platform),
        sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size)),
        st.one_of(st.sampled_from([0, 65535]), st.integers(0, 65535)),
    )


handles = st.builds(Handle, st.binary(min_size=16, max_size=16))
salts = st.binary(min_size=7, max_size=7)
gates = st.one_of(st.none(), st.binary(min_size=16, max_size=16).filter(any))
hours_of_expiry = st.one_of(st.sampled_from([1, 2**32 - 1]), st.integers(1, 2**32 - 1))


@given(st.sampled_from(FrameClass), st.data(), hours_of_expiry, gates)
def test_a_frame_goes_round(
    frame_class: FrameClass, data: st.DataObject, expiry: int, gate: bytes | None
) -> None:
    if frame_class is H:
        frame = Frame(data.draw(handles), expiry * 3600, gate, data.draw(salts))
    else:
        frame = Frame(data.draw(tokens(frame_class.longest_token)), expiry * 3600, gate)
    encoded = frame.encode(frame_class, HASH)
    assert len(encoded) == frame_class.frame_size
    assert Frame.decode(encoded, frame_class, HASH, now=0) == frame
    assert Frame.decode(encoded, frame_class, HASH, now=expiry * 3600 - 1) == frame
    with pytest.raises(NotMine):
        Frame.decode(encoded, frame_class, HASH, now=expiry * 3600)


@pytest.mark.parametrize(("frame_class", "frame", "data"), BOTH, ids=["L", "H"])
def test_every_flipped_bit_is_not_mine(frame_class: FrameClass, frame: Frame, data: bytes) -> None:
    assert Frame.decode(data, frame_class, HASH, now=NOW) == frame
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises(NotMine):
                Frame.decode(bytes(flipped), frame_class, HASH, now=NOW)


@pytest.mark.parametrize(("frame_class", "frame", "data"), BOTH, ids=["L", "H"])
def test_a_tag_of_another_key_is_not_mine(
    frame_class: FrameClass, frame: Frame, data: bytes
) -> None:
    assert Frame.decode(data, frame_class, HASH, now=NOW) == frame
    with pytest.raises(NotMine):
        Frame.decode(data, frame_class, HASH[::-1], now=NOW)


def retagged(changes: dict[int, int], data: bytes = DATA) -> bytes:
    """A frame with other bytes, and the tag that belongs to them."""
    body = bytearray(data[:-16])
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
        {1: 6},
        {1: 255},
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


@pytest.mark.parametrize("number", range(1, 6))
def test_each_platform_is_known(number: int) -> None:
    frame = Frame.decode(retagged({1: number}), L, HASH, now=NOW)
    assert isinstance(frame.token, DeviceToken)
    assert frame.token.platform is Platform(number)


@pytest.mark.parametrize(
    "changes", [{0: 0}, {0: 2}, {1: 0, 2: 0, 3: 0, 4: 0}, {1: 0, 2: 6, 3: 0x1A, 4: 0x80}], ids=str
)
def test_a_handle_with_a_right_tag_and_a_wrong_field_is_not_mine(changes: dict[int, int]) -> None:
    assert NOW // 3600 == 0x061A80
    assert Frame.decode(retagged({}, HANDLE_DATA), H, HASH, now=NOW) == HANDLE_FRAME
    assert Frame.decode(retagged({1: 0, 2: 6, 3: 0x1A, 4: 0x81}, HANDLE_DATA), H, HASH, now=NOW)
    with pytest.raises(NotMine):
        Frame.decode(retagged(changes, HANDLE_DATA), H, HASH, now=NOW)


def test_a_frame_of_class_h_has_its_own_layout() -> None:
    """SPEC 5.2."""
    fields = b"\x01" + (500_000).to_bytes(4, "big") + b"0123456789abcdef" + b"7 bytes"
    assert HANDLE_DATA[:-16] == fields + b"sixteen bytes .."
    assert retagged({}, HANDLE_DATA) == HANDLE_DATA
    no_gate = Frame(HANDLE, 500_000 * 3600, None, b"7 bytes")
    assert no_gate.encode(H, HASH)[5:21] == bytes(16)
    assert Frame.decode(no_gate.encode(H, HASH), H, HASH, now=NOW) == no_gate


def test_a_salt_is_drawn_for_each_frame_of_a_handle() -> None:
    frames = [Frame(HANDLE, 3600) for _ in range(20)]
    assert len({frame.salt for frame in frames}) == 20
    assert all(len(frame.salt or b"") == 7 for frame in frames)
    tags = {frame.encode(H, HASH)[-16:] for frame in frames}
    assert len(tags) == 20
    assert Frame(HANDLE, 3600, None, b"1 salt.") != Frame(HANDLE, 3600, None, b"another")


def test_only_a_handle_has_a_salt() -> None:
    assert FRAME.salt is None
    with pytest.raises(InvalidEncodingError, match="salt: must be None in a frame"):
        Frame(TOKEN, 3600, None, b"7 bytes")
    for size in (0, 6, 8):
        with pytest.raises(InvalidEncodingError, match=f"salt: must be 7 bytes, not {size}"):
            Frame(HANDLE, 3600, None, bytes(size))


def test_handles_are_sixteen_bytes_that_do_not_show() -> None:
    assert len({Handle.generate() for _ in range(20)}) == 20
    assert repr(HANDLE) == "Handle()"
    assert "7 bytes" not in repr(HANDLE_FRAME)
    for size in (0, 15, 17, 32):
        with pytest.raises(InvalidEncodingError, match=f"handle: must be 16 bytes, not {size}"):
            Handle(bytes(size))
    with pytest.raises(TypeError) as refusal:
        Handle("secret text 16..")  # type: ignore[arg-type]
    assert str(refusal.value) == "handle must be bytes, not str"


def test_the_native_codec_checks_what_it_is_given() -> None:
    fields = {"expiry": 1, "gate": bytes(16), "salt": bytes(7), "handle": bytes(16)}
    assert len(_core.encode_handle_frame(HASH, **fields)) == 60  # type: ignore[arg-type]
    for name, size in (("gate", 15), ("salt", 8), ("handle", 17)):
        with pytest.raises(InvalidEncodingError, match=f"{name}: must be"):
            _core.encode_handle_frame(HASH, **{**fields, name: bytes(size)})  # type: ignore[arg-type]
    for elements in (0, 1, 2):
        with pytest.raises(InvalidEncodingError, match="does not fit a frame of class H"):
            _core.encode_frame(
                elements, HASH, platform=1, app=0, expiry=1, gate=bytes(16), token=b"t"
            )
    for platform in (0, 6, 255):
        with pytest.raises(InvalidEncodingError, match="platform: is not a known number"):
            _core.encode_frame(
                8, HASH, platform=platform, app=0, expiry=1, gate=bytes(16), token=b"t"
            )


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
        (6, b"t", 0, "platform: 6 is not a known number"),
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


@pytest.mark.parametrize(
    "kind", [bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)]
)
def test_a_gate_and_a_salt_may_be_anything_like_bytes(kind: Callable[[bytes], Any]) -> None:
    gate, salt = b"0123456789abcdef", b"7 bytes"
    made = Frame(HANDLE, 500_000 * 3600, kind(gate), kind(salt))
    assert made == HANDLE_FRAME
    assert hash(made) == hash(HANDLE_FRAME)
    assert type(made.gate) is type(made.salt) is bytes
    assert made.encode(H, HASH) == HANDLE_DATA
    for wrong in (bytes(16), b"x" * 15, b"x" * 17):
        with pytest.raises(InvalidEncodingError, match="gate"):
            Frame(TOKEN, 3600, kind(wrong))
    for text in ("0123456789abcdef", 5):
        with pytest.raises(TypeError, match="bytes-like"):
            Frame(TOKEN, 3600, text)  # type: ignore[arg-type]


@pytest.mark.parametrize("gate", [b"", b"x", b"x" * 17, bytes(16)])
def test_bad_gates_are_refused(gate: bytes) -> None:
    with pytest.raises(InvalidEncodingError, match="gate"):
        Frame(TOKEN, 3600, gate)


@pytest.mark.parametrize("size", [0, 42, 239, 241, 480])
def test_frames_of_another_size_are_not_mine(size: int) -> None:
    with pytest.raises(NotMine):
        Frame.decode((DATA * 2)[:size], L, HASH, now=NOW)
    with pytest.raises(NotMine):
        Frame.decode((HANDLE_DATA * 8)[:size], H, HASH, now=NOW)
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
    array = np.frombuffer(HANDLE_DATA, np.uint8).reshape(1, 2, 30)
    (record,) = FrameBatch(array, np.array([True]), H).records
    assert (record["version"], record["expiry"]) == (1, 500_000)
    assert record["gate"].tobytes() == HANDLE_FRAME.gate
    assert record["salt"].tobytes() == HANDLE_FRAME.salt
    assert record["handle"].tobytes() == HANDLE.value
    assert record["tag"].tobytes() == HANDLE_DATA[-16:]
