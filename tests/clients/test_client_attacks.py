"""What contacts, boards and accidents could do to devices and senders, and cannot."""

from __future__ import annotations

from unittest import mock

import msgspec
import pytest

from billboard import BoardError
from billboard.device.plan import GENERATIONS, kappa_of
from billboard.device.state import UNSURE, HandedOver, Recovery
from billboard.errors import BillboardError, BoardFault, InvalidEncodingError
from billboard.lanes import LaneReader, decode_grants, encode_grants
from clients.test_clients import SETTLED, Friends
from clients.world import HOUR, PERIOD, World, apns, woken


def refuses(friends: Friends, name: str, epochs: int = 3) -> bool:
    """Whether this contact, who fetches no more, can wake nobody in the next epochs."""
    world = friends.world
    world.pass_time(
        SETTLED, [each for each in friends.clients if each is not friends.senders[name]]
    )
    woken(world.server)
    for _ in range(epochs):
        friends.senders[name].wake("alice")
        if woken(world.server):
            return False
        friends.settle(PERIOD)
    return True


class Dropped:
    """Whoever is between device and board drops what is submitted."""

    def __init__(self, friends: Friends) -> None:
        error = BoardError(BoardFault.UNREACHABLE, "no answer")
        self._patch = mock.patch.object(
            type(friends.device._board), "submit", side_effect=error, autospec=True
        )

    def __enter__(self) -> None:
        self._patch.start()

    def __exit__(self, *exception: object) -> None:
        self._patch.stop()


def test_whoever_got_a_new_grant_can_be_revoked(world: World) -> None:
    """It keeps the old one, and what was posted for that."""
    friends = Friends(world, "bob", "carol")
    old = friends.senders["bob"]
    friends.alice.renew("bob")
    friends.settle()
    friends.alice.revoke("bob")
    world.pass_time(SETTLED, [friends.device, friends.senders["carol"]])
    woken(world.server)
    for _ in range(4):
        old.work()
        old.wake("alice")
        assert woken(world.server) == {}
        friends.settle(PERIOD)
    assert friends.woken_by("carol") == {"phone": 1}


@pytest.mark.parametrize("epoch", [0, 2**32 - 1])
def test_a_grant_of_long_ago_stops_nobody(world: World, epoch: int) -> None:
    friends = Friends(world, "bob")
    (reader,) = decode_grants(friends.alice.grant("bob"))
    data = bytes(reader)
    old = LaneReader.from_bytes(data[:7] + epoch.to_bytes(4, "big") + data[11:])
    with pytest.raises(InvalidEncodingError, match="does not reach"):
        friends.senders["bob"].add_contact("mallory", encode_grants([old]))
    with mock.patch("billboard.sender.sender.reaches", return_value=True):
        friends.senders["bob"].add_contact("mallory", encode_grants([old]))
    friends.settle()
    assert "does not reach" in " ".join(friends.senders["bob"].status())
    assert friends.woken_by("bob") == {"phone": 1}


def test_no_board_can_hold_up_a_revocation(world: World) -> None:
    friends = Friends(world, "bob")
    friends.alice.revoke("bob")
    friends.device.work(1000)
    world.board_is_down = True
    friends.device._book.fresh_at = float("-inf")
    world.clock.now += 5 * HOUR
    assert friends.device.work(1000).error is not None
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_no_server_can_hold_up_a_revocation_at_another(world: World) -> None:
    other = world.add_server("elsewhere.example/push")
    friends = Friends(world, "bob")
    world.server.is_down = True
    friends.device.set_server(other.key)
    friends.settle()
    friends.alice.revoke("bob")
    world.pass_time(SETTLED, [friends.device])
    woken(other)
    friends.senders["bob"].wake("alice")
    assert woken(other) == {}


def asked_at(friends: Friends, name: str, at: float) -> None:
    """Have the device find out by its first post since that epoch whether its state is an old one.

    Otherwise it draws the epoch.
    """
    contact = friends.device._book.state.profiles["alice"].contacts[name]
    (postings,) = (lane.postings for lane in contact.lanes if lane)
    drawn = next(each for each in postings.values() if each.version == UNSURE)
    other = postings[min(epoch for epoch, each in postings.items() if epoch >= at and each.seq)]
    drawn.version, other.version = other.version, drawn.version
    drawn.due, other.due = other.due, drawn.due


