"""Universal re-encryption and re-randomisable keys (SPEC 13)."""

from __future__ import annotations

from billboard import universal
from billboard.groups import Group
from billboard.universal import RerandomizableKey
from samples.groups import damaged_elements, element, group, scalar
from samples.sampler import Json, Random, chance, sampler


@sampler("universal/encrypt")
def _encrypt(rng: Random) -> Json:
    of = group(rng)
    return {
        "group": of.name,
        "public": element(rng, of).hex(),
        "message": element(rng, of).hex(),
        "k0": scalar(rng, of).hex(),
        "k1": scalar(rng, of).hex(),
    }


def _ciphertext(rng: Random, of: Group, secret: bytes) -> bytes:
    public = of.mul_generator(of.scalar_from_bytes(secret))
    message = of.element_from_bytes(element(rng, of))
    k0, k1 = scalar(rng, of), scalar(rng, of, nonzero=True)
    random = of.scalar_from_bytes(k0), of.scalar_from_bytes(k1)
    return bytes(universal.encrypt(public, message, *random))


@sampler("universal/rerandomize")
def _rerandomize(rng: Random) -> Json:
    of = group(rng)
    value = _ciphertext(rng, of, scalar(rng, of, nonzero=True))
    if chance(rng, 0.3):
        value = damaged_elements(rng, of, value)
    k0, k1 = scalar(rng, of).hex(), scalar(rng, of).hex()
    return {"group": of.name, "ciphertext": value.hex(), "k0": k0, "k1": k1}


@sampler("universal/decrypt")
def _decrypt(rng: Random) -> Json:
    """With the key, with another, or what was changed."""
    of = group(rng)
    secret = scalar(rng, of, nonzero=True)
    value = _ciphertext(rng, of, secret)
    if chance(rng, 0.3):
        value = damaged_elements(rng, of, value)
    if chance(rng, 0.1):
        secret = scalar(rng, of)
    return {"group": of.name, "secret": secret.hex(), "ciphertext": value.hex()}


@sampler("universal/decode")
def _decode(rng: Random) -> Json:
    of = group(rng)
    value = _ciphertext(rng, of, scalar(rng, of, nonzero=True))
    if chance(rng, 0.6):
        value = damaged_elements(rng, of, value)
    return {"group": of.name, "ciphertext": value.hex()}


def _key(rng: Random, of: Group, secret: bytes) -> bytes:
    t = of.scalar_from_bytes(scalar(rng, of, nonzero=True))
    return bytes(RerandomizableKey.generate(of.scalar_from_bytes(secret), t))


@sampler("rerandomizable-key/make")
def _make(rng: Random) -> Json:
    of = group(rng)
    return {"group": of.name, "secret": scalar(rng, of).hex(), "t": scalar(rng, of).hex()}


@sampler("rerandomizable-key/rerandomize")
def _rerandomize_key(rng: Random) -> Json:
    of = group(rng)
    value = _key(rng, of, scalar(rng, of, nonzero=True))
    if chance(rng, 0.2):
        value = damaged_elements(rng, of, value)
    return {"group": of.name, "key": value.hex(), "r": scalar(rng, of).hex()}


@sampler("rerandomizable-key/recognize")
def _recognize(rng: Random) -> Json:
    of = group(rng)
    secret = scalar(rng, of, nonzero=True)
    value = _key(rng, of, secret)
    if chance(rng, 0.3):
        value = damaged_elements(rng, of, value)
    if chance(rng, 0.2):
        secret = scalar(rng, of)
    return {"group": of.name, "secret": secret.hex(), "key": value.hex()}


@sampler("rerandomizable-key/decode")
def _decode_key(rng: Random) -> Json:
    of = group(rng)
    value = _key(rng, of, scalar(rng, of, nonzero=True))
    if chance(rng, 0.6):
        value = damaged_elements(rng, of, value)
    return {"group": of.name, "key": value.hex()}
