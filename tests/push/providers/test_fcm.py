"""FcmProvider: what it sends, and what it makes of each answer, over real TLS and HTTP/2.

FCM itself cannot run here: the emulator is written from Google's documents.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
)

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.dispatch.breaker import FAILURES, LONGEST_PAUSE
from billboard.push.emulators.fcm import PROJECT, FcmEmulator
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.providers.content import CONTENT_FREE_DATA
from billboard.push.providers.fcm import FcmProvider, classify
from billboard.push.providers.fcm_account import FcmAccount
from billboard.tokens import DeviceToken, Platform
from push.providers.test_fcm_account import key_file
from push.support import Clock, notification

D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED
TOKEN = "dEv1ce:APA91b" + "x-_9" * 35

# status, reason, outcome, seconds until the next attempt
TABLE: list[tuple[int, str | None, Outcome, float | None]] = [
    (200, None, D, None),
    (400, "INVALID_ARGUMENT", X, None),
    (400, "UNSPECIFIED_ERROR", X, None),
    (401, "THIRD_PARTY_AUTH_ERROR", X, None),
    (401, "UNAUTHENTICATED", L, None),
    (403, "SENDER_ID_MISMATCH", X, None),
    (403, "PERMISSION_DENIED", X, None),
    (404, "UNREGISTERED", U, None),
    (429, "QUOTA_EXCEEDED", L, 60.0),
    (500, "INTERNAL", L, 10.0),
    (503, "UNAVAILABLE", L, 10.0),
    # what Google does not list
    (301, None, X, None),
    (400, None, X, None),
    (400, "UNREGISTERED", X, None),
    (401, None, L, None),
    (404, None, X, None),
    (404, "NOT_FOUND", X, None),
    (410, "UNREGISTERED", X, None),
    (429, None, L, 60.0),
    (502, None, L, 10.0),
    (504, "DEADLINE_EXCEEDED", L, 10.0),
    (600, None, X, None),
]


RSA_KEYS = itertools.cycle([rsa.generate_private_key(65537, 2048) for _ in range(2)])


load_once = functools.cache(load_pem_private_key)


@pytest.fixture(autouse=True)
def two_rsa_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulators have these in turn: to make one and to load it takes most of the time of a test."""
    monkeypatch.setattr(rsa, "generate_private_key", lambda *_: next(RSA_KEYS))
    monkeypatch.setattr(serialization, "load_pem_private_key", load_once)


def fcm_device(token: str = TOKEN, app: int = 0) -> DeviceToken:
    return DeviceToken(Platform.FCM, token.encode(), app)


def message(token: str = TOKEN, **parts: Any) -> Notification:
    return notification(fcm_device(token), **parts)


def provider(emulator: FcmEmulator, **options: Any) -> FcmProvider:
    return FcmProvider({0: emulator.account}, emulator.url, emulator.ca_file, **options)


@asynccontextmanager
async def connected(emulator: FcmEmulator, **options: Any) -> AsyncIterator[FcmProvider]:
    fcm = provider(emulator, **options)
    try:
        yield fcm
    finally:
        await fcm.aclose()


class Canned(FcmEmulator):
    """Answers each message, or each request for an access token, alike, and keeps the messages."""

    def __init__(self, reply: Reply | None = None, grant: Reply | None = None) -> None:
        super().__init__()
        self.reply = reply
        self.grant = grant
        self.requests: list[Request] = []

    def _grant(self, request: Request) -> Reply:
        return self.grant or super()._grant(request)

    def _process(self, request: Request) -> Reply:
        if self.reply is None or request.value(":path") == "/token":
            return super()._process(request)
        self.requests.append(request)
        return self.reply


async def answer(reply: Reply | None = None, grant: Reply | None = None) -> Attempt:
    async with Canned(reply, grant) as emulator, connected(emulator) as fcm:
        return await fcm.send(message())


def refusal(status: int, code: object, **error: object) -> Reply:
    kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
    details = [{"@type": "other", "errorCode": "NO"}, {"@type": kind, "errorCode": code}]
    body = {"error": {"code": status, "details": details} | error}
    return Reply(status, (), json.dumps(body).encode())


