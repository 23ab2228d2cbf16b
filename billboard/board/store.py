"""What a board needs of its storage. A store sees opaque bytes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from billboard.posts import DEFAULT_EPOCH_LENGTH, check_epoch_length, check_origin
from billboard.tokens import FrameClass

__all__ = ["BUNDLE", "BoardParameters", "Edition", "Entry", "Store"]

BUNDLE = 256
"""Posts that are read together."""


@dataclass(frozen=True)
class BoardParameters:
    """What makes a board the one it is: its origin, epoch length in seconds, and class.

    Raises `InvalidEncodingError` (SPEC 2).
    """

    origin: str
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    frame_class: FrameClass = FrameClass.L

    def __post_init__(self) -> None:
        check_origin(self.origin)
        check_epoch_length(self.epoch_length)
        object.__setattr__(self, "frame_class", FrameClass(self.frame_class))


@dataclass(frozen=True)
class Entry:
    """A post as the store sees it."""

    identifier: bytes
    seq: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Edition:
    """A published edition: its posts never change.

    ``first_identifiers`` holds the first identifier of each bundle of 256 posts.
    """

    epoch: int
    number: int
    first_identifiers: tuple[bytes, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """How many posts, a multiple of 256."""
        return BUNDLE * len(self.first_identifiers)

    def bundle_of(self, identifier: bytes) -> int:
        """Which bundle (0, 1, ..) holds ``identifier`` if any does (SPEC 9)."""
        return max(bisect_right(self.first_identifiers, identifier) - 1, 0)


class Store(Protocol):
    """Storage of one board; its methods may be called from several threads and processes."""

    @property
    def parameters(self) -> BoardParameters:
        """Of which board. They are set once, when the store is made."""

    def put(self, epoch: int, entry: Entry) -> None:
        """Keep a post until its epoch is published, in place of an older one of its identifier.

        When it returns the post is on stable storage. Raises `RefusedPostError` if the identifier
        is in an edition or has a post of the same or a greater seq, `StoreError` if storage failed;
        then nothing has changed.
        """

    def publish(self, epoch: int, dummies: Callable[[int], Sequence[Entry]]) -> Edition:
        """Make the next edition of all posts that wait for ``epoch``, with ``dummies(count)``.

        When it returns the edition is on stable storage, and the posts in it can not change any
        more.
        """

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """The editions of an epoch, by number."""

    def bundle(self, epoch: int, number: int, index: int) -> tuple[bytes, ...]:
        """The 256 posts of bundle ``index`` of an edition, by identifier.

        Raises `LookupError` if there is no such bundle.
        """

    def expire(self, before: int) -> int:
        """Delete posts and editions of epochs smaller than ``before``; how many posts that was."""
