"""blobs.json: blobs and batches, SPEC 6.2 to 6.4."""

from typing import Any

from oracle import blobs, elgamal, frames, ristretto255
from oracle.groups import RISTRETTO255
from oracle.notation import CLASS_L
from oracle.operations import Json
from oracle.ristretto255 import encode_scalar

from vectors.cases import forgeries, subscriptions
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
    ALPHA,
    BETA,
    BLOB,
    EXPIRY,
    FIELDS,
    FRAME,
    HANDLE_BLOB,
    HANDLE_FIELDS,
    HANDLE_FRAME,
    KEY_H,
    KEY_S,
    KEY_XL,
    KEYS_JSON,
    TIME,
    blob_of,
    draw,
    draw_scalar,
    embeddings,
    multiple,
    replaced,
)

FULL = FIELDS._replace(token=draw("full token", 198))
HANDLES = [HANDLE_FIELDS.handle, *(draw(f"handle {i}", 16) for i in range(3))]
OF_CLASS = {
    "class-h": HANDLE_FRAME,
    "class-s": frames.encode(KEY_S.public.key_hash, 3, FIELDS),
    "class-xl": frames.encode(
        KEY_XL.public.key_hash,
        38,
        FIELDS._replace(
            platform=3, token=subscriptions.of_endpoint(subscriptions.LONGEST_ENDPOINT)
        ),
    ),
}
FULL_BLOB = blob_of(ALPHA, frames.encode(ALPHA.public.key_hash, CLASS_L, FULL), "full blob")


def _encrypting(book: Casebook) -> None:
    for i in range(2):
        candidates = embeddings(FRAME, f"encrypting {i}")
        scalar = encode_scalar(draw_scalar(f"encrypting {i}"))
        values: Json = {"key": "alpha", "frame": FRAME, "candidates": candidates, "r": scalar}
        book.valid("blob/encrypt", f"frame-{i}", "the same frame, embedded anew", **values)
    for name, frame in OF_CLASS.items():
        candidates = embeddings(frame, f"encrypting {name}")
        values = {"key": name, "frame": frame, "candidates": candidates, "r": scalar}
        blob = book.valid("blob/encrypt", name, f"a frame of {name}", **values)["blob"]
        values = {"key": name, "blob": blob, "s": encode_scalar(draw_scalar(f"moving {name}"))}
        moved = book.valid("blob/rerandomize", name, f"a blob of {name}", **values)["blob"]
        values = {"key": name, "blob": moved, "time": TIME}
        book.valid("blob/open", f"{name}-moved", f"a blob of {name}, rerandomized", **values)


def _decoding(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, blob: bytes) -> None:
        book.refused("blob/decode", name, comment, reason, blob=blob)

    book.valid("blob/decode", "plain", "a blob", blob=BLOB)
    identities = BLOB[:32] + bytes(256)
    book.valid("blob/decode", "b-identity", "every B_j is the identity", blob=identities)
    same = BLOB[:32] * 9
    book.valid("blob/decode", "all-equal", "nine times the same element", blob=same)
    add("a-identity", "A is the identity", "a-identity", bytes(32) + BLOB[32:])
    add("all-zero", "nine times the identity", "a-identity", bytes(288))
    for j in range(9):
        name, reason = (f"b-{j}", "b-not-canonical") if j else ("a", "a-not-canonical")
        for kind, change in (("negated", forgeries.negated), ("high-bit", forgeries.high_bit)):
            bad = change(BLOB[32 * j : 32 * j + 32])
            add(f"{name}-{kind}", f"position {j}: {kind}", reason, replaced(BLOB, 32 * j, bad))
    for length in (0, 32, 64, 95, 160, 256, 287):
        add(f"length-{length}", f"{length} bytes", "wrong-length", BLOB[:length])
    add("length-289", "a byte more", "wrong-length", BLOB + b"\0")
    add("length-320", "an element more", "wrong-length", BLOB + BLOB[:32])
    for name, blob in (("class-h", HANDLE_BLOB), ("class-s", BLOB[:128])):
        book.valid("blob/decode", name, f"a blob of {name}", blob=blob)


