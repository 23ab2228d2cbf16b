"""The push server: requests in, devices woken through push services (SPEC 10).

`PushServer` is the engine, and ``create_app`` puts it on HTTP (extra ``server``). Each push service
needs libraries of its own, so that its module is imported by name:
``from billboard.push.providers.apns import ApnsProvider``, and for tests
``from billboard.push.sandbox import Sandbox``. ``seal`` is what senders need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from billboard.push.descriptor import ServerDescriptor, server_id
from billboard.push.dispatcher import Dispatcher
from billboard.push.notification import Attempt, Notification, Outcome
from billboard.push.outbox import Outbox
from billboard.push.provider import Provider
from billboard.push.registration import HandleKey
from billboard.push.request import PushRequest, Revocation, gate_of, new_kappa, seal
from billboard.push.serverkeys import ServerKeys, create_server_keys
from billboard.push.service import PushServer, Timing
from billboard.push.sqlite import SqliteOutbox

if TYPE_CHECKING:
    from billboard.push.server import create_app

__all__ = [
    "Attempt",
    "Dispatcher",
    "HandleKey",
    "Notification",
    "Outbox",
    "Outcome",
    "Provider",
    "PushRequest",
    "PushServer",
    "Revocation",
    "ServerDescriptor",
    "ServerKeys",
    "SqliteOutbox",
    "Timing",
    "create_app",
    "create_server_keys",
    "gate_of",
    "new_kappa",
    "seal",
    "server_id",
]


def __getattr__(name: str) -> Any:
    # Only a server needs Starlette.
    if name == "create_app":
        from billboard.push.server import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
