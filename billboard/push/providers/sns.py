"""Amazon SNS, which passes notifications on to APNs or FCM.

Sources: Amazon, "Publish" of the SNS API and its "Common Errors"; "Mobile push" and "TTL" of the
SNS Developer Guide; "Signature Version 4". botocore signs and finds credentials; the connections
are those of the other providers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session
from curl_cffi import Response

from billboard.errors import ProviderError
from billboard.push.dispatch.notification import Attempt, Notification, Outcome
from billboard.push.providers.content import CONTENT_FREE_DATA, CONTENT_FREE_PAYLOAD
from billboard.push.providers.transport import Transport, checked_host, requested_delay
from billboard.tokens import DeviceToken, Platform

MAX_TTL = 14 * 24 * 3600
"""The longest time for which SNS keeps a notification, in seconds."""

DEFAULT = "NEW_MESSAGE"
"""The text that SNS demands for protocols without a text of their own. No endpoint here gets it."""

# At DEBUG botocore logs what it signs, with session tokens, and answers that hold credentials.
logging.getLogger("botocore").setLevel(logging.INFO)

_APPLICATION = re.compile(
    r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,32}):[0-9]{12}:"
    r"app/(APNS|APNS_SANDBOX|GCM)/[A-Za-z0-9_.-]{1,256}"
)
_ENDPOINT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_CODE = re.compile(rb"<Code>([A-Za-z]{1,40})</Code>")
_DOMAINS = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}

_BY_CODE: Mapping[str, Outcome] = {
    "EndpointDisabled": Outcome.UNREGISTERED,
    "NotFound": Outcome.UNREGISTERED,
    "InternalError": Outcome.RETRY,
    "InternalFailure": Outcome.RETRY,
    "RequestLimitExceeded": Outcome.RETRY,
    "ServiceUnavailable": Outcome.RETRY,
    "Throttled": Outcome.RETRY,
    "Throttling": Outcome.RETRY,
    "ThrottlingException": Outcome.RETRY,
}
"""The error codes that decide; of answers with others the status does."""


def classify(status: int, code: str | None, retry_after: float | None = None) -> Attempt:
    """Return what an answer of SNS means. ``retry_after`` is in seconds."""
    outcome = _BY_CODE.get(code or "") or _by_status(status)
    return Attempt(outcome, code, status, retry_after if outcome is Outcome.RETRY else None)


def _by_status(status: int) -> Outcome:
    if status == 200:
        return Outcome.DELIVERED
    return Outcome.RETRY if status == 429 or 500 <= status <= 599 else Outcome.REJECTED


@dataclass(frozen=True)
class _Application:
    """A platform application. The ARNs of its endpoints begin with ``endpoints``."""

    url: str
    region: str
    service: str
    endpoints: str


class SnsProvider:
    """A client of Amazon SNS. The tokens are ARNs of endpoints.

    ``applications`` has the ARN of the platform application for each app number of a `DeviceToken`.
    A token that is no endpoint of it is rejected: anybody can make a token, and it may name a
    topic. ``credentials`` are botocore's; None takes those of the standard chain (environment,
    files, role). They must allow sns:Publish for the endpoints, and need nothing else. ``host``
    replaces Amazon's. ``ca_file`` has the authorities to trust instead of certifi's. ``clock``
    returns unix seconds. The provider belongs to the event loop that first uses it.

    SNS does not merge repeats. For Apple's devices they have the same collapse id, so that a device
    shows one of them.

    Raises `ProviderError` if the ARNs, the host or the CA file are unusable, or if no credentials
    are found. Looking for them may take seconds.
    """

    platform = Platform.SNS
    one_service = True

    def __init__(
        self,
        applications: Mapping[int, str],
        credentials: Credentials | None = None,
        host: str | None = None,
        ca_file: str | Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not applications:
            raise ProviderError(
                "SNS applications: none given; give the ARN of each app's platform application"
            )
        self._applications = {
            app: _application(app, applications[app], host) for app in applications
        }
        self._transport = Transport("SNS", ca_file)
        self._credentials = _found_credentials() if credentials is None else credentials
        self._clock = clock

    @property
    def credential_age(self) -> float | None:
        """See `Provider.credential_age`."""
        return None

    def serves(self, token: DeviceToken) -> bool:
        """See `Provider.serves`."""
        return token.app in self._applications

    async def send(self, notification: Notification) -> Attempt:
        """Make one attempt; see `Provider.send`."""
        token = notification.token
        application = self._applications.get(token.app)
        if application is None:
            return Attempt(Outcome.REJECTED, f"no application for app {token.app}")
        arn = token.value.decode("ascii", errors="replace")
        prefix, endpoint = arn[: len(application.endpoints)], arn[len(application.endpoints) :]
        if prefix != application.endpoints or not _ENDPOINT_ID.fullmatch(endpoint):
            return Attempt(
                Outcome.REJECTED, f"not an endpoint of the application of app {token.app}"
            )
        body = urlencode(self._publish(application, arn, notification)).encode()
        try:
            headers = await asyncio.to_thread(self._signed, application, body)
        except BotoCoreError as error:  # its text may hold anything
            return Attempt(Outcome.RETRY, f"no credentials: {type(error).__name__}")
        return await self._transport.post(
            application.url, headers, body, lambda response: _parse(response, self._clock())
        )

    async def aclose(self) -> None:
        """Close the connections; see `Provider.aclose`. What is in flight becomes a RETRY."""
        await self._transport.aclose()

    def _signed(self, application: _Application, body: bytes) -> dict[str, str]:
        """Return the headers of a request. Blocks if the credentials have to be renewed."""
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", application.url, headers, data=body)
        credentials = self._credentials.get_frozen_credentials()
        SigV4Auth(credentials, "sns", application.region).add_auth(request)
        return dict(request.headers.items())

    def _publish(
        self, application: _Application, arn: str, notification: Notification
    ) -> dict[str, str]:
        """Return the parameters of the action Publish."""
        if application.service == "GCM":
            content = _fcm_message(notification)
            ttl_name, attributes = "AWS.SNS.MOBILE.FCM.TTL", {}
        else:
            content = CONTENT_FREE_PAYLOAD.decode()
            ttl_name = f"AWS.SNS.MOBILE.{application.service}.TTL"
            attributes = {
                "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
                "AWS.SNS.MOBILE.APNS.PRIORITY": str(notification.priority),
                "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": notification.collapse_id or str(notification.id),
            }
        if notification.expires is not None:
            left = int(notification.expires - self._clock())
            attributes[ttl_name] = str(min(max(left, 0), MAX_TTL))
        parameters = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TargetArn": arn,
            "MessageStructure": "json",
            "Message": json.dumps({"default": DEFAULT, application.service: content}),
        }
        for index, (name, value) in enumerate(attributes.items(), 1):
            entry = f"MessageAttributes.entry.{index}"
            parameters[f"{entry}.Name"] = name
            parameters[f"{entry}.Value.DataType"] = "String"
            parameters[f"{entry}.Value.StringValue"] = value
        return parameters


def _fcm_message(notification: Notification) -> str:
    android = {"priority": "high" if notification.priority == 10 else "normal"}
    if notification.collapse_id is not None:
        android["collapse_key"] = notification.collapse_id
    message = {"data": dict(CONTENT_FREE_DATA), "android": android}
    return json.dumps({"fcmV1Message": {"message": message}}, separators=(",", ":"))


def _parse(response: Response, now: float) -> Attempt:
    """Read an answer. Its text is never used: it may hold the ARN."""
    code = None if response.status_code == 200 else _CODE.search(response.content)
    return classify(
        response.status_code,
        None if code is None else code[1].decode(),
        requested_delay(response, now),
    )


def _application(app: int, arn: str, host: str | None) -> _Application:
    match = _APPLICATION.fullmatch(arn)
    if match is None:
        raise ProviderError(
            f"SNS application of app {app}: must be the ARN of a platform application of APNs or "
            "FCM, like arn:aws:sns:eu-west-1:123456789012:app/APNS/name"
        )
    partition, region, service = match.groups()
    amazon = f"https://sns.{region}.{_DOMAINS[partition]}"
    url = amazon if host is None else checked_host("SNS", host, amazon)
    return _Application(url + "/", region, service, arn.replace(":app/", ":endpoint/") + "/")


def _found_credentials() -> Credentials:
    try:
        credentials = Session().get_credentials()
    except BotoCoreError as error:
        raise ProviderError(
            f"SNS credentials: {type(error).__name__}; see AWS_PROFILE and the files in ~/.aws"
        ) from None
    if credentials is None:
        raise ProviderError(
            "SNS credentials: none found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE or a role, or give credentials"
        )
    return credentials
