"""Service accounts of Google, and the access tokens that FCM wants (RFC 7523).

Source: Google, "Using OAuth 2.0 for server to server applications".
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from curl_cffi import CurlError
from google.auth.exceptions import MalformedError, RefreshError, TransportError
from google.auth.transport import Request, Response
from google.oauth2.service_account import Credentials

from billboard.errors import ProviderError
from billboard.push.dispatch.breaker import Breaker
from billboard.push.dispatch.notification import Attempt, Outcome
from billboard.push.providers.transport import (
    checked_ca_file,
    json_object,
    post,
    word,
)
from billboard.web.client import error_name

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

REFUSED_AGAIN_DELAY = 60.0
"""Seconds until a retry if FCM refuses a token that has just replaced a refused one."""

LEAST_WAIT = 1.0
"""Seconds until a retry while a probe asks whether the token endpoint works again."""

_LONGEST_LIFETIME = 24 * 3600
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_TOKEN_URI = re.compile(r"https://[\x21-\x7e]+")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")

_UNUSABLE = (
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
    MalformedError,
    UnsupportedAlgorithm,
)
"""What google-auth and cryptography raise if a key file is unusable."""


@dataclass(frozen=True)
class FcmAccount:
    """A Firebase project, and the service account that may send in it.

    ``key_file`` is the content of the JSON key file that Google gives for the account; its
    ``token_uri``, an https URL, is where access tokens come from.

    Raises `ProviderError` if the project id or the key file is unusable.
    """

    project_id: str
    key_file: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project_id):
            raise ProviderError(
                "FCM project id: must be the 6 to 30 characters a-z, 0-9 and - that Google gives"
            )
        self.credentials()

    def credentials(self) -> Credentials:
        """Parse the key file. Keep the result no longer than needed."""
        try:
            info = json.loads(self.key_file)
            credentials: Credentials = Credentials.from_service_account_info(info, scopes=[SCOPE])
            credentials.sign_bytes(b"whether the key is one of RSA")
            usable = _TOKEN_URI.fullmatch(info["token_uri"]) is not None
        except _UNUSABLE:
            usable = False
        # Not raised above, where the error would have what was read in its context.
        if not usable:
            problem = "not the JSON key file of a service account; use the file as Google gave it"
            raise ProviderError(f"FCM key file of project {self.project_id}: {problem}")
        return credentials


class TokenError(Exception):
    """There is no access token. ``reason`` tells why, and holds no secret.

    ``transient`` says whether a later try may succeed, because the account may be in order:
    after ``retry_after`` seconds, if that is known.
    """

    def __init__(self, reason: str, transient: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
        self.retry_after = retry_after


class AccessToken:
    """The access token of one account: fetched when needed, in a thread, once for all who wait.

    It has a breaker of its own, with ``clock`` in seconds: if the token endpoint of one account is
    down, nobody waits for it, and the accounts of other apps go on.
    """

    def __init__(
        self, account: FcmAccount, ca_file: str | Path | None, clock: Callable[[], float]
    ) -> None:
        self._breaker = Breaker(clock, random.random)
        self._credentials = account.credentials()
        self._request = _TokenRequest(checked_ca_file("FCM", ca_file))
        self._fetching: asyncio.Task[None] | None = None
        self._refused = ""
        self._replaces_refused = False
        self._delay = 0.0

    async def current(self) -> str:
        """Return the token to send now. Raises TokenError if there is none."""
        if not self._credentials.valid or self._credentials.token == self._refused:
            if not self._breaker.allowed(1):
                problem = "access token: the last requests for one failed, the next one waits"
                raise TokenError(problem, True, self._breaker.wait or LEAST_WAIT)
            if self._fetching is None:
                probe = self._breaker.begin()
                self._fetching = asyncio.create_task(asyncio.to_thread(self._fetch))
                self._fetching.add_done_callback(partial(self._fetched, probe))
            await asyncio.shield(self._fetching)
        return str(self._credentials.token)

    def refused(self, token: str) -> float:
        """Note that FCM refused ``token``: do not send it again. Return the seconds until a retry.

        If FCM refuses the token that replaced it too, more tokens do not help soon.
        """
        if token == self._credentials.token and token != self._refused:
            self._delay = REFUSED_AGAIN_DELAY if self._replaces_refused else 0.0
            self._refused, self._replaces_refused = token, True
        return self._delay if token == self._refused else 0.0

    def accepted(self) -> None:
        """Note that FCM took a token."""
        self._replaces_refused = False

    async def aclose(self) -> None:
        """Wait for the thread that fetches a token, if there is one."""
        if self._fetching is not None:
            await asyncio.wait([self._fetching])

    def _fetched(self, probe: bool, task: asyncio.Task[None]) -> None:
        self._fetching = None
        self._breaker.end(probe)
        if not task.cancelled():
            error = task.exception()  # marks it as seen: perhaps nobody waits for it any more
            failed = isinstance(error, TokenError) and error.transient
            self._breaker.observe(Attempt(Outcome.RETRY if failed else Outcome.DELIVERED), probe)

    def _fetch(self) -> None:
        try:
            self._credentials.refresh(self._request)
        except (RefreshError, TransportError) as error:
            reason = f"access token: {error}"  # a text of _TokenRequest, without secrets
            raise TokenError(reason, isinstance(error, TransportError)) from None


class _Granted(Response):
    status = 200
    headers: Mapping[str, str] = MappingProxyType({})
    data = b""

    def __init__(self, data: bytes) -> None:
        self.data = data


class _TokenRequest(Request):
    """The way in which google-auth reaches the token endpoint: as providers do, and once.

    It raises for every answer but a usable token. Otherwise google-auth would ask again, or put
    the answer into an error.
    """

    def __init__(self, ca_file: str | None) -> None:
        self._ca_file = ca_file

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  # the timeout of `post` holds
        **_: Any,
    ) -> Response:
        if method != "POST":
            raise TransportError(f"method {method}")
        try:
            response = post(url, headers or {}, body or b"", self._ca_file)
        except CurlError as error:
            raise TransportError(f"transport error {error_name(error.code)}") from None
        members, status = json_object(response), response.status_code
        if status == 429 or status >= 500:
            raise TransportError(f"status {status}")
        if status != 200:
            raise RefreshError(word(members.get("error")) or f"status {status}")
        token, lifetime = members.get("access_token"), members.get("expires_in")
        if not (isinstance(token, str) and _TOKEN.fullmatch(token)):
            raise TransportError("the answer has none")
        if type(lifetime) is not int or not 0 <= lifetime <= _LONGEST_LIFETIME:
            raise TransportError("the answer does not say for how long")
        return _Granted(response.content)
