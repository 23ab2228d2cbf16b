"""Monitors: honest boards pass, and each misbehavior is called by its name, with evidence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from billboard import BoardParameters, StoreError
from billboard.board.manifest import (
    PREFIX,
    Descriptor,
    Edition,
    decode_leaf,
    edition_origin,
    encode_leaf,
)
from billboard.board.monitor import STATUS, Finding, Monitor
from billboard.board.parameters import BUNDLE
from billboard.cli.app import app
from billboard.errors import BoardFault
from billboard.times import epoch_at
from billboard.tlog.checkpoint import Policy, Proof
from billboard.tlog.note import Algorithm, Note, NoteSigner
from board.http_board import ForgedBoard, HttpBoard, dummies
from board.support import DAY, EPOCH, ORIGIN, Clock, make_board, make_post, make_signer, make_store

KEY = make_signer().key
HOUR = 3600
BEGIN = EPOCH * DAY


@pytest.fixture
def served(forged: ForgedBoard) -> Iterator[HttpBoard]:
    with HttpBoard(forged) as http:
        yield http


@pytest.fixture
def look(served: HttpBoard, tmp_path: Path, clock: Clock) -> Callable[[], list[Finding]]:
    """Looks at the board once, as a process that starts anew."""

    def once() -> list[Finding]:
        directory = tmp_path / "monitor"
        with Monitor(served.url, Policy(KEY), directory, clock=clock) as monitor:
            return monitor.check()

    return once


Look = Callable[[], list[Finding]]


def only(findings: list[Finding], reason: str, what: str) -> Finding:
    (found,) = findings
    assert (found.reason, found.status) == (reason, STATUS[BoardFault(reason)])
    assert what in found.what
    return found


def written(directory: Path) -> dict[str, bytes]:
    evidence = directory / "monitor" / "evidence"
    return {str(path.relative_to(evidence)): path.read_bytes() for path in evidence.rglob("*.*")}


def test_an_honest_board_passes(tmp_path: Path, clock: Clock) -> None:
    """For a day and more, with posts, late posts, descriptors, down times and expiry."""
    with make_store(tmp_path) as store:
        board = make_board(store, clock)
        with HttpBoard(board) as http:
            monitor = Monitor(http.url, Policy(KEY), tmp_path / "monitor", clock=clock)
            clock.now = BEGIN + 21.5 * HOUR
            for hour in range(22, 28):
                board.submit(make_post(epoch=epoch_at(clock.now, DAY)))
                board.publish_due()
                assert monitor.check() == []
                if hour == 23:
                    board.publish_descriptor(Descriptor(b"a server"))
                clock.now += HOUR
            clock.now = (EPOCH + 2) * DAY + HOUR / 2
            (stale,) = {finding.reason for finding in monitor.check()}
            assert stale == "stale"
            board.publish_due()
            found = monitor.check()
            assert {finding.reason for finding in found} == {"schedule"}
            assert monitor.check() == []
            clock.now += DAY
            board.publish_due()
            board.expire()
            reasons = {finding.reason for finding in monitor.check()}
            assert reasons <= {"schedule", "stale"}
            verified = sorted(path.name for path in (tmp_path / "monitor/verified").iterdir())
            assert verified == [str(EPOCH + 2), str(EPOCH + 3)]
            monitor.close()


def test_what_was_verified_is_not_read_again(served: HttpBoard, look: Look) -> None:
    assert look() == []
    assert f"{EPOCH}/0/tile/entries/001" in served.paths
    assert f"{EPOCH}/0/tile/0/001" in served.paths
    served.forget()
    assert look() == []
    assert served.paths == ["checkpoint"]


def test_a_fork_is_kept_as_evidence(
    served: HttpBoard, forged: ForgedBoard, look: Look, tmp_path: Path
) -> None:
    forged.publish(EPOCH, dummies(BUNDLE), number=1)
    assert look() == []
    other = ForgedBoard()
    other.publish(EPOCH, dummies(BUNDLE))
    served.board = other
    for _ in range(2):
        found = only(look(), "fork", "neither continues the other")
        assert set(found.evidence.values()) == {forged.note, other.note}
    files = written(tmp_path)
    assert {name.split("/")[1] for name in files} == {"finding.txt"}
    (directory,) = (tmp_path / "monitor" / "evidence").iterdir()
    for name in ("checkpoint-1", "checkpoint-2"):
        assert Policy(KEY).verify(Note.from_bytes((directory / name).read_bytes())).size in (2, 3)
    served.board = forged
    assert look() == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("index", "damaged"),
        ("tile/0/000", "damaged"),
        ("tile/0/001", "damaged"),
        ("tile/1/000.p/2", "damaged"),
        ("tile/entries/000", "damaged"),
        ("tile/entries/001", "damaged"),
        ("checkpoint", "signature"),
    ],
)
def test_every_file_is_verified(served: HttpBoard, look: Look, name: str, reason: str) -> None:
    name = f"{EPOCH}/0/{name}"
    honest = served.board.object(name)
    served.replace(name, honest[:-2] + bytes([honest[-2] ^ 1]) + honest[-1:])
    only(look(), reason, f"edition 0 of epoch {EPOCH}: /{name.split('tile')[0]}")
    served.replace(name, b"", status=404)
    only(look(), "missing", name)
    served.answers.clear()
    assert look() == []


def test_the_tiles_of_the_master_log_are_verified(
    served: HttpBoard, forged: ForgedBoard, look: Look
) -> None:
    for _ in range(511):
        forged.log_leaf(Descriptor(b"a server"))
    assert forged.log.size == 513
    served.replace("tile/0/001", flipped(forged.object("tile/0/001")))
    only(look(), "damaged", "/tile/0/001")
    served.answers.clear()
    assert look() == []


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_board_that_can_not_be_reached(served: HttpBoard, look: Look) -> None:
    served.replace("checkpoint", b"", status=500)
    only(look(), "unreachable", "status 500")
    served.replace("checkpoint", b"note")
    only(look(), "signature", "cannot be trusted")


def test_a_stale_board(look: Look, clock: Clock) -> None:
    clock.now = BEGIN + 3 * HOUR - 1
    assert look() == []
    clock.now += 1
    only(look(), "stale", f"epoch {EPOCH} was due")


# Editions against the rules. Each is signed, and the evidence proves what is wrong offline.


def swapped(entries: list[bytes]) -> list[bytes]:
    return [*entries[:300], entries[301], entries[300], *entries[302:]]


def doubled(entries: list[bytes]) -> list[bytes]:
    return [*entries[:300], entries[300], entries[300], *entries[302:]]


def with_another(data: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda entries: sorted([*entries[1:], data])


def forged_post() -> bytes:
    return flipped(bytes(make_post()))


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (swapped, "post 301 of 20000/0/ is not greater than the one before"),
        (doubled, "post 301 of 20000/0/ is not greater than the one before"),
        (with_another(forged_post()), "does not verify"),
        (with_another(dummies(1, epoch=EPOCH + 1)[0]), "a post of epoch 20001"),
        (with_another(dummies(1, origin="example.org/other")[0]), "does not verify"),
        (with_another(dummies(1)[0][:-1]), "bytes, not 520"),
    ],
)
def test_an_edition_against_the_rules(
    served: HttpBoard,
    look: Look,
    entries: list[bytes],
    tmp_path: Path,
    harm: Callable[[list[bytes]], list[bytes]],
    what: str,
) -> None:
    forged = ForgedBoard()
    edition = forged.publish(EPOCH, harm(entries))
    served.board = forged
    for _ in range(2):
        found = only(look(), "misbehavior", what)
    assert decode_leaf(ORIGIN, found.evidence["manifest"]) == edition
    check_proof(found.evidence["manifest.proof"], found.evidence["manifest"])
    proven = [name for name in found.evidence if name.startswith("post-") and "." not in name]
    assert proven
    for name in proven:
        origin = edition_origin(ORIGIN, EPOCH, 0)
        post, proof = found.evidence[name], found.evidence[f"{name}.proof"]
        outer = check_proof(proof, post, origin)
        assert outer.extra == found.evidence["manifest.proof"]
    (directory,) = (tmp_path / "monitor" / "evidence").iterdir()
    assert {path.name for path in directory.iterdir()} == {*found.evidence, "finding.txt"}


def check_proof(data: bytes, entry: bytes, origin: str | None = None) -> Proof:
    proof = Proof.from_bytes(data)
    proof.verify(entry, Policy(KEY), origin)
    return proof


@pytest.mark.parametrize("at", [0, 1])
def test_an_index_of_other_posts(
    served: HttpBoard, look: Look, entries: list[bytes], at: int
) -> None:
    forged = ForgedBoard()
    index = [entries[0][:PREFIX], entries[BUNDLE][:PREFIX]]
    index[at] = flipped(index[at])
    forged.publish(EPOCH, entries, index=b"".join(index))
    served.board = forged
    found = only(look(), "misbehavior", f"post {BUNDLE * at} of 20000/0/ is not where the index")
    assert found.evidence["index"] == b"".join(index)


def test_a_checkpoint_of_an_edition_that_says_something_else(served: HttpBoard, look: Look) -> None:
    other = ForgedBoard()
    other.publish(EPOCH, dummies(BUNDLE))
    name = f"{EPOCH}/0/checkpoint"
    served.replace(name, other.object(name))
    found = only(look(), "misbehavior", "say different things")
    assert found.evidence["edition-checkpoint"] == other.object(name)


def test_a_post_in_two_editions(forged: ForgedBoard, look: Look, entries: list[bytes]) -> None:
    forged.publish(EPOCH, sorted([*dummies(BUNDLE - 1), entries[7]]), number=1)
    only(look(), "misbehavior", "is also in edition 0")


def test_the_same_fault_is_kept_once(
    served: HttpBoard, look: Look, entries: list[bytes], tmp_path: Path
) -> None:
    """However long the log grows meanwhile, with other proofs each time."""
    forged = ForgedBoard()
    forged.publish(EPOCH, swapped(entries))
    forged.log_leaf(b"garbage")
    served.board = forged
    kept: dict[str, bytes] = {}
    for number in range(3):
        assert [finding.reason for finding in look()] == ["misbehavior"] * 2
        forged.log_leaf(Descriptor(b"server %d" % number))
        kept = kept or written(tmp_path)
        assert written(tmp_path) == kept
    assert len(list((tmp_path / "monitor" / "evidence").iterdir())) == 2


def test_evidence_is_bounded(
    served: HttpBoard,
    forged: ForgedBoard,
    look: Look,
    entries: list[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What has no place is still reported, and faults of one kind leave room for others."""
    forged.log_leaf(Descriptor(b"a server"))
    assert look() == []
    monkeypatch.setattr("billboard.board.monitor.MOST_EVIDENCE", 3)
    evidence = tmp_path / "monitor" / "evidence"
    for number in range(5):
        served.board = fork = ForgedBoard()
        fork.publish(EPOCH, entries)
        fork.log_leaf(Descriptor(b"server %d" % number))
        found = only(look(), "fork", "neither continues the other")
        assert ("not kept" in found.what) == (number >= 3)
        assert len(list(evidence.iterdir())) == min(number + 1, 3)
    served.board = forged
    forged.log_leaf(b"garbage")
    assert "not kept" not in only(look(), "misbehavior", "entry 3").what
    assert len(list(evidence.iterdir())) == 4


