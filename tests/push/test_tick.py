"""The tick: blobs in, one notification for each device out, in random order (SPEC 10)."""

from __future__ import annotations

import numpy as np
import pytest

from billboard import DeviceToken, InvalidEncodingError, Platform, SecretKey, stack
from billboard.push.notification import CONTENT_FREE_PAYLOAD
from billboard.push.tick import open_tick

NOW = 1_800_000_000.0


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


def test_the_notification_is_content_free_and_short_lived(secret_key: SecretKey) -> None:
    array = secret_key.public_key.encrypt_batch([token(1)], now=NOW)
    (notification,) = open_tick(secret_key, array, lifetime=60, now=NOW).notifications
    assert notification.payload == CONTENT_FREE_PAYLOAD
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
