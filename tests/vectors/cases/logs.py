"""logs.json: Merkle trees, tiles, entries of the master log, indexes, SPEC 9.3 and 9.5."""

import hashlib
from typing import Any

from oracle import logs, merkle, tiles
from oracle.notation import CLASS_L, be32
from oracle.operations import Json
from oracle.text import lines_of, to_base64

from vectors.cases.casebook import Casebook
from vectors.cases.material import DAY, EPOCH, ORIGIN, draw, flip, loose_bits, replaced

SEED = "leaves"
ENTRIES = [b"", b"a", draw("entry", 300), b"\0", b"entry 4", b"entry 5", b"entry 6"]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
ROOT = merkle.root_of(LEAVES)


def _hashes(count: int) -> Json:
    return {"seed": SEED, "count": count}


def _leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(SEED.encode() + be32(i)).digest() for i in range(count)]


# Merkle trees


def _roots(book: Casebook) -> None:
    for count in (0, 1, 2, 3, 4, 5, 7):
        entries = ENTRIES[:count]
        book.valid("merkle/root", f"size-{count}", f"{count} entries", entries=entries)
    pair = [leaf.hex() for leaf in LEAVES[:2]]
    comment = "an entry that is two hashes is no node: its root is another"
    book.valid("merkle/root", "two-hashes", comment, entries=["".join(pair)])


def _inclusions(book: Casebook) -> None:
    for size, index in (
        (1, 0),
        (2, 1),
        (3, 2),
        (5, 4),
        (7, 2),
        (7, 6),
        (8, 3),
        (256, 100),
        (257, 0),
    ):
        values: Json = {"leaves": _hashes(size), "index": index}
        book.valid("merkle/inclusion", f"{index}-of-{size}", f"leaf {index} of {size}", **values)

    def values_of(index: int, /, **changes: Any) -> Json:
        proof = merkle.inclusion(LEAVES, index)
        found = {"entry": ENTRIES[index], "index": index, "size": 7, "root": ROOT, "proof": proof}
        return {**found, **changes}

    for index in (0, 2, 5, 6):
        name, comment = f"{index}-of-7", f"entry {index} of 7"
        book.valid("merkle/check-inclusion", name, comment, **values_of(index))
    alone = {"root": LEAVES[0], "size": 1, "proof": []}
    comment = "the only entry"
    book.valid("merkle/check-inclusion", "0-of-1", comment, **values_of(0, **alone))
    proof = merkle.inclusion(LEAVES, 2)
    node: Json = {"entry": LEAVES[0] + LEAVES[1], "index": 0, "size": 4}
    node["proof"] = merkle.inclusion(LEAVES, 0)[1:]
    for name, comment, reason, given in (
        ("other-entry", "another entry", "root", values_of(2, entry=b"")),
        ("flipped-entry", "one bit of the entry", "root", values_of(2, entry=flip(ENTRIES[2], 9))),
        ("flipped-root", "one bit of the root", "root", values_of(2, root=flip(ROOT, 0))),
        (
            "flipped-hash",
            "one bit of a hash",
            "root",
            values_of(2, proof=[flip(proof[0], 255), *proof[1:]]),
        ),
        (
            "swapped",
            "two hashes swapped",
            "root",
            values_of(2, proof=[proof[1], proof[0], proof[2]]),
        ),
        ("other-index", "another place, of the same depth", "root", values_of(2, index=3)),
        ("other-size", "another size, in which it is deeper", "wrong-length", values_of(6, size=8)),
        ("hash-missing", "a hash less", "wrong-length", values_of(2, proof=proof[:-1])),
        ("hash-more", "a hash more", "wrong-length", values_of(2, proof=[*proof, ROOT])),
        ("no-proof", "no hashes", "wrong-length", values_of(2, proof=[])),
        (
            "alone-with-hash",
            "the only entry and a hash",
            "wrong-length",
            values_of(0, **alone | {"proof": [ROOT]}),
        ),
        ("index-is-size", "the place after the last", "index-not-in-tree", values_of(6, index=7)),
        (
            "empty-tree",
            "nothing is in the empty tree",
            "index-not-in-tree",
            values_of(0, size=0, root=merkle.EMPTY, proof=[]),
        ),
        ("node-as-entry", "an inner node is no entry", "root", values_of(2, **node)),
    ):
        book.refused("merkle/check-inclusion", name, comment, reason, **given)


