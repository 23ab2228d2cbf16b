"""Boards that misbehave, and what clients say of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from billboard import BoardError, BoardParameters, Post
from billboard.board.manifest import PREFIX, Edition, encode_leaf
from billboard.board.parameters import BUNDLE
from billboard.board.reading.cache import Cache
from billboard.board.reading.procedure import FindWork, Procedure, Request, Response
from billboard.board.reading.reader import Reader, Taken
from billboard.board.receipt import Receipt
from billboard.tlog import merkle
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.tlog.note import Algorithm, Note, NoteSigner
from board.conftest import Connect
from board.http_board import ForgedBoard, HttpBoard, dummies, fails, other_signer
from board.support import DAY, EPOCH, NOW, ORIGIN, Clock, make_lane, make_post, make_signer

EDITION = f"{EPOCH}/0/"
LATER = 3600
KEY = make_signer().key


@pytest.fixture
def served(forged: ForgedBoard) -> Iterator[HttpBoard]:
    with HttpBoard(forged) as http:
        yield http


def looked_for(entry: bytes) -> tuple[int, bytes]:
    return EPOCH, entry[:32]


# What is served is not what was signed.


def test_the_board_of_these_tests_is_in_order(
    connect: Connect, served: HttpBoard, entries: list[bytes]
) -> None:
    found = connect(served.url).fetch(*looked_for(entries[300]))
    assert found is not None
    assert bytes(found) == entries[300]


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("harm", [flipped, lambda data: data[:-1], lambda _: b""])
@pytest.mark.parametrize(
    "name",
    [
        "tile/0/000.p/2",
        "tile/entries/000.p/2",
        f"{EDITION}index",
        f"{EDITION}tile/1/000.p/2",
        f"{EDITION}tile/entries/001",
    ],
)
def test_a_damaged_file(
    connect: Connect,
    served: HttpBoard,
    entries: list[bytes],
    name: str,
    harm: Callable[[bytes], bytes],
) -> None:
    client = connect(served.url)
    served.replace(name, harm(served.board.object(name)))
    fails("damaged", lambda: client.fetch(*looked_for(entries[300])), name[:4])
    del served.answers[name]
    assert client.fetch(*looked_for(entries[300])) is not None


def test_a_swapped_bundle(connect: Connect, served: HttpBoard, entries: list[bytes]) -> None:
    other = served.board.object(f"{EDITION}tile/entries/000")
    served.replace(f"{EDITION}tile/entries/001", other)
    fails("damaged", lambda: connect(served.url).fetch(*looked_for(entries[300])))


def test_a_bundle_of_another_edition(
    connect: Connect, served: HttpBoard, forged: ForgedBoard, entries: list[bytes]
) -> None:
    forged.publish(EPOCH, dummies(BUNDLE), number=1, time=EPOCH * DAY)
    name = f"{EPOCH}/1/tile/entries/000"
    served.replace(name, forged.object(f"{EDITION}tile/entries/000"))
    fails("damaged", lambda: connect(served.url).fetch(*looked_for(entries[300])), name)


def test_an_index_of_another_edition(
    connect: Connect, served: HttpBoard, entries: list[bytes]
) -> None:
    served.replace(f"{EDITION}index", bytes(16))
    fails("damaged", lambda: connect(served.url).fetch(*looked_for(entries[0])), "index")


def test_a_bundle_of_the_master_log_without_a_manifest(
    connect: Connect, served: HttpBoard, forged: ForgedBoard
) -> None:
    """A manifest that was signed cannot be left out, nor be changed."""
    forged.publish(EPOCH, dummies(BUNDLE), number=1, time=EPOCH * DAY)
    cut = forged.object("tile/entries/000.p/2")
    served.replace("tile/entries/000.p/3", cut)
    fails("damaged", lambda: connect(served.url).editions(EPOCH), "3")
    changed = forged.object("tile/entries/000.p/3").replace(b"\n20000\n1\n", b"\n20000\n2\n")
    served.replace("tile/entries/000.p/3", changed)
    fails("damaged", lambda: connect(served.url).editions(EPOCH), "its entries do not match")


@pytest.mark.parametrize("name", [f"{EDITION}index", f"{EDITION}tile/entries/001", "checkpoint"])
def test_a_missing_file(
    connect: Connect, served: HttpBoard, entries: list[bytes], name: str
) -> None:
    served.replace(name, b"", status=404)
    fails("missing", lambda: connect(served.url).fetch(*looked_for(entries[300])), name)


# Answers of no board.


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/2", f"{EDITION}index"])
def test_too_long_a_body(
    connect: Connect, served: HttpBoard, entries: list[bytes], name: str
) -> None:
    served.replace(name, bytes(2_000_000))
    fails("unreachable", lambda: connect(served.url).fetch(*looked_for(entries[300])), "more than")


def test_no_more_is_read_than_may_be(connect: Connect, served: HttpBoard) -> None:
    """A body that would never end is cut off at its limit, not at the time limit."""
    served.replace("tile/0/000.p/2", bytes(200_000_000))
    start = time.monotonic()
    fails("unreachable", lambda: connect(served.url).editions(EPOCH), "more than 64 bytes")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(connect: Connect, served: HttpBoard, status: int) -> None:
    headers = {"Location": f"{served.url}/elsewhere"}
    served.replace("checkpoint", b"", status=status, headers=headers)
    fails("unreachable", connect(served.url).checkpoint, "redirect")
    served.replace("posts", b"", status=status, headers=headers)
    served.answers.pop("checkpoint")
    fails("unreachable", lambda: connect(served.url).submit(make_post()), str(status))
    assert "elsewhere" not in served.paths


def test_a_slow_body(connect: Connect, served: HttpBoard) -> None:
    served.replace("checkpoint", pause=20.0)
    start = time.monotonic()
    fails("unreachable", connect(served.url, timeout=0.3).checkpoint, "within the time limit")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("status", [400, 403, 429, 500, 502, 503, 204, 206])
def test_other_statuses(connect: Connect, served: HttpBoard, status: int) -> None:
    served.replace("checkpoint", b"", status=status)
    fails("unreachable", connect(served.url).checkpoint, f"status {status}")


def test_nobody_there(connect: Connect) -> None:
    told = fails("unreachable", connect("http://127.0.0.1:1/b").checkpoint)
    problem = "connection refused, or no route to the host. Is `billboard serve` running?"
    assert str(told) == f"http://127.0.0.1:1/b/checkpoint: {problem}"


# What is signed is not what it should be.


def signed(text: str, *signers: NoteSigner) -> bytes:
    return bytes(Note(text, tuple(signer.sign(text) for signer in signers)))


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"\xff" * 100,
        b"example.org/board\n2\n",
        f"{ORIGIN}\n2\n{'A' * 43}=\n\n".encode(),
        signed(f"{ORIGIN}\n2\n", make_signer()),
        signed(f"{ORIGIN}\n02\n{'A' * 43}=\n", make_signer()),
        signed(f"{ORIGIN}\n2\n{'A' * 42}==\n", make_signer()),
        signed(str(Checkpoint("example.org/other", 2, bytes(32))), make_signer()),
        signed(str(Checkpoint(ORIGIN, 2, bytes(32))), other_signer()),
        signed(str(Checkpoint(ORIGIN, 2, bytes(32))), other_signer("example.org/other")),
        signed(str(Checkpoint(ORIGIN, 2, bytes(32))), make_signer()).replace(b"AAA", b"AAB"),
        Receipt.sign(make_signer(), EPOCH, b"post", 5).note.text.encode(),
        bytes(Receipt.sign(make_signer(), EPOCH, b"post", 5)),
    ],
)
def test_malformed_notes(connect: Connect, served: HttpBoard, note: bytes) -> None:
    served.replace("checkpoint", note)
    fails("signature", connect(served.url).checkpoint, "cannot be trusted")


def test_witnesses_must_have_cosigned(connect: Connect, served: HttpBoard) -> None:
    witnesses = [
        NoteSigner(f"witness{i}.example", Algorithm.COSIGNATURE, bytes([i]) * 32) for i in range(3)
    ]
    policy = Policy(KEY, tuple(each.key for each in witnesses), 2)
    note = Note.from_bytes(served.board.checkpoint())
    fails("signature", connect(served.url, policy).checkpoint, "0 known witnesses")
    one, two = (each.sign(note.text, time=int(NOW)) for each in witnesses[:2])
    served.replace("checkpoint", bytes(note.signed(one)))
    fails("signature", connect(served.url, policy).checkpoint, "1 known witnesses")
    served.replace("checkpoint", bytes(note.signed(one, one)))
    fails("signature", connect(served.url, policy).checkpoint, "1 known witnesses")
    served.replace("checkpoint", bytes(note.signed(one, two)))
    assert connect(served.url, policy).checkpoint().size == 2


# Forks. The board is followed over a restart.


def shorter() -> ForgedBoard:
    forged = ForgedBoard()
    forged.publish(EPOCH, dummies(BUNDLE))
    return forged


def fork_of_the_same_size(entries: list[bytes]) -> ForgedBoard:
    forged = shorter()
    forged.publish(EPOCH, entries, number=1)
    return forged


def fork_that_shrank(_: list[bytes]) -> ForgedBoard:
    return shorter()


def fork_that_grew(entries: list[bytes]) -> ForgedBoard:
    forged = fork_of_the_same_size(entries)
    for number in range(2, 300):
        forged.log_leaf(Edition(EPOCH, number, 256, bytes(32), bytes(32), EPOCH * DAY))
    return forged


def fork_of_other_parameters(_: list[bytes]) -> ForgedBoard:
    return ForgedBoard(late_interval=7)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(
    "fork",
    [fork_of_the_same_size, fork_that_shrank, fork_that_grew, fork_of_other_parameters],
)
def test_a_fork(
    connect: Connect,
    served: HttpBoard,
    forged: ForgedBoard,
    entries: list[bytes],
    tmp_path: Path,
    fork: Callable[[list[bytes]], ForgedBoard],
    restart: bool,
) -> None:
    clock = Clock()
    forged.publish(EPOCH, dummies(BUNDLE), number=1)
    options = {"directory": tmp_path / "cache", "clock": clock}
    client = connect(served.url, **options)
    assert client.checkpoint().size == 3
    assert len(client.editions(EPOCH)) == 2
    if restart:
        client.close()
        client = connect(served.url, **options)
    first, served.board = forged.note, fork(entries)
    clock.now += 60
    error = fails("fork", lambda: client.editions(EPOCH), "neither continues")
    assert error.evidence == (first, served.board.checkpoint())
    for note in error.evidence:
        assert Policy(KEY).verify(Note.from_bytes(note)).origin == ORIGIN
    # And it stays with what it took.
    served.board = forged
    assert client.checkpoint().size == 3


def test_a_fork_between_two_procedures(entries: list[bytes]) -> None:
    """Two that run at once and each follow what was taken before, but not each other."""
    boards = ForgedBoard(), ForgedBoard()
    for board in boards:
        board.publish(EPOCH, entries)
    reader = Reader(Policy(KEY), Cache(memory=0), Clock())
    answer_all(reader.checkpoint(), boards[0])
    procedures = [reader.checkpoint() for _ in boards]
    asked = [next(procedure) for procedure in procedures]
    boards[0].publish(EPOCH, dummies(BUNDLE), number=1)
    boards[1].publish(EPOCH, dummies(BUNDLE), number=1)
    asked = [p.send(answers(a, b)) for p, a, b in zip(procedures, asked, boards, strict=True)]
    answer_all(procedures[0], boards[0], asked[0])
    error = fails("fork", lambda: answer_all(procedures[1], boards[1], asked[1]))
    assert error.evidence == (boards[0].note, boards[1].note)


Asked = tuple[Request | FindWork, ...]


def answers(asked: Asked, board: ForgedBoard) -> tuple[Response, ...]:
    paths = [each.path for each in asked if isinstance(each, Request)]
    found = [board.note if path == "checkpoint" else board.object(path) for path in paths]
    return tuple(Response(200, data) for data in found)


def answer_all(procedure: Procedure[Taken], board: ForgedBoard, asked: Asked | None = None) -> None:
    """Run ``procedure`` to its end on a board."""
    try:
        asked = next(procedure) if asked is None else asked
        while True:
            asked = procedure.send(answers(asked, board))
    except StopIteration:
        return


def test_two_logs_that_can_not_be_compared(
    connect: Connect, served: HttpBoard, forged: ForgedBoard
) -> None:
    client, before = connect(served.url), forged.note
    client.checkpoint()
    forged.publish(EPOCH, dummies(BUNDLE), number=1)
    served.replace("tile/0/000.p/3", b"", status=404)
    error = fails("missing", client.checkpoint, "one with 2 entries, one with 3")
    assert error.evidence == (before, forged.note)
    served.replace("tile/0/000.p/3", bytes(96))
    assert fails("damaged", client.checkpoint).evidence == (before, forged.note)
    served.answers.clear()
    assert client.checkpoint().size == 3


def test_an_old_checkpoint_is_not_taken(
    connect: Connect, served: HttpBoard, forged: ForgedBoard
) -> None:
    """A cache on the way may have kept one. What was read stays known."""
    old = forged.note
    forged.publish(EPOCH, dummies(BUNDLE), number=1)
    client = connect(served.url)
    assert client.checkpoint().size == 3
    served.replace("checkpoint", old)
    assert client.checkpoint().size == 3
    assert len(client.editions(EPOCH)) == 2


# Freshness.


@pytest.mark.parametrize(
    ("now", "fresh"),
    [
        (EPOCH * DAY + 3 * 3600 - 1, True),
        (EPOCH * DAY + 3 * 3600, False),
        (EPOCH * DAY + 30 * 3600, False),
    ],
)
def test_freshness(
    connect: Connect, served: HttpBoard, entries: list[bytes], now: int, fresh: bool
) -> None:
    """The edition due an hour after midnight must be there two hours later: I = S = 1 hour."""
    client = connect(served.url, clock=Clock(now))
    if fresh:
        assert len(client.editions(EPOCH)) == 1
    else:
        stale = fails("stale", lambda: client.editions(EPOCH), "was due at")
        assert stale.evidence == (served.board.checkpoint(),)
        fails("stale", lambda: client.fetch(*looked_for(entries[0])))
        fails("stale", lambda: client.find(make_lane().grant(EPOCH)))
        assert client.fetch(*looked_for(entries[0]), accept_stale=True) is not None
        assert client.find(make_lane().grant(EPOCH), EPOCH, accept_stale=True) is None


def test_an_epoch_that_did_not_begin_is_stale(connect: Connect, served: HttpBoard) -> None:
    begin = (EPOCH + 1) * DAY
    assert connect(served.url, clock=Clock(begin + 7199)).editions(EPOCH + 1) == ()
    late = connect(served.url, clock=Clock(begin + 7200))
    fails("stale", lambda: late.editions(EPOCH + 1), "there is none")
    assert late.editions(EPOCH + 1, accept_stale=True) == ()


def test_all_that_a_past_epoch_asks_for(
    connect: Connect, served: HttpBoard, forged: ForgedBoard
) -> None:
    """Its last edition is due an hour after its end, and makes it fresh for ever."""
    last = (EPOCH + 1) * DAY + 3600
    forged.publish(EPOCH, dummies(BUNDLE), number=1, time=last - 3600)
    fails("stale", lambda: connect(served.url, clock=Clock(NOW + 9 * DAY)).editions(EPOCH))
    forged.publish(EPOCH, dummies(BUNDLE), number=2, time=last)
    assert len(connect(served.url, clock=Clock(NOW + 9 * DAY)).editions(EPOCH)) == 3


# What is signed breaks a rule.


def board_of(*leaves: bytes | Edition | BoardParameters) -> ForgedBoard:
    forged = ForgedBoard()
    for leaf in leaves:
        forged.log_leaf(leaf)
    return forged


def edition(number: int, size: int = 256) -> Edition:
    return Edition(EPOCH, number, size, bytes(32), bytes(32), EPOCH * DAY)


@pytest.mark.parametrize(
    ("leaves", "problem"),
    [
        ([b"garbage\n"], "an entry of its master log"),
        ([encode_leaf("example.org/other", edition(0))], "is not one of example.org/board"),
        ([encode_leaf(ORIGIN, edition(0)) + b"\n"], "an entry of its master log"),
        ([edition(1)], "not numbered"),
        ([edition(0), edition(2)], "not numbered"),
        ([edition(0), edition(1), edition(1)], "not numbered"),
        ([edition(0), edition(0)], "not numbered"),
        ([edition(0, 2**28 + 256)], "is not believed"),
    ],
)
def test_a_master_log_against_the_rules(
    connect: Connect, leaves: list[bytes | Edition], problem: str
) -> None:
    forged = board_of(*leaves)
    with HttpBoard(forged) as http:
        client = connect(http.url)
        error = fails("misbehavior", lambda: client.fetch(EPOCH, bytes(32)), problem)
        assert error.evidence == (forged.note,)


def test_a_log_that_does_not_begin_with_the_board(connect: Connect) -> None:
    forged = ForgedBoard(first=edition(0))
    with HttpBoard(forged) as http:
        fails("misbehavior", connect(http.url).parameters, "does not begin with")
        forged.note = forged.sign(Checkpoint(ORIGIN, 0, merkle.EMPTY))
        fails("misbehavior", connect(http.url).parameters, "is empty")


def test_an_index_that_is_not_that_of_the_posts(connect: Connect, entries: list[bytes]) -> None:
    forged = ForgedBoard()
    wrong = entries[0][:PREFIX] + entries[255][:PREFIX]
    forged.publish(EPOCH, entries, index=wrong)
    with HttpBoard(forged) as http:
        fetch = connect(http.url).fetch
        fails("misbehavior", lambda: fetch(*looked_for(entries[255])), "index of epoch")


@pytest.mark.parametrize("index", [bytes(8) + b"\xff" * 8, b"\xff" * 8 + bytes(8)])
def test_an_index_that_can_not_be(connect: Connect, entries: list[bytes], index: bytes) -> None:
    forged = ForgedBoard()
    forged.publish(EPOCH, entries, index=index)
    with HttpBoard(forged) as http, pytest.raises(BoardError) as caught:
        connect(http.url).fetch(*looked_for(entries[300]))
    assert caught.value.reason in ("misbehavior", "damaged")


def replaced(post: Post, **fields: int | bytes) -> bytes:
    data = bytearray(bytes(post))
    for name, value in fields.items():
        offset, length = {"epoch": (33, 4), "box": (200, 1), "version": (32, 1)}[name]
        if name == "box":  # which is random
            value = data[offset] ^ int(value)
        data[offset : offset + length] = int(value).to_bytes(length, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [({"version": 7}, "version 7"), ({"epoch": EPOCH + 1}, "verify"), ({"box": 1}, "verify")],
)
def test_a_post_that_is_none(
    connect: Connect, entries: list[bytes], fields: dict[str, int], problem: str
) -> None:
    post, forged = make_post(), ForgedBoard()
    forged.publish(EPOCH, sorted([*entries[1:], replaced(post, **fields)]))
    with HttpBoard(forged) as http:
        client = connect(http.url)
        fails("misbehavior", lambda: client.fetch(EPOCH, post.identifier), problem)


def test_a_post_of_another_epoch(connect: Connect, entries: list[bytes]) -> None:
    post, forged = make_post(epoch=EPOCH + 1), ForgedBoard()
    forged.publish(EPOCH, sorted([*entries[1:], bytes(post)]))
    with HttpBoard(forged) as http:
        client = connect(http.url)
        fails("misbehavior", lambda: client.fetch(EPOCH, post.identifier), "a post of epoch 20001")


def test_posts_that_are_not_sorted(connect: Connect, entries: list[bytes]) -> None:
    forged = ForgedBoard()
    forged.publish(EPOCH, [*entries[:2], entries[3], entries[2], *entries[4:]])
    with HttpBoard(forged) as http:
        client = connect(http.url)
        fails("misbehavior", lambda: client.fetch(*looked_for(entries[9])), "not sorted")


def test_a_post_twice(connect: Connect, forged: ForgedBoard, entries: list[bytes]) -> None:
    again = sorted([*dummies(BUNDLE - 1), entries[300]])
    forged.publish(EPOCH, again, number=1)
    with HttpBoard(forged) as http:
        client = connect(http.url)
        fails("misbehavior", lambda: client.fetch(*looked_for(entries[300])), "twice")
