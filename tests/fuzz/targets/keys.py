"""Scalars, elements, hashes, signatures and keys."""

from __future__ import annotations

from collections.abc import Iterator

from oracle import ristretto255 as oracle
from oracle.refusals import Refused

from billboard import (
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    PublicKey,
    SecretFileError,
    SecretKey,
)
from billboard.groups.ristretto255 import ORDER, Element, Scalar
from billboard.hashing import encode_tuple, expand, hash_bytes
from billboard.proofs import schnorr
from billboard.proofs.schnorr import hash_to_scalar

from ..material import NO_HEDGE, proven_key, secret_key
from ..target import Source, Target, attempt, require, vectors


def scalar(data: bytes) -> None:
    number = int.from_bytes(data, "little")
    value = attempt(data, Scalar.from_bytes, InvalidEncodingError)
    require((value is not None) == (len(data) == 32 and number < ORDER), "which scalars decode")
    if value is not None:
        require(bytes(value) == data and int(value) == number, "a scalar goes round")
        require(repr(value) == repr(Scalar.from_bytes(bytes(32))), "all scalars look alike")
        require(value.is_zero or bytes(value.invert() * value)[0] == 1, "1/x * x is 1")
    wide = attempt(data, Scalar.from_uniform_bytes, InvalidEncodingError)
    require((wide is not None) == (len(data) == 64), "which wide scalars are taken")
    require(wide is None or int(wide) == number % ORDER, "a wide scalar is reduced")


def _scalars() -> Iterator[bytes]:
    yield from vectors("scalar/decode", "bytes", group="ristretto255")
    yield from vectors("scalar/from-wide-bytes", "bytes")


def element(data: bytes) -> None:
    try:
        expected: oracle.Element | None = oracle.decode(data)
    except Refused:
        expected = None
    value = attempt(data, Element.from_bytes, InvalidEncodingError)
    require((value is None) == (expected is None), "which elements decode, as the oracle has it")
    if value is not None and expected is not None:
        require(bytes(value) == data, "an element goes round")
        require(value.is_identity == expected.is_identity(), "which element is the identity")
        require(bytes(value + value) == expected.plus(expected).encode(), "the double")
        require((value - value).is_identity and value + value - value == value, "the group's laws")
    wide = attempt(data, Element.from_uniform_bytes, InvalidEncodingError)
    require((wide is not None) == (len(data) == 64), "which wide elements are taken")
    if wide is not None:
        require(bytes(wide) == oracle.from_uniform_bytes(data).encode(), "the map to the group")


def _elements() -> Iterator[bytes]:
    yield from vectors("element/decode", "bytes", group="ristretto255")
    yield from vectors("element/from-uniform-bytes", "bytes")


def hashes(data: bytes) -> None:
    source = Source(data)
    label, key, length = source.part().decode("latin-1"), source.take(32), source.number()
    parts = []
    while source.left:
        parts.append(source.part(2))
    joined = encode_tuple(*parts)
    rest, taken = joined, []
    while rest:
        size = int.from_bytes(rest[:4], "big")
        taken.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    require(taken == parts, "a tuple can be taken apart")
    require(len(hash_bytes(label, *parts)) == 32, "a hash")
    require(len(bytes(hash_to_scalar(label, *parts))) == 32, "a scalar")
    if length:
        require(len(expand(key, label, length, *parts)) == length, "an expanded key")


def _hashes() -> Iterator[bytes]:
    yield bytes([4]) + b"test" + bytes(32) + b"\x20" + b"\0\x03abc" + b"\0\0" + b"\0\x01d"
    yield bytes([7]) + b"\xfflabel\0" + bytes(range(32)) + b"\xff"


