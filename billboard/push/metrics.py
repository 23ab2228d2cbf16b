"""The metrics of a push server for Prometheus: sums and ages, nothing about a single request."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from billboard.push.dispatch.notification import Attempt
from billboard.push.tick import Tick
from billboard.tokens import Platform

if TYPE_CHECKING:
    from billboard.push.service import PushServer

BATCHES = (1, 4, 16, 64, 256, 1024, 4096, 8192)

MOST_REASONS = 200
"""How many reasons of attempts are told apart, because push services choose these words. All
further ones are counted as ``other``."""


@final
class Metrics:
    """The metrics of a push server: give `tick` to `PushServer`, and `attempt` to `Dispatcher`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._reasons: set[str] = set()
        self._requests = self._counter("requests", "Requests over HTTP, by outcome.", "outcome")
        self._opened = self._counter("opened", "Requests that ticks opened for a device.")
        self._dropped = self._counter("dropped", "Requests dropped by ticks, by reason.", "reason")
        self._attempts = self._counter(
            "attempts", "Attempts at push services, by answer.", "platform", "outcome", "reason"
        )
        self._batches = Histogram(
            "billboard_push_tick_requests",
            "How many requests a tick opened together.",
            buckets=BATCHES,
            registry=self._registry,
        )
        self._waiting = self._gauge("waiting_requests", "Requests that wait for a tick.")
        self._age = self._gauge(
            "waiting_age_seconds", "How long the first request has waited for a tick."
        )
        self._overdue = self._gauge(
            "overdue_seconds", "How long the notification that is due first is overdue.", "platform"
        )
        self._ahead = self._gauge(
            "clock_ahead_seconds", "How far the clock is later than is believed; 0 if it is not."
        )
        self._kept = self._gauge("kept", "Refused gates and handles that are kept.", "kind")
        self._breakers = self._gauge(
            "breaker_open", "1 while a push service does not work and is only probed.", "platform"
        )
        self._credentials = self._gauge(
            "credential_age_seconds", "Age of a provider's access token.", "platform"
        )

        self._waku_messages = self._counter(
            "waku_messages", "Messages from the Waku node, by outcome.", "outcome"
        )
        self._waku_failures = self._counter(
            "waku_failures", "Failed reads of the Waku node, by reason.", "reason"
        )
        self._waku_read = self._gauge(
            "waku_read_timestamp_seconds", "When the Waku node was last read to the end."
        )

    def request(self, outcome: str) -> None:
        """Count a request or registration over HTTP: ``accepted``, or why not."""
        self._requests.labels(outcome).inc()

    def tick(self, tick: Tick) -> None:
        """Count a tick."""
        self._batches.observe(tick.received)
        self._opened.inc(tick.opened)
        for reason, count in tick.dropped.items():
            self._dropped.labels(reason).inc(count)

    def attempt(self, platform: Platform, attempt: Attempt) -> None:
        """Count an attempt."""
        reason = attempt.reason or ""
        if len(self._reasons) < MOST_REASONS:
            self._reasons.add(reason)
        elif reason not in self._reasons:
            reason = "other"
        self._attempts.labels(platform.name, attempt.outcome.value, reason).inc()

    def waku_message(self, outcome: str) -> None:
        """Count a try to take a message over Waku: ``accepted``, ``repeated``, or why not."""
        self._waku_messages.labels(outcome).inc()

    def waku_failure(self, reason: str) -> None:
        """Count that the Waku node could not be read to the end."""
        self._waku_failures.labels(reason).inc()

    def waku_read(self, now: float) -> None:
        """Note that the Waku node was read to the end at ``now`` (seconds since 1970)."""
        self._waku_read.set(now)

    def text(self, server: PushServer) -> bytes:
        """Return all metrics in Prometheus's text format. Raises `StoreError`."""
        now = server.now
        count, first = server.outbox.waiting()
        self._waiting.set(count)
        self._age.set(0.0 if first is None else max(now - first, 0.0))
        self._ahead.set(server.clock_ahead)
        for kind, kept in server.outbox.kept().items():
            self._kept.labels(kind).set(kept)
        for platform, is_open in server.dispatcher.breakers_open().items():
            due = server.outbox.next_due(platform)
            self._overdue.labels(platform.name).set(0.0 if due is None else max(now - due, 0.0))
            self._breakers.labels(platform.name).set(is_open)
        for platform, age in server.dispatcher.credential_ages().items():
            self._credentials.labels(platform.name).set(age)
        return generate_latest(self._registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"billboard_push_{name}", what, labels, registry=self._registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"billboard_push_{name}", what, labels, registry=self._registry)
