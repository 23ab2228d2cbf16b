"""`Profile`: one user of a device, and who can wake it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import msgspec

from billboard.device.book import Book
from billboard.device.plan import Moment, refuse_all
from billboard.device.state import (
    UNSURE,
    WITHDRAWN,
    DeviceContact,
    HandedOver,
    OwnLane,
    ProfileState,
    Recovery,
)
from billboard.errors import BillboardError
from billboard.lanes import encode_grants
from billboard.times import utc


@final
class Profile:
    """One user of a `Device`."""

    def __init__(self, book: Book, name: str) -> None:
        """Use `Device.profiles` or `Device.add_profile`."""
        self._book = book
        self.name = name
        """What the device knows this user by."""

    @property
    def _state(self) -> ProfileState:
        return self._book.profile(self.name)

    @property
    def contacts(self) -> tuple[str, ...]:
        """The names of those who can wake this user."""
        return tuple(name for name, each in self._state.contacts.items() if not each.revoked)

    def add_contact(self, name: str) -> bytes:
        """A new contact: its grant, to be sent to it through the end-to-end encrypted chat.

        Raises `BillboardError` if there is one of this name, or was, and it is not forgotten yet:
        see `renew`.
        """
        if self._state.leaving:
            raise BillboardError(f"{self.name} is logging out")
        if name in self._state.contacts:
            raise BillboardError(f"there is a contact {name} already: see `grant` and `renew`")
        self._state.contacts[name] = DeviceContact(self._book.new_lanes())
        self._book.save()
        return self.grant(name)

    def grant(self, name: str) -> bytes:
        """The grant of a contact once more, from the current epoch on.

        Raises `BillboardError` if another device has lanes of it, which has to give the grant.
        """
        book = self._book
        epoch = book.moment().epoch
        lanes = [each for each in self._contact(name).lanes if each is not None]
        if len(lanes) < book.state.devices:
            raise BillboardError(f"{name}: the device that added this contact has its grant")
        return encode_grants([book.lane(lane).grant(epoch) for lane in lanes])

    def renew(self, name: str) -> bytes:
        """New lanes for a contact, if something is wrong with the old ones: its new grant.

        Also for one that was revoked, who then can wake this user again.
        """
        contact = self._state.contacts.get(name) or self._contact(name)
        contact.lanes, contact.overtaken, contact.revoked = self._book.new_lanes(), False, False
        contact.renewed = self._book.moment().live.stop
        self._book.save()
        return self.grant(name)

    def revoke(self, name: str) -> None:
        """Have a contact wake this user no more: all that it can have is withdrawn or refused.

        That takes some late intervals for what is published already (SPEC 10.5).
        """
        contact = self._contact(name)
        contact.revoked = True
        if contact.overtaken or contact.renewed >= self._book.moment().epoch - 1:
            self._refuse_all()
        self._book.save()

    def mute(self) -> None:
        """Be woken by nobody, until `unmute`."""
        self._state.muted = True
        self._refuse_overtaken()
        self._book.save()

    def unmute(self) -> None:
        """Be woken again by all contacts."""
        self._state.muted = False
        self._book.save()

    def log_out(self) -> None:
        """Be woken no more on this device. The profile is gone when all is withdrawn."""
        self._state.leaving = True
        self._refuse_overtaken()
        self._book.save()

    def hand_over(self, number: int) -> bytes:
        """The lanes of device ``number`` of this user, for `Device.join` there; secret.

        Until they are handed over they stand in for it, and hold nothing. It may be called again,
        for contacts that are new. Raises `BillboardError` if this is that device itself.
        """
        book, profile = self._book, self._state
        if not 0 <= number < book.state.devices or number == profile.number:
            raise BillboardError(f"{number} is not another one of {book.state.devices} devices")
        given: dict[str, tuple[bool, OwnLane]] = {}
        for name, contact in profile.contacts.items():
            lane = contact.lanes[number]
            if lane is not None:
                lane.handed_over = True
                postings = {
                    epoch: msgspec.structs.replace(each, version=UNSURE)
                    for epoch, each in lane.postings.items()
                }
                given[name] = contact.revoked, OwnLane(lane.secret, lane.since, postings)
        book.save()
        state = book.state
        handed = HandedOver(
            state.origin, state.epoch_length, state.frame_class, state.devices, number, given
        )
        return bytes(handed)

    def recovery(self) -> bytes:
        """What another device of this user needs to stop this one if it is lost; secret.

        It is another one after `Device.set_server`, and after `revoke` of a contact of which an old
        state knew too little.
        """
        state = self._book.state
        return bytes(Recovery(state.origin, state.server, self._state.root))

    def _refuse_overtaken(self) -> None:
        """Have refused what this state does not know of, as it is an old one."""
        if any(contact.overtaken for contact in self._state.contacts.values()):
            self._refuse_all()

    def _refuse_all(self) -> None:
        refuse_all(self._state, self._book.moment(), self._book.state.showings)

    def _contact(self, name: str) -> DeviceContact:
        contact = self._state.contacts.get(name)
        if contact is None or contact.revoked:
            raise BillboardError(f"{self.name} has no contact {name}")
        return contact


def sentences(name: str, profile: ProfileState, moment: Moment) -> Iterator[str]:
    """What `Device.status` says of the profile of that name."""
    mode = ", logging out" if profile.leaving else ", muted" if profile.muted else ""
    yield f"profile {name}, device {profile.number}{mode}"
    for contact_name, contact in profile.contacts.items():
        yield f"  {contact_name}: {_contact_sentence(profile, contact, moment)}"


def _contact_sentence(profile: ProfileState, contact: DeviceContact, moment: Moment) -> str:
    if contact.overtaken:
        return "this state is an old one, nothing is posted: `renew` or `revoke` it"
    lane = contact.lanes[profile.number]
    if lane is None:
        return "another device has its lanes"
    postings = {at: each for at, each in lane.postings.items() if at in moment.live}
    last = max((at for at, each in postings.items() if each.version > WITHDRAWN), default=None)
    stale = sum(bool(each.due or each.pending) for each in postings.values())
    until = "" if last is None else f"can wake this user until {utc(moment.begins(last + 1))}"
    if contact.revoked:
        until = "revoked" if last is None else f"revoked, but {until}"
    to_do = f"{stale} posts to come" if stale else ""
    return ", ".join(filter(None, [until or "nothing is published yet", to_do]))
