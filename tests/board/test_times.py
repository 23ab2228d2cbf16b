"""Readers refuse editions whose times cannot be, and boards whose last editions nobody reads."""

from __future__ import annotations

import pytest

from billboard.board.manifest import Descriptor, Edition, encode_leaf
from billboard.tlog.checkpoint import Policy, Proof
from board.conftest import Connect
from board.http_board import ForgedBoard, HttpBoard, fails
from board.support import DAY, EPOCH, ORIGIN, Clock, make_signer

BEGIN, HOUR = EPOCH * DAY, 3600
LAST = BEGIN + 25 * HOUR
KEY = make_signer().key


def edition(time: int) -> Edition:
    return Edition(EPOCH, 0, 256, bytes(32), bytes(32), time)


@pytest.mark.parametrize(
    ("time", "problem"),
    [
        (BEGIN + 1, "is said to be due at 1728000001, when no edition is"),
        (BEGIN - DAY, "when no edition is"),
        (LAST + HOUR, "when no edition is"),
        (2**63 - 1, "when no edition is"),
        (BEGIN + HOUR, "which is yet to come"),
    ],
)
@pytest.mark.parametrize("before", [0, 299])
def test_a_time_that_can_not_be(connect: Connect, time: int, problem: str, before: int) -> None:
    """The evidence needs neither the board nor the reader."""
    forged = ForgedBoard()
    for _ in range(before):
        forged.log_leaf(Descriptor(b"a server"))
    forged.log_leaf(edition(time))
    with HttpBoard(forged) as http:
        client = connect(http.url, clock=Clock(BEGIN - 1))
        error = fails("misbehavior", lambda: client.fetch(EPOCH, bytes(32)), problem)
        entry, data = error.evidence
        assert entry == encode_leaf(ORIGIN, edition(time))
        proof = Proof.from_bytes(data)
        assert proof.verify(entry, Policy(KEY)).size == before + 2
        assert proof.index == before + 1
        # Those of other epochs are for others to judge.
        assert client.editions(EPOCH - 1, accept_stale=True) == ()


@pytest.mark.parametrize(("time", "ahead"), [(BEGIN, 2 * HOUR), (BEGIN + HOUR, HOUR), (LAST, HOUR)])
def test_clocks_may_differ(connect: Connect, time: int, ahead: int) -> None:
    """By an hour; and by another a board may close the first edition before it is due."""
    forged = ForgedBoard()
    forged.log_leaf(edition(time))
    with HttpBoard(forged) as http:
        right = connect(http.url, clock=Clock(time - ahead))
        assert [each.time for each in right.editions(EPOCH)] == [time]
        wrong = connect(http.url, clock=Clock(time - ahead - 1))
        fails("misbehavior", lambda: wrong.editions(EPOCH), "yet to come")


def test_a_board_whose_last_editions_nobody_reads(connect: Connect) -> None:
    first = f"billboard/board@v1\n{ORIGIN}\n{DAY}\nL\n{2 * DAY}\n".encode()
    with HttpBoard(ForgedBoard(first=first)) as http:
        fails("misbehavior", connect(http.url).parameters, "too long for epochs of 86400")
