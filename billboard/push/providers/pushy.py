"""Pushy, which reaches devices that have no push service of Apple or Google.

Sources: Pushy, "Send Notifications API", "API Reference" and the types of its Node.js client.
"""

from __future__ import annotations

import hashlib
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
    word,
)
from billboard.tokens import DeviceToken, Platform

CONTENT: Mapping[str, Any] = MappingProxyType(
    {
        "data": dict(CONTENT_FREE_DATA),
        "notification": {"loc_key": "NEW_MESSAGE"},
        "mutable_content": True,
    }
)
"""The content of every notification: a data message, and on Apple's devices an alert that an
extension of the app replaces by what it fetches."""

PRODUCTION = "https://api.pushy.me"

MAX_TIME_TO_LIVE = 365 * 24 * 3600
"""The longest time for which Pushy keeps a notification, in seconds."""

MAX_COLLAPSE_KEY = 32
"""The longest collapse key, in characters."""

_API_KEY = re.compile(r"[0-9A-Za-z]{16,256}")
_TOKEN = re.compile(rb"[0-9A-Za-z]+")  # anything else could be a topic, and reach its subscribers

_BY_CODE: Mapping[str, Outcome] = {
    "NO_RECIPIENTS": Outcome.UNREGISTERED,
    "AUTH_LIMIT_EXCEEDED": Outcome.RETRY,
    "RATE_LIMIT_EXCEEDED": Outcome.RETRY,
    "INTERNAL_SERVER_ERROR": Outcome.RETRY,
    "ACCOUNT_SUSPENDED": Outcome.REJECTED,
    "INVALID_API_KEY": Outcome.REJECTED,
    "INVALID_PARAM": Outcome.REJECTED,
    "NO_APNS_AUTH": Outcome.REJECTED,
    "PAYLOAD_LIMIT_EXCEEDED": Outcome.REJECTED,
}


def classify(
    status: int, success: bool, code: str | None, retry_after: float | None = None
) -> Attempt:
    """Return what an answer of Pushy means: by its error ``code`` if that is known, else by status.

    With the API key of another app every token gives NO_RECIPIENTS. ``retry_after`` is in seconds.
    """
    outcome = _BY_CODE.get(code or "") or _by_status(status, success)
    return Attempt(outcome, code, status, retry_after if outcome is Outcome.RETRY else None)


def _by_status(status: int, success: bool) -> Outcome:
    if status == 200 and success:
        return Outcome.DELIVERED
    return Outcome.RETRY if status == 429 or 500 <= status <= 599 else Outcome.REJECTED


class PushyProvider:
    """A client of Pushy.

    ``api_keys`` has the Secret API Key for each app number of a `DeviceToken`. Pushy wants it in
    the URL, so the URL is in no error, log or reason. ``ca_file`` has the authorities to trust
    instead of certifi's. ``clock`` returns unix seconds. The provider belongs to the event loop
    that first uses it.

    A repeat has the same collapse key, so that a device that is offline gets one of the two.

    Raises `ProviderError` if the keys, the host or the CA file are unusable.
    """

    platform = Platform.PUSHY
    one_service = True

    def __init__(
        self,
        api_keys: Mapping[int, str],
        host: str = PRODUCTION,
        ca_file: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api_keys = _checked_api_keys(api_keys)
        self._url = checked_host("Pushy", host, PRODUCTION) + "/push?api_key="
        self._transport = Transport("Pushy", ca_file)
        self._clock = clock

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return None

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return token.app in self._api_keys

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        token = notification.token
        api_key = self._api_keys.get(token.app)
        if api_key is None:
            return Attempt(Outcome.REJECTED, f"no API key for app {token.app}")
        if not _TOKEN.fullmatch(token.value):
            return Attempt(Outcome.REJECTED, "not a device token of Pushy")
        return await self._transport.post(
            self._url + api_key,
            {"content-type": "application/json"},
            self._body(notification),
            lambda response: _parse(response, token.value.decode(), self._clock()),
        )

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()

    def _body(self, notification: Notification) -> bytes:
        body = {
            **CONTENT,
            "to": notification.token.value.decode(),
            "collapse_key": _collapse_key(notification),
        }
        if notification.expires is not None:
            left = int(notification.expires - self._clock())
            body["time_to_live"] = min(max(left, 1), MAX_TIME_TO_LIVE)
        return json.dumps(body).encode()


def _collapse_key(notification: Notification) -> str:
    key = notification.collapse_id or notification.id.hex
    if len(key) <= MAX_COLLAPSE_KEY:
        return key
    return hashlib.sha256(key.encode()).hexdigest()[:MAX_COLLAPSE_KEY]


def _parse(response: Response, token: str, now: float) -> Attempt:
    """Read an answer. Its text is never used: it may hold anything."""
    body = json_object(response)
    code, success, info = word(body.get("code")), body.get("success") is True, body.get("info")
    failed = info.get("failed") if isinstance(info, dict) else None
    if success and isinstance(failed, list) and token in failed:
        code = "NO_RECIPIENTS"
    return classify(response.status_code, success, code, requested_delay(response, now))


def _checked_api_keys(api_keys: Mapping[int, str]) -> dict[int, str]:
    if not api_keys:
        raise ProviderError("Pushy API keys: none given; give the Secret API Key of each app")
    for app, api_key in api_keys.items():
        if not _API_KEY.fullmatch(api_key):
            raise ProviderError(
                f"Pushy API key of app {app}: must be letters and digits only; "
                "copy the Secret API Key from the app's page on Pushy's dashboard"
            )
    return dict(api_keys)
