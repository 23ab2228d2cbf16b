"""Devices and senders that are killed, restored from old files, or lied to."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from board.support import DAY

from billboard import BoardError, lanes, open_board
from billboard.device.device import Device
from billboard.device.profile import Profile
from billboard.device.state import Showing
from billboard.errors import InvalidEncodingError, SecretFileError, UnsupportedError
from billboard.lanes import LaneReader, decode_grants, encode_grants
from billboard.sender.sender import Sender
from billboard.storage import state_file
from billboard.storage.files import replace_file
from clients.test_clients import SETTLED, Friends
from clients.world import HOUR, PERIOD, Killed, World, apns, check_posts, woken

# Kills


class Life:
    """What a device and a sender do in a few days, killed at step ``kill`` of all their steps."""

    def __init__(self, world: World, kill: int) -> None:
        self.world, self.kill, self.steps = world, kill, 0
        self.killed = False
        self._device: Device | None = None
        self.senders: dict[str, Sender] = {}
        world.step = self.step

    def step(self, _what: str) -> None:
        self.steps += 1
        if self.steps == self.kill:
            raise Killed

    def replace(self, path: Path, data: bytes, *, private: bool) -> None:
        """In the place of `replace_file`: killed before and after."""
        self.step("before the state is written")
        replace_file(path, data, private=private)
        self.step("after the state is written")

    def live(self) -> None:
        """Do everything, each thing again if it was interrupted."""
        self.open()
        self.again(lambda: self.device.profiles or self.device.add_profile("alice"))
        self.again(lambda: self.device.set_token(apns("phone")))
        for name in ("bob", "carol"):
            self.again(partial(self.meet, name))
        self.pass_time(SETTLED)
        self.again(lambda: self.device.set_token(apns("new")))
        self.pass_time(2 * HOUR)
        self.again(self.revoke_carol)
        self.pass_time(SETTLED)

    @property
    def device(self) -> Device:
        assert self._device is not None
        return self._device

    @property
    def alice(self) -> Profile:
        return self.device.profiles["alice"]

    def open(self) -> None:
        world = self.world
        there = (world.directory / "alice").exists()
        self._device = world.reopened("alice") if there else world.device("alice")
        for name in ("bob", "carol"):
            self.senders[name] = world.sender(name)

    def close(self) -> None:
        """Let go of all files, as the end of a process does."""
        if self._device is not None:
            self._device.close()
        for sender in self.senders.values():
            sender.close()

    def again(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Killed:
            self.killed = True
            self.close()
            self.open()
            act()

    def meet(self, name: str) -> None:
        known = name in self.alice.contacts
        grant = self.alice.grant(name) if known else self.alice.add_contact(name)
        self.senders[name].add_contact("alice", grant)

    def revoke_carol(self) -> None:
        if "carol" in self.alice.contacts:
            self.alice.revoke("carol")

    def work(self, name: str) -> None:
        self.senders[name].work()

    def pass_time(self, seconds: float) -> None:
        end = self.world.clock.now + seconds
        while self.world.clock.now < end:
            self.world.clock.now += HOUR / 2
            self.world.board.publish_due()
            self.again(lambda: self.device.work(1000))
            for name in self.senders:
                self.again(partial(self.work, name))


def outlive(directory: Path, kill: int) -> int:
    """Live with a kill; how many steps there were."""
    directory.mkdir()
    world = World(directory)
    life = Life(world, kill)
    with mock.patch.object(state_file, "replace_file", life.replace):
        try:
            life.live()
        except Killed:
            life.close()
            life.live()  # it was killed while its state was made
        check_posts(world)
        woken(world.server)
        life.again(lambda: life.senders["bob"].wake("alice"))
        life.pass_time(HOUR)
        assert set(woken(world.server)) == {"new"}
        life.senders["carol"].wake("alice")
        assert woken(world.server) == {}
        life.close()
    world.close()
    return life.steps


@pytest.mark.parametrize("kills", [2, pytest.param(7, marks=pytest.mark.slow)])
def test_killed_at_some_steps(tmp_path: Path, kills: int) -> None:
    steps = outlive(tmp_path / "whole", 0)
    assert steps > 100
    for number in range(1, kills + 1):
        outlive(tmp_path / str(number), number * steps // (kills + 1))


@pytest.mark.slow
def test_killed_at_each_step(tmp_path: Path) -> None:
    steps = outlive(tmp_path / "whole", 0)
    for number in range(1, steps + 10):
        outlive(tmp_path / str(number), number)
        shutil.rmtree(tmp_path / str(number))


def test_a_full_disk_loses_nothing(world: World) -> None:
    friends = Friends(world, "bob")
    submitted = len(world.submissions)
    friends.device.set_token(apns("new"))
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(state_file, "replace_file", side_effect=full),
        pytest.raises(SecretFileError, match="No space"),
    ):
        world.pass_time(PERIOD, [friends.device])
    assert len(world.submissions) == submitted, "nothing is submitted that is not written down"
    friends.settle()
    assert friends.woken_by("bob") == {"new": 1}
    check_posts(world)


def test_what_was_done_is_written_down_when_work_returns(world: World) -> None:
    friends = Friends(world, "bob", "carol")
    friends.device.set_token(apns("new"))
    friends.alice.revoke("carol")
    for _ in range(24):
        world.clock.now += HOUR / 2
        world.board.publish_due()
        friends.device.work(1000)
        assert friends.device._book._file.read() == friends.device._book.state


def test_a_state_that_can_not_be_made_can_be_made_later(world: World) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    for make in (world.device, world.sender):
        with (
            mock.patch.object(state_file, "replace_file", side_effect=full),
            pytest.raises(SecretFileError, match="No space"),
        ):
            make("new")
        make("new").close()
        (world.directory / "new").unlink()


# Old states


class Restored(Friends):
    """Alice's phone goes back to the state that it had before ``change``."""

    def __init__(self, world: World, change: Callable[[Friends], object]) -> None:
        super().__init__(world, "bob", "carol")
        path = world.directory / "alice"
        backup = path.read_bytes()
        change(self)
        self.settle()
        self.device.close()
        path.write_bytes(backup)
        self.device = world.reopened("alice")
        self.alice = self.device.profiles["alice"]
        self.settle()


