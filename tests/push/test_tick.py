"""The tick: blobs in, one notification for each device out, in random order (SPEC 10)."""

from __future__ import annotations

import numpy as np
import pytest

from billboard import (
    DeviceToken,
    FrameClass,
    Handle,
    InvalidEncodingError,
    Platform,
    SecretKey,
    WebPushSubscription,
    stack,
)
from billboard.push.tick import open_tick

NOW = 1_800_000_000.0
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


def test_one_notification_for_each_device(secret_key: SecretKey) -> None:
    key = secret_key.public_key
    first, second = key.encrypt(token(1), now=NOW), key.encrypt(token(2), now=NOW)
    again = key.encrypt(token(1), gate=b"g" * 16, expires=NOW + 7200, now=NOW)
    blobs = [first, second, first.rerandomize(key), again]
    tick = open_tick(secret_key, stack(blobs), now=NOW)
    assert (tick.received, tick.opened) == (4, 4)
    assert {n.token for n in tick.notifications} == {token(1), token(2)}
    assert len(tick.notifications) == 2


def test_platform_app_and_token_all_tell_devices_apart(secret_key: SecretKey) -> None:
    tokens = [token(1), token(1, app=1), token(1, platform=Platform.FCM), token(2)]
    array = secret_key.public_key.encrypt_batch(tokens * 3, now=NOW)
    tick = open_tick(secret_key, array, now=NOW)
    assert {n.token for n in tick.notifications} == set(tokens)
    assert len(tick.notifications) == 4


def test_what_does_not_open_is_dropped(secret_key: SecretKey) -> None:
    key = secret_key.public_key
    array = np.concatenate(
        [
            key.encrypt_batch([token(1)], now=NOW),
            SecretKey.generate().public_key.encrypt_batch([token(2)], now=NOW),
            key.encrypt_batch([token(3)], expires=NOW, now=NOW),
            np.full((1, 9, 32), 255, np.uint8),
        ]
    )
    tick = open_tick(secret_key, array, now=NOW)
    assert (tick.received, tick.opened) == (4, 1)
    assert [n.token for n in tick.notifications] == [token(1)]
    assert open_tick(secret_key, array[1:], now=NOW).notifications == ()


def test_the_notification_is_short_lived(secret_key: SecretKey) -> None:
    array = secret_key.public_key.encrypt_batch([token(1)], now=NOW)
    (notification,) = open_tick(secret_key, array, lifetime=60, now=NOW).notifications
    assert notification.expires == NOW + 60
    assert notification.collapse_id is None


def test_the_order_says_nothing(secret_key: SecretKey) -> None:
    tokens = [token(i) for i in range(32)]
    array = secret_key.public_key.encrypt_batch(tokens, now=NOW)
    orders = {
        tuple(n.token.value for n in open_tick(secret_key, array, now=NOW).notifications)
        for _ in range(4)
    }
    assert len(orders) == 4


def test_an_empty_tick(secret_key: SecretKey) -> None:
    tick = open_tick(secret_key, np.zeros((0, 9, 32), np.uint8), now=NOW)
    assert (tick.received, tick.opened, tick.notifications) == (0, 0, ())
    with pytest.raises(InvalidEncodingError):
        stack([])


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
    array = secret_key.public_key.encrypt_batch([*bad, SUBSCRIPTION, token(1), *bad], now=NOW)
    tick = open_tick(secret_key, array, now=NOW)
    assert (tick.received, tick.opened) == (12, 2)
    assert {n.token for n in tick.notifications} == {SUBSCRIPTION, token(1)}
    assert secret_key.open_batch(array, now=NOW)[1].all()


def test_tokens_of_other_platforms_are_opaque(secret_key: SecretKey) -> None:
    others = [
        DeviceToken(platform, b"short") for platform in Platform if platform != Platform.WEB_PUSH
    ]
    tick = open_tick(secret_key, secret_key.public_key.encrypt_batch(others, now=NOW), now=NOW)
    assert {n.token for n in tick.notifications} == set(others)


# Class H


@pytest.fixture(scope="module")
def key_of_class_h() -> SecretKey:
    return SecretKey.generate(FrameClass.H)


def test_handles_are_looked_up(key_of_class_h: SecretKey) -> None:
    key, (one, two, same, unknown) = (
        key_of_class_h.public_key,
        [Handle(bytes([i]) * 16) for i in range(4)],
    )
    handles = {one: token(1), two: token(2, platform=Platform.FCM, app=3), same: token(1)}
    blobs = [key.encrypt(each, now=NOW) for each in (one, two, unknown, one, same)]
    stranger = SecretKey.generate(FrameClass.H).public_key.encrypt(one, now=NOW)
    expired = key.encrypt(one, expires=NOW, now=NOW)
    tick = open_tick(key_of_class_h, stack([*blobs, stranger, expired]), handles=handles, now=NOW)
    assert (tick.received, tick.opened) == (7, 4)
    assert {n.token for n in tick.notifications} == {token(1), handles[two]}
    assert len(tick.notifications) == 2


def test_an_unknown_handle_looks_like_what_is_not_mine(key_of_class_h: SecretKey) -> None:
    blob = key_of_class_h.public_key.encrypt(Handle.generate(), now=NOW)
    stranger = SecretKey.generate(FrameClass.H).public_key.encrypt(Handle.generate(), now=NOW)
    ticks = [
        open_tick(key_of_class_h, stack([each]), handles={}, now=NOW) for each in (blob, stranger)
    ]
    assert ticks[0] == ticks[1]
    assert ticks[0].opened == 0


def test_a_registered_subscription_must_decode_too(key_of_class_h: SecretKey) -> None:
    good, bad = Handle.generate(), Handle.generate()
    handles = {good: SUBSCRIPTION, bad: DeviceToken(Platform.WEB_PUSH, b"short")}
    array = key_of_class_h.public_key.encrypt_batch([good, bad], now=NOW)
    tick = open_tick(key_of_class_h, array, handles=handles, now=NOW)
    assert tick.opened == 1
    assert [n.token for n in tick.notifications] == [SUBSCRIPTION]


def test_handles_belong_to_class_h(secret_key: SecretKey, key_of_class_h: SecretKey) -> None:
    with pytest.raises(InvalidEncodingError, match="handles"):
        open_tick(secret_key, np.zeros((0, 9, 32), np.uint8), handles={})
    with pytest.raises(InvalidEncodingError, match="handles"):
        open_tick(key_of_class_h, np.zeros((0, 3, 32), np.uint8))
