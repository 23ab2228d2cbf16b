"""Lanes and grants (SPEC 7)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from billboard import (
    DeviceToken,
    EpochError,
    InvalidEncodingError,
    Lane,
    LaneReader,
    NotMine,
    Platform,
    Post,
    SecretFileError,
    SecretKey,
    lanes,
)
from billboard.groups.ristretto255 import ORDER, Element, Scalar
from billboard.hashing import expand
from billboard.lanes import LONGEST_CATCH_UP, SLOTS
from billboard.storage import secret_file

pytestmark = pytest.mark.backend

ORIGIN, NOW = "board.example", 1_800_000_000
PUBLIC = SecretKey.generate().public_key
BLOB = PUBLIC.encrypt(DeviceToken(Platform.APNS, b"token"), now=NOW)
LANE = Lane.generate(ORIGIN, now=NOW)
EPOCH = LANE.epoch
READER = LANE.grant(EPOCH)
LAST = 2**32 - 1


def scalar(number: int) -> Scalar:
    return Scalar.from_bytes((number % ORDER).to_bytes(32, "little"))


# Identifiers


@given(st.integers(0, 200), st.integers(0, SLOTS - 1))
def test_both_sides_derive_the_same_identifier(ahead: int, slot: int) -> None:
    identifier = LANE.identifier(EPOCH + ahead, slot)
    assert READER.identifier(EPOCH + ahead, slot) == identifier
    assert LANE.grant(EPOCH + ahead).identifier(EPOCH + ahead, slot) == identifier


def test_identifiers_do_not_repeat() -> None:
    made = [Lane.generate(ORIGIN, now=NOW) for _ in range(3)]
    places = [(epoch, slot) for epoch in range(EPOCH, EPOCH + 5) for slot in range(SLOTS)]
    identifiers = {lane.identifier(*place) for lane in made for place in places}
    assert len(identifiers) == 3 * 5 * SLOTS


@pytest.mark.parametrize("slot", [-1, SLOTS, 255])
def test_there_are_sixteen_slots(slot: int) -> None:
    for identify in (LANE.identifier, READER.identifier):
        with pytest.raises(EpochError, match="not from 0 to 15"):
            identify(EPOCH, slot)
    with pytest.raises(EpochError):
        LANE.post(EPOCH, BLOB, PUBLIC, slot=slot)


def test_epochs_out_of_reach_are_refused() -> None:
    furthest = EPOCH + LONGEST_CATCH_UP
    assert LANE.identifier(furthest) == READER.identifier(furthest)
    for epoch in (EPOCH - 1, 0, -1, furthest + 1, LAST, LAST + 1):
        for refused in (
            LANE.identifier,
            READER.identifier,
            LANE.grant,
            lambda e: LANE.post(e, BLOB, PUBLIC),
            lambda e: LANE.withdraw(e, seq=1),
            lambda e: LANE.grant(EPOCH).advance(e),
        ):
            with pytest.raises(EpochError, match="out of reach"):
                refused(epoch)


def test_the_last_epoch_is_the_end() -> None:
    lane = Lane.generate(ORIGIN, epoch_length=60, now=(LAST - 1) * 60)
    assert lane.epoch == LAST - 1
    assert lane.grant(LAST).identifier(LAST) == lane.identifier(LAST)
    with pytest.raises(EpochError):
        lane.identifier(LAST + 1)


# The ratchet


def test_advancing_forgets_for_good() -> None:
    lane, later = Lane.generate(ORIGIN, now=NOW), EPOCH + 3
    identifier, reader = lane.identifier(later, 2), lane.grant(EPOCH)
    keys = {lane._schedule.at(epoch).key for epoch in range(EPOCH, later)}
    for side in (lane, reader):
        side.identifier(later - 1)
        side.advance(later)
        assert side.epoch == later
        assert side.identifier(later, 2) == identifier
        assert side._schedule.key not in keys
        with pytest.raises(EpochError):
            side.identifier(later - 1)
        with pytest.raises(EpochError):
            side.advance(later - 1)
    with pytest.raises(EpochError):
        reader.identifiers(later - 1)
    assert not any(key in bytes(reader) for key in keys)
    with pytest.raises(EpochError):
        lane.grant(later - 1)


def test_a_grant_holds_nothing_of_earlier_epochs_and_no_secret() -> None:
    grant = bytes(LANE.grant(EPOCH + 2))
    secrets = [LANE._schedule.key, LANE._schedule.at(EPOCH + 1).key, bytes(LANE._secret)]
    assert not any(secret in grant for secret in secrets)
    late = LaneReader.from_bytes(grant)
    assert late.epoch == EPOCH + 2
    with pytest.raises(NotMine):
        late.open(LANE.post(EPOCH + 1, BLOB, PUBLIC))
    assert late.open(LANE.post(EPOCH + 2, BLOB, PUBLIC)).blob == BLOB


def test_advancing_one_grant_leaves_the_others() -> None:
    one, two = LANE.grant(EPOCH), LANE.grant(EPOCH)
    one.advance(EPOCH + 1)
    assert (one.epoch, two.epoch, LANE.epoch) == (EPOCH + 1, EPOCH, EPOCH)


def test_identifiers_are_derived_once_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, epochs = LANE.grant(EPOCH), range(EPOCH, EPOCH + 12)
    for epoch in epochs:
        some = {slot: reader.identifier(epoch, slot) for slot in (7, 0, 3)}
        found = reader.identifiers(epoch)
        assert found == tuple(LANE.identifier(epoch, slot) for slot in range(SLOTS))
        assert all(found[slot] == identifier for slot, identifier in some.items())
    assert len(reader._identifiers) < len(epochs)
    monkeypatch.setattr(lanes, "_core", None)
    assert reader.identifiers(epochs[-1]) == found
    assert reader.identifier(epochs[-1], 5) == found[5]


def test_the_keys_of_the_slots_differ() -> None:
    keys = {LANE._schedule.slot_key(slot) for slot in range(SLOTS)}
    assert len(keys) == SLOTS
    assert LANE._schedule.slot_key(0) == LANE._schedule.key


@pytest.mark.parametrize("unusable", ["u is 0", "P is the identity"])
def test_a_slot_that_can_not_be_used_is_refused(
    unusable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SPEC 7.2: u = 0, or d = u d_0 + v = 0. Neither happens by itself."""
    lane = Lane.generate(ORIGIN, now=NOW)
    reader = lane.grant(EPOCH)
    u, v = (scalar(0), scalar(1)) if unusable == "u is 0" else (scalar(1), -lane._secret)
    wide = bytes(u) + bytes(32) + bytes(v) + bytes(32)

    def stub(key: bytes, label: str, length: int, *parts: bytes) -> bytes:
        return wide if label == "lane/diversify" else expand(key, label, length, *parts)

    monkeypatch.setattr("billboard.lanes.expand", stub)
    for refused in (
        lambda: lane.identifier(EPOCH),
        lambda: reader.identifier(EPOCH),
        lambda: lane.post(EPOCH, BLOB, PUBLIC),
        lambda: lane.withdraw(EPOCH, seq=1),
    ):
        with pytest.raises(EpochError):
            refused()


