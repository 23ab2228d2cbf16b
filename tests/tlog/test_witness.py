"""Boards that witnesses cosign, over HTTP (SPEC 9.4)."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from board.support import EPOCH, ORIGIN, Clock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from billboard import BoardParameters, InvalidEncodingError, InvalidSignatureError
from billboard.board import create_board, open_board
from billboard.board.manifest import Descriptor
from billboard.errors import ForkError, WitnessError
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.tlog.cosigner import AddCheckpoint, Cosigner, create_witness, open_witness
from billboard.tlog.note import Note, NoteKey, Signature
from billboard.tlog.tiles import TileReader, tile_path
from billboard.tlog.witness_client import LARGEST_ANSWER, WitnessClient
from billboard.tlog.witness_server import create_witness_app
from tlog.witnesses import Log, log_signer, serving, tree_hash, witness_signer

LOG, WITNESS = log_signer(), witness_signer()


class Site:
    """A board, and a witness of other boards, each in a directory of its own."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(exist_ok=True)
        self.board, self.witness = directory / "board", directory / "witness"
        self.key = create_board(self.board, BoardParameters(f"{name}/board"))
        self.witness_key = create_witness(self.witness, f"{name}/witness")

    def publish(self, *witnesses: WitnessClient, descriptors: int = 0) -> Note:
        """Publish an edition and some descriptors; the checkpoint that readers get."""
        with open_board(self.board, witnesses=witnesses, clock=Clock()) as board:
            board.publish(EPOCH)
            for i in range(descriptors):
                board.publish_descriptor(Descriptor(b"%d" % i))
            return Note.from_bytes(board.checkpoint())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site", "example.org")


@pytest.fixture
def cosigner(site: Site) -> Iterator[Cosigner]:
    with open_witness(site.witness, [site.key]) as opened:
        yield opened


@pytest.fixture
def url(cosigner: Cosigner) -> Iterator[str]:
    with serving(create_witness_app(cosigner)) as found:
        yield found


def test_what_a_board_publishes_is_cosigned(site: Site, cosigner: Cosigner, url: str) -> None:
    policy = Policy(site.key, (cosigner.key,), 1)
    client = WitnessClient(url, cosigner.key)
    assert policy.verify(site.publish(client)).size == 2
    assert policy.verify(site.publish(client, descriptors=5)).size == 8
    # Another one knows nothing of what was cosigned before, and is told.
    assert policy.verify(site.publish(WitnessClient(url + "/", cosigner.key))).size == 9
    assert cosigner.sizes() == {site.key.name: 9}


def test_a_board_that_grew_without_its_witness_is_cosigned_after(
    site: Site, cosigner: Cosigner, url: str
) -> None:
    policy = Policy(site.key, (cosigner.key,), 1)
    client = WitnessClient(url, cosigner.key)
    site.publish(client)
    with pytest.raises(InvalidSignatureError, match="0 known witnesses"):
        policy.verify(site.publish(descriptors=4))
    assert policy.verify(site.publish(client)).size == 8
    with open_board(site.board, witnesses=[client], clock=Clock()) as board:
        board.cosign()  # the same again
        assert policy.verify(Note.from_bytes(board.checkpoint())).size == 8


def test_two_boards_watch_each_other(tmp_path: Path) -> None:
    sites = [Site(tmp_path / name, name) for name in ("one.example", "two.example")]
    with ExitStack() as stack:
        clients = []
        for site, other in zip(sites, reversed(sites), strict=True):
            opened = stack.enter_context(open_witness(site.witness, [other.key]))
            url = stack.enter_context(serving(create_witness_app(opened)))
            clients.append(WitnessClient(url, site.witness_key))
        for size in (2, 3, 4):
            for site, other, client in zip(sites, sites[::-1], clients[::-1], strict=True):
                note = site.publish(client)
                policy = Policy(site.key, (other.witness_key,), 1)
                assert policy.verify(note).size == size
        # A witness cosigns nothing but what it was told to watch.
        assert not Policy(sites[0].key, (sites[0].witness_key,)).cosigned(
            sites[0].publish(*clients)
        )