def _opening(book: Casebook) -> None:
    def add(name: str, comment: str, blob: bytes, time: int = TIME, key: str = "alpha") -> None:
        book.valid("blob/open", name, comment, key=key, blob=blob, time=time)

    add("plain", "a blob", BLOB)
    add("full", "a frame without padding", FULL_BLOB)
    moved = BLOB
    for i in range(3):
        moved = moved_blob(moved, f"move {i}")
        add(f"moved-{i + 1}", f"rerandomized {i + 1} times", moved)
    add("last-second", "the last second before the expiry", BLOB, EXPIRY * 3600 - 1)
    fields = FIELDS._replace(gate=draw("gate", 16))
    add("gate", "a gate", _blob_with(frames.encode(ALPHA.public.key_hash, CLASS_L, fields)))
    frame = frames.encode(BETA.public.key_hash, CLASS_L, FIELDS)
    add("beta", "under the other key", blob_of(BETA, frame, "beta blob"), key="beta")


def moved_blob(blob: bytes, name: str) -> bytes:
    return elgamal.rerandomize(RISTRETTO255, ALPHA.public.elements, blob, draw_scalar(name))


def _blob_with(frame: bytes) -> bytes:
    return blob_of(ALPHA, frame, "blob with")


def _not_mine(book: Casebook) -> None:
    def add(
        name: str, comment: str, reason: str, blob: bytes, time: int = TIME, single: bool = True
    ) -> None:
        values: Json = {"key": "alpha", "blob": blob, "time": time}
        book.refused("blob/open", name, comment, reason, single, **values)

    key_hash = ALPHA.public.key_hash
    frame = frames.encode(BETA.public.key_hash, CLASS_L, FIELDS)
    add("tag-of-other-key", "encrypted to this key, tagged for another", "tag", _blob_with(frame))
    other = blob_of(BETA, frame, "beta blob")
    add("other-key", "encrypted to another key", "version", other, single=False)
    mauled = _added(FULL_BLOB, 8, multiple(1))
    add("mauled-8", "G added to B_8", "tag", mauled)
    mauled = _added(BLOB, 0, multiple(1))
    add("mauled-a", "G added to A", "version", mauled, single=False)
    swapped = FULL_BLOB[:-64] + FULL_BLOB[-32:] + FULL_BLOB[-64:-32]
    add("swapped", "B_7 and B_8 swapped", "tag", swapped)
    other = _blob_with(frames.encode(key_hash, CLASS_L, FULL._replace(token=draw("mixed", 198))))
    mixed = other[:-32] + FULL_BLOB[-32:]
    add("mixed", "B_8 of another blob", "tag", mixed)
    add("expired", "the first second of the expiry", "expired", BLOB, EXPIRY * 3600)
    for name, reason, bad in (
        ("version-2", "version", frames.lay_out(key_hash, CLASS_L, FIELDS, version=2)),
        ("platform-6", "platform-unknown", _frame(FIELDS._replace(platform=6))),
        ("length-0", "token-length", _frame(FIELDS._replace(token=b""))),
        ("padding", "padding", frames.lay_out(key_hash, CLASS_L, FIELDS, padding=b"\x01")),
    ):
        add(name, f"the frame: {name}", reason, _blob_with(bad))
    negated = replaced(BLOB, 32, forgeries.negated(BLOB[32:64]))
    add("b-1-negated", "B_1: negated encoding", "b-not-canonical", negated)
    high = replaced(BLOB, 0, forgeries.high_bit(BLOB[:32]))
    add("a-high-bit", "A: bit 255 set", "a-not-canonical", high)
    embedded = b"".join(_embedded())
    add(
        "a-identity",
        "the frame in the clear: A is the identity",
        "a-identity",
        bytes(32) + embedded,
    )
    add("length-287", "a byte less", "wrong-length", BLOB[:-1])
    add("class-h", "a blob of class H", "wrong-length", HANDLE_BLOB)


def _frame(fields: frames.Frame) -> bytes:
    return frames.lay_out(ALPHA.public.key_hash, CLASS_L, fields)


def _embedded() -> list[bytes]:
    return blobs.embed_frame(FRAME, embeddings(FRAME, "in the clear"))


def _added(blob: bytes, position: int, element: bytes) -> bytes:
    at = 32 * position
    total = ristretto255.decode(blob[at : at + 32]).plus(ristretto255.decode(element)).encode()
    return replaced(blob, at, total)


