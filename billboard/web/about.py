"""What a server says of itself: whether it runs, whether it accepts anything, and its metrics."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Callable
from typing import final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from billboard.errors import StoreError

READY_SECONDS = 1.0
"""Seconds for which `/readyz` does not check storage again, because anybody may ask for it."""

_NEVER = {"cache-control": "no-store"}
_TOKEN = re.compile(r"[!-~]([ -~]*[!-~])?")

_log = logging.getLogger(__name__)


@final
class About:
    """The endpoints ``/healthz``, ``/readyz`` and ``/metrics``.

    A server is ready if ``check_storage`` does not raise `StoreError` and ``accepts`` returns True.
    ``text`` gives the metrics in Prometheus's text format, for requests that bear ``token``. If
    ``token`` is None there is no ``/metrics``.

    Raises `ValueError` for a token that no header can carry.
    """

    def __init__(
        self,
        check_storage: Callable[[], object],
        accepts: Callable[[], bool],
        text: Callable[[], bytes],
        token: str | None,
    ) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            problem = "a metrics token must be one line of printable ASCII, or None for no /metrics"
            raise ValueError(problem)
        self._check_storage, self._accepts, self._text = check_storage, accepts, text
        self._bearer = None if token is None else f"Bearer {token}".encode()
        self._asked: tuple[float, asyncio.Task[bool]] | None = None

    def routes(self) -> list[Route]:
        """The routes of all three endpoints."""
        return [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._readiness, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]

    async def _health(self, request: Request) -> Response:
        """Answer 200: the process runs."""
        del request
        return Response(None, 200, _NEVER)

    async def _readiness(self, request: Request) -> Response:
        """Answer 200 if the server would accept something now, else 503."""
        del request
        now = time.monotonic()
        if self._asked is None or (self._asked[1].done() and now - self._asked[0] > READY_SECONDS):
            self._asked = now, asyncio.create_task(self._storage_works())
        works = await asyncio.shield(self._asked[1])  # other requests wait for it too
        return Response(None, 200 if works and self._accepts() else 503, _NEVER)

    async def _storage_works(self) -> bool:
        try:
            await asyncio.to_thread(self._check_storage)
        except StoreError as error:
            _log.error("the server is not ready: %s", error)
            return False
        return True

    async def _metrics(self, request: Request) -> Response:
        """Answer with the metrics, if the request bears the token."""
        given = request.headers.get("authorization", "").encode()
        if self._bearer is None or not hmac.compare_digest(given, self._bearer):
            return Response(None, 404, _NEVER)
        try:
            text = await asyncio.to_thread(self._text)
        except StoreError:
            return Response(None, 503, _NEVER)
        return Response(text, 200, _NEVER, "text/plain; version=0.0.4; charset=utf-8")