def test_a_board_of_an_old_copy_is_behind(
    site: Site, cosigner: Cosigner, url: str, tmp_path: Path
) -> None:
    client = WitnessClient(url, cosigner.key)
    site.publish(client)
    copy = tmp_path / "copy"
    shutil.copytree(site.board, copy)
    site.publish(client, descriptors=4)
    witnessed = cosigner.sizes()
    with open_board(copy, witnesses=[client], clock=Clock()) as board:
        before = board.checkpoint()
        with pytest.raises(ForkError, match="cosigned 7 entries of this log, which has 2 here"):
            board.cosign()
        with pytest.raises(ForkError, match="old backup, or somebody else signs"):
            board.publish(EPOCH)
        with pytest.raises(ForkError):
            board.publish_descriptor(Descriptor(b"another"))
        assert board.checkpoint() == before
    with open_board(copy, clock=Clock()) as board:  # by whoever leaves the witness out
        for number in range(6):
            board.publish_descriptor(Descriptor(bytes([number])))
        forked = board.checkpoint()
    with open_board(copy, witnesses=[client], clock=Clock()) as board:
        with pytest.raises(ForkError, match="does not continue"):
            board.publish(EPOCH)
        assert board.checkpoint() == forked
    assert cosigner.sizes() == witnessed


def test_a_fork_of_the_same_size_is_not_cosigned(
    site: Site, cosigner: Cosigner, url: str, tmp_path: Path
) -> None:
    client = WitnessClient(url, cosigner.key)
    site.publish(client)
    shutil.copytree(site.board, tmp_path / "copy")
    site.publish(client)
    site.board = tmp_path / "copy"
    fork = site.publish()
    assert Checkpoint.from_text(fork.text).size == 3
    with open_board(site.board) as board, pytest.raises(ForkError, match="does not continue"):
        client.cosign(fork, TileReader(3, board.object))


def test_a_witness_that_is_down_stops_nothing(
    site: Site, cosigner: Cosigner, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as nobody, serving(create_witness_app(cosigner)) as up:
        nobody.bind(("127.0.0.1", 0))  # nobody else gets the port, and nobody listens there
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        clients = WitnessClient(url, cosigner.key), WitnessClient(up, cosigner.key)
        assert Policy(site.key, (cosigner.key,), 1).verify(site.publish(*clients)).size == 2
    assert f"at {url}/add-checkpoint did not answer" in caplog.text


def test_a_damaged_log_is_not_cosigned(site: Site, cosigner: Cosigner, url: str) -> None:
    client = WitnessClient(url, cosigner.key)
    site.publish(client)
    note = site.publish(descriptors=3)

    def missing(name: str) -> bytes:
        raise LookupError(f"there is no object {name}")

    with pytest.raises(WitnessError, match="run `billboard board fsck`"):
        client.cosign(note, TileReader(6, missing))
    tile = tile_path(0, 0, 6)
    with open_board(site.board) as board:
        flipped = bytes(255 - byte for byte in board.object(tile))
    with pytest.raises(ForkError, match="does not continue"):
        client.cosign(note, TileReader(6, {tile: flipped}.__getitem__))


# What else may answer

NOTE = Note.from_bytes(Log(LOG).note(2))
TEXT = Log(LOG).text(2)
READER = TileReader(2, lambda _: b"".join(tree_hash([bytes([i])]) for i in range(2)))
Answer = Callable[[Request], Response | Awaitable[Response]]


def cosigned_by(answer: Answer) -> Signature:
    """What a client makes of a server that answers so."""
    app = Starlette(routes=[Route("/w/add-checkpoint", answer, methods=["POST"])])
    with serving(app) as url:
        return WitnessClient(f"{url}/w", WITNESS.key).cosign(NOTE, READER)


def always(response: Response) -> Answer:
    return lambda _: response


def fails(answer: Answer, text: str) -> None:
    with pytest.raises(WitnessError, match=text) as caught:
        cosigned_by(answer)
    assert str(caught.value).startswith(f"witness {WITNESS.key.name} at http://127.0.0.1:")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "malformed"),
        (403, "does not know the key"),
        (404, "does not watch this log"),
        (413, "too large"),
        (422, "does not continue"),
        (429, "too many"),
        (500, "500: it cannot do it now"),
        (503, "503: it cannot do it now"),
        (201, "201"),
        (204, "204"),
    ],
)
def test_each_status_is_explained(status: int, text: str) -> None:
    fails(always(Response(status_code=status)), text)


