"""The SQLite outbox: what each method does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from billboard import StoreError
from billboard.errors import BusyError
from billboard.push.dispatch import Notification, Outcome
from billboard.push.dispatch.queue import Settlement
from billboard.push.outbox import Pace
from billboard.push.sqlite import REGISTRATION_MEMORY, SqliteOutbox
from billboard.tokens import DeviceToken, Handle, Platform
from push.outboxes import (
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
from push.support import device


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


# Notifications: the queue is tested by itself (dispatch/test_queue.py)


def test_a_notification_without_an_end_leaves_its_request(outbox: SqliteOutbox) -> None:
    outbox.store([one := request()], NOW)
    with pytest.raises(ValueError, match="expire"):
        outbox.enqueue([one.digest], [(Notification(device()), NOW)], NO_PACE)
    assert outbox.requests(1) == [one], "all or nothing"


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


def test_a_replay_does_not_wait_for_the_pace(outbox: SqliteOutbox) -> None:
    token, pace = device(), Pace(600.0, 1)
    outbox.enqueue((), [(notification(token, 10), NOW)], pace)
    outbox.prune(NOW + 10)
    outbox.enqueue((), [(notification(), NOW)], pace)
    (dead,) = outbox.dead_letters(1)
    outbox.replay([dead.id], NOW + 20, NOW + 500)
    assert dead.id in {each.notification.id for each in claim(outbox, NOW + 20)}


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
    ordered: tuple[str, ...] = ("SCAN request in: SELECT digest", "SCAN json_each", *kinds)
    ordered += ("SCAN gate in: SELECT count", "SCAN handle USING COVERING INDEX")  # once a minute
    assert [each for each in plans if not each.startswith(ordered)] == []
    assert any(each.startswith(ordered[0]) for each in plans), "they are explained at all"
