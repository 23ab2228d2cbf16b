"""Web Push: the push services of browsers, and servers of UnifiedPush.

Sources: RFC 8030 (requests and answers), RFC 8291 and RFC 8188 (encryption), RFC 8292 (VAPID),
UnifiedPush, "Specifications for push servers".
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from billboard.errors import InvalidEncodingError
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.providers import webpush_hosts
from billboard.push.providers.content import CONTENT_FREE_BYTES
from billboard.push.providers.transport import (
    WAS_CLOSED,
    Transport,
    checked_payload,
    requested_delay,
)
from billboard.push.providers.webpush_hosts import (
    BROWSER_SERVICES,
    PinnedHosts,
    Refused,
    Resolve,
)
from billboard.push.providers.webpush_vapid import VapidHeaders, VapidKey
from billboard.tokens import DeviceToken, Platform
from billboard.webpush import WebPushSubscription

PLAINTEXT_SIZE = 512
"""Bytes of every plaintext: shorter ones are padded with spaces, which JSON allows."""

MAX_TTL = 28 * 24 * 3600
"""The longest TTL that is asked for, in seconds. Push services shorten it as they like."""

TOPIC_SIZE = 32
"""Characters of base64url, the most that RFC 8030, section 5.4 allows."""

_URGENCIES = {10: "high", 5: "normal", 1: "low"}


def classify(status: int, retry_after: float | None = None) -> Attempt:
    """Return what an answer means. ``retry_after``, in seconds, is what it asks to wait."""
    if 200 <= status <= 299:  # 201 by RFC 8030; servers of UnifiedPush differ
        return Attempt(Outcome.DELIVERED, None, status)
    if status in (404, 410):
        return Attempt(Outcome.UNREGISTERED, None, status)
    if status == 429 or 500 <= status <= 599:
        return Attempt(Outcome.RETRY, None, status, retry_after)
    return Attempt(Outcome.REJECTED, None, status)


class WebPushProvider:
    """A client of all push services that Web Push reaches, over HTTP/2 where they speak it.

    ``payload`` is the content of every notification, a JSON object of at most 512 bytes.

    An endpoint is a URL that anybody can choose, so only some are reached. The host must be one of
    ``hosts``: `BROWSER_SERVICES`, which may be extended by names or ``*.name``, or `ANY_HOST`. The
    port must be one of ``ports``. Every address must be public, or in one of ``networks``, such as
    10.0.0.0/8 for a server beside this one. ``resolve`` finds the addresses of a host. They are
    checked, and no others are connected to. At an address that `ANY_HOST` alone allows, at most 20
    requests are in flight; more are RETRYs.

    ``ca_file`` has the authorities to trust instead of certifi's. ``clock`` returns unix seconds.
    The provider belongs to the event loop that first uses it.

    Raises `ProviderError` if the payload, the hosts, the networks or the CA file are unusable.
    """

    platform = Platform.WEB_PUSH
    one_service = False

    def __init__(
        self,
        key: VapidKey,
        hosts: Iterable[str] = BROWSER_SERVICES,
        ca_file: str | Path | None = None,
        payload: bytes = CONTENT_FREE_BYTES,
        *,
        ports: Collection[int] = (443,),
        networks: Iterable[str] = (),
        resolve: Resolve = webpush_hosts.resolve,
        clock: Callable[[], float] = time.time,
    ) -> None:
        padded = checked_payload("Web Push", payload, PLAINTEXT_SIZE).ljust(PLAINTEXT_SIZE)
        self._plaintext = padded
        self._hosts = PinnedHosts(hosts, ports, networks, resolve, clock)
        self._vapid = VapidHeaders(key, clock)
        self._transport = Transport("Web Push", ca_file)
        self._clock = clock

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return None

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        try:
            self._hosts.target(WebPushSubscription.from_token(token).endpoint)
        except (InvalidEncodingError, Refused):
            return False
        return True

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        self._transport.check_open()
        try:
            subscription = WebPushSubscription.from_token(notification.token)
            target = self._hosts.target(subscription.endpoint)
            async with self._hosts.reserved(target) as pin:
                if self._transport.closed:
                    return WAS_CLOSED
                now = self._clock()
                return await self._transport.post(
                    target.url,
                    _headers(notification, self._vapid.current(target.origin), now),
                    _encrypted(self._plaintext, subscription),
                    lambda response: classify(
                        response.status_code, requested_delay(response, self._clock())
                    ),
                    pin,
                )
        except InvalidEncodingError:
            return Attempt(Outcome.REJECTED, "the token is no subscription")
        except Refused as refused:
            outcome = Outcome.RETRY if refused.transient else Outcome.REJECTED
            return Attempt(outcome, refused.reason)

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()
        await self._hosts.aclose()


def _headers(notification: Notification, authorization: str, now: float) -> dict[str, str]:
    expires = notification.expires
    left = MAX_TTL if expires is None else min(max(int(expires - now), 0), MAX_TTL)
    return {
        "authorization": authorization,
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "topic": _topic(notification.collapse_id or str(notification.id)),
        "ttl": str(left),
        "urgency": _URGENCIES[notification.priority],
    }


def _topic(identifier: str) -> str:
    """Return the ``Topic``, by which a repeat replaces the same notification if it still waits."""
    digest = hashlib.sha256(identifier.encode()).digest()
    return base64.urlsafe_b64encode(digest)[:TOPIC_SIZE].decode()


def _encrypted(plaintext: bytes, subscription: WebPushSubscription) -> bytes:
    """Encrypt by RFC 8291, with a key that is used once."""
    body: bytes = http_ece.encrypt(
        plaintext,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=subscription.p256dh,
        auth_secret=subscription.auth,
        version="aes128gcm",
    )
    return body
