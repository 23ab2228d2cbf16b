"""What is measured: each operation, as billboard and its peers do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Call = Callable[[], object]


@dataclass(frozen=True)
class Operation:
    """One operation, already checked for correctness.

    ``batch(threads)`` is billboard's call for ``items`` items. ``single`` maps the name of a
    library to its call for one item, from and to bytes.
    """

    items: int
    batch: Callable[[int], object]
    single: Mapping[str, Call]


def check(holds: bool, what: str) -> None:
    """Raise `ArithmeticError` if a result that would be timed is wrong."""
    if not holds:
        raise ArithmeticError(f"not timed, for it is wrong: {what}")
