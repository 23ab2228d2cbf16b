"""Devices and senders: who wakes whom, whatever happens."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from push.requests.waku_node import WakuNode

from billboard import DeviceToken, FrameClass, Platform, Post
from billboard.device.device import Device
from billboard.device.profile import Profile
from billboard.errors import BillboardError, InvalidEncodingError, SecretFileError, WakuError
from billboard.push.requests.waku import WakuCourier, content_topic
from billboard.sender.sender import Sender
from clients.world import HOUR, KEY, PERIOD, World, apns, woken

SETTLED = 8 * HOUR
"""After which what was asked for has happened."""


class Friends:
    """Alice's phone, and the phones of those who may wake it."""

    def __init__(self, world: World, *contacts: str, devices: int = 1) -> None:
        self.world = world
        self.device = world.device("alice", devices=devices)
        self.alice = self.device.add_profile("alice")
        self.device.set_token(apns("phone"))
        self.senders = {name: self.meet(name, self.alice) for name in contacts}
        self.settle()

    def meet(self, name: str, profile: Profile) -> Sender:
        """A contact, who has the grant."""
        sender = self.world.sender(name)
        sender.add_contact("alice", profile.add_contact(name))
        return sender

    @property
    def clients(self) -> list[Device | Sender]:
        return [self.device, *self.senders.values()]

    def settle(self, seconds: float = SETTLED) -> None:
        self.world.pass_time(seconds, self.clients)

    def woken_by(self, name: str) -> dict[str, int]:
        """Which phones wake if this contact wants so."""
        errand = self.senders[name].wake("alice")
        assert errand.error is None
        return woken(self.world.server)


