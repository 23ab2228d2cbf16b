"""What a board needs of its database. A store sees opaque bytes."""

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

    ``leaf`` is its entry in the master log, None as long as it is not published.
    """

    epoch: int
    number: int
    size: int
    time: int
    leaf: bytes | None = None


@dataclass(frozen=True)
class LogState:
    """How far the master log is.

    ``note`` is its last checkpoint, signed by the board, ``served`` the one that readers get, which
    may be older and has the cosignatures of witnesses. Both are empty before the first. What is
    ``restored`` from a backup signs nothing: more may have been signed since.
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
        """Of which board. They are set once, when the store is made."""

    def put(
        self, entries: Sequence[Entry], quota: int | None = None
    ) -> list[RefusedPostError | None]:
        """Keep each post until its edition is closed, in place of an older one of its identifier.

        For each one whether it was refused, and then it is not kept: ``epoch`` if the last edition
        of its epoch is closed, ``published`` if its
        identifier is in an edition, ``seq`` if there is a post of the same or a greater seq,
        ``quota`` if so many others already wait for an edition of its epoch.
        """

    def epochs(self) -> dict[int, int]:
        """Each epoch that there are rows of, with how many posts wait for its next edition."""


class Editions(Protocol):
    """The editions of a board that are closed: what is in them does not change any more."""

    def close_edition(
        self,
        epoch: int,
        time: int,
        dummies: Callable[[int], Sequence[Entry]],
        *,
        again: bool = True,
    ) -> ClosedEdition:
        """Make the next edition of all posts that wait for ``epoch``, with ``dummies(count)``.

        Unless ``again``, the last one is returned instead if it is of ``time`` or later.
        """

    def closed(self, epoch: int | None = None) -> tuple[ClosedEdition, ...]:
        """The closed editions of an epoch, by number; without one, those not published, in turn."""

    def entries(self, edition: ClosedEdition) -> Iterator[bytes]:
        """The posts of a closed edition, by identifier. Raises `StoreError` if one is damaged."""

    def expire(self, before: int) -> int:
        """Delete posts and editions of epochs smaller than ``before``; how many posts that was.

        For ever: these epochs are over then, whatever the clock says. Raises `StoreError` if one of
        the editions is not published.
        """


class MasterLog(Protocol):
    """How far the master log of a board is: every step is a comparison and a swap."""

    def log_state(self) -> LogState:
        """How far the master log is."""

    def propose(self, size: int, leaf: bytes, edition: tuple[int, int] | None) -> bytes | None:
        """Make ``leaf`` the pending entry of the log with ``size`` entries, if there is none.

        Returns the entry that is pending. None if the log has another size by now, or ``edition``,
        the epoch and number of the one that the entry is of, is published.
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

        If the entry is of an edition, it is published then: ``edition`` is its epoch and number.
        False, and nothing has changed, if the log is not in that state.
        """

    def serve(self, size: int, note: bytes) -> None:
        """Let readers get ``note``, of the log with ``size`` entries, unless they get a newer."""


class Store(Posts, Editions, MasterLog, Protocol):
    """The rows of one board; its methods may be called from several threads and processes.

    What returns is on stable storage. What raises `StoreError` has changed nothing, unless the
    message says that this is not known.
    """

    def close(self) -> None:
        """Let go of what it has open. It cannot be used after."""
