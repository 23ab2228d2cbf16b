"""Any group, its embeddings, and ElGamal on it (SPEC 2, 6 and 12)."""

from __future__ import annotations

from billboard import groups
from billboard.groups import Group
from samples.sampler import (
    Json,
    Random,
    chance,
    data,
    flipped,
    length,
    number,
    replaced,
    sampler,
    seeded,
    sometimes_damaged,
    strange,
)

WEIGHTS = {"ristretto255": 8, "p256": 4, "p224": 3, "secp256k1": 4, "bls12_381": 1}
"""How often a group is drawn: multiplying in the last takes long."""

FIELDS = {
    "ristretto255": 2**255 - 19,
    "p256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "p224": 2**224 - 2**96 + 1,
    "secp256k1": 2**256 - 2**32 - 977,
    "bls12_381": int(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624"
        "1eabfffeb153ffffb9feffffffffaaab",
        16,
    ),
}
HASHED = ("ristretto255", "p256", "secp256k1", "bls12_381")
EMBEDDING = ("ristretto255", "p256", "p224", "secp256k1")


def group(rng: Random, *names: str) -> Group:
    """One of all, or of the named ones."""
    chosen = names or tuple(WEIGHTS)
    return groups.get(rng.choices(chosen, [WEIGHTS[name] for name in chosen])[0])


