"""Apple's push service.

Sources: Apple, "Sending notification requests to APNs" and "Handling notification responses
from APNs".
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from curl_cffi import AsyncSession, CurlECode, CurlError, CurlHttpVersion, CurlOpt, Response

from billboard.errors import ProviderError
from billboard.push.notification import Attempt, Notification, Outcome
from billboard.push.providers.apns_key import MIN_RENEWAL, ApnsKey, ProviderToken
from billboard.tokens import DeviceToken, Platform

__all__ = ["ApnsKey", "ApnsProvider", "classify"]

PRODUCTION = "https://api.push.apple.com"

SERVER_ERROR_DELAY = 15 * 60.0
"""Seconds that Apple asks to wait after a 5xx."""

TIMEOUT = 30.0
"""Seconds for one attempt, from connecting to the last byte."""

MAX_IN_FLIGHT = 1000
"""Requests; what APNs allows on one connection."""

_CURL_OPTIONS: Mapping[CurlOpt, int | str] = {
    CurlOpt.PIPEWAIT: 1,  # wait for a connection to share, rather than open one for each request
    CurlOpt.MAXAGE_CONN: 3600,  # Apple wants few and long-lived connections; curl keeps them 118 s
    CurlOpt.TCP_KEEPALIVE: 1,
    CurlOpt.PROXY: "",  # not what the environment says; curl_cffi 0.16 ignores trust_env here
}

_HOST = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
_REASON = re.compile(r"[A-Za-z]{1,40}")
_SECONDS = re.compile(r"[0-9]{1,9}")

_Verdict = tuple[Outcome, float | None]
"""What to do, and after how many seconds at least."""

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
"""Where the reason decides; elsewhere the status does. A token is only ever called dead for a
reason that says so, not for a bare status."""


def classify(
    status: int,
    reason: str | None,
    retry_after: float | None = None,
    unregistered_at: float | None = None,
) -> Attempt:
    """What an answer of APNs means. ``retry_after``, in seconds, is what APNs asked for itself."""
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

    ``topics`` gives the topic (the bundle id) of each app of a `DeviceToken`; ``ca_file`` the
    authorities to trust instead of the system's; ``clock`` unix seconds. It belongs to the event
    loop that first uses it.

    Raises ProviderError if the topics, the host or the CA file are unusable.
    """

    platform = Platform.APNS
    one_service = True

    def __init__(
        self,
        key: ApnsKey,
        topics: Mapping[int, str],
        host: str = PRODUCTION,
        ca_file: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._topics = _checked_topics(topics)
        self._url = _checked_host(host) + "/3/device/"
        self._verify: bool | str = True if ca_file is None else _checked_ca_file(ca_file)
        self._provider_token = ProviderToken(key, clock)
        self._session: AsyncSession[Response] | None = None
        self._closed = False

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return self._provider_token.age

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return token.app in self._topics

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`.

        curl by itself repeats a request that a connection refused, or that a connection kept
        from before lost without an answer; with the same id, so that it makes no difference.
        """
        topic = self._topics.get(notification.token.app)
        if topic is None:
            return Attempt(Outcome.REJECTED, f"no topic for app {notification.token.app}")
        bearer = self._provider_token.current()
        try:
            response = await self._open_session().request(
                "POST",
                self._url + notification.token.value.hex(),
                headers=_headers(notification, topic, bearer),
                data=notification.payload,
                accept_encoding=None,
            )
        except CurlError as error:
            return Attempt(Outcome.RETRY, f"transport error {_error_name(error.code)}")
        if not response.status_code:  # what curl_cffi returns for a request that close() cut off
            return Attempt(Outcome.RETRY, "the provider was closed")
        attempt = _parse(response)
        if attempt.reason == "ExpiredProviderToken" and attempt.outcome is Outcome.RETRY:
            delay = self._provider_token.expired(bearer)
            return Attempt(attempt.outcome, attempt.reason, attempt.status, delay)
        return attempt

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight is a RETRY."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> AsyncSession[Response]:
        if self._closed:
            raise ProviderError("the provider is closed")
        if self._session is None:
            self._session = AsyncSession(
                max_clients=MAX_IN_FLIGHT,
                http_version=CurlHttpVersion.V2TLS,
                verify=self._verify,  # type: ignore[arg-type]  # takes a path too
                timeout=TIMEOUT,
                allow_redirects=False,
                discard_cookies=True,
                curl_options=dict(_CURL_OPTIONS),
            )
        return self._session


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


def _parse(response: Response) -> Attempt:
    """Read an answer; what can not be understood is left out, for the status decides alone."""
    try:
        body = json.loads(response.content or b"{}")
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    reason, timestamp = body.get("reason"), body.get("timestamp")
    retry_after = response.headers.get("retry-after") or ""
    return classify(
        response.status_code,
        reason if isinstance(reason, str) and _REASON.fullmatch(reason) else None,
        float(retry_after) if _SECONDS.fullmatch(retry_after) else None,
        timestamp / 1000 if type(timestamp) is int and 0 <= timestamp < 1 << 53 else None,
    )


def _error_name(code: int) -> str:
    """curl's name of an error. Its text is never used: it may hold the URL, hence the token."""
    try:
        return CurlECode(code).name
    except ValueError:
        return str(int(code))


def _checked_topics(topics: Mapping[int, str]) -> dict[int, str]:
    if not topics:
        raise ProviderError("APNs topics: none given; give the bundle id of each app")
    for app, topic in topics.items():
        if not _TOPIC.fullmatch(topic):
            raise ProviderError(f"APNs topic of app {app}: not a bundle id")
    return dict(topics)


def _checked_host(host: str) -> str:
    if not _HOST.fullmatch(host):
        raise ProviderError(f"APNs host: must be like {PRODUCTION}")
    return host


def _checked_ca_file(ca_file: str | Path) -> str:
    if not Path(ca_file).is_file():
        raise ProviderError(f"APNs CA file: {ca_file} is not a file")
    return str(ca_file)
