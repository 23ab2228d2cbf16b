"""blobs.json: ElGamal, blobs, batches and ticks, SPEC 6.2 to 6.4 and 10."""

from collections.abc import Sequence

from reference import blobs, frames, group
from reference.group import ORDER, encode_scalar
from reference.notation import CLASS_L

from . import forgeries
from .casebook import Casebook
from .inputs import Json
from .material import (
    ALPHA,
    BETA,
    BLOB,
    EXPIRY,
    FIELDS,
    FRAME,
    NAMED_KEYS,
    TIME,
    blob_of,
    draw,
    draw_element,
    draw_scalar,
    embeddings,
    multiple,
    replaced,
)

FULL = FIELDS._replace(token=draw("full token", 198))
FULL_BLOB = blob_of(ALPHA, frames.encode(ALPHA.public.key_hash, CLASS_L, FULL), "full blob")


def _elgamal(book: Casebook, n: int) -> None:
    secrets = ALPHA.secrets[:n]
    publics = ALPHA.public.elements[:n]
    messages = [draw_element(f"elgamal message {j}") for j in range(n)]
    r = draw_scalar(f"elgamal r {n}")
    blob = _encrypted(book, f"{n}-random", publics, messages, r)
    identities = [bytes(32)] * n
    of_identity = _encrypted(book, f"{n}-identity", publics, identities, r)
    _encrypted(book, f"{n}-r-1", publics, messages, 1)
    _encrypted(book, f"{n}-r-order-minus-1", publics, messages, ORDER - 1)
    values: Json = {"publics": publics, "messages": messages, "r": bytes(32)}
    book.refused("elgamal/encrypt", f"{n}-r-zero", "r is zero", "r-zero", **values)
    moved = ""
    for name, s in (("zero", 0), ("1", 1), ("random", draw_scalar(f"elgamal s {n}"))):
        values = {"publics": publics, "blob": blob, "s": encode_scalar(s)}
        moved = book.valid("elgamal/rerandomize", f"{n}-s-{name}", f"s: {name}", **values)["blob"]
    values = {"publics": publics, "blob": blob, "s": encode_scalar(-r)}
    comment = "s is -r, so that A' would be the identity"
    book.refused("elgamal/rerandomize", f"{n}-s-minus-r", comment, "a-identity", **values)
    malformed = b"".join(draw_element(f"malformed {j}") for j in range(n + 1))
    values = {"publics": publics, "blob": malformed, "s": encode_scalar(draw_scalar("s"))}
    comment = "elements that nobody encrypted are moved all the same"
    book.valid("elgamal/rerandomize", f"{n}-malformed", comment, **values)
    for name, data in (("fresh", blob), ("moved", moved), ("identity", of_identity)):
        values = {"secrets": [encode_scalar(x) for x in secrets], "blob": data}
        book.valid("elgamal/decrypt", f"{n}-{name}", f"n = {n}, {name}", **values)
    _decrypt_identity_b(book, secrets)


def _encrypted(
    book: Casebook, name: str, publics: Sequence[bytes], messages: list[bytes], r: int
) -> str:
    values: Json = {"publics": publics, "messages": messages, "r": encode_scalar(r)}
    comment = f"n = {len(publics)}"
    blob: str = book.valid("elgamal/encrypt", name, comment, **values)["blob"]
    return blob


def _decrypt_identity_b(book: Casebook, secrets: Sequence[int]) -> None:
    n = len(secrets)
    blob = draw_element("a of identities") + bytes(32 * n)
    values: Json = {"secrets": [encode_scalar(x) for x in secrets], "blob": blob}
    comment = "every B_j is the identity"
    book.valid("elgamal/decrypt", f"{n}-b-identity", comment, **values)


def _encrypting(book: Casebook) -> None:
    for i in range(2):
        candidates = embeddings(FRAME, f"encrypting {i}")
        scalar = encode_scalar(draw_scalar(f"encrypting {i}"))
        values: Json = {"key": "alpha", "frame": FRAME, "candidates": candidates, "r": scalar}
        book.valid("blob/encrypt", f"frame-{i}", "the same frame, embedded anew", **values)


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
    for length in (0, 32, 64, 256, 287):
        add(f"length-{length}", f"{length} bytes", "wrong-length", BLOB[:length])
    add("length-289", "a byte more", "wrong-length", BLOB + b"\0")
    add("length-320", "an element more", "wrong-length", BLOB + BLOB[:32])


