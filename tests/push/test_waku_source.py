"""A push server that takes requests from a Waku node: nothing is lost, nothing is taken twice.

The node is a stub: see `push.waku_node`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from billboard.errors import StoreError
from billboard.push import ServerKeys, seal, waku_source
from billboard.push.metrics import Metrics
from billboard.push.outbox import SealedRequest
from billboard.push.providers.apns_key import ApnsKey
from billboard.push.requests.request import PushRequest
from billboard.push.requests.waku import WakuClient
from billboard.push.sqlite import SqliteOutbox
from billboard.push.waku_source import OLDEST, SWEEP_INTERVAL, SWEEP_OVERLAP
from billboard.web.admission import Rate
from push.killed import CONTEXT, URL, make_site, take_from_waku, write_requests
from push.requests.waku_node import WakuNode
from push.servers import AT_ONCE, Scripted, token
from push.test_logs import DebugLog, forms
from push.waku_site import (
    LONGEST,
    Shifted,
    counted,
    failed,
    looks,
    message,
    requests,
    server,
    taking,
    until,
    waiting,
    waku_message,
)


@pytest.fixture
def node() -> Iterator[WakuNode]:
    made = WakuNode()
    with made.running():
        yield made


async def test_a_request_wakes_a_device(node: WakuNode, tmp_path: Path) -> None:
    provider, woken = Scripted(), token()
    with server(tmp_path, provider, timing=AT_ONCE) as made:
        async with made.server, taking(made, node):
            with WakuClient(node.url, made.key) as client:
                request = made.push(woken)
                await asyncio.to_thread(client.send, request)
                await asyncio.to_thread(client.send, request)
                await until(lambda: provider.sent)
                await looks(node, 3)
    assert [each.token for each in provider.sent] == [woken]


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 101, 230])
@pytest.mark.parametrize("times", [1, 7], ids=["at one time", "at seven times"])
async def test_pages(node: WakuNode, tmp_path: Path, count: int, times: int) -> None:
    with server(tmp_path) as made:
        sent = requests(made, count)
        for number, each in enumerate(sent):
            node.keep(message(made, each, time.time() // 1 - number % times))
        async with taking(made, node):
            await looks(node, 8)
        assert sorted(waiting(made)) == sorted(sent)


async def test_what_comes_while_it_looks(node: WakuNode, tmp_path: Path) -> None:
    with server(tmp_path) as made:
        sent = requests(made, 150)
        async with taking(made, node):
            for each in sent:
                # As the rounding of senders, their clocks and the way have it: in no order.
                node.receive(message(made, each, time.time() + random.uniform(-19, 19)))
                await asyncio.sleep(0.001)
            await until(lambda: made.server.outbox.waiting()[0] == len(sent))
        assert sorted(waiting(made)) == sorted(sent)


async def test_the_same_request_is_taken_once(node: WakuNode, tmp_path: Path) -> None:
    metrics = Metrics()
    with server(tmp_path) as made:
        (request, other) = requests(made, 2)
        await made.server.take(request)  # over HTTP
        for second in range(5):
            node.keep(message(made, request, time.time() - second))
            node.keep(message(made, other, time.time() - second))
        async with taking(made, node, metrics=metrics):
            await looks(node, 5)
        assert sorted(waiting(made)) == sorted([request, other])
        # Of a page, or later: the second time it is known.
        assert counted(metrics, "accepted") + counted(metrics, "repeated") == 10
        assert counted(metrics, "repeated") >= 5
        async with taking(made, node):  # what was read before the start is not remembered
            await looks(node, 5)
        assert len(waiting(made)) == 2


async def test_junk_changes_nothing_but_a_counter(node: WakuNode, tmp_path: Path) -> None:
    metrics = Metrics()
    with server(tmp_path) as made:
        (good,) = requests(made, 1)
        unknown = good[:1] + bytes(8) + good[9:]
        bad = [b"", b"x", good[:-1], good + b"x", os.urandom(150 * 1024), bytes(1450)]
        for each in [*bad, unknown]:
            node.keep(message(made, each))
        no_base64 = node.keep(message(made, os.urandom(1450)))
        node.kept[no_base64]["message"]["payload"] = "*" * 1936
        no_message = node.keep(message(made, os.urandom(1450)))
        for name in ("timestamp", "payload"):
            del node.kept[no_message]["message"][name]
        node.kept[no_message]["message"] |= {"timestamp": 2**62}
        node.keep({**message(made, good), "timestamp": 2**62})  # a request that is sent in 2116
        ephemeral = {**message(made, requests(made, 1)[0]), "ephemeral": True}
        node.receive(ephemeral)
        async with taking(made, node, metrics=metrics):
            await until(lambda: waiting(made) == [good])
            await looks(node, 3)
            (later,) = requests(made, 1)
            node.receive(message(made, later))
            await until(lambda: counted(metrics, "accepted") == 2)
        assert waiting(made) == [good, later]
        assert counted(metrics, "encoding") == len(bad) + 2
        assert counted(metrics, "key") == 1


async def test_many_large_messages_do_not_hide_a_request(
    node: WakuNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waku_source, "LARGEST_PAGE", 64 * 1024)
    metrics = Metrics()
    with server(tmp_path) as made:
        sent = requests(made, 10)
        for number in range(60):
            junk = os.urandom(1 if number % 3 else 40_000)
            node.keep(message(made, junk, time.time() - number))
        for each in sent:
            node.keep(message(made, each, time.time() - random.uniform(0, 60)))
        async with taking(made, node):
            await until(lambda: len(waiting(made)) == len(sent))
        # One that alone is too long: in no Waku network, whose messages have 150 KiB at most.
        node.keep(message(made, bytes(100_000)))
        async with taking(made, node, metrics=metrics):
            await until(lambda: failed(metrics, "answer"))


async def test_a_node_that_is_down(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    node, metrics = WakuNode(), Metrics()
    with node.running():
        pass
    with server(tmp_path) as made:
        sent = requests(made, 60)
        async with taking(made, node, metrics=metrics):
            await until(lambda: failed(metrics, "unreachable") >= 3)
            for each in sent[:30]:
                node.receive(message(made, each))
            with node.running():
                await until(lambda: len(waiting(made)) == 30)
                await looks(node, 3)
            await until(lambda: failed(metrics, "unreachable") >= 6)
            for each in sent[30:]:
                node.receive(message(made, each))
            with node.running():
                await until(lambda: len(waiting(made)) == 60)
        assert sorted(waiting(made)) == sorted(sent)
    assert [each.message for each in caplog.records] == [
        f"requests over Waku wait: the Waku node: {node.url}/store/v3/messages:"
        " connection refused, or no route to the host"
    ] * 2


def nonsense() -> dict[str, Response]:
    loop = {"messages": [{}], "paginationCursor": "0x01"}
    return {
        "nothing": Response(b""),
        "no JSON": PlainTextResponse("<html>"),
        "no UTF-8": Response(b'{"messages": ["\xff"]}'),
        "too deep": Response(b"[" * 200_000),
        "a list": JSONResponse([]),
        "an empty object": JSONResponse({}),
        "no list": JSONResponse({"messages": {}}),
        "an error of the store": JSONResponse({"statusCode": 503, "messages": []}),
        "a cursor that is none": JSONResponse({"messages": [], "paginationCursor": [1]}),
        "a cursor for ever": JSONResponse({"messages": [], "paginationCursor": "0x" + "a" * 999}),
        "a cursor without messages": JSONResponse({"messages": [], "paginationCursor": "0x01"}),
        "a loop": JSONResponse(loop),
        "not found": PlainTextResponse("no", 404),
        "no store": PlainTextResponse("no suitable peer", 412),
        "an error": PlainTextResponse("Error: cursor not found", 500),
        "elsewhere": Response(b"", 307, {"location": "/store/v3/messages"}),
        "not modified": Response(None, 204),
    }


@pytest.mark.parametrize("name", nonsense())
async def test_nonsense_is_asked_again(node: WakuNode, tmp_path: Path, name: str) -> None:
    metrics = Metrics()
    node.fault = lambda _: nonsense()[name]
    with server(tmp_path) as made:
        (request,) = requests(made, 1)
        node.receive(message(made, request))
        async with taking(made, node, metrics=metrics):
            await until(lambda: failed(metrics, "answer") + failed(metrics, "refused") >= 2)
            assert waiting(made) == []
            node.fault = None
            await until(lambda: waiting(made) == [request])


async def test_a_node_that_is_slow(node: WakuNode, tmp_path: Path) -> None:
    held, metrics = threading.Event(), Metrics()

    def hold(request: Request) -> None:
        del request
        held.wait(60)

    node.fault = hold
    with server(tmp_path) as made:
        (request,) = requests(made, 1)
        node.receive(message(made, request))
        async with taking(made, node, metrics=metrics, timeout=0.2):
            await until(lambda: failed(metrics, "unreachable") >= 2)
            node.fault = None
            held.set()
            await until(lambda: waiting(made) == [request])


async def test_a_node_that_forgets_a_cursor(node: WakuNode, tmp_path: Path) -> None:
    """As one that deletes what is old, or was started again with less."""
    with server(tmp_path) as made:
        sent = requests(made, 120)
        for number, each in enumerate(sent):
            node.keep(message(made, each, time.time() - 200 + number))
        forgotten: list[str] = []

        def forget(request: Request) -> None:
            cursor = request.query_params.get("cursor")
            if cursor is not None and len(forgotten) < 2:
                forgotten.append(cursor)
                del node.kept[cursor]  # which was taken

        node.fault = forget
        async with taking(made, node):
            await until(lambda: len(waiting(made)) == len(sent))
        assert len(forgotten) == 2
        assert sorted(waiting(made)) == sorted(sent)


async def test_storage_that_fails_holds_up_and_loses_nothing(
    node: WakuNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    monkeypatch.setattr(waku_source, "RETRY", 0.01)
    with server(tmp_path) as made:
        sent = requests(made, 60)
        for each in sent:
            node.receive(message(made, each))
        put_all, broken = made.server._put._work, True

        def fail(batch: list[SealedRequest]) -> Any:
            if broken:
                raise StoreError("the disk is full")
            return put_all(batch)

        monkeypatch.setattr(made.server._put, "_work", fail)
        async with taking(made, node, metrics=metrics):
            await until(lambda: counted(metrics, "storage") >= 150)
            assert len(node.queries) == 1, "it waits where it is"
            broken = False
            await until(lambda: len(waiting(made)) == len(sent))
        assert sorted(waiting(made)) == sorted(sent)


async def test_a_full_queue_and_a_rate_delay(
    node: WakuNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    monkeypatch.setattr(waku_source, "RETRY", 0.01)
    with server(tmp_path, capacity=3) as made:
        sent = requests(made, 60)
        for each in sent:
            node.receive(message(made, each))
        async with taking(made, node, metrics=metrics, admission=[Rate(500.0, 20.0)]):
            await until(lambda: counted(metrics, "accepted") == len(sent))
        assert counted(metrics, "busy") > 0
        assert counted(metrics, "admission") > 0
        assert sorted(waiting(made)) == sorted(sent)


async def test_what_came_while_the_server_was_down(node: WakuNode, tmp_path: Path) -> None:
    clock = Shifted()
    with server(tmp_path, clock=clock) as made:
        first, second, third = requests(made, 3)
        async with taking(made, node):
            node.receive(message(made, first))
            await until(lambda: waiting(made) == [first])
        # Only one sweep has ended: from a new start on all is read again.
        node.keep(message(made, second, time.time() - OLDEST + 900))
        async with taking(made, node):
            await until(lambda: waiting(made) == [first, second])
            began = clock()
            clock.ahead += SWEEP_INTERVAL
            await until(lambda: (tmp_path / "swept").exists())
        swept = int((tmp_path / "swept").read_text())
        assert 0 <= began - swept < 30
        clock.ahead += 1800
        node.keep(message(made, third, clock() - 1000))
        node.queries.clear()
        async with taking(made, node):
            await until(lambda: waiting(made) == [first, second, third])
        assert int(node.queries[0]["startTime"]) == (swept - SWEEP_OVERLAP) * 10**9


async def test_a_node_that_gets_what_it_missed_after_it_has_answered(
    node: WakuNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waku_source, "SWEEP_OVERLAP", 60.0)
    clock, metrics = Shifted(), Metrics()
    with server(tmp_path, clock=clock) as made:
        late, new = requests(made, 2)
        async with taking(made, node, metrics=metrics):
            for _ in range(2):
                await looks(node, 3)
                clock.ahead += SWEEP_INTERVAL + 1
            await looks(node, 3)
            node.fault = lambda _: PlainTextResponse("starting", 503)
            await until(lambda: failed(metrics, "refused") >= 2)
            sent_at = clock() + 300
            clock.ahead += 900
            node.fault = None
            node.keep(message(made, new, clock()))
            await until(lambda: waiting(made) == [new])  # by a sweep, for the last is long ago
            await looks(node, 3)
            node.keep(message(made, late, sent_at))  # from another node's store
            await looks(node, 3)
            assert waiting(made) == [new]
            clock.ahead += SWEEP_INTERVAL + 1
            await until(lambda: waiting(made) == [new, late])


@pytest.mark.parametrize("ahead", [-3000.0, 3000.0])
async def test_clocks_that_differ(node: WakuNode, tmp_path: Path, ahead: float) -> None:
    clock = Shifted(ahead)
    with server(tmp_path, clock=clock) as made:
        blob = bytes(made.blob(token()))
        request = PushRequest(made.secret.public_key.key_id, blob)
        # To a key that the server has: what differs here is when messages say that they were sent.
        sent = [seal(request, made.descriptor, now=clock()) for _ in range(30)]
        async with taking(made, node):
            for each in sent[:10]:
                node.receive(message(made, each))
            await until(lambda: len(waiting(made)) == 10)
            for each in sent[10:20]:
                node.receive(message(made, each))
            await until(lambda: len(waiting(made)) == 20)
        (tmp_path / "swept").write_text(f"{int(clock())}\n")  # as after two sweeps
        for each in sent[20:]:
            node.receive(message(made, each))
        async with taking(made, node):
            await until(lambda: len(waiting(made)) == 30)
        assert sorted(waiting(made)) == sorted(sent)


@pytest.mark.parametrize("content", [b"", b"soon\n", b"1" * 5000, b"\xff", b"-5", b"99999999999"])
async def test_a_file_that_holds_no_time(node: WakuNode, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "swept").write_bytes(content)
    with server(tmp_path) as made:
        (request,) = requests(made, 1)
        node.receive(message(made, request))
        async with taking(made, node):
            await until(lambda: waiting(made) == [request])


async def test_a_file_that_can_not_be_written(node: WakuNode, tmp_path: Path) -> None:
    clock, metrics = Shifted(), Metrics()
    with server(tmp_path, clock=clock) as made:
        (tmp_path / "swept").mkdir()
        async with taking(made, node, metrics=metrics):
            await looks(node, 2)
            clock.ahead += SWEEP_INTERVAL
            await until(lambda: failed(metrics, "storage"))
            (tmp_path / "swept").rmdir()
            await until(lambda: (tmp_path / "swept").is_file())


async def test_what_is_told(
    node: WakuNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, metrics = DebugLog(), Metrics()
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(log)
    try:
        with server(tmp_path) as made:
            (request,) = requests(made, 1)
            name = node.keep(message(made, request))
            node.keep(message(made, request[:-1]))
            async with taking(made, node, metrics=metrics) as source:
                await until(lambda: counted(metrics, "accepted"))
                node.fault = lambda _: PlainTextResponse(request.hex(), 500)
                await until(lambda: failed(metrics, "refused"))
                node.fault = lambda _: JSONResponse([request.hex()])
                await until(lambda: failed(metrics, "answer"))
                shown = repr(source) + generate_latest(metrics._registry).decode()
        assert 'waku_messages_total{outcome="accepted"} 1.0' in shown
        assert "waku_read_timestamp_seconds" in shown
        told = "\n".join([*log.lines, shown])
        assert "requests over Waku wait" in told
        assert not [each for each in [*forms(request), name] if each in told]
    finally:
        root.removeHandler(log)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Between reading and storing, too: what is stored counts, and nothing else."""
    killed, chosen = make_site(tmp_path, cast(ApnsKey, None), "", Path()), random.Random(8)
    write_requests(killed, [os.urandom(32) for _ in range(320)])
    data = killed.requests.read_bytes()
    sent = [data[at : at + 1450] for at in range(0, len(data), 1450)]
    server_key = ServerKeys(tmp_path, [killed.secret_key()], URL).server
    node = WakuNode()
    with node.running(), SqliteOutbox(killed.outbox) as outbox:

        def receive(some: Sequence[bytes]) -> None:
            for each in some:
                node.keep(waku_message(server_key, each))

        for number in range(8):
            process = CONTEXT.Process(target=take_from_waku, args=(killed, node.url))
            process.start()
            receive(sent[number * 40 : number * 40 + 20])
            goal = len(node.queries) + chosen.randrange(1, 4)
            deadline = time.monotonic() + LONGEST
            while len(node.queries) < goal:
                assert process.is_alive()
                assert time.monotonic() < deadline
                time.sleep(0.001)
            receive(sent[number * 40 + 20 : number * 40 + 40])
            time.sleep(chosen.uniform(0, 0.02))  # a page is stored in about as long
            process.kill()
            process.join()
        between = outbox.waiting()[0]
        process = CONTEXT.Process(target=take_from_waku, args=(killed, node.url))
        process.start()
        deadline = time.monotonic() + LONGEST
        while outbox.waiting()[0] < len(sent):
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.join()
        assert 0 < between < len(sent)
        assert sorted(each.sealed for each in outbox.requests(1000)) == sorted(sent)
