"""GorushProvider, over real TLS. What answers is a stub that replays what a real gorush answered.

`record_gorush` runs that gorush before the emulator and records its answers; here it is not built.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.http2 import Reply
from billboard.push.providers.content import CONTENT_FREE_DATA, CONTENT_FREE_PAYLOAD
from billboard.push.providers.gorush import CONTENT, MAX_TTL, GorushProvider, classify
from billboard.tokens import DeviceToken, Platform
from push.support import TOPIC, Alike, Clock, check_closing

D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED
A, F = Platform.APNS, Platform.FCM
MINUTE = 60.0
RECORDED = json.loads(Path(__file__).with_name("gorush_answers.json").read_text())
DEVICE = {A: bytes(range(100, 132)), F: b"fcm-token:APA91b" + b"y" * 120}
TROUBLE = "gorush logged trouble"

# platform, status, what gorush logged, outcome, reason, seconds until the next attempt
TABLE: list[tuple[Platform, int, str | None, Outcome, str | None, float | None]] = [
    (A, 200, None, D, None, None),
    (A, 200, "BadDeviceToken", U, "BadDeviceToken", None),
    (A, 200, "ExpiredToken", U, "ExpiredToken", None),
    (A, 200, "Unregistered", U, "Unregistered", None),
    (A, 200, "ExpiredProviderToken", L, "ExpiredProviderToken", None),
    (A, 200, "IdleTimeout", L, "IdleTimeout", None),
    (A, 200, "InternalServerError", L, "InternalServerError", 15 * MINUTE),
    (A, 200, "ServiceUnavailable", L, "ServiceUnavailable", 15 * MINUTE),
    (A, 200, "Shutdown", L, "Shutdown", None),
    (A, 200, "TooManyProviderTokenUpdates", L, "TooManyProviderTokenUpdates", 20 * MINUTE),
    (A, 200, "TooManyRequests", L, "TooManyRequests", None),
    (A, 200, "BadCollapseId", X, "BadCollapseId", None),
    (A, 200, "BadTopic", X, "BadTopic", None),
    (A, 200, "DeviceTokenNotForTopic", X, "DeviceTokenNotForTopic", None),
    (A, 200, "Forbidden", X, "Forbidden", None),
    (A, 200, "InvalidProviderToken", X, "InvalidProviderToken", None),
    (A, 200, "PayloadTooLarge", X, "PayloadTooLarge", None),
    (A, 200, "TopicDisallowed", X, "TopicDisallowed", None),
    (A, 200, "SomethingNew", X, "SomethingNew", None),
    (A, 200, "", L, TROUBLE, None),
    (A, 200, "EOF: Unregistered", L, TROUBLE, None),
    (A, 200, 'Post "https://api.push.apple.com/3/device/00": EOF', L, TROUBLE, None),
    (A, 200, "Requested entity was not found.", L, TROUBLE, None),
    (F, 200, None, D, None, None),
    (F, 200, "Requested entity was not found.", U, "UNREGISTERED", None),
    (F, 200, "NotRegistered", U, "UNREGISTERED", None),
    (
        F,
        200,
        "The registration token is not a valid FCM registration token",
        X,
        "INVALID_ARGUMENT",
        None,
    ),
    (F, 200, "Request contains an invalid argument.", X, "INVALID_ARGUMENT", None),
    (F, 200, "Invalid value at 'message.data[0].value'", X, "INVALID_ARGUMENT", None),
    (F, 200, "SenderId mismatch", X, "SENDER_ID_MISMATCH", None),
    (F, 200, "Auth error from APNS or Web Push Service", X, "THIRD_PARTY_AUTH_ERROR", None),
    (F, 200, "Request had invalid authentication credentials.", X, "UNAUTHENTICATED", None),
    (F, 200, "Request is missing required authentication", X, "UNAUTHENTICATED", None),
    (F, 200, "Permission 'cloudmessaging' denied on", X, "PERMISSION_DENIED", None),
    (F, 200, "The caller does not have permission", X, "PERMISSION_DENIED", None),
    (F, 200, "Quota exceeded for quota metric 'x'", L, "QUOTA_EXCEEDED", MINUTE),
    (F, 200, "Resource has been exhausted (e.g. check quota).", L, "QUOTA_EXCEEDED", MINUTE),
    (F, 200, "Internal error encountered.", L, "INTERNAL", 10.0),
    (F, 200, "The service is currently unavailable.", L, "UNAVAILABLE", 10.0),
    (F, 200, "unexpected http response with status: 400\nx", X, "FCM says 400", None),
    (F, 200, "unexpected http response with status: 404\nx", X, "FCM says 404", None),
    (F, 200, "unexpected http response with status: 408\nx", L, TROUBLE, None),
    (F, 200, "unexpected http response with status: 429\nx", L, TROUBLE, None),
    (F, 200, "unexpected http response with status: 503\nx", L, TROUBLE, None),
    (F, 200, "unknown error while making an http call: EOF", L, TROUBLE, None),
    (F, 200, "", L, TROUBLE, None),
    (F, 200, "x: Requested entity was not found.", L, TROUBLE, None),
    (F, 200, "Unregistered", L, TROUBLE, None),
    # gorush itself, or a proxy before it
    (A, 302, None, X, None, None),
    (A, 400, None, X, None, None),
    (A, 401, None, X, None, None),
    (A, 404, None, X, None, None),
    (A, 410, "Unregistered", X, None, None),
    (A, 429, None, L, None, None),
    (F, 500, None, L, None, None),
    (F, 503, "Requested entity was not found.", L, None, None),
    (F, 600, None, X, None, None),
]
NAMES = [f"{platform.name}-{status}-{error}" for platform, status, error, *_ in TABLE]


class Stub(Alike):
    """A gorush that answers each request alike."""

    def notifications(self) -> list[dict[str, Any]]:
        bodies = [json.loads(request.body) for request in self.requests]
        assert all(body.keys() == {"notifications"} for body in bodies)
        return [each for body in bodies for each in body["notifications"]]


def answer(counts: object = 1, logs: object = ()) -> Reply:
    body = {"success": "ok", "counts": counts, "logs": logs}
    return Reply(200, (("content-type", "application/json"),), json.dumps(body).encode())


def log(platform: Platform, error: object) -> dict[str, object]:
    return {"type": "failed-push", "platform": platform.name, "token": "***", "error": error}


def gorush(stub: Stub, platform: Platform, **options: Any) -> GorushProvider:
    topics = options.pop("topics", {0: TOPIC} if platform is A else None)
    return GorushProvider(platform, stub.url, topics, stub.ca_file, **options)


def notification(platform: Platform, app: int = 0, **parts: Any) -> Notification:
    return Notification(DeviceToken(platform, DEVICE[platform], app), **parts)


async def answered(platform: Platform, reply: Reply) -> Attempt:
    async with Stub(reply) as stub:
        provider = gorush(stub, platform)
        try:
            return await provider.send(notification(platform))
        finally:
            await provider.aclose()


async def sent(platform: Platform, *notifications: Notification, **options: Any) -> Any:
    """What gorush is asked."""
    async with Stub(answer()) as stub:
        provider = gorush(stub, platform, **options)
        for each in notifications:
            assert (await provider.send(each)).outcome is D
        await provider.aclose()
    return stub.notifications()


@pytest.mark.parametrize(
    ("platform", "status", "error", "outcome", "reason", "delay"), TABLE, ids=NAMES
)
def test_each_answer_has_one_meaning(
    platform: Platform,
    status: int,
    error: str | None,
    outcome: Outcome,
    reason: str | None,
    delay: float | None,
) -> None:
    assert classify(platform, status, error) == Attempt(outcome, reason, status, delay)
    asked = classify(platform, status, error, retry_after=77.0)
    assert asked.retry_after == (77.0 if status != 200 and outcome is L else delay)


@pytest.mark.parametrize(
    ("platform", "status", "error", "outcome", "reason", "delay"),
    [row for row in TABLE if row[1] < 600],
)
async def test_each_answer_has_that_meaning_over_the_wire(
    platform: Platform,
    status: int,
    error: str | None,
    outcome: Outcome,
    reason: str | None,
    delay: float | None,
) -> None:
    reply = answer(logs=[] if error is None else [log(platform, error)])
    reply = Reply(status, reply.headers, reply.body)
    assert await answered(platform, reply) == Attempt(outcome, reason, status, delay)


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: f"{row['platform']}-{row['case']}")
async def test_what_a_real_gorush_answered_means_what_happened(row: dict[str, Any]) -> None:
    platform = Platform[row["platform"]]
    attempt = await answered(platform, Reply(200, (), json.dumps(row["answer"]).encode()))
    assert (attempt.outcome.name, attempt.reason) == (row["outcome"], row["reason"])


def test_the_recorded_answers_are_of_every_outcome_on_both_platforms() -> None:
    outcomes = {(row["platform"], row["outcome"]) for row in RECORDED}
    assert outcomes == {(each.name, outcome.name) for each in (A, F) for outcome in (D, U, L, X)}


async def test_gorush_is_asked_for_apns_what_we_would_ask_ourselves() -> None:
    one = notification(A, collapse_id="merge", expires=1_800_000_000.9, priority=5)
    assert await sent(A, one) == [
        {
            "tokens": [DEVICE[A].hex()],
            "platform": 1,
            "topic": TOPIC,
            "push_type": "alert",
            "notif_id": str(one.id),
            "apns_id": str(one.id),
            "collapse_id": "merge",
            "expiration": 1_800_000_000,
            "priority": "normal",
            "alert": {"loc-key": "NEW_MESSAGE"},
            "mutable_content": True,
        }
    ]


async def test_gorush_is_asked_for_fcm_what_we_would_ask_ourselves() -> None:
    clock = Clock()
    one = notification(F, collapse_id="merge", expires=clock.now + 60.9)
    assert await sent(F, one, clock=clock) == [
        {
            "tokens": [DEVICE[F].decode()],
            "platform": 2,
            "notif_id": str(one.id),
            "priority": "high",
            "android": {"collapse_key": "merge", "ttl": "60s"},
            "data": dict(CONTENT_FREE_DATA),
        }
    ]


def test_what_gorush_makes_of_the_content_is_that_of_the_other_providers() -> None:
    """Its fields by name, as `record_gorush` sees them come out at the other end."""
    alert = {"aps": {"alert": CONTENT[A]["alert"], "mutable-content": 1}}
    assert json.dumps(alert, separators=(",", ":")).encode() == CONTENT_FREE_PAYLOAD
    assert CONTENT[F] == {"data": dict(CONTENT_FREE_DATA)}


@pytest.mark.parametrize("platform", [A, F])
async def test_a_repeat_is_the_same_and_what_is_not_given_is_not_sent(platform: Platform) -> None:
    one, other = notification(platform), notification(platform)
    first, repeat, second = await sent(platform, one, one, other)
    assert first == repeat
    assert {name for name in first if first[name] != second[name]} == (
        {"notif_id", "apns_id"} if platform is A else {"notif_id"}
    )
    assert not {"collapse_id", "expiration"} & first.keys()
    assert not first.get("android")


@pytest.mark.parametrize(("left", "ttl"), [(-5.0, 0), (0.9, 0), (90.0, 90), (1e12, MAX_TTL)])
async def test_the_ttl_of_fcm_is_what_is_left(left: float, ttl: int) -> None:
    clock = Clock()
    (asked,) = await sent(F, notification(F, expires=clock.now + left), clock=clock)
    assert asked["android"]["ttl"] == f"{ttl}s"


async def test_the_last_of_several_logs_counts() -> None:
    """gorush logs each of its own attempts, if it is configured to make several."""
    logs = [log(A, "InternalServerError"), log(A, "Unregistered")]
    assert await answered(A, answer(logs=logs)) == Attempt(U, "Unregistered", 200)


@pytest.mark.parametrize("logs", [["x"], [{}], [{"error": 7}], [{"error": None}], [None]])
async def test_a_log_that_can_not_be_read_is_a_retry(logs: object) -> None:
    assert await answered(A, answer(logs=logs)) == Attempt(L, TROUBLE, 200)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"<html>", b'{"counts":1}', b'{"logs":[]}', b'{"counts":"1","logs":[]}'],
)
async def test_what_is_no_answer_of_gorush_is_not_delivered(body: bytes) -> None:
    attempt = await answered(A, Reply(200, (), body))
    assert attempt == Attempt(X, "not an answer of gorush", 200)


async def test_a_platform_that_gorush_has_disabled_is_rejected() -> None:
    attempt = await answered(F, answer(counts=0, logs=[]))
    assert attempt == Attempt(X, "gorush has the platform disabled", 200)


async def test_retry_after_is_read() -> None:
    assert await answered(A, Reply(503, (("retry-after", "30"),))) == Attempt(L, None, 503, 30.0)


async def test_each_app_has_its_topic_and_an_unknown_one_is_rejected_unsent() -> None:
    asked = await sent(
        A, notification(A, 2), notification(A, 1), topics={1: "org.one", 2: "org.two"}
    )
    assert [each["topic"] for each in asked] == ["org.two", "org.one"]
    async with Stub(answer()) as stub:
        provider = gorush(stub, A)
        assert await provider.send(notification(A, 3)) == Attempt(X, "no topic for app 3")
        await provider.aclose()
        assert stub.requests == []


async def test_with_fcm_every_app_is_gorushs_project() -> None:
    (asked,) = await sent(F, notification(F, 7))
    assert "topic" not in asked, "it would send to a topic of FCM, not to the device"


@pytest.mark.parametrize("value", [b"a b", b"a\n", b"\xc3\xa9", b"\x00"])
async def test_what_is_no_token_of_fcm_is_rejected_unsent(value: bytes) -> None:
    async with Stub(answer()) as stub:
        provider = gorush(stub, F)
        attempt = await provider.send(Notification(DeviceToken(F, value)))
        await provider.aclose()
        assert attempt == Attempt(X, "the token is not printable ASCII")
        assert stub.requests == []


async def test_closing_makes_what_is_in_flight_a_retry() -> None:
    async with Stub(answer(), latency=60) as stub:
        await check_closing(gorush(stub, A), notification(A), lambda: stub.requests)


@pytest.mark.parametrize("platform", [A, F])
async def test_no_token_shows_anywhere(
    platform: Platform, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs at DEBUG, whatever is printed, reasons, exceptions and reprs."""
    caplog.set_level(logging.DEBUG)
    token = DEVICE[platform].hex() if platform is A else DEVICE[platform].decode()
    url = f'Post "https://api.push.apple.com/3/device/{token}": EOF'
    seen = []
    async with Stub(answer()) as stub:
        provider = gorush(stub, platform)
        for error in (url, token, f"Requested entity was not found. {token}", f"Permission {url}"):
            stub.reply = answer(logs=[{"error": error, "token": token, "message": token}])
            seen.append(repr(await provider.send(notification(platform))))
        for status in (400, 503):
            stub.reply = Reply(status, (), json.dumps({"message": url}).encode())
            seen.append(repr(await provider.send(notification(platform))))
    seen.append(repr(await provider.send(notification(platform))))  # nobody listens any more
    await provider.aclose()
    with pytest.raises(ProviderError) as closed:
        await provider.send(notification(platform))
    seen += traceback.format_exception(closed.value)
    seen += [repr(provider), repr(notification(platform)), caplog.text, *capfd.readouterr()]
    for text in seen:
        assert token not in text
        assert "/3/device" not in text


