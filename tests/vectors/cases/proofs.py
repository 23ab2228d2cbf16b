"""proofs.json: receipts, and proofs without network, SPEC 9.6 and 9.8."""

from typing import Any

from oracle import lanes, logs, merkle, notes, posts, receipts
from oracle.notes import WITNESS
from oracle.operations import Json
from oracle.receipts import Proof
from oracle.text import lines_of, to_base64

from vectors.cases.casebook import Casebook
from vectors.cases.logs import BOARD_FIELDS
from vectors.cases.material import (
    DAY,
    EPOCH,
    HANDLE_ENVELOPE,
    ORIGIN,
    draw,
    flip,
    multiple,
    post_of,
)
from vectors.cases.notes import TEXT, WITNESSES, seed_of, signed, vkey_of

POST = post_of(envelope=HANDLE_ENVELOPE)
DEADLINE = EPOCH * DAY + 7200
BOARD_KEY = vkey_of(ORIGIN)


def _receipts(book: Casebook) -> None:
    for name, comment, post, deadline in (
        ("class-2", "of a post of class H", POST, DEADLINE),
        ("class-8", "of a post of class L", post_of(seq=7), DEADLINE + 1),
        ("last", "a deadline as late as can be", POST, 2**63 - 1),
    ):
        values: Json = {"origin": ORIGIN, "secret": seed_of(ORIGIN), "post": post}
        values["deadline"] = deadline
        data = book.valid("receipt/sign", name, comment, **values)["receipt"]
        book.valid("receipt/open", name, comment, receipt=data, board=BOARD_KEY)
    fields = [receipts.RECEIPT_LINE, ORIGIN, str(EPOCH), to_base64(draw("digest")), str(DEADLINE)]

    def add(name: str, comment: str, reason: str, receipt: bytes, board: str = BOARD_KEY) -> None:
        book.refused("receipt/open", name, comment, reason, receipt=receipt, board=board)

    def line(at: int, name: str, comment: str, reason: str, text: str) -> None:
        changed = [text if i == at else field for i, field in enumerate(fields)]
        add(name, comment, reason, signed(lines_of(*changed), ORIGIN))

    text = lines_of(*fields)
    by_other = signed(text, "other.example")
    flipped = notes.decode(signed(text, ORIGIN))
    broken = [each._replace(signature=flip(each.signature, 5)) for each in flipped.signatures]
    checkpoint = logs.Checkpoint(ORIGIN, 25, draw("root")).encode()
    add("line-more", "a line more", "lines", signed(text + b"x\n", ORIGIN))
    add("line-less", "no deadline", "lines", signed(lines_of(*fields[:-1]), ORIGIN))
    add("checkpoint", "a checkpoint is no receipt", "lines", signed(checkpoint, ORIGIN))
    add("stranger", "of another key", "signature-missing", by_other)
    add("flipped", "one bit of the signature", "signature-equation", notes.encode(text, broken))
    line(0, "version-2", "version 2", "receipt-kind", "billboard/receipt@v2")
    line(0, "board-entry", "the line of a board", "receipt-kind", logs.BOARD_LINE)
    line(1, "other-origin", "of another origin, signed by the board", "other-origin", "other")
    line(2, "epoch-2-to-32", "no such epoch", "number", str(2**32))
    line(2, "epoch-zero-before", "a zero before it", "number", f"0{EPOCH}")
    line(3, "digest-short", "31 bytes", "hash-length", to_base64(bytes(31)))
    line(3, "digest-unpadded", "no padding", "base64", fields[3].rstrip("="))
    line(4, "deadline-fraction", "a fraction of a second", "number", f"{DEADLINE}.5")
    line(4, "deadline-2-to-63", "too late", "number", str(2**63))
    line(4, "deadline-empty", "no deadline", "number", "")


