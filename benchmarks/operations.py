"""What is measured: each operation, as billboard and its peers do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from billboard import _core, batches

Call = Callable[[], object]

BILLBOARD = "billboard"
BATCH = "billboard, batch"
TWO_THREADS = "billboard, batch on two threads"
PORTABLE = "billboard portable, batch"
TWO_THREADS_PORTABLE = "billboard portable, batch on two threads"

BACKEND = batches.backend()
"""What all but `PORTABLE` runs on."""


@dataclass(frozen=True)
class Contestant:
    """A call that does ``items`` items on ``threads`` threads.

    ``beside`` names the contestants of the same operation that it is compared with; ``cpu`` reads
    the seconds of processor time that the call uses up.
    """

    call: Call
    items: int = 1
    threads: int = 1
    beside: tuple[str, ...] = ()
    cpu: Callable[[], float] = time.process_time


@dataclass(frozen=True)
class Operation:
    """One operation on one subject, by all contestants, already checked for correctness."""

    subject: str
    name: str
    contestants: Mapping[str, Contestant]


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
    """The same, and billboard's ``batch(threads)`` of ``items`` items on one thread and on two.

    If it is not the portable backend that runs, that too.
    """
    single = one_by_one(calls)
    peers = single[BILLBOARD].beside
    contestants = {
        BATCH: Contestant(lambda: batch(1), items, 1, peers),
        TWO_THREADS: Contestant(lambda: batch(2), items, 2, (BATCH,)),
    }
    if BACKEND != "portable":
        contestants |= {
            PORTABLE: Contestant(on_portable(lambda: batch(1)), items, 1, (*peers, BATCH)),
            TWO_THREADS_PORTABLE: Contestant(on_portable(lambda: batch(2)), items, 2, (PORTABLE,)),
        }
    return contestants | single


def on_portable(call: Call) -> Call:
    """The same call on the portable backend."""

    def run() -> object:
        _core.use_backend("portable")
        try:
            return call()
        finally:
            _core.use_backend(BACKEND)

    return run


def check(holds: bool, what: str) -> None:
    """Raise `ArithmeticError` if a result that would be timed is wrong."""
    if not holds:
        raise ArithmeticError(f"not timed, for it is wrong: {what}")
