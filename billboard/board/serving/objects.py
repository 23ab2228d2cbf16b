"""HTTP endpoint of what a board has published: immutable objects and a checkpoint (SPEC 9.9)."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from typing import final

from cachetools import LRUCache
from starlette.types import Receive, Scope, Send

from billboard.board.board import Board
from billboard.board.manifest import edition_prefix
from billboard.errors import StoreError
from billboard.times import MAX_UINT32
from billboard.tlog.tiles import ENTRIES, WIDTH, tile_path
from billboard.web.content import BYTES, FOR_EVER, FOR_SECONDS, NOTHING, TEXT, Content, respond

_log = logging.getLogger(__name__)

CHECKPOINT, INDEX = "checkpoint", "index"

_TILE = rf"tile/({ENTRIES}|[0-7])/((?:x\d{{3}}/){{0,6}}\d{{3}})(?:\.p/(\d{{1,3}}))?"
"""A log has less than 2^63 entries, and so tiles up to level 7."""

_OBJECT = re.compile(rf"(?:(\d{{1,10}})/(\d{{1,9}})/)?(?:{_TILE}|({INDEX}|{CHECKPOINT}))", re.ASCII)


def object_name(path: str) -> str | None:
    """Return the name of the object at ``path``; None if published objects have no such names.

    Each name has only one form: no leading zeros, nothing encoded. The checkpoint of the master log
    is not an object.
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
class Published:
    """The ASGI endpoint of everything that ``board`` has published; the path is ``name``.

    Up to ``capacity`` bytes of objects that were asked for last are kept in memory.
    """

    def __init__(self, board: Board, capacity: int) -> None:
        self._board = board
        self._objects: LRUCache[str, Content] = LRUCache(capacity, lambda each: len(each.data))
        self._epoch = board.epoch
        self._checkpoint = Content(b"", TEXT, FOR_SECONDS)
        self._reading: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or a HEAD."""
        path = scope["path_params"]["name"]
        try:
            if not scope["path"].endswith(path):  # the router dropped a line feed at the end
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
            with suppress(ValueError):  # it is larger than the whole cache
                self._objects[name] = found
        return found

    def _load(self, name: str) -> Content:
        kind = TEXT if name.endswith(CHECKPOINT) else BYTES
        return Content(self._board.object(name), kind, FOR_EVER)

    def _forget_expired(self) -> None:
        """Empty the cache when an epoch ends: the board then expires another epoch."""
        if (epoch := self._board.epoch) != self._epoch:
            self._epoch = epoch
            self._objects.clear()

    async def _newest(self) -> Content:
        """The checkpoint of the master log, as it is after the request came.

        All requests that come while the database is read wait together for the next reading, so
        that a flood of them is one reading at a time. Raises `LookupError` if there is none yet.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._read_checkpoint(self._reading))
        await asyncio.shield(self._next)  # for others wait for it too
        if not self._checkpoint.data:
            raise LookupError(CHECKPOINT)
        return self._checkpoint

    async def _read_checkpoint(self, before: asyncio.Task[None] | None) -> None:
        """Read it when the reading ``before`` has ended."""
        if before is not None:
            await asyncio.wait([before])
        self._reading, self._next = self._next, None
        note = await asyncio.to_thread(self._board.checkpoint)
        if note != self._checkpoint.data:
            self._checkpoint = Content(note, TEXT, FOR_SECONDS)
