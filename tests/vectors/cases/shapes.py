"""The inputs, outputs and refusals of the operations of SPEC 2 to 8 and 11."""

from oracle.notation import CLASSES

from vectors.cases.kinds import (
    B16,
    B32,
    B64,
    BYTES,
    MODE,
    NUMBER,
    TEXT,
    TIME,
    U8,
    U16,
    U32,
    Fields,
    Kind,
    Operation,
    either,
    exactly,
    invalid,
    listed,
    one_of_lengths,
    optional,
    record,
)

KEY_NAMES = ("alpha", "beta", "class-h", "class-s", "class-xl")
KEY = Kind("key name", {"enum": list(KEY_NAMES)})
CLASS = Kind("class", {"enum": list(CLASSES)})
FRAME = one_of_lengths("bytes[30n]", *(30 * n for n in CLASSES))
BLOB = one_of_lengths("bytes[32n+32]", *(32 * n + 32 for n in CLASSES))
ENVELOPE = one_of_lengths("bytes[32n+80]", *(32 * n + 80 for n in CLASSES))
BOX = one_of_lengths("bytes[32n+96]", *(32 * n + 96 for n in CLASSES))
POST = one_of_lengths("bytes[32n+265]", *(32 * n + 265 for n in CLASSES))
PUBLIC_KEY = one_of_lengths("bytes[96n+2]", *(96 * n + 2 for n in CLASSES))
SECRET_KEY = one_of_lengths("bytes[128n+2]", *(128 * n + 2 for n in CLASSES))
SCALARS = Kind("[bytes[32]]n", {**listed(B32).schema, "minItems": 2, "maxItems": 38})
CANDIDATES = Kind("[u16]n", {**listed(U16).schema, "minItems": 2, "maxItems": 38})
PARTS = listed(BYTES)
HANDLE_FIELDS = {"expiry": U32, "gate": B16, "handle": B16}
FRAME_FIELDS = {"platform": U8, "app": U16, "expiry": U32, "gate": B16, "token": BYTES}
PUSH_FIELDS = {"platform": U8, "app": U16, "token": BYTES}
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
SUBSCRIPTION_REFUSALS = [
    "p256dh-form",
    "p256dh-not-on-curve",
    "endpoint-length",
    "endpoint-character",
    "endpoint-scheme",
    "endpoint-fragment",
    "endpoint-user",
    "endpoint-host",
]
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


def _hashes() -> dict[str, Operation]:
    label = {"label": TEXT, "parts": PARTS}
    expansion = {"key": B32, "label": TEXT, "length": NUMBER, "parts": PARTS}
    return {
        "tuple": Operation("hashes", "2", {"parts": PARTS}, {"bytes": BYTES}, {}),
        "hash": Operation("hashes", "2", label, {"hash": B32}, {}),
        "scalar": Operation("hashes", "2", label, {"scalar": B32}, {}),
        "expand": Operation("hashes", "2", expansion, {"bytes": BYTES}, {}),
    }


def _maps() -> dict[str, Operation]:
    wide = {"bytes": B64}
    return {
        "element/from-uniform-bytes": Operation("groups", "2", wide, {"element": B32}, {}),
        "scalar/from-wide-bytes": Operation("groups", "2", wide, {"scalar": B32}, {}),
    }


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
        "schnorr/sign": Operation("signatures", "3", signing, signed, invalid("secret-zero")),
        "schnorr/verify": Operation("signatures", "3", verifying, {}, invalid(*refusals)),
    }


def _keys() -> dict[str, Operation]:
    ids = {"key_hash": B32, "key_id": B16}
    making = {"class": CLASS, "secrets": SCALARS, "rnds": SCALARS}
    decoded = {"class": CLASS, "elements": SCALARS, **ids}
    secret = {"public_key": PUBLIC_KEY, "secrets": SCALARS}
    refusals = invalid("secret-zero", "public-repeated")
    of_public = [reason for reason in KEY_REFUSALS if reason != "public-not-canonical"]
    of_secret = invalid(*of_public, "secret-not-canonical", "secret-mismatch")
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "public-key/encode": ("4.1, 4.2", making, {"public_key": PUBLIC_KEY}, refusals),
        "public-key/decode": ("4.2", {"public_key": BYTES}, decoded, invalid(*KEY_REFUSALS)),
        "key/id": ("4.3", {"class": CLASS, "elements": SCALARS}, ids, {}),
        "secret-key/encode": ("11", secret, {"payload": SECRET_KEY}, {}),
        "secret-key/decode": ("11", {"payload": BYTES}, secret, of_secret),
    }
    return {name: Operation("keys", *shape) for name, shape in shapes.items()}


