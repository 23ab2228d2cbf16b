"""What a device must not forget, as it is written to its state file.

The device is one phone; each of its profiles is one user. All times are in seconds since 1970.
"""

from __future__ import annotations

from msgspec import field

from billboard.storage.state_file import LoggedState, State
from billboard.tokens import DeviceToken, Platform

WITHDRAWN = 0
"""Version of a post that holds nothing; also the version before the first post."""

UNSURE = -1
"""Version of a post that has to be replaced, whatever it holds."""


class Pending(State):
    """A post that the board may have. Until that is known, only these bytes are submitted.

    ``tried`` says that it may have been submitted already.
    """

    post: bytes
    slot: int
    version: int
    tried: bool = False


class Posting(State):
    """One lane in one epoch: which post the board accepted last, and when the next one is due.

    ``seq`` is None before the first post. ``version`` is the version of the content that the post
    holds. ``published`` says that the post is in an edition, whatever the clock says.
    """

    slot: int = 0
    seq: int | None = None
    version: int = WITHDRAWN
    published: bool = False
    due: float = 0.0
    pending: Pending | None = None


class OwnLane(State):
    """A lane of this device, or one that stands in for another device of the same user.

    ``since`` is the first epoch that it reaches. If it was ``handed_over``, that device posts to
    it, and this device does not.
    """

    secret: bytes
    since: int
    postings: dict[int, Posting]
    handed_over: bool = False


class DeviceContact(State):
    """A contact, with one lane for each device; None where only that device has the lane.

    ``overtaken`` says that the board has newer posts than this state knows, so that this state is
    outdated. Until the end of epoch ``renewed``, the board may have posts of earlier lanes, which
    this state no longer has.
    """

    lanes: list[OwnLane | None]
    revoked: bool = False
    overtaken: bool = False
    renewed: int = -1


class Content(State):
    """What the posts of a profile hold in one epoch.

    ``of`` identifies what it was made from, and ``ready`` says that this is still current.
    ``generation`` is the number of its gate, counted from 0, and ``gate_since`` is the first
    version with that gate. ``server`` is the key of the push server as text.
    """

    version: int = WITHDRAWN
    gate_since: int = 1
    generation: int = 0
    blob: bytes = b""
    key_id: bytes = b""
    server: str = ""
    of: bytes = b""
    ready: bool = False


class Showing(State):
    """A kappa to show to ``server`` at time ``at``, so that it refuses the gate.

    ``until`` is in hours since 1970. ``request`` is the sealed request, empty before sealing.
    """

    server: str
    kappa: bytes
    until: int
    at: float
    request: bytes = b""


class Registered(State):
    """In class H, the seed of the handle key, and for what and when the handle was registered.

    ``servers`` are the keys, as text, of the push servers at which it may be registered.
    """

    seed: bytes
    of: bytes = b""
    at: float = 0.0
    servers: list[str] = field(default_factory=list)


class ProfileState(State):
    """One user. ``number`` says which of the user's devices this is. Kappas come from ``root``."""

    number: int
    root: bytes
    contacts: dict[str, DeviceContact]
    contents: dict[int, Content]
    registered: Registered
    muted: bool = False
    leaving: bool = False


class Token(State):
    """A `DeviceToken` in the state file."""

    platform: int
    value: bytes
    app: int

    @classmethod
    def of(cls, token: DeviceToken) -> Token:
        return cls(int(token.platform), token.value, token.app)

    def decoded(self) -> DeviceToken:
        return DeviceToken(Platform(self.platform), self.value, self.app)


class DeviceState(LoggedState):
    """The whole state of a device. ``origin`` to ``late_interval`` describe its board.

    ``descriptors`` are the newest ones, by the key of the push server as text. The device last
    looked for them at ``looked_at``. It last worked at ``worked_at``, or some minutes later.
    """

    origin: str
    epoch_length: int
    frame_class: int
    late_interval: int
    devices: int
    server: str
    descriptors: dict[str, bytes] = field(default_factory=dict)
    looked_at: float = 0.0
    worked_at: float = 0.0
    token: Token | None = None
    profiles: dict[str, ProfileState] = field(default_factory=dict)
    showings: list[Showing] = field(default_factory=list)


class HandedOver(State):
    """What one device of a user gives to another: the lanes that stood in for that device."""

    origin: str
    epoch_length: int
    frame_class: int
    devices: int
    number: int
    contacts: dict[str, tuple[bool, OwnLane]]


class Recovery(State):
    """What another device needs to stop a lost one. The kappas come from ``root``."""

    origin: str
    server: str
    root: bytes
