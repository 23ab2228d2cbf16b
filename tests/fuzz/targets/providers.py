"""The answers of FCM, gorush, Pushy and SNS; their credentials and payloads; their emulators."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from curl_cffi import Headers, Response

from billboard import Platform
from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Outcome
from billboard.push.emulators.fcm import AUDIENCE, EMAIL, GRANT, PROJECT, FcmEmulator
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.webpush import DAY, WebPushEmulator
from billboard.push.providers import fcm, gorush, pushy, sns
from billboard.push.providers.content import CONTENT_FREE_BYTES
from billboard.push.providers.fcm_account import SCOPE, FcmAccount
from billboard.push.providers.transport import checked_payload
from billboard.push.providers.webpush import _encrypted
from billboard.push.providers.webpush_vapid import VapidKey
from billboard.webpush import WebPushSubscription

from ..target import Source, Target, attempt, require, silent

NOW = 1_700_000_000.0
TOKEN = "a1b2c3d4e5f6a7b8c9d0e1"  # noqa: S105
DEEP = b"[" * 1500
"""More than Python's parser of JSON goes into."""

PARSERS: tuple[Callable[[Response], Attempt], ...] = (
    lambda it: fcm._parse(it, NOW),
    lambda it: gorush._parse(Platform.APNS, it, NOW),
    lambda it: gorush._parse(Platform.FCM, it, NOW),
    lambda it: pushy._parse(it, TOKEN, NOW),
    lambda it: sns._parse(it, NOW),
)

WORD = re.compile(r"[A-Za-z_]{1,40}")
OWN = re.compile(
    r"FCM says 4[0-9]{2}|gorush logged trouble|not an answer of gorush"
    r"|gorush has the platform disabled"
)
"""Reasons that gorush's provider has words of its own for."""

DEAD = (
    {"UNREGISTERED"},
    {"BadDeviceToken", "ExpiredToken", "Unregistered"},
    {"UNREGISTERED"},
    {"NO_RECIPIENTS"},
    {"EndpointDisabled", "NotFound"},
)
"""For each of the parsers, the reasons that say that a token is dead."""


def answer(data: bytes) -> None:
    """Whatever is answered is an attempt, whose reason is one word or ours, and no token."""
    source, response = Source(data), Response()
    kind = source.number() % len(PARSERS)
    response.status_code = source.number(2)
    response.headers = Headers({"retry-after": source.part().decode("latin-1")})
    response.content = source.rest()
    made = PARSERS[kind](response)
    reason = made.reason or "none"
    require(made.status == response.status_code, "the status is the service's own")
    require(bool(WORD.fullmatch(reason) or OWN.fullmatch(reason)), "a reason is a word, or ours")
    require(TOKEN not in reason, "a reason holds no token")
    require(made.outcome is not Outcome.DELIVERED or made.status == 200, "what was delivered")
    require(made.outcome is not Outcome.UNREGISTERED or reason in DEAD[kind], "the dead")
    retried = made.outcome is Outcome.RETRY
    require(made.retry_after is None or (retried and made.retry_after >= 0), "when to retry")
    require(made.unregistered_at is None, "nobody but APNs says when a token died")