# Making, encoding, saving


def test_lanes_are_independent() -> None:
    one, two = (Lane.generate(ORIGIN, now=NOW) for _ in range(2))
    assert one._secret != two._secret
    assert one._schedule.key != two._schedule.key


@pytest.mark.parametrize("origin", ["", " ", "a b", "b\n", "ä.example", "x" * 256, "\x7f"])
def test_bad_origins_are_refused(origin: str) -> None:
    with pytest.raises(InvalidEncodingError, match="origin"):
        Lane.generate(origin, now=NOW)


@pytest.mark.parametrize("length", [0, 1, 59, -60, 2**32])
def test_bad_epoch_lengths_are_refused(length: int) -> None:
    with pytest.raises(InvalidEncodingError, match="epoch length"):
        Lane.generate(ORIGIN, epoch_length=length, now=NOW)


@pytest.mark.parametrize("now", [-1, 2**32 * 86_400])
def test_times_that_are_in_no_epoch_are_refused(now: float) -> None:
    with pytest.raises((EpochError, InvalidEncodingError)):
        Lane.generate(ORIGIN, now=now)


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255),
    st.one_of(st.sampled_from([60, LAST]), st.integers(60, LAST)),
    st.one_of(st.sampled_from([0, LAST]), st.integers(0, LAST)),
)
def test_a_grant_goes_round(origin: str, epoch_length: int, epoch: int) -> None:
    now = epoch * epoch_length
    reader = Lane.generate(origin, epoch_length=epoch_length, now=now).grant(epoch)
    again = LaneReader.from_bytes(bytes(reader))
    assert bytes(again) == bytes(reader)
    assert (again.origin, again.epoch_length, again.epoch) == (origin, epoch_length, epoch)
    assert again.identifier(epoch, 5) == reader.identifier(epoch, 5)


