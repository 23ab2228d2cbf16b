"""APNs, Apple's push service.

Sources: Apple, "Sending notification requests to APNs" and "Handling notification responses
from APNs".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from curl_cffi import Response

from billboard.errors import ProviderError
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.providers.apns_key import MIN_RENEWAL, ApnsKey, ProviderToken
from billboard.push.providers.content import CONTENT_FREE_PAYLOAD, MAX_PAYLOAD
from billboard.push.providers.transport import (
    Transport,
    checked_host,
    checked_payload,
    json_object,
    requested_delay,
    word,
)
from billboard.tokens import DeviceToken, Platform

PRODUCTION = "https://api.push.apple.com"

SERVER_ERROR_DELAY = 15 * 60.0
"""Seconds that Apple asks to wait after a 5xx."""

_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")

_Verdict = tuple[Outcome, float | None]
"""The outcome, and the least number of seconds to wait before a retry."""

_REJECTED: _Verdict = (Outcome.REJECTED, None)
_UNREGISTERED: _Verdict = (Outcome.UNREGISTERED, None)
_LATER: _Verdict = (Outcome.RETRY, SERVER_ERROR_DELAY)
_SOON: _Verdict = (Outcome.RETRY, None)

_BY_REASON: Mapping[tuple[int, str | None], _Verdict] = {
    (400, "BadDeviceToken"): _UNREGISTERED,
    (400, "IdleTimeout"): _SOON,
    (403, "ExpiredProviderToken"): _SOON,
    (410, "ExpiredToken"): _UNREGISTERED,
    (410, "Unregistered"): _UNREGISTERED,
    (429, "TooManyProviderTokenUpdates"): (Outcome.RETRY, MIN_RENEWAL),
    (503, "Shutdown"): _SOON,
}
"""The answers of which the reason decides; of others the status does. A token is called dead only
for a reason that says so, never for a bare status."""


def classify(
    status: int,
    reason: str | None,
    retry_after: float | None = None,
    unregistered_at: float | None = None,
) -> Attempt:
    """Return what an answer of APNs means.

    ``retry_after``, in seconds, is what APNs asked to wait. ``unregistered_at``, in unix seconds,
    is when it knew that the token is dead.
    """
    outcome, delay = _BY_REASON.get((status, reason)) or _by_status(status)
    if outcome is not Outcome.RETRY:
        delay = None
    elif retry_after is not None:
        delay = retry_after
    if outcome is not Outcome.UNREGISTERED:
        unregistered_at = None
    return Attempt(outcome, reason, status, delay, unregistered_at)


def _by_status(status: int) -> _Verdict:
    if status == 200:
        return (Outcome.DELIVERED, None)
    if status == 429:
        return _SOON
    return _LATER if 500 <= status <= 599 else _REJECTED


class ApnsProvider:
    """A client of APNs: one HTTP/2 connection, or few, shared by all requests in flight.

    ``topics`` has the topic (the bundle id) for each app number of a `DeviceToken`. ``ca_file`` has
    the authorities to trust instead of certifi's. ``payload`` is the content of every notification,
    a JSON object of at most 4,096 bytes. ``clock`` returns unix seconds. The provider belongs to
    the event loop that first uses it.

    Raises `ProviderError` if the topics, the host, the CA file or the payload are unusable.
    """

    platform = Platform.APNS
    one_service = True

    def __init__(
        self,
        key: ApnsKey,
        topics: Mapping[int, str],
        host: str = PRODUCTION,
        ca_file: str | Path | None = None,
        payload: bytes = CONTENT_FREE_PAYLOAD,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._topics = _checked_topics(topics)
        self._url = checked_host("APNs", host, PRODUCTION) + "/3/device/"
        self._payload = checked_payload("APNs", payload, MAX_PAYLOAD)
        self._transport = Transport("APNs", ca_file)
        self._clock = clock
        self._provider_token = ProviderToken(key, clock)

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return self._provider_token.age

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return token.app in self._topics

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        topic = self._topics.get(notification.token.app)
        if topic is None:
            return Attempt(Outcome.REJECTED, f"no topic for app {notification.token.app}")
        bearer = self._provider_token.current()
        attempt = await self._transport.post(
            self._url + notification.token.value.hex(),
            _headers(notification, topic, bearer),
            self._payload,
            lambda response: _parse(response, self._clock()),
        )
        if attempt.reason == "ExpiredProviderToken" and attempt.outcome is Outcome.RETRY:
            delay = self._provider_token.expired(bearer)
            return Attempt(attempt.outcome, attempt.reason, attempt.status, delay)
        return attempt

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()


def _headers(notification: Notification, topic: str, bearer: str) -> dict[str, str]:
    headers = {
        "authorization": f"bearer {bearer}",
        "apns-id": str(notification.id),
        "apns-topic": topic,
        "apns-push-type": "alert",
        "apns-priority": str(notification.priority),
        "content-type": "application/json",
    }
    if notification.expires is not None:
        headers["apns-expiration"] = str(int(notification.expires))
    if notification.collapse_id is not None:
        headers["apns-collapse-id"] = notification.collapse_id
    return headers


def _parse(response: Response, now: float) -> Attempt:
    """Read an answer. What cannot be understood is left out: then the status decides alone."""
    body = json_object(response)
    timestamp = body.get("timestamp")
    return classify(
        response.status_code,
        word(body.get("reason")),
        requested_delay(response, now),
        timestamp / 1000 if type(timestamp) is int and 0 <= timestamp < 1 << 53 else None,
    )


def _checked_topics(topics: Mapping[int, str]) -> dict[int, str]:
    if not topics:
        raise ProviderError("APNs topics: none given; give the bundle id of each app")
    for app, topic in topics.items():
        if not _TOPIC.fullmatch(topic):
            raise ProviderError(f"APNs topic of app {app}: not a bundle id, like com.example.app")
    return dict(topics)
