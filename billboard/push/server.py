"""The push server over HTTP (SPEC 10.7): an ASGI application, which others can mount.

It looks at no addresses and logs no requests. What is sealed in a request changes no answer.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from billboard.errors import (
    BusyError,
    InvalidEncodingError,
    NotAdmittedError,
    RefusedRequestError,
    RequestRefusal,
    StoreError,
)
from billboard.frames import FrameClass
from billboard.push.metrics import Metrics
from billboard.push.requests.registration import REGISTRATION_SIZE
from billboard.push.requests.request import request_size
from billboard.push.service import PushServer
from billboard.web.about import About
from billboard.web.admission import Admission, ProofOfWork, decode_work
from billboard.web.bodies import BodyError, read_body
from billboard.web.content import Content

LARGEST_BODY = max(REGISTRATION_SIZE, *map(request_size, FrameClass))
"""The longest body, in bytes. A request of another class is read too, to say what is wrong."""

RETRY = "1"
"""The ``Retry-After`` of answers when a queue is full or a rate is reached, in seconds."""

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
    """Return the application that takes requests for ``server``, in one event loop.

    It needs no lifespan. Enter ``server`` as a context manager in the lifespan of your application,
    because it ticks and delivers only there. A request is taken if all of ``admission`` let it in,
    in turn. Its body may take ``body_seconds``.

    ``/metrics`` exists only with a ``metrics_token``, for requests that bear it, because it tells
    how many requests come and when. It shows ``metrics``, to which ``server`` and its dispatcher
    must report too. Raises `ValueError` for a token that no header can carry.
    """
    counted = metrics or Metrics()
    about = About(
        server.outbox.waiting,
        lambda: server.running and not server.busy,
        lambda: counted.text(server),
        metrics_token,
    )
    bits = next((each.bits for each in admission if isinstance(each, ProofOfWork)), None)

    def endpoint(
        size: int, status: int, take: Take, is_known: Callable[[bytes], bool]
    ) -> _Endpoint:
        check = partial(server.check, size=size)
        return _Endpoint(check, is_known, take, status, admission, bits, body_seconds, counted)

    frame_class = server.keys.frame_class
    routes = [
        Route("/push", endpoint(request_size(frame_class), 202, server.take, server.has_taken)),
        Route("/descriptor", _Descriptor(server).__call__, methods=["GET"]),
        *about.routes(),
    ]
    if frame_class.carries_handle:
        handles = endpoint(REGISTRATION_SIZE, 204, server.register, lambda _: False)
        routes.append(Route("/handles", handles))
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return app


@final
class _Endpoint:
    """The ASGI endpoint that takes what is posted. It answers ``status`` if ``take`` returns."""

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
            self._check(body)  # costs nothing, and comes first so that junk uses up no rate
            if not self._is_known(body):  # or a repetition, without new work, would use up the rate
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
        except InvalidEncodingError as error:  # of the header
            reason = RequestRefusal.ENCODING
            return reason, _refusal(422, reason, str(error), {})
        except NotAdmittedError as error:
            headers_of = {"retry-after": RETRY, **self._work}
            return "admission", _refusal(429, "admission", str(error), headers_of)
        return "accepted", Response(None, self._status, _NEVER)


@final
class _Descriptor:
    """The endpoint of the descriptor, the same for all."""

    def __init__(self, server: PushServer) -> None:
        self._server = server
        self._content = Content(b"", b"", b"")

    async def __call__(self, request: Request) -> Content:
        """Answer with the descriptor that holds now."""
        del request
        data = self._server.keys.descriptor
        if self._content.data != data:
            caching = b"public, max-age=300"
            self._content = Content(data, b"text/plain; charset=utf-8", caching)
        return self._content


def _refusal(status: int, reason: str, detail: str, headers: dict[str, str]) -> Response:
    body = json.dumps({"reason": reason, "detail": detail})
    return Response(body, status, headers | _NEVER, "application/json")
