"""What is measured: each operation, as billboard and its peers do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]

BILLBOARD = "billboard"
BATCH = "billboard, batch"
TWO_THREADS = "billboard, batch on two threads"


@dataclass(frozen=True)
class Contestant:
    """A call that does ``items`` items on ``threads`` threads.

    ``beside`` names the contestants of the same operation that it is compared with.
    """

    call: Call
    items: int = 1
    threads: int = 1
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """One operation on one subject, by all contestants, already checked for correctness."""

    subject: str
    name: str
    contestants: Mapping[str, Contestant]


Operations = dict[tuple[str, str], Operation]
"""By subject and name."""


def one_by_one(calls: Mapping[str, Call]) -> dict[str, Contestant]:
    """`BILLBOARD`, which ``calls`` has, and its peers, one item a call."""
    peers = tuple(name for name in calls if name != BILLBOARD)
    return {
        name: Contestant(call, beside=peers if name == BILLBOARD else ())
        for name, call in calls.items()
    }


def in_batches(
    items: int, batch: Callable[[int], object], calls: Mapping[str, Call]
) -> dict[str, Contestant]:
    """The same, and billboard's ``batch(threads)`` of ``items`` items on one thread and on two."""
    single = one_by_one(calls)
    return {
        BATCH: Contestant(lambda: batch(1), items, 1, single[BILLBOARD].beside),
        TWO_THREADS: Contestant(lambda: batch(2), items, 2, (BATCH,)),
        **single,
    }


def check(holds: bool, what: str) -> None:
    """Raise `ArithmeticError` if a result that would be timed is wrong."""
    if not holds:
        raise ArithmeticError(f"not timed, for it is wrong: {what}")
