"""Web Push subscriptions as device tokens (SPEC 5.3)."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from dataclasses import dataclass, field
from typing import Any, final

from cryptography.hazmat.primitives.asymmetric import ec

from billboard.errors import InvalidEncodingError
from billboard.tokens import DeviceToken, Platform

_P256DH, _AUTH = 65, 16
_SCHEME = "https://"
_LONGEST_ENDPOINT = 1000

# RFC 3986, section 3.2, without user information and with a host that is not empty.
_AUTHORITY = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]"
    r"|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+\]"
    r"|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)"
    r"(?::[0-9]*)?"
)


@final
@dataclass(frozen=True)
class WebPushSubscription:
    """The Web Push subscription of a browser, or of an app by UnifiedPush (RFC 8030, RFC 8291).

    ``endpoint`` is the https URL of the push resource, up to 1,000 characters. ``p256dh`` is the
    public key of the user agent: 65 bytes, an uncompressed point of P-256. ``auth`` is its
    authentication secret, 16 bytes. Whoever has these can push, so none of them is in the repr.

    Raises `InvalidEncodingError` (SPEC 5.3), and `TypeError` for a value of another type.
    """

    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_type("endpoint", self.endpoint, str)
        _check_type("p256dh", self.p256dh, bytes)
        _check_type("auth", self.auth, bytes)
        _check_endpoint(self.endpoint)
        _check_p256dh(self.p256dh)
        if len(self.auth) != _AUTH:
            raise InvalidEncodingError("auth", f"must be {_AUTH} bytes, not {len(self.auth)}")

    @classmethod
    def from_json(cls, text: str) -> WebPushSubscription:
        """Parse what a browser gives as ``JSON.stringify(subscription)`` (W3C Push API).

        The text is an object with the members ``endpoint`` and ``keys``; ``keys`` has the members
        ``p256dh`` and ``auth`` in base64url, with or without padding. Other members are ignored.
        Raises `InvalidEncodingError`.
        """
        members = _parse(text)
        keys = _member(members, "keys", dict)
        return cls(
            _member(members, "endpoint", str),
            _base64url("p256dh", _member(keys, "p256dh", str)),
            _base64url("auth", _member(keys, "auth", str)),
        )

    @classmethod
    def from_token(cls, token: DeviceToken) -> WebPushSubscription:
        """Decode a Web Push device token (SPEC 5.3). Raises `InvalidEncodingError`."""
        if token.platform is not Platform.WEB_PUSH:
            raise InvalidEncodingError("platform", f"{token.platform.name} is not WEB_PUSH")
        split = _P256DH + _AUTH
        # Each byte becomes one character. Those that are not ASCII are refused with the endpoint.
        endpoint = token.value[split:].decode("latin-1")
        return cls(endpoint, token.value[:_P256DH], token.value[_P256DH:split])

    def to_token(self, app: int = 0) -> DeviceToken:
        """Return the device token for ``app`` (0 to 65535) of the push server."""
        value = self.p256dh + self.auth + self.endpoint.encode("ascii")
        return DeviceToken(Platform.WEB_PUSH, value, app)


def _check_type(name: str, value: object, expected: type) -> None:
    if not isinstance(value, expected):
        raise TypeError(f"{name} must be {expected.__name__}, not {type(value).__name__}")


def _check_endpoint(endpoint: str) -> None:
    if not len(_SCHEME) < len(endpoint) <= _LONGEST_ENDPOINT:
        problem = f"must be {len(_SCHEME) + 1} to {_LONGEST_ENDPOINT} characters"
        raise InvalidEncodingError("endpoint", f"{problem}, not {len(endpoint)}")
    if not all("\x21" <= character <= "\x7e" for character in endpoint):
        raise InvalidEncodingError("endpoint", "must be printable ASCII without spaces")
    if not endpoint.startswith(_SCHEME):
        raise InvalidEncodingError("endpoint", f"must begin with {_SCHEME}")
    if "#" in endpoint:
        raise InvalidEncodingError("endpoint", "must not have a fragment")
    authority = re.split("[/?]", endpoint[len(_SCHEME) :], maxsplit=1)[0]
    if "@" in authority:
        raise InvalidEncodingError("endpoint", "must not have user information")
    matched = _AUTHORITY.fullmatch(authority)
    if matched is None or not _is_ipv6(matched["ipv6"] or "::"):
        raise InvalidEncodingError("endpoint", "must name a host after https://")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _check_p256dh(p256dh: bytes) -> None:
    if len(p256dh) != _P256DH:
        raise InvalidEncodingError("p256dh", f"must be {_P256DH} bytes, not {len(p256dh)}")
    if p256dh[0] != 4:
        raise InvalidEncodingError("p256dh", "is not an uncompressed point")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    except ValueError:
        raise InvalidEncodingError("p256dh", "is not a point of P-256") from None


def _parse(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text, object_pairs_hook=_members)
    except InvalidEncodingError:
        raise
    except (ValueError, RecursionError):
        parsed = None
    # Raised here, not above, where the error would have the text in its context.
    if not isinstance(parsed, dict):
        raise InvalidEncodingError("subscription", "is not a JSON object")
    return parsed


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidEncodingError("subscription", "has a member twice")
    return members


def _member(members: dict[str, Any], name: str, expected: type) -> Any:
    if name not in members:
        raise InvalidEncodingError(name, "is missing")
    if not isinstance(members[name], expected):
        raise InvalidEncodingError(
            name, "is not an object" if expected is dict else "is not a string"
        )
    return members[name]


def _base64url(name: str, text: str) -> bytes:
    """Decode base64url that is canonical, with or without its padding (RFC 4648, section 5)."""
    bare = text.rstrip("=")
    if re.fullmatch("[A-Za-z0-9_-]*", bare) and len(bare) % 4 != 1:
        padded = bare + "=" * (-len(bare) % 4)
        data = base64.urlsafe_b64decode(padded)
        if text in (bare, padded) and base64.urlsafe_b64encode(data).decode() == padded:
            return data
    raise InvalidEncodingError(name, "is not base64url")
