"""Push servers for tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billboard import Blob, DeviceToken, FrameClass, Platform, SecretKey
from billboard.push import (
    PushRequest,
    PushServer,
    ServerDescriptor,
    ServerKeys,
    SqliteOutbox,
    Timing,
    create_server_keys,
    seal,
)
from billboard.push.dispatch import Attempt, Dispatcher, Notification, Outcome, Provider
from billboard.push.outbox import Pace
from billboard.tlog.note import NoteKey

NAME = "push.example.org/main"
URL = "https://push.example.org/main"

AT_ONCE = Timing(tick=0.02, minimum=1, patience=0.02, jitter=0.0, pace=Pace(0.0, 1))
"""No waiting anywhere."""

SECRET_KEYS = {frame_class: SecretKey.generate(frame_class) for frame_class in FrameClass}


class Scripted:
    """A provider of one platform that answers as it is told, and remembers what it was sent."""

    one_service = True
    credential_age: float | None = None

    def __init__(
        self,
        platform: Platform = Platform.APNS,
        answer: Callable[[Notification], Attempt] = lambda _: Attempt(Outcome.DELIVERED, None, 200),
        apps: Sequence[int] = (0,),
    ) -> None:
        self.platform, self.answer, self.apps = platform, answer, apps
        self.sent: list[Notification] = []

    def serves(self, token: DeviceToken) -> bool:
        return token.app in self.apps

    async def send(self, notification: Notification) -> Attempt:
        self.sent.append(notification)
        return self.answer(notification)

    async def aclose(self) -> None:
        pass


@dataclass(frozen=True)
class Site:
    """A push server, and what its senders know of it."""

    server: PushServer
    key: NoteKey
    secret: SecretKey

    @property
    def descriptor(self) -> ServerDescriptor:
        return ServerDescriptor.from_bytes(self.server.keys.descriptor, self.key)

    def blob(self, token: DeviceToken, **frame: Any) -> Blob:
        return self.secret.public_key.encrypt(token, **frame)

    def push(self, token: DeviceToken, *, now: float | None = None, **frame: Any) -> bytes:
        """A request to wake the device of ``token``."""
        request = PushRequest.of(self.secret.public_key.key_id, self.blob(token, **frame))
        return seal(request, self.descriptor, now=now)


@contextmanager
def site(
    directory: Path,
    *providers: Provider,
    frame_class: FrameClass = FrameClass.L,
    timing: Timing = AT_ONCE,
    clock: Callable[[], float] = time.time,
    **options: Any,
) -> Iterator[Site]:
    """A push server that is not running yet."""
    key = create_server_keys(directory, NAME)
    secret = SECRET_KEYS[frame_class]
    keys = ServerKeys(directory, [secret], URL)
    with SqliteOutbox.create(directory / "outbox.sqlite") as outbox:
        dispatcher = Dispatcher(outbox, providers, clock=clock)
        server = PushServer(keys, outbox, dispatcher, timing=timing, clock=clock, **options)
        yield Site(server, key, secret)


def token(app: int = 0) -> DeviceToken:
    return DeviceToken(Platform.APNS, os.urandom(32), app)