def test_signatures_of_others_are_ignored() -> None:
    others = f"{log_signer().sign(TEXT)}{witness_signer('example.com/x').sign(TEXT, time=5)}"
    own = WITNESS.sign(TEXT, time=7)
    assert cosigned_by(always(Response(f"{others}{own}"))) == own


OTHER = witness_signer()
WRONG = {
    "none": (b"", "no cosignature"),
    "not text": (b"\xff\n", "no cosignature"),
    "HTML": (b"<html>\n", "no cosignature"),
    "cut": (str(WITNESS.sign(TEXT, time=7)).encode()[:-1], "no cosignature"),
    "another key": (str(OTHER.sign(TEXT, time=7)).encode(), "no signature of this key"),
    "another text": (str(WITNESS.sign("x\n", time=7)).encode(), "does not verify"),
    "the log's own": (str(LOG.sign(TEXT)).encode(), "no signature of this key"),
    "no time": (str(WITNESS.sign(TEXT, time=0)).encode(), "has no time"),
    "no such time": (str(WITNESS.sign(TEXT, time=2**63)).encode(), "time is out of range"),
    "one that is right": (
        f"{WITNESS.sign(TEXT, time=7)}{WITNESS.sign('x', time=7)}".encode(),
        "does not verify",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_cosignature(name: str) -> None:
    content, text = WRONG[name]
    fails(always(Response(content)), text)


SIZE = {"content-type": "text/x.tlog.size"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"1", SIZE),
        (b"", SIZE),
        (b"01\n", SIZE),
        (b"1\n\n", SIZE),
        (b"-1\n", SIZE),
        (b"\xff\n", SIZE),
        (b"9223372036854775808\n", SIZE),
        (b"1\n", {"content-type": "text/plain"}),
        (b"1\n", {}),
    ],
)
def test_a_conflict_without_a_size(content: bytes, headers: dict[str, str]) -> None:
    fails(always(Response(content, 409, headers)), "does not say which")


def test_a_conflict_with_a_larger_size() -> None:
    fails(always(Response(b"3\n", 409, SIZE)), "cosigned 3 entries of this log, which has 2 here")


def test_a_witness_that_always_knows_another_size() -> None:
    asked = []

    async def answer(request: Request) -> Response:
        asked.append(AddCheckpoint.from_bytes(await request.body()).old)
        return Response(b"%d\n" % (len(asked) % 2 + 1), 409, SIZE)

    fails(answer, "3 sizes in a row")
    assert asked == [0, 2, 1]


def test_a_size_may_come_with_a_charset() -> None:
    sizes = iter([1])

    async def answer(request: Request) -> Response:
        for size in sizes:
            return Response(f"{size}\n", 409, media_type="text/x.tlog.size")
        assert AddCheckpoint.from_bytes(await request.body()).old == 1
        return Response(str(WITNESS.sign(TEXT, time=7)))

    assert cosigned_by(answer) == WITNESS.sign(TEXT, time=7)


def test_answers_are_limited() -> None:
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while len(sent) < 5000:
            sent.append(0)
            yield bytes(LARGEST_ANSWER // 4)
            await asyncio.sleep(0.001)

    fails(lambda _: StreamingResponse(endless()), "did not answer")
    assert len(sent) < 5000
    fails(always(Response(bytes(LARGEST_ANSWER + 1))), "did not answer")


def test_a_slow_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billboard.tlog.witness_client.TIMEOUT", 0.3)

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x"
            await asyncio.sleep(0.05)

    fails(lambda _: StreamingResponse(dripping()), "did not answer")


def test_redirects_are_not_followed() -> None:
    fails(always(RedirectResponse("/w/add-checkpoint")), "answered 307")


@pytest.mark.parametrize(
    "url",
    ["", "example.org", "ftp://example.org", "file:///etc/passwd", "http://", "https://a b/",
     "https://user@example.org", "https://example.org/?q", "https://example.org/#f",
     "https://example.org:port/", "https://example.org/\n"],
)  # fmt: skip
def test_what_is_no_url_of_a_witness(url: str) -> None:
    with pytest.raises(InvalidEncodingError, match="URL"):
        WitnessClient(url, WITNESS.key)


def test_a_client_needs_a_key_that_cosigns() -> None:
    key = NoteKey(ORIGIN, LOG.key.algorithm, LOG.key.public)
    with pytest.raises(InvalidEncodingError, match="cosigns"):
        WitnessClient("https://example.org", key)
