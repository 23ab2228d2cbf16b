"""What a device and its profiles both hold: the state, the file that it is in, and the lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from billboard.board.parameters import BoardParameters
from billboard.device.plan import Moment
from billboard.device.state import DeviceState, OwnLane, ProfileState
from billboard.errors import BillboardError
from billboard.frames import FrameClass
from billboard.lanes import Lane
from billboard.storage.state_file import StateFile


@final
class Book:
    """The ``state`` of a device in its ``file``. ``clock`` gives seconds since 1970.

    What is changed in the state is lost unless `save` is called.
    """

    def __init__(
        self, file: StateFile[DeviceState], state: DeviceState, clock: Callable[[], float]
    ) -> None:
        self.state, self.clock = state, clock
        self._file = file
        self._lanes: dict[bytes, Lane] = {}
        self.fresh_at = float("-inf")
        """When the board last showed the log that was due, in seconds since 1970."""

    def close(self) -> None:
        """Let another process use the file."""
        self._file.close()

    def save(self) -> None:
        """Put the state on stable storage. Raises `SecretFileError`."""
        self._file.write(self.state)

    def tell(self, problem: str) -> None:
        """Remember that something went wrong."""
        self.state.tell(self.clock(), problem)

    @property
    def frame_class(self) -> FrameClass:
        """The class of the board."""
        return FrameClass(self.state.frame_class)

    def moment(self) -> Moment:
        """Now, and what is known of it."""
        state, now = self.state, self.clock()
        parameters = BoardParameters(
            state.origin, state.epoch_length, self.frame_class, state.late_interval
        )
        return Moment(now, parameters, 0 <= now - self.fresh_at < state.late_interval)

    def profile(self, name: str) -> ProfileState:
        """The profile of that name. Raises `BillboardError` if there is none any more."""
        try:
            return self.state.profiles[name]
        except KeyError:
            raise BillboardError(f"there is no profile {name} any more") from None

    def lane(self, lane: OwnLane) -> Lane:
        """A lane of the state, decoded."""
        if lane.secret not in self._lanes:
            self._lanes[lane.secret] = Lane.from_secret_bytes(lane.secret)
        return self._lanes[lane.secret]

    def new_lanes(self) -> list[OwnLane | None]:
        """A fresh lane for each device that a user can have."""
        state = self.state
        made = [
            Lane.generate(
                state.origin,
                frame_class=self.frame_class,
                epoch_length=state.epoch_length,
                now=self.clock(),
            )
            for _ in range(state.devices)
        ]
        return [OwnLane(lane.secret_bytes(), lane.epoch, {}) for lane in made]

    def forget_before(self, lane: OwnLane, oldest: int) -> None:
        """Forget what a lane has of epochs before ``oldest``, so that nobody finds its keys."""
        for epoch in [each for each in lane.postings if each < oldest]:
            del lane.postings[epoch]
        if (owner := self.lane(lane)).epoch < oldest:
            del self._lanes[lane.secret]
            owner.advance(oldest)
            lane.secret, lane.since = owner.secret_bytes(), oldest
            self._lanes[lane.secret] = owner
