"""Requests over Waku (SPEC 10.8): how senders send them, and how the answers of nodes are read.

Senders and push servers each talk to a Waku node of their own, through the REST interface of nwaku.
They need the extra ``client``.
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
"""The time of a message is rounded to a multiple of this many seconds.

Nodes keep only messages within 20 s of their clocks. Rounding takes 5 s of them at most, so 15 s
are left for clocks that are wrong and for the way.
"""

LARGEST_ANSWER = 64 * 1024
"""The longest answer to a message that was sent, in bytes."""

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
    """Return the Waku content topic of a push server, the same for all senders (SPEC 10.8)."""
    return f"/billboard/1/push-{server_id(server).hex()}/raw"


@dataclass(frozen=True)
class Message:
    """A message that a node keeps.

    ``hash`` is the node's name for it. ``time`` is what its sender says, in nanoseconds since 1970,
    or 0. ``sealed`` has its bytes if they may be a request, else None.
    """

    hash: str | None
    time: int
    sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Page:
    """Messages in the order of their times, and the cursor by which to ask for those after them."""

    messages: Sequence[Message]
    cursor: str | None


@final
class WakuClient:
    """Sends requests to ``server`` through the Waku node whose REST interface is at ``url``.

    The node should be the sender's own, because it sees what is sent and when. ``timeout`` is in
    seconds, ``clock`` returns seconds since 1970. Raises `WakuError` if the URL cannot be used.
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
        """Publish a sealed request. When this returns, the node has handed it to a peer.

        `billboard.push.seal` makes a request. Nobody tells whether it reaches the push server. To
        repeat it, send the same bytes again. Raises `WakuError`, or `InvalidEncodingError` if
        ``request`` does not have the size of a request.
        """
        if len(request) not in map(request_size, FrameClass):
            problem = f"no request has {len(request)} bytes: `seal` makes one"
            raise InvalidEncodingError("request", problem)
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
        """Raise `UnreachableError`: a server cannot be asked over Waku. Boards have descriptors."""
        problem = "cannot be asked for its descriptor over Waku: get it from a board"
        raise UnreachableError(f"{known.server.name} {problem}")


def check_node_url(url: str) -> str:
    """Return the URL of a node without a slash at its end. Raises `WakuError`."""
    if not URL.fullmatch(url):
        # What was given is not shown: there may be a password in it.
        problem = "must be http(s)://host[:port][/path], without user, ? and #"
        raise WakuError(WakuFault.UNREACHABLE, f"the URL of a Waku node {problem}")
    return url.rstrip("/")


def unreachable(error: NoAnswerError) -> WakuError:
    """Return the error to raise if there was no answer."""
    return WakuError(WakuFault.UNREACHABLE, f"the Waku node: {error}")


def refused(status: int) -> WakuError:
    """Return the error to raise if the status of an answer is not 200."""
    why = _REFUSALS.get(status)
    said = f"the Waku node answers {status}"
    return WakuError(WakuFault.REFUSED, said if why is None else f"{said}: {why}")


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that an answer is. Raises `WakuError` if it is anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise WakuError(WakuFault.ANSWER, "the answer of the Waku node is not a JSON object")
    return found


def decode_page(body: bytes, topic: str, size: int) -> Page:
    """Parse a page of messages from an answer.

    Messages that are not under ``topic``, or do not have ``size`` bytes, have None as ``sealed``.
    Raises `WakuError` if the answer is not a page.
    """
    answer = json_object(body)
    found, cursor = answer.get("messages"), answer.get("paginationCursor") or None
    # If the node asked another store, an error of that store comes in an answer with status 200.
    done = answer.get("statusCode", 200) == 200
    if not done or not isinstance(found, list) or not (cursor is None or _is_name(cursor)):
        raise WakuError(WakuFault.ANSWER, "the answer of the Waku node is not a page of messages")
    return Page([_decode(each, topic, size) for each in found], cursor)


def _decode(entry: Any, topic: str, size: int) -> Message:
    entry = entry if isinstance(entry, dict) else {}
    # nwaku uses the first name, its specification the second.
    name = entry.get("messageHash", entry.get("message_hash"))
    message = entry.get("message")
    message = message if isinstance(message, dict) else {}
    time = message.get("timestamp")
    sealed = _decode_payload(message, size) if message.get("contentTopic") == topic else None
    time = time if isinstance(time, int) and 0 <= time < 2**63 else 0
    return Message(name if _is_name(name) else None, time, sealed)


def _decode_payload(message: dict[str, Any], size: int) -> bytes | None:
    payload = message.get("payload")
    # The length is compared before decoding, because the payload may be very long.
    if not isinstance(payload, str) or len(payload) != -(-size // 3) * 4:
        return None
    try:
        decoded = base64.b64decode(payload, validate=True)
    except ValueError:
        return None
    return decoded if len(decoded) == size else None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME
