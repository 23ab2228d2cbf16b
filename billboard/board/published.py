"""What a board has published, over HTTP: immutable objects, and one checkpoint (SPEC 9.9)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections import OrderedDict
from typing import final

from starlette.types import Receive, Scope, Send

from billboard.board.board import Board
from billboard.board.manifest import edition_prefix
from billboard.board.tiles import ENTRIES, WIDTH, tile_path
from billboard.errors import StoreError
from billboard.posts import MAX_UINT32

FOR_EVER = b"public, max-age=31536000, immutable"
FOR_SECONDS = b"public, max-age=5"
NEVER = b"no-store"

BYTES, TEXT = b"application/octet-stream", b"text/plain; charset=utf-8"

_log = logging.getLogger(__name__)

CHECKPOINT, INDEX = "checkpoint", "index"

CHECKPOINT_AGE = 1.0
"""Seconds for which a checkpoint is kept before the database is asked for it again."""

_TILE = rf"tile/({ENTRIES}|[0-7])/((?:x\d{{3}}/){{0,6}}\d{{3}})(?:\.p/(\d{{1,3}}))?"
"""A log has less than 2^63 entries, and so tiles up to level 7."""

_OBJECT = re.compile(rf"(?:(\d{{1,10}})/(\d{{1,9}})/)?(?:{_TILE}|({INDEX}|{CHECKPOINT}))", re.ASCII)

Header = tuple[bytes, bytes]

NOTHING: list[Header] = [(b"cache-control", NEVER), (b"content-length", b"0")]
"""Headers of an answer that is not to be kept, and has no body."""


def object_name(path: str) -> str | None:
    """The object that ``path`` asks for, if it is one of the forms that published objects have.

    Only the one way to write it is: no leading zeros, nothing that is encoded. The checkpoint of
    the master log is no object.
    """
    match = _OBJECT.fullmatch(path)
    if match is None:
        return None
    epoch, number, level, index, width, file = match.groups()
    name = ""
    if epoch is not None:
        if int(epoch) > MAX_UINT32:
            return None
        name = edition_prefix(int(epoch), int(number))
    elif file is not None:
        return None
    if file is None:
        partial = WIDTH if width is None else int(width)
        if width is not None and not 1 <= partial < WIDTH:
            return None
        name += tile_path(level, int(index.replace("x", "").replace("/", "")), partial)
    else:
        name += file
    return name if name == path else None


@final
class Content:
    """Bytes that are served, with the headers that go with them: an ASGI application."""

    def __init__(self, data: bytes, kind: bytes, caching: bytes) -> None:
        self.data = data
        self.etag = b'"%s"' % hashlib.sha256(data).hexdigest()[:32].encode()
        self._validators = [(b"etag", self.etag), (b"cache-control", caching)]
        size = str(len(data)).encode()
        self._headers = [(b"content-type", kind), (b"content-length", size), *self._validators]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer a GET or HEAD: 304 if the client has them already (RFC 9110, 13.1.2)."""
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


@final
class Published:
    """The ASGI endpoint of everything that ``board`` has published; the path is ``name``.

    Up to ``capacity`` bytes of objects that were asked for last are kept in memory.
    """

    def __init__(self, board: Board, capacity: int) -> None:
        self._board, self._capacity = board, capacity
        self._objects: OrderedDict[str, Content] = OrderedDict()
        self._size, self._epoch = 0, board.epoch
        self._checkpoint: Content | None = None
        self._checkpoint_time = -CHECKPOINT_AGE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or a HEAD."""
        path = scope["path_params"]["name"]
        try:
            if not scope["path"].endswith(path):  # a router drops the line feed at the end
                raise LookupError(path)
            found = await (self._newest() if path == CHECKPOINT else self._object(path))
        except LookupError:
            await respond(send, 404, NOTHING)
        except StoreError as error:
            _log.error("an object could not be read: %s", error)
            await respond(send, 503, [*NOTHING, (b"retry-after", b"1")])
        else:
            await found(scope, receive, send)

    async def _object(self, path: str) -> Content:
        self._forget_expired()
        found = self._objects.get(path)
        if found is None:
            name = object_name(path)
            if name is None:
                raise LookupError(path)
            found = await asyncio.to_thread(self._load, name)
            self._keep(name, found)
        else:
            self._objects.move_to_end(path)
        return found

    def _load(self, name: str) -> Content:
        kind = TEXT if name.endswith(CHECKPOINT) else BYTES
        return Content(self._board.object(name), kind, FOR_EVER)

    def _keep(self, name: str, content: Content) -> None:
        if name in self._objects or len(content.data) > self._capacity:
            return
        self._objects[name] = content
        self._size += len(content.data)
        while self._size > self._capacity:
            _, dropped = self._objects.popitem(last=False)
            self._size -= len(dropped.data)

    def _forget_expired(self) -> None:
        """Keep nothing for longer than the board does: when an epoch ends, one expires."""
        if (epoch := self._board.epoch) != self._epoch:
            self._epoch, self._size = epoch, 0
            self._objects.clear()

    async def _newest(self) -> Content:
        """The checkpoint of the master log. Raises `LookupError` if there is none yet."""
        now = time.monotonic()
        if self._checkpoint is None or now - self._checkpoint_time >= CHECKPOINT_AGE:
            note = await asyncio.to_thread(self._board.checkpoint)
            if not note:
                raise LookupError(CHECKPOINT)
            self._checkpoint, self._checkpoint_time = Content(note, TEXT, FOR_SECONDS), now
        return self._checkpoint


async def respond(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
