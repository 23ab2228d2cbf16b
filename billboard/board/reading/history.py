"""The history of a board in its master log, and what in it breaks the rules (SPEC 9.2)."""

from __future__ import annotations

from billboard.board.manifest import Edition, Leaf
from billboard.board.parameters import BoardParameters
from billboard.errors import BoardFault


class History:
    """The entries of a master log, in turn, of a board with ``parameters``, as seen at ``now``.

    ``editions`` has all editions with their position in the log. ``problems`` has for each problem
    the position, whether it breaks the rules or the schedule, and in words what is wrong.
    """

    def __init__(self, parameters: BoardParameters, now: float) -> None:
        self._parameters, self._now = parameters, now
        self.editions: list[tuple[int, Edition]] = []
        self.problems: list[tuple[int, BoardFault, str]] = []
        self.first_epoch: int | None = None
        self._last_epoch = 0
        self._latest: dict[int, Edition] = {}

    def add(self, position: int, leaf: Leaf) -> None:
        """Add the next entry, which is at ``position``."""
        if isinstance(leaf, BoardParameters) and position:
            self.problems.append(
                (position, BoardFault.MISBEHAVIOR, f"entry {position} has its parameters again")
            )
        if isinstance(leaf, Edition):
            for reason, problem in (
                (BoardFault.MISBEHAVIOR, self._against_the_rules(leaf)),
                (BoardFault.SCHEDULE, self._against_the_schedule(leaf)),
            ):
                if problem:
                    what = f"edition {leaf.number} of epoch {leaf.epoch} {problem}"
                    self.problems.append((position, reason, what))
                    break
            self.editions.append((position, leaf))
            if self.first_epoch is None:
                self.first_epoch = leaf.epoch
            self._latest[leaf.epoch] = leaf
            self._last_epoch = max(self._last_epoch, leaf.epoch)

    def _against_the_rules(self, edition: Edition) -> str:
        parameters, before = self._parameters, self._latest.get(edition.epoch)
        expected = before.number + 1 if before else 0
        if edition.number != expected:
            return f"comes where {expected} should"
        if edition.epoch < self._last_epoch - 2:
            return f"comes after one of epoch {self._last_epoch}"
        if problem := parameters.check_time(edition.epoch, edition.time, self._now):
            return problem
        if before and edition.time < before.time:
            return f"is of {edition.time}, earlier than the one before"
        return ""

    def _against_the_schedule(self, edition: Edition) -> str:
        parameters, before = self._parameters, self._latest.get(edition.epoch)
        expected = edition.epoch * parameters.epoch_length
        # A board may begin at any time.
        began = self.editions[0][1].time if self.editions else edition.time
        if before is not None:
            expected = before.time + parameters.late_interval
        elif self.editions and edition.epoch > self._last_epoch + 1:
            return f"comes right after epoch {self._last_epoch}"
        if edition.time > expected and (before or began <= expected):
            return f"is of {edition.time}, but the one due at {expected} was left out"
        return ""
