"""files.json: secret files, SPEC 11."""

from oracle import descriptors, files, lanes
from oracle.files import MAGIC, Cost
from oracle.keys import encode_secret_key
from oracle.notation import be8
from oracle.notes import encode_payload
from oracle.operations import Json
from oracle.symmetric import aead_seal

from vectors.cases.casebook import Casebook
from vectors.cases.descriptors import REQUEST_KEY, REQUEST_SEED
from vectors.cases.material import ALPHA, LANE, ORIGIN, draw, flip, replaced

PAYLOAD = lanes.encode_lane(LANE)
KEY_PAYLOAD = encode_secret_key(ALPHA.public_key, ALPHA.secrets)
NOTE_PAYLOAD = encode_payload(1, draw("seed of board.example"), ORIGIN)
REQUEST_PAYLOAD = descriptors.encode_payload(*REQUEST_KEY[:2], REQUEST_SEED)
PHRASE = "correct horse battery staple"
FAST = Cost(n=14)
FILE_SALT, NONCE = draw("file salt", 16), draw("file nonce", 12)
KEY_OF_FAST = files.derive(PHRASE, FILE_SALT, FAST)
PLAIN = files.encode(2, PAYLOAD)


def _protected(
    cost: Cost = FAST, head: bytes = files.head(2, 1), key: bytes = KEY_OF_FAST
) -> bytes:
    return files.protect(files.protected_head(head, cost, FILE_SALT, NONCE), key, PAYLOAD)


PROTECTED = _protected()
KEY, KEYED_SALT = draw("key of a state"), draw("salt of a state")
STATE = be8(1) + draw("state", 77)
KEYED = files.encode_keyed(5, STATE, KEY, KEYED_SALT)


def _valid(book: Casebook) -> None:
    for name, kind, payload in (
        ("secret-key", 1, KEY_PAYLOAD),
        ("lane", 2, PAYLOAD),
        ("note-key", 3, NOTE_PAYLOAD),
        ("request-key", 4, REQUEST_PAYLOAD),
    ):
        comment = f"a {name.replace('-', ' ')}"
        values: Json = {"kind": kind, "payload": payload}
        data = book.valid("file/encode", name, comment, **values)["file"]
        book.valid("file/decode", name, comment, file=data, passphrase=None)
        values |= {"passphrase": PHRASE, "salt": FILE_SALT, "nonce": NONCE}
        data = book.valid("file/encode-protected", name, comment, **values)["file"]
        comment = f"{comment} under a passphrase"
        values = {"file": data, "passphrase": PHRASE}
        book.valid("file/decode", f"protected-{name}", comment, **values)
    for name, passphrase, cost in (
        ("n-14", PHRASE, FAST),
        ("p-4", PHRASE, Cost(n=14, p=4)),
        ("n-16", PHRASE, Cost(n=16)),
        ("utf-8", "Pa\xdfwort \u043a\u043b\u044e\u0447 \U0001f511", FAST),
    ):
        key = files.derive(passphrase, FILE_SALT, cost)
        values = {"file": _protected(cost, key=key), "passphrase": passphrase}
        book.valid("file/decode", name, f"protected: {name}", **values)


def _refused_plain(book: Casebook) -> None:
    def add(name: str, comment: str, reason: str, data: bytes) -> None:
        book.refused("file/decode", name, comment, reason, file=data, passphrase=None)

    content = PLAIN[: -files.CHECKSUM]
    for at, what in (
        (20, "first byte of the payload"),
        (len(content) - 1, "last byte of the payload"),
    ):
        add(f"flipped-{at}", f"one bit: {what}", "checksum", flip(PLAIN, 8 * at))
    add("flipped-checksum", "one bit of the checksum", "checksum", flip(PLAIN, 8 * len(PLAIN) - 1))
    add("truncated", "a byte less", "checksum", PLAIN[:-1])
    add("appended", "a byte more", "checksum", PLAIN + b"\0")
    for name, beginning in (
        ("crlf", b"billboard-secret\r" + content[17:]),
        ("upper-case", b"Billboard-secret\n" + content[17:]),
    ):
        add(f"magic-{name}", f"magic: {name}", "magic", files.with_checksum(beginning))
    for version in (0, 2):
        data = files.with_checksum(files.head(2, 0, version) + PAYLOAD)
        add(f"version-{version}", f"version {version}", "version", data)
    for kind in (0, 7, 255):
        data = files.with_checksum(files.head(kind, 0) + PAYLOAD)
        add(f"kind-{kind}", f"kind {kind}", "kind-unknown", data)
    for kind in (5, 6):
        data = files.with_checksum(files.head(kind, 0) + STATE)
        add(f"kind-{kind}", f"kind {kind}, without protection", "protection-of-kind", data)
    for protection in (3, 255):
        data = files.with_checksum(files.head(2, protection) + PAYLOAD)
        add(f"protection-{protection}", f"protection {protection}", "protection-unknown", data)
    add("keyed", "a file under a key", "other-protection", KEYED)
    for length in (0, 17, 19, 20, 35):
        add(f"length-{length}", f"{length} bytes", "wrong-length", PLAIN[:length])


