"""Logs as tiles (SPEC 9.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given, settings, strategies as st

from billboard import InvalidEncodingError, StoreError
from billboard.tlog import merkle
from billboard.tlog.tiles import (
    ENTRIES,
    LONGEST_ENTRY,
    TileReader,
    bundle_bytes,
    split_bundle,
    tile_path,
    tiles,
)
from billboard.tlog.writer import LogWriter, check_log, read_entries
from tlog.test_merkle import mth, path, subproof


class Memory:
    """Objects in memory, which never change either."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, objects: Iterable[tuple[str, bytes]]) -> None:
        for name, data in objects:
            assert self.objects.setdefault(name, data) == data

    def get(self, name: str) -> bytes:
        return self.objects[name]


def make(size: int) -> list[bytes]:
    return [number.to_bytes(4, "big") * (number % 3) for number in range(size)]


def write(size: int, prefix: str = "") -> tuple[Memory, bytes]:
    objects = Memory()
    return objects, LogWriter(objects, prefix).append(make(size))


sizes = st.integers(0, 600) | st.sampled_from([255, 256, 257, 511, 512, 513, 1023, 1024])


@given(sizes)
def test_the_files_of_a_log(size: int) -> None:
    objects, root = write(size, "log/")
    assert root == mth(make(size))
    expected = {f"log/{tile_path(*tile)}" for tile in tiles(size)}
    for start in range(0, size, 256):
        name = f"log/{tile_path(ENTRIES, start // 256, min(size - start, 256))}"
        expected.add(name)
        assert split_bundle(objects.get(name), min(size - start, 256)) == make(size)[start:][:256]
    assert set(objects.objects) == expected


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0, 1, 2, 40, 255, 256, 257]), max_size=6))
def test_a_log_grows_in_steps(steps: list[int]) -> None:
    """Each by a writer of its own: every state of the log stays readable."""
    objects, size = Memory(), 0
    for step in steps:
        writer = LogWriter(objects, "", size)
        assert writer.root() == mth(make(size))
        writer.append(make(size + step)[size:])
        size += step
    for end in {0, *(sum(steps[: n + 1]) for n in range(len(steps)))}:
        reader = TileReader(end, objects.get)
        assert reader.root() == mth(make(end))
        assert list(read_entries(objects, "", end)) == make(end)


@given(st.data(), sizes.filter(lambda size: size > 0))
@settings(max_examples=30)
def test_proofs_of_tiles(data: st.DataObject, size: int) -> None:
    objects, _ = write(size)
    reader = TileReader(size, objects.get)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert reader.inclusion_proof(index) == path(index, make(size))
    assert reader.consistency_proof(old) == subproof(old, make(size), True)


def test_three_levels() -> None:
    """65,536 entries make one tile of level 1, and 65,537 a partial one of level 2."""
    size = 65_537
    entries = [number.to_bytes(4, "big") for number in range(size)]
    objects = Memory()
    root = LogWriter(objects, "").append(entries)
    row = list(map(merkle.leaf_hash, entries))
    while len(row) > 1:
        last = row[-1:] if len(row) % 2 else []
        row = [merkle.node_hash(*pair) for pair in zip(row[::2], row[1::2], strict=False)] + last
    assert [root] == row
    assert len(objects.get(tile_path(2, 0, 1))) == 32
    reader = TileReader(size, objects.get)
    assert reader.root() == root
    assert reader.bundle(256, root) == entries[65_536:]
    assert reader.bundle(255, root) == entries[65_280:65_536]


def test_a_writer_goes_on_above_a_full_tile_of_level_1() -> None:
    size, most = 65_536, 65_793
    entries = [number.to_bytes(4, "big") for number in range(most)]
    objects = Memory()
    LogWriter(objects, "").append(entries[:65_535])
    for start in (65_535, size, size + 1, most - 2, most - 1):
        LogWriter(objects, "", start).append(entries[start : start + 1])
        if start == size + 1:
            LogWriter(objects, "", start + 1).append(entries[start + 1 : most - 2])
    level_1 = [merkle.complete_hash(objects.get(tile_path(0, index))) for index in range(257)]
    left = merkle.complete_hash(b"".join(level_1[:256]))
    right = merkle.node_hash(level_1[256], merkle.leaf_hash(entries[-1]))
    writer = LogWriter(objects, "", most)
    assert writer.root() == merkle.node_hash(left, right)
    assert TileReader(most, objects.get).root() == writer.root()
    assert objects.get(tile_path(2, 0, 1)) == left
    assert tile_path(1, 1) not in objects.objects
    check_log(objects, "", most, writer.root(), entries)