def _codec(book: Casebook) -> None:
    note = signed(logs.Checkpoint(ORIGIN, 5, draw("root")).encode(), ORIGIN)
    hashes = [draw(f"hash {i}") for i in range(3)]
    for name, comment, extra, index, some in (
        ("plain", "three hashes", None, 2, hashes),
        ("no-hashes", "of a log of one entry", None, 0, []),
        ("extra", "something more", b"\0extra\n", 4, hashes[:1]),
        ("empty-extra", "nothing more, but said so", b"", 4, hashes[:1]),
        ("last", "an index as great as can be", None, 2**63 - 1, hashes),
        ("63-hashes", "as deep as a log can be", None, 1, [draw("hash")] * 63),
    ):
        values: Json = {"extra": extra, "index": index, "hashes": some, "note": note}
        data = book.valid("proof/encode", name, comment, **values)["proof"]
        book.valid("proof/decode", name, comment, proof=data)

    def proof(*lines: str, head: str = receipts.PROOF_LINE, below: bytes = note) -> bytes:
        return lines_of(head, *lines, "") + below

    encoded = [to_base64(each) for each in hashes]
    for name, comment, reason, data in (
        ("version-2", "version 2", "proof-kind", proof("index 2", head="c2sp.org/tlog-proof@v2")),
        ("no-index", "no index", "lines", proof(*encoded)),
        ("nothing-else", "the first line alone", "lines", proof()),
        ("extra-last", "something more after the index", "base64", proof("index 2", "extra AAAA")),
        (
            "two-extras",
            "something more twice",
            "lines",
            proof("extra AAAA", "extra AAAA", "index 2"),
        ),
        ("index-alone", "no number", "number", proof("index ")),
        ("index-zero-before", "a zero before it", "number", proof("index 02")),
        ("index-2-to-63", "too great", "number", proof(f"index {2**63}")),
        ("index-spaces", "two spaces", "number", proof("index  2")),
        ("extra-unpadded", "no padding", "base64", proof("extra AA", "index 2")),
        ("hash-unpadded", "no padding", "base64", proof("index 2", encoded[0].rstrip("="))),
        ("hash-short", "31 bytes", "hash-length", proof("index 2", to_base64(bytes(31)))),
        (
            "no-checkpoint",
            "nothing after the hashes",
            "no-blank-line",
            proof("index 2")[: -len(note) - 1],
        ),
        (
            "checkpoint-unsigned",
            "no signatures",
            "no-blank-line",
            proof("index 2", below=TEXT.encode()),
        ),
        (
            "not-ascii",
            "bytes that are no text",
            "utf-8",
            proof("index 2").replace(b"index", b"\xff", 1),
        ),
    ):
        book.refused("proof/decode", name, comment, reason, proof=data)


def _unsigned(secret: int) -> bytes:
    """Make a post of class H that is right but for its signature, which no proof is about."""
    public = multiple(secret)
    post = posts.Post(lanes.identifier_of(public), EPOCH, secret, public, bytes(32), b"")
    return (posts.lay_out_head(post)).ljust(len(POST), b"\0")


POSTS = sorted([POST, *map(_unsigned, range(1, 256))])
PLACE = POSTS.index(POST)
LEAVES = [merkle.leaf_hash(post) for post in POSTS]
MANIFEST = logs.Manifest(ORIGIN, EPOCH, 0, 256, merkle.root_of(LEAVES), draw("index"), EPOCH * DAY)


def _edition(manifest: logs.Manifest, place: int = PLACE, **changes: Any) -> Proof:
    """Prove that a post is in the log of a manifest; without the manifest."""
    fields = {"origin": manifest.log, "size": manifest.size, "root": manifest.root, **changes}
    note = signed(logs.Checkpoint(**fields).encode(), ORIGIN)
    return Proof(None, place, tuple(merkle.inclusion(LEAVES, place)), note)


def _master(entry: bytes, signers: tuple[str, ...], origin: str = ORIGIN) -> Proof:
    """Prove that an entry is in the master log."""
    entries = [lines_of(*BOARD_FIELDS), entry, b"another", b"and another"]
    leaves = list(map(merkle.leaf_hash, entries))
    text = logs.Checkpoint(origin, 4, merkle.root_of(leaves)).encode()
    return Proof(entry, 1, tuple(merkle.inclusion(leaves, 1)), signed(text, *signers))


