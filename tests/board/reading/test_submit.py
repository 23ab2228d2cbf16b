"""Submitting posts: refusals, proofs of work, receipts, and promises that are broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from web.running import running

from billboard import Board, InvalidEncodingError, RefusedPostError
from billboard.board.parameters import BUNDLE
from billboard.board.receipt import Receipt
from billboard.board.server import create_app
from billboard.web.admission import ProofOfWork, Rate
from board.conftest import Connect
from board.http_board import ForgedBoard, HttpBoard, dummies, fails, other_signer
from board.support import DAY, EPOCH, ORIGIN, Clock, make_lane, make_post, make_signer

LATER = 3600


@pytest.fixture
def forged() -> ForgedBoard:
    forged = ForgedBoard()
    forged.publish(EPOCH, dummies(BUNDLE))
    return forged


@pytest.fixture
def signing(forged: ForgedBoard) -> Iterator[HttpBoard]:
    """A board that signs what it should not."""
    with HttpBoard(forged) as http:
        yield http


def test_refusals_have_their_reasons(connect: Connect, served: HttpBoard) -> None:
    client, post = connect(served.url), make_post()
    client.submit(post)
    refused = {
        "seq": post,
        "signature": make_post(make_lane("example.org/other")),
        "epoch": make_post(epoch=EPOCH + 15),
    }
    for reason, each in refused.items():
        with pytest.raises(RefusedPostError) as caught:
            client.submit(each)
        assert caught.value.reason == reason


@pytest.mark.parametrize("bits", [1, 9])
def test_work_is_proved_when_asked_for(connect: Connect, board: Board, bits: int) -> None:
    post = make_post()
    with HttpBoard(board, work_bits=bits) as http:
        connect(http.url).submit(post)
        assert [asked.body for asked in http.asked if asked.method == "POST"] == [bytes(post)] * 2
    board.publish(EPOCH)
    assert board.bundle(EPOCH, post.identifier)


def test_the_server_says_how_much_work(connect: Connect, board: Board) -> None:
    post, work = make_post(), ProofOfWork(ORIGIN, 9)
    with running(create_app(board, admission=[work])) as server:
        receipt = connect(f"http://127.0.0.1:{server.port}").submit(post)
        assert receipt.epoch == post.epoch
    board.publish(EPOCH)
    assert post in board.bundle(EPOCH, post.identifier)
    with running(create_app(board, admission=[Rate(1e-9), work])) as server:
        client = connect(f"http://127.0.0.1:{server.port}")
        with pytest.raises(RefusedPostError, match="the rate limit is reached"):
            client.submit(make_post())


@pytest.mark.parametrize("bits", ["0", "100"])
def test_too_much_work_is_not_done(connect: Connect, served: HttpBoard, bits: str) -> None:
    body = b'{"reason": "admission", "detail": "work"}'
    served.replace("posts", body, status=429, headers={"Billboard-Work": bits})
    with pytest.raises(RefusedPostError, match=f"{bits} bits") as caught:
        connect(served.url).submit(make_post())
    assert caught.value.reason == "admission"
    assert served.paths.count("posts") == 1


def test_receipts_that_were_kept(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    client, lane = connect(served.url, clock=clock), make_lane()
    board.publish(EPOCH)
    old, new = make_post(lane, seq=5), make_post(lane, seq=6)
    receipt = client.submit(old)
    assert client.check_receipt(receipt, old) is None
    client.submit(new)
    clock.now += LATER
    edition = board.publish(EPOCH)
    assert client.check_receipt(receipt, old) == edition
    clock.now = receipt.deadline + 2 * LATER
    board.publish(EPOCH)
    assert client.check_receipt(receipt, old, decoys=2) == edition
    with pytest.raises(InvalidEncodingError, match="is not for this post"):
        client.check_receipt(receipt, new)
    with pytest.raises(InvalidEncodingError, match="is not for this post"):
        client.check_receipt(replace(receipt, epoch=EPOCH + 1), old)


@pytest.mark.parametrize("status", [413, 415, 500, 503, 200])
def test_a_submission_without_a_receipt(connect: Connect, signing: HttpBoard, status: int) -> None:
    signing.replace("posts", b"<html>", status=status)
    fails("unreachable", lambda: connect(signing.url).submit(make_post()), f"status {status}")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"\xff", b"[" * 4096, b'{"reason": [], "detail": "x"}'),
        *(b'{"reason": "other", "detail": ""}', b'{"reason": "seq", "detail": 5}'),
    ],
)
def test_a_malformed_refusal(connect: Connect, signing: HttpBoard, body: bytes) -> None:
    signing.replace("posts", body, status=422)
    fails("unreachable", lambda: connect(signing.url).submit(make_post()), "status 422")


def test_a_refusal_shows_no_control_characters(connect: Connect, signing: HttpBoard) -> None:
    body = b'{"reason": "seq", "detail": "\\u001b[2Jgone\\n"}'
    signing.replace("posts", body, status=422)
    with pytest.raises(RefusedPostError, match=r"^\?\[2Jgone\?$"):
        connect(signing.url).submit(make_post())


def test_receipts_of_something_else(connect: Connect, signing: HttpBoard) -> None:
    client, post = connect(signing.url), make_post()
    deadline = EPOCH * DAY + 2 * LATER
    receipts = {
        "signature": [
            b"",
            b"not a note",
            bytes(Receipt.sign(other_signer(), EPOCH, bytes(post), deadline)),
            signing.board.checkpoint(),
        ],
        "misbehavior": [
            bytes(Receipt.sign(make_signer(), EPOCH, b"another", deadline)),
            bytes(Receipt.sign(make_signer(), EPOCH + 1, bytes(post), deadline)),
            bytes(Receipt.sign(make_signer(), EPOCH, bytes(post), deadline + LATER + 1)),
        ],
    }
    for reason, bodies in receipts.items():
        for body in bodies:
            signing.replace("posts", body, status=201)
            error = fails(reason, lambda: client.submit(post))
            assert error.evidence == ((body,) if reason == "misbehavior" else ())
    good = Receipt.sign(make_signer(), EPOCH, bytes(post), deadline)
    signing.replace("posts", bytes(good), status=201)
    assert client.submit(post) == good


def test_a_promise_that_is_broken(
    connect: Connect, signing: HttpBoard, forged: ForgedBoard
) -> None:
    post, clock = make_post(), Clock()
    client = connect(signing.url, clock=clock)
    receipt = Receipt.sign(make_signer(), EPOCH, bytes(post), EPOCH * DAY + 2 * LATER)
    assert client.check_receipt(receipt, post) is None
    clock.now = receipt.deadline + 3600
    # Without the edition that was due before the deadline, the log shows nothing.
    fails("stale", lambda: client.check_receipt(receipt, post))
    forged.publish(EPOCH, dummies(BUNDLE), number=1, time=EPOCH * DAY + LATER)
    clock.now += 60
    error = fails("lost", lambda: client.check_receipt(receipt, post), "in none of 2 editions")
    assert error.evidence == (bytes(receipt), forged.note)
    clock.now -= 3700
    assert client.check_receipt(receipt, post) is None


def test_a_promise_that_was_kept_too_late(
    connect: Connect, signing: HttpBoard, forged: ForgedBoard
) -> None:
    post = make_post()
    receipt = Receipt.sign(make_signer(), EPOCH, bytes(post), EPOCH * DAY + 2 * LATER)
    with_it = sorted([*dummies(BUNDLE - 1), bytes(post)])
    forged.publish(EPOCH, with_it, number=1, time=receipt.deadline)
    client = connect(signing.url, clock=Clock(receipt.deadline + 3600))
    fails("lost", lambda: client.check_receipt(receipt, post), "only in the edition due at")


def test_an_older_post_in_its_place(
    connect: Connect, signing: HttpBoard, forged: ForgedBoard
) -> None:
    lane = make_lane()
    old, new = make_post(lane, seq=5), make_post(lane, seq=6)
    receipt = Receipt.sign(make_signer(), EPOCH, bytes(new), EPOCH * DAY + 2 * LATER)
    with_it = sorted([*dummies(BUNDLE - 1), bytes(old)])
    forged.publish(EPOCH, with_it, number=1, time=EPOCH * DAY + LATER)
    client = connect(signing.url, clock=Clock(receipt.deadline + 3600))
    fails("lost", lambda: client.check_receipt(receipt, new))
