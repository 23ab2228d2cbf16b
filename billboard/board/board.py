"""The rules of the board (SPEC 9)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import final

from billboard import posts
from billboard.board.store import BUNDLE, Edition, Entry, Store
from billboard.errors import (
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    RefusedPostError,
)
from billboard.posts import Post, epoch_at

__all__ = ["EPOCHS_AHEAD", "LONGEST_SKEW", "Board"]

EPOCHS_AHEAD = 14
"""For how many epochs after the current one a board takes posts (SPEC 9)."""

LONGEST_SKEW = 3600
"""Seconds by which clocks may differ, if an epoch is not shorter (SPEC 9)."""


@final
class Board:
    """The board that ``store`` keeps. ``clock`` gives seconds since 1970."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.origin = store.parameters.origin
        """What names this board."""
        self.epoch_length = store.parameters.epoch_length
        """Seconds of an epoch."""
        self.frame_class = store.parameters.frame_class
        """The class of all its posts."""
        self._skew = min(LONGEST_SKEW, self.epoch_length)
        self._store = store
        self._clock = clock

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return epoch_at(self._clock(), self.epoch_length)

    def submit(self, post: Post) -> None:
        """Accept a post: when this returns, it is on stable storage.

        Raises `RefusedPostError`, with a reason, if the board does not accept it, and `StoreError`
        if storage failed; nothing is stored then.
        """
        try:
            data = bytes(post)
            post = Post.from_bytes(data)  # whoever made this object, what is stored decodes
        except InvalidEncodingError as error:
            raise RefusedPostError("encoding", str(error)) from None
        if post.frame_class is not self.frame_class:
            raise RefusedPostError("class", f"this board is of class {self.frame_class.name}")
        opens = (post.epoch - EPOCHS_AHEAD) * self.epoch_length - self._skew
        now = self._clock()
        if not opens <= now < (post.epoch + 1) * self.epoch_length + self._skew:
            problem = f"epoch {post.epoch} is not open in epoch {int(now // self.epoch_length)}"
            raise RefusedPostError("epoch", problem)
        try:
            post.verify(self.origin)
        except InvalidSignatureError as error:
            raise RefusedPostError("signature", f"{error} for board {self.origin}") from None
        self._store.put(post.epoch, Entry(post.identifier, post.seq, data))

    def publish(self, epoch: int) -> Edition:
        """Make the next edition of ``epoch``.

        Raises `EpochError` before that epoch has begun, and when the one after it is over.
        """
        now, epoch = self._clock(), posts.check_epoch(epoch)
        if now < epoch * self.epoch_length - self._skew:
            raise EpochError(f"epoch {epoch} has not begun: the current one is {self.epoch}")
        if now >= (epoch + 2) * self.epoch_length:
            raise EpochError(f"epoch {epoch} is over: the current one is {self.epoch}")
        return self._store.publish(epoch, lambda count: self._dummies(epoch, count))

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """The editions of ``epoch``, by number; none if it is not published or has expired."""
        return self._store.editions(epoch)

    def bundle(self, epoch: int, identifier: bytes, *, edition: int = 0) -> tuple[Post, ...]:
        """The 256 posts among which ``identifier`` is, if it is in that edition.

        Raises `LookupError` if there is no such edition.
        """
        return self._decoded(epoch, edition, self._edition(epoch, edition).bundle_of(identifier))

    def posts(self, epoch: int, *, edition: int) -> Iterator[Post]:
        """All posts of an edition, by identifier. Raises `LookupError` as `bundle` does."""
        for index in range(self._edition(epoch, edition).size // BUNDLE):
            yield from self._decoded(epoch, edition, index)

    def expire(self, before: int | None = None) -> int:
        """Delete epochs smaller than ``before``; how many posts that was.

        None stands for the epoch before the current one. Raises `EpochError` for a later one, in
        which a reader or a late post may still come (SPEC 9).
        """
        latest = max(self.epoch - 1, 0)
        before = latest if before is None else before
        if before > latest:
            raise EpochError(f"only epochs before {latest} can expire now, not {before - 1}")
        return self._store.expire(before)

    def _edition(self, epoch: int, number: int) -> Edition:
        editions = self.editions(epoch)
        if not 0 <= number < len(editions):
            raise LookupError(
                f"epoch {epoch} has {len(editions)} editions, and none of number {number}"
            )
        return editions[number]

    def _decoded(self, epoch: int, number: int, index: int) -> tuple[Post, ...]:
        return tuple(map(Post.from_bytes, self._store.bundle(epoch, number, index)))

    def _dummies(self, epoch: int, count: int) -> Sequence[Entry]:
        made = [
            posts.dummy(self.frame_class, origin=self.origin, epoch=epoch) for _ in range(count)
        ]
        return [Entry(post.identifier, post.seq, bytes(post)) for post in made]
