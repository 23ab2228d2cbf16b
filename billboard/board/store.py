"""The interface of a board's database. A store sees opaque bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from billboard.board.parameters import BoardParameters
from billboard.errors import RefusedPostError


@dataclass(frozen=True)
class Entry:
    """A post as the store sees it."""

    epoch: int
    identifier: bytes
    seq: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class ClosedEdition:
    """An edition whose posts cannot change any more: ``size`` of them, due at ``time``.

    ``leaf`` is its entry in the master log; None until it is published.
    """

    epoch: int
    number: int
    size: int
    time: int
    leaf: bytes | None = None


@dataclass(frozen=True)
class LogState:
    """The state of the master log.

    ``note`` is its last checkpoint, signed by the board. ``served`` is the checkpoint that readers
    get: it may be older, and has the cosignatures of witnesses. Both are empty before the first. A
    log that is ``restored`` from a backup signs nothing: more may have been signed since.
    """

    size: int
    root: bytes
    note: bytes
    served: bytes
    restored: bool = False


class Posts(Protocol):
    """The posts of a board, until they are in an edition that is closed."""

    @property
    def parameters(self) -> BoardParameters:
        """The parameters of the board. They are set once, when the store is made."""

    def put(
        self, entries: Sequence[Entry], quota: int | None = None
    ) -> list[RefusedPostError | None]:
        """Keep each post until its edition is closed; it replaces an older one of its identifier.

        Returns for each post None, or the refusal of a post that is not kept: ``epoch`` if the last
        edition of its epoch is closed, ``published`` if its identifier is in an edition, ``seq`` if
        there is a post with the same or a greater seq, ``quota`` if so many others already wait for
        an edition of its epoch.
        """

    def epochs(self) -> dict[int, int]:
        """Return each epoch that has rows, with how many posts wait for its next edition."""


class Editions(Protocol):
    """The closed editions of a board, which do not change any more."""

    def close_edition(
        self,
        epoch: int,
        time: int,
        dummies: Callable[[int], Sequence[Entry]],
        *,
        again: bool = True,
    ) -> ClosedEdition:
        """Make the next edition of all posts that wait for ``epoch``, with ``dummies(count)``.

        Unless ``again``, the last edition is returned instead if its time is ``time`` or later.
        """

    def closed(self, epoch: int | None = None) -> tuple[ClosedEdition, ...]:
        """Return the closed editions of ``epoch``, by number, or all unpublished ones, in turn."""

    def entries(self, edition: ClosedEdition) -> Iterator[bytes]:
        """Yield the posts of a closed edition, by identifier. Raises `StoreError` for damage."""

    def expire(self, before: int) -> int:
        """Delete epochs smaller than ``before``, and return how many posts they had.

        These epochs are over for ever then, whatever the clock says. Raises `StoreError` if one of
        their editions is not published.
        """


class MasterLog(Protocol):
    """The state of a board's master log: every step is a comparison and a swap."""

    def log_state(self) -> LogState:
        """Return the state of the master log."""

    def propose(self, size: int, leaf: bytes, edition: tuple[int, int] | None) -> bytes | None:
        """Make ``leaf`` the pending entry of the log with ``size`` entries, if there is none.

        Returns the entry that is pending; None if the log has another size by now, or if
        ``edition``, the epoch and number of the entry's edition, is already published.
        """

    def advance(
        self,
        state: LogState,
        pending: bytes,
        root: bytes,
        note: bytes,
        edition: tuple[int, int] | None,
    ) -> bool:
        """Move the log from ``state`` by its ``pending`` entry to ``root`` and its checkpoint.

        If the entry is of an edition, ``edition`` is its epoch and number: it is published then.
        Returns False, and changes nothing, if the log is not in ``state``.
        """

    def serve(self, size: int, note: bytes) -> None:
        """Give readers ``note``, of the log with ``size`` entries, unless they get a newer one."""


class Store(Posts, Editions, MasterLog, Protocol):
    """The rows of one board; its methods may be called from several threads and processes.

    When a method returns, its changes are on stable storage. If it raises `StoreError`, it has
    changed nothing, unless the message says that this is not known.
    """

    def close(self) -> None:
        """Close the database. The store cannot be used any more."""