def _answers() -> Iterator[bytes]:
    bodies: dict[int, list[bytes]] = {
        kind: [b"", b"{", b"[]", DEEP] for kind in range(len(PARSERS))
    }
    for status in ("UNREGISTERED", "INTERNAL", f"a {TOKEN}"):
        bodies[0].append(json.dumps({"error": {"status": "NOT_FOUND"}}).encode())
        detail = {"@type": fcm._ERROR_TYPE, "errorCode": status}
        error = {"status": "NOT_FOUND", "details": ["", {}, detail]}
        bodies[0].append(json.dumps({"error": error}).encode())
    for kind, texts in ((1, gorush._APNS), (2, [it[0] for it in gorush._FCM])):
        for text in (*texts, TOKEN, "unexpected http response with status: 404", 5):
            bodies[kind].append(json.dumps({"counts": 1, "logs": [{"error": text}]}).encode())
        for counts, logs in ((1, []), (0, []), (True, []), (1, [5]), (1, {})):
            bodies[kind].append(json.dumps({"counts": counts, "logs": logs}).encode())
    for code in (*pushy._BY_CODE, TOKEN):
        bodies[3].append(json.dumps({"code": code, "error": TOKEN}).encode())
    of_pushy: tuple[object, ...] = ([TOKEN], [[]], TOKEN)
    for failed in of_pushy:
        bodies[3].append(json.dumps({"success": True, "info": {"failed": failed}}).encode())
    for code in (*sns._BY_CODE, "InvalidParameter", TOKEN):
        bodies[4].append(f"<Error><Code>{code}</Code><Message>{TOKEN}</Message>".encode())
    for kind, each in bodies.items():
        for body in each:
            for number in (200, 404, 503):
                yield bytes([kind]) + number.to_bytes(2, "big") + b"\x0260" + body
    for header in (b"soon", b"Wed, 21 Oct 2065 07:28:00 GMT", b"Wed, 99 Abc 0000 99:99:99 GMT"):
        yield b"\0" + (429).to_bytes(2, "big") + bytes([len(header)]) + header


# Credentials and payloads


@cache
def _fcm() -> FcmEmulator:
    return FcmEmulator()


@cache
def _fcm_key() -> rsa.RSAPrivateKey:
    """Read once: to check it takes long."""
    key = load_pem_private_key(_fcm()._pem, None)
    require(isinstance(key, rsa.RSAPrivateKey), "Google's keys are of RSA")
    return key  # type: ignore[return-value]


@cache
def _keys() -> dict[bytes, bytes]:
    """What stands for a private key in an input."""
    keys = {
        b"@RSA@": _fcm()._pem,
        b"@SMALL@": _pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505
        b"@P256@": _pem(ec.derive_private_key(12345, ec.SECP256R1())),
        b"@ED25519@": _pem(Ed25519PrivateKey.from_private_bytes(bytes(32))),
    }
    return {name: json.dumps(pem.decode())[1:-1].encode() for name, pem in keys.items()}


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OTHER = "abcdef"
"""A project that no input names, for errors name it."""


def account(data: bytes) -> None:
    """A key file of Google: any bytes, in which names stand for keys; or DER in PEM."""
    source = Source(data)
    wrap, content = source.number() & 1, source.rest()
    if wrap:
        lines = base64.encodebytes(content).decode()
        pem = f"-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n"
        content = _members({"private_key": pem})
    for name, key in _keys().items():
        content = content.replace(name, key)
    made = attempt(content, lambda it: FcmAccount(OTHER, it), ProviderError)
    if made is not None:
        require(repr(made) == f"FcmAccount(project_id='{OTHER}')", "a repr shows the key")
        credentials = made.credentials()
        where = re.fullmatch(r"https://[!-~]+", credentials._token_uri)
        require(where is not None, "where tokens come from")
        assertion = credentials._make_authorization_grant_assertion()
        require(assertion.count(b".") == 2, "an assertion is made")
    project = data.decode("utf-8", "surrogateescape")
    named = attempt(data, lambda _: FcmAccount(project, _key_file()), ProviderError)
    require(named is None or project.isascii(), "project ids are letters and digits")


def _members(given: dict[str, object]) -> bytes:
    members: dict[str, object] = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "emulator-key",
        "private_key": "@RSA@",
        "client_email": EMAIL,
        "token_uri": "https://localhost/token",
    }
    return json.dumps({**members, **given}).encode()


@cache
def _key_file() -> bytes:
    return _members({}).replace(b"@RSA@", _keys()[b"@RSA@"])


