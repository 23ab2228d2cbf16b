"""The tick of a push server, SPEC 10.4 and 10.5."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from . import keys, web_push
from .blobs import OpeningKey, open_blob
from .frames import WEB_PUSH, Frame, HandleFrame
from .refusals import NOT_MINE, Refused, all_refusals_as, require
from .requests import LATEST_UNTIL, PushRequest, Revocation, decode_plaintext, gate

NO_GATE = bytes(16)


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

    `pushes` are sorted here, where a server shuffles. `dropped` has for each request why nothing
    comes of it, or None; a revocation that takes effect is not dropped.
    """

    pushes: list[Push]
    dropped: list[str | None]
    refused: dict[bytes, int]


def tick(server: Server, plaintexts: Sequence[bytes], time: int) -> Tick:
    """Do what a tick does with the requests that have these plaintexts."""
    opened = [_opened(server.n, plaintext) for plaintext in plaintexts]
    refused = dict(server.refused)
    dropped: list[str | None] = [each if isinstance(each, str) else None for each in opened]
    for i, each in enumerate(opened):
        if isinstance(each, Revocation):
            dropped[i] = _revoke(refused, each, time)
    pushes = set()
    server = server._replace(refused=refused)
    for i, each in enumerate(opened):
        if isinstance(each, PushRequest):
            try:
                pushes.add(_push(server, each, time))
            except Refused as refusal:
                dropped[i] = refusal.reason
    return Tick(sorted(pushes), dropped, refused)


def _opened(n: int, plaintext: bytes) -> PushRequest | Revocation | str:
    try:
        return decode_plaintext(n, plaintext)
    except Refused as refusal:
        return refusal.reason


def _revoke(refused: dict[bytes, int], revocation: Revocation, time: int) -> str | None:
    """Refuse a gate from now on: nobody makes that shorter, and nobody too long."""
    until = min(revocation.until, time // 3600 + LATEST_UNTIL)
    if until <= time // 3600:
        return "revocation-over"
    of = gate(revocation.kappa)
    refused[of] = max(until, refused.get(of, 0))
    return None


def _push(server: Server, request: PushRequest, time: int) -> Push:
    """Find where a request pushes."""
    frame = _frame(server, request, time)
    hour = time // 3600
    require(frame.expiry <= hour + LATEST_UNTIL, "expiry-too-late", NOT_MINE)
    require(server.refused.get(frame.gate, 0) <= hour, "gate-refused", NOT_MINE)
    if isinstance(frame, HandleFrame):
        if frame.handle not in server.registered:
            raise Refused("handle-unknown", NOT_MINE)
        push = server.registered[frame.handle]
    else:
        push = Push(frame.platform, frame.app, frame.token)
    if push.platform == WEB_PUSH:
        with all_refusals_as(NOT_MINE):
            web_push.decode(push.token)
    require((push.platform, push.app) in server.credentials, "credentials", NOT_MINE)
    return push


def _frame(server: Server, request: PushRequest, time: int) -> Frame | HandleFrame:
    for key in server.opening:
        if keys.key_id(key.key_hash) == request.key_id:
            return open_blob(key, request.blob, time)
    raise Refused("key-id-unknown", NOT_MINE)
