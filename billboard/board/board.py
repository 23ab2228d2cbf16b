"""The rules of the board (SPEC 9)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import final

from billboard import posts
from billboard.board.store import BUNDLE, Edition, Entry, Store
from billboard.errors import EpochError, InvalidSignatureError, RefusedPostError
from billboard.posts import Post, epoch_at

__all__ = ["BUNDLE", "Board"]

EPOCHS_AHEAD = 14
SKEW = 3600


@final
class Board:
    """The board that ``store`` keeps. ``clock`` gives seconds since 1970."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.origin = store.parameters.origin
        self.epoch_length = store.parameters.epoch_length
        self.frame_class = store.parameters.frame_class
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
        if post.frame_class is not self.frame_class:
            raise RefusedPostError("class", f"this board is of class {self.frame_class.name}")
        now, opens = self._clock(), (post.epoch - EPOCHS_AHEAD) * self.epoch_length - SKEW
        if not opens <= now < (post.epoch + 1) * self.epoch_length + SKEW:
            current = epoch_at(now, self.epoch_length)
            raise RefusedPostError("epoch", f"epoch {post.epoch} is not open in epoch {current}")
        try:
            post.verify(self.origin)
        except InvalidSignatureError as error:
            raise RefusedPostError("signature", f"{error} for board {self.origin}") from None
        self._store.put(post.epoch, Entry(post.identifier, post.seq, bytes(post)))

    def publish(self, epoch: int) -> Edition:
        """Make the next edition of ``epoch``. Raises `EpochError` before that epoch has begun."""
        if not 0 <= epoch <= posts.MAX_UINT32:
            raise EpochError(f"epoch {epoch} is not from 0 to 2^32 - 1")
        if self._clock() < epoch * self.epoch_length - SKEW:
            raise EpochError(f"epoch {epoch} has not begun: the current one is {self.epoch}")
        return self._store.publish(epoch, lambda count: self._dummies(epoch, count))

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """The editions of ``epoch``, by number; none if it is not published or has expired."""
        return self._store.editions(epoch)

    def bundle(self, epoch: int, identifier: bytes, *, edition: int = 0) -> tuple[Post, ...]:
        """The 256 posts among which ``identifier`` is, if it is in that edition.

        Raises `LookupError` if there is no such edition.
        """
        editions = self.editions(epoch)
        if not 0 <= edition < len(editions):
            raise LookupError(
                f"epoch {epoch} has {len(editions)} editions, and none of number {edition}"
            )
        return self._decoded(epoch, edition, editions[edition].bundle_of(identifier))

    def posts(self, epoch: int, *, edition: int) -> Iterator[Post]:
        """All posts of an edition, by identifier."""
        for index in range(self.editions(epoch)[edition].size // BUNDLE):
            yield from self._decoded(epoch, edition, index)

    def expire(self, before: int | None = None) -> int:
        """Delete epochs smaller than ``before``; how many posts that was.

        None stands for the epoch before the current one (SPEC 9).
        """
        return self._store.expire(self.epoch - 1 if before is None else before)

    def _decoded(self, epoch: int, number: int, index: int) -> tuple[Post, ...]:
        return tuple(map(Post.from_bytes, self._store.bundle(epoch, number, index)))

    def _dummies(self, epoch: int, count: int) -> Sequence[Entry]:
        made = [
            posts.dummy(self.frame_class, origin=self.origin, epoch=epoch) for _ in range(count)
        ]
        return [Entry(post.identifier, post.seq, bytes(post)) for post in made]