def _accounts() -> Iterator[bytes]:
    names = "@RSA@", "@SMALL@", "@P256@", "@ED25519@", "none"
    keys: tuple[object, ...] = (*names, 5, [], "\ud800")
    for key in keys:
        yield b"\0" + _members({"private_key": key})
    for uri in ("http://localhost", "https://\ud800", "https://a\n", ["https://"], None):
        yield b"\0" + _members({"token_uri": uri})
    emails: tuple[object, ...] = (5, {}, "\ud800")
    for email in emails:
        yield b"\0" + _members({"client_email": email, "universe_domain": email})
    for content in (b"", b"[]", b"\xff", b"{" * 9, DEEP, b'"private_key"'):
        yield b"\0" + content
    pkcs8, plain = PrivateFormat.PKCS8, NoEncryption()
    for curve in (ec.SECP256R1, ec.SECP256K1):
        private = ec.derive_private_key(12345, curve())
        der = private.private_bytes(Encoding.DER, pkcs8, plain)
        yield b"\x01" + der
        yield b"\x01" + der.replace(b"\x06\x08\x2a\x86\x48", b"\x06\x08\x2a\x86\x49")
    yield b"emulator-project"


def payload(data: bytes) -> None:
    """What a notification says, with a limit of its size."""
    source = Source(data)
    limit, content = source.number(2), source.rest()
    made = attempt(content, lambda it: checked_payload("APNs", it, limit), ProviderError)
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        parsed = None
    good = isinstance(parsed, dict) and bool(parsed) and len(content) <= limit
    require(made == (content if good else None), "which payloads are taken")


def _payloads() -> Iterator[bytes]:
    for content in (b'{"aps": {}}', b"{}", b"[1]", b"", b"\xff", DEEP, b"9" * 1500):
        yield b"\x10\0" + content
        yield b"\0\x08" + content


# Emulatores


def fcm_request(data: bytes) -> None:
    """A request to FCM's emulator: a message, or one for an access token, with its signature."""
    source, emulator = Source(data), _fcm()
    emulator.deliveries.clear()
    emulator._issued = {"token": 2e11}
    kind = source.number()
    path = f"/v1/projects/{PROJECT}/messages:send" if kind & 1 else "/token"
    body = source.rest()
    if kind & 2:
        assertion = jwt.api_jws.encode(body, _fcm_key(), "RS256")
        body = f"grant_type={GRANT}&assertion={assertion}".encode()
    headers = [(":method", "POST"), (":path", path), ("authorization", "Bearer token")]
    reply = emulator._process(Request(headers, bytearray(body)))
    answered = json.loads(reply.body)
    if reply.status != 200:
        require(400 <= reply.status < 500, "a refusal is the client's fault")
        require("error" in answered, "a refusal has an error")
    elif kind & 1:
        (delivery,) = emulator.deliveries
        require(repr(delivery.token) not in repr(delivery), "a repr shows the token")
        require(delivery.ttl is None or delivery.ttl >= 0, "for how long")
        require(all(isinstance(each, str) for each in delivery.data.values()), "the data")
    else:
        require(bool(kind & 2), "a token is issued")
        require(answered["access_token"] in emulator._issued, "a token is issued")


def _fcm_requests() -> Iterator[bytes]:
    android: object
    for android in (
        {},
        {"priority": "HIGH", "ttl": "3600s", "collapse_key": "a"},
        {"priority": []},
        {"ttl": 5},
        {"collapse_key": 5},
        None,
    ):
        message: dict[str, object] = {
            "token": TOKEN,
            "data": {"event": "NEW_MESSAGE"},
            "android": android,
        }
        yield b"\x01" + json.dumps({"message": message}).encode()
    for content in (b"", b"[]", b'{"message": 5}', b"\xff", DEEP):
        yield b"\x01" + content
        yield b"\x02" + content
    yield b"\x01" + json.dumps({"message": {"token": "", "data": {"\ud800": 5}}}).encode()
    now = int(time.time())
    claims = {"iss": EMAIL, "scope": SCOPE, "aud": AUDIENCE, "iat": now, "exp": now + 3600}
    all_wrong: tuple[dict[str, object], ...] = (
        {},
        {"exp": str(now + 60)},
        {"exp": 10**400},
        {"scope": []},
        {"iat": 1.5},
    )
    for wrong in all_wrong:
        yield b"\x02" + json.dumps({**claims, **wrong}).encode()
    yield b"\0grant_type=" + GRANT.encode() + b"&assertion=a.b.c"


