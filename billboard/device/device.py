"""`Device`: what an application on a phone needs to be woken (SPEC 7, 8, 10)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self, final

from billboard.board.client import BoardClient
from billboard.device.book import Book
from billboard.device.plan import (
    GENERATIONS,
    GRACE,
    Moment,
    Place,
    kappa_of,
    lost_gates,
    plan,
    probe,
    renew_gate,
    renew_gates,
)
from billboard.device.posting import make_post, submit_all
from billboard.device.profile import Profile, sentences
from billboard.device.servers import PushServers, tag
from billboard.device.state import (
    Content,
    DeviceContact,
    DeviceState,
    HandedOver,
    OwnLane,
    Posting,
    ProfileState,
    Recovery,
    Registered,
    Token,
)
from billboard.errors import (
    BillboardError,
    InvalidEncodingError,
    SecretFileError,
    UnreachableError,
)
from billboard.lanes import MOST_LANES
from billboard.push.requests.courier import HttpCourier
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.registration import HandleKey
from billboard.push.requests.request import gate_of
from billboard.storage.secret_file import Kind
from billboard.storage.state_file import StateFile
from billboard.tlog.note import NoteKey
from billboard.tokens import DeviceToken, Handle

NO_TOKEN = b"-"
"""Value of `Content.of` for a content that was not made because the device has no token."""

RETRY = 60
"""Seconds until something that failed is tried again."""

_WORKED = 600
"""Resolution in seconds of `DeviceState.worked_at`."""


@dataclass(frozen=True)
class Work:
    """Result of `Device.work`: how many posts the board accepted, and when there is more to do.

    ``next`` is in seconds since 1970. ``error`` is the first error; what failed is tried again. A
    `BoardError` may carry evidence that the board breaks its rules.
    """

    posted: int
    next: float
    error: BillboardError | None = None


@final
class Device:
    """One phone, which is woken through a push server for one or more users.

    Its state is one file, encrypted under ``key``: 32 bytes that the application keeps where the
    system keeps secrets. Nothing happens by itself: call `work` now and then, and at the time that
    it returns. ``clock`` gives seconds since 1970. Only one thread at a time may use a device.
    """

    def __init__(
        self,
        file: StateFile[DeviceState],
        state: DeviceState,
        board: BoardClient,
        courier: HttpCourier,
        clock: Callable[[], float],
    ) -> None:
        """Use `create` or `open`."""
        self._book, self._board = Book(file, state, clock), board
        self._servers = PushServers(state, courier, self._book.save)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        key: bytes,
        board: BoardClient,
        server: NoteKey,
        *,
        devices: int = 1,
        courier: HttpCourier | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Create a device at ``board``, which the push server with the key ``server`` wakes.

        ``devices`` is how many devices a user can have. Each contact gets as many lanes. If an
        application takes the same number for all its users, nobody can tell how many devices a
        user really has. Raises `SecretFileError`, `InvalidEncodingError` if ``devices`` is out of
        range, and `BoardError` if the board cannot be read.
        """
        if not 1 <= devices <= MOST_LANES:
            raise InvalidEncodingError("devices", f"must be from 1 to {MOST_LANES}")
        its = board.parameters()
        state = DeviceState(
            its.origin, its.epoch_length, its.frame_class, its.late_interval, devices, str(server)
        )
        file = StateFile(path, key, Kind.DEVICE, DeviceState)
        file.create(state)
        return cls(file, state, board, courier or HttpCourier(), clock)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        key: bytes,
        board: BoardClient,
        *,
        courier: HttpCourier | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the device in a state file.

        Raises `SecretFileError`, also if the device is for another board.
        """
        file = StateFile(path, key, Kind.DEVICE, DeviceState)
        state = file.read()
        if state.origin != board.origin:
            file.close()
            raise SecretFileError(
                f"{path}: this device belongs to the board {state.origin}, not {board.origin}"
            )
        device = cls(file, state, board, courier or HttpCourier(), clock)
        if not 0 <= clock() - state.worked_at < state.epoch_length / 2:
            # The file may come from an old backup.
            for profile in state.profiles.values():
                probe(profile, device._book.moment())
        return device

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the state, so that another process can use it. The board client stays open."""
        self._book.close()

    # what is wanted

    def set_token(self, token: DeviceToken | None) -> None:
        """Set the push token of this device, for all profiles. With None, nobody can wake it.

        Call this whenever the system gives a token: if the token has changed, posts are replaced.
        Raises `InvalidEncodingError` if it is too long for the frame class of the board.
        """
        longest = self._book.frame_class.longest_token
        if token is not None and longest and len(token.value) > longest:
            problem = (
                f"has {len(token.value)} bytes; the board's class {self._book.frame_class.name} "
                f"carries at most {longest}"
            )
            raise InvalidEncodingError("token", problem)
        self._book.state.token = None if token is None else Token.of(token)
        self._book.save()

    def set_server(self, server: NoteKey) -> None:
        """Use another push server from now on. Posts are replaced."""
        if str(server) != self._book.state.server:
            self._book.state.server, self._book.state.looked_at = str(server), 0.0
            self._book.save()

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The users of this device, by name."""
        return {name: Profile(self._book, name) for name in self._book.state.profiles}

    def add_profile(self, name: str) -> Profile:
        """Add a user. Raises `BillboardError` if a profile of this name exists."""
        if name in self._book.state.profiles:
            raise BillboardError(f"this device already has a profile {name}")
        root, seed = os.urandom(32), os.urandom(32)
        self._book.state.profiles[name] = ProfileState(0, root, {}, {}, Registered(seed))
        self._book.save()
        return Profile(self._book, name)

    def join(self, name: str, handed_over: bytes) -> Profile:
        """Become one more device of a user, with what `Profile.hand_over` returned on another.

        If a profile of this name exists, the contacts are added to it. Raises
        `InvalidEncodingError` if the bytes are not for this device.
        """
        given, state = self._given(handed_over), self._book.state
        known = state.profiles.get(name)
        if known is not None and known.contacts and known.number != given.number:
            raise InvalidEncodingError(
                "lanes", f"are for device {given.number} of this user, but this is {known.number}"
            )
        if known is None:
            self.add_profile(name)
        profile = state.profiles[name]
        profile.number = given.number
        for contact_name, (revoked, lane) in given.contacts.items():
            nothing: list[OwnLane | None] = [None] * state.devices
            contact = profile.contacts.setdefault(contact_name, DeviceContact(nothing))
            contact.revoked = contact.revoked or revoked
            mine = contact.lanes[given.number]
            if mine is None or not self._book.lane(mine).is_same(self._book.lane(lane)):
                contact.lanes[given.number], contact.overtaken = lane, False
        self._book.save()
        return Profile(self._book, name)

    def _given(self, handed_over: bytes) -> HandedOver:
        """Decode and check what another device handed over. Raises `InvalidEncodingError`."""
        state = self._book.state
        ours = state.origin, state.epoch_length, state.frame_class, state.devices
        try:
            given = HandedOver.from_bytes(handed_over)
            lanes = [self._book.lane(lane) for _, lane in given.contacts.values()]
        except (InvalidEncodingError, SecretFileError):
            raise InvalidEncodingError("lanes", "are not what another device handed over") from None
        theirs = {(each.origin, each.epoch_length, each.frame_class) for each in lanes}
        if ours != (given.origin, given.epoch_length, given.frame_class, given.devices):
            raise InvalidEncodingError(
                "lanes", "are for another board, or for another number of devices"
            )
        if not theirs <= {ours[:3]} or not 0 <= given.number < state.devices:
            raise InvalidEncodingError(
                "lanes", "are for another board, or for a device number out of range"
            )
        return given

    def refuse_lost(self, recovery: bytes) -> None:
        """Have the push server refuse everything that a lost device published.

        ``recovery`` is what `Profile.recovery` returned on that device. Raises
        `InvalidEncodingError` if it is something else, or is for another board.
        """
        try:
            lost = Recovery.from_bytes(recovery)
            NoteKey.from_text(lost.server)
        except InvalidEncodingError:
            raise InvalidEncodingError(
                "recovery", "is not what `recovery` wrote on another device"
            ) from None
        if len(lost.root) != 32 or lost.origin != self._book.state.origin:
            raise InvalidEncodingError(
                "recovery", f"is not for the board of this device, {self._book.state.origin}"
            )
        self._book.state.showings += lost_gates(lost.root, lost.server, self._book.moment())
        self._book.save()

    # what is done

    def work(self, most: int = 8) -> Work:
        """Do what is due: submit at most ``most`` posts, each on a connection of its own.

        Then tell push servers which gates to refuse and, in class H, register handles. What fails
        is reported in the result or by `status`, and is tried again. Only `SecretFileError` is
        raised, if the state cannot be written. The board may link posts that arrive together: call
        this often, with a small ``most``, to show it less.
        """
        errors = [self._look()]
        moment = self._book.moment()
        descriptor = self._servers.descriptor(self._book.state.server)
        planned: list[tuple[Place, Posting]] = []
        for profile in self._book.state.profiles.values():
            renew_gates(profile, moment, self._book.state.showings)
            self._refresh(profile, moment, descriptor)
            planned += plan(profile, moment)
        due = [each for each in planned if each[1].pending or each[1].due <= moment.now]
        due.sort(key=lambda each: (each[0].epoch, each[1].due))
        chosen = due[:most]
        self._prepare(chosen, moment, descriptor)
        posted, failed = submit_all(self._board, chosen, moment, self._book.save, self._book.tell)
        errors += [failed, *self._servers.show(moment), *self._servers.register(moment)]
        self._forget(moment)
        self._book.state.worked_at = moment.now // _WORKED * _WORKED
        self._book.save()
        error = next(filter(None, errors), None)
        if due[most:] and error is None:
            return Work(posted, moment.now)
        later = [posting.due for _, posting in planned if posting.due > moment.now]
        later += [showing.at for showing in self._book.state.showings if showing.at > moment.now]
        waits = any(posting.pending or posting.due for _, posting in due)
        waits = waits or any(showing.at <= moment.now for showing in self._book.state.showings)
        following = min([*later, moment.begins(moment.epoch + 1)])
        if error or waits:
            following = min(following, moment.now + RETRY)
        return Work(posted, following, error)

    def status(self) -> tuple[str, ...]:
        """Return sentences: until when posts are published, what is left to do, and what failed."""
        return tuple(self._sentences())

    # how

    def _look(self) -> BillboardError | None:
        """Check that the board shows what is due by our clock, and read the logged descriptors."""
        moment, state = self._book.moment(), self._book.state
        if moment.fresh and 0 <= moment.now - state.looked_at < state.epoch_length / 4:
            return None
        self._book.fresh_at = float("-inf")
        try:
            self._board.editions(moment.epoch + 2)  # raises if there is one: our clock is slow
            if self._board.editions(moment.epoch):
                self._book.fresh_at = moment.now
            logged = [each.data for each in self._board.descriptors()]
        except BillboardError as error:
            return error
        self._servers.learn(logged)
        state.looked_at = moment.now
        if state.server not in state.descriptors:
            return UnreachableError(
                f"the board {state.origin} has not logged a descriptor of the push server yet"
            )
        return None

    def _refresh(
        self, profile: ProfileState, moment: Moment, descriptor: ServerDescriptor | None
    ) -> None:
        """Encrypt the token for each live epoch whose content has another token, key or gate.

        This is done once for all lanes of the profile (SPEC 6.1).
        """
        if self._book.state.token is None:
            for content in profile.contents.values():
                content.of, content.ready = content.of or NO_TOKEN, False
        if descriptor is None or self._book.state.token is None:
            return
        key, token = descriptor.keys[0], self._book.state.token.decoded()
        address: DeviceToken | Handle = token
        if key.frame_class.carries_handle:
            address = HandleKey(profile.registered.seed).handle
        of = tag(address, descriptor)
        for epoch in moment.live:
            content = profile.contents.setdefault(epoch, Content())
            if content.server not in ("", self._book.state.server):
                # Once all contacts have found the new posts, nobody needs the old server's blobs.
                at = moment.now + GRACE * moment.parameters.late_interval
                renew_gate(profile, epoch, moment, self._book.state.showings, at=at)
                content.server = ""
            if content.generation == GENERATIONS:
                continue  # the gates of this epoch are used up: nobody can wake it then
            if content.of != of:
                kappa = kappa_of(profile.root, epoch, content.generation)
                blob = key.encrypt(
                    address, gate=gate_of(kappa), expires=moment.expires(epoch) * 3600
                )
                content.version += 1
                content.blob, content.of = bytes(blob), of
                content.key_id, content.server = key.key_id, self._book.state.server
            content.ready = True

    def _prepare(
        self,
        chosen: list[tuple[Place, Posting]],
        moment: Moment,
        descriptor: ServerDescriptor | None,
    ) -> None:
        """Make the chosen posts that do not exist yet."""
        for place, posting in chosen:
            if posting.pending is None:
                lane = self._book.lane(place.lane)
                posting.pending = make_post(lane, place, posting, moment, descriptor)

    def _forget(self, moment: Moment) -> None:
        """Delete what is over, keys included, so that nobody can find them here later."""
        if not moment.fresh:
            return  # with a wrong clock, this could not be undone
        oldest = moment.epoch - 1
        for name, profile in list(self._book.state.profiles.items()):
            for epoch in [each for each in profile.contents if each < oldest]:
                del profile.contents[epoch]
            for contact_name, contact in list(profile.contacts.items()):
                for lane in filter(None, contact.lanes):
                    self._book.forget_before(lane, oldest)
                mine = [lane for lane in contact.lanes if lane is not None]
                if contact.revoked and not any(lane.postings for lane in mine):
                    del profile.contacts[contact_name]
            if profile.leaving and self._has_left(profile, moment):
                del self._book.state.profiles[name]

    def _has_left(self, profile: ProfileState, moment: Moment) -> bool:
        return not profile.registered.servers and not any(True for _ in plan(profile, moment))

    def _sentences(self) -> Iterator[str]:
        state, moment = self._book.state, self._book.moment()
        server = NoteKey.from_text(state.server).name
        yield f"board {state.origin}, push server {server}, {state.frame_class} elements a frame"
        if state.token is None:
            yield "There is no device token, so nobody can wake this device."
        if state.server not in state.descriptors:
            yield "The keys of the push server are not known yet, so nothing can be posted."
        for name, profile in state.profiles.items():
            yield from sentences(name, profile, moment)
        if state.showings:
            yield f"gates that push servers have still to refuse: {len(state.showings)}"
        yield from state.problems()