def _nested(outer: Proof, inner: Proof | None) -> bytes:
    extra = None if inner is None else receipts.encode_proof(inner)
    return receipts.encode_proof(outer._replace(extra=extra))


def _posts(book: Casebook) -> None:
    witnesses = [vkey_of(name, WITNESS) for name in WITNESSES]
    both = ORIGIN, *WITNESSES[:2]
    policy: Json = {"board": BOARD_KEY, "witnesses": witnesses, "quorum": 2}
    entry = MANIFEST.encode()
    outer, inner = _edition(MANIFEST), _master(entry, both)

    def values(outer: Proof = outer, inner: Proof | None = inner, post: bytes = POST) -> Json:
        return {"proof": _nested(outer, inner), "post": post, **policy}

    def of(manifest: logs.Manifest) -> Json:
        return values(inner=_master(manifest.encode(), both))

    def edition(**changes: Any) -> Json:
        return values(outer=_edition(MANIFEST, **changes))

    book.valid("proof/check-post", "two-witnesses", "two of three witnesses", **values())
    alone = values(inner=_master(entry, (ORIGIN,))) | {"quorum": 0, "witnesses": []}
    book.valid("proof/check-post", "no-witness", "a policy without witnesses", **alone)
    no_manifest = _master(lines_of(*BOARD_FIELDS), both)
    late = MANIFEST._replace(epoch=EPOCH + 1)
    before = values(_edition(late), _master(late.encode(), both))
    by_other = outer._replace(checkpoint=signed(notes.decode(outer.checkpoint).text, "other"))
    root = draw("another root")
    for name, comment, reason, given in (
        ("other-post", "another post", "root", values(post=post_of(seq=7))),
        ("flipped-post", "one bit of it", "root", values(post=flip(POST, 400))),
        ("other-place", "another place", "root", values(outer=outer._replace(place=PLACE ^ 1))),
        (
            "no-place",
            "a place that is none",
            "index-not-in-tree",
            values(outer=outer._replace(place=256)),
        ),
        (
            "short",
            "a hash less",
            "wrong-length",
            values(outer=outer._replace(hashes=outer.hashes[1:])),
        ),
        (
            "manifest-elsewhere",
            "another place in the master log",
            "root",
            values(inner=inner._replace(place=2)),
        ),
        ("no-inner-proof", "the edition alone", "no-extra", values(inner=None)),
        (
            "no-manifest",
            "the master log alone",
            "no-extra",
            values(inner=inner._replace(extra=None)),
        ),
        ("no-edition", "another kind of entry", "no-manifest", values(inner=no_manifest)),
        ("too-few", "one witness", "too-few-witnesses", values(inner=_master(entry, both[:2]))),
        (
            "unsigned-master",
            "witnesses alone",
            "signature-missing",
            values(inner=_master(entry, both[1:])),
        ),
        (
            "unsigned-edition",
            "an edition that the board did not sign",
            "signature-missing",
            values(outer=by_other),
        ),
        (
            "other-log",
            "of an edition in the place of the master log",
            "other-origin",
            values(inner=_master(entry, both, MANIFEST.log)),
        ),
        (
            "other-edition",
            "the manifest of the next edition",
            "other-origin",
            of(MANIFEST._replace(number=1)),
        ),
        (
            "other-epoch",
            "the manifest of another epoch",
            "other-origin",
            of(MANIFEST._replace(epoch=EPOCH + 1)),
        ),
        (
            "other-board",
            "the manifest of another board",
            "other-board",
            of(MANIFEST._replace(origin="other.example")),
        ),
        ("other-size", "another size", "other-size", of(MANIFEST._replace(size=512))),
        ("other-root", "another root", "other-root", of(MANIFEST._replace(root=root))),
        ("post-of-other-epoch", "a post of the epoch before", "other-epoch", before),
        ("edition-grew", "a signed checkpoint of another root", "other-root", edition(root=root)),
    ):
        single = name not in ("other-board", "other-epoch", "edition-grew")
        book.refused("proof/check-post", name, comment, reason, single, **given)
    lines = notes.decode(inner.checkpoint)
    broken = [each._replace(signature=flip(each.signature, 100)) for each in lines.signatures]
    bad = inner._replace(checkpoint=notes.encode(lines.text, broken[:1]))
    given = values(inner=bad) | {"quorum": 0, "witnesses": []}
    comment = "one bit of the signature of the board"
    book.refused("proof/check-post", "flipped-signature", comment, "signature-equation", **given)


