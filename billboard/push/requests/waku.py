"""Requests over Waku (SPEC 10.8): how senders send them, and what a node keeps of them.

Senders and push server each talk to a Waku node of their own, through its REST interface as nwaku
has it. The extra ``client`` has what they need.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, final

from billboard.errors import InvalidEncodingError, UnreachableError, WakuError, WakuFault
from billboard.frames import FrameClass
from billboard.push.requests.descriptor import ServerDescriptor, server_id
from billboard.push.requests.request import request_size
from billboard.tlog.note import NoteKey
from billboard.web.client import TIMEOUT, URL, NoAnswerError, ask, session

ROUNDING = 10
"""Seconds to a multiple of which the time of a message is rounded.

Nodes keep only what is within 20 s of their clocks: this leaves 15 s for clocks and the way.
"""

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer to what is sent."""

_LONGEST_NAME = 200
"""Characters of a message hash or cursor; those of nwaku have 66."""

_PATH = "/lightpush/v3/message"

_REFUSALS: Mapping[int, str] = {
    400: "it does not understand the message: is it a node of nwaku, and not too old?",
    404: "it sends nothing for others: start it with lightpush, or with a lightpush node",
    420: f"it finds the message invalid, or had the same less than {ROUNDING} s ago",
    421: "it does not serve the shard of this content topic",
    429: "it takes no more messages now: try again later",
    503: "it knows no lightpush node, or got no answer from it: try again later",
    504: "its rate of messages (RLN) is used up: try again later",
    505: "it has no peers to send to: try again later",
}


def content_topic(server: NoteKey) -> str:
    """The Waku content topic of a push server, the same for all its senders (SPEC 10.8)."""
    return f"/billboard/1/push-{server_id(server).hex()}/raw"


@dataclass(frozen=True)
class Message:
    """What a node keeps: ``sealed`` if it may be a request; ``time`` is its sender's, in ns, or 0.

    ``hash`` is what the node tells it by.
    """

    hash: str | None
    time: int
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Page:
    """Some messages in the order of their times, and what to ask with for those after them."""

    messages: Sequence[Message]
    cursor: str | None


@final
class WakuClient:
    """Sends requests to ``server`` through the Waku node whose REST interface is at ``url``.

    The node is the sender's own: it sees what is sent when. ``timeout`` is in seconds, ``clock``
    gives seconds since 1970. Raises `WakuError` if the URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        server: NoteKey,
        *,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url, self._topic, self._clock = check_node_url(url), content_topic(server), clock
        self._session = session(timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to the node."""
        self._session.close()

    def send(self, request: bytes) -> None:
        """Publish a sealed request; when this returns, the node has handed it to a peer.

        `billboard.push.seal` makes one. Whether it comes to the push server is not told. To repeat
        it, send the same bytes again.
        Raises `WakuError`, and `InvalidEncodingError` for what has not the size of a request.
        """
        if len(request) not in map(request_size, FrameClass):
            raise InvalidEncodingError("request", f"{len(request)} bytes, as no request has")
        message = {
            "payload": base64.b64encode(request).decode(),
            "contentTopic": self._topic,
            "timestamp": round(self._clock() / ROUNDING) * ROUNDING * 10**9,
            "ephemeral": False,  # else no node would keep it for a server that is down
        }
        body = json.dumps({"message": message}).encode()
        headers = {"content-type": "application/json"}
        try:
            answer = ask(
                self._session,
                "POST",
                f"{self._url}{_PATH}",
                limit=LARGEST_ANSWER,
                headers=headers,
                body=body,
            )
        except NoAnswerError as error:
            raise unreachable(error) from None
        if answer.status != 200:
            raise refused(answer.status)
        peers = json_object(answer.body).get("relayPeerCount")
        if type(peers) is not int or peers < 1:
            raise WakuError(WakuFault.ANSWER, "the Waku node does not say that it sent the message")


@final
class WakuCourier:
    """A `Courier` that brings requests through the Waku node at ``url``; see `WakuClient`."""

    def __init__(
        self, url: str, *, timeout: float = TIMEOUT, clock: Callable[[], float] = time.time
    ) -> None:
        self._url, self._timeout, self._clock = check_node_url(url), timeout, clock

    def send(self, request: bytes, descriptor: ServerDescriptor) -> None:
        """See `Courier.send`. Raises `WakuError`."""
        made = WakuClient(self._url, descriptor.server, timeout=self._timeout, clock=self._clock)
        with made as client:
            client.send(request)

    def descriptor(self, known: ServerDescriptor) -> bytes:
        """Raises `UnreachableError`: over Waku nobody is asked, and boards have descriptors."""
        raise UnreachableError(f"{known.server.name} is not asked for its descriptor over Waku")


def check_node_url(url: str) -> str:
    """The URL of a node without a slash at its end. Raises `WakuError`."""
    if not URL.fullmatch(url):
        # What was given is not shown: there may be a password in it.
        problem = "must be http(s)://host[:port][/path], without user, ? and #"
        raise WakuError(WakuFault.UNREACHABLE, f"the URL of a Waku node {problem}")
    return url.rstrip("/")


def unreachable(error: NoAnswerError) -> WakuError:
    """What to raise if there was no answer."""
    return WakuError(WakuFault.UNREACHABLE, f"the Waku node: {error}")


def refused(status: int) -> WakuError:
    """What to raise if a node answers something else than 200."""
    why = _REFUSALS.get(status)
    said = f"the Waku node answers {status}"
    return WakuError(WakuFault.REFUSED, said if why is None else f"{said}: {why}")


def json_object(body: bytes) -> dict[str, Any]:
    """The object that an answer is. Raises `WakuError` if it is anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise WakuError(WakuFault.ANSWER, "the Waku node answers something that is no JSON object")
    return found


def decode_page(body: bytes, topic: str, size: int) -> Page:
    """What a node answers. Messages that are not under ``topic``, or no request of ``size`` bytes,
    are kept without what they hold. Raises `WakuError` if it is no such answer at all.
    """
    answer = json_object(body)
    found, cursor = answer.get("messages"), answer.get("paginationCursor") or None
    # An error of the store that it asked comes within an answer with the status 200.
    done = answer.get("statusCode", 200) == 200
    if not done or not isinstance(found, list) or not (cursor is None or _is_name(cursor)):
        raise WakuError(WakuFault.ANSWER, "the Waku node answers no page of messages")
    return Page([_decode(each, topic, size) for each in found], cursor)


def _decode(entry: Any, topic: str, size: int) -> Message:
    entry = entry if isinstance(entry, dict) else {}
    # As nwaku calls it, and as its specification does.
    name = entry.get("messageHash", entry.get("message_hash"))
    message = entry.get("message")
    message = message if isinstance(message, dict) else {}
    time = message.get("timestamp")
    sealed = _decode_payload(message, size) if message.get("contentTopic") == topic else None
    time = time if isinstance(time, int) and 0 <= time < 2**63 else 0
    return Message(name if _is_name(name) else None, time, sealed)


def _decode_payload(message: dict[str, Any], size: int) -> bytes | None:
    payload = message.get("payload")
    # Compared before it is decoded: it may be very long.
    if not isinstance(payload, str) or len(payload) != -(-size // 3) * 4:
        return None
    try:
        decoded = base64.b64decode(payload, validate=True)
    except ValueError:
        return None
    return decoded if len(decoded) == size else None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME
