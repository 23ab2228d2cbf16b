"""What a witness cosigns, and what it refuses (SPEC 9.4; C2SP tlog-witness)."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from billboard import InvalidEncodingError, StoreError
from billboard.errors import RefusedCheckpointError
from billboard.storage.database import Database
from billboard.tlog.checkpoint import Policy
from billboard.tlog.cosigner import (
    DATABASE,
    SCHEMA,
    AddCheckpoint,
    Cosigner,
    create_witness,
    open_witness,
)
from billboard.tlog.note import Note, Signature
from billboard.tlog.witness_server import LARGEST_REQUEST, create_witness_app
from tlog.witnesses import Log, body, log_signer, serving, tree_hash, tree_proof, witness_signer

NOW = 1_700_000_000
LOG, OTHER_KEY, WITNESS = log_signer(), log_signer(), witness_signer()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.create(tmp_path / DATABASE, SCHEMA)
    yield opened
    opened.close()


@pytest.fixture
def cosigner(database: Database) -> Cosigner:
    return Cosigner(database, WITNESS, [LOG.key], clock=lambda: NOW + 0.5)


@pytest.fixture
def log() -> Log:
    return Log(LOG)


def refused(cosigner: Cosigner, request: bytes) -> RefusedCheckpointError:
    with pytest.raises(RefusedCheckpointError) as caught:
        cosigner.add_checkpoint(request)
    return caught.value


def origin_hash(origin: str = LOG.key.name) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


def test_a_cosignature_is_of_the_checkpoint_and_has_its_time(cosigner: Cosigner, log: Log) -> None:
    signature = cosigner.add_checkpoint(log.request(0, 5))
    note = Note.from_bytes(log.note(5)).signed(signature)
    assert note.time_of(WITNESS.key) == NOW
    checkpoint = Policy(LOG.key, (WITNESS.key,), 1).verify(note)
    assert (checkpoint.size, checkpoint.root) == (5, tree_hash(log.entries(5)))


def test_a_log_is_followed_from_any_size_to_any_other(database: Database) -> None:
    for old in range(18):
        for new in range(old, 18):
            log = Log(log_signer(f"example.org/{old}/{new}"))
            cosigner = Cosigner(database, WITNESS, [log.signer.key])
            cosigner.add_checkpoint(log.request(0, old))
            cosigner.add_checkpoint(log.request(old, new))
            assert cosigner.sizes()[log.signer.key.name] == new
            if old < new:
                assert refused(cosigner, log.request(old, new + 1)).size == new


def test_the_same_again_is_cosigned_again(cosigner: Cosigner, log: Log) -> None:
    cosigner.add_checkpoint(log.request(0, 5))
    assert cosigner.add_checkpoint(log.request(5, 5)).is_of(WITNESS.key)


def test_the_last_checkpoint_is_shown(cosigner: Cosigner, log: Log) -> None:
    with pytest.raises(LookupError):
        cosigner.checkpoint(origin_hash())
    for old, new in ((0, 3), (3, 7)):
        text = log.text(new)
        unknown = f"{OTHER_KEY.sign(text)}{witness_signer('example.com/x').sign(text, time=1)}"
        request = body(old, tree_proof(old, log.entries(new)) if old else [], log.note(new))
        signature = cosigner.add_checkpoint(request + unknown.encode())
        shown = cosigner.checkpoint(origin_hash())
        assert shown == log.note(new) + str(signature).encode()  # nothing that was not verified
    with pytest.raises(LookupError):
        cosigner.checkpoint(origin_hash("example.org/other"))


def test_several_keys_of_a_log_and_several_logs(database: Database) -> None:
    another = log_signer("example.org/another")
    cosigner = Cosigner(database, WITNESS, [LOG.key, OTHER_KEY.key, another.key])
    cosigner.add_checkpoint(Log(LOG).request(0, 3))
    cosigner.add_checkpoint(Log(OTHER_KEY).request(3, 4))  # the same origin
    cosigner.add_checkpoint(Log(another).request(0, 9))
    assert cosigner.sizes() == {LOG.key.name: 4, another.key.name: 9}
    text = Log(LOG).text(5)
    both = f"{text}\n{LOG.sign(text)}{OTHER_KEY.sign(Log(LOG).text(6))}".encode()
    proof = tree_proof(4, Log(LOG).entries(5))
    assert refused(cosigner, body(4, proof, both)).status == 403


def test_only_a_key_that_cosigns_makes_a_witness(database: Database) -> None:
    with pytest.raises(InvalidEncodingError, match="cosigns"):
        Cosigner(database, LOG, [LOG.key])


WATCHED = Log(LOG)
FORK = Log(LOG, b"fork")
UNWATCHED = Log(log_signer("example.org/unwatched"))
NOTE = WATCHED.note(8)
PROOF = tree_proof(5, WATCHED.entries(8))


def with_signature(size: int, signature: Signature) -> bytes:
    return f"{WATCHED.text(size)}\n{signature}".encode()


def forged() -> Signature:
    right = LOG.sign(WATCHED.text(8))
    return Signature(right.name, right.key_id, bytes(64))


REQUESTS: dict[str, tuple[int, bytes]] = {
    "empty": (400, b""),
    "not text": (400, b"\xff" * 100),
    "no old size": (400, NOTE),
    "no old size but a proof": (400, body(5, PROOF, NOTE).partition(b"\n")[2]),
    "old size twice": (400, b"old 5\n" + body(5, PROOF, NOTE)),
    "old size with a zero": (400, body("05", PROOF, NOTE)),
    "old size below zero": (400, body(-5, PROOF, NOTE)),
    "old size without number": (400, body("", PROOF, NOTE)),
    "old size too large": (400, body(2**63, PROOF, NOTE)),
    "old size with two spaces": (400, body(" 5", PROOF, NOTE)),
    "old size with CR": (400, body("5\r", PROOF, NOTE)),
    "old size in other digits": (400, body("٥", PROOF, NOTE)),
    "a short hash": (400, body(5, [*PROOF, bytes(31)], NOTE)),
    "a hash that is not base64": (400, body(5, PROOF, NOTE).replace(b"=\n", b"\n", 1)),
    "too long a proof": (400, body(5, [bytes(32)] * 64, NOTE)),
    "no empty line": (400, body(5, PROOF, NOTE).replace(b"\n\n", b"\n", 1)),
    "no note": (400, body(5, PROOF, b"")),
    "no signature": (400, body(5, PROOF, WATCHED.text(8).encode() + b"\n")),
    "no end of the last line": (400, body(5, PROOF, NOTE[:-1])),
    "a note that is no checkpoint": (400, body(5, PROOF, NOTE.replace(b"\n8\n", b"\n", 1))),
    "a size that is no number": (400, body(5, PROOF, NOTE.replace(b"\n8\n", b"\n08\n", 1))),
    "an old size above the size": (400, body(5, [], WATCHED.note(4))),
    "an unknown log": (404, UNWATCHED.request(0, 3)),
    "an unknown log, badly signed": (404, UNWATCHED.request(0, 3)[:-10] + b"AAAAAAAA=\n"),
    "an unknown key": (403, body(5, PROOF, with_signature(8, OTHER_KEY.sign(WATCHED.text(8))))),
    "a signature of another text": (403, body(5, PROOF, with_signature(8, LOG.sign("x\n")))),
    "a forged signature": (403, body(5, PROOF, with_signature(8, forged()))),
    "a forged signature beside": (403, body(5, PROOF, NOTE + str(forged()).encode())),
    "a signature cut short": (403, body(5, PROOF, with_signature(8, Signature(
        LOG.key.name, LOG.key.key_id, bytes(3))))),
    "an older size": (409, WATCHED.request(3, 8)),
    "no old size known": (409, WATCHED.request(0, 8)),
    "a larger old size": (409, WATCHED.request(7, 8)),
    "an older checkpoint": (409, WATCHED.request(3, 4)),
    "an old size and no proof": (409, body(3, [], NOTE)),
    "a fork": (422, FORK.request(5, 8)),
    "a fork of the same size": (422, FORK.request(5, 5)),
    "no proof": (422, body(5, [], NOTE)),
    "a proof cut short": (422, body(5, PROOF[:-1], NOTE)),
    "a proof too long": (422, body(5, [*PROOF, bytes(32)], NOTE)),
    "another proof": (422, body(5, [*PROOF[:-1], bytes(32)], NOTE)),
    "a proof where there is none": (422, body(5, [bytes(32)], WATCHED.note(5))),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_refused_changes_nothing(cosigner: Cosigner, name: str) -> None:
    """Each of these is one step away from what is accepted, if a log with 5 entries is known."""
    cosigner.add_checkpoint(WATCHED.request(0, 5))
    before = cosigner.checkpoint(origin_hash())
    status, request = REQUESTS[name]
    assert refused(cosigner, request).status == status
    assert cosigner.checkpoint(origin_hash()) == before
    cosigner.add_checkpoint(body(5, PROOF, NOTE))


@pytest.mark.parametrize(
    ("old", "proof", "size", "root", "status"),
    [
        (0, [bytes(32)], 5, None, 422),
        (0, [], 0, bytes(32), 422),
        (0, [bytes(32)], 0, None, 422),
        (1, [], 5, None, 409),
    ],
)
def test_what_is_refused_of_a_log_that_was_never_seen(
    cosigner: Cosigner, log: Log, old: int, proof: list[bytes], size: int, root: bytes, status: int
) -> None:
    refusal = refused(cosigner, body(old, proof, log.note(size, root)))
    assert (refusal.status, refusal.size) == (status, 0 if status == 409 else None)
    assert cosigner.sizes() == {}


def test_a_log_without_entries_is_cosigned(cosigner: Cosigner, log: Log) -> None:
    cosigner.add_checkpoint(log.request(0, 0))
    cosigner.add_checkpoint(log.request(0, 2))
    assert refused(cosigner, log.request(0, 0)).size == 2


def test_a_request_decodes_to_what_was_encoded(log: Log) -> None:
    for old, size in ((0, 0), (0, 4), (3, 8), (8, 8)):
        request = log.request(old, size)
        assert bytes(AddCheckpoint.from_bytes(request)) == request


def at_once(*calls: Callable[[], Signature]) -> list[Signature | RefusedCheckpointError]:
    """What came of each call; all begin together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Signature]) -> Signature | RefusedCheckpointError:
        barrier.wait()
        try:
            return call()
        except RefusedCheckpointError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_requests_from_one_size_only_one_is_cosigned(database: Database, log: Log) -> None:
    """The race of tlog-witness: else the slower could take back what the faster was given."""

    def slow() -> float:  # it is asked between the comparison and the change
        time.sleep(0.02)
        return NOW

    cosigner = Cosigner(database, WITNESS, [LOG.key], clock=slow)
    cosigner.add_checkpoint(log.request(0, 4))
    size = 4
    for _ in range(5):
        requests = [log.request(size, size + step) for step in (1, 7, 1, 3)]
        outcomes = at_once(*(lambda r=r: cosigner.add_checkpoint(r) for r in requests))
        won = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, Signature)]
        assert len(won) == 1
        size += (1, 7, 1, 3)[won[0]]
        assert cosigner.sizes() == {LOG.key.name: size}
        lost = [each for each in outcomes if isinstance(each, RefusedCheckpointError)]
        assert {(each.status, each.size) for each in lost} == {(409, size)}


