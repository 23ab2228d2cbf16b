"""Intake of posts: they come one by one, and all that wait share one commit (SPEC 9.9)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from billboard.board.board import Board, EncodedPost
from billboard.errors import RefusedPostError
from billboard.storage.group_commit import Grouped

_log = logging.getLogger(__name__)

LARGEST_BATCH = 256
"""Posts that are submitted together: with so many, a commit costs little beside their checks."""

Outcome = bytes | RefusedPostError
"""An encoded receipt, or why there is none."""

Submissions = Grouped[EncodedPost, Outcome]


def submissions(board: Board, capacity: int, observe: Callable[[int], object]) -> Submissions:
    """Return the queue that submits posts to ``board``; at most ``capacity`` posts wait.

    They are submitted as `Board.submit_all` does. ``observe`` gets the number of posts of each
    batch.
    """

    def submit(posts: Sequence[EncodedPost]) -> list[Outcome]:
        observe(len(posts))
        try:
            return [
                each if isinstance(each, RefusedPostError) else bytes(each)
                for each in board.submit_all(posts)
            ]
        except BaseException as error:
            _log.error("%d posts were not stored: %s", len(posts), error)
            raise

    return Grouped(submit, LARGEST_BATCH, capacity)
