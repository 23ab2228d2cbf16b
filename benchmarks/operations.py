"""The operations that are measured, each as billboard and its peers do it."""

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
"""The backend that all contestants but those on `PORTABLE` run on."""


@dataclass(frozen=True)
class Contestant:
    """A call that processes ``items`` items on ``threads`` threads.

    ``beside`` names the contestants of the same operation that it is compared with. ``cpu`` returns
    the seconds of processor time used so far by the process that does the work.
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
    """Return `BILLBOARD`, which must be in ``calls``, and its peers: one item for each call."""
    peers = tuple(name for name in calls if name != BILLBOARD)
    return {
        name: Contestant(call, beside=peers if name == BILLBOARD else ())
        for name, call in calls.items()
    }


def in_batches(
    items: int, batch: Callable[[int], object], calls: Mapping[str, Call]
) -> dict[str, Contestant]:
    """Return the contestants of `one_by_one`, and batches of billboard on one thread and on two.

    ``batch(threads)`` processes ``items`` items. If the backend is not the portable one, batches
    on the portable backend are added.
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
    """Return a call that makes ``call`` on the portable backend."""

    def run() -> object:
        _core.use_backend("portable")
        try:
            return call()
        finally:
            _core.use_backend(BACKEND)

    return run


def check(holds: bool, what: str) -> None:
    """Raise `ArithmeticError` unless ``holds``, so that no wrong result is timed."""
    if not holds:
        raise ArithmeticError(f"a result is wrong, so nothing was timed: {what}")
