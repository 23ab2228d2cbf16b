"""ticks.json: what a tick of a push server makes of its requests, SPEC 10.4 and 10.5."""

from typing import Any

from oracle import frames, requests
from oracle.keys import key_id
from oracle.notation import CLASS_H, CLASS_L
from oracle.operations import Json

from vectors.cases import subscriptions
from vectors.cases.blobs import moved_blob
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
    ALPHA,
    BETA,
    BLOB,
    EXPIRY,
    FIELDS,
    HANDLE_BLOB,
    HANDLE_FIELDS,
    KEY_H,
    KEYS_JSON,
    TIME,
    NamedKey,
    blob_of,
    draw,
    replaced,
)

HOUR = TIME // 3600
KAPPA = draw("kappa")
GATE = requests.gate(KAPPA)
SERVED = [{"platform": platform, "app": 7} for platform in (1, 2, 3)]
NOBODY = draw("key id of nobody", 16)


def _id(key: NamedKey) -> bytes:
    return key_id(key.public.key_hash)


def _push(name: str, key: NamedKey = ALPHA, **changes: Any) -> bytes:
    frame = frames.lay_out(key.public.key_hash, CLASS_L, FIELDS._replace(**changes))
    return requests.encode_push(_id(key), blob_of(key, frame, f"tick {name}"))


def _handle_push(name: str, **changes: Any) -> bytes:
    fields = HANDLE_FIELDS._replace(**changes)
    frame = frames.lay_out_handle(KEY_H.public.key_hash, fields, draw(f"tick salt {name}", 7))
    return requests.encode_push(_id(KEY_H), blob_of(KEY_H, frame, f"tick {name}"))


PLAIN = requests.encode_push(_id(ALPHA), BLOB)


def _add(book: Casebook, name: str, comment: str, plaintexts: list[bytes], **other: Any) -> Json:
    values: Json = {"keys": ["alpha"], "plaintexts": plaintexts, "time": TIME, "refused": []}
    values |= {"lifetime": 3600, "registered": [], "credentials": SERVED, **other}
    return book.valid("tick/notifications", name, comment, **values)


def _dropped(output: Json, **reasons: int) -> None:
    found = {reason: count for reason, count in output["dropped"].items() if count}
    if found != reasons:
        raise ValueError(f"{found}, not {reasons}")


def _opening(book: Casebook) -> None:
    again = requests.encode_push(_id(ALPHA), moved_blob(BLOB, "tick move"))
    _dropped(_add(book, "one", "one request", [PLAIN]))
    _dropped(_add(book, "empty", "no request", [], credentials=[]))
    _dropped(_add(book, "twice", "one notification for two blobs of one token", [PLAIN, again]))
    bad = [b"", PLAIN[:-1], b"\0" + PLAIN[1:], b"\3" + PLAIN[1:]]
    _dropped(_add(book, "no-request", "what is no plaintext", [*bad, PLAIN]), request=4)
    unknown = [requests.encode_push(NOBODY, BLOB), _push("beta", BETA)]
    _dropped(
        _add(book, "key", "kids that are not of the server's keys", unknown, credentials=[]), key=2
    )
    both = _add(
        book, "two-keys", "two keys, one of them older", [PLAIN, *unknown], keys=["alpha", "beta"]
    )
    _dropped(both, key=1)
    swapped = replaced(PLAIN, 1, _id(BETA))
    _dropped(
        _add(
            book,
            "swapped",
            "a blob of the other key",
            [swapped],
            keys=["alpha", "beta"],
            credentials=[],
        ),
        blob=1,
    )
    identity = replaced(PLAIN, 17, bytes(32))
    stale = _push("stale", expiry=HOUR)
    _dropped(
        _add(
            book, "blob", "A is the identity; an expired frame", [identity, stale], credentials=[]
        ),
        blob=2,
    )


