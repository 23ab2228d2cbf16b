"""SnsProvider, over real TLS against moto, an implementation of Amazon's services for tests.

moto has platform applications, endpoints and signatures that are verified. It throttles nothing and
never fails: for that there is a stub, written from the errors of Amazon's "Publish" and its "Common
Errors".
"""

from __future__ import annotations

import datetime
import json
import logging
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError
from moto.core.authorization import enable_iam_authentication

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.http2 import Reply
from billboard.push.providers.content import CONTENT_FREE_DATA, CONTENT_FREE_PAYLOAD
from billboard.push.providers.sns import MAX_TTL, SnsProvider, classify
from billboard.tokens import DeviceToken, Platform
from push.providers.moto_server import ACCOUNT, KEY_ID, REGION, SECRET, Moto, serve_moto
from push.support import Alike, Clock, check_closing

D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED
APPLICATION = f"arn:aws:sns:{REGION}:{ACCOUNT}:app/APNS/app"
ENDPOINT = f"arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/APNS/app/5e3e9847-3183-3f18-a7e8-671c3a57d4b3"
SESSION = "session-token-9f8e"

# status, code, outcome
TABLE: list[tuple[int, str | None, Outcome]] = [
    (200, None, D),
    (400, "EndpointDisabled", U),
    (404, "NotFound", U),
    (429, "Throttled", L),
    (500, "InternalError", L),
    (403, "AuthorizationError", X),
    (403, "InvalidSecurity", X),
    (400, "InvalidParameter", X),
    (400, "ParameterValueInvalid", X),
    (400, "PlatformApplicationDisabled", X),
    (400, "ValidationException", X),
    (400, "KMSAccessDenied", X),
    # common errors
    (400, "AccessDeniedException", X),
    (403, "AccessDenied", X),
    (403, "ExpiredToken", X),
    (400, "IncompleteSignature", X),
    (500, "InternalFailure", L),
    (403, "InvalidClientTokenId", X),
    (403, "MissingAuthenticationToken", X),
    (403, "OptInRequired", X),
    (403, "RequestExpired", X),
    (503, "RequestLimitExceeded", L),
    (503, "ServiceUnavailable", L),
    (403, "SignatureDoesNotMatch", X),
    (400, "Throttling", L),
    (400, "ThrottlingException", L),
    # what Amazon does not list
    (302, None, X),
    (400, None, X),
    (400, "SomethingNew", X),
    (404, None, X),
    (410, None, X),
    (429, None, L),
    (500, None, L),
    (503, "SomethingNew", L),
    (600, None, X),
]
NAMES = [f"{status}-{code}" for status, code, _ in TABLE]


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with serve_moto(tmp_path_factory.mktemp("moto")) as running:
        yield running


def refusal(status: int, code: str, *headers: tuple[str, str]) -> Reply:
    """The text names what an operator must not read in a log."""
    text = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{ENDPOINT} {KEY_ID} {SESSION}</Message></Error>"
        "<RequestId>5c1a8b9e-4c8b-5a9e-9d3f-d0a3f4c2f1b6</RequestId></ErrorResponse>"
    )
    return Reply(status, (("content-type", "text/xml"), *headers), text.encode())


def stubbed(stub: Alike, **options: Any) -> SnsProvider:
    options.setdefault("credentials", Credentials(KEY_ID, SECRET, SESSION))
    return SnsProvider({0: APPLICATION}, host=stub.url, ca_file=stub.ca_file, **options)


def notification(arn: str = ENDPOINT, app: int = 0, **parts: Any) -> Notification:
    return Notification(DeviceToken(Platform.SNS, arn.encode(), app), **parts)


async def answered(reply: Reply) -> Attempt:
    async with Alike(reply) as stub:
        provider = stubbed(stub)
        try:
            return await provider.send(notification())
        finally:
            await provider.aclose()


@pytest.mark.parametrize(("status", "code", "outcome"), TABLE, ids=NAMES)
def test_each_answer_has_one_meaning(status: int, code: str | None, outcome: Outcome) -> None:
    assert classify(status, code) == Attempt(outcome, code, status)
    asked = classify(status, code, retry_after=77.0)
    assert asked.retry_after == (77.0 if outcome is L else None)


