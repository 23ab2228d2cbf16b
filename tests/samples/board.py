"""Origins, epochs and the board (SPEC 2 and 9)."""

from __future__ import annotations

from vectors.engine.board import identifiers

from billboard import posts
from samples.keys import frame_class
from samples.lanes import epoch_length
from samples.posts import any_post, damaged_post
from samples.sampler import (
    Json,
    Random,
    chance,
    data,
    near,
    number,
    origin,
    sampler,
    scalar,
)

LAST = 2**32 - 1
AHEAD = 14
FAR = 2**62
"""Seconds. Editions that are due later than twice this are in no database."""


@sampler("origin/check")
def _origin(rng: Random) -> Json:
    text = origin(rng)
    kind = rng.randrange(6)
    if kind == 0:
        text = rng.choice(("", "a" * 255, "a" * 256, "a" * 300))
    elif kind < 3:
        position = rng.randrange(len(text) + 1)
        added = chr(
            rng.choice((0, 9, 10, 0x1F, 0x20, 0x21, 0x7E, 0x7F, 0x80, 0xE9, 0xFF0E, 0x1F600))
        )
        text = text[:position] + added + text[position:]
    return {"origin": text}


@sampler("epoch/at")
def _epoch_at(rng: Random) -> Json:
    seconds = rng.choice((0, 59, 60, LAST, LAST + 1, 2**40)) if chance(rng, 0.3) else 0
    seconds = seconds or epoch_length(rng)
    epoch = number(rng, 0, LAST)
    edges = (0, epoch * seconds, (epoch + 1) * seconds, (LAST + 1) * seconds)
    return {"epoch_length": seconds, "time": near(rng, *edges)}


