"""The inputs, outputs and refusals of every operation; the schema and the table in the README."""

from typing import Any, NamedTuple

Schema = dict[str, Any]


class Kind(NamedTuple):
    """A type of a JSON value."""

    name: str
    schema: Schema


Fields = dict[str, Kind]


class Operation(NamedTuple):
    """One operation: what goes in, what comes out, and why it may refuse."""

    file: str
    sections: str
    inputs: Fields
    outputs: Fields
    refusals: dict[str, list[str]]


def _object(fields: Fields) -> Schema:
    return {
        "type": "object",
        "properties": {name: kind.schema for name, kind in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def exactly(length: int) -> Kind:
    """Hex of exactly so many bytes."""
    pattern = f"^[0-9a-f]{{{2 * length}}}$"
    return Kind(f"bytes[{length}]", {"type": "string", "pattern": pattern})


def integer(bits: int) -> Kind:
    """An unsigned integer of so many bits."""
    return Kind(f"u{bits}", {"type": "integer", "minimum": 0, "maximum": 2**bits - 1})


def listed(kind: Kind, length: int | None = None) -> Kind:
    """A list, of exactly so many items if the length is given."""
    bounds = {} if length is None else {"minItems": length, "maxItems": length}
    suffix = "" if length is None else str(length)
    return Kind(f"[{kind.name}]{suffix}", {"type": "array", "items": kind.schema, **bounds})


def optional(kind: Kind) -> Kind:
    """A value or null."""
    return Kind(f"{kind.name} or null", {"anyOf": [kind.schema, {"type": "null"}]})


def record(fields: Fields) -> Kind:
    """An object."""
    members = ", ".join(f"{name}: {kind.name}" for name, kind in fields.items())
    return Kind(f"{{{members}}}", _object(fields))


BYTES = Kind("bytes", {"type": "string", "pattern": "^([0-9a-f]{2})*$"})
TEXT = Kind("text", {"type": "string"})
TIME = Kind("time", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
NUMBER = Kind("number", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
BOOLEAN = Kind("boolean", {"type": "boolean"})
KEY = Kind("key name", {"enum": ["alpha", "beta"]})
MODE = Kind("octal text", {"type": "string", "pattern": "^0[0-7]{3}$"})
B16, B30, B32, B64 = exactly(16), exactly(30), exactly(32), exactly(64)
FRAME, BLOB, ENVELOPE, POST, BOX = (exactly(n) for n in (240, 288, 336, 521, 352))
U8, U16, U32 = integer(8), integer(16), integer(32)
CLASS = Kind("8", {"const": 8})
POINTS, PARTS = listed(B32), listed(BYTES)
EDITION = record({"seed": TEXT, "count": NUMBER})
PLACE = {"epoch": U32, "identifier": B32}
FRAME_FIELDS = {"platform": U8, "app": U16, "expiry": U32, "gate": B16, "token": BYTES}
PUSH = record({"platform": U8, "app": U16, "token": BYTES})
SLOT = {"epoch_key": B32, "slot_key": B32, "public": B32, "identifier": B32, "first_seq": U32}
CHANNEL = {"class": CLASS, "epoch_length": U32, "epoch": U32}
CHANNEL_REFUSALS = [
    "wrong-length",
    "version",
    "suite-unknown",
    "class-unknown",
    "epoch-length",
    "origin-length",
    "origin-character",
]
POST_REFUSALS = [
    "wrong-length",
    "version",
    "public-not-canonical",
    "public-identity",
    "identifier",
    "commitment-not-canonical",
    "response-not-canonical",
    "signature-equation",
]
FRAME_REFUSALS = ["version", "platform-unknown", "token-length", "padding", "tag", "expired"]
BLOB_REFUSALS = ["wrong-length", "a-not-canonical", "a-identity", "b-not-canonical"]
KEY_REFUSALS = [
    "wrong-length",
    "version",
    "class-unknown",
    "public-not-canonical",
    "public-identity",
    "public-repeated",
    "commitment-not-canonical",
    "response-not-canonical",
    "signature-equation",
]


def _invalid(*reasons: str) -> dict[str, list[str]]:
    return {"invalid": list(reasons)}


def _hashes() -> dict[str, Operation]:
    label = {"label": TEXT, "parts": PARTS}
    expansion = {"key": B32, "label": TEXT, "length": NUMBER, "parts": PARTS}
    return {
        "tuple": Operation("hashes", "2", {"parts": PARTS}, {"bytes": BYTES}, {}),
        "hash": Operation("hashes", "2", label, {"hash": B32}, {}),
        "scalar": Operation("hashes", "2", label, {"scalar": B32}, {}),
        "expand": Operation("hashes", "2", expansion, {"bytes": BYTES}, {}),
    }


def _group() -> dict[str, Operation]:
    decoding = _invalid("wrong-length", "not-canonical")
    pair, element = {"left": B32, "right": B32}, {"element": B32}
    wide, scaling = {"bytes": B64}, {"scalar": B32, "element": B32}
    shapes: dict[str, tuple[Fields, Fields, dict[str, list[str]]]] = {
        "element/decode": ({"bytes": BYTES}, {"identity": BOOLEAN}, decoding),
        "element/multiple-of-generator": ({"scalar": B32}, element, {}),
        "element/multiply": (scaling, element, {}),
        "element/add": (pair, element, {}),
        "element/subtract": (pair, element, {}),
        "element/from-uniform-bytes": (wide, element, {}),
        "scalar/decode": ({"bytes": BYTES}, {"zero": BOOLEAN}, decoding),
        "scalar/from-wide-bytes": (wide, {"scalar": B32}, {}),
    }
    return {name: Operation("group", "2", *shape) for name, shape in shapes.items()}


def _signatures() -> dict[str, Operation]:
    signing = {"context": TEXT, "secret": B32, "rnd": B32, "parts": PARTS}
    signed = {"public": B32, "nonce": B32, "challenge": B32, "signature": B64}
    verifying = {"context": TEXT, "public": BYTES, "signature": BYTES, "parts": PARTS}
    refusals = [
        "wrong-length",
        "public-not-canonical",
        "public-identity",
        "commitment-not-canonical",
        "response-not-canonical",
        "signature-equation",
    ]
    return {
        "schnorr/sign": Operation("signatures", "3", signing, signed, _invalid("secret-zero")),
        "schnorr/verify": Operation("signatures", "3", verifying, {}, _invalid(*refusals)),
    }


def _keys() -> dict[str, Operation]:
    ids = {"key_hash": B32, "key_id": B16}
    elements = listed(B32, 8)
    making = {"class": CLASS, "secrets": elements, "rnds": elements}
    decoded = {"class": CLASS, "elements": elements, **ids}
    secret = {"public_key": exactly(770), "secrets": elements}
    refusals = _invalid("secret-zero", "public-repeated")
    not_alone = ("class-unknown", "public-not-canonical")
    of_public = [reason for reason in KEY_REFUSALS if reason not in not_alone]
    of_secret = _invalid(*of_public, "secret-not-canonical", "secret-mismatch")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "public-key/encode": ("4.1, 4.2", making, {"public_key": exactly(770)}, refusals),
        "public-key/decode": ("4.2", {"public_key": BYTES}, decoded, _invalid(*KEY_REFUSALS)),
        "key/id": ("4.3", {"class": CLASS, "elements": elements}, ids, {}),
        "secret-key/encode": ("11", secret, {"payload": exactly(1026)}, {}),
        "secret-key/decode": ("11", {"payload": BYTES}, secret, of_secret),
    }
    return {name: Operation("keys", *shape) for name, shape in shapes.items()}


def _frames() -> dict[str, Operation]:
    decoding = {"key": KEY, "frame": BYTES, "time": TIME}
    encoding = {"key": KEY, **FRAME_FIELDS}
    not_mine = {"not-mine": ["wrong-length", *FRAME_REFUSALS]}
    refusals = _invalid("platform-unknown", "token-length")
    return {
        "frame/encode": Operation("frames", "5", encoding, {"frame": FRAME}, refusals),
        "frame/decode": Operation("frames", "5", decoding, FRAME_FIELDS, not_mine),
    }


def _embeddings() -> dict[str, Operation]:
    one = {"message": B30, "candidate": U16}
    refusals = _invalid("candidate-out-of-range", "candidate-does-not-decode")
    many = {"frame": FRAME, "candidates": listed(U16, 8)}
    elements = {"elements": listed(B32, 8)}
    shapes: dict[str, tuple[Fields, Fields, dict[str, list[str]]]] = {
        "embedding/embed": (one, {"element": B32}, refusals),
        "embedding/extract": ({"element": B32}, {"message": B30}, {}),
        "embedding/embed-frame": (many, elements, {}),
        "embedding/extract-frame": (elements, {"frame": FRAME}, {}),
    }
    return {name: Operation("embeddings", "6.1", *shape) for name, shape in shapes.items()}


def _blobs() -> dict[str, Operation]:
    encrypting = {"publics": POINTS, "messages": POINTS, "r": B32}
    moving, blob = {"publics": POINTS, "blob": BYTES, "s": B32}, {"blob": BYTES}
    encoding = {"key": KEY, "frame": FRAME, "candidates": listed(U16, 8), "r": B32}
    opening = {"key": KEY, "blob": BYTES, "time": TIME}
    batch = {"key": KEY, "batch": BYTES, "time": TIME}
    rows = listed(optional(record(FRAME_FIELDS)))
    not_mine = {"not-mine": [*BLOB_REFUSALS, *FRAME_REFUSALS]}
    decoded = {"a": B32, "b": listed(B32, 8)}
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "elgamal/encrypt": ("6.2", encrypting, blob, _invalid("r-zero")),
        "elgamal/rerandomize": ("6.2", moving, blob, _invalid("a-identity")),
        "elgamal/decrypt": ("6.2", {"secrets": POINTS, **blob}, {"messages": POINTS}, {}),
        "blob/encrypt": ("6.1, 6.2, 6.3", encoding, {"blob": BLOB}, {}),
        "blob/decode": ("6.3", blob, decoded, _invalid(*BLOB_REFUSALS)),
        "blob/open": ("6.4", opening, FRAME_FIELDS, not_mine),
        "blob/open-batch": ("6.3, 6.4", batch, {"rows": rows}, _invalid("wrong-length")),
        "tick/notifications": ("10", batch, {"notifications": listed(PUSH)}, {}),
    }
    return {name: Operation("blobs", *shape) for name, shape in shapes.items()}


def _lanes() -> dict[str, Operation]:
    of_device = {"lane": BYTES, "epoch": U32, "slot": U8}
    of_holder = {"grant": BYTES, "epoch": U32, "slot": U8}
    derived = _invalid("epoch-before", "epoch-too-far", "slot-out-of-range")
    too_far = _invalid("epoch-before", "epoch-too-far")
    lane = {**CHANNEL, "secret": B32, "key": B32, "origin": TEXT}
    grant = {**CHANNEL, "public": B32, "key": B32, "origin": TEXT}
    lane_refusals = _invalid(*CHANNEL_REFUSALS, "secret-not-canonical", "secret-zero")
    grant_refusals = _invalid(*CHANNEL_REFUSALS, "public-not-canonical", "public-identity")
    finding = {"grant": BYTES, "epoch": U32, "found": POINTS}
    at_epoch = {"lane": BYTES, "epoch": U32}
    listing = {"grant": BYTES, "epoch": U32}
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "lane/schedule": ("7.2", of_device, {**SLOT, "secret": B32}, derived),
        "lane/schedule-public": ("7.2", of_holder, SLOT, derived),
        "lane/identifiers": ("7.2", listing, {"identifiers": listed(B32, 16)}, {}),
        "lane/highest-slot": ("7.2", finding, {"slot": optional(U8)}, {}),
        "lane/encode": ("11", lane, {"lane": BYTES}, {}),
        "lane/decode": ("11", {"lane": BYTES}, lane, lane_refusals),
        "grant/from-lane": ("7.1", at_epoch, {"grant": BYTES}, too_far),
        "grant/encode": ("7.1", grant, {"grant": BYTES}, {}),
        "grant/decode": ("7.1", {"grant": BYTES}, grant, grant_refusals),
    }
    return {name: Operation("lanes", *shape) for name, shape in shapes.items()}


def _posts() -> dict[str, Operation]:
    envelope = {"key_id": B16, "descriptor": B32, "blob": BLOB}
    place = {"lane": BYTES, "epoch": U32, "slot": U8, "seq": U32}
    sealing = {**place, "envelope": ENVELOPE, "salt": B32, "rnd": B32}
    sealed = {"identifier": B32, "public": B32, "secret": B32, "envelope_key": B32, "post": POST}
    withdrawing = {**place, "salt": B32, "box": BOX, "rnd": B32}
    checking = {"origin": TEXT, "post": BYTES}
    checked = {"identifier": B32, "epoch": U32, "seq": U32, "public": B32}
    read = {"epoch": U32, "slot": U8, "seq": U32, **envelope}
    derived = ["epoch-before", "epoch-too-far", "slot-out-of-range"]
    envelope_refusals = [*BLOB_REFUSALS]
    reading = {
        "invalid": [reason for reason in POST_REFUSALS if not reason.startswith("public-")],
        "not-mine": ["identifier-not-of-lane", "epoch-before", "epoch-too-far"],
        "withdrawn": ["box"],
    }
    reading["invalid"] += BLOB_REFUSALS[1:]
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "envelope/encode": ("8.1", envelope, {"envelope": ENVELOPE}, {}),
        "envelope/decode": ("8.1", {"envelope": BYTES}, envelope, _invalid(*envelope_refusals)),
        "post/seal": ("8.2", sealing, sealed, _invalid(*derived)),
        "post/withdraw": ("8.2", withdrawing, {"post": POST}, {}),
        "post/check": ("8.2", checking, checked, _invalid(*POST_REFUSALS)),
        "post/read": ("8.3", {"grant": BYTES, "post": BYTES}, read, reading),
    }
    return {name: Operation("posts", *shape) for name, shape in shapes.items()}


