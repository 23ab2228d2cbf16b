"""The tick of a push server, SPEC 10.4 and 10.5."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import web_push
from .blobs import OpeningKey, open_blob
from .frames import WEB_PUSH, Frame, HandleFrame
from .keys import key_id
from .refusals import Refused
from .requests import LATEST_UNTIL, PushRequest, Revocation, decode_plaintext, gate

DROPS = ("request", "key", "blob", "lifetime", "gate", "handle", "subscription", "service")
"""Why nothing comes of a request. A server may count them; it tells nobody."""


class Push(NamedTuple):
    """A notification: where to push."""

    platform: int
    app: int
    token: bytes


class Server(NamedTuple):
    """What a tick depends on.

    `refused` has the hour until which each refused gate is refused, `registered` the tokens of the
    handles of class H, `credentials` the platforms and apps for which the server has some.
    """

    opening: Sequence[OpeningKey]
    refused: Mapping[bytes, int]
    registered: Mapping[bytes, Push]
    credentials: frozenset[tuple[int, int]]

    @property
    def n(self) -> int:
        """The class."""
        return len(self.opening[0].secrets)


class Tick(NamedTuple):
    """What comes of a tick.

    `pushes` say when each notification expires. `dropped` has for each request why nothing
    comes of it, or None, as for each revocation. `refused` are the gates that are refused then.
    """

    pushes: dict[Push, int]
    dropped: list[str | None]
    refused: dict[bytes, int]


def tick(server: Server, plaintexts: Sequence[bytes], time: int, lifetime: int) -> Tick:
    """Do what a tick does with the requests that have these plaintexts; times are in seconds."""
    opened = [_opened(server.n, plaintext) for plaintext in plaintexts]
    hour = time // 3600
    refused = dict(server.refused)
    for each in opened:
        if isinstance(each, Revocation):
            until = min(each.until, hour + LATEST_UNTIL)
            refused[gate(each.kappa)] = max(until, refused.get(gate(each.kappa), 0))
    server = server._replace(refused={of: until for of, until in refused.items() if until > hour})
    outcomes = [_outcome(server, each, time) for each in opened]
    pushes: dict[Push, int] = {}
    for outcome in outcomes:
        if isinstance(outcome, tuple):
            push, expiry = outcome
            pushes[push] = max(pushes.get(push, 0), min(time + lifetime, expiry * 3600))
    dropped = [each if isinstance(each, str) else None for each in outcomes]
    return Tick(pushes, dropped, dict(server.refused))


def _opened(n: int, plaintext: bytes) -> PushRequest | Revocation | None:
    try:
        return decode_plaintext(n, plaintext)
    except Refused:
        return None


def _outcome(
    server: Server, request: PushRequest | Revocation | None, time: int
) -> tuple[Push, int] | str | None:
    """Tell where a request pushes and the expiry of its frame, or why it does not push."""
    if request is None:
        return "request"
    if isinstance(request, Revocation):
        return None
    key = next((k for k in server.opening if key_id(k.key_hash) == request.key_id), None)
    if key is None:
        return "key"
    try:
        frame = open_blob(key, request.blob, time)
    except Refused:
        return "blob"
    if frame.expiry > time // 3600 + LATEST_UNTIL:
        return "lifetime"
    if frame.gate in server.refused:
        return "gate"
    push = _push(server, frame)
    if push is None:
        return "handle"
    if not _can_be_pushed(push):
        return "subscription"
    served = (push.platform, push.app) in server.credentials
    return (push, frame.expiry) if served else "service"


def _push(server: Server, frame: Frame | HandleFrame) -> Push | None:
    if isinstance(frame, HandleFrame):
        return server.registered.get(frame.handle)
    return Push(frame.platform, frame.app, frame.token)


def _can_be_pushed(push: Push) -> bool:
    """Tell whether the token is none of Web Push or decodes, SPEC 5.3."""
    if push.platform == WEB_PUSH:
        try:
            web_push.decode(push.token)
        except Refused:
            return False
    return True
