"""gorush, a push gateway with a queue, which passes notifications on to APNs or FCM.

Sources: gorush's README and its router, notify and logx (1.22); for the texts of FCM's errors
firebase-admin-go 4.19, which passes on what FCM says. gorush answers 200 whatever became of a
notification; ``logs`` in the answer says what went wrong.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from curl_cffi import Response

from billboard.errors import ProviderError
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.providers.content import CONTENT_FREE_DATA
from billboard.push.providers.transport import (
    Transport,
    checked_host,
    json_object,
    requested_delay,
)
from billboard.tokens import DeviceToken, Platform

CONTENT: Mapping[Platform, Mapping[str, Any]] = MappingProxyType(
    {
        Platform.APNS: {"alert": {"loc-key": "NEW_MESSAGE"}, "mutable_content": True},
        Platform.FCM: {"data": dict(CONTENT_FREE_DATA)},
    }
)
"""The content of every notification, in gorush's terms. APNs gets `CONTENT_FREE_PAYLOAD`."""

EXAMPLE = "https://gorush.example:8088"

SERVER_ERROR_DELAY = 15 * 60.0
"""Seconds that Apple asks to wait after a 5xx."""

QUOTA_DELAY = 60.0
"""Seconds that Google asks to wait after a 429."""

MAX_TTL = 28 * 24 * 3600
"""The longest time for which FCM keeps a message, in seconds."""

_NUMBERS = {Platform.APNS: 1, Platform.FCM: 2}
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?")
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
_TOKEN = re.compile(rb"[\x21-\x7e]+")
_APNS_REASON = re.compile(r"[A-Z][A-Za-z]{2,39}")
_FCM_STATUS = re.compile(r"unexpected http response with status: ([0-9]{3})\b")

_Verdict = tuple[Outcome, float | None]
"""The outcome, and the least number of seconds to wait before a retry."""

_SOON: _Verdict = (Outcome.RETRY, None)
_REJECTED: _Verdict = (Outcome.REJECTED, None)
_UNREGISTERED: _Verdict = (Outcome.UNREGISTERED, None)

_APNS: Mapping[str, _Verdict] = {
    "BadDeviceToken": _UNREGISTERED,
    "ExpiredToken": _UNREGISTERED,
    "Unregistered": _UNREGISTERED,
    "ExpiredProviderToken": _SOON,
    "IdleTimeout": _SOON,
    "InternalServerError": (Outcome.RETRY, SERVER_ERROR_DELAY),
    "ServiceUnavailable": (Outcome.RETRY, SERVER_ERROR_DELAY),
    "Shutdown": _SOON,
    "TooManyProviderTokenUpdates": (Outcome.RETRY, 20 * 60.0),
    "TooManyRequests": _SOON,
}
"""What each reason of APNs means. gorush gives it without the status. Others are REJECTED."""

_FCM: tuple[tuple[str, str, _Verdict], ...] = (
    ("Requested entity was not found", "UNREGISTERED", _UNREGISTERED),
    ("NotRegistered", "UNREGISTERED", _UNREGISTERED),
    ("The registration token is not a valid FCM", "INVALID_ARGUMENT", _REJECTED),
    ("Request contains an invalid argument", "INVALID_ARGUMENT", _REJECTED),
    ("Invalid value at", "INVALID_ARGUMENT", _REJECTED),
    ("SenderId mismatch", "SENDER_ID_MISMATCH", _REJECTED),
    ("Auth error from APNS or Web Push Service", "THIRD_PARTY_AUTH_ERROR", _REJECTED),
    ("Request had invalid authentication credentials", "UNAUTHENTICATED", _REJECTED),
    ("Request is missing required authentication", "UNAUTHENTICATED", _REJECTED),
    ("Permission ", "PERMISSION_DENIED", _REJECTED),
    ("The caller does not have permission", "PERMISSION_DENIED", _REJECTED),
    ("Quota exceeded", "QUOTA_EXCEEDED", (Outcome.RETRY, QUOTA_DELAY)),
    ("Resource has been exhausted", "QUOTA_EXCEEDED", (Outcome.RETRY, QUOTA_DELAY)),
    ("Internal error encountered", "INTERNAL", (Outcome.RETRY, 10.0)),
    ("The service is currently unavailable", "UNAVAILABLE", (Outcome.RETRY, 10.0)),
)
"""How FCM's text begins, FCM's name for the error, and what it means."""


def classify(
    platform: Platform, status: int, error: str | None, retry_after: float | None = None
) -> Attempt:
    """Return what an answer of gorush means. ``error`` is what it logged, None if nothing.

    An error that is not known counts as trouble on the way to the push service, and is a RETRY. Its
    text may hold the token, so it is never a reason. ``retry_after`` is in seconds.
    """
    if status == 429 or 500 <= status <= 599:
        return Attempt(Outcome.RETRY, None, status, retry_after)
    if status != 200:
        return Attempt(Outcome.REJECTED, None, status)
    if error is None:
        return Attempt(Outcome.DELIVERED, None, status)
    reason, (outcome, delay) = _apns(error) if platform is Platform.APNS else _fcm(error)
    return Attempt(outcome, reason, status, delay)


