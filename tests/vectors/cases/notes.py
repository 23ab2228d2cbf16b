"""notes.json: Ed25519, keys of notes, notes, checkpoints, SPEC 9.3, 9.4 and 11."""

from typing import Any

from oracle import ed25519, logs, notes, ristretto255
from oracle.notation import be8
from oracle.notes import BOARD, WITNESS
from oracle.operations import Json
from oracle.text import lines_of, to_base64

from vectors.cases import signatures_of_notes
from vectors.cases.casebook import Casebook
from vectors.cases.material import ORIGIN, TIME, draw, flip, replaced

WITNESSES = ("witness.example/w1", "witness.example/w2", "witness.example/w3")
TEXT = "This is a note.\n"


def seed_of(name: str) -> bytes:
    """Draw the seed of a key of a name."""
    return draw(f"seed of {name}")


def key_of(name: str, algorithm: int = BOARD) -> notes.Key:
    """Give the key that others know."""
    return notes.Key(name, algorithm, ed25519.public_of(seed_of(name)))


def vkey_of(name: str, algorithm: int = BOARD) -> str:
    """Give it as a text."""
    return notes.encode_vkey(key_of(name, algorithm))


def signed(text: bytes, *names: str) -> bytes:
    """Sign a text as a board, and as the witnesses among the names."""
    lines = [
        notes.sign(text, WITNESS, seed_of(name), name, TIME)
        if name in WITNESSES
        else notes.sign(text, BOARD, seed_of(name), name)
        for name in names
    ]
    return notes.encode(text, lines)


def _keys(book: Casebook) -> None:
    for name, algorithm in (
        (ORIGIN, BOARD),
        (WITNESSES[0], WITNESS),
        ("b", BOARD),
        ("n\xe4me.example/\u6f22\u5b57", WITNESS),
        ("\U0001fae9", WITNESS),
        ("zero\u200bwidth", BOARD),
    ):
        case = f"key-{len(name)}-{algorithm}"
        comment = f"a name of {len(name)} characters, algorithm {algorithm}"
        public = key_of(name).public
        values: Json = {"name_": name, "algorithm": algorithm, "public": public}
        vkey = book.valid("note-key/encode", case, comment, **values)["vkey"]
        book.valid("note-key/decode", case, comment, vkey=vkey)
        values = {"algorithm": algorithm, "secret": seed_of(name), "name_": name}
        payload = book.valid("note-key/encode-payload", case, comment, **values)["payload"]
        book.valid("note-key/decode-payload", case, comment, payload=payload)
    comment = "the same key of another algorithm has another id"
    values = {"name_": ORIGIN, "algorithm": WITNESS, "public": key_of(ORIGIN).public}
    book.valid("note-key/encode", "other-algorithm", comment, **values)
    _refused_keys(book)


BAD_NAMES = (
    ("empty", ""),
    ("space", "a b"),
    ("no-break-space", "a\xa0b"),
    ("ideographic-space", "a\u3000b"),
    ("next-line", "a\x85b"),
    ("line-feed", "a\nb"),
    ("tab", "a\tb"),
    ("zero", "a\0b"),
)


