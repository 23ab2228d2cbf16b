"""The rules of the board (SPEC 9)."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from billboard import (
    Board,
    BoardParameters,
    DeviceToken,
    EpochError,
    FrameClass,
    InvalidEncodingError,
    Lane,
    Platform,
    Post,
    RefusedPostError,
    WithdrawnError,
    posts,
)
from billboard.board import BUNDLE, FileObjects
from billboard.board.board import EncodedPost
from billboard.board.receipt import Receipt
from billboard.board.sqlite import SqliteStore
from board.support import (
    DAY,
    EPOCH,
    NOW,
    Clock,
    make_board,
    make_lane,
    make_post,
    make_signer,
    make_store,
    public_key,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with make_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def board(store: SqliteStore, clock: Clock) -> Board:
    return make_board(store, clock)


def refused(board: Board, post: Post, reason: str) -> None:
    with pytest.raises(RefusedPostError) as caught:
        board.submit(post)
    assert caught.value.reason == reason


def test_a_post_is_published_and_found(board: Board) -> None:
    lane = make_lane()
    reader = lane.grant(EPOCH)
    post = make_post(lane)
    board.submit(post)
    edition = board.publish(EPOCH)
    assert (edition.epoch, edition.number, edition.size) == (EPOCH, 0, BUNDLE)
    bundle = board.bundle(EPOCH, reader.identifier(EPOCH))
    assert len(bundle) == BUNDLE
    assert reader.find(bundle) == post


@pytest.mark.parametrize(("posts", "size"), [(0, 256), (1, 256), (256, 256), (257, 512)])
def test_an_edition_is_sorted_and_padded(board: Board, posts: int, size: int) -> None:
    submitted = [make_post() for _ in range(posts)]
    for post in submitted:
        board.submit(post)
    edition = board.publish(EPOCH)
    published = list(board.posts(EPOCH, edition=0))
    assert edition.size == len(published) == size
    identifiers = [post.identifier for post in published]
    assert identifiers == sorted(set(identifiers))
    assert {bytes(post) for post in submitted} <= {bytes(post) for post in published}
    for post in published:
        post.verify(board.origin)
        assert post.epoch == EPOCH


def test_dummies_look_like_posts(board: Board) -> None:
    board.publish(EPOCH)
    dummies = list(board.posts(EPOCH, edition=0))
    assert all(0 <= post.seq < 2**31 for post in dummies)
    assert len({post.seq for post in dummies}) > BUNDLE - 4
    assert len({post.salt for post in dummies} | {post.public for post in dummies}) == 2 * BUNDLE


def test_a_bundle_holds_every_identifier_and_the_place_of_every_absent_one(board: Board) -> None:
    for _ in range(300):
        board.submit(make_post())
    edition = board.publish(EPOCH)
    published = list(board.posts(EPOCH, edition=0))
    for index in (0, 1, 254, 255, 256, 257, 511):
        bundle = board.bundle(EPOCH, published[index].identifier)
        assert published[index] in bundle
        start = index - index % BUNDLE
        assert list(bundle) == published[start : start + BUNDLE]
    assert board.bundle(EPOCH, bytes(32))[0] == published[0]
    assert board.bundle(EPOCH, b"\xff" * 32)[-1] == published[-1]
    prefixes = board.object(f"{EPOCH}/0/index")
    assert prefixes == published[0].identifier[:8] + published[256].identifier[:8]
    assert hashlib.sha256(prefixes).digest() == edition.index_hash


def test_late_posts_go_into_late_editions(board: Board) -> None:
    lane = make_lane()
    reader = lane.grant(EPOCH)
    first, late = make_post(lane), make_post(lane, slot=1)
    board.submit(first)
    board.publish(EPOCH)
    before = list(board.posts(EPOCH, edition=0))
    refused(board, make_post(lane, seq=first.seq + 1), "published")
    board.submit(late)
    assert board.publish(EPOCH).number == 1
    assert list(board.posts(EPOCH, edition=0)) == before
    everything = [
        post for e in board.editions(EPOCH) for post in board.posts(EPOCH, edition=e.number)
    ]
    assert len(everything) == 2 * BUNDLE
    assert reader.find(everything) == late


def decoded(data: bytes) -> bytes | EncodedPost:
    """Where it can be."""
    try:
        return EncodedPost(data)
    except InvalidEncodingError:
        return data


@pytest.mark.parametrize("as_given", [bytes, decoded])
def test_each_post_of_a_batch_has_its_own_outcome(
    board: Board, as_given: Callable[[bytes], bytes | EncodedPost]
) -> None:
    """In its place, whatever its neighbours are; a receipt is for the post that it answers."""
    lane = make_lane()
    twice = make_post(lane, seq=5), make_post(lane, seq=5)
    unsigned = replace(make_post(), seq=7)
    flipped = bytes(make_post())[:-32] + bytes(32)
    elsewhere = make_post(make_lane("other.example"))
    batch: list[tuple[bytes, str | None]] = [
        (flipped, "signature"),
        (bytes(twice[0]), None),
        (b"", "encoding"),
        (bytes(make_post()), None),
        (bytes(unsigned), "signature"),
        (bytes(twice[1]), "seq"),
        (bytes(elsewhere), "signature"),
        (bytes(make_post(epoch=EPOCH + 15)), "epoch"),
        (bytes(posts.dummy(FrameClass.S, origin=board.origin, epoch=EPOCH)), "class"),
        (bytes(make_post(epoch=EPOCH + 1)), None),
    ]
    outcomes = board.submit_all([as_given(data) for data, _ in batch])
    for (data, reason), outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, RefusedPostError):
            assert outcome.reason == reason
        else:
            assert reason is None
            assert outcome.post_hash == hashlib.sha256(data).digest()
            assert outcome.epoch == Post.from_bytes(data).epoch
            assert Receipt.from_bytes(bytes(outcome), board.key) == outcome
            (alone,) = board.submit_all([data])  # again: it is there
            assert isinstance(alone, RefusedPostError)
    assert board.epochs() == {EPOCH: 2, EPOCH + 1: 1}
    assert board.submit_all([]) == []


def test_a_post_that_was_checked_before_its_epoch_ended_is_late(board: Board, clock: Clock) -> None:
    checked = board.check(bytes(make_post()))
    clock.now = board.parameters.ends(EPOCH)
    (outcome,) = board.submit_all([checked])
    assert isinstance(outcome, RefusedPostError)
    assert outcome.reason == "epoch"


def test_only_a_greater_seq_replaces(board: Board) -> None:
    lane = make_lane()
    reader = lane.grant(EPOCH)
    old, new = make_post(lane, seq=5), make_post(lane, seq=6)
    board.submit(new)
    refused(board, old, "seq")
    refused(board, new, "seq")
    gone = lane.withdraw(EPOCH, seq=7)
    board.submit(gone)
    refused(board, new, "seq")
    board.publish(EPOCH)
    found = reader.find(board.bundle(EPOCH, reader.identifier(EPOCH)))
    assert found == gone
    with pytest.raises(WithdrawnError):
        reader.open(gone)


@pytest.mark.parametrize(
    ("now", "accepted"),
    [
        ((EPOCH - 14) * DAY - 3600, True),
        ((EPOCH - 14) * DAY - 3601, False),
        ((EPOCH + 1) * DAY + 3599, True),
        ((EPOCH + 1) * DAY + 3600, False),
    ],
)
def test_the_window_of_an_epoch(board: Board, clock: Clock, now: float, accepted: bool) -> None:
    post = make_post()
    clock.now = now
    if accepted:
        board.submit(post)
    else:
        refused(board, post, "epoch")


def test_a_post_for_another_board_is_refused(board: Board) -> None:
    refused(board, make_post(make_lane("example.org/other")), "signature")


def test_a_forged_post_is_refused_and_nothing_is_stored(board: Board, store: SqliteStore) -> None:
    data = bytearray(bytes(make_post()))
    data[200] ^= 1
    refused(board, Post.from_bytes(bytes(data)), "signature")
    assert store.epochs() == {}


def test_an_epoch_is_not_published_before_it_begins(board: Board, clock: Clock) -> None:
    with pytest.raises(EpochError, match="has not begun"):
        board.publish(EPOCH + 1)
    clock.now = (EPOCH + 1) * DAY - 3600
    assert board.publish(EPOCH + 1).epoch == EPOCH + 1
    for epoch in (-1, 2**32):
        with pytest.raises(EpochError):
            board.publish(epoch)


def test_expire_keeps_the_current_and_the_previous_epoch(board: Board, clock: Clock) -> None:
    lane = make_lane()
    for epoch in range(EPOCH, EPOCH + 4):
        board.submit(make_post(lane, epoch=epoch))
    board.publish(EPOCH)
    clock.now = NOW + 2 * DAY
    board.publish(EPOCH + 1)
    assert board.expire() == BUNDLE
    assert board.editions(EPOCH) == ()
    assert len(board.editions(EPOCH + 1)) == 1
    with pytest.raises(EpochError, match="only epochs before"):
        board.expire(EPOCH + 2)
    clock.now += 2 * DAY
    # Nobody was there to publish epoch EPOCH + 2: nothing of it is lost, nor after it.
    assert board.expire(EPOCH + 3) == BUNDLE
    assert board.editions(EPOCH + 1) == ()
    assert [(each.epoch, each.number) for each in board.publish_due()] == [
        (EPOCH + 2, 0),
        (EPOCH + 3, 0),
        (EPOCH + 4, 0),
    ]
    assert board.expire(EPOCH + 3) == BUNDLE
    assert board.expire() == 0


def test_a_clock_that_was_ahead_does_not_make_the_board_sign_again(
    board: Board, clock: Clock
) -> None:
    post = make_post()
    board.submit(post)
    first = board.publish(EPOCH)
    clock.now += 3 * DAY
    board.publish_due()
    assert board.expire() > 0
    clock.now -= 3 * DAY
    refused(board, make_post(), "epoch")
    with pytest.raises(EpochError, match="has expired"):
        board.publish(EPOCH)
    assert first not in board.publish_due()
    assert board.editions(EPOCH) == ()


@pytest.mark.parametrize(
    ("length", "interval"),
    [
        (60, 119),
        pytest.param(60, 7, marks=pytest.mark.slow),
        (3600, 5400),
        pytest.param(3600, 60, marks=pytest.mark.slow),
        (DAY, 2 * DAY - 1),
    ],
)
def test_every_post_that_is_accepted_is_published(
    tmp_path: Path, length: int, interval: int
) -> None:
    """Whatever the lengths, a post at any moment while its epoch is open, and in time."""
    parameters = BoardParameters("example.org/board", length, late_interval=interval)
    clock = Clock(100.0 * length)
    accepted: dict[bytes, int] = {}
    lane = Lane.generate("example.org/board", epoch_length=length, now=clock.now)
    blob = public_key().encrypt(DeviceToken(Platform.APNS, bytes(32)), now=NOW)
    with make_board(SqliteStore.create(tmp_path / "b.sqlite", parameters), clock) as board:
        step = min(length, interval) / 2
        slots = iter(range(16))
        while clock.now < 104 * length + 2 * interval:
            for edition in board.publish_due():
                for post in board.posts(edition.epoch, edition=edition.number):
                    if post.identifier in accepted:
                        assert edition.time < accepted.pop(post.identifier)
            board.expire()
            if clock.now < parameters.ends(100) and (slot := next(slots, None)) is not None:
                post = lane.post(100, blob, public_key(), slot=slot)
                accepted[post.identifier] = board.submit(post).deadline
            clock.now += step
        assert accepted == {}
        with pytest.raises(RefusedPostError):
            board.submit(lane.post(100, blob, public_key(), slot=15, seq=2**31))


def test_a_post_that_comes_with_the_last_edition_is_refused(board: Board, clock: Clock) -> None:
    """It was checked while its epoch was open, and is put when its last edition is closed."""
    late, put = make_post(), board._store.put

    def slow(*values: Any) -> Any:
        clock.now = (EPOCH + 1) * DAY + 3600.0
        other = Board(board._store, board._objects, board._signer, clock=clock)
        other.publish_due()
        return put(*values)

    clock.now = (EPOCH + 1) * DAY + 3599.0
    object.__setattr__(board._store, "put", slow)
    refused(board, late, "epoch")
    clock.now -= 5
    object.__setattr__(board._store, "put", put)
    refused(board, make_post(), "epoch")


def test_a_promise_is_kept_though_the_clock_was_ahead(board: Board, clock: Clock) -> None:
    clock.now += 7200
    ahead = board.publish(EPOCH)
    clock.now -= 7200
    receipt = board.submit(make_post())
    assert receipt.deadline > ahead.time + 3600


def test_what_was_withdrawn_does_not_come_back(tmp_path: Path) -> None:
    """Short epochs: nothing expires in which a post could still be submitted again."""
    parameters = BoardParameters("example.org/board", 60, late_interval=20)
    with SqliteStore.create(tmp_path / "b", parameters) as store:
        clock = Clock(6_000.0)
        board = make_board(store, clock)
        lane = Lane.generate("example.org/board", epoch_length=60, now=clock.now)
        post = make_post(lane, epoch=board.epoch, seq=1)
        board.submit(post)
        board.submit(lane.withdraw(board.epoch, seq=2))
        board.publish(board.epoch)
        for _ in range(4):
            clock.now += 60
            board.expire()
            with pytest.raises(RefusedPostError):
                board.submit(post)
            if board.epoch - post.epoch >= 2:
                with pytest.raises(EpochError, match="is over"):
                    board.publish(post.epoch)
            else:
                assert board.publish(post.epoch).number > 0


def test_a_post_object_that_would_not_decode_is_refused(board: Board, store: SqliteStore) -> None:
    post = make_post()
    for public in (bytes(32), b"\xff" * 32):
        refused(board, replace(post, public=public), "encoding")
    for name, value in (("salt", b"s" * 33), ("box", b""), ("public", b"P"), ("epoch", 2**32)):
        forced = replace(post)
        object.__setattr__(forced, name, value)
        refused(board, forced, "encoding")
    assert store.epochs() == {}


@pytest.mark.parametrize("edition", [-1, 1])
def test_reading_what_is_not_there(board: Board, edition: int) -> None:
    board.publish(EPOCH)
    with pytest.raises(LookupError, match=re.escape(f"epoch {EPOCH}")):
        board.bundle(EPOCH, bytes(32), edition=edition)
    with pytest.raises(LookupError):
        board.bundle(EPOCH + 1, bytes(32))
    with pytest.raises(LookupError):
        list(board.posts(EPOCH, edition=edition))


@pytest.mark.parametrize("origin", ["", "with space", "é", "x" * 256, "a\n"])
def test_bad_origins(origin: str) -> None:
    with pytest.raises(InvalidEncodingError, match="origin"):
        BoardParameters(origin)


@pytest.mark.parametrize("length", [0, 59, 2**32])
def test_bad_epoch_lengths(length: int) -> None:
    with pytest.raises(InvalidEncodingError, match="epoch length"):
        BoardParameters("example.org", length)


@pytest.mark.parametrize(
    ("length", "interval"), [(DAY, 2 * DAY), (60, 60), (3600, 3600), (1800, 3600), (DAY, 2**32 - 1)]
)
def test_a_board_whose_last_editions_nobody_looks_for(length: int, interval: int) -> None:
    with pytest.raises(InvalidEncodingError, match="too long for epochs of"):
        BoardParameters("example.org", length, late_interval=interval)
    shorter = BoardParameters("example.org", length, late_interval=interval // 100_000 + 1)
    for epoch in (0, 7):
        assert shorter.ends(epoch) <= shorter.last_due(epoch) < shorter.epoch_length * (epoch + 2)


def test_what_is_due_is_published_once(board: Board, clock: Clock) -> None:
    """The previous epoch, and the current one; again an hour later, whoever asks how often."""
    other = Board(board._store, board._objects, board._signer, clock=clock)
    assert {(each.epoch, each.number) for each in board.publish_due()} == {
        (EPOCH - 1, 0),
        (EPOCH, 0),
    }
    assert board.publish_due() == other.publish_due() == ()
    clock.now += 3600
    threads = [threading.Thread(target=each.publish_due) for each in (board, other) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.time - EPOCH * DAY for each in board.editions(EPOCH)] == [0, 3600]
    assert [each.time - EPOCH * DAY for each in board.editions(EPOCH - 1)] == [0, 3600]
    clock.now += 5 * 3600  # the previous epoch is over, its last edition was published
    assert [each.time - EPOCH * DAY for each in board.publish_due()] == [6 * 3600]


def test_a_quota_that_can_not_be(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="leave it out for no limit"):
        Board(store, FileObjects(store.path.with_suffix(".objects")), make_signer(), quota=-1)
