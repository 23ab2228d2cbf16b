"""The inputs, outputs and refusals of the operations of SPEC 9, and of note keys, SPEC 11."""

from vectors.cases.kinds import (
    B32,
    B64,
    BYTES,
    NUMBER,
    TEXT,
    TIME,
    U32,
    Fields,
    Kind,
    Operation,
    exactly,
    integer,
    invalid,
    listed,
    optional,
    record,
)
from vectors.cases.shapes import BOX, CLASS, POST, POST_REFUSALS

Shapes = dict[str, tuple[str, Fields, Fields, dict[str, list[str]]]]

U63 = integer(63)
HASHES = record({"seed": TEXT, "count": NUMBER})
EDITION = record({"seed": TEXT, "count": NUMBER, "zeros": NUMBER})
PLACE = {"epoch": U32, "identifier": B32}
ALGORITHM = Kind("algorithm", {"enum": [1, 4]})
KIND = Kind("kind", {"enum": ["board", "edition", "descriptor"]})
BOARD = {"epoch_length": U32, "class": CLASS, "interval": U32}
MANIFEST = {
    "epoch": U32,
    "number": U63,
    "size": U63,
    "root": B32,
    "index": B32,
    "time": U63,
}
POLICY = {"board": TEXT, "witnesses": listed(TEXT), "quorum": NUMBER}

ORIGIN_REFUSALS = ["origin-length", "origin-character", "origin-reserved", "origin-plus"]
ED25519_REFUSALS = [
    "wrong-length",
    "public-not-canonical",
    "response-not-canonical",
    "signature-equation",
]
NOTE_REFUSALS = [
    "utf-8",
    "control-character",
    "no-blank-line",
    "signature-line",
    "base64",
    "wrong-length",
    "key-name",
    "many-signatures",
]
SIGNED_REFUSALS = [
    "signature-missing",
    "signature-equation",
    "response-not-canonical",
    "cosignature-time",
    "wrong-length",
]
POLICY_REFUSALS = ["quorum", "key-repeated", "key-algorithm", "too-few-witnesses"]


def _of_file(file: str, shapes: Shapes) -> dict[str, Operation]:
    return {name: Operation(file, *shape) for name, shape in shapes.items()}


def _board() -> dict[str, Operation]:
    when = {"epoch_length": U32, "epoch": U32, "time": TIME}
    now = {"epoch_length": NUMBER, "time": TIME}
    schedule = {"epoch_length": U32, "interval": U32, "epoch": U32}
    scheduled = {**schedule, "time": TIME}
    parameters = {"origin": TEXT, "epoch_length": NUMBER, "class": CLASS, "interval": NUMBER}
    pending = listed(record({**PLACE, "seq": U32}))
    holdings = {"quota": optional(NUMBER), "pending": pending, "closed": listed(record(PLACE))}
    holdings |= {"over": listed(U32), "expired": U32}
    submission = {"origin": TEXT, "class": CLASS, "epoch_length": U32, "time": TIME}
    submission |= {"post": BYTES, **holdings}
    working = {"origin": TEXT, "post": BYTES, "work": BYTES, "bits": NUMBER}
    dummy = {"origin": TEXT, "epoch": U32, "seq": U32, "secret": B32}
    dummy |= {"salt": B32, "box": BOX, "rnd": B32}
    edition = {"posts": HASHES, "dummies": HASHES}
    bundle = {"edition": EDITION, "identifier": B32}
    found = {"bundles": listed(NUMBER), "first": B32, "last": B32}
    opening = ["epoch-not-yet-open", "epoch-closed"]
    refusals = invalid(*POST_REFUSALS, *opening, "in-edition", "seq-not-greater", "quota")
    refusals["invalid"] += ["epoch-over", "epoch-expired"]
    epoch_refusals = invalid("epoch-length", "epoch-out-of-range")
    shapes: Shapes = {
        "origin/check": ("2", {"origin": TEXT}, {}, invalid("origin-length", "origin-character")),
        "epoch/at": ("2", now, {"epoch": U32}, epoch_refusals),
        "board/parameters": (
            "9, 9.3",
            parameters,
            {"entry": BYTES},
            invalid(*ORIGIN_REFUSALS, "epoch-length", "interval", "last-edition"),
        ),
        "epoch/open": ("9.1", when, {}, invalid(*opening)),
        "board/submit": ("9.1", submission, {"replaces": optional(U32)}, refusals),
        "work/check": ("9.1", working, {}, invalid("work-bits", "wrong-length", "work-short")),
        "edition/schedule": (
            "9.2",
            schedule,
            {"first": NUMBER, "last": NUMBER, "count": NUMBER},
            {},
        ),
        "edition/close": (
            "9.2",
            {**scheduled, "waiting": NUMBER, "expired": U32},
            {"time": NUMBER, "dummies": NUMBER},
            invalid("too-early", "too-late", "epoch-expired"),
        ),
        "edition/check-time": (
            "9.2, 9.5",
            {**scheduled, "due": NUMBER},
            {},
            invalid("not-due", "yet-to-come"),
        ),
        "edition/order": (
            "9.2",
            {"closed": listed(record({"epoch": U32, "time": NUMBER}))},
            {"order": listed(record({"epoch": U32, "number": NUMBER}))},
            {},
        ),
        "edition/check-size": ("9.5", {"size": NUMBER}, {}, invalid("edition-size")),
        "log/check-size": ("9.5", {"size": NUMBER}, {}, invalid("log-size")),
        "board/edition-size": ("9.2", {"posts": NUMBER}, {"size": NUMBER, "dummies": NUMBER}, {}),
        "board/edition": ("9.2", edition, {"first": B32, "last": B32, "digest": B32}, {}),
        "board/dummy": ("9.2", dummy, {"post": POST}, {}),
        "board/bundle": ("9.5", bundle, found, {}),
        "log/fresh": (
            "9.5",
            {**scheduled, "editions": listed(NUMBER)},
            {"due": optional(NUMBER)},
            invalid("stale"),
        ),
        "receipt/deadline": (
            "9.6",
            {**scheduled, "closed": listed(NUMBER)},
            {"deadline": NUMBER},
            invalid(*opening, "epoch-over"),
        ),
        "epoch/expirable": ("9.7", when, {}, invalid("epoch-still-needed")),
        "board/expire": (
            "9.7",
            {**when, "unfinished": listed(U32)},
            {"before": U32},
            invalid("epoch-still-needed"),
        ),
        "board/default-expiry": ("9.7", now, {"epoch": U32}, {}),
    }
    return _of_file("board", shapes)


