"""The inputs, outputs and refusals of the operations of SPEC 10, and of request keys, SPEC 11."""

from vectors.cases.kinds import (
    B16,
    B32,
    BYTES,
    NUMBER,
    TEXT,
    TIME,
    U8,
    U16,
    U32,
    Fields,
    Operation,
    exactly,
    integer,
    invalid,
    listed,
    optional,
    record,
)
from vectors.cases.shapes import BLOB, CLASS, KEY, KEY_REFUSALS, PUSH_FIELDS
from vectors.cases.shapes_board import NOTE_REFUSALS, SIGNED_REFUSALS

Shapes = dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]]

U63 = integer(63)
B8, PUBLIC, PLAINTEXT = exactly(8), exactly(1216), exactly(1208)
REASONS = ("request", "key", "blob", "lifetime", "gate", "handle", "subscription", "service")
URL_REFUSALS = ["url-length", "url-character", "url-scheme", "url-query", "url-slash"]
LIST_REFUSALS = [
    "key-count",
    "key-class",
    "key-repeated",
    "request-key-count",
    "request-key-order",
    "request-key-hours",
    "request-key-not-canonical",
    "point-of-small-order",
]
TEXT_REFUSALS = ["lines", "entry-kind", "server-name", "class-name", "number", "signature-count"]
SEALED_REFUSALS = ["wrong-length", "version", "request-key-unknown"]
REGISTRATION_REFUSALS = [
    "box",
    "point-of-small-order",
    "platform-unknown",
    "token-length",
    "unregistering",
    "padding",
    "public-not-canonical",
    "small-order",
    "response-not-canonical",
    "signature-equation",
    "time-apart",
    "time-not-greater",
]


def _of_file(file: str, shapes: Shapes) -> dict[str, Operation]:
    return {name: Operation(file, *shape) for name, shape in shapes.items()}


def _descriptors() -> dict[str, Operation]:
    hours = {"from": U32, "until": U32}
    signing = {"secret": B32, "name": TEXT, "number": NUMBER, "class": CLASS, "url": TEXT}
    signing |= {"keys": listed(BYTES), "request_keys": listed(record({**hours, "public": BYTES}))}
    opened = {"number": U63, "class": CLASS, "url": TEXT, "keys": listed(B16)}
    opened |= {"request_keys": listed(record({**hours, "id": B8}))}
    keys = {"secret": B32, "server_key": B32}, {"public": PUBLIC, "request_key_id": B8}
    held = {**hours, "secret": B32}
    opening = [*NOTE_REFUSALS, *SIGNED_REFUSALS, *TEXT_REFUSALS, *URL_REFUSALS, *LIST_REFUSALS]
    refusals = list(dict.fromkeys([*opening, *KEY_REFUSALS, "algorithm"]))
    choosing = {"hours": listed(record(hours)), "time": TIME}
    payload, bad = {"payload": BYTES}, invalid("wrong-length", "request-key-hours")
    shapes: Shapes = {
        "server/id": ("10.1", {"vkey": TEXT}, {"server_id": B32}, {}),
        "request-key/expand": ("10.2", *keys, {}),
        "request-key/encode-payload": ("11", held, payload, invalid("request-key-hours")),
        "request-key/decode-payload": ("11", payload, held, bad),
        "descriptor/sign": (
            "10.1",
            signing,
            {"descriptor": BYTES},
            invalid("number", *URL_REFUSALS, *LIST_REFUSALS, "wrong-length"),
        ),
        "descriptor/open": (
            "10.1",
            {"descriptor": BYTES, "vkey": TEXT},
            opened,
            invalid(*refusals),
        ),
        "descriptor/request-key": (
            "10.1",
            choosing,
            {"index": NUMBER},
            invalid("no-request-key"),
        ),
        "descriptor/newest": (
            "10.1",
            {"descriptors": listed(BYTES), "vkey": TEXT},
            {"index": optional(NUMBER)},
            {},
        ),
        "request-key/taken": (
            "10.3",
            {**hours, "time": TIME},
            {},
            invalid("request-key-unknown"),
        ),
    }
    return _of_file("descriptors", shapes)


def _requests() -> dict[str, Operation]:
    push, revocation = {"key_id": B16, "blob": BLOB}, {"kappa": B32, "until": U32}
    deriving = {"root": B32, "epoch": U32, "number": U32}
    plaintext = {"plaintext": BYTES}
    opening = {"secret": B32, "server_key": B32, "class": CLASS, "request": BYTES}
    unsealed = {"not-mine": ["box", "point-of-small-order", "kind", "padding"]}
    token = {"token": optional(record(PUSH_FIELDS))}
    registering = {"handle_secret": B32, "server_key": B32, "time": U63, **token}
    registered = {"secret": B32, "server_key": B32, "registration": BYTES, "time": U63}
    registered |= {"last": optional(U63)}
    taken = {"handle": B16, "time": U63, **token}
    shapes: Shapes = {
        "gate/of": ("10.5", {"kappa": B32}, {"gate": B16}, {}),
        "gate/kappa": ("10.5", deriving, {"kappa": B32}, {}),
        "handle/of": ("10.6", {"handle_key": B32}, {"handle": B16}, {}),
        "request/encode-push": ("10.2", push, plaintext, {}),
        "request/encode-revocation": ("10.2", {"class": CLASS, **revocation}, plaintext, {}),
        "request/open": ("10.2", opening, push, {**invalid(*SEALED_REFUSALS), **unsealed}),
        "registration/encode": (
            "10.6",
            registering,
            {"plaintext": PLAINTEXT},
            invalid("token-length"),
        ),
        "registration/open": (
            "10.6",
            registered,
            taken,
            invalid(*SEALED_REFUSALS, *REGISTRATION_REFUSALS),
        ),
    }
    operations = _of_file("requests", shapes)
    opened = operations["request/open"]._replace(or_outputs=revocation)
    return {**operations, "request/open": opened}


def _ticks() -> dict[str, Operation]:
    gates = listed(record({"gate": B16, "until": U32}))
    ticking = {"keys": listed(KEY), "plaintexts": listed(BYTES), "time": TIME, "refused": gates}
    ticking |= {"lifetime": NUMBER}
    ticking |= {"registered": listed(record({"handle": B16, **PUSH_FIELDS}))}
    ticking |= {"credentials": listed(record({"platform": U8, "app": U16}))}
    dropped = record(dict.fromkeys(REASONS, NUMBER))
    notifications = listed(record({**PUSH_FIELDS, "expires": TIME}))
    done = {"notifications": notifications, "dropped": dropped, "refused": gates}
    return _of_file("ticks", {"tick/notifications": ("10.4, 10.5", ticking, done, {})})


OPERATIONS_OF_PUSH: dict[str, Operation] = {**_descriptors(), **_requests(), **_ticks()}
