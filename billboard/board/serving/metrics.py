"""Metrics of a board for Prometheus: sums and times, and nothing about any post or client."""

from __future__ import annotations

from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from billboard.board.board import Board
from billboard.tlog.checkpoint import Checkpoint
from billboard.tlog.note import Note

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@final
class Metrics:
    """Counts of a board's application."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._registry = CollectorRegistry()
        self._outcomes = Counter(
            "billboard_submissions",
            "Requests to submit a post, by what came of them.",
            ("outcome",),
            registry=self._registry,
        )
        self._batches = Histogram(
            "billboard_batch_posts",
            "Posts that were submitted together.",
            buckets=BATCHES,
            registry=self._registry,
        )
        self._waiting = Gauge("billboard_queue_posts", "Posts that wait.", registry=self._registry)
        self._time = Gauge(
            "billboard_edition_timestamp_seconds",
            "When the last edition of this epoch was due, or of the one before; 0 if none is.",
            registry=self._registry,
        )
        self._size = Gauge(
            "billboard_log_entries",
            "Entries of the master log that readers get.",
            registry=self._registry,
        )

    def count(self, outcome: str) -> None:
        """Count one request. Its outcome is ``accepted``, or why it was not."""
        self._outcomes.labels(outcome).inc()

    def batch(self, size: int) -> None:
        """Observe the size of one batch."""
        self._batches.observe(size)

    def text(self, waiting: int) -> bytes:
        """Return all in Prometheus's text format; ``waiting`` posts wait. Raises `StoreError`."""
        self._waiting.set(waiting)
        note = self._board.checkpoint()
        self._size.set(Checkpoint.from_text(Note.from_bytes(note).text).size if note else 0)
        epoch = self._board.epoch
        editions = self._board.editions(epoch) or self._board.editions(epoch - 1)
        self._time.set(editions[-1].time if editions else 0)
        return generate_latest(self._registry)
