"""Files: of secrets, of Apple's keys, and what the commands read."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from oracle import files as oracle_files, findmy as oracle_findmy
from oracle.refusals import Refused

from billboard import BillboardError, DeviceToken, FrameClass, Lane, SecretFileError, SecretKey
from billboard.cli import files
from billboard.cli.findmy import _read_schedule
from billboard.errors import ProviderError
from billboard.hashing import expand, hash_bytes
from billboard.push.emulators.apns import ApnsEmulator
from billboard.push.providers.apns_key import ApnsKey, ProviderToken
from billboard.sender.state import SenderState
from billboard.storage import secret_file
from billboard.storage.secret_file import Kind
from billboard.storage.state_file import StateFile

from ..material import lane
from ..target import Source, Target, attempt, require, vectors

PASSPHRASE = "correct horse battery staple"  # noqa: S105
MAGIC = b"billboard-secret\n"


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(
        prefix="billboard-fuzz-", dir=memory if memory.is_dir() else None
    )


def _file(data: bytes, mode: int = 0o600) -> Path:
    path = Path(_folder().name) / "input"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def plain_file(data: bytes) -> None:
    """A file without a passphrase, as it is or with the right checksum, read from the disk."""
    source = Source(data)
    mode, to_check = source.number(2) & 0o777 | 0o400, source.number() & 1
    encoded = source.rest()
    if to_check:
        encoded += hash_bytes("file", encoded)[:16]
    path = _file(encoded, mode)
    for kind, load in ((Kind.SECRET_KEY, SecretKey.load), (Kind.LANE, Lane.load)):
        _check_plain(
            encoded, mode, kind, attempt(encoded, partial(_call, load, path), SecretFileError)
        )
    with_passphrase = attempt(
        encoded, lambda it: secret_file.decode(it, Kind.LANE, PASSPHRASE), SecretFileError
    )
    require(with_passphrase is None, "a plain file needs no passphrase")


def _call(load: Callable[[Path], object], path: Path, _data: bytes) -> object:
    return load(path)


def _check_plain(encoded: bytes, mode: int, kind: Kind, loaded: object) -> None:
    payload = attempt(encoded, lambda it: secret_file.decode(it, kind, None), SecretFileError)
    require(loaded is None or payload is not None, "what loads decodes")
    require(loaded is None or not mode & 0o077, "a file that is open to others is refused")
    if payload is not None:
        require(secret_file.encode(kind, payload, None) == encoded, "a file goes round")


def _plain_files() -> Iterator[bytes]:
    for encoded in vectors("file/decode", "file"):
        if encoded[19:20] != b"\x01":
            yield b"\x01\x80\0" + encoded
            yield b"\x01\x80\x01" + encoded[:-16]
    for mode in (0o600, 0o640, 0o604):
        yield mode.to_bytes(2, "big") + b"\x01" + MAGIC + b"\x01\x02\0" + _lane_payload()


def _lane_payload() -> bytes:
    return lane()._schedule.encode(bytes(lane()._secret))


CHEAP = bytes([14, 8, 1])
"""The least parameters of scrypt that a reader takes; others in range are made these."""

SALT = bytes(16)


@cache
def _key() -> bytes:
    return Scrypt(salt=SALT, length=32, n=1 << 14, r=8, p=1).derive(PASSPHRASE.encode())


def protected_file(data: bytes) -> None:
    """A file with a passphrase, as it is or with a box that opens, whatever is in it."""
    source = Source(data)
    sealed, inside = source.number() & 1, source.rest()
    encoded = inside
    if sealed:
        header = MAGIC + b"\x01\x02\x01" + CHEAP + SALT + bytes(12)
        encoded = header + ChaCha20Poly1305(_key()).encrypt(bytes(12), inside, header)
    elif len(encoded) >= 23 and 14 <= encoded[20] <= 20 and 1 <= encoded[22] <= 4:
        encoded = encoded[:20] + CHEAP[:1] + encoded[21:22] + CHEAP[2:] + encoded[23:]
    require(
        attempt(encoded, lambda it: secret_file.decode(it, Kind.LANE, None), SecretFileError)
        is None
        or encoded[19] == 0,
        "a protected file needs its passphrase",
    )
    given = PASSPHRASE if sealed or len(encoded) % 2 else "\ud800"
    path = _file(encoded)
    owner = attempt(encoded, lambda _: Lane.load(path, given), SecretFileError)
    if sealed:
        payload = attempt(
            encoded, lambda it: secret_file.decode(it, Kind.LANE, PASSPHRASE), SecretFileError
        )
        require(payload == inside, "the box opens")
        decoded = attempt(inside, Lane.from_secret_bytes, SecretFileError)
        require((owner is None) == (decoded is None), "a lane in it loads")
    else:
        require(owner is None, "nobody can make a box that opens")


def _protected_files() -> Iterator[bytes]:
    for encoded in vectors("file/decode", "file"):
        if encoded[19:20] == b"\x01":
            yield b"\0" + encoded
    yield b"\x01" + _lane_payload()
    yield b"\x01" + _lane_payload()[:-1]


KEY = bytes(range(32))


def keyed_file(data: bytes) -> None:
    """A state, as it is or with a box that opens, whatever is in it and in its header."""
    source = Source(data)
    sealed, inside = source.number() & 1, source.rest()
    encoded, header = inside, MAGIC + b"\x01" + inside[:2] + bytes(32)
    if sealed:
        cipher = ChaCha20Poly1305(expand(KEY, "state", 32, header))
        encoded = header + cipher.encrypt(bytes(12), inside[2:], header)
    expected = _state_by_the_oracle(encoded)
    for kind in Kind:
        decode_keyed = partial(secret_file.decode_keyed, kind=kind, key=KEY)
        payload = attempt(encoded, decode_keyed, SecretFileError)
        mine = expected is not None and expected.kind == kind
        require((payload is not None) == mine, "which files are a state")
        require(payload is None or payload == (expected and expected.payload), "what is in it")
        decode = partial(secret_file.decode, kind=kind, passphrase=None)
        other = attempt(encoded, decode, SecretFileError)
        require(other is None or payload is None, "there is one way to read a file")
    another = attempt(
        encoded, lambda it: secret_file.decode_keyed(it, Kind.DEVICE, KEY[::-1]), SecretFileError
    )
    require(another is None, "who has another key reads nothing")
    _read_state(encoded, expected)


def _state_by_the_oracle(encoded: bytes) -> oracle_files.SecretFile | None:
    try:
        return oracle_files.decode_keyed(encoded, KEY)
    except Refused:
        return None


def _read_state(encoded: bytes, expected: oracle_files.SecretFile | None) -> None:
    """As a sender reads its own: what is in it is its own, or is refused."""
    path = _file(encoded)
    file = StateFile(path, KEY, Kind.SENDER, SenderState)
    state = attempt(encoded, lambda _: file.read_or_create(), SecretFileError)
    file.close()
    mine = expected is not None and expected.kind == Kind.SENDER
    require(state is None or mine, "a state of a sender")


def _keyed_files() -> Iterator[bytes]:
    for encoded in vectors("file/decode-keyed", "file"):
        yield b"\0" + encoded
    state = b"\x01" + msgspec.msgpack.encode(SenderState())
    for kind, protection, payload in (
        (6, 2, state),
        (6, 2, state[:-1]),
        (6, 2, b"\x02" + state[1:]),
        (6, 2, b""),
        (6, 2, b"\x01\x81\xa8contacts\x81\xa1\x90\xc0"),
        (5, 2, state),
        (4, 2, state),
        (6, 0, state),
        (6, 3, state),
    ):
        yield bytes([1, kind, protection]) + payload


PLATFORMS = ("apns", "fcm", "webpush", "sns", "pushy")


def command_files(data: bytes) -> None:
    """The readers of the commands: a `BillboardError`, or Python's own for what is not UTF-8."""
    source = Source(data)
    kind, encoded = source.number() % (len(READERS) + len(PLATFORMS)), source.rest()
    path = str(_file(encoded))
    if kind < len(READERS):
        read = READERS[kind]
    else:
        read = partial(_read_tokens, PLATFORMS[kind - len(READERS)])
    value = attempt(encoded, lambda _: read(path), BillboardError, UnicodeDecodeError)
    if read is files.read_lines and value is not None:
        Path(path).write_text(files.encode_lines(value))
        require(files.read_lines(path) == value, "lines go round")