@pytest.mark.parametrize("epochs", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_contact_wakes_a_device_in_every_epoch(world: World, epochs: int) -> None:
    friends = Friends(world, "bob")
    for _ in range(epochs):
        assert friends.woken_by("bob") == {"phone": 1}
        friends.settle(PERIOD)


def test_contacts_only(world: World) -> None:
    """A stranger has no lane, and finds nothing: all that is on the board is opaque to it."""
    friends = Friends(world, "bob", "carol")
    stranger = world.sender("mallory")
    with pytest.raises(BillboardError, match="no contact"):
        stranger.wake("alice")
    other = grant_of_nobody(world)
    stranger.add_contact("alice", other)
    world.pass_time(SETTLED, [*friends.clients, stranger])
    assert stranger.wake("alice").taken == 0
    assert woken(world.server) == {}
    assert friends.woken_by("carol") == {"phone": 1}


def grant_of_nobody(world: World) -> bytes:
    """A grant of the same board that nobody posts to."""
    device = world.device("nobody")
    grant = device.add_profile("nobody").add_contact("mallory")
    device.close()
    return grant


def test_mute_all_and_be_woken_again(world: World) -> None:
    friends = Friends(world, "bob")
    before = friends.senders["bob"]
    friends.alice.mute()
    friends.settle()
    before.wake("alice")
    assert woken(world.server) == {}
    assert "does not want to be woken" in " ".join(before.status())
    friends.settle(3 * PERIOD)
    before.wake("alice")
    assert woken(world.server) == {}
    friends.alice.unmute()
    friends.settle()
    assert woken(world.server) == {}, "what was asked while it was muted is over"
    assert friends.woken_by("bob") == {"phone": 1}


def test_block_one(world: World) -> None:
    friends = Friends(world, "bob", "carol", "dave")
    held = friends.senders["bob"]
    assert friends.woken_by("bob") == {"phone": 1}
    friends.alice.revoke("bob")
    world.pass_time(SETTLED, [friends.device, friends.senders["carol"], friends.senders["dave"]])
    woken(world.server)  # the tick in which the gate is refused
    held.wake("alice")
    assert woken(world.server) == {}, "the blob that he had before is refused"
    assert friends.woken_by("carol") == {"phone": 1}
    assert friends.woken_by("dave") == {"phone": 1}
    friends.settle(2 * PERIOD)
    held.wake("alice")
    assert woken(world.server) == {}, "and there are no others for him"
    assert friends.woken_by("carol") == {"phone": 1}
    assert friends.alice.contacts == ("carol", "dave")
    with pytest.raises(BillboardError, match="no contact bob"):
        friends.alice.grant("bob")


def test_log_out(world: World) -> None:
    """Two users on one phone: one logs out, and the other is woken as before."""
    friends = Friends(world, "bob")
    other = friends.device.add_profile("work")
    friends.senders["boss"] = friends.meet("boss", other)
    friends.settle()
    assert friends.woken_by("bob") == friends.woken_by("boss") == {"phone": 1}
    other.log_out()
    friends.settle()
    woken(world.server)
    friends.senders["boss"].wake("alice")
    assert woken(world.server) == {}
    assert friends.woken_by("bob") == {"phone": 1}
    friends.settle(3 * PERIOD)
    assert list(friends.device.profiles) == ["alice"]


def test_two_phones(world: World) -> None:
    """The second phone takes over the lanes that stood in for it: nobody gets a new grant."""
    friends = Friends(world, "bob", devices=2)
    assert friends.woken_by("bob") == {"phone": 1}
    second = world.device("second", devices=2)
    second.set_token(apns("tablet"))
    joined = second.join("alice", friends.alice.hand_over(1))
    assert joined.contacts == ("bob",)
    world.pass_time(SETTLED, [second, *friends.clients])
    errand = friends.senders["bob"].wake("alice")
    assert errand.taken == 2
    assert woken(world.server) == {"phone": 1, "tablet": 1}
    # A contact that is met on the second phone.
    carol = world.sender("carol")
    carol.add_contact("alice", joined.add_contact("carol"))
    friends.device.join("alice", joined.hand_over(0))
    world.pass_time(SETTLED, [second, carol, *friends.clients])
    carol.wake("alice")
    assert woken(world.server) == {"phone": 1, "tablet": 1}
    with pytest.raises(BillboardError, match="that added"):
        friends.alice.grant("carol")


def test_nobody_sees_how_many_devices_there_are(world: World) -> None:
    friends = Friends(world, "bob", devices=3)
    assert friends.senders["bob"].wake("alice").taken == 3
    assert woken(world.server) == {"phone": 1}
    friends.settle(2 * PERIOD)
    assert len({len(post) for post in world.submissions}) == 1
    epochs = [Post.from_bytes(post).epoch for post in world.submissions]
    begun = [epoch for epoch in set(epochs) if epoch <= world.board.epoch]
    assert {epochs.count(epoch) for epoch in begun} == {3}


def test_a_lost_phone_is_refused_by_another_one(world: World) -> None:
    friends = Friends(world, "bob")
    recovery = friends.alice.recovery()
    other = world.device("other")
    other.refuse_lost(recovery)
    for _ in range(8):
        other.work()
    woken(world.server)
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_a_new_token_takes_the_place_of_the_old_one(world: World) -> None:
    friends = Friends(world, "bob")
    friends.device.set_token(apns("new phone"))
    friends.settle()
    assert friends.woken_by("bob") == {"new phone": 1}
    friends.settle(PERIOD)
    assert friends.woken_by("bob") == {"new phone": 1}
    friends.device.set_token(None)
    friends.settle()
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}


def test_a_sender_opts_out(world: World) -> None:
    friends = Friends(world, "bob")
    bob = friends.senders["bob"]
    bob.opt_out("alice")
    assert bob.wake("alice").taken == 0
    assert "opted out" in " ".join(bob.status())
    bob.opt_out("alice", out=False)
    assert friends.woken_by("bob") == {"phone": 1}
    bob.opt_out()
    assert bob.wake("alice").taken == 0
    assert woken(world.server) == {}


def test_another_server(world: World) -> None:
    friends = Friends(world)
    other = world.add_server("elsewhere.example/push")
    friends.senders["bob"] = friends.meet("bob", friends.alice)
    friends.settle()
    assert friends.woken_by("bob") == {"phone": 1}
    friends.device.set_server(other.key)
    friends.settle()
    friends.senders["bob"].wake("alice")
    assert woken(other) == {"phone": 1}
    assert woken(world.server) == {}


