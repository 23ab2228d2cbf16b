"""A local push service of Web Push with the user agents behind it, which decrypt what arrives.

Sources: RFC 8030, RFC 8188, RFC 8291, RFC 8292. It shares no code with the provider.
"""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.webpush import WebPushSubscription

MAX_BODY = 4096
DAY = 24 * 3600

_HEADER = 16 + 4 + 1
_TAG = 16
_TTL = re.compile(r"[0-9]{1,10}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCY = re.compile(r"very-low|low|normal|high")
_VAPID = re.compile(r"vapid t=([A-Za-z0-9_.-]+), ?k=([A-Za-z0-9_-]+)")


def decrypt(body: bytes, private_key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """Decrypt a message of one record (RFC 8291, section 4). Raises ValueError."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, record = body[_HEADER : _HEADER + length], body[_HEADER + length :]
    if not _TAG + 1 < len(record) <= size:
        raise ValueError("not one record")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    shared = private_key.exchange(ec.ECDH(), public)
    own = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = _hkdf(auth, shared, b"WebPush: info\0" + own + sender, 32)
    key = _hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, secret, b"Content-Encoding: nonce\0", 12)
    try:
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
    except InvalidTag:
        raise ValueError("not for this key") from None
    if padded[-1:] != b"\2":
        raise ValueError("not the last record")
    return padded[:-1]


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


@dataclass(frozen=True)
class WebPushDelivery:
    """A message that was accepted. ``ttl`` is in seconds, ``size`` the bytes of its body."""

    endpoint: str = field(repr=False)
    plaintext: bytes
    size: int
    ttl: int
    urgency: str | None
    topic: str | None
    contact: str


@dataclass(frozen=True)
class _UserAgent:
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes
    application_server_key: str


class WebPushEmulator(EmulatorServer):
    """An emulated push service, as an async context manager. Options are those of `ApnsEmulator`.

    In its context, ``origin`` is what its endpoints begin with, and ``ca_file`` the authority of
    its certificate. ``deliveries`` has all that it accepted, in order. Its host is ``NAME``, which
    no name server knows.

    It differs from a push service in this: it decrypts, keeps nothing for later, and demands
    that a sender identifies itself.
    """

    NAME = "push.emulator.test"

    def __init__(self, port: int = 0, **options: Any) -> None:
        super().__init__(port, **options)
        self.deliveries: list[WebPushDelivery] = []
        self._agents: dict[str, _UserAgent] = {}
        self._throttled: dict[str, tuple[int, int | None]] = {}

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def origin(self) -> str:
        """What its endpoints begin with."""
        return f"https://{self.NAME}:{self.port}"

    def subscribe(self, application_server_key: str) -> WebPushSubscription:
        """Make a user agent with a subscription for one sender (RFC 8292, section 4)."""
        private_key = ec.generate_private_key(ec.SECP256R1())
        public = private_key.public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        path, auth = f"/push/{len(self._agents)}?x=%7e", os.urandom(16)
        self._agents[path] = _UserAgent(private_key, auth, application_server_key)
        return WebPushSubscription(self.origin + path, point, auth)

    def unsubscribe(self, subscription: WebPushSubscription) -> None:
        """Remove the subscription."""
        del self._agents[subscription.endpoint.removeprefix(self.origin)]

    def throttle(
        self, subscription: WebPushSubscription, times: int, retry_after: int | None = None
    ) -> None:
        """Refuse the next ``times`` messages for the subscription as too many."""
        path = subscription.endpoint.removeprefix(self.origin)
        self._throttled[path] = (times, retry_after)

    def _process(self, request: Request) -> Reply:
        path, body = request.value(":path"), bytes(request.body)
        agent = self._agents.get(path)
        if request.value(":method") != "POST":
            return Reply(405)
        if agent is None:
            return Reply(410)
        contact = self._contact(request, agent)
        if contact is None:
            return Reply(403)
        if len(body) > MAX_BODY:
            return Reply(413)
        times, retry_after = self._throttled.get(path, (0, None))
        if times > 0:
            self._throttled[path] = (times - 1, retry_after)
            asked = () if retry_after is None else (("retry-after", str(retry_after)),)
            return Reply(429, asked)
        ttl, urgency, topic = (request.value(name) for name in ("ttl", "urgency", "topic"))
        well_formed = (
            _TTL.fullmatch(ttl)
            and (not urgency or _URGENCY.fullmatch(urgency))
            and (not topic or _TOPIC.fullmatch(topic))
            and request.value("content-encoding") == "aes128gcm"
        )
        if not well_formed:
            return Reply(400)
        try:
            plaintext = decrypt(body, agent.private_key, agent.auth)
        except (ValueError, IndexError):
            return Reply(400)
        endpoint = self.origin + path
        self.deliveries.append(
            WebPushDelivery(
                endpoint, plaintext, len(body), int(ttl), urgency or None, topic or None, contact
            )
        )
        return Reply(201, (("location", f"{self.origin}/message/{len(self.deliveries)}"),))

    def _contact(self, request: Request, agent: _UserAgent) -> str | None:
        """Return the contact of the sender, or None unless it may send here (RFC 8292)."""
        matched = _VAPID.fullmatch(request.value("authorization"))
        if matched is None or matched[2] != agent.application_server_key:
            return None
        try:
            point = base64.urlsafe_b64decode(matched[2] + "==")
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            claims = jwt.decode(
                matched[1],
                public,
                ["ES256"],
                {"require": ["aud", "exp", "sub"], "verify_exp": False},
                audience=self.origin,
            )
        except (ValueError, RecursionError, jwt.InvalidTokenError):
            return None
        expires, now = claims["exp"], self._clock()
        if not isinstance(expires, (int, float)) or not now < expires <= now + DAY:
            return None
        return str(claims["sub"])
