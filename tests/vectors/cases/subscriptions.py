"""The cases of Web Push subscriptions in frames.json, SPEC 5.3."""

from itertools import count

from oracle.curves import P256

from vectors.cases.casebook import Casebook
from vectors.cases.material import draw, draw_scalar

X, Y = P256.times_generator(draw_scalar("user agent")).affine()
P256DH = b"\x04" + X.to_bytes(32, "big") + Y.to_bytes(32, "big")
AUTH = draw("auth secret", 16)
ENDPOINT = b"https://push.example/wpush/v2/gAAAAABmF0T3bZ1k"
LONGEST_ENDPOINT = b"https://push.example/" + b"e" * (1000 - 21)


def of_endpoint(endpoint: bytes) -> bytes:
    """Give the token of a subscription with the given endpoint."""
    return P256DH + AUTH + endpoint


def of_key(p256dh: bytes) -> bytes:
    """Give the token of a subscription with the given key."""
    return p256dh + AUTH + ENDPOINT


TOKEN = of_endpoint(ENDPOINT)

GOOD_ENDPOINTS = {
    "plain": ENDPOINT,
    "no-path": b"https://push.example",
    "port": b"https://push.example:8443/up",
    "empty-port": b"https://push.example:/up",
    "query": b"https://push.example?topic=up",
    "shortest": b"https://x",
    "longest": LONGEST_ENDPOINT,
    "upper-case-host": b"https://PUSH.example/Up",
    "ipv4": b"https://192.0.2.1/up",
    "ipv6": b"https://[2001:db8::1]:8443/up",
    "ipv6-with-ipv4": b"https://[::ffff:192.0.2.1]/up",
    "percent-encoded-host": b"https://push%2eexample/up",
    "at-in-path": b"https://push.example/@user",
    "at-in-query": b"https://push.example?user@host",
    "unusual-path": b'https://push.example/"<>\\^`{|}',
}
BAD_ENDPOINTS = {
    "too-long": ("endpoint-length", LONGEST_ENDPOINT + b"e"),
    "space": ("endpoint-character", b"https://push.example/a b"),
    "newline": ("endpoint-character", b"https://push.example/up\n"),
    "zero-byte": ("endpoint-character", b"https://push.example/up\0"),
    "delete": ("endpoint-character", b"https://push.example/up\x7f"),
    "utf-8": ("endpoint-character", "https://push.example/\u00fcp".encode()),
    "http": ("endpoint-scheme", b"http://push.example/up"),
    "upper-case-scheme": ("endpoint-scheme", b"HTTPS://push.example/up"),
    "one-slash": ("endpoint-scheme", b"https:/push.example/up"),
    "fragment": ("endpoint-fragment", b"https://push.example/up#top"),
    "empty-fragment": ("endpoint-fragment", b"https://push.example/up#"),
    "fragment-after-host": ("endpoint-fragment", b"https://push.example#top"),
    "user": ("endpoint-user", b"https://user@push.example/up"),
    "user-and-password": ("endpoint-user", b"https://user:pass@push.example/up"),
    "empty-user": ("endpoint-user", b"https://@push.example/up"),
    "no-host": ("endpoint-host", b"https:///up"),
    "no-host-but-port": ("endpoint-host", b"https://:8443/up"),
    "no-host-but-query": ("endpoint-host", b"https://?topic=up"),
    "port-not-a-number": ("endpoint-host", b"https://push.example:port/up"),
    "two-ports": ("endpoint-host", b"https://push.example:80:80/up"),
    "ipv6-without-brackets": ("endpoint-host", b"https://2001:db8::1/up"),
    "ipv6-not-closed": ("endpoint-host", b"https://[2001:db8::1/up"),
    "ipv6-malformed": ("endpoint-host", b"https://[2001:db8::1::2]/up"),
    "backslash": ("endpoint-host", b"https://push.example\\up"),
    "percent-malformed": ("endpoint-host", b"https://push%2xexample/up"),
}


def _bad_keys() -> list[tuple[str, str, bytes]]:
    small = next(x for x in count(0) if P256.lift(x) is not None)
    lifted = P256.lift(small)
    if lifted is None:
        raise ValueError(small)
    raised = (P256.p + small).to_bytes(32, "big") + lifted.y.to_bytes(32, "big")
    not_on_curve = "p256dh-not-on-curve"
    return [
        *(
            (f"form-{byte:02x}", "p256dh-form", bytes([byte]) + P256DH[1:])
            for byte in (0x00, 0x02, 0x03, 0x05, 0x06, 0x07)
        ),
        ("y-plus-1", not_on_curve, P256DH[:33] + (Y + 1).to_bytes(32, "big")),
        ("zero", not_on_curve, b"\x04" + bytes(64)),
        ("x-plus-p", not_on_curve, b"\x04" + raised),
        ("ones", not_on_curve, b"\x04" + b"\xff" * 64),
    ]


def add_to(book: Casebook) -> None:
    """Add the cases."""
    for name, endpoint in GOOD_ENDPOINTS.items():
        comment = f"an endpoint: {name.replace('-', ' ')}"
        values = {"p256dh": P256DH, "auth": AUTH, "endpoint": endpoint.decode()}
        token = book.valid("web-push/encode", name, comment, **values)["token"]
        book.valid("web-push/decode", name, comment, token=token)
    negated = P256DH[:33] + (P256.p - Y).to_bytes(32, "big")
    book.valid("web-push/decode", "other-y", "the other y", token=of_key(negated))
    _refused(book)


def _refused(book: Casebook) -> None:
    def add(name: str, reason: str, token: bytes, single: bool = True) -> None:
        comment = name.replace("-", " ")
        book.refused("web-push/decode", name, comment, reason, single, token=token)
        if reason != "wrong-length":
            endpoint = token[81:].decode()
            values = {"p256dh": token[:65], "auth": token[65:81], "endpoint": endpoint}
            book.refused("web-push/encode", name, comment, reason, single, **values)

    for name, (reason, endpoint) in BAD_ENDPOINTS.items():
        add(f"endpoint-{name}", reason, of_endpoint(endpoint))
    for name, endpoint in (("empty", b""), ("one-byte", b"h"), ("scheme-only", b"https://")):
        add(f"endpoint-{name}", "endpoint-length", of_endpoint(endpoint), single=False)
    for name, reason, p256dh in _bad_keys():
        add(f"p256dh-{name}", reason, of_key(p256dh))
    for length in (0, 64, 80):
        add(f"length-{length}", "wrong-length", TOKEN[:length])
