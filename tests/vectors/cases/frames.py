"""frames.json: frames, SPEC 5."""

from typing import Any

from oracle import frames
from oracle.frames import AMAZON_SNS, FCM, PUSHY, WEB_PUSH
from oracle.notation import CLASS_L
from oracle.operations import Json

from vectors.cases import subscriptions
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
    ALPHA,
    BETA,
    EXPIRY,
    FIELDS,
    FRAME,
    HANDLE_FIELDS,
    HANDLE_FRAME,
    KEY_H,
    KEYS_JSON,
    TIME,
    draw,
    flip,
)

LONGEST = 198
FCM_TOKEN = b"fMEP0vJqS0:APA91bHqL8sL5h2Zc1q_-example-registration-token-" + b"x1Y2z3" * 14
ARN = b"arn:aws:sns:eu-central-1:123456789012:app/GCM/example/5e3e9847-3183-3f18-a7e8"
HOURS = (2**32 - 1) * 3600


def _laid_out(fields: frames.Frame = FIELDS, **changes: object) -> bytes:
    values: Json = {"version": 1, "length": None, "padding": b"", **changes}
    return frames.lay_out(ALPHA.public.key_hash, CLASS_L, fields, **values)


def _valid(book: Casebook) -> None:
    def add(name: str, comment: str, time: int = TIME, key: str = "alpha", **changes: Any) -> None:
        fields = FIELDS._replace(**changes)
        output = book.valid("frame/encode", name, comment, key=key, **fields._asdict())
        values: Json = {"key": key, "frame": output["frame"], "time": time}
        book.valid("frame/decode", name, comment, **values)

    add("apns", "an APNs token")
    add("fcm", "an FCM token", platform=FCM, token=FCM_TOKEN)
    add("amazon-sns", "an ARN", platform=AMAZON_SNS, token=ARN)
    add("pushy", "a Pushy token", platform=PUSHY, token=b"a6345d0278adc55d3474f5")
    add("web-push", "a subscription", platform=WEB_PUSH, token=subscriptions.TOKEN)
    add("token-1", "the shortest token", token=b"\x01")
    add("token-198", "the longest token: no padding", token=draw("longest token", LONGEST))
    add("token-zero-bytes", "a token of zero bytes keeps its length", token=bytes(5))
    add("gate", "a gate", gate=draw("gate", 16))
    add("app-0", "the smallest app", app=0)
    add("app-65535", "the greatest app", app=65535)
    add("expiry-1", "the first expiry, in its last second", 3599, expiry=1)
    add("expiry-max", "the last expiry, in its last second", HOURS - 1, expiry=2**32 - 1)
    add("last-second", "the last second before the expiry", EXPIRY * 3600 - 1)
    add("fcm-not-ascii", "the token is opaque here", platform=FCM, token=b"\xff\x00\x80")
    comment = "a token of platform 3 is opaque here too"
    add("web-push-malformed", comment, platform=WEB_PUSH, token=b"\x01")
    for key, longest in (("class-s", 48), ("class-xl", 1098)):
        add(f"{key}-apns", f"{key}: an APNs token", key=key)
        token = draw(f"longest token of {key}", longest)
        add(f"{key}-token-{longest}", f"{key}: the longest token", key=key, token=token)
    longest_subscription = subscriptions.of_endpoint(subscriptions.LONGEST_ENDPOINT)
    values: Json = {"platform": WEB_PUSH, "token": longest_subscription}
    add("class-xl-web-push", "class XL: the longest subscription", key="class-xl", **values)


def _refused_encodings(book: Casebook) -> None:
    def add(
        name: str, reason: str, key: str = "alpha", single: bool = True, **changes: Any
    ) -> None:
        values: Json = {"key": key, **FIELDS._replace(**changes)._asdict()}
        comment = name.replace("-", " ")
        book.refused("frame/encode", name, comment, reason, single, **values)

    for platform in (0, 6, 255):
        add(f"platform-{platform}", "platform-unknown", platform=platform)
    add("token-0", "token-length", token=b"")
    for key, length in (("alpha", 199), ("class-s", 49), ("class-xl", 1099)):
        token = draw("too long token", length)
        add(f"{key}-token-{length}", "token-length", key, single=False, token=token)
    add("class-h", "class", "class-h", token=b"\x01")
    values: Json = {"key": "alpha", **HANDLE_FIELDS._asdict(), "salt": bytes(7)}
    comment = "a handle under a key set of class L"
    book.refused("frame/encode-handle", "class-l", comment, "class", **values)


