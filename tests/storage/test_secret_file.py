"""Secret files (SPEC 11)."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from processes import LONGEST

from billboard import Lane, SecretFileError, SecretKey
from billboard.hashing import expand, hash_bytes
from billboard.storage import secret_file
from billboard.storage.secret_file import Kind

PAYLOAD = bytes(range(256))
PASSPHRASE = "correct horse"  # noqa: S105
PLAIN = secret_file.encode(Kind.LANE, PAYLOAD, None)
PROTECTED = secret_file.encode(Kind.LANE, PAYLOAD, PASSPHRASE)
STATES = (Kind.DEVICE, Kind.SENDER)
OTHERS = [kind for kind in Kind if kind not in STATES]
KEY = bytes(range(32))


def save(path: Path, passphrase: str | None = None) -> None:
    secret_file.save(path, Kind.LANE, PAYLOAD, passphrase)


def load(path: Path, passphrase: str | None = None) -> bytes:
    return secret_file.load(path, Kind.LANE, passphrase)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


# Going round


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE, "", "pässwörd 🔑", " \n"])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_payload_goes_round(tmp_path: Path, kind: Kind, passphrase: str | None) -> None:
    secret_file.save(tmp_path / "file", kind, PAYLOAD, passphrase)
    assert secret_file.load(tmp_path / "file", kind, passphrase) == PAYLOAD


def test_a_protected_file_shows_nothing_and_is_fresh_each_time() -> None:
    assert PAYLOAD in PLAIN
    again = secret_file.encode(Kind.LANE, PAYLOAD, PASSPHRASE)
    assert PAYLOAD[:8] not in PROTECTED
    assert PROTECTED[:23] == again[:23]
    assert PROTECTED[23:39] != again[23:39]
    assert PROTECTED[39:51] != again[39:51]


@pytest.mark.parametrize("kind", STATES)
def test_a_state_goes_round_under_a_key(kind: Kind) -> None:
    data = secret_file.encode_keyed(kind, PAYLOAD, KEY)
    assert secret_file.decode_keyed(data, kind, KEY) == PAYLOAD
    assert PAYLOAD[:8] not in data
    assert secret_file.encode_keyed(kind, PAYLOAD, KEY)[20:] != data[20:]


@pytest.mark.parametrize("kind", STATES)
def test_a_state_is_never_without_a_key(kind: Kind) -> None:
    """Also where somebody else made the file."""
    header = b"billboard-secret\n" + bytes([1, kind])
    plain = header + b"\0" + PAYLOAD
    plain += hash_bytes("file", plain)[:16]
    for data, passphrase in ((plain, None), (header + b"\1" + bytes(100), PASSPHRASE)):
        with pytest.raises(SecretFileError, match="protected by a key only"):
            secret_file.encode(kind, PAYLOAD, passphrase)
        with pytest.raises(SecretFileError, match="protected by a key only"):
            secret_file.decode(data, kind, passphrase)
    keyed = secret_file.encode_keyed(kind, PAYLOAD, KEY)
    with pytest.raises(SecretFileError, match="not by a passphrase"):
        secret_file.decode(keyed, kind, None)


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_state_is_never_under_a_key(kind: Kind) -> None:
    with pytest.raises(SecretFileError, match="is not protected by a key"):
        secret_file.encode_keyed(kind, PAYLOAD, KEY)
    header = b"billboard-secret\n" + bytes([1, kind, 2]) + bytes(32)
    cipher = ChaCha20Poly1305(expand(KEY, "state", 32, header))
    data = header + cipher.encrypt(bytes(12), PAYLOAD, header)
    with pytest.raises(SecretFileError, match="is not protected by a key"):
        secret_file.decode_keyed(data, kind, KEY)


def test_writers_use_the_parameters_of_the_specification() -> None:
    assert PROTECTED[:23] == b"billboard-secret\n" + bytes([1, 2, 1, 15, 8, 1])


def test_passphrases_are_not_normalised(tmp_path: Path) -> None:
    save(tmp_path / "file", "\u00e9")
    with pytest.raises(SecretFileError, match="wrong passphrase"):
        load(tmp_path / "file", "e\u0301")


# Modes


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o177])
def test_a_new_file_is_for_its_owner_only(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        save(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_it_is_never_open_to_others_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes, fsync = list[int](), os.fsync

    def spy(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    before = os.umask(0)
    try:
        save(tmp_path / "file")
    finally:
        os.umask(before)
    assert modes == [0o600]


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_files_of_their_owner_are_read(tmp_path: Path, mode: int) -> None:
    write(tmp_path / "file", PLAIN).chmod(mode)
    assert load(tmp_path / "file") == PAYLOAD


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_files_open_to_others_are_refused(tmp_path: Path, bit: int) -> None:
    write(tmp_path / "file", PLAIN).chmod(0o600 | bit)
    with pytest.raises(SecretFileError, match="run chmod 600"):
        load(tmp_path / "file")


# Writing


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "file", b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    for name in ("file", "link", "folder"):
        with pytest.raises(SecretFileError, match="never overwritten"):
            save(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert not (tmp_path / "nothing").exists()


def test_two_savers_make_one_file(tmp_path: Path) -> None:
    """The second comes while the first has not linked its file yet."""
    link, calls = os.link, list[str]()

    def late(source: Any, target: Any) -> None:
        calls.append(str(source))
        if len(calls) == 1:
            save(tmp_path / "file")
        link(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "link", late)
        with pytest.raises(SecretFileError, match="never overwritten"):
            secret_file.save(tmp_path / "file", Kind.LANE, b"other", None)
    assert load(tmp_path / "file") == PAYLOAD
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


FAULTS: dict[str, Callable[..., Any]] = {"fsync": os.fsync, "link": os.link, "open": os.open}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EPERM, errno.EROFS])
@pytest.mark.parametrize("call", FAULTS)
def test_a_failing_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(SecretFileError, match=os.strerror(number)):
            save(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_stops_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """In a process whose files may not grow beyond 100 bytes: a real failure while writing."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from billboard.storage import secret_file\n"
        "from billboard.errors import SecretFileError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try:\n"
        "    secret_file.save(Path(sys.argv[1]), secret_file.Kind.LANE, bytes(100), None)\n"
        "except SecretFileError as error:\n"
        "    sys.exit(7 if 'cannot be written: File too large' in str(error) else 1)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    done = subprocess.run(command, check=False, timeout=LONGEST)
    assert done.returncode == 7
    assert list(tmp_path.iterdir()) == []