def _logs() -> dict[str, Operation]:
    proof = {"proof": listed(B32)}
    including = {"entry": BYTES, "index": NUMBER, "size": NUMBER, "root": B32, **proof}
    growing = {"old_size": NUMBER, "size": NUMBER, "old_root": B32, "root": B32, **proof}
    growing_refusals = invalid("wrong-length", "size-smaller", "old-root", "root")
    inclusion_refusals = ["wrong-length", "index-not-in-tree", "root"]
    path = {"level": optional(NUMBER), "index": NUMBER, "width": NUMBER}
    tile = {"leaves": HASHES, "level": NUMBER, "index": NUMBER}
    splitting = {"bundle": BYTES, "count": NUMBER}
    shapes: Shapes = {
        "merkle/root": ("9.3", {"entries": listed(BYTES)}, {"root": B32}, {}),
        "merkle/inclusion": ("9.3", {"leaves": HASHES, "index": NUMBER}, proof, {}),
        "merkle/check-inclusion": ("9.3", including, {}, invalid(*inclusion_refusals)),
        "merkle/consistency": ("9.3", {"leaves": HASHES, "old_size": NUMBER}, proof, {}),
        "merkle/check-consistency": ("9.3", growing, {}, growing_refusals),
        "tile/path": ("9.3", path, {"path": TEXT}, {}),
        "tile/paths": ("9.3", {"size": NUMBER}, {"paths": listed(TEXT)}, {}),
        "tile/hashes": ("9.3", tile, {"width": NUMBER, "digest": B32}, {}),
        "entries/encode": ("9.3", {"entries": listed(BYTES)}, {"bundle": BYTES}, {}),
        "entries/decode": (
            "9.3",
            splitting,
            {"entries": listed(BYTES)},
            invalid("wrong-length", "entry-count"),
        ),
        "index/encode": ("9.3", {"edition": EDITION}, {"index": BYTES}, {}),
        "index/decode": (
            "9.3, 9.5",
            {"index": BYTES, "size": NUMBER, "digest": B32},
            {"prefixes": listed(exactly(8))},
            invalid("wrong-length", "order", "index-hash"),
        ),
    }
    return {**_of_file("logs", shapes), **_entries()}


def _entries() -> dict[str, Operation]:
    origin, entry = {"origin": TEXT}, {"entry": BYTES}
    refusals = [*ORIGIN_REFUSALS, "other-board", "entry-kind", "lines", "utf-8", "number"]
    refusals += ["base64", "hash-length", "epoch-length", "class-name", "interval", "size"]
    refusals += ["last-edition"]
    shapes: Shapes = {
        "entry/encode-edition": ("9.3", {**origin, **MANIFEST}, entry, {}),
        "entry/encode-descriptor": (
            "9.3",
            {**origin, "descriptor": BYTES},
            entry,
            invalid("descriptor-length"),
        ),
        "entry/decode": (
            "9.3",
            {**origin, **entry},
            {"kind": KIND, **MANIFEST},
            invalid(*refusals, "descriptor-length"),
        ),
    }
    operations = _of_file("logs", shapes)
    decoding = operations["entry/decode"]._replace(or_outputs={"kind": KIND, **BOARD})
    decoding = decoding._replace(or_else_outputs={"kind": KIND, "descriptor": BYTES})
    return {**operations, "entry/decode": decoding}