def test_evidence_that_was_cut_off_is_written_again(
    forged: ForgedBoard, look: Look, tmp_path: Path
) -> None:
    forged.log_leaf(b"garbage")
    look()
    kept = written(tmp_path)
    (directory,) = (tmp_path / "monitor" / "evidence").iterdir()
    (directory / "finding.txt").unlink()
    (directory / "entry").write_bytes(b"gar")
    look()
    assert written(tmp_path) == kept
    assert (directory / "entry").read_bytes() == b"garbage"


# The master log against the rules.


def edition(number: int, time: int = BEGIN, epoch: int = EPOCH) -> Edition:
    return Edition(epoch, number, 256, bytes(32), bytes(32), time)


@pytest.mark.parametrize(
    ("leaf", "what"),
    [
        (b"garbage", "entry 2 of its master log cannot be understood"),
        (encode_leaf("example.org/other", edition(1)), "entry 2 of its master log"),
        (BoardParameters(ORIGIN), "entry 2 has its parameters again"),
        (edition(2), "edition 2 of epoch 20000 comes where 1 should"),
        (edition(0), "edition 0 of epoch 20000 comes where 1 should"),
        (edition(1, BEGIN + 1), "when no edition is"),
        (edition(1, BEGIN - HOUR), "when no edition is"),
        (edition(1, BEGIN + 26 * HOUR), "when no edition is"),
        (edition(1, BEGIN + 2 * HOUR), "yet to come"),
        (edition(0, BEGIN - 3 * DAY, EPOCH - 3), "comes after one of epoch 20000"),
    ],
)
def test_a_master_log_against_the_rules(
    forged: ForgedBoard, look: Look, leaf: bytes | Edition | BoardParameters, what: str
) -> None:
    forged.log_leaf(leaf)
    found = next(each for each in look() if what in each.what)
    assert found.reason == "misbehavior"
    encoded = leaf if isinstance(leaf, bytes) else encode_leaf(ORIGIN, leaf)
    assert found.evidence["entry"] == encoded
    assert check_proof(found.evidence["entry.proof"], encoded).index == 2


