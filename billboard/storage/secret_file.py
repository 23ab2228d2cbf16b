"""Files that hold secrets (SPEC 11)."""

from __future__ import annotations

import contextlib
import enum
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from billboard.errors import SecretFileError
from billboard.hashing import expand, hash_bytes
from billboard.storage.files import sync

_MAGIC = b"billboard-secret\n"
_VERSION = 1
_PLAIN, _SCRYPT, _KEYED = 0, 1, 2
_HEADER = len(_MAGIC) + 3
_LOG_N, _R, _P = 15, 8, 1
_PARAMETERS = 3
_SALT, _NONCE, _CHECKSUM = 16, 12, 16
_KEYED_SALT = 32
_LARGEST = 1 << 20

KEY_SIZE = 32
"""Bytes of a key that protects a file instead of a passphrase."""


class Kind(enum.IntEnum):
    """What a secret file holds."""

    SECRET_KEY = 1
    LANE = 2
    NOTE_KEY = 3
    REQUEST_KEY = 4
    DEVICE = 5
    SENDER = 6


_STATES = (Kind.DEVICE, Kind.SENDER)
"""The kinds that only a key protects; a key never protects the others."""


def encode(kind: Kind, payload: bytes, passphrase: str | None) -> bytes:
    """Return the bytes of a secret file.

    Raises `SecretFileError` for a kind that only a key protects.
    """
    if kind in _STATES:
        raise SecretFileError(f"{_name(kind)} is protected by a key only")
    header = _MAGIC + bytes([_VERSION, kind, _PLAIN if passphrase is None else _SCRYPT])
    if passphrase is None:
        return header + payload + hash_bytes("file", header + payload)[:_CHECKSUM]
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    header += bytes([_LOG_N, _R, _P]) + salt + nonce
    key = _derive(passphrase, salt, _LOG_N, _R, _P)
    return header + ChaCha20Poly1305(key).encrypt(nonce, payload, header)


def decode(data: bytes, kind: Kind, passphrase: str | None) -> bytes:
    """Return the payload of a secret file. Raises `SecretFileError` that says what to do."""
    header, rest, protection = _parsed(data, kind)
    if kind in _STATES and protection in (_PLAIN, _SCRYPT):
        raise SecretFileError(f"{_name(kind)} is protected by a key only")
    if protection == _PLAIN:
        return _decode_plain(header, rest, passphrase)
    if protection == _SCRYPT:
        return _decode_scrypt(header, rest, passphrase)
    if protection == _KEYED:
        raise SecretFileError("the file is protected by a key, not by a passphrase")
    raise SecretFileError(f"protection {protection} is not known here: upgrade billboard")


def encode_keyed(kind: Kind, payload: bytes, key: bytes) -> bytes:
    """Return the bytes of a secret file under a key of `KEY_SIZE` uniform bytes.

    Raises `SecretFileError` for a kind that a key does not protect.
    """
    if kind not in _STATES:
        raise SecretFileError(f"{_name(kind)} is not protected by a key")
    header = _MAGIC + bytes([_VERSION, kind, _KEYED]) + os.urandom(_KEYED_SALT)
    return header + _keyed_cipher(key, header).encrypt(bytes(_NONCE), payload, header)


def decode_keyed(data: bytes, kind: Kind, key: bytes) -> bytes:
    """Return the payload of what `encode_keyed` made. Raises `SecretFileError` with what to do."""
    _, _, protection = _parsed(data, kind)
    if protection != _KEYED or kind not in _STATES:
        raise SecretFileError(f"{_name(kind)} is not protected by a key")
    split = _HEADER + _KEYED_SALT
    header, box = data[:split], data[split:]
    if len(header) < split:
        raise SecretFileError("the file is damaged: restore it from a backup")
    try:
        return _keyed_cipher(key, header).decrypt(bytes(_NONCE), box, header)
    except InvalidTag:
        raise SecretFileError("wrong key, or the file is damaged") from None