def _refused_kinds(book: Casebook) -> None:
    reason, under_phrase = "protection-of-kind", {"passphrase": PHRASE, "salt": FILE_SALT}
    under_key = {"key": KEY, "salt": KEYED_SALT}
    for kind in (5, 6):
        values: Json = {"kind": kind, "payload": STATE}
        comment = "a state, without a key"
        book.refused("file/encode", f"kind-{kind}", comment, reason, **values)
        values |= {**under_phrase, "nonce": NONCE}
        book.refused("file/encode-protected", f"kind-{kind}", comment, reason, **values)
    for kind in (1, 2, 3, 4):
        values = {"kind": kind, "payload": PAYLOAD, **under_key}
        book.refused("file/encode-keyed", f"kind-{kind}", "no state", reason, **values)


def _refused_protected(book: Casebook) -> None:
    def add(
        name: str,
        comment: str,
        reason: str,
        data: bytes,
        passphrase: str = PHRASE,
        single: bool = True,
    ) -> None:
        values: Json = {"file": data, "passphrase": passphrase}
        book.refused("file/decode", f"protected-{name}", comment, reason, single, **values)

    add("wrong-passphrase", "another passphrase", "box", PROTECTED, "correct horse")
    add("empty-passphrase", "an empty passphrase", "box", PROTECTED, "")
    add("flipped-box", "one bit of the box", "box", flip(PROTECTED, 8 * 60))
    add("flipped-tag", "one bit of the tag", "box", flip(PROTECTED, 8 * len(PROTECTED) - 1))
    add("flipped-salt", "one bit of the salt", "box", flip(PROTECTED, 8 * 23))
    add("flipped-nonce", "one bit of the nonce", "box", flip(PROTECTED, 8 * 39))
    other_kind = replaced(PROTECTED, len(MAGIC) + 1, be8(1))
    add("other-kind", "kind 1 in place of 2: it is associated data", "box", other_kind)
    add("truncated", "a byte less", "box", PROTECTED[:-1])
    add("appended", "a byte more", "box", PROTECTED + b"\0")
    add("length-66", "no room for a tag", "wrong-length", PROTECTED[:66])
    add("length-22", "no cost", "wrong-length", PROTECTED[:22])
    for version in (0, 2):
        data = _protected(head=files.head(2, 1, version))
        add(f"version-{version}", f"version {version}", "version", data)
    for kind in (0, 7, 255):
        data = _protected(head=files.head(kind, 1))
        add(f"kind-{kind}", f"kind {kind}", "kind-unknown", data)
    for kind in (5, 6):
        data = _protected(head=files.head(kind, 1))
        add(f"kind-{kind}", f"kind {kind}, under a passphrase", "protection-of-kind", data)
    for name, reason, cost in (
        ("n-13", "scrypt-n", Cost(n=13)),
        ("n-1", "scrypt-n", Cost(n=1)),
        ("r-7", "scrypt-r", Cost(n=14, r=7)),
        ("r-9", "scrypt-r", Cost(n=14, r=9)),
        ("p-5", "scrypt-p", Cost(n=14, p=5)),
    ):
        data = _protected(cost, key=files.derive(PHRASE, FILE_SALT, cost))
        add(name, f"cost: {name}, with a box that opens", reason, data)
    for name, reason, cost in (
        ("n-0", "scrypt-n", Cost(n=0)),
        ("n-21", "scrypt-n", Cost(n=21)),
        ("n-255", "scrypt-n", Cost(n=255)),
        ("r-0", "scrypt-r", Cost(n=14, r=0)),
        ("p-0", "scrypt-p", Cost(n=14, p=0)),
        ("p-255", "scrypt-p", Cost(n=14, p=255)),
    ):
        comment = f"cost: {name}; the box is sealed with N = 14, r = 8, p = 1"
        add(name, comment, reason, _protected(cost), single=False)