def _refused_keys(book: Casebook) -> None:
    public = key_of(ORIGIN).public
    for case, name in (*BAD_NAMES, ("plus", "a+b")):
        comment = f"a name: {case.replace('-', ' ')}"
        values: Json = {"name_": name, "algorithm": BOARD, "public": public}
        book.refused("note-key/encode", f"name-{case}", comment, "key-name", **values)
        if case != "plus":
            vkey = notes.encode_vkey(notes.Key(name, BOARD, public))
            book.refused("note-key/decode", f"name-{case}", comment, "key-name", vkey=vkey)
        payload = notes.encode_payload(BOARD, draw("seed"), name)
        operation = "note-key/decode-payload"
        book.refused(operation, f"name-{case}", comment, "key-name", payload=payload)
    good = notes.encode_vkey(key_of(ORIGIN))
    name, key_id, encoded = good.split("+", 2)
    unknown = notes.encode_vkey(notes.Key(ORIGIN, 2, public))
    short, long = (to_base64(be8(BOARD) + data) for data in (public[:31], public + b"\0"))
    for case, comment, reason, vkey in (
        ("no-plus", "a name alone", "vkey-form", name),
        ("one-plus", "no key", "vkey-form", f"{name}+{key_id}"),
        ("other-id", "one bit of the id", "key-id", f"{name}+{int(key_id, 16) ^ 1:08x}+{encoded}"),
        ("upper-case-id", "the id in upper case", "key-id", f"{name}+{key_id.upper()}+{encoded}"),
        ("other-name", "the id is of the name too", "key-id", f"other+{key_id}+{encoded}"),
        ("algorithm-2", "ECDSA", "algorithm-unknown", unknown),
        ("unpadded", "no padding", "base64", good.rstrip("=")[:-1]),
        ("url", "another alphabet", "base64", f"{name}+{key_id}+-{encoded[1:]}"),
        ("line-feed", "a line feed after it", "base64", good + "\n"),
        ("short", "a key of 31 bytes", "wrong-length", f"{name}+{key_id}+{short}"),
        ("long", "a key of 33 bytes", "wrong-length", f"{name}+{key_id}+{long}"),
        ("empty", "no key after the last plus", "wrong-length", f"{name}+{key_id}+"),
    ):
        book.refused("note-key/decode", case, comment, reason, vkey=vkey)
    payload = notes.encode_payload(BOARD, draw("seed"), ORIGIN)
    for case, comment, reason, data in (
        ("nothing", "no bytes", "wrong-length", b""),
        ("short", "a seed of 31 bytes and no name", "wrong-length", payload[:32]),
        ("algorithm-0", "algorithm 0", "algorithm-unknown", be8(0) + payload[1:]),
        ("algorithm-2", "algorithm 2", "algorithm-unknown", be8(2) + payload[1:]),
        ("not-utf-8", "a name that is no text", "utf-8", payload + b"\xff"),
    ):
        book.refused("note-key/decode-payload", case, comment, reason, payload=data)


def _signing(book: Casebook) -> None:
    def signer(name: str, algorithm: int = BOARD, time: int | None = None) -> Json:
        return {"algorithm": algorithm, "secret": seed_of(name), "name": name, "time": time}

    witnesses = [signer(name, WITNESS, TIME + i) for i, name in enumerate(WITNESSES)]
    for case, comment, text, signers in (
        ("board", "by a board", TEXT, [signer(ORIGIN)]),
        ("witness", "by a witness", TEXT, witnesses[:1]),
        ("all", "by a board and three witnesses", TEXT, [signer(ORIGIN), *witnesses]),
        ("time-0", "at time 0", TEXT, [signer(WITNESSES[0], WITNESS, 0)]),
        ("last-time", "as late as can be", TEXT, [signer(WITNESSES[0], WITNESS, 2**63 - 1)]),
        ("blank-lines", "empty lines in the text", "a\n\n\nb\n", [signer(ORIGIN)]),
        ("blank-line-at-end", "an empty line at its end", "a\n\n", [signer(ORIGIN)]),
        ("blank-line-only", "nothing but an empty line", "\n", [signer(ORIGIN)]),
        ("utf-8", "not only ASCII", "\u00e9\u2014 x\n", [signer("n\xe4me.example")]),
        (
            "16",
            "sixteen signatures",
            TEXT,
            [signer(f"key {i}".replace(" ", "-")) for i in range(16)],
        ),
    ):
        values: Json = {"text": text, "signers": signers}
        note = book.valid("note/sign", case, comment, **values)["note"]
        book.valid("note/decode", case, comment, note=note)
        if signers[0]["name"] in (ORIGIN, WITNESSES[0]):
            vkey = vkey_of(signers[0]["name"], signers[0]["algorithm"])
            book.valid("note/verify", case, comment, note=note, vkey=vkey)