def test_times_that_go_back(forged: ForgedBoard, look: Look, clock: Clock) -> None:
    clock.now = BEGIN + 2 * HOUR
    forged.publish(EPOCH, dummies(BUNDLE), number=1, time=BEGIN + HOUR)
    assert look() == []
    forged.publish(EPOCH, dummies(BUNDLE), number=2)
    only(look(), "misbehavior", "earlier than the one before")


@pytest.mark.parametrize(
    ("published", "what"),
    [
        (edition(1, BEGIN + 2 * HOUR), "the one due at 1728003600 was left out"),
        (edition(0, BEGIN + DAY + HOUR, EPOCH + 1), "the one due at 1728086400 was left out"),
        (edition(0, BEGIN + 2 * DAY, EPOCH + 2), "comes right after epoch 20000"),
    ],
)
def test_editions_that_were_left_out(
    forged: ForgedBoard, look: Look, clock: Clock, published: Edition, what: str
) -> None:
    """That is reported once: a board that was down cannot mend it."""
    clock.now = published.time + 60
    forged.publish(
        published.epoch,
        dummies(BUNDLE, epoch=published.epoch),
        number=published.number,
        time=published.time,
    )
    for reasons in (["schedule"], []):
        found = [each for each in look() if each.reason != "stale"]
        assert [each.reason for each in found] == reasons
        assert all(what in each.what for each in found)


