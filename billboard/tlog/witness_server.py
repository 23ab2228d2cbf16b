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
"""Bytes of the largest request: a note and the longest proof."""

SLOWEST_REQUEST = 10.0
"""Seconds for the body of a request."""

_log = logging.getLogger(__name__)


def create_witness_app(cosigner: Cosigner) -> Starlette:
    """Return the ASGI application of a witness, for its submission and its monitoring prefix.

    Put a limit on the requests of each address in front of it, as for any server.
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
                # The type is a header here because Starlette adds a charset to a media_type.
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
    """Return the body; None as soon as it is too large."""
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
    return _refusal(503, "the witness cannot store anything now: retry later")