def _absence(book: Casebook) -> None:
    witnesses = [vkey_of(name, WITNESS) for name in WITNESSES]
    policy: Json = {"board": BOARD_KEY, "witnesses": witnesses, "quorum": 2}
    inner = _master(MANIFEST.encode(), (ORIGIN, *WITNESSES[:2]))

    def at(place: int, inner: Proof = inner, manifest: logs.Manifest = MANIFEST) -> Json:
        return {"post": POSTS[place], "proof": _nested(_edition(manifest, place), inner)}

    def values(identifier: bytes, *neighbours: Json) -> Json:
        return {"neighbours": neighbours, "identifier": identifier, **policy}

    def above(place: int) -> bytes:
        return (int.from_bytes(POSTS[place][:32], "big") + 1).to_bytes(32, "big")

    for name, comment, given in (
        ("between", "between the third and the fourth", values(above(2), at(2), at(3))),
        ("any-order", "the second of them first", values(above(2), at(3), at(2))),
        ("before-first", "before the first", values(bytes(32), at(0))),
        ("after-last", "after the last", values(b"\xff" * 32, at(255))),
    ):
        book.valid("proof/check-absence", name, comment, **given)
    next_one = MANIFEST._replace(number=1)
    other = at(3, _master(next_one.encode(), (ORIGIN, *WITNESSES[:2])), next_one)
    alone = at(3, _master(MANIFEST.encode(), (ORIGIN, WITNESSES[0])))
    beyond = {
        "post": POSTS[255],
        "proof": _nested(_edition(MANIFEST, 255)._replace(place=256), inner),
    }
    swapped = {"post": POSTS[4], "proof": at(3)["proof"]}
    for name, comment, reason, given in (
        ("not-next", "one is between them", "not-neighbours", values(above(2), at(2), at(4))),
        ("both-before", "both are before it", "not-around", values(above(3), at(2), at(3))),
        ("both-after", "both are after it", "not-around", values(above(1), at(2), at(3))),
        ("not-the-first", "others may be before", "not-neighbours", values(bytes(32), at(1))),
        ("not-the-last", "others may be after", "not-neighbours", values(b"\xff" * 32, at(254))),
        ("first-before", "the first, that is before it", "not-neighbours", values(above(0), at(0))),
        ("last-after", "the last, that is after it", "not-neighbours", values(above(254), at(255))),
        ("none", "no neighbours", "not-neighbours", values(above(2))),
        ("three", "one too many", "not-neighbours", values(above(2), at(2), at(3), at(4))),
        ("same-twice", "one alone, twice", "not-around", values(above(2), at(2), at(2))),
        ("present-left", "it is the first of them", "present", values(POSTS[2][:32], at(2), at(3))),
        ("present-right", "it is the second", "present", values(POSTS[3][:32], at(2), at(3))),
        ("present-alone", "it is the first of all", "present", values(POSTS[0][:32], at(0))),
        (
            "other-edition",
            "one of another edition",
            "other-edition",
            values(above(2), at(2), other),
        ),
        ("other-place", "the proof of another", "root", values(above(2), at(2), swapped)),
        ("beyond", "a place that is none", "index-not-in-tree", values(b"\xff" * 32, beyond)),
        ("too-few", "one witness", "too-few-witnesses", values(above(2), at(2), alone)),
    ):
        single = name not in ("none", "three", "same-twice")
        book.refused("proof/check-absence", name, comment, reason, single, **given)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("proofs")
    _receipts(book)
    _codec(book)
    _posts(book)
    _absence(book)
    return book