@pytest.mark.parametrize("platform", [Platform.WEB_PUSH, Platform.SNS, Platform.PUSHY])
def test_other_platforms_are_refused(platform: Platform) -> None:
    with pytest.raises(ProviderError, match=f"platform: {platform.name}; must be APNS or FCM"):
        GorushProvider(platform, "https://gorush.example")


@pytest.mark.parametrize(
    "host",
    [
        "https://gorush.example:8088",
        "https://[::1]:8088",
        "http://127.0.0.1:8088",
        "http://localhost",
        "http://[::1]:8088",
    ],
)
def test_a_host_is_https_or_on_loopback(host: str) -> None:
    assert GorushProvider(F, host).platform is F


async def test_on_loopback_gorush_needs_no_tls() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if b"content-length" in line)
        asked.append(await reader.readexactly(int(length.partition(b":")[2])))
        body = answer().body
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        provider = GorushProvider(F, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert await provider.send(notification(F)) == Attempt(D, None, 200)
        await provider.aclose()
    assert json.loads(asked[0])["notifications"][0]["tokens"] == [DEVICE[F].decode()]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "gorush",
        "http://gorush:8088",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost:80/x",
        "http://localhost@evil.example",
        "https://x/y",
    ],
)
def test_an_unusable_host_is_refused(host: str) -> None:
    with pytest.raises(ProviderError, match="gorush host: must be like https://"):
        GorushProvider(F, host)


@pytest.mark.parametrize("topics", [None, {}, {0: ""}, {0: "a b"}, {0: "a" * 256}])
def test_unusable_topics_are_refused(topics: dict[int, str] | None) -> None:
    with pytest.raises(ProviderError, match="gorush topic"):
        GorushProvider(A, "https://x", topics)


def test_topics_are_refused_with_fcm() -> None:
    with pytest.raises(ProviderError, match="are for APNs only; leave them out"):
        GorushProvider(F, "https://x", {0: TOPIC})


def test_an_unusable_ca_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="gorush CA file"):
        GorushProvider(F, "https://x", ca_file=tmp_path / "none.pem")
