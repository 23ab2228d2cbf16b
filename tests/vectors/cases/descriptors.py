"""descriptors.json: push servers, their request keys and descriptors, SPEC 10.1, 10.2 and 11."""

from typing import Any

from oracle import descriptors, ed25519, hpke, keys, ml_kem, notes
from oracle.descriptors import Descriptor, RequestKey
from oracle.notation import CLASS_H
from oracle.operations import Json
from oracle.text import to_base64

from vectors.cases.casebook import Casebook
from vectors.cases.material import KEY_H, KEY_S, TIME, draw, draw_scalar, flip, loose_bits, replaced

NAME = "push.example"
SEED = draw("seed of push.example")
SERVER = notes.Key(NAME, notes.BOARD, ed25519.public_of(SEED))
VKEY = notes.encode_vkey(SERVER)
URL = "https://push.example/v1"
HOUR = TIME // 3600
TODAY = HOUR - HOUR % 24
REQUEST_SEED = draw("request key")
REQUEST_PAIR = hpke.expand(REQUEST_SEED)
OTHER_PAIR = hpke.expand(draw("another request key"))
REQUEST_KEY = RequestKey(TODAY, TODAY + 24, REQUEST_PAIR.public)
TOMORROW = RequestKey(TODAY + 24, TODAY + 48, OTHER_PAIR.public)
SHORT = Descriptor(NAME, TIME, CLASS_H, URL, (KEY_H.public_key,), (REQUEST_KEY,))


def _second_key() -> bytes:
    secrets = draw_scalar("second key 1"), draw_scalar("second key 2")
    return keys.encode_public_key(secrets, (draw("second rnd 1"), draw("second rnd 2")))


def _same_key_again() -> bytes:
    """The key set of class H with other proofs."""
    return keys.encode_public_key(KEY_H.secrets, (draw("other rnd 1"), draw("other rnd 2")))


LONG = SHORT._replace(keys=(KEY_H.public_key, _second_key()), request_keys=(REQUEST_KEY, TOMORROW))


def _signed(text: str) -> bytes:
    line = notes.sign(text.encode(), notes.BOARD, SEED, NAME)
    return notes.encode(text.encode(), [line])


def _note(lines: list[str]) -> bytes:
    return _signed("".join(f"{line}\n" for line in lines))


def _with_line(position: int, *lines: str) -> bytes:
    """Sign the short descriptor with other lines in the place of one."""
    before = SHORT.lines()
    return _note([*before[:position], *lines, *before[position + 1 :]])


def _row(key: RequestKey) -> Json:
    return {"from": key.start, "until": key.until, "public": key.public}


def _values(descriptor: Descriptor) -> Json:
    lists = {"keys": descriptor.keys, "request_keys": list(map(_row, descriptor.request_keys))}
    numbers = {"number": descriptor.number, "class": descriptor.n}
    return {"secret": SEED, "name_": descriptor.name, **numbers, "url": descriptor.url, **lists}


def _ids(book: Casebook) -> None:
    for name, key in (("ascii", SERVER), ("utf-8", SERVER._replace(name="p\xfcsh/\u6f22"))):
        book.valid("server/id", name, f"a name: {name}", vkey=notes.encode_vkey(key))
    values: Json = {"secret": REQUEST_SEED, "server_key": SERVER.public}
    book.valid("request-key/expand", "draw", "a key", **values)
    values["server_key"] = draw("another server")
    book.valid("request-key/expand", "other-server", "its id at another server", **values)


def _payloads(book: Casebook) -> None:
    for name, start, until in (("day", TODAY, TODAY + 24), ("all", 0, 2**32 - 1)):
        values: Json = {"from": start, "until": until, "secret": REQUEST_SEED}
        encoded = book.valid("request-key/encode-payload", name, f"hours: {name}", **values)
        book.valid("request-key/decode-payload", name, f"hours: {name}", **encoded)
    bad: Json = {"from": 5, "until": 5, "secret": REQUEST_SEED}
    reason = "request-key-hours"
    book.refused("request-key/encode-payload", "empty", "no hour at all", reason, **bad)
    payload = descriptors.encode_payload(5, 6, REQUEST_SEED)
    for name, data, why in (
        ("empty", replaced(payload, 0, payload[4:8]), reason),
        ("order", replaced(payload, 0, b"\0\0\0\7"), reason),
        ("short", payload[:-1], "wrong-length"),
        ("long", payload + b"\0", "wrong-length"),
        ("no-hours", payload[:7], "wrong-length"),
    ):
        book.refused("request-key/decode-payload", name, f"payload: {name}", why, payload=data)


