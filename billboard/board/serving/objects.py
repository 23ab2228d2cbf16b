"""What a board has published, over HTTP: immutable objects, and one checkpoint (SPEC 9.9)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
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

CHECKPOINT_AGE = 1.0
"""Seconds for which a checkpoint is kept before the database is asked for it again."""

_TILE = rf"tile/({ENTRIES}|[0-7])/((?:x\d{{3}}/){{0,6}}\d{{3}})(?:\.p/(\d{{1,3}}))?"
"""A log has less than 2^63 entries, and so tiles up to level 7."""

_OBJECT = re.compile(rf"(?:(\d{{1,10}})/(\d{{1,9}})/)?(?:{_TILE}|({INDEX}|{CHECKPOINT}))", re.ASCII)


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
class Published:
    """The ASGI endpoint of everything that ``board`` has published; the path is ``name``.

    Up to ``capacity`` bytes of objects that were asked for last are kept in memory.
    """

    def __init__(self, board: Board, capacity: int) -> None:
        self._board = board
        self._objects: LRUCache[str, Content] = LRUCache(capacity, lambda each: len(each.data))
        self._epoch = board.epoch
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
            with suppress(ValueError):  # larger than all that may be kept
                self._objects[name] = found
        return found

    def _load(self, name: str) -> Content:
        kind = TEXT if name.endswith(CHECKPOINT) else BYTES
        return Content(self._board.object(name), kind, FOR_EVER)

    def _forget_expired(self) -> None:
        """Keep nothing for longer than the board does: when an epoch ends, one expires."""
        if (epoch := self._board.epoch) != self._epoch:
            self._epoch = epoch
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
