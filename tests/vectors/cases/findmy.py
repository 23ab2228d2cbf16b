"""findmy.json: Apple's Find My, SPEC 14."""

from itertools import count
from typing import Any

from oracle import findmy
from oracle.curves import P224
from oracle.findmy import LAST_INDEX, Report
from oracle.operations import Json

from vectors.cases.casebook import Casebook
from vectors.cases.material import draw, flip, replaced

FIRST = bytes(range(1, 29))
SYMMETRIC = bytes(range(32))
PLACE = Report(810561600, 2, 473977420, 85450620, 12, 32)
EPHEMERAL = int.from_bytes(draw("findmy ephemeral", 28), "big") % P224.order


def _bytes_of(number: int) -> bytes:
    return number.to_bytes(28, "big")


KEYS = findmy.keys_at(FIRST, SYMMETRIC, 1)
PRIVATE = _bytes_of(KEYS.private_key)
GOOD = findmy.encrypt_report(KEYS.public_key, EPHEMERAL, PLACE)


def _deriving(book: Casebook) -> None:
    for index in (0, 1, 2, 3, 96, 1000):
        values: Json = {"private_key": FIRST, "symmetric_key": SYMMETRIC, "index": index}
        book.valid("findmy/keys", f"index-{index}", f"index {index}", **values)
    for name, private in (("1", 1), ("order-minus-1", P224.order - 1)):
        values = {"private_key": _bytes_of(private), "symmetric_key": draw("findmy"), "index": 5}
        book.valid("findmy/keys", f"private-{name}", f"d_0: {name}", **values)
    for name, private in (
        ("zero", 0),
        ("order", P224.order),
        ("order-plus-1", P224.order + 1),
        ("greatest", 2**224 - 1),
    ):
        values = {"private_key": _bytes_of(private), "symmetric_key": SYMMETRIC, "index": 1}
        reason = "private-key-range"
        book.refused("findmy/keys", f"private-{name}", f"d_0: {name}", reason, **values)
        values = {"private_key": _bytes_of(private), "report": GOOD}
        book.refused("findmy/open", f"private-{name}", f"d: {name}", reason, **values)
    for length in (0, 27, 29):
        private_key, comment = (FIRST * 2)[:length], f"a private key of {length} bytes"
        values = {"private_key": private_key, "symmetric_key": SYMMETRIC, "index": 1}
        book.refused("findmy/keys", f"private-length-{length}", comment, "wrong-length", **values)
        values = {"private_key": private_key, "report": GOOD}
        book.refused("findmy/open", f"private-length-{length}", comment, "wrong-length", **values)
    for length in (0, 31, 33):
        values = {"private_key": FIRST, "symmetric_key": (SYMMETRIC * 2)[:length], "index": 1}
        name, comment = f"symmetric-length-{length}", f"a symmetric key of {length} bytes"
        book.refused("findmy/keys", name, comment, "wrong-length", **values)
    values = {"private_key": FIRST, "symmetric_key": SYMMETRIC, "index": LAST_INDEX}
    book.valid("findmy/keys", "last-index", "the last index, 2^20", **values)
    values = {"private_key": FIRST, "symmetric_key": SYMMETRIC, "index": LAST_INDEX + 1}
    book.refused("findmy/keys", "index-too-far", "2^20 + 1", "index-out-of-range", False, **values)
    u, v = findmy.diversifiers(findmy.symmetric_key(SYMMETRIC, 3))
    vanishing = _bytes_of(-v * pow(u, -1, P224.order) % P224.order)
    values = {"private_key": vanishing, "symmetric_key": SYMMETRIC, "index": 3}
    comment = "d_0 is chosen so that d_3 is 0"
    book.refused("findmy/keys", "derived-zero", comment, "derived-zero", False, **values)
    values["index"] = 4
    book.valid("findmy/keys", "after-derived-zero", "the next index is as any other", **values)


def _encrypting(book: Casebook) -> None:
    def add(name: str, comment: str, ephemeral: int = EPHEMERAL, **changes: int) -> None:
        report = PLACE._replace(**changes)
        values = {"public_key": KEYS.public_key, "ephemeral": _bytes_of(ephemeral)}
        made = book.valid("findmy/encrypt", name, comment, **values, **report._asdict())["report"]
        book.valid("findmy/open", name, comment, private_key=PRIVATE, report=made)
        longer = made[:8] + "5a" + made[8:]
        comment = f"{comment}, in 89 bytes"
        book.valid("findmy/open", f"{name}-89", comment, private_key=PRIVATE, report=longer)

    add("place", "a place")
    add("south-west", "negative coordinates", latitude=-338567840, longitude=-1512152900)
    add("corner", "the greatest coordinates", latitude=900000000, longitude=1800000000)
    add("other-corner", "the smallest coordinates", latitude=-900000000, longitude=-1800000000)
    add("zeros", "all zero", time=0, confidence=0, latitude=0, longitude=0, accuracy=0, status=0)
    add("greatest", "the greatest bytes", time=2**32 - 1, confidence=255, accuracy=255, status=255)
    add("ephemeral-1", "e = 1", 1)
    add("ephemeral-order-minus-1", "e = q - 1", P224.order - 1)
    _refused_encryptions(book)


