"""PushyProvider, over real TLS. What answers is a stub: Pushy does not run anywhere but at Pushy.

The stub is written from Pushy's documentation ("Send Notifications API") and its Node.js client's
types, for the requests, the answers and the error codes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.http2 import Reply, Request
from billboard.push.emulators.server import EmulatorServer
from billboard.push.providers.content import CONTENT_FREE_DATA
from billboard.push.providers.pushy import CONTENT, MAX_TIME_TO_LIVE, PushyProvider, classify
from billboard.tokens import DeviceToken, Platform
from push.support import Clock, check_closing

D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED
API_KEY = "6a547f1e7fa1dca83ec11a9210b99dfc87f3935b12415secret"
DEVICE = "a6345d0278adc55d3474f5"

# status, success, code, outcome
TABLE: list[tuple[int, bool, str | None, Outcome]] = [
    (200, True, None, D),
    (400, False, "NO_RECIPIENTS", U),
    (400, False, "NO_APNS_AUTH", X),
    (400, False, "PAYLOAD_LIMIT_EXCEEDED", X),
    (400, False, "INVALID_PARAM", X),
    (401, False, "INVALID_API_KEY", X),
    (403, False, "ACCOUNT_SUSPENDED", X),
    (429, False, "AUTH_LIMIT_EXCEEDED", L),
    (429, False, "RATE_LIMIT_EXCEEDED", L),
    (500, False, "INTERNAL_SERVER_ERROR", L),
    # what its documentation gives no status for, or does not list
    (200, False, None, X),
    (200, False, "NO_RECIPIENTS", U),
    (200, True, "NO_RECIPIENTS", U),
    (400, False, "RATE_LIMIT_EXCEEDED", L),
    (302, False, None, X),
    (400, False, None, X),
    (400, False, "SOMETHING_NEW", X),
    (404, False, None, X),
    (410, False, None, X),
    (429, False, None, L),
    (500, True, None, L),
    (502, False, None, L),
    (503, False, "SOMETHING_NEW", L),
    (600, False, None, X),
]
NAMES = [f"{status}-{success}-{code}" for status, success, code, _ in TABLE]


class Stub(EmulatorServer):
    """Pushy's Send Notifications API, for one app with one device."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.requests: list[Request] = []
        self.pushes: list[dict[str, Any]] = []
        self.canned: Reply | None = None

    def _process(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.canned is not None:
            return self.canned
        url = urlsplit(request.value(":path"))
        if (request.value(":method"), url.path) != ("POST", "/push"):
            return refusal(404, "NOT_FOUND")
        if parse_qs(url.query) != {"api_key": [API_KEY]}:
            return refusal(401, "INVALID_API_KEY")
        body = json.loads(request.body)
        if request.value("content-type") != "application/json" or "data" not in body:
            return refusal(400, "INVALID_PARAM")
        if body["to"] != DEVICE:
            return refusal(400, "NO_RECIPIENTS")
        self.pushes.append(body)
        return answer(success=True, id="5ea9b214b47cad768a35f13a", info={"devices": 1})


def answer(status: int = 200, **body: Any) -> Reply:
    return Reply(status, (("content-type", "application/json"),), json.dumps(body).encode())


def refusal(status: int, code: str) -> Reply:
    """The text names what an operator must not read in a log."""
    return answer(status, code=code, error=f"key {API_KEY}, token {DEVICE}: {code}")


def pushy(stub: Stub, **options: Any) -> PushyProvider:
    api_keys = options.pop("api_keys", {0: API_KEY})
    return PushyProvider(api_keys, stub.url, stub.ca_file, **options)


def notification(token: str = DEVICE, app: int = 0, **parts: Any) -> Notification:
    return Notification(DeviceToken(Platform.PUSHY, token.encode(), app), **parts)


async def answered(reply: Reply) -> Attempt:
    async with Stub() as stub:
        stub.canned = reply
        provider = pushy(stub)
        try:
            return await provider.send(notification())
        finally:
            await provider.aclose()


@pytest.mark.parametrize(("status", "success", "code", "outcome"), TABLE, ids=NAMES)
def test_each_answer_has_one_meaning(
    status: int, success: bool, code: str | None, outcome: Outcome
) -> None:
    assert classify(status, success, code) == Attempt(outcome, code, status)
    asked = classify(status, success, code, retry_after=77.0)
    assert asked.retry_after == (77.0 if outcome is L else None)


@pytest.mark.parametrize(
    ("status", "success", "code", "outcome"), [row for row in TABLE if row[0] < 600]
)
async def test_each_answer_has_that_meaning_over_the_wire(
    status: int, success: bool, code: str | None, outcome: Outcome
) -> None:
    body = {"success": success} | ({"code": code, "error": "text"} if code else {})
    assert await answered(answer(status, **body)) == Attempt(outcome, code, status)


async def test_a_notification_arrives_as_pushy_asks_and_tells_nothing_else() -> None:
    clock = Clock()
    one = notification(collapse_id="merge", expires=clock.now + 60.9)
    async with Stub() as stub:
        provider = pushy(stub, clock=clock)
        assert await provider.send(one) == Attempt(D, None, 200)
        await provider.aclose()
    assert stub.pushes == [
        {
            "to": DEVICE,
            "data": dict(CONTENT_FREE_DATA),
            "notification": {"loc_key": "NEW_MESSAGE"},
            "mutable_content": True,
            "collapse_key": "merge",
            "time_to_live": 60,
        }
    ]
    (request,) = stub.requests
    assert {name for name, _ in request.headers} == {
        ":method",
        ":scheme",
        ":authority",
        ":path",
        "content-type",
        "content-length",
    }


async def test_all_notifications_say_the_same() -> None:
    async with Stub() as stub:
        provider = pushy(stub)
        for priority in (1, 5, 10):
            await provider.send(notification(priority=priority))
        await provider.aclose()
    assert [{name: push[name] for name in CONTENT} for push in stub.pushes] == [dict(CONTENT)] * 3
    assert {name for push in stub.pushes for name in push} == {*CONTENT, "to", "collapse_key"}


async def test_a_repeat_has_the_same_collapse_key_and_another_notification_another() -> None:
    one, other = notification(), notification()
    long = notification(collapse_id="c" * 64)
    longer = notification(collapse_id="c" * 63 + "d")
    async with Stub() as stub:
        provider = pushy(stub)
        for each in (one, one, other, long, long, longer):
            await provider.send(each)
        await provider.aclose()
    keys = [push["collapse_key"] for push in stub.pushes]
    assert keys[0] == keys[1] == one.id.hex
    assert keys[3] == keys[4]
    assert len(set(keys)) == 4
    assert max(len(key) for key in keys) <= 32


@pytest.mark.parametrize(
    ("left", "time_to_live"),
    [(0.0, 1), (-5.0, 1), (1.9, 1), (3600.0, 3600), (1e12, MAX_TIME_TO_LIVE)],
)
async def test_the_time_to_live_is_what_is_left(left: float, time_to_live: int) -> None:
    clock = Clock()
    async with Stub() as stub:
        provider = pushy(stub, clock=clock)
        await provider.send(notification(expires=clock.now + left))
        await provider.aclose()
    assert stub.pushes[0]["time_to_live"] == time_to_live


async def test_a_token_that_pushy_does_not_know_is_unregistered() -> None:
    async with Stub() as stub:
        provider = pushy(stub)
        assert await provider.send(notification("f" * 22)) == Attempt(U, "NO_RECIPIENTS", 400)
        await provider.aclose()
    failed = answer(success=True, id="1", info={"devices": 0, "failed": [DEVICE]})
    assert await answered(failed) == Attempt(U, "NO_RECIPIENTS", 200)
    another = answer(success=True, id="1", info={"devices": 1, "failed": ["f" * 22]})
    assert await answered(another) == Attempt(D, None, 200)


@pytest.mark.parametrize(
    "info", [None, [], "x", {"failed": None}, {"failed": DEVICE}, {"failed": 3}]
)
async def test_info_that_is_not_as_documented_says_nothing(info: object) -> None:
    assert await answered(answer(success=True, info=info)) == Attempt(D, None, 200)


@pytest.mark.parametrize("success", [None, 1, "true", False])
async def test_only_a_success_is_delivered(success: object) -> None:
    assert (await answered(answer(success=success))).outcome is X


@pytest.mark.parametrize("code", ["a b", "", 7, None, ["NO_RECIPIENTS"], "X" * 41, DEVICE])
async def test_a_code_that_is_no_word_is_not_passed_on(code: object) -> None:
    assert await answered(answer(400, code=code)) == Attempt(X, None, 400)


async def test_retry_after_is_read() -> None:
    reply = Reply(429, (("retry-after", "30"),), b'{"code":"RATE_LIMIT_EXCEEDED"}')
    assert await answered(reply) == Attempt(L, "RATE_LIMIT_EXCEEDED", 429, 30.0)


@pytest.mark.parametrize("token", ["/topics/news", "a b", "a/b", "a\n", '"', "\u0661"])
async def test_what_is_no_device_token_is_rejected_unsent(token: str) -> None:
    async with Stub() as stub:
        provider = pushy(stub)
        attempt = await provider.send(notification(token))
        await provider.aclose()
        assert attempt == Attempt(X, "not a device token of Pushy")
        assert stub.requests == []


async def test_each_app_has_its_key_and_an_unknown_one_is_rejected_unsent() -> None:
    async with Stub() as stub:
        provider = pushy(stub, api_keys={1: API_KEY, 2: "f" * 64})
        assert await provider.send(notification(app=1)) == Attempt(D, None, 200)
        assert await provider.send(notification(app=2)) == Attempt(X, "INVALID_API_KEY", 401)
        assert await provider.send(notification(app=3)) == Attempt(X, "no API key for app 3")
        await provider.aclose()
        assert len(stub.requests) == 2


async def test_closing_makes_what_is_in_flight_a_retry() -> None:
    async with Stub(latency=60) as stub:
        await check_closing(pushy(stub), notification(), lambda: stub.pushes)


async def test_neither_key_nor_token_shows_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs of every logger at DEBUG, whatever is printed, reasons, exceptions and reprs."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "billboard", "curl_cffi", "httpx", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    asyncio.get_running_loop().set_debug(True)
    seen: list[str] = []
    async with Stub() as stub:
        provider = pushy(stub)
        seen.append(repr(await provider.send(notification())))
        for status, _, code, _ in TABLE:
            if status < 600:
                stub.canned = refusal(status, code or "some text")
                seen.append(repr(await provider.send(notification())))
        untrusting = PushyProvider({0: API_KEY}, stub.url)
        seen.append(repr(await untrusting.send(notification())))
        await untrusting.aclose()
    seen.append(repr(await provider.send(notification())))  # nobody listens any more
    await provider.aclose()
    with pytest.raises(ProviderError) as closed:
        await provider.send(notification())
    with pytest.raises(ProviderError) as refused:
        PushyProvider({0: API_KEY + " "})
    for caught in (closed, refused):
        seen += traceback.format_exception(caught.value)
    seen += [repr(provider), str(provider), repr(notification()), caplog.text, *capfd.readouterr()]
    assert len(seen) > len(TABLE)
    for text in seen:
        assert API_KEY not in text
        assert DEVICE not in text


@pytest.mark.parametrize("api_key", ["", "short", "a" * 20 + " ", "a" * 20 + "&x=y", "a" * 257])
def test_an_unusable_key_is_refused_without_showing_it(api_key: str) -> None:
    with pytest.raises(ProviderError, match="API key of app 7: must be letters") as caught:
        PushyProvider({7: api_key})
    assert not api_key or api_key not in str(caught.value)


def test_no_keys_are_refused() -> None:
    with pytest.raises(ProviderError, match="none given; give the Secret API Key"):
        PushyProvider({})


@pytest.mark.parametrize("host", ["", "api.pushy.me", "http://api.pushy.me", "https://x/y"])
def test_an_unusable_host_is_refused(host: str) -> None:
    with pytest.raises(ProviderError, match="Pushy host: must be like https://"):
        PushyProvider({0: API_KEY}, host)


def test_an_unusable_ca_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="Pushy CA file"):
        PushyProvider({0: API_KEY}, ca_file=tmp_path / "none.pem")
