"""Web Push subscriptions (SPEC 5.3)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from oracle import web_push as oracle
from oracle.refusals import Refused

from billboard import DeviceToken, InvalidEncodingError, Platform
from billboard.webpush import WebPushSubscription

from ..target import Source, Target, attempt, require, vector, vectors


def token(data: bytes) -> None:
    if not data:
        return
    made = DeviceToken(Platform.WEB_PUSH, data)
    subscription = attempt(
        data, lambda _: WebPushSubscription.from_token(made), InvalidEncodingError
    )
    require(
        (subscription is not None) == _decodes(data), "which tokens decode, as the oracle has it"
    )
    if subscription is not None:
        require(subscription.to_token() == made, "a token goes round")
        require(repr(subscription) == "WebPushSubscription()", "the repr of a subscription")


def _decodes(data: bytes) -> bool:
    try:
        oracle.decode(data)
    except Refused:
        return False
    return True


def json_text(data: bytes) -> None:
    """Any text, or an object with any of the members."""
    source = Source(data)
    kind = source.number()
    if kind & 1:
        text = json.dumps(_members(source, kind))
    else:
        text = source.rest().decode("utf-8", "surrogateescape")
    subscription = attempt(
        data, lambda _: WebPushSubscription.from_json(text), InvalidEncodingError
    )
    if subscription is not None:
        made = subscription.to_token(7)
        require(_decodes(made.value), "what comes from JSON is a token, as the oracle has it")
        require(WebPushSubscription.from_token(made) == subscription, "a subscription goes round")


def _members(source: Source, kind: int) -> dict[str, object]:
    good = oracle.decode(vector("web-push/decode", "token"))
    auth, p256dh, endpoint = source.part(), source.part(), source.rest()
    keys: dict[str, object] = {
        "auth": _text(auth or good.auth, kind & 2),
        "p256dh": _text(p256dh or good.p256dh, kind & 4),
    }
    members: dict[str, object] = {"endpoint": endpoint.decode("latin-1"), "keys": keys}
    if kind & 8:
        members["expirationTime"] = None
    if kind & 16:
        del keys["auth"]
    if kind & 32:
        members["keys"] = list(keys)
    return members


def _text(data: bytes, padded: int) -> str:
    encoded = base64.urlsafe_b64encode(data).decode()
    return encoded if padded else encoded.rstrip("=")


def _texts() -> Iterator[bytes]:
    for encoded in vectors("web-push/decode", "token"):
        parts = encoded[65:81], encoded[:65]
        joined = b"".join(bytes([len(part)]) + part for part in parts) + encoded[81:]
        yield b"\x01" + joined
    good = oracle.decode(vector("web-push/decode", "token"))
    for kind in range(1, 64, 2):
        yield bytes([kind]) + b"\0\0" + good.endpoint
    keys = {"p256dh": _text(good.p256dh, 0), "auth": _text(good.auth, 1)}
    text = json.dumps({"endpoint": good.endpoint.decode(), "keys": keys}).encode()
    yield b"\0" + text
    yield b"\0" + text.replace(b"}", b', "auth": 1}', 1)
    yield b"\0[" + text + b"]"


TARGETS = {
    "web-push-token": Target(token, lambda: vectors("web-push/decode", "token"), 1200),
    "web-push-json": Target(json_text, _texts, 1400),
}
