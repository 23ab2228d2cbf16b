"""keys.json: public keys, key ids and the payload of a secret key, SPEC 4 and 11."""

from oracle.keys import encode_public_key
from oracle.notation import be8
from oracle.operations import Json
from oracle.ristretto255 import encode_scalar
from oracle.signatures import sign

from vectors.cases import forgeries
from vectors.cases.casebook import Casebook
from vectors.cases.material import (
    ALPHA,
    BETA,
    KEY_H,
    KEY_S,
    KEY_XL,
    NamedKey,
    draw,
    draw_scalar,
    flip,
    multiple,
    replaced,
)

N = 8
KEYS = {"alpha": ALPHA, "beta": BETA, "class-h": KEY_H, "class-s": KEY_S, "class-xl": KEY_XL}


def _row_at(j: int) -> int:
    """Give the offset of X_j."""
    return 2 + 96 * (j - 1)


def _proof(secret: int, j: int, n: int = N, context: str = "pop") -> bytes:
    return sign(context, secret, draw(f"proof {j}"), be8(n), be8(j)).signature


def _with_row(j: int, element: bytes, proof: bytes) -> bytes:
    return replaced(ALPHA.public_key, _row_at(j), element + proof)


def _with_proof(j: int, proof: bytes) -> bytes:
    return replaced(ALPHA.public_key, _row_at(j) + 32, proof)


def _encoding(book: Casebook) -> None:
    for name, key in KEYS.items():
        n = len(key.secrets)
        rnds = [draw(f"key {name} rnd {j}") for j in range(n)]
        secrets = [encode_scalar(x) for x in key.secrets]
        values: Json = {"class": n, "secrets": secrets, "rnds": rnds}
        book.valid("public-key/encode", name, f"the key set {name}", **values)
    for name, reason, secret in (
        ("secret-zero", "secret-zero", 0),
        ("secret-repeated", "public-repeated", ALPHA.secrets[0]),
    ):
        secrets = [encode_scalar(x) for x in (*ALPHA.secrets[:7], secret)]
        values = {"class": N, "secrets": secrets, "rnds": [draw(f"rnd {j}") for j in range(N)]}
        single = reason != "secret-zero"
        book.refused("public-key/encode", name, f"x_8: {name}", reason, single, **values)


def _refused_elements(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, data: bytes) -> None:
        book.refused("public-key/decode", name, comment, reason, public_key=data)

    for j in (1, 8):
        secret, parts = ALPHA.secrets[j - 1], (be8(N), be8(j))
        for kind, change in (("negated", forgeries.negated), ("high-bit", forgeries.high_bit)):
            bad = change(multiple(secret))
            data = _with_row(j, bad, forgeries.for_public("pop", secret, bad, *parts))
            add(f"element-{j}-{kind}", f"X_{j}: {kind}", "public-not-canonical", data)
        forged = forgeries.for_public("pop", 0, bytes(32), *parts)
        data = _with_row(j, bytes(32), forged)
        add(f"element-{j}-identity", f"X_{j} is the identity", "public-identity", data)
    secret = ALPHA.secrets[0]
    for j in (2, 8):
        data = _with_row(j, multiple(secret), _proof(secret, j))
        add(f"element-{j}-repeats-1", f"X_{j} is X_1, with its own proof", "public-repeated", data)


def _refused_proofs(book: Casebook) -> None:
    def add(name: str, comment: str, data: bytes, reason: str = "signature-equation") -> None:
        book.refused("public-key/decode", name, comment, reason, public_key=data)

    first, last = ALPHA.secrets[0], ALPHA.secrets[7]
    for j in range(1, N + 1):
        data = flip(ALPHA.public_key, 8 * (_row_at(j) + 64) + 3)
        add(f"proof-{j}-flipped", f"one bit of z in pop_{j}", data)
    add("proof-of-other-position", "pop_1 made for j = 2", _with_proof(1, _proof(first, 2)))
    add("proof-of-position-from-zero", "pop_1 made for j = 0", _with_proof(1, _proof(first, 0)))
    add("proof-of-other-n", "pop_8 made for n = 9", _with_proof(8, _proof(last, 8, n=9)))
    add(
        "proof-in-other-context",
        "pop_1 in context post",
        _with_proof(1, _proof(first, 1, N, "post")),
    )
    add("proof-by-other-secret", "pop_1 made with x_8", _with_proof(1, _proof(last, 1)))
    element = multiple(draw_scalar("unproven"))
    pop = ALPHA.public_key[34:98]
    add("element-without-proof", "another X_1 with the old proof", _with_row(1, element, pop))
    parts = (be8(N), be8(1))
    data = _with_proof(1, forgeries.negated_commitment("pop", first, *parts))
    add("proof-commitment-negated", "R of pop_1 negated", data, "commitment-not-canonical")
    data = _with_proof(1, forgeries.raised_response(pop))
    add("proof-response-raised", "z of pop_1 plus the order", data, "response-not-canonical")


def _of_class(n: int) -> bytes:
    """Make a public key of a class that there may not be."""
    secrets = [*ALPHA.secrets, draw_scalar("ninth")][:n]
    rows = [multiple(x) + _proof(x, j, n) for j, x in enumerate(secrets, start=1)]
    return be8(1) + be8(n) + b"".join(rows)


