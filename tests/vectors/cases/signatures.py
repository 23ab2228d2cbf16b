"""signatures.json: Schnorr signatures, SPEC 3."""

from oracle.operations import Json
from oracle.ristretto255 import ORDER, encode_scalar
from oracle.signatures import sign

from vectors.cases import forgeries
from vectors.cases.casebook import Casebook
from vectors.cases.material import draw, draw_scalar, flip, multiple

CONTEXT = "test"
SECRET = draw_scalar("signing secret")
PUBLIC = multiple(SECRET)
RND = draw("signing rnd")
PARTS = (b"first", b"second")
SIGNATURE = sign(CONTEXT, SECRET, RND, *PARTS).signature


def _signing(book: Casebook) -> None:
    def add(name: str, comment: str, **changes: object) -> None:
        values: Json = {
            "context": CONTEXT,
            "secret": encode_scalar(SECRET),
            "rnd": RND,
            "parts": PARTS,
        }
        book.valid("schnorr/sign", name, comment, **{**values, **changes})

    add("plain", "two parts")
    add("no-parts", "no parts", parts=[])
    add("empty-part", "one empty part", parts=[b""])
    add("long-part", "a long part", parts=[draw("long message", 500)])
    add("zero-rnd", "a broken random source still gives a nonce of its own", rnd=bytes(32))
    add("zero-rnd-other-message", "and another for another message", rnd=bytes(32), parts=[b"x"])
    add("context-pop", "the context pop", context="pop")
    add("context-post", "the context post", context="post")
    add("secret-1", "the smallest secret", secret=encode_scalar(1))
    add("secret-order-minus-1", "the greatest secret", secret=encode_scalar(ORDER - 1))
    values: Json = {"context": CONTEXT, "secret": bytes(32), "rnd": RND, "parts": PARTS}
    book.refused("schnorr/sign", "secret-zero", "x is zero", "secret-zero", **values)


def _accepted(book: Casebook) -> None:
    values: Json = {"context": CONTEXT, "public": PUBLIC, "signature": SIGNATURE, "parts": PARTS}
    book.valid("schnorr/verify", "plain", "as signed", **values)
    identity = forgeries.over_commitment(CONTEXT, SECRET, bytes(32), 0, *PARTS)
    values["signature"] = identity
    comment = "R is the identity: no signer makes it, VERIFY does not refuse it"
    book.valid("schnorr/verify", "commitment-identity", comment, **values)


def _refused(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str = "signature-equation", **changes: object) -> None:
        values: Json = {
            "context": CONTEXT,
            "public": PUBLIC,
            "signature": SIGNATURE,
            "parts": PARTS,
        }
        book.refused("schnorr/verify", name, comment, reason, **{**values, **changes})

    add("other-part", "another message", parts=[b"first", b"third"])
    add("moved-boundary", "the same bytes, split elsewhere", parts=[b"firsts", b"econd"])
    add("swapped-parts", "the parts in another order", parts=PARTS[::-1])
    add("missing-part", "one part less", parts=PARTS[:1])
    add("added-empty-part", "an empty part more", parts=[*PARTS, b""])
    add("other-context", "another context", context="post")
    add("other-public", "the key of somebody else", public=multiple(draw_scalar("other")))
    add("flipped-response", "one bit of z", signature=flip(SIGNATURE, 256 + 5))
    other = multiple(draw_scalar("other commitment"))
    add("other-commitment", "another R", signature=other + SIGNATURE[32:])
    add("zero-response", "z is zero", signature=SIGNATURE[:32] + bytes(32))
    add("all-zero", "R is the identity and z is zero", signature=bytes(64))
    _refused_encodings(book)


def _refused_encodings(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, **changes: object) -> None:
        values: Json = {
            "context": CONTEXT,
            "public": PUBLIC,
            "signature": SIGNATURE,
            "parts": PARTS,
        }
        book.refused("schnorr/verify", name, comment, reason, **{**values, **changes})

    forged = forgeries.negated_commitment(CONTEXT, SECRET, *PARTS)
    add(
        "commitment-negated",
        "R is a negated encoding",
        "commitment-not-canonical",
        signature=forged,
    )
    forged = forgeries.high_bit_commitment(CONTEXT, SECRET, *PARTS)
    add("commitment-high-bit", "R has bit 255 set", "commitment-not-canonical", signature=forged)
    raised = forgeries.raised_response(SIGNATURE)
    add("response-raised", "z plus the order", "response-not-canonical", signature=raised)
    for name, public in (
        ("negated", forgeries.negated(PUBLIC)),
        ("high-bit", forgeries.high_bit(PUBLIC)),
    ):
        forged = forgeries.for_public(CONTEXT, SECRET, public, *PARTS)
        values: Json = {"public": public, "signature": forged}
        add(f"public-{name}", f"P: {name} encoding", "public-not-canonical", **values)
    forged = forgeries.for_public(CONTEXT, 0, bytes(32), *PARTS)
    values = {"public": bytes(32), "signature": forged}
    add("public-identity", "P is the identity", "public-identity", **values)
    for length in (0, 63, 65):
        data = (SIGNATURE + b"\0")[:length]
        add(f"signature-{length}", f"{length} bytes", "wrong-length", signature=data)
    for length in (31, 33):
        data = (PUBLIC + b"\0")[:length]
        add(f"public-{length}", f"a P of {length} bytes", "wrong-length", public=data)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("signatures")
    _signing(book)
    _accepted(book)
    _refused(book)
    return book