def _notes() -> dict[str, Operation]:
    secret = {"algorithm": ALGORITHM, "secret": B32, "name": TEXT}
    key = {"name": TEXT, "algorithm": ALGORITHM, "public": B32}
    key_id = {"key_id": exactly(4)}
    signer = record({**secret, "time": optional(U63)})
    line = record({"name": TEXT, **key_id, "signature": BYTES})
    verifying = {"public": BYTES, "text": TEXT, "signature": BYTES}
    vkey = ["vkey-form", "key-name", "base64", "wrong-length", "algorithm-unknown", "key-id"]
    payload = ["wrong-length", "utf-8", "algorithm-unknown", "key-name"]
    opening = {"note": BYTES, "origin": TEXT, **POLICY}
    opened = {"size": U63, "root": B32}
    of_text = ["utf-8", "lines", "origin-length", "number", "base64", "hash-length", "other-origin"]
    shapes: Shapes = {
        "ed25519/sign": (
            "9.3",
            {"secret": B32, "text": TEXT},
            {"public": B32, "signature": B64},
            {},
        ),
        "ed25519/verify": ("9.3", verifying, {}, invalid(*ED25519_REFUSALS)),
        "note-key/encode": ("9.3, 9.4", key, {**key_id, "vkey": TEXT}, invalid("key-name")),
        "note-key/decode": ("9.3, 9.4", {"vkey": TEXT}, {**key, **key_id}, invalid(*vkey)),
        "note-key/encode-payload": ("11", secret, {"payload": BYTES}, {}),
        "note-key/decode-payload": ("11", {"payload": BYTES}, secret, invalid(*payload)),
        "note/sign": ("9.3, 9.4", {"text": TEXT, "signers": listed(signer)}, {"note": BYTES}, {}),
        "note/decode": (
            "9.3",
            {"note": BYTES},
            {"text": TEXT, "signatures": listed(line)},
            invalid(*NOTE_REFUSALS),
        ),
        "note/verify": (
            "9.3, 9.4",
            {"note": BYTES, "vkey": TEXT},
            {"time": optional(U63)},
            invalid(*SIGNED_REFUSALS),
        ),
        "checkpoint/encode": ("9.3", {"origin": TEXT, **opened}, {"text": TEXT}, {}),
        "checkpoint/open": (
            "9.3, 9.4",
            opening,
            opened,
            invalid(*of_text, *SIGNED_REFUSALS, *POLICY_REFUSALS),
        ),
    }
    return _of_file("notes", shapes)


def _proofs() -> dict[str, Operation]:
    signing = {"origin": TEXT, "secret": B32, "post": BYTES, "deadline": U63}
    receipt = {"epoch": U32, "digest": B32, "deadline": U63}
    of_text = ["lines", "receipt-kind", "number", "base64", "hash-length", "other-origin"]
    opening = invalid(*of_text, "signature-missing", "signature-equation")
    proof = {
        "extra": optional(BYTES),
        "index": U63,
        "hashes": listed(B32),
        "note": BYTES,
    }
    decoding = ["no-blank-line", "utf-8", "lines", "proof-kind", "number", "base64"]
    checking = {"proof": BYTES, "post": BYTES, **POLICY}
    refusals = ["no-extra", "no-manifest", "other-board", "other-origin", "other-size"]
    refusals += ["other-root", "index-not-in-tree", "wrong-length", "root", "signature-missing"]
    refusals += ["signature-equation", "too-few-witnesses", "other-epoch"]
    neighbours = listed(record({"post": BYTES, "proof": BYTES}))
    absent = {"neighbours": neighbours, "identifier": B32, **POLICY}
    not_absent = ["present", "not-around", "not-neighbours", "other-edition", "root"]
    not_absent += ["index-not-in-tree", "too-few-witnesses"]
    shapes: Shapes = {
        "receipt/sign": ("9.6", signing, {"receipt": BYTES}, {}),
        "receipt/open": ("9.6", {"receipt": BYTES, "board": TEXT}, receipt, opening),
        "proof/encode": ("9.8", proof, {"proof": BYTES}, {}),
        "proof/decode": ("9.8", {"proof": BYTES}, proof, invalid(*decoding, "hash-length")),
        "proof/check-post": ("9.8", checking, MANIFEST, invalid(*refusals)),
        "proof/check-absence": ("9.5, 9.8", absent, MANIFEST, invalid(*not_absent)),
    }
    return _of_file("proofs", shapes)


OPERATIONS_OF_THE_BOARD: dict[str, Operation] = {
    **_board(),
    **_logs(),
    **_notes(),
    **_proofs(),
}