def _valid(book: Casebook) -> None:
    for name, descriptor in (
        ("short", SHORT),
        ("long", LONG),
        ("number-least", SHORT._replace(number=0)),
        ("http", SHORT._replace(url="http://ab")),
        ("url-255", SHORT._replace(url=URL.ljust(255, "~"))),
    ):
        book.valid("descriptor/sign", name, f"a descriptor: {name}", **_values(descriptor))
    for name, data in (
        ("short", descriptors.sign(SHORT, SEED)),
        ("long", descriptors.sign(LONG, SEED)),
        ("class-s", descriptors.sign(SHORT._replace(n=3, keys=(KEY_S.public_key,)), SEED)),
    ):
        book.valid("descriptor/open", name, f"a descriptor: {name}", descriptor=data, vkey=VKEY)


def _unsigned(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, **changes: Any) -> None:
        values = _values(SHORT._replace(**changes))
        book.refused("descriptor/sign", name, comment, reason, **values)

    add("url-8", "a URL of 8 characters", "url-length", url="http://a")
    add("url-256", "a URL of 256 characters", "url-length", url=URL.ljust(256, "~"))
    add("url-space", "a space in the URL", "url-character", url="https://a b")
    add("url-not-ascii", "a character of no ASCII", "url-character", url="https://\xe9.example")
    add("url-ftp", "another scheme", "url-scheme", url="ftps://push.example")
    add("url-upper-case", "the scheme in capitals", "url-scheme", url="HTTPS://push.example")
    add("url-query", "a query", "url-query", url=f"{URL}?a")
    add("url-fragment", "a fragment", "url-query", url=f"{URL}#a")
    add("url-slash", "a slash at the end", "url-slash", url=f"{URL}/")
    add("no-key", "no key", "key-count", keys=())
    add("same-key", "a key twice", "key-repeated", keys=(KEY_H.public_key,) * 2)
    again = (KEY_H.public_key, _same_key_again())
    add("same-key-other-proofs", "a key twice, with other proofs", "key-repeated", keys=again)
    add("other-class", "a key of class S beside", "key-class", keys=(*SHORT.keys, KEY_S.public_key))
    add("no-request-key", "no request key", "request-key-count", request_keys=())
    five = SHORT.keys + tuple(_drawn_key(i) for i in range(4))
    add("five-keys", "five keys", "key-count", keys=five)
    order = (TOMORROW, REQUEST_KEY)
    add("order", "the later request key first", "request-key-order", request_keys=order)
    twice = (REQUEST_KEY, TOMORROW._replace(start=TODAY))
    add("same-from", "two request keys from one hour", "request-key-order", request_keys=twice)
    never = (REQUEST_KEY._replace(until=TODAY),)
    add("no-hour", "a request key for no hour", "request-key-hours", request_keys=never)


def _drawn_key(number: int) -> bytes:
    secrets = tuple(draw_scalar(f"key {number} {j}") for j in range(2))
    return keys.encode_public_key(secrets, tuple(draw(f"key {number} rnd {j}") for j in range(2)))


def _refused_keys(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, public: bytes) -> None:
        key = REQUEST_KEY._replace(public=public)
        values = _values(SHORT._replace(request_keys=(key,)))
        book.refused("descriptor/sign", name, comment, reason, **values)

    public, at = REQUEST_PAIR.public, ml_kem.PUBLIC
    add("request-key-short", "a request key of 1,215 bytes", "wrong-length", public[:-1])
    reason = "request-key-not-canonical"
    add("coefficient-q", "a coefficient of q", reason, replaced(public, 0, _coefficients(public)))
    for name, point in (("0", 0), ("1", 1), ("p-1", hpke.P - 1), ("p", hpke.P)):
        data = replaced(public, at, point.to_bytes(32, "little"))
        comment = f"the point of X25519 is {name}"
        add(f"small-order-{name}", comment, "point-of-small-order", data)


