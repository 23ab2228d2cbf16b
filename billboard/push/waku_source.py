"""The source of requests that come to a push server over Waku (SPEC 10.8).

A node keeps messages, and answers with pages of those since a given time. The source asks again and
again. It does not let the node push messages to it, which could be lost on the way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final
from urllib.parse import urlencode

from cachetools import LRUCache
from curl_cffi import AsyncSession, Response

from billboard.errors import (
    BusyError,
    NotAdmittedError,
    RefusedRequestError,
    RequestRefusal,
    StoreError,
    WakuError,
    WakuFault,
)
from billboard.push.requests.request import request_size
from billboard.push.requests.waku import (
    Message,
    Page,
    check_node_url,
    content_topic,
    decode_page,
    refused,
    unreachable,
)
from billboard.push.service import PushServer
from billboard.storage.files import replace_file
from billboard.web.admission import Admission
from billboard.web.client import TIMEOUT, NoAnswerError, ask_async, async_session

if TYPE_CHECKING:
    from billboard.push.metrics import Metrics

_log = logging.getLogger(__name__)

INTERVAL = 2.0
"""Seconds between two looks at what is new."""

OVERLAP = 60.0
"""Each look begins this many seconds before the time of the newest known message.

Nodes keep messages within 20 s of their clocks, so a new message may be 40 s older than that one.
"""

SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps: looks that go back further."""

SWEEP_OVERLAP = 2 * 3600.0
"""A sweep begins this many seconds before the last sweep that can be relied on.

One hour is for the clocks of this machine and the node, one for what nodes exchange late.
"""

OLDEST = 26 * 3600.0
"""Seconds after which no request can be taken any more: its key is gone (SPEC 10.3)."""

PAGE = 50
"""The most messages in one answer. The node's own limit is 100."""

LARGEST_PAGE = 16 * 1024 * 1024
"""The longest answer, in bytes. A page of messages of the largest size, 150 KiB, has 10 MiB."""

MOST_REMEMBERED = 131_072
"""How many of the last messages are remembered, and not looked at again."""

LONGEST_PAUSE = 60.0
"""The longest time between two tries after failures, in seconds."""

RETRY = 1.0
"""Seconds after which a request is handed over again if there was no room for it."""

_PATH = "/store/v3/messages"