class _WebPush(WebPushEmulator):
    """As it is when it listens."""

    @property
    def port(self) -> int:
        return 443


@cache
def _web_push() -> tuple[_WebPush, WebPushSubscription, VapidKey]:
    emulator = _WebPush(clock=lambda: NOW)
    key = VapidKey(_pem(ec.derive_private_key(12345, ec.SECP256R1())), "mailto:push@example.org")
    return emulator, emulator.subscribe(key.application_server_key), key


NAMES = ("ttl", "urgency", "topic", "content-encoding", "authorization")


def web_push_request(data: bytes) -> None:
    """A request to the emulator of Web Push; its token is signed as it should be, or any text."""
    source, (emulator, subscription, key) = Source(data), _web_push()
    emulator.deliveries.clear()
    kind, claims = source.number(), source.part(2)
    token = jwt.api_jws.encode(claims, key.private_key(), "ES256")
    if kind & 2:
        token = claims.decode("latin-1")
    headers = {
        ":method": "POST",
        ":path": subscription.endpoint.removeprefix(emulator.origin),
        "authorization": f"vapid t={token}, k={key.application_server_key}",
        "ttl": "60",
        "content-encoding": "aes128gcm",
    }
    for _ in range(source.number() % 4):
        name = NAMES[source.number() % len(NAMES)]
        headers[name] = source.part().decode("latin-1")
    body = source.rest() if kind & 1 else _encrypted(CONTENT_FREE_BYTES, subscription)
    reply: Reply = emulator._process(Request(list(headers.items()), bytearray(body)))
    if reply.status == 201:
        (delivery,) = emulator.deliveries
        require(not kind & 2, "nobody can sign for another")
        require(0 < json.loads(claims)["exp"] - NOW <= DAY, "a token is good for a day at most")
        require(delivery.contact == json.loads(claims)["sub"], "the contact")
        ours = delivery.plaintext.rstrip(b"\0") == CONTENT_FREE_BYTES
        require(bool(kind & 1) or ours, "the plaintext")
        silent(Exception(repr(delivery)), subscription.endpoint[-12:].encode())
    else:
        require(reply.status in (400, 403, 413) and not emulator.deliveries, "a refusal")


def _web_push_requests() -> Iterator[bytes]:
    origin = _web_push()[0].origin
    claims = {"aud": origin, "exp": int(NOW) + 3600, "sub": "mailto:push@example.org"}
    all_wrong: tuple[dict[str, object], ...] = (
        {},
        {"exp": "soon"},
        {"exp": [1]},
        {"exp": 10**400},
        {"exp": float("nan")},
        {"exp": NOW + 1.5},
        {"aud": [5]},
        {"sub": 5},
        {"iat": 10**400, "nbf": "x"},
    )
    for wrong in all_wrong:
        yield _with_claims(0, json.dumps({**claims, **wrong}).encode()) + b"\0"
    good = json.dumps(claims).encode()
    yield _with_claims(1, good) + b"\0" + bytes(20) + b"\x41\x04"
    yield _with_claims(2, b"a.b.c") + b"\0"
    yield _with_claims(2, base64.urlsafe_b64encode(DEEP) + b".b.c") + b"\0"
    yield _with_claims(0, DEEP) + b"\0"
    yield _with_claims(0, good) + b"\x03\0\x02-1\x01\x03low\x02\x05topic"
    yield _with_claims(0, good) + b"\x01\x04\x05vapid"


def _with_claims(kind: int, claims: bytes) -> bytes:
    return bytes([kind]) + len(claims).to_bytes(2, "big") + claims


TARGETS = {
    "provider-answer": Target(answer, _answers, 1800),
    "provider-payload": Target(payload, _payloads, 1800),
    "fcm-account": Target(account, _accounts, 1800),
    "emulator-fcm": Target(fcm_request, _fcm_requests, 1800),
    "emulator-web-push": Target(web_push_request, _web_push_requests, 2200),
}
