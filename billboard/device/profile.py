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
        """Use `Device.profiles` or `Device.add_profile` instead."""
        self._book = book
        self.name = name
        """The name of this user on the device."""

    @property
    def _state(self) -> ProfileState:
        return self._book.profile(self.name)

    @property
    def contacts(self) -> tuple[str, ...]:
        """The names of those who can wake this user."""
        return tuple(name for name, each in self._state.contacts.items() if not each.revoked)

    def add_contact(self, name: str) -> bytes:
        """Add a contact. Return its grant, to be sent through the end-to-end encrypted chat.

        Raises `BillboardError` if this user is logging out, or if a contact of this name exists or
        was revoked and is not forgotten yet: see `renew`.
        """
        if self._state.leaving:
            raise BillboardError(f"{self.name} is logging out, so it takes no new contacts")
        if name in self._state.contacts:
            raise BillboardError(
                f"{self.name} already has a contact {name}: use `grant` or `renew`"
            )
        self._state.contacts[name] = DeviceContact(self._book.new_lanes())
        self._book.save()
        return self.grant(name)

    def grant(self, name: str) -> bytes:
        """Return the grant of a contact once more, from the current epoch on.

        Raises `BillboardError` if there is no such contact, or if this device does not have all its
        lanes. Then the device that added the contact can give the grant.
        """
        book = self._book
        epoch = book.moment().epoch
        lanes = [each for each in self._contact(name).lanes if each is not None]
        if len(lanes) < book.state.devices:
            raise BillboardError(f"{name}: only the device that added this contact has its grant")
        return encode_grants([book.lane(lane).grant(epoch) for lane in lanes])

    def renew(self, name: str) -> bytes:
        """Replace the lanes of a contact, if something is wrong with the old ones.

        Return its new grant. A contact that was revoked can then wake this user again. Raises
        `BillboardError` if there is no such contact.
        """
        contact = self._state.contacts.get(name) or self._contact(name)
        contact.lanes, contact.overtaken, contact.revoked = self._book.new_lanes(), False, False
        contact.renewed = self._book.moment().live.stop
        self._book.save()
        return self.grant(name)

    def revoke(self, name: str) -> None:
        """Stop a contact from waking this user: all its posts are withdrawn or refused.

        This takes some late intervals for posts that are published already (SPEC 10.5). Raises
        `BillboardError` if there is no such contact.
        """
        contact = self._contact(name)
        contact.revoked = True
        if contact.overtaken or contact.renewed >= self._book.moment().epoch - 1:
            self._refuse_all()
        self._book.save()

    def mute(self) -> None:
        """Let nobody wake this user until `unmute`."""
        self._state.muted = True
        self._refuse_overtaken()
        self._book.save()

    def unmute(self) -> None:
        """Let all contacts wake this user again."""
        self._state.muted = False
        self._book.save()

    def log_out(self) -> None:
        """Let nobody wake this user here any more. The profile goes when all is withdrawn."""
        self._state.leaving = True
        self._refuse_overtaken()
        self._book.save()

    def hand_over(self, number: int) -> bytes:
        """Return the lanes of device ``number`` of this user, a secret for `Device.join` there.

        Until then, these lanes stand in for that device, and their posts are for nobody. Call this
        again after adding contacts. Raises `BillboardError` if ``number`` is this device itself or
        is out of range.
        """
        book, profile = self._book, self._state
        if not 0 <= number < book.state.devices or number == profile.number:
            raise BillboardError(
                f"{number} is not the number of another device. This is device {profile.number}, "
                f"and numbers go from 0 to {book.state.devices - 1}."
            )
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
        """Return the secret with which another device of this user can stop this one if it is lost.

        It changes after `Device.set_server`. It can also change after `revoke`, `mute` or
        `log_out`, if this state was restored from an old backup or the contact was renewed.
        """
        state = self._book.state
        return bytes(Recovery(state.origin, state.server, self._state.root))

    def _refuse_overtaken(self) -> None:
        """Have all gates refused if an outdated state does not know which were used."""
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
    """Yield what `Device.status` says about the profile called ``name``."""
    mode = ", logging out" if profile.leaving else ", muted" if profile.muted else ""
    yield f"profile {name}, device {profile.number}{mode}"
    for contact_name, contact in profile.contacts.items():
        yield f"  {contact_name}: {_contact_sentence(profile, contact, moment)}"


def _contact_sentence(profile: ProfileState, contact: DeviceContact, moment: Moment) -> str:
    if contact.overtaken:
        return (
            "paused. The board has newer posts for this contact than this device remembers, as "
            "after restoring an old backup. Run `billboard device renew` to go on, or `revoke` to "
            "block it."
        )
    lane = contact.lanes[profile.number]
    if lane is None:
        return "only another device has the lanes of this contact"
    postings = {at: each for at, each in lane.postings.items() if at in moment.live}
    last = max((at for at, each in postings.items() if each.version > WITHDRAWN), default=None)
    stale = sum(bool(each.due or each.pending) for each in postings.values())
    until = "" if last is None else f"can wake this user until {utc(moment.begins(last + 1))}"
    if contact.revoked:
        until = "revoked" if last is None else f"revoked, but {until}"
    to_do = f"posts to submit: {stale}" if stale else ""
    return ", ".join(filter(None, [until or "nothing is published yet", to_do]))