@pytest.mark.parametrize(("status", "reason", "outcome", "delay"), TABLE)
def test_each_answer_has_one_meaning(
    status: int, reason: str | None, outcome: Outcome, delay: float | None
) -> None:
    assert classify(status, reason) == Attempt(outcome, reason, status, delay)
    asked = classify(status, reason, retry_after=77.0)
    assert asked.retry_after == (77.0 if outcome is L else None), "Retry-After wins"


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "delay"),
    [row for row in TABLE if row[0] < 600 and (row[0], row[2]) != (401, L)],
)
async def test_each_answer_has_that_meaning_over_the_wire(
    status: int, reason: str | None, outcome: Outcome, delay: float | None
) -> None:
    reply = refusal(status, reason) if reason else Reply(status)
    assert await answer(reply) == Attempt(outcome, reason, status, delay)


async def test_the_status_stands_in_where_fcm_gives_no_code_of_its_own() -> None:
    body = b'{"error": {"status": "PERMISSION_DENIED", "details": [{"@type": "other"}, 7]}}'
    assert await answer(Reply(403, (), body)) == Attempt(X, "PERMISSION_DENIED", 403)


async def test_retry_after_is_read_in_both_forms() -> None:
    later = Reply(429, (("retry-after", "120"),))
    assert (await answer(later)).retry_after == 120.0
    clock = Clock(1_445_412_480.0)
    dated = Reply(503, (("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT"),))
    async with Canned(dated) as emulator, connected(emulator, clock=clock) as fcm:
        assert (await fcm.send(message())).retry_after == 90.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff\xfe",
        b'{"error": []}',
        b'{"error": {"details": {"@type": "x"}, "status": 7}}',
        b'{"error": {"status": "see token abc:def"}}',
    ],
)
async def test_a_body_that_can_not_be_understood_leaves_the_status_to_decide(body: bytes) -> None:
    assert await answer(Reply(404, (), body)) == Attempt(X, None, 404)


async def test_the_request_is_as_google_asks_and_tells_nothing_else() -> None:
    clock = Clock()
    one = message(collapse_id="merge", expires=clock.now + 90.9, priority=5)
    async with Canned(Reply(200)) as emulator, connected(emulator, clock=clock) as fcm:
        await fcm.send(one)
        (request,) = emulator.requests
        authority = emulator.url.removeprefix("https://")
        (bearer,) = emulator._issued
    assert dict(request.headers) == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": authority,
        ":path": f"/v1/projects/{PROJECT}/messages:send",
        "authorization": f"Bearer {bearer}",
        "content-type": "application/json",
        "content-length": str(len(request.body)),
    }
    android = {"priority": "NORMAL", "ttl": "90s", "collapse_key": "merge"}
    assert json.loads(request.body) == {
        "message": {"token": TOKEN, "data": dict(CONTENT_FREE_DATA), "android": android}
    }


@pytest.mark.parametrize(
    ("left", "ttl"), [(None, None), (-5.0, 0.0), (0.4, 0.0), (61.0, 61.0), (1e9, 2_419_200.0)]
)
async def test_the_time_that_is_left_is_within_what_fcm_takes(
    left: float | None, ttl: float | None
) -> None:
    clock = Clock()
    expires = None if left is None else clock.now + left
    async with FcmEmulator() as emulator, connected(emulator, clock=clock) as fcm:
        assert (await fcm.send(message(expires=expires))).outcome is D
        (delivery,) = emulator.deliveries
    assert (delivery.ttl, delivery.collapse_key, delivery.priority) == (ttl, None, "HIGH")


async def test_other_data_is_what_every_notification_says() -> None:
    async with FcmEmulator() as emulator, connected(emulator, data={"wake": "up"}) as fcm:
        await fcm.send(message())
        assert emulator.deliveries[0].data == {"wake": "up"}


async def test_dead_and_foreign_and_throttled_tokens() -> None:
    async with FcmEmulator() as emulator, connected(emulator) as fcm:
        emulator.unregister("dead")
        emulator.give_to_other_sender("foreign")
        emulator.throttle("busy", times=1, retry_after=9)
        assert await fcm.send(message("dead")) == Attempt(U, "UNREGISTERED", 404)
        assert await fcm.send(message("foreign")) == Attempt(X, "SENDER_ID_MISMATCH", 403)
        assert await fcm.send(message("busy")) == Attempt(L, "QUOTA_EXCEEDED", 429, 9.0)
        assert await fcm.send(message("busy")) == Attempt(D, None, 200)


