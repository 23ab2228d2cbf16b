"""The push server over HTTP: what is taken, what is refused, and that nothing else can be seen."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from web.running import OCTETS, Answer, Running, running

from billboard import FrameClass, Handle, SecretKey
from billboard.push import (
    HandleKey,
    PushRequest,
    Revocation,
    ServerDescriptor,
    Timing,
    create_app,
    gate_of,
    new_kappa,
    seal,
)
from billboard.push.metrics import Metrics
from billboard.push.outbox import SealedRequest
from billboard.push.requests.registration import REGISTRATION_SIZE
from billboard.push.requests.request import request_size
from billboard.web.admission import ProofOfWork, Rate, find_work
from push.servers import AT_ONCE, NAME, Scripted, Site, site, token

SLOW = Timing(tick=3600.0, minimum=8192, patience=3600.0)
"""Nothing is opened."""


@contextmanager
def served(path: Path, *providers: Scripted, **options: Any) -> Iterator[tuple[Site, Running]]:
    """A push server that runs, over HTTP."""
    of_app = {name: options.pop(name) for name in list(options) if name in APP_OPTIONS}
    with site(path, *(providers or (Scripted(),)), **options) as made:
        app = Starlette(
            routes=[Mount("/", create_app(made.server, **of_app))], lifespan=lifespan(made)
        )
        with running(app) as http:
            yield made, http


BEARER = "abc"

APP_OPTIONS = {"admission", "body_seconds", "metrics", "metrics_token"}


def lifespan(made: Site) -> Any:
    @asynccontextmanager
    async def of(app: Starlette) -> Any:
        del app
        async with made.server:
            yield

    return of


def put(http: Running, body: bytes, path: str = "/push", **headers: str) -> Answer:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.request("POST", path, body, OCTETS | more)


def wait_for(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("frame_class", [FrameClass.S, FrameClass.L, FrameClass.XL])
def test_a_request_wakes_a_device(tmp_path: Path, frame_class: FrameClass) -> None:
    provider, woken = Scripted(), token()
    with served(tmp_path, provider, frame_class=frame_class) as (made, http):
        request = made.push(woken)
        assert len(request) == request_size(frame_class)
        answer = put(http, request)
        assert (answer.status, answer.body) == (202, b"")
        wait_for(lambda: provider.sent)
    assert [each.token for each in provider.sent] == [woken]


def test_the_same_bytes_are_taken_once(tmp_path: Path) -> None:
    provider = Scripted()
    with served(tmp_path, provider) as (made, http):
        request = made.push(token())
        answers = [put(http, request) for _ in range(3)]
        wait_for(lambda: provider.sent)
        answers += [put(http, request)]
        put(http, made.push(token()))
        wait_for(lambda: len(provider.sent) == 2)
    assert {(answer.status, answer.body) for answer in answers} == {(202, b"")}
    assert len(provider.sent) == 2


def bad_requests(made: Site) -> dict[str, bytes]:
    """What is taken like any other, and does nothing."""
    public, descriptor = made.secret.public_key, made.descriptor
    other = SecretKey.generate()
    good = made.push(token())
    refused = new_kappa()
    until = int(time.time() // 3600) + 20
    return {
        "revocation": seal(Revocation(refused, until), descriptor),
        "a refused gate": made.push(token(), gate=gate_of(refused)),
        "another key": seal(
            PushRequest(other.public_key.key_id, bytes(other.public_key.encrypt(token()))),
            descriptor,
        ),
        "a blob of another key": seal(
            PushRequest(public.key_id, bytes(other.public_key.encrypt(token()))), descriptor
        ),
        "no blob": seal(PushRequest(public.key_id, os.urandom(288)), descriptor),
        "an expired frame": made.push(token(), expires=time.time() - 7200),
        "a frame for too long": made.push(token(), expires=time.time() + 9700 * 3600),
        "an app that is not known": made.push(token(app=7)),
        "not sealed": good[:9] + os.urandom(len(good) - 9),
        "mauled": good[:-1] + bytes([good[-1] ^ 1]),
    }


def test_what_is_inside_changes_no_answer(tmp_path: Path) -> None:
    provider = Scripted()
    metrics = Metrics()
    with served(tmp_path, provider, metrics=metrics, observe=metrics.tick) as (made, http):
        answers = {name: put(http, body) for name, body in bad_requests(made).items()}
        last = token()
        answers["good"] = put(http, made.push(last))
        wait_for(lambda: provider.sent)
        wait_for(lambda: "opened_total 1.0" in metrics.text(made.server).decode())
        text = metrics.text(made.server).decode()
    assert [each.token for each in provider.sent] == [last]
    seen = {
        (answer.status, answer.body, *sorted(set(answer.headers) - {"date"}))
        for answer in answers.values()
    }
    assert len(seen) == 1
    drops = {line for line in text.splitlines() if line.startswith("billboard_push_dropped_total")}
    for reason, count in {
        "key": 1, "blob": 3, "gate": 1, "lifetime": 1, "service": 1, "request": 2,
    }.items():  # fmt: skip
        assert f'billboard_push_dropped_total{{reason="{reason}"}} {count}.0' in drops


def test_what_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, timing=SLOW) as (made, http):
        good = made.push(token())
        unknown = good[:1] + bytes(8) + good[9:]
        cases: list[tuple[bytes, str | None, int]] = [
            (b"", "encoding", 422),
            (good[:-1], "encoding", 422),
            (good + b"\0", "encoding", 422),
            (b"\2" + good[1:], "encoding", 422),
            (unknown, "key", 422),
            (bytes(request_size(FrameClass.XL)), "encoding", 422),
            (bytes(request_size(FrameClass.XL) + 1), None, 413),
        ]
        for body, reason, status in cases:
            answer = put(http, body)
            assert answer.status == status
            if reason is not None:
                assert json.loads(answer.body)["reason"] == reason
        assert http.request("POST", "/push", good, {"Content-Type": "text/plain"}).status == 415
        assert http.get("/push").status == 405
        assert http.get("/handles").status == 404
        assert put(http, good, "/handles").status in (404, 405)
        assert put(http, good, billboard_work="no hex").status == 422
        assert made.server.outbox.waiting()[0] == 0
        assert put(http, good).status == 202
        assert made.server.outbox.waiting()[0] == 1


def test_a_slow_body_ends(tmp_path: Path) -> None:
    head = b"POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
    with (
        served(tmp_path, body_seconds=0.2) as (_, http),
        http.raw(head + b"Content-Length: 1450\r\n\r\nslow") as connection,
    ):
        assert b" 408 " in connection.recv(4096)


def test_admission(tmp_path: Path) -> None:
    work = ProofOfWork(NAME, 8)
    with served(tmp_path, admission=[work, Rate(1e-9)], timing=SLOW) as (made, http):
        request = made.push(token())
        answer = put(http, request)
        assert (answer.status, answer.headers["billboard-work"]) == (429, "8")
        assert json.loads(answer.body)["reason"] == "admission"
        proof = find_work(NAME, request, 8).hex()
        assert put(http, request, billboard_work=proof).status == 202
        assert put(http, request).status == 202, "the same again costs nothing, and uses up nothing"
        other = made.push(token())
        answer = put(http, other, billboard_work=find_work(NAME, other, 8).hex())
        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        assert made.server.outbox.waiting()[0] == 1


def test_a_full_queue_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, entered = threading.Event(), threading.Event()
    with served(tmp_path, capacity=1, timing=SLOW) as (made, http):
        put_all = made.server._put._work

        def slowly(requests: list[SealedRequest]) -> Any:
            entered.set()
            assert held.wait(60)
            return put_all(requests)

        monkeypatch.setattr(made.server._put, "_work", slowly)
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda body: statuses.append(put(http, body).status), args=(b,))
            for b in [made.push(token()) for _ in range(2)]
        ]
        threads[0].start()
        assert entered.wait(30)
        threads[1].start()
        wait_for(lambda: made.server.busy)
        answer = put(http, made.push(token()))
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert http.get("/readyz").status == 503
        held.set()
        for thread in threads:
            thread.join()
        assert statuses == [202, 202]
        assert made.server.outbox.waiting()[0] == 2


def test_storage_that_fails(tmp_path: Path) -> None:
    with served(tmp_path, timing=SLOW) as (made, http):
        request = made.push(token())
        made.server.outbox.close()  # type: ignore[attr-defined]
        assert put(http, request).status == 503
        assert http.get("/readyz").status == 503
        assert http.get("/healthz").status == 200


def test_readiness_asks_the_outbox_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For anybody may ask for it. Faults show when that is over."""
    with served(tmp_path, timing=SLOW) as (made, http):
        with monkeypatch.context() as patch:
            patch.setattr("billboard.web.about.READY_SECONDS", 3600.0)
            assert http.get("/readyz").status == 200
            made.server.outbox.close()  # type: ignore[attr-defined]
            assert http.get("/readyz").status == 200
        wait_for(lambda: http.get("/readyz").status == 503)


