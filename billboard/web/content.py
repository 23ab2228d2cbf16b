"""Answers with the same bytes for everybody, which may be cached (RFC 9110, 9111)."""

from __future__ import annotations

import hashlib
from typing import final

from starlette.types import Receive, Scope, Send

FOR_EVER = b"public, max-age=31536000, immutable"
FOR_SECONDS = b"public, max-age=5"
NEVER = b"no-store"

BYTES, TEXT = b"application/octet-stream", b"text/plain; charset=utf-8"

Header = tuple[bytes, bytes]

NOTHING: list[Header] = [(b"cache-control", NEVER), (b"content-length", b"0")]
"""Headers of an answer that has no body and must not be cached."""


@final
class Content:
    """An ASGI application that serves fixed bytes with the headers that belong to them."""

    def __init__(self, data: bytes, kind: bytes, caching: bytes) -> None:
        self.data = data
        self.etag = b'"%s"' % hashlib.sha256(data).hexdigest()[:32].encode()
        self._validators = [(b"etag", self.etag), (b"cache-control", caching)]
        size = str(len(data)).encode()
        self._headers = [(b"content-type", kind), (b"content-length", size), *self._validators]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer a GET or HEAD, with 304 if the client has the bytes already (RFC 9110, 13.1.2)."""
        known = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
        if known is not None and self._is_among(known):
            await respond(send, 304, self._validators)
        elif scope["method"] == "HEAD":
            await respond(send, 200, self._headers)
        else:
            await respond(send, 200, self._headers, self.data)

    def _is_among(self, known: bytes) -> bool:
        listed = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
        return self.etag in listed or listed == [b"*"]


async def respond(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
