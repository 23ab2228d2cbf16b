"""What a device must not forget, as it is written to its state file.

The device is one phone; each of its profiles is one user. All times are in seconds since 1970.
"""

from __future__ import annotations

from msgspec import field

from billboard.storage.state_file import LoggedState, State
from billboard.tokens import DeviceToken, Platform

WITHDRAWN = 0
"""The version that a post has which holds nothing; also before the first post."""

UNSURE = -1
"""The version of a post that has to be replaced, whatever it holds."""


class Pending(State):
    """A post that the board may have: only these bytes are submitted until that is known.

    ``tried`` says that it may have been submitted already.
    """

    post: bytes
    slot: int
    version: int
    tried: bool = False


class Posting(State):
    """One lane in one epoch: which post the board accepted last, and when the next is due.

    ``seq`` is None before the first. ``version`` is that of the content of the post. ``published``
    says that it is in an edition, whatever the clock says.
    """

    slot: int = 0
    seq: int | None = None
    version: int = WITHDRAWN
    published: bool = False
    due: float = 0.0
    pending: Pending | None = None


class OwnLane(State):
    """A lane of this device, or one that stands in for another device of the same user.

    ``since`` is the first epoch that it reaches. If it was ``handed_over`` that device posts to it,
    and this one does not.
    """

    secret: bytes
    since: int
    postings: dict[int, Posting]
    handed_over: bool = False


class DeviceContact(State):
    """A contact, and a lane to it for each device; None where only that device has it.

    ``overtaken``: the board has newer posts than this state knows of, so that it is an old one.
    Until the end of epoch ``renewed`` the board may have posts of earlier lanes, which are not here
    any more.
    """

    lanes: list[OwnLane | None]
    revoked: bool = False
    overtaken: bool = False
    renewed: int = -1


class Content(State):
    """What the posts of a profile hold in one epoch.

    ``of`` tells what it was made of, and ``ready`` that this still holds. ``generation`` says which
    of its gates it has, the first of which is 0, and ``gate_since`` what the first version with
    that gate was. ``server`` is the key of the push server as text.
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
    """A kappa that ``server`` is to be shown at ``at``, so that it refuses the gate.

    ``until`` is in hours since 1970; ``request`` is what was sealed.
    """

    server: str
    kappa: bytes
    until: int
    at: float
    request: bytes = b""


class Registered(State):
    """In class H: the seed of the handle key, and what the handle was registered for, and when.

    ``servers`` are the keys of those push servers, as text, at which it may be registered.
    """

    seed: bytes
    of: bytes = b""
    at: float = 0.0
    servers: list[str] = field(default_factory=list)


class ProfileState(State):
    """One user. ``number`` says which of this user's devices this is; ``root`` makes its kappas."""

    number: int
    root: bytes
    contacts: dict[str, DeviceContact]
    contents: dict[int, Content]
    registered: Registered
    muted: bool = False
    leaving: bool = False


class Token(State):
    """A `DeviceToken`."""

    platform: int
    value: bytes
    app: int

    @classmethod
    def of(cls, token: DeviceToken) -> Token:
        return cls(int(token.platform), token.value, token.app)

    def decoded(self) -> DeviceToken:
        return DeviceToken(Platform(self.platform), self.value, self.app)


class DeviceState(LoggedState):
    """Everything. ``descriptors`` are the newest by push server, whose keys are text here.

    They were looked for at ``looked_at`` the last time. The device worked last at ``worked_at``, or
    some minutes later.
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
    """What one device of a user gives another: the lanes that stood in for it."""

    origin: str
    epoch_length: int
    frame_class: int
    devices: int
    number: int
    contacts: dict[str, tuple[bool, OwnLane]]


class Recovery(State):
    """What stops a device that is lost: from ``root`` come its kappas."""

    origin: str
    server: str
    root: bytes
