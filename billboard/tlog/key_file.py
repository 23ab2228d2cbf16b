"""The secret file of a key that signs notes (SPEC 11)."""

from __future__ import annotations

import os
from pathlib import Path

from billboard.errors import SecretFileError
from billboard.storage import secret_file
from billboard.tlog.note import Algorithm, NoteKey, NoteSigner


def new_key(path: Path, name: str, algorithm: Algorithm, passphrase: str | None) -> NoteKey:
    """Write the secret file of a new key called ``name``, and return the public key.

    Raises `SecretFileError`, `InvalidEncodingError`.
    """
    seed = os.urandom(32)
    signer = NoteSigner(name, algorithm, seed)
    save_seed(path, signer, seed, passphrase)
    return signer.key


def save_seed(path: Path, signer: NoteSigner, seed: bytes, passphrase: str | None) -> None:
    """Write the secret file of a note key (SPEC 11)."""
    key = signer.key
    payload = bytes([key.algorithm]) + seed + key.name.encode()
    secret_file.save(path, secret_file.Kind.NOTE_KEY, payload, passphrase)


def load_signer(path: Path, passphrase: str | None = None) -> NoteSigner:
    """Read the secret file of a note key. Raises `SecretFileError`."""
    payload = secret_file.load(path, secret_file.Kind.NOTE_KEY, passphrase)
    try:
        return NoteSigner(payload[33:].decode(), Algorithm(payload[0]), payload[1:33])
    except (IndexError, ValueError):
        raise SecretFileError(f"{path}: the note key in it is damaged: restore a backup") from None
