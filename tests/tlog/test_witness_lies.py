"""Witnesses, or whoever is between them and a board, that say that its log is forked (SPEC 9.4)."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from board.support import EPOCH, ORIGIN, Clock
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from billboard import BoardParameters
from billboard.board import create_board, open_board
from billboard.board.directory import KEY
from billboard.board.manifest import Descriptor
from billboard.board.store import LogState, Store
from billboard.errors import ForkError
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.tlog.cosigner import create_witness, open_witness
from billboard.tlog.key_file import load_signer
from billboard.tlog.note import Algorithm, Note, NoteKey, NoteSigner
from billboard.tlog.witness_client import WitnessClient
from billboard.tlog.witness_server import create_witness_app
from tlog.witnesses import serving

LIAR = NoteSigner("liar.example", Algorithm.COSIGNATURE, bytes(32))
LONGER = Response(b"999\n", 409, {"content-type": "text/x.tlog.size"})
REFUSALS = {"409": LONGER, "422": Response(status_code=422)}


@pytest.fixture
def key(tmp_path: Path) -> NoteKey:
    """That of a board in ``board``."""
    return create_board(tmp_path / "board", BoardParameters(ORIGIN))


@contextmanager
def lying(
    refusal: Response, shown: Callable[[], Response]
) -> Iterator[tuple[WitnessClient, list[str]]]:
    """A witness that refuses so, and shows that; the checkpoints that were asked for."""
    asked: list[str] = []

    def show(request: Request) -> Response:
        asked.append(request.path_params["origin_hash"])
        return shown()

    routes = [
        Route("/w/add-checkpoint", lambda _: refusal, methods=["POST"]),
        Route("/w/{origin_hash}/checkpoint", show),
    ]
    with serving(Starlette(routes=routes)) as url:
        yield WitnessClient(f"{url}/w", LIAR.key), asked


def note_of(checkpoint: Checkpoint, *signers: NoteSigner) -> Response:
    text = str(checkpoint)
    cosigned = [LIAR.sign(text, time=5)]
    return Response(bytes(Note(text, (*(each.sign(text) for each in signers), *cosigned))))


def other_board() -> NoteSigner:
    return NoteSigner(ORIGIN, Algorithm.ED25519, bytes(32))


UNSIGNED = Checkpoint(ORIGIN, 999, bytes(32))
SHOWN: dict[str, Callable[[], Response]] = {
    "nothing": lambda: Response(status_code=404),
    "no note": lambda: Response(b"forked\n"),
    "too much": lambda: Response(bytes(100_000)),
    "what it made up": lambda: note_of(UNSIGNED),
    "what another key signed": lambda: note_of(UNSIGNED, other_board()),
    "another log": lambda: note_of(Checkpoint("example.org/x", 999, bytes(32)), other_board()),
}


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("name", SHOWN)
def test_a_lie_stops_nothing(
    tmp_path: Path, key: NoteKey, caplog: pytest.LogCaptureFixture, refusal: str, name: str
) -> None:
    """Who lies counts as absent, and the others cosign."""
    honest = create_witness(tmp_path / "witness", "witness.example")
    with (
        open_witness(tmp_path / "witness", [key]) as cosigner,
        serving(create_witness_app(cosigner)) as url,
        lying(REFUSALS[refusal], SHOWN[name]) as (liar, asked),
        open_board(
            tmp_path / "board", witnesses=[liar, WitnessClient(url, honest)], clock=Clock()
        ) as board,
    ):
        board.publish(EPOCH)
        board.publish_descriptor(Descriptor(b"a server"))
        note = Note.from_bytes(board.checkpoint())
        assert Policy(key, (honest, LIAR.key), 1).verify(note).size == 3
        assert list(Policy(key, (honest, LIAR.key)).cosigned(note)) == [honest]
    assert set(asked) == {hashlib.sha256(ORIGIN.encode()).hexdigest()}
    assert "is not cosigned: witness liar.example" in caplog.text


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_the_board_did_sign_and_continues_stops_nothing(
    tmp_path: Path, key: NoteKey, refusal: str
) -> None:
    with open_board(tmp_path / "board", clock=Clock()) as board:
        board.publish(EPOCH)
        old = board.checkpoint()
        board.publish_descriptor(Descriptor(b"a server"))
        for note in (old, board.checkpoint()):
            show = Response(note)
            with (
                lying(REFUSALS[refusal], lambda show=show: show) as (liar, asked),  # type: ignore[misc]
                open_board(tmp_path / "board", witnesses=[liar], clock=Clock()) as again,
            ):
                again.publish_descriptor(Descriptor(note[:10]))
                assert len(asked) == 2
        assert Policy(key).verify(Note.from_bytes(board.checkpoint())).size == 5


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("size", [1, 3, 5])
def test_what_the_board_signed_and_does_not_continue_stops_it(
    tmp_path: Path, key: NoteKey, refusal: str, size: int
) -> None:
    """Whoever shows it: nobody else can have signed that."""
    with open_board(tmp_path / "board", clock=Clock()) as board:
        board.publish(EPOCH)
        board.publish_descriptor(Descriptor(b"a server"))
        before = board.checkpoint()
    signer = load_signer(tmp_path / "board" / KEY)
    assert signer.key == key
    shown = note_of(Checkpoint(ORIGIN, size, bytes(32)), signer)
    with (
        lying(REFUSALS[refusal], lambda: shown) as (witness, _),
        open_board(tmp_path / "board", witnesses=[witness], clock=Clock()) as board,
    ):
        for sign in (
            lambda: board.publish(EPOCH),
            lambda: board.publish_descriptor(Descriptor(b"x")),
        ):
            with pytest.raises(ForkError, match="old backup, or somebody else signs") as caught:
                sign()
            assert caught.value.checkpoint == shown.body
        assert board.checkpoint() == before


def test_two_publishers_do_not_stop_each_other(tmp_path: Path, key: NoteKey) -> None:
    """One asks with what it read before the other went on, of which the witness knows."""
    honest = create_witness(tmp_path / "witness", "witness.example")
    with (
        open_witness(tmp_path / "witness", [key]) as cosigner,
        serving(create_witness_app(cosigner)) as url,
        open_board(tmp_path / "board", clock=Clock()) as slow,
    ):
        slow.publish(EPOCH)
        state = slow._store.log_state()
        with open_board(
            tmp_path / "board", witnesses=[WitnessClient(url, honest)], clock=Clock()
        ) as fast:
            fast.publish_descriptor(Descriptor(b"a server"))
        assert cosigner.sizes() == {ORIGIN: 3}
        slow._witnesses = [WitnessClient(url, honest)]
        store = slow._store
        states = iter([state])
        slow._store = _Slow(store, states)  # type: ignore[assignment]
        slow.cosign()
        assert next(states, None) is None
        slow._store = store
        assert Policy(key, (honest,), 1).verify(Note.from_bytes(slow.checkpoint())).size == 3


class _Slow:
    """A store that first says what it had before."""

    def __init__(self, store: Store, states: Iterator[LogState]) -> None:
        self._store, self._states = store, states

    def log_state(self) -> LogState:
        return next(self._states, None) or self._store.log_state()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_a_copy_of_the_board_is_still_stopped(tmp_path: Path, key: NoteKey) -> None:
    """With the witness that is there, over its own server."""
    honest = create_witness(tmp_path / "witness", "witness.example")
    with (
        open_witness(tmp_path / "witness", [key]) as cosigner,
        serving(create_witness_app(cosigner)) as url,
    ):
        client = WitnessClient(url, honest)
        with open_board(tmp_path / "board", witnesses=[client], clock=Clock()) as board:
            board.publish(EPOCH)
            shutil.copytree(tmp_path / "board", tmp_path / "copy")
            board.publish_descriptor(Descriptor(b"a server"))
            latest = board.checkpoint()
        with open_board(tmp_path / "copy", witnesses=[client], clock=Clock()) as copy:
            with pytest.raises(ForkError, match="cosigned 3 entries") as caught:
                copy.publish(EPOCH)
            assert Note.from_bytes(caught.value.checkpoint).text == Note.from_bytes(latest).text