def _consistencies(book: Casebook) -> None:
    for old, size in (
        (0, 7),
        (1, 2),
        (1, 7),
        (3, 7),
        (4, 7),
        (6, 7),
        (7, 7),
        (6, 8),
        (256, 257),
        (100, 300),
    ):
        values: Json = {"leaves": _hashes(size), "old_size": old}
        book.valid("merkle/consistency", f"{old}-to-{size}", f"from {old} to {size}", **values)

    def values_of(old: int, **changes: Any) -> Json:
        old_root, proof = merkle.root_of(LEAVES[:old]), merkle.consistency(LEAVES, old)
        sizes = {"old_size": old, "size": 7, "old_root": old_root, "root": ROOT, "proof": proof}
        return {**sizes, **changes}

    for old in (0, 1, 3, 4, 6, 7):
        name = f"{old}-to-7"
        book.valid("merkle/check-consistency", name, f"from {old} to 7", **values_of(old))
    empty = {"size": 0, "root": merkle.EMPTY}
    comment = "the empty tree is the beginning of itself"
    book.valid("merkle/check-consistency", "0-to-0", comment, **values_of(0, **empty))
    proof = merkle.consistency(LEAVES, 3)
    other = merkle.root_of([*LEAVES[:2], LEAVES[3]])
    later = merkle.root_of([*LEAVES[:3], *LEAVES[2:6]])
    for name, comment, reason, given in (
        ("other-old-root", "another tree before", "old-root", values_of(3, old_root=other)),
        ("other-root", "another tree after", "root", values_of(3, root=later)),
        ("whole-other-root", "the same size and another root", "root", values_of(7, root=later)),
        ("hash-missing", "a hash less", "wrong-length", values_of(3, proof=proof[:-1])),
        ("hash-more", "a hash more", "wrong-length", values_of(3, proof=[*proof, ROOT])),
        ("no-proof", "no hashes", "wrong-length", values_of(3, proof=[])),
        ("whole-with-hash", "the same size and a hash", "wrong-length", values_of(7, proof=[ROOT])),
        ("empty-with-hash", "from 0, and a hash", "wrong-length", values_of(0, proof=[ROOT])),
        ("empty-other-root", "from 0, of another root", "old-root", values_of(0, old_root=ROOT)),
        ("to-empty-other-root", "0 and 0, of another root", "root", values_of(0, size=0)),
        ("smaller", "a log that shrank", "size-smaller", values_of(6, size=5)),
    ):
        book.refused("merkle/check-consistency", name, comment, reason, **given)
    first = replaced(b"".join(proof), 0, flip(proof[0], 0))
    flipped = [first[i : i + 32] for i in range(0, len(first), 32)]
    comment = "one bit of a hash: neither root comes out"
    values = values_of(3, proof=flipped)
    book.refused("merkle/check-consistency", "flipped-hash", comment, "old-root", False, **values)


# Tiles and entries