def _not_mine(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, frame: bytes, time: int = TIME) -> None:
        book.refused("frame/decode", name, comment, reason, key="alpha", frame=frame, time=time)

    for version in (0, 2, 255):
        frame = _laid_out(version=version)
        add(f"version-{version}", f"version {version}", "version", frame)
    for platform in (0, 6, 255):
        frame = _laid_out(FIELDS._replace(platform=platform))
        add(f"platform-{platform}", f"platform {platform}", "platform-unknown", frame)
    add("length-0", "an empty token", "token-length", _laid_out(FIELDS._replace(token=b"")))
    longest = FIELDS._replace(token=draw("longest token", LONGEST))
    for length in (199, 214, 65535):
        frame = _laid_out(longest, length=length)
        add(f"length-{length}", f"a token of {length} bytes", "token-length", frame)
    add("padding-first", "the first byte of padding", "padding", _laid_out(padding=b"\x01"))
    gap = bytes(LONGEST - len(FIELDS.token) - 1)
    add("padding-last", "the last byte of padding", "padding", _laid_out(padding=gap + b"\x80"))
    add("expired", "the first second of the expiry", "expired", FRAME, EXPIRY * 3600)
    add("expired-long-ago", "a year later", "expired", FRAME, TIME + 366 * 86400)
    never = _laid_out(FIELDS._replace(expiry=0))
    add("expiry-0", "an expiry of zero at time 0", "expired", never, 0)
    _bad_tags(book)
    for length in (0, 30, 239):
        add(f"bytes-{length}", f"{length} bytes", "wrong-length", FRAME[:length])
    add("bytes-241", "a byte more", "wrong-length", FRAME + b"\0")
    add("class-h", "a frame of class H", "wrong-length", HANDLE_FRAME)


def _bad_tags(book: Casebook) -> None:
    def add(name: str, comment: str, frame: bytes) -> None:
        values: Json = {"key": "alpha", "frame": frame, "time": TIME}
        book.refused("frame/decode", name, comment, "tag", **values)

    for byte, what in (
        (2, "app"),
        (10, "gate"),
        (26, "token"),
        (224, "tag"),
        (239, "tag, last byte"),
    ):
        add(f"flipped-{byte}", f"one bit: {what}", flip(FRAME, 8 * byte))
    other = frames.lay_out(BETA.public.key_hash, CLASS_L, FIELDS)
    add("other-key", "tagged for another key", other)
    add("zero-tag", "a tag of zero bytes", FRAME[:224] + bytes(16))


def _handles(book: Casebook) -> None:
    def add(name: str, comment: str, time: int = TIME, **changes: Any) -> None:
        values: Json = {**HANDLE_FIELDS._asdict(), "salt": draw("handle salt", 7), **changes}
        frame = book.valid("frame/encode-handle", name, comment, key="class-h", **values)["frame"]
        values = {"key": "class-h", "frame": frame, "time": time}
        book.valid("frame/decode", f"handle-{name}", comment, **values)

    add("plain", "a handle")
    add("gate", "a gate", gate=draw("gate", 16))
    add("salt-zero", "a salt of zero bytes", salt=bytes(7))
    add("salt-ones", "another salt", salt=b"\xff" * 7)
    add("zero", "a handle of zero bytes", handle=bytes(16))
    add("expiry-1", "the first expiry, in its last second", 3599, expiry=1)
    add("expiry-max", "the last expiry, in its last second", HOURS - 1, expiry=2**32 - 1)
    add("last-second", "the last second before the expiry", EXPIRY * 3600 - 1)
    _handles_not_mine(book)


def _handles_not_mine(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, frame: bytes, time: int = TIME) -> None:
        values: Json = {"key": "class-h", "frame": frame, "time": time}
        book.refused("frame/decode", f"handle-{name}", comment, reason, **values)

    key_hash, salt = KEY_H.public.key_hash, draw("handle salt", 7)
    for version in (0, 2, 255):
        frame = frames.lay_out_handle(key_hash, HANDLE_FIELDS, salt, version)
        add(f"version-{version}", f"version {version}", "version", frame)
    for byte, what in ((1, "expiry"), (5, "gate"), (21, "salt"), (28, "handle"), (44, "tag")):
        add(f"flipped-{byte}", f"one bit: {what}", "tag", flip(HANDLE_FRAME, 8 * byte + 1))
    other = frames.lay_out_handle(ALPHA.public.key_hash, HANDLE_FIELDS, salt)
    add("other-key", "tagged for another key", "tag", other)
    add("expired", "the first second of the expiry", "expired", HANDLE_FRAME, EXPIRY * 3600)
    never = frames.lay_out_handle(key_hash, HANDLE_FIELDS._replace(expiry=0), salt)
    add("expiry-0", "an expiry of zero at time 0", "expired", never, 0)
    for length in (0, 30, 59):
        add(f"bytes-{length}", f"{length} bytes", "wrong-length", HANDLE_FRAME[:length])
    add("bytes-61", "a byte more", "wrong-length", HANDLE_FRAME + b"\0")
    add("class-l", "a frame of class L", "wrong-length", FRAME)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("frames", KEYS_JSON)
    _valid(book)
    _refused_encodings(book)
    _not_mine(book)
    _handles(book)
    subscriptions.add_to(book)
    return book
