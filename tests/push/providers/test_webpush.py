"""WebPushProvider: what it sends, where, and what it makes of each answer.

Over real TLS and HTTP/2, to a push service that decrypts by code of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billboard.errors import ProviderError
from billboard.push.dispatch import Attempt, Notification, Outcome
from billboard.push.emulators.http2 import Reply
from billboard.push.emulators.webpush import WebPushEmulator, decrypt
from billboard.push.providers.content import CONTENT_FREE_BYTES
from billboard.push.providers.transport import MAX_ANSWER
from billboard.push.providers.webpush import PLAINTEXT_SIZE, WebPushProvider, classify
from billboard.push.providers.webpush_vapid import VapidKey
from billboard.tokens import DeviceToken, Platform
from billboard.webpush import WebPushSubscription
from push.support import Alike, Clock, notification

D, U, L, X = Outcome.DELIVERED, Outcome.UNREGISTERED, Outcome.RETRY, Outcome.REJECTED


def pem(curve: ec.EllipticCurve | None = None) -> bytes:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


TOPIC_OF_MERGE = "KDEorO8UlDwSf3Mnyo9X5818MexsVUbe"
"""printf merge | sha256sum, in base64url, cut off after 32 characters."""

CONTACT = "mailto:push@example.org"
KEY = VapidKey(pem(), CONTACT)

TABLE: list[tuple[int, Outcome]] = [
    (200, D),
    (201, D),
    (202, D),
    (204, D),
    (301, X),
    (302, X),
    (304, X),
    (307, X),
    (308, X),
    (400, X),
    (401, X),
    (403, X),
    (404, U),
    (405, X),
    (406, X),
    (410, U),
    (413, X),
    (429, L),
    (500, L),
    (502, L),
    (503, L),
    (504, L),
    (600, X),
]


class Names:
    """A name server that gives its answers in turn, and the last of them ever after."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


class Canned(Alike, WebPushEmulator):
    """In the place of a push service."""


def provider(emulator: WebPushEmulator, **options: Any) -> WebPushProvider:
    settings: dict[str, Any] = {
        "hosts": {emulator.NAME},
        "ca_file": emulator.ca_file,
        "ports": (emulator.port,),
        "networks": ("127.0.0.0/8",),
        "resolve": Names("127.0.0.1"),
    }
    return WebPushProvider(KEY, **(settings | options))


@asynccontextmanager
async def connected(emulator: WebPushEmulator, **options: Any) -> AsyncIterator[WebPushProvider]:
    web_push = provider(emulator, **options)
    try:
        yield web_push
    finally:
        await web_push.aclose()


def message(subscription: WebPushSubscription, **parts: Any) -> Notification:
    return notification(subscription.to_token(), **parts)


def subscribe(emulator: WebPushEmulator) -> WebPushSubscription:
    return emulator.subscribe(KEY.application_server_key)


async def answer(reply: Reply, **options: Any) -> Attempt:
    async with Canned(reply) as emulator, connected(emulator, **options) as web_push:
        return await web_push.send(message(subscribe(emulator)))


@pytest.mark.parametrize(("status", "outcome"), TABLE)
def test_each_answer_has_one_meaning(status: int, outcome: Outcome) -> None:
    assert classify(status) == Attempt(outcome, None, status)
    asked = classify(status, retry_after=77.0)
    assert asked.retry_after == (77.0 if outcome is L else None)


@pytest.mark.parametrize(("status", "outcome"), [row for row in TABLE if row[0] < 600])
async def test_each_answer_has_that_meaning_over_the_wire(status: int, outcome: Outcome) -> None:
    assert await answer(Reply(status)) == Attempt(outcome, None, status)


async def test_retry_after_is_read_in_both_forms() -> None:
    assert (await answer(Reply(429, (("retry-after", "120"),)))).retry_after == 120.0
    dated = Reply(503, (("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT"),))
    assert (await answer(dated, clock=Clock(1_445_412_480.0))).retry_after == 90.0