def schnorr_verify(data: bytes) -> None:
    source = Source(data)
    chosen, secret = source.number(), hash_to_scalar("fuzz/signer", source.take(1))
    message, patch, at = source.part(), source.part(), source.number()
    signature = schnorr.sign("fuzz", secret, message, rnd=NO_HEDGE)
    public, genuine = Element.mul_generator(secret), True
    if chosen & 1:
        forged = signature[:at] + patch + signature[at + len(patch) :]
        genuine, signature = forged == signature, forged
    if chosen & 2:
        decoded = attempt(source.take(32), Element.from_bytes, InvalidEncodingError)
        if decoded is not None:
            genuine, public = genuine and decoded == public, decoded
    try:
        schnorr.verify("fuzz", public, signature, message)
    except InvalidSignatureError:
        require(not genuine, "a signature that is right verifies")
    else:
        require(genuine, "a signature that is wrong does not verify")


def _signatures() -> Iterator[bytes]:
    yield b"\0\x07\x05hello"
    yield b"\x01\x07\x05hello" + bytes([32]) + (ORDER + 1).to_bytes(32, "little") + bytes([32])
    for public in vectors("schnorr/verify", "public"):
        yield b"\x02\x01\x02hi\0\0" + public
    for signature in vectors("schnorr/verify", "signature"):
        yield b"\x01\x01\x02hi" + bytes([len(signature)]) + signature + b"\0"


def public_key(data: bytes) -> None:
    key = attempt(data, PublicKey.from_bytes, InvalidEncodingError, InvalidSignatureError)
    if key is not None:
        require(bytes(key) == data, "a public key goes round")
        require(repr(key) == f"<PublicKey {key.frame_class.name} {key.key_id.hex()}>", "its repr")
        require(len(set(_elements_of(data))) == data[1], "its elements differ")


def _elements_of(encoded: bytes) -> list[bytes]:
    return [encoded[i : i + 32] for i in range(2, len(encoded), 96)]


def proven_public_key(data: bytes) -> None:
    """As `public_key`, of scalars from ``data`` with right proofs, and one place overwritten."""
    source = Source(data)
    n = list(FrameClass)[source.number() % len(FrameClass)].elements
    at, patch = source.number(2), source.part()
    numbers = [source.number(source.number() % 33) for _ in range(min(n, 8))]
    scalars = [hash_to_scalar("fuzz/x", i.to_bytes(32, "big")) for i in numbers]
    scalars += [hash_to_scalar("fuzz/filling", bytes([j])) for j in range(n - len(scalars))]
    encoded = proven_key(scalars)
    patched = encoded[:at] + patch + encoded[at + len(patch) :]
    key = attempt(patched, PublicKey.from_bytes, InvalidEncodingError, InvalidSignatureError)
    good = patched == encoded and len(set(_elements_of(encoded))) == n
    require((key is not None) == good, "exactly the keys with right proofs decode")


def _proven_keys() -> Iterator[bytes]:
    for index in range(len(FrameClass)):
        yield bytes([index]) + b"\0\0\0" + b"".join(bytes([1, j]) for j in range(8))
        yield bytes([index]) + b"\0\0\0" + bytes(16)
        yield bytes([index]) + b"\0\x28\x01\x07" + b"".join(bytes([1, j]) for j in range(8))
        yield bytes([index]) + b"\0\x02\x20" + bytes(32)


def secret_key_payload(data: bytes) -> None:
    key = attempt(data, SecretKey._from_payload, SecretFileError)
    if key is not None:
        require(bytes(key.public_key) + key._core.secret_bytes() == data, "a secret key goes round")
        shown = f"<SecretKey {key.public_key.frame_class.name} {key.public_key.key_id.hex()}>"
        require(repr(key) == shown, "the repr of a secret key")


def _secret_keys() -> Iterator[bytes]:
    for frame_class in FrameClass:
        key = secret_key(frame_class)
        yield bytes(key.public_key) + key._core.secret_bytes()
    yield from vectors("secret-key/decode", "payload")


TARGETS = {
    "scalar": Target(scalar, _scalars, 80),
    "element": Target(element, _elements, 80),
    "hashes": Target(hashes, _hashes, 400),
    "schnorr": Target(schnorr_verify, _signatures, 300),
    "public-key": Target(public_key, lambda: vectors("public-key/decode", "public_key"), 3700),
    "public-key-proven": Target(proven_public_key, _proven_keys, 500),
    "secret-key-payload": Target(secret_key_payload, _secret_keys, 5000),
}