def _fields(book: Casebook) -> None:
    variants = [_push("platform", platform=2), _push("expiry", expiry=EXPIRY + 1)]
    comment = "the platform tells notifications apart, the expiry does not"
    _dropped(_add(book, "same-token", comment, [PLAIN, *variants]))
    app = _push("app", app=8)
    _dropped(_add(book, "service", "an app without credentials", [PLAIN, app]), service=1)
    ending = [_push("ends first", expiry=HOUR + 1), _push("ends last", expiry=HOUR + 3)]
    comment = "it expires with the last frame of its token, where the lifetime is longer"
    _add(book, "expires-with-a-frame", comment, ending, lifetime=24 * 3600)
    comment = "it expires a lifetime after the tick, where a frame lasts longer"
    _add(book, "expires-with-the-lifetime", comment, ending, lifetime=7200)
    latest = [_push("latest", expiry=HOUR + 9600), _push("later", expiry=HOUR + 9601)]
    comment = "frames that expire 9,600 hours after the tick, and 9,601"
    _dropped(_add(book, "lifetime", comment, latest), lifetime=1)
    tokens = [subscriptions.TOKEN, subscriptions.TOKEN[:-1] + b"#", b"\x01"]
    pushes = [_push(f"web push {i}", platform=3, token=each) for i, each in enumerate(tokens)]
    comment = "tokens of Web Push: one that decodes, and two that do not"
    _dropped(_add(book, "web-push", comment, pushes), subscription=2)


def _revocation(until: int, kappa: bytes = KAPPA) -> bytes:
    return requests.encode_revocation(CLASS_L, kappa, until)


def _gates(book: Casebook) -> None:
    gated, other = _push("gated", gate=GATE), _push("other gate", gate=draw("gate", 16))
    held = [{"gate": GATE, "until": HOUR + 1}]
    both = [gated, other]
    _dropped(_add(book, "gate", "a gate that is refused", both, refused=held), gate=1)
    over = [{"gate": GATE, "until": HOUR}]
    _dropped(_add(book, "gate-over", "a gate that was refused until now", both, refused=over))
    comment = "a revocation takes effect before the push that came first"
    _dropped(_add(book, "revoked", comment, [gated, _revocation(HOUR + 1)], credentials=[]), gate=1)
    _dropped(_add(book, "revoked-over", "a revocation until now", [gated, _revocation(HOUR)]))
    far = [_revocation(2**32 - 1), _revocation(HOUR + 9600, draw("another kappa"))]
    comment = "revocations until 9,600 hours from now, and until longer, which are cut to that"
    _dropped(_add(book, "revoked-far", comment, far, credentials=[]))
    order = [_revocation(HOUR + 5), _revocation(HOUR + 2)]
    _dropped(_add(book, "revoked-twice", "the later hour holds", order, credentials=[]))
    comment = "a revocation shortens nothing"
    _dropped(
        _add(
            book,
            "revoked-shorter",
            comment,
            [_revocation(HOUR + 1)],
            refused=[{"gate": GATE, "until": HOUR + 9}],
            credentials=[],
        )
    )


def _handles(book: Casebook) -> None:
    known = [HANDLE_FIELDS.handle, *(draw(f"handle {i}", 16) for i in range(3))]
    plaintexts = [
        requests.encode_push(_id(KEY_H), HANDLE_BLOB),
        _handle_push("the same handle"),
        _handle_push("of the same token", handle=known[1]),
        _handle_push("of another app", handle=known[2]),
        _handle_push("of Web Push", handle=known[3]),
        _handle_push("unknown handle", handle=draw("unknown handle", 16)),
        _handle_push("gated", gate=GATE),
        requests.encode_revocation(CLASS_H, KAPPA, HOUR + 1),
    ]
    places = [(1, 7, "token"), (1, 7, "token"), (1, 8, "token"), (3, 7, "undecodable")]
    registered = [
        {"handle": handle, "platform": platform, "app": app, "token": draw(token, 32)}
        for handle, (platform, app, token) in zip(known, places, strict=True)
    ]
    comment = "handles: one twice, two of one token; one unknown, and others that are dropped"
    output = _add(book, "handles", comment, plaintexts, keys=["class-h"], registered=registered)
    _dropped(output, handle=1, gate=1, subscription=1, service=1)
    output = _add(
        book,
        "handles-unknown",
        "no handle is known",
        plaintexts[:1],
        keys=["class-h"],
        credentials=[],
    )
    _dropped(output, handle=1)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("ticks", KEYS_JSON)
    _opening(book)
    _fields(book)
    _gates(book)
    _handles(book)
    return book
