"""Batches: what they take, what they return, and how they run on threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from billboard import (
    Blob,
    DeviceToken,
    InvalidEncodingError,
    InvalidRowsError,
    NotMine,
    Platform,
    SecretKey,
    _core,
    stack,
    unstack,
    validate_batch,
)
from billboard.batches import Array
from billboard.elgamal import DecryptionKey, EncryptionKey
from billboard.frames import FrameBatch
from billboard.groups.ristretto255 import Element, random_scalar

pytestmark = pytest.mark.backend

BLOCK = 56  # rows of class L, which the core works on together
SIZES = [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 5]
SEED = b"seed" * 8
NOW = 1_800_000_000

KEY = SecretKey.generate()
PUBLIC = KEY.public_key
CORE_SECRET = [random_scalar() for _ in range(2)]
SMALL = EncryptionKey([Element.mul_generator(x) for x in CORE_SECRET])
SMALL_SECRET = DecryptionKey(CORE_SECRET)


def token(i: int) -> DeviceToken:
    return DeviceToken(Platform.FCM, f"device {i}".encode(), i % 65536)


def blobs(items: int) -> Array:
    return PUBLIC.encrypt_batch([token(i) for i in range(items)], now=NOW)


def messages(items: int) -> Array:
    data = np.random.default_rng(items).integers(0, 256, (items, 2, 30), np.uint8)
    return _core.embed(data, 2, SEED)


MANY = blobs(3 * BLOCK + 5)


# Sizes


@pytest.mark.parametrize("items", SIZES)
def test_a_batch_of_any_size_goes_round(items: int) -> None:
    array = blobs(items)
    assert array.shape == (items, 9, 32)
    assert validate_batch(array).tolist() == [True] * items
    moved = PUBLIC.rerandomize_batch(array)
    assert moved.shape == array.shape
    assert not (moved == array).all(axis=2).any()
    frames, opened = KEY.open_batch(moved, now=NOW)
    assert opened.tolist() == [True] * items
    assert [frame.token for frame in frames] == [token(i) for i in range(items)]


@pytest.mark.parametrize("items", SIZES)
def test_elements_of_any_number_go_round(items: int) -> None:
    array = messages(items)
    fresh = SMALL.encrypt_batch(array)
    assert fresh.shape == (items, 3, 32)
    assert (SMALL_SECRET.decrypt_batch(SMALL.rerandomize_batch(fresh)) == array).all()


def test_a_blob_survives_a_thousand_rerandomizations() -> None:
    blob = PUBLIC.encrypt(token(7), now=NOW)
    seen = {bytes(blob)}
    for _ in range(1000):
        blob = blob.rerandomize(PUBLIC)
        seen.add(bytes(blob))
    assert len(seen) == 1001
    assert KEY.open(blob, now=NOW).token == token(7)


# What is taken

Operation = Callable[[Any], object]
OPERATIONS: dict[str, tuple[Operation, Array]] = {
    "rerandomize_batch": (PUBLIC.rerandomize_batch, MANY),
    "open_batch": (lambda array: KEY.open_batch(array, now=NOW), MANY),
    "validate_batch": (validate_batch, MANY),
    "elgamal encrypt_batch": (SMALL.encrypt_batch, messages(70)),
    "elgamal decrypt_batch": (SMALL_SECRET.decrypt_batch, SMALL.encrypt_batch(messages(70))),
    "embed": (lambda array: _core.embed(array, 2, SEED), np.zeros((70, 2, 30), np.uint8)),
    "extract": (lambda array: _core.extract(array, 2), messages(70)),
}
each_operation = pytest.mark.parametrize(
    ("operation", "array"), OPERATIONS.values(), ids=OPERATIONS.keys()
)


@each_operation
def test_the_input_may_be_read_only_and_is_never_changed(
    operation: Operation, array: Array
) -> None:
    copy = array.copy()
    copy.setflags(write=False)
    operation(copy)
    assert (copy == array).all()
    writable = array.copy()
    operation(writable)
    assert (writable == array).all()


@each_operation
def test_outputs_are_new_arrays(operation: Operation, array: Array) -> None:
    result = operation(array)
    for part in result if isinstance(result, tuple) else (result,):
        output = part.records if isinstance(part, FrameBatch) else part
        assert isinstance(output, np.ndarray)
        assert not np.shares_memory(output, array)


def misfits(array: Array) -> dict[str, Any]:
    items, elements, width = array.shape
    return {
        "every other row": array[::2],
        "reversed": array[::-1],
        "Fortran order": np.asfortranarray(array),
        "swapped axes": array.swapaxes(0, 1),
        "int8": array.view(np.int8),
        "bool": np.zeros(array.shape, np.bool_),
        "uint16": array.astype(np.uint16),
        "float": array.astype(np.float64),
        "objects": array.astype(object),
        "one element more": np.zeros((items, elements + 1, width), np.uint8),
        "one element less": array[:, :-1].copy(),
        "one byte less": array[:, :, :-1].copy(),
        "one byte more": np.zeros((items, elements, width + 1), np.uint8),
        "two dimensions": array.reshape(items, -1),
        "one dimension": array.reshape(-1),
        "four dimensions": array[None],
        "no dimension": np.array(1, np.uint8),
        "no rows of another shape": np.zeros((0, elements + 1, width), np.uint8),
    }


@pytest.mark.parametrize("kind", misfits(MANY))
@each_operation
def test_arrays_that_do_not_fit_are_refused(operation: Operation, array: Array, kind: str) -> None:
    misfit = misfits(array)[kind]
    expected = rf"expected a C-contiguous uint8 array of shape \(items, {array.shape[1]}, "
    with pytest.raises(ValueError, match=expected) as refusal:
        operation(misfit)
    assert str(misfit.dtype) in str(refusal.value)
    assert str(list(misfit.shape)) in str(refusal.value)


@pytest.mark.parametrize(
    "value", [None, 1, b"\0" * 288, "blob", MANY.tolist(), memoryview(bytes(288))], ids=type
)
@each_operation
def test_what_is_not_an_array_is_refused(operation: Operation, array: Array, value: object) -> None:
    with pytest.raises(TypeError, match="expected a C-contiguous uint8 array") as refusal:
        operation(value)
    assert type(value).__name__ in str(refusal.value)
    assert array.dtype == np.uint8


@pytest.mark.parametrize("elements", [0, -1, 2**70])
def test_a_senseless_number_of_elements_is_refused(elements: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        _core.validate(np.zeros((1, 1, 32), np.uint8), elements)


# Threads

THREADED: dict[str, Callable[..., Any]] = {
    "rerandomize_batch": lambda **run: PUBLIC._encryption.rerandomize_batch(MANY, seed=SEED, **run),
    "open_batch": lambda **run: KEY.open_batch(MANY, now=NOW, **run)[0].records,
    "validate_batch": lambda **run: validate_batch(MANY, **run),
    "encrypt_batch": lambda **run: SMALL.encrypt_batch(messages(200), seed=SEED, **run),
    "decrypt_batch": lambda **run: SMALL_SECRET.decrypt_batch(
        SMALL.encrypt_batch(messages(200), seed=SEED), **run
    ),
    "embed": lambda **run: _core.embed(np.zeros((200, 2, 30), np.uint8), 2, SEED, **run),
}
each_threaded = pytest.mark.parametrize("call", THREADED.values(), ids=THREADED.keys())


@each_threaded
def test_the_result_does_not_depend_on_the_threads(call: Callable[..., Any]) -> None:
    results = [call(threads=threads) for threads in (1, 2, 5, 1000, None)]
    assert all((result == results[0]).all() for result in results)


@each_threaded
@pytest.mark.parametrize("threads", [0, -1, 1.5, "two"])
def test_a_senseless_number_of_threads_is_refused(call: Callable[..., Any], threads: Any) -> None:
    with pytest.raises((ValueError, OverflowError, TypeError)):
        call(threads=threads)


def test_no_threads_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, or None for all CPUs"):
        PUBLIC.rerandomize_batch(MANY, threads=0)


def large(items: int = 12_000) -> Array:
    return np.repeat(MANY[:1], items, axis=0)


@pytest.fixture
def reported_after_each_block() -> Iterator[None]:
    """Progress is reported after each block of the calling thread, however fast that is."""
    before = _core.use_report_interval(0)
    yield
    _core.use_report_interval(before)


@pytest.mark.usefixtures("reported_after_each_block")
def test_progress_is_reported_after_each_block_of_one_thread() -> None:
    items, calls = 5 * BLOCK + 3, list[tuple[int, int]]()
    PUBLIC.rerandomize_batch(
        large(items), threads=1, progress=lambda done, items: calls.append((done, items))
    )
    done = [BLOCK, 2 * BLOCK, 3 * BLOCK, 4 * BLOCK, 5 * BLOCK, items, items]
    assert calls == [(each, items) for each in done]


@pytest.mark.usefixtures("reported_after_each_block")
def test_progress_of_two_threads_rises_to_the_end() -> None:
    array, calls = large(), list[tuple[int, int]]()
    PUBLIC.rerandomize_batch(
        array, threads=2, progress=lambda done, items: calls.append((done, items))
    )
    assert calls == sorted(calls)
    assert {items for _, items in calls} == {len(array)}
    assert calls[-1] == (len(array), len(array))


@pytest.mark.parametrize("threads", [1, 2])
def test_progress_is_reported_during_a_batch_that_takes_long(threads: int) -> None:
    """A larger one each time, until it takes long enough: how long that is nobody knows before."""
    items, calls = 1000, list[int]()
    while len(calls) < 3 and items < 2_000_000:
        items *= 2
        calls.clear()
        PUBLIC.rerandomize_batch(
            large(items), threads=threads, progress=lambda done, _: calls.append(done)
        )
    assert calls == sorted(calls)
    assert 0 < calls[0] < calls[-1] == items


@pytest.mark.parametrize("items", [0, 1, BLOCK])
@pytest.mark.parametrize("threads", [1, 3])
def test_progress_of_a_small_batch_is_its_end(items: int, threads: int) -> None:
    calls = list[tuple[int, int]]()
    KEY.open_batch(
        MANY[:items], threads=threads, progress=lambda done, all_: calls.append((done, all_))
    )
    assert calls[-1] == (items, items)


@pytest.mark.usefixtures("reported_after_each_block")
@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_in_progress_stops_the_batch_and_is_raised(threads: int) -> None:
    class Stop(Exception):
        pass

    calls = list[int]()

    def progress(done: int, _items: int) -> None:
        calls.append(done)
        raise Stop

    # So large that the other thread cannot end it while this one has its first block.
    array = large(100_000)
    with pytest.raises(Stop):
        PUBLIC.rerandomize_batch(array, threads=threads, progress=progress)
    assert len(calls) == 1
    assert calls[0] < len(array)


def test_other_threads_run_during_a_batch() -> None:
    """Without the GIL released the counter would stand still from the first call to the last."""
    ticks, done = list[float](), threading.Event()

    def count() -> None:
        while not done.wait(0.001):
            ticks.append(time.monotonic())

    counter = threading.Thread(target=count)
    counter.start()
    items, during = 3000, list[float]()
    # A larger batch each time, until it takes long enough for some: without them it never ends.
    while len(during) < 5 and items < 500_000:
        items *= 2
        start = time.monotonic()
        PUBLIC._encryption.rerandomize_batch(large(items), seed=SEED, threads=1)
        end = time.monotonic()
        during = [tick for tick in list(ticks) if start + 0.1 * (end - start) < tick < end]
    done.set()
    counter.join()
    assert len(during) >= 5


def test_two_threads_may_use_one_key_at_a_time() -> None:
    fresh_key = EncryptionKey([Element.mul_generator(x) for x in CORE_SECRET])
    array, results = messages(300), list[Array]()

    def work() -> None:
        results.append(fresh_key.encrypt_batch(array, seed=SEED, threads=2))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert all((result == results[0]).all() for result in results)


# Bad rows

NOT_CANONICAL = b"\xff" * 32


def spoiled(array: Array, bad: dict[int, tuple[int, bytes]]) -> Array:
    array = array.copy()
    for row, (position, encoding) in bad.items():
        array[row, position] = np.frombuffer(encoding, np.uint8)
    return array


BAD = {
    0: (0, bytes(32)),
    1: (8, NOT_CANONICAL),
    63: (3, NOT_CANONICAL),
    64: (0, NOT_CANONICAL),
    130: (5, b"\x01" + bytes(31)),
    len(MANY) - 1: (1, NOT_CANONICAL),
}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_rerandomizing_lists_all_bad_rows_and_returns_nothing(threads: int) -> None:
    with pytest.raises(InvalidRowsError, match="6 rows are not canonical") as refusal:
        PUBLIC.rerandomize_batch(spoiled(MANY, BAD), threads=threads)
    assert refusal.value.rows == tuple(BAD)
    assert refusal.value.field == "array"
    assert isinstance(refusal.value, InvalidEncodingError)


def test_a_long_list_of_bad_rows_is_shortened_in_the_message_only() -> None:
    array = np.full((100, 9, 32), 255, np.uint8)
    with pytest.raises(InvalidRowsError, match=r"100 rows .* 18, 19, \.\.\)") as refusal:
        PUBLIC.rerandomize_batch(array)
    assert refusal.value.rows == tuple(range(100))


def test_encrypting_and_decrypting_list_bad_rows() -> None:
    array = spoiled(messages(70), {0: (1, NOT_CANONICAL), 69: (0, NOT_CANONICAL)})
    with pytest.raises(InvalidRowsError) as refusal:
        SMALL.encrypt_batch(array)
    assert (refusal.value.field, refusal.value.rows) == ("messages", (0, 69))
    array = spoiled(SMALL.encrypt_batch(messages(70)), {5: (0, bytes(32))})
    with pytest.raises(InvalidRowsError) as refusal:
        SMALL_SECRET.decrypt_batch(array)
    assert (refusal.value.field, refusal.value.rows) == ("array", (5,))


def test_b_may_be_the_identity() -> None:
    array = MANY.copy()
    array[3, 1:] = 0
    assert validate_batch(array).all()
    assert PUBLIC.rerandomize_batch(array).shape == array.shape


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_opening_masks_bad_rows_and_tells_nothing_of_them(threads: int) -> None:
    array = spoiled(MANY, BAD)
    array[2] = SecretKey.generate().public_key.encrypt(token(2), now=NOW).array[0]
    frames, opened = KEY.open_batch(array, now=NOW, threads=threads)
    closed = {*BAD, 2}
    assert set(np.flatnonzero(~opened).tolist()) == closed
    assert validate_batch(array, threads=threads).tolist() == [
        row not in BAD for row in range(len(array))
    ]
    for row in range(len(array)):
        if row in closed:
            assert not frames.records[row].tobytes().strip(b"\0")
            with pytest.raises(NotMine):
                frames[row]
        else:
            assert frames[row].token == token(row)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bad_row_changes_none_of_the_others(threads: int) -> None:
    core = PUBLIC._encryption._core
    whole, valid = core.rerandomize(MANY, SEED, threads)
    assert valid.all()
    part, valid = core.rerandomize(spoiled(MANY, BAD), SEED, threads)
    assert np.flatnonzero(~valid).tolist() == list(BAD)
    assert not part[~valid].any()
    assert (part[valid] == whole[valid]).all()


# Slices, lists


def test_a_batch_of_frames_is_a_sequence() -> None:
    frames, _ = KEY.open_batch(MANY[:4], now=NOW)
    assert len(frames) == 4
    assert frames[-1].token == token(3)
    assert [frame.token for frame in frames[1:3]] == [token(1), token(2)]
    with pytest.raises(IndexError):
        frames[4]
    assert "2 opened" in repr(KEY.open_batch(spoiled(MANY[:4], {0: BAD[0], 1: BAD[1]}))[0])


def test_stacking_is_the_opposite_of_unstacking() -> None:
    some = unstack(MANY[:5])
    assert (stack(some) == MANY[:5]).all()
    assert stack([some[0]]).shape == (1, 9, 32)
    assert unstack(MANY[:0]) == []
    with pytest.raises(InvalidEncodingError, match="one or more"):
        stack([])
    with pytest.raises(InvalidEncodingError, match="not canonical"):
        unstack(spoiled(MANY, BAD))


def test_a_blob_is_a_read_only_batch_of_one() -> None:
    blob = Blob.from_bytes(MANY[0].tobytes())
    assert (blob.array == MANY[:1]).all()
    assert not blob.array.flags.writeable
