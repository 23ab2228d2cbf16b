"""The part of notes.json about Ed25519 alone, SPEC 3."""

from oracle import ed25519
from oracle.operations import Json
from oracle.ristretto255 import ORDER

from vectors.cases.casebook import Casebook
from vectors.cases.material import draw, draw_scalar, flip

TEXT = "This is a note.\n"
SEED = draw("ed25519")
SCALAR = ed25519.scalar_of(SEED)
NONCE = draw_scalar("nonce of Ed25519")
IDENTITY = (1).to_bytes(32, "little")
IDENTITY_HIGH = (2**255 - 18).to_bytes(32, "little")
IDENTITY_SIGN = (1 + 2**255).to_bytes(32, "little")


def add(book: Casebook, public: bytes, seed: bytes) -> None:
    """Add the cases, some of them about a signature of this key."""
    for name, secret, message in (
        ("empty", SEED, ""),
        ("text", SEED, TEXT),
        ("long", bytes(32), draw("message", 500).hex()),
        ("ones", b"\xff" * 32, "\0\u20ac"),
    ):
        made = book.valid("ed25519/sign", name, name, secret=secret, text=message)
        book.valid("ed25519/verify", name, name, text=message, **made)
    _refused(book, public, ed25519.sign(seed, TEXT.encode()))
    _orders_of_keys(book)
    _commitments(book)


def _refused(book: Casebook, public: bytes, signature: bytes) -> None:
    other = ed25519.public_of(draw("seed of other"))
    response = int.from_bytes(signature[32:], "little") + ORDER
    high = signature[:32] + response.to_bytes(32, "little")
    good: Json = {"public": public, "text": TEXT, "signature": signature}
    for name, comment, reason, changes in (
        ("other-message", "another message", "signature-equation", {"text": ""}),
        ("other-key", "another key", "signature-equation", {"public": other}),
        ("flipped-r", "one bit of R", "signature-equation", {"signature": flip(signature, 3)}),
        ("flipped-s", "one bit of S", "signature-equation", {"signature": flip(signature, 256)}),
        ("high-s", "S + l in the place of S", "response-not-canonical", {"signature": high}),
        ("short-key", "31 bytes", "wrong-length", {"public": public[:31]}),
        ("long-key", "33 bytes", "wrong-length", {"public": public + b"\0"}),
        ("63-bytes", "a byte less", "wrong-length", {"signature": signature[:63]}),
        ("65-bytes", "a byte more", "wrong-length", {"signature": signature + b"\0"}),
        ("no-signature", "nothing", "wrong-length", {"signature": b""}),
    ):
        book.refused("ed25519/verify", name, comment, reason, **{**good, **changes})
    no_point = good | {"public": (2).to_bytes(32, "little")}
    comment, reason = "a key that is no point of the curve", "public-not-canonical"
    book.refused("ed25519/verify", "no-point", comment, reason, False, **no_point)


def _signed_by(public: bytes, scalar: int, multiple_of_8: bool) -> Json:
    """Sign as if the key had no part of order 8, with a hash that is a multiple of 8, or not."""
    commitment = ed25519.multiple(NONCE)
    text = next(
        text
        for text in (f"{i}\n" for i in range(1000))
        if (ed25519.challenge(commitment, public, text.encode()) % 8 == 0) == multiple_of_8
    )
    signature = ed25519.respond(public, scalar, commitment, NONCE, text.encode())
    return {"public": public, "text": text, "signature": signature}


def _orders_of_keys(book: Casebook) -> None:
    """The equation has no cofactor; keys of any order are taken."""
    mixed = ed25519.plus_order_8(ed25519.public_of(SEED))
    for name, comment, public, scalar in (
        ("order-1", "a key of order 1, for which anybody can sign", IDENTITY, 0),
        ("order-8", "a key of order 8, and a hash that is a multiple of 8", ed25519.ORDER_8, 0),
        ("mixed-order", "a key with a part of order 8, and such a hash", mixed, SCALAR),
    ):
        book.valid("ed25519/verify", name, comment, **_signed_by(public, scalar, True))
    for name, public, scalar in (("order-8", ed25519.ORDER_8, 0), ("mixed-order", mixed, SCALAR)):
        comment = "another hash: the equation holds only when it is multiplied by 8"
        values = _signed_by(public, scalar, False)
        reason = "signature-equation"
        book.refused("ed25519/verify", f"{name}-times-8", comment, reason, False, **values)


def _commitments(book: Casebook) -> None:
    public, message = ed25519.public_of(SEED), TEXT.encode()

    def values(commitment: bytes) -> Json:
        signature = ed25519.respond(public, SCALAR, commitment, 0, message)
        return {"public": public, "text": TEXT, "signature": signature}

    operation, reason = "ed25519/verify", "signature-equation"
    book.valid(operation, "r-identity", "R is the identity: the nonce was 0", **values(IDENTITY))
    for name, comment, commitment in (
        ("r-order-8", "R of order 8: it holds when it is multiplied by 8", ed25519.ORDER_8),
        ("r-identity-high", "R is the identity, with p + 1 for y", IDENTITY_HIGH),
        ("r-identity-sign", "R is the identity, with the sign bit of x set", IDENTITY_SIGN),
    ):
        book.refused(operation, name, comment, reason, False, **values(commitment))
