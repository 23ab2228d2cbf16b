"""The test vectors, run against the engine: any group, ElGamal, universal re-encryption."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterable, Sequence
from unittest import mock

import numpy as np

from billboard import _core, elgamal, groups, universal
from billboard.batches import Array
from billboard.elgamal import Ciphertext, DecryptionKey, EncryptionKey
from billboard.errors import InvalidEncodingError, NotMine
from billboard.groups import Element, Group, Scalar
from billboard.groups.ristretto255 import (
    RISTRETTO255,
    Element as RistrettoElement,
    Scalar as RistrettoScalar,
)
from billboard.universal import RerandomizableKey
from vectors.engine.setting import Json, Setting, operation, unhex

CANDIDATES = 1 << 14
SEED = bytes(range(32))
"""What the batches of the core draw their scalars from."""


def group_of(given: Json) -> Group:
    return groups.get(given["group"])


def element(given: Json, name: str) -> Element:
    return group_of(given).element_from_bytes(bytes.fromhex(given[name]))


def elements(given: Json, name: str) -> list[Element]:
    return list(map(group_of(given).element_from_bytes, unhex(given[name])))


def scalar(given: Json, name: str) -> Scalar:
    return group_of(given).scalar_from_bytes(bytes.fromhex(given[name]))


def scalars(given: Json, name: str) -> list[Scalar]:
    return list(map(group_of(given).scalar_from_bytes, unhex(given[name])))


def hexes(values: Iterable[object]) -> list[str]:
    return [bytes(value).hex() for value in values]  # type: ignore[call-overload]


# SPEC 2 and 12


@operation("element/decode")
def _element_decode(given: Json, _: Setting) -> Json:
    decoded = element(given, "bytes")
    assert bytes(decoded).hex() == given["bytes"]
    assert (decoded == group_of(given).identity) is decoded.is_identity
    return {"identity": decoded.is_identity}


@operation("element/multiple-of-generator")
def _element_base(given: Json, _: Setting) -> Json:
    product = group_of(given).mul_generator(scalar(given, "scalar"))
    assert product == group_of(given).generator * scalar(given, "scalar")
    return {"element": bytes(product).hex()}


@operation("element/multiply")
def _element_multiply(given: Json, _: Setting) -> Json:
    point, factor = element(given, "element"), scalar(given, "scalar")
    products = {point * factor, factor * point}
    if isinstance(point, RistrettoElement) and isinstance(factor, RistrettoScalar):
        products.add(point.mul_add_generator_vartime(factor, factor - factor))
    (product,) = products
    return {"element": bytes(product).hex()}


@operation("element/add")
def _element_add(given: Json, _: Setting) -> Json:
    left, right = element(given, "left"), element(given, "right")
    assert left + right == right + left
    return {"element": bytes(left + right).hex()}


@operation("element/subtract")
def _element_subtract(given: Json, _: Setting) -> Json:
    left, right = element(given, "left"), element(given, "right")
    assert left - right == left + -right
    return {"element": bytes(left - right).hex()}


@operation("element/negate")
def _element_negate(given: Json, _: Setting) -> Json:
    negated = -element(given, "element")
    assert (negated + element(given, "element")).is_identity
    return {"element": bytes(negated).hex()}


@operation("element/hash")
def _element_hash(given: Json, _: Setting) -> Json:
    message, dst = bytes.fromhex(given["message"]), bytes.fromhex(given["dst"])
    return {"element": bytes(group_of(given).hash_to_element(message, dst)).hex()}


@operation("scalar/hash")
def _scalar_hash(given: Json, _: Setting) -> Json:
    message, dst = bytes.fromhex(given["message"]), bytes.fromhex(given["dst"])
    return {"scalar": bytes(group_of(given).hash_to_scalar(message, dst)).hex()}


@operation("scalar/decode")
def _scalar_decode(given: Json, _: Setting) -> Json:
    decoded = scalar(given, "bytes")
    assert bytes(decoded).hex() == given["bytes"]
    assert decoded == group_of(given).scalar(int(decoded))
    return {"zero": decoded.is_zero}


@operation("scalar/add")
def _scalar_add(given: Json, _: Setting) -> Json:
    left, right = scalar(given, "left"), scalar(given, "right")
    assert left + right == right + left
    return {"scalar": bytes(left + right).hex()}


@operation("scalar/subtract")
def _scalar_subtract(given: Json, _: Setting) -> Json:
    left, right = scalar(given, "left"), scalar(given, "right")
    assert left - right == left + -right
    return {"scalar": bytes(left - right).hex()}


@operation("scalar/negate")
def _scalar_negate(given: Json, _: Setting) -> Json:
    negated = -scalar(given, "scalar")
    assert (negated + scalar(given, "scalar")).is_zero
    return {"scalar": bytes(negated).hex()}


@operation("scalar/multiply")
def _scalar_multiply(given: Json, _: Setting) -> Json:
    left, right = scalar(given, "left"), scalar(given, "right")
    assert left * right == right * left
    return {"scalar": bytes(left * right).hex()}


@operation("scalar/invert")
def _scalar_invert(given: Json, _: Setting) -> Json:
    inverse = scalar(given, "scalar").invert()
    assert int(inverse * scalar(given, "scalar")) == 1
    return {"scalar": bytes(inverse).hex()}


# SPEC 6.1 and 12.3


@functools.cache
def embeddings_of(message: bytes) -> frozenset[bytes]:
    """All that the core draws for ``message``: in 70,000 draws it misses none of about 4,096."""
    data = np.frombuffer(message * 70_000, np.uint8).reshape(-1, 1, 30)
    return frozenset(map(bytes, _core.embed(data, 1, bytes(32)).reshape(-1, 32)))


def embedding(message: bytes, candidate: int) -> bytes:
    """SPEC 6.1: the encoding of a candidate that decodes."""
    if not 0 <= candidate < CANDIDATES:
        raise InvalidEncodingError("candidate", "is out of range")
    encoding = bytes([2 * (candidate % 128)]) + message + bytes([candidate // 128])
    RISTRETTO255.element_from_bytes(encoding)
    return encoding


def check_embedding_of_the_core(message: bytes) -> None:
    """What the core draws for each 30 bytes is one of the candidates."""
    data = np.frombuffer(message, np.uint8).reshape(1, -1, 30)
    drawn = _core.embed(data, data.shape[1], secrets.token_bytes(32))
    assert _core.extract(drawn, data.shape[1]).tobytes() == message
    for part, each in zip(data[0], drawn[0], strict=True):
        candidate = int(each[0]) // 2 + 128 * int(each[31])
        assert embedding(bytes(part), candidate) == bytes(each)


def draw_candidates(*candidates: int) -> Callable[[int], int]:
    """In the place of `secrets.randbelow`: these, and no more."""
    left = list(candidates)

    def randbelow(bound: int) -> int:
        if not left or not 0 <= left[0] < bound:
            raise InvalidEncodingError("candidate", "is none of which an element is made")
        return left.pop()

    return randbelow


@operation("embedding/embed")
def _embed(given: Json, setting: Setting) -> Json:
    """The candidate is drawn; in the core, where none can be given, it is among all drawn ones."""
    group, message = group_of(given), bytes.fromhex(given["message"])
    if group is not RISTRETTO255:
        with mock.patch.object(secrets, "randbelow", draw_candidates(given["candidate"])):
            return {"element": bytes(group.embed(message)).hex()}
    assert group.extract(group.embed(message)) == message
    check_embedding_of_the_core(message)
    encoding = embedding(message, given["candidate"])
    if setting.thorough:
        assert encoding in embeddings_of(message)
    return {"element": encoding.hex()}


@operation("embedding/extract")
def _extract(given: Json, _: Setting) -> Json:
    return {"message": group_of(given).extract(element(given, "element")).hex()}


# SPEC 6.2 and 12.4


def row_of(data: bytes) -> Array:
    """A batch of one row."""
    return np.frombuffer(data, np.uint8).reshape(1, -1, 32)


def encrypt(public: Sequence[Element], message: Sequence[Element], r: Scalar) -> Ciphertext:
    """By elements; and on ristretto255 by a batch too, which draws another scalar in place of r.

    What the batch makes is moved by the difference of the two, and then is the same.
    """
    made = elgamal.encrypt(public, message, r=r)
    if r.group is RISTRETTO255:
        row = row_of(b"".join(map(bytes, message)))
        check_batch(public, EncryptionKey(public).encrypt_batch(row, seed=SEED), r, made)
    return made


def rerandomize(public: Sequence[Element], ciphertext: Ciphertext, s: Scalar) -> Ciphertext:
    """As `encrypt` does it: by elements, and on ristretto255 by a batch too."""
    moved = elgamal.rerandomize(public, ciphertext, s=s)
    if s.group is RISTRETTO255:
        batch = EncryptionKey(public).rerandomize_batch(row_of(bytes(ciphertext)), seed=SEED)
        check_batch(public, batch, s, moved)
    return moved


def check_batch(
    public: Sequence[Element], batch: Array, given: Scalar, expected: Ciphertext
) -> None:
    drawn = RISTRETTO255.scalar_from_bytes(_core.scalars_from_seed(SEED, 1).tobytes())
    made = Ciphertext.from_bytes(RISTRETTO255, batch.tobytes())
    assert elgamal.rerandomize(public, made, s=given - drawn) == expected


def ciphertext(given: Json) -> Ciphertext:
    return Ciphertext.from_bytes(group_of(given), bytes.fromhex(given["ciphertext"]))


@operation("elgamal/encrypt")
def _encrypt(given: Json, _: Setting) -> Json:
    publics, messages = elements(given, "publics"), elements(given, "messages")
    return {"ciphertext": bytes(encrypt(publics, messages, scalar(given, "r"))).hex()}


@operation("elgamal/rerandomize")
def _rerandomize(given: Json, _: Setting) -> Json:
    publics = elements(given, "publics")
    return {"ciphertext": bytes(rerandomize(publics, ciphertext(given), scalar(given, "s"))).hex()}


@operation("elgamal/decrypt")
def _decrypt(given: Json, _: Setting) -> Json:
    """One by one, and on ristretto255 as a batch of one."""
    secret, data = scalars(given, "secrets"), bytes.fromhex(given["ciphertext"])
    messages = hexes(elgamal.decrypt(secret, ciphertext(given)))
    if group_of(given) is RISTRETTO255:
        batch = DecryptionKey(secret).decrypt_batch(row_of(data))
        assert batch.tobytes().hex() == "".join(messages)
    return {"messages": messages}


# SPEC 13


def universal_ciphertext(given: Json) -> universal.Ciphertext:
    return universal.Ciphertext.from_bytes(group_of(given), bytes.fromhex(given["ciphertext"]))


@operation("universal/encrypt")
def _universal_encrypt(given: Json, _: Setting) -> Json:
    public, message = element(given, "public"), element(given, "message")
    made = universal.encrypt(public, message, scalar(given, "k0"), scalar(given, "k1"))
    return {"ciphertext": bytes(made).hex()}


@operation("universal/rerandomize")
def _universal_rerandomize(given: Json, _: Setting) -> Json:
    random = scalar(given, "k0"), scalar(given, "k1")
    return {"ciphertext": bytes(universal.rerandomize(universal_ciphertext(given), *random)).hex()}


@operation("universal/decrypt")
def _universal_decrypt(given: Json, _: Setting) -> Json:
    message = universal.decrypt(scalar(given, "secret"), universal_ciphertext(given))
    return {"message": bytes(message).hex()}


@operation("universal/decode")
def _universal_decode(given: Json, _: Setting) -> Json:
    decoded = universal_ciphertext(given)
    assert bytes(decoded).hex() == given["ciphertext"]
    return {name: bytes(getattr(decoded, name)).hex() for name in ("a0", "b0", "a1", "b1")}


def key(given: Json) -> RerandomizableKey:
    return RerandomizableKey.from_bytes(group_of(given), bytes.fromhex(given["key"]))


@operation("rerandomizable-key/make")
def _key_make(given: Json, _: Setting) -> Json:
    made = RerandomizableKey.generate(scalar(given, "secret"), scalar(given, "t"))
    return {"key": bytes(made).hex()}


@operation("rerandomizable-key/rerandomize")
def _key_rerandomize(given: Json, _: Setting) -> Json:
    return {"key": bytes(key(given).rerandomize(scalar(given, "r"))).hex()}


@operation("rerandomizable-key/recognize")
def _key_recognize(given: Json, _: Setting) -> Json:
    """On ristretto255 as a batch of one, too."""
    secret, found = scalar(given, "secret"), key(given)
    belongs = found.belongs_to(secret)
    if group_of(given) is RISTRETTO255:
        batch = row_of(bytes(found))
        assert universal.recognize_keys_batch(batch, secret).tolist() == [belongs]
    if not belongs:
        raise NotMine("the key is of another secret")
    return {}


@operation("rerandomizable-key/decode")
def _key_decode(given: Json, _: Setting) -> Json:
    decoded = key(given)
    assert bytes(decoded).hex() == given["key"]
    return {"t": bytes(decoded.t).hex(), "u": bytes(decoded.u).hex()}
