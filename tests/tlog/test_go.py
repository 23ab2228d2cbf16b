"""Logs as Go's checksum database sees them: its code verifies what ours wrote (SPEC 9.3)."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from go_programs import built

from billboard.board import FileObjects
from billboard.tlog import merkle
from billboard.tlog.checkpoint import Checkpoint, Proof
from billboard.tlog.note import Algorithm, Note, NoteSigner, encode_base64
from billboard.tlog.tiles import TileReader, tile_path
from billboard.tlog.writer import LogWriter

SOURCE = Path(__file__).parent / "go"
SIGNER = NoteSigner("example.org/board/20000/0", Algorithm.ED25519, bytes(range(32)))


@dataclass(frozen=True)
class Log:
    """The files of a log, and proofs about it."""

    directory: Path
    proofs: Path
    size: int


@pytest.fixture(scope="module")
def checklog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in ``go/``."""
    return built(SOURCE, tmp_path_factory.mktemp("go"))


def entries(size: int) -> Iterator[bytes]:
    """Distinct and of 521 bytes, as posts of class L with Ed25519 keys nearly are."""
    for number in range(size):
        yield number.to_bytes(8, "big") + bytes([number % 251]) * 513


def write_log(directory: Path, size: int) -> Log:
    objects = FileObjects(directory / "log")
    root = LogWriter(objects, "").append(entries(size))
    text = str(Checkpoint(SIGNER.key.name, size, root))
    note = Note(text, (SIGNER.sign(text),))
    objects.put([("checkpoint", bytes(note))])
    proofs = directory / "proofs"
    proofs.mkdir()
    reader = TileReader(size, objects.get)
    for index in {0, 1, 255, size // 3, size - 1}:
        proof = Proof(index, tuple(reader.inclusion_proof(index)), note, extra=b"ignored")
        (proofs / f"{index}.tlog-proof").write_bytes(bytes(proof))
    consistency = [
        {
            "old": old,
            "root": encode_base64(merkle.subtree_hash(0, old, reader.node)),
            "hashes": list(map(encode_base64, reader.consistency_proof(old))),
        }
        for old in sorted({1, 2, 255, 256, size // 3, size - 1})
    ]
    (proofs / "consistency.json").write_text(json.dumps(consistency))
    return Log(directory / "log", proofs, size)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """One that has partial tiles."""
    return write_log(tmp_path_factory.mktemp("log"), 512 + 44)


def run(program: Path, log: Log) -> subprocess.CompletedProcess[str]:
    command = [str(program), str(log.directory), str(SIGNER.key), str(log.proofs)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("size", [256, 512, 65_536, 70_144])
def test_a_log_is_accepted(checklog: Path, tmp_path: Path, size: int) -> None:
    log = write_log(tmp_path, size)
    result = run(checklog, log)
    assert (result.returncode, result.stderr) == (0, "")
    proofs = len(list(log.proofs.glob("*.tlog-proof"))) + len({1, 2, 255, 256, size // 3, size - 1})
    assert result.stdout == f"{size} entries, {proofs} proofs\n"


TILES = [tile_path(0, 0), tile_path(0, 1), tile_path(0, 2, 44), tile_path(1, 0, 2)]
BUNDLES = [tile_path("entries", 0), tile_path("entries", 2, 44)]


@pytest.mark.parametrize("name", ["checkpoint", *TILES, *BUNDLES])
@pytest.mark.parametrize("part", range(3))
def test_a_flipped_bit_of_a_log_is_found(checklog: Path, log: Log, name: str, part: int) -> None:
    path = log.directory / name
    whole = path.read_bytes()
    chosen = random.Random(f"{name} {part}")
    position = len(whole) * part // 3 + chosen.randrange(len(whole) // 3)
    damaged = bytearray(whole)
    damaged[position] ^= 1 << chosen.randrange(8)
    path.write_bytes(damaged)
    try:
        result = run(checklog, log)
    finally:
        path.write_bytes(whole)
    assert result.returncode == 1
    assert result.stdout == ""
    assert ("entries" if name in BUNDLES else name) in result.stderr


@pytest.mark.parametrize("what", ["0.tlog-proof", "555.tlog-proof", "consistency.json"])
def test_a_wrong_proof_is_found(checklog: Path, log: Log, what: str) -> None:
    path = log.proofs / what
    whole = path.read_bytes()
    if what == "consistency.json":
        proofs = json.loads(whole)
        proofs[-1]["hashes"][0] = encode_base64(bytes(32))
        damaged = json.dumps(proofs).encode()
        expected = "consistency with 555 entries"
    else:
        proof = Proof.from_bytes(whole)
        hashes = (bytes(32), *proof.hashes[1:])
        damaged = bytes(Proof(proof.index, hashes, proof.note, proof.extra))
        expected = what
    path.write_bytes(damaged)
    try:
        result = run(checklog, log)
    finally:
        path.write_bytes(whole)
    assert result.returncode == 1
    assert expected in result.stderr


def test_another_key_is_refused(checklog: Path, log: Log) -> None:
    other = NoteSigner(SIGNER.key.name, Algorithm.ED25519, os.urandom(32)).key
    command = [str(checklog), str(log.directory), str(other)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "no verifiable signatures" in result.stderr
