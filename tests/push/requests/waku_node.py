"""A stub in the place of a Waku node. It is no node: it relays nothing, and has no peers.

It was written from the OpenAPI description of the REST interface, github.com/waku-org/waku-rest-api
at 56202ba (``storeapi.yaml``, ``lightpushapi_v3.yaml``, ``apitypes.yaml``), and where that is
silent or wrong from nwaku, github.com/waku-org/nwaku at 7d1c6ab (``waku/rest_api/endpoint/store``
and ``lightpush``, ``waku/waku_archive``): hashes and cursors are in hex with 0x and are called
``messageHash`` and ``paginationCursor``, pages have 20 messages if nothing was said and 100 at
most, an unknown cursor is an error, and only what is within 20 s of the node's clock is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from web.running import Running

PUBSUB_TOPIC = "/waku/2/rs/1/3"
VARIANCE = 20 * 10**9

Fault = Callable[[Request], Response | None]


class WakuNode:
    """What it keeps outlives its server. ``fault`` may answer in its place."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.kept: dict[str, Any] = {}
        """Entries of a page by their hash."""
        self.pushed: list[dict[str, Any]] = []
        """Messages that were handed to it to send, as they were."""
        self.queries: list[dict[str, str]] = []
        self.peers = 1
        self.fault: Fault | None = None
        self.port = 0
        self._app = Starlette(
            routes=[
                Route("/store/v3/messages", self._query),
                Route("/lightpush/v3/message", self._push, methods=["POST"]),
            ]
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Have it up in the block, at the same port each time."""
        made = Running(self._app, self.port)
        self.port = made.port
        try:
            yield made
        finally:
            made.stop()

    def receive(self, message: dict[str, Any]) -> None:
        """Keep what comes from the network, if a node keeps it."""
        now = int(self.clock() * 10**9)
        if not message.get("ephemeral") and abs(message["timestamp"] - now) <= VARIANCE:
            self.keep(message)

    def keep(self, message: dict[str, Any]) -> str:
        """Keep a message whatever its time: as one that it gets from another node's store."""
        parts = (
            PUBSUB_TOPIC.encode(),
            base64.b64decode(message["payload"]),
            message["contentTopic"].encode(),
            message["timestamp"].to_bytes(8, "big"),
        )
        name = "0x" + hashlib.sha256(b"".join(parts)).hexdigest()
        kept = {"version": 0, "ephemeral": False, **message}
        entry = {"messageHash": name, "message": kept, "pubsubTopic": PUBSUB_TOPIC}
        self.kept[name] = entry
        return name

    async def _query(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.queries.append(query)
        if self.fault is not None:
            answer = self.fault(request)
            if answer is not None:
                return answer
        limit = min(int(query.get("pageSize", 20)), 100)
        topics = query.get("contentTopics", "").split(",")
        start, cursor = int(query.get("startTime", 0)), query.get("cursor")
        if cursor is not None and cursor not in self.kept:
            return PlainTextResponse("Error: cursor not found", 500)
        found = sorted(
            (each["message"]["timestamp"], name)
            for name, each in list(self.kept.items())  # others may come meanwhile
            if each["message"]["contentTopic"] in topics and each["message"]["timestamp"] >= start
        )
        if cursor is not None:
            after = (self.kept[cursor]["message"]["timestamp"], cursor)
            found = [each for each in found if each > after]
        page = [name for _, name in found[:limit]]
        answered: dict[str, Any] = {
            "requestId": "", "statusCode": 200, "statusDesc": "OK",
            "messages": [self.kept[name] for name in page],
        }  # fmt: skip
        if len(found) > limit:
            answered["paginationCursor"] = page[-1]
        return JSONResponse(answered)

    async def _push(self, request: Request) -> Response:
        if self.fault is not None:
            answer = self.fault(request)
            if answer is not None:
                return answer
        message = json.loads(await request.body())["message"]
        if self.peers < 1:
            return JSONResponse({"statusDesc": "no peers"}, 505)
        self.pushed.append(message)
        self.receive(message)
        return JSONResponse({"relayPeerCount": self.peers})