def save(path: Path, kind: Kind, payload: bytes, passphrase: str | None) -> None:
    """Write a new file of mode 0600, whole or not at all.

    Raises `SecretFileError`, also if the file exists: it is never replaced.
    """
    if not path.name:
        raise SecretFileError(f"{path} does not name a file")
    encoded = encode(kind, payload, passphrase)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)  # whatever the umask is
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
        sync(path.parent)
    except FileExistsError:
        raise SecretFileError(f"{path} exists; secrets are never overwritten") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SecretFileError(f"{path} cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink()


def read(path: Path, largest: int = _LARGEST) -> bytes:
    """Return the bytes of a file that only its owner can use.

    Raises `SecretFileError`, also if others can use it or it has more than ``largest`` bytes.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(largest + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SecretFileError(f"{path} cannot be read: {reason}") from error
    if len(data) > largest:
        raise SecretFileError(f"{path} is too large for a secret file")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretFileError(f"{path} is open to others than its owner: run chmod 600 on it")
    return data


def load(path: Path, kind: Kind, passphrase: str | None) -> bytes:
    """Read the payload of a file of ``kind``. Raises `SecretFileError`."""
    data = read(path)
    try:
        return decode(data, kind, passphrase)
    except SecretFileError as error:
        raise SecretFileError(f"{path}: {error}") from None


def _parsed(data: bytes, kind: Kind) -> tuple[bytes, bytes, int]:
    """Split a file into its header and the rest, and return how the rest is protected."""
    header, rest = data[:_HEADER], data[_HEADER:]
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        raise SecretFileError("this is not a billboard secret file")
    version, found, protection = header[len(_MAGIC) :]
    if version != _VERSION:
        raise SecretFileError(f"file version {version} is not known here: upgrade billboard")
    if found != kind:
        raise SecretFileError(f"this file holds {_name(found)}, not {_name(kind)}")
    return header, rest, protection


def _keyed_cipher(key: bytes, header: bytes) -> ChaCha20Poly1305:
    if len(key) != KEY_SIZE:
        raise SecretFileError(f"the key must have {KEY_SIZE} bytes, not {len(key)}")
    return ChaCha20Poly1305(expand(key, "state", 32, header))


def _decode_plain(header: bytes, rest: bytes, passphrase: str | None) -> bytes:
    if passphrase is not None:
        raise SecretFileError("the file has no passphrase: load it without one")
    payload, checksum = rest[:-_CHECKSUM], rest[-_CHECKSUM:]
    if hash_bytes("file", header + payload)[:_CHECKSUM] != checksum:
        raise SecretFileError("the file is damaged: restore it from a backup")
    return payload


def _decode_scrypt(header: bytes, rest: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        raise SecretFileError("the file needs its passphrase")
    prefix = _PARAMETERS + _SALT + _NONCE
    if len(rest) < prefix:
        raise SecretFileError("the file is damaged: restore it from a backup")
    log_n, r, p = rest[:_PARAMETERS]
    if not 14 <= log_n <= 20 or r != _R or not 1 <= p <= 4:
        raise SecretFileError("the scrypt parameters are out of range: the file is damaged")
    salt, nonce = rest[_PARAMETERS : _PARAMETERS + _SALT], rest[_PARAMETERS + _SALT : prefix]
    key = _derive(passphrase, salt, log_n, r, p)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, rest[prefix:], header + rest[:prefix])
    except InvalidTag:
        raise SecretFileError("wrong passphrase, or the file is damaged") from None


def _derive(passphrase: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Encoding is not tried, because its exception would carry the passphrase.
    if any("\ud800" <= character <= "\udfff" for character in passphrase):
        raise SecretFileError("the passphrase is not valid Unicode")
    return Scrypt(salt=salt, length=32, n=1 << log_n, r=r, p=p).derive(passphrase.encode())


def _name(kind: int) -> str:
    known = {
        Kind.SECRET_KEY: "a secret key",
        Kind.LANE: "a lane",
        Kind.NOTE_KEY: "a note key",
        Kind.REQUEST_KEY: "a request key",
        Kind.DEVICE: "the state of a device",
        Kind.SENDER: "the state of a sender",
    }
    return known.get(Kind(kind), "") if kind in list(Kind) else f"kind {kind}"