@pytest.mark.parametrize(("status", "code", "outcome"), [row for row in TABLE if row[0] < 600])
async def test_each_answer_has_that_meaning_over_the_wire(
    status: int, code: str | None, outcome: Outcome
) -> None:
    reply = refusal(status, code) if code else Reply(status)
    assert await answered(reply) == Attempt(outcome, code, status)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"<Code></Code>", b"<Code>a b</Code>", b"\xff"])
async def test_a_code_that_is_no_word_is_not_passed_on(body: bytes) -> None:
    assert await answered(Reply(400, (), body)) == Attempt(X, None, 400)


async def test_a_throttled_notification_is_a_retry_when_amazon_asks() -> None:
    reply = refusal(429, "Throttled", ("retry-after", "7"))
    assert await answered(reply) == Attempt(L, "Throttled", 429, 7.0)


@pytest.mark.parametrize("service", ["APNS", "APNS_SANDBOX"])
async def test_a_notification_arrives_for_apns_as_it_should(moto: Moto, service: str) -> None:
    application, clock = moto.application(service), Clock(time.time())
    endpoint = moto.endpoint(application)
    one = notification(endpoint, expires=clock.now + 60.9, priority=5, collapse_id="merge")
    provider = moto.provider(application, clock=clock)
    assert await provider.send(one) == Attempt(D, None, 200)
    await provider.aclose()
    (message,) = moto.messages(endpoint)
    assert message == {"default": "NEW_MESSAGE", service: CONTENT_FREE_PAYLOAD.decode()}
    assert moto.attributes() == {
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
        "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": "merge",
        f"AWS.SNS.MOBILE.{service}.TTL": "60",
    }


async def test_a_notification_arrives_for_fcm_as_it_should(moto: Moto) -> None:
    application, clock = moto.application("GCM"), Clock(time.time())
    endpoint = moto.endpoint(application)
    provider = moto.provider(application, clock=clock)
    for each in (
        notification(endpoint),
        notification(endpoint, expires=clock.now + 60.9, priority=5, collapse_id="merge"),
    ):
        assert await provider.send(each) == Attempt(D, None, 200)
    await provider.aclose()
    messages = [json.loads(message["GCM"]) for message in moto.messages(endpoint)]
    data = dict(CONTENT_FREE_DATA)
    assert [message["fcmV1Message"]["message"] for message in messages] == [
        {"data": data, "android": {"priority": "high"}},
        {"data": data, "android": {"priority": "normal", "collapse_key": "merge"}},
    ]
    assert moto.attributes() == {"AWS.SNS.MOBILE.FCM.TTL": "60"}


async def test_all_notifications_say_the_same_and_only_their_repeats_merge(moto: Moto) -> None:
    application = moto.application("APNS")
    first, second = moto.endpoint(application), moto.endpoint(application)
    one, other = notification(first), notification(second, priority=1)
    provider = moto.provider(application)
    collapse_ids = []
    for each in (one, one, other):
        await provider.send(each)
        collapse_ids.append(moto.attributes()["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"])
        assert "AWS.SNS.MOBILE.APNS.TTL" not in moto.attributes()
    await provider.aclose()
    assert collapse_ids == [str(one.id), str(one.id), str(other.id)]
    assert moto.messages(first) == moto.messages(second) * 2


@pytest.mark.parametrize(("left", "ttl"), [(-5.0, 0), (0.9, 0), (90.0, 90), (1e12, MAX_TTL)])
async def test_the_ttl_is_what_is_left(moto: Moto, left: float, ttl: int) -> None:
    application, clock = moto.application("APNS"), Clock(time.time())
    provider = moto.provider(application, clock=clock)
    await provider.send(notification(moto.endpoint(application), expires=clock.now + left))
    await provider.aclose()
    assert moto.attributes()["AWS.SNS.MOBILE.APNS.TTL"] == str(ttl)


async def test_a_disabled_endpoint_and_a_deleted_one_are_unregistered(moto: Moto) -> None:
    application, sns = moto.application("APNS"), moto.client("sns")
    endpoint = moto.endpoint(application)
    provider = moto.provider(application)
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    assert await provider.send(notification(endpoint)) == Attempt(U, "EndpointDisabled", 400)
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "true"})
    assert await provider.send(notification(endpoint)) == Attempt(D, None, 200)
    sns.delete_endpoint(EndpointArn=endpoint)
    assert await provider.send(notification(endpoint)) == Attempt(U, "NotFound", 404)
    await provider.aclose()


