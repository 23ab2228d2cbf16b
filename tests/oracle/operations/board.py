"""The operations of SPEC 9.1, 9.2 and 9.5 to 9.7: the rules of the board."""

import hashlib

from .. import board, logs, notation, posts
from .inputs import Input, Json


def board_parameters(i: Input) -> Json:
    board.check_board_origin(i.text("origin").encode())
    notation.check_epoch_length(i.number("epoch_length"))
    board.check_interval(i.number("interval"))
    board.check_schedule(i.number("epoch_length"), i.number("interval"))
    numbers = i.number("epoch_length"), i.number("class"), i.number("interval")
    return {"entry": logs.BoardEntry(i.text("origin"), *numbers).encode().hex()}


def epoch_open(i: Input) -> Json:
    board.check_open(i.number("epoch_length"), i.number("epoch"), i.number("time"))
    return {}


def epoch_expirable(i: Input) -> Json:
    board.check_expirable(i.number("epoch_length"), i.number("epoch"), i.number("time"))
    return {}


def board_expire(i: Input) -> Json:
    numbers = i.number("epoch_length"), i.number("epoch"), i.number("time")
    return {"before": board.expire(*numbers, i.items("unfinished"))}


def _schedule(i: Input) -> board.Schedule:
    return board.Schedule(i.number("epoch_length"), i.number("interval"), i.number("epoch"))


def edition_schedule(i: Input) -> Json:
    due = _schedule(i)
    return {"first": due.start, "last": due.latest(2**128), "count": due.last + 1}


def edition_close(i: Input) -> Json:
    waiting = i.number("waiting")
    time = _schedule(i).close(i.number("time"), waiting, i.number("expired"))
    return {"time": time, "dummies": board.edition_size(waiting) - waiting}


def edition_check_time(i: Input) -> Json:
    numbers = (i.number(name) for name in ("epoch_length", "interval", "epoch", "due", "time"))
    board.check_manifest_time(*numbers)
    return {}


def edition_order(i: Input) -> Json:
    closed = [(row["epoch"], row["time"]) for row in i.items("closed")]
    order = board.publication_order(closed)
    return {"order": [{"epoch": epoch, "number": number} for epoch, number in order]}


def log_check_size(i: Input) -> Json:
    board.check_log_size(i.number("size"))
    return {}


def edition_check_size(i: Input) -> Json:
    board.check_edition_size(i.number("size"))
    return {}


def receipt_deadline(i: Input) -> Json:
    return {"deadline": _schedule(i).deadline(i.number("time"), i.items("closed"))}


def log_fresh(i: Input) -> Json:
    return {"due": _schedule(i).check_fresh(i.number("time"), i.items("editions"))}


def _place(row: Json) -> tuple[int, bytes]:
    return row["epoch"], bytes.fromhex(row["identifier"])


def board_submit(i: Input) -> Json:
    pending = {_place(row): int(row["seq"]) for row in i.items("pending")}
    closed = {_place(row) for row in i.items("closed")}
    origin, n, epoch_length = i.text("origin").encode(), i.number("class"), i.number("epoch_length")
    quota = i.optional_number("quota")
    over, expired = set(i.items("over")), i.number("expired")
    state = board.Board(origin, n, epoch_length, quota, pending, closed, over, expired)
    return {"replaces": board.submit(state, i.data("post"), i.number("time"))}


def work_check(i: Input) -> Json:
    board.check_work(i.text("origin").encode(), i.data("post"), i.data("work"), i.number("bits"))
    return {}


def board_edition_size(i: Input) -> Json:
    size = board.edition_size(i.number("posts"))
    return {"size": size, "dummies": size - i.number("posts")}


def board_edition(i: Input) -> Json:
    edition = sorted(i.edition("posts") + i.edition("dummies"))
    digest = hashlib.sha256(b"".join(edition)).hexdigest()
    return {"first": edition[0].hex(), "last": edition[-1].hex(), "digest": digest}


def board_dummy(i: Input) -> Json:
    made = (i.data("salt"), i.data("box"), i.data("rnd"))
    origin, epoch, seq = i.text("origin").encode(), i.number("epoch"), i.number("seq")
    return {"post": posts.post_with_box(i.scalar("secret"), origin, epoch, seq, *made).hex()}


def board_bundle(i: Input) -> Json:
    edition = i.edition("edition")
    bundles = logs.bundles_of(edition, i.data("identifier"))
    start = bundles[-1] * board.BUNDLE
    last = edition[start + board.BUNDLE - 1]
    return {"bundles": bundles, "first": edition[start].hex(), "last": last.hex()}


def board_default_expiry(i: Input) -> Json:
    return {"epoch": board.default_expiry(i.number("epoch_length"), i.number("time"))}
