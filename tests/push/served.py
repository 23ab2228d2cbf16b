"""Push servers in simulated time, and what is sent to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from billboard import DeviceToken, Handle
from billboard.push import Timing
from billboard.push.outbox import Pace
from billboard.push.requests.request import PushRequest, Revocation, seal
from push.servers import Site, site
from push.simulation import Scripted, delivers, now, until

HOUR = 3600.0
PROMPT = Timing(tick=1.0, minimum=1, patience=1.0, jitter=0.0, pace=Pace(0.0, 1))


@contextmanager
def served(path: Path, *providers: Scripted, **options: Any) -> Iterator[Site]:
    """A server in simulated time, that is not running yet."""
    settings: dict[str, Any] = {"timing": PROMPT, "clock": now, "threads": 1}
    with site(path, *(providers or (Scripted(delivers),)), **(settings | options)) as made:
        yield made


def push(made: Site, token: DeviceToken | Handle, **frame: Any) -> bytes:
    settings = {"expires": now() + 10 * HOUR, "now": now()}
    blob = made.secret.public_key.encrypt(token, **(settings | frame))
    request = PushRequest.of(made.secret.public_key.key_id, blob)
    return seal(request, made.descriptor, now=now())


def revocation(made: Site, kappa: bytes, hours: int) -> bytes:
    return seal(Revocation(kappa, int(now() // HOUR) + hours), made.descriptor, now=now())


async def opened(made: Site) -> None:
    """Let time pass until nothing waits."""
    await until(lambda: made.server.outbox.waiting()[0] == 0)
    await asyncio.sleep(2.0)


def sent(provider: Scripted) -> list[DeviceToken]:
    return [each.token for _, each in provider.sent]
