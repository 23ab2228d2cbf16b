"""group.json: ristretto255 (RFC 9496, appendix A) and scalars, SPEC 2."""

from reference import rfc
from reference.group import GENERATOR, ORDER, encode_scalar

from .casebook import Casebook
from .inputs import Json
from .material import draw, draw_element, draw_scalar, multiple

IDENTITY = bytes(32)


def _elements(book: Casebook) -> None:
    for k, encoding in enumerate(rfc.MULTIPLES):
        comment = f"RFC 9496, A.1: {k} G"
        book.valid("element/multiple-of-generator", f"rfc-{k}", comment, scalar=encode_scalar(k))
        book.valid("element/decode", f"rfc-{k}", comment, bytes=encoding)
    for i in range(3):
        encoding = draw_element(f"element {i}").hex()
        book.valid("element/decode", f"random-{i}", "a random element", bytes=encoding)
    for kind, encodings in rfc.INVALID_ENCODINGS.items():
        for i, encoding in enumerate(encodings):
            comment = f"RFC 9496, A.2: {kind.replace('-', ' ')}"
            values: Json = {"reason": "not-canonical", "single": False, "bytes": encoding}
            book.refused("element/decode", f"rfc-{kind}-{i}", comment, **values)
    _bad_encodings_of_an_element(book)


def _bad_encodings_of_an_element(book: Casebook) -> None:
    good = draw_element("bad encodings")
    high = good[:31] + bytes([good[31] | 128])
    for name, comment, data in (
        ("high-bit", "bit 255 set on an element that is canonical without", high),
        ("negated", "the negated field element of a canonical encoding", _negated(good)),
        ("identity-as-p", "p stands for zero", (2**255 - 19).to_bytes(32, "little")),
        ("identity-high-bit", "the identity with bit 255 set", bytes(31) + b"\x80"),
    ):
        book.refused("element/decode", name, comment, "not-canonical", bytes=data)
    for length in (0, 31, 33, 64):
        data = (good * 2)[:length]
        comment = f"{length} bytes"
        book.refused("element/decode", f"length-{length}", comment, "wrong-length", bytes=data)
        book.refused(
            "scalar/decode", f"length-{length}", comment, "wrong-length", bytes=bytes(length)
        )


def _negated(encoding: bytes) -> bytes:
    return (2**255 - 19 - int.from_bytes(encoding, "little")).to_bytes(32, "little")


def _arithmetic(book: Casebook) -> None:
    for name, k in (("order-minus-1", ORDER - 1), ("random", draw_scalar("multiple"))):
        scalar = encode_scalar(k)
        book.valid("element/multiple-of-generator", name, "a large scalar", scalar=scalar)
    point = draw_element("arithmetic")
    for name, k in (
        ("zero", 0),
        ("one", 1),
        ("order-minus-1", ORDER - 1),
        ("random", draw_scalar("k")),
    ):
        scalar = encode_scalar(k)
        book.valid("element/multiply", name, f"a scalar: {name}", scalar=scalar, element=point)
    scalar = encode_scalar(draw_scalar("k"))
    book.valid("element/multiply", "identity", "of the identity", scalar=scalar, element=IDENTITY)
    other, minus = draw_element("arithmetic 2"), multiple(ORDER - 1)
    pairs = {
        "different": (point, other),
        "same": (point, point),
        "with-identity": (point, IDENTITY),
        "opposite": (GENERATOR.encode(), minus),
    }
    for name, (left, right) in pairs.items():
        book.valid("element/add", name, f"elements: {name}", left=left, right=right)
        book.valid("element/subtract", name, f"elements: {name}", left=left, right=right)


def _maps(book: Casebook) -> None:
    for i, (halves, _) in enumerate(rfc.ONE_WAY_MAP):
        book.valid("element/from-uniform-bytes", f"rfc-{i}", "RFC 9496, A.3", bytes=halves)
    for name, data in (
        ("zero", bytes(64)),
        ("all-ones", b"\xff" * 64),
        ("random", draw("map", 64)),
    ):
        book.valid("element/from-uniform-bytes", name, f"input: {name}", bytes=data)
        book.valid("scalar/from-wide-bytes", name, f"input: {name}", bytes=data)
    for name, k in (("order", ORDER), ("order-plus-1", ORDER + 1), ("order-squared", ORDER**2)):
        data = k.to_bytes(64, "little")
        book.valid("scalar/from-wide-bytes", name, f"input: {name}", bytes=data)


def _scalars(book: Casebook) -> None:
    for name, k in (("0", 0), ("1", 1), ("2-to-252", 2**252), ("order-minus-1", ORDER - 1)):
        data = k.to_bytes(32, "little")
        book.valid("scalar/decode", name, f"the value {name}", bytes=data)
    for name, k in (
        ("order", ORDER),
        ("order-plus-1", ORDER + 1),
        ("2-to-253", 2**253),
        ("2-to-255-minus-1", 2**255 - 1),
        ("2-to-255", 2**255),
        ("2-to-256-minus-1", 2**256 - 1),
    ):
        data = k.to_bytes(32, "little")
        book.refused("scalar/decode", name, f"the value {name}", "not-canonical", bytes=data)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("group")
    _elements(book)
    _arithmetic(book)
    _maps(book)
    _scalars(book)
    return book