def _refused_headers(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, data: bytes, single: bool = True) -> None:
        book.refused("public-key/decode", name, comment, reason, single, public_key=data)

    good = ALPHA.public_key
    for version in (0, 2, 255):
        data = be8(version) + good[1:]
        add(f"version-{version}", f"version {version}", "version", data)
    secret = ALPHA.secrets[0]
    for n in (1, 4, 9):
        comment = f"class {n}, with matching length and proofs"
        add(f"class-{n}", comment, "class-unknown", _of_class(n))
    add("class-0", "class 0 without any element", "class-unknown", be8(1) + be8(0), False)
    for length in (0, 1, 2, 769):
        add(f"length-{length}", f"{length} bytes", "wrong-length", good[:length])
    for n in (2, 3, 38):
        add(
            f"labelled-{n}",
            f"eight rows under class {n}",
            "wrong-length",
            be8(1) + be8(n) + good[2:],
        )
    add("length-771", "a byte more", "wrong-length", good + b"\0")
    add("one-row-more", "a ninth row", "wrong-length", good + multiple(secret) + _proof(secret, 9))


def _decoding(book: Casebook) -> None:
    for name, key in KEYS.items():
        comment = f"the key set {name}"
        book.valid("public-key/decode", name, comment, public_key=key.public_key)
        values: Json = {"class": len(key.secrets), "elements": key.public.elements}
        book.valid("key/id", name, comment, **values)
    rnds = tuple(draw(f"other proof {j}") for j in range(N))
    data = encode_public_key(ALPHA.secrets, rnds)
    comment = "other proofs for the elements of alpha: the key id is the same"
    book.valid("public-key/decode", "alpha-proved-again", comment, public_key=data)
    values = {"class": N, "elements": ALPHA.public.elements[::-1]}
    book.valid("key/id", "alpha-reversed", "the order of the elements counts", **values)


def _payload(key: NamedKey, secrets: list[bytes]) -> bytes:
    return key.public_key + b"".join(secrets)


def _secret_keys(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, payload: bytes) -> None:
        book.refused("secret-key/decode", name, comment, reason, payload=payload)

    good = [encode_scalar(x) for x in ALPHA.secrets]
    values: Json = {"public_key": ALPHA.public_key, "secrets": good}
    output = book.valid("secret-key/encode", "alpha", "the key set alpha", **values)
    book.valid("secret-key/decode", "alpha", "the key set alpha", payload=output["payload"])
    for name, key in (("class-h", KEY_H), ("class-s", KEY_S)):
        secrets = [encode_scalar(x) for x in key.secrets]
        values = {"public_key": key.public_key, "secrets": secrets}
        output = book.valid("secret-key/encode", name, f"the key set {name}", **values)
        comment = f"the key set {name}"
        book.valid("secret-key/decode", name, comment, payload=output["payload"])
    payload = _payload(ALPHA, good)[:-32]
    add("a-secret-less", "seven secrets", "wrong-length", payload)
    payload = _of_class(4) + b"".join(good[:4])
    add("class-4", "class 4, with matching length and proofs", "class-unknown", payload)
    other = [encode_scalar(x) for x in BETA.secrets]
    for j in (1, 8):
        mixed = [*good[: j - 1], other[j - 1], *good[j:]]
        payload = _payload(ALPHA, mixed)
        add(f"secret-{j}-of-other", f"x_{j} of another key", "secret-mismatch", payload)
    payload = _payload(ALPHA, [good[1], good[0], *good[2:]])
    add("secrets-swapped", "x_1 and x_2 swapped", "secret-mismatch", payload)
    payload = _payload(ALPHA, [forgeries.raised(good[0]), *good[1:]])
    add("secret-raised", "x_1 plus the order", "secret-not-canonical", payload)
    payload = flip(_payload(ALPHA, good), 8 * (_row_at(1) + 64) + 3)
    add("proof-flipped", "one bit of z in pop_1", "signature-equation", payload)
    parts = (be8(N), be8(1))
    forged = forgeries.negated_commitment("pop", ALPHA.secrets[0], *parts)
    payload = replaced(_payload(ALPHA, good), 34, forged)
    add("commitment-negated", "R of pop_1 negated", "commitment-not-canonical", payload)
    forged = forgeries.raised_response(ALPHA.public_key[34:98])
    payload = replaced(_payload(ALPHA, good), 34, forged)
    add("response-raised", "z of pop_1 plus the order", "response-not-canonical", payload)
    forged = forgeries.for_public("pop", 0, bytes(32), *parts)
    payload = _payload(ALPHA, [bytes(32), *good[1:]])
    payload = replaced(payload, 2, bytes(32) + forged)
    add("element-identity", "X_1 is the identity and x_1 zero", "public-identity", payload)
    forged = _proof(ALPHA.secrets[1], 1)
    payload = _payload(ALPHA, [good[1], *good[1:]])
    payload = replaced(payload, 2, multiple(ALPHA.secrets[1]) + forged)
    add("element-repeated", "X_1 is X_2", "public-repeated", payload)
    payload = be8(2) + _payload(ALPHA, good)[1:]
    add("version-2", "version 2 of the public key", "version", payload)
    for length in (0, 770, 1025):
        payload = _payload(ALPHA, good)[:length]
        add(f"length-{length}", f"{length} bytes", "wrong-length", payload)
    add("length-1027", "a byte more", "wrong-length", _payload(ALPHA, good) + b"\0")


def build() -> Casebook:
    """Build the file."""
    book = Casebook("keys")
    _encoding(book)
    _decoding(book)
    _refused_headers(book)
    _refused_elements(book)
    _refused_proofs(book)
    _secret_keys(book)
    return book