def test_two_forks_at_once(database: Database) -> None:
    def slow() -> float:
        time.sleep(0.02)
        return NOW

    cosigner = Cosigner(database, WITNESS, [LOG.key], clock=slow)
    logs = [Log(LOG, bytes([i])) for i in range(4)]
    outcomes = at_once(*(lambda g=g: cosigner.add_checkpoint(g.request(0, 3)) for g in logs))
    assert sum(isinstance(outcome, Signature) for outcome in outcomes) == 1


def test_nothing_is_signed_if_it_can_not_be_stored(cosigner: Cosigner, log: Log) -> None:
    cosigner.add_checkpoint(log.request(0, 4))
    cosigner._database.close()
    with pytest.raises(StoreError):
        cosigner.add_checkpoint(log.request(4, 5))


def test_a_witness_in_a_directory(tmp_path: Path, log: Log) -> None:
    key = create_witness(tmp_path / "w", "example.net/w", "passphrase")
    with open_witness(tmp_path / "w", [LOG.key], "passphrase") as opened:
        assert opened.key == key
        assert opened.add_checkpoint(log.request(0, 4)).is_of(key)
    with open_witness(tmp_path / "w", [LOG.key], "passphrase") as opened:
        assert refused(opened, log.request(0, 4)).size == 4
    with pytest.raises(StoreError, match="cannot be made"):
        create_witness(tmp_path / "w", "example.net/w")
    (tmp_path / "w" / DATABASE).unlink()
    # An empty memory would sign a fork: nothing makes one in silence.
    with (
        pytest.raises(StoreError, match="is it there"),
        open_witness(tmp_path / "w", [], "passphrase"),
    ):
        raise AssertionError


