"""A month of many phones: who should be woken is, and nobody else, whatever happens to them."""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from board.support import DAY

from billboard import DeviceToken, FrameClass, Platform, open_board
from billboard.device.device import Device
from billboard.device.profile import Profile
from billboard.sender.sender import Sender
from clients.world import HOUR, KEY, DirectCourier, World

EPOCH, LATE = 3 * DAY, 12 * HOUR
"""Of the board, and LATE of how often senders look: everything happens twice a day."""

SETTLED = 4 * DAY
"""After which what happened must have come to everybody."""

PROFILES = 3
"""Of each phone."""


@dataclass
class Friendship:
    """A lane of a phone's profile to somebody, and since when it should be as it is."""

    profile: str
    sender: int
    name: str
    since: float
    revoked: bool = False


@dataclass
class Phone:
    """A phone: its device, which may be restarted, and what its user wants."""

    number: int
    state: Path
    token: DeviceToken
    token_since: float
    tokens: set[bytes]
    device: Device
    friends: list[Friendship] = field(default_factory=list)
    muted: dict[str, tuple[bool, float]] = field(default_factory=dict)
    due: float = 0.0


class Month:
    """Phones at one board and one push server, each used by people who know some of the others."""

    def __init__(self, directory: Path, phones: int, contacts: int, seed: int) -> None:
        self.world = World(
            directory, frame_class=FrameClass.S, late_interval=LATE, epoch_length=EPOCH
        )
        self.random = random.Random(seed)
        self.client = self.world.client()
        self.seen: Counter[str] = Counter()
        self.waited: set[str] = set()
        self.made = 0
        self.senders = [self.sender(number) for number in range(phones)]
        self.sender_due = [0.0] * phones
        self.phones = [self.phone(number) for number in range(phones)]
        for phone in self.phones:
            for _ in range(contacts):
                self.befriend(phone)

    # what there is

    def sender(self, number: int) -> Sender:
        world = self.world
        return Sender(
            world.directory / f"sender{number}",
            KEY,
            [self.client],
            [world.server.key],
            interval=LATE,
            decoys=1,
            courier=DirectCourier(world),
            clock=world.clock,
        )

    def phone(self, number: int) -> Phone:
        world = self.world
        self.made += 1
        state = world.directory / f"phone{self.made}"
        device = Device.create(
            state,
            KEY,
            self.client,
            world.server.key,
            courier=DirectCourier(world),  # type: ignore[arg-type]
            clock=world.clock,
        )
        token = DeviceToken(Platform.APNS, os.urandom(32))
        now = world.clock.now
        made = Phone(number, state, token, now, {token.value}, device)
        device.set_token(token)
        for profile in range(PROFILES):
            device.add_profile(f"{profile}")
            made.muted[f"{profile}"] = False, now
        return made

    def profile(self, phone: Phone, name: str) -> Profile:
        phone.due = 0.0  # an application that changes something works at once
        return phone.device.profiles[name]

    def befriend(self, phone: Phone) -> None:
        """Somebody gets a grant."""
        sender = self.random.randrange(len(self.senders))
        self.made += 1
        made = Friendship(
            str(self.random.randrange(PROFILES)),
            sender,
            f"friend {self.made}",
            self.world.clock.now,
        )
        grant = self.profile(phone, made.profile).add_contact(made.name)
        self.senders[sender].add_contact(made.name, grant)
        phone.friends.append(made)

    # what happens

    def live(self, days: int) -> None:
        for _ in range(days * DAY // LATE):
            self.world.clock.now += LATE
            self.world.board.publish_due()
            if self.world.clock.now % DAY < LATE:
                self.world.log_descriptors()
            self.happen()
            self.work()
            self.push()

    def work(self) -> None:
        now = self.world.clock.now
        for phone in self.phones:
            if phone.due <= now:
                phone.due = phone.device.work(1000).next
        for number, sender in enumerate(self.senders):
            if self.sender_due[number] <= now:
                self.sender_due[number] = sender.work().next

    def happen(self) -> None:
        """Some of what happens in half a day."""
        now = self.world.clock.now
        for phone in self.random.sample(self.phones, max(len(self.phones) // 20, 1)):
            what = self.random.randrange(7)
            if what == 0:
                phone.token, phone.token_since = DeviceToken(Platform.APNS, os.urandom(32)), now
                phone.tokens.add(phone.token.value)
                phone.device.set_token(phone.token)
                phone.due = 0.0
            elif what == 1:
                living = [each for each in phone.friends if not each.revoked]
                if living:
                    gone = self.random.choice(living)
                    self.profile(phone, gone.profile).revoke(gone.name)
                    gone.revoked, gone.since = True, now
            elif what == 2:
                name = str(self.random.randrange(PROFILES))
                muted = not phone.muted[name][0]
                profile = self.profile(phone, name)
                profile.mute() if muted else profile.unmute()
                phone.muted[name] = muted, now
            elif what == 3:
                self.befriend(phone)
            elif what == 4:
                phone.device.close()
                phone.device = Device.open(
                    phone.state,
                    KEY,
                    self.client,
                    courier=DirectCourier(self.world),  # type: ignore[arg-type]
                    clock=self.world.clock,
                )
            elif what == 5:
                self.senders[phone.number].close()
                self.senders[phone.number] = self.sender(phone.number)
            elif self.random.random() < 0.3:
                self.lose(phone)
            self.seen[str(what)] += 1
        if self.random.random() < 0.2:
            self.restart_servers()

    def lose(self, phone: Phone) -> None:
        """A phone is gone: its user has what the last one had, and new grants for its friends."""
        recoveries = [each.recovery() for each in phone.device.profiles.values()]
        phone.device.close()
        new = self.phone(phone.number)
        for recovery in recoveries:
            new.device.refuse_lost(recovery)
        for old in phone.friends:
            if not old.revoked:
                grant = self.profile(new, old.profile).add_contact(old.name)
                self.senders[old.sender].add_contact(old.name, grant)
                old.since = new.token_since
                new.friends.append(old)
        self.phones[self.phones.index(phone)] = new
        self.seen["lost"] += 1

    def restart_servers(self) -> None:
        world = self.world
        world.board.close()
        world.board = open_board(world.directory / "board", clock=world.clock)
        world.http.board = world.board
        world.server.restart()
        self.seen["restart"] += 1

    # who is woken

    def push(self) -> None:
        """Some are woken by some of their friends; see that it is as it should be."""
        now = self.world.clock.now
        must: set[bytes] = set()
        may: defaultdict[bytes, bool] = defaultdict(bool)
        for phone in self.random.sample(self.phones, max(len(self.phones) // 4, 1)):
            friend = self.random.choice(phone.friends)
            muted, muted_since = phone.muted[friend.profile]
            settled = now - max(friend.since, muted_since) >= SETTLED
            wanted = not friend.revoked and not muted
            self.senders[friend.sender].wake(friend.name)
            if wanted and settled and now - phone.token_since >= SETTLED:
                must.add(phone.token.value)
            if wanted or not settled:
                for token in phone.tokens:
                    may[token] = True
        woken = {token for token, times in self.world.server.tick().items() if times}
        assert must <= woken, "somebody who should be woken is not"
        assert woken <= set(may) | self.late(), "somebody is woken who should not be"
        self.seen["woken"] += len(woken)
        self.seen["must"] += len(must)

    def late(self) -> set[bytes]:
        """The tokens of whom a friend wanted to wake before, when nothing was known yet."""
        waiting = [each for sender in self.senders for each in sender._book.state.waiting]
        self.waited |= {each.contact for each in waiting}
        return {
            token
            for phone in self.phones
            if any(each.name in self.waited for each in phone.friends)
            for token in phone.tokens
        }

    def close(self) -> None:
        for phone in self.phones:
            phone.device.close()
        for sender in self.senders:
            sender.close()
        self.world.close()


def a_month(phones: int, contacts: int, seed: int) -> Counter[str]:
    """What happened, how often."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory) as directory:
        month = Month(Path(directory), phones, contacts, seed)
        try:
            month.live(30)
            month.seen["posts"] = len(month.world.submissions)
        finally:
            month.close()
    return month.seen


def check(seen: Counter[str], phones: int) -> None:
    assert seen["must"] > phones * 10
    assert seen["lost"] > 0
    assert seen["restart"] > 3
    assert min(seen[str(each)] for each in range(7)) > 0


@pytest.mark.slow
def test_a_month() -> None:
    check(a_month(20, 6, seed=1), 20)


@pytest.mark.slow
def test_a_month_of_many() -> None:
    """200 phones, each with 3 profiles and 20 contacts in all: half of them at each of two boards.

    The boards have nothing to do with each other, so that each has a process.
    """
    begin = time.monotonic()
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        seen = sum(pool.map(a_month, [100, 100], [20, 20], [1, 2]), Counter())
    print(f"a month took {time.monotonic() - begin:.0f} s, in which there were {dict(seen)}")
    check(seen, 200)
