"""`Book`: the state that a device and its profiles share, its file, and its decoded lanes."""

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

    Changes of the state are lost unless `save` is called.
    """

    def __init__(
        self, file: StateFile[DeviceState], state: DeviceState, clock: Callable[[], float]
    ) -> None:
        self.state, self.clock = state, clock
        self._file = file
        self._lanes: dict[bytes, Lane] = {}
        self.fresh_at = float("-inf")
        """When the board last showed the log that was due by our clock, in seconds since 1970."""

    def close(self) -> None:
        """Close the state file, so that another process can use it."""
        self._file.close()

    def save(self) -> None:
        """Write the state to stable storage. Raises `SecretFileError`."""
        self._file.write(self.state)

    def tell(self, problem: str) -> None:
        """Log a problem in the state, with the time."""
        self.state.tell(self.clock(), problem)

    @property
    def frame_class(self) -> FrameClass:
        """The frame class of the board."""
        return FrameClass(self.state.frame_class)

    def moment(self) -> Moment:
        """Return the time, the board's parameters, and whether the clock is known to be right."""
        state, now = self.state, self.clock()
        parameters = BoardParameters(
            state.origin, state.epoch_length, self.frame_class, state.late_interval
        )
        return Moment(now, parameters, 0 <= now - self.fresh_at < state.late_interval)

    def profile(self, name: str) -> ProfileState:
        """Return the profile called ``name``. Raises `BillboardError` if it no longer exists."""
        try:
            return self.state.profiles[name]
        except KeyError:
            raise BillboardError(f"the profile {name} no longer exists on this device") from None

    def lane(self, lane: OwnLane) -> Lane:
        """Decode a lane of the state, or return it from the cache."""
        if lane.secret not in self._lanes:
            self._lanes[lane.secret] = Lane.from_secret_bytes(lane.secret)
        return self._lanes[lane.secret]

    def new_lanes(self) -> list[OwnLane | None]:
        """Generate a lane for each device that a user can have."""
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
        """Delete keys and postings of a lane before epoch ``oldest``, so that nobody finds them."""
        for epoch in [each for each in lane.postings if each < oldest]:
            del lane.postings[epoch]
        if (owner := self.lane(lane)).epoch < oldest:
            del self._lanes[lane.secret]
            owner.advance(oldest)
            lane.secret, lane.since = owner.secret_bytes(), oldest
            self._lanes[lane.secret] = owner
