"""The push server by itself: intake, ticks, gates and handles."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from billboard import DeviceToken, FrameClass, Handle, SecretKey, StoreError
from billboard.errors import BusyError, RefusedRequestError
from billboard.push import Timing
from billboard.push.dispatch import Attempt, Outcome
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.descriptor import ServerDescriptor
from billboard.push.requests.registration import HandleKey
from billboard.push.requests.request import (
    LONGEST_REVOCATION,
    PushRequest,
    Revocation,
    gate_of,
    new_kappa,
    open_plaintext,
    request_size,
    seal,
)
from billboard.push.service import PushServer
from billboard.push.tick import Drop, Tick
from push.served import HOUR, opened, push, revocation, sent, served
from push.servers import site
from push.simulation import START, Scripted, delivers, elapsed, now, simulated
from push.support import device

pytestmark = pytest.mark.usefixtures("rare_polls")

CALM = Timing(tick=20.0, minimum=1, patience=20.0, jitter=0.0, pace=Pace(0.0, 1))


# Requests


@simulated
async def test_a_request_that_comes_again_wakes_once(tmp_path: Path) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider) as made:
        async with made.server as server:
            request = push(made, token := device())
            await asyncio.gather(server.take(request), server.take(request))
            await server.take(request)
            await opened(made)
            await server.take(request)
            await opened(made)
        async with PushServer(server.keys, server.outbox, server.dispatcher, clock=now) as again:
            await again.take(request)
            await asyncio.sleep(60)
    assert sent(provider) == [token]


async def test_ticks_let_the_event_loop_answer_meanwhile(tmp_path: Path) -> None:
    before = sys.getswitchinterval()
    with site(tmp_path, Scripted(delivers)) as made:
        async with made.server:
            await asyncio.sleep(0.01)
            assert sys.getswitchinterval() < before
            assert gc.get_freeze_count() > 0
    assert sys.getswitchinterval() == before
    assert gc.get_freeze_count() == 0


def test_other_threads_have_the_gil_between_the_requests_of_a_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0
    seen: list[int] = []

    def opened(plaintext: bytes, frame_class: FrameClass) -> PushRequest | Revocation:
        seen.append(turns)
        return open_plaintext(plaintext, frame_class)

    monkeypatch.setattr("billboard.push.server_keys.open_plaintext", opened)
    with site(tmp_path, Scripted(delivers)) as made:
        sealed = made.push(device())
        requests = [SealedRequest(os.urandom(16), sealed[1:9], sealed) for _ in range(500)]
        made.server.outbox.store(requests, 0.0)
        before = sys.getswitchinterval()
        sys.setswitchinterval(60.0)  # so that only who gives the GIL away loses it
        try:
            thread = threading.Thread(target=made.server.tick)
            thread.start()
            while thread.is_alive():
                turns += 1
                time.sleep(0)
            thread.join()
        finally:
            sys.setswitchinterval(before)
    assert len(seen) == 500
    assert len(set(seen)) > 1


@simulated
async def test_a_tick_waits_for_many_or_for_long(tmp_path: Path) -> None:
    ticks: list[tuple[float, int]] = []
    timing = Timing(tick=3.0, minimum=5, patience=30.0, jitter=0.0)

    def observe(tick: Tick) -> None:
        ticks.append((elapsed(), tick.received))

    with served(tmp_path, timing=timing, observe=observe) as made:
        async with made.server as server:
            for _ in range(5):
                await server.take(push(made, device()))
            await asyncio.sleep(9.5)
            for _ in range(4):
                await server.take(push(made, device()))
            await asyncio.sleep(60)
    assert [count for _, count in ticks] == [5, 4]
    assert ticks[0][0] <= 3
    assert 39 <= ticks[1][0] <= 43


@simulated
async def test_the_delay_of_each_is_random(tmp_path: Path) -> None:
    provider = Scripted(delivers)
    timing = Timing(tick=1.0, minimum=1, patience=1.0, jitter=100.0)
    with served(tmp_path, provider, timing=timing) as made:
        async with made.server as server:
            for _ in range(60):
                await server.take(push(made, device()))
            await asyncio.sleep(120)
    times = sorted(time for time, _ in provider.sent)
    assert len(times) == 60
    assert times[0] < 30
    assert 70 < times[-1] < 104
    assert len(set(times)) > 30


@simulated
async def test_what_is_inside_is_told_by_counters_alone(tmp_path: Path) -> None:
    ticks: list[Tick] = []
    provider = Scripted(delivers)
    with served(tmp_path, provider, observe=ticks.append) as made:
        public, descriptor = made.secret.public_key, made.descriptor
        other, kappa = SecretKey.generate().public_key, new_kappa()
        good = push(made, token := device())
        of_other = other.encrypt(device(), now=now())

        def sealed(request: PushRequest | Revocation) -> bytes:
            return seal(request, descriptor, now=now())

        bad = {
            "request": [good[:-1] + bytes([good[-1] ^ 1]), good[:9] + os.urandom(len(good) - 9)],
            "key": [sealed(PushRequest.of(other.key_id, of_other))],
            "blob": [
                sealed(PushRequest.of(public.key_id, of_other)),
                sealed(PushRequest(public.key_id, os.urandom(288))),
                sealed(PushRequest(public.key_id, bytes(288))),
                push(made, device(), expires=now() - HOUR, now=now() - 2 * HOUR),
            ],
            "lifetime": [push(made, device(), expires=now() + (LONGEST_REVOCATION + 2) * HOUR)],
            "gate": [push(made, device(), gate=gate_of(kappa))],
            "service": [push(made, device(app=7))],
        }
        async with made.server as server:
            for each in [request for those in bad.values() for request in those]:
                assert len(each) == request_size(FrameClass.L)
                assert await server.take(each) is None  # type: ignore[func-returns-value]
            await server.take(good)
            await server.take(revocation(made, kappa, 5))
            await opened(made)
    assert sent(provider) == [token]
    total: Counter[str] = Counter()
    for tick in ticks:
        total.update(tick.dropped)
    assert {each: count for each, count in total.items() if count} == {
        reason: len(those) for reason, those in bad.items()
    }
    assert sum(tick.received for tick in ticks) == 12
    assert sum(tick.opened for tick in ticks) == 1


@simulated
async def test_what_can_be_seen_from_outside_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as made:
        good = push(made, device())
        refused = {
            b"": "encoding",
            good[:-1]: "encoding",
            good + b"\0": "encoding",
            b"\2" + good[1:]: "encoding",
            good[:1] + bytes(8) + good[9:]: "key",
        }
        for request, reason in refused.items():
            with pytest.raises(RefusedRequestError) as caught:
                await made.server.take(request)
            assert caught.value.reason == reason
        assert made.server.outbox.waiting() == (0, None)


async def test_a_flood_is_refused_and_what_was_taken_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, Scripted(delivers), capacity=10) as made:
        server, open_again = made.server, threading.Event()
        put = server.outbox.store

        def slow(requests: list[SealedRequest], moment: float) -> None:
            assert open_again.wait(60)
            put(requests, moment)

        monkeypatch.setattr(server.outbox, "store", slow)
        requests = [made.push(device()) for _ in range(30)]
        tasks = [asyncio.create_task(server.take(each)) for each in requests]
        await asyncio.sleep(0.01)
        assert server.busy
        open_again.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        taken = [each for each, result in zip(requests, results, strict=True) if result is None]
        assert len(taken) == 11, "one is stored, and ten wait"
        assert {type(each) for each in results if each is not None} == {BusyError}
        assert [each.sealed for each in server.outbox.requests(100)] == taken
        assert not server.busy
        for each in requests:
            await server.take(each)
        assert server.outbox.waiting()[0] == 30


@simulated
async def test_what_was_not_stored_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    with served(tmp_path) as made:
        with monkeypatch.context() as patch:
            patch.setattr(made.server.outbox, "store", fail)
            with pytest.raises(StoreError):
                await made.server.take(push(made, device()))
        await made.server.take(push(made, device()))
        assert made.server.outbox.waiting()[0] == 1


# Gates


@simulated
async def test_a_revocation_holds_for_pushes_of_its_tick(tmp_path: Path) -> None:
    """In whatever order they come, and until its hour; others are not touched."""
    provider = Scripted(delivers)
    with served(tmp_path, provider, timing=CALM) as made:
        kappa, other = new_kappa(), new_kappa()
        before, after, free = device(), device(), device()
        async with made.server as server:
            await server.take(push(made, before, gate=gate_of(kappa)))
            await server.take(revocation(made, kappa, 3))
            await server.take(push(made, after, gate=gate_of(kappa)))
            await server.take(push(made, free, gate=gate_of(other)))
            await opened(made)
            assert sent(provider) == [free]
            await asyncio.sleep(HOUR)
            await server.take(push(made, after, gate=gate_of(kappa)))
            await opened(made)
            assert sent(provider) == [free]
            await asyncio.sleep(2 * HOUR)
            await server.take(push(made, after, gate=gate_of(kappa)))
            await opened(made)
    assert sent(provider) == [free, after], "it was over"


@pytest.mark.parametrize("order", [(2, 20), (20, 2)])
@simulated
async def test_the_longest_of_several_revocations_holds(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider, timing=CALM) as made:
        kappa = new_kappa()
        async with made.server as server:
            for hours in order:
                await server.take(revocation(made, kappa, hours))
            await opened(made)
            await asyncio.sleep(3 * HOUR)
            await server.take(push(made, device(), gate=gate_of(kappa)))
            await opened(made)
    assert sent(provider) == []


@simulated
async def test_a_gate_is_remembered_for_9600_hours_at_most(tmp_path: Path) -> None:
    with served(tmp_path) as made:
        kappa = new_kappa()
        async with made.server as server:
            await server.take(revocation(made, kappa, 2**31))
            await opened(made)
        outbox, latest = made.server.outbox, START + LONGEST_REVOCATION * HOUR
        assert outbox.refused([gate_of(kappa)], latest - HOUR)
        assert not outbox.refused([gate_of(kappa)], latest + HOUR)


# Handles


@simulated
async def test_a_handle_is_woken_through_what_it_stands_for(tmp_path: Path) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider, frame_class=FrameClass.H) as made:
        key, token, other = HandleKey.generate(), device(), device()
        same = HandleKey.generate()
        async with made.server as server:

            async def wake(handle: Handle) -> list[DeviceToken]:
                before = len(provider.sent)
                await server.take(push(made, handle))
                await opened(made)
                return sent(provider)[before:]

            assert await wake(key.handle) == []
            await server.register(key.register(token, made.descriptor, now=now()))
            await server.register(same.register(token, made.descriptor, now=now()))
            assert await wake(key.handle) == [token]
            assert await wake(same.handle) == [token], "one device of two users"
            await server.register(key.register(other, made.descriptor, now=now()))
            assert await wake(key.handle) == [other]
            await server.register(key.unregister(made.descriptor, now=now()))
            assert await wake(key.handle) == []
            assert await wake(same.handle) == [token]


@simulated
async def test_where_all_room_is_taken_known_handles_are_registered_and_revocations_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[Tick] = []
    monkeypatch.setattr("billboard.push.sqlite.MOST_HANDLES", 1)
    monkeypatch.setattr("billboard.push.sqlite.MOST_GATES", 1)
    with served(tmp_path, frame_class=FrameClass.H, observe=ticks.append) as made:
        key, other, token = HandleKey.generate(), HandleKey.generate(), device()
        await made.server.register(key.register(device(), made.descriptor, now=now() - 1))
        results = await asyncio.gather(
            made.server.register(other.register(token, made.descriptor, now=now())),
            made.server.register(key.register(token, made.descriptor, now=now())),
            return_exceptions=True,
        )
        assert [type(each) for each in results] == [BusyError, type(None)]
        assert made.server.outbox.tokens([key.handle]) == {key.handle: token}
        async with made.server as server:
            for _ in range(3):
                await server.take(revocation(made, new_kappa(), 5))
            await opened(made)
    assert sum(each.dropped[Drop.FULL] for each in ticks) == 2


@simulated
async def test_registrations_that_are_refused(tmp_path: Path) -> None:
    with served(tmp_path, frame_class=FrameClass.H) as made:
        key, server, descriptor = HandleKey.generate(), made.server, made.descriptor

        async def refused(sealed: bytes) -> str:
            with pytest.raises(RefusedRequestError) as caught:
                await server.register(sealed)
            return caught.value.reason

        first = key.register(token := device(), descriptor, now=now())
        assert await refused(first[:-1]) == "encoding"
        assert await refused(first[:-1] + bytes([first[-1] ^ 1])) == "encoding"
        assert await refused(first[:1] + bytes(8) + first[9:]) == "key"
        assert await refused(key.register(token, descriptor, now=now() - HOUR - 1)) == "time"
        assert await refused(key.register(token, descriptor, now=now() + HOUR + 1)) == "time"
        assert await refused(push(made, key.handle)) == "encoding"
        with pytest.raises(RefusedRequestError):
            await server.take(first)
        assert server.outbox.tokens([key.handle]) == {}
        await server.register(first)
        assert await refused(first) == "time", "a replay"
        await asyncio.sleep(1)
        gone = key.unregister(descriptor, now=now())
        await server.register(gone)
        for _ in range(5):
            server.outbox.prune(now())
            assert await refused(first) == "time"
            assert await refused(gone) == "time"
            await asyncio.sleep(HOUR)
        assert server.outbox.tokens([key.handle]) == {}


@simulated
async def test_a_registration_for_another_server_is_refused(tmp_path: Path) -> None:
    """Even by a server that gives the request key of another for its own, and passes it on."""
    paths = tmp_path / "one", tmp_path / "two"
    for path in paths:
        path.mkdir()
    with (
        served(paths[0], frame_class=FrameClass.H) as one,
        served(paths[1], frame_class=FrameClass.H) as two,
    ):
        mine = one.descriptor
        forged = ServerDescriptor(
            mine.server, mine.number, mine.url, mine.keys, two.descriptor.request_keys
        )
        sealed = HandleKey.generate().register(device(), forged, now=now())
        key_id = two.descriptor.request_key(now()).id(two.key)
        with pytest.raises(RefusedRequestError):
            await two.server.register(sealed[:1] + key_id + sealed[9:])


@simulated
async def test_the_handle_of_a_dead_token_is_forgotten(tmp_path: Path) -> None:
    def answer(*_: object) -> Attempt:
        return Attempt(Outcome.UNREGISTERED, "Unregistered", 410, unregistered_at=now())

    provider = Scripted(answer)
    with served(tmp_path, provider, frame_class=FrameClass.H) as made:
        key = HandleKey.generate()
        async with made.server as server:
            await server.register(key.register(device(), made.descriptor, now=now()))
            for _ in range(2):
                await server.take(push(made, key.handle))
                await opened(made)
            assert len(provider.sent) == 1
            assert server.outbox.tokens([key.handle]) == {}
            await server.register(key.register(device(), made.descriptor, now=now()))
            await server.take(push(made, key.handle))
            await opened(made)
    assert len(provider.sent) == 2
