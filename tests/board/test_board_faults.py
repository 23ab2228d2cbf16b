"""A board loses nothing and signs nothing wrong, whenever it is stopped and whatever fails."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from processes import LONGEST

from billboard import Board, RefusedPostError, StoreError
from billboard.board import FileObjects
from billboard.board.directory import DATABASE, OBJECTS
from billboard.board.manifest import Descriptor
from billboard.board.publisher import checkpoint_name
from billboard.board.sqlite import SqliteStore
from billboard.errors import ForkError, WitnessError
from billboard.tlog.checkpoint import Checkpoint
from billboard.tlog.note import Algorithm, Note, NoteSigner, Signature
from billboard.tlog.tiles import TileReader
from board.boards import findings, new_board, opened
from board.faults import (
    Counter,
    Failer,
    Flipper,
    Killer,
    Killing,
    Recorder,
    crashed,
    killing,
    watched,
)
from board.support import DAY, EPOCH, Clock, make_post

EXPIRED = EPOCH - 2


@dataclass(frozen=True)
class Case:
    """A board that has an epoch to expire, and posts to submit to it."""

    board: Path
    posts: tuple[bytes, ...]
    operations: int
    """How many the whole `play` takes."""

    def copy(self, path: Path) -> Path:
        return Path(shutil.copytree(self.board, path))


def play(path: Path, posts: tuple[bytes, ...], promise: Callable[[str], None]) -> None:
    """Submit, publish and expire: says ``promise`` of each post that the board accepted."""
    with opened(path) as board:
        for step in steps(board, posts, promise):
            step()


def steps(
    board: Board, posts: tuple[bytes, ...], promise: Callable[[str], None]
) -> Iterator[Callable[[], object]]:
    def submit(start: int, end: int) -> None:
        for number, outcome in enumerate(board.submit_all(posts[start:end]), start):
            if not isinstance(outcome, RefusedPostError) or outcome.reason == "seq":
                promise(str(number))

    yield lambda: submit(0, 1)
    yield lambda: submit(1, 3)
    yield lambda: board.publish(EPOCH)
    yield lambda: submit(3, 4)
    yield board.expire
    yield board.sweep
    yield lambda: board.publish_descriptor(Descriptor(b"of a push server"))
    yield lambda: submit(4, 5)
    yield lambda: board.publish(EPOCH)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    directory = tmp_path_factory.mktemp("faults")
    path = new_board(directory / "board")
    clock = Clock()
    clock.now -= 2 * DAY
    with opened(path, clock) as board:
        board.publish(EXPIRED)
    posts = tuple(bytes(make_post()) for _ in range(5))
    counter, counted = Counter(), shutil.copytree(path, directory / "counted")
    promises: list[str] = []
    with watched(counter):
        play(counted, posts, promises.append)
    assert promises == list("01234")
    return Case(path, posts, counter.count)


def check(path: Path, posts: tuple[bytes, ...], promises: list[str], what: str) -> None:
    """Whatever happened: what was promised is published once, and nothing is wrong."""
    with opened(path) as board:
        board.publish(EPOCH)
        board.expire()
        assert board.editions(EXPIRED) == ()
        assert not (path / OBJECTS / str(EXPIRED)).exists()
        published = [
            bytes(post)
            for edition in board.editions(EPOCH)
            for post in board.posts(EPOCH, edition=edition.number)
        ]
    for number, post in enumerate(posts):
        allowed = (1,) if str(number) in promises else (0, 1)
        assert published.count(post) in allowed, f"{what}: post {number}"
    assert findings(path) == [], what
    FileObjects(path / OBJECTS).sweep()
    assert not list((path / OBJECTS).glob(".deleted.*"))


SPARED = 16
"""How many fewer operations than another a play may take: identifiers are random."""


@pytest.fixture(scope="module")
def killed() -> Iterator[Killing]:
    """Plays that are killed."""
    with killing(play) as started:
        yield started


GROUPS = 7


@pytest.mark.parametrize("group", range(GROUPS))
def test_killed_at_any_step(case: Case, killed: Killing, tmp_path: Path, group: int) -> None:
    chosen = random.Random(group)
    for number in sorted(chosen.sample(range(group, case.operations, GROUPS), 3)):
        path = case.copy(tmp_path / str(number))
        killer = Killer(number, chosen.choice([0, 0.5, 1]))
        promises, was_killed = killed(path, case.posts, killer)
        assert was_killed or number >= case.operations - SPARED
        check(path, case.posts, promises, f"killed at {number}")
        shutil.rmtree(path)


@pytest.mark.slow
@pytest.mark.parametrize("part", [0, 0.5])
def test_killed_at_every_step(case: Case, killed: Killing, tmp_path: Path, part: float) -> None:
    for number in range(case.operations):
        path = case.copy(tmp_path / str(number))
        promises, was_killed = killed(path, case.posts, Killer(number, part))
        assert was_killed or number >= case.operations - SPARED
        check(path, case.posts, promises, f"killed at {number}")
        shutil.rmtree(path)


def recorded(case: Case, path: Path) -> tuple[Path, Recorder]:
    """What is done to a copy of the board, and the copy as it was before."""
    recorder, before = Recorder(), case.copy(path / "recorded")
    with watched(recorder):
        play(before, case.posts, recorder.mark)
    shutil.rmtree(before)
    return case.copy(before), recorder


@pytest.mark.parametrize("group", range(2))
def test_power_loss_at_any_step(case: Case, tmp_path: Path, group: int) -> None:
    before, recorder = recorded(case, tmp_path)
    chosen = random.Random(group)
    for end in sorted(chosen.sample(range(len(recorder.done) + 1), 8)):
        after = tmp_path / f"after-{end}"
        promises = crashed(before, recorder, end, chosen, after)
        check(after, case.posts, promises, f"without power at {end}")
        shutil.rmtree(after)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_power_loss_at_every_step(case: Case, tmp_path: Path, seed: int) -> None:
    before, recorder = recorded(case, tmp_path)
    chosen = random.Random(seed)
    for end in range(len(recorder.done) + 1):
        after = tmp_path / "after"
        promises = crashed(before, recorder, end, chosen, after)
        check(after, case.posts, promises, f"without power at {end}, seed {seed}")
        shutil.rmtree(after)


def fail(case: Case, path: Path, hook: Failer) -> None:
    """Play with a fault: each step that fails is tried again, as a board that keeps running does.

    What was not accepted is not kept, unless the board says that it does not know.
    """
    promises: list[str] = []
    with watched(hook), contextlib.ExitStack() as stack:
        try:
            board = stack.enter_context(opened(path))
        except StoreError:
            board = stack.enter_context(opened(path))
        for step in steps(board, case.posts, promises.append):
            before = waiting(path)
            try:
                step()
            except StoreError as error:
                if not hook.of_objects and "not known" not in str(error):
                    assert waiting(path) <= before
                step()
    assert promises == list("01234")
    check(path, case.posts, promises, f"failed {hook.what}")


def waiting(path: Path) -> int:
    with SqliteStore(path / DATABASE) as store:
        return store.epochs().get(EPOCH, 0)


def fail_for_good(case: Case, path: Path, hook: Failer) -> None:
    """All fails from some moment on, and the board is opened again when that is over."""
    promises: list[str] = []
    with watched(hook), contextlib.suppress(StoreError):
        play(path, case.posts, promises.append)
    check(path, case.posts, promises, f"failed from {hook.what} on")


# Of an error while SQLite closes a file there is nobody to tell, and apsw tells the interpreter.
closing_may_fail = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@closing_may_fail
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_any_operation_may_fail(case: Case, tmp_path: Path, code: int) -> None:
    chosen = random.Random(code)
    for number in sorted(chosen.sample(range(case.operations), 3)):
        fail(case, case.copy(tmp_path / f"once-{number}"), Failer(number, code))
        fail_for_good(case, case.copy(tmp_path / f"{number}"), Failer(number, code, forever=True))


@pytest.mark.slow
@closing_may_fail
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_every_operation_may_fail(case: Case, tmp_path: Path, code: int) -> None:
    for number in range(case.operations):
        path = case.copy(tmp_path / "board")
        fail(case, path, Failer(number, code))
        shutil.rmtree(path)
    for number in range(0, case.operations, 3):
        path = case.copy(tmp_path / "board")
        fail_for_good(case, path, Failer(number, code, forever=True))
        shutil.rmtree(path)


# Whatever of an edition and of the master log is written on the way to a signature. A checkpoint
# is signed before it is written.
SIGNED_FROM = [
    f"/{EPOCH}/0/tile/0/",
    f"/{EPOCH}/0/tile/1/",
    f"/{EPOCH}/0/tile/entries/",
    f"/{EPOCH}/0/.index",
    "/objects/tile/0/",
    "/objects/tile/entries/",
]


@pytest.mark.parametrize("part", SIGNED_FROM)
@pytest.mark.parametrize("seed", range(2))
def test_a_bit_that_flips_on_its_way_is_not_signed(
    case: Case, tmp_path: Path, part: str, seed: int
) -> None:
    path = case.copy(tmp_path / "board")
    flipper = Flipper(part, random.Random(seed))
    with opened(path) as board, SqliteStore(path / DATABASE) as store:
        for post in case.posts:
            board.submit_all([post])
        before = store.log_state()
        with watched(flipper), pytest.raises(StoreError):
            board.publish(EPOCH)
        assert flipper.flipped
        assert store.log_state() == before
        assert before.size < 3
        with pytest.raises(LookupError):
            board.object(checkpoint_name(before.size + 1))
        in_master_log = "/objects/tile/" in part
        if not in_master_log:
            with pytest.raises(LookupError):
                board.object(f"{EPOCH}/0/checkpoint")
    damaged = [each for each in findings(path) if "nothing refers to it yet" in each]
    assert len(damaged) == 1
    (path / OBJECTS / damaged[0].partition(":")[0]).unlink()
    check(path, case.posts, list("01234"), f"flipped in {part}")


def test_a_bit_that_flips_in_a_checkpoint_is_found(case: Case, tmp_path: Path) -> None:
    for number, part in enumerate([f"/{EPOCH}/0/.checkpoint", "/checkpoints/.3."]):
        path = case.copy(tmp_path / str(number))
        with (
            opened(path) as board,
            watched(Flipper(part, random.Random(1))),
            pytest.raises(StoreError, match="stored"),
        ):
            board.publish(EPOCH)
        (found,) = findings(path)
        (path / OBJECTS / found.partition(":")[0]).unlink()
        check(path, case.posts, [], f"flipped in {part}")


def _race(path: Path, start: Event, outcomes: Queue[list[tuple[int, int]]]) -> None:
    with opened(path) as board:
        start.wait()
        published = board.publish_closed()
        outcomes.put([(edition.epoch, edition.number) for edition in published])


@pytest.mark.parametrize("attempt", range(2))
def test_two_publishers_make_one_log(case: Case, tmp_path: Path, attempt: int) -> None:
    path = case.copy(tmp_path / "board")
    with opened(path) as board:
        for post in case.posts[attempt:]:
            board.submit_all([post])
            board.close_edition(EPOCH)
    context = multiprocessing.get_context("spawn")
    start, outcomes = context.Event(), context.Queue()
    processes = [context.Process(target=_race, args=(path, start, outcomes)) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    published = [outcomes.get(timeout=LONGEST) for _ in processes]
    for process in processes:
        process.join(LONGEST)
        assert process.exitcode == 0
    editions = [(EPOCH, number) for number in range(len(case.posts) - attempt)]
    assert sorted(set(published[0] + published[1])) == editions
    with SqliteStore(path / DATABASE) as store:
        assert store.log_state().size == 2 + len(editions)
    check(path, case.posts[attempt:], [str(number) for _, number in editions], "raced")


def test_a_database_that_was_copied_back_does_not_sign(case: Case, tmp_path: Path) -> None:
    path = case.copy(tmp_path / "board")
    shutil.copyfile(path / DATABASE, tmp_path / DATABASE)
    with opened(path) as board:
        board.publish(EPOCH)
        latest = board.checkpoint()
    shutil.copyfile(tmp_path / DATABASE, path / DATABASE)
    with opened(path) as board:
        for post in case.posts:
            board.submit_all([post])
        with pytest.raises(StoreError, match="old backup"):
            board.publish_descriptor(Descriptor(b"x"))
        with pytest.raises(StoreError, match="never changes"):
            board.publish(EPOCH)
        signed = {board.object(name) for name in FileObjects(path / OBJECTS).names("checkpoints/")}
    assert signed <= {latest} | {board_checkpoint(case, number) for number in (1, 2)}


def board_checkpoint(case: Case, size: int) -> bytes:
    return FileObjects(case.board / OBJECTS).get(checkpoint_name(size))


class RememberingWitness:
    """Remembers how long the log was, in this process, and cosigns nothing shorter."""

    def __init__(self) -> None:
        self.size, self.note = 0, b""
        self.signer = NoteSigner("witness.example/1", Algorithm.COSIGNATURE, bytes(32))
        self.answers = True

    def cosign(self, note: Note, reader: TileReader) -> Signature:
        size = Checkpoint.from_text(note.text).size
        assert size == reader.size
        if not self.answers:
            raise WitnessError("does not answer")
        if size < self.size:
            raise ForkError(f"has seen {self.size} entries, and here are {size}", self.note)
        self.size, self.note = size, bytes(note)
        return self.signer.sign(note.text, time=1)


def test_a_board_that_was_copied_back_does_not_sign(case: Case, tmp_path: Path) -> None:
    witness = RememberingWitness()
    old = case.copy(tmp_path / "old")
    path = case.copy(tmp_path / "board")
    with opened(path, witnesses=[witness]) as board:
        board.publish(EPOCH)
        assert witness.size == 3
    before = set(FileObjects(old / OBJECTS).names(""))
    with opened(old, witnesses=[witness]) as board:
        board.submit_all(case.posts)
        for action in (
            lambda: board.publish(EPOCH),
            board.publish_due,
            board.publish_closed,
            lambda: board.publish_descriptor(Descriptor(b"x")),
        ):
            with pytest.raises(ForkError, match="has seen 3"):
                action()
    assert set(FileObjects(old / OBJECTS).names("")) == before


def test_a_witness_that_does_not_answer_stops_nobody(case: Case, tmp_path: Path) -> None:
    witness = RememberingWitness()
    witness.answers = False
    with opened(case.copy(tmp_path / "board"), witnesses=[witness]) as board:
        board.publish(EPOCH)
        witness.answers = True
        board.publish(EPOCH)
        assert witness.size == 4
        assert witness.signer.key.name in board.checkpoint().decode()