def _keyed(book: Casebook) -> None:
    for name, kind, payload, key, salt in (
        ("device", 5, STATE, KEY, KEYED_SALT),
        ("sender", 6, STATE, KEY, KEYED_SALT),
        ("version-only", 5, STATE[:1], KEY, KEYED_SALT),
        ("long", 6, be8(1) + draw("long state", 1000), KEY, KEYED_SALT),
        ("zeros", 5, STATE, bytes(32), bytes(32)),
    ):
        comment = f"a state: {name}"
        values: Json = {"kind": kind, "payload": payload, "key": key, "salt": salt}
        data = book.valid("file/encode-keyed", name, comment, **values)["file"]
        book.valid("file/decode-keyed", name, comment, file=data, key=key)


def _with_head(head: bytes) -> bytes:
    """A file under the key, that opens whatever its head is."""
    return files.seal_keyed(head, STATE, KEY, KEYED_SALT)


def _refused_keyed(book: Casebook) -> None:
    def add(
        name: str,
        comment: str,
        reason: str,
        data: bytes,
        key: bytes = KEY,
    ) -> None:
        book.refused("file/decode-keyed", name, comment, reason, file=data, key=key)

    add("other-key", "another key", "box", KEYED, flip(KEY, 0))
    add("flipped-salt", "one bit of the salt", "box", flip(KEYED, 8 * 20))
    add("flipped-salt-end", "the last bit of the salt", "box", flip(KEYED, 8 * 52 - 1))
    add("flipped-box", "one bit of the box", "box", flip(KEYED, 8 * 52))
    add("flipped-tag", "one bit of the tag", "box", flip(KEYED, 8 * len(KEYED) - 1))
    add("other-kind", "kind 6 in place of 5", "box", replaced(KEYED, len(MAGIC) + 1, be8(6)))
    add("truncated", "a byte less", "box", KEYED[:-1])
    add("appended", "a byte more", "box", KEYED + b"\0")
    of_head = aead_seal(KEY, bytes(12), STATE, KEYED[:52])
    add("key-itself", "sealed with the key, not with what comes of it", "box", KEYED[:52] + of_head)
    for length in (0, 19, 20, 52, 67):
        add(f"length-{length}", f"{length} bytes", "wrong-length", KEYED[:length])
    add("magic", "another magic", "magic", _with_head(b"billboard-secret\r" + KEYED[17:20]))
    for version in (0, 2):
        data = _with_head(files.head(5, 2, version))
        add(f"version-{version}", f"version {version}", "version", data)
    for kind in (0, 7, 255):
        add(f"kind-{kind}", f"kind {kind}", "kind-unknown", _with_head(files.head(kind, 2)))
    for kind in (1, 2, 3, 4):
        data = _with_head(files.head(kind, 2))
        add(f"kind-{kind}", f"kind {kind}, under a key", "protection-of-kind", data)
    for protection in (3, 255):
        data = _with_head(files.head(5, protection))
        add(f"protection-{protection}", f"protection {protection}", "protection-unknown", data)
    add("plain", "a lane without protection", "other-protection", PLAIN)
    add("protected", "a lane under a passphrase", "other-protection", PROTECTED)


def _modes(book: Casebook) -> None:
    for mode in ("0600", "0400", "0700"):
        book.valid("file/mode", f"mode-{mode}", "the owner only", mode=mode)
    for mode in ("0640", "0620", "0610", "0604", "0602", "0601", "0644", "0666", "0711"):
        book.refused(
            "file/mode", f"mode-{mode}", "others read, write or execute", "mode", mode=mode
        )


def build() -> Casebook:
    """Build the file."""
    book = Casebook("files")
    _valid(book)
    _refused_kinds(book)
    _refused_plain(book)
    _refused_protected(book)
    _keyed(book)
    _refused_keyed(book)
    _modes(book)
    return book