def test_the_descriptor(tmp_path: Path) -> None:
    with served(tmp_path) as (made, http):
        answer = http.get("/descriptor")
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert ServerDescriptor.from_bytes(answer.body, made.key) == made.descriptor
        assert http.get("/descriptor", if_none_match=answer.headers["etag"]).status == 304
        assert http.get("/readyz").status == 200


def test_handles(tmp_path: Path) -> None:
    provider, key, users = Scripted(), HandleKey.generate(), [HandleKey.generate() for _ in "12"]
    with served(tmp_path, provider, frame_class=FrameClass.H) as (made, http):
        descriptor, now = made.descriptor, time.time()
        woken, moved = token(), token()

        def push(handle: Handle) -> None:
            assert put(http, made.push(handle)).status == 202  # type: ignore[arg-type]

        def refusal(body: bytes) -> str:
            answer = put(http, body, "/handles")
            assert answer.status == 422
            return str(json.loads(answer.body)["reason"])

        first = key.register(woken, descriptor, now=now)
        assert len(first) == REGISTRATION_SIZE
        assert (put(http, first, "/handles").status, refusal(first)) == (204, "time")
        push(key.handle)
        wait_for(lambda: len(provider.sent) == 1)
        assert put(http, key.register(moved, descriptor, now=now + 1), "/handles").status == 204
        assert refusal(key.register(woken, descriptor, now=now + 0.5)) == "time"
        push(key.handle)
        wait_for(lambda: len(provider.sent) == 2)
        # Two users of one device, woken once.
        for each in users:
            assert put(http, each.register(woken, descriptor), "/handles").status == 204
        assert put(http, key.unregister(descriptor, now=now + 2), "/handles").status == 204
        assert refusal(key.register(woken, descriptor, now=now + 1.5)) == "time"
        push(key.handle)
        push(users[0].handle)
        wait_for(lambda: len(provider.sent) == 3)
        assert [each.token for each in provider.sent] == [woken, moved, woken]
        assert refusal(first[:-1]) == "encoding"
        assert refusal(first[:9] + os.urandom(len(first) - 9)) == "encoding"
        assert refusal(first[:1] + bytes(8) + first[9:]) == "key"
        # The key of today, also where that is yesterday or tomorrow.
        key_of_now = replace(descriptor.request_key(now), start=0, end=2**32 - 1)
        always = replace(descriptor, request_keys=(key_of_now,))
        for off in (-3700, 3700):
            assert refusal(HandleKey.generate().register(woken, always, now=now + off)) == "time"