def _frames() -> dict[str, Operation]:
    decoding = {"key": KEY, "frame": BYTES, "time": TIME}
    encoding = {"key": KEY, **FRAME_FIELDS}
    handling = {"key": KEY, **HANDLE_FIELDS, "salt": exactly(7)}
    not_mine = {"not-mine": ["wrong-length", *FRAME_REFUSALS]}
    refusals = invalid("class", "platform-unknown", "token-length")
    subscription = {"p256dh": exactly(65), "auth": B16, "endpoint": TEXT}
    malformed = invalid(*SUBSCRIPTION_REFUSALS)
    too_short = invalid("wrong-length", *SUBSCRIPTION_REFUSALS)
    frame, token = {"frame": FRAME}, {"token": BYTES}
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "frame/encode": ("5.1", encoding, frame, refusals),
        "frame/encode-handle": ("5.2", handling, frame, invalid("class")),
        "frame/decode": ("5.1, 5.2", decoding, FRAME_FIELDS, not_mine),
        "web-push/encode": ("5.3", subscription, token, malformed),
        "web-push/decode": ("5.3", token, subscription, too_short),
    }
    operations = {name: Operation("frames", *shape) for name, shape in shapes.items()}
    return _or_handle(operations, "frame/decode")


def _or_handle(operations: dict[str, Operation], name: str) -> dict[str, Operation]:
    """Let an operation give the fields of class H too."""
    return {**operations, name: operations[name]._replace(or_outputs=HANDLE_FIELDS)}


def _embeddings() -> dict[str, Operation]:
    many, elements = {"frame": FRAME, "candidates": CANDIDATES}, {"elements": SCALARS}
    return {
        "embedding/embed-frame": Operation("embeddings", "6.1", many, elements, {}),
        "embedding/extract-frame": Operation("embeddings", "6.1", elements, {"frame": FRAME}, {}),
    }


def _blobs() -> dict[str, Operation]:
    encoding = {"key": KEY, "frame": FRAME, "candidates": CANDIDATES, "r": B32}
    moving, blob = {"key": KEY, "blob": BYTES, "s": B32}, {"blob": BYTES}
    opening = {"key": KEY, "blob": BYTES, "time": TIME}
    batch = {"key": KEY, "batch": BYTES, "time": TIME}
    rows = listed(optional(either(record(FRAME_FIELDS), record(HANDLE_FIELDS))))
    not_mine = {"not-mine": [*BLOB_REFUSALS, *FRAME_REFUSALS]}
    decoded = {"a": B32, "b": SCALARS}
    refusals = invalid(*BLOB_REFUSALS)
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "blob/encrypt": ("6.1, 6.2, 6.3", encoding, {"blob": BLOB}, {}),
        "blob/rerandomize": ("6.2, 6.3", moving, {"blob": BLOB}, refusals),
        "blob/decode": ("6.3", blob, decoded, refusals),
        "blob/open": ("6.4", opening, FRAME_FIELDS, not_mine),
        "blob/open-batch": ("6.3, 6.4", batch, {"rows": rows}, invalid("wrong-length")),
    }
    operations = {name: Operation("blobs", *shape) for name, shape in shapes.items()}
    return _or_handle(operations, "blob/open")


