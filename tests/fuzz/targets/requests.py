"""What a push server and its senders read: descriptors, requests, registrations (SPEC 10, 11)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from oracle import descriptors as oracle_descriptors, notes as oracle_notes, requests as oracle
from oracle.refusals import Refused

from billboard import (
    FrameClass,
    InvalidEncodingError,
    InvalidSignatureError,
    NotMine,
    SecretFileError,
)
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.registration import Registration
from billboard.push.requests.request import PushRequest, Revocation, open_plaintext, request_size
from billboard.push.requests.request_key import RequestSecret, key_id_of
from billboard.push.server_keys import DESCRIPTOR, SERVER_KEY, ServerKeys
from billboard.storage import secret_file
from billboard.tlog.note import Algorithm, Note, NoteSigner, encode_base64

from ..material import public_key, secret_key
from ..target import Source, Target, attempt, require, vectors

CLASSES = list(FrameClass)
SEED = bytes(range(32))
SIGNER = NoteSigner("p.example", Algorithm.ED25519, SEED)
STRANGER = NoteSigner("other.example", Algorithm.ED25519, SEED)
SIGNED = 1144


@cache
def _request_secret() -> RequestSecret:
    return RequestSecret(0, 2**32 - 1, SEED)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(
        prefix="billboard-fuzz-", dir=memory if memory.is_dir() else None
    )


# Descriptors


@cache
def _long() -> dict[bytes, bytes]:
    """A byte that is in no UTF-8 stands for each long part of a line, so that inputs are short."""
    keys = [bytes(public_key(each)) for each in CLASSES]
    keys += [_request_secret().key.public, keys[0][:-1] + b"\0"]
    return {bytes([0xF8 + i]): encode_base64(key).encode() for i, key in enumerate(keys)}


def descriptor(data: bytes) -> None:
    """A text that the server signed, alone or with a stranger."""
    source = Source(data)
    kind, text = source.number(), source.rest()
    for byte, part in _long().items():
        text = text.replace(byte, part)
    try:
        decoded = text.decode()
        lines = [SIGNER.sign(decoded)] if kind & 3 else []
        note = bytes(Note(decoded, (*lines, *([STRANGER.sign(decoded)] if not kind & 4 else []))))
    except ValueError:
        note = text
    _check_descriptor(note)


def _read(note: bytes) -> ServerDescriptor | None:
    """The descriptor, if it is one; messages may show it, as it is no secret."""
    try:
        return ServerDescriptor.from_bytes(note, SIGNER.key)
    except (InvalidEncodingError, InvalidSignatureError):
        return None


def _check_descriptor(note: bytes) -> None:
    server, found = SIGNER.key, _read(note)
    key = oracle_notes.Key(server.name, oracle_notes.BOARD, server.public)
    try:
        expected = oracle_descriptors.open_(note, key)
    except Refused:
        require(found is None, "the oracle refuses this descriptor")
        return
    require(found is not None, "the oracle takes this descriptor")
    if found is not None:
        require(found.sign(SIGNER) == note, "a descriptor goes round")
        require([each.key_id for each in found.keys] == expected.key_ids(), "its keys")
        hours = [(each.start, each.end, each.public) for each in found.request_keys]
        require(hours == list(expected.request_keys), "its request keys")
        numbers = found.number, found.frame_class.elements, found.url
        require(numbers == (expected.number, expected.n, expected.url), "what else it says")


def descriptor_file(data: bytes) -> None:
    """The descriptor of a folder of keys: one that is not the server's own is not used."""
    folder = _server_folder()
    (folder / DESCRIPTOR).write_bytes(data)
    keys = ServerKeys(folder, [secret_key(FrameClass.H)], "https://push.example")
    require(keys.descriptor == (b"" if _read(data) is None else data), "which are used")


@cache
def _server_folder() -> Path:
    folder = Path(_folder().name) / "server"
    folder.mkdir()
    payload = bytes([Algorithm.ED25519]) + SEED + SIGNER.key.name.encode()
    secret_file.save(folder / SERVER_KEY, secret_file.Kind.NOTE_KEY, payload, None)
    return folder


