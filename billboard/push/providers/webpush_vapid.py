"""The tokens by which a push server identifies itself to Web Push services (RFC 8292, VAPID)."""

from __future__ import annotations

import base64
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from billboard.errors import ProviderError
from billboard.push.providers.signing_key import load_signing_key

LIFETIME = 12 * 3600.0
"""Seconds for which a token is valid. RFC 8292 allows a day."""

RENEWAL = 6 * 3600.0
"""Seconds for which a token is used: less than it is valid, because clocks differ."""

MAX_TOKENS = 1000
"""Origins whose tokens are kept."""

_CONTACT = re.compile(r"mailto:[\x21-\x7e]+@[\x21-\x7e]+|https://[\x21-\x7e]+")


@dataclass(frozen=True)
class VapidKey:
    """The key of an application server, and how to reach those who run it.

    ``private_key_pem`` is a P-256 private key in PEM, ``contact`` a ``mailto:`` or https URL.
    Apps subscribe with `application_server_key`.

    Raises `ProviderError` if one of them is unusable.
    """

    private_key_pem: bytes = field(repr=False)
    contact: str

    def __post_init__(self) -> None:
        if not _CONTACT.fullmatch(self.contact):
            raise ProviderError("VAPID contact: must be like mailto:push@example.org or https://..")
        self.private_key()

    def private_key(self) -> EllipticCurvePrivateKey:
        """Parse the key. Keep the result no longer than needed."""
        advice = "make one with openssl ecparam -name prime256v1 -genkey -noout"
        return load_signing_key(self.private_key_pem, "VAPID key", advice)

    @property
    def application_server_key(self) -> str:
        """The public key, in base64url, as ``PushManager.subscribe`` takes it."""
        point = self.private_key().public_key()
        data = point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class VapidHeaders:
    """The authorization for each origin: signed when first needed, and used for six hours.

    ``clock`` returns unix seconds.
    """

    def __init__(self, key: VapidKey, clock: Callable[[], float]) -> None:
        self._private_key = key.private_key()
        self._public_key = key.application_server_key
        self._contact = key.contact
        self._clock = clock
        self._headers: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def current(self, origin: str) -> str:
        """Return the value of ``Authorization`` for an origin."""
        now = self._clock()
        issued, header = self._headers.get(origin, (0.0, ""))
        if not header or not 0 <= now - issued < RENEWAL:
            claims = {"aud": origin, "exp": int(now + LIFETIME), "sub": self._contact}
            token = jwt.encode(claims, self._private_key, "ES256")
            header = f"vapid t={token}, k={self._public_key}"
            self._headers[origin] = (now, header)
            if len(self._headers) > MAX_TOKENS:
                self._headers.popitem(last=False)
        self._headers.move_to_end(origin)
        return header
