"""Each class from the key to the open blob, and no class in the place of another (SPEC 4.1)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from billboard import (
    Blob,
    BoardParameters,
    DeviceToken,
    Envelope,
    Frame,
    FrameBatch,
    FrameClass,
    Handle,
    InvalidEncodingError,
    InvalidSignatureError,
    Lane,
    LaneReader,
    NotMine,
    Platform,
    Post,
    PublicKey,
    RefusedPostError,
    SecretFileError,
    SecretKey,
    create_board,
    open_board,
    posts,
    stack,
    unstack,
    validate_batch,
)
from billboard.storage import secret_file

pytestmark = pytest.mark.backend

ORIGIN = "example.org/board"
DAY = 86_400
EPOCH = 20_000
NOW = EPOCH * DAY + 1_000.0
HANDLE = Handle(bytes(range(16)))

each_class = pytest.mark.parametrize("frame_class", FrameClass)
each_pair = pytest.mark.parametrize(
    ("one", "other"), [(a, b) for a in FrameClass for b in FrameClass if a is not b]
)


@dataclass(frozen=True)
class Sizes:
    """What SPEC 4.1, 4.2 and 5 say of a class."""

    elements: int
    frame: int
    blob: int
    post: int
    public_key: int
    longest_token: int


SIZES = {
    FrameClass.H: Sizes(2, 60, 96, 329, 194, 0),
    FrameClass.S: Sizes(3, 90, 128, 361, 290, 48),
    FrameClass.L: Sizes(8, 240, 288, 521, 770, 198),
    FrameClass.XL: Sizes(38, 1140, 1248, 1481, 3650, 1098),
}


@functools.cache
def key_of(frame_class: FrameClass) -> SecretKey:
    return SecretKey.generate(frame_class)


def token_of(frame_class: FrameClass, number: int = 0) -> DeviceToken | Handle:
    """One for each number, as long as the class carries them."""
    if frame_class.carries_handle:
        return Handle(number.to_bytes(16, "big"))
    value = number.to_bytes(2, "big").rjust(frame_class.longest_token, b"\xff")
    return DeviceToken(Platform.WEB_PUSH, value, 65535)


@functools.cache
def blob_of(frame_class: FrameClass) -> Blob:
    return key_of(frame_class).public_key.encrypt(token_of(frame_class), now=NOW)


def lane_of(frame_class: FrameClass) -> Lane:
    return Lane.generate(ORIGIN, frame_class=frame_class, now=NOW)


def post_of(frame_class: FrameClass) -> Post:
    key = key_of(frame_class).public_key
    return lane_of(frame_class).post(EPOCH, blob_of(frame_class), key)


# Sizes


def test_the_classes_are_those_of_the_specification() -> None:
    assert list(FrameClass) == list(SIZES)


@each_class
def test_a_class_fixes_the_size_of_everything(frame_class: FrameClass) -> None:
    sizes, key = SIZES[frame_class], key_of(frame_class).public_key
    assert frame_class.elements == int(frame_class) == sizes.elements
    assert frame_class.longest_token == sizes.longest_token
    assert frame_class.carries_handle == (sizes.longest_token == 0)
    frame = Frame(token_of(frame_class), EPOCH * DAY).encode(frame_class, key.key_hash)
    assert len(frame) == frame_class.frame_size == frame_class.dtype.itemsize == sizes.frame
    assert len(bytes(blob_of(frame_class))) == frame_class.blob_size == sizes.blob
    assert len(bytes(key)) == sizes.public_key
    made = post_of(frame_class), posts.dummy(frame_class, origin=ORIGIN, epoch=EPOCH)
    assert {len(bytes(post)) for post in made} == {posts.post_size(frame_class)} == {sizes.post}


# A number in the place of a class

NUMBERS = {"number": int, "of NumPy": np.uint8, "class": FrameClass}


@pytest.mark.parametrize("kind", NUMBERS.values(), ids=NUMBERS)
@each_class
def test_the_number_of_a_class_stands_for_it(
    frame_class: FrameClass, kind: Callable[[int], FrameClass]
) -> None:
    number, key = kind(frame_class.elements), key_of(frame_class)
    lane = Lane.generate(ORIGIN, frame_class=number, now=NOW)
    assert lane.frame_class is lane.grant(EPOCH).frame_class is frame_class
    lane.post(EPOCH, blob_of(frame_class), key.public_key)
    assert SecretKey.generate(number).public_key.frame_class is frame_class
    assert BoardParameters(ORIGIN, frame_class=number).frame_class is frame_class
    assert validate_batch(blob_of(frame_class).array, number).all()
    frame, key_hash = Frame(token_of(frame_class), EPOCH * DAY), key.public_key.key_hash
    encoded = frame.encode(number, key_hash)
    assert Frame.decode(encoded, number, key_hash, now=NOW - DAY).token == frame.token
    array = np.frombuffer(encoded, np.uint8).reshape(1, -1)
    assert FrameBatch(array, np.ones(1, bool), number)[0].token == frame.token
    assert posts.post_size(number) == posts.post_size(frame_class)
    assert posts.dtype(number) == posts.dtype(frame_class)
    assert posts.dummy(number, origin=ORIGIN, epoch=EPOCH).frame_class is frame_class


@pytest.mark.parametrize("wrong", [0, 1, 9, -8, 8.5, "L", "8", b"\x08", None, [8]])
def test_what_is_no_class_is_refused_as_such(wrong: Any) -> None:
    batch, encoded = np.zeros((1, 9, 32), np.uint8), bytes(240)
    for use in (
        lambda: FrameClass(wrong),
        lambda: Lane.generate(ORIGIN, frame_class=wrong, now=NOW),
        lambda: SecretKey.generate(wrong),
        lambda: BoardParameters(ORIGIN, frame_class=wrong),
        lambda: validate_batch(batch, wrong),
        lambda: Frame(HANDLE, EPOCH * DAY).encode(wrong, bytes(32)),
        lambda: Frame.decode(encoded, wrong, bytes(32)),
        lambda: FrameBatch(batch, np.ones(1, bool), wrong),
        lambda: posts.box_size(wrong),
        lambda: posts.post_size(wrong),
        lambda: posts.dtype(wrong),
        lambda: posts.dummy(wrong, origin=ORIGIN, epoch=EPOCH),
    ):
        with pytest.raises(InvalidEncodingError, match="frame class: must be one of H = 2, S = 3"):
            use()


# One class from end to end


@each_class
def test_keys_go_round(frame_class: FrameClass, tmp_path: Path) -> None:
    key = key_of(frame_class)
    key.save(tmp_path / "key")
    key.save(tmp_path / "protected", "passphrase")
    assert PublicKey.from_bytes(bytes(key.public_key)) == key.public_key
    blob = blob_of(frame_class)
    for again in (
        SecretKey.load(tmp_path / "key"),
        SecretKey.load(tmp_path / "protected", "passphrase"),
    ):
        assert again.public_key == key.public_key
        assert again.open(blob, now=NOW).token == token_of(frame_class)
    assert frame_class.name in repr(key.public_key)


@each_class
def test_a_blob_goes_round(frame_class: FrameClass) -> None:
    key, gate = key_of(frame_class), bytes(range(1, 17))
    blob = key.public_key.encrypt(token_of(frame_class), gate=gate, expires=NOW, now=0)
    assert Blob.from_bytes(bytes(blob)) == blob
    assert repr(blob) == f"<Blob {frame_class.name}>"
    frame = key.open(blob, now=0)
    assert (frame.token, frame.gate) == (token_of(frame_class), gate)
    fresh = blob.rerandomize(key.public_key)
    assert not set(map(bytes, fresh.array[0])) & set(map(bytes, blob.array[0]))
    assert key.open(fresh, now=0) == frame
    with pytest.raises(NotMine):
        key.open(fresh, now=frame.expires)


@each_class
def test_batches_treat_each_row_alone(frame_class: FrameClass) -> None:
    """Across the border of a block of rows, with and without tables."""
    key, count = key_of(frame_class), 70
    tokens = [token_of(frame_class, number) for number in range(count)]
    array = key.public_key.encrypt_batch(tokens, now=NOW)
    assert array.shape == (count, frame_class.elements + 1, 32)
    fresh = key.public_key.rerandomize_batch(array)
    assert (fresh != array).any(axis=2).all()
    for batch in (array, fresh):
        frames, opened = key.open_batch(batch, now=NOW)
        assert opened.all()
        assert [frame.token for frame in frames] == tokens
        assert stack(unstack(batch)).tobytes() == batch.tobytes()
    bad = fresh.copy()
    bad[5], bad[66, -1] = 0, 255
    stranger = SecretKey.generate(frame_class).public_key.encrypt(tokens[0], now=NOW)
    bad[7] = stranger.array
    valid = [row not in (5, 66) for row in range(count)]
    assert validate_batch(bad, frame_class).tolist() == valid
    frames, opened = key.open_batch(bad, now=NOW)
    assert opened.tolist() == [row not in (5, 7, 66) for row in range(count)]
    assert not frames.records[~opened].tobytes().strip(b"\0")
    assert frames[6].token == tokens[6]


@each_class
def test_a_post_goes_through_a_board(frame_class: FrameClass, tmp_path: Path) -> None:
    key, lane = key_of(frame_class), lane_of(frame_class)
    lane.save(tmp_path / "lane")
    lane = Lane.load(tmp_path / "lane")
    reader = LaneReader.from_bytes(bytes(lane.grant(EPOCH)))
    assert lane.frame_class is reader.frame_class is frame_class
    blob = blob_of(frame_class)
    parameters = BoardParameters(ORIGIN, frame_class=frame_class)
    create_board(tmp_path / "board", parameters)
    with open_board(tmp_path / "board", clock=lambda: NOW) as board:
        assert board.frame_class is frame_class
        post = lane.post(EPOCH, blob, key.public_key)
        board.submit(post)
        board.publish(EPOCH)
        bundle = board.bundle(EPOCH, reader.identifier(EPOCH))
        found = reader.find(bundle)
        assert found == post
        assert {len(bytes(each)) for each in bundle} == {SIZES[frame_class].post}
        withdrawn = lane.withdraw(EPOCH, seq=1, slot=1)
        board.submit(withdrawn)
        assert len(bytes(withdrawn)) == SIZES[frame_class].post
    envelope = reader.open(post)
    assert envelope.key_id == key.public_key.key_id
    fresh = envelope.blob.rerandomize(key.public_key)
    assert key.open(fresh, now=NOW).token == token_of(frame_class)


# What each class carries


@pytest.mark.parametrize("frame_class", [FrameClass.S, FrameClass.L, FrameClass.XL])
def test_the_longest_token_of_a_class(frame_class: FrameClass) -> None:
    key, longest = key_of(frame_class), frame_class.longest_token
    for size in (1, 2, longest - 1, longest):
        token = DeviceToken(Platform.PUSHY, b"\xff" * size)
        assert key.open(key.public_key.encrypt(token, now=NOW), now=NOW).token == token
    with pytest.raises(
        InvalidEncodingError, match=f"must be 1 to {longest} bytes, not {longest + 1}"
    ):
        key.public_key.encrypt(DeviceToken(Platform.PUSHY, bytes(longest + 1)))


def test_class_h_carries_no_token_and_the_others_no_handle() -> None:
    token = DeviceToken(Platform.APNS, b"token")
    with pytest.raises(InvalidEncodingError, match="token: class H carries handles"):
        key_of(FrameClass.H).public_key.encrypt(token)
    for frame_class in (FrameClass.S, FrameClass.L, FrameClass.XL):
        public_key = key_of(frame_class).public_key
        with pytest.raises(InvalidEncodingError, match=f"handle: class {frame_class.name} carries"):
            public_key.encrypt_batch([token, HANDLE])


# A class in the place of another


@each_pair
def test_a_blob_of_another_class(one: FrameClass, other: FrameClass) -> None:
    blob, key = blob_of(one), key_of(other)
    with pytest.raises(NotMine):
        key.open(blob, now=NOW)
    with pytest.raises(InvalidEncodingError, match=f"is of class {one.name}, the key {other.name}"):
        blob.rerandomize(key.public_key)
    for use in (key.public_key.rerandomize_batch, key.open_batch):
        with pytest.raises(ValueError, match=f"shape \\(items, {other + 1}, 32\\)"):
            use(blob.array)
    with pytest.raises(ValueError, match=f"shape \\(items, {other + 1}, 32\\)"):
        validate_batch(blob.array, other)
    with pytest.raises(InvalidEncodingError, match="all of one class"):
        stack([blob, blob_of(other)])


@each_pair
def test_a_blob_cut_or_filled_to_another_class_does_not_open(
    one: FrameClass, other: FrameClass
) -> None:
    filling = np.resize(blob_of(one).array[0, 1:], (64, 32))
    rows = np.concatenate([blob_of(one).array[0], filling])[: other + 1]
    with pytest.raises(NotMine):
        key_of(other).open(Blob.from_bytes(rows.tobytes()), now=NOW)


@each_pair
def test_a_frame_of_another_class(one: FrameClass, other: FrameClass) -> None:
    key_hash = bytes(32)
    data = Frame(token_of(one), 3600).encode(one, key_hash)
    assert Frame.decode(data, one, key_hash, now=0).token == token_of(one)
    for wrong in (data, data.ljust(other.frame_size, b"\0")[: other.frame_size]):
        with pytest.raises(NotMine):
            Frame.decode(wrong, other, key_hash, now=0)


@each_pair
def test_a_key_that_says_another_class(one: FrameClass, other: FrameClass, tmp_path: Path) -> None:
    data = bytes(key_of(one).public_key)
    relabelled = data[:1] + bytes([other]) + data[2:]
    with pytest.raises(InvalidEncodingError, match=f"must be {SIZES[other].public_key} bytes"):
        PublicKey.from_bytes(relabelled)
    secrets = key_of(one)._core.secret_bytes()
    payload = relabelled + secrets
    secret_file.save(tmp_path / "key", secret_file.Kind.SECRET_KEY, payload, None)
    with pytest.raises(SecretFileError, match="malformed"):
        SecretKey.load(tmp_path / "key")


def test_a_proof_is_bound_to_the_class() -> None:
    """The first elements of a key of class L, with their proofs, are no key of class S."""
    cut = bytes(key_of(FrameClass.L).public_key)[2 : 2 + 3 * 96]
    with pytest.raises(InvalidSignatureError):
        PublicKey.from_bytes(bytes([1, FrameClass.S]) + cut)


@pytest.mark.parametrize("number", [0, 1, 4, 7, 9, 37, 39, 255])
def test_an_unknown_class(number: int) -> None:
    data = bytes(key_of(FrameClass.H).public_key)
    with pytest.raises(InvalidEncodingError, match=f"class {number} is not known"):
        PublicKey.from_bytes(data[:1] + bytes([number]) + data[2:])
    grant = bytes(lane_of(FrameClass.H).grant(EPOCH))
    with pytest.raises(InvalidEncodingError, match=f"class {number} is not known"):
        LaneReader.from_bytes(grant[:2] + bytes([number]) + grant[3:])


@each_pair
def test_a_lane_posts_only_its_class(one: FrameClass, other: FrameClass) -> None:
    lane = lane_of(one)
    with pytest.raises(InvalidEncodingError, match=f"blob: is of class {other.name}"):
        lane.post(EPOCH, blob_of(other), key_of(one).public_key)
    with pytest.raises(InvalidEncodingError, match=f"key: is of class {other.name}"):
        lane.post(EPOCH, blob_of(one), key_of(other).public_key)


@each_pair
def test_a_reader_refuses_a_post_of_another_class(one: FrameClass, other: FrameClass) -> None:
    """As a device that says two things about the class of one lane would make it."""
    lane = lane_of(one)
    reader = lane.grant(EPOCH)
    slot_key = lane._schedule.at(EPOCH).slot_key(0)
    post = posts.seal(
        Envelope(blob_of(other), key_of(other).public_key.key_id),
        origin=ORIGIN,
        epoch=EPOCH,
        seq=1,
        secret=lane._slot_secret(EPOCH, 0),
        slot_key=slot_key,
    )
    assert post.open(ORIGIN, slot_key).blob == blob_of(other)
    with pytest.raises(InvalidEncodingError, match="not of the class of this lane"):
        reader.open(post)


@each_class
def test_a_board_takes_only_its_class(frame_class: FrameClass, tmp_path: Path) -> None:
    made = {each: post_of(each) for each in FrameClass}
    parameters = BoardParameters(ORIGIN, frame_class=frame_class)
    create_board(tmp_path / "board", parameters)
    with open_board(tmp_path / "board", clock=lambda: NOW) as board:
        for each, post in made.items():
            if each is not frame_class:
                with pytest.raises(RefusedPostError, match=f"of class {frame_class.name}") as why:
                    board.submit(post)
                assert why.value.reason == "class"
        board.submit(made[frame_class])
        board.publish(EPOCH)
        assert made[frame_class] in tuple(board.posts(EPOCH, edition=0))


@each_pair
def test_a_post_cut_or_filled_to_another_class_has_no_valid_signature(
    one: FrameClass, other: FrameClass
) -> None:
    """Its length tells its class, so it decodes; the signature covers all before it."""
    data = bytes(post_of(one))
    size = posts.post_size(other)
    changed = Post.from_bytes((data[:-64] + bytes(2000))[: size - 64] + data[-64:])
    assert changed.frame_class is other
    with pytest.raises(InvalidSignatureError):
        changed.verify(ORIGIN)
