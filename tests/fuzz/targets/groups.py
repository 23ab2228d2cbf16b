"""The groups beside ristretto255, and what is defined on every group."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from oracle.groups import GROUPS
from oracle.refusals import Refused

from billboard import InvalidEncodingError, elgamal, groups, universal
from billboard.groups import Group

from ..target import Source, Target, attempt, require, vectors


def group(name: str, data: bytes) -> None:
    """One of the decoders of a group, or an operation that takes bytes."""
    source, its = Source(data), groups.get(name)
    kind, encoded = source.number() % len(KINDS), source.rest()
    KINDS[kind](its, encoded)


def _scalar(its: Group, encoded: bytes) -> None:
    value = attempt(encoded, its.scalar_from_bytes, InvalidEncodingError)
    order = "little" if its.name == "ristretto255" else "big"
    number = int.from_bytes(encoded, order)  # type: ignore[arg-type]
    canonical = len(encoded) == its.scalar_size and number < its.order
    require((value is not None) == canonical, "which scalars decode")
    if value is not None:
        require(bytes(value) == encoded and int(value) == number, "a scalar goes round")
        require(repr(value) == repr(its.scalar(1)), "all scalars look alike")
        require(value.is_zero or int(value.invert() * value) == 1, "1/x * x is 1")


def _element(its: Group, encoded: bytes) -> None:
    value = attempt(encoded, its.element_from_bytes, InvalidEncodingError)
    require((value is not None) == _decodes(its, encoded), "which elements decode")
    if value is None:
        return
    require(bytes(value) == encoded, "an element goes round")
    require(value.is_identity == (value == its.identity), "which element is the identity")
    require((value - value).is_identity and value + value == value * its.scalar(2), "the laws")
    if its.embedding_size and not value.is_identity:
        require(len(its.extract(value)) == its.embedding_size, "what an element carries")


def _decodes(its: Group, encoded: bytes) -> bool:
    try:
        GROUPS[its.name].decode(encoded)
    except Refused:
        return False
    return True


def _ciphertext(its: Group, encoded: bytes) -> None:
    size = its.element_size
    decoded = attempt(
        encoded, lambda it: elgamal.Ciphertext.from_bytes(its, it), InvalidEncodingError
    )
    parts = [encoded[i : i + size] for i in range(0, len(encoded), size)]
    good = len(parts) > 1 and all(_decodes(its, part) for part in parts)
    good = good and parts[0] != bytes(its.identity)
    require((decoded is not None) == good, "which ciphertexts decode")
    if decoded is not None:
        require(bytes(decoded) == encoded, "a ciphertext goes round")


def _universal(its: Group, encoded: bytes) -> None:
    size = its.element_size
    decoded = attempt(
        encoded, lambda it: universal.Ciphertext.from_bytes(its, it), InvalidEncodingError
    )
    parts = [encoded[i : i + size] for i in range(0, len(encoded), size)]
    good = len(parts) == 4 and all(_decodes(its, part) for part in parts)
    good = good and bytes(its.identity) not in parts[2:]
    require((decoded is not None) == good, "which universal ciphertexts decode")
    if decoded is not None:
        require(bytes(decoded) == encoded, "a universal ciphertext goes round")
        fresh = universal.rerandomize(decoded)
        again = universal.Ciphertext.from_bytes(its, bytes(fresh))
        require(bytes(again) == bytes(fresh), "what rerandomizing gives decodes")


def _key(its: Group, encoded: bytes) -> None:
    size = its.element_size
    decoded = attempt(
        encoded, lambda it: universal.RerandomizableKey.from_bytes(its, it), InvalidEncodingError
    )
    parts = [encoded[i : i + size] for i in range(0, len(encoded), size)]
    good = len(parts) == 2 and all(_decodes(its, part) for part in parts)
    good = good and bytes(its.identity) not in parts
    require((decoded is not None) == good, "which keys decode")
    if decoded is not None:
        require(bytes(decoded) == encoded, "a re-randomisable key goes round")


def _hash(its: Group, encoded: bytes) -> None:
    source = Source(encoded)
    dst = source.part(2)
    message = source.rest()
    scalar = attempt(encoded, lambda _: its.hash_to_scalar(message, dst), InvalidEncodingError)
    require((scalar is not None) == (1 <= len(dst) <= 255), "which tags are taken")
    oracle = GROUPS[its.name]
    if scalar is not None:
        require(int(scalar) == oracle.hash_to_scalar(message, dst), "a hashed scalar")
    if oracle.hash_to is None:
        return
    value = attempt(encoded, lambda _: its.hash_to_element(message, dst), InvalidEncodingError)
    require((value is not None) == (scalar is not None), "which tags are taken")
    if value is not None:
        require(bytes(value) == oracle.hash_to_element(message, dst).encode(), "a hashed element")


def _embed(its: Group, encoded: bytes) -> None:
    if not its.embedding_size:
        return
    value = attempt(encoded, its.embed, InvalidEncodingError)
    require((value is not None) == (len(encoded) == its.embedding_size), "what can be embedded")
    if value is not None:
        require(_decodes(its, bytes(value)), "an embedding is an element")
        require(its.extract(value) == encoded, "what was embedded comes out")


KINDS = (_element, _scalar, _ciphertext, _universal, _key, _hash, _embed)


def _seeds(name: str) -> Iterator[bytes]:
    its = GROUPS[name]
    o, g, double, minus = (its.times_generator(k).encode() for k in (0, 1, 2, its.order - 1))
    for number in (0, 1, its.order - 1, its.order):
        yield b"\x01" + number.to_bytes(its.scalar_length, its.byteorder)
    for encoded in (g, o, double, minus, g[:-1], g + b"\0"):
        yield b"\0" + encoded
    for elements in ((g, double), (o, g), (g, o, double), (g, double, g, double), (g, g, o, g)):
        for kind in (2, 3, 4):
            yield bytes([kind]) + b"".join(elements)
    yield b"\x05\0\x04testmessage"
    yield b"\x05\0\0message"
    yield b"\x06" + bytes(range(its.embedding.length if its.embedding else 0))
    for operation, field, kind in (
        ("element/decode", "bytes", 0),
        ("scalar/decode", "bytes", 1),
        ("universal/decode", "ciphertext", 3),
        ("rerandomizable-key/decode", "key", 4),
    ):
        # The oracle takes long for bls12_381.
        for encoded in list(vectors(operation, field, group=name))[:: 8 if "bls" in name else 1]:
            yield bytes([kind]) + encoded


TARGETS = {
    f"group-{name}": Target(partial(group, name), partial(_seeds, name), 300)
    for name in groups.NAMES
}
