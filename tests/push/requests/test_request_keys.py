"""Request keys when days end and clocks jump, and gates that are revoked twice (SPEC 10)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from billboard import FrameClass, SecretKey
from billboard.errors import RefusedRequestError
from billboard.push.clock import ClockWatch
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.request import LONGEST_REVOCATION, Revocation, gate_of, seal
from billboard.push.server_keys import DAYS_AHEAD, ServerKeys, create_server_keys
from billboard.push.service import PushServer
from billboard.push.sqlite import SqliteOutbox
from billboard.push.tick import Drop, Tick

HOUR, DAY = 3600.0, 86_400.0
MIDNIGHT = 20_800 * DAY
SECRET = SecretKey.generate(FrameClass.H)
KAPPA = bytes(range(32))


class Server:
    """A push server in a folder, with a clock that tests set."""

    def __init__(self, folder: Path, now: float) -> None:
        create_server_keys(folder, "push.example")
        self.folder, self.now, self.ticks = folder, now, list[Tick]()
        self.outbox = SqliteOutbox.create(folder / "outbox.sqlite")
        self.options: Any = {"clock": lambda: self.now, "observe": self.ticks.append}
        self.start()

    def start(self) -> None:
        self.keys = ServerKeys(self.folder, [SECRET], "https://push.example")
        dispatcher: Any = SimpleNamespace(serves=lambda _: True, wake=lambda: None)
        self.server = PushServer(self.keys, self.outbox, dispatcher, **self.options)

    def take(self, sealed: bytes) -> None:
        asyncio.run(self.server.take(sealed))

    @property
    def descriptor(self) -> ServerDescriptor:
        return ServerDescriptor.from_bytes(self.keys.descriptor, self.keys.server)


@pytest.fixture
def midnight(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, MIDNIGHT - HOUR)
    yield server
    server.outbox.close()


def revocation(server: Server, sender: float, until: int = 0) -> bytes:
    """What a sender whose clock says ``sender`` sends."""
    return seal(Revocation(KAPPA, until), server.descriptor, now=sender)


# Around midnight


@pytest.mark.parametrize("skew", [-HOUR + 1, -1.0, 0.0, 1.0, HOUR - 1])
@pytest.mark.parametrize("after", [-1.0, 0.0, 1.0])
def test_a_sender_whose_clock_is_an_hour_off_is_served(
    midnight: Server, after: float, skew: float
) -> None:
    midnight.now = MIDNIGHT + after
    midnight.take(revocation(midnight, midnight.now + skew))
    assert midnight.outbox.waiting()[0] == 1


def test_the_key_of_yesterday_is_taken_for_an_hour(midnight: Server) -> None:
    late = revocation(midnight, MIDNIGHT - 1)
    midnight.now = MIDNIGHT + HOUR - 1
    midnight.take(late)
    midnight.now = MIDNIGHT + HOUR
    with pytest.raises(RefusedRequestError) as refused:
        midnight.take(revocation(midnight, MIDNIGHT - 1))
    assert refused.value.reason == "key"


def test_the_key_of_tomorrow_is_taken_from_an_hour_before_it_begins(midnight: Server) -> None:
    """Nobody has the server remember what is sealed to a key of next week for all of the week."""
    early = revocation(midnight, MIDNIGHT)
    midnight.now = MIDNIGHT - HOUR - 1
    with pytest.raises(RefusedRequestError) as refused:
        midnight.take(early)
    assert refused.value.reason == "key"
    midnight.now = MIDNIGHT - HOUR
    midnight.take(early)


def test_what_was_taken_in_the_last_second_is_opened(midnight: Server) -> None:
    """Though it reaches the disk when the key is over, and the keys are renewed meanwhile."""
    late = revocation(midnight, MIDNIGHT - 1, int(MIDNIGHT // HOUR) + 9)
    midnight.now = MIDNIGHT + HOUR
    midnight.server._keep_house()
    midnight.now -= 0.5  # when it was looked at
    midnight.take(late)
    midnight.now += 0.5
    midnight.server._keep_house()
    midnight.server.tick()
    assert midnight.ticks[-1].dropped[Drop.REQUEST] == 0
    assert midnight.outbox.refused([gate_of(KAPPA)], midnight.now)


def test_a_key_is_destroyed_a_minute_after_its_last_hour(midnight: Server) -> None:
    folder = midnight.folder / "request-keys"
    first = min(folder.iterdir())
    midnight.now = MIDNIGHT + HOUR + 59
    midnight.server._keep_house()
    assert first.exists()
    midnight.now += 1
    midnight.server._keep_house()
    assert not first.exists()


# A clock that jumps


def test_a_clock_that_was_wrong_twice_stops_nobody(midnight: Server) -> None:
    """Keys of days that are far are left behind, and are in no descriptor."""
    right = midnight.now
    for days in (200, 100, 0):
        midnight.now = right + days * DAY
        midnight.start()
    descriptor = midnight.descriptor
    assert len(descriptor.request_keys) == DAYS_AHEAD
    assert descriptor.request_key(right).end == int(MIDNIGHT // HOUR)
    midnight.take(revocation(midnight, right))


def files(server: Server) -> set[str]:
    return {each.name for each in (server.folder / "request-keys").glob("*.key")}


def test_a_clock_that_jumps_ahead_destroys_nothing(
    midnight: Server, caplog: pytest.LogCaptureFixture
) -> None:
    passed = 100.0
    midnight.options["passed"] = lambda: passed
    midnight.start()
    sealed = revocation(midnight, midnight.now, int(MIDNIGHT // HOUR) + 2)
    midnight.take(sealed)
    midnight.server.tick()
    before, right = files(midnight), midnight.now
    midnight.now += 3 * DAY
    passed += 60
    midnight.server._keep_house()
    assert "later than is believed" in caplog.text
    assert midnight.server.clock_ahead == 3 * DAY - 60 - HOUR
    assert before < files(midnight), "there are keys for the days that it says, too"
    midnight.now = right + 60
    midnight.server._keep_house()
    assert before < files(midnight)
    assert midnight.server.clock_ahead == 0
    assert midnight.outbox.refused([gate_of(KAPPA)], midnight.now)
    midnight.take(sealed)
    assert midnight.outbox.waiting()[0] == 0, "it is known still"
    midnight.now, passed = right + 3 * DAY, passed + 3 * DAY
    midnight.server._keep_house()
    assert not before <= files(midnight), "time passed"


def test_after_a_long_time_keys_are_destroyed_when_the_operator_says_so(midnight: Server) -> None:
    before = files(midnight)
    midnight.now += DAY - 1
    midnight.start()
    assert not before <= files(midnight), "it was down for a day at most"
    before = files(midnight)
    midnight.now += 2 * DAY
    for _ in range(2):
        midnight.start()
        midnight.server._keep_house()
        assert midnight.server.clock_ahead == DAY
        assert before <= files(midnight)
    ClockWatch(midnight.folder / "clock", lambda: 0.0).trust(midnight.now)
    midnight.server._keep_house()
    assert not before <= files(midnight)


def test_a_clock_that_was_ahead_may_not_be_again(tmp_path: Path) -> None:
    """The least by which it was ahead of the time that passed is what counts."""
    watch = ClockWatch(tmp_path / "clock", lambda: 0.0)
    assert [watch.ahead(1e9 + each) for each in (5000, 5000 + HOUR, 0, HOUR, HOUR + 10)] == [
        0, 0, 0, 0, 10,
    ]  # fmt: skip


def test_numbers_of_descriptors_go_up_though_the_clock_does_not(midnight: Server) -> None:
    before = midnight.descriptor.number
    midnight.now -= 3 * DAY
    midnight.start()
    assert midnight.descriptor.number > before


def test_no_copy_of_a_key_outlives_it(midnight: Server, tmp_path: Path) -> None:
    """Of a process that was killed while it wrote one."""
    (kept,) = tmp_path.rglob("request-keys")
    copy = kept / ".1-00.key.0123456789abcdef"
    copy.write_bytes(b"a seed")
    midnight.now = MIDNIGHT + HOUR + 61
    midnight.server._keep_house()
    assert not copy.exists()


def test_a_backup_without_request_keys_starts(midnight: Server, tmp_path: Path) -> None:
    (kept,) = tmp_path.rglob("request-keys")
    shutil.rmtree(kept)
    midnight.start()
    midnight.take(revocation(midnight, midnight.now))


# Revocations of one gate


@pytest.mark.parametrize("hours", [(9, 2), (2, 9), (9, 2, 5)])
def test_the_later_of_two_revocations_in_one_tick_holds(
    midnight: Server, hours: tuple[int, ...]
) -> None:
    now = int(midnight.now // HOUR)
    for each in hours:
        midnight.take(revocation(midnight, midnight.now, now + each))
    midnight.server.tick()
    gate = gate_of(KAPPA)
    assert midnight.outbox.refused([gate], (now + 9) * HOUR - 1)
    assert not midnight.outbox.refused([gate], (now + 9) * HOUR)


def test_a_revocation_for_ever_is_cut(midnight: Server) -> None:
    now = int(midnight.now // HOUR)
    midnight.take(revocation(midnight, midnight.now, 2**32 - 1))
    midnight.server.tick()
    gate, end = gate_of(KAPPA), (now + LONGEST_REVOCATION) * HOUR
    assert midnight.outbox.refused([gate], end - 1)
    assert not midnight.outbox.refused([gate], end)
