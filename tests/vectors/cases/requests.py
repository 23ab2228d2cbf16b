"""requests.json: requests, revocations and registrations, SPEC 10.2, 10.5 and 10.6."""

from typing import Any

from oracle import descriptors, ed25519, hpke, ml_kem, requests
from oracle.keys import key_id
from oracle.notation import CLASS_H, CLASS_L, be8
from oracle.operations import Json
from oracle.refusals import Refused
from oracle.requests import HEAD, Registration
from oracle.ristretto255 import ORDER
from oracle.symmetric import aead_seal

from vectors.cases import subscriptions
from vectors.cases.casebook import Casebook
from vectors.cases.descriptors import HOUR, OTHER_PAIR, REQUEST_PAIR, REQUEST_SEED, SERVER
from vectors.cases.material import (
    ALPHA,
    BLOB,
    EPOCH,
    HANDLE_BLOB,
    KEY_H,
    TIME,
    draw,
    flip,
    replaced,
)

COINS = draw("coins of X-Wing", 64)
KAPPA = draw("kappa")
ROOT = draw("root of kappas")
SERVER_KEY = SERVER.public
HANDLE_SEED = draw("seed of a handle key")
HANDLE_KEY = ed25519.public_of(HANDLE_SEED)
NOW = TIME * 1000
TOKEN: Json = {"platform": 1, "app": 7, "token": draw("token", 32)}
PUSH = requests.encode_push(key_id(KEY_H.public.key_hash), HANDLE_BLOB)
REVOCATION = requests.encode_revocation(CLASS_H, KAPPA, HOUR + 14 * 24)
REGISTERING = Registration(HANDLE_KEY, NOW, *TOKEN.values())


def _seal(plaintext: bytes, n: int = CLASS_H, public: bytes = REQUEST_PAIR.public) -> bytes:
    return requests.seal(n, SERVER_KEY, public, plaintext, COINS)


REQUEST = _seal(PUSH)


def _with_small_order(label: str, plaintext: bytes) -> bytes:
    """Seal with 0 as the point of X25519, which everybody knows the shared secret of."""
    of_ml_kem, ciphertext = ml_kem.encapsulate(REQUEST_PAIR.public[: ml_kem.PUBLIC], COINS[:32])
    enc = ciphertext + bytes(32)
    shared = hpke.combine(of_ml_kem, bytes(32), enc, REQUEST_PAIR.public)
    key_id_of = descriptors.request_key_id(SERVER_KEY, REQUEST_PAIR.public)
    key, nonce = hpke.schedule(shared, requests.info(label, CLASS_H, SERVER_KEY, key_id_of))
    return be8(1) + key_id_of + enc + aead_seal(key, nonce, plaintext, b"")


def _secrets(book: Casebook) -> None:
    for name, data in (("draw", KAPPA), ("zeros", bytes(32))):
        book.valid("gate/of", name, f"kappa: {name}", kappa=data)
    for name, root, epoch, number in (
        ("first", ROOT, EPOCH, 0),
        ("second", ROOT, EPOCH, 1),
        ("next-epoch", ROOT, EPOCH + 1, 0),
        ("epoch-0", ROOT, 0, 0),
        ("last", ROOT, 2**32 - 1, 2**32 - 1),
        ("swapped", ROOT, 1, EPOCH),
        ("zeros", bytes(32), EPOCH, 0),
    ):
        comment = f"epoch {epoch}, g = {number}, root: {'zeros' if name == 'zeros' else 'draw'}"
        values: Json = {"root": root, "epoch": epoch, "number": number}
        book.valid("gate/kappa", name, comment, **values)
    book.valid("handle/of", "draw", "a handle key", handle_key=HANDLE_KEY)


def _plaintexts(book: Casebook) -> None:
    for name, key, blob in (("class-h", KEY_H, HANDLE_BLOB), ("class-l", ALPHA, BLOB)):
        values: Json = {"key_id": key_id(key.public.key_hash), "blob": blob}
        book.valid("request/encode-push", name, f"a push, {name}", **values)
    for n, until in ((CLASS_H, HOUR), (CLASS_L, 0), (CLASS_L, 2**32 - 1)):
        values = {"class": n, "kappa": KAPPA, "until": until}
        book.valid("request/encode-revocation", f"{n}-{until}", "a revocation", **values)


def _opening(request: bytes, n: int = CLASS_H) -> Json:
    return {"secret": REQUEST_SEED, "server_key": SERVER_KEY, "class": n, "request": request}


