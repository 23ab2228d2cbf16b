"""How the oracle refuses: one exception, with an outcome and a reason."""

from collections.abc import Iterator
from contextlib import contextmanager

INVALID = "invalid"
NOT_MINE = "not-mine"
WITHDRAWN = "withdrawn"

_waived: set[str] = set()


class Refused(Exception):
    """An input that SPEC.md refuses."""

    def __init__(self, reason: str, outcome: str = INVALID) -> None:
        super().__init__(reason)
        self.reason = reason
        self.outcome = outcome


def require(condition: bool, reason: str, outcome: str = INVALID) -> None:
    """Refuse unless the condition holds or the reason is waived."""
    if not condition and reason not in _waived:
        raise Refused(reason, outcome)


def require_length(data: bytes, length: int) -> None:
    """Refuse a wrong length. This cannot be waived: there is nothing sensible to go on with."""
    if len(data) != length:
        raise Refused("wrong-length")


@contextmanager
def waived(reason: str) -> Iterator[None]:
    """Switch one reason off.

    A case that has exactly one failure is valid once the check that finds it is switched off.
    """
    _waived.add(reason)
    try:
        yield
    finally:
        _waived.discard(reason)


@contextmanager
def all_refusals_as(outcome: str) -> Iterator[None]:
    """Report every refusal of the block with the given outcome."""
    try:
        yield
    except Refused as refusal:
        raise Refused(refusal.reason, outcome) from refusal
