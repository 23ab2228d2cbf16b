"""ApnsProvider: what it sends, and what it makes of each answer, over real TLS and HTTP/2."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.emulators.http2 import Reply
from billboard.push.providers.apns import ApnsProvider, classify
from billboard.push.providers.content import CONTENT_FREE_PAYLOAD
from billboard.tokens import Platform
from push.support import TOPIC, Canned, Clock, device, notification, provider

MINUTE = 60.0
D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED

# status, reason, outcome, seconds until the next attempt
TABLE: list[tuple[int, str | None, Outcome, float | None]] = [
    (200, None, D, None),
    (400, "BadCollapseId", X, None),
    (400, "BadDeviceToken", U, None),
    (400, "BadExpirationDate", X, None),
    (400, "BadMessageId", X, None),
    (400, "BadPriority", X, None),
    (400, "BadTopic", X, None),
    (400, "DeviceTokenNotForTopic", X, None),
    (400, "DuplicateHeaders", X, None),
    (400, "IdleTimeout", L, None),
    (400, "InvalidPushType", X, None),
    (400, "MissingDeviceToken", X, None),
    (400, "MissingTopic", X, None),
    (400, "PayloadEmpty", X, None),
    (400, "TopicDisallowed", X, None),
    (403, "BadCertificate", X, None),
    (403, "BadCertificateEnvironment", X, None),
    (403, "ExpiredProviderToken", L, None),
    (403, "Forbidden", X, None),
    (403, "InvalidProviderToken", X, None),
    (403, "MissingProviderToken", X, None),
    (403, "UnrelatedKeyIdInToken", X, None),
    (403, "BadEnvironmentKeyIdInToken", X, None),
    (404, "BadPath", X, None),
    (405, "MethodNotAllowed", X, None),
    (410, "ExpiredToken", U, None),
    (410, "Unregistered", U, None),
    (413, "PayloadTooLarge", X, None),
    (429, "TooManyProviderTokenUpdates", L, 20 * MINUTE),
    (429, "TooManyRequests", L, None),
    (500, "InternalServerError", L, 15 * MINUTE),
    (503, "ServiceUnavailable", L, 15 * MINUTE),
    (503, "Shutdown", L, None),
    # what Apple does not list
    (302, None, X, None),
    (400, None, X, None),
    (400, "Unregistered", X, None),
    (403, None, X, None),
    (404, None, X, None),
    (410, None, X, None),
    (410, "SomethingNew", X, None),
    (429, None, L, None),
    (500, None, L, 15 * MINUTE),
    (502, None, L, 15 * MINUTE),
    (503, "SomethingNew", L, 15 * MINUTE),
    (504, None, L, 15 * MINUTE),
    (600, None, X, None),
]
NAMES = [f"{status}-{reason}" for status, reason, *_ in TABLE]


def refusal(status: int, **body: object) -> Reply:
    return Reply(status, (), json.dumps(body).encode())


async def answer(reply: Reply, **options: Any) -> Attempt:
    async with Canned(reply) as emulator:
        apns = provider(emulator, **options)
        try:
            return await apns.send(notification())
        finally:
            await apns.aclose()


@pytest.mark.parametrize(("status", "reason", "outcome", "delay"), TABLE, ids=NAMES)
def test_each_answer_has_one_meaning(
    status: int, reason: str | None, outcome: Outcome, delay: float | None
) -> None:
    assert classify(status, reason) == Attempt(outcome, reason, status, delay)
    asked = classify(status, reason, retry_after=77.0)
    assert asked.retry_after == (77.0 if outcome is L else None), "Retry-After wins"
    dated = classify(status, reason, unregistered_at=5.0)
    assert dated.unregistered_at == (5.0 if outcome is U else None)


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "delay"),
    [row for row in TABLE if row[0] < 600 and row[1] != "ExpiredProviderToken"],
)
async def test_each_answer_has_that_meaning_over_the_wire(
    status: int, reason: str | None, outcome: Outcome, delay: float | None
) -> None:
    reply = refusal(status, reason=reason) if reason else Reply(status)
    assert await answer(reply) == Attempt(outcome, reason, status, delay)


async def test_retry_after_and_timestamp_are_read() -> None:
    later = Reply(429, (("retry-after", "120"),), b'{"reason":"TooManyRequests"}')
    assert (await answer(later)).retry_after == 120.0
    dead = refusal(410, reason="Unregistered", timestamp=1_600_000_000_250)
    assert (await answer(dead)).unregistered_at == 1_600_000_000.25


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "1e3", "9" * 10, "\u0661"])
async def test_an_unreadable_retry_after_is_none(value: str) -> None:
    assert (await answer(Reply(429, (("retry-after", value),)))).retry_after is None


@pytest.mark.parametrize("value", [True, "1600000000000", -1, 1.5e12, 10**400, None, [], {}])
async def test_an_unreadable_timestamp_is_none(value: object) -> None:
    attempt = await answer(refusal(410, reason="Unregistered", timestamp=value))
    assert attempt == Attempt(U, "Unregistered", 410)


@pytest.mark.parametrize("reason", ["", "a b", "a1", "a" * 41, 7, None, ["x"], "ab" * 32])
async def test_a_reason_that_is_no_word_is_not_passed_on(reason: object) -> None:
    assert await answer(refusal(400, reason=reason)) == Attempt(X, None, 400)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff\xfe", b"null", b"[" * 100_000])
async def test_a_body_that_is_not_an_object_leaves_the_status_to_decide(body: bytes) -> None:
    assert await answer(Reply(503, (), body)) == Attempt(L, None, 503, 15 * MINUTE)


async def test_the_request_is_as_apple_asks_and_tells_nothing_else() -> None:
    one = notification(collapse_id="merge", expires=1_800_000_000.9, priority=5)
    async with Canned(Reply(200)) as emulator:
        apns = provider(emulator)
        await apns.send(one)
        await apns.aclose()
        (request,) = emulator.requests
        authority = emulator.url.removeprefix("https://")
    bearer = request.value("authorization")
    assert bearer.startswith("bearer ")
    assert dict(request.headers) == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": authority,
        ":path": f"/3/device/{one.token.value.hex()}",
        "authorization": bearer,
        "apns-id": str(one.id),
        "apns-topic": TOPIC,
        "apns-push-type": "alert",
        "apns-priority": "5",
        "apns-expiration": "1800000000",
        "apns-collapse-id": "merge",
        "content-type": "application/json",
        "content-length": str(len(CONTENT_FREE_PAYLOAD)),
    }
    assert bytes(request.body) == CONTENT_FREE_PAYLOAD


async def test_what_is_not_given_is_not_sent() -> None:
    async with Canned(Reply(200)) as emulator:
        apns = provider(emulator)
        await apns.send(notification())
        await apns.aclose()
    (request,) = emulator.requests
    assert request.values("apns-expiration") == request.values("apns-collapse-id") == []


async def test_a_cookie_is_not_returned() -> None:
    async with Canned(Reply(200, (("set-cookie", "follow=you; path=/"),))) as emulator:
        apns = provider(emulator)
        for _ in range(2):
            await apns.send(notification())
        await apns.aclose()
    assert [request.values("cookie") for request in emulator.requests] == [[], []]


async def test_an_accepted_notification_arrives_as_it_was() -> None:
    one = notification(collapse_id="c", expires=2_000_000_000.0)
    async with ApnsEmulator() as emulator:
        apns = provider(emulator, payload=b'{"aps":{}}')
        assert await apns.send(one) == Attempt(D, None, 200)
        await apns.aclose()
        (delivery,) = emulator.deliveries
    assert (delivery.token, delivery.apns_id, delivery.topic) == (one.token.value, one.id, TOPIC)
    assert (delivery.payload, delivery.collapse_id) == (b'{"aps":{}}', "c")
    assert (delivery.expiration, delivery.duplicate) == (2_000_000_000, False)


@pytest.mark.parametrize("length", [1, 32, 100, 198])
async def test_tokens_of_any_length_are_sent(length: int) -> None:
    token = type(device())(Platform.APNS, bytes(range(length)))
    async with ApnsEmulator() as emulator:
        apns = provider(emulator)
        assert (await apns.send(Notification(token))).outcome is D
        await apns.aclose()
        assert emulator.deliveries[0].token == token.value


async def test_each_app_has_its_topic_and_an_unknown_one_is_rejected_unsent() -> None:
    async with ApnsEmulator() as emulator:
        topics = {1: "org.one", 2: "org.two"}
        apns = ApnsProvider(emulator.key, topics, emulator.url, emulator.ca_file)
        for app in (2, 1):
            assert (await apns.send(notification(device(app=app)))).outcome is D
        assert await apns.send(notification(device(app=3))) == Attempt(X, "no topic for app 3")
        await apns.aclose()
        assert [each.topic for each in emulator.deliveries] == ["org.two", "org.one"]


async def test_an_expired_provider_token_is_replaced_once_for_all_in_flight() -> None:
    async with ApnsEmulator() as emulator:
        apns = provider(emulator)
        await apns.send(notification())
        emulator.expire_jwts()
        attempts = await asyncio.gather(*(apns.send(notification()) for _ in range(50)))
        assert set(attempts) == {Attempt(L, "ExpiredProviderToken", 403, 0.0)}
        assert (await apns.send(notification())).outcome is D
        await apns.aclose()
        assert emulator.provider_tokens == 2


async def test_a_wrong_clock_does_not_make_a_flood_of_provider_tokens() -> None:
    clock = Clock()
    async with ApnsEmulator(clock=lambda: clock.now + 2 * 3600) as emulator:
        apns = provider(emulator, clock=clock)
        delays = [(await apns.send(notification())).retry_after for _ in range(5)]
        await apns.aclose()
        assert emulator.provider_tokens == 2
    assert delays == [0.0, 20 * MINUTE, 20 * MINUTE, 20 * MINUTE, 20 * MINUTE]


async def test_a_provider_token_is_renewed_before_apple_calls_it_expired() -> None:
    clock = Clock()
    async with ApnsEmulator(clock=clock) as emulator:
        apns = provider(emulator, clock=clock)
        for _ in range(10):
            assert (await apns.send(notification())).outcome is D
            clock.now += 30 * MINUTE
        await apns.aclose()
        assert emulator.provider_tokens == 5


async def test_a_redirect_is_not_followed() -> None:
    async with ApnsEmulator() as elsewhere:
        location = (("location", f"{elsewhere.url}/3/device/00"),)
        assert (await answer(Reply(307, location))).outcome is X
        assert elsewhere.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await answer(Reply(200))).outcome is D


async def test_another_authority_is_not_trusted() -> None:
    async with ApnsEmulator() as emulator, ApnsEmulator() as other:
        for ca_file in (other.ca_file, None):
            apns = ApnsProvider(emulator.key, {0: TOPIC}, emulator.url, ca_file)
            attempt = await apns.send(notification())
            await apns.aclose()
            assert attempt == Attempt(L, "transport error PEER_FAILED_VERIFICATION")
        assert emulator.deliveries == []


async def test_another_name_is_not_trusted() -> None:
    async with ApnsEmulator() as emulator:
        url = emulator.url.replace("127.0.0.1", "other.localhost")  # curl knows it, as loopback
        apns = ApnsProvider(emulator.key, {0: TOPIC}, url, emulator.ca_file)
        attempt = await apns.send(notification())
        await apns.aclose()
        assert attempt == Attempt(L, "transport error PEER_FAILED_VERIFICATION")
        assert emulator.deliveries == []


async def test_no_server_is_a_retry() -> None:
    async with ApnsEmulator() as emulator:
        apns = provider(emulator)
        await apns.send(notification())
    attempt = await apns.send(notification())
    await apns.aclose()
    assert (attempt.outcome, attempt.status) == (L, None)


async def test_closing_makes_what_is_in_flight_a_retry() -> None:
    async with ApnsEmulator(latency=60) as emulator:
        apns = provider(emulator)
        tasks = [asyncio.create_task(apns.send(notification())) for _ in range(3)]
        while len(emulator.deliveries) < 3:
            await asyncio.sleep(0.01)
        await apns.aclose()
        await apns.aclose()
        assert {await task for task in tasks} == {Attempt(L, "the provider was closed")}
        with pytest.raises(ProviderError, match="closed"):
            await apns.send(notification())


async def test_a_cancelled_request_leaves_the_others_alone() -> None:
    async with ApnsEmulator(latency=0.1) as emulator:
        apns = provider(emulator)
        tasks = [asyncio.create_task(apns.send(notification())) for _ in range(10)]
        while len(emulator.deliveries) < 10:
            await asyncio.sleep(0.005)
        tasks[4].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results.pop(4), asyncio.CancelledError)
        assert set(results) == {Attempt(D, None, 200)}
        assert (await apns.send(notification())).outcome is D
        await apns.aclose()
        assert emulator.connections == 1


@pytest.mark.parametrize("topics", [{}, {0: ""}, {0: "a b"}, {0: "a\r\nb: c"}, {0: "a" * 256}])
def test_unusable_topics_are_refused(topics: dict[int, str]) -> None:
    with pytest.raises(ProviderError, match="topic"):
        ApnsProvider(ApnsEmulator().key, topics)


@pytest.mark.parametrize(
    "host",
    ["", "api.push.apple.com", "http://x", "https://", "https://x/", "https://x/y", "https://x?y"],
)
def test_an_unusable_host_is_refused(host: str) -> None:
    with pytest.raises(ProviderError, match="host"):
        ApnsProvider(ApnsEmulator().key, {0: TOPIC}, host)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b"{", b"\xff", b"[" * 4000])
def test_an_unusable_payload_is_refused(payload: bytes) -> None:
    with pytest.raises(ProviderError, match="APNs payload: must be a JSON object"):
        ApnsProvider(ApnsEmulator().key, {0: TOPIC}, payload=payload)


def test_a_payload_has_a_limit() -> None:
    longest = b'{"a":"' + b"x" * 4088 + b'"}'
    ApnsProvider(ApnsEmulator().key, {0: TOPIC}, payload=longest)
    with pytest.raises(ProviderError, match="4097 bytes"):
        ApnsProvider(ApnsEmulator().key, {0: TOPIC}, payload=longest + b" ")


def test_a_missing_ca_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="CA file"):
        ApnsProvider(ApnsEmulator().key, {0: TOPIC}, ca_file=tmp_path / "none.pem")


async def test_an_id_is_sent_as_it_is_in_each_attempt() -> None:
    one = notification(id=uuid.UUID(int=1))
    async with ApnsEmulator() as emulator:
        apns = provider(emulator)
        for _ in range(2):
            await apns.send(one)
        await apns.aclose()
        assert [(each.apns_id, each.duplicate) for each in emulator.deliveries] == [
            (one.id, False),
            (one.id, True),
        ]
