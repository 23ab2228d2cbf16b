"""groups.json: elements and scalars, SPEC 2 and 12."""

from oracle import published
from oracle.groups import GROUPS, Group
from oracle.operations import Json

from vectors.cases import bad_encodings
from vectors.cases.casebook import Casebook
from vectors.cases.material import draw, draw_element
from vectors.cases.on_groups import element_of, identity_of, multiple_of, scalar_of

ORDER = GROUPS["ristretto255"].order
MESSAGES = {
    "empty": b"",
    "abc": b"abc",
    "16-bytes": b"abcdef0123456789",
    "133-bytes": b"q128_" + b"q" * 128,
    "517-bytes": b"a512_" + b"a" * 512,
}
SUITES = {
    "ristretto255": "ristretto255_XMD:SHA-512_R255MAP_RO_",
    "p256": "P256_XMD:SHA-256_SSWU_RO_",
    "p224": "P224_XMD:SHA-256_SSWU_RO_",
    "secp256k1": "secp256k1_XMD:SHA-256_SSWU_RO_",
    "bls12_381": "BLS12381G1_XMD:SHA-256_SSWU_RO_",
}


def _published_elements(book: Casebook) -> None:
    group = GROUPS["ristretto255"]
    for k, encoding in enumerate(published.MULTIPLES):
        comment, values = f"RFC 9496, A.1: {k} G", {"group": group.name}
        scalar = group.encode_scalar(k)
        book.valid("element/multiple-of-generator", f"rfc-{k}", comment, scalar=scalar, **values)
        book.valid("element/decode", f"rfc-{k}", comment, bytes=encoding, **values)
    for i in range(3):
        encoding = draw_element(f"element {i}").hex()
        values = {"group": group.name, "bytes": encoding}
        book.valid("element/decode", f"random-{i}", "a random element", **values)
    for kind, encodings in published.INVALID_ENCODINGS.items():
        for i, encoding in enumerate(encodings):
            comment = f"RFC 9496, A.2: {kind.replace('-', ' ')}"
            values = {"group": group.name, "bytes": encoding}
            name, reason = f"rfc-{kind}-{i}", "not-canonical"
            book.refused("element/decode", name, comment, reason, False, **values)


def _decoding(book: Casebook, group: Group) -> None:
    good = element_of(group, "decoding")
    negative = group.decode(good).negated().encode()
    for name, data in (
        ("element", good),
        ("negative", negative),
        ("identity", identity_of(group)),
        ("generator", multiple_of(group, 1)),
    ):
        values: Json = {"group": group.name, "bytes": data}
        book.valid("element/decode", f"{group.name}-{name}", name, **values)
    for bad in bad_encodings.bad_encodings(group):
        values = {"group": group.name, "bytes": bad.data}
        name, reason = f"{group.name}-{bad.name}", "not-canonical"
        book.refused("element/decode", name, bad.comment, reason, bad.lenient, **values)
    size = group.element_length
    for length in (0, 1, size - 1, size + 1, 2 * size):
        values = {"group": group.name, "bytes": (good * 2)[:length]}
        name, reason = f"{group.name}-length-{length}", "wrong-length"
        book.refused("element/decode", name, f"{length} bytes", reason, **values)


def _scalars(book: Casebook, group: Group) -> None:
    size, order = group.scalar_length, group.order
    for name, k in (("0", 0), ("1", 1), ("order-minus-1", order - 1)):
        values: Json = {"group": group.name, "bytes": k.to_bytes(size, group.byteorder)}
        book.valid("scalar/decode", f"{group.name}-{name}", f"the value {name}", **values)
    for name, k in (
        ("order", order),
        ("order-plus-1", order + 1),
        ("greatest", 256**size - 1),
    ):
        values = {"group": group.name, "bytes": k.to_bytes(size, group.byteorder)}
        name, reason = f"{group.name}-{name}", "not-canonical"
        book.refused("scalar/decode", name, f"the value {name}", reason, **values)
    for length in (0, size - 1, size + 1, 2 * size):
        values = {"group": group.name, "bytes": bytes(length)}
        name, reason = f"{group.name}-length-{length}", "wrong-length"
        book.refused("scalar/decode", name, f"{length} bytes", reason, **values)


