"""board.json: origins, epochs and the rules of the board, SPEC 2, 9.1, 9.2 and 9.5 to 9.7."""

import hashlib

from oracle.notation import CLASS_H, CLASS_L, CLASS_S, CLASS_XL, be32, hash_parts
from oracle.operations import Json
from oracle.ristretto255 import encode_scalar

from vectors.cases import board_times, posts
from vectors.cases.board_times import CLOSES, HOUR, OPENS
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
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
FRESH: Json = {"over": [], "expired": 0}
"""No epoch had its last edition, and none has expired."""


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


def _parameters(book: Casebook) -> None:
    def values(
        origin: str = ORIGIN, length: int = DAY, interval: int = HOUR, n: int = CLASS_L
    ) -> Json:
        numbers = {"epoch_length": length, "class": n, "interval": interval}
        return {"origin": origin, **numbers}

    for name, given in (
        ("plain", values()),
        ("class-h", values(n=CLASS_H)),
        ("class-s", values(n=CLASS_S)),
        ("class-xl", values(n=CLASS_XL)),
        ("255-characters", values("b" * 255)),
        ("shortest", values(length=60, interval=1)),
        ("longest", values(length=2**32 - 1)),
        ("longest-interval", values(length=2**32 - 3601, interval=2**32 - 1)),
        ("last-edition-in-time", values(interval=2 * DAY - 1)),
        ("last-edition-of-many", values(length=60, interval=59)),
        ("billboard", values("billboard")),
        ("billboard-below", values("board.example/billboard/")),
    ):
        book.valid("board/parameters", name, name.replace("-", " "), **given)
    for name, reason, given in (
        ("reserved", "origin-reserved", values("billboard/receipt@v1")),
        ("reserved-alone", "origin-reserved", values("billboard/")),
        ("plus", "origin-plus", values("board+example")),
        ("empty", "origin-length", values("")),
        ("256-characters", "origin-length", values("a" * 256)),
        ("space", "origin-character", values("board example")),
        ("length-59", "epoch-length", values(length=59, interval=1)),
        ("length-2-to-32", "epoch-length", values(length=2**32)),
        ("interval-0", "interval", values(interval=0)),
        ("interval-2-to-32", "interval", values(length=2**32 - 3600, interval=2**32)),
        ("last-edition-too-late", "last-edition", values(interval=2 * DAY)),
        ("last-edition-of-many-too-late", "last-edition", values(length=60, interval=60)),
        ("last-edition-of-a-short-epoch", "last-edition", values(length=1800)),
        ("last-edition-much-too-late", "last-edition", values(interval=2**32 - 1)),
    ):
        book.refused("board/parameters", name, name.replace("-", " "), reason, **given)


def _work(book: Casebook) -> None:
    post = post_of()

    def bits_of(work: bytes) -> int:
        value = int.from_bytes(hash_parts("work", ORIGIN.encode(), post, work), "big")
        return 256 - value.bit_length()

    works = (i.to_bytes(8, "big") for i in range(20_000))
    good = next(work for work in works if bits_of(work) == 9)
    short = next(work for work in works if bits_of(work) == 7)
    for name, comment, work, bits in (
        ("exact", "9 bits of 9", good, 9),
        ("more", "9 bits of 8", good, 8),
        ("one-asked", "7 bits of 1", short, 1),
    ):
        values: Json = {"origin": ORIGIN, "post": post, "work": work, "bits": bits}
        book.valid("work/check", name, comment, **values)
    values = {"origin": ORIGIN, "post": post, "work": short, "bits": 8}
    for name, comment, reason, changes in (
        ("a-bit-short", "7 bits of 8", "work-short", {}),
        ("more-asked", "9 bits of 10", "work-short", {"work": good, "bits": 10}),
        ("other-post", "of another post", "work-short", {"work": good, "post": post_of(seq=5)}),
        ("other-origin", "for another board", "work-short", {"work": good, "origin": "other"}),
        ("0-bits", "no proof at all", "work-bits", {"bits": 0}),
        ("7-bytes", "a byte less", "wrong-length", {"work": good[:7]}),
        ("9-bytes", "a byte more", "wrong-length", {"work": good + b"\0"}),
    ):
        book.refused("work/check", name, comment, reason, **{**values, **changes})


