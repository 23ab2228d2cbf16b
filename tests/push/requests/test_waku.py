"""Senders over Waku: what a node is given, and what is said of its answers (SPEC 10.8).

The node is a stub: see `push.waku_node`.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from billboard.errors import InvalidEncodingError, WakuError
from billboard.push.requests.descriptor import server_id
from billboard.push.requests.waku import WakuClient, content_topic, decode_page
from billboard.tlog.note import Algorithm, NoteKey
from push.requests.waku_node import WakuNode

SERVER = NoteKey("push.example.org/main", Algorithm.ED25519, bytes(range(32)))
REQUEST = os.urandom(1450)


@pytest.fixture
def node() -> Iterator[WakuNode]:
    made = WakuNode()
    with made.running():
        yield made


def test_what_a_node_is_given(node: WakuNode) -> None:
    now = 1_700_000_004.9
    node.clock = lambda: now
    with WakuClient(node.url + "/", SERVER, clock=lambda: now) as client:
        client.send(REQUEST)
    (message,) = node.pushed
    assert message == {
        "payload": base64.b64encode(REQUEST).decode(),
        "contentTopic": content_topic(SERVER),
        "timestamp": 1_700_000_000 * 10**9,
        "ephemeral": False,
    }
    assert len(node.kept) == 1


def test_the_content_topic_is_of_the_server() -> None:
    _, application, version, name, encoding = content_topic(SERVER).split("/")
    assert (application, version, encoding) == ("billboard", "1", "raw")
    assert name == f"push-{server_id(SERVER).hex()}"
    assert content_topic(SERVER) != content_topic(NoteKey("b", Algorithm.ED25519, bytes(32)))


@pytest.mark.parametrize("off", [-14.0, 0.0, 14.0])
def test_a_clock_that_is_wrong_and_rounding_are_within_what_nodes_keep(
    node: WakuNode, off: float
) -> None:
    with WakuClient(node.url, SERVER, clock=lambda: time.time() + off) as client:
        client.send(REQUEST)
    assert len(node.kept) == 1


def test_a_repetition_has_the_same_payload(node: WakuNode) -> None:
    times = iter([1000.0, 1003.0, 1060.0])
    node.clock = lambda: 1000.0
    with WakuClient(node.url, SERVER, clock=lambda: next(times)) as client:
        for _ in range(3):
            client.send(REQUEST)
    assert node.pushed[0] == node.pushed[1]
    assert len({each["payload"] for each in node.pushed}) == 1
    assert node.pushed[2]["timestamp"] == 1060 * 10**9


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "does not understand"), (404, "start it with lightpush"), (413, "answers 413"),
        (420, "had the same"), (421, "shard"), (429, "later"), (500, "answers 500"),
        (503, "lightpush node"), (504, "RLN"), (505, "no peers"), (307, "answers 307"),
    ],
)  # fmt: skip
def test_what_is_refused_was_not_sent(node: WakuNode, status: int, said: str) -> None:
    node.fault = lambda _: JSONResponse({"statusDesc": "secret"}, status, {"location": "/x"})
    with WakuClient(node.url, SERVER) as client, pytest.raises(WakuError, match=said) as caught:
        client.send(REQUEST)
    assert caught.value.reason == "refused"
    assert "secret" not in str(caught.value)


NONSENSE = [b"", b"{}", b"OK", b"[1]", b'{"relayPeerCount": 0}', b'{"relayPeerCount": true}',
            b'{"relayPeerCount": "3"}', b"\xff", b"[" * 60_000]  # fmt: skip


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_not_taken_for_sent(node: WakuNode, body: bytes) -> None:
    node.fault = lambda _: Response(body)
    with WakuClient(node.url, SERVER) as client, pytest.raises(WakuError) as caught:
        client.send(REQUEST)
    assert caught.value.reason == "answer"


def test_a_node_that_is_not_there_or_too_slow_or_says_too_much(node: WakuNode) -> None:
    def slowly(request: Request) -> Response:
        del request
        time.sleep(0.6)
        return PlainTextResponse("late")

    with WakuClient(node.url, SERVER) as client:
        node.fault = lambda _: Response(b" " * 100_000)
        with pytest.raises(WakuError, match="the answer has more than 65536 bytes"):
            client.send(REQUEST)
        node.fault = lambda _: RedirectResponse("/store/v3/messages")
        with pytest.raises(WakuError, match="307"):
            client.send(REQUEST)
    node.fault = slowly
    with WakuClient(node.url, SERVER, timeout=0.3) as client:
        with pytest.raises(WakuError, match="no whole answer within the time limit") as caught:
            client.send(REQUEST)
        assert caught.value.reason == "unreachable"
    nobody = "http://127.0.0.1:9"
    with WakuClient(nobody, SERVER) as client, pytest.raises(WakuError, match="connection refused"):
        client.send(REQUEST)
    assert node.pushed == []


def test_no_proxy_of_the_environment(node: WakuNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with WakuClient(node.url, SERVER) as client:
        client.send(REQUEST)


@pytest.mark.parametrize("size", [0, 32, 1449, 1451])
def test_what_is_no_request_is_not_sent(node: WakuNode, size: int) -> None:
    with WakuClient(node.url, SERVER) as client, pytest.raises(InvalidEncodingError):
        client.send(bytes(size))
    assert node.pushed == []


@pytest.mark.parametrize(
    "url", ["", "node", "ftp://node", "http://me:pw@node", "http://n/?a", "http://n#"]
)
def test_urls(url: str) -> None:
    with pytest.raises(WakuError, match="the URL of a Waku node must be") as caught:
        WakuClient(url, SERVER)
    assert "pw" not in str(caught.value)


def entry(**message: Any) -> dict[str, Any]:
    good = {"payload": base64.b64encode(REQUEST).decode(), "contentTopic": "/t", "timestamp": 5}
    return {"messageHash": "0x01", "message": {**good, **message}}


def page(*messages: Any, **more: Any) -> bytes:
    return json.dumps({"statusCode": 200, "messages": messages, **more}).encode()


def test_a_page() -> None:
    found = decode_page(page(entry(), paginationCursor="0x01"), "/t", 1450)
    (message,) = found.messages
    assert (message.hash, message.time, message.sealed) == ("0x01", 5, REQUEST)
    assert found.cursor == "0x01"
    assert base64.b64encode(REQUEST).decode()[:8] not in repr(found)
    assert decode_page(page(paginationCursor=""), "/t", 1450).cursor is None
    documented = {"message_hash": "b64=", "message": entry()["message"]}
    (message,) = decode_page(page(documented), "/t", 1450).messages
    assert (message.hash, message.sealed) == ("b64=", REQUEST)


BAD_ENTRIES: list[Any] = [
    None, 5, [], {}, {"message": []}, entry(payload=None), entry(payload=7),
    entry(payload="é" * 1936), entry(payload="*" * 1936), entry(payload="A" * 1935),
    entry(payload="A" * 300_000), entry(contentTopic="/u"), entry(contentTopic=None),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_ENTRIES, ids=range(len(BAD_ENTRIES)))
def test_what_is_no_request_stops_no_others(bad: Any) -> None:
    found = decode_page(page(bad, entry()), "/t", 1450).messages
    assert [each.sealed for each in found] == [None, REQUEST]


@pytest.mark.parametrize("time", [-1, 2**63, 1.5, "5", None, [], 10**30])
def test_times_that_are_none(time: Any) -> None:
    (message,) = decode_page(page(entry(timestamp=time)), "/t", 1450).messages
    assert (message.time, message.sealed) == (0, REQUEST)


@pytest.mark.parametrize("name", [5, None, "", "x" * 201, ["a"]])
def test_hashes_that_are_none(name: Any) -> None:
    (message,) = decode_page(page({**entry(), "messageHash": name}), "/t", 1450).messages
    assert (message.hash, message.sealed) == (None, REQUEST)
