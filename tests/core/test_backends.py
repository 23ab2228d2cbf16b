"""The backends give the same bytes as each other and as libsodium (docs/adr/0006)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from test_elgamal import sodium_add_multiple

from billboard import _core, batches, elgamal
from billboard.batches import Array
from billboard.groups.ristretto255 import Element, random_scalar
from core.test_kernel_edges import INVALID, VALID

pytestmark = pytest.mark.backend

SEED = bytes(range(32))
G = bytes(Element.generator())
IN_USE = batches.backend()


def available() -> list[str]:
    names = []
    for name in ("portable", "ifma"):
        try:
            _core.use_backend(name)
        except ValueError:
            continue
        names.append(name)
    _core.use_backend(IN_USE)
    return names


AVAILABLE = available()


@contextmanager
def on(backend: str) -> Iterator[None]:
    _core.use_backend(backend)
    try:
        yield
    finally:
        _core.use_backend(IN_USE)


def elements(items: int, width: int, generator: np.random.Generator, edges: float) -> Array:
    """Random elements; a share of ``edges`` of the rows has an edge, or an encoding of none."""
    data = generator.integers(0, 256, (items, width, 30), np.uint8)
    array = _core.embed(data, width, generator.bytes(32))
    rows = generator.random(items) < edges
    # There are many more encodings of none, and what comes of them says less.
    for special, chosen in ((VALID, rows), (INVALID, rows & (generator.random(items) < 0.5))):
        encodings = np.frombuffer(b"".join(special), np.uint8).reshape(-1, 32)
        count = int(chosen.sum())
        places = generator.integers(0, width, count)
        array[np.flatnonzero(chosen), places] = encodings[
            generator.integers(0, len(encodings), count)
        ]
    return array


def scalars(items: int, generator: np.random.Generator) -> Array:
    """Random ones, some at the edges, and now and then none."""
    array = _core.scalars_from_seed(generator.bytes(32), items).copy()
    edges = [0, 1, 2, 2**252, 2**252 + 27742317777372353535851937790883648493, 2**256 - 1]
    for number in edges:
        rows = generator.random(items) < 0.02
        array[rows] = np.frombuffer(number.to_bytes(32, "little"), np.uint8)
    return array.reshape(-1, 1, 32)


Call = Callable[[], object]


def calls(items: int, generator: np.random.Generator, edges: float) -> dict[str, Call]:
    """Every operation of the core on batches, with inputs that do not depend on the backend."""
    made: dict[str, Call] = {}
    for n in (1, 2, 3, 8):
        rows = max(items // (n + 1), 1)
        secret = [random_scalar() for _ in range(n)]
        public = elgamal.EncryptionKey(elgamal.public_elements(secret))._core
        decryption = elgamal.DecryptionKey(secret)._core
        messages = elements(rows, n, generator, edges)
        blobs = elements(rows, n + 1, generator, edges)
        made |= {
            f"encrypt {n}": partial(public.encrypt, messages, SEED),
            f"rerandomize {n}": partial(public.rerandomize, blobs, SEED),
            f"decrypt {n}": partial(decryption.decrypt, blobs),
            f"decrypt one {n}": partial(decryption.decrypt, blobs[:1]),
            f"validate {n}": partial(_core.validate, blobs, n + 1),
        }
    single = elements(items, 1, generator, edges)
    keys = elements(items, 2, generator, edges)
    factors = scalars(items, generator)
    data = generator.integers(0, 256, (items, 1, 30), np.uint8)
    number = bytes(random_scalar())
    return made | {
        "embed": lambda: _core.embed(data, 1, SEED),
        "embed one": lambda: _core.embed(data[:1], 1, SEED),
        "multiply": lambda: _core.multiply(single, factors),
        "multiply_generator": lambda: _core.multiply_generator(factors),
        "rerandomize_keys": lambda: _core.rerandomize_keys(keys, SEED),
        "recognize_keys": lambda: _core.recognize_keys(keys, number),
    }


def assert_same(items: int, seed: int, edges: float) -> None:
    made = calls(items, np.random.default_rng(seed), edges)
    for name, call in made.items():
        outcomes = []
        for backend in AVAILABLE:
            with on(backend):
                outcome = call()
            outcomes.append(outcome if isinstance(outcome, tuple) else (outcome,))
        for other in outcomes[1:]:
            for ours, theirs in zip(outcomes[0], other, strict=True):
                assert np.array_equal(ours, theirs), name


@pytest.mark.parametrize("items", [1, 2, 7, 8, 9, 30, 600])
def test_the_backends_agree(items: int) -> None:
    assert_same(items, items, edges=0.3)


def sodium_pairs(arguments: tuple[bytes, bytes, bytes]) -> list[bytes]:
    """(A + sG, B + sX) for each pair and s."""
    x, pairs, draws = arguments
    made = []
    for i in range(0, len(draws), 32):
        a, b = pairs[2 * i :][:32], pairs[2 * i + 32 :][:32]
        s = draws[i : i + 32]
        made.append(sodium_add_multiple(a, s, G) + sodium_add_multiple(b, s, x))
    return made


def assert_those_of_libsodium(items: int, seed: int, edges: float, processes: int) -> None:
    """Rerandomized pairs, row by row; what does not decode is refused by all."""
    generator = np.random.default_rng(seed)
    public = Element.mul_generator(random_scalar())
    pairs = elements(items, 2, generator, edges)
    drawn = _core.scalars_from_seed(SEED, items)
    outcomes = []
    for backend in AVAILABLE:
        with on(backend):
            outcomes.append(elgamal.EncryptionKey([public])._core.rerandomize(pairs, SEED))
    good = outcomes[0][1]
    assert good.sum() > items / 3
    for output, valid in outcomes:
        assert np.array_equal(valid, good)
        assert not output[~valid].any()
    x, size = bytes(public), 1 + int(good.sum()) // (8 * processes)
    rows, draws = pairs[good], drawn[good]
    parts = [
        (x, rows[i : i + size].tobytes(), draws[i : i + size].tobytes())
        for i in range(0, len(rows), size)
    ]
    if processes == 1:
        expected = [row for part in parts for row in sodium_pairs(part)]
    else:
        with ProcessPoolExecutor(processes) as pool:
            expected = [row for made in pool.map(sodium_pairs, parts) for row in made]
    whole = np.frombuffer(b"".join(expected), np.uint8).reshape(-1, 2, 32)
    for output, valid in outcomes:
        assert np.array_equal(output[valid], whole)


def test_the_backends_rerandomize_as_libsodium_does() -> None:
    assert_those_of_libsodium(2_000, 1, edges=0.3, processes=1)


@pytest.mark.slow
def test_ten_thousand_edges_are_those_of_libsodium() -> None:
    assert_those_of_libsodium(30_000, 2, edges=1, processes=2)
    assert_same(30_000, 3, edges=1)


@pytest.mark.slow
def test_a_million_random_pairs_are_those_of_libsodium() -> None:
    for part in range(10):
        assert_those_of_libsodium(100_000, 10 + part, edges=0, processes=2)
        assert_same(20_000, 10 + part, edges=0)


# Choosing one


def run(program: str, backend: str | None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "BILLBOARD_BACKEND"}
    if backend is not None:
        environment["BILLBOARD_BACKEND"] = backend
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )


def test_the_environment_forces_a_backend() -> None:
    program = "from billboard import batches; print(batches.backend())"
    for backend in AVAILABLE:
        assert run(program, backend).stdout.strip() == backend
    assert run(program, None).stdout.strip() == AVAILABLE[-1]


@pytest.mark.parametrize("name", ["", "avx2", "Portable", "\udcff"])
def test_a_backend_that_there_is_not_is_refused_at_once(name: str) -> None:
    done = run("import billboard.batches", name)
    assert done.returncode == 1
    shown = os.fsencode(name).decode(errors="replace").replace("\ufffd", "\\xFF")
    assert f'BILLBOARD_BACKEND is "{shown}": it must be portable or ifma' in done.stderr


def test_only_what_there_is_can_be_used() -> None:
    with pytest.raises(ValueError, match="it must be portable or ifma"):
        _core.use_backend("sse2")
    assert batches.backend() == IN_USE
