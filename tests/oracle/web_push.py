"""The token of a Web Push subscription, SPEC 5.3."""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from .curves import P256
from .refusals import Refused, require, require_length

FIXED = 65 + 16
SCHEME = "https://"
LONGEST = 1000

# RFC 3986, section 3.2: `host [ ":" port ]`, of which the host is not empty.
_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_FUTURE_LITERAL = r"\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+\]"
_IPV6_LITERAL = r"\[(?P<address>[0-9A-Fa-f:.]+)\]"
_HOST_AND_PORT = re.compile(rf"(?:{_NAME}+|{_FUTURE_LITERAL}|{_IPV6_LITERAL})(?::[0-9]*)?")


class Subscription(NamedTuple):
    """A Web Push subscription (RFC 8030, RFC 8291)."""

    p256dh: bytes
    auth: bytes
    endpoint: bytes


def encode(subscription: Subscription) -> bytes:
    """Encode a subscription as a token."""
    require_length(subscription.p256dh, 65)
    require_length(subscription.auth, 16)
    token = b"".join(subscription)
    decode(token)
    return token


def decode(token: bytes) -> Subscription:
    """Decode the token of a subscription."""
    if len(token) < FIXED:
        raise Refused("wrong-length")
    p256dh, auth, endpoint = token[:65], token[65:FIXED], token[FIXED:]
    x, y = int.from_bytes(p256dh[1:33], "big"), int.from_bytes(p256dh[33:], "big")
    require(p256dh[0] == 4, "p256dh-form")
    require(P256.has(x, y), "p256dh-not-on-curve")
    _check_endpoint(endpoint)
    return Subscription(p256dh, auth, endpoint)


def _check_endpoint(endpoint: bytes) -> None:
    require(len(SCHEME) < len(endpoint) <= LONGEST, "endpoint-length")
    require(all(0x21 <= byte <= 0x7E for byte in endpoint), "endpoint-character")
    text = endpoint.decode("latin-1")
    require(text.startswith(SCHEME), "endpoint-scheme")
    require("#" not in text, "endpoint-fragment")
    authority = re.split("[/?#]", text[len(SCHEME) :])[0]
    require("@" not in authority, "endpoint-user")
    require(_is_host(authority.rpartition("@")[2]), "endpoint-host")


def _is_host(authority: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(authority)
    if match is None or match["address"] is None:
        return match is not None
    try:
        IPv6Address(match["address"])
    except AddressValueError:
        return False
    return True
