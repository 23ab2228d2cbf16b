"""frames.json: frames, SPEC 5."""

from typing import Any

from reference import frames
from reference.notation import CLASS_L

from .casebook import Casebook
from .inputs import Json
from .material import ALPHA, BETA, EXPIRY, FIELDS, FRAME, NAMED_KEYS, TIME, draw, flip

LONGEST = 198
FCM_TOKEN = b"fMEP0vJqS0:APA91bHqL8sL5h2Zc1q_-example-registration-token-" + b"x1Y2z3" * 14


def _laid_out(fields: frames.Frame = FIELDS, **changes: object) -> bytes:
    values: Json = {"version": 1, "length": None, "padding": b"", **changes}
    return frames.lay_out(ALPHA.public.key_hash, CLASS_L, fields, **values)


def _valid(book: Casebook) -> None:
    def add(name: str, comment: str, time: int = TIME, **changes: Any) -> None:
        fields = FIELDS._replace(**changes)
        output = book.valid("frame/encode", name, comment, key="alpha", **fields._asdict())
        values: Json = {"key": "alpha", "frame": output["frame"], "time": time}
        book.valid("frame/decode", name, comment, **values)

    add("apns", "an APNs token")
    add("fcm", "an FCM token", platform=2, token=FCM_TOKEN)
    add("token-1", "the shortest token", token=b"\x01")
    add("token-198", "the longest token: no padding", token=draw("longest token", LONGEST))
    add("token-zero-bytes", "a token of zero bytes keeps its length", token=bytes(5))
    add("gate", "a gate", gate=draw("gate", 16))
    add("app-0", "the smallest app", app=0)
    add("app-65535", "the greatest app", app=65535)
    add("expiry-1", "the first expiry, in its last second", 3599, expiry=1)
    add(
        "expiry-max",
        "the last expiry, in its last second",
        (2**32 - 1) * 3600 - 1,
        expiry=2**32 - 1,
    )
    add("last-second", "the last second before the expiry", EXPIRY * 3600 - 1)
    add("fcm-not-ascii", "the token is opaque here", platform=2, token=b"\xff\x00\x80")


def _refused_encodings(book: Casebook) -> None:
    for name, reason, changes in (
        ("platform-0", "platform-unknown", {"platform": 0}),
        ("platform-3", "platform-unknown", {"platform": 3}),
        ("token-0", "token-length", {"token": b""}),
        ("token-199", "token-length", {"token": draw("too long token", LONGEST + 1)}),
    ):
        fields = FIELDS._replace(**changes)
        single = name != "token-199"
        values: Json = {"key": "alpha", **fields._asdict()}
        book.refused("frame/encode", name, name.replace("-", " "), reason, single, **values)


def _not_mine(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, frame: bytes, time: int = TIME) -> None:
        book.refused("frame/decode", name, comment, reason, key="alpha", frame=frame, time=time)

    for version in (0, 2, 255):
        frame = _laid_out(version=version)
        add(f"version-{version}", f"version {version}", "version", frame)
    for platform in (0, 3, 255):
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
    add(
        "expiry-0",
        "an expiry of zero at time 0",
        "expired",
        _laid_out(FIELDS._replace(expiry=0)),
        0,
    )
    _bad_tags(book)
    for length in (0, 30, 239):
        add(f"bytes-{length}", f"{length} bytes", "wrong-length", FRAME[:length])
    add("bytes-241", "a byte more", "wrong-length", FRAME + b"\0")


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
    add(
        "other-key", "tagged for another key", frames.lay_out(BETA.public.key_hash, CLASS_L, FIELDS)
    )
    add("zero-tag", "a tag of zero bytes", FRAME[:224] + bytes(16))


def build() -> Casebook:
    """Build the file."""
    book = Casebook("frames", {name: key.as_json() for name, key in NAMED_KEYS.items()})
    _valid(book)
    _refused_encodings(book)
    _not_mine(book)
    return book