async def test_amazon_verifies_who_publishes_and_that_it_may(moto: Moto) -> None:
    """moto computes the signature of what arrived, and looks at the policies of who signed."""
    application, iam = moto.application("APNS"), moto.client("iam")
    endpoint = moto.endpoint(application)
    iam.create_user(UserName="push")
    key = iam.create_access_key(UserName="push")["AccessKey"]
    key_id, secret = key["AccessKeyId"], key["SecretAccessKey"]
    statement = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}

    async def attempt(credentials: Credentials) -> Attempt:
        provider = moto.provider(application, credentials=credentials)
        try:
            return await provider.send(notification(endpoint))
        finally:
            await provider.aclose()

    with enable_iam_authentication():
        denied = await attempt(Credentials(key_id, secret))
    assert denied == Attempt(X, "AccessDenied", 403)
    iam.put_user_policy(
        UserName="push",
        PolicyName="publish",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    with enable_iam_authentication():
        assert await attempt(Credentials(key_id, secret)) == Attempt(D, None, 200)
        wrong = await attempt(Credentials(key_id, secret + "x"))
        assert wrong == Attempt(X, "SignatureDoesNotMatch", 403)
        unknown = await attempt(Credentials("AKIAUNKNOWN", secret))
        assert unknown == Attempt(X, "InvalidClientTokenId", 403)
    assert len(moto.messages(endpoint)) == 1


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:sns:{REGION}:{ACCOUNT}:everybody",
        ENDPOINT.replace(":123", ":999"),
        ENDPOINT.replace(REGION, "us-east-1"),
        ENDPOINT.replace("/app/", "/other/"),
        ENDPOINT.replace("APNS", "GCM"),
        ENDPOINT.rpartition("/")[0] + "/",
        ENDPOINT + "/x",
        ENDPOINT + "&TopicArn=x",
        ENDPOINT + "\n",
        ENDPOINT + "\u00e9",
        "+491701234567",
    ],
)
async def test_what_is_no_endpoint_of_the_application_is_rejected_unsent(arn: str) -> None:
    """A token comes from anybody, and SNS would publish to a topic or a telephone alike."""
    async with Alike(Reply(200)) as stub:
        provider = stubbed(stub)
        attempt = await provider.send(notification(arn))
        await provider.aclose()
        assert attempt == Attempt(X, "not an endpoint of the application of app 0")
        assert stub.requests == []


async def test_each_app_has_its_application_and_an_unknown_one_is_rejected_unsent(
    moto: Moto,
) -> None:
    applications = [moto.application("APNS"), moto.application("GCM")]
    endpoints = [moto.endpoint(application) for application in applications]
    provider = moto.provider(*applications)
    for app, endpoint in enumerate(endpoints):
        assert (await provider.send(notification(endpoint, app))).outcome is D
        assert (await provider.send(notification(endpoint, 1 - app))).outcome is X
    unknown = await provider.send(notification(endpoints[0], 2))
    await provider.aclose()
    assert unknown == Attempt(X, "no application for app 2")
    assert [len(moto.messages(endpoint)) for endpoint in endpoints] == [1, 1]


def test_a_request_goes_to_amazon_in_the_region_of_the_application() -> None:
    provider = SnsProvider(
        {
            0: APPLICATION,
            1: "arn:aws-cn:sns:cn-north-1:123456789012:app/APNS_SANDBOX/a.b-c_d",
            2: "arn:aws-us-gov:sns:us-gov-west-1:123456789012:app/GCM/app",
        },
        Credentials(KEY_ID, SECRET),
    )
    assert [application.url for application in provider._applications.values()] == [
        "https://sns.eu-west-1.amazonaws.com/",
        "https://sns.cn-north-1.amazonaws.com.cn/",
        "https://sns.us-gov-west-1.amazonaws.com/",
    ]


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own, and no questions to the network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.usefixtures("no_credentials")
async def test_credentials_are_those_of_the_standard_chain(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    application = moto.application("APNS")
    endpoint = moto.endpoint(application)

    async def signed_by() -> tuple[str, str | None]:
        provider = moto.provider(application, credentials=None)
        await provider.send(notification(endpoint))
        await provider.aclose()
        headers = moto.headers[-1]
        return headers["HTTP_AUTHORIZATION"], headers.get("HTTP_X_AMZ_SECURITY_TOKEN")

    profile = "[p]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n"
    (tmp_path / "credentials").write_text(profile)
    monkeypatch.setenv("AWS_PROFILE", "p")
    authorization, session = await signed_by()
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIAFILE/")
    assert session is None
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", SESSION)
    authorization, session = await signed_by()
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={KEY_ID}/")
    assert f"/{REGION}/sns/aws4_request, SignedHeaders=" in authorization
    assert session == SESSION


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="none found; set AWS_ACCESS_KEY_ID"):
        SnsProvider({0: APPLICATION})
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ProviderError, match="SNS credentials: ProfileNotFound; see AWS_PROFILE"):
        SnsProvider({0: APPLICATION})
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    with pytest.raises(ProviderError, match="PartialCredentialsError") as caught:
        SnsProvider({0: APPLICATION})
    assert KEY_ID not in str(caught.value)


