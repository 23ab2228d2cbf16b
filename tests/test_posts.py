"""Envelopes and sealed posts (SPEC 8)."""

from __future__ import annotations

import dataclasses

import pytest

from billboard import (
    DeviceToken,
    Envelope,
    EpochError,
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    Lane,
    NotMine,
    Platform,
    Post,
    SecretKey,
    WithdrawnError,
    epoch_at,
    posts,
)
from billboard.groups.ristretto255 import random_scalar

pytestmark = pytest.mark.backend

ORIGIN, NOW = "board.example", 1_800_000_000
KEY = SecretKey.generate()
PUBLIC = KEY.public_key
BLOB = PUBLIC.encrypt(DeviceToken(Platform.APNS, b"token"), now=NOW)
LANE = Lane.generate(ORIGIN, now=NOW)
EPOCH = LANE.epoch
READER = LANE.grant(EPOCH)


def sealed(seq: int | None = None, slot: int = 0) -> Post:
    return LANE.post(EPOCH, BLOB, PUBLIC, seq=seq, slot=slot)


POST = sealed(seq=7, slot=2)


def test_a_post_goes_from_device_to_contact() -> None:
    descriptor = bytes(range(32))
    post = LANE.post(EPOCH + 1, BLOB, PUBLIC, seq=9, slot=15, descriptor=descriptor)
    again = Post.from_bytes(bytes(post))
    assert again == post
    assert len(bytes(post)) == 521
    assert (again.epoch, again.seq, again.identifier) == (
        EPOCH + 1,
        9,
        READER.identifier(EPOCH + 1, 15),
    )
    again.verify(ORIGIN)
    assert READER.open(again) == Envelope(BLOB, PUBLIC.key_id, descriptor)


def test_the_layout_is_that_of_the_specification() -> None:
    data = bytes(POST)
    assert data[:32] == READER.identifier(EPOCH, 2)
    assert data[32] == 1
    assert data[33:37] == EPOCH.to_bytes(4, "big")
    assert data[37:41] == (7).to_bytes(4, "big")
    assert data[41:73] == POST.public
    assert data[73:105] == POST.salt
    assert data[105:457] == POST.box
    assert data[457:] == POST.signature
    assert POST.header == data[:105]
    assert POST.frame_class is FrameClass.L


def test_every_seal_is_fresh() -> None:
    made = [sealed(seq=7, slot=2) for _ in range(10)]
    for field in ("salt", "box", "signature"):
        assert len({getattr(post, field) for post in made}) == 10
    assert len({post.identifier for post in made}) == 1
    assert b"".join(bytes(post) for post in made).find(bytes(BLOB)) == -1


@pytest.mark.parametrize("seq", [0, 1, 2**31, 2**32 - 1])
def test_every_seq_fits(seq: int) -> None:
    assert Post.from_bytes(bytes(sealed(seq=seq))).seq == seq
    assert Post.from_bytes(bytes(LANE.withdraw(EPOCH, seq=seq))).seq == seq


@pytest.mark.parametrize("seq", [-1, 2**32, 2**64])
def test_a_seq_that_does_not_fit_is_refused(seq: int) -> None:
    with pytest.raises(InvalidEncodingError, match="seq"):
        sealed(seq=seq)
    with pytest.raises(InvalidEncodingError, match="seq"):
        LANE.withdraw(EPOCH, seq=seq)


def test_first_seqs_are_those_of_their_slots_and_look_like_those_of_dummies() -> None:
    """What is posted twice has one seq; across slots, epochs and lanes they are spread evenly."""
    assert len({sealed().seq for _ in range(5)}) == 1
    lanes = [Lane.generate(LANE.origin, now=EPOCH * 86_400) for _ in range(20)]
    drawn = [
        lane._schedule.at(epoch).first_seq(slot)
        for lane in lanes
        for epoch in range(EPOCH, EPOCH + 5)
        for slot in range(16)
    ]
    dummies = [posts.dummy(FrameClass.L, origin=LANE.origin, epoch=EPOCH).seq for _ in range(300)]
    assert len(set(drawn)) > 1590
    assert len(set(dummies)) > 290
    for seqs in (drawn, dummies):
        assert 0 <= min(seqs) < 2**31 / 20
        assert 2**31 * 0.95 < max(seqs) < 2**31


# Withdrawing


def test_a_withdrawn_post_is_told_from_a_strange_one() -> None:
    post = Post.from_bytes(bytes(LANE.withdraw(EPOCH, seq=8, slot=2)))
    post.verify(ORIGIN)
    assert post.identifier == POST.identifier
    with pytest.raises(WithdrawnError):
        READER.open(post)
    with pytest.raises(NotMine):
        Lane.generate(ORIGIN, now=NOW).grant(EPOCH).open(post)


def test_a_withdrawal_looks_like_any_post() -> None:
    made = [LANE.withdraw(EPOCH, seq=8) for _ in range(5)]
    assert {len(bytes(post)) for post in made} == {521}
    assert len({post.box for post in made}) == len({post.salt for post in made}) == 5


