"""Bundles that were verified are not hashed again, and no others are taken for them (SPEC 9.5)."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import pytest
from cachetools import LRUCache
from tlog.test_writer import make, write

from billboard import BoardError
from billboard.board.reading.cache import Cache
from billboard.board.reading.procedure import Request, Response
from billboard.board.reading.verified_log import KEPT, Verified, VerifiedLog
from billboard.tlog import merkle
from billboard.tlog.tiles import ENTRIES, tile_path

SIZE = 600
WIDTHS = [256, 256, 88]


class Served:
    """A log, and the files that a board has in its place."""

    def __init__(self, size: int = SIZE) -> None:
        objects, root = write(size)
        self.files = objects.objects
        self.verified: Verified = LRUCache(KEPT)
        self.log = VerifiedLog(size, root, "", Cache(memory=0), self.verified)

    def bundle(self, index: int) -> list[bytes]:
        procedure = self.log.bundle(index)
        wanted = next(procedure, None)
        while True:
            assert wanted is not None
            paths = [each.path for each in wanted if isinstance(each, Request)]
            try:
                wanted = procedure.send(tuple(Response(200, self.files[path]) for path in paths))
            except StopIteration as stop:
                found: list[bytes] = stop.value
                return found


def name_of(index: int) -> str:
    return tile_path(ENTRIES, index, WIDTHS[index])


def test_what_was_verified_is_not_hashed_again() -> None:
    served = Served()
    first = served.bundle(1)
    with mock.patch.object(merkle, "leaf_hashes", side_effect=AssertionError):
        assert served.bundle(1) == first == make(SIZE)[256:512]


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(
    "harm",
    [
        lambda _: b"",
        lambda data: data[:-1],
        lambda data: data + b"a",
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ],
)
def test_a_damaged_bundle_is_refused_each_time(index: int, harm: Callable[[bytes], bytes]) -> None:
    served = Served()
    right = served.files[name_of(index)]
    for _ in range(2):
        for _ in range(2):
            served.files[name_of(index)] = harm(right)
            with pytest.raises(BoardError, match="is not what was signed"):
                served.bundle(index)
        served.files[name_of(index)] = right
        assert served.bundle(index) == make(SIZE)[256 * index :][:256]


def test_another_bundle_that_was_verified_is_not_taken() -> None:
    served = Served()
    assert served.bundle(0) == make(SIZE)[:256]
    served.files[name_of(1)] = served.files[name_of(0)]
    with pytest.raises(BoardError, match="its entries do not match"):
        served.bundle(1)


def test_few_are_kept() -> None:
    count = 2 * KEPT
    served = Served(256 * count)
    for index in range(count):
        assert served.bundle(index) == make(256 * count)[256 * index :][:256]
    assert {name for name, _ in served.verified} == {
        tile_path(ENTRIES, index) for index in range(KEPT, count)
    }
