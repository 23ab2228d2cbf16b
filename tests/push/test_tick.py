"""The tick: blobs in, one notification for each device out, in random order (SPEC 10.4)."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from billboard import (
    Blob,
    DeviceToken,
    FrameClass,
    Handle,
    InvalidEncodingError,
    Platform,
    SecretKey,
    WebPushSubscription,
)
from billboard.batches import Array
from billboard.push.requests.request import LONGEST_REVOCATION, PushRequest
from billboard.push.tick import Drop, Tick, open_tick

NOW = 1_800_000_000.0
HOUR = 3600.0
GENERATOR = bytes.fromhex(  # of P-256
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
SUBSCRIPTION = WebPushSubscription("https://push.example/1", GENERATOR, bytes(16)).to_token()


@pytest.fixture(scope="module")
def secret_key() -> SecretKey:
    return SecretKey.generate()


def token(number: int, *, app: int = 0, platform: Platform = Platform.APNS) -> DeviceToken:
    return DeviceToken(platform, number.to_bytes(32, "big"), app)


def pushes(key: SecretKey, blobs: Iterable[Blob] | Array) -> list[PushRequest]:
    """A request with each of these blobs, which say that they are for ``key``."""
    encoded = [each.tobytes() if isinstance(each, np.ndarray) else bytes(each) for each in blobs]
    return [PushRequest(key.public_key.key_id, each) for each in encoded]


def encrypted(key: SecretKey, *tokens: DeviceToken | Handle, **frame: object) -> list[PushRequest]:
    return pushes(key, key.public_key.encrypt_batch(tokens, now=NOW, **frame))  # type: ignore[arg-type]


def drops(tick: Tick) -> dict[str, int]:
    assert set(tick.dropped) <= set(Drop)
    return {reason: count for reason, count in tick.dropped.items() if count}


def test_one_notification_for_each_device(secret_key: SecretKey) -> None:
    key = secret_key.public_key
    first, second = key.encrypt(token(1), now=NOW), key.encrypt(token(2), now=NOW)
    again = key.encrypt(token(1), gate=b"g" * 16, expires=NOW + 2 * HOUR, now=NOW)
    requests = pushes(secret_key, [first, second, first.rerandomize(key), again])
    tick = open_tick([secret_key], requests, now=NOW)
    assert (tick.received, tick.opened, drops(tick)) == (4, 4, {})
    assert {n.token for n in tick.notifications} == {token(1), token(2)}
    assert len(tick.notifications) == 2


def test_platform_app_and_token_all_tell_devices_apart(secret_key: SecretKey) -> None:
    tokens = [token(1), token(1, app=1), token(1, platform=Platform.FCM), token(2)]
    tick = open_tick([secret_key], encrypted(secret_key, *tokens * 3), now=NOW)
    assert {n.token for n in tick.notifications} == set(tokens)
    assert len(tick.notifications) == 4


def test_what_does_not_open_is_dropped(secret_key: SecretKey) -> None:
    requests = [
        *encrypted(secret_key, token(1)),
        *pushes(secret_key, SecretKey.generate().public_key.encrypt_batch([token(2)], now=NOW)),
        *encrypted(secret_key, token(3), expires=NOW),
        *pushes(secret_key, np.full((1, 9, 32), 255, np.uint8)),
        *pushes(secret_key, np.zeros((1, 9, 32), np.uint8)),
    ]
    tick = open_tick([secret_key], requests, now=NOW)
    assert (tick.received, tick.opened, drops(tick)) == (5, 1, {"blob": 4})
    assert [n.token for n in tick.notifications] == [token(1)]
    assert open_tick([secret_key], requests[1:], now=NOW).notifications == ()


def test_each_key_opens_what_is_for_it(secret_key: SecretKey) -> None:
    """While the keys change, blobs of both are pushed; of any other key none is."""
    old, stranger = SecretKey.generate(), SecretKey.generate()
    mislabeled = pushes(secret_key, old.public_key.encrypt_batch([token(9)], now=NOW))
    requests = [
        *encrypted(old, token(1), token(2)),
        *encrypted(secret_key, token(2), token(3)),
        *encrypted(stranger, token(4)),
        *mislabeled,
    ]
    tick = open_tick([secret_key, old], requests, now=NOW)
    assert {n.token for n in tick.notifications} == {token(1), token(2), token(3)}
    assert (tick.opened, drops(tick)) == (4, {"key": 1, "blob": 1})
    assert len(open_tick([secret_key], requests, now=NOW).notifications) == 2


def test_a_notification_expires_with_its_frame_or_its_lifetime(secret_key: SecretKey) -> None:
    requests = [
        *encrypted(secret_key, token(1)),
        *encrypted(secret_key, token(2), expires=NOW + HOUR),
        *encrypted(secret_key, token(3), expires=NOW + HOUR),
        *encrypted(secret_key, token(3), expires=NOW + 5 * HOUR),
    ]
    tick = open_tick([secret_key], requests, lifetime=3 * HOUR, now=NOW)
    expires = {n.token: n.expires for n in tick.notifications}
    assert expires == {
        token(1): NOW + 3 * HOUR,
        token(2): NOW + HOUR,
        token(3): NOW + 3 * HOUR,
    }
    assert {n.collapse_id for n in tick.notifications} == {None}
    assert {n.priority for n in tick.notifications} == {10}


def test_a_frame_that_expires_too_late_is_dropped(secret_key: SecretKey) -> None:
    """Its gate could not be remembered for long enough."""
    latest = (NOW // HOUR + LONGEST_REVOCATION) * HOUR
    requests = [
        *encrypted(secret_key, token(1), expires=latest),
        *encrypted(secret_key, token(2), expires=latest + HOUR),
    ]
    tick = open_tick([secret_key], requests, now=NOW)
    assert [n.token for n in tick.notifications] == [token(1)]
    assert drops(tick) == {"lifetime": 1}


def test_a_refused_gate_is_dropped(secret_key: SecretKey) -> None:
    asked: list[set[bytes]] = []

    def refused(gates: Collection[bytes]) -> set[bytes]:
        asked.append(set(gates))
        return {b"b" * 16, b"c" * 16}

    requests = [
        *encrypted(secret_key, token(1), token(2), gate=b"a" * 16),
        *encrypted(secret_key, token(2), token(3), gate=b"b" * 16),
        *encrypted(secret_key, token(4)),
    ]
    tick = open_tick([secret_key], requests, refused=refused, now=NOW)
    assert {n.token for n in tick.notifications} == {token(1), token(2), token(4)}
    assert (tick.opened, drops(tick)) == (3, {"gate": 2})
    assert len(asked) == 1
    assert asked[0] >= {b"a" * 16, b"b" * 16}


def test_what_nobody_can_push_is_dropped(secret_key: SecretKey) -> None:
    requests = encrypted(secret_key, token(1), token(2, app=7), token(3, platform=Platform.FCM))
    tick = open_tick(
        [secret_key],
        requests,
        serves=lambda each: each.app == 0 and each.platform is Platform.APNS,
        now=NOW,
    )
    assert [n.token for n in tick.notifications] == [token(1)]
    assert drops(tick) == {"service": 2}


def test_the_order_says_nothing(secret_key: SecretKey) -> None:
    requests = encrypted(secret_key, *map(token, range(32)))
    orders = {
        tuple(n.token.value for n in open_tick([secret_key], requests, now=NOW).notifications)
        for _ in range(4)
    }
    assert len(orders) == 4


def test_an_empty_tick(secret_key: SecretKey) -> None:
    tick = open_tick([secret_key], [], now=NOW)
    assert (tick.received, tick.opened, tick.notifications, drops(tick)) == (0, 0, (), {})


CLASSES = {each: SecretKey.generate(each) for each in FrameClass}


@settings(max_examples=60)
@given(data=st.data(), frame_class=st.sampled_from(FrameClass))
def test_no_request_stops_a_tick(data: st.DataObject, frame_class: FrameClass) -> None:
    """Whatever senders put into a blob or in the place of one, the others are woken."""
    key = CLASSES[frame_class]
    longest = 16 if frame_class.carries_handle else frame_class.longest_token
    values = st.binary(min_size=1, max_size=longest) | st.just(SUBSCRIPTION.value[:longest])
    device = st.builds(DeviceToken, st.sampled_from(Platform), values, st.integers(0, 65535))
    known = Handle(b"k" * 16)
    good: DeviceToken | Handle = known if frame_class.carries_handle else token(1)
    if frame_class is FrameClass.S:
        good = DeviceToken(Platform.APNS, b"s" * min(longest, 32))
    woken = token(1) if isinstance(good, Handle) else good
    requests = encrypted(key, good)
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            blob = data.draw(
                st.binary(min_size=frame_class.blob_size).map(
                    lambda each: each[: frame_class.blob_size]
                )
            )
            requests.append(PushRequest(key.public_key.key_id, blob))
        elif frame_class.carries_handle:
            requests += encrypted(key, Handle(data.draw(st.binary(min_size=16, max_size=16))))
        else:
            requests += encrypted(key, data.draw(device))
    stands = data.draw(device) if frame_class.carries_handle else None

    def tokens(handles: Collection[Handle]) -> dict[Handle, DeviceToken]:
        return {each: woken if each == known else stands for each in handles if stands}

    tick = open_tick(
        [key], requests, tokens=tokens if frame_class.carries_handle else None, now=NOW, threads=1
    )
    assert woken in {n.token for n in tick.notifications}
    assert tick.received == len(requests)
    assert tick.opened + sum(tick.dropped.values()) == tick.received


# Web Push


def test_a_web_push_token_that_does_not_decode_is_dropped(secret_key: SecretKey) -> None:
    """Whoever posts it: the rest of the batch is woken, and it is not counted as opened."""
    value = SUBSCRIPTION.value
    broken = [
        b"short",
        value[:81],
        value[:64] + b"\0" + value[65:],
        value.replace(b"https", b"http"),
        value + b"#",
    ]
    bad = [DeviceToken(Platform.WEB_PUSH, each) for each in broken]
    requests = encrypted(secret_key, *bad, SUBSCRIPTION, token(1), *bad)
    tick = open_tick([secret_key], requests, now=NOW)
    assert (tick.received, tick.opened, drops(tick)) == (12, 2, {"subscription": 10})
    assert {n.token for n in tick.notifications} == {SUBSCRIPTION, token(1)}


def test_tokens_of_other_platforms_are_opaque(secret_key: SecretKey) -> None:
    others = [
        DeviceToken(platform, b"short") for platform in Platform if platform != Platform.WEB_PUSH
    ]
    tick = open_tick([secret_key], encrypted(secret_key, *others), now=NOW)
    assert {n.token for n in tick.notifications} == set(others)


# Class H


@pytest.fixture(scope="module")
def key_of_class_h() -> SecretKey:
    return SecretKey.generate(FrameClass.H)


def looked_up(*known: tuple[Handle, DeviceToken]) -> object:
    """A function for `open_tick` that knows these handles."""
    stands = dict(known)
    return lambda handles: {each: stands[each] for each in handles if each in stands}


def test_handles_are_looked_up(key_of_class_h: SecretKey) -> None:
    key = key_of_class_h.public_key
    one, two, same, unknown = (Handle(bytes([i]) * 16) for i in range(4))
    other = token(2, platform=Platform.FCM, app=3)
    blobs = [key.encrypt(each, now=NOW) for each in (one, two, unknown, one, same)]
    stranger = SecretKey.generate(FrameClass.H).public_key.encrypt(one, now=NOW)
    expired = key.encrypt(one, expires=NOW, now=NOW)
    tick = open_tick(
        [key_of_class_h],
        pushes(key_of_class_h, [*blobs, stranger, expired]),
        tokens=looked_up((one, token(1)), (two, other), (same, token(1))),  # type: ignore[arg-type]
        now=NOW,
    )
    assert (tick.received, tick.opened) == (7, 4)
    assert {n.token for n in tick.notifications} == {token(1), other}
    assert len(tick.notifications) == 2
    assert drops(tick) == {"handle": 1, "blob": 2}


def test_a_registered_subscription_must_decode_too(key_of_class_h: SecretKey) -> None:
    good, bad = Handle(os.urandom(16)), Handle(os.urandom(16))
    tick = open_tick(
        [key_of_class_h],
        encrypted(key_of_class_h, good, bad),
        tokens=looked_up(  # type: ignore[arg-type]
            (good, SUBSCRIPTION), (bad, DeviceToken(Platform.WEB_PUSH, b"short"))
        ),
        now=NOW,
    )
    assert (tick.opened, drops(tick)) == (1, {"subscription": 1})
    assert [n.token for n in tick.notifications] == [SUBSCRIPTION]


def test_handles_belong_to_class_h(secret_key: SecretKey, key_of_class_h: SecretKey) -> None:
    with pytest.raises(InvalidEncodingError, match="tokens"):
        open_tick([secret_key], [], tokens=lambda _: {})
    with pytest.raises(InvalidEncodingError, match="tokens"):
        open_tick([key_of_class_h], [])
    with pytest.raises(InvalidEncodingError, match="there is none"):
        open_tick([], [])


def test_one_token_is_looked_at_once(secret_key: SecretKey) -> None:
    """Or how long a tick takes would tell whether copies of one blob open."""
    asked: list[DeviceToken] = []

    def serves(one: DeviceToken) -> bool:
        asked.append(one)
        return one.app == 0

    requests = encrypted(secret_key, *[token(1), token(2, app=1)] * 50)
    tick = open_tick([secret_key], requests, serves=serves, now=NOW)
    assert (tick.opened, drops(tick)) == (50, {"service": 50})
    assert len(asked) == 2