def _board() -> dict[str, Operation]:
    when = {"epoch_length": U32, "epoch": U32, "time": TIME}
    now = {"epoch_length": NUMBER, "time": TIME}
    pending = listed(record({**PLACE, "seq": U32}))
    holdings = {"pending": pending, "published": listed(record(PLACE))}
    submission = {"origin": TEXT, "epoch_length": U32, "time": TIME, "post": BYTES, **holdings}
    dummy = {"origin": TEXT, "epoch": U32, "seq": U32, "secret": B32}
    dummy |= {"salt": B32, "box": BOX, "rnd": B32}
    edition = {"posts": EDITION, "dummies": EDITION}
    bundle = {"edition": EDITION, "identifier": B32}
    opening = ["epoch-not-yet-open", "epoch-closed"]
    refusals = _invalid(*POST_REFUSALS, *opening, "in-edition", "seq-not-greater")
    size = {"size": NUMBER, "dummies": NUMBER}
    epoch_refusals = _invalid("epoch-length", "epoch-out-of-range")
    origin_refusals = _invalid("origin-length", "origin-character")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "origin/check": ("2", {"origin": TEXT}, {}, origin_refusals),
        "epoch/at": ("2", now, {"epoch": U32}, epoch_refusals),
        "epoch/open": ("9", when, {}, _invalid(*opening)),
        "epoch/publishable": ("9", when, {}, _invalid("too-early", "too-late")),
        "board/submit": ("9", submission, {"replaces": optional(U32)}, refusals),
        "board/edition-size": ("9", {"posts": NUMBER}, size, {}),
        "board/edition": ("9", edition, {"first": B32, "last": B32, "digest": B32}, {}),
        "board/dummy": ("9", dummy, {"post": POST}, {}),
        "board/bundle": ("9", bundle, {"start": NUMBER, "first": B32, "last": B32}, {}),
        "board/default-expiry": ("9", now, {"epoch": U32}, {}),
    }
    return {name: Operation("board", *shape) for name, shape in shapes.items()}


