"""Key sets, their files, and the key sets that the vectors name (SPEC 4 and 11)."""

from __future__ import annotations

import functools

from billboard import FrameClass, PublicKey, SecretKey
from samples.sampler import (
    IDENTITY,
    Json,
    Random,
    chance,
    damaged,
    data,
    element,
    flipped,
    multiple,
    replaced,
    sampler,
    scalars,
    seeded,
    strange,
)

HEAD, ROW = 2, 96
WEIGHTS = {2: 8, 3: 8, 8: 4, 38: 1}
"""How often a class is drawn, by its number of elements: the work grows with that."""


def key_pair(rng: Random, of: FrameClass) -> tuple[bytes, bytes]:
    """A valid public key, and its secret scalars."""
    with seeded(rng):
        key = SecretKey.generate(of)
    return bytes(key.public_key), key._core.secret_bytes()


@functools.cache
def named_keys() -> dict[str, Json]:
    """Key sets that inputs name, two of each class, as files of vectors hold them."""
    made = {}
    for of in FrameClass:
        for name in (f"{of.name} first", f"{of.name} second"):
            public, secret = key_pair(Random(name), of)
            key_hash = PublicKey.from_bytes(public).key_hash
            made[name] = {
                "class": of.elements,
                "secrets": [secret[i : i + 32].hex() for i in range(0, len(secret), 32)],
                "public_key": public.hex(),
                "key_hash": key_hash.hex(),
                "key_id": key_hash[:16].hex(),
            }
    return made


def key_name(rng: Random) -> str:
    return f"{frame_class(rng).name} {rng.choice(('first', 'second'))}"


def frame_class(rng: Random) -> FrameClass:
    classes = list(FrameClass)
    return rng.choices(classes, [WEIGHTS[c.elements] for c in classes])[0]


@sampler("public-key/encode")
def _public_key_encode(rng: Random) -> Json:
    n = frame_class(rng).elements
    secrets = [part.hex() for part in scalars(rng, n)]
    if chance(rng, 0.2):
        secrets[rng.randrange(n)] = rng.choice((secrets[rng.randrange(n)], "00" * 32))
    return {"class": n, "secrets": secrets, "rnds": [data(rng, 32).hex() for _ in range(n)]}


def _damaged_public_key(rng: Random, public: bytes) -> bytes:
    n = (len(public) - HEAD) // ROW
    rows = [HEAD + ROW * j for j in range(n)]
    first, second = rng.sample(rows, 2)
    kind = rng.randrange(8)
    if kind == 0:
        return replaced(public, rng.randrange(2), rng.randbytes(1))
    if kind == 1:  # the elements change places, and their proofs with them or not
        size = rng.choice((32, ROW))
        swapped = replaced(public, first, public[second : second + size])
        return replaced(swapped, second, public[first : first + size])
    if kind == 2:
        return replaced(public, first, public[second : second + 32])
    if kind == 3:
        return replaced(public, first, rng.choice((IDENTITY, strange(rng), element(rng))))
    if kind == 4:
        return replaced(public, first + rng.choice((32, 64)), strange(rng))
    if kind == 5:
        return public[: HEAD + ROW * rng.randint(0, n)] + rng.randbytes(rng.choice((0, 0, ROW)))
    return flipped(rng, public) if kind == 6 else damaged(rng, public, HEAD)


@sampler("public-key/decode")
def _public_key_decode(rng: Random) -> Json:
    public, _ = key_pair(rng, frame_class(rng))
    return {"public_key": (_damaged_public_key(rng, public) if chance(rng, 0.6) else public).hex()}


@sampler("key/id")
def _key_id(rng: Random) -> Json:
    n = frame_class(rng).elements
    return {"class": n, "elements": [multiple(part).hex() for part in scalars(rng, n)]}


@sampler("secret-key/encode")
def _secret_key_encode(rng: Random) -> Json:
    public, secret = key_pair(rng, frame_class(rng))
    return {
        "public_key": public.hex(),
        "secrets": [secret[i : i + 32].hex() for i in range(0, len(secret), 32)],
    }


@sampler("secret-key/decode")
def _secret_key_decode(rng: Random) -> Json:
    public, secret = key_pair(rng, frame_class(rng))
    kind = rng.randrange(6)
    if kind == 0:
        public = _damaged_public_key(rng, public)
    elif kind == 1:
        secret = damaged(rng, secret)
    elif kind == 2:
        secret = replaced(secret, 32 * rng.randrange(len(secret) // 32), strange(rng))
    elif kind == 3:
        return {"payload": damaged(rng, public + secret, len(public)).hex()}
    return {"payload": (public + secret).hex()}