@pytest.mark.parametrize("token", ["a b", "a\n", "caf\u00e9", "\x00"])
async def test_a_token_that_can_not_be_one_is_rejected_unsent(token: str) -> None:
    async with FcmEmulator() as emulator, connected(emulator) as fcm:
        attempt = await fcm.send(message(token))
        assert attempt == Attempt(X, "the token is not printable ASCII")
        assert emulator.connections == 0


async def test_a_token_can_not_break_out_of_its_string() -> None:
    token = '"},"topic":"all","x":{"y":"\\'  # noqa: S105
    async with FcmEmulator() as emulator, connected(emulator) as fcm:
        assert (await fcm.send(message(token))).outcome is D
        assert emulator.deliveries[0].token == token


async def test_each_app_has_its_account_and_an_unknown_one_is_rejected_unsent() -> None:
    async with FcmEmulator() as one, FcmEmulator() as two:
        accounts = {1: two.account, 2: one.account}
        fcm = FcmProvider(accounts, one.url, one.ca_file)
        assert (await fcm.send(notification(fcm_device(app=2)))).outcome is D
        refused = await fcm.send(notification(fcm_device(app=1)))
        reason = "access token: transport error PEER_FAILED_VERIFICATION"
        assert refused == Attempt(L, reason, of_account=True)
        unknown = await fcm.send(notification(fcm_device(app=3)))
        assert unknown == Attempt(X, "no account for app 3")
        await fcm.aclose()
        assert (one.access_tokens, two.access_tokens, len(one.deliveries)) == (1, 0, 1)


# access tokens


async def test_all_who_wait_share_one_access_token() -> None:
    async with FcmEmulator(latency=0.05) as emulator, connected(emulator) as fcm:
        attempts = await asyncio.gather(*(fcm.send(message()) for _ in range(50)))
        assert set(attempts) == {Attempt(D, None, 200)}
        assert emulator.access_tokens == 1


async def test_an_access_token_is_renewed_before_google_calls_it_expired() -> None:
    async with FcmEmulator(token_lifetime=200) as emulator, connected(emulator) as fcm:
        for _ in range(3):
            assert (await fcm.send(message())).outcome is D
        assert emulator.access_tokens == 3


async def test_a_refused_access_token_is_replaced_once_for_all_in_flight() -> None:
    async with FcmEmulator() as emulator, connected(emulator) as fcm:
        await fcm.send(message())
        for _ in range(2):
            emulator.expire_access_tokens()
            attempts = await asyncio.gather(*(fcm.send(message()) for _ in range(50)))
            assert set(attempts) == {Attempt(L, "UNAUTHENTICATED", 401, 0.0)}
            assert (await fcm.send(message())).outcome is D
        assert emulator.access_tokens == 3


async def test_a_replacement_that_is_refused_too_makes_no_flood() -> None:
    async with Canned(refusal(401, "UNAUTHENTICATED")) as emulator, connected(emulator) as fcm:
        delays = [(await fcm.send(message())).retry_after for _ in range(4)]
        assert delays == [0.0, 60.0, 60.0, 60.0]
        many = await asyncio.gather(*(fcm.send(message()) for _ in range(20)))
        assert {each.retry_after for each in many} == {60.0}
        assert emulator.access_tokens == 5


@pytest.mark.parametrize(
    ("grant", "outcome", "reason"),
    [
        (
            Reply(400, (), b'{"error": "invalid_grant", "error_description": "x"}'),
            X,
            "invalid_grant",
        ),
        (Reply(400, (), b'{"error": "see secret 123"}'), X, "status 400"),
        (Reply(401, (), b"[1]"), X, "status 401"),
        (Reply(302, (("location", "https://127.0.0.1:1/"),)), X, "status 302"),
        (Reply(429), L, "status 429"),
        (Reply(500, (), b"secret"), L, "status 500"),
        (Reply(503), L, "status 503"),
        (Reply(200, (), b"nonsense"), L, "the answer has none"),
        (Reply(200, (), b'{"access_token": 7, "expires_in": 1}'), L, "the answer has none"),
        (
            Reply(200, (), b'{"access_token": "a\\r\\nb", "expires_in": 9}'),
            L,
            "the answer has none",
        ),
        (
            Reply(200, (), b'{"access_token": "a", "expires_in": 1e300}'),
            L,
            "the answer does not say for how long",
        ),
        (Reply(200, (), b'{"access_token": "a"}'), L, "the answer does not say for how long"),
    ],
)
async def test_no_access_token(grant: Reply, outcome: Outcome, reason: str) -> None:
    assert await answer(grant=grant) == Attempt(outcome, f"access token: {reason}", of_account=True)