def _decoding(book: Casebook) -> None:
    good = signed(TEXT.encode(), ORIGIN)
    line = good.split(b"\n\n")[1]
    name, _, encoded = line.decode().removeprefix(notes.DASH).strip().partition(" ")
    five = notes.encode(TEXT.encode(), [notes.Signature("short", b"1234", b"5")])
    book.valid("note/decode", "one-byte", "a signature of one byte", note=five)
    deleted = notes.encode(b"a\x7fb\n", [notes.sign(TEXT.encode(), BOARD, draw("s"), "k")])
    book.valid("note/decode", "delete", "the character DEL, which is allowed", note=deleted)

    def with_line(text: str) -> bytes:
        return f"{TEXT}\n{text}".encode()

    for case, comment, reason, data in (
        ("empty", "nothing", "no-blank-line", b""),
        ("text-alone", "no signatures", "no-blank-line", TEXT.encode()),
        ("no-blank-line", "no empty line", "no-blank-line", TEXT.encode() + line),
        ("no-signatures", "nothing after the empty line", "signature-line", TEXT.encode() + b"\n"),
        ("line-not-ended", "no line feed at the end", "signature-line", good[:-1]),
        ("hyphen", "a hyphen", "signature-line", with_line(f"- {name} {encoded}\n")),
        (
            "no-space",
            "a dash without a space",
            "signature-line",
            with_line(f"\u2014{name} {encoded}\n"),
        ),
        ("name-alone", "no signature", "signature-line", with_line(f"\u2014 {name}\n")),
        ("line-of-text", "a line of another kind among them", "signature-line", good + b"more\n"),
        ("text-after", "text after a second empty line", "signature-line", good + b"\nmore\n"),
        ("two-spaces", "two spaces", "base64", with_line(f"\u2014 {name}  {encoded}\n")),
        ("space-at-end", "a space at the end", "base64", with_line(f"\u2014 {name} {encoded} \n")),
        ("unpadded", "no padding", "base64", with_line(f"\u2014 {name} {encoded[:-2]}\n")),
        (
            "id-alone",
            "no byte of signature",
            "wrong-length",
            with_line(f"\u2014 {name} AAAAAA==\n"),
        ),
        ("half-an-id", "three bytes", "wrong-length", with_line(f"\u2014 {name} AAAA\n")),
        ("not-utf-8", "bytes that are no text", "utf-8", b"\xff" + good),
        ("carriage-return", "lines that end as on Windows", "control-character", b"a\r\n" + good),
        ("tab", "a tabulator", "control-character", b"a\tb\n" + good),
        ("zero", "a zero byte", "control-character", b"\0" + good),
        ("name-plus", "a plus in a name", "key-name", with_line(f"\u2014 a+b {encoded}\n")),
        ("name-empty", "no name", "key-name", with_line(f"\u2014  {encoded}\n")),
        (
            "name-space",
            "a wide space in a name",
            "key-name",
            with_line(f"\u2014 a\u3000b {encoded}\n"),
        ),
    ):
        book.refused("note/decode", case, comment, reason, note=data)
    shortest = notes.encode_line(notes.Signature("b", bytes(4), bytes(1)))
    full, more = (f"{TEXT}\n{count * shortest}".encode() for count in (100, 101))
    book.valid("note/decode", "100", "as many signatures as a note may have", note=full)
    comment = "a signature more than that"
    book.refused("note/decode", "101", comment, "many-signatures", note=more)