def _valid(book: Casebook) -> None:
    push = requests.encode_push(key_id(ALPHA.public.key_hash), BLOB)
    no_blob = be8(1) + b"\xff" * 112
    for name, values in (
        ("push", _opening(REQUEST)),
        ("push-class-l", _opening(_seal(push, CLASS_L), CLASS_L)),
        ("revocation", _opening(_seal(REVOCATION))),
        ("no-blob", _opening(_seal(no_blob))),
    ):
        book.valid("request/open", name, f"a request: {name}", **values)


def _refused(book: Casebook) -> None:
    def add(
        name: str, comment: str, reason: str, request: bytes, single: bool = True, n: int = CLASS_H
    ) -> None:
        book.refused("request/open", name, comment, reason, single, **_opening(request, n))

    add("empty", "nothing", "wrong-length", b"")
    add("short", "a byte less", "wrong-length", REQUEST[:-1])
    add("long", "a byte more", "wrong-length", REQUEST + b"\0")
    add("class-l", "a request of class H, in class L", "wrong-length", REQUEST, n=CLASS_L)
    for version in (0, 2):
        add(f"version-{version}", f"version {version}", "version", be8(version) + REQUEST[1:])
    other = _seal(PUSH, public=OTHER_PAIR.public)
    add("other-key", "to another request key", "request-key-unknown", other, single=False)
    claimed = replaced(other, 0, REQUEST[:HEAD])
    add("claimed", "to another request key, with the id of this one", "box", claimed)
    for name, at in (("ml-kem", HEAD), ("x25519", HEAD + 1119), ("box", 1129), ("tag", -1)):
        position = at % len(REQUEST)
        comment = f"one bit of what is of {name}"
        add(f"flipped-{name}", comment, "box", flip(REQUEST, 8 * position))
    # The highest bit of a point does not count for X25519: it does for X-Wing.
    add("x25519-high-bit", "bit 255 of the point", "box", flip(REQUEST, 8 * (HEAD + 1119) + 7))
    add("other-class", "sealed in class S", "box", _seal(PUSH, 3))
    elsewhere = requests.seal(CLASS_H, draw("server"), REQUEST_PAIR.public, PUSH, COINS)
    moved = replaced(elsewhere, 0, REQUEST[:HEAD])
    add("other-server", "sealed for another server with this request key", "box", moved)
    small = _with_small_order("request", PUSH)
    add("small-order", "the point of X25519 is 0", "point-of-small-order", small, single=False)
    for kind in (0, 3):
        data = _seal(be8(kind) + PUSH[1:])
        add(f"kind-{kind}", f"plaintext of kind {kind}", "kind", data, single=False)
    for name, bit in (("first", 8 * 37), ("last", 8 * len(REVOCATION) - 1)):
        padded = _seal(flip(REVOCATION, bit))
        add(f"padding-{name}", f"padding: the {name} bit", "padding", padded)


def _encoding(book: Casebook) -> None:
    values: Json = {"handle_secret": HANDLE_SEED, "server_key": SERVER_KEY, "time": NOW}
    for name, token in (
        ("token", TOKEN),
        ("longest", {**TOKEN, "token": draw("longest token", 1098)}),
        ("web-push", {"platform": 3, "app": 65535, "token": subscriptions.TOKEN}),
        ("unregister", None),
    ):
        comment = f"a registration: {name}"
        book.valid("registration/encode", name, comment, **values, token=token)
    longer = {**TOKEN, "token": draw("longer token", 1099)}
    comment = "a token of 1,099 bytes"
    book.refused(
        "registration/encode", "longer", comment, "token-length", False, **values, token=longer
    )


def _registration(
    plaintext: bytes, now: int = NOW, last: int | None = None, public: bytes = REQUEST_PAIR.public
) -> Json:
    sealed = requests.seal_registration(SERVER_KEY, public, plaintext, COINS)
    return _taking(sealed, now, last)


def _taking(sealed: bytes, now: int = NOW, last: int | None = None) -> Json:
    keys = {"secret": REQUEST_SEED, "server_key": SERVER_KEY}
    return {**keys, "registration": sealed, "time": now, "last": last}


def _registered(server_key: bytes = SERVER_KEY, **changes: Any) -> bytes:
    return requests.sign_registration(HANDLE_SEED, server_key, REGISTERING._replace(**changes))


def _taken(book: Casebook) -> None:
    nothing = _registered(platform=0, app=0, token=b"")
    undecodable = _registered(platform=3, token=b"\1")
    for name, values in (
        ("first", _registration(_registered())),
        ("token", _registration(_registered(), last=NOW - 1)),
        ("unregister", _registration(nothing, last=NOW - 1)),
        ("web-push-undecodable", _registration(undecodable, last=NOW - 1)),
        ("longest", _registration(_registered(token=draw("longest token", 1098)), last=NOW - 1)),
        ("hour-before", _registration(_registered(), NOW + 3_600_000, NOW - 1)),
        ("hour-after", _registration(_registered(), NOW - 3_600_000, NOW - 1)),
    ):
        book.valid("registration/open", name, f"a registration: {name}", **values)