def _tiles(book: Casebook) -> None:
    for level, index, width in (
        (0, 0, 256),
        (0, 999, 256),
        (0, 1000, 256),
        (1, 1234067, 256),
        (0, 0, 1),
        (2, 12, 255),
        (63, 1000000000, 17),
        (None, 0, 256),
        (None, 1234, 3),
    ):
        kind = "entries" if level is None else f"level-{level}"
        values: Json = {"level": level, "index": index, "width": width}
        comment = f"{'entries' if level is None else f'level {level}'}, {index}, {width} wide"
        book.valid("tile/path", f"{kind}-{index}-{width}", comment, **values)
    for size in (0, 1, 255, 256, 257, 768, 70_000):
        book.valid("tile/paths", f"size-{size}", f"a log of {size} entries", size=size)
    for name, count, level, index in (
        ("first", 600, 0, 0),
        ("partial", 600, 0, 2),
        ("level-1", 600, 1, 0),
        ("level-1-of-256", 256, 1, 0),
    ):
        values = {"leaves": _hashes(count), "level": level, "index": index}
        book.valid("tile/hashes", name, f"{name.replace('-', ' ')}, of {count}", **values)


def _bundles_of_entries(book: Casebook) -> None:
    for name, entries in (
        ("none", []),
        ("empty", [b""]),
        ("several", ENTRIES[:4]),
        ("long", [draw("entry", 259), bytes(256)]),
    ):
        data = book.valid("entries/encode", name, name, entries=entries)["bundle"]
        book.valid("entries/decode", name, name, bundle=data, count=len(entries))
    data = tiles.encode_entries(ENTRIES[:4])
    short = tiles.encode_entries([b"abc"])
    for name, comment, reason, bundle, count in (
        ("entry-cut", "a byte less", "wrong-length", data[:-1], 4),
        ("length-cut", "half of a length", "wrong-length", data + b"\0", 5),
        ("length-alone", "a length and no entry", "wrong-length", data + b"\0\1", 5),
        ("length-too-great", "the last is shorter than it says", "wrong-length", flip(short, 8), 1),
        ("one-less", "an entry less", "entry-count", data, 5),
        ("one-more", "an entry more", "entry-count", data, 3),
        ("nothing", "no bytes", "entry-count", b"", 1),
    ):
        values: Json = {"bundle": bundle, "count": count}
        book.refused("entries/decode", name, comment, reason, **values)


# Entries of the master log

MANIFEST: Json = {
    "epoch": EPOCH,
    "number": 0,
    "size": 256,
    "root": draw("root"),
    "index": draw("index"),
    "time": EPOCH * DAY,
}


def _entries(book: Casebook) -> None:
    def both(kind: str, name: str, comment: str, **values: Any) -> None:
        origin = values.pop("origin", ORIGIN)
        data = book.valid(f"entry/encode-{kind}", name, comment, origin=origin, **values)["entry"]
        book.valid("entry/decode", f"{kind}-{name}", comment, origin=origin, entry=data)

    parameters = [logs.BoardEntry(ORIGIN, DAY, n, 3600) for n in logs.CLASS_NAMES]
    parameters.append(logs.BoardEntry("b", 60, CLASS_L, 1))
    parameters.append(logs.BoardEntry("b" * 255, 2**32 - 3601, CLASS_L, 2**32 - 1))
    for entry in parameters:
        name = f"board-{entry.n}-{entry.interval}"
        comment = f"a board of class {entry.n}, that is late by {entry.interval} seconds"
        values: Json = {"origin": entry.origin, "entry": entry.encode()}
        book.valid("entry/decode", name, comment, **values)
    both("edition", "first", "the first of an epoch", **MANIFEST)
    both("edition", "late", "a later one", **MANIFEST | {"number": 24, "time": EPOCH * DAY + 86400})
    both("edition", "epoch-0", "epoch 0", **MANIFEST | {"epoch": 0, "time": 0})
    most = {"epoch": 2**32 - 1, "number": 2**63 - 1, "size": 2**63 - 256, "time": 2**63 - 1}
    both("edition", "most", "all numbers as great as can be", **MANIFEST | most)
    for name, data in (
        ("a-byte", b"\0"),
        ("lines", b"line\n\nline\n"),
        ("longest", bytes(60_000)),
    ):
        both("descriptor", name, name.replace("-", " "), descriptor=data)
    for length in (0, 60_001):
        name, comment = f"length-{length}", f"a descriptor of {length} bytes"
        values = {"origin": ORIGIN, "descriptor": bytes(length)}
        reason = "descriptor-length"
        book.refused("entry/encode-descriptor", name, comment, reason, **values)
        data = lines_of(logs.DESCRIPTOR_LINE, ORIGIN) + bytes(length)
        values = {"origin": ORIGIN, "entry": data}
        book.refused("entry/decode", f"descriptor-{name}", comment, reason, **values)