def _batches(book: Casebook) -> None:
    moved = moved_blob(BLOB, "batch move")
    foreign = blob_of(BETA, frames.encode(BETA.public.key_hash, CLASS_L, FIELDS), "foreign")
    undecodable = replaced(BLOB, 32, forgeries.high_bit(BLOB[32:64]))
    in_clear = bytes(32) + b"".join(_embedded())
    stale = _blob_with(_frame(FIELDS._replace(expiry=1)))
    rows = [BLOB, foreign, moved, undecodable, FULL_BLOB, in_clear, stale]
    values: Json = {"key": "alpha", "batch": b"".join(rows), "time": TIME}
    comment = "rows that are mine, foreign, undecodable, in the clear and expired"
    book.valid("blob/open-batch", "mixed", comment, **values)
    for name, batch in (("one", BLOB), ("empty", b"")):
        values = {"key": "alpha", "batch": batch, "time": TIME}
        book.valid("blob/open-batch", name, f"{name} row", **values)
    for length in (32, 287, 289):
        values = {"key": "alpha", "batch": (BLOB + moved)[:length], "time": TIME}
        comment = f"{length} bytes: not whole rows"
        book.refused("blob/open-batch", f"length-{length}", comment, "wrong-length", **values)


def _subscriptions(book: Casebook) -> None:
    tokens = [subscriptions.TOKEN, subscriptions.TOKEN[:-1] + b"#", b"\x01"]
    rows = [_blob_with(_frame(FIELDS._replace(platform=3, token=token))) for token in tokens]
    values: Json = {"key": "alpha", "batch": b"".join(rows), "time": TIME}
    comment = "tokens of Web Push: one that decodes, and two that do not"
    book.valid("blob/open-batch", "web-push", comment, **values)


def _handle_blob(name: str, **changes: Any) -> bytes:
    fields = HANDLE_FIELDS._replace(**changes)
    key_hash, salt = KEY_H.public.key_hash, draw(f"salt {name}", 7)
    return blob_of(KEY_H, frames.lay_out_handle(key_hash, fields, salt), name)


def _handles(book: Casebook) -> None:
    rows = [
        HANDLE_BLOB,
        _handle_blob("the same handle"),
        _handle_blob("of the same token", handle=HANDLES[1]),
        _handle_blob("of another app", handle=HANDLES[2]),
        _handle_blob("unknown handle", handle=draw("unknown handle", 16)),
        _handle_blob("expired", handle=HANDLES[3], expiry=1),
        BLOB[:96],
    ]
    values: Json = {"key": "class-h", "batch": b"".join(rows), "time": TIME}
    comment = "handles: one twice, two of one token, one unknown, one expired; and what is not mine"
    book.valid("blob/open-batch", "handles", comment, **values)


def _handles_not_mine(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, blob: bytes, time: int = TIME) -> None:
        values: Json = {"key": "class-h", "blob": blob, "time": time}
        book.refused("blob/open", f"handle-{name}", comment, reason, **values)

    values: Json = {"key": "class-h", "blob": HANDLE_BLOB, "time": TIME}
    book.valid("blob/open", "handle", "a blob of class H", **values)
    add("mauled", "G added to B_2", "tag", _added(HANDLE_BLOB, 2, multiple(1)))
    add("expired", "the first second of the expiry", "expired", HANDLE_BLOB, EXPIRY * 3600)
    elements = blobs.embed_frame(HANDLE_FRAME, embeddings(HANDLE_FRAME, "in the clear"))
    clear = bytes(32) + b"".join(elements)
    add("a-identity", "the frame in the clear: A is the identity", "a-identity", clear)
    add("class-l", "a blob of class L", "wrong-length", BLOB)
    add("length-95", "a byte less", "wrong-length", HANDLE_BLOB[:-1])


def _refused_moves(book: Casebook) -> None:
    scalar = encode_scalar(draw_scalar("refused move"))
    high = replaced(BLOB, 32, forgeries.high_bit(BLOB[32:64]))
    minus_r = encode_scalar(-draw_scalar("blob r"))
    for name, comment, reason, blob, s in (
        ("s-minus-r", "s is -r, so that A' would be the identity", "a-identity", BLOB, minus_r),
        ("a-identity", "A is the identity", "a-identity", bytes(32) + BLOB[32:], scalar),
        ("a-byte-more", "a byte more", "wrong-length", BLOB + b"\0", scalar),
        ("of-class-h", "a blob of class H", "wrong-length", HANDLE_BLOB, scalar),
        ("b-1-high-bit", "B_1: bit 255 set", "b-not-canonical", high, scalar),
        ("a-high-bit", "A: bit 255 set", "a-not-canonical", forgeries.high_bit(BLOB), scalar),
    ):
        values: Json = {"key": "alpha", "blob": blob, "s": s}
        book.refused("blob/rerandomize", name, comment, reason, **values)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("blobs", KEYS_JSON)
    _encrypting(book)
    _decoding(book)
    _opening(book)
    _not_mine(book)
    _batches(book)
    _subscriptions(book)
    _handles(book)
    _handles_not_mine(book)
    _refused_moves(book)
    return book