def test_a_kill_in_the_middle_leaves_no_file_of_that_name(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from billboard.storage import secret_file\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), 9)\n"
        "secret_file.save(Path(sys.argv[1]), secret_file.Kind.LANE, bytes(100), None)\n"
    )
    path = tmp_path / "file"
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, check=False, timeout=LONGEST)
    assert done.returncode == -9
    assert not path.exists()
    assert all(left.name.startswith(".file.") for left in tmp_path.iterdir())
    save(path)
    assert load(path) == PAYLOAD


@pytest.mark.parametrize("name", ["missing/file", "file/below", "x" * 255, "y" * 300])
def test_a_path_that_can_not_be_written_says_so(tmp_path: Path, name: str) -> None:
    write(tmp_path / "file", b"")
    with pytest.raises(SecretFileError, match="cannot be written"):
        save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["missing", "missing/file", "file/below", "folder", "y" * 300])
def test_a_path_that_can_not_be_read_says_so(tmp_path: Path, name: str) -> None:
    write(tmp_path / "file", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SecretFileError, match="cannot be read"):
        load(tmp_path / name)


# Damage


def refused(tmp_path: Path, data: bytes, passphrase: str | None = None) -> str:
    with pytest.raises(SecretFileError) as refusal:
        load(write(tmp_path / "damaged", data), passphrase)
    return str(refusal.value)