def _apns(error: str) -> tuple[str, _Verdict]:
    if not _APNS_REASON.fullmatch(error):
        return "gorush logged trouble", _SOON
    return error, _APNS.get(error, _REJECTED)


def _fcm(error: str) -> tuple[str, _Verdict]:
    for beginning, reason, verdict in _FCM:
        if error.startswith(beginning):
            return reason, verdict
    status = _FCM_STATUS.match(error)
    if status and status[1][0] == "4" and status[1] not in ("408", "429"):
        return f"FCM says {status[1]}", _REJECTED
    return "gorush logged trouble", _SOON


class GorushProvider:
    """A client of a gorush server, for the tokens of APNs or of FCM.

    gorush must run with ``core.sync``: without it, it does not say what became of a notification,
    and all are DELIVERED. It must run with ``max_retry`` 0, because the dispatcher retries.

    ``host`` must be https, or http on loopback, because tokens travel to it in clear. ``topics``
    has the bundle id for each app number of a `DeviceToken`. It is for APNs only: with FCM, gorush
    has one project for all apps. ``ca_file`` has the authorities to trust instead of certifi's.
    ``clock`` returns unix seconds. The provider belongs to the event loop that first uses it.

    With APNs a repeat has the same apns-id; with FCM repeats merge by their ``collapse_id`` only.

    Raises `ProviderError` if the platform, the host, the topics or the CA file are unusable.
    """

    one_service = True

    def __init__(
        self,
        platform: Platform,
        host: str,
        topics: Mapping[int, str] | None = None,
        ca_file: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if platform not in _NUMBERS:
            raise ProviderError(f"gorush platform: {platform.name}; must be APNS or FCM")
        self.platform = platform
        self._topics = _checked_topics(platform, topics)
        self._url = _checked_host(host) + "/api/push"
        self._transport = Transport("gorush", ca_file)
        self._clock = clock

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return None

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return self.platform is Platform.FCM or token.app in self._topics

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        token = notification.token
        if self.platform is Platform.APNS and token.app not in self._topics:
            return Attempt(Outcome.REJECTED, f"no topic for app {token.app}")
        if self.platform is Platform.FCM and not _TOKEN.fullmatch(token.value):
            return Attempt(Outcome.REJECTED, "the token is not printable ASCII")
        specific = self._apns if self.platform is Platform.APNS else self._fcm
        request = {
            **CONTENT[self.platform],
            **specific(notification),
            "notif_id": str(notification.id),
            "platform": _NUMBERS[self.platform],
            "priority": "high" if notification.priority == 10 else "normal",
        }
        return await self._transport.post(
            self._url,
            {"content-type": "application/json"},
            json.dumps({"notifications": [request]}).encode(),
            lambda response: _parse(self.platform, response, self._clock()),
        )

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()

    def _apns(self, notification: Notification) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "tokens": [notification.token.value.hex()],
            "topic": self._topics[notification.token.app],
            "push_type": "alert",
            "apns_id": str(notification.id),
        }
        if notification.collapse_id is not None:
            parts["collapse_id"] = notification.collapse_id
        if notification.expires is not None:
            parts["expiration"] = int(notification.expires)
        return parts

    def _fcm(self, notification: Notification) -> dict[str, Any]:
        android: dict[str, Any] = {}
        if notification.collapse_id is not None:
            android["collapse_key"] = notification.collapse_id
        if notification.expires is not None:
            left = int(notification.expires - self._clock())
            android["ttl"] = f"{min(max(left, 0), MAX_TTL)}s"
        return {"tokens": [notification.token.value.decode("ascii")], "android": android}


def _parse(platform: Platform, response: Response, now: float) -> Attempt:
    retry_after = requested_delay(response, now)
    if response.status_code != 200:
        return classify(platform, response.status_code, None, retry_after)
    body = json_object(response)
    logs, counts = body.get("logs"), body.get("counts")
    if not isinstance(logs, list) or type(counts) is not int:
        return Attempt(Outcome.REJECTED, "not an answer of gorush", 200)
    if counts < 1:
        return Attempt(Outcome.REJECTED, "gorush has the platform disabled", 200)
    if not logs:
        return classify(platform, 200, None)
    error = logs[-1].get("error") if isinstance(logs[-1], dict) else None
    return classify(platform, 200, error if isinstance(error, str) else "")


def _checked_topics(platform: Platform, topics: Mapping[int, str] | None) -> dict[int, str]:
    if platform is not Platform.APNS:
        if topics:
            raise ProviderError("gorush topics: are for APNs only; leave them out")
        return {}
    if not topics:
        raise ProviderError("gorush topics: none given; give the bundle id of each app")
    for app, topic in topics.items():
        if not _TOPIC.fullmatch(topic):
            raise ProviderError(f"gorush topic of app {app}: not a bundle id, like com.example.app")
    return dict(topics)


def _checked_host(host: str) -> str:
    return host if _LOOPBACK.fullmatch(host) else checked_host("gorush", host, EXAMPLE)
