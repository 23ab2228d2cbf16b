"""board.json: origins, epochs and the rules of the board, SPEC 2 and 9."""

import hashlib

from oracle.notation import CLASS_H, CLASS_L, CLASS_S, be32
from oracle.operations import Json
from oracle.ristretto255 import encode_scalar

from . import posts
from .casebook import Casebook
from .material import (
    DAY,
    EPOCH,
    HANDLE_ENVELOPE,
    ORIGIN,
    TIME,
    draw,
    draw_scalar,
    envelope_of,
    post_of,
)

EDITION = "edition"
OPENS = (EPOCH - 14) * DAY - 3600
CLOSES = (EPOCH + 1) * DAY + 3600


def _origins(book: Casebook) -> None:
    for name, origin in (
        ("plain", "board.example"),
        ("one-character", "!"),
        ("port-and-path", "board.example:8443/lanes~1"),
        ("255-characters", "a" * 255),
    ):
        book.valid("origin/check", name, name.replace("-", " "), origin=origin)
    for name, reason, origin in (
        ("empty", "origin-length", ""),
        ("256-characters", "origin-length", "a" * 256),
        ("space", "origin-character", "board example"),
        ("trailing-newline", "origin-character", "board.example\n"),
        ("zero-byte", "origin-character", "board\0example"),
        ("delete", "origin-character", "board.example\x7f"),
        ("latin", "origin-character", "b\xf6ard.example"),
        ("full-width-stop", "origin-character", "board\uff0eexample"),
    ):
        book.refused("origin/check", name, name.replace("-", " "), reason, origin=origin)


def _epochs(book: Casebook) -> None:
    for name, length, time in (
        ("start", DAY, EPOCH * DAY),
        ("end", DAY, (EPOCH + 1) * DAY - 1),
        ("zero", DAY, 0),
        ("shortest", 60, 3599),
        ("longest", 2**32 - 1, 2**32 - 1),
        ("last", 60, 60 * 2**32 - 1),
    ):
        values: Json = {"epoch_length": length, "time": time}
        book.valid("epoch/at", name, name, **values)
    for name, length, time, reason in (
        ("beyond-last", 60, 60 * 2**32, "epoch-out-of-range"),
        ("length-0", 0, 0, "epoch-length"),
        ("length-59", 59, 59, "epoch-length"),
        ("length-2-to-32", 2**32, 0, "epoch-length"),
    ):
        values = {"epoch_length": length, "time": time, "single": length != 0}
        book.refused("epoch/at", name, name.replace("-", " "), reason, **values)
    for name, time, epoch in (("current", TIME, EPOCH), ("early", DAY, 1), ("first", 0, 0)):
        values = {"epoch_length": DAY, "time": time}
        book.valid("board/default-expiry", name, f"in epoch {epoch}", **values)


def _windows(book: Casebook) -> None:
    def add(name: str, epoch: int, time: int, reason: str = "", length: int = DAY) -> None:
        values: Json = {"epoch_length": length, "epoch": epoch, "time": time}
        comment = name.replace("-", " ")
        if reason:
            book.refused("epoch/open", name, comment, reason, **values)
        else:
            book.valid("epoch/open", name, comment, **values)

    add("first-second", EPOCH, OPENS)
    add("a-second-early", EPOCH, OPENS - 1, "epoch-not-yet-open")
    add("last-second", EPOCH, CLOSES - 1)
    add("a-second-late", EPOCH, CLOSES, "epoch-closed")
    add("middle", EPOCH, TIME)
    add("epoch-0-at-0", 0, 0)
    add("epoch-13-at-0", 13, 0)
    add("epoch-15-at-0", 15, 0, "epoch-not-yet-open")
    add("short-first-second", 1000, 986 * 60 - 60, length=60)
    add("short-a-second-early", 1000, 986 * 60 - 61, "epoch-not-yet-open", 60)
    add("short-last-second", 1000, 1001 * 60 + 59, length=60)
    add("short-a-second-late", 1000, 1001 * 60 + 60, "epoch-closed", 60)
    for name, epoch, time in (
        ("an-hour-ahead", EPOCH, EPOCH * DAY - 3600),
        ("last-second-to-publish", EPOCH, (EPOCH + 2) * DAY - 1),
        ("epoch-0", 0, 0),
    ):
        values: Json = {"epoch_length": DAY, "epoch": epoch, "time": time}
        book.valid("epoch/publishable", name, name.replace("-", " "), **values)
    values = {"epoch_length": DAY, "epoch": EPOCH, "time": EPOCH * DAY - 3601}
    comment = "an hour and a second ahead"
    book.refused("epoch/publishable", "too-early", comment, "too-early", **values)
    values["time"] = (EPOCH + 2) * DAY
    comment = "the epoch after it is over"
    book.refused("epoch/publishable", "too-late", comment, "too-late", **values)