def _opening(book: Casebook) -> None:
    def add(name: str, comment: str, blob: bytes, time: int = TIME, key: str = "alpha") -> None:
        book.valid("blob/open", name, comment, key=key, blob=blob, time=time)

    add("plain", "a blob", BLOB)
    add("full", "a frame without padding", FULL_BLOB)
    moved = BLOB
    for i in range(3):
        moved = blobs.rerandomize(ALPHA.public.elements, moved, draw_scalar(f"move {i}"))
        add(f"moved-{i + 1}", f"rerandomized {i + 1} times", moved)
    add("last-second", "the last second before the expiry", BLOB, EXPIRY * 3600 - 1)
    fields = FIELDS._replace(gate=draw("gate", 16))
    add("gate", "a gate", _blob_with(frames.encode(ALPHA.public.key_hash, CLASS_L, fields)))
    frame = frames.encode(BETA.public.key_hash, CLASS_L, FIELDS)
    add("beta", "under the other key", blob_of(BETA, frame, "beta blob"), key="beta")


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
        ("platform-3", "platform-unknown", _frame(FIELDS._replace(platform=3))),
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


def _frame(fields: frames.Frame) -> bytes:
    return frames.lay_out(ALPHA.public.key_hash, CLASS_L, fields)


def _embedded() -> list[bytes]:
    pieces = [FRAME[i : i + 30] for i in range(0, 240, 30)]
    candidates = embeddings(FRAME, "in the clear")
    return [blobs.embed(piece, c) for piece, c in zip(pieces, candidates, strict=True)]


def _added(blob: bytes, position: int, element: bytes) -> bytes:
    at = 32 * position
    total = group.decode(blob[at : at + 32]).plus(group.decode(element)).encode()
    return replaced(blob, at, total)


def _batches(book: Casebook) -> None:
    moved = blobs.rerandomize(ALPHA.public.elements, BLOB, draw_scalar("batch move"))
    foreign = blob_of(BETA, frames.encode(BETA.public.key_hash, CLASS_L, FIELDS), "foreign")
    undecodable = replaced(BLOB, 32, forgeries.high_bit(BLOB[32:64]))
    in_clear = bytes(32) + b"".join(_embedded())
    stale = _blob_with(_frame(FIELDS._replace(expiry=1)))
    rows = [BLOB, foreign, moved, undecodable, FULL_BLOB, in_clear, stale]
    values: Json = {"key": "alpha", "batch": b"".join(rows), "time": TIME}
    comment = "rows that are mine, foreign, undecodable, in the clear and expired"
    book.valid("blob/open-batch", "mixed", comment, **values)
    comment = "one notification for two blobs of one token"
    book.valid("tick/notifications", "mixed", comment, **values)
    for name, batch in (("one", BLOB), ("empty", b"")):
        values = {"key": "alpha", "batch": batch, "time": TIME}
        book.valid("blob/open-batch", name, f"{name} row", **values)
        book.valid("tick/notifications", name, f"{name} row", **values)
    for length in (32, 287, 289):
        values = {"key": "alpha", "batch": (BLOB + moved)[:length], "time": TIME}
        comment = f"{length} bytes: not whole rows"
        book.refused("blob/open-batch", f"length-{length}", comment, "wrong-length", **values)
    variants = [
        FIELDS._replace(app=8),
        FIELDS._replace(platform=2),
        FIELDS._replace(expiry=EXPIRY + 1),
    ]
    batch = BLOB + b"".join(_blob_with(_frame(fields)) for fields in variants)
    comment = "app and platform tell notifications apart, the expiry does not"
    values = {"key": "alpha", "batch": batch, "time": TIME}
    book.valid("tick/notifications", "same-token", comment, **values)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("blobs", {name: key.as_json() for name, key in NAMED_KEYS.items()})
    _elgamal(book, 1)
    _elgamal(book, 8)
    _encrypting(book)
    _decoding(book)
    _opening(book)
    _not_mine(book)
    _batches(book)
    return book