BOARD_FIELDS = [logs.BOARD_LINE, ORIGIN, str(DAY), "L", "3600"]
EDITION_FIELDS = [
    logs.EDITION_LINE,
    ORIGIN,
    str(EPOCH),
    "0",
    "256",
    to_base64(draw("root")),
    to_base64(draw("index")),
    str(EPOCH * DAY),
]


def _refused_entries(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, data: bytes, origin: str = ORIGIN) -> None:
        book.refused("entry/decode", name, comment, reason, origin=origin, entry=data)

    def line(kind: str, at: int, name: str, comment: str, reason: str, text: str) -> None:
        fields = list(BOARD_FIELDS if kind == "board" else EDITION_FIELDS)
        fields[at] = text
        origin = text if at == 1 and reason != "other-board" else ORIGIN
        add(f"{kind}-{name}", comment, reason, lines_of(*fields), origin)

    for kind, fields in (("board", BOARD_FIELDS), ("edition", EDITION_FIELDS)):
        data = lines_of(*fields)
        add(f"{kind}-line-more", "a line more", "lines", data + b"x\n")
        add(f"{kind}-line-less", "a line less", "lines", lines_of(*fields[:-1]))
        add(f"{kind}-no-line-feed", "no line feed at the end", "lines", data[:-1])
        add(f"{kind}-line-begun", "more after the last line feed", "lines", data + b"x")
        add(f"{kind}-blank-line", "an empty line more", "lines", data + b"\n")
        line(kind, 0, "version-2", "version 2", "entry-kind", fields[0].replace("@v1", "@v2"))
        line(kind, 1, "other-origin", "of another board", "other-board", "other.example")
        add(
            f"{kind}-crlf",
            "lines that end as on Windows",
            "entry-kind",
            data.replace(b"\n", b"\r\n"),
        )
    add("empty", "nothing", "entry-kind", b"")
    data = logs.Descriptor("other.example", b"descriptor").encode()
    add("descriptor-other-origin", "of another board", "other-board", data)
    add("receipt", "a receipt is no entry", "entry-kind", lines_of("billboard/receipt@v1", ORIGIN))
    for name, comment, text in (
        ("zero-before", "a zero before a number", f"0{DAY}"),
        ("plus", "a sign", f"+{DAY}"),
        ("space", "a space", f" {DAY}"),
        ("underscore", "an underscore", "86_400"),
        ("empty-number", "no digits", ""),
        ("fullwidth", "digits that are not ASCII", "\uff18\uff16\uff14\uff10\uff10"),
    ):
        line("board", 2, name, comment, "number", text)
    line("board", 1, "origin-plus", "of what can be no board", "origin-plus", "a+b")
    line("board", 1, "origin-reserved", "nor this", "origin-reserved", "billboard/x")
    line("board", 1, "origin-long", "nor this", "origin-length", "a" * 256)
    line("board", 1, "origin-space", "nor this", "origin-character", "board example")
    short = lines_of(logs.BOARD_LINE, ORIGIN, "59", "L", "1")
    add("board-length-59", "an epoch of 59 seconds", "epoch-length", short)
    line("board", 2, "length-2-to-32", "an epoch too long", "epoch-length", str(2**32))
    line("board", 3, "class-number", "a class by its number", "class-name", "8")
    line("board", 3, "class-lower-case", "a class in lower case", "class-name", "l")
    line("board", 4, "interval-0", "no late interval", "interval", "0")
    late = lines_of(logs.BOARD_LINE, ORIGIN, str(2**32 - 3600), "L", str(2**32))
    add("board-interval-2-to-32", "too late an interval", "interval", late)
    many, once = "an hour after two of its epochs", str(2 * DAY)
    line("board", 2, "last-edition-of-an-hour", many, "last-edition", "3600")
    line("board", 4, "last-edition", "as long as two epochs", "last-edition", once)
    line("edition", 2, "epoch-2-to-32", "no such epoch", "number", str(2**32))
    line("edition", 2, "epoch-negative", "a negative epoch", "number", "-1")
    line("edition", 3, "number-zeros", "two zeros", "number", "00")
    line("edition", 3, "number-2-to-63", "too great a number", "number", str(2**63))
    line("edition", 4, "size-0", "no posts", "size", "0")
    line("edition", 4, "size-255", "no multiple of 256", "size", "255")
    line("edition", 4, "size-2-to-63", "too great a size", "number", str(2**63))
    line("edition", 5, "root-31", "a root of 31 bytes", "hash-length", to_base64(bytes(31)))
    line("edition", 5, "root-33", "a root of 33 bytes", "hash-length", to_base64(bytes(33)))
    line("edition", 5, "root-hex", "a root in hex", "hash-length", draw("root").hex())
    line(
        "edition",
        5,
        "root-loose",
        "bits behind the last byte",
        "base64",
        loose_bits(EDITION_FIELDS[5]),
    )
    line("edition", 6, "index-unpadded", "no padding", "base64", EDITION_FIELDS[6].rstrip("="))
    line("edition", 6, "index-url", "another alphabet", "base64", "-" + EDITION_FIELDS[6][1:])
    line("edition", 6, "index-space", "a space", "base64", EDITION_FIELDS[6] + " ")
    line("edition", 7, "time-fraction", "a fraction of a second", "number", "1797120000.5")
    line("edition", 7, "time-2-to-63", "too late", "number", str(2**63))
    data = lines_of(*EDITION_FIELDS).replace(
        b"billboard/edition@v1\n", b"billboard/edition@v1\n\xff", 1
    )
    add("edition-not-utf-8", "bytes that are no text", "utf-8", data)