def _expiring(book: Casebook) -> None:
    for name, epoch, time in (("before-current", EPOCH - 1, TIME), ("long-ago", 0, TIME)):
        values: Json = {"epoch_length": DAY, "epoch": epoch, "time": time}
        book.valid("epoch/expirable", name, f"before epoch {epoch}, in {EPOCH}", **values)
    for name, epoch in (("current", EPOCH), ("next", EPOCH + 1)):
        values = {"epoch_length": DAY, "epoch": epoch, "time": TIME}
        comment, reason = f"before epoch {epoch}, in {EPOCH}", "epoch-still-needed"
        book.refused("epoch/expirable", name, comment, reason, **values)


def _submissions(book: Casebook) -> None:
    def values(post: bytes, **changes: object) -> Json:
        fixed = {"origin": ORIGIN, "class": CLASS_L, "epoch_length": DAY, "time": TIME}
        return {**fixed, "post": post, "pending": [], "published": [], **changes}

    def place(epoch: int, slot_of: bytes, **more: int) -> Json:
        return {"epoch": epoch, "identifier": slot_of[:32], **more}

    post, again = post_of(), post_of(seq=5)
    other = post_of(slot=1)
    for name, comment, accepted in (
        ("first", "nothing pending", values(post)),
        ("first-with-seq", "nothing pending, seq 5", values(again)),
        ("replaces", "a greater seq", values(again, pending=[place(EPOCH, post, seq=4)])),
        ("other-pending", "another pending", values(post, pending=[place(EPOCH, other, seq=9)])),
        ("other-published", "another published", values(post, published=[place(EPOCH, other)])),
        (
            "pending-in-other-epoch",
            "the same identifier is pending in another epoch",
            values(post, pending=[place(EPOCH - 1, post, seq=9)]),
        ),
        (
            "published-in-other-epoch",
            "the same identifier was published in another epoch",
            values(post, published=[place(EPOCH - 1, post)]),
        ),
        ("opens", "the first second", values(post, time=OPENS)),
        ("closes", "the last second", values(post, time=CLOSES - 1)),
    ):
        book.valid("board/submit", name, comment, **accepted)
    for name, comment, reason, refused in (
        ("too-early", "a second early", "epoch-not-yet-open", values(post, time=OPENS - 1)),
        ("too-late", "a second late", "epoch-closed", values(post, time=CLOSES)),
        ("published", "in an edition", "in-edition", values(again, published=[place(EPOCH, post)])),
        (
            "same-seq",
            "seq 5 again",
            "seq-not-greater",
            values(again, pending=[place(EPOCH, post, seq=5)]),
        ),
        (
            "lower-seq",
            "seq 5 after 6",
            "seq-not-greater",
            values(again, pending=[place(EPOCH, post, seq=6)]),
        ),
        (
            "other-origin",
            "another board",
            "signature-equation",
            values(post, origin="other.example"),
        ),
    ):
        book.refused("board/submit", name, comment, reason, **refused)
    for n, envelope in ((CLASS_S, envelope_of("class-s")), (CLASS_H, HANDLE_ENVELOPE)):
        other = post_of(envelope=envelope)
        comment = f"a post of class {n} on a board of that class"
        book.valid("board/submit", f"class-{n}", comment, **values(other, **{"class": n}))
        comment = f"a post of class {n} on a board of class 8"
        book.refused(
            "board/submit", f"class-{n}-on-board-of-8", comment, "wrong-length", **values(other)
        )
    for name, comment, reason, post in posts.ill_formed():
        book.refused("board/submit", name, comment, reason, **values(post))


