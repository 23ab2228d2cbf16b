"""Batches of the native core, row for row by the oracle.

`compare_with_oracle` takes an operation, which is one row mostly. Here a batch has many: blocks of
rows, a key with its tables and without, bad rows between good ones. What a batch draws from its
seed is known: row i uses scalar i of `_core.scalars_from_seed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import oracle.elgamal
from oracle.groups import RISTRETTO255
from oracle.refusals import Refused
from samples.blobs import blob_for
from samples.frames import time_around
from samples.keys import named_keys
from samples.sampler import IDENTITY, Random, chance, data, element, replaced, scalars, strange

from billboard import InvalidRowsError, _core
from billboard.batches import Array, Mask
from billboard.elgamal import DecryptionKey, EncryptionKey
from billboard.groups.ristretto255 import Element, Scalar
from vectors.compare_with_oracle import Disagreement, compare, settings
from vectors.engine.setting import split

THREADS = (1, 2, 3, None)
BAD = 0.1
"""The share of rows of which one element is replaced by something strange."""

Row = bytes | None
"""What becomes of a row; None for a bad one."""


@dataclass
class Batch:
    """The rows of a batch, and what it takes to work on them."""

    rng: Random
    n: int
    rows: list[bytes]
    secrets: list[bytes]
    publics: list[bytes]
    seed: bytes

    @property
    def width(self) -> int:
        return len(self.rows[0]) // 32

    @property
    def drawn(self) -> list[int]:
        """The scalar of each row."""
        encodings = _core.scalars_from_seed(self.seed, len(self.rows))
        return [int.from_bytes(bytes(encoding), "little") for encoding in encodings]

    @property
    def encryption_key(self) -> EncryptionKey:
        return EncryptionKey(list(map(Element.from_bytes, self.publics)))

    @property
    def decryption_key(self) -> DecryptionKey:
        return DecryptionKey(list(map(Scalar.from_bytes, self.secrets)))


def make(operation: str, n: int, count: int, index: int) -> Batch:
    """Always the same one. Messages have n elements, and ciphertexts one more."""
    rng = Random(f"{operation} {n} {count} {index}")
    width = n if operation == "encrypt" else n + 1
    rows = [_row(rng, width, is_ciphertext=width > n) for _ in range(count)]
    secrets = scalars(rng, n)
    publics = [bytes(Element.mul_generator(Scalar.from_bytes(x))) for x in secrets]
    return Batch(rng, n, rows, secrets, publics, rng.randbytes(32))


def _row(rng: Random, width: int, *, is_ciphertext: bool) -> bytes:
    row = b"".join(element(rng) for _ in range(width))
    if is_ciphertext and row[:32] == IDENTITY and chance(rng, 0.9):
        row = replaced(row, 0, bytes(Element.generator()))
    return replaced(row, 32 * rng.randrange(width), strange(rng)) if chance(rng, BAD) else row


def encrypt(batch: Batch) -> tuple[int, int]:
    def expected(row: bytes, r: int) -> bytes:
        return oracle.elgamal.encrypt(RISTRETTO255, batch.publics, split(row), r)

    def all_rows(array: Array, seed: bytes, threads: int | None) -> Array:
        return key.encrypt_batch(array, seed=seed, threads=threads)

    key = batch.encryption_key
    return _compare(batch, expected, all_rows, key._core.encrypt)


def rerandomize(batch: Batch) -> tuple[int, int]:
    def expected(row: bytes, s: int) -> bytes:
        return oracle.elgamal.rerandomize(RISTRETTO255, batch.publics, row, s)

    def all_rows(array: Array, seed: bytes, threads: int | None) -> Array:
        return key.rerandomize_batch(array, seed=seed, threads=threads)

    key = batch.encryption_key
    return _compare(batch, expected, all_rows, key._core.rerandomize)


def decrypt(batch: Batch) -> tuple[int, int]:
    secrets = [int.from_bytes(x, "little") for x in batch.secrets]

    def expected(row: bytes, _: int) -> bytes:
        return b"".join(oracle.elgamal.decrypt(RISTRETTO255, secrets, row))

    def all_rows(array: Array, _: bytes, threads: int | None) -> Array:
        return key.decrypt_batch(array, threads=threads)

    def masked(array: Array, _: bytes, threads: int | None) -> tuple[Array, Mask]:
        return key._core.decrypt(array, threads)

    key = batch.decryption_key
    return _compare(batch, expected, all_rows, masked)


def _compare(
    batch: Batch,
    expected: Callable[[bytes, int], bytes],
    all_rows: Callable[[Array, bytes, int | None], Array],
    masked: Callable[[Array, bytes, int | None], tuple[Array, Mask]],
) -> tuple[int, int]:
    """How many rows were good, and how many bad. Raises `Disagreement`.

    ``all_rows`` is the public method, which refuses a batch with a bad row and names all of them;
    with good ones in their place it takes it. ``masked`` is the core's, which leaves them zero.
    """
    wanted: list[Row] = []
    for row, scalar in zip(batch.rows, batch.drawn, strict=True):
        try:
            wanted.append(expected(row, scalar))
        except Refused:
            wanted.append(None)
    bad = tuple(i for i, row in enumerate(wanted) if row is None)
    threads = batch.rng.choice(THREADS)
    output, valid = masked(_array(batch.rows, batch.width), batch.seed, threads)
    _agree(wanted, [bytes(row) if valid[i] else None for i, row in enumerate(output)])
    _require(not output[~valid].any(), "a bad row is not zero")
    try:
        all_rows(_array(batch.rows, batch.width), batch.seed, threads)
    except InvalidRowsError as error:
        _require(error.rows == bad != (), f"the engine refuses rows {error.rows}, and not {bad}")
    else:
        _require(not bad, f"the engine takes rows {bad}")
    filler = bytes(Element.generator()) * batch.width
    repaired = [row if wanted[i] is not None else filler for i, row in enumerate(batch.rows)]
    output = all_rows(_array(repaired, batch.width), batch.seed, threads)
    _agree(wanted, [None if i in bad else bytes(row) for i, row in enumerate(output)])
    return len(wanted) - len(bad), len(bad)


def open_frames(n: int, count: int, index: int) -> tuple[int, int]:
    """`SecretKey.open_batch`, with rows that open and rows that do not."""
    rng = Random(f"open {n} {count} {index}")
    name = next(name for name, key in named_keys().items() if key["class"] == n)
    size = 32 * (n + 1)
    made = [blob_for(rng, name) for _ in range(count)]
    rows = [row[:size].ljust(size, b"\0") for row, _ in made]
    time = time_around(rng, rng.choice([hours for _, hours in made]))
    inputs = {"key": name, "batch": b"".join(rows).hex(), "time": time}
    with settings() as setting:
        compare("blob/open-batch", inputs, setting)
        _, opened = setting.secret_key(name).open_batch(_array(rows, n + 1), now=time)
    return int(opened.sum()), int((~opened).sum())


def embed(n: int, count: int, index: int) -> tuple[int, int]:
    """What the core embeds is one of the candidates that the oracle takes for the same bytes."""
    rng = Random(f"embed {n} {count} {index}")
    messages = np.frombuffer(b"".join(data(rng, 30) for _ in range(n * count)), np.uint8)
    messages = messages.reshape(count, n, 30)
    drawn = _core.embed(messages, n, rng.randbytes(32), rng.choice(THREADS))
    pairs = zip(
        map(bytes, messages.reshape(-1, 30)), map(bytes, drawn.reshape(-1, 32)), strict=True
    )
    for message, encoding in pairs:
        candidate = encoding[0] // 2 + 128 * encoding[31]
        try:
            _agree([RISTRETTO255.embed(message, candidate)], [encoding])
        except Refused as refusal:
            raise Disagreement(f"candidate {candidate}: {refusal.reason}") from refusal
        _agree([RISTRETTO255.extract(encoding)], [message])
    _require((_core.extract(drawn, n) == messages).all(), "what was embedded does not come out")
    return count, 0


OF_BATCHES = {"encrypt": encrypt, "rerandomize": rerandomize, "decrypt": decrypt}
OPERATIONS = (*OF_BATCHES, "open", "embed")


def run(operation: str, n: int, count: int, index: int) -> tuple[int, int]:
    """Compare a batch of so many rows: how many were good, and how many bad.

    Raises `Disagreement`, which says where.
    """
    try:
        if operation == "open":
            return open_frames(n, count, index)
        if operation == "embed":
            return embed(n, count, index)
        return OF_BATCHES[operation](make(operation, n, count, index))
    except Disagreement as error:
        raise Disagreement(f"run({operation!r}, {n}, {count}, {index}): {error}") from error


def _array(rows: list[bytes], width: int) -> Array:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width, 32)


def _agree(expected: list[Row], found: list[Row]) -> None:
    for i, (ours, its) in enumerate(zip(expected, found, strict=True)):
        _require(ours == its, f"row {i}: {_shown(ours)} by the oracle, by the core {_shown(its)}")


def _shown(row: Row) -> str:
    return "refused" if row is None else row.hex()


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise Disagreement(problem)
