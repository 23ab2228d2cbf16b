"""What a device has to post, and when (SPEC 7.2, 8.2, 10.5).

The plan compares what a post should hold with what the last accepted post holds. The difference is
what is left to do, whatever happened in between.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from billboard.board.parameters import EPOCHS_AHEAD, BoardParameters
from billboard.device.state import (
    UNSURE,
    WITHDRAWN,
    Content,
    DeviceContact,
    OwnLane,
    Posting,
    ProfileState,
    Showing,
)
from billboard.hashing import expand
from billboard.lanes import SLOTS
from billboard.times import HOUR, epoch_at

GENERATIONS = 16
"""Most gates that a profile can have for one epoch (SPEC 10.5)."""

GRACE = 4
"""Late intervals that the other contacts get to find the posts with a new gate.

One each until a post is posted, published and fetched, and one to spare."""


@dataclass(frozen=True)
class Moment:
    """The time at which a device plans, in seconds since 1970, and the parameters of its board.

    ``fresh`` says that the board shows the log that is due at ``now``, so that the clock is right.
    Steps that cannot be undone wait for that.
    """

    now: float
    parameters: BoardParameters
    fresh: bool

    @property
    def epoch(self) -> int:
        return epoch_at(self.now, self.parameters.epoch_length)

    @property
    def live(self) -> range:
        """The epochs for which posts are made."""
        return range(self.epoch, self.epoch + EPOCHS_AHEAD + 1)

    @property
    def longest_wait(self) -> float:
        """Longest wait in seconds that is planned with a right clock."""
        return max(self.parameters.epoch_length, 8 * self.parameters.late_interval)

    def begins(self, epoch: int) -> int:
        return epoch * self.parameters.epoch_length

    def may_be_published(self, epoch: int) -> bool:
        """Whether the first edition of ``epoch`` may be out, if clocks differ by up to the skew."""
        return self.now >= self.begins(epoch) - self.parameters.skew

    def is_published(self, epoch: int) -> bool:
        """Whether the first edition of ``epoch`` is closed."""
        return self.now >= self.begins(epoch) + self.parameters.skew

    def expires(self, epoch: int) -> int:
        """Return the hour since 1970 at which frames for ``epoch`` expire.

        Readers look one epoch back. The hour is the same for all devices, so it identifies none.
        """
        return math.ceil((self.begins(epoch + 2) + self.parameters.skew) / HOUR)


class Place(NamedTuple):
    """One lane in one epoch."""

    profile: ProfileState
    name: str
    contact: DeviceContact
    number: int
    lane: OwnLane
    epoch: int

    @property
    def is_padding(self) -> bool:
        return self.number != self.profile.number

    @property
    def version(self) -> int | None:
        """The version of its last accepted post; None if nothing was planned for it yet."""
        posting = self.lane.postings.get(self.epoch)
        return None if posting is None else posting.version

    @property
    def wanted(self) -> int | None:
        """The version that its post should have; None if that content does not exist yet."""
        if self.contact.revoked or self.profile.muted or self.profile.leaving:
            return WITHDRAWN
        content = self.profile.contents.get(self.epoch)
        if content is None or not content.of:
            return None
        return content.version if content.ready else WITHDRAWN


def places(profile: ProfileState, epochs: range) -> Iterator[Place]:
    """Yield the places in ``epochs`` of all lanes to which this device posts."""
    for name, contact in profile.contacts.items():
        for number, lane in enumerate(contact.lanes):
            if lane is not None and not lane.handed_over and not contact.overtaken:
                for epoch in range(max(epochs.start, lane.since), epochs.stop):
                    yield Place(profile, name, contact, number, lane, epoch)


def plan(profile: ProfileState, moment: Moment) -> Iterator[tuple[Place, Posting]]:
    """Yield the places where there is something to post; the posting says when it is due.

    Times are drawn at random, so that posts of one device do not arrive together (SPEC 1). While a
    lane is being probed for an outdated state, only the probe is posted there.
    """
    everywhere = list(places(profile, moment.live))
    unsure = {id(place.lane) for place in everywhere if place.version == UNSURE}
    for place in everywhere:
        if place.wanted is None or (id(place.lane) in unsure and place.version != UNSURE):
            continue
        posting = place.lane.postings.get(place.epoch)
        if posting is None:
            if place.wanted == WITHDRAWN:
                continue
            posting = place.lane.postings[place.epoch] = Posting()
        if posting.pending is None:
            if posting.version == place.wanted:
                posting.due = 0.0
                continue
            if posting.slot == SLOTS - 1 and takes_next_slot(posting, place.epoch, moment):
                continue  # there is no slot left
            if posting.seq is not None and moment.may_be_published(place.epoch):
                if not moment.fresh:
                    continue
                # Before that time, nobody knows to which slot the post belongs.
                settled = moment.begins(place.epoch) + moment.parameters.skew
                if posting.due < settled and not posting.published:
                    posting.due = _draw_within(moment.parameters.late_interval, settled)
            if not 0 < posting.due <= moment.now + moment.longest_wait:
                posting.due = _draw(place.epoch, moment)
        yield place, posting


def takes_next_slot(posting: Posting, epoch: int, moment: Moment) -> bool:
    """Whether what replaces the post of ``epoch`` takes the next slot (SPEC 7.2)."""
    return posting.published or moment.is_published(epoch)


def _draw(epoch: int, moment: Moment) -> float:
    """Draw a time to post for ``epoch``: before its deadline, or else within a late interval."""
    length, late = moment.parameters.epoch_length, moment.parameters.late_interval
    room = moment.begins(epoch) - moment.parameters.skew - late - moment.now
    return _draw_within(min(room, length) if room > 0 else late, moment.now)


def _draw_within(seconds: float, start: float) -> float:
    return random.SystemRandom().uniform(start, start + seconds)


def probe(profile: ProfileState, moment: Moment) -> None:
    """Mark one post of each lane to be replaced, in an epoch that is not published yet.

    The board refuses the replacement if it has a newer post than this state knows (SPEC 8.4).
    """
    late = moment.parameters.late_interval
    soon = replace(moment, now=moment.now + 2 * late)
    for contact in profile.contacts.values():
        for lane in filter(None, contact.lanes):
            unpublished = [
                posting
                for epoch, posting in lane.postings.items()
                if posting.seq is not None
                and posting.version != WITHDRAWN
                and posting.pending is None
                and not soon.may_be_published(epoch)
            ]
            if unpublished:
                posting = random.SystemRandom().choice(unpublished)
                posting.version = UNSURE
                posting.due = _draw_within(late, moment.now)


def renew_gates(profile: ProfileState, moment: Moment, showings: list[Showing]) -> None:
    """Renew each gate that a contact may still use but should not (SPEC 10.5).

    This concerns epochs that may be published; posts that are not published yet are withdrawn
    instead. The other contacts get posts with a new gate and some time to find them. Without other
    contacts, the old gate is refused at once.
    """
    alone = profile.muted or profile.leaving
    grace = 0 if alone else GRACE * moment.parameters.late_interval
    for epoch, content in profile.contents.items():
        those = list(places(profile, range(epoch, epoch + 1)))
        if any(_holds(place, content, moment) for place in those):
            renew_gate(profile, epoch, moment, showings, at=moment.now + grace)


def refuse_all(profile: ProfileState, moment: Moment, showings: list[Showing]) -> None:
    """Have all possible gates of a profile refused, as nobody knows which were used."""
    servers = {content.server for content in profile.contents.values() if content.server}
    for server in servers:
        showings += lost_gates(profile.root, server, moment)
    profile.root = os.urandom(32)
    for content in profile.contents.values():
        content.generation = 0
        _changed(content)


def lost_gates(root: bytes, server: str, moment: Moment) -> Iterator[Showing]:
    """Yield the showings that make ``server`` refuse every gate from ``root`` in live epochs."""
    for epoch in range(moment.epoch - 1, moment.live.stop):
        for generation in range(GENERATIONS):
            kappa = kappa_of(root, epoch, generation)
            yield Showing(server, kappa, moment.expires(epoch), moment.now)


def _holds(place: Place, content: Content, moment: Moment) -> bool:
    """Whether a contact may have a blob with the gate of ``content`` but should not."""
    posting = place.lane.postings.get(place.epoch)
    return (
        posting is not None
        and not place.is_padding
        and place.wanted == WITHDRAWN
        and (posting.version >= content.gate_since or posting.version == UNSURE)
        # A board can undo a withdrawal (SPEC 1). One who logs out has no other contacts to spare.
        and (posting.published or place.profile.leaving or moment.may_be_published(place.epoch))
    )


def renew_gate(
    profile: ProfileState, epoch: int, moment: Moment, showings: list[Showing], *, at: float
) -> None:
    """Plan to have the gate of ``epoch`` refused at ``at``, and switch to the next gate."""
    content = profile.contents[epoch]
    if content.generation == GENERATIONS:
        return  # no gate is left that could be refused
    kappa = kappa_of(profile.root, epoch, content.generation)
    showings.append(Showing(content.server, kappa, moment.expires(epoch), at))
    content.generation += 1
    _changed(content)


def _changed(content: Content) -> None:
    """Mark a content to be made again, with its current gate."""
    content.version += 1
    content.gate_since = content.version
    content.of, content.ready = b"", False


def kappa_of(root: bytes, epoch: int, generation: int) -> bytes:
    """Derive the kappa of a profile for an epoch (SPEC 10.5)."""
    return expand(root, "kappa", 32, epoch.to_bytes(4, "big"), generation.to_bytes(4, "big"))
