"""What a device tells push servers, and what it knows about them (SPEC 10.1, 10.5, 10.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from billboard.device.plan import Moment
from billboard.device.state import DeviceState, ProfileState, Showing
from billboard.errors import BillboardError, RefusedRequestError, RequestRefusal
from billboard.frames import FrameClass
from billboard.hashing import hash_bytes
from billboard.push.requests.courier import HttpCourier
from billboard.push.requests.descriptor import ServerDescriptor, newest_descriptor, read_descriptor
from billboard.push.requests.registration import HandleKey
from billboard.push.requests.request import Revocation, seal
from billboard.tlog.note import NoteKey
from billboard.tokens import DeviceToken, Handle

_REGISTERED = 30 * 86_400
"""Seconds until a handle is registered again; servers forget it after 90 days (SPEC 10.6)."""


class PushServers:
    """The push servers of a device, named by their keys as text. ``save`` writes the state."""

    def __init__(self, state: DeviceState, courier: HttpCourier, save: Callable[[], None]) -> None:
        self._state, self._courier, self._save = state, courier, save

    def descriptor(self, server: str) -> ServerDescriptor | None:
        """Return the newest known descriptor of a push server, or None."""
        data = self._state.descriptors.get(server)
        return read_descriptor(data, NoteKey.from_text(server)) if data else None

    def learn(self, logged: Iterable[bytes]) -> None:
        """Keep the newest logged descriptor of each push server that this device has to contact."""
        state, logged = self._state, list(logged)
        servers = {state.server, *(each.server for each in state.showings)}
        for profile in state.profiles.values():
            servers.update(profile.registered.servers)
        for text in servers:
            known = state.descriptors.get(text, b"")
            if newest := newest_descriptor(NoteKey.from_text(text), logged, known):
                state.descriptors[text] = newest

    def show(self, moment: Moment) -> Iterator[BillboardError]:
        """Show the kappas that are due. Yields the errors."""
        if not (due := self._due(moment)):
            return
        yield from self._each(due, partial(self._seal, now=moment.now))
        self._save()
        yield from self._each([each for each in due if each.request], self._send)

    def _each(
        self, due: Iterable[Showing], step: Callable[[Showing, ServerDescriptor], None]
    ) -> Iterator[BillboardError]:
        """Do ``step`` for each showing, skipping servers where one failed. Yields the errors."""
        failed: set[str] = set()
        for showing in due:
            descriptor = self.descriptor(showing.server)
            if descriptor is not None and showing.server not in failed:
                try:
                    step(showing, descriptor)
                except BillboardError as error:
                    failed.add(showing.server)
                    yield error

    def _due(self, moment: Moment) -> list[Showing]:
        """Return the showings that are due now, and delete those that have expired."""
        state, later = self._state, moment.now + moment.longest_wait
        lasting = [each for each in state.showings if each.until * 3600 > moment.now]
        if moment.fresh:  # with a wrong clock, nobody might be refused
            state.showings = lasting
        return [each for each in lasting if not moment.now < each.at <= later]

    def _seal(self, showing: Showing, descriptor: ServerDescriptor, *, now: float) -> None:
        if not showing.request:
            showing.request = seal(Revocation(showing.kappa, showing.until), descriptor, now=now)

    def _send(self, showing: Showing, descriptor: ServerDescriptor) -> None:
        try:
            self._courier.send(showing.request, descriptor)
        except RefusedRequestError:
            showing.request = b""  # its request key is no longer valid: seal it again next time
            raise
        self._state.showings.remove(showing)

    def register(self, moment: Moment) -> Iterator[BillboardError]:
        """In class H, register the tokens of the handles. Yields the errors."""
        if FrameClass(self._state.frame_class).carries_handle:
            for profile in self._state.profiles.values():
                for server in self._registrations(profile):
                    descriptor = self.descriptor(server)
                    if descriptor is not None:
                        try:
                            self._register(profile, server, descriptor, moment)
                        except BillboardError as error:
                            yield error

    def _registrations(self, profile: ProfileState) -> list[str]:
        """Return the servers at which a handle is to be registered or unregistered."""
        state, servers = self._state, list(profile.registered.servers)
        if state.token is not None and not profile.leaving and state.server not in servers:
            servers.append(state.server)
        return servers

    def _register(
        self, profile: ProfileState, server: str, descriptor: ServerDescriptor, moment: Moment
    ) -> None:
        state, registered = self._state, profile.registered
        handle_key = HandleKey(registered.seed)
        if state.token is None or profile.leaving or server != state.server:
            self._bring(handle_key.unregister(descriptor, now=moment.now), descriptor)
            registered.servers.remove(server)
            if server == state.server:
                registered.of = b""
            return
        token = state.token.decoded()
        of = tag(token, descriptor)
        if registered.of != of or not 0 <= moment.now - registered.at < _REGISTERED:
            if server not in registered.servers:
                registered.servers.append(server)
                self._save()
            self._bring(handle_key.register(token, descriptor, now=moment.now), descriptor)
            registered.of, registered.at = of, moment.now

    def _bring(self, registration: bytes, descriptor: ServerDescriptor) -> None:
        try:
            self._courier.register(registration, descriptor)
        except RefusedRequestError as error:
            if error.reason is not RequestRefusal.TIME:
                raise
            # The server accepted it before, and the answer got lost.


def tag(address: DeviceToken | Handle, descriptor: ServerDescriptor) -> bytes:
    """Hash an address and a descriptor, to tell whether something was made from them."""
    if isinstance(address, Handle):
        parts = [address.value]
    else:
        numbers = bytes([address.platform]) + address.app.to_bytes(2, "big")
        parts = [numbers, address.value]
    return hash_bytes("device/content", descriptor.id, descriptor.keys[0].key_id, *parts)
