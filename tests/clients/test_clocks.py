"""Devices and senders whose clocks are wrong for a while."""

from __future__ import annotations

import pytest
from board.support import DAY, Clock

from billboard.device.device import Device
from billboard.sender.sender import Sender
from clients.test_clients import SETTLED, Friends
from clients.world import HOUR, PERIOD, World, apns, check_posts, woken

MORE_WRONG = (-7 * DAY, -HOUR, 7 * DAY)


@pytest.mark.parametrize(
    "wrong", [HOUR, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE_WRONG)]
)
def test_a_device_whose_clock_is_wrong_for_a_while(world: World, wrong: float) -> None:
    clock = Clock(world.clock.now)
    device, bob = world.device("alice", clock=clock), world.sender("bob")
    alice = device.add_profile("alice")
    device.set_token(apns("phone"))
    bob.add_contact("alice", alice.add_contact("bob"))
    carol = world.sender("carol")
    carol.add_contact("alice", alice.add_contact("carol"))
    others = [bob, carol]
    live(world, device, clock, others, SETTLED, 0.0)
    live(world, device, clock, others, PERIOD, wrong)
    alice.revoke("carol")
    live(world, device, clock, others, PERIOD, wrong)
    live(world, device, clock, others, 2 * PERIOD, 0.0)
    check_posts(world)
    woken(world.server)
    bob.wake("alice")
    assert woken(world.server) == {"phone": 1}
    carol.wake("alice")
    assert woken(world.server) == {}
    device.close()
    again = world.reopened("alice")
    live(world, again, clock, others, 2 * PERIOD, 0.0)
    bob.wake("alice")
    assert woken(world.server) == {"phone": 1}


def test_a_clock_that_is_ahead_for_a_while_takes_no_revocation_for_over(world: World) -> None:
    clock = Clock(world.clock.now)
    device, carol = world.device("alice", clock=clock), world.sender("carol")
    alice = device.add_profile("alice")
    device.set_token(apns("phone"))
    carol.add_contact("alice", alice.add_contact("carol"))
    live(world, device, clock, [carol], SETTLED, 0.0)
    alice.revoke("carol")
    live(world, device, clock, [], HOUR, 0.0)
    clock.now = world.clock.now + 30 * DAY
    device.work()
    live(world, device, clock, [], 5 * HOUR, 0.0)
    woken(world.server)
    carol.wake("alice")
    assert woken(world.server) == {}


def live(
    world: World,
    device: Device,
    clock: Clock,
    senders: list[Sender],
    seconds: float,
    wrong: float,
) -> None:
    """Let time pass while the clock of the device is ``wrong``."""
    end = world.clock.now + seconds
    while world.clock.now < end:
        world.pass_time(HOUR / 2, senders)
        clock.now = world.clock.now + wrong
        device.work(1000)


@pytest.mark.parametrize(
    "wrong", [HOUR, *(pytest.param(each, marks=pytest.mark.slow) for each in MORE_WRONG)]
)
def test_a_sender_whose_clock_is_wrong_for_a_while(world: World, wrong: float) -> None:
    friends = Friends(world)
    clock = Clock(world.clock.now)
    bob = world.sender("bob", clock=clock)
    bob.add_contact("alice", friends.alice.add_contact("bob"))
    for step in range(48):
        friends.settle(HOUR / 2)
        clock.now = world.clock.now + (wrong if step < 24 else 0.0)
        bob.work()
    bob.wake("alice")
    assert woken(world.server) == {"phone": 1}