def _texts() -> Iterator[bytes]:
    for note in vectors("descriptor/open", "descriptor"):
        text = note.rpartition(b"\n\n")[0] + b"\n"
        lines = [_shortened(line) for line in text.split(b"\n")]
        lines[1:2] = [SIGNER.key.name.encode()] if lines[1] == b"push.example" else [lines[1]]
        for kind in (0, 1, 5):
            yield bytes([kind]) + b"\n".join(lines)


def _shortened(line: bytes) -> bytes:
    """Keys of this material in the place of those of the vectors."""
    head, _, last = line.rpartition(b" ")
    if len(last) < 100:
        return line
    return head + b" " + (b"\xfc" if line.startswith(b"request") else b"\xf8")


def _files() -> Iterator[bytes]:
    """One that is this server's, and a few that are not."""
    request_keys = (_request_secret().key,)
    keys = (public_key(FrameClass.H),)
    descriptor = ServerDescriptor(SIGNER.key, 7, "https://p.example", keys, request_keys)
    signed = descriptor.sign(SIGNER)
    yield from (signed, signed[:-9], b"", signed.replace(b"\n7\n", b"\n8\n"))


# Requests


def plaintext(data: bytes) -> None:
    """The plaintext of a request; often of the right length."""
    source = Source(data)
    frame_class = CLASSES[source.number() % len(CLASSES)]
    n, text = frame_class.elements, source.rest()
    if data[:1] and data[0] & 0x80:
        text = text.ljust(oracle.plaintext_length(n), b"\0")
    found = attempt(text, lambda it: open_plaintext(it, frame_class), NotMine)
    try:
        expected = oracle.decode_plaintext(n, text)
    except Refused:
        require(found is None, "the oracle refuses this plaintext")
        return
    require(found is not None, "the oracle takes this plaintext")
    if isinstance(found, PushRequest):
        require((found.key_id, found.blob) == tuple(expected), "a push")
    elif isinstance(found, Revocation):
        require((found.kappa, found.until) == tuple(expected), "a revocation")


def _plaintexts() -> Iterator[bytes]:
    for index, frame_class in enumerate(CLASSES):
        size = oracle.plaintext_length(frame_class.elements)
        for text in (b"\1" + bytes(range(16)), b"\2" + bytes(range(36)), b"\3", b""):
            yield bytes([index | 0x80]) + text
        yield bytes([index | 0x80]) + b"\2" + bytes(36) + b"\1"
        yield bytes([index]) + b"\1" + bytes(min(size, 200) - 1)


def sealed_request(data: bytes) -> None:
    """A request of which bytes are changed, or that is cut or longer: it opens only as it was."""
    source = Source(data)
    frame_class = FrameClass.H
    sealed, size = bytearray(_sealed()), request_size(frame_class)
    for _ in range(source.number() % 8):
        position = source.number(2) % size
        sealed[position] ^= source.number()
    changed = bytes(sealed[: size - source.number() % 4]) + source.part()
    key_id = attempt(changed, lambda it: key_id_of(it, size), InvalidEncodingError)
    well_formed = len(changed) == size and changed[0] == 1
    require((key_id is not None) == well_formed, "length and version")
    if key_id is None:
        return
    require(key_id == changed[1:9], "the request key id")
    server = SIGNER.key
    opened = attempt(
        changed, lambda it: _request_secret().open("request", server, frame_class, it), NotMine
    )
    # The id is checked before: what opens under a key is bound to the id of that key.
    same = changed[9:] == _sealed()[9:]
    require((opened is not None) == same, "what opens")


@cache
def _sealed() -> bytes:
    """A request, always the same."""
    text = oracle.encode_revocation(FrameClass.H.elements, bytes(32), 9)
    server, key = SIGNER.key, _request_secret().key
    return oracle.seal(FrameClass.H.elements, server.public, key.public, text, bytes(64))


