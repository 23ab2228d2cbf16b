"""Service accounts of Google: which key files are taken."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from billboard.errors import ProviderError
from billboard.push.emulators.fcm import PROJECT, FcmEmulator
from billboard.push.providers.fcm_account import FcmAccount


def key_file(**changes: object) -> bytes:
    members: dict[str, object] = dict(GOOD) | changes
    return json.dumps({name: each for name, each in members.items() if each is not None}).encode()


EC_KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
GOOD: dict[str, str] = {
    "type": "service_account",
    "private_key": FcmEmulator()._pem.decode(),
    "client_email": "push@example.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def test_a_good_key_file_is_taken() -> None:
    FcmAccount(PROJECT, key_file())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b"[" * 100_000,
        key_file(private_key=None),
        key_file(private_key="secret"),
        key_file(private_key=7),
        key_file(private_key=EC_KEY),
        key_file(client_email=None),
        key_file(token_uri=None),
        key_file(token_uri="http://oauth2.googleapis.com/token"),  # noqa: S106
        key_file(token_uri=["https://oauth2.googleapis.com/token"]),
    ],
)
def test_an_unusable_key_file_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(ProviderError, match="FCM key file of project emulator-project") as raised:
        FcmAccount(PROJECT, content)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("project", ["", "abc", "A" * 8, "project/../other", "a" * 31, "1project"])
def test_an_unusable_project_is_refused(project: str) -> None:
    with pytest.raises(ProviderError, match="project id"):
        FcmAccount(project, key_file())