def test_a_server_that_is_gone(world: World) -> None:
    """What nobody takes is tried for a day, with the same bytes, and then given up."""
    friends = Friends(world, "bob")
    world.server.is_down = True
    bob = friends.senders["bob"]
    errand = bob.wake("alice")
    assert (errand.taken, errand.waiting) == (0, 1)
    assert errand.error is not None
    friends.settle(5 * HOUR)
    world.server.is_down = False
    friends.settle(HOUR)
    assert woken(world.server) == {"phone": 1}
    world.server.is_down = True
    bob.wake("alice")
    friends.settle(26 * HOUR)
    world.server.is_down = False
    friends.settle(HOUR)
    assert woken(world.server) == {}
    assert "given up" in " ".join(bob.status())


def test_a_server_of_which_nothing_is_known_is_not_used(world: World) -> None:
    world.add_server("elsewhere.example/push")
    bob = world.sender("bob")  # knows both
    bob._book.servers.pop(next(iter(bob._book.servers)))
    device = world.device("alice")
    device.set_token(apns("phone"))
    bob.add_contact("alice", device.add_profile("alice").add_contact("bob"))
    world.pass_time(SETTLED, [device, bob])
    assert bob.wake("alice").taken == 0
    assert "does not know its push server" in " ".join(bob.status())


def test_a_server_with_new_keys(world: World) -> None:
    friends = Friends(world, "bob")
    new = world.server.rotate()
    world.log_descriptors()
    friends.settle(2 * PERIOD)
    assert friends.woken_by("bob") == {"phone": 1}
    newest = [Post.from_bytes(post) for post in world.submissions[-3:]]
    assert newest
    reader = friends.senders["bob"]._book.state.contacts["alice"].lanes[0]
    assert reader.found is not None
    assert reader.found.envelope is not None
    assert reader.found.envelope[:16] == new.key_id


def test_a_lost_state_file(world: World) -> None:
    """All contacts get new grants, and need nothing else."""
    friends = Friends(world, "bob")
    friends.device.close()
    (world.directory / "alice").unlink()
    again = world.device("alice")
    again.set_token(apns("phone"))
    grant = again.add_profile("alice").add_contact("bob")
    friends.senders["bob"].add_contact("alice", grant)
    friends.device = again
    friends.settle()
    assert friends.woken_by("bob") == {"phone": 1}


def test_class_h(tmp_path: Path) -> None:
    """Handles are registered, and a new token needs no new post."""
    world = World(tmp_path, frame_class=FrameClass.H)
    friends = Friends(world, "bob")
    assert friends.woken_by("bob") == {"phone": 1}
    posted = len(world.submissions)
    friends.device.set_token(apns("new phone"))
    friends.device.work()
    assert len(world.submissions) == posted
    assert friends.woken_by("bob") == {"new phone": 1}
    friends.alice.log_out()
    friends.settle()
    friends.senders["bob"].wake("alice")
    assert woken(world.server) == {}
    world.close()


def test_a_device_is_restarted_all_the_time(world: World) -> None:
    friends = Friends(world, "bob")
    for _ in range(5):
        friends.device.close()
        friends.senders["bob"].close()
        friends.device, friends.senders["bob"] = world.reopened("alice"), world.sender("bob")
        friends.settle(PERIOD)
        assert friends.woken_by("bob") == {"phone": 1}


def test_cover_requests_wake_nobody(world: World) -> None:
    friends = Friends(world, "bob")
    bob = world.sender("busy bob", cover=240.0)
    bob.add_contact("alice", friends.alice.grant("bob"))
    taken = 0
    for _ in range(48):
        world.pass_time(HOUR / 2, friends.clients)
        taken += bob.work().taken
    assert taken > 24
    assert woken(world.server) == {}


# What cannot be


def test_a_state_is_for_one_process(world: World) -> None:
    world.device("alice")
    with pytest.raises(SecretFileError, match="another process"):
        world.reopened("alice")
    with pytest.raises(SecretFileError, match="another process"):
        world.sender("alice")