def _verifying(book: Casebook) -> None:
    text = TEXT.encode()
    vkey, witness = vkey_of(ORIGIN), vkey_of(WITNESSES[0], WITNESS)
    good = notes.sign(text, BOARD, seed_of(ORIGIN), ORIGIN)
    cosigned = notes.sign(text, WITNESS, seed_of(WITNESSES[0]), WITNESSES[0], TIME)
    bad = good._replace(signature=flip(good.signature, 0))
    stranger = notes.sign(text, BOARD, seed_of("stranger"), "stranger")
    namesake = notes.sign(text, BOARD, seed_of("stranger"), ORIGIN)
    of_id = stranger._replace(key_id=good.key_id)
    other = notes.sign(b"another\n", BOARD, seed_of(ORIGIN), ORIGIN)
    untimed = cosigned._replace(signature=ed25519.sign(seed_of(WITNESSES[0]), text))
    plain = cosigned._replace(signature=bytes(8) + ed25519.sign(seed_of(WITNESSES[0]), text))
    later = cosigned._replace(signature=replaced(cosigned.signature, 7, b"\xff"))
    late = notes.sign(text, WITNESS, seed_of(WITNESSES[0]), WITNESSES[0], 2**63)
    as_board = notes.sign(text, BOARD, seed_of(WITNESSES[0]), WITNESSES[0])
    for case, comment, key, lines in (
        ("stranger-first", "a key that is not known before it", vkey, [stranger, good]),
        ("namesake", "another key of the same name", vkey, [namesake, good]),
        ("same-id", "a key of the same id and another name", vkey, [of_id, good]),
        ("twice", "the same twice", vkey, [good, good]),
        ("bad-of-stranger", "what is not of the key is ignored", witness, [bad, cosigned]),
    ):
        note = notes.encode(text, lines)
        book.valid("note/verify", case, comment, note=note, vkey=key)
    for case, comment, reason, key, lines in (
        ("stranger", "of another key", "signature-missing", vkey, [stranger]),
        ("namesake-only", "of another key of that name", "signature-missing", vkey, [namesake]),
        ("same-id-only", "of another name of that id", "signature-missing", vkey, [of_id]),
        ("as-board", "a witness as a board", "signature-missing", witness, [as_board]),
        ("flipped", "one bit of it", "signature-equation", vkey, [bad]),
        ("one-bad", "one that is right, one that is not", "signature-equation", vkey, [good, bad]),
        ("other-text", "of another text", "signature-equation", vkey, [other]),
        ("other-time", "another time", "signature-equation", witness, [later]),
        ("not-cosigned", "the text alone", "signature-equation", witness, [plain]),
        ("no-time", "without a time", "wrong-length", witness, [untimed]),
        ("time-2-to-63", "too late", "cosignature-time", witness, [late]),
    ):
        note = notes.encode(text, lines)
        single = reason != "signature-missing" or case == "stranger"
        book.refused("note/verify", case, comment, reason, single, note=note, vkey=key)
    high = int.from_bytes(good.signature[32:], "little") + ristretto255.ORDER
    line = good._replace(signature=good.signature[:32] + high.to_bytes(32, "little"))
    note, reason = notes.encode(text, [line]), "response-not-canonical"
    book.refused("note/verify", "high-s", "S + l in the place of S", reason, note=note, vkey=vkey)
    line = good._replace(signature=good.signature[:-1])
    note = notes.encode(text, [line])
    book.refused("note/verify", "63-bytes", "a byte less", "wrong-length", note=note, vkey=vkey)


ROOT = draw("root")


def _checkpoints(book: Casebook) -> None:
    text = logs.Checkpoint(ORIGIN, 25, ROOT).encode()
    all_witnesses = [vkey_of(name, WITNESS) for name in WITNESSES]

    def policy(quorum: int = 0, *witnesses: str, **changes: Any) -> Json:
        fields = {"board": vkey_of(ORIGIN), "witnesses": witnesses, "quorum": quorum}
        return {"origin": ORIGIN, **fields, **changes}

    def two_of_three(*names: str) -> Json:
        return {"note": signed(text, *names), **policy(2, *all_witnesses)}

    for name, origin, size in (
        ("master", ORIGIN, 25),
        ("edition", f"{ORIGIN}/20800/0", 256),
        ("empty", ORIGIN, 0),
        ("most", "b", 2**63 - 1),
    ):
        values: Json = {"origin": origin, "size": size, "root": ROOT}
        lines = book.valid("checkpoint/encode", name, f"size {size}", **values)["text"]
        if size < 2**63 - 1:
            values = {"note": signed(lines.encode(), ORIGIN), **policy(origin=origin)}
            book.valid("checkpoint/open", name, f"size {size}", **values)
    for name, comment, values in (
        ("two-of-three", "two of three witnesses", two_of_three(ORIGIN, *WITNESSES[1:])),
        ("three-of-three", "more than must", two_of_three(ORIGIN, *WITNESSES)),
        ("any-order", "the board last", two_of_three(*WITNESSES, ORIGIN)),
        ("stranger-too", "one that is not known", two_of_three(ORIGIN, "stranger", *WITNESSES)),
    ):
        book.valid("checkpoint/open", name, comment, **values)
    once = two_of_three(ORIGIN, WITNESSES[0], WITNESSES[0])
    for name, comment, reason, values in (
        (
            "one-of-three",
            "one of two that must",
            "too-few-witnesses",
            two_of_three(ORIGIN, WITNESSES[0]),
        ),
        ("one-twice", "one that signed twice", "too-few-witnesses", once),
        ("no-witness", "none at all", "too-few-witnesses", two_of_three(ORIGIN)),
        ("no-board", "witnesses alone", "signature-missing", two_of_three(*WITNESSES)),
        (
            "other-origin",
            "of an edition",
            "other-origin",
            {"note": signed(text, ORIGIN), **policy(origin=f"{ORIGIN}/20800/0")},
        ),
        ("quorum", "more than there are", "quorum", {"note": signed(text, ORIGIN), **policy(1)}),
    ):
        single = name != "quorum"
        book.refused("checkpoint/open", name, comment, reason, single, **values)
    for name, comment, reason, changes in (
        (
            "bad-witness",
            "a cosignature that is not right, and two that are",
            "signature-equation",
            0,
        ),
        ("bad-board", "a signature of the board that is not right", "signature-equation", 1),
    ):
        lines = notes.decode(signed(text, *WITNESSES, ORIGIN)).signatures
        broken = 3 if changes else 0
        signatures = [
            line._replace(signature=flip(line.signature, 8 * len(line.signature) - 300))
            if i == broken
            else line
            for i, line in enumerate(lines)
        ]
        values = {"note": notes.encode(text, signatures), **policy(2, *all_witnesses)}
        book.refused("checkpoint/open", name, comment, reason, **values)
    twin = notes.encode_vkey(notes.Key("twin", WITNESS, key_of(WITNESSES[0]).public))
    own = vkey_of(ORIGIN, WITNESS)
    as_board = vkey_of(WITNESSES[0], BOARD)
    note = signed(text, ORIGIN, *WITNESSES)
    for name, comment, reason, values in (
        (
            "same-witness",
            "a witness of two names",
            "key-repeated",
            policy(1, all_witnesses[0], twin),
        ),
        ("own-witness", "the board as its own witness", "key-repeated", policy(0, own)),
        ("witness-1", "a witness that signs as a board", "key-algorithm", policy(0, as_board)),
        (
            "witness-as-board",
            "a witness in the place of the board",
            "key-algorithm",
            policy(board=all_witnesses[0]),
        ),
    ):
        single = name != "witness-as-board"
        book.refused("checkpoint/open", name, comment, reason, note=note, **values)
    _refused_texts(book, policy())


