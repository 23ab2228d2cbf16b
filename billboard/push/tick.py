"""The tick, which turns requests into notifications (SPEC 10.4). Only it opens blobs."""

from __future__ import annotations

import enum
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from billboard.errors import InvalidEncodingError
from billboard.frames import Frame
from billboard.keys import SecretKey
from billboard.push.dispatch.notification import Notification
from billboard.push.requests.request import LONGEST_REVOCATION, PushRequest
from billboard.times import HOUR, hours, seconds
from billboard.tokens import DeviceToken, Handle, Platform
from billboard.webpush import WebPushSubscription

DEFAULT_LIFETIME = 3600.0
"""Seconds after which a notification is no longer worth delivering."""


class Drop(enum.StrEnum):
    """Why a request wakes nobody."""

    REQUEST = "request"
    """It does not open as a request."""

    KEY = "key"
    """The key id of its blob is not known."""

    BLOB = "blob"
    """Its blob is not for this key, or no longer valid."""

    LIFETIME = "lifetime"
    """Its frame expires too late."""

    GATE = "gate"
    """Its gate is refused."""

    HANDLE = "handle"
    """Its handle is not registered."""

    SUBSCRIPTION = "subscription"
    """Its Web Push token does not decode."""

    SERVICE = "service"
    """There is no provider for its token, or none with credentials for its app."""

    FULL = "full"
    """It is a revocation, and no more gates can be kept."""


@dataclass(frozen=True)
class Tick:
    """The result of a tick: one notification for each device, in random order.

    Of ``received`` requests, ``opened`` are for a device. ``dropped`` counts those that were
    dropped by reason. It is for the server alone: senders are not told.
    """

    notifications: tuple[Notification, ...]
    received: int
    opened: int
    dropped: Mapping[Drop, int] = field(default_factory=dict)


def open_tick(
    keys: Sequence[SecretKey],
    requests: Sequence[PushRequest],
    *,
    tokens: Callable[[Collection[Handle]], Mapping[Handle, DeviceToken]] | None = None,
    refused: Callable[[Collection[bytes]], Collection[bytes]] = lambda _: (),
    serves: Callable[[DeviceToken], bool] = lambda _: True,
    lifetime: float = DEFAULT_LIFETIME,
    now: float | None = None,
    threads: int | None = None,
) -> Tick:
    """Open the blobs of a tick under ``keys``, all of one class. Each token gets one notification.

    ``tokens`` returns what handles stand for. It must be given with keys of class H, and only then.
    ``refused`` returns which of some gates are refused. ``serves`` says whether there is a provider
    for a token. ``lifetime`` is in seconds, ``now`` in seconds since 1970 (the clock if None). A
    notification expires after ``lifetime``, or with the last of its frames if that is earlier.

    Raises `InvalidEncodingError` if ``tokens`` is missing or out of place, or there is no key.
    """
    if not keys:
        raise InvalidEncodingError("keys", "there is none: give the secret keys of the server")
    if keys[0].public_key.frame_class.carries_handle != (tokens is not None):
        raise InvalidEncodingError("tokens", "must be given with keys of class H, and only then")
    now = seconds(now)
    dropped: Counter[Drop] = Counter()
    frames = _open(keys, requests, now, threads, dropped)
    gates = set(refused({frame.gate for frame in frames if frame.gate is not None}))
    frames = _kept(frames, Drop.GATE, lambda frame: frame.gate not in gates, dropped)
    handles = {frame.token for frame in frames if isinstance(frame.token, Handle)}
    known = tokens(handles) if tokens is not None else {}
    until: dict[DeviceToken, float] = {}
    opened = 0
    problems: dict[DeviceToken | None, Drop | None] = {}  # so that each token is checked once
    for frame in frames:
        token = known.get(frame.token) if isinstance(frame.token, Handle) else frame.token
        if token not in problems:
            problems[token] = _problem(token, serves)
        problem = problems[token]
        if token is None or problem is not None:
            dropped[problem or Drop.HANDLE] += 1
            continue
        opened += 1
        until[token] = max(until.get(token, 0.0), frame.expires)
    devices = list(until)
    random.SystemRandom().shuffle(devices)
    notifications = tuple(
        Notification(token, expires=min(now + lifetime, until[token])) for token in devices
    )
    return Tick(notifications, len(requests), opened, dropped)


def _open(
    keys: Sequence[SecretKey],
    requests: Sequence[PushRequest],
    now: float,
    threads: int | None,
    dropped: Counter[Drop],
) -> list[Frame]:
    """Return the frames of the blobs that open. Each key opens its blobs in one batch."""
    blobs: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for each in requests:
        blobs[each.key_id].append(each.blob)
    found: list[Frame] = []
    for key in keys:
        mine = blobs.pop(key.public_key.key_id, [])
        shape = (len(mine), key.public_key.frame_class.elements + 1, 32)
        array = np.frombuffer(b"".join(mine), np.uint8).reshape(shape)
        frames, opened = key.open_batch(array, now=now, threads=threads)
        found += [frames[row] for row in opened.nonzero()[0].tolist()]
        dropped[Drop.BLOB] += len(mine) - int(opened.sum())
    dropped[Drop.KEY] += sum(map(len, blobs.values()))
    latest = (hours(now) + LONGEST_REVOCATION) * HOUR
    return _kept(found, Drop.LIFETIME, lambda frame: frame.expires <= latest, dropped)


def _kept(
    frames: list[Frame], reason: Drop, keeps: Callable[[Frame], bool], dropped: Counter[Drop]
) -> list[Frame]:
    kept = [frame for frame in frames if keeps(frame)]
    dropped[reason] += len(frames) - len(kept)
    return kept


def _problem(token: DeviceToken | None, serves: Callable[[DeviceToken], bool]) -> Drop | None:
    """Return why nothing can be pushed to a token, or None if something can (SPEC 10.4)."""
    if token is None:
        return Drop.HANDLE
    if token.platform is Platform.WEB_PUSH:
        try:
            WebPushSubscription.from_token(token)
        except InvalidEncodingError:
            return Drop.SUBSCRIPTION
    return None if serves(token) else Drop.SERVICE