def integer(rng: Random, of: Group, *, nonzero: bool = False) -> int:
    """A scalar as an integer; often an edge."""
    q = of.order
    edges = (0, 1, 2, 3, q - 2, q - 1, (q + 1) // 2, 1 << (q.bit_length() - 1), 2**128)
    drawn = rng.choice(edges) if chance(rng, 0.25) else rng.randrange(q)
    return 1 if nonzero and drawn == 0 else drawn


def scalar(rng: Random, of: Group, *, nonzero: bool = False) -> bytes:
    return bytes(of.scalar(integer(rng, of, nonzero=nonzero)))


def element(rng: Random, of: Group, *, nonzero: bool = False) -> bytes:
    """The identity, a small multiple of the generator or of -G, or any element."""
    return bytes(of.mul_generator(of.scalar(integer(rng, of, nonzero=nonzero))))


def strange_element(rng: Random, of: Group) -> bytes:
    """Bytes of the right length that are no canonical element, or not likely so."""
    if of.name == "ristretto255":
        return strange(rng)
    p, size = FIELDS[of.name], of.element_size
    x = rng.choice((0, 1, 2, p - 1, p, p + 1, rng.randrange(p), rng.randrange(p)))
    if of.name == "bls12_381":
        flags = rng.choice((0x80, 0x80, 0xA0, 0xC0, 0xE0, 0x40, 0x20, 0x00))
        encoded = x.to_bytes(size, "big")
        return bytes([encoded[0] | flags]) + encoded[1:]
    first = rng.choice((0, 2, 2, 3, 3, 4, 5, 6, 0x82, 0xFF))
    return bytes([first]) + (x % (1 << (8 * size - 8))).to_bytes(size - 1, "big")


def strange_scalar(rng: Random, of: Group) -> bytes:
    limit = 2 ** (8 * of.scalar_size)
    value = rng.choice((of.order, of.order + 1, limit - 1, rng.randrange(limit)))
    return value.to_bytes(of.scalar_size, rng.choice(("big", "little")))


@sampler("element/decode")
def _element_decode(rng: Random) -> Json:
    of = group(rng)
    value = strange_element(rng, of) if chance(rng, 0.4) else element(rng, of)
    return {"group": of.name, "bytes": sometimes_damaged(rng, value, share=0.3).hex()}


@sampler("element/multiple-of-generator")
def _multiple(rng: Random) -> Json:
    of = group(rng)
    return {"group": of.name, "scalar": scalar(rng, of).hex()}


@sampler("element/multiply")
def _multiply(rng: Random) -> Json:
    of = group(rng)
    factor = scalar(rng, of).hex()
    return {"group": of.name, "scalar": factor, "element": element(rng, of).hex()}


@sampler("element/add")
@sampler("element/subtract")
def _add(rng: Random) -> Json:
    """Also of an element and itself, or its opposite."""
    of = group(rng)
    k = integer(rng, of)
    left, opposite = (bytes(of.mul_generator(of.scalar(i))) for i in (k, -k))
    right = rng.choice((left, opposite)) if chance(rng, 0.2) else element(rng, of)
    return {"group": of.name, "left": left.hex(), "right": right.hex()}


@sampler("element/negate")
def _negate(rng: Random) -> Json:
    of = group(rng)
    return {"group": of.name, "element": element(rng, of).hex()}


def _hashing(rng: Random, of: Group) -> Json:
    size = rng.choice((0, 256, 300)) if chance(rng, 0.15) else number(rng, 1, 255)
    message = data(rng, length(rng, 300))
    return {"group": of.name, "message": message.hex(), "dst": data(rng, size).hex()}


@sampler("element/hash")
def _element_hash(rng: Random) -> Json:
    return _hashing(rng, group(rng, "p224") if chance(rng, 0.05) else group(rng, *HASHED))


@sampler("scalar/hash")
def _scalar_hash(rng: Random) -> Json:
    return _hashing(rng, group(rng))


@sampler("scalar/decode")
def _scalar_decode(rng: Random) -> Json:
    of = group(rng)
    value = strange_scalar(rng, of) if chance(rng, 0.4) else scalar(rng, of)
    return {"group": of.name, "bytes": sometimes_damaged(rng, value, share=0.3).hex()}


@sampler("scalar/add")
@sampler("scalar/subtract")
@sampler("scalar/multiply")
def _two_scalars(rng: Random) -> Json:
    """Also a scalar and itself, its opposite, or its inverse."""
    of = group(rng)
    k = integer(rng, of)
    kin = (k, -k, pow(k, -1, of.order)) if k else (0,)
    other = rng.choice(kin) if chance(rng, 0.2) else integer(rng, of)
    left, right = (bytes(of.scalar(number)).hex() for number in (k, other))
    return {"group": of.name, "left": left, "right": right}


@sampler("scalar/negate")
@sampler("scalar/invert")
def _one_scalar(rng: Random) -> Json:
    of = group(rng)
    return {"group": of.name, "scalar": scalar(rng, of).hex()}


def _candidate_of(of: Group, encoding: bytes) -> int:
    """The number of the candidate of SPEC 6.1 and 12.3."""
    if of.name == "ristretto255":
        return encoding[0] // 2 + 128 * encoding[31]
    return encoding[0] % 2 + 2 * int.from_bytes(encoding[1:3], "big")


@sampler("embedding/embed")
def _embed(rng: Random) -> Json:
    """Half of the candidates are drawn by the engine."""
    of = group(rng, *EMBEDDING)
    message = data(rng, of.embedding_size)
    with seeded(rng):
        candidate = _candidate_of(of, bytes(of.embed(message)))
    if chance(rng, 0.5):
        last = 2**14 if of.name == "ristretto255" else 2**17
        candidate = number(rng, 0, last - 1) if chance(rng, 0.9) else number(rng, last, last * 2)
    if chance(rng, 0.05):
        message = message[:-1] if chance(rng, 0.5) else message + b"\0"
    if chance(rng, 0.03):
        return {"group": "bls12_381", "message": message.hex(), "candidate": candidate}
    return {"group": of.name, "message": message.hex(), "candidate": candidate}


@sampler("embedding/extract")
def _extract(rng: Random) -> Json:
    """Of the identity too, and of a group that has no embedding."""
    of = group(rng, *EMBEDDING)
    kind = rng.randrange(10)
    if kind == 0:
        of = groups.get("bls12_381")
    if kind < 4:
        return {"group": of.name, "element": element(rng, of).hex()}
    if kind == 4:
        return {"group": of.name, "element": bytes(of.identity).hex()}
    with seeded(rng):
        drawn = of.embed(data(rng, of.embedding_size))
    return {"group": of.name, "element": bytes(drawn).hex()}


# SPEC 12.4


def _sizes(rng: Random) -> tuple[Group, int]:
    of = group(rng)
    return of, 1 if of.name == "bls12_381" else rng.choice((1, 1, 2, 2, 3))


def _secrets(rng: Random, of: Group, n: int) -> list[bytes]:
    """Some are 0."""
    zero = bytes(of.scalar(0))
    return [zero if chance(rng, 0.05) else scalar(rng, of, nonzero=True) for _ in range(n)]


def _publics(rng: Random, of: Group, n: int) -> list[str]:
    """Some are the identity."""
    secrets = map(of.scalar_from_bytes, _secrets(rng, of, n))
    return [bytes(of.mul_generator(secret)).hex() for secret in secrets]


@sampler("elgamal/encrypt")
def _encrypt(rng: Random) -> Json:
    of, n = _sizes(rng)
    return {
        "group": of.name,
        "publics": _publics(rng, of, n),
        "messages": [element(rng, of).hex() for _ in range(n)],
        "r": scalar(rng, of).hex(),
    }


def _ciphertext(rng: Random, of: Group, n: int) -> bytes:
    first = element(rng, of, nonzero=True)
    return first + b"".join(element(rng, of) for _ in range(n))


@sampler("elgamal/rerandomize")
def _rerandomize(rng: Random) -> Json:
    """Some randomizers are the very one that makes A the identity."""
    of, n = _sizes(rng)
    s = integer(rng, of)
    value = _ciphertext(rng, of, n)
    if chance(rng, 0.15) and s:
        value = replaced(value, 0, bytes(of.mul_generator(of.scalar(-s))))
    return {
        "group": of.name,
        "publics": _publics(rng, of, n),
        "ciphertext": value.hex(),
        "s": bytes(of.scalar(s)).hex(),
    }


def damaged_elements(rng: Random, of: Group, value: bytes) -> bytes:
    """One of the elements is another, no element, or the identity; or a bit, or the length."""
    position = of.element_size * rng.randrange(len(value) // of.element_size)
    kind = rng.randrange(7)
    if kind < 2:
        return replaced(value, position, bytes(of.identity))
    if kind == 2:
        return replaced(value, position, strange_element(rng, of))
    if kind == 3:
        return replaced(value, position, element(rng, of))
    if kind == 4:
        return value[: -rng.choice((1, of.element_size))]
    if kind == 5:
        return value + rng.choice((b"\0", value[: of.element_size]))
    return flipped(rng, value)


@sampler("elgamal/decrypt")
def _decrypt(rng: Random) -> Json:
    of, n = _sizes(rng)
    value = _ciphertext(rng, of, n)
    if chance(rng, 0.4):
        value = damaged_elements(rng, of, value)
    secrets = [part.hex() for part in _secrets(rng, of, n)]
    return {"group": of.name, "secrets": secrets, "ciphertext": value.hex()}
