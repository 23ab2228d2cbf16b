"""What a Waku node answers to a push server, and the file that says from when to ask it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from billboard.errors import WakuError
from billboard.push.requests.waku import decode_page
from billboard.push.waku_source import decode_time

from ..target import Target, require

TOPIC = "/billboard/1/push-00/raw"
REQUEST = b"ten bytes."


def page(data: bytes) -> None:
    """Whatever it answers is a page of messages that may be requests, or refused in our words."""
    try:
        found = decode_page(data, TOPIC, len(REQUEST))
    except WakuError as error:
        require(error.reason == "answer", "it is the answer that is wrong")
        require(
            str(error).startswith("the answer of the Waku node "), "an error shows nothing of it"
        )
        return
    require(found.cursor is None or 0 < len(found.cursor) <= 200, "a cursor can be sent back")
    answered = json.loads(data)["messages"]
    require(len(found.messages) == len(answered), "no message is lost, whatever is beside it")
    for each, entry in zip(found.messages, answered, strict=True):
        require(each.hash is None or 0 < len(each.hash) <= 200, "a hash can be remembered")
        require(0 <= each.time < 2**63, "a time is one of 64 bits")
        if each.sealed is not None:
            require(len(each.sealed) == len(REQUEST), "what may be a request has its size")
            require(entry["message"]["contentTopic"] == TOPIC, "and is under its topic")
            # Bits that mean nothing may differ: it is the bytes that are taken once.
            again = base64.b64decode(entry["message"]["payload"])
            require(each.sealed == again, "and is what the message holds")


def _pages() -> Iterator[bytes]:
    good: dict[str, Any] = {
        "payload": base64.b64encode(REQUEST).decode(), "contentTopic": TOPIC, "timestamp": 10**18,
    }  # fmt: skip
    entry = {"messageHash": "0x01", "message": good}
    odd: list[Any] = [
        None, [], {}, {"message_hash": "b64=", "message": good}, {"messageHash": "", "message": 5},
        {"message": {**good, "payload": "AAAAAAAAAAAAAAA="}},
        {"message": {**good, "payload": "é" * 16, "timestamp": -1}},
        {"message": {**good, "contentTopic": "/a", "timestamp": 2.5}},
        {"message": {**good, "timestamp": True}},
    ]  # fmt: skip
    for messages in ([], [entry], [entry, entry], *([each, entry] for each in odd)):
        yield json.dumps({"statusCode": 200, "messages": messages}).encode()
    for more in ({"paginationCursor": "0x01"}, {"paginationCursor": 5}, {"statusCode": 503}):
        yield json.dumps({"messages": [entry], **more}).encode()
    yield from (b"", b"[]", b"{}", b"\xff", b"[" * 1500, b'{"messages": [' + b"1" * 1000 + b"]}")


def swept(data: bytes) -> None:
    """The file that says from when to read is a time, or as if it were not there."""
    found = decode_time(data)
    require(found is None or abs(found) <= 1e20, "a time can be reckoned with")


def _times() -> Iterator[bytes]:
    yield from (b"", b"1700000000\n", b"-5", b"9" * 5000, b"1e9", b"nan", b"\xff", b"soon\n")


TARGETS = {
    "waku-page": Target(page, _pages, 1800),
    "waku-swept": Target(swept, _times, 6000),
}