@settings(max_examples=30)
@given(st.data(), st.sampled_from([1, 5, 256, 300, 556]))
def test_a_flipped_bit_is_found(data: st.DataObject, size: int) -> None:
    objects, root = write(size)
    check_log(objects, "", size, root, read_entries(objects, "", size))
    name = data.draw(st.sampled_from(sorted(objects.objects)))
    whole = objects.get(name)
    position = data.draw(st.integers(0, len(whole) - 1)) if whole else 0
    damaged = bytearray(whole)
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    objects.objects[name] = bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        check_log(objects, "", size, root, read_entries(objects, "", size))
    if name.startswith("tile/entries/"):
        bundle = int(name.removeprefix("tile/entries/")[:3])
        with pytest.raises(InvalidEncodingError):
            TileReader(size, objects.get).bundle(bundle, root)


@pytest.mark.parametrize("name", [tile_path(0, 0), tile_path(1, 0, 2), tile_path(ENTRIES, 1)])
def test_what_is_missing_is_found(name: str) -> None:
    objects, root = write(600)
    del objects.objects[name]
    with pytest.raises(StoreError, match=f"{name} is missing"):
        check_log(objects, "", 600, root, read_entries(objects, "", 600))


@pytest.mark.parametrize("harm", [lambda _: b"", lambda data: data[:-1], lambda data: data + b"a"])
@pytest.mark.parametrize("name", ["tile/1/000.p/2", "tile/entries/002.p/88"])
def test_what_is_cut_off_is_not_continued(name: str, harm: Callable[[bytes], bytes]) -> None:
    objects, _ = write(600)
    objects.objects[name] = harm(objects.objects[name])
    with pytest.raises(StoreError, match=f"{name} is damaged"):
        LogWriter(objects, "", 600)


def test_a_check_of_another_log() -> None:
    objects, root = write(600)
    with pytest.raises(StoreError):
        check_log(objects, "", 600, bytes(32), read_entries(objects, "", 600))
    with pytest.raises(StoreError):
        check_log(objects, "", 601, root, read_entries(objects, "", 600))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 0), "tile/0/000"),
        ((1, 999, 3), "tile/1/999.p/3"),
        ((0, 1000), "tile/0/x001/000"),
        ((2, 1_234_067), "tile/2/x001/x234/067"),
        ((ENTRIES, 7, 255), "tile/entries/007.p/255"),
    ],
)
def test_names_of_tiles(arguments: tuple[int, int], name: str) -> None:
    assert tile_path(*arguments) == name


@given(st.lists(st.binary(max_size=9), max_size=20))
@example([bytes(LONGEST_ENTRY)])
@example([b""])
def test_bundles(entries: list[bytes]) -> None:
    data = bundle_bytes(entries)
    assert split_bundle(data, len(entries)) == entries
    for width in {0, len(entries) - 1, len(entries) + 1} - {len(entries)}:
        with pytest.raises(InvalidEncodingError):
            split_bundle(data, width)
    for end in range(max(len(data) - 30, 0), len(data)):
        with pytest.raises(InvalidEncodingError):
            split_bundle(data[:end], len(entries))
    with pytest.raises(InvalidEncodingError):
        split_bundle(data + b"\0", len(entries))


@given(st.binary(max_size=40), st.integers(0, 5))
def test_what_is_no_bundle_is_refused_or_canonical(data: bytes, width: int) -> None:
    try:
        entries = split_bundle(data, width)
    except InvalidEncodingError:
        return
    assert bundle_bytes(entries) == data


def test_an_entry_that_is_too_long() -> None:
    with pytest.raises(InvalidEncodingError, match="65535 bytes"):
        bundle_bytes([bytes(LONGEST_ENTRY + 1)])


@pytest.mark.parametrize("size", [300, 556])
def test_a_tile_of_the_wrong_size(size: int) -> None:
    objects, root = write(size)
    for data in (b"", objects.get(tile_path(0, 0))[:-1], objects.get(tile_path(0, 0)) + b"\0"):
        objects.objects[tile_path(0, 0)] = data
        with pytest.raises(InvalidEncodingError, match="tile"):
            TileReader(size, objects.get).node(0, 0)
    damaged = struct.pack(">H", 9) + b"cut off"
    objects.objects[tile_path(ENTRIES, 1, min(size - 256, 256))] = damaged
    with pytest.raises(InvalidEncodingError, match="cut off"):
        TileReader(size, objects.get).bundle(1, root)
