"""A local push service that answers as FCM does, with the token endpoint of OAuth beside it.

Sources: Google, "Method: projects.messages.send", "ErrorCode" and "Using OAuth 2.0 for server to
server applications".
"""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.push.providers.content import MAX_PAYLOAD
from billboard.push.providers.fcm_account import SCOPE, FcmAccount

PROJECT = "emulator-project"
EMAIL = f"push@{PROJECT}.iam.gserviceaccount.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""The audience that google-auth writes into an assertion, wherever it sends it."""

_TTL = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?s")
_PRIORITIES = ("NORMAL", "HIGH", "normal", "high")


@dataclass(frozen=True)
class FcmDelivery:
    """A message that was accepted. ``ttl`` is in seconds; None if not given."""

    token: str = field(repr=False)
    data: dict[str, str]
    priority: str | None
    ttl: float | None
    collapse_key: str | None


class Refused(Exception):
    """A request that FCM does not accept. It never leaves this module."""

    def __init__(
        self, code: int, status: str, error: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(status)
        self.code = code
        self.status = status
        self.error = error
        self.retry_after = retry_after


class FcmEmulator(EmulatorServer):
    """An emulated FCM, as an async context manager. The options are those of `ApnsEmulator`.

    In its context, ``url`` is where it listens, ``ca_file`` the authority of its certificate, and
    ``account`` the account that it accepts. ``deliveries`` has all that it accepted, in order.
    ``token_lifetime`` is in seconds.

    It differs from FCM in this: it has one project and knows no devices. Of a message it looks only
    at the token, the data and the fields of Android. It verifies the times in an assertion by the
    real clock, because google-auth writes them by that.
    """

    def __init__(self, port: int = 0, *, token_lifetime: int = 3600, **options: Any) -> None:
        super().__init__(port, **options)
        self._token_lifetime = token_lifetime
        private_key = rsa.generate_private_key(65537, 2048)
        self._pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._public_key = private_key.public_key()
        self.deliveries: list[FcmDelivery] = []
        self._issued: dict[str, float] = {}
        self._unregistered: set[str] = set()
        self._other_senders: set[str] = set()
        self._throttled: dict[str, tuple[int, int | None]] = {}

    @property
    def account(self) -> FcmAccount:
        """The account for a provider."""
        return FcmAccount(PROJECT, json.dumps(self.key_file()).encode())

    def key_file(self) -> dict[str, str]:
        """Return the members of the account's key file."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "emulator-key",
            "private_key": self._pem.decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }

    @property
    def access_tokens(self) -> int:
        """How many access tokens were issued so far."""
        return len(self._issued)

    def unregister(self, token: str) -> None:
        """Make the token dead from now on."""
        self._unregistered.add(token)

    def give_to_other_sender(self, token: str) -> None:
        """Make the token one of another project from now on."""
        self._other_senders.add(token)

    def throttle(self, token: str, times: int, retry_after: int | None = None) -> None:
        """Refuse the next ``times`` messages for the token as too many."""
        self._throttled[token] = (times, retry_after)

    def expire_access_tokens(self) -> None:
        """Make all access tokens expired that were issued so far."""
        self._issued = dict.fromkeys(self._issued, 0.0)

    def _process(self, request: Request) -> Reply:
        if request.value(":path") == "/token":
            return self._grant(request)
        try:
            if request.value(":method") != "POST":
                raise Refused(404, "NOT_FOUND")
            self._authorize(request)
            if request.value(":path") != f"/v1/projects/{PROJECT}/messages:send":
                raise Refused(404, "NOT_FOUND")
            delivery = _delivery(bytes(request.body))
            self._check_token(delivery.token)
        except Refused as refused:
            return _refusal(refused)
        self.deliveries.append(delivery)
        name = f"projects/{PROJECT}/messages/{len(self.deliveries)}"
        return Reply(200, _JSON, json.dumps({"name": name}).encode())

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.value("authorization").partition(" ")
        if scheme.lower() != "bearer" or self._issued.get(token, 0.0) <= time.time():
            raise Refused(401, "UNAUTHENTICATED")

    def _check_token(self, token: str) -> None:
        if token in self._unregistered:
            raise Refused(404, "NOT_FOUND", "UNREGISTERED")
        if token in self._other_senders:
            raise Refused(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
        times, retry_after = self._throttled.get(token, (0, None))
        if times > 0:
            self._throttled[token] = (times - 1, retry_after)
            raise Refused(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", retry_after)

    def _grant(self, request: Request) -> Reply:
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if request.value(":method") != "POST" or form.get("grant_type") != [GRANT]:
            return _denial("unsupported_grant_type")
        try:
            claims = jwt.decode(
                form.get("assertion", [""])[0],
                self._public_key,
                ["RS256"],
                {"require": ["iss", "scope", "aud", "iat", "exp"]},
                audience=AUDIENCE,
                issuer=EMAIL,
                leeway=10,
            )
        except (jwt.InvalidTokenError, RecursionError):
            return _denial("invalid_grant")
        issued, expires = claims["iat"], claims["exp"]
        if type(issued) is not int or type(expires) is not int or expires - issued > 3600:
            return _denial("invalid_grant")
        if claims["scope"] != SCOPE:
            return _denial("invalid_scope")
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._issued[token] = time.time() + self._token_lifetime
        answer = {
            "access_token": token,
            "expires_in": self._token_lifetime,
            "token_type": "Bearer",
        }
        return Reply(200, _JSON, json.dumps(answer).encode())


_JSON = (("content-type", "application/json; charset=UTF-8"),)


def _denial(error: str) -> Reply:
    return Reply(400, _JSON, json.dumps({"error": error, "error_description": "no"}).encode())


def _delivery(body: bytes) -> FcmDelivery:
    try:
        message = json.loads(body)["message"]
        token, data, android = message["token"], message["data"], message.get("android", {})
        priority, ttl = android.get("priority"), android.get("ttl")
        collapse_key = android.get("collapse_key")
        size = sum(len(key.encode()) + len(value.encode()) for key, value in data.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(400, "INVALID_ARGUMENT") from None
    if not isinstance(token, str) or not token or size > MAX_PAYLOAD:
        raise Refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
    if ttl is not None and not (isinstance(ttl, str) and _TTL.fullmatch(ttl)):
        raise Refused(400, "INVALID_ARGUMENT")
    if priority is not None and priority not in _PRIORITIES:
        raise Refused(400, "INVALID_ARGUMENT")
    if collapse_key is not None and not isinstance(collapse_key, str):
        raise Refused(400, "INVALID_ARGUMENT")
    seconds = None if ttl is None else float(ttl[:-1])
    return FcmDelivery(token, data, priority, seconds, collapse_key)


def _refusal(refused: Refused) -> Reply:
    error: dict[str, Any] = {
        "code": refused.code,
        "message": "refused",
        "status": refused.status,
    }
    if refused.error is not None:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        error["details"] = [{"@type": kind, "errorCode": refused.error}]
    headers: tuple[tuple[str, str], ...] = _JSON
    if refused.retry_after is not None:
        headers = (*headers, ("retry-after", str(refused.retry_after)))
    return Reply(refused.code, headers, json.dumps({"error": error}).encode())