def test_metrics_are_for_who_bears_the_token(tmp_path: Path) -> None:
    metrics = Metrics()
    provider = Scripted()
    with served(
        tmp_path, provider, metrics=metrics, metrics_token=BEARER, observe=metrics.tick
    ) as (made, http):
        put(http, made.push(token()))
        wait_for(lambda: "opened_total 1.0" in metrics.text(made.server).decode())
        assert http.get("/metrics").status == 404
        assert http.get("/metrics", authorization="Bearer other").status == 404
        text = http.get("/metrics", authorization=f"Bearer {BEARER}").body.decode()
    assert 'billboard_push_requests_total{outcome="accepted"} 1.0' in text
    assert "billboard_push_opened_total 1.0" in text
    assert 'billboard_push_breaker_open{platform="APNS"} 0.0' in text
    assert 'billboard_push_kept{kind="gates"} 0.0' in text


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """What was taken and not opened, and what was not delivered, is in the outbox."""
    provider = Scripted()
    with served(tmp_path, provider, timing=SLOW) as (made, http):
        woken = token()
        assert put(http, made.push(woken)).status == 202
    assert not provider.sent
    from billboard.push import PushServer, ServerKeys, SqliteOutbox
    from billboard.push.dispatch import Dispatcher

    with SqliteOutbox(tmp_path / "outbox.sqlite") as outbox:
        keys = ServerKeys(tmp_path, [made.secret], made.descriptor.url)
        assert keys.descriptor == made.server.keys.descriptor
        again = PushServer(keys, outbox, Dispatcher(outbox, [provider]), timing=AT_ONCE)
        with running(Starlette(lifespan=lifespan(Site(again, made.key, made.secret)))):
            wait_for(lambda: provider.sent)
    assert [each.token for each in provider.sent] == [woken]
