"""State files that are ours by their box, and hold what is no state (SPEC 11)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from billboard import SecretFileError
from billboard.sender.state import SenderState
from billboard.storage import secret_file
from billboard.storage.secret_file import Kind
from billboard.storage.state_file import StateFile

KEY = bytes(range(32))
STATE = msgspec.msgpack.encode(SenderState())


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "upgrade billboard"),
        (b"\2" + STATE, "upgrade billboard"),
        (b"\1", "its content"),
        (b"\1" + STATE[:-1], "its content"),
        (b"\1" + STATE + b"\0", "its content"),
        (b"\1\x81\xa8fetch_at\xa1x", "its content"),
        (b"\1\x81\xa8contacts\x81\xa1\x90\xc0", "its content"),  # a name that is not UTF-8
        (b"\1\x81\xa1x" + b"\x91" * 100_000 + b"\xc0", "its content"),
    ],
)
def test_what_is_no_state_is_refused(tmp_path: Path, payload: bytes, problem: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(secret_file.encode_keyed(Kind.SENDER, payload, KEY))
    path.chmod(0o600)
    with pytest.raises(SecretFileError, match=problem):
        StateFile(path, KEY, Kind.SENDER, SenderState).read()
    # It was closed: another one may try.
    again = StateFile(path, KEY, Kind.SENDER, SenderState)
    again.write(SenderState())
    assert again.read() == SenderState()