@pytest.mark.slow
def test_a_revoked_contact_is_still_one_for_an_old_state_and_gets_nothing(world: World) -> None:
    friends = Restored(world, lambda before: before.alice.revoke("bob"))
    assert "board has newer posts" in " ".join(friends.device.status())
    friends.settle(16 * PERIOD)  # until there is nothing on the board that is newer
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}
    check_posts(world)
    friends.alice.revoke("bob")
    friends.senders["carol"].add_contact("alice", friends.alice.renew("carol"))
    friends.settle()
    assert friends.woken_by("carol") == {"phone": 1}
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}
    assert "paused. The board" not in " ".join(friends.device.status())


def test_an_old_state_of_which_nothing_was_replaced_goes_on(world: World) -> None:
    friends = Restored(world, lambda _before: None)
    assert friends.woken_by("bob") == {"phone": 1}
    friends.settle(PERIOD)
    assert friends.woken_by("carol") == {"phone": 1}
    check_posts(world)


def test_whoever_is_revoked_by_an_old_state_is_refused_too(world: World) -> None:
    """Whether the board has shown it to be an old one or not."""
    friends = Restored(world, lambda before: before.alice.revoke("carol"))
    assert friends.woken_by("bob") == {"phone": 1}
    friends.alice.revoke("bob")
    world.pass_time(SETTLED, [friends.device])
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_an_old_state_of_a_sender_harms_nobody(world: World) -> None:
    friends = Friends(world, "bob")
    path = world.directory / "bob"
    backup = path.read_bytes()
    for _ in range(2):
        friends.settle(PERIOD)
        assert friends.woken_by("bob") == {"phone": 1}
    friends.senders["bob"].close()
    path.write_bytes(backup)
    friends.senders["bob"] = world.sender("bob")
    friends.settle()
    assert friends.woken_by("bob") == {"phone": 1}


# Boards


def test_a_board_that_is_down_for_a_day(world: World) -> None:
    friends = Friends(world, "bob")
    world.board_is_down = True
    friends.device.set_token(apns("new"))
    world.clock.now += 2 * HOUR
    assert str(friends.device.work().error) == "the board is down"
    assert str(friends.senders["bob"].work().error) == "the board is down"
    friends.settle(PERIOD)
    world.board_is_down = False
    friends.settle()
    assert friends.woken_by("bob") == {"new": 1}
    assert "the board is down" in " ".join(friends.senders["bob"].status())


def test_a_board_that_shows_two_logs(world: World) -> None:
    """What shows it is handed on: two checkpoints that the board signed."""
    friends = Friends(world, "bob")
    shutil.copytree(world.directory / "board", world.directory / "fork")
    friends.settle(PERIOD)
    with open_board(world.directory / "fork", clock=world.clock) as forked:
        forked.publish_due()
        world.http.board = forked
        world.clock.now += PERIOD
        forked.publish_due()
        forked.publish_due()
        for client in (friends.device, friends.senders["bob"]):
            error = client.work().error
            assert isinstance(error, BoardError)
            assert error.reason == "fork"
            assert len(error.evidence) == 2
    world.http.board = world.board
    friends.settle(PERIOD)
    assert friends.woken_by("bob") == {"phone": 1}