# Indexes


def _indexes(book: Casebook) -> None:
    for name, comment, count, zeros in (
        ("one", "of one bundle", 256, 0),
        ("three", "of three bundles", 768, 0),
        ("alike", "all of the same 8 bytes", 768, 8),
    ):
        values: Json = {"edition": {"seed": SEED, "count": count, "zeros": zeros}}
        data = bytes.fromhex(book.valid("index/encode", name, comment, **values)["index"])
        values = {"index": data, "size": count, "digest": hashlib.sha256(data).digest()}
        book.valid("index/decode", name, comment, **values)
    values = {"size": 768, "digest": hashlib.sha256(data).digest()}
    index = logs.index_of(sorted(_leaves(768)))
    for name, comment, reason, given in (
        ("byte-less", "a byte less", "wrong-length", index[:-1]),
        ("byte-more", "a byte more", "wrong-length", index + b"\0"),
        ("bundle-less", "a bundle less", "wrong-length", index[:-8]),
        ("bundle-more", "a bundle more", "wrong-length", index + b"\xff" * 8),
        ("empty", "nothing", "wrong-length", b""),
        (
            "descending",
            "the second before the first",
            "order",
            index[8:16] + index[:8] + index[16:],
        ),
    ):
        values = {"index": given, "size": 768, "digest": hashlib.sha256(given).digest()}
        book.refused("index/decode", name, comment, reason, **values)
    values |= {"index": index, "digest": hashlib.sha256(flip(index, 0)).digest()}
    book.refused("index/decode", "other", "not that of the manifest", "index-hash", **values)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("logs")
    _roots(book)
    _inclusions(book)
    _consistencies(book)
    _tiles(book)
    _bundles_of_entries(book)
    _entries(book)
    _refused_entries(book)
    _indexes(book)
    return book