def _lanes() -> dict[str, Operation]:
    of_device = {"lane": BYTES, "epoch": U32, "slot": U8}
    of_holder = {"grant": BYTES, "epoch": U32, "slot": U8}
    derived = invalid("epoch-before", "epoch-too-far", "slot-out-of-range")
    too_far = invalid("epoch-before", "epoch-too-far")
    lane = {**CHANNEL, "secret": B32, "key": B32, "origin": TEXT}
    grant = {**CHANNEL, "public": B32, "key": B32, "origin": TEXT}
    lane_refusals = invalid(*CHANNEL_REFUSALS, "secret-not-canonical", "secret-zero")
    grant_refusals = invalid(*CHANNEL_REFUSALS, "public-not-canonical", "public-identity")
    finding = {"grant": BYTES, "epoch": U32, "found": listed(B32)}
    at_epoch = {"lane": BYTES, "epoch": U32}
    listing = {"grant": BYTES, "epoch": U32}
    grants, encoding = {"grants": listed(BYTES)}, {"encoding": BYTES}
    together = ["grant-count", "grant-origins", "grant-epoch-lengths", "grant-classes"]
    several = ["wrong-length", "version", "public-identity", *together]
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
        "grants/encode": ("7.3", grants, encoding, invalid(*together)),
        "grants/decode": ("7.3", encoding, grants, invalid(*several)),
    }
    return {name: Operation("lanes", *shape) for name, shape in shapes.items()}


def _posts() -> dict[str, Operation]:
    envelope = {"key_id": B16, "descriptor": B32, "blob": BLOB}
    place = {"lane": BYTES, "epoch": U32, "slot": U8, "seq": U32}
    sealing = {**place, "envelope": ENVELOPE, "salt": B32, "rnd": B32}
    sealed = {"identifier": B32, "public": B32, "secret": B32, "envelope_key": B32, "post": POST}
    withdrawing = {**place, "seq": optional(U32), "salt": B32, "box": BOX, "rnd": B32}
    checking = {"origin": TEXT, "class": CLASS, "post": BYTES}
    checked = {"identifier": B32, "epoch": U32, "seq": U32, "public": B32}
    read = {"epoch": U32, "slot": U8, "seq": U32, **envelope}
    derived = ["epoch-before", "epoch-too-far", "slot-out-of-range", "wrong-length"]
    reading = {
        "invalid": [reason for reason in POST_REFUSALS if not reason.startswith("public-")],
        "not-mine": ["identifier-not-of-lane", "epoch-before", "epoch-too-far"],
        "withdrawn": ["box"],
    }
    reading["invalid"] += BLOB_REFUSALS[1:]
    shapes: dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]] = {
        "envelope/encode": ("8.1", envelope, {"envelope": ENVELOPE}, {}),
        "envelope/decode": ("8.1", {"envelope": BYTES}, envelope, invalid(*BLOB_REFUSALS)),
        "post/seal": ("8.2", sealing, sealed, invalid(*derived)),
        "post/withdraw": ("8.2", withdrawing, {"post": POST}, {}),
        "post/check": ("8.2", checking, checked, invalid(*POST_REFUSALS)),
        "post/read": ("8.3", {"grant": BYTES, "post": BYTES}, read, reading),
    }
    return {name: Operation("posts", *shape) for name, shape in shapes.items()}


def _files() -> dict[str, Operation]:
    contents = {"kind": U8, "payload": BYTES}
    protecting = {**contents, "passphrase": TEXT, "salt": B16, "nonce": exactly(12)}
    wrong_kind = invalid("protection-of-kind")
    keying = {**contents, "key": B32, "salt": B32}
    decoding = {"file": BYTES, "passphrase": optional(TEXT)}
    decoded = {"kind": U8, "protection": U8, "payload": BYTES}
    header = ["wrong-length", "magic", "version", "kind-unknown", "protection-unknown"]
    header += ["protection-of-kind", "other-protection"]
    costs = ["scrypt-n", "scrypt-r", "scrypt-p"]
    refusals = invalid(*header, "checksum", *costs, "box")
    shapes: dict[str, tuple[Fields, Fields, dict[str, list[str]]]] = {
        "file/encode": (contents, {"file": BYTES}, wrong_kind),
        "file/encode-protected": (protecting, {"file": BYTES}, wrong_kind),
        "file/decode": (decoding, decoded, refusals),
        "file/encode-keyed": (keying, {"file": BYTES}, wrong_kind),
        "file/decode-keyed": ({"file": BYTES, "key": B32}, contents, invalid(*header, "box")),
        "file/mode": ({"mode": MODE}, {}, invalid("mode")),
    }
    return {name: Operation("files", "11", *shape) for name, shape in shapes.items()}


OPERATIONS_OF_SPEC: dict[str, Operation] = {
    **_hashes(),
    **_maps(),
    **_signatures(),
    **_keys(),
    **_frames(),
    **_embeddings(),
    **_blobs(),
    **_lanes(),
    **_posts(),
    **_files(),
}
