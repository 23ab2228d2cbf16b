"""Clients of an honest board: what they find, what they ask for, what they keep."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from billboard import (
    Board,
    BoardError,
    EpochError,
    FrameClass,
    Post,
    StoreError,
    posts,
)
from billboard.board.client import AsyncBoardClient
from billboard.board.manifest import PREFIX, Descriptor
from billboard.board.parameters import BUNDLE
from billboard.board.receipt import Receipt
from billboard.tlog.checkpoint import Policy
from board.conftest import Connect
from board.http_board import ForgedBoard, HttpBoard
from board.support import (
    DAY,
    EPOCH,
    NOW,
    ORIGIN,
    Clock,
    make_board,
    make_lane,
    make_post,
    make_signer,
    make_store,
)

BUNDLES = 12
LATER = 3600


def raw_posts(bundles: int, mark: int = 0) -> list[bytes]:
    """What has the size of posts, and nothing else of them."""
    step, rest = 2**56 // (BUNDLE * bundles), bytes(posts.post_size(FrameClass.L) - 8)
    numbers = range(BUNDLE * bundles)
    return [(i * step).to_bytes(7, "big") + bytes([mark]) + rest for i in numbers]


def with_post(entries: list[bytes], post: Post) -> list[bytes]:
    """The same with a post in the place of the entry nearest to it."""
    data = bytes(post)
    nearest = min(range(len(entries)), key=lambda i: abs(number(entries[i]) - number(data)))
    return sorted([*entries[:nearest], data, *entries[nearest + 1 :]])


def number(entry: bytes) -> int:
    return int.from_bytes(entry[:PREFIX], "big")


@pytest.fixture(scope="module")
def wide() -> Iterator[tuple[HttpBoard, Post]]:
    """A board with one edition of `BUNDLES` bundles, and a post that is in it."""
    forged, post = ForgedBoard(), make_post()
    forged.publish(EPOCH, with_post(raw_posts(BUNDLES), post))
    with HttpBoard(forged) as http:
        yield http, post


def bundles_asked(http: HttpBoard) -> list[str]:
    return [path for path in http.paths if path.startswith(f"{EPOCH}/0/tile/entries/")]


def test_what_is_submitted_is_found(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    client = connect(served.url, clock=clock)
    lane = make_lane()
    first, late = make_post(lane), make_post(lane, slot=1)
    reader = lane.grant(EPOCH)
    receipt = client.submit(first)
    assert Receipt.from_bytes(bytes(receipt), make_signer().key) == receipt
    board.publish(EPOCH)
    assert client.fetch(EPOCH, first.identifier) == first
    assert client.find(reader) == first
    client.submit(late)
    clock.now += LATER
    board.publish(EPOCH)
    assert client.find(reader) == late
    assert client.find(reader, EPOCH, decoys=3) == late
    assert client.fetch(EPOCH, late.identifier) == late
    assert [edition.number for edition in client.editions(EPOCH)] == [0, 1]
    assert client.editions(EPOCH) == board.editions(EPOCH)
    assert client.parameters() == board.parameters
    assert client.checkpoint().size == 3


def test_what_is_absent_is_none(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    client = connect(served.url, clock=clock)
    board.publish(EPOCH)
    for identifier in (bytes(32), b"\xff" * 32, make_post().identifier):
        assert client.fetch(EPOCH, identifier) is None
    assert client.find(make_lane().grant(EPOCH)) is None


def test_before_an_epoch_is_published(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    client = connect(served.url, clock=clock)
    with pytest.raises(BoardError, match="not there") as caught:
        client.fetch(EPOCH, bytes(32))
    assert caught.value.reason == "missing"
    board.publish(EPOCH)
    assert client.editions(EPOCH + 1) == ()
    with pytest.raises(EpochError, match="no edition of epoch 20001 yet"):
        client.fetch(EPOCH + 1, bytes(32))
    with pytest.raises(EpochError):
        client.editions(2**32)


def test_both_epochs_are_searched(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    lane = make_lane()
    today, tomorrow = make_post(lane), make_post(lane, epoch=EPOCH + 1)
    board.submit(today)
    board.submit(tomorrow)
    board.publish(EPOCH)
    client = connect(served.url, clock=clock)
    clock.now = (EPOCH + 1) * DAY + 8000
    board.publish(EPOCH)
    board.publish(EPOCH + 1)
    assert client.find(lane.grant(EPOCH)) == tomorrow
    assert client.find(lane.grant(EPOCH), EPOCH) == today
    assert connect(served.url, clock=clock).find(lane.grant(EPOCH + 1)) == tomorrow


def test_many_lanes_are_looked_for_together(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock
) -> None:
    lanes = [make_lane() for _ in range(3)]
    readers = [lane.grant(EPOCH) for lane in lanes]
    first, second = make_post(lanes[0]), make_post(lanes[1])
    late, later = make_post(lanes[0], slot=1), make_post(lanes[2], slot=2)
    client = connect(served.url, clock=clock)
    client.submit(first)
    client.submit(second)
    board.publish(EPOCH)
    assert client.find_all(readers, EPOCH, decoys=2) == ([first, second, None], 1)
    assert client.find_all(readers, EPOCH, since=1) == ([None, None, None], 1)
    for post in (late, later):
        client.submit(post)
        clock.now += LATER
        board.publish(EPOCH)
    asked = len(served.paths)
    assert client.find_all(readers, EPOCH, since=1) == ([late, None, later], 3)
    whole = [path for path in served.paths[asked:] if "/tile/entries/" in path]
    assert sorted(whole)[:2] == [f"{EPOCH}/1/tile/entries/000", f"{EPOCH}/2/tile/entries/000"]
    assert client.find_all([*readers, readers[0]], EPOCH) == ([late, second, later, late], 3)
    assert client.find_all(readers, EPOCH, since=2) == ([None, None, later], 3)


def test_a_lane_of_another_board_is_not_looked_for(
    connect: Connect, served: HttpBoard, board: Board
) -> None:
    board.publish(EPOCH)
    with pytest.raises(EpochError, match="another board"):
        connect(served.url).find(make_lane("example.org/other").grant(EPOCH))


def test_manifests_are_read_over_many_bundles(connect: Connect) -> None:
    """An epoch is found at the end of a long log, and not where it would have been published."""
    forged, entries = ForgedBoard(late_interval=60), raw_posts(1)
    forged.publish(EPOCH - 4, entries)
    for number in range(600):
        forged.publish(EPOCH - 1, entries, number=number, time=(EPOCH - 1) * DAY + 60 * number)
    forged.publish(EPOCH, entries)
    with HttpBoard(forged) as http:
        client = connect(http.url, clock=Clock(EPOCH * DAY + 10))
        assert len(client.editions(EPOCH)) == 1
        assert "tile/entries/001" not in http.paths
        assert len(client.editions(EPOCH - 1, accept_stale=True)) == 600
        assert client.editions(EPOCH - 2, accept_stale=True) == ()
        http.forget()
        assert connect(http.url, clock=Clock(EPOCH * DAY + 10)).editions(EPOCH + 5) == ()
        assert "tile/entries/001" not in http.paths


def test_descriptors_are_read(connect: Connect, served: HttpBoard, board: Board) -> None:
    board.publish(EPOCH)
    logged = [Descriptor(b"one"), Descriptor(bytes(60_000)), Descriptor(b"\n\n")]
    for descriptor in logged:
        board.publish_descriptor(descriptor)
    assert list(connect(served.url).descriptors()) == logged


# What the board sees.


def test_decoys_are_fetched_in_an_order_that_tells_nothing(
    connect: Connect, wide: tuple[HttpBoard, Post]
) -> None:
    http, post = wide
    own = connect(http.url)
    http.forget()
    assert own.fetch(EPOCH, post.identifier) == post
    (real,) = bundles_asked(http)
    places: Counter[int] = Counter()
    others: Counter[str] = Counter()
    for _ in range(60):
        http.forget()
        client = connect(http.url)
        assert client.fetch(EPOCH, post.identifier, decoys=3) == post
        client.close()
        asked = bundles_asked(http)
        assert len(asked) == len(set(asked)) == 4
        places[asked.index(real)] += 1
        others.update(asked)
    # Each of these fails by chance less than once in 10^6 runs.
    assert others.pop(real) == 60
    assert set(places) == {0, 1, 2, 3}
    assert len(others) == BUNDLES - 1


def test_a_dummy_looks_like_what_is_wanted(connect: Connect, wide: tuple[HttpBoard, Post]) -> None:
    http, post = wide
    client = connect(http.url)
    http.forget()
    client.fetch(EPOCH, post.identifier, decoys=2 * BUNDLES)
    asked = [each for each in http.asked if "entries" in each.path and "/0/" in each.path]
    assert sorted(each.path for each in asked) == sorted(bundles_asked(http))
    assert len(asked) == BUNDLES
    assert len({each.headers for each in asked}) == 1
    assert not {"Cookie", "Referer"} & {name for name, _ in asked[0].headers}


def test_decoys_stay_the_same_until_all_are_right(
    connect: Connect, wide: tuple[HttpBoard, Post]
) -> None:
    """A board that damages some bundles, and then others, does not learn which one is wanted."""
    http, post = wide
    client = connect(http.url)
    http.forget()
    http.answers = {}
    asked: list[list[str]] = []
    try:
        for which in (slice(None), slice(None, None, 2), slice(1, None, 2)):
            http.answers = {}
            names = [f"{EPOCH}/0/tile/entries/{i:03}" for i in range(BUNDLES)]
            for name in (asked[0] if asked else names)[which]:
                http.replace(name, b"damaged")
            http.forget()
            with pytest.raises(BoardError) as caught:
                client.fetch(EPOCH, post.identifier, decoys=4)
            assert caught.value.reason == "damaged"
            asked.append(sorted(bundles_asked(http)))
        http.answers = {}
        http.forget()
        assert client.fetch(EPOCH, post.identifier, decoys=4) == post
        asked.append(sorted(bundles_asked(http)))
    finally:
        http.answers = {}
    assert len(asked[0]) == 5
    assert asked == [asked[0]] * 4


def test_a_lane_after_another_asks_for_as_many(
    connect: Connect, wide: tuple[HttpBoard, Post]
) -> None:
    """Or what is missing would be what has been asked for."""
    http, post = wide
    client = connect(http.url)
    client.fetch(EPOCH, post.identifier, decoys=3)
    http.forget()
    entries = http.board.object(f"{EPOCH}/0/index")
    for i in range(0, len(entries), PREFIX):
        before = len(bundles_asked(http))
        client.fetch(EPOCH, entries[i : i + PREFIX] + b"\x01" * 24, decoys=3)
        assert len(bundles_asked(http)) - before in (0, 4)
    assert len(bundles_asked(http)) == len(set(bundles_asked(http))) == BUNDLES - 4


def test_no_bundle_is_left_without_decoys(connect: Connect, wide: tuple[HttpBoard, Post]) -> None:
    http, post = wide
    client = connect(http.url)
    http.forget()
    client.fetch(EPOCH, post.identifier, decoys=BUNDLES // 2)
    assert len(bundles_asked(http)) == BUNDLES


def test_posts_travel_apart_from_reads(connect: Connect, served: HttpBoard, board: Board) -> None:
    board.publish(EPOCH)
    client = connect(served.url)
    client.fetch(EPOCH, bytes(32))
    for _ in range(2):
        client.submit(make_post())
    client.editions(EPOCH)
    connections = {asked.connection for asked in served.asked if asked.method == "POST"}
    assert len(connections) == 2
    assert not connections & {each.connection for each in served.asked if each.method == "GET"}


def test_proxies_of_the_environment_are_not_used(
    connect: Connect, served: HttpBoard, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    board.publish(EPOCH)
    assert connect(served.url).fetch(EPOCH, bytes(32)) is None
    with pytest.raises(BoardError) as caught:
        connect(served.url, proxy="http://127.0.0.1:1").fetch(EPOCH, bytes(32))
    assert caught.value.reason == "unreachable"


# What it keeps.


def test_what_is_in_the_cache_is_not_asked_for(
    connect: Connect, served: HttpBoard, board: Board
) -> None:
    clock, post = Clock(), make_post()
    board.submit(post)
    board.publish(EPOCH)
    client = connect(served.url, clock=clock)
    assert client.fetch(EPOCH, post.identifier) == post
    served.forget()
    assert client.fetch(EPOCH, post.identifier, decoys=5) == post
    assert served.paths == []
    clock.now += 60
    assert client.fetch(EPOCH, post.identifier) == post
    assert served.paths == ["checkpoint"]


def test_a_restart_remembers_files_and_the_checkpoint(
    connect: Connect, served: HttpBoard, board: Board, tmp_path: Path
) -> None:
    post = make_post()
    board.submit(post)
    board.publish(EPOCH)
    client = connect(served.url, directory=tmp_path / "cache")
    assert client.fetch(EPOCH, post.identifier) == post
    client.close()
    served.forget()
    again = connect(served.url, directory=tmp_path / "cache")
    assert again.fetch(EPOCH, post.identifier) == post
    assert served.paths == ["checkpoint"]


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_a_damaged_cache_is_fetched_again(
    connect: Connect, served: HttpBoard, board: Board, tmp_path: Path, damage: bytes | None
) -> None:
    post = make_post()
    board.submit(post)
    board.publish(EPOCH)
    client = connect(served.url, directory=tmp_path / "cache")
    client.fetch(EPOCH, post.identifier)
    client.close()
    files = [path for path in (tmp_path / "cache" / "objects").rglob("*") if path.is_file()]
    for path in files:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data) if damage is None else damage)
    served.forget()
    again = connect(served.url, directory=tmp_path / "cache")
    assert again.fetch(EPOCH, post.identifier) == post
    assert len(served.paths) == 1 + len(files)


def test_a_damaged_checkpoint_is_not_forgotten_silently(
    connect: Connect, served: HttpBoard, board: Board, tmp_path: Path
) -> None:
    board.publish(EPOCH)
    client = connect(served.url, directory=tmp_path / "cache")
    client.checkpoint()
    client.close()
    (tmp_path / "cache" / "checkpoint").write_bytes(b"damaged")
    with pytest.raises(StoreError, match="use another directory"):
        connect(served.url, directory=tmp_path / "cache")


def test_a_directory_is_of_one_client(connect: Connect, tmp_path: Path) -> None:
    first = connect("http://127.0.0.1:1", directory=tmp_path / "cache")
    with pytest.raises(StoreError, match="in use"):
        connect("http://127.0.0.1:1", directory=tmp_path / "cache")
    first.close()
    connect("http://127.0.0.1:1", directory=tmp_path / "cache")


def test_old_files_are_dropped(
    connect: Connect, served: HttpBoard, board: Board, clock: Clock, tmp_path: Path
) -> None:
    client = connect(served.url, directory=tmp_path / "cache", clock=clock)
    objects = tmp_path / "cache" / "objects"
    for epoch in range(EPOCH, EPOCH + 3):
        clock.now = NOW + (epoch - EPOCH) * DAY
        board.publish(epoch)
        assert client.fetch(epoch, bytes(32)) is None
    clock.now += 60
    client.checkpoint()
    assert sorted(path.name for path in objects.iterdir()) == ["20001", "20002", "tile"]
    partial = [path.parent.name for path in (objects / "tile").rglob("*.p/*")]
    assert len(partial) == 2


def test_memory_is_bounded(connect: Connect, wide: tuple[HttpBoard, Post]) -> None:
    http, post = wide
    client = connect(http.url, memory=300_000)
    client.fetch(EPOCH, post.identifier, decoys=BUNDLES)
    kept = sum(map(len, client._cache._data.values()))
    assert 0 < kept == client._cache._in_memory.currsize <= 300_000
    assert client.fetch(EPOCH, post.identifier) == post


# The rule of the same 8 bytes.


@pytest.mark.parametrize("before", [1, 255, 256, 257, 511, 512])
def test_identifiers_that_begin_as_others_do(connect: Connect, before: int) -> None:
    """Bundles that begin with the 8 bytes of what is looked for, which is further ahead."""
    post = make_post()
    prefix, size = post.identifier[:PREFIX], posts.post_size(FrameClass.L)
    low = [number.to_bytes(PREFIX, "big").ljust(size, b"\0") for number in range(before)]
    high = [
        (prefix + b"\xff" * 8 + number.to_bytes(2, "big")).ljust(size, b"\0")
        for number in range(3 * BUNDLE - before - 1)
    ]
    entries = [*low, bytes(post), *high]
    assert entries == sorted(entries)
    forged = ForgedBoard()
    forged.publish(EPOCH, entries)
    with HttpBoard(forged) as http:
        client = connect(http.url)
        assert client.fetch(EPOCH, post.identifier) == post
        absent = prefix + post.identifier[PREFIX:-1] + bytes([post.identifier[-1] ^ 1])
        assert client.fetch(EPOCH, absent) is None


async def test_tasks_share_a_client(tmp_path: Path) -> None:
    """They find all, and never go back to an older checkpoint."""
    clock = Clock()
    with make_store(tmp_path) as store:
        board = make_board(store, clock)
        wanted = [make_post() for _ in range(8)]
        with HttpBoard(board) as http:
            policy = Policy(make_signer().key)
            async with AsyncBoardClient(http.url, policy, clock=clock) as client:
                await asyncio.gather(*map(client.submit, wanted))
                board.publish(EPOCH)
                fetched = (client.fetch(EPOCH, post.identifier, decoys=1) for post in wanted)
                assert await asyncio.gather(*fetched) == wanted
                sizes = []
                for size in range(3, 6):
                    older = board.checkpoint()
                    board.publish(EPOCH)
                    clock.now += 60
                    http.replace("checkpoint", older)
                    old = asyncio.create_task(client.checkpoint())
                    await asyncio.sleep(0)
                    http.answers.clear()
                    await asyncio.gather(old, client.checkpoint(), client.editions(EPOCH))
                    sizes.append(((await client.checkpoint()).size, size))
    assert all(found == size for found, size in sizes)
    assert client.origin == ORIGIN
