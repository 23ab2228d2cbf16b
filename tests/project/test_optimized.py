"""With ``python -O`` what is refused is refused too, and what tests assert is checked."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT, TESTS

SCRIPT = r"""
import dataclasses, sys
from pathlib import Path
import numpy as np
from billboard import *
from billboard import _core, elgamal, posts
from billboard.groups.ristretto255 import Element, Scalar
from billboard.proofs import schnorr

if __debug__:
    raise SystemExit("not optimized")
folder = Path(sys.argv[1])
refused = 0


def refuses(error, action):
    global refused
    try:
        action()
    except error:
        refused += 1
    else:
        raise SystemExit(f"check {refused + 1} is gone")


Encoding, Signature, File = InvalidEncodingError, InvalidSignatureError, SecretFileError
key, other = SecretKey.generate(), SecretKey.generate()
public = bytes(key.public_key)
NOW = 1_800_000_000
device = DeviceToken(Platform.APNS, b"token")
blob = key.public_key.encrypt(device, now=NOW)
zero = Scalar.from_bytes(bytes(32))
G = Element.generator()

refuses(Encoding, lambda: Element.from_bytes(b"\xff" * 32))
refuses(Encoding, lambda: Scalar.from_bytes(b"\xff" * 32))
refuses(Encoding, lambda: schnorr.sign("x", zero))
refuses(Signature, lambda: schnorr.verify("x", G, bytes(64)))
refuses(Signature, lambda: schnorr.verify("x", Element.identity(), bytes(64)))
refuses(Encoding, lambda: elgamal.encrypt([G], [G], zero))
refuses(Encoding, lambda: elgamal.encrypt([G], []))
refuses(Encoding, lambda: elgamal.EncryptionKey([Element.identity()]))
refuses(Encoding, lambda: PublicKey.from_bytes(public[:-1]))
refuses(Encoding, lambda: PublicKey.from_bytes(b"\2" + public[1:]))
refuses(Encoding, lambda: PublicKey.from_bytes(public[:98] + public[2:98] + public[194:]))
refuses(Signature, lambda: PublicKey.from_bytes(public[:34] + public[130:194] + public[98:]))
refuses(Encoding, lambda: DeviceToken(Platform.APNS, b""))
refuses(TypeError, lambda: DeviceToken(Platform.APNS, "text"))
refuses(Encoding, lambda: DeviceToken(6, b"token"))
refuses(Encoding, lambda: DeviceToken(1, b"token", 65536))
refuses(Encoding, lambda: Frame(device, 1))
refuses(Encoding, lambda: Frame(device, 3600, bytes(16)))
refuses(Encoding, lambda: key.public_key.encrypt(DeviceToken(1, bytes(199))))
refuses(Encoding, lambda: Blob.from_bytes(bytes(288)))
refuses(Encoding, lambda: Blob.from_bytes(bytes(blob) + b"\0"))
refuses(Encoding, lambda: Blob.from_bytes(bytes(blob)[:-32] + b"\xff" * 32))
refuses(NotMine, lambda: other.open(blob, now=NOW))
refuses(NotMine, lambda: key.open(blob, now=NOW + 20 * 86_400))
bad = np.full((1, 9, 32), 255, np.uint8)
refuses(InvalidRowsError, lambda: key.public_key.rerandomize_batch(bad))
refuses(ValueError, lambda: key.public_key.rerandomize_batch(bad[:, :8]))
refuses(ValueError, lambda: key.open_batch(bad, threads=0))
refuses(TypeError, lambda: key.open_batch(None))
refuses(NotMine, lambda: key.open_batch(bad)[0][0])