def _scalar_arithmetic(book: Casebook, group: Group) -> None:
    one, other = scalar_of(group, "one"), scalar_of(group, "other")
    for name, left, right in (
        ("different", one, other),
        ("other-order", other, one),
        ("same", one, one),
        ("opposite", one, -one),
        ("with-0", one, 0),
        ("0-with", 0, one),
        ("with-1", one, 1),
        ("with-minus-1", one, -1),
        ("minus-1-with-1", -1, 1),
        ("minus-1-twice", -1, -1),
    ):
        sides = {"left": group.encode_scalar(left), "right": group.encode_scalar(right)}
        for operation in ("add", "subtract", "multiply"):
            case, comment = f"{group.name}-{name}", f"scalars: {name}"
            book.valid(f"scalar/{operation}", case, comment, group=group.name, **sides)
    for name, k in (("0", 0), ("1", 1), ("2", 2), ("minus-1", -1), ("random", one)):
        values = {"group": group.name, "scalar": group.encode_scalar(k)}
        case, comment = f"{group.name}-{name}", f"the scalar {name}"
        book.valid("scalar/negate", case, comment, **values)
        if k:
            book.valid("scalar/invert", case, comment, **values)
        else:
            book.refused("scalar/invert", case, comment, "zero", False, **values)


def _arithmetic(book: Casebook, group: Group) -> None:
    one, other = element_of(group, "one"), element_of(group, "other")
    opposite = group.decode(one).negated().encode()
    identity, random = identity_of(group), scalar_of(group, "k")
    for name, k in (("0", 0), ("2", 2), ("order-minus-1", group.order - 1), ("random", random)):
        values = {"group": group.name, "scalar": group.encode_scalar(k)}
        case = f"{group.name}-{name}"
        book.valid("element/multiple-of-generator", case, f"the scalar {name}", **values)
        book.valid("element/multiply", case, f"the scalar {name}", element=one, **values)
    values = {"group": group.name, "scalar": group.encode_scalar(random)}
    comment = "a multiple of the identity"
    book.valid("element/multiply", f"{group.name}-identity", comment, element=identity, **values)
    for name, left, right in (
        ("different", one, other),
        ("same", one, one),
        ("opposite", one, opposite),
        ("with-identity", one, identity),
        ("identity-with", identity, one),
        ("identities", identity, identity),
    ):
        values = {"group": group.name, "left": left, "right": right}
        book.valid("element/add", f"{group.name}-{name}", f"elements: {name}", **values)
        book.valid("element/subtract", f"{group.name}-{name}", f"elements: {name}", **values)
    for name, element in (("element", one), ("identity", identity)):
        values = {"group": group.name, "element": element}
        book.valid("element/negate", f"{group.name}-{name}", name, **values)


def _hashing(book: Casebook, group: Group) -> None:
    dst = b"QUUX-V01-CS02-with-" + SUITES[group.name].encode()
    for name, message in MESSAGES.items():
        values: Json = {"group": group.name, "message": message, "dst": dst}
        case, comment = f"{group.name}-{name}", f"a message: {name.replace('-', ' ')}"
        book.valid("scalar/hash", case, comment, **values)
        if group.hash_to is None:
            comment = "no hashing to elements is standardised"
            book.refused("element/hash", case, comment, "unsupported", **values)
        else:
            book.valid("element/hash", case, comment, **values)
    for length in (1, 255):
        values = {"group": group.name, "message": b"abc", "dst": b"d" * length}
        case, comment = f"{group.name}-dst-{length}", f"a dst of {length} bytes"
        book.valid("scalar/hash", case, comment, **values)
        if group.hash_to is not None:
            book.valid("element/hash", case, comment, **values)
    for length in (0, 256):
        values = {"group": group.name, "message": b"abc", "dst": b"d" * length}
        case, comment = f"{group.name}-dst-{length}", f"a dst of {length} bytes"
        book.refused("scalar/hash", case, comment, "dst-length", **values)
        if group.hash_to is not None:
            book.refused("element/hash", case, comment, "dst-length", **values)


def _maps(book: Casebook) -> None:
    for i, (halves, _) in enumerate(published.ONE_WAY_MAP):
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


def build() -> Casebook:
    """Build the file."""
    book = Casebook("groups")
    _published_elements(book)
    _maps(book)
    for group in GROUPS.values():
        _decoding(book, group)
        _scalars(book, group)
        _scalar_arithmetic(book, group)
        _arithmetic(book, group)
        _hashing(book, group)
    return book
