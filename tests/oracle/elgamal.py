"""ElGamal encryption of n elements, SPEC 6.2, on any group, SPEC 12.4."""

from collections.abc import Sequence

from .groups import Element, Group
from .refusals import require, require_length


def encrypt(group: Group, publics: Sequence[bytes], messages: Sequence[bytes], r: int) -> bytes:
    """Encrypt elements; give A || B_1 || .. || B_n."""
    require(r % group.order != 0, "r-zero")
    masked = [
        group.decode(message).plus(x.times(r)).encode()
        for message, x in zip(messages, _decode_publics(group, publics), strict=True)
    ]
    return group.times_generator(r).encode() + b"".join(masked)


def rerandomize(group: Group, publics: Sequence[bytes], ciphertext: bytes, s: int) -> bytes:
    """Move a ciphertext to another of the same message."""
    xs = _decode_publics(group, publics)
    a, bs = decode(group, ciphertext, len(xs))
    new_a = a.plus(group.times_generator(s))
    require(not new_a.is_identity(), "a-identity")
    new_bs = [b.plus(x.times(s)) for b, x in zip(bs, xs, strict=True)]
    return b"".join(element.encode() for element in (new_a, *new_bs))


def decrypt(group: Group, secrets: Sequence[int], ciphertext: bytes) -> list[bytes]:
    """Decrypt to the encodings of n elements."""
    require(all(x % group.order != 0 for x in secrets), "secret-zero")
    a, bs = decode(group, ciphertext, len(secrets))
    return [b.minus(a.times(x)).encode() for b, x in zip(bs, secrets, strict=True)]


def _decode_publics(group: Group, publics: Sequence[bytes]) -> list[Element]:
    """Decode X_1, .., X_n; none may be the identity."""
    xs = [group.decode(public) for public in publics]
    require(not any(x.is_identity() for x in xs), "public-identity")
    return xs


def decode(group: Group, ciphertext: bytes, n: int) -> tuple[Element, list[Element]]:
    """Decode A and B_1, .., B_n; A must not be the identity."""
    size = group.element_length
    require_length(ciphertext, size * (n + 1))
    first, *others = (ciphertext[i : i + size] for i in range(0, len(ciphertext), size))
    a = group.decode(first, "a-not-canonical")
    require(not a.is_identity(), "a-identity")
    return a, [group.decode(other, "b-not-canonical") for other in others]