def _files() -> dict[str, Operation]:
    contents = {"kind": U8, "payload": BYTES}
    protecting = {**contents, "passphrase": TEXT, "salt": B16, "nonce": exactly(12)}
    decoding = {"file": BYTES, "passphrase": optional(TEXT)}
    decoded = {"kind": U8, "protection": U8, "payload": BYTES}
    header = ["wrong-length", "magic", "version", "kind-unknown", "protection-unknown"]
    costs = ["scrypt-n", "scrypt-r", "scrypt-p"]
    refusals = _invalid(*header, "checksum", *costs, "box")
    shapes: dict[str, tuple[Fields, Fields, dict[str, list[str]]]] = {
        "file/encode": (contents, {"file": BYTES}, {}),
        "file/encode-protected": (protecting, {"file": BYTES}, {}),
        "file/decode": (decoding, decoded, refusals),
        "file/mode": ({"mode": MODE}, {}, _invalid("mode")),
    }
    return {name: Operation("files", "11", *shape) for name, shape in shapes.items()}


OPERATIONS: dict[str, Operation] = {
    **_hashes(),
    **_group(),
    **_signatures(),
    **_keys(),
    **_frames(),
    **_embeddings(),
    **_blobs(),
    **_lanes(),
    **_posts(),
    **_board(),
    **_files(),
}
FILES = list(dict.fromkeys(operation.file for operation in OPERATIONS.values()))