def _skew(seconds: int) -> int:
    return min(3600, seconds // 2)


@sampler("epoch/open")
def _epoch_open(rng: Random) -> Json:
    seconds, epoch = epoch_length(rng), number(rng, 0, LAST)
    return {"epoch_length": seconds, "epoch": epoch, "time": time_of_post(rng, seconds, epoch)}


def time_of_post(rng: Random, seconds: int, epoch: int) -> int:
    """Around the first and the last moment at which a post is taken, or between them."""
    opens = (epoch - AHEAD) * seconds - _skew(seconds)
    closes = (epoch + 1) * seconds + _skew(seconds)
    if chance(rng, 0.5):
        return min(rng.randrange(max(opens, 0), closes), 2**53 - 1)
    return near(rng, opens, closes)


def _interval(rng: Random, seconds: int) -> int:
    """A late interval that a board can have."""
    while -(-(seconds + _skew(seconds)) // (found := _any_interval(rng, seconds))) * found >= (
        2 * seconds
    ):
        pass
    return found


def _any_interval(rng: Random, seconds: int) -> int:
    """A part of an epoch, an hour, longer than an epoch, about as long as can be, or any."""
    choices = (
        min(near(rng, seconds + _skew(seconds), 2 * seconds), LAST),
        3600,
        max(seconds // number(rng, 1, 100), 1),
        min(seconds + rng.randrange(9999), LAST),
    )
    return rng.choice((*choices, number(rng, 1, LAST)))


def _scheduled(rng: Random) -> Json:
    seconds = epoch_length(rng)
    epoch = number(rng, 0, min(LAST // 2, 2**53 // seconds - 4))  # JSON holds times below 2^53
    return {"epoch_length": seconds, "interval": _interval(rng, seconds), "epoch": epoch}


def _time_of(rng: Random, given: Json) -> int:
    """Around a time at which an edition is due, or at which posts or editions are refused."""
    seconds, begin = given["epoch_length"], given["epoch"] * given["epoch_length"]
    count = 2 * seconds // given["interval"] + 1
    due = begin + rng.randint(0, count) * given["interval"]
    edges = (begin - _skew(seconds), begin, due, due, begin + seconds, begin + 2 * seconds)
    others = (begin - AHEAD * seconds - _skew(seconds), begin + seconds + _skew(seconds))
    return near(rng, *edges, *others)


@sampler("board/parameters")
def _parameters(rng: Random) -> Json:
    seconds = near(rng, 60, LAST + 1) if chance(rng, 0.2) else epoch_length(rng)
    interval = near(rng, 1, LAST + 1) if chance(rng, 0.2) else _any_interval(rng, seconds)
    on = board_origin(rng)
    if chance(rng, 0.2):
        on = rng.choice(
            ("", "a" * 256, "a+b", "billboard/", "billboard/x", "a b", "a\n", "billboard")
        )
    of = frame_class(rng).elements
    return {"origin": on, "epoch_length": seconds, "class": of, "interval": interval}


def board_origin(rng: Random) -> str:
    """An origin that a board can have."""
    return origin(rng).replace("+", "-")


@sampler("edition/schedule")
def _schedule(rng: Random) -> Json:
    given = _scheduled(rng)
    return {**given, "interval": max(given["interval"], given["epoch_length"] // 50)}


@sampler("edition/close")
def _edition_close(rng: Random) -> Json:
    given = _scheduled(rng)
    time = _time_of(rng, given) + (10**9 if chance(rng, 0.1) else 0)
    waiting = rng.choice((0, 0, 0, 1, 2))
    expired = near(rng, given["epoch"], high=LAST) if chance(rng, 0.2) else 0
    return {**given, "time": time, "waiting": waiting, "expired": expired}


@sampler("edition/order")
def _order(rng: Random) -> Json:
    epoch, time = number(rng, 0, LAST - 2), number(rng, 0, 2**40)
    rows = [
        {"epoch": epoch + rng.randint(0, 2), "time": near(rng, time, low=0)}
        for _ in range(rng.randint(0, 4))
    ]
    return {"closed": rows}


@sampler("edition/check-size")
def _edition_size_limit(rng: Random) -> Json:
    return {"size": 256 * near(rng, 1, 2**16, 2**45 - 1, low=1, high=2**45 - 1)}


@sampler("log/check-size")
def _log_size_limit(rng: Random) -> Json:
    return {"size": near(rng, 0, 1, 2**20, 2**53 - 1, low=0, high=2**53 - 1)}


@sampler("edition/check-time")
def _check_time(rng: Random) -> Json:
    given = _scheduled(rng)
    due, skew = _time_of(rng, given), _skew(given["epoch_length"])
    if chance(rng, 0.7):
        begin = given["epoch"] * given["epoch_length"]
        due = begin + max(due - begin, 0) // given["interval"] * given["interval"]
    return {**given, "due": due, "time": near(rng, due - skew, due - 2 * skew, due, low=0)}


@sampler("receipt/deadline")
def _deadline(rng: Random) -> Json:
    given = _scheduled(rng)
    begin, length = given["epoch"] * given["epoch_length"], given["epoch_length"]
    last = -(-(length + _skew(length)) // given["interval"])
    closed = begin + given["interval"] * number(rng, 0, last)
    time = _time_of(rng, given)
    return {**given, "time": time, "closed": [closed] if chance(rng, 0.5) else []}


@sampler("board/expire")
def _expire(rng: Random) -> Json:
    seconds = epoch_length(rng)
    epoch = number(rng, 0, min(LAST - 3, FAR // seconds))
    unfinished = {near(rng, epoch, epoch - 3, high=LAST - 3) for _ in range(rng.randrange(3))}
    time = near(rng, *((epoch + late) * seconds for late in (0, 1, 1, 2)))
    values = {"epoch_length": seconds, "epoch": epoch, "time": time}
    return {**values, "unfinished": sorted(unfinished)}


@sampler("log/fresh")
def _fresh(rng: Random) -> Json:
    given = _scheduled(rng)
    wait = given["interval"] + _skew(given["epoch_length"])
    time = min(_time_of(rng, given) + rng.choice((0, wait, wait)), 2**53 - 1)
    editions = [
        near(rng, time - wait, time, _time_of(rng, given)) for _ in range(number(rng, 0, 3))
    ]
    return {**given, "time": time, "editions": sorted(editions)}


@sampler("work/check")
def _work(rng: Random) -> Json:
    work = data(rng, rng.choice((8, 8, 8, 8, 8, 8, 0, 7, 9)))
    bits = rng.choice((1, 1, 1, 2, 2, 8, 63, 64))
    return {"origin": origin(rng), "post": data(rng, 300).hex(), "work": work.hex(), "bits": bits}


@sampler("epoch/expirable")
def _expirable(rng: Random) -> Json:
    seconds, epoch = epoch_length(rng), number(rng, 0, LAST - 3)
    times = [(epoch + late) * seconds for late in (0, 1, 1, 2)]
    return {"epoch_length": seconds, "epoch": epoch, "time": near(rng, *times)}


@sampler("board/submit")
def _submit(rng: Random) -> Json:
    on, seconds = board_origin(rng), epoch_length(rng)
    epoch = number(rng, 0, min(LAST - 1, FAR // seconds))
    time = time_of_post(rng, seconds, epoch)
    of = frame_class(rng)
    post = any_post(rng, of, on, epoch)
    identifier, seq = post[:32].hex(), int.from_bytes(post[37:41], "big")
    pending, closed = [], []
    if chance(rng, 0.4):
        waiting = near(rng, seq, low=0, high=LAST)
        pending.append({"epoch": epoch, "identifier": identifier, "seq": waiting})
    elif chance(rng, 0.25):  # what is in an edition does not wait
        closed.append({"epoch": epoch, "identifier": identifier})
    for rows in (pending, closed):
        if chance(rng, 0.3):
            row = {"epoch": epoch + rng.choice((0, 1)), "identifier": rng.randbytes(32).hex()}
            rows.append({**row, "seq": seq} if rows is pending else row)
    if chance(rng, 0.2):  # the same identifier, of another epoch
        pending.append({"epoch": epoch + 1, "identifier": identifier, "seq": seq})
    over, expired = list[int](), 0
    if not pending and not closed and chance(rng, 0.2):
        over.append(near(rng, epoch, high=LAST))
    elif not pending and not closed and chance(rng, 0.1):
        expired = near(rng, epoch, high=LAST)
    if chance(rng, 0.25):
        post = damaged_post(rng, post)
    if chance(rng, 0.05):
        on = board_origin(rng)
    if chance(rng, 0.05):
        of = frame_class(rng)
    return {
        "origin": on,
        "class": of.elements,
        "epoch_length": seconds,
        "time": time,
        "post": post.hex(),
        "quota": rng.choice((None, None, 0, 1, 2)),
        "pending": pending,
        "closed": closed,
        "over": over,
        "expired": expired,
    }


@sampler("board/edition-size")
def _edition_size(rng: Random) -> Json:
    count = (
        number(rng, 0, 3) if chance(rng, 0.05) else 256 * rng.choice((1, 1, 2)) - number(rng, 0, 20)
    )
    return {"posts": count + (1 if chance(rng, 0.02) else 0)}


def _named(rng: Random, count: int) -> Json:
    return {"seed": rng.randbytes(8).hex(), "count": count}


@sampler("board/edition")
def _edition(rng: Random) -> Json:
    bundles = rng.choice((1, 1, 1, 2, 3))
    dummies = number(rng, 0, 255) if bundles > 1 or chance(rng, 0.8) else 256
    waiting = 256 * bundles - dummies
    return {"posts": _named(rng, waiting), "dummies": _named(rng, dummies)}


@sampler("board/bundle")
def _bundle(rng: Random) -> Json:
    """An identifier that is there, the one before or after it, or any."""
    edition = {**_named(rng, 256 * rng.choice((1, 2, 2, 3))), "zeros": rng.choice((0, 0, 6, 7, 8))}
    content = identifiers(**edition)
    start = 256 * rng.randrange(len(content) // 256)
    found = int.from_bytes(content[rng.choice((start, start - 1, rng.randrange(256)))], "big")
    wanted = min(max(found + rng.choice((-1, 0, 0, 1)), 0), 2**256 - 1).to_bytes(32, "big")
    if chance(rng, 0.2):
        wanted = rng.choice((bytes(32), b"\xff" * 32, rng.randbytes(32)))
    return {"edition": edition, "identifier": wanted.hex()}


@sampler("board/default-expiry")
def _expiry(rng: Random) -> Json:
    seconds, epoch = epoch_length(rng), number(rng, 0, LAST - 10)
    return {"epoch_length": seconds, "time": near(rng, epoch * seconds, (epoch + 1) * seconds)}


@sampler("board/dummy")
def _dummy(rng: Random) -> Json:
    of = frame_class(rng)
    return {
        "origin": origin(rng),
        "epoch": number(rng, 0, LAST),
        "seq": number(rng, 0, 2**31 - 1),
        "secret": scalar(rng, nonzero=True).hex(),
        "salt": data(rng, 32).hex(),
        "box": data(rng, posts.box_size(of)).hex(),
        "rnd": data(rng, 32).hex(),
    }