def test_a_board_that_publishes_nothing_new(world: World) -> None:
    """What was posted ahead wakes on; what is stale is said."""
    friends = Friends(world, "bob")
    publish_due, world.board.publish_due = world.board.publish_due, lambda: ()  # type: ignore
    friends.settle(3 * PERIOD)
    error = friends.device.work().error
    assert isinstance(error, BoardError)
    assert error.reason in ("stale", "missing")
    assert "cannot be woken" in " ".join(friends.senders["bob"].status())
    world.board.publish_due = publish_due  # type: ignore[method-assign]
    friends.settle()
    assert friends.woken_by("bob") == {"phone": 1}


def test_a_board_that_loses_posts(world: World) -> None:
    """It takes them as another board of its key does, which publishes nothing here."""
    device, bob = world.device("alice"), world.sender("bob")
    device.set_token(apns("phone"))
    bob.add_contact("alice", device.add_profile("alice").add_contact("bob"))
    shutil.copytree(world.directory / "board", world.directory / "other")
    with (
        open_board(world.directory / "other", clock=world.clock) as other,
        mock.patch.object(world.board, "submit_all", other.submit_all),
    ):
        world.pass_time(SETTLED, [device, bob])
    assert bob.wake("alice").taken == 0
    assert "nothing was found" in " ".join(bob.status())


# Push servers


@pytest.mark.slow
def test_a_request_key_that_ends_on_the_way(world: World) -> None:
    """The request is made anew, for the key that there is then."""
    friends = Friends(world, "bob")
    world.server.is_down = True
    with mock.patch("billboard.sender.outgoing.LIFETIME", 3 * DAY):
        friends.senders["bob"].wake("alice")
        (waiting,) = friends.senders["bob"]._book.state.waiting
        sealed = waiting.request
        assert sealed
        friends.settle(3 * HOUR)
        assert waiting.request == sealed
        friends.settle(1.5 * DAY)
        world.server.is_down = False
        friends.settle()
    assert woken(world.server) == {"phone": 1}


def test_what_is_sealed_is_shown_though_nothing_more_can_be_sealed(world: World) -> None:
    """By request keys that are over for us, and that the server still takes for an hour."""
    friends = Friends(world, "bob", "carol")
    state = friends.device._book.state
    until = int(world.clock.now // HOUR) + 100
    showings = [Showing(state.server, 32 * each, until, world.clock.now) for each in (b"a", b"b")]
    state.showings.append(showings[0])
    world.server.is_down = True
    assert str(friends.device.work().error) == "the push server is down"
    world.server.is_down = False
    state.showings.append(showings[1])
    over = UnsupportedError("there is no request key for this time")
    with mock.patch("billboard.device.servers.seal", side_effect=over):
        assert friends.device.work().error is over
    assert state.showings == showings[1:]


def test_request_keys_that_the_board_does_not_log(world: World) -> None:
    """The server itself is asked, when those that were logged are over."""
    friends = Friends(world, "bob")
    with mock.patch.object(world, "log_descriptors", world.server.renew):
        world.clock.now += 9 * DAY
        world.server.renew()
        friends.settle()
        assert friends.woken_by("bob") == {"phone": 1}


# Grants


def test_grants_of_another_kind(world: World) -> None:
    friends = Friends(world, "bob")
    (reader,) = decode_grants(friends.alice.grant("bob"))
    data = bytes(reader)
    for changed in (
        b"\x02" + data[1:],
        data[:1] + b"\x09" + data[2:],
        data[:2] + b"\x07" + data[3:],
    ):
        whole = b"\x01\x01" + len(changed).to_bytes(2, "big") + changed
        with pytest.raises(InvalidEncodingError):
            friends.senders["bob"].add_contact("other", whole)
    for whole in (b"", b"\x01", b"\x01\x00", b"\x02\x01" + data, b"\x01\x09"):
        with pytest.raises(InvalidEncodingError):
            decode_grants(whole)
    with pytest.raises(InvalidEncodingError, match="1 to 8"):
        encode_grants([reader] * (lanes.MOST_LANES + 1))
    length, epoch = 2 * PERIOD, int(world.clock.now // (2 * PERIOD))
    numbers = length.to_bytes(4, "big") + epoch.to_bytes(4, "big")
    longer = LaneReader.from_bytes(data[:3] + numbers + data[11:])
    with pytest.raises(InvalidEncodingError, match="one board"):
        encode_grants([reader, longer])
    friends.senders["bob"].add_contact("odd", encode_grants([longer]))
    friends.settle()
    assert "another epoch length" in " ".join(friends.senders["bob"].status())
    assert friends.woken_by("bob") == {"phone": 1}