def test_the_emulator_decrypts_the_example_of_the_rfc() -> None:
    """RFC 8291, section 5: so that it is the RFC's encryption, and not only the library's."""

    def data(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    private = int.from_bytes(data("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), "big")
    body = data(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    key, auth = ec.derive_private_key(private, ec.SECP256R1()), data("BTBZMqHH6r4Tts7J_aSIgg")
    assert decrypt(body, key, auth) == b"When I grow up, I want to be a watermelon"
    for index in (0, 30, 100, len(body) - 1):
        changed = bytes(each ^ (at == index) for at, each in enumerate(body))
        with pytest.raises(ValueError):  # noqa: PT011  # of the point or of the tag
            decrypt(changed, key, auth)
    with pytest.raises(ValueError, match="not for this key"):
        decrypt(body, key, bytes(16))
    assert http_ece.decrypt(body, private_key=key, auth_secret=auth) == decrypt(body, key, auth)


async def test_a_device_decrypts_what_every_notification_says() -> None:
    async with WebPushEmulator() as emulator, connected(emulator) as web_push:
        one, two = subscribe(emulator), subscribe(emulator)
        for subscription in (one, two, one):
            assert await web_push.send(message(subscription)) == Attempt(D, None, 201)
        assert [each.endpoint for each in emulator.deliveries] == [
            one.endpoint,
            two.endpoint,
            one.endpoint,
        ]
        assert {each.plaintext for each in emulator.deliveries} == {
            CONTENT_FREE_BYTES.ljust(PLAINTEXT_SIZE)
        }
        assert {each.contact for each in emulator.deliveries} == {CONTACT}
        assert emulator.connections == 1


@pytest.mark.parametrize("payload", [b'{"a":1}', b'{"a":"' + b"x" * (PLAINTEXT_SIZE - 8) + b'"}'])
async def test_every_message_has_one_size_and_other_bytes(payload: bytes) -> None:
    async with Canned(Reply(201)) as emulator, connected(emulator, payload=payload) as web_push:
        one = message(subscribe(emulator))
        await web_push.send(one)
        await web_push.send(one)
        first, second = (bytes(each.body) for each in emulator.requests)
    assert len(first) == len(second) == 86 + PLAINTEXT_SIZE + 17
    assert first[:16] != second[:16], "the salt"
    assert first[21:86] != second[21:86], "the sender's key"


async def test_the_request_is_as_the_rfcs_ask_and_tells_nothing_else() -> None:
    clock = Clock()
    expires = clock.now + 90.9
    async with Canned(Reply(201)) as emulator, connected(emulator, clock=clock) as web_push:
        subscription = subscribe(emulator)
        await web_push.send(message(subscription, collapse_id="merge", expires=expires, priority=5))
        (request,) = emulator.requests
        origin = emulator.origin
    authorization = request.value("authorization")
    assert dict(request.headers) == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": origin.removeprefix("https://"),
        ":path": subscription.endpoint.removeprefix(origin),
        "authorization": authorization,
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "content-length": str(len(request.body)),
        "topic": TOPIC_OF_MERGE,
        "ttl": "90",
        "urgency": "normal",
    }
    token = authorization.removeprefix("vapid t=").partition(",")[0]
    public = KEY.private_key().public_key()
    claims = jwt.decode(token, public, ["ES256"], {"verify_exp": False}, audience=origin)
    assert claims == {"aud": origin, "exp": int(clock.now + 12 * 3600), "sub": CONTACT}
    assert authorization.endswith(f", k={KEY.application_server_key}")


async def test_a_repeat_has_the_topic_of_the_first_and_a_collapse_id_goes_before() -> None:
    async with WebPushEmulator() as emulator, connected(emulator) as web_push:
        subscription = subscribe(emulator)
        one, two = message(subscription), message(subscription)
        merged = [message(subscription, collapse_id="secret") for _ in range(2)]
        for each in (one, two, one, *merged):
            await web_push.send(each)
        topics = [each.topic or "" for each in emulator.deliveries]
    assert topics[0] == topics[2] != topics[1]
    assert topics[3] == topics[4] not in topics[:3]
    assert {len(topic) for topic in topics} == {32}


@pytest.mark.parametrize(
    ("left", "ttl"), [(None, 2_419_200), (-5.0, 0), (0.4, 0), (61.0, 61), (1e9, 2_419_200)]
)
@pytest.mark.parametrize(("priority", "urgency"), [(10, "high"), (5, "normal"), (1, "low")])
async def test_time_to_live_and_urgency(
    left: float | None, ttl: int, priority: int, urgency: str
) -> None:
    clock = Clock()
    expires = None if left is None else clock.now + left
    async with (
        WebPushEmulator(clock=clock) as emulator,
        connected(emulator, clock=clock) as web_push,
    ):
        one = message(subscribe(emulator), expires=expires, priority=priority)
        assert (await web_push.send(one)).outcome is D
        (delivery,) = emulator.deliveries
    assert (delivery.ttl, delivery.urgency) == (ttl, urgency)


async def test_an_authorization_is_used_for_six_hours_and_good_for_longer() -> None:
    clock = Clock()
    async with Canned(Reply(201)) as emulator, connected(emulator, clock=clock) as web_push:
        for step in (0.0, 6 * 3600 - 1, 1.0, -1.0):
            clock.now += step
            await web_push.send(message(subscribe(emulator)))
        sent = [each.value("authorization") for each in emulator.requests]
    assert sent[0] == sent[1]
    assert len(set(sent[1:])) == 3, "renewed, and renewed when the clock went back"


async def test_gone_and_throttled_and_foreign_subscriptions() -> None:
    async with WebPushEmulator() as emulator, connected(emulator) as web_push:
        gone, busy = subscribe(emulator), subscribe(emulator)
        foreign = emulator.subscribe(VapidKey(pem(), CONTACT).application_server_key)
        emulator.unsubscribe(gone)
        emulator.throttle(busy, times=1, retry_after=9)
        assert await web_push.send(message(gone)) == Attempt(U, None, 410)
        assert await web_push.send(message(busy)) == Attempt(L, None, 429, 9.0)
        assert await web_push.send(message(busy)) == Attempt(D, None, 201)
        assert await web_push.send(message(foreign)) == Attempt(X, None, 403)


# where it posts to


async def test_a_name_that_is_rebound_leads_nowhere_else() -> None:
    """127.0.0.2 stands for a public address here; 127.0.0.1, where another listens, does not."""
    clock, names = Clock(), Names("127.0.0.2", "127.0.0.1")
    async with (
        WebPushEmulator() as inside,
        WebPushEmulator(inside.port, address="127.0.0.2", clock=clock) as emulator,
        connected(emulator, clock=clock, networks=("127.0.0.2/32",), resolve=names) as web_push,
    ):
        one = message(subscribe(emulator))
        assert (await web_push.send(one)).outcome is D
        assert (await web_push.send(one)).outcome is D
        assert names.asked == [(emulator.NAME, emulator.port)]
        clock.now += 60
        refused = await web_push.send(one)
        assert refused == Attempt(X, "the endpoint's host is not at a public address")
        assert (len(emulator.deliveries), inside.connections) == (2, 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"hosts": {"fcm.googleapis.com"}}, "the endpoint's host is not on the list"),
        ({"ports": (443,)}, "the endpoint's port is not on the list"),
        ({"networks": ()}, "the endpoint's host is not at a public address"),
    ],
)
async def test_what_may_not_be_reached_is_rejected_unsent(
    options: dict[str, Any], reason: str
) -> None:
    async with WebPushEmulator() as emulator, connected(emulator, **options) as web_push:
        assert await web_push.send(message(subscribe(emulator))) == Attempt(X, reason)
        assert emulator.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
