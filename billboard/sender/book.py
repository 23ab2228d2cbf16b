"""`Book`: the state that all parts of a sender share, its file, and questions about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from billboard.board.parameters import EPOCHS_AHEAD
from billboard.errors import BillboardError, UnsupportedError
from billboard.lanes import LONGEST_CATCH_UP, LaneReader
from billboard.push.requests.descriptor import (
    ServerDescriptor,
    newest_descriptor,
    read_descriptor,
    server_id,
)
from billboard.sender.state import FollowedLane, SenderContact, SenderState
from billboard.storage.state_file import StateFile
from billboard.tlog.note import NoteKey


@final
class Book:
    """The state of a sender in its ``file``; ``servers`` are the push servers that it knows.

    ``clock`` gives seconds since 1970. Changes of the state are lost unless `save` is called.
    """

    def __init__(
        self,
        file: StateFile[SenderState],
        servers: Iterable[NoteKey],
        clock: Callable[[], float],
    ) -> None:
        self._file, self.state = file, file.read_or_create()
        self.servers = {server_id(server): server for server in servers}
        """The push servers by the ids with which posts name them."""
        self.clock = clock
        known = {str(server) for server in self.servers.values()}
        for text in self.state.descriptors.keys() - known:
            del self.state.descriptors[text]  # the application no longer uses this server
        self._readers: dict[bytes, LaneReader] = {}

    def close(self) -> None:
        """Close the state file, so that another process can use it."""
        self._file.close()

    def save(self) -> None:
        """Write the state to stable storage. Raises `SecretFileError`."""
        self._file.write(self.state)

    def tell(self, problem: str) -> None:
        """Log a problem in the state, with the time."""
        self.state.tell(self.clock(), problem)

    def contact(self, name: str) -> SenderContact:
        """Return the contact called ``name``. Raises `BillboardError` if there is none."""
        try:
            return self.state.contacts[name]
        except KeyError:
            raise BillboardError(f"this sender has no contact {name}") from None

    def reader(self, lane: FollowedLane) -> LaneReader:
        """Decode a lane of the state, or return it from the cache."""
        if lane.grant not in self._readers:
            self._readers[lane.grant] = LaneReader.from_bytes(lane.grant)
        return self._readers[lane.grant]

    def advance(self, lane: FollowedLane, epoch: int) -> None:
        """Delete the keys of a lane for epochs before ``epoch``."""
        reader = self.reader(lane)
        if reader.epoch < epoch:
            del self._readers[lane.grant]
            reader.advance(epoch)
            lane.grant = bytes(reader)
            self._readers[lane.grant] = reader

    def ends(self, lane: FollowedLane) -> float:
        """Return when the post that was found expires: readers look one epoch back."""
        epoch = 0 if lane.found is None else lane.found.epoch
        return (epoch + 2) * self.reader(lane).epoch_length

    def is_live(self, lane: FollowedLane) -> bool:
        """Whether a blob was found that has not expired."""
        found = lane.found is not None and bool(lane.found.envelope)
        return found and self.clock() < self.ends(lane)

    def descriptor(self, text: str) -> ServerDescriptor:
        """Return the newest known descriptor of the push server whose key is ``text``."""
        return read_descriptor(self.state.descriptors[text], NoteKey.from_text(text))

    def is_usable(self, text: str) -> bool:
        """Whether a request can be sealed to a push server now."""
        return text in self.state.descriptors and has_request_key(
            self.descriptor(text), self.clock()
        )

    def learn(self, text: str, offered: Iterable[bytes]) -> None:
        """Keep the newest descriptor of a push server, if ``offered`` has a newer one."""
        known = self.state.descriptors.get(text, b"")
        if newest := newest_descriptor(NoteKey.from_text(text), offered, known):
            self.state.descriptors[text] = newest

    def doubt(self, text: str) -> None:
        """Plan to ask a push server for its newest descriptor."""
        if text not in self.state.doubted:
            self.state.doubted.append(text)


def reaches(reader: LaneReader, epoch: int) -> bool:
    """Whether a lane can be followed at ``epoch`` or soon after (SPEC 7.2)."""
    return reader.epoch - EPOCHS_AHEAD <= epoch <= reader.epoch + LONGEST_CATCH_UP


def has_request_key(descriptor: ServerDescriptor, now: float) -> bool:
    """Whether a descriptor has a request key that is valid at ``now``."""
    try:
        descriptor.request_key(now)
    except UnsupportedError:
        return False
    return True
