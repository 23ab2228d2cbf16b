"""elgamal.json: ElGamal on any group, SPEC 6.2 and 12.4."""

from collections.abc import Sequence

from oracle.groups import GROUPS, Group
from oracle.operations import Json

from vectors.cases.bad_encodings import malformed_in_ciphertext
from vectors.cases.casebook import Casebook
from vectors.cases.material import replaced
from vectors.cases.on_groups import element_of, identity_of, multiple_of, scalar_of


class _Setting:
    """Keys, messages and a ciphertext of n elements of a group."""

    def __init__(self, book: Casebook, group: Group, n: int) -> None:
        self.book, self.group, self.n = book, group, n
        self.secrets = [scalar_of(group, f"elgamal secret {j}") for j in range(n)]
        self.publics = [multiple_of(group, x) for x in self.secrets]
        self.messages = [element_of(group, f"elgamal message {j}") for j in range(n)]
        self.r = scalar_of(group, f"elgamal r {n}")

    def name(self, name: str) -> str:
        """Name a case."""
        return f"{self.group.name}-{self.n}-{name}"

    def encrypt(self, name: str, messages: Sequence[bytes], r: int) -> bytes:
        """Add a valid encryption and give the ciphertext."""
        values = {**self.common(), "messages": messages, "r": self.group.encode_scalar(r)}
        case, comment = self.name(name), f"n = {self.n}: {name}"
        return bytes.fromhex(
            self.book.valid("elgamal/encrypt", case, comment, **values)["ciphertext"]
        )

    def common(self) -> Json:
        """Give the inputs that name the group and the public keys."""
        return {"group": self.group.name, "publics": self.publics}

    def with_identity(self) -> list[bytes]:
        """Give public elements of which the last is the identity."""
        return [*self.publics[:-1], identity_of(self.group)]

    def opening(self, ciphertext: bytes) -> Json:
        """Give the inputs of a decryption."""
        secrets = [self.group.encode_scalar(x) for x in self.secrets]
        return {"group": self.group.name, "secrets": secrets, "ciphertext": ciphertext}


def _encrypting(at: _Setting) -> dict[str, bytes]:
    identities = [identity_of(at.group)] * at.n
    made = {
        "random": at.encrypt("random", at.messages, at.r),
        "identity": at.encrypt("identity", identities, at.r),
        "r-1": at.encrypt("r-1", at.messages, 1),
        "r-order-minus-1": at.encrypt("r-order-minus-1", at.messages, at.group.order - 1),
    }
    values = {**at.common(), "messages": at.messages, "r": at.group.encode_scalar(0)}
    at.book.refused("elgamal/encrypt", at.name("r-zero"), "r is zero", "r-zero", **values)
    values |= {"publics": at.with_identity(), "r": at.group.encode_scalar(at.r)}
    case, reason = at.name("public-identity"), "public-identity"
    at.book.refused("elgamal/encrypt", case, "X_n is the identity", reason, **values)
    return made


def _moving(at: _Setting, ciphertext: bytes) -> bytes:
    moved = ""
    for name, s in (("zero", 0), ("1", 1), ("random", scalar_of(at.group, "elgamal s"))):
        values = {**at.common(), "ciphertext": ciphertext, "s": at.group.encode_scalar(s)}
        output = at.book.valid("elgamal/rerandomize", at.name(f"s-{name}"), f"s: {name}", **values)
        moved = output["ciphertext"]
    values = {**at.common(), "ciphertext": ciphertext, "s": at.group.encode_scalar(-at.r)}
    comment = "s is -r, so that A' would be the identity"
    at.book.refused("elgamal/rerandomize", at.name("s-minus-r"), comment, "a-identity", **values)
    malformed = b"".join(element_of(at.group, f"malformed {j}") for j in range(at.n + 1))
    values["ciphertext"] = malformed
    comment = "elements that nobody encrypted are moved all the same"
    at.book.valid("elgamal/rerandomize", at.name("malformed"), comment, **values)
    values["publics"] = at.with_identity()
    case, reason = at.name("public-identity"), "public-identity"
    at.book.refused("elgamal/rerandomize", case, "X_n is the identity", reason, **values)
    return bytes.fromhex(moved)


def _refused(at: _Setting, good: bytes) -> None:
    def add(name: str, comment: str, reason: str, ciphertext: bytes) -> None:
        values = at.opening(ciphertext)
        at.book.refused("elgamal/decrypt", at.name(name), comment, reason, **values)

    size, bad = at.group.element_length, malformed_in_ciphertext(at.group)
    add("a-malformed", "A is malformed", "a-not-canonical", replaced(good, 0, bad))
    last = replaced(good, size * at.n, bad)
    add("b-malformed", "the last B is malformed", "b-not-canonical", last)
    identity = replaced(good, 0, identity_of(at.group))
    add("a-identity", "A is the identity", "a-identity", identity)
    for name, data in (
        ("empty", b""),
        ("a-byte-less", good[:-1]),
        ("a-byte-more", good + b"\0"),
        ("an-element-less", good[:-size]),
        ("an-element-more", good + good[:size]),
    ):
        add(name, name.replace("-", " "), "wrong-length", data)
    values = at.opening(good)
    values["secrets"] = [*values["secrets"][:-1], at.group.encode_scalar(0)]
    case, reason = at.name("secret-zero"), "secret-zero"
    at.book.refused("elgamal/decrypt", case, "x_n is zero", reason, **values)


def _on_group(book: Casebook, group: Group, n: int) -> None:
    at = _Setting(book, group, n)
    made = _encrypting(at)
    made["moved"] = _moving(at, made["random"])
    made["b-identity"] = element_of(group, "a of identities") + identity_of(group) * n
    for name, ciphertext in made.items():
        comment = f"n = {n}: {name}"
        book.valid("elgamal/decrypt", at.name(name), comment, **at.opening(ciphertext))
    _refused(at, made["random"])


def build() -> Casebook:
    """Build the file."""
    book = Casebook("elgamal")
    for group in GROUPS.values():
        for n in (1, 3):
            _on_group(book, group, n)
    return book