# Over HTTP


def ask(url: str, data: bytes | None = None) -> tuple[int, str, bytes]:
    """Status, type and body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:  # noqa: S310
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


@pytest.fixture
def url(cosigner: Cosigner) -> Iterator[str]:
    with serving(create_witness_app(cosigner)) as found:
        yield found


def test_what_is_refused_has_its_status(url: str, cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(WATCHED.request(0, 5))
    for name, (status, request) in REQUESTS.items():
        found, kind, answer = ask(f"{url}/add-checkpoint", request)
        assert found == status, name
        if status == 409:
            assert (kind, answer) == ("text/x.tlog.size", b"5\n"), name
    assert cosigner.sizes() == {LOG.key.name: 5}


def test_what_is_accepted_has_its_signature(url: str, log: Log) -> None:
    shown = f"{url}/{origin_hash()}/checkpoint"
    assert ask(shown)[0] == 404
    status, _, answer = ask(f"{url}/add-checkpoint", log.request(0, 5))
    assert status == 200
    assert Note.from_bytes(log.note(5) + answer).time_of(WITNESS.key) == NOW
    assert answer.startswith("\u2014 ".encode())
    assert ask(shown) == (200, "text/plain; charset=utf-8", log.note(5) + answer)


def test_other_requests(url: str, log: Log, cosigner: Cosigner) -> None:
    assert ask(f"{url}/add-checkpoint")[0] == 405
    assert ask(f"{url}/{origin_hash().upper()}/checkpoint")[0] == 404
    assert ask(f"{url}/{origin_hash()}/checkpoint", b"x")[0] == 405
    assert ask(f"{url}/add-checkpoint", bytes(LARGEST_REQUEST + 1))[0] == 413
    cosigner._database.close()
    assert ask(f"{url}/add-checkpoint", log.request(0, 5))[0] == 503


def test_a_slow_request_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billboard.tlog.witness_server.SLOWEST_REQUEST", 0.2)
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nold"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_race_over_http(url: str, log: Log, cosigner: Cosigner) -> None:
    cosigner.add_checkpoint(log.request(0, 4))
    requests = [log.request(4, 5 + i % 3) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: ask(f"{url}/add-checkpoint", data), requests))
    assert sorted(status for status, _, _ in answers) == [200] + [409] * 7
    (won,) = (i for i, answer in enumerate(answers) if answer[0] == 200)
    assert cosigner.sizes() == {LOG.key.name: 5 + won % 3}
    assert {answer for status, _, answer in answers if status == 409} == {b"%d\n" % (5 + won % 3)}
