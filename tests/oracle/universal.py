"""Universal re-encryption and re-randomisable keys, SPEC 13, on any group."""

from .groups import Element, Group
from .refusals import NOT_MINE, require, require_length


def _join(*elements: Element) -> bytes:
    return b"".join(element.encode() for element in elements)


def _split(group: Group, data: bytes, names: tuple[str, ...]) -> list[Element]:
    size = group.element_length
    require_length(data, size * len(names))
    return [
        group.decode(data[i * size : (i + 1) * size], f"{name}-not-canonical")
        for i, name in enumerate(names)
    ]


def decode(group: Group, ciphertext: bytes) -> list[Element]:
    """Decode a0, b0, a1, b1, SPEC 13.1."""
    elements = _split(group, ciphertext, ("a0", "b0", "a1", "b1"))
    require(not elements[2].is_identity(), "a1-identity")
    require(not elements[3].is_identity(), "b1-identity")
    return elements


def encrypt(group: Group, public: bytes, message: bytes, k0: int, k1: int) -> bytes:
    """Encrypt an element, SPEC 13.1."""
    key = group.decode(public)
    require(not key.is_identity(), "public-identity")
    require(k1 != 0, "k1-zero")
    a0, b0 = group.decode(message).plus(key.times(k0)), group.times_generator(k0)
    return _join(a0, b0, key.times(k1), group.times_generator(k1))


def rerandomize(group: Group, ciphertext: bytes, k0: int, k1: int) -> bytes:
    """Move a ciphertext to another of the same message, without any key, SPEC 13.1."""
    a0, b0, a1, b1 = decode(group, ciphertext)
    require(k1 != 0, "k1-zero")
    return _join(a0.plus(a1.times(k0)), b0.plus(b1.times(k0)), a1.times(k1), b1.times(k1))


def decrypt(group: Group, secret: int, ciphertext: bytes) -> bytes:
    """Decrypt to the encoding of an element, SPEC 13.1."""
    require(secret != 0, "secret-zero")
    a0, b0, a1, b1 = decode(group, ciphertext)
    require(a1.equals(b1.times(secret)), "other-key", NOT_MINE)
    return a0.minus(b0.times(secret)).encode()


def decode_key(group: Group, key: bytes) -> list[Element]:
    """Decode T and U of a re-randomisable key, SPEC 13.3."""
    t, u = _split(group, key, ("t", "u"))
    require(not t.is_identity(), "t-identity")
    require(not u.is_identity(), "u-identity")
    return [t, u]


def make_key(group: Group, secret: int, t: int) -> bytes:
    """Make a re-randomisable key of a secret, SPEC 13.3."""
    require(secret != 0, "secret-zero")
    require(t != 0, "t-zero")
    return _join(group.times_generator(t), group.times_generator(t * secret))


def rerandomize_key(group: Group, key: bytes, r: int) -> bytes:
    """Move a key to another of the same secret, SPEC 13.3."""
    t, u = decode_key(group, key)
    require(r != 0, "r-zero")
    return _join(t.times(r), u.times(r))


def recognize_key(group: Group, secret: int, key: bytes) -> None:
    """Refuse a key that is not of the secret, SPEC 13.3."""
    require(secret != 0, "secret-zero")
    t, u = decode_key(group, key)
    require(u.equals(t.times(secret)), "other-secret", NOT_MINE)
