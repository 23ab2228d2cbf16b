"""The part of board.json about time: epochs, editions and what expires, SPEC 2, 9.1 and 9.2."""

from oracle.board import Schedule
from oracle.operations import Json

from vectors.cases.casebook import Casebook
from vectors.cases.material import DAY, EPOCH, TIME

OPENS = (EPOCH - 14) * DAY - 3600
CLOSES = (EPOCH + 1) * DAY + 3600
HOUR = 3600


def epochs(book: Casebook) -> None:
    for name, length, time in (
        ("start", DAY, EPOCH * DAY),
        ("end", DAY, (EPOCH + 1) * DAY - 1),
        ("zero", DAY, 0),
        ("shortest", 60, 3599),
        ("longest", 2**32 - 1, 2**32 - 1),
        ("last", 60, 60 * 2**32 - 1),
    ):
        values: Json = {"epoch_length": length, "time": time}
        book.valid("epoch/at", name, name, **values)
    for name, length, time, reason in (
        ("beyond-last", 60, 60 * 2**32, "epoch-out-of-range"),
        ("length-0", 0, 0, "epoch-length"),
        ("length-59", 59, 59, "epoch-length"),
        ("length-2-to-32", 2**32, 0, "epoch-length"),
    ):
        values = {"epoch_length": length, "time": time, "single": length != 0}
        book.refused("epoch/at", name, name.replace("-", " "), reason, **values)
    for name, time, epoch in (("current", TIME, EPOCH), ("early", DAY, 1), ("first", 0, 0)):
        values = {"epoch_length": DAY, "time": time}
        book.valid("board/default-expiry", name, f"in epoch {epoch}", **values)


def windows(book: Casebook) -> None:
    def add(name: str, epoch: int, time: int, reason: str = "", length: int = DAY) -> None:
        values: Json = {"epoch_length": length, "epoch": epoch, "time": time}
        comment = name.replace("-", " ")
        if reason:
            book.refused("epoch/open", name, comment, reason, **values)
        else:
            book.valid("epoch/open", name, comment, **values)

    add("first-second", EPOCH, OPENS)
    add("a-second-early", EPOCH, OPENS - 1, "epoch-not-yet-open")
    add("last-second", EPOCH, CLOSES - 1)
    add("a-second-late", EPOCH, CLOSES, "epoch-closed")
    add("middle", EPOCH, TIME)
    add("epoch-0-at-0", 0, 0)
    add("epoch-13-at-0", 13, 0)
    add("epoch-15-at-0", 15, 0, "epoch-not-yet-open")
    add("short-first-second", 1000, 986 * 60 - 30, length=60)
    add("short-a-second-early", 1000, 986 * 60 - 31, "epoch-not-yet-open", 60)
    add("short-last-second", 1000, 1001 * 60 + 29, length=60)
    add("short-a-second-late", 1000, 1001 * 60 + 30, "epoch-closed", 60)
    add("odd-last-second", 1000, 1001 * 61 + 29, length=61)
    add("odd-a-second-late", 1000, 1001 * 61 + 30, "epoch-closed", 61)
    add("two-hours-last-second", 1000, 1001 * 7199 + 3598, length=7199)
    add("two-hours-a-second-late", 1000, 1001 * 7199 + 3599, "epoch-closed", 7199)