async def test_any_host_is_any_public_host(host: str) -> None:
    async with WebPushEmulator() as emulator:
        good = subscribe(emulator)
        endpoint = good.endpoint.replace(emulator.NAME, host)
        bad = WebPushSubscription(endpoint, good.p256dh, good.auth)
        options: dict[str, Any] = {"hosts": {"*"}, "networks": ()}
        async with connected(emulator, **options) as web_push:
            assert (await web_push.send(message(bad))).outcome is X
        assert emulator.connections == 0


async def test_the_pin_goes_before_what_curl_knows_of_a_name() -> None:
    """curl takes .localhost for loopback by itself; here it is at an address with no server."""
    async with WebPushEmulator() as emulator:
        good = subscribe(emulator)
        endpoint = good.endpoint.replace(emulator.NAME, "push.localhost")
        one = message(WebPushSubscription(endpoint, good.p256dh, good.auth))
        options: dict[str, Any] = {"hosts": {"*"}, "resolve": Names("127.0.0.3")}
        async with connected(emulator, **options) as web_push:
            assert (await web_push.send(one)) == Attempt(L, "transport error COULDNT_CONNECT")
        assert emulator.connections == 0


async def test_a_stranger_that_never_answers_takes_no_place_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever names he has for an address, and whatever addresses in his network."""
    addresses = {
        **{f"{each}.evil.test": ["127.0.0.3"] for each in range(30)},
        **{f"{each}.evil6.test": [f"fd00::{each + 1}", f"127.0.1.{each}"] for each in range(30)},
        **{f"{each}.silent.test": [] for each in range(30)},
        "good.test": ["127.0.0.4"],
        "listed.test": ["127.0.0.3"],
    }

    async def resolve(host: str, _port: int) -> list[str]:
        if "silent" in host:
            await asyncio.Event().wait()
        return addresses[host]

    async def never(*_: object) -> Attempt:
        await asyncio.Event().wait()
        raise AssertionError

    full = Attempt(L, "too many requests wait for the endpoint's host")
    async with WebPushEmulator() as emulator:
        options: dict[str, Any] = {
            "hosts": {"*", "listed.test"},
            "networks": ("127.0.0.0/8", "fd00::/8"),
            "resolve": resolve,
        }
        async with connected(emulator, **options) as web_push:

            async def in_flight(*hosts: str) -> list[asyncio.Task[Attempt]]:
                good = subscribe(emulator)
                made = [
                    WebPushSubscription(
                        good.endpoint.replace(emulator.NAME, host), good.p256dh, good.auth
                    )
                    for host in hosts
                ]
                tasks = [asyncio.create_task(web_push.send(message(each))) for each in made]
                _, waiting = await asyncio.wait(tasks, timeout=0.2)
                assert {each.result() for each in tasks if each.done()} <= {full}
                return list(waiting)

            with monkeypatch.context() as patch:
                patch.setattr(web_push._transport, "post", never)
                waiting = []
                for stranger in ("evil", "evil6", "silent"):
                    hosts = [f"{each}.{stranger}.test" for each in range(30)]
                    waiting += (found := await in_flight(*hosts))
                    assert len(found) == 20, stranger
                waiting += await in_flight("good.test", *["listed.test"] * 40)
                assert len(waiting) == 101
                for each in waiting:
                    each.cancel()
                await asyncio.wait(waiting)
                assert not web_push._hosts._in_flight, "they are counted while they last"


async def test_hosts_do_not_share_pins() -> None:
    async with WebPushEmulator() as one, WebPushEmulator(address="127.0.0.2") as two:
        addresses = {"one.test": "127.0.0.1", "two.test": "127.0.0.2"}

        async def resolve(host: str, _port: int) -> list[str]:
            return [addresses[host]]

        options: dict[str, Any] = {"hosts": {"*"}, "ports": (one.port, two.port)}
        async with connected(one, resolve=resolve, **options) as web_push:
            for emulator, host in [(one, "one.test"), (two, "two.test")] * 3:
                good = subscribe(emulator)
                endpoint = good.endpoint.replace(emulator.NAME, host)
                bad = WebPushSubscription(endpoint, good.p256dh, good.auth)
                await web_push.send(message(bad))  # for its certificate has another name
        assert (one.connections > 0, two.connections > 0) == (True, True)
        assert one.deliveries == two.deliveries == []


async def test_a_name_without_address_is_a_retry() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        raise OSError("secret")

    async with WebPushEmulator() as emulator, connected(emulator, resolve=resolve) as web_push:
        attempt = await web_push.send(message(subscribe(emulator)))
        assert attempt == Attempt(L, "the endpoint's host has no address")


async def test_another_authority_is_not_trusted() -> None:
    async with WebPushEmulator() as emulator, WebPushEmulator() as other:
        async with connected(emulator, ca_file=other.ca_file) as web_push:
            attempt = await web_push.send(message(subscribe(emulator)))
        assert attempt == Attempt(L, "transport error PEER_FAILED_VERIFICATION")


async def test_a_redirect_is_not_followed() -> None:
    async with WebPushEmulator() as elsewhere:
        location = (("location", f"{elsewhere.url}/push/0"),)
        for status in (301, 302, 303, 307, 308):
            assert (await answer(Reply(status, location))).outcome is X
        assert elsewhere.connections == 0


async def test_an_answer_without_end_is_cut_off() -> None:
    attempt = await answer(Reply(201, (), b"x" * (MAX_ANSWER + 1)))
    assert attempt == Attempt(L, "transport error FILESIZE_EXCEEDED")


async def test_a_token_that_is_no_subscription_is_rejected() -> None:
    async with WebPushEmulator() as emulator, connected(emulator) as web_push:
        one = notification(DeviceToken(Platform.WEB_PUSH, b"nonsense"))
        assert await web_push.send(one) == Attempt(X, "the token is no subscription")


async def test_closing_makes_what_is_in_flight_a_retry() -> None:
    async with WebPushEmulator(latency=60) as emulator:
        web_push = provider(emulator)
        tasks = [asyncio.create_task(web_push.send(message(subscribe(emulator)))) for _ in range(3)]
        while len(emulator.deliveries) < 3 and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        await web_push.aclose()
        await web_push.aclose()
        assert {await task for task in tasks} == {Attempt(L, "the provider was closed")}
        with pytest.raises(ProviderError, match="closed"):
            await web_push.send(message(subscribe(emulator)))


async def test_no_endpoint_and_no_key_is_ever_shown(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with WebPushEmulator(reset_every=7, drop_every=31) as emulator:
            subscriptions = [subscribe(emulator) for _ in range(40)]
            emulator.unsubscribe(subscriptions[3])
            async with connected(emulator) as web_push:
                shown += [await web_push.send(message(each)) for each in subscriptions]
                shown += [web_push, emulator, KEY, *emulator.deliveries]
            async with connected(emulator, hosts={"other.test"}) as web_push:
                shown.append(await web_push.send(message(subscriptions[0])))
    text = caplog.text + "".join(f"{each}{each!r}" for each in shown)
    assert "410" in text
    assert "transport error" in text
    for secret in (emulator.NAME, "/push/", "PRIVATE KEY", "vapid t="):
        assert secret not in text


# what is given to it


@pytest.mark.parametrize(
    "key", [b"", b"secret", pem(ec.SECP384R1()), b"-----BEGIN PRIVATE KEY-----\nsecret"]
)
def test_an_unusable_key_is_refused_and_not_shown(key: bytes) -> None:
    with pytest.raises(ProviderError, match="VAPID key") as raised:
        VapidKey(key, CONTACT)
    assert raised.value.__context__ is None
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("contact", ["", "push@example.org", "mailto:", "http://a", "mailto:a@b\n"])
def test_an_unusable_contact_is_refused(contact: str) -> None:
    with pytest.raises(ProviderError, match="VAPID contact"):
        VapidKey(KEY.private_key_pem, contact)


def test_the_key_of_openssl_is_taken() -> None:
    text = KEY.private_key().private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert VapidKey(text, CONTACT).application_server_key == KEY.application_server_key


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]", b"{", b"\xff", b"x" * 600])
def test_an_unusable_payload_is_refused(payload: bytes) -> None:
    with pytest.raises(ProviderError, match="Web Push payload"):
        WebPushProvider(KEY, payload=payload)


def test_what_is_said_is_json_as_it_is_padded() -> None:
    assert json.loads(CONTENT_FREE_BYTES.ljust(PLAINTEXT_SIZE)) == {"event": "NEW_MESSAGE"}