def test_an_epoch_may_be_closed_ahead(forged: ForgedBoard, look: Look, clock: Clock) -> None:
    """By an hour, if clocks differ by another."""
    forged.publish(EPOCH + 1, dummies(BUNDLE, epoch=EPOCH + 1))
    clock.now = BEGIN + DAY - 2 * HOUR - 1
    found = [each.what for each in look()]
    assert any("edition 0 of epoch 20001 is of" in what for what in found)
    clock.now += 1
    found = [each.what for each in look()]
    assert not any("edition 0 of epoch 20001" in what for what in found)


def test_a_damaged_state_is_said_to_be(look: Look, tmp_path: Path) -> None:
    assert look() == []
    (tmp_path / "monitor" / "checked").write_text("many")
    with pytest.raises(StoreError, match="checked is damaged"):
        look()


# The command.


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["monitor", *arguments])


def test_the_command_tells_by_its_status(tmp_path: Path) -> None:
    now = epoch_at(None, DAY)
    forged = ForgedBoard()
    due = forged.parameters.due(now, time.time())
    forged.publish(now, dummies(BUNDLE, epoch=now), time=due)
    directory = ["--directory", str(tmp_path / "monitor"), "--key", str(KEY)]
    with HttpBoard(forged) as http:
        honest = run(http.url, *directory, "--once")
        assert (honest.exit_code, honest.stderr) == (0, "")
        assert "2 entries, all in order" in honest.stdout
        http.replace("checkpoint", b"", status=500)
        assert run(http.url, *directory, "--once").exit_code == 3
        http.answers.clear()
        http.board = ForgedBoard(late_interval=7)
        http.board.log_leaf(Descriptor(b"another"))
        forked = run(http.url, *directory, "--every", "1")
        assert forked.exit_code == 10
        assert "fork: example.org/board signed two logs" in forked.stderr
        cosigner = NoteSigner("witness.example", Algorithm.COSIGNATURE, bytes(32))
        witness = ["--witness", str(cosigner.key)]
        assert run(http.url, *directory, *witness, "--once").exit_code == 8
    assert list((tmp_path / "monitor" / "evidence").iterdir())
    assert run("http://127.0.0.1:1", "--directory", str(tmp_path), "--key", "bad").exit_code == 1


def test_every_reason_has_a_status() -> None:
    """But ``lost``, which only who has a receipt can know."""
    assert list(STATUS) == [each for each in BoardFault if each is not BoardFault.LOST]
    assert list(STATUS.values()) == sorted(STATUS.values())
    assert len(set(STATUS.values())) == len(STATUS)
    assert max(STATUS, key=STATUS.__getitem__) is BoardFault.FORK