def _refused_encryptions(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, single: bool = True, **changes: Any) -> None:
        values = {"public_key": KEYS.public_key, "ephemeral": _bytes_of(EPHEMERAL)}
        values |= {**PLACE._asdict(), **changes}
        book.refused("findmy/encrypt", name, comment, reason, single, **values)

    no_point = next(x for x in count(2) if P224.lift(x) is None)
    small = next(x for x in count(1) if P224.lift(x) is not None)
    for name, x in (("no-point", no_point), ("x-plus-p", P224.p + small), ("x-p", P224.p)):
        add(name, f"a public key: {name}", "public-no-point", public_key=_bytes_of(x))
    for name, e in (("zero", 0), ("order", P224.order), ("greatest", 2**224 - 1)):
        add(f"ephemeral-{name}", f"e: {name}", "ephemeral-range", ephemeral=_bytes_of(e))
    for name, reason, degrees in _beyond():
        change: dict[str, Any] = {reason: degrees}
        add(name, f"{reason} {degrees}", reason, **change)
    add("time-before-2001", "the last second before 2001", "time", time=-1)
    add("time-too-late", "2^32 seconds after 2001", "time", time=2**32)
    for length in (0, 27, 29):
        cut, what = (FIRST * 2)[:length], f"of {length} bytes"
        add(f"public-length-{length}", f"a public key {what}", "wrong-length", public_key=cut)
        add(f"ephemeral-length-{length}", f"an e {what}", "wrong-length", ephemeral=cut)


def _beyond() -> list[tuple[str, str, int]]:
    return [
        ("latitude-north", "latitude", 900000001),
        ("latitude-south", "latitude", -900000001),
        ("longitude-east", "longitude", 1800000001),
        ("longitude-west", "longitude", -1800000001),
        ("latitude-least", "latitude", -(2**31)),
        ("longitude-least", "longitude", -(2**31)),
    ]


def _opening(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, report: bytes, private: bytes = PRIVATE) -> None:
        values: Json = {"private_key": private, "report": report}
        book.refused("findmy/open", name, comment, reason, **values)

    for length in (0, 5, 62, 87, 90, 176):
        add(f"length-{length}", f"{length} bytes", "wrong-length", (GOOD * 2)[:length])
    for name, reason, degrees in _beyond():
        place = PLACE._replace(**{reason: degrees})
        report = findmy.lay_out_report(KEYS.public_key, EPHEMERAL, place)
        add(name, f"{reason} {degrees}", reason, report)
    for byte in (0x02, 0x03, 0x05, 0x06, 0x84):
        report = findmy.lay_out_report(KEYS.public_key, EPHEMERAL, PLACE, byte)
        add(f"form-{byte:02x}", f"E begins with {byte:02x}", "ephemeral-form", report)
    for name, comment, x, y in _bad_points():
        report = replaced(GOOD, 6, _bytes_of(x) + _bytes_of(y))
        add(name, comment, "ephemeral-not-on-curve", report)
    for bit, what in (
        (8 * 62, "the box"),
        (8 * 71, "the last byte of the box"),
        (8 * 72, "the tag"),
        (8 * 87 + 7, "the last bit of the tag"),
    ):
        add(f"flipped-{bit}", f"one bit: {what}", "box", flip(GOOD, bit))
    negated = _bytes_of(P224.p - int.from_bytes(GOOD[34:62], "big"))
    comment = "-E has the same x(eP), and is another input of the KDF"
    add("ephemeral-negated", comment, "box", replaced(GOOD, 34, negated))
    for index in (0, 2):
        other = _bytes_of(findmy.keys_at(FIRST, SYMMETRIC, index).private_key)
        add(f"key-of-index-{index}", f"with d_{index}", "box", GOOD, other)
    values: Json = {"private_key": _bytes_of(P224.order - KEYS.private_key), "report": GOOD}
    comment = "-d has the same public key"
    book.valid("findmy/open", "private-negated", comment, **values)
    for name, changed in (
        ("time-changed", flip(GOOD, 0)),
        ("confidence-changed", flip(GOOD, 32)),
    ):
        comment = "the head is not authenticated"
        book.valid("findmy/open", name, comment, private_key=PRIVATE, report=changed)


def _bad_points() -> list[tuple[str, str, int, int]]:
    x, y = (int.from_bytes(GOOD[i : i + 28], "big") for i in (6, 34))
    small = next(x for x in count(1) if P224.lift(x) is not None)
    of_small = P224.lift(small)
    if of_small is None:
        raise ValueError(small)
    return [
        ("off-curve", "y plus 1", x, y + 1),
        ("zero", "(0, 0)", 0, 0),
        ("x-plus-p", "x plus p", small + P224.p, of_small.y),
    ]


def build() -> Casebook:
    """Build the file."""
    book = Casebook("findmy")
    _deriving(book)
    _encrypting(book)
    _opening(book)
    return book