lane = Lane.generate("board.example", now=NOW)
epoch = lane.epoch
reader, late = lane.grant(epoch), lane.grant(epoch + 1)
grant = bytes(reader)
post = lane.post(epoch, blob, key.public_key, seq=5)
forged = dataclasses.replace(post, signature=bytes(64))
data = bytes(post)
refuses(Encoding, lambda: Lane.generate("no board", now=NOW))
refuses(Encoding, lambda: Lane.generate("board.example", epoch_length=59, now=NOW))
refuses(Encoding, lambda: LaneReader.from_bytes(grant + b"!"))
refuses(Encoding, lambda: LaneReader.from_bytes(grant[:11] + bytes(32) + grant[43:]))
refuses(EpochError, lambda: late.identifier(epoch))
refuses(EpochError, lambda: reader.identifier(epoch + 4097))
refuses(EpochError, lambda: reader.identifier(epoch, 16))
refuses(EpochError, lambda: lane.post(epoch - 1, blob, key.public_key))
refuses(NotMine, lambda: late.open(post))
refuses(NotMine, lambda: Lane.generate("board.example", now=NOW).grant(epoch).open(post))
refuses(Signature, lambda: reader.open(forged))
refuses(Signature, lambda: post.verify("board.exampl"))
refuses(WithdrawnError, lambda: reader.open(lane.withdraw(epoch, seq=6)))
refuses(Encoding, lambda: lane.withdraw(epoch, seq=2**32))
refuses(Encoding, lambda: Post.from_bytes(data[:-1]))
refuses(Encoding, lambda: Post.from_bytes(bytes([data[0] ^ 1]) + data[1:]))
refuses(Encoding, lambda: Envelope.from_bytes(bytes(336)))
refuses(Encoding, lambda: Envelope(blob, b"short"))

create_board(folder / "board", BoardParameters("board.example"))
board = open_board(folder / "board", clock=lambda: NOW)
board.submit(post)
refuses(RefusedPostError, lambda: board.submit(post))
refuses(RefusedPostError, lambda: board.submit(forged))
refuses(RefusedPostError, lambda: board.submit(lane.post(epoch + 20, blob, key.public_key)))
refuses(EpochError, lambda: board.publish(epoch + 1))
board.publish(epoch)
refuses(RefusedPostError, lambda: board.submit(lane.post(epoch, blob, key.public_key, seq=6)))
refuses(LookupError, lambda: board.bundle(epoch, bytes(32), edition=1))
refuses(StoreError, lambda: create_board(folder / "board", BoardParameters("x")))

file = folder / "lane"
lane.save(file)
refuses(File, lambda: lane.save(file))
refuses(File, lambda: SecretKey.load(file))
refuses(File, lambda: Lane.load(file, "passphrase"))
file.chmod(0o644)
refuses(File, lambda: Lane.load(file))
content = file.read_bytes()
for position in range(len(content)):
    damaged = folder / f"damaged {position}"
    flipped = bytes([content[position] ^ 1])
    damaged.write_bytes(content[:position] + flipped + content[position + 1:])
    damaged.chmod(0o600)
    refuses(File, lambda: Lane.load(damaged))
refuses(TypeError, lambda: __import__("pickle").dumps(key))
refuses(TypeError, lambda: __import__("copy").copy(lane))
print("refused", refused - len(content))
"""


def test_refusals_do_not_depend_on_asserts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"refused {SCRIPT.count('refuses(') - 2}\n"


def test_the_library_has_no_assert() -> None:
    package = ROOT / "billboard"
    nodes = [
        node for path in package.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    ]
    assert any(isinstance(node, ast.Raise) for node in nodes)
    assert not any(isinstance(node, ast.Assert) for node in nodes)


def has_assertions(path: Path) -> bool:
    return any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text())))


@pytest.mark.slow  # as all other tests that run without Python's assertions
def test_each_helper_of_the_tests_asserts_under_optimization(tmp_path: Path) -> None:
    """A false assertion is put at the end of each module that is no test and has assertions."""
    tests = tmp_path / "tests"
    leave_out = shutil.ignore_patterns("__pycache__", "corpus", "test_*.py")
    shutil.copytree(TESTS, tests, ignore=leave_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    modules = []
    # What runs as a program by itself is not run by pytest.
    for path in sorted(tests.rglob("*.py")):
        if has_assertions(path) and "fuzz" not in path.parts and path.name != "conftest.py":
            path.write_text(f"{path.read_text()}\n\ndef false_assertion():\n    assert 1 == 2\n")
            modules.append(".".join(path.relative_to(tests).with_suffix("").parts))
    assert len(modules) >= 20
    (tests / "test_helpers.py").write_text(
        "import importlib\nimport pytest\n"
        f"@pytest.mark.parametrize('name', {modules!r})\n"
        "def test_it(name):\n"
        "    module = importlib.import_module(name)\n"
        "    with pytest.raises(AssertionError):\n"
        "        module.false_assertion()\n"
    )
    done = subprocess.run(
        [sys.executable, "-O", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert f"{len(modules)} passed" in done.stdout