@pytest.mark.parametrize("passphrase", [None, "passphrase"])
def test_a_lane_goes_round_through_a_file(tmp_path: Path, passphrase: str | None) -> None:
    LANE.save(tmp_path / "lane", passphrase)
    again = Lane.load(tmp_path / "lane", passphrase)
    assert (again.origin, again.epoch_length, again.epoch) == (ORIGIN, 86_400, EPOCH)
    assert again.identifier(EPOCH + 1, 3) == LANE.identifier(EPOCH + 1, 3)
    assert READER.open(again.post(EPOCH, BLOB, PUBLIC)).blob == BLOB


@pytest.mark.parametrize("wrong", [bytes(32), ORDER.to_bytes(32, "little"), b"\xff" * 32])
def test_a_bad_secret_in_a_file_is_refused(tmp_path: Path, wrong: bytes) -> None:
    payload = bytes(READER)[:11] + wrong + bytes(READER)[43:]
    secret_file.save(tmp_path / "lane", secret_file.Kind.LANE, payload, None)
    with pytest.raises(SecretFileError, match="malformed"):
        Lane.load(tmp_path / "lane")


def test_a_length_beyond_the_end_of_grants_is_refused() -> None:
    """What is left is a whole grant: but there would be two encodings of the same grants."""
    lane = Lane.generate(ORIGIN, now=NOW)
    grants = [lane.grant(lane.epoch)] * 2
    good, last = lanes.encode_grants(grants), len(bytes(grants[0]))
    at = len(good) - last - 2
    assert good[at : at + 2] == last.to_bytes(2, "big")
    for beyond in (last + 1, 2**16 - 1):
        bad = good[:at] + beyond.to_bytes(2, "big") + good[at + 2 :]
        with pytest.raises(InvalidEncodingError, match="shorter than they say"):
            lanes.decode_grants(bad)


def test_a_grant_whose_public_element_is_the_identity_is_refused() -> None:
    grant = bytes(READER)
    with pytest.raises(InvalidEncodingError, match="P_0: is the identity"):
        LaneReader.from_bytes(grant[:11] + bytes(Element.identity()) + grant[43:])


# Finding


def test_the_highest_slot_of_the_latest_epoch_is_found() -> None:
    posts = {
        (ahead, slot): LANE.post(EPOCH + ahead, BLOB, PUBLIC, slot=slot)
        for ahead, slot in [(0, 0), (0, 15), (1, 0), (1, 3)]
    }
    strangers = [Lane.generate(ORIGIN, now=NOW).post(EPOCH, BLOB, PUBLIC) for _ in range(3)]
    everything = [*posts.values(), *strangers]
    assert READER.find(everything) == posts[1, 3]
    assert READER.find(reversed(everything)) == posts[1, 3]
    assert READER.find([posts[0, 15], posts[0, 0]]) == posts[0, 15]
    assert READER.find(strangers) is None
    assert READER.find([]) is None
    assert LANE.grant(EPOCH + 1).find([posts[0, 0], posts[0, 15]]) is None


def test_posts_of_epochs_out_of_reach_are_passed_over() -> None:
    post = LANE.post(EPOCH, BLOB, PUBLIC)
    stranger = Lane.generate(ORIGIN, now=NOW).post(EPOCH, BLOB, PUBLIC)
    far = [dataclasses.replace(stranger, epoch=epoch) for epoch in (0, EPOCH - 1, LAST)]
    assert READER.find([*far, post]) == post
    edge = Lane.generate(ORIGIN, epoch_length=60, now=LAST * 60).grant(LAST)
    assert edge.find([*far, post]) is None


def test_a_post_is_found_at_the_epoch_of_its_identifier_only() -> None:
    """SPEC 8.3: its identifier is that of a slot of the lane at the post's epoch."""
    post = LANE.post(EPOCH, BLOB, PUBLIC)
    moved = Post.from_bytes(bytes(dataclasses.replace(post, epoch=EPOCH + 1)))
    other = LANE.post(EPOCH + 1, BLOB, PUBLIC, slot=1)
    assert READER.find([moved, post]) == READER.find([post, moved]) == post
    assert READER.find([moved]) is None
    assert READER.find([moved, other]) == other