def _submissions(book: Casebook) -> None:
    def values(post: bytes, **changes: object) -> Json:
        fixed = {"origin": ORIGIN, "class": CLASS_L, "epoch_length": DAY, "time": TIME}
        return {
            **fixed,
            "post": post,
            "quota": None,
            "pending": [],
            "closed": [],
            **FRESH,
            **changes,
        }

    def place(epoch: int, slot_of: bytes, **more: int) -> Json:
        return {"epoch": epoch, "identifier": slot_of[:32], **more}

    post, again = post_of(), post_of(seq=5)
    other = post_of(slot=1)
    for name, comment, accepted in (
        ("first", "nothing pending", values(post)),
        ("first-with-seq", "nothing pending, seq 5", values(again)),
        ("replaces", "a greater seq", values(again, pending=[place(EPOCH, post, seq=4)])),
        ("other-pending", "another pending", values(post, pending=[place(EPOCH, other, seq=9)])),
        ("other-closed", "another is in an edition", values(post, closed=[place(EPOCH, other)])),
        (
            "pending-in-other-epoch",
            "the same identifier is pending in another epoch",
            values(post, pending=[place(EPOCH - 1, post, seq=9)]),
        ),
        (
            "closed-in-other-epoch",
            "the same identifier is in an edition of another epoch",
            values(post, closed=[place(EPOCH - 1, post)]),
        ),
        (
            "room-left",
            "the last place of a quota",
            values(post, quota=2, pending=[place(EPOCH, other, seq=9)]),
        ),
        (
            "replaces-when-full",
            "what is replaced makes room",
            values(again, quota=1, pending=[place(EPOCH, post, seq=4)]),
        ),
        (
            "other-epoch-full",
            "the quota is that of an epoch",
            values(post, quota=1, pending=[place(EPOCH + 1, other, seq=9)]),
        ),
        (
            "edition-full",
            "what is in an edition waits no more",
            values(post, quota=1, closed=[place(EPOCH, other)]),
        ),
        ("other-over", "another epoch is over", values(post, over=[EPOCH - 1, EPOCH + 1])),
        ("others-expired", "those before have expired", values(post, expired=EPOCH)),
        ("opens", "the first second", values(post, time=OPENS)),
        ("closes", "the last second", values(post, time=CLOSES - 1)),
    ):
        book.valid("board/submit", name, comment, **accepted)
    for name, comment, reason, refused in (
        ("too-early", "a second early", "epoch-not-yet-open", values(post, time=OPENS - 1)),
        ("too-late", "a second late", "epoch-closed", values(post, time=CLOSES)),
        ("closed", "in an edition", "in-edition", values(again, closed=[place(EPOCH, post)])),
        ("over", "the last edition is closed", "epoch-over", values(post, over=[EPOCH])),
        ("expired", "it has expired", "epoch-expired", values(post, expired=EPOCH + 1)),
        (
            "quota",
            "as many wait as may",
            "quota",
            values(post, quota=1, pending=[place(EPOCH, other, seq=9)]),
        ),
        ("quota-0", "none may wait", "quota", values(post, quota=0)),
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
        comment = "the board cannot tell a dummy from a post"
        values |= {"quota": None, "pending": [], "closed": [], **FRESH}
        book.valid("board/submit", f"dummy-{i}", comment, **values)


def _neighbour(identifier: bytes, step: int) -> bytes:
    return (int.from_bytes(identifier, "big") + step).to_bytes(32, "big")


def _identifiers(zeros: int, count: int = 768) -> list[bytes]:
    names = (hashlib.sha256(EDITION.encode() + be32(i)).digest() for i in range(count))
    return sorted(bytes(zeros) + name[zeros:] for name in names)


def _bundles(book: Casebook) -> None:
    def add(name: str, comment: str, identifier: bytes, zeros: int = 0, count: int = 768) -> None:
        values: Json = {"edition": {"seed": EDITION, "count": count, "zeros": zeros}}
        book.valid("board/bundle", name, comment, **values, identifier=identifier)

    names = _identifiers(0)
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
        (
            "below-index-256",
            "absent, below the first of the second, of the same 8 bytes: two bundles",
            _neighbour(names[256], -1),
        ),
        (
            "below-the-8-bytes",
            "absent, below the 8 bytes of the second",
            _neighbour(names[256][:8] + bytes(24), -1),
        ),
        ("index-256", "the first of the second bundle", names[256]),
        ("above-index-256", "absent, above the first of the second", _neighbour(names[256], 1)),
        ("index-400", "in the middle", names[400]),
        ("index-512", "the first of the third bundle", names[512]),
        ("last", "the last identifier", names[767]),
        ("greatest", "the greatest identifier", b"\xff" * 32),
    ):
        add(name, comment, identifier)
    for name, identifier in (("small-zero", bytes(32)), ("small-greatest", b"\xff" * 32)):
        add(name, "an edition of one bundle", identifier, count=256)
    alike = _identifiers(8)
    for name, comment, identifier in (
        ("alike-first", "all of the same 8 bytes: back to the first bundle", alike[0]),
        ("alike-below", "absent, below all: as if it were there", bytes(32)),
        ("alike-middle", "back to the second", alike[400]),
        ("alike-above", "absent, of greater 8 bytes", b"\1" * 32),
    ):
        add(name, comment, identifier, zeros=8)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("board")
    _origins(book)
    board_times.epochs(book)
    _parameters(book)
    board_times.windows(book)
    board_times.schedules(book)
    board_times.orders(book)
    board_times.times(book)
    board_times.sizes(book)
    board_times.freshness(book)
    board_times.expiring(book)
    board_times.unfinished(book)
    _submissions(book)
    _work(book)
    _editions(book)
    _bundles(book)
    return book