def _coefficients(public: bytes) -> bytes:
    """Give the first three bytes with q as the first coefficient."""
    return (ml_kem.Q | (public[1] >> 4) << 12 | public[2] << 16).to_bytes(3, "little")


def _refused_texts(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, data: bytes, single: bool = True) -> None:
        values: Json = {"descriptor": data, "vkey": VKEY}
        book.refused("descriptor/open", name, comment, reason, single, **values)

    key, request = SHORT.lines()[5:]
    add("kind", "of another kind", "entry-kind", _with_line(0, "billboard/push@v2"))
    add("name", "the name of another server", "server-name", _with_line(1, "other.example"))
    for name, number in (("zeros", "007"), ("plus", "+7"), ("too-great", str(2**63))):
        add(f"number-{name}", f"a number: {number}", "number", _with_line(2, number))
    add("class-name", "a class that there is not", "class-name", _with_line(3, "M"))
    add("class-other", "the class is not that of the key", "key-class", _with_line(3, "S"))
    add("url-slash", "a slash at the end", "url-slash", _with_line(4, f"{URL}/"))
    add("key-word", "another word before the key", "lines", _with_line(5, key.upper()))
    add("key-base64", "base64 without padding", "base64", _with_line(5, key.rstrip("=")))
    for line, text in ((5, key), (6, request)):
        before, _, encoded = text.rpartition(" ")
        for name, comment, other in (
            ("alphabet", "base64 with the alphabet for URLs", f"-{encoded[1:]}"),
            ("loose-bits", "base64 whose unused bits are not zero", loose_bits(encoded)),
        ):
            case = f"{text.split()[0]}-{name}"
            add(case, comment, "base64", _with_line(line, f"{before} {other}"))
    comment = "base64 with a space at the end"
    add("key-space", comment, "base64", _with_line(5, f"{key} "))
    add("request-space", comment, "lines", _with_line(6, f"{request} "))
    add("key-after", "a key after a request key", "lines", _note([*SHORT.lines(), key]))
    add("key-length", "a byte less", "wrong-length", _with_line(5, f"key {_short_key()}"))
    proof = flip(KEY_H.public_key, 8 * 97)
    bad_proof = _with_line(5, f"key {to_base64(proof)}")
    add("key-proof", "a proof of possession that is none", "signature-equation", bad_proof)
    hours = f"request {2**32 - 1} {2**32} {to_base64(REQUEST_PAIR.public)}"
    add("hours-too-great", "hours of 2^32", "number", _with_line(6, hours))
    add("three-words", "until is missing", "lines", _with_line(6, request.replace(" ", "", 1)))
    add("line-more", "one more line", "lines", _note([*SHORT.lines(), "more"]))
    add("blank-line", "an empty line at the end", "lines", _note([*SHORT.lines(), ""]))
    add("five-lines", "nothing after the URL", "key-count", _note(SHORT.lines()[:5]), single=False)
    add("two-lines", "two lines", "lines", _note(SHORT.lines()[:2]))


def _short_key() -> str:
    return to_base64(KEY_H.public_key[:-1])


def _refused_notes(book: Casebook) -> None:
    def add(
        name: str, comment: str, reason: str, data: bytes, vkey: str = VKEY, single: bool = True
    ) -> None:
        values: Json = {"descriptor": data, "vkey": vkey}
        book.refused("descriptor/open", name, comment, reason, single, **values)

    text = descriptors.encode(SHORT)
    own = notes.sign(text, notes.BOARD, SEED, NAME)
    other = notes.sign(text, notes.BOARD, draw("another seed"), NAME)
    strange = notes.sign(text, notes.BOARD, draw("another seed"), "other.example")
    bad = own._replace(signature=flip(own.signature, 0))
    add("unsigned", "another's signature", "signature-missing", notes.encode(text, [other]))
    add("bad", "one bit of the signature", "signature-equation", notes.encode(text, [bad]))
    two = notes.encode(text, [own, strange])
    add("two-signatures", "a stranger signed too", "signature-count", two)
    add("twice", "signed twice", "signature-count", notes.encode(text, [own, own]))
    witness = notes.Key(NAME, notes.WITNESS, SERVER.public)
    line = notes.sign(text, notes.WITNESS, SEED, NAME, TIME)
    cosigned, vkey = notes.encode(text, [line]), notes.encode_vkey(witness)
    add("witness", "signed as a witness does", "algorithm", cosigned, vkey)
    add("no-note", "no note", "no-blank-line", text)
    add("not-utf-8", "bytes of no UTF-8", "utf-8", b"\xff" + text)