def _case_schema(name: str, operation: Operation) -> Schema:
    head = {
        "id": {"type": "string", "pattern": f"^{operation.file}/{name}/[a-z0-9-]+$"},
        "operation": {"const": name},
        "comment": {"type": "string"},
        "input": _object(operation.inputs),
    }
    valid = {**head, "result": {"const": "valid"}, "output": _object(operation.outputs)}
    variants = [valid]
    for outcome, reasons in operation.refusals.items():
        refused: Schema = {"result": {"const": outcome}, "reason": {"enum": reasons}}
        variants.append({**head, **refused})
    schemas = [_closed(variant) for variant in variants]
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _closed(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _file_schema(file: str) -> Schema:
    names = [name for name, operation in OPERATIONS.items() if operation.file == file]
    choices = [
        {
            "if": {"properties": {"operation": {"const": name}}},
            "then": {"$ref": f"#/$defs/{name.replace('/', '_')}"},
        }
        for name in names
    ]
    case = {
        "required": ["operation"],
        "properties": {"operation": {"enum": names}},
        "allOf": choices,
    }
    properties: Schema = {"spec": {"const": "0.1"}, "file": {"const": file}}
    if file in ("frames", "blobs"):
        keys = {name: {"$ref": "#/$defs/named-key"} for name in ("alpha", "beta")}
        properties["keys"] = _closed(keys)
    return _closed({**properties, "cases": {"type": "array", "minItems": 1, "items": case}})


def schema() -> Schema:
    """Give the JSON Schema of all files."""
    definitions = {
        name.replace("/", "_"): _case_schema(name, operation)
        for name, operation in OPERATIONS.items()
    }
    elements = listed(B32, 8)
    named_key = {"class": CLASS, "secrets": elements, "public_key": exactly(770)}
    definitions["named-key"] = _object({**named_key, "key_hash": B32, "key_id": B16})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "billboard test vectors 0.1",
        "oneOf": [_file_schema(file) for file in FILES],
        "$defs": definitions,
    }


def table() -> str:
    """Give the table of operations in the README."""
    lines = ["| operation | SPEC | input | output | refusals |", "|---|---|---|---|---|"]
    for name, operation in OPERATIONS.items():
        cells = [f"`{name}`", operation.sections]
        cells += [_describe(operation.inputs), _describe(operation.outputs)]
        cells.append("<br>".join(f"{k}: {', '.join(v)}" for k, v in operation.refusals.items()))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _describe(fields: Fields) -> str:
    return ", ".join(f"{name}: {kind.name}" for name, kind in fields.items())
