"""universal.json: universal re-encryption and re-randomisable keys, SPEC 13."""

from typing import Any

from oracle import universal
from oracle.groups import GROUPS, Group
from oracle.operations import Json

from vectors.cases.bad_encodings import malformed_in_ciphertext
from vectors.cases.casebook import Casebook
from vectors.cases.material import replaced
from vectors.cases.on_groups import element_of, identity_of, multiple_of, scalar_of


def _added(group: Group, left: bytes, right: bytes) -> bytes:
    return group.decode(left).plus(group.decode(right)).encode()


def _encrypting(book: Casebook, group: Group) -> None:
    secret = scalar_of(group, "universal secret")
    public, message = multiple_of(group, secret), element_of(group, "universal message")
    zero, identity = group.encode_scalar(0), identity_of(group)
    k0, k1 = (group.encode_scalar(scalar_of(group, name)) for name in ("k0", "k1"))
    values: Json = {"group": group.name, "public": public, "message": message, "k0": k0, "k1": k1}
    for name, changes in (
        ("random", {}),
        ("identity", {"message": identity}),
        ("k0-zero", {"k0": zero}),
    ):
        case = f"{group.name}-{name}"
        sealed = book.valid("universal/encrypt", case, name, **{**values, **changes})
        _opening(book, group, name, sealed["ciphertext"])
    for name, reason, changes in (
        ("k1-zero", "k1-zero", {"k1": zero}),
        ("public-identity", "public-identity", {"public": identity}),
    ):
        case, changed = f"{group.name}-{name}", {**values, **changes}
        book.refused("universal/encrypt", case, name.replace("-", " "), reason, **changed)


def _opening(book: Casebook, group: Group, name: str, ciphertext: str) -> None:
    """Move a ciphertext, decode and decrypt what it was and is."""
    secret = group.encode_scalar(scalar_of(group, "universal secret"))
    zero = group.encode_scalar(0)
    for at, (k0, k1) in enumerate((("k2", "k3"), ("k4", "k5"))):
        values = {"group": group.name, "ciphertext": ciphertext}
        book.valid("universal/decode", f"{group.name}-{name}-{at}", f"moved {at} times", **values)
        opening = {**values, "secret": secret}
        case = f"{group.name}-{name}-{at}"
        book.valid("universal/decrypt", case, f"moved {at} times", **opening)
        random = {"k0": zero if at else group.encode_scalar(scalar_of(group, k0))}
        random["k1"] = group.encode_scalar(scalar_of(group, k1))
        moved = book.valid(
            "universal/rerandomize", case, f"moved {at + 1} times", **values, **random
        )
        ciphertext = moved["ciphertext"]


def _sealed(group: Group) -> bytes:
    secret = scalar_of(group, "universal secret")
    message = element_of(group, "universal message")
    random = scalar_of(group, "k0"), scalar_of(group, "k1")
    return universal.encrypt(group, multiple_of(group, secret), message, *random)


def _refused(book: Casebook, group: Group) -> None:
    def add(operation: str, name: str, comment: str, reason: str, **values: Any) -> None:
        case = f"{group.name}-{name}"
        book.refused(f"universal/{operation}", case, comment, reason, group=group.name, **values)

    good, size = _sealed(group), group.element_length
    bad, identity = malformed_in_ciphertext(group), identity_of(group)
    for i, name in enumerate(("a0", "b0", "a1", "b1")):
        data, reason = replaced(good, i * size, bad), f"{name}-not-canonical"
        add("decode", f"{name}-malformed", f"{name} is malformed", reason, ciphertext=data)
    for i, name in ((2, "a1"), (3, "b1")):
        data, reason = replaced(good, i * size, identity), f"{name}-identity"
        add("decode", f"{name}-identity", f"{name} is the identity", reason, ciphertext=data)
    for name, data in (
        ("empty", b""),
        ("a-byte-less", good[:-1]),
        ("a-byte-more", good + b"\0"),
        ("an-element-less", good[:-size]),
        ("an-element-more", good + good[:size]),
    ):
        add("decode", name, name.replace("-", " "), "wrong-length", ciphertext=data)
    zero, one = group.encode_scalar(0), group.encode_scalar(1)
    values: Json = {"ciphertext": good, "k0": one, "k1": zero}
    add("rerandomize", "k1-zero", "k1 is zero", "k1-zero", **values)
    _misused(book, group, good)


