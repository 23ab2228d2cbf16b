"""Bodies of requests, limited in size and in time, whatever ASGI server is used."""

from __future__ import annotations

import asyncio
import re

from starlette.types import Receive

OCTETS = b"application/octet-stream"

CLOSE = (b"connection", b"close")
"""The header for the answer to a `BodyError`: without it the server must read what is left."""

_LENGTH = re.compile(rb"[0-9]{1,18}")


class BodyError(Exception):
    """A body that was not read to its end; ``status`` is the status to answer with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def read_body(
    headers: dict[bytes, bytes], receive: Receive, *, largest: int, seconds: float
) -> bytes:
    """Read the body of a request, of ``application/octet-stream`` and at most ``largest`` bytes.

    The body must be complete within ``seconds``. Raises `BodyError`, if possible before the body
    is read.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != OCTETS:
        raise BodyError(415)
    length = headers.get(b"content-length", b"0")
    if not _LENGTH.fullmatch(length):  # not every ASGI server checks it
        raise BodyError(400)
    if int(length) > largest:
        raise BodyError(413)
    body, more = b"", True
    try:
        async with asyncio.timeout(seconds):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BodyError(400)
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > largest:
                    raise BodyError(413)
    except TimeoutError:
        raise BodyError(408) from None
    return body
