"""The HTTP server of a witness (C2SP tlog-witness)."""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from billboard.errors import RefusedCheckpointError, StoreError
from billboard.tlog.cosigner import Cosigner
from billboard.tlog.note import LARGEST

LARGEST_REQUEST = LARGEST + 4096
"""Bytes: a note, and the longest proof."""

SLOWEST_REQUEST = 10.0
"""Seconds for its body."""

_log = logging.getLogger(__name__)


def create_witness_app(cosigner: Cosigner) -> Starlette:
    """An ASGI application that answers for a witness, at its submission and monitoring prefix.

    Limit what comes from one address before it, as of any server.
    """

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(SLOWEST_REQUEST):
                body = await _read(request)
        except TimeoutError:
            return _refusal(408, "the request was too slow")
        if body is None:
            return _refusal(413, f"the request is larger than {LARGEST_REQUEST} bytes")
        try:
            signature = await run_in_threadpool(cosigner.add_checkpoint, body)
        except RefusedCheckpointError as error:
            if error.size is not None:
                # Not as media_type, to which Starlette adds a charset.
                return Response(f"{error.size}\n", 409, {"content-type": "text/x.tlog.size"})
            return _refusal(error.status, str(error))
        except StoreError as error:
            return _failure(error)
        return PlainTextResponse(str(signature))

    async def checkpoint(request: Request) -> Response:
        origin_hash = request.path_params["origin_hash"]
        try:
            return PlainTextResponse(await run_in_threadpool(cosigner.checkpoint, origin_hash))
        except LookupError as error:
            return _refusal(404, str(error))
        except StoreError as error:
            return _failure(error)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", checkpoint, methods=["GET"]),
        ]
    )


async def _read(request: Request) -> bytes | None:
    """The body; None as soon as it is too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_REQUEST:
            return None
    return bytes(body)


def _refusal(status: int, problem: str) -> Response:
    return PlainTextResponse(f"{problem}\n", status)


def _failure(error: StoreError) -> Response:
    _log.error("%s", error)
    return _refusal(503, "the witness cannot store anything now")
