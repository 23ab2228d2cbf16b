"""Every decoder: what it takes it gives back byte for byte, and all else is a `BillboardError`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from billboard import (
    BillboardError,
    Blob,
    DeviceToken,
    Envelope,
    Frame,
    FrameClass,
    Lane,
    LaneReader,
    Platform,
    Post,
    PublicKey,
    SecretKey,
    posts,
    unstack,
    validate_batch,
)
from billboard.groups.ristretto255 import ORDER, Element, Scalar
from billboard.storage import secret_file
from billboard.storage.secret_file import Kind

NOW = 1_800_000_000
ORIGIN = "board.example"
CLASS = FrameClass.L
KEY = SecretKey.generate()
PUBLIC = KEY.public_key
TOKEN = DeviceToken(Platform.FCM, b"registration token", 7)
LANE = Lane.generate(ORIGIN, now=NOW)
READER = LANE.grant(LANE.epoch)
BLOB = PUBLIC.encrypt(TOKEN, now=NOW)
FRAME = Frame(TOKEN, NOW + 3600 * 24, b"gate of 16 bytes")
POST = LANE.post(LANE.epoch, BLOB, PUBLIC)
KEY_PAYLOAD = bytes(PUBLIC) + KEY._core.secret_bytes()
LANE_PAYLOAD = LANE._schedule.encode(bytes(LANE._secret))

Decoder = Callable[[bytes], bytes]
"""Decodes, and encodes again."""


def _frame(data: bytes) -> bytes:
    frame = Frame.decode(data, CLASS, PUBLIC.key_hash, now=NOW)
    return frame.encode(CLASS, PUBLIC.key_hash)


def _lane(data: bytes) -> bytes:
    lane = Lane.from_secret_bytes(data)
    return lane._schedule.encode(bytes(lane._secret))


def _secret_key(data: bytes) -> bytes:
    key = SecretKey._from_payload(data)
    return bytes(key.public_key) + key._core.secret_bytes()


def _plain_file(data: bytes) -> bytes:
    return secret_file.encode(Kind.LANE, secret_file.decode(data, Kind.LANE, None), None)


def _cheap(passphrase: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    """In the place of scrypt, which is slow on purpose."""
    return hashlib.sha256(f"{passphrase} {log_n} {r} {p}".encode() + salt).digest()


def _protected_file(data: bytes) -> bytes:
    with mock.patch.object(secret_file, "_derive", _cheap):
        payload = secret_file.decode(data, Kind.SECRET_KEY, "passphrase")
        draws = [data[23:39], data[39:51]]
        parameters = mock.patch.multiple(secret_file, _LOG_N=data[20], _R=data[21], _P=data[22])
        with parameters, mock.patch("os.urandom", side_effect=draws):
            return secret_file.encode(Kind.SECRET_KEY, payload, "passphrase")


with mock.patch.object(secret_file, "_derive", _cheap):
    PROTECTED = secret_file.encode(Kind.SECRET_KEY, KEY_PAYLOAD, "passphrase")

DECODERS: dict[str, tuple[Decoder, bytes]] = {
    "Element": (lambda data: bytes(Element.from_bytes(data)), bytes(Element.generator())),
    "Scalar": (lambda data: bytes(Scalar.from_bytes(data)), (ORDER - 1).to_bytes(32, "little")),
    "PublicKey": (lambda data: bytes(PublicKey.from_bytes(data)), bytes(PUBLIC)),
    "Blob": (lambda data: bytes(Blob.from_bytes(data)), bytes(BLOB)),
    "Frame": (_frame, FRAME.encode(CLASS, PUBLIC.key_hash)),
    "Envelope": (
        lambda data: bytes(Envelope.from_bytes(data)),
        bytes(Envelope(BLOB, PUBLIC.key_id)),
    ),
    "Post": (lambda data: bytes(Post.from_bytes(data)), bytes(POST)),
    "LaneReader": (lambda data: bytes(LaneReader.from_bytes(data)), bytes(READER)),
    "lane payload": (_lane, LANE_PAYLOAD),
    "secret key payload": (_secret_key, KEY_PAYLOAD),
    "plain file": (_plain_file, secret_file.encode(Kind.LANE, LANE_PAYLOAD, None)),
    "protected file": (_protected_file, PROTECTED),
}
each_decoder = pytest.mark.parametrize(("decode", "valid"), DECODERS.values(), ids=DECODERS.keys())


def decodes(decode: Decoder, data: bytes) -> bool:
    try:
        encoded = decode(data)
    except BillboardError:
        return False
    assert encoded == data
    return True


PIECES = [
    bytes(32),
    b"\xff" * 32,
    b"\x01" + bytes(31),
    bytes(Element.generator()),
    bytes(-Element.generator()),
    ORDER.to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    b"\0",
    b"\x80",
    b"billboard-secret\n",
    bytes(BLOB),
    "ö".encode(),
    b"",
]


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["flip", "set", "cut", "piece", "insert", "copy", "resize"]))
        if kind == "flip" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and start < len(data):
            data[start] = draw(st.sampled_from([0, 1, 2, 8, 127, 128, 255]))
        elif kind == "cut":
            del data[start:]
        elif kind == "piece":
            piece = draw(st.sampled_from(PIECES))
            data[start : start + len(piece)] = piece
        elif kind == "insert":
            data[start:start] = draw(st.binary(max_size=40))
        elif kind == "copy":
            source = draw(st.integers(0, len(data)))
            piece = bytes(data[source : source + 32])
            data[start : start + len(piece)] = piece
        else:
            del data[start : start + draw(st.integers(1, 40))]
    return bytes(data)


@each_decoder
def test_a_valid_encoding_goes_round(decode: Decoder, valid: bytes) -> None:
    assert decodes(decode, valid)


@each_decoder
def test_another_length_is_refused(decode: Decoder, valid: bytes) -> None:
    """But for those of other classes, where nothing but the length tells the class."""
    sizes = [
        {frame_class.blob_size for frame_class in FrameClass},
        {frame_class.blob_size + 48 for frame_class in FrameClass},  # envelopes
        {posts.post_size(frame_class) for frame_class in FrameClass},
    ]
    classes = set().union(*(each for each in sizes if len(valid) in each))
    for length in range(len(valid)):
        assert decodes(decode, valid[:length]) == (length in classes)
    for longer in (valid + b"\0", valid + valid, b"\0" + valid, valid + bytes(32)):
        assert not decodes(decode, longer)


@each_decoder
@given(data=st.data())
def test_mutations_are_refused_or_go_round(
    decode: Decoder, valid: bytes, data: st.DataObject
) -> None:
    decodes(decode, data.draw(mutated(valid)))


@each_decoder
@given(data=st.data())
def test_arbitrary_bytes_are_refused_or_go_round(
    decode: Decoder, valid: bytes, data: st.DataObject
) -> None:
    size = len(valid)
    fitting = st.binary(min_size=size, max_size=size)
    decodes(decode, data.draw(st.one_of(st.binary(max_size=1200), fitting)))
    head = data.draw(st.integers(0, size))
    decodes(decode, valid[:head] + data.draw(fitting)[head:])


@given(st.integers(0, 2**256 - 1))
@example(ORDER)
@example(ORDER - 1)
def test_scalars_decode_below_the_order_only(number: int) -> None:
    assert decodes(DECODERS["Scalar"][0], number.to_bytes(32, "little")) == (number < ORDER)


@given(mutated(bytes(POST)))
def test_whatever_decodes_as_a_post_is_refused_or_the_same(data: bytes) -> None:
    """A post that is not the one that was signed neither verifies nor opens."""
    if not decodes(DECODERS["Post"][0], data):
        return
    post = Post.from_bytes(data)
    outcomes = []
    for use in (lambda: post.verify(ORIGIN), lambda: READER.open(post)):
        try:
            use()
        except BillboardError:
            outcomes.append(False)
        else:
            outcomes.append(True)
    assert outcomes == [data == bytes(POST)] * 2
    assert READER.find([post]) in (post, None)


@given(mutated(bytes(BLOB)))
def test_batches_and_blobs_agree_on_what_a_blob_is(data: bytes) -> None:
    if len(data) != CLASS.blob_size:
        return
    row = np.frombuffer(data, np.uint8).reshape(1, 9, 32)
    valid = decodes(DECODERS["Blob"][0], data)
    assert validate_batch(row).tolist() == [valid]
    opened = KEY.open_batch(row, now=NOW)[1]
    assert opened.tolist() == [data == bytes(BLOB)]
    if not valid:
        with pytest.raises(BillboardError):
            unstack(row)
        with pytest.raises(BillboardError):
            PUBLIC.rerandomize_batch(row)


anything = st.one_of(
    st.integers(-10, 2**70), st.binary(max_size=300), st.text(max_size=5), st.none(), st.floats()
)


@given(
    st.one_of(st.sampled_from([1, 2, *Platform]), anything),
    st.one_of(st.binary(max_size=300), anything),
    st.one_of(st.integers(-3, 65540), anything),
)
def test_device_tokens_are_refused_or_go_round(
    platform: object, value: object, app: object
) -> None:
    try:
        token = DeviceToken(platform, value, app)  # type: ignore[arg-type]
        data = Frame(token, 3600 * 500_000).encode(CLASS, PUBLIC.key_hash)
    except (BillboardError, TypeError):
        return
    assert Frame.decode(data, CLASS, PUBLIC.key_hash, now=0).token == token
