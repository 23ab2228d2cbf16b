"""Web Push subscriptions as tokens (SPEC 5.3)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given, strategies as st

from billboard import (
    DeviceToken,
    FrameClass,
    InvalidEncodingError,
    Platform,
    SecretKey,
    WebPushSubscription,
)

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
POINT = (
    ec.derive_private_key(0xDEC0DE, ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
)
AUTH = b"secret of sixtee"
ENDPOINT = "https://push.example/v2/capability?of=a-device"
SUBSCRIPTION = WebPushSubscription(ENDPOINT, POINT, AUTH)
TOKEN = SUBSCRIPTION.to_token(7)


def base64url(data: bytes, *, padded: bool = False) -> str:
    text = base64.urlsafe_b64encode(data).decode()
    return text if padded else text.rstrip("=")


def as_json(**changes: Any) -> str:
    keys = {"p256dh": base64url(POINT), "auth": base64url(AUTH)}
    members = {"endpoint": ENDPOINT, "expirationTime": None, "keys": keys}
    return json.dumps({**members, **changes})


def token_with(value: bytes) -> DeviceToken:
    return DeviceToken(Platform.WEB_PUSH, value)


# Tokens


def test_a_subscription_goes_round() -> None:
    assert TOKEN.platform is Platform.WEB_PUSH
    assert TOKEN.app == 7
    assert TOKEN.value == POINT + AUTH + ENDPOINT.encode()
    assert WebPushSubscription.from_token(TOKEN) == SUBSCRIPTION
    assert SUBSCRIPTION.to_token().app == 0
    with pytest.raises(InvalidEncodingError, match="65535"):
        SUBSCRIPTION.to_token(65536)


def test_the_longest_subscription_fits_class_xl() -> None:
    longest = WebPushSubscription("https://" + "a" * 992, POINT, AUTH).to_token()
    key = SecretKey.generate(FrameClass.XL)
    opened = key.open(key.public_key.encrypt(longest, now=0), now=0).token
    assert opened == longest
    assert isinstance(opened, DeviceToken)
    assert len(WebPushSubscription.from_token(opened).endpoint) == 1000


@pytest.mark.parametrize("platform", [each for each in Platform if each is not Platform.WEB_PUSH])
def test_a_token_of_another_platform_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidEncodingError, match=f"{platform.name} is not WEB_PUSH"):
        WebPushSubscription.from_token(DeviceToken(platform, TOKEN.value))


@pytest.mark.parametrize("size", [1, 64, 65, 66, 80, 81, 82, 81 + 8])
def test_a_token_that_is_too_short_is_refused(size: int) -> None:
    with pytest.raises(InvalidEncodingError):
        WebPushSubscription.from_token(token_with(TOKEN.value[:size]))


tokens = st.one_of(
    st.binary(min_size=1, max_size=1098),
    st.binary(max_size=1017).map(lambda rest: POINT + rest),
    st.binary(max_size=992).map(lambda rest: POINT + AUTH + b"https://" + rest),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=1000).map(
        lambda rest: POINT + AUTH + b"https://" + rest.encode()
    ),
)


@given(tokens)
@example(TOKEN.value)
def test_any_token_is_refused_or_goes_round(value: bytes) -> None:
    try:
        decoded = WebPushSubscription.from_token(token_with(value))
    except InvalidEncodingError:
        return
    assert decoded.to_token().value == value


# What is refused, from a token and in the constructor

BAD_KEYS = [
    ("of another kind", b"\x05" + POINT[1:]),
    ("compressed", bytes([2 + POINT[64] % 2]) + POINT[1:33]),
    ("hybrid", bytes([6 + POINT[64] % 2]) + POINT[1:]),
    ("the identity", b"\0"),
    ("the identity, padded", bytes(65)),
    ("zeros", b"\x04" + bytes(64)),
    ("not on the curve", POINT[:64] + bytes([POINT[64] ^ 1])),
    ("too short", POINT[:-1]),
    ("too long", POINT + b"\0"),
    ("empty", b""),
]


@pytest.mark.parametrize("p256dh", [key for _, key in BAD_KEYS], ids=[name for name, _ in BAD_KEYS])
def test_a_p256dh_that_is_not_an_uncompressed_point_is_refused(p256dh: bytes) -> None:
    with pytest.raises(InvalidEncodingError, match=r"^p256dh: "):
        WebPushSubscription(ENDPOINT, p256dh, AUTH)
    with pytest.raises(InvalidEncodingError):
        WebPushSubscription.from_token(token_with(p256dh + AUTH + ENDPOINT.encode()))


def test_the_form_of_a_point_is_named() -> None:
    for p256dh in (bytes([6 + POINT[64] % 2]) + POINT[1:], bytes(65)):
        with pytest.raises(InvalidEncodingError, match="p256dh: is not an uncompressed point"):
            WebPushSubscription(ENDPOINT, p256dh, AUTH)


def test_coordinates_are_smaller_than_p() -> None:
    """The point with x = 5, and the same with x = p + 5, which still fits 32 bytes."""
    y = pow((5**3 - 3 * 5 + B) % P, (P + 1) // 4, P)
    assert (y * y - (5**3 - 3 * 5 + B)) % P == 0
    for x, good in ((5, True), (P + 5, False)):
        p256dh = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        if good:
            assert WebPushSubscription(ENDPOINT, p256dh, AUTH).p256dh == p256dh
        else:
            with pytest.raises(InvalidEncodingError, match="not a point of P-256"):
                WebPushSubscription(ENDPOINT, p256dh, AUTH)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_auth_is_sixteen_bytes(size: int) -> None:
    with pytest.raises(InvalidEncodingError, match=f"auth: must be 16 bytes, not {size}"):
        WebPushSubscription(ENDPOINT, POINT, bytes(size))


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://a",
        "https://a/",
        "https://a?",
        "https://a:/",
        "https://push.example:8443/up?token=x/y@z",
        "https://192.0.2.1/p",
        "https://[2001:db8::1]:443/p",
        "https://[::ffff:192.0.2.1]",
        "https://[v1.fe:x]/",
        "https://%41.example/%zz<>|^`{}",
        "https://a.~_!$&'()*+,;=-b/",
        "https://" + "a" * 992,
    ],
)
def test_endpoints(endpoint: str) -> None:
    assert 9 <= len(endpoint) <= 1000
    token = WebPushSubscription(endpoint, POINT, AUTH).to_token()
    assert WebPushSubscription.from_token(token).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("", "must be 9 to 1000 characters, not 0"),
        ("https://", "must be 9 to 1000 characters, not 8"),
        ("https://" + "a" * 993, "must be 9 to 1000 characters, not 1001"),
        ("http://push.example/", "must begin with https://"),
        ("HTTPS://push.example/", "must begin with https://"),
        ("xhttps://push.example/", "must begin with https://"),
        ("https:/push.example/", "must begin with https://"),
        ("https:///path", "must name a host"),
        ("https://?query", "must name a host"),
        ("https://:443/", "must name a host"),
        ("https://push.example:port/", "must name a host"),
        ("https://push.example:1:2/", "must name a host"),
        ("https://push.example\\x/", "must name a host"),
        ("https://pu%4/", "must name a host"),
        ("https://<push>/", "must name a host"),
        ("https://[::1/", "must name a host"),
        ("https://[]/", "must name a host"),
        ("https://[1:2]/", "must name a host"),
        ("https://[::1]x/", "must name a host"),
        ("https://[v.x]/", "must name a host"),
        ("https://[fe80::1%25en0]/", "must name a host"),
        ("https://user@push.example/", "must not have user information"),
        ("https://user:word@push.example/", "must not have user information"),
        ("https://@push.example/", "must not have user information"),
        ("https://push.example/#", "must not have a fragment"),
        ("https://push.example#x@y", "must not have a fragment"),
        ("https://push.example/a b", "must be printable ASCII without spaces"),
        ("https://push.example/\n", "must be printable ASCII without spaces"),
        ("https://push.example/\x7f", "must be printable ASCII without spaces"),
        ("https://push.example/\xe9", "must be printable ASCII without spaces"),
        ("https://push.example/\u0661", "must be printable ASCII without spaces"),
    ],
)
def test_other_endpoints_are_refused(endpoint: str, problem: str) -> None:
    with pytest.raises(InvalidEncodingError, match=f"^endpoint: {re.escape(problem)}"):
        WebPushSubscription(endpoint, POINT, AUTH)
    value = POINT + AUTH + endpoint.encode("latin-1", "replace")
    if "\u0661" not in endpoint:
        with pytest.raises(InvalidEncodingError, match=r"^endpoint: "):
            WebPushSubscription.from_token(token_with(value))


def test_wrong_types_are_type_errors() -> None:
    for arguments in (
        (ENDPOINT.encode(), POINT, AUTH),
        (ENDPOINT, POINT.hex(), AUTH),
        (ENDPOINT, POINT, bytearray(AUTH)),
    ):
        with pytest.raises(TypeError, match="must be"):
            WebPushSubscription(*arguments)


# JSON


@pytest.mark.parametrize("padded", [False, True])
def test_what_a_browser_gives_is_read(padded: bool) -> None:
    keys = {
        name: base64url(key, padded=padded) for name, key in (("p256dh", POINT), ("auth", AUTH))
    }
    assert WebPushSubscription.from_json(as_json(keys=keys)) == SUBSCRIPTION
    keys["unknown"] = "ignored"
    text = as_json(keys=keys, expirationTime=1.8e12, unknown=[{"endpoint": 1}])
    assert WebPushSubscription.from_json(f" {text}\n") == SUBSCRIPTION


KEYS = f'{{"p256dh": "{base64url(POINT)}", "auth": "{base64url(AUTH)}"}}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "subscription: is not a JSON object"),
        ("{", "subscription: is not a JSON object"),
        ("[" * 100_000, "subscription: is not a JSON object"),
        ('{"a": ' * 100_000, "subscription: is not a JSON object"),
        ("1" * 5000, "subscription: is not a JSON object"),
        ("[]", "subscription: is not a JSON object"),
        ("null", "subscription: is not a JSON object"),
        ('"text"', "subscription: is not a JSON object"),
        (f'{{"endpoint": "{ENDPOINT}", "keys": {KEYS}, "endpoint": "x"}}', "has a member twice"),
        (as_json(keys=0)[:-2] + KEYS[:-1] + ', "auth": ""}}', "has a member twice"),
        ("{}", "keys: is missing"),
        (f'{{"keys": {KEYS}}}', "endpoint: is missing"),
        (as_json(endpoint=None), "endpoint: is not a string"),
        (as_json(endpoint=[ENDPOINT]), "endpoint: is not a string"),
        (as_json(keys=[]), "keys: is not an object"),
        (as_json(keys=None), "keys: is not an object"),
        (as_json(keys={"auth": base64url(AUTH)}), "p256dh: is missing"),
        (as_json(keys={"p256dh": base64url(POINT)}), "auth: is missing"),
        (as_json(keys={"p256dh": 4, "auth": base64url(AUTH)}), "p256dh: is not a string"),
        (as_json(keys={"p256dh": base64url(POINT), "auth": None}), "auth: is not a string"),
        (as_json(endpoint="https://\ud800"), "endpoint: must be printable ASCII"),
        (as_json(endpoint="http://x.example"), "endpoint: must begin with https://"),
    ],
    ids=str,
)
def test_other_json_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidEncodingError, match=message) as refusal:
        WebPushSubscription.from_json(text)
    assert refusal.value.__context__ is None


@pytest.mark.parametrize(
    "auth",
    [
        "",
        "AAAA",
        base64url(AUTH) + "=",
        base64url(AUTH) + "===",
        "=" + base64url(AUTH),
        base64url(AUTH)[:-1],
        base64url(AUTH)[:-1] + "h",
        base64url(AUTH)[:-2] + "+/",
        base64url(AUTH)[:10] + " " + base64url(AUTH)[10:],
        base64url(AUTH)[:10] + "\n" + base64url(AUTH)[10:],
        base64url(AUTH) + "\n",
        base64url(AUTH)[:-1] + "\u00e9",
    ],
)
def test_base64url_is_canonical_but_for_its_padding(auth: str) -> None:
    keys = {"p256dh": base64url(POINT), "auth": auth}
    with pytest.raises(InvalidEncodingError, match=r"^auth: "):
        WebPushSubscription.from_json(as_json(keys=keys))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
key_members = st.dictionaries(
    st.sampled_from(["p256dh", "auth", "x"]),
    st.sampled_from([base64url(POINT), base64url(AUTH)]) | json_values,
)
members = st.fixed_dictionaries(
    {},
    optional={
        "endpoint": st.just(ENDPOINT) | json_values,
        "keys": key_members | json_values,
        "expirationTime": json_values,
    },
)


@given(st.one_of(st.text(), json_values.map(json.dumps), members.map(json.dumps)))
@example(as_json())
def test_any_text_is_refused_or_a_subscription(text: str) -> None:
    try:
        subscription = WebPushSubscription.from_json(text)
    except InvalidEncodingError:
        return
    assert subscription == SUBSCRIPTION


# Secrets


def test_nothing_of_a_subscription_shows() -> None:
    assert repr(SUBSCRIPTION) == "WebPushSubscription()"
    assert repr(TOKEN) == "DeviceToken(platform=<Platform.WEB_PUSH: 3>, app=7)"


@pytest.mark.parametrize("at", [0, 40, 70, 82, 90])
def test_nothing_of_a_refused_token_shows(at: int) -> None:
    value = TOKEN.value[:at] + b"\xff" + TOKEN.value[at + 1 :]
    if at == 70:
        value = TOKEN.value[:81] + b"https://#" + ENDPOINT.encode()
    with pytest.raises(InvalidEncodingError) as refusal:
        WebPushSubscription.from_token(token_with(value))
    for secret in ("capability", "secret", "sixtee", POINT.hex(), "push.example"):
        assert secret not in f"{refusal.value!r} {refusal.value.__dict__}"