def test_a_token_that_does_not_fit(world: World) -> None:
    device = world.device("alice")
    with pytest.raises(InvalidEncodingError, match="199 bytes"):
        device.set_token(DeviceToken(Platform.FCM, b"x" * 199))


def test_names_are_taken_once(world: World) -> None:
    device = world.device("alice")
    profile = device.add_profile("alice")
    profile.add_contact("bob")
    with pytest.raises(BillboardError, match="already"):
        device.add_profile("alice")
    with pytest.raises(BillboardError, match="already"):
        profile.add_contact("bob")
    for number in (0, 1, -1):
        with pytest.raises(BillboardError, match="not the number of another"):
            profile.hand_over(number)


@pytest.mark.parametrize("what", [b"", b"\x90", b"x" * 100])
def test_what_is_not_handed_over_is_not_joined(world: World, what: bytes) -> None:
    device = world.device("alice")
    with pytest.raises(InvalidEncodingError):
        device.join("alice", what)
    with pytest.raises(InvalidEncodingError):
        device.refuse_lost(what)
    assert not device.profiles


def test_a_grant_of_an_unknown_board(world: World) -> None:
    device, bob = world.device("alice"), world.sender("bob")
    grant = device.add_profile("alice").add_contact("bob")
    bob._fetching._boards.clear()
    with pytest.raises(InvalidEncodingError, match="does not know"):
        bob.add_contact("alice", grant)
    for each in range(len(grant)):
        with pytest.raises(InvalidEncodingError):
            bob.add_contact("alice", grant[:each])
    assert bob.contacts == ()


def test_nothing_that_is_secret_is_shown(world: World) -> None:
    friends = Friends(world, "bob")
    sender = friends.senders["bob"]
    profile = friends.device._book.state.profiles["alice"]
    lane = profile.contacts["bob"].lanes[0]
    held = [friends.device, friends.device._book.state, profile, profile.contacts["bob"], lane]
    held += [profile.contents[world.board.epoch], friends.alice, friends.device._book.state.token]
    held += [sender, sender._book.state, sender._book.state.contacts["alice"].lanes[0].found]
    for each in held:
        assert re.fullmatch(r"<[\w. ]+>", re.sub(r"0x[0-9a-f]+", "", repr(each))), repr(each)


def test_the_state_is_encrypted(world: World) -> None:
    name = "bob from next door"  # random bytes have no such thing, as they may have "bob"
    friends = Friends(world, name)
    data, state = (world.directory / "alice").read_bytes(), bytes(friends.device._book.state)
    for needle in (name.encode(), apns("phone").value):
        assert needle in state
        assert needle not in data
    friends.device.close()
    for flipped in (0, 20, 60, len(data) - 1):
        bad = bytes(byte ^ (at == flipped) for at, byte in enumerate(data))
        (world.directory / "alice").write_bytes(bad)
        with pytest.raises(SecretFileError):
            world.reopened("alice")
    for length in (0, 10, 51, len(data) - 1):
        (world.directory / "alice").write_bytes(data[:length])
        with pytest.raises(SecretFileError):
            world.reopened("alice")
    (world.directory / "alice").write_bytes(data)
    world.reopened("alice").close()
    (world.directory / "alice").chmod(0o644)
    with pytest.raises(SecretFileError, match="chmod 600"):
        world.reopened("alice")
    assert KEY not in data


def test_a_sender_over_waku(world: World) -> None:
    """Its node is a stub (`push.waku_node`); what it keeps is what a push server takes from it."""
    friends = Friends(world)
    node = WakuNode()
    node.clock = world.clock
    with node.running():
        bob = world.sender("bob", courier=WakuCourier(node.url, clock=world.clock))
        bob.add_contact("alice", friends.alice.add_contact("bob"))
        friends.senders["bob"] = bob
        friends.settle()
        assert bob.wake("alice").taken == 1
        (message,) = node.pushed
        assert message["contentTopic"] == content_topic(world.server.key)
        world.server.take(base64.b64decode(message["payload"]))
        assert woken(world.server) == {"phone": 1}
    errand = bob.wake("alice")
    assert (errand.taken, errand.waiting) == (0, 1)
    assert isinstance(errand.error, WakuError)