def _changes() -> Iterator[bytes]:
    yield b""
    yield b"\x01\x00\x00\x01"
    yield b"\x01\x00\x01\x01"
    yield b"\x02\x04\x68\x80\x04\xe9\x01"
    yield b"\x00\x01"
    yield b"\x00\x00\x01x"


# Registrations


def registration(data: bytes) -> None:
    """A plaintext that its handle key signed, or nearly."""
    source = Source(data)
    kind = source.number()
    key = Ed25519PrivateKey.from_private_bytes(bytes([kind & 3]) * 32)
    body = source.rest()
    if not kind & 4:
        body = body[:1] + key.public_key().public_bytes_raw() + body[1:]
    body = body[:SIGNED].ljust(SIGNED, b"\0")
    server = SIGNER.key
    text = body + key.sign(oracle.signed_bytes(server.public, body))
    if kind & 8:
        text = body + b"\x01" + bytes(63)
    text = text[: len(text) - (kind >> 6)]
    documented = InvalidEncodingError, InvalidSignatureError
    found = attempt(
        text, lambda it: Registration.from_plaintext(it, server, FrameClass.H), *documented
    )
    try:
        expected = oracle.decode_registration(server.public, text)
    except Refused:
        require(found is None, "the oracle refuses this registration")
        return
    require(found is not None, "the oracle takes this registration")
    if found is not None:
        handle = oracle.handle(expected.handle_key)
        require((found.handle.value, found.time) == (handle, expected.time), "handle and time")
        token = found.token
        said = (0, 0, b"") if token is None else (token.platform, token.app, token.value)
        require(said == (expected.platform, expected.app, expected.token), "what it stands for")


def _registrations() -> Iterator[bytes]:
    head = b"\x01" + (1_797_150_000_000).to_bytes(8, "big")
    for fields in (
        b"\x01\x00\x07\x00\x03abc",
        bytes(5),
        b"\x03\xff\xff\x00\x01a",
        b"\x06\0\0\0\1a",
    ):
        yield b"\x01" + head + fields
    yield b"\x09" + head + b"\x01\x00\x07\x00\x03abc"
    yield b"\x41" + head + bytes(5)
    # The identity as a handle key, as it is encoded and as it is not: R = 0 and S = 0 verify.
    for y in (1, 2**255 - 18):
        yield b"\x0c\x01" + y.to_bytes(32, "little") + head[1:] + b"\x01\x00\x07\x00\x03abc"


# Request keys


def request_key_file(data: bytes) -> None:
    """The payload of a secret file."""
    path = Path(_folder().name) / "request.key"
    path.unlink(missing_ok=True)
    secret_file.save(path, secret_file.Kind.REQUEST_KEY, data, None)
    found = attempt(data, partial(_load, path), SecretFileError)
    try:
        start, until, seed = oracle_descriptors.decode_payload(data)
    except Refused:
        require(found is None, "the oracle refuses this payload")
        return
    require(found is not None, "the oracle takes this payload")
    if found is not None:
        require((found.key.start, found.key.end) == (start, until), "its hours")
        path.unlink()
        found.save(path, None)
        kept = secret_file.load(path, secret_file.Kind.REQUEST_KEY, None)
        require(kept == data, "a request key goes round")
        require(seed.hex() not in repr(found), "the repr of a request key")


def _load(path: Path, _data: bytes) -> RequestSecret:
    return RequestSecret.load(path, None)


TARGETS = {
    "descriptor": Target(descriptor, _texts, 4096),
    "descriptor-file": Target(descriptor_file, _files, 4096),
    "request-plaintext": Target(plaintext, _plaintexts, 1300),
    "request-sealed": Target(sealed_request, _changes, 64),
    "request-key-file": Target(
        request_key_file, lambda: vectors("request-key/decode-payload", "payload"), 64
    ),
    "registration": Target(registration, _registrations, 1300),
}