@pytest.fixture
def cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of `PROTECTED` for what it was derived from; scrypt would take minutes."""
    salt, right = PROTECTED[23:39], secret_file._derive(PASSPHRASE, PROTECTED[23:39], 15, 8, 1)

    def derive(*given: object) -> bytes:
        return right if given == (PASSPHRASE, salt, 15, 8, 1) else bytes(32)

    monkeypatch.setattr(secret_file, "_derive", derive)
    assert secret_file.decode(PROTECTED, Kind.LANE, PASSPHRASE) == PAYLOAD


def test_every_flipped_bit_of_a_plain_file_is_refused(tmp_path: Path) -> None:
    for position in range(len(PLAIN)):
        for bit in (0, 3, 7):
            flipped = bytearray(PLAIN)
            flipped[position] ^= 1 << bit
            refused(tmp_path, bytes(flipped))


@pytest.mark.usefixtures("cheap_scrypt")
def test_every_flipped_bit_of_a_protected_file_is_refused(tmp_path: Path) -> None:
    for position in range(len(PROTECTED)):
        for bit in (0, 3, 7):
            flipped = bytearray(PROTECTED)
            flipped[position] ^= 1 << bit
            refused(tmp_path, bytes(flipped), PASSPHRASE)


@pytest.mark.usefixtures("cheap_scrypt")
def test_files_cut_at_any_length_or_longer_are_refused(tmp_path: Path) -> None:
    for data, passphrase in ((PLAIN, None), (PROTECTED, PASSPHRASE)):
        for length in range(len(data)):
            refused(tmp_path, data[:length], passphrase)
        for more in (b"\0", b"\n", data, bytes(2**20)):
            refused(tmp_path, data + more, passphrase)


def test_what_follows_a_whole_file_of_the_greatest_size_is_not_ignored(tmp_path: Path) -> None:
    overhead = len(PLAIN) - len(PAYLOAD)
    data = secret_file.encode(Kind.LANE, bytes(2**20 - overhead), None)
    assert len(load(write(tmp_path / "largest", data))) == 2**20 - overhead
    refused(tmp_path, data + b"more")


def test_refusals_say_what_to_do(tmp_path: Path) -> None:
    assert "wrong passphrase" in refused(tmp_path, PROTECTED, "wrong")
    assert "wrong passphrase" in refused(tmp_path, PROTECTED, "")
    assert "needs its passphrase" in refused(tmp_path, PROTECTED)
    assert "load it without" in refused(tmp_path, PLAIN, PASSPHRASE)
    assert "not a billboard secret file" in refused(tmp_path, b"-----BEGIN PRIVATE KEY-----")
    assert "upgrade billboard" in refused(tmp_path, PLAIN[:17] + b"\x02" + PLAIN[18:])
    assert "upgrade billboard" in refused(tmp_path, PLAIN[:19] + b"\x03" + PLAIN[20:])
    assert "by a key, not by" in refused(tmp_path, PLAIN[:19] + b"\x02" + PLAIN[20:])
    other = secret_file.encode(Kind.SECRET_KEY, PAYLOAD, None)
    assert "holds a secret key, not a lane" in refused(tmp_path, other)
    assert "restore it from a backup" in refused(tmp_path, PLAIN[:-1] + b"\0\0")
    assert str(tmp_path) in refused(tmp_path, b"")


@pytest.mark.parametrize("parameters", [(13, 8, 1), (21, 8, 1), (15, 7, 1), (15, 9, 1), (15, 8, 0)])
def test_scrypt_parameters_out_of_range_cost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(secret_file, "_derive", lambda *_: pytest.fail("scrypt ran"))
    data = PROTECTED[:20] + bytes(parameters) + PROTECTED[23:]
    assert "out of range" in refused(tmp_path, data, PASSPHRASE)


def test_a_file_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    SecretKey.generate().save(tmp_path / "key")
    Lane.generate("board.example").save(tmp_path / "lane")
    with pytest.raises(SecretFileError, match="holds a lane, not a secret key"):
        SecretKey.load(tmp_path / "lane")
    with pytest.raises(SecretFileError, match="holds a secret key, not a lane"):
        Lane.load(tmp_path / "key")


def test_a_passphrase_that_is_no_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    """From a terminal that is not UTF-8, Python makes lone surrogates."""
    passphrase = "hunter2\udcff"  # noqa: S105
    for use in (
        lambda: save(tmp_path / "file", passphrase),
        lambda: load(write(tmp_path / "protected", PROTECTED), passphrase),
    ):
        with pytest.raises(SecretFileError) as refusal:
            use()
        error: BaseException | None = refusal.value
        while error is not None:  # a UnicodeEncodeError holds the text that it is about
            assert "hunter2" not in repr(error) + repr(vars(error)) + repr(error.args)
            error = error.__cause__ or error.__context__
    assert [path.name for path in tmp_path.iterdir()] == ["protected"]