def _read_blobs(path: str) -> object:
    array = files.read_blobs(path, FrameClass.L)
    require(array.shape[1:] == (9, 32), "a batch of blobs")
    return array


def _read_tokens(platform: str, path: str) -> list[DeviceToken]:
    return files.read_tokens(path, platform, 0)


READERS: tuple[Callable[[str], Any], ...] = (
    files.read_lines,
    _read_blobs,
    files.read_blob,
    files.read_grant,
    files.read_public_key,
    files.read_handles,
)


def _command_files() -> Iterator[bytes]:
    fields = (
        ("blob/decode", "blob", (0, 1, 2)),
        ("grant/decode", "grant", (0, 3)),
        ("public-key/decode", "public_key", (4,)),
    )
    for operation, field, kinds in fields:
        for encoded in list(vectors(operation, field))[::5]:
            for kind in kinds:
                yield bytes([kind]) + base64.b64encode(encoded) + b"\n"
    in_hex = bytes(range(16)).hex().encode()
    yield b"\0!\n"
    yield b"\x05" + in_hex + b"\r\n" + in_hex
    yield b"\x06" + in_hex + b" " + in_hex * 2 + b"\n"
    yield b"\x07" + in_hex * 2 + b"\n\xff"
    for kind in (8, 10, 11):
        yield bytes([kind]) + b"a registration token\n\xc3\xa4\n"
    for given in list(vectors("web-push/decode", "token"))[::9]:
        keys = {"p256dh": _base64url(given[:65]), "auth": _base64url(given[65:81])}
        text = json.dumps({"endpoint": given[81:].decode("latin-1"), "keys": keys})
        yield b"\x09" + text.encode() + b"\n"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


