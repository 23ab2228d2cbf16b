"""The outbox against a model: whatever is done in whatever order, no accepted request is lost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from billboard.push.dispatch import Notification, Outcome
from billboard.push.dispatch.queue import Claim, Settlement
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.sqlite import SqliteOutbox
from billboard.tokens import DeviceToken, Platform

TOKENS = [DeviceToken(Platform.APNS, bytes([number]) * 32) for number in range(3)]
KEYS = [b"key-0000", b"key-1111"]
CLAIM = 10.0
NO_PACE = Pace(0.0, 1)


@dataclass
class Row:
    """A notification, as the model has it."""

    token: DeviceToken
    expires: float
    due: float
    until: float | None = None
    attempts: int = 0
    reason: str | None = None
    requests: dict[int, int] = field(default_factory=dict)
    """Each request that it stands for, and the step at which it came."""


class OutboxMachine(RuleBasedStateMachine):
    """Senders, ticks, two dispatchers of which one is slow, and time."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="billboard-outbox-")
        self.outbox = SqliteOutbox.create(Path(self.directory.name) / "outbox.sqlite")
        self.outbox.hold(KEYS)
        self.now = 1000.0
        self.step = 0
        self.generations = [0, 0]
        self.waiting: list[int] = []
        self.accepted: dict[int, int] = {}
        self.rows: dict[UUID, Row] = {}
        self.dead: dict[UUID, tuple[Outcome, str | None, Row]] = {}
        self.done: set[int] = set()
        self.claims: list[tuple[Claim, int]] = []

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self.outbox.close()
            self.directory.cleanup()

    @rule(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=4))
    def put(self, numbers: list[int]) -> None:
        """Each is for one of the devices; some come again."""
        self.step += 1
        numbers = [each + 100 * self.generations[each % 2] for each in numbers]
        self.outbox.store([_request(each) for each in numbers], self.now)
        for each in dict.fromkeys(numbers):
            if each not in self.accepted:
                self.accepted[each] = self.step
                self.waiting.append(each)

    @rule(limit=st.integers(1, 4), delay=st.sampled_from([0.0, 1.0]), life=st.integers(1, 30))
    def tick(self, limit: int, delay: float, life: int) -> None:
        found = self.outbox.requests(limit)
        numbers = self.waiting[:limit]
        assert found == [_request(each) for each in numbers]
        due = []
        for number in numbers:
            one = Notification(_token(number), expires=self.now + life)
            due.append((one, self.now + delay))
            place = self._waiting_for(one.token)
            if place is None:
                place = Row(one.token, self.now + life, self.now + delay)
                self.rows[one.id] = place
            place.expires = max(place.expires, self.now + life)
            place.requests[number] = self.accepted[number]
        self.outbox.enqueue([each.digest for each in found], due, NO_PACE)
        self.waiting = self.waiting[limit:]

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        self.step += 1
        until = self.now + CLAIM
        found = self.outbox.claim(Platform.APNS, limit, self.now, until)
        due = [row for row in self.rows.values() if row.due <= self.now]
        assert len(found) == min(limit, len(due))
        for each in found:
            row = self.rows[each.notification.id]
            assert row.due <= self.now
            assert each.attempts == row.attempts
            assert (each.notification.token, each.notification.expires) == (row.token, row.expires)
            row.until = row.due = until
            row.attempts += 1
            self.claims.append((each, self.step))

    @rule(
        at=st.integers(0, 20),
        outcome=st.sampled_from(Outcome),
        reason=st.sampled_from([None, "Why"]),
        delay=st.integers(0, 5),
    )
    def settle(self, at: int, outcome: Outcome, reason: str | None, delay: int) -> None:
        """Of any claim that there was: answers may be late, or come twice."""
        if not self.claims:
            return
        claim, begun = self.claims[at % len(self.claims)]
        due = self.now + delay if outcome is Outcome.RETRY else None
        self.outbox.settle([Settlement(claim, outcome, reason, due)], self.now)
        row = self._held(claim)
        if row is None:
            return
        row.reason = reason or row.reason
        if due is not None:
            self._wait_again(claim, row, due)
            return
        del self.rows[claim.notification.id]
        if outcome is not Outcome.DELIVERED:
            self.dead[claim.notification.id] = outcome, row.reason, row
            return
        # The device was woken after the request came in, or it might have looked too early.
        assert all(accepted < begun for accepted in row.requests.values())
        self.done |= set(row.requests)

    @rule(at=st.integers(0, 20))
    def release(self, at: int) -> None:
        if not self.claims:
            return
        claim, _ = self.claims[at % len(self.claims)]
        self.outbox.release([claim], self.now)
        row = self._held(claim)
        if row is not None:
            row.attempts -= 1
            self._wait_again(claim, row, self.now)

    @rule(seconds=st.sampled_from([0.5, 3.0, CLAIM, 25.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def prune(self) -> None:
        given_up = self.outbox.prune(self.now)
        over = [
            number
            for number, row in self.rows.items()
            if row.expires <= self.now and (row.until is None or row.until <= self.now)
        ]
        assert given_up == len(over)
        for number in over:
            row = self.rows.pop(number)
            self.dead[number] = Outcome.EXPIRED, row.reason, row

    @rule(count=st.integers(1, 3))
    def replay(self, count: int) -> None:
        self.step += 1
        numbers = list(self.dead)[:count]
        assert self.outbox.replay(numbers, self.now, self.now + 20) == len(numbers)
        for number in numbers:
            _, _, row = self.dead.pop(number)
            place = self._waiting_for(row.token)
            if place is None:
                place = self.rows[number] = Row(row.token, self.now + 20, self.now)
            place.expires = max(place.expires, self.now + 20)
            place.requests |= row.requests

    @rule(gone=st.integers(0, 1))
    def renew_a_key(self, gone: int) -> None:
        """One is let go and another made: what waits under it stays, what comes is new."""
        self.outbox.hold([KEYS[1 - gone]])
        self.outbox.hold(KEYS)
        self.generations[gone] += 1

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = SqliteOutbox(self.outbox.path)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        if not hasattr(self, "outbox"):
            return
        database = self.outbox._database
        query = "SELECT id, expires, due, claimed, attempts, reason FROM notification"
        found = {UUID(bytes=row[0]): row[1:] for row in database.rows(query)}
        assert found == {
            number: (row.expires, row.due, row.until is not None, row.attempts, row.reason)
            for number, row in self.rows.items()
        }
        dead = {each.id: (each.outcome, each.reason) for each in self.outbox.dead_letters(1000)}
        assert dead == {number: each[:2] for number, each in self.dead.items()}
        assert self.outbox.waiting()[0] == len(self.waiting)
        due = [row.due for row in self.rows.values()]
        assert self.outbox.next_due(Platform.APNS) == (min(due) if due else None)

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "outbox"):
            return
        rows = [*self.rows.values(), *(row for _, _, row in self.dead.values())]
        somewhere = {each for row in rows for each in row.requests}
        assert set(self.accepted) <= {*self.waiting, *somewhere, *self.done}

    def _waiting_for(self, token: DeviceToken) -> Row | None:
        rows = (row for row in self.rows.values() if row.token == token and row.until is None)
        return next(rows, None)

    def _held(self, claim: Claim) -> Row | None:
        row = self.rows.get(claim.notification.id)
        return row if row is not None and row.until == claim.until else None

    def _wait_again(self, claim: Claim, row: Row, due: float) -> None:
        for number, other in list(self.rows.items()):
            if other.token == row.token and other.until is None:
                row.expires = max(row.expires, other.expires)
                row.requests |= other.requests
                del self.rows[number]
        row.until, row.due = None, due
        assert claim.notification.id in self.rows


def _request(number: int) -> SealedRequest:
    return SealedRequest(number.to_bytes(16, "big"), KEYS[number % len(KEYS)], b"sealed")


def _token(number: int) -> DeviceToken:
    return TOKENS[number % len(TOKENS)]


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=80, stateful_step_count=40)
