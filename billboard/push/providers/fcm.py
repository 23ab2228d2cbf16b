"""Firebase Cloud Messaging, Google's push service, by its HTTP v1 API.

Sources: Google, "Method: projects.messages.send", "ErrorCode" and "Best practices when sending
FCM messages at scale".
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from curl_cffi import Response

from billboard.errors import ProviderError
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.providers.content import CONTENT_FREE_DATA, MAX_PAYLOAD
from billboard.push.providers.fcm_account import AccessToken, FcmAccount, TokenError
from billboard.push.providers.transport import (
    WAS_CLOSED,
    Transport,
    checked_host,
    json_object,
    requested_delay,
    word,
)
from billboard.tokens import DeviceToken, Platform

PRODUCTION = "https://fcm.googleapis.com"

QUOTA_DELAY = 60.0
"""Seconds that Google asks to wait after a 429 without Retry-After."""

SERVER_ERROR_DELAY = 10.0
"""Seconds that Google asks to wait after a 5xx without Retry-After."""

MAX_TTL = 28 * 24 * 3600
"""Seconds: four weeks, the longest that FCM keeps a message, and its default."""

_ERROR_TYPE = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_TOKEN = re.compile(rb"[\x21-\x7e]+")
_RESERVED = re.compile(r"from|message_type|google.*|gcm.*", re.DOTALL)


def classify(status: int, reason: str | None, retry_after: float | None = None) -> Attempt:
    """Return what an answer of FCM means. ``retry_after``, in seconds, is what FCM asked to wait.

    Only 404 with UNREGISTERED says that a token is dead. INVALID_ARGUMENT may be about anything in
    the request, so it never makes a token dead.
    """
    delay: float | None = None
    if status == 200:
        outcome = Outcome.DELIVERED
    elif (status, reason) == (404, "UNREGISTERED"):
        outcome = Outcome.UNREGISTERED
    elif status == 401 and reason != "THIRD_PARTY_AUTH_ERROR":
        outcome, delay = Outcome.RETRY, retry_after
    elif status == 429 or 500 <= status <= 599:
        outcome = Outcome.RETRY
        delay = QUOTA_DELAY if status == 429 else SERVER_ERROR_DELAY
        delay = delay if retry_after is None else retry_after
    else:
        outcome = Outcome.REJECTED
    return Attempt(outcome, reason, status, delay)


class FcmProvider:
    """A client of FCM: one HTTP/2 connection, or few, shared by all requests in flight.

    ``accounts`` has the project, and the service account that may send in it, for each app number
    of a `DeviceToken`. ``data`` is the content of every notification: strings of 1 to 4,096 bytes
    together. ``ca_file`` has the authorities to trust instead of certifi's. ``clock`` returns unix
    seconds. The provider belongs to the event loop that first uses it.

    FCM has no identifier by which it merges repeats. Notifications with a ``collapse_id`` merge by
    that; with others a device may be woken twice.

    Raises `ProviderError` if the accounts, the host, the CA file or the data are unusable.
    """

    platform = Platform.FCM
    one_service = True

    def __init__(
        self,
        accounts: Mapping[int, FcmAccount],
        host: str = PRODUCTION,
        ca_file: str | Path | None = None,
        data: Mapping[str, str] = CONTENT_FREE_DATA,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not accounts:
            raise ProviderError("FCM accounts: none given; give the account of each app")
        host = checked_host("FCM", host, PRODUCTION)
        self._urls = {
            app: f"{host}/v1/projects/{account.project_id}/messages:send"
            for app, account in accounts.items()
        }
        self._tokens = {app: AccessToken(each, ca_file, clock) for app, each in accounts.items()}
        self._data = _checked_data(data)
        self._transport = Transport("FCM", ca_file)
        self._clock = clock

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return None

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return token.app in self._tokens

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        access = self._tokens.get(notification.token.app)
        if access is None:
            return Attempt(Outcome.REJECTED, f"no account for app {notification.token.app}")
        if not _TOKEN.fullmatch(notification.token.value):
            return Attempt(Outcome.REJECTED, "the token is not printable ASCII")
        self._transport.check_open()
        try:
            bearer = await access.current()
        except TokenError as error:
            outcome = Outcome.RETRY if error.transient else Outcome.REJECTED
            return Attempt(outcome, error.reason, retry_after=error.retry_after, of_account=True)
        if self._transport.closed:
            return WAS_CLOSED
        attempt = await self._transport.post(
            self._urls[notification.token.app],
            {"authorization": f"Bearer {bearer}", "content-type": "application/json"},
            _message(notification, self._data, self._clock()),
            lambda response: _parse(response, self._clock()),
        )
        if attempt.status == 401 and attempt.outcome is Outcome.RETRY:
            delay = max(access.refused(bearer), attempt.retry_after or 0.0)
            return Attempt(attempt.outcome, attempt.reason, attempt.status, delay)
        if attempt.outcome is Outcome.DELIVERED:
            access.accepted()
        return attempt

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()
        for access in self._tokens.values():
            await access.aclose()


def _message(notification: Notification, data: Mapping[str, str], now: float) -> bytes:
    android: dict[str, Any] = {"priority": "HIGH" if notification.priority == 10 else "NORMAL"}
    if notification.expires is not None:
        left = min(max(int(notification.expires - now), 0), MAX_TTL)
        android["ttl"] = f"{left}s"
    if notification.collapse_id is not None:
        android["collapse_key"] = notification.collapse_id
    token = notification.token.value.decode("ascii")
    message = {"token": token, "data": dict(data), "android": android}
    return json.dumps({"message": message}, separators=(",", ":")).encode()


def _parse(response: Response, now: float) -> Attempt:
    """Read an answer. What cannot be understood is left out: then the status decides alone."""
    error = json_object(response).get("error")
    error = error if isinstance(error, dict) else {}
    details = error.get("details")
    for each in details if isinstance(details, list) else []:
        if isinstance(each, dict) and each.get("@type") == _ERROR_TYPE:
            reason = word(each.get("errorCode"))
            break
    else:
        reason = word(error.get("status"))
    return classify(response.status_code, reason, requested_delay(response, now))


def _checked_data(data: Mapping[str, str]) -> dict[str, str]:
    for key, value in data.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ProviderError("FCM data: keys and values must be strings")
        if not key or _RESERVED.fullmatch(key):
            raise ProviderError(f"FCM data: the key {key!r} is reserved by FCM; take another")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in data.items())
    if not 0 < size <= MAX_PAYLOAD:
        raise ProviderError(f"FCM data: {size} bytes, must be 1 to {MAX_PAYLOAD}")
    return dict(data)
