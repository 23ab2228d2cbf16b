"""Delivery of notifications through push services.

Each push service needs libraries of its own, so that its module is imported by name:
``from billboard.push.providers.apns import ApnsProvider``, and for tests
``from billboard.push.sandbox import Sandbox``.
"""

from billboard.push.content import CONTENT_FREE_PAYLOAD
from billboard.push.dispatcher import Dispatcher
from billboard.push.notification import Attempt, DispatchResult, Notification, Outcome
from billboard.push.provider import Provider

__all__ = [
    "CONTENT_FREE_PAYLOAD",
    "Attempt",
    "DispatchResult",
    "Dispatcher",
    "Notification",
    "Outcome",
    "Provider",
]
