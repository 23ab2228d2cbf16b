"""A local push service that answers as APNs does, for tests and demonstrations.

It speaks TLS and HTTP/2, verifies the provider token, checks requests, and fails on demand.
Sources: Apple, "Sending notification requests to APNs" and "Handling notification responses
from APNs".
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from billboard.push.dispatch.notification import MAX_COLLAPSE_ID
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.push.providers.apns_key import ApnsKey
from billboard.push.providers.content import MAX_PAYLOAD

JWT_LIFETIME = 3600
"""Seconds after which APNs calls a provider token expired."""

_PATH = "/3/device/"
_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){1,198}")
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
_NUMBER = re.compile(r"[0-9]{1,15}")
_PRIORITY = re.compile(r"|1|5|10")
_PUSH_TYPE = re.compile(
    "alert|background|complication|controls|fileprovider|liveactivity|location|mdm|pushtotalk|"
    "voip|widgets"
)


@dataclass(frozen=True)
class Delivery:
    """A notification that was accepted.

    ``duplicate`` says that the same token had the same ``apns_id`` before: a repeat, which a
    device merges. ``expiration`` is in unix seconds; None if not given.
    """

    token: bytes = field(repr=False)
    apns_id: uuid.UUID
    collapse_id: str | None
    topic: str
    payload: bytes
    expiration: int | None
    duplicate: bool


class Refused(Exception):
    """A request that APNs does not accept. It never leaves this module."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.timestamp: int | None = None


