"""What a board can learn from what it is asked for again: never more than the first time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billboard import Post, StoreError
from billboard.board.client import BoardClient
from billboard.board.parameters import BUNDLE
from billboard.board.reading.cache import Cache
from billboard.board.reading.decoys import Decoys
from board.conftest import Connect
from board.http_board import ForgedBoard, HttpBoard, fails
from board.reading.test_client import bundles_asked, raw_posts, with_post
from board.support import DAY, EPOCH, Clock, make_post

BUNDLES = 40


@pytest.fixture
def wide() -> Iterator[tuple[HttpBoard, Post]]:
    """A board with one edition of `BUNDLES` bundles, and a post that is in it."""
    forged, post = ForgedBoard(), make_post()
    forged.publish(EPOCH, with_post(raw_posts(BUNDLES), post))
    with HttpBoard(forged) as http:
        yield http, post


def damage(http: HttpBoard) -> None:
    """Answer wrong to whoever asks for a bundle."""
    for i in range(BUNDLES):
        http.replace(f"{EPOCH}/0/tile/entries/{i:03}", b"damaged")


def asked_by(http: HttpBoard, client: BoardClient, post: Post, decoys: int = 4) -> list[str]:
    """The bundles that a client asks for, whatever the answers."""
    http.forget()
    if http.answers:
        fails("damaged", lambda: client.fetch(EPOCH, post.identifier, decoys=decoys))
    else:
        assert client.fetch(EPOCH, post.identifier, decoys=decoys) == post
    return sorted(bundles_asked(http))  # connections overtake each other


def test_a_restart_does_not_change_what_is_asked_for(
    connect: Connect, wide: tuple[HttpBoard, Post], tmp_path: Path
) -> None:
    http, post = wide
    damage(http)
    asked = []
    for _ in range(3):
        client = connect(http.url, directory=tmp_path / "cache")
        asked.append(asked_by(http, client, post))
        client.close()
    http.answers.clear()
    client = connect(http.url, directory=tmp_path / "cache")
    asked.append(asked_by(http, client, post, decoys=9))
    assert len(asked[0]) == len(set(asked[0])) == 5
    assert asked == [asked[0]] * 4
    assert asked_by(http, client, post) == []


def test_a_group_is_asked_for_whole_again(
    connect: Connect, wide: tuple[HttpBoard, Post], tmp_path: Path
) -> None:
    """Also if only some of it was dropped: or the board could tell who used what."""
    http, post = wide
    options = {"directory": tmp_path / "cache", "memory": 0}
    client = connect(http.url, **options)
    first = asked_by(http, client, post)
    objects = tmp_path / "cache" / "objects"
    own = next(name for name in first if bytes(post) in (objects / name).read_bytes())
    (objects / next(name for name in first if name != own)).unlink()
    assert asked_by(http, client, post) == []
    for name in (own, *first):
        (objects / name).unlink(missing_ok=True)
        again = asked_by(http, client, post)
        assert again in ([], first)
        assert (again == first) == (name == own)
    client.close()
    for path in objects.rglob("*"):
        if path.is_file():
            path.unlink()
    assert asked_by(http, connect(http.url, **options), post) == first


def test_no_bundle_is_in_two_groups(tmp_path: Path) -> None:
    """Whoever is asked for every bundle sees a partition of them."""
    cache = Cache(tmp_path / "cache", memory=0)
    bundles, groups = 43, set()
    for position in range(bundles):
        group = Decoys(cache).group(EPOCH, bundles, position, 4)
        assert position in group
        groups.add(group)
    assert sorted(each for group in groups for each in group) == list(range(bundles))
    # The last has all that would be too few to hide one of them.
    assert sorted(map(len, groups)) == [5] * 7 + [8]


def test_a_group_does_not_tell_what_was_looked_for(tmp_path: Path) -> None:
    """Nor does the file, which whoever takes the device may read."""
    places = set()
    for number in range(200):
        with_directory = tmp_path / str(number)
        Decoys(Cache(with_directory, memory=0)).group(EPOCH, BUNDLES, 7, 3)
        (line,) = (with_directory / "decoys" / str(EPOCH)).read_text().splitlines()
        places.add(line.split().index("7"))
    assert places == {0, 1, 2, 3}  # fails by chance less than once in 10^24 runs


def test_groups_are_forgotten_with_their_epoch(
    connect: Connect, wide: tuple[HttpBoard, Post], tmp_path: Path
) -> None:
    http, post = wide
    board, clock = http.board, Clock()
    assert isinstance(board, ForgedBoard)
    client = connect(http.url, directory=tmp_path / "cache", clock=clock)
    asked_by(http, client, post)
    decoys = tmp_path / "cache" / "decoys"
    (decoys / f".{EPOCH}.0123456789abcdef").write_bytes(b"cut sh")
    assert [path.name for path in decoys.glob("[0-9]*")] == [str(EPOCH)]
    for days, kept in ((1, [str(EPOCH)]), (2, [])):
        clock.now = (EPOCH + days) * DAY + 60
        board.publish(EPOCH + days, raw_posts(1))
        client.checkpoint()
        assert [path.name for path in decoys.glob("[0-9]*")] == kept
        assert (EPOCH in client._reader._decoys._groups) == bool(kept)
    client.close()
    connect(http.url, directory=tmp_path / "cache").close()
    assert list(decoys.iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"1 2\n2 3\n", b"1 1\n", b"40\n", b"1 -2\n", b"1  2\n", b" 1\n", b"\n", b"x", b"1\xff\n"],
)
def test_damaged_groups_are_not_forgotten_silently(tmp_path: Path, data: bytes) -> None:
    cache = Cache(tmp_path / "cache", memory=0)
    cache.save(f"decoys/{EPOCH}", data)
    with pytest.raises(StoreError, match=f"decoys/{EPOCH} .* is damaged"):
        Decoys(cache).group(EPOCH, BUNDLES, 5, 3)


def test_a_group_that_can_not_be_written_is_not_asked_for(
    connect: Connect, wide: tuple[HttpBoard, Post], tmp_path: Path
) -> None:
    http, post = wide
    client = connect(http.url, directory=tmp_path / "cache")
    (tmp_path / "cache" / "decoys").write_bytes(b"no directory")
    for _ in range(2):
        http.forget()
        with pytest.raises(StoreError):
            client.fetch(EPOCH, post.identifier, decoys=4)
        assert bundles_asked(http) == []
    (tmp_path / "cache" / "decoys").unlink()
    assert len(asked_by(http, client, post)) == 5


def test_the_size_of_what_is_written(tmp_path: Path) -> None:
    """All bundles of the largest edition: less than one of them."""
    cache = Cache(tmp_path / "cache", memory=0)
    largest = 2**24 // BUNDLE
    assert len(Decoys(cache).group(EPOCH, largest, 5, largest)) == largest
    assert len(cache.load(f"decoys/{EPOCH}") or b"") < 500_000
