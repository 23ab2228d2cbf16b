"""What a sender must not forget, as it is written to its state file.

All times are in seconds since 1970.
"""

from __future__ import annotations

from msgspec import field

from billboard.storage.state_file import LoggedState, State


class Found(State):
    """The newest post of a lane. ``envelope`` has its blob, server and key; None if withdrawn."""

    epoch: int
    slot: int
    envelope: bytes | None


class FollowedLane(State):
    """A lane to one device of a contact, and the post that was found there last."""

    grant: bytes
    found: Found | None = None


class SenderContact(State):
    """A contact, with a lane for each device. If it is ``opted_out``, nothing is sent to it."""

    lanes: list[FollowedLane]
    opted_out: bool = False


class Waiting(State):
    """A request on its way to device ``number`` of a contact, or to nobody: a cover request.

    ``request`` is what was sealed for ``server``, a push server's key as text. It is repeated with
    the same bytes until its blob expires at ``ends``. It is empty while it cannot be sealed. After
    ``until`` it is given up.
    """

    contact: str
    number: int
    until: float
    next: float
    tries: int = 0
    ends: float = 0.0
    server: str = ""
    request: bytes = b""


class SenderState(LoggedState):
    """The whole state of a sender.

    ``descriptors`` are the newest ones, by the key of the push server as text. The servers in
    ``doubted`` may have a newer one.
    """

    contacts: dict[str, SenderContact] = field(default_factory=dict)
    descriptors: dict[str, bytes] = field(default_factory=dict)
    doubted: list[str] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    fetch_at: float = 0.0
    cover_at: float = 0.0