async def test_the_token_endpoint_is_asked_once_in_an_attempt() -> None:
    asked: list[Request] = []

    class Down(Canned):
        def _grant(self, request: Request) -> Reply:
            asked.append(request)
            return Reply(503)

    async with Down() as emulator, connected(emulator) as fcm:
        await asyncio.gather(*(fcm.send(message()) for _ in range(20)))
        assert len(asked) == 1


async def test_an_account_without_tokens_is_left_alone_for_a_while() -> None:
    asked: list[Request] = []

    class Down(Canned):
        def _grant(self, request: Request) -> Reply:
            asked.append(request)
            return Reply(503) if self.down else super()._grant(request)

        down = True

    clock = Clock()
    async with Down() as emulator, connected(emulator, clock=clock) as fcm:
        for number in range(30):
            attempt = await fcm.send(message())
            assert (attempt.outcome, attempt.of_account) == (L, True)
            assert (attempt.retry_after is None) == (number < FAILURES)
        assert len(asked) == FAILURES
        for seconds, probes in [(2.0, 1), (0.1, 1), (LONGEST_PAUSE, 2)]:
            clock.now += seconds
            await asyncio.gather(*(fcm.send(message()) for _ in range(5)))
            assert len(asked) == FAILURES + probes
        emulator.down = False
        clock.now += LONGEST_PAUSE
        assert not (await fcm.send(message())).of_account


async def test_a_key_that_google_does_not_know_is_refused() -> None:
    async with FcmEmulator() as emulator, FcmEmulator() as other:
        stranger = emulator.key_file() | {"private_key": other.key_file()["private_key"]}
        account = FcmAccount(PROJECT, json.dumps(stranger).encode())
        fcm = FcmProvider({0: account}, emulator.url, emulator.ca_file)
        assert await fcm.send(message()) == Attempt(
            X, "access token: invalid_grant", of_account=True
        )
        await fcm.aclose()


async def test_closing_waits_for_an_access_token_on_its_way_and_ends() -> None:
    async with FcmEmulator(latency=0.3) as emulator:
        fcm = provider(emulator)
        task = asyncio.create_task(fcm.send(message()))
        while not (emulator.access_tokens or task.done()):
            await asyncio.sleep(0.01)
        await fcm.aclose()
        await fcm.aclose()
        assert await task == Attempt(L, "the provider was closed")
        with pytest.raises(ProviderError, match="closed"):
            await fcm.send(message())


async def test_a_cancelled_attempt_leaves_the_access_token_to_the_others() -> None:
    async with FcmEmulator(latency=0.1) as emulator, connected(emulator) as fcm:
        tasks = [asyncio.create_task(fcm.send(message())) for _ in range(3)]
        while not (emulator.access_tokens or tasks[0].done()):
            await asyncio.sleep(0.01)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results.pop(0), asyncio.CancelledError)
        assert set(results) == {Attempt(D, None, 200)}
        assert emulator.access_tokens == 1


# what is given to it


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"": "x"},
        {"from": "x"},
        {"google.x": "x"},
        {"gcm": "x"},
        {"message_type": "x"},
        {"a": 7},
        {7: "a"},
        {"a": "x" * 4096},
    ],
)
def test_unusable_data_is_refused(data: Any) -> None:
    with pytest.raises(ProviderError, match="FCM data"):
        FcmProvider({0: FcmAccount(PROJECT, key_file())}, data=data)


def test_no_account_and_an_unusable_host_are_refused() -> None:
    with pytest.raises(ProviderError, match="FCM accounts"):
        FcmProvider({})
    with pytest.raises(ProviderError, match="FCM host"):
        FcmProvider({0: FcmAccount(PROJECT, key_file())}, "http://fcm.googleapis.com")


async def test_neither_token_nor_key_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with FcmEmulator(reset_every=7, drop_every=31) as emulator:
            emulator.unregister(TOKEN)
            async with connected(emulator) as fcm:
                for index in range(40):
                    shown.append(await fcm.send(message(TOKEN if index % 2 else TOKEN + "2")))
                shown += [fcm, emulator, emulator.account, *emulator.deliveries]
            issued = list(emulator._issued)
    text = caplog.text + "".join(f"{each}{each!r}" for each in shown)
    assert "UNREGISTERED" in text
    assert "transport error" in text
    for secret in (TOKEN, *issued, "PRIVATE KEY"):
        assert secret not in text