MASTER, SYMMETRIC = bytes(range(1, 29)), bytes(range(32))
DEEP = b"[" * 1500
"""More than Python's parser of JSON goes into."""


def accessory(data: bytes) -> None:
    """The accessory of `billboard findmy`: any text, or an object with any of the members."""
    source = Source(data)
    kind = source.number()
    members = _members(source, kind) if kind & 1 else None
    encoded = source.rest() if members is None else json.dumps(members).encode()
    path = _file(encoded)
    for name in ("skn", "sks"):
        _check_schedule(path, name, encoded, members)


def _check_schedule(
    path: Path, name: str, encoded: bytes, members: dict[str, object] | None
) -> None:
    schedule = attempt(encoded, lambda _: _read_schedule(path, name), SecretFileError)
    expected = None if members is None else _first_key(members, name)
    require(members is None or (schedule is None) == (expected is None), "which load")
    if schedule is not None and expected is not None:
        require(schedule.at(0).identifier == expected.identifier, "whose the keys are")


def _members(source: Source, kind: int) -> dict[str, object]:
    secrets = {"master_key": MASTER, "skn": SYMMETRIC, "sks": SYMMETRIC[::-1]}
    members: dict[str, object] = {n: (source.part() or s).hex() for n, s in secrets.items()}
    members["type"] = source.part().decode("latin-1") if kind & 2 else "accessory"
    for bit, name in ((4, "master_key"), (8, "skn"), (16, "type")):
        if kind & bit:
            del members[name]
    if kind & 32:
        members["master_key"] = [members.get("master_key")]
    return members


def _first_key(members: dict[str, object], name: str) -> oracle_findmy.Keys | None:
    """The key at index 0, as the oracle has it; None if these are not the members of a file."""
    master, symmetric = members.get("master_key"), members.get(name)
    if members.get("type") != "accessory":
        return None
    if not isinstance(master, str) or not isinstance(symmetric, str):
        return None
    try:
        return oracle_findmy.keys_at(bytes.fromhex(master), bytes.fromhex(symmetric), 0)
    except Refused:
        return None


def _accessories() -> Iterator[bytes]:
    for kind in range(1, 64, 2):
        yield bytes([kind]) + bytes(4)
    for secret in (bytes(28), b"\xff" * 28, MASTER[1:], MASTER + b"\0"):
        yield bytes([1, len(secret)]) + secret + bytes(2)
    text = json.dumps(_members(Source(b""), 1)).encode()
    yield b"\0" + text
    yield b"\0[" + text + b"]"
    yield b"\0" + DEEP
    yield b"\0" + text[:-1] + b', "deep": ' + DEEP


@cache
def _emulator() -> ApnsEmulator:
    return ApnsEmulator()


def apns_key(data: bytes) -> None:
    """Apple's files: any bytes, or any DER in an envelope of PEM."""
    source = Source(data)
    wrap, content = source.number() & 1, source.rest()
    if wrap:
        lines = base64.encodebytes(content)
        content = b"-----BEGIN PRIVATE KEY-----\n" + lines + b"-----END PRIVATE KEY-----\n"
    key = attempt(content, lambda it: ApnsKey("TEAM", "KEY", it), ProviderError)
    if key is not None:
        require(repr(key) == "ApnsKey(team_id='TEAM', key_id='KEY')", "a repr shows the key")
        require(ProviderToken(key, lambda: 1e9).current().count(".") == 2, "a token is issued")
    name = data.decode("utf-8", "surrogateescape")
    named = attempt(
        data, lambda _: ApnsKey(name, name, _emulator().key.private_key_pem), ProviderError
    )
    require(named is None or name.isascii(), "identifiers are letters and digits")


def _apns_keys() -> Iterator[bytes]:
    of_p256, of_p384 = (ec.derive_private_key(12345, c()) for c in (ec.SECP256R1, ec.SECP384R1))
    of_ed25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
    pkcs8, sec1, plain = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    for key in (of_p256, of_p384, of_ed25519):
        yield b"\0" + key.private_bytes(Encoding.PEM, pkcs8, plain)
        yield b"\x01" + key.private_bytes(Encoding.DER, pkcs8, plain)
    yield b"\0" + of_p256.private_bytes(Encoding.PEM, sec1, plain)
    yield b"\0" + of_p256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield b"ABCDE12345"


TARGETS = {
    "file-plain": Target(plain_file, _plain_files, 1300),
    "file-protected": Target(protected_file, _protected_files, 1200),
    "file-keyed": Target(keyed_file, _keyed_files, 1200),
    "command-files": Target(command_files, _command_files, 2000),
    "findmy-accessory": Target(accessory, _accessories, 2000),
    "apns-key": Target(apns_key, _apns_keys, 600),
}