def _editions(book: Casebook) -> None:
    for count in (0, 1, 255, 256, 257, 512, 513):
        book.valid("board/edition-size", f"posts-{count}", f"{count} posts", posts=count)
    for name, count, dummies in (
        ("empty", 0, 256),
        ("padded", 200, 56),
        ("full", 256, 0),
        ("two", 300, 212),
    ):
        values: Json = {
            "posts": {"seed": "posts", "count": count},
            "dummies": {"seed": "dummies", "count": dummies},
        }
        comment = f"{count} posts and {dummies} dummies, sorted together"
        book.valid("board/edition", name, comment, **values)
    values = {"origin": ORIGIN, "epoch": EPOCH, "seq": 0, "box": draw("dummy of class S", 192)}
    values |= {"secret": encode_scalar(1), "salt": draw("dummy salt"), "rnd": draw("dummy rnd")}
    book.valid("board/dummy", "class-3", "a dummy of class S", **values)
    for i in range(2):
        values = {"origin": ORIGIN, "epoch": EPOCH, "seq": 2**31 - 1 - i}
        values |= {"box": draw(f"dummy box {i}", 352)}
        values["secret"] = encode_scalar(draw_scalar(f"dummy {i}"))
        values |= {"salt": draw(f"dummy salt {i}"), "rnd": draw(f"dummy rnd {i}")}
        post = book.valid("board/dummy", f"dummy-{i}", "a dummy", **values)["post"]
        values = {"origin": ORIGIN, "class": CLASS_L, "epoch_length": DAY, "time": TIME}
        values["post"] = post
        comment = "the board can not tell a dummy from a post"
        book.valid("board/submit", f"dummy-{i}", comment, pending=[], published=[], **values)


def _neighbour(identifier: bytes, step: int) -> bytes:
    return (int.from_bytes(identifier, "big") + step).to_bytes(32, "big")


def _bundles(book: Casebook) -> None:
    names = sorted(hashlib.sha256(EDITION.encode() + be32(i)).digest() for i in range(768))
    for name, comment, identifier in (
        ("first", "the first identifier", names[0]),
        ("below-first", "below the first identifier", _neighbour(names[0], -1)),
        ("zero", "the smallest identifier", bytes(32)),
        ("index-255", "the last of the first bundle", names[255]),
        (
            "above-index-255",
            "absent, above the last of the first bundle",
            _neighbour(names[255], 1),
        ),
        ("below-index-256", "absent, below the first of the second", _neighbour(names[256], -1)),
        ("index-256", "the first of the second bundle", names[256]),
        ("above-index-256", "absent, above the first of the second", _neighbour(names[256], 1)),
        ("index-400", "in the middle", names[400]),
        ("index-512", "the first of the third bundle", names[512]),
        ("last", "the last identifier", names[767]),
        ("greatest", "the greatest identifier", b"\xff" * 32),
    ):
        values: Json = {"edition": {"seed": EDITION, "count": 768}, "identifier": identifier}
        book.valid("board/bundle", name, comment, **values)
    for name, identifier in (("small-zero", bytes(32)), ("small-greatest", b"\xff" * 32)):
        values = {"edition": {"seed": EDITION, "count": 256}, "identifier": identifier}
        book.valid("board/bundle", name, "an edition of one bundle", **values)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("board")
    _origins(book)
    _epochs(book)
    _windows(book)
    _expiring(book)
    _submissions(book)
    _editions(book)
    _bundles(book)
    return book