def _misused(book: Casebook, group: Group, good: bytes) -> None:
    """What SPEC 13.2 warns of."""
    size, random = group.element_length, (scalar_of(group, "k2"), scalar_of(group, "k3"))
    a0, b0, a1, b1 = (good[i : i + size] for i in range(0, len(good), size))
    secret, own = scalar_of(group, "universal secret"), scalar_of(group, "universal tag")
    tagged = group.decode(b1).times(own).encode()
    stranger = scalar_of(group, "stranger")
    planted = a0 + b0 + _added(group, a1, element_of(group, "planted")) + b1
    tag = a0 + b0 + tagged + b1
    for name, comment, key, ciphertext in (
        ("stranger", "another secret", stranger, good),
        ("planted", "a factor planted in a1", secret, planted),
        ("planted-moved", "a planted factor, moved", secret, _moved(group, planted, random)),
        ("tag", "a1 = y b1: not for the holder of x", secret, tag),
        ("tag-moved", "the same, moved", secret, _moved(group, tag, random)),
    ):
        values: Json = {"group": group.name, "secret": group.encode_scalar(key)}
        values["ciphertext"], case = ciphertext, f"{group.name}-{name}"
        book.refused("universal/decrypt", case, comment, "other-key", **values)
    pieces = _added(group, a0, element_of(group, "another message")) + b0 + a1 + b1
    for name, comment, key, ciphertext in (
        ("tag-recognized", "a1 = y b1 moved: y opens it", own, _moved(group, tag, random)),
        ("pieces-combined", "another message added to a0", secret, pieces),
    ):
        values = {"group": group.name, "secret": group.encode_scalar(key)}
        values["ciphertext"], case = ciphertext, f"{group.name}-{name}"
        book.valid("universal/decrypt", case, comment, **values)
    values = {"group": group.name, "secret": group.encode_scalar(0), "ciphertext": good}
    case = f"{group.name}-secret-zero"
    book.refused("universal/decrypt", case, "x is zero", "secret-zero", single=False, **values)


def _moved(group: Group, ciphertext: bytes, random: tuple[int, int]) -> bytes:
    return universal.rerandomize(group, ciphertext, *random)


def _keys(book: Casebook, group: Group) -> None:
    secret, other = (scalar_of(group, f"key secret {i}") for i in range(2))
    named: Json = {"group": group.name}
    values = {**named, "secret": group.encode_scalar(secret)}
    t = group.encode_scalar(scalar_of(group, "t"))
    made = book.valid("rerandomizable-key/make", group.name, "a key", t=t, **values)["key"]
    keys = {"made": bytes.fromhex(made)}
    r = group.encode_scalar(scalar_of(group, "r"))
    moved = book.valid(
        "rerandomizable-key/rerandomize", group.name, "moved", key=made, r=r, **named
    )
    keys["moved"] = bytes.fromhex(moved["key"])
    keys["added"] = _added_keys(group, keys["made"], keys["moved"])
    for name, key in keys.items():
        case = f"{group.name}-{name}"
        book.valid("rerandomizable-key/recognize", case, f"a key: {name}", key=key, **values)
        book.valid("rerandomizable-key/decode", case, f"a key: {name}", key=key, **named)
        stranger = {**named, "secret": group.encode_scalar(other), "key": key}
        case, reason = f"{group.name}-{name}-other", "other-secret"
        book.refused("rerandomizable-key/recognize", case, "another secret", reason, **stranger)
    _refused_keys(book, group, keys["made"])


def _added_keys(group: Group, left: bytes, right: bytes) -> bytes:
    """Add the parts of two keys of one secret: anybody makes a third so."""
    size = group.element_length
    return b"".join(_added(group, left[i:][:size], right[i:][:size]) for i in (0, size))


def _refused_keys(book: Casebook, group: Group, key: bytes) -> None:
    def add(operation: str, name: str, reason: str, single: bool = True, **values: object) -> None:
        case, comment = f"{group.name}-{name}", name.replace("-", " ")
        values = {"group": group.name, **values}
        book.refused(f"rerandomizable-key/{operation}", case, comment, reason, single, **values)

    zero, one, size = group.encode_scalar(0), group.encode_scalar(1), group.element_length
    add("make", "secret-zero", "secret-zero", secret=zero, t=one)
    add("make", "t-zero", "t-zero", secret=one, t=zero)
    add("rerandomize", "r-zero", "r-zero", key=key, r=zero)
    add("recognize", "secret-zero", "secret-zero", False, secret=zero, key=key)
    bad, identity = malformed_in_ciphertext(group), identity_of(group)
    for i, name in enumerate("tu"):
        malformed = replaced(key, i * size, bad)
        add("decode", f"{name}-malformed", f"{name}-not-canonical", key=malformed)
        frozen = replaced(key, i * size, identity)
        add("decode", f"{name}-identity", f"{name}-identity", key=frozen)
    for name, data in (("empty", b""), ("a-byte-less", key[:-1]), ("a-byte-more", key + b"\0")):
        add("decode", name, "wrong-length", key=data)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("universal")
    for group in GROUPS.values():
        _encrypting(book, group)
        _refused(book, group)
        _keys(book, group)
    return book
