"""The tokens of Web Push (SPEC 5.3)."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from samples.sampler import Json, Random, chance, data, flipped, replaced, sampler

HOSTS = (
    *("push.example", "a", "UPPER.example.", "xn--bcher-kva.example", "192.0.2.1", "300.1.1.1"),
    *("a_b~c!$&'()*+,;=", "%41%7e", "%zz", "%4", "a..b", "-", ".", "0"),
    *("[2001:db8::1]", "[::]", "[::ffff:192.0.2.1]", "[v1.a:b]", "[V0F.~]", "[vg.a]", "[v1.]"),
    *("[2001:db8::1", "2001:db8::1]", "[]", "[1.2.3.4]", "[1:2:3:4:5:6:7:8:9]", "[fe80::1%25e]"),
    *(
        "[:::]",
        "[12345::]",
        "[1:2:3:4:5:6:7::]",
        "[::1]x",
        "x[::1]",
        "",
        "a|b",
        "a\\b",
        'a"b',
        "a^b",
    ),
)
PORTS = ("", "", "", ":", ":443", ":99999999", ":4a", ":-1", ":443:1")
PATHS = (
    "",
    "/",
    "/wpush/v2/gAAAA",
    "?",
    "?q=[]|",
    "/a@b",
    "//",
    "/%",
    "/%zz",
    "/[",
    "#",
    "/a#b",
    "?a#",
)
USERS = ("",) * 12 + ("user@", "user:secret@", "@", "a@b@")
SCHEMES = ("https://",) * 12 + (
    "http://",
    "HTTPS://",
    "https:/",
    "https:",
    "wss://",
    "",
    " https://",
)


def endpoint(rng: Random) -> str:
    """Most are valid; the others have one wrong part, or several."""
    if chance(rng, 0.4):
        host, port, path = rng.choice(HOSTS[:6]), rng.choice(PORTS[:5]), rng.choice(PATHS[:4])
        made = f"https://{host}{port}{path}"
    else:
        pieces = (SCHEMES, USERS, HOSTS, PORTS, PATHS)
        made = "".join(rng.choice(choices) for choices in pieces)
    if chance(rng, 0.05):
        return made.ljust(rng.choice((999, 1000, 1001)), "x")
    if chance(rng, 0.1):
        position = rng.randrange(len(made) + 1)
        return made[:position] + chr(rng.choice((0, 9, 10, 32, 127, 128, 255))) + made[position:]
    return made


def p256dh(rng: Random) -> bytes:
    private = ec.derive_private_key(rng.randint(1, 2**255), ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if chance(rng, 0.8):
        return point
    kind = rng.randrange(4)
    if kind == 0:
        return replaced(point, 0, rng.choice((b"\0", b"\2", b"\5", b"\6", b"\7")))
    if kind == 1:
        return replaced(point, rng.choice((1, 33)), rng.choice((bytes(32), b"\xff" * 32)))
    return flipped(rng, point) if kind == 2 else bytes(65)


@sampler("web-push/encode")
def _encode(rng: Random) -> Json:
    return {
        "p256dh": p256dh(rng).hex(),
        "auth": data(rng, 16).hex(),
        "endpoint": "".join(c for c in endpoint(rng) if ord(c) < 128),
    }


@sampler("web-push/decode")
def _decode(rng: Random) -> Json:
    token = p256dh(rng) + data(rng, 16) + endpoint(rng).encode("latin-1")
    if chance(rng, 0.05):
        token = token[: rng.choice((0, 64, 65, 80, 81, 82, 89, 90))]
    return {"token": token.hex()}
