"""hashes.json: TUPLE, HASH, SCALAR and EXPAND, SPEC 2."""

from oracle.operations import Json

from vectors.cases.casebook import Casebook
from vectors.cases.material import draw

PARTS = {
    "no-parts": ("no parts", []),
    "one-empty-part": ("one empty part is not no part", [b""]),
    "two-empty-parts": ("two empty parts", [b"", b""]),
    "split-after-one": ("boundaries count: a, bc", [b"a", b"bc"]),
    "split-after-two": ("boundaries count: ab, c", [b"ab", b"c"]),
    "long-part": ("a part longer than 255 bytes", [draw("long part", 300)]),
    "several-parts": ("several parts", [draw("part 1"), draw("part 2", 1), draw("part 3", 64)]),
}
LENGTHS = {"one-byte": 1, "one-block": 32, "one-block-and-a-byte": 33, "four-blocks": 128}


def build() -> Casebook:
    """Build the file."""
    book = Casebook("hashes")
    for name, (comment, parts) in PARTS.items():
        book.valid("tuple", name, comment, parts=parts)
        book.valid("hash", name, comment, label="test", parts=parts)
        book.valid("scalar", name, comment, label="test", parts=parts)
        values: Json = {"key": draw("expand key"), "label": "test", "length": 32, "parts": parts}
        book.valid("expand", name, comment, **values)
    for label in ("key", "frame", "lane/id", "file"):
        name = "label-" + label.replace("/", "-")
        book.valid("hash", name, f"the label {label}", label=label, parts=[b"data"])
    for label in ("pop/nonce", "post/challenge"):
        name = "label-" + label.replace("/", "-")
        book.valid("scalar", name, f"the label {label}", label=label, parts=[b"data"])
    for label in ("lane/update", "lane/slot", "lane/diversify", "envelope"):
        name = "label-" + label.replace("/", "-")
        values = {"key": draw("expand key"), "label": label, "length": 32, "parts": []}
        book.valid("expand", name, f"the label {label}", **values)
    for name, length in LENGTHS.items():
        values = {"key": draw("expand key"), "label": "test", "length": length, "parts": []}
        book.valid("expand", name, f"{length} bytes of output", **values)
    return book