async def test_credentials_that_can_not_be_renewed_are_a_retry() -> None:
    def refused() -> Any:
        raise CredentialRetrievalError(provider="test", error_msg=f"{KEY_ID} {SECRET}")

    expired = RefreshableCredentials(
        KEY_ID,
        SECRET,
        SESSION,
        datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1),
        refused,
        "test",
        refused,
    )
    async with Alike(Reply(200)) as stub:
        provider = stubbed(stub, credentials=expired)
        attempt = await provider.send(notification())
        await provider.aclose()
        assert attempt == Attempt(L, "no credentials: CredentialRetrievalError")
        assert stub.requests == []


async def test_closing_makes_what_is_in_flight_a_retry() -> None:
    async with Alike(Reply(200), latency=60) as stub:
        await check_closing(stubbed(stub), notification(), lambda: stub.requests)


async def test_neither_keys_nor_tokens_show_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs at DEBUG, whatever is printed, reasons, exceptions and reprs."""
    caplog.set_level(logging.DEBUG)
    credentials, seen = Credentials(KEY_ID, SECRET, SESSION), []
    async with Alike(Reply(200)) as stub:
        provider = stubbed(stub, credentials=credentials)
        for status, code, _ in TABLE:
            if status < 600:
                stub.reply = refusal(status, code or "some text")
                seen.append(repr(await provider.send(notification())))
        untrusting = SnsProvider({0: APPLICATION}, credentials, stub.url)
        seen.append(repr(await untrusting.send(notification())))
        await untrusting.aclose()
        assert any(SESSION in request.value("x-amz-security-token") for request in stub.requests)
    seen.append(repr(await provider.send(notification())))  # nobody listens any more
    await provider.aclose()
    with pytest.raises(ProviderError) as closed:
        await provider.send(notification())
    seen += traceback.format_exception(closed.value)
    seen += [repr(provider), repr(notification()), caplog.text, *capfd.readouterr()]
    for text in seen:
        for secret in (KEY_ID, SECRET, SESSION, ENDPOINT, ENDPOINT.rpartition("/")[2]):
            assert secret not in text


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "app",
        ENDPOINT,
        APPLICATION + "/x",
        APPLICATION.replace("APNS", "ADM"),
        APPLICATION.replace("arn:aws:", "arn:elsewhere:"),
        APPLICATION.replace(REGION, "evil.example/"),
        f"arn:aws:sns:{REGION}:{ACCOUNT}:topic",
    ],
)
def test_an_unusable_application_is_refused(arn: str) -> None:
    with pytest.raises(ProviderError, match="SNS application of app 7: must be the ARN of a"):
        SnsProvider({7: arn}, Credentials(KEY_ID, SECRET))


def test_no_applications_are_refused() -> None:
    with pytest.raises(ProviderError, match="none given; give the ARN"):
        SnsProvider({}, Credentials(KEY_ID, SECRET))


@pytest.mark.parametrize("host", ["", "sns.example", "http://sns.example", "https://x/y"])
def test_an_unusable_host_is_refused(host: str) -> None:
    with pytest.raises(ProviderError, match="SNS host: must be like https://sns"):
        SnsProvider({0: APPLICATION}, Credentials(KEY_ID, SECRET), host)


def test_an_unusable_ca_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="SNS CA file"):
        SnsProvider({0: APPLICATION}, Credentials(KEY_ID, SECRET), ca_file=tmp_path / "none.pem")
