"""The file that a push server is set up by, and secret keys that are no files."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billboard import FrameClass, SecretFileError, SecretKey
from billboard.errors import ConfigError
from billboard.hashing import hash_bytes
from billboard.push.config import Config
from billboard.push.emulators.fcm import FcmEmulator
from billboard.storage.secret_file import Kind, decode, encode

from ..material import proven_key, secret_key
from ..target import Source, Target, attempt, require, silent, vectors

WINDOW = 12
TOKEN = b"a-token-of-metrics-0123456789"
API_KEY = b"0123456789abcdefSecretApiKey"
AWS = {
    "AWS_ACCESS_KEY_ID": "an-access-key-of-amazon",
    "AWS_SECRET_ACCESS_KEY": "a-secret-key-of-amazon",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
NAME = "BILLBOARD_FUZZ_KEY"


@cache
def _encoded(frame_class: FrameClass = FrameClass.L) -> bytes:
    """A secret key as a file has it."""
    key = secret_key(frame_class)
    payload = bytes(key.public_key) + key._core.secret_bytes()
    return encode(Kind.SECRET_KEY, payload, None)


@cache
def _contents() -> dict[str, bytes]:
    """The files that a configuration can name."""
    private, plain = ec.derive_private_key(12345, ec.SECP256R1()), NoEncryption()
    emulator = FcmEmulator()
    with patch.object(FcmEmulator, "url", "https://localhost"):
        account = emulator.account.key_file
    return {
        "secret.key": _encoded(),
        "small.key": _encoded(FrameClass.S),
        "apns.p8": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain),
        "account.json": account,
        "api.key": API_KEY + b"\n",
        "metrics.token": TOKEN + b"\n",
        "binary": b"\xff\xfe" + bytes(range(100, 200)),
    }


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    memory = Path("/dev/shm")  # noqa: S108
    folder = tempfile.TemporaryDirectory(
        prefix="billboard-fuzz-", dir=memory if memory.is_dir() else None
    )
    for name, content in _contents().items():
        path = Path(folder.name) / name
        path.write_bytes(content)
        path.chmod(0o600)
    return folder


def config(data: bytes) -> None:
    """Any text of the file, and a key in the environment, as it is or in base64."""
    source = Source(data)
    kind, key, text = source.number(), source.part(2), source.rest()
    given = base64.b64encode(key) if kind & 1 else key.replace(b"\0", b"")
    path = Path(_folder().name) / "push.toml"
    path.write_bytes(text)
    secrets = [*_contents().values(), *(value.encode() for value in AWS.values())]
    if not any(given[i : i + WINDOW] in text for i in range(max(len(given) - WINDOW, 0) + 1)):
        secrets += [key, given]
    environment = {**AWS, NAME: given.decode("utf-8", "surrogateescape")}
    with patch.dict(os.environ, environment):
        os.environ.pop("AWS_PROFILE", None)
        try:
            made = Config.load(path)
        except ConfigError as error:
            silent(error, *secrets)
            return
    require(len({each.public_key.frame_class for each in made.keys}) == 1, "keys of one class")
    require(bool(made.providers) and 0 <= made.port <= 65535, "what a server needs")
    require(TOKEN.decode() not in repr(made), "a repr shows the token")


START = 'url = "https://push.example"\nkeys = ["secret.key"]\n'
SECTIONS = (
    '[apns]\nteam_id = "ABCDE12345"\nkey_id = "FGHIJ67890"\nkey_file = "apns.p8"\n'
    'topics = { "0" = "org.example" }\n',
    '[fcm]\nhost = "https://localhost"\n[fcm.accounts.0]\nproject_id = "emulator-project"\n'
    'key_file = "account.json"\n',
    '[web_push]\nkey_file = "apns.p8"\ncontact = "mailto:push@example.org"\nports = [443, 8443]\n'
    'hosts = ["*.example.org"]\nnetworks = ["10.0.0.0/8"]\n',
    '[sns]\napplications = { "0" = "arn:aws:sns:eu-west-1:123456789012:app/APNS/name" }\n',
    '[pushy]\napi_key_files = { "0" = "api.key" }\n',
    '[gorush_apns]\nhost = "https://localhost"\ntopics = { "0" = "org.example" }\n',
    '[gorush_fcm]\nhost = "http://localhost:8088"\n',
)
TIMING = (
    "[timing]\ntick = 3.0\nminimum = 16\npatience = 15.0\njitter = 2.0\nlifetime = 3600\n"
    "pace_interval = 10\npace_burst = 6\n"
)
TOP = 'port = 0\nrate = 1.5\nproof_of_work = 5\nmetrics_token_file = "metrics.token"\n'


def _configs() -> Iterator[bytes]:
    for section in SECTIONS:
        yield _with_key(b"", START + section)
    yield _with_key(b"", START + TOP + TIMING + SECTIONS[4])
    from_environment = START.replace("secret.key", f"${NAME}") + SECTIONS[6]
    yield _with_key(_encoded(), from_environment)
    yield _with_key(_encoded()[:-1], from_environment)
    yield b"\0" + _with_key(b"not base64, \xff", from_environment)[1:]
    yield _with_key(b"", from_environment.replace(NAME, "NO_SUCH_KEY"))
    for keys in ('["small.key", "secret.key"]', "[]", "5", '["api.key"]', '["\\u0000"]'):
        yield _with_key(b"", START.replace('["secret.key"]', keys) + SECTIONS[6])
    for wrong in ('host = "a"', 'host = ""', "host = 5", "other = 1", "host = nan"):
        yield _with_key(b"", START + f"[gorush_fcm]\n{wrong}\n")
    for wrong in ('{ "0" = "binary" }', '{ "0" = "\\u0000" }', '{ "00" = "api.key" }', "{}"):
        yield _with_key(b"", START + f"[pushy]\napi_key_files = {wrong}\n")
    yield _with_key(b"", START + f"[pushy]\napi_key_files.{'9' * 5000} = 'api.key'\n")
    yield _with_key(b"", START + 'metrics_token_file = "binary"\n' + SECTIONS[4])
    for node in ('url = "http://localhost:8645"', 'url = "me:pw@node"', "url = 5", ""):
        yield _with_key(b"", START + SECTIONS[4] + f"[waku]\n{node}\n")
    for value in ("nan", "1.5", "true", "9" * 5000, "0x" + "f" * 2000, "-inf", "[" * 1500):
        yield _with_key(b"", START + f"port = {value}\n" + SECTIONS[4])
        yield _with_key(b"", START + SECTIONS[4] + f"[timing]\nminimum = {value}\n")
    yield _with_key(b"", START)
    yield b"\0\0\0\xff"


def _with_key(key: bytes, text: str) -> bytes:
    return b"\x01" + len(key).to_bytes(2, "big") + key + text.encode()


def key_bytes(data: bytes) -> None:
    """A secret key from wherever it is kept; as it is, or with the right checksum."""
    source = Source(data)
    to_check, encoded = source.number() & 1, source.rest()
    if to_check:
        encoded += hash_bytes("file", encoded)[:16]
    made = attempt(encoded, SecretKey.from_file_bytes, SecretFileError)
    payload = attempt(encoded, lambda it: decode(it, Kind.SECRET_KEY, None), SecretFileError)
    owner = None if payload is None else attempt(payload, SecretKey._from_payload, SecretFileError)
    require((made is None) == (owner is None), "what loads is a key")
    if made is not None and payload is not None:
        require(bytes(made.public_key) + made._core.secret_bytes() == payload, "a key goes round")
        require(repr(made) == repr(owner), "a repr is of the public key")


def _key_bytes() -> Iterator[bytes]:
    for frame_class in FrameClass:
        yield b"\0" + _encoded(frame_class)
    good = _encoded()[:-16]
    yield b"\x01" + good
    yield b"\x01" + good[:-1]
    yield b"\x01" + good[:-32] + bytes(32)
    yield b"\x01" + good[:20] + proven_key([])
    for encoded in vectors("file/decode", "file"):
        if encoded[19:20] != b"\x01":
            yield b"\0" + encoded


TARGETS = {
    "push-config": Target(config, _configs, 6000),
    "secret-key-bytes": Target(key_bytes, _key_bytes, 5000),
}
