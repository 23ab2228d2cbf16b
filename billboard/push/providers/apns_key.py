"""Signing keys of APNs, and the tokens that authenticate a push server (RFC 7519, ES256).

Source: Apple, "Establishing a token-based connection to APNs".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from billboard.errors import ProviderError
from billboard.push.providers.signing_key import load_signing_key

LIFETIME = 50 * 60.0
"""Seconds for which a token is used. Apple refuses tokens older than an hour."""

MIN_RENEWAL = 20 * 60.0
"""The least number of seconds between two tokens. Apple refuses more frequent ones."""

_CLOCK_STEP = 60.0
"""Seconds by which the clock may go backwards without a new token."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9]{1,32}")


@dataclass(frozen=True)
class ApnsKey:
    """A signing key of APNs: the two identifiers and the .p8 file that Apple gives for it.

    ``private_key_pem`` is the content of the file, a P-256 private key in PEM. Raises
    `ProviderError` if an identifier or the key is unusable.
    """

    team_id: str
    key_id: str
    private_key_pem: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for name, value in (("team_id", self.team_id), ("key_id", self.key_id)):
            if not _IDENTIFIER.fullmatch(value):
                raise ProviderError(f"APNs {name}: must be the letters and digits that Apple gives")
        self.private_key()

    def private_key(self) -> EllipticCurvePrivateKey:
        """Parse the key. Keep the result no longer than needed."""
        advice = "use the .p8 file as Apple gave it"
        return load_signing_key(self.private_key_pem, f"APNs key {self.key_id}", advice)


class ProviderToken:
    """The current token of one key: made when first needed, and used for 50 minutes.

    ``clock`` returns unix seconds.
    """

    def __init__(self, key: ApnsKey, clock: Callable[[], float]) -> None:
        self._headers = {"kid": key.key_id}
        self._team_id = key.team_id
        self._private_key = key.private_key()
        self._clock = clock
        self._token = ""
        self._issued_at = 0.0
        self._replaces_expired = False

    @property
    def age(self) -> float | None:
        """Seconds since the token was made; None if there is none yet."""
        return self._clock() - self._issued_at if self._token else None

    def current(self) -> str:
        """Return the token to send now."""
        age = self._clock() - self._issued_at
        if not self._token or not -_CLOCK_STEP <= age < LIFETIME:
            self._issue(replaces_expired=False)
        return self._token

    def expired(self, token: str) -> float:
        """Replace ``token``, which APNs called expired. Return the seconds until a retry.

        A token is replaced at most once in 20 minutes: if APNs calls the replacement expired too,
        the clock is wrong, and more tokens do not help.
        """
        if token != self._token:
            return 0.0  # replaced while that request was in flight
        age = self._clock() - self._issued_at
        if self._replaces_expired and 0 <= age < MIN_RENEWAL:
            return MIN_RENEWAL - age
        self._issue(replaces_expired=True)
        return 0.0

    def _issue(self, replaces_expired: bool) -> None:
        self._issued_at = self._clock()
        self._replaces_expired = replaces_expired
        claims = {"iss": self._team_id, "iat": int(self._issued_at)}
        self._token = jwt.encode(claims, self._private_key, "ES256", self._headers)
