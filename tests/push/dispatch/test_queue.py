"""The SQLite queue: what each method does, by itself and as a part of a push server's outbox."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from billboard import StoreError
from billboard.push.dispatch import Notification, Outcome, Settlement, SqliteQueue
from billboard.push.dispatch.sqlite import DEAD_LETTER_LIFETIME
from billboard.push.sqlite import SqliteOutbox
from billboard.storage.database import Database
from billboard.tokens import DeviceToken, Platform
from push.outboxes import NOW, claim, claimed, notification, put
from push.support import device


@pytest.fixture(params=[SqliteQueue, SqliteOutbox])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteQueue]:
    kind: type[SqliteQueue] = request.param
    with kind.create(tmp_path / "queue.sqlite") as queue:
        yield queue


def test_a_notification_comes_back_as_it_was(queue: SqliteQueue) -> None:
    those = [
        Notification(device(), expires=NOW + 60.25, priority=5, collapse_id="one"),
        Notification(DeviceToken(Platform.FCM, b"f" * 300, 65535), expires=NOW + 1),
    ]
    assert put(queue, *those) == 2
    for each in those:
        (found,) = queue.claim(each.token.platform, 10, NOW, NOW + 120)
        assert (found.notification, found.attempts, found.until) == (each, 0, NOW + 120)


def test_a_notification_without_an_end_is_not_taken(queue: SqliteQueue) -> None:
    with pytest.raises(ValueError, match="expire"):
        put(queue, notification(), Notification(device()))
    assert queue.pending() == {}, "all or nothing"


@pytest.mark.parametrize("moment", [float("nan"), float("inf")])
def test_a_time_that_never_comes_is_not_taken(queue: SqliteQueue, moment: float) -> None:
    with pytest.raises(ValueError, match="due at a time in seconds, not at"):
        queue.put([(notification(), NOW), (notification(), moment)])
    with pytest.raises(ValueError, match="expire"):
        queue.put([(Notification(device(), expires=moment), NOW)])
    assert queue.pending() == {}


@pytest.mark.parametrize("in_flight", [False, True])
def test_what_is_put_again_is_not_doubled(queue: SqliteQueue, in_flight: bool) -> None:
    """A `StoreError` may say that it is not known whether notifications were kept."""
    put(queue, first := notification())
    claims = claim(queue) if in_flight else []
    others = notification(), notification()
    assert put(queue, first, *others, others[0]) == 2
    assert queue.pending() == {Platform.APNS: 3}
    queue.settle([Settlement(each, Outcome.DELIVERED, None) for each in claims], NOW)
    assert len(claim(queue)) == 3 - len(claims)


def test_an_id_is_of_one_token(queue: SqliteQueue) -> None:
    one = notification()
    other = replace(notification(), id=one.id)
    problem = f"the id {one.id} belongs to a notification for another token"
    with pytest.raises(ValueError, match=problem):
        put(queue, one, other)
    assert queue.pending() == {}
    put(queue, one)
    with pytest.raises(ValueError, match=problem):
        put(queue, notification(), other)
    assert queue.pending() == {Platform.APNS: 1}


def test_one_that_is_given_up_again_is_the_dead_letter_of_the_last_time(
    queue: SqliteQueue,
) -> None:
    one = notification()
    for reason, moment in (("first", NOW), ("second", NOW + 1)):
        put(queue, one)
        queue.settle([Settlement(claimed(queue), Outcome.REJECTED, reason)], moment)
    (dead,) = queue.dead_letters(10)
    assert (dead.id, dead.reason, dead.died) == (one.id, "second", NOW + 1)
    put(queue, one)
    assert queue.replay([one.id, one.id], NOW, NOW + 60) == 1
    assert queue.dead_letters(10) == []
    assert queue.pending() == {Platform.APNS: 1}


def test_nobody_else_may_read_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while it is made, nor after that was cut short."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "queue.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr(Database, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            SqliteQueue.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with SqliteQueue.create(path) as queue:
        put(queue, notification())
        modes = {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert modes == {0o600}


def test_one_waits_for_each_token_and_expires_with_the_last(queue: SqliteQueue) -> None:
    token = device()
    same = DeviceToken(Platform.FCM, token.value), DeviceToken(token.platform, token.value, 1)
    first, shorter, longer = (notification(token, each) for each in (100, 50, 200))
    assert put(queue, first, shorter, longer) == 1
    assert put(queue, notification(same[0]), notification(same[1])) == 2, "others"
    found = {each.notification.token: each.notification for each in claim(queue)}
    assert set(found) == {token, same[1]}
    assert (found[token].id, found[token].expires) == (first.id, NOW + 200)


def test_what_comes_in_while_one_is_attempted_is_another(queue: SqliteQueue) -> None:
    """The attempt may have reached the device before it."""
    token = device()
    first, second = notification(token), notification(token)
    put(queue, first)
    one = claimed(queue)
    assert put(queue, second) == 1
    queue.settle([Settlement(one, Outcome.DELIVERED, None)], NOW)
    assert claimed(queue).notification == second


def test_what_is_due_first_is_claimed_first(queue: SqliteQueue) -> None:
    those = [notification() for _ in range(6)]
    shuffled = random.Random(1).sample(list(enumerate(those)), 6)
    queue.put([(each, NOW + number) for number, each in shuffled])
    assert queue.next_due(Platform.APNS) == NOW
    assert queue.next_due(Platform.FCM) is None
    assert claim(queue, NOW - 1) == []
    assert [each.notification for each in claim(queue, NOW + 10, limit=4)] == those[:4]
    assert [each.notification for each in claim(queue, NOW + 4.5)] == those[4:5]
    assert queue.next_due(Platform.APNS) == NOW + 5


def test_a_claim_is_exclusive_until_it_ends(queue: SqliteQueue) -> None:
    put(queue, one := notification())
    first = claimed(queue)
    assert claim(queue, NOW + 119) == []
    assert queue.next_due(Platform.APNS) == NOW + 120
    second = claimed(queue, NOW + 120)
    assert (first.attempts, second.attempts) == (0, 1)
    assert first.notification == second.notification == one


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_settled_for_good_is_gone_or_dead(queue: SqliteQueue, outcome: Outcome) -> None:
    put(queue, one := notification())
    queue.settle([Settlement(claimed(queue), outcome, "Why")], NOW + 5)
    assert queue.next_due(Platform.APNS) is None
    if outcome is Outcome.DELIVERED:
        assert queue.dead_letters(10) == []
    else:
        (dead,) = queue.dead_letters(10)
        assert (dead.id, dead.platform, dead.app) == (one.id, Platform.APNS, 0)
        assert (dead.outcome, dead.reason, dead.died) == (outcome, "Why", NOW + 5)


def test_what_is_settled_for_later_waits_again(queue: SqliteQueue) -> None:
    put(queue, one := notification())
    settlement = Settlement(claimed(queue), Outcome.RETRY, "Busy", due=NOW + 30)
    queue.settle([settlement], NOW + 1)
    assert queue.next_due(Platform.APNS) == NOW + 30
    again = claimed(queue, NOW + 30)
    assert (again.notification, again.attempts) == (one, 1)
    queue.settle([Settlement(again, Outcome.EXPIRED, None)], NOW + 31)
    (dead,) = queue.dead_letters(10)
    assert dead.reason == "Busy", "of the last attempt"


def test_one_that_waits_again_is_also_one_that_came_meanwhile(queue: SqliteQueue) -> None:
    token = device()
    first, second = notification(token, 100), notification(token, 200)
    put(queue, first)
    one = claimed(queue)
    put(queue, second)
    queue.settle([Settlement(one, Outcome.RETRY, "Busy", due=NOW + 30)], NOW + 1)
    again = claimed(queue, NOW + 30)
    assert (again.notification.id, again.notification.expires) == (first.id, NOW + 200)
    assert again.attempts == 1


def test_one_that_is_given_up_leaves_what_came_meanwhile(queue: SqliteQueue) -> None:
    token = device()
    put(queue, notification(token))
    one = claimed(queue)
    put(queue, second := notification(token))
    queue.settle([Settlement(one, Outcome.REJECTED, "BadTopic")], NOW + 1)
    assert claimed(queue).notification == second


def test_a_late_answer_settles_unless_somebody_else_has_it(queue: SqliteQueue) -> None:
    """A process that was asleep must not end what others have begun, or what came in since."""
    token = device()
    put(queue, notification(token))
    late = claimed(queue)
    other = claimed(queue, NOW + 120)
    queue.settle([Settlement(late, Outcome.REJECTED, "late")], NOW + 121)
    queue.release([late], NOW + 121)
    assert queue.dead_letters(1) == []
    assert claim(queue, NOW + 122) == [], "it is still claimed"
    queue.settle([Settlement(other, Outcome.RETRY, "Busy", due=NOW + 150)], NOW + 123)
    assert put(queue, notification(token)) == 0, "a request that came after the late attempt"
    queue.settle([Settlement(late, Outcome.DELIVERED, None)], NOW + 124)
    last = claimed(queue, NOW + 150)
    assert last.attempts == 0, "as many as one of its own would have"
    queue.settle([Settlement(last, Outcome.DELIVERED, None)], NOW + 400)
    assert queue.next_due(Platform.APNS) is None, "nobody else had it"


def test_a_released_claim_is_due_again_and_not_counted(queue: SqliteQueue) -> None:
    token = device()
    first, other = notification(token), notification()
    put(queue, first, other)
    one, two = sorted(claim(queue), key=lambda each: each.notification != first)
    put(queue, notification(token, 7200))
    queue.release([one], NOW + 10)
    assert queue.next_due(Platform.APNS) == NOW + 10
    again = claimed(queue, NOW + 10)
    assert (again.notification.id, again.attempts) == (first.id, 0)
    assert again.notification.expires == NOW + 7200, "it is one with what came meanwhile"
    queue.release([one, one], NOW + 20)
    assert claim(queue, NOW + 20) == [], "a release that comes twice changes nothing"
    queue.settle([Settlement(two, Outcome.DELIVERED, None)], NOW)
    queue.release([two], NOW)
    assert claim(queue, NOW + 20) == []


def test_what_expires_while_it_waits_is_given_up(queue: SqliteQueue) -> None:
    short, long, held = notification(lifetime=60), notification(), notification(lifetime=50)
    put(queue, held)
    claimed(queue)
    put(queue, short, long)
    assert queue.prune(NOW + 59) == 0
    assert queue.prune(NOW + 60) == 1
    (dead,) = queue.dead_letters(10)
    assert (dead.id, dead.outcome, dead.reason) == (short.id, Outcome.EXPIRED, None)
    assert queue.prune(NOW + 119) == 0, "what is claimed may be delivered yet"
    assert queue.prune(NOW + 120) == 1
    assert queue.dead_letters(1)[0].id == held.id, "also if nobody claims it any more"
    assert claimed(queue, NOW + 120).notification == long


def test_dead_letters_come_newest_first_and_can_be_replayed(queue: SqliteQueue) -> None:
    those = [notification(lifetime=each) for each in (10, 20, 30)]
    put(queue, *those)
    for each in those:
        assert queue.prune(NOW + (each.expires or 0) - NOW) == 1
    letters = queue.dead_letters(10)
    assert [each.id for each in letters] == [each.id for each in reversed(those)]
    assert [each.id for each in queue.dead_letters(2)] == [those[2].id, those[1].id]
    unknown = notification().id
    assert queue.replay([those[0].id, those[1].id, unknown], NOW + 50, NOW + 500) == 2
    assert [each.id for each in queue.dead_letters(10)] == [those[2].id]
    found = {each.notification.id: each for each in claim(queue, NOW + 50)}
    assert set(found) == {those[0].id, those[1].id}
    assert {each.attempts for each in found.values()} == {0}
    assert {each.notification.expires for each in found.values()} == {NOW + 500}
    assert queue.replay([those[0].id], NOW + 50, NOW + 500) == 0


def test_a_replay_meets_one_that_waits(queue: SqliteQueue) -> None:
    token = device()
    put(queue, notification(token, 10))
    queue.prune(NOW + 10)
    put(queue, waiting := notification(token, 100))
    (dead,) = queue.dead_letters(1)
    assert queue.replay([dead.id], NOW + 20, NOW + 500) == 1
    one = claimed(queue, NOW + 20).notification
    assert (one.id, one.expires) == (waiting.id, NOW + 500)
    assert queue.dead_letters(1) == []


def test_dead_letters_are_bounded_in_time_and_number(
    queue: SqliteQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billboard.push.dispatch.sqlite.MOST_DEAD_LETTERS", 5)
    those = [notification(lifetime=10) for _ in range(8)]
    put(queue, *those)
    assert queue.prune(NOW + 10) == 8
    assert len(queue.dead_letters(100)) == 5
    put(queue, last := notification(lifetime=20))
    queue.prune(NOW + 20)
    assert len(queue.dead_letters(100)) == 5
    assert queue.dead_letters(1)[0].id == last.id, "the oldest go first"
    queue.prune(NOW + 10 + DEAD_LETTER_LIFETIME)
    assert [each.id for each in queue.dead_letters(100)] == [last.id]
    queue.prune(NOW + 20 + DEAD_LETTER_LIFETIME)
    assert queue.dead_letters(100) == []


def test_a_queue_outlives_its_process_and_is_for_its_owner_alone(queue: SqliteQueue) -> None:
    put(queue, one := notification())
    assert queue.path.stat().st_mode & 0o777 == 0o600
    with type(queue)(queue.path) as again:
        assert again.pending() == {Platform.APNS: 1}
        assert claimed(again).notification == one
    with pytest.raises(StoreError, match="exists"):
        type(queue).create(queue.path)


def test_a_queue_is_no_outbox_nor_the_other_way_round(tmp_path: Path) -> None:
    for kind, other in ((SqliteQueue, SqliteOutbox), (SqliteOutbox, SqliteQueue)):
        kind.create(tmp_path / kind.__name__).close()
        with pytest.raises(StoreError, match="this file is no"):
            other(tmp_path / kind.__name__)