@final
class WakuSource:
    """Hands to ``server`` the requests that the Waku node at ``url`` keeps for it.

    The file ``path`` has the time up to which everything is taken. ``admission`` is asked about
    each request, and a request that it does not let in waits. ``interval`` is the time between two
    looks, ``timeout`` the most for one request to the node, both in seconds. Raises `WakuError` if
    the URL cannot be used.
    """

    def __init__(
        self,
        server: PushServer,
        url: str,
        path: Path,
        *,
        admission: Sequence[Admission] = (),
        metrics: Metrics | None = None,
        interval: float = INTERVAL,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._server, self._url, self._path = server, check_node_url(url), path
        self._admission, self._metrics = admission, metrics
        self._interval, self._timeout, self._sleep = interval, timeout, sleep
        self._topic = content_topic(server.keys.server)
        self._size = request_size(server.keys.frame_class)
        self._done: LRUCache[str, None] = LRUCache(MOST_REMEMBERED)
        self._newest = 0.0
        self._swept = _time_in(path)
        self._last_sweep: float | None = None

    async def run(self) -> None:
        """Take what comes until this is cancelled. No fault of the node ends it."""
        failures = 0
        async with async_session(timeout=self._timeout) as session:
            while True:
                try:
                    await self._look(session)
                except WakuError as error:
                    self._failed(failures, error.reason, str(error))
                    failures += 1
                except OSError as error:  # of the file
                    self._failed(failures, "storage", f"{self._path}: {error.strerror}")
                    failures += 1
                else:
                    failures = 0
                    if self._metrics is not None:
                        self._metrics.waku_read(self._server.now)
                await self._sleep(min(LONGEST_PAUSE, self._interval * 2.0 ** min(failures, 16)))

    async def _look(self, session: AsyncSession[Response]) -> None:
        """Take what is new. From time to time, sweep: look for what came late, too."""
        now = self._server.now
        if self._last_sweep is not None and 0 <= now - self._last_sweep < SWEEP_INTERVAL:
            await self._read(session, min(self._newest, now) - OVERLAP)
            return
        oldest = now - OLDEST
        swept = oldest if self._swept is None else min(self._swept, now) - SWEEP_OVERLAP
        start = max(swept, oldest)
        self._newest = max(self._newest, start)
        await self._read(session, start)
        # Only the sweep before this one can be relied on: a node that was down gets from others
        # what it missed only after it has begun to answer.
        if self._last_sweep is not None:
            _write_time(self._path, self._last_sweep)
            self._swept = self._last_sweep
        self._last_sweep = now

    async def _read(self, session: AsyncSession[Response], start: float) -> None:
        """Take all that the node has since ``start``."""
        cursor, count = None, PAGE
        while True:
            try:
                page = await self._ask(session, start, cursor, count)
            except _TooLongError:
                if count == 1:
                    raise
                count //= 2
                continue
            await self._take_all(page.messages)
            self._newest = max([self._newest, *(each.time / 1e9 for each in page.messages)])
            if page.cursor is None:
                return
            if page.cursor == cursor or not page.messages:
                problem = "the cursor of the Waku node leads to no other page"
                raise WakuError(WakuFault.ANSWER, problem)
            cursor, count = page.cursor, PAGE

    async def _ask(
        self, session: AsyncSession[Response], start: float, cursor: str | None, count: int
    ) -> Page:
        query = {
            "includeData": "true",
            "contentTopics": self._topic,
            "startTime": str(max(0, int(start * 10**9))),
            "pageSize": str(count),
            "ascending": "true",
        }
        if cursor is not None:
            query["cursor"] = cursor
        url = f"{self._url}{_PATH}?{urlencode(query)}"
        try:
            answer = await ask_async(session, "GET", url, limit=LARGEST_PAGE)
        except NoAnswerError as error:
            if error.is_too_long:
                raise _TooLongError from None
            raise unreachable(error) from None
        if answer.status != 200:
            raise refused(answer.status)
        return await asyncio.to_thread(decode_page, answer.body, self._topic, self._size)

    async def _take_all(self, messages: Sequence[Message]) -> None:
        """Have each kept, or refused for good. Wait as long as there is no room for it."""
        left = [each for each in messages if each.hash not in self._done]
        while left:
            done = await asyncio.gather(*map(self._take, left))
            for each in (each for each, is_done in zip(left, done, strict=True) if is_done):
                self._remember(each.hash)
            left = [each for each, is_done in zip(left, done, strict=True) if not is_done]
            if left:
                await self._sleep(RETRY)

    async def _take(self, message: Message) -> bool:
        """Have one kept or refused, as over HTTP. Return False if there is no room for it now."""
        server, sealed = self._server, message.sealed
        outcome, done = "accepted", True
        try:
            if sealed is None:
                raise RefusedRequestError(RequestRefusal.ENCODING, "no message of SPEC 10.8")
            server.check(sealed, self._size)  # before the admission, so that junk uses up no rate
            if server.has_taken(sealed):
                outcome = "repeated"
            else:
                for each in self._admission:
                    each.admit(sealed, b"")
                await server.take(sealed)
        except RefusedRequestError as error:
            outcome = error.reason
        except NotAdmittedError:
            outcome, done = "admission", False
        except (BusyError, StoreError) as error:
            outcome, done = "busy" if isinstance(error, BusyError) else "storage", False
        if self._metrics is not None:
            self._metrics.waku_message(outcome)
        return done

    def _remember(self, message_hash: str | None) -> None:
        if message_hash is not None:
            self._done[message_hash] = None

    def _failed(self, before: int, reason: str, explanation: str) -> None:
        if self._metrics is not None:
            self._metrics.waku_failure(reason)
        if not before:
            _log.warning("requests over Waku wait: %s", explanation)


class _TooLongError(WakuError):
    """An answer is longer than it may be."""

    def __init__(self) -> None:
        super().__init__(WakuFault.ANSWER, f"the Waku node answers more than {LARGEST_PAGE} bytes")


def decode_time(data: bytes) -> float | None:
    """Return the time in a file, or None if it has none: then all that nodes keep is read."""
    try:
        return float(int(data[:20]))
    except ValueError:
        return None


def _time_in(path: Path) -> float | None:
    try:
        return decode_time(path.read_bytes())
    except OSError:
        return None


def _write_time(path: Path, time: float) -> None:
    replace_file(path, b"%d\n" % int(time))