def _refused_texts(book: Casebook, policy: Json) -> None:
    fields = [ORIGIN, "25", to_base64(ROOT)]
    cosigned = b"cosignature/v1\ntime 1797120000\n" + lines_of(*fields)
    for name, comment, reason, text in (
        ("two-lines", "no root", "lines", lines_of(*fields[:2])),
        ("extension", "a line of extension", "lines", lines_of(*fields, "extension")),
        ("blank-line", "an empty line", "lines", lines_of(*fields, "")),
        ("blank-line-before", "an empty line before", "lines", lines_of("", *fields)),
        ("cosigned", "what a witness signs", "lines", cosigned),
        ("no-origin", "an empty origin", "origin-length", lines_of("", *fields[1:])),
        (
            "size-zero-before",
            "a zero before the size",
            "number",
            lines_of(ORIGIN, "025", fields[2]),
        ),
        ("size-negative", "a size below 0", "number", lines_of(ORIGIN, "-25", fields[2])),
        ("size-hex", "a size in hex", "number", lines_of(ORIGIN, "1a", fields[2])),
        ("size-empty", "no size", "number", lines_of(ORIGIN, "", fields[2])),
        ("size-2-to-63", "too great a size", "number", lines_of(ORIGIN, str(2**63), fields[2])),
        ("root-unpadded", "no padding", "base64", lines_of(*fields[:2], fields[2].rstrip("="))),
        ("root-short", "31 bytes", "hash-length", lines_of(*fields[:2], to_base64(ROOT[:31]))),
        ("root-long", "33 bytes", "hash-length", lines_of(*fields[:2], to_base64(ROOT + b"\0"))),
        (
            "origin-space",
            "an origin and a space",
            "other-origin",
            lines_of(ORIGIN + " ", *fields[1:]),
        ),
    ):
        note, single = signed(text, ORIGIN), name != "no-origin"
        book.refused("checkpoint/open", name, comment, reason, single, note=note, **policy)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("notes")
    signatures_of_notes.add(book, key_of(ORIGIN).public, seed_of(ORIGIN))
    _keys(book)
    _signing(book)
    _decoding(book)
    _verifying(book)
    _checkpoints(book)
    return book