def test_an_old_state_is_found_out_though_answers_get_lost(world: World) -> None:
    """Nothing was submitted of what was made before: `seq` is no yes for it.

    It is the answer for Carol's lane that gets lost: if it were the one for Bob's, `seq` could
    be the answer to that very post (SPEC 8.4).
    """
    friends = Friends(world, "bob", "carol")
    path = world.directory / "alice"
    backup = path.read_bytes()
    friends.alice.revoke("bob")
    friends.settle()
    friends.device.close()
    path.write_bytes(backup)
    friends.device = world.reopened("alice")
    friends.alice = friends.device.profiles["alice"]
    friends.device.set_token(apns("new phone"))
    asked_at(friends, "carol", at=world.clock.now // PERIOD + 3)
    asked_at(friends, "bob", at=world.clock.now // PERIOD + 4)
    friends.device.work(0)
    world.clock.now += PERIOD
    world.board.publish_due()
    with Dropped(friends):
        friends.device.work(1000)
    friends.settle()
    assert "board has newer posts" in " ".join(friends.device.status())
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_what_was_dropped_before_the_edition_is_posted_after_it(world: World) -> None:
    """`published` then says that of the post before."""
    friends = Friends(world, "bob")
    next_epoch = int(world.clock.now // PERIOD) + 1
    world.pass_time(next_epoch * PERIOD - 2.5 * HOUR - world.clock.now, friends.clients)
    friends.device.set_token(apns("new phone"))
    with Dropped(friends):
        world.pass_time(2.5 * HOUR, friends.clients)
    friends.settle(5 * HOUR)
    assert friends.woken_by("bob") == {"new phone": 1}


def test_logging_out_refuses_also_what_an_old_state_does_not_know(world: World) -> None:
    friends = Friends(world, "bob")
    friends.device._book.state.profiles["alice"].contacts["bob"].overtaken = True
    friends.alice.log_out()
    assert refuses(friends, "bob")


def test_whoever_is_revoked_is_refused_by_the_server_before_too(world: World) -> None:
    friends = Friends(world, "bob")
    second = world.add_server("elsewhere.example/push")
    friends.device.set_server(second.key)
    world.pass_time(2 * HOUR, [friends.device])
    friends.alice.revoke("bob")
    world.pass_time(7 * HOUR, [friends.device])
    for server in (world.server, second):
        woken(server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == woken(second) == {}


def test_a_server_of_which_nothing_is_known_yet_costs_nobody_anything(world: World) -> None:
    """What the old one opens stays until there is something else."""
    friends = Friends(world, "bob")
    with mock.patch.object(world, "log_descriptors"):
        other = world.add_server("elsewhere.example/push")
    friends.device.set_server(other.key)
    friends.settle()
    assert friends.woken_by("bob") == {"phone": 1}
    friends.device.set_token(None)
    friends.settle()
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_a_lost_phone_is_refused_however_often_it_was_muted(world: World) -> None:
    friends = Friends(world, "bob")
    recovery = friends.alice.recovery()
    contents = friends.device._book.state.profiles["alice"].contents
    epoch = world.board.epoch
    while contents[epoch].generation < GENERATIONS:
        friends.alice.mute()
        friends.device.work(1000)
        friends.alice.unmute()
        friends.device.work(1000)
        world.clock.now += 1
        lane = friends.device._book.state.profiles["alice"].contacts["bob"].lanes[0]
        assert lane is not None
        lane.postings[epoch].version = contents[epoch].version  # as if it had been posted
    friends.alice.mute()
    friends.device.work(1000)
    assert contents[epoch].generation == GENERATIONS, "so often that nobody wakes it any more"
    other = world.device("other")
    other.refuse_lost(recovery)
    kappas = {showing.kappa for showing in other._book.state.showings}
    root = friends.device._book.state.profiles["alice"].root
    assert {kappa_of(root, epoch, each) for each in range(GENERATIONS)} <= kappas
    other.work()
    assert not other._book.state.showings
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_devices_that_there_are_not_look_like_those_that_there_are(world: World) -> None:
    friends = Friends(world, "bob", devices=3)

    def seen() -> set[tuple[int, int, bytes]]:
        lanes = friends.senders["bob"]._book.state.contacts["alice"].lanes
        found = [lane.found for lane in lanes]
        return {(each.epoch, each.slot, (each.envelope or b"")[:48]) for each in found if each}

    assert len(seen()) == 1
    friends.device.set_token(apns("other"))
    friends.settle()
    assert len(seen()) == 1
    world.server.rotate()
    world.log_descriptors()
    friends.settle(2 * PERIOD)
    assert len(seen()) == 1
    friends.alice.mute()
    friends.settle()
    assert len(seen()) == 1


def test_a_device_does_not_wait_in_a_circle(world: World) -> None:
    """For a server of which nothing is known."""
    device = world.device("alice")
    device.set_token(apns("phone"))
    device.add_profile("alice").add_contact("bob")
    device.work()
    unknown = str(world.server.key).replace("push", "none")
    recovery = msgspec.msgpack.encode(
        Recovery(device._book.state.origin, str(world.server.key), bytes(32))
    )
    device.refuse_lost(recovery)
    device._book.state.descriptors.clear()
    assert unknown
    assert device.work().next > world.clock.now
    with mock.patch.object(world.board, "submit_all", side_effect=LookupError):
        pass
    assert device.work().next > world.clock.now


@pytest.mark.parametrize("number", [2, 7, -1, -5])
def test_lanes_for_a_device_that_can_not_be(world: World, number: int) -> None:
    one, other = world.device("one", devices=2), world.device("other", devices=2)
    profile = one.add_profile("alice")
    profile.add_contact("bob")
    given = msgspec.msgpack.decode(profile.hand_over(1), type=HandedOver)
    given.number = number
    with pytest.raises(InvalidEncodingError):
        other.join("alice", msgspec.msgpack.encode(given))
    with pytest.raises(BillboardError):
        other.join("alice", b"\x81\xa6origin\xa1\x90")
    with pytest.raises(BillboardError):
        other.refuse_lost(b"\x81\xa6origin\xa1\x90")
    assert not other.profiles


def test_what_is_revoked_on_one_device_is_revoked_on_the_other(world: World) -> None:
    friends = Friends(world, "bob", devices=2)
    second = world.device("second", devices=2)
    second.set_token(apns("tablet"))
    second.join("alice", friends.alice.hand_over(1))
    world.pass_time(SETTLED, [second, *friends.clients])
    friends.alice.revoke("bob")
    second.join("alice", friends.alice.hand_over(1))
    world.pass_time(SETTLED, [second, friends.device])
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_a_new_lane_comes_to_the_other_device(world: World) -> None:
    friends = Friends(world, "bob", devices=2)
    second = world.device("second", devices=2)
    second.set_token(apns("tablet"))
    second.join("alice", friends.alice.hand_over(1))
    grant = friends.alice.renew("bob")
    second.join("alice", friends.alice.hand_over(1))
    friends.senders["bob"].add_contact("alice", grant)
    world.pass_time(SETTLED, [second, *friends.clients])
    assert friends.woken_by("bob") == {"phone": 1, "tablet": 1}


def test_the_same_token_again_is_the_same_blob(world: World) -> None:
    """One embedding for each profile and epoch (SPEC 6.1)."""
    friends = Friends(world, "bob")
    contents = friends.device._book.state.profiles["alice"].contents
    before = {epoch: content.blob for epoch, content in contents.items()}
    friends.device.set_token(None)
    friends.device.work(0)
    friends.device.set_token(apns("phone"))
    friends.device.work(0)
    # Those that are published got another gate, and so are made anew.
    unpublished = [epoch for epoch in before if epoch > world.board.epoch]
    assert len(unpublished) > 10
    assert all(contents[epoch].blob == before[epoch] for epoch in unpublished)