def _refused_registrations(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, values: Json, single: bool = True) -> None:
        book.refused("registration/open", name, comment, reason, single, **values)

    good = _registration(_registered())
    sealed = good["registration"]
    add("short", "a byte less", "wrong-length", _taking(sealed[:-1]))
    add("version", "version 2", "version", _taking(be8(2) + sealed[1:]))
    other = _registration(_registered(), public=OTHER_PAIR.public)
    add("other-key", "to another request key", "request-key-unknown", other, single=False)
    add("flipped", "one bit of the box", "box", _taking(flip(sealed, 8 * 1200)))
    places = CLASS_H, SERVER_KEY, REQUEST_PAIR.public
    as_request = requests.seal_as("request", *places, _registered(), COINS)
    add("label", "sealed as a request is", "box", _taking(as_request))
    small = _with_small_order("registration", _registered())
    reason = "point-of-small-order"
    add("small-order", "the point of X25519 is 0", reason, _taking(small), single=False)


def _refused_plaintexts(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, plaintext: bytes, single: bool = True) -> None:
        values = _registration(plaintext)
        book.refused("registration/open", name, comment, reason, single, **values)

    def signed(at: int, data: bytes) -> bytes:
        body = replaced(requests.registration_body(REGISTERING), at, data)
        signature = ed25519.sign(HANDLE_SEED, requests.signed_bytes(SERVER_KEY, body))
        return body + signature

    add("plaintext-version", "a plaintext of version 2", "version", signed(0, b"\2"))
    for platform in (0, 6):
        comment = f"platform {platform}, with a token"
        add(f"platform-{platform}", comment, "platform-unknown", signed(41, be8(platform)))
    add("token-length", "a token of 1,099 bytes", "token-length", signed(44, b"\x04\x4b"), False)
    add("padding", "the last bit of the padding", "padding", signed(1143, b"\1"))
    no_token = _registered(token=b"")
    add("no-token", "a platform and an app without a token", "unregistering", no_token)
    only_app = _registered(platform=0, token=b"")
    add("only-app", "an app without a token", "unregistering", only_app)
    plaintext = _registered()
    add("signature", "one bit of it", "signature-equation", flip(plaintext, 8 * 1144))
    stolen = replaced(plaintext, 1, ed25519.public_of(draw("another handle key")))
    add("stolen", "with another handle key", "signature-equation", stolen)
    elsewhere = _registered(server_key=draw("server"))
    add("other-server", "signed for another server", "signature-equation", elsewhere)
    for name, y, reason in (
        ("identity", 1, "small-order"),
        ("identity-again", hpke.P + 1, "public-not-canonical"),
        ("identity-negative", 1 | 1 << 255, "public-not-canonical"),
    ):
        body = replaced(plaintext[: requests.SIGNED], 1, y.to_bytes(32, "little"))
        # R is the identity and S is 0: this signs everything.
        comment = f"a handle key for which everybody can sign: {name}"
        add(name, comment, reason, body + b"\1" + bytes(63), single=reason == "small-order")
    of_order = int.from_bytes(plaintext[-32:], "little") + ORDER
    great = plaintext[:-32] + of_order.to_bytes(32, "little")
    add("response", "S + l in the place of S", "response-not-canonical", great)


def _refused_times(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, now: int, last: int | None) -> None:
        values = _registration(_registered(), now, last)
        book.refused("registration/open", name, comment, reason, **values)

    add("early", "an hour and a millisecond old", "time-apart", NOW + 3_600_001, None)
    add("late", "an hour and a millisecond ahead", "time-apart", NOW - 3_600_001, None)
    add("replay", "as old as the last", "time-not-greater", NOW, NOW)
    add("before-last", "older than the last", "time-not-greater", NOW, NOW + 1)


def _check_unsealable() -> None:
    """Nothing can be sealed to a point of small order, by who goes by SPEC 10.2."""
    try:
        _seal(PUSH, public=REQUEST_PAIR.public[: ml_kem.PUBLIC] + bytes(32))
    except Refused:
        return
    raise ValueError("sealed to a point of small order")


def build() -> Casebook:
    """Build the file."""
    book = Casebook("requests")
    _check_unsealable()
    _secrets(book)
    _plaintexts(book)
    _valid(book)
    _refused(book)
    _encoding(book)
    _taken(book)
    _refused_registrations(book)
    _refused_plaintexts(book)
    _refused_times(book)
    return book
