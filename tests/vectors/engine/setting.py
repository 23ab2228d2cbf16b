"""The test vectors, run against the engine: hashes, signatures and keys.

Each operation of tests/vectors/README.md has a handler here, or in a module beside. Where a case
gives randomness, the handler passes it as a parameter if the engine has one (``rnd``, ``r``,
``s``), or lets `drawn` hand it out in the place of ``os.urandom``. The native core draws from a
seed of its own: what a batch makes is moved from the scalar that it drew to that of the case, and
the candidate of an embedding is compared with all that the core ever draws.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from billboard import FrameClass, PublicKey, SecretKey
from billboard.groups.ristretto255 import Element, Scalar
from billboard.hashing import encode_tuple, expand, hash_bytes
from billboard.proofs import schnorr
from billboard.proofs.schnorr import hash_to_scalar
from billboard.storage import secret_file

Json = dict[str, Any]
MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of random name is made in it)


@dataclass
class Setting:
    """Where a case runs: an empty folder, and the key sets of its file.

    ``thorough`` lets a handler check more than the output, where that takes long.
    """

    folder: Path
    keys: dict[str, Json] = field(default_factory=dict)
    thorough: bool = True
    _loaded: dict[str, SecretKey] = field(default_factory=dict)

    def new_path(self) -> Path:
        return self.folder / secrets.token_hex(8)

    def secret_key(self, name: str) -> SecretKey:
        if name not in self._loaded:
            key = self.keys[name]
            payload = key["public_key"] + "".join(key["secrets"])
            self._loaded[name] = load_secret_key(payload, self)
        return self._loaded[name]


@contextmanager
def setting_in_memory(keys: dict[str, Json], *, thorough: bool) -> Iterator[Setting]:
    """A setting whose folder is in memory, if there is such a thing: many files are written."""
    memory = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Setting(Path(folder), keys, thorough)


Handler = Callable[[Json, Setting], Json]
HANDLERS: dict[str, Handler] = {}


def operation(name: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        if name in HANDLERS:
            raise ValueError(f"two handlers for {name}")
        HANDLERS[name] = handler
        return handler

    return register


@contextmanager
def drawn(*values: bytes) -> Iterator[None]:
    """``os.urandom`` returns ``values``: these, in this order, in these lengths, and no more."""
    queue = list(values)

    def urandom(size: int) -> bytes:
        if not queue or len(queue[0]) != size:
            raise AssertionError(f"{size} random bytes drawn, {len(queue)} values are left")
        return queue.pop(0)

    with mock.patch.object(os, "urandom", urandom):
        yield
    if queue:
        raise AssertionError(f"{len(queue)} values were not drawn")


def unhex(parts: list[str]) -> list[bytes]:
    return [bytes.fromhex(part) for part in parts]


def scalar(text: str) -> Scalar:
    return Scalar.from_bytes(bytes.fromhex(text))


def element(text: str) -> Element:
    return Element.from_bytes(bytes.fromhex(text))


def hexed(value: object) -> str:
    return bytes(value).hex()  # type: ignore[call-overload, no-any-return]


def split(data: bytes, size: int = 32) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


# SPEC 2


@operation("tuple")
def _tuple(given: Json, _: Setting) -> Json:
    return {"bytes": encode_tuple(*unhex(given["parts"])).hex()}


@operation("hash")
def _hash(given: Json, _: Setting) -> Json:
    return {"hash": hash_bytes(given["label"], *unhex(given["parts"])).hex()}


@operation("scalar")
def _scalar(given: Json, _: Setting) -> Json:
    return {"scalar": hexed(hash_to_scalar(given["label"], *unhex(given["parts"])))}


@operation("expand")
def _expand(given: Json, _: Setting) -> Json:
    key = bytes.fromhex(given["key"])
    return {"bytes": expand(key, given["label"], given["length"], *unhex(given["parts"])).hex()}


@operation("element/from-uniform-bytes")
def _element_uniform(given: Json, _: Setting) -> Json:
    return {"element": hexed(Element.from_uniform_bytes(bytes.fromhex(given["bytes"])))}


@operation("scalar/from-wide-bytes")
def _scalar_wide(given: Json, _: Setting) -> Json:
    return {"scalar": hexed(Scalar.from_uniform_bytes(bytes.fromhex(given["bytes"])))}


# SPEC 3


@operation("schnorr/sign")
def _sign(given: Json, _: Setting) -> Json:
    """``rnd`` as a parameter, and once more as what the operating system gives."""
    context, parts = given["context"], unhex(given["parts"])
    secret, rnd = scalar(given["secret"]), bytes.fromhex(given["rnd"])
    signature = schnorr.sign(context, secret, *parts, rnd=rnd)
    with drawn(rnd):
        assert schnorr.sign(context, secret, *parts) == signature
    public = Element.mul_generator(secret)
    schnorr.verify(context, public, signature, *parts)
    nonce = hash_to_scalar(f"{context}/nonce", bytes(secret), rnd, bytes(public), *parts)
    # z = k + cx
    challenge = (Scalar.from_bytes(signature[32:]) - nonce) * secret.invert()
    return {
        "public": hexed(public),
        "nonce": hexed(nonce),
        "challenge": hexed(challenge),
        "signature": signature.hex(),
    }


@operation("schnorr/verify")
def _verify(given: Json, _: Setting) -> Json:
    signature = bytes.fromhex(given["signature"])
    public = element(given["public"])
    schnorr.verify(given["context"], public, signature, *unhex(given["parts"]))
    return {}


# SPEC 4


def load_secret_key(payload: str, setting: Setting) -> SecretKey:
    path = setting.new_path()
    secret_file.save(path, secret_file.Kind.SECRET_KEY, bytes.fromhex(payload), None)
    return SecretKey.load(path)


@operation("public-key/encode")
def _public_key_encode(given: Json, _: Setting) -> Json:
    """From the parts, as `SecretKey.generate` does; then by it, with the randomness drawn."""
    frame_class = FrameClass(given["class"])
    n = bytes([frame_class.elements])
    secret, rnds = [scalar(text) for text in given["secrets"]], unhex(given["rnds"])
    pairs = enumerate(zip(secret, rnds, strict=True), start=1)
    proofs = [schnorr.sign("pop", x, n, bytes([j]), rnd=rnd) for j, (x, rnd) in pairs]
    made = PublicKey(frame_class, map(Element.mul_generator, secret), b"".join(proofs))
    encoding = bytes(PublicKey.from_bytes(bytes(made)))
    with drawn(*(bytes(x) + bytes(32) for x in secret), *rnds):
        generated = SecretKey.generate(frame_class)
    assert bytes(generated.public_key) == encoding
    return {"public_key": encoding.hex()}


@operation("public-key/decode")
def _public_key_decode(given: Json, _: Setting) -> Json:
    data = bytes.fromhex(given["public_key"])
    key = PublicKey.from_bytes(data)
    assert bytes(key) == data
    return {
        "class": int(key.frame_class),
        "elements": [row[:32].hex() for row in split(bytes(key)[2:], 96)],
        "key_hash": key.key_hash.hex(),
        "key_id": key.key_id.hex(),
    }


@operation("key/id")
def _key_id(given: Json, _: Setting) -> Json:
    elements = [element(text) for text in given["elements"]]
    key = PublicKey(FrameClass(given["class"]), elements, proofs=b"")
    return {"key_hash": key.key_hash.hex(), "key_id": key.key_id.hex()}


@operation("secret-key/encode")
def _secret_key_encode(given: Json, setting: Setting) -> Json:
    path = setting.new_path()
    load_secret_key(given["public_key"] + "".join(given["secrets"]), setting).save(path)
    return {"payload": secret_file.load(path, secret_file.Kind.SECRET_KEY, None).hex()}


@operation("secret-key/decode")
def _secret_key_decode(given: Json, setting: Setting) -> Json:
    key, path = load_secret_key(given["payload"], setting), setting.new_path()
    key.save(path)
    payload = secret_file.load(path, secret_file.Kind.SECRET_KEY, None)
    public_key = bytes(key.public_key)
    return {
        "public_key": public_key.hex(),
        "secrets": [part.hex() for part in split(payload[len(public_key) :])],
    }