def test_dummies_are_well_formed_and_of_nobody() -> None:
    made = [posts.dummy(FrameClass.L, origin=ORIGIN, epoch=EPOCH) for _ in range(20)]
    for field in ("identifier", "seq", "public", "salt", "box", "signature"):
        assert len({getattr(post, field) for post in made}) == 20
    for post in made:
        assert post.seq < 2**31
        Post.from_bytes(bytes(post)).verify(ORIGIN)
        with pytest.raises(NotMine):
            READER.open(post)


# What is refused


@pytest.mark.parametrize("size", [0, 1, 105, 457, 520, 522, 1042])
def test_another_length_is_refused(size: int) -> None:
    with pytest.raises(
        InvalidEncodingError, match=f"must be one of 329, 361, 521, 1481 bytes, not {size}"
    ):
        Post.from_bytes((bytes(POST) * 2)[:size])


def test_a_strange_identifier_is_refused() -> None:
    data = READER.identifier(EPOCH, 3) + bytes(POST)[32:]
    with pytest.raises(InvalidEncodingError, match="does not belong to P"):
        Post.from_bytes(data)


def test_a_signature_for_another_board_does_not_verify() -> None:
    for origin in ("board.exampl", "board.example.", "Board.example", ""):
        with pytest.raises(InvalidSignatureError):
            POST.verify(origin)


def test_a_malformed_blob_in_a_right_box_is_refused() -> None:
    """Its owner sealed something that is no blob: an envelope is built around the check."""
    bad = dataclasses.replace(Envelope(BLOB, PUBLIC.key_id))
    object.__setattr__(bad, "blob", bytes(288))
    post = posts.seal(
        bad,
        origin=ORIGIN,
        epoch=EPOCH,
        seq=1,
        secret=LANE._slot_secret(EPOCH, 0),
        slot_key=LANE._schedule.slot_key(0),
    )
    with pytest.raises(InvalidEncodingError, match="blob"):
        READER.open(post)


def test_a_signature_is_looked_at_before_the_box() -> None:
    forged = dataclasses.replace(POST, signature=bytes(64), box=bytes(352))
    with pytest.raises(InvalidSignatureError):
        READER.open(forged)


def test_the_key_of_another_slot_opens_nothing() -> None:
    with pytest.raises(WithdrawnError):
        POST.open(ORIGIN, LANE._schedule.slot_key(3))


def test_a_post_signed_by_a_stranger_with_the_keys_of_the_lane_is_not_of_the_lane() -> None:
    envelope, secret = Envelope(BLOB, PUBLIC.key_id), random_scalar()
    slot_key = LANE._schedule.slot_key(0)
    post = posts.seal(envelope, origin=ORIGIN, epoch=EPOCH, seq=1, secret=secret, slot_key=slot_key)
    post.verify(ORIGIN)
    with pytest.raises(NotMine):
        READER.open(post)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epoch", -1),
        ("epoch", 2**32),
        ("seq", -1),
        ("seq", 2**32),
        ("public", bytes(31)),
        ("salt", bytes(33)),
        ("box", b""),
        ("box", bytes(353)),
        ("signature", bytes(63)),
    ],
)
def test_a_post_made_by_hand_has_parts_that_fit(field: str, value: object) -> None:
    with pytest.raises(InvalidEncodingError) as refusal:
        dataclasses.replace(POST, **{field: value})  # type: ignore[arg-type]
    assert refusal.value.field == field


@pytest.mark.parametrize("frame_class", FrameClass)
def test_a_post_made_by_hand_is_of_the_class_of_its_box(frame_class: FrameClass) -> None:
    made = dataclasses.replace(POST, box=bytes(posts.box_size(frame_class)))
    assert made.frame_class is frame_class
    assert frame_class.name in made._repr_html_()
    assert len(bytes(made)) == posts.post_size(frame_class)


@pytest.mark.parametrize(
    ("key_id", "descriptor", "field"),
    [
        (bytes(15), bytes(32), "key id"),
        (bytes(17), bytes(32), "key id"),
        (bytes(16), bytes(31), "descriptor"),
        (bytes(16), bytes(33), "descriptor"),
    ],
)
def test_bad_envelopes_are_refused(key_id: bytes, descriptor: bytes, field: str) -> None:
    with pytest.raises(InvalidEncodingError) as refusal:
        Envelope(BLOB, key_id, descriptor)
    assert refusal.value.field == field


def test_an_envelope_goes_round() -> None:
    envelope = Envelope(BLOB, PUBLIC.key_id, bytes(range(32)))
    assert len(bytes(envelope)) == 336
    assert Envelope.from_bytes(bytes(envelope)) == envelope
    assert bytes(envelope) == PUBLIC.key_id + bytes(range(32)) + bytes(BLOB)
    for size in (0, 48, 335):
        with pytest.raises(InvalidEncodingError):
            Envelope.from_bytes(bytes(envelope)[:size])


# Epochs


def test_epochs_start_at_their_multiples() -> None:
    assert [epoch_at(now) for now in (0, 86_399.999, 86_400)] == [0, 0, 1]
    assert [epoch_at(now, 60) for now in (59.9, 60, 119)] == [0, 1, 1]


def test_an_epoch_of_no_length_is_refused() -> None:
    with pytest.raises(InvalidEncodingError, match="epoch length"):
        epoch_at(NOW, 0)


def test_a_time_before_1970_is_in_no_epoch() -> None:
    with pytest.raises((EpochError, InvalidEncodingError)):
        epoch_at(-1.0)
