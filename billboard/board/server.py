"""The board over HTTP (SPEC 9.9): an ASGI application for any server, or to mount in another.

It looks at no addresses, logs no requests, and stores no times at which posts came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from billboard.board.board import Board
from billboard.board.serving.intake import Submissions, submissions
from billboard.board.serving.metrics import Metrics
from billboard.board.serving.objects import Published
from billboard.board.serving.openapi import TOO_MANY, describe
from billboard.errors import (
    BusyError,
    InvalidEncodingError,
    NotAdmittedError,
    PostRefusal,
    RefusedPostError,
    StoreError,
)
from billboard.frames import FrameClass
from billboard.posts import post_size
from billboard.web.about import About
from billboard.web.admission import Admission, ProofOfWork, decode_work
from billboard.web.bodies import CLOSE, BodyError, read_body
from billboard.web.content import NEVER, NOTHING, Content, Header, respond

LARGEST_BODY = max(map(post_size, FrameClass))
"""Bytes: posts of all classes are read, so that the refusal can say that the class is wrong."""

_RETRY: Header = (b"retry-after", b"1")
"""Retry after a second: a full queue, or a rate, has room again soon."""

_NEVER: Header = (b"cache-control", NEVER)


def create_app(
    board: Board,
    *,
    admission: Sequence[Admission] = (),
    capacity: int = 4096,
    body_seconds: float = 10.0,
    cache_bytes: int = 64 << 20,
    metrics_token: str | None = None,
) -> Starlette:
    """Return the application that serves ``board``, in one event loop; it needs no lifespan.

    A post that `Board.check` passes is submitted if each of ``admission`` admits it, in turn. At
    most ``capacity`` posts wait for the database, and the body of a request may take
    ``body_seconds``. ``cache_bytes`` of what is published are kept in memory.

    ``/metrics`` exists only with a ``metrics_token``, for requests that bear it: it tells how many
    posts there are and when they come, which dummies hide from everyone else.

    Raises `ValueError` for a number that is too small, and for a token that no header can carry.
    """
    if capacity < 1 or not body_seconds > 0 or cache_bytes < 0:
        given = f"{capacity}, {body_seconds} and {cache_bytes}"
        raise ValueError(f"one of capacity, body_seconds and cache_bytes is too small: {given}")
    metrics = Metrics(board)
    submit_one = submissions(board, capacity, metrics.batch)
    about = About(
        board.check_may_sign,
        lambda: not submit_one.full,
        lambda: metrics.text(len(submit_one)),
        metrics_token,
    )
    submit = _Submit(board, submit_one, metrics, admission, body_seconds)
    document = json.dumps(describe(board.parameters)).encode()
    interface = Content(document, b"application/json", b"public, max-age=3600")
    routes = [
        Route("/posts", submit),
        Route("/openapi.json", interface, methods=["GET"]),
        *about.routes(),
        Route("/{name:path}", Published(board, cache_bytes), methods=["GET"]),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(_OneWay)])
    app.router.redirect_slashes = False
    return app


@final
class _OneWay:
    """Answers 404 to a request whose URL has a query or an encoded path (SPEC 9.9).

    So each thing has one URL: a cache has it once, and nothing encoded is ever looked up.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a plain request on to the application."""
        if scope["type"] == "http" and not _is_plain(scope):
            await respond(send, 404, NOTHING)
        else:
            await self._app(scope, receive, send)


@final
class _Submit:
    """The ASGI endpoint that takes posts."""

    def __init__(
        self,
        board: Board,
        submissions: Submissions,
        metrics: Metrics,
        admission: Sequence[Admission],
        body_seconds: float,
    ) -> None:
        self._board, self._submissions, self._metrics = board, submissions, metrics
        self._admission, self._body_seconds = admission, body_seconds
        asked = [each.bits for each in admission if isinstance(each, ProofOfWork)]
        self._not_admitted = [_RETRY]
        self._not_admitted += [(b"billboard-work", str(bits).encode()) for bits in asked[:1]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one POST. Other methods come here too, because no other route has this path."""
        if scope["method"] != "POST":
            await respond(send, 405, [(b"allow", b"POST"), (b"content-length", b"0"), _NEVER])
            return
        headers = dict(scope["headers"])
        try:
            body = await read_body(
                headers, receive, largest=LARGEST_BODY, seconds=self._body_seconds
            )
            work = decode_work(headers.get(b"billboard-work"))
            post = self._board.check(body)
            for each in self._admission:
                each.admit(body, work)
            outcome = await self._submissions(post)
        except NotAdmittedError as error:
            await self._refuse(send, RefusedPostError(PostRefusal.ADMISSION, str(error)))
        except InvalidEncodingError as error:  # the header is malformed
            await self._refuse(send, RefusedPostError(PostRefusal.ENCODING, str(error)))
        except BodyError as error:
            await self._answer(send, str(error.status), error.status, [CLOSE])
        except BusyError:
            await self._unavailable(send, "busy")
        except StoreError:
            await self._unavailable(send, "storage")
        except RefusedPostError as error:
            await self._refuse(send, error)
        else:
            if isinstance(outcome, RefusedPostError):
                await self._refuse(send, outcome)
            else:
                kind = (b"content-type", b"text/plain; charset=utf-8")
                await self._answer(send, "accepted", 201, [kind], outcome)

    async def _refuse(self, send: Send, refusal: RefusedPostError) -> None:
        headers = [(b"content-type", b"application/json")]
        status = 429 if refusal.reason in TOO_MANY else 422
        if refusal.reason is PostRefusal.ADMISSION:
            headers += self._not_admitted
        answer = {"reason": refusal.reason, "detail": str(refusal)}
        await self._answer(send, refusal.reason, status, headers, json.dumps(answer).encode())

    async def _unavailable(self, send: Send, why: str) -> None:
        await self._answer(send, why, 503, [_RETRY])

    async def _answer(
        self, send: Send, outcome: str, status: int, headers: list[Header], body: bytes = b""
    ) -> None:
        self._metrics.count(outcome)
        size = (b"content-length", str(len(body)).encode())
        await respond(send, status, [*headers, size, _NEVER], body)


def _is_plain(scope: Scope) -> bool:
    """Return whether there is no query and the path was sent unencoded, if the server tells it."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    raw = scope.get("raw_path")
    return not scope["query_string"] and (raw is None or raw.endswith(path.encode()))