def schedules(book: Casebook) -> None:
    def add(
        operation: str, name: str, comment: str, length: int, interval: int, **more: int
    ) -> None:
        values: Json = {"epoch_length": length, "interval": interval, "epoch": EPOCH}
        book.valid(operation, name, comment, **values, **more)

    begin = EPOCH * DAY
    ends = begin + DAY + HOUR
    for name, length, interval, comment in (
        ("hourly", DAY, HOUR, "the last one is due when nothing more is accepted"),
        ("every-7-hours", DAY, 7 * HOUR, "the last one is due later than that"),
        ("every-second", 60, 1, "every second, for a minute and a half"),
        ("once", DAY, 2 * DAY - 1, "as late as the last may be"),
        ("as-long-as-both", DAY, DAY + HOUR, "one at each end"),
        ("half-as-long", DAY, (DAY + HOUR) // 2, "one at each end, one between"),
        ("half-less-a-second", DAY, (DAY + HOUR) // 2 - 1, "one just before the end, one after"),
    ):
        add("edition/schedule", name, comment, length, interval)
    for name, comment, time in (
        ("an-hour-ahead", "its time is when the epoch begins", begin - HOUR),
        ("begins", "the first is due", begin),
        ("a-second-before-the-next", "its time is that of the first", begin + HOUR - 1),
        ("next", "the second is due", begin + HOUR),
        ("last", "the last is due", ends),
        ("after-the-last", "its time is that of the last", ends + HOUR),
        ("last-second", "the last second to close one", begin + 2 * DAY - 1),
    ):
        add("edition/close", name, comment, DAY, HOUR, time=time, waiting=0, expired=0)
    more: Json = {"time": begin + 8 * HOUR, "waiting": 0, "expired": EPOCH}
    add("edition/close", "every-7-hours", "7 hours and some", DAY, 7 * HOUR, **more)
    more = {"time": begin + 9 * DAY, "waiting": 1, "expired": 0}
    add("edition/close", "still-waiting", "long after, as a post waits", DAY, HOUR, **more)
    values: Json = {"epoch_length": DAY, "interval": HOUR, "epoch": EPOCH}
    for name, comment, reason, time in (
        ("too-early", "an hour and a second ahead", "too-early", begin - HOUR - 1),
        ("too-late", "the epoch after it is over", "too-late", begin + 2 * DAY),
    ):
        more = {"time": time, "waiting": 0, "expired": 0}
        book.refused("edition/close", name, comment, reason, **values, **more)
    more = {"time": begin, "waiting": 0, "expired": EPOCH + 1}
    comment = "it has expired, when the clock was ahead"
    book.refused("edition/close", "expired", comment, "epoch-expired", **values, **more)
    for name, comment, time in (
        ("posted-ahead", "an hour after the beginning of the epoch", OPENS),
        ("a-second-ahead", "the same", begin - 1),
        ("begins", "the edition that is due now may be closed already", begin),
        ("a-second-late", "the next hour, and one more", begin + 1),
        ("a-second-before-due", "the next second, and an hour more", begin + HOUR - 1),
        ("due", "as in the hour that begins", begin + HOUR),
        ("last-second", "the last edition", ends - 1),
    ):
        book.valid("receipt/deadline", name, comment, **values, time=time, closed=[])
    late: Json = {**values, "interval": 7 * HOUR, "time": begin + 10 * HOUR}
    book.valid("receipt/deadline", "7-hours", "21 hours after 10", **late, closed=[])
    for name, comment, time, closed in (
        ("closed-ahead", "the first was closed before it was due", begin - 1, begin),
        ("clock-behind", "one was closed by a clock that was ahead", begin, begin + 5 * HOUR),
        ("closed-before", "the one before is closed", begin + HOUR + 1, begin + HOUR),
        ("last-but-one", "the last one is not", ends - 1, ends - HOUR),
    ):
        more = {"time": time, "closed": [begin, closed]}
        book.valid("receipt/deadline", name, comment, **values, **more)
    more = {"time": begin, "closed": [begin, ends]}
    comment = "the last one is closed, by a clock that was ahead"
    book.refused("receipt/deadline", "over", comment, "epoch-over", **values, **more)
    for name, comment, reason, time in (
        ("too-early", "nothing is accepted, and no receipt given", "epoch-not-yet-open", OPENS - 1),
        ("too-late", "nothing is accepted any more", "epoch-closed", CLOSES),
    ):
        book.refused("receipt/deadline", name, comment, reason, **values, time=time, closed=[])


def orders(book: Casebook) -> None:
    begin = EPOCH * DAY
    for name, comment, rows in (
        ("none", "nothing is closed", []),
        ("one", "one edition", [(EPOCH, begin)]),
        ("times", "their times count, not when they were closed", [(EPOCH, 2), (EPOCH + 1, 1)]),
        ("epochs", "of one time, the earlier epoch first", [(EPOCH + 1, 1), (EPOCH, 1)]),
        ("numbers", "of one epoch and time, the smaller number", [(EPOCH, 1), (EPOCH, 1)]),
        ("late", "an edition of the epoch before, due after it began", [(1, DAY), (0, DAY + HOUR)]),
    ):
        closed = [{"epoch": epoch, "time": time} for epoch, time in rows]
        book.valid("edition/order", name, comment, closed=closed)


def sizes(book: Casebook) -> None:
    for what, step, most in (("log", 1, 2**20), ("edition", 256, 2**24)):
        operation, reason = f"{what}/check-size", f"{what}-size"
        for name, size in (("least", step), ("most", most)):
            book.valid(operation, name, f"{size}", size=size)
        for name, size in (("one-more", most + step), ("very-many", 2**53 - step)):
            book.refused(operation, name, f"{size}", reason, size=size)
    book.refused("log/check-size", "none", "nothing, not even the parameters", "log-size", size=0)


def times(book: Casebook) -> None:
    begin, last = EPOCH * DAY, (EPOCH + 1) * DAY + HOUR

    def values(due: int, time: int, interval: int = HOUR, length: int = DAY) -> Json:
        given = {"epoch_length": length, "interval": interval, "epoch": EPOCH, "time": time}
        return {**given, "due": due}

    later = EPOCH * DAY + 21 * HOUR
    for name, comment, given in (
        ("begins", "the first, when it is due", values(begin, begin)),
        ("closed-ahead", "the first, by clocks that differ most", values(begin, begin - 2 * HOUR)),
        ("second", "the second, by clocks that differ most", values(begin + HOUR, begin)),
        ("last", "the last one", values(last, last)),
        ("long-ago", "one of the past", values(last, last + 500 * DAY)),
        ("every-7-hours", "one of few", values(later, later, 7 * HOUR)),
        ("short", "of an epoch of a minute", values(60 * EPOCH + 7, 60 * EPOCH - 23, 7, 60)),
    ):
        book.valid("edition/check-time", name, comment, **given)
    for name, comment, reason, given in (
        ("before-the-first", "before the epoch begins", "not-due", values(begin - HOUR, begin)),
        ("a-second-late", "a second after one is due", "not-due", values(begin + 1, begin + DAY)),
        ("a-second-early", "a second before", "not-due", values(begin + HOUR - 1, begin + DAY)),
        ("after-the-last", "after the last one", "not-due", values(last + HOUR, last + DAY)),
        (
            "first-too-early",
            "ahead of any clock",
            "yet-to-come",
            values(begin, begin - 2 * HOUR - 1),
        ),
        (
            "second-too-early",
            "the second, as much ahead",
            "yet-to-come",
            values(begin + HOUR, begin - 1),
        ),
        ("last-too-early", "the last, at once", "yet-to-come", values(last, begin)),
    ):
        book.refused("edition/check-time", name, comment, reason, **given)


def freshness(book: Casebook) -> None:
    due = Schedule(DAY, HOUR, EPOCH)
    begin = due.start

    def values(time: int, *editions: int, interval: int = HOUR) -> Json:
        given = {"epoch_length": DAY, "interval": interval, "epoch": EPOCH, "time": time}
        return {**given, "editions": list(editions)}

    last, wait = due.latest(begin + 2 * DAY), 2 * HOUR
    for name, comment, given in (
        ("ahead", "no edition is due", values(begin - 1)),
        ("not-yet-missed", "none was due so long ago", values(begin + wait - 1)),
        ("first", "the first, in its last second", values(begin + wait + HOUR - 1, begin)),
        ("several", "the newest counts", values(begin + 9 * HOUR, begin, begin + 7 * HOUR)),
        ("newer", "newer than it must be", values(begin + 5 * HOUR, begin + 5 * HOUR)),
        ("last", "after the last nothing is due", values(begin + 50 * DAY, last)),
        ("once", "a wait that is longer", values(begin + 8 * HOUR, begin, interval=4 * HOUR)),
    ):
        book.valid("log/fresh", name, comment, **given)
    for name, comment, given in (
        ("no-edition", "the first was due so long ago", values(begin + wait)),
        ("first", "the second was due so long ago", values(begin + wait + HOUR, begin)),
        ("a-second", "older by a second", values(begin + wait + HOUR, begin + HOUR - 1)),
        ("several", "none is new enough", values(begin + 10 * HOUR, begin, begin + 7 * HOUR)),
        ("last-but-one", "the last one is missing", values(begin + 50 * DAY, last - HOUR)),
    ):
        book.refused("log/fresh", f"stale-{name}", comment, "stale", **given)


def expiring(book: Casebook) -> None:
    for name, epoch, time in (("before-current", EPOCH - 1, TIME), ("long-ago", 0, TIME)):
        values: Json = {"epoch_length": DAY, "epoch": epoch, "time": time}
        book.valid("epoch/expirable", name, f"before epoch {epoch}, in {EPOCH}", **values)
    for name, epoch in (("current", EPOCH), ("next", EPOCH + 1)):
        values = {"epoch_length": DAY, "epoch": epoch, "time": TIME}
        comment, reason = f"before epoch {epoch}, in {EPOCH}", "epoch-still-needed"
        book.refused("epoch/expirable", name, comment, reason, **values)


def unfinished(book: Casebook) -> None:
    for name, comment, epochs in (
        ("nothing", "nothing is left to publish", []),
        ("before", "posts of the epoch before wait: it is kept", [EPOCH - 2]),
        ("two", "so is all after the first such epoch", [EPOCH - 2, EPOCH - 4]),
        ("later", "what is kept anyhow", [EPOCH - 1, EPOCH]),
    ):
        values: Json = {"epoch_length": DAY, "epoch": EPOCH - 1, "time": TIME}
        book.valid("board/expire", name, comment, **values, unfinished=epochs)
    values = {"epoch_length": DAY, "epoch": EPOCH, "time": TIME, "unfinished": []}
    comment, reason = "the epoch before the current one", "epoch-still-needed"
    book.refused("board/expire", "still-needed", comment, reason, **values)
