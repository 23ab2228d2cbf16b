"""The push server over HTTP (SPEC 10.7): an ASGI application, for any server and to be mounted.

It looks at no addresses and logs no requests. What a request holds changes no answer.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from billboard.board.admission import Admission, ProofOfWork, decode_work
from billboard.board.published import Content
from billboard.bodies import BodyError, read_body
from billboard.errors import BusyError, RefusedPostError, RefusedRequestError, StoreError
from billboard.push.metrics import Metrics
from billboard.push.registration import REGISTRATION_SIZE
from billboard.push.request import request_size
from billboard.push.service import PushServer
from billboard.tokens import FrameClass

__all__ = ["create_app"]

LARGEST_BODY = max(REGISTRATION_SIZE, *map(request_size, FrameClass))
"""Bytes: a request of another class is read, so as to say what is wrong with it."""

RETRY = "1"
"""Seconds after which a queue that was full, or a rate, has room again."""

READY_SECONDS = 1.0
"""Seconds for which `/readyz` does not ask the outbox again: anybody may ask for it."""

Take = Callable[[bytes], Awaitable[None]]

_NEVER = {"cache-control": "no-store"}
_CLOSE = {"connection": "close"}


def create_app(
    server: PushServer,
    *,
    admission: Sequence[Admission] = (),
    body_seconds: float = 10.0,
    metrics: Metrics | None = None,
    metrics_token: str | None = None,
) -> Starlette:
    """The application that takes requests for ``server``, in one event loop; it needs no lifespan.

    Enter ``server`` in yours: it ticks and delivers only there. A request is taken if all of
    ``admission`` let it in, in turn. Its body may take ``body_seconds``.

    ``/metrics`` is there only with ``metrics`` and a ``metrics_token``, and only for requests that
    bear it: it tells how many requests come and when.
    """
    counted = metrics or Metrics()
    about = _About(server, counted, metrics_token)

    bits = next((each.bits for each in admission if isinstance(each, ProofOfWork)), None)

    def endpoint(
        size: int, status: int, take: Take, is_known: Callable[[bytes], bool]
    ) -> _Endpoint:
        check = partial(server.check, size=size)
        return _Endpoint(check, is_known, take, status, admission, bits, body_seconds, counted)

    frame_class = server.keys.frame_class
    routes = [
        Route("/push", endpoint(request_size(frame_class), 202, server.take, server.has_taken)),
        Route("/descriptor", about.descriptor, methods=["GET"]),
        Route("/healthz", about.health, methods=["GET"]),
        Route("/readyz", about.readiness, methods=["GET"]),
        Route("/metrics", about.metrics, methods=["GET"]),
    ]
    if frame_class.carries_handle:
        handles = endpoint(REGISTRATION_SIZE, 204, server.register, lambda _: False)
        routes.append(Route("/handles", handles))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


@final
class _Endpoint:
    """The ASGI endpoint that takes what is posted: ``status`` if ``take`` returns."""

    def __init__(
        self,
        check: Callable[[bytes], object],
        is_known: Callable[[bytes], bool],
        take: Take,
        status: int,
        admission: Sequence[Admission],
        work_bits: int | None,
        body_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._check, self._is_known = check, is_known
        self._take, self._status = take, status
        self._admission, self._seconds, self._metrics = admission, body_seconds, metrics
        self._work = {} if work_bits is None else {"billboard-work": str(work_bits)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST; other methods come here too, for no other route has this path."""
        outcome, response = await self._answer(scope, receive)
        self._metrics.request(outcome)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[str, Response]:
        if scope["method"] != "POST":
            return "405", Response(None, 405, {"allow": "POST", **_NEVER})
        headers = dict(scope["headers"])
        try:
            body = await read_body(headers, receive, largest=LARGEST_BODY, seconds=self._seconds)
            work = decode_work(headers.get(b"billboard-work"))
            self._check(body)  # costs nothing, so that what is no request uses up no rate
            if not self._is_known(body):  # or one proof of work would use up everybody's rate
                for each in self._admission:
                    each.admit(body, work)
                await self._take(body)
        except BodyError as error:
            return str(error.status), Response(None, error.status, _CLOSE | _NEVER)
        except (BusyError, StoreError) as error:
            outcome = "busy" if isinstance(error, BusyError) else "storage"
            return outcome, Response(None, 503, {"retry-after": RETRY, **_NEVER})
        except RefusedRequestError as error:
            return error.reason, _refusal(422, error.reason, str(error), {})
        except RefusedPostError as error:  # of the header, or of the admission
            if error.reason == "admission":
                headers_of = {"retry-after": RETRY, **self._work}
                return error.reason, _refusal(429, error.reason, str(error), headers_of)
            return error.reason, _refusal(422, error.reason, str(error), {})
        return "accepted", Response(None, self._status, _NEVER)


@final
class _About:
    """What the application says of the server and of itself."""

    def __init__(self, server: PushServer, metrics: Metrics, token: str | None) -> None:
        self._server, self._metrics = server, metrics
        self._bearer = None if token is None else f"Bearer {token}".encode()
        self._content = Content(b"", b"", b"")
        self._asked: tuple[float, asyncio.Task[bool]] | None = None

    async def descriptor(self, request: Request) -> Content:
        """The descriptor, the same for all."""
        del request
        data = self._server.keys.descriptor
        if self._content.data != data:
            caching = b"public, max-age=300"
            self._content = Content(data, b"text/plain; charset=utf-8", caching)
        return self._content

    async def health(self, request: Request) -> Response:
        """That the process runs."""
        del request
        return Response(None, 200, _NEVER)

    async def readiness(self, request: Request) -> Response:
        """Whether a request would be taken now, and delivered."""
        del request
        now = time.monotonic()
        if self._asked is None or (self._asked[1].done() and now - self._asked[0] > READY_SECONDS):
            self._asked = now, asyncio.create_task(self._storage_works())
        works = await asyncio.shield(self._asked[1])  # for others wait for it too
        ready = works and self._server.running and not self._server.busy
        return Response(None, 200 if ready else 503, _NEVER)

    async def _storage_works(self) -> bool:
        try:
            await asyncio.to_thread(self._server.outbox.waiting)
        except StoreError:
            return False
        return True

    async def metrics(self, request: Request) -> Response:
        """Sums and ages, for those who bear the token."""
        given = request.headers.get("authorization", "").encode()
        if self._bearer is None or not hmac.compare_digest(given, self._bearer):
            return Response(None, 404, _NEVER)
        try:
            text = await asyncio.to_thread(self._metrics.text, self._server)
        except StoreError:
            return Response(None, 503, _NEVER)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(text, 200, _NEVER, kind)


def _refusal(status: int, reason: str, detail: str, headers: dict[str, str]) -> Response:
    body = json.dumps({"reason": reason, "detail": detail})
    return Response(body, status, headers | _NEVER, "application/json")