class ApnsEmulator(EmulatorServer):
    """An emulated APNs, as an async context manager. Emulators share nothing with each other.

    In its context, ``url`` is where it listens, ``ca_file`` the authority of its certificate, and
    ``key`` the signing key that it accepts. ``deliveries`` has all that it accepted, in order.

    It waits ``latency`` seconds before each answer. After ``goaway_every`` requests a connection is
    shut down gracefully. Of all requests, each ``reset_every``-th has its stream reset, and each
    ``drop_every``-th its connection dropped: after it was processed, so that its repeat is a
    duplicate. ``clock`` returns unix seconds.

    It differs from APNs in this: it knows neither topics nor the devices of a token, it demands
    a push type, and it calls a payload that is not a JSON object PayloadEmpty.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        address: str = "127.0.0.1",
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        goaway_every: int | None = None,
        reset_every: int | None = None,
        drop_every: int | None = None,
    ) -> None:
        super().__init__(
            port,
            address=address,
            clock=clock,
            latency=latency,
            goaway_every=goaway_every,
            reset_every=reset_every,
            drop_every=drop_every,
        )
        private_key = ec.generate_private_key(ec.SECP256R1())
        pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key = ApnsKey("EMULATORTM", "EMULATORKY", pem)
        self.deliveries: list[Delivery] = []
        self._public_key = private_key.public_key()
        self._issued: dict[str, int] = {}
        self._expired: set[str] = set()
        self._unregistered: dict[bytes, float] = {}
        self._throttled: dict[bytes, tuple[int, int | None]] = {}
        self._delivered: set[tuple[bytes, uuid.UUID]] = set()

    @property
    def provider_tokens(self) -> int:
        """How many different provider tokens were valid so far."""
        return len(self._issued)

    def unregister(self, token: bytes, at: float | None = None) -> None:
        """Make the token dead since ``at`` (unix seconds; now if None)."""
        self._unregistered[token] = self._clock() if at is None else at

    def throttle(self, token: bytes, times: int, retry_after: int | None = None) -> None:
        """Refuse the next ``times`` requests for the token as too many."""
        self._throttled[token] = (times, retry_after)

    def expire_jwts(self) -> None:
        """Make every provider token expired that was valid so far."""
        self._expired.update(self._issued)

    def _process(self, request: Request) -> Reply:
        apns_id: uuid.UUID | None = None
        try:
            token = _device_token(request)
            self._check_provider_token(request)
            apns_id = _apns_id(request)
            delivery = self._delivery(request, token, apns_id)
            self._check_device(token)
        except Refused as refused:
            return _refusal(refused, apns_id)
        self.deliveries.append(delivery)
        self._delivered.add((token, apns_id))
        return Reply(200, (("apns-id", str(apns_id)),))

    def _check_provider_token(self, request: Request) -> None:
        scheme, _, token = request.value("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(403, "MissingProviderToken")
        if token not in self._issued:
            self._issued[token] = self._verify(token)
        if token in self._expired or self._issued[token] + JWT_LIFETIME < self._clock():
            raise Refused(403, "ExpiredProviderToken")

    def _verify(self, token: str) -> int:
        """Return the time at which a provider token was issued."""
        try:
            parsed = jwt.decode_complete(
                token,
                self._public_key,
                ["ES256"],
                {"verify_iat": False, "require": ["iss", "iat"]},  # iat is compared by `clock`
            )
        except (jwt.InvalidTokenError, RecursionError):
            raise Refused(403, "InvalidProviderToken") from None
        issuer, issued_at = parsed["payload"]["iss"], parsed["payload"]["iat"]
        identifiers = (issuer, parsed["header"].get("kid"))
        if identifiers != (self.key.team_id, self.key.key_id) or type(issued_at) is not int:
            raise Refused(403, "InvalidProviderToken")
        if issued_at > self._clock():
            raise Refused(403, "InvalidProviderToken")
        return issued_at

    def _check_device(self, token: bytes) -> None:
        if token in self._unregistered:
            refused = Refused(410, "Unregistered")
            refused.timestamp = int(self._unregistered[token] * 1000)
            raise refused
        times, retry_after = self._throttled.get(token, (0, None))
        if times > 0:
            self._throttled[token] = (times - 1, retry_after)
            raise Refused(429, "TooManyRequests", retry_after)

    def _delivery(self, request: Request, token: bytes, apns_id: uuid.UUID) -> Delivery:
        _check_headers(request)
        _check_payload(request.body)
        expiration = request.value("apns-expiration")
        return Delivery(
            token=token,
            apns_id=apns_id,
            collapse_id=request.value("apns-collapse-id") or None,
            topic=request.value("apns-topic"),
            payload=bytes(request.body),
            expiration=int(expiration) if expiration else None,
            duplicate=(token, apns_id) in self._delivered,
        )


def _device_token(request: Request) -> bytes:
    if request.value(":method") != "POST":
        raise Refused(405, "MethodNotAllowed")
    path = request.value(":path")
    if not path.startswith(_PATH):
        raise Refused(404, "BadPath")
    token = path.removeprefix(_PATH)
    if not token:
        raise Refused(400, "MissingDeviceToken")
    if not _TOKEN.fullmatch(token):
        raise Refused(400, "BadDeviceToken")
    return bytes.fromhex(token)


def _apns_id(request: Request) -> uuid.UUID:
    text = request.value("apns-id")
    if not text:
        return uuid.uuid4()
    try:
        apns_id = uuid.UUID(text)
    except ValueError:
        apns_id = None
    if apns_id is None or str(apns_id) != text.lower():
        raise Refused(400, "BadMessageId")
    return apns_id


def _check_headers(request: Request) -> None:
    names = [name for name, _ in request.headers if name.startswith("apns-")]
    if len(names) != len(set(names)):
        raise Refused(400, "DuplicateHeaders")
    topic, expiration = request.value("apns-topic"), request.value("apns-expiration")
    if not topic:
        raise Refused(400, "MissingTopic")
    if not _TOPIC.fullmatch(topic):
        raise Refused(400, "BadTopic")
    if not _PUSH_TYPE.fullmatch(request.value("apns-push-type")):
        raise Refused(400, "InvalidPushType")
    if not _PRIORITY.fullmatch(request.value("apns-priority")):
        raise Refused(400, "BadPriority")
    if expiration and not _NUMBER.fullmatch(expiration):
        raise Refused(400, "BadExpirationDate")
    if len(request.value("apns-collapse-id").encode()) > MAX_COLLAPSE_ID:
        raise Refused(400, "BadCollapseId")


def _check_payload(body: bytes | bytearray) -> None:
    if len(body) > MAX_PAYLOAD:
        raise Refused(413, "PayloadTooLarge")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict) or not payload:
        raise Refused(400, "PayloadEmpty")


def _refusal(refused: Refused, apns_id: uuid.UUID | None) -> Reply:
    headers = [("content-type", "application/json")]
    if apns_id is not None:
        headers.append(("apns-id", str(apns_id)))
    if refused.retry_after is not None:
        headers.append(("retry-after", str(refused.retry_after)))
    body: dict[str, object] = {"reason": refused.reason}
    if refused.timestamp is not None:
        body["timestamp"] = refused.timestamp
    return Reply(refused.status, tuple(headers), json.dumps(body).encode())