def _choices(book: Casebook) -> None:
    rows = [(TODAY, TODAY + 24), (TODAY + 10, TODAY + 34), (TODAY + 48, TODAY + 72)]
    hours = [{"from": start, "until": until} for start, until in rows]

    def at(hour: int, seconds: int = 0) -> Json:
        return {"hours": hours, "time": 3600 * hour + seconds}

    for name, values in (
        ("first", at(TODAY)),
        ("last-second-of-first", at(TODAY + 9, 3599)),
        ("last-that-holds", at(TODAY + 10)),
        ("last-second", at(TODAY + 33, 3599)),
        ("third", at(TODAY + 48)),
    ):
        book.valid("descriptor/request-key", name, f"which key: {name}", **values)
    for name, values in (
        ("before", at(TODAY - 1, 3599)),
        ("between", at(TODAY + 34)),
        ("after", at(TODAY + 72)),
    ):
        comment, reason = f"no key: {name}", "no-request-key"
        book.refused("descriptor/request-key", name, comment, reason, False, **values)


def _newest(book: Casebook) -> None:
    def numbered(number: int, url: str = URL, seed: bytes = SEED, name: str = NAME) -> bytes:
        text = descriptors.encode(SHORT._replace(number=number, url=url, name=name))
        return notes.encode(text, [notes.sign(text, notes.BOARD, seed, name)])

    first, second, third = map(numbered, (1, 2, 3))
    twin = numbered(3, url=f"{URL}/other")
    forged = numbered(9, seed=draw("another seed"))
    strange = numbered(9, name="other.example", seed=draw("another seed"))
    cut = _note([*SHORT._replace(number=9).lines()[:-1]])
    for name, comment, index, logged in (
        ("none", "nothing was logged", None, []),
        ("strangers", "nothing of this server", None, [b"", b"\xff", strange]),
        ("greatest", "the greatest number holds", 1, [first, third, second]),
        ("equal", "of one number, the one that came first holds", 1, [first, third, twin]),
        ("stranger", "that of another server does not count", 0, [first, strange]),
        ("forged", "one that the server did not sign does not count", 0, [second, forged, first]),
        ("undecodable", "one that does not decode does not count", 1, [first, second, cut]),
    ):
        found = book.valid("descriptor/newest", name, comment, descriptors=logged, vkey=VKEY)
        if found["index"] != index:
            raise ValueError(f"{name}: {found['index']}, not {index}")


def _hours_taken(book: Casebook) -> None:
    values: Json = {"from": TODAY, "until": TODAY + 24}
    for name, hour, seconds in (("first-second", -1, 0), ("last-second", 24, 3599)):
        comment = f"an hour more on this side: {name}"
        time = 3600 * (TODAY + hour) + seconds
        book.valid("request-key/taken", name, comment, **values, time=time)
    for name, hour, seconds in (("a-second-early", -2, 3599), ("a-second-late", 25, 0)):
        comment, reason = f"not at this time: {name}", "request-key-unknown"
        time = 3600 * (TODAY + hour) + seconds
        book.refused("request-key/taken", name, comment, reason, **values, time=time)
    book.valid("request-key/taken", "hour-0", "hour 0", **{"from": 0, "until": 1}, time=0)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("descriptors")
    _ids(book)
    _payloads(book)
    _valid(book)
    _unsigned(book)
    _refused_keys(book)
    _refused_texts(book)
    _refused_notes(book)
    _choices(book)
    _newest(book)
    _hours_taken(book)
    return book
