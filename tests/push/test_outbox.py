"""The SQLite outbox: what each method does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from billboard import StoreError
from billboard.errors import BusyError
from billboard.push.dispatch import Notification, Outcome
from billboard.push.dispatch.queue import Settlement
from billboard.push.dispatch.sqlite import DEAD_LETTER_LIFETIME
from billboard.push.outbox import Pace
from billboard.push.sqlite import REGISTRATION_MEMORY, SqliteOutbox
from billboard.tokens import DeviceToken, Handle, Platform

from .outboxes import (
    KEY,
    NO_PACE,
    NOW,
    OTHER_KEY,
    claim,
    claimed,
    enqueue,
    notification,
    registration,
    request,
)
from .support import device


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with SqliteOutbox.create(tmp_path / "outbox.sqlite") as outbox:
        outbox.hold([KEY])
        yield outbox


# Requests


def test_requests_wait_in_their_order(outbox: SqliteOutbox) -> None:
    those = [request() for _ in range(5)]
    assert outbox.waiting() == (0, None)
    outbox.store(those[:3], NOW)
    outbox.store(those[3:], NOW + 1)
    assert outbox.waiting() == (5, NOW)
    assert outbox.requests(10) == those
    assert outbox.requests(2) == those[:2]


def test_a_request_is_kept_once(outbox: SqliteOutbox) -> None:
    one, other = request(1), request(2)
    outbox.store([one, one], NOW)
    outbox.store([one, other], NOW + 1)
    assert outbox.requests(10) == [one, other]
    assert outbox.waiting() == (2, NOW)


def test_a_request_that_was_opened_is_remembered_until_its_key_is_let_go(
    outbox: SqliteOutbox,
) -> None:
    outbox.hold([KEY, OTHER_KEY])
    one, other = request(1), request(2, OTHER_KEY)
    outbox.store([one, other], NOW)
    outbox.enqueue([one.digest, other.digest], [], NO_PACE)
    outbox.store([one, other], NOW)
    assert outbox.requests(10) == []
    outbox.hold([OTHER_KEY])
    outbox.hold([OTHER_KEY])
    outbox.store([other], NOW)
    assert outbox.requests(10) == []
    outbox.hold([KEY, OTHER_KEY])
    outbox.store([one], NOW)
    assert outbox.requests(10) == [one], "what was seen under a key is forgotten with it"


def test_nothing_is_taken_under_a_key_that_is_not_held(outbox: SqliteOutbox) -> None:
    with pytest.raises(StoreError):
        outbox.store([request(1), request(2, OTHER_KEY)], NOW)
    assert outbox.requests(10) == [], "all or nothing"


def test_what_waits_under_a_key_that_is_let_go_waits_on(outbox: SqliteOutbox) -> None:
    outbox.store([one := request()], NOW)
    outbox.hold([])
    assert outbox.requests(10) == [one]
    outbox.enqueue([one.digest], [], NO_PACE)
    assert outbox.waiting() == (0, None)


# Gates and handles


def test_a_gate_is_refused_until_the_latest_of_its_times(outbox: SqliteOutbox) -> None:
    first, second, third = (bytes([each]) * 16 for each in range(3))
    outbox.refuse({first: NOW + 100, second: NOW + 100})
    outbox.refuse({first: NOW + 50, second: NOW + 200})
    assert outbox.refused([first, second, third], NOW) == {first, second}
    assert outbox.refused([first, second], NOW + 99) == {first, second}
    assert outbox.refused([first, second], NOW + 100) == {second}
    outbox.prune(NOW + 100)
    assert outbox.refused([first, second], NOW) == {second}, "what is over is forgotten"
    outbox.prune(NOW + 200)
    assert outbox.refused([second], NOW) == set()
    outbox.refuse({})
    assert outbox.refused([], NOW) == set()


def test_the_latest_registration_of_a_handle_holds(outbox: SqliteOutbox) -> None:
    handle, other = Handle(b"h" * 16), Handle(b"H" * 16)
    tokens = [device(), device(Platform.FCM, 7), DeviceToken(Platform.WEB_PUSH, b"w" * 1098)]
    assert outbox.tokens([handle]) == {}
    assert outbox.register(registration(handle, 0, tokens[0]), NOW)
    assert outbox.register(registration(other, 0, tokens[0]), NOW), "one device of two users"
    assert not outbox.register(registration(handle, 0, tokens[1]), NOW), (
        "a replay, or a rival of it"
    )
    assert not outbox.register(registration(handle, -0.001, tokens[1]), NOW)
    assert outbox.tokens([handle, other]) == {handle: tokens[0], other: tokens[0]}
    for seconds, token in ((0.001, tokens[1]), (0.002, tokens[2])):
        assert outbox.register(registration(handle, seconds, token), NOW)
        assert outbox.tokens([handle]) == {handle: token}


def test_an_old_registration_does_not_undo_an_unregistration(outbox: SqliteOutbox) -> None:
    handle, token = Handle(b"h" * 16), device()
    old, gone = registration(handle, 0, token), registration(handle, 10, None)
    assert outbox.register(old, NOW)
    assert outbox.register(gone, NOW)
    assert outbox.tokens([handle]) == {}
    for later in (0.0, REGISTRATION_MEMORY):
        outbox.prune(NOW + later)
        assert not outbox.register(old, NOW)
        assert not outbox.register(gone, NOW)
    assert outbox.register(registration(handle, 11, token), NOW)
    assert outbox.tokens([handle]) == {handle: token}


def test_the_time_of_an_unregistration_is_forgotten_at_last(outbox: SqliteOutbox) -> None:
    """Then the registration that it undid has long been too old for the server."""
    kept, gone = Handle(b"h" * 16), Handle(b"H" * 16)
    outbox.register(registration(kept, 0, device()), NOW)
    outbox.register(registration(gone, 0, None), NOW)
    outbox.prune(NOW + REGISTRATION_MEMORY)
    assert set(outbox.tokens([kept, gone])) == {kept}
    assert outbox.register(registration(gone, 0, device()), NOW)
    assert not outbox.register(registration(kept, 0, device()), NOW), "what stands is not forgotten"


# Notifications


def test_a_notification_comes_back_as_it_was(outbox: SqliteOutbox) -> None:
    those = [
        Notification(device(), expires=NOW + 60.25, priority=5, collapse_id="one"),
        Notification(DeviceToken(Platform.FCM, b"f" * 300, 65535), expires=NOW + 1),
    ]
    assert enqueue(outbox, *those) == 2
    for each in those:
        (found,) = outbox.claim(each.token.platform, 10, NOW, NOW + 120)
        assert (found.notification, found.attempts, found.until) == (each, 0, NOW + 120)


def test_a_notification_without_an_end_is_not_taken(outbox: SqliteOutbox) -> None:
    outbox.store([one := request()], NOW)
    with pytest.raises(ValueError, match="expire"):
        outbox.enqueue([one.digest], [(Notification(device()), NOW)], NO_PACE)
    assert outbox.requests(1) == [one], "all or nothing"


def test_one_waits_for_each_token_and_expires_with_the_last(outbox: SqliteOutbox) -> None:
    token = device()
    same = DeviceToken(Platform.FCM, token.value), DeviceToken(token.platform, token.value, 1)
    first, shorter, longer = (notification(token, each) for each in (100, 50, 200))
    assert enqueue(outbox, first, shorter, longer) == 1
    assert enqueue(outbox, notification(same[0]), notification(same[1])) == 2, "others"
    found = {each.notification.token: each.notification for each in claim(outbox)}
    assert set(found) == {token, same[1]}
    assert (found[token].id, found[token].expires) == (first.id, NOW + 200)


def test_what_comes_in_while_one_is_attempted_is_another(outbox: SqliteOutbox) -> None:
    """The attempt may have reached the device before it."""
    token = device()
    first, second = notification(token), notification(token)
    enqueue(outbox, first)
    one = claimed(outbox)
    assert enqueue(outbox, second) == 1
    outbox.settle([Settlement(one, Outcome.DELIVERED, None)], NOW)
    assert claimed(outbox).notification == second


def test_what_is_due_first_is_claimed_first(outbox: SqliteOutbox) -> None:
    those = [notification() for _ in range(6)]
    shuffled = random.Random(1).sample(list(enumerate(those)), 6)
    outbox.enqueue((), [(each, NOW + number) for number, each in shuffled], NO_PACE)
    assert outbox.next_due(Platform.APNS) == NOW
    assert outbox.next_due(Platform.FCM) is None
    assert claim(outbox, NOW - 1) == []
    assert [each.notification for each in claim(outbox, NOW + 10, limit=4)] == those[:4]
    assert [each.notification for each in claim(outbox, NOW + 4.5)] == those[4:5]
    assert outbox.next_due(Platform.APNS) == NOW + 5


def test_the_pace_delays_and_drops_nothing(outbox: SqliteOutbox) -> None:
    token, pace = device(), Pace(10.0, 3)
    dues = []
    for _ in range(6):
        outbox.enqueue((), [(notification(token), NOW)], pace)
        due = outbox.next_due(Platform.APNS)
        assert due is not None
        (one,) = outbox.claim(Platform.APNS, 1, due, due + 120)
        outbox.settle([Settlement(one, Outcome.DELIVERED, None)], due)
        dues.append(due - NOW)
    assert dues == [0, 0, 0, 10, 20, 30]
    enqueue(outbox, notification())
    assert claimed(outbox), "others are not delayed"
    outbox.prune(NOW + 60)
    outbox.enqueue((), [(notification(token), NOW + 60)], pace)
    assert claimed(outbox, NOW + 60), "and the debt is over at last"


def test_a_claim_is_exclusive_until_it_ends(outbox: SqliteOutbox) -> None:
    enqueue(outbox, one := notification())
    first = claimed(outbox)
    assert claim(outbox, NOW + 119) == []
    assert outbox.next_due(Platform.APNS) == NOW + 120
    second = claimed(outbox, NOW + 120)
    assert (first.attempts, second.attempts) == (0, 1)
    assert first.notification == second.notification == one


@pytest.mark.parametrize("outcome", Outcome)
def test_what_is_settled_for_good_is_gone_or_dead(outbox: SqliteOutbox, outcome: Outcome) -> None:
    enqueue(outbox, one := notification())
    outbox.settle([Settlement(claimed(outbox), outcome, "Why")], NOW + 5)
    assert outbox.next_due(Platform.APNS) is None
    if outcome is Outcome.DELIVERED:
        assert outbox.dead_letters(10) == []
    else:
        (dead,) = outbox.dead_letters(10)
        assert (dead.id, dead.platform, dead.app) == (one.id, Platform.APNS, 0)
        assert (dead.outcome, dead.reason, dead.died) == (outcome, "Why", NOW + 5)


def test_what_is_settled_for_later_waits_again(outbox: SqliteOutbox) -> None:
    enqueue(outbox, one := notification())
    settlement = Settlement(claimed(outbox), Outcome.RETRY, "Busy", due=NOW + 30)
    outbox.settle([settlement], NOW + 1)
    assert outbox.next_due(Platform.APNS) == NOW + 30
    again = claimed(outbox, NOW + 30)
    assert (again.notification, again.attempts) == (one, 1)
    outbox.settle([Settlement(again, Outcome.EXPIRED, None)], NOW + 31)
    (dead,) = outbox.dead_letters(10)
    assert dead.reason == "Busy", "of the last attempt"


def test_one_that_waits_again_is_also_one_that_came_meanwhile(outbox: SqliteOutbox) -> None:
    token = device()
    first, second = notification(token, 100), notification(token, 200)
    enqueue(outbox, first)
    one = claimed(outbox)
    enqueue(outbox, second)
    outbox.settle([Settlement(one, Outcome.RETRY, "Busy", due=NOW + 30)], NOW + 1)
    again = claimed(outbox, NOW + 30)
    assert (again.notification.id, again.notification.expires) == (first.id, NOW + 200)
    assert again.attempts == 1


def test_one_that_is_given_up_leaves_what_came_meanwhile(outbox: SqliteOutbox) -> None:
    token = device()
    enqueue(outbox, notification(token))
    one = claimed(outbox)
    enqueue(outbox, second := notification(token))
    outbox.settle([Settlement(one, Outcome.REJECTED, "BadTopic")], NOW + 1)
    assert claimed(outbox).notification == second


def test_a_late_answer_settles_unless_somebody_else_has_it(outbox: SqliteOutbox) -> None:
    """A process that was asleep must not end what others have begun, or what came in since."""
    token = device()
    enqueue(outbox, notification(token))
    late = claimed(outbox)
    other = claimed(outbox, NOW + 120)
    outbox.settle([Settlement(late, Outcome.REJECTED, "late")], NOW + 121)
    outbox.release([late], NOW + 121)
    assert outbox.dead_letters(1) == []
    assert claim(outbox, NOW + 122) == [], "it is still claimed"
    outbox.settle([Settlement(other, Outcome.RETRY, "Busy", due=NOW + 150)], NOW + 123)
    assert enqueue(outbox, notification(token)) == 0, "a request that came after the late attempt"
    outbox.settle([Settlement(late, Outcome.DELIVERED, None)], NOW + 124)
    last = claimed(outbox, NOW + 150)
    assert last.attempts == 0, "as many as one of its own would have"
    outbox.settle([Settlement(last, Outcome.DELIVERED, None)], NOW + 400)
    assert outbox.next_due(Platform.APNS) is None, "nobody else had it"


def test_a_released_claim_is_due_again_and_not_counted(outbox: SqliteOutbox) -> None:
    token = device()
    first, other = notification(token), notification()
    enqueue(outbox, first, other)
    one, two = sorted(claim(outbox), key=lambda each: each.notification != first)
    enqueue(outbox, notification(token, 7200))
    outbox.release([one], NOW + 10)
    assert outbox.next_due(Platform.APNS) == NOW + 10
    again = claimed(outbox, NOW + 10)
    assert (again.notification.id, again.attempts) == (first.id, 0)
    assert again.notification.expires == NOW + 7200, "it is one with what came meanwhile"
    outbox.release([one, one], NOW + 20)
    assert claim(outbox, NOW + 20) == [], "a release that comes twice changes nothing"
    outbox.settle([Settlement(two, Outcome.DELIVERED, None)], NOW)
    outbox.release([two], NOW)
    assert claim(outbox, NOW + 20) == []


def test_as_many_gates_and_handles_are_kept_as_may_be(
    outbox: SqliteOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billboard.push.sqlite.MOST_GATES", 2)
    monkeypatch.setattr("billboard.push.sqlite.MOST_HANDLES", 2)
    gates = [bytes([each]) * 16 for each in range(4)]
    assert outbox.refuse({gates[0]: NOW + 100, gates[1]: NOW + 200, gates[2]: NOW + 100}) == 1
    assert outbox.refuse({gates[0]: NOW + 150}) == 0, "it is there already"
    assert outbox.refused(gates, NOW + 120) == set(gates[:2])
    handles = [Handle(each) for each in gates]
    for handle in handles[:2]:
        assert outbox.register(registration(handle, -10, device()), NOW)
    with pytest.raises(BusyError):
        outbox.register(registration(handles[2], -10, device()), NOW)
    assert outbox.register(registration(handles[0], -5, device()), NOW), "it is there already"
    assert set(outbox.tokens(handles)) == set(handles[:2])
    with SqliteOutbox(outbox.path) as again:
        assert again.kept() == outbox.kept() == {"gates": 2, "handles": 2}
    outbox.prune(NOW + 160)
    assert outbox.kept() == {"gates": 1, "handles": 2}
    assert outbox.refuse({gates[3]: NOW + 1000}) == 0, "there is room again"


@pytest.mark.parametrize("dead_since", [None, NOW - 50])
def test_handles_of_a_dead_token_go_unless_they_are_newer(
    outbox: SqliteOutbox, dead_since: float | None
) -> None:
    token = device()
    handles = [Handle(bytes([each]) * 16) for each in range(3)]
    for handle, (seconds, stands) in zip(
        handles, [(-100, token), (-10, token), (-100, device())], strict=True
    ):
        # By the clock of the server, whatever that of the device says.
        outbox.register(registration(handle, -seconds / 2, stands), NOW + seconds)
    enqueue(outbox, notification(token))
    one = claimed(outbox)
    dead = Settlement(one, Outcome.UNREGISTERED, "Gone", dead=True, dead_since=dead_since)
    outbox.settle([dead], NOW)
    left = {handles[2]} if dead_since is None else {handles[1], handles[2]}
    assert set(outbox.tokens(handles)) == left
    assert not outbox.register(registration(handles[0], 50, token), NOW), "nor do they come back"


# Dead letters, and what is forgotten


def test_what_expires_while_it_waits_is_given_up(outbox: SqliteOutbox) -> None:
    short, long, held = notification(lifetime=60), notification(), notification(lifetime=50)
    enqueue(outbox, held)
    claimed(outbox)
    enqueue(outbox, short, long)
    assert outbox.prune(NOW + 59) == 0
    assert outbox.prune(NOW + 60) == 1
    (dead,) = outbox.dead_letters(10)
    assert (dead.id, dead.outcome, dead.reason) == (short.id, Outcome.EXPIRED, None)
    assert outbox.prune(NOW + 119) == 0, "what is claimed may be delivered yet"
    assert outbox.prune(NOW + 120) == 1
    assert outbox.dead_letters(1)[0].id == held.id, "also if nobody claims it any more"
    assert claimed(outbox, NOW + 120).notification == long


def test_dead_letters_come_newest_first_and_can_be_replayed(outbox: SqliteOutbox) -> None:
    those = [notification(lifetime=each) for each in (10, 20, 30)]
    enqueue(outbox, *those)
    for each in those:
        assert outbox.prune(NOW + (each.expires or 0) - NOW) == 1
    letters = outbox.dead_letters(10)
    assert [each.id for each in letters] == [each.id for each in reversed(those)]
    assert [each.id for each in outbox.dead_letters(2)] == [those[2].id, those[1].id]
    unknown = notification().id
    assert outbox.replay([those[0].id, those[1].id, unknown], NOW + 50, NOW + 500) == 2
    assert [each.id for each in outbox.dead_letters(10)] == [those[2].id]
    found = {each.notification.id: each for each in claim(outbox, NOW + 50)}
    assert set(found) == {those[0].id, those[1].id}
    assert {each.attempts for each in found.values()} == {0}
    assert {each.notification.expires for each in found.values()} == {NOW + 500}
    assert outbox.replay([those[0].id], NOW + 50, NOW + 500) == 0


def test_a_replay_does_not_wait_for_the_pace(outbox: SqliteOutbox) -> None:
    token, pace = device(), Pace(600.0, 1)
    outbox.enqueue((), [(notification(token, 10), NOW)], pace)
    outbox.prune(NOW + 10)
    outbox.enqueue((), [(notification(), NOW)], pace)
    (dead,) = outbox.dead_letters(1)
    outbox.replay([dead.id], NOW + 20, NOW + 500)
    assert dead.id in {each.notification.id for each in claim(outbox, NOW + 20)}


def test_a_replay_meets_one_that_waits(outbox: SqliteOutbox) -> None:
    token = device()
    enqueue(outbox, notification(token, 10))
    outbox.prune(NOW + 10)
    enqueue(outbox, waiting := notification(token, 100))
    (dead,) = outbox.dead_letters(1)
    assert outbox.replay([dead.id], NOW + 20, NOW + 500) == 1
    one = claimed(outbox, NOW + 20).notification
    assert (one.id, one.expires) == (waiting.id, NOW + 500)
    assert outbox.dead_letters(1) == []


def test_dead_letters_are_bounded_in_time_and_number(
    outbox: SqliteOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billboard.push.dispatch.sqlite.MOST_DEAD_LETTERS", 5)
    those = [notification(lifetime=10) for _ in range(8)]
    enqueue(outbox, *those)
    assert outbox.prune(NOW + 10) == 8
    assert len(outbox.dead_letters(100)) == 5
    enqueue(outbox, last := notification(lifetime=20))
    outbox.prune(NOW + 20)
    assert len(outbox.dead_letters(100)) == 5
    assert outbox.dead_letters(1)[0].id == last.id, "the oldest go first"
    outbox.prune(NOW + 10 + DEAD_LETTER_LIFETIME)
    assert [each.id for each in outbox.dead_letters(100)] == [last.id]
    outbox.prune(NOW + 20 + DEAD_LETTER_LIFETIME)
    assert outbox.dead_letters(100) == []


def test_requests_are_opened_by_one_process_only(outbox: SqliteOutbox) -> None:
    """Of two that read them together the second changes nothing."""
    first, second = request(), request()
    outbox.store([first, second], NOW)
    assert outbox.enqueue([first.digest], [(notification(), NOW)], Pace()) == 1
    with pytest.raises(StoreError, match="another process"):
        outbox.enqueue([second.digest, first.digest], [(notification(), NOW)], Pace())
    assert outbox.waiting()[0] == 1
    assert len(claim(outbox)) == 1


def test_no_method_reads_a_whole_table(outbox: SqliteOutbox) -> None:
    """But `waiting`, whose requests are opened soon. Each query is explained as it is made."""
    plans: list[str] = []

    def explain(db: apsw.Cursor, query: str, bindings: object) -> bool:
        if not query.startswith(("EXPLAIN", "CREATE", "DROP", "BEGIN", "COMMIT", "PRAGMA")):
            found = db.connection.cursor()
            found.exec_trace = None
            rows = found.execute(f"EXPLAIN QUERY PLAN {query}", bindings)  # type: ignore[arg-type]
            plans.extend(f"{row[3]} in: {query}" for row in rows if "SCAN" in row[3])
        return True

    outbox.store([request(1)], NOW)
    outbox._database._connection.exec_trace = explain
    outbox.store([request(2)], NOW)
    outbox.requests(10)
    outbox.refuse({b"g" * 16: NOW})
    outbox.refused([b"g" * 16], NOW)
    outbox.register(registration(Handle(b"h" * 16), 0, device()), NOW)
    outbox.tokens([Handle(b"h" * 16)])
    outbox.enqueue([request(1).digest], [(notification(), NOW) for _ in range(3)], Pace())
    first, second, third = claim(outbox)
    outbox.next_due(Platform.APNS)
    outbox.settle(
        [
            Settlement(first, Outcome.UNREGISTERED, None, dead=True),
            Settlement(second, Outcome.RETRY, None, due=NOW + 1),
        ],
        NOW,
    )
    outbox.release([third], NOW)
    outbox.replay([first.notification.id], NOW, NOW + 1)
    outbox.prune(NOW)
    kinds = "SCAN dead USING COVERING INDEX dead_kind", "SCAN (subquery"
    ordered = ("SCAN request in: SELECT digest", "SCAN json_each", *kinds)
    ordered += ("SCAN gate in: SELECT count", "SCAN handle USING COVERING INDEX")  # once a minute
    assert [each for each in plans if not each.startswith(ordered)] == []
    assert any(each.startswith(ordered[0]) for each in plans), "they are explained at all"
