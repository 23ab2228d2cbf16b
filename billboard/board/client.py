"""Clients of a board, which believe nothing that they have not verified (SPEC 9.5, 9.6).

The extra ``client`` has what they need.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Self, final

from billboard.board.manifest import Descriptor, Edition
from billboard.board.parameters import BoardParameters
from billboard.board.reading import submit
from billboard.board.reading.cache import DISK, Cache
from billboard.board.reading.connection import AsyncConnection, Connection
from billboard.board.reading.reader import Reader
from billboard.board.receipt import Receipt
from billboard.lanes import LaneReader
from billboard.posts import Post
from billboard.tlog.checkpoint import Checkpoint, Policy
from billboard.web.client import TIMEOUT

MEMORY = 32 << 20
"""Bytes of files that are kept in memory."""


@final
class BoardClient:
    """A client of the board at ``url``, which signs as ``policy`` says.

    It takes a checkpoint only if it continues the last that it took, and verifies what it reads
    against it. What it has read last it keeps: ``memory`` bytes in memory, and ``disk`` bytes in
    ``directory`` if there is one, which is for this client alone. What it must not forget is there
    too: the last checkpoint, and which bundles are asked for together. Without a directory that is
    forgotten with the process, and a board that answers wrong until it is asked anew can tell which
    bundle is wanted (SPEC 9.5). A request takes ``timeout`` seconds at most. ``proxy`` is the URL
    of one; what the environment says of proxies is not heeded. ``clock`` gives seconds since 1970.

    Its methods may be called from several threads; one runs at a time. They raise `BoardError`.
    """

    def __init__(
        self,
        url: str,
        policy: Policy,
        *,
        directory: str | os.PathLike[str] | None = None,
        memory: int = MEMORY,
        disk: int = DISK,
        timeout: float = TIMEOUT,
        proxy: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = Connection(url, timeout=timeout, proxy=proxy)
        self._cache = Cache(directory, memory=memory, disk=disk)
        self._reader = Reader(policy, self._cache, clock)
        self.origin = policy.log.name
        """What names the board."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and let another client use the directory."""
        self._connection.close()
        self._cache.close()

    def checkpoint(self) -> Checkpoint:
        """The checkpoint of the master log: the last one, or the last taken if that is newer."""
        return self._connection.run(self._reader.checkpoint()).checkpoint

    def parameters(self) -> BoardParameters:
        """What makes the board the one it is."""
        return self._connection.run(self._reader.parameters())

    def submit(self, post: Post) -> Receipt:
        """Submit a post, over a connection of its own; what the board promises for it.

        If the board asks for a proof of work this takes as long as that does. Raises
        `RefusedPostError` with the board's reason; after a `BoardError` the post may be accepted,
        and submitting it again is then refused with the reason ``seq``.
        """
        return self._connection.run(submit.submit(self._reader, post))

    def editions(self, epoch: int, *, accept_stale: bool = False) -> tuple[Edition, ...]:
        """The editions of ``epoch``, by number; none if none is due yet.

        If one is due, and for so long that it must be there, `BoardError` is raised, unless
        ``accept_stale``.
        """
        return self._connection.run(self._reader.editions(epoch, accept_stale=accept_stale))

    def fetch(
        self, epoch: int, identifier: bytes, *, decoys: int = 0, accept_stale: bool = False
    ) -> Post | None:
        """The post under ``identifier``; None if it is shown that no edition of ``epoch`` has it.

        Of the first edition one bundle is fetched, and ``decoys`` others in a random order (more
        if less than these would then be left), so that the board does not know which it is for.
        They stay the same: what counts is how many were wanted the first time. Later editions are
        fetched whole. Raises
        `EpochError` if ``epoch`` has no edition yet; see `editions` for ``accept_stale``.
        """
        found = self._reader.fetch(epoch, identifier, decoys=decoys, accept_stale=accept_stale)
        return self._connection.run(found)

    def find(
        self,
        reader: LaneReader,
        epoch: int | None = None,
        *,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> Post | None:
        """The newest post of the lane of ``reader``, which can open it; None if there is none.

        Without ``epoch`` it is looked for in the current one and the one before. Otherwise as
        `fetch`. Raises `EpochError` if the lane is not one of this board, or does not reach.
        """
        found = self._reader.find(reader, epoch, decoys=decoys, accept_stale=accept_stale)
        return self._connection.run(found)

    def find_all(
        self,
        readers: Sequence[LaneReader],
        epoch: int,
        *,
        since: int = 0,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> tuple[list[Post | None], int]:
        """The newest post of each lane in ``epoch`` or None, and how many editions that has.

        Editions before number ``since`` are not looked at: to go on later, give the number of
        editions that there were. Late ones are read once for all lanes; of the first one, each lane
        has a bundle and ``decoys`` of its own. Otherwise as `find`.
        """
        found = self._reader.find_all(
            readers, epoch, since=since, decoys=decoys, accept_stale=accept_stale
        )
        return self._connection.run(found)

    def descriptors(self) -> tuple[Descriptor, ...]:
        """What push servers say of themselves, the oldest first. Reads the whole master log."""
        return self._connection.run(self._reader.descriptors())

    def check_receipt(self, receipt: Receipt, post: Post, *, decoys: int = 0) -> Edition | None:
        """The edition in which what ``receipt`` promises is; None if it is not there yet.

        Raises `BoardError` with the reason ``lost`` if its deadline is over, and evidence of it;
        `InvalidEncodingError` if the receipt is not one for ``post``.
        """
        checked = submit.check_receipt(self._reader, receipt, post, decoys=decoys)
        return self._connection.run(checked)


@final
class AsyncBoardClient:
    """As `BoardClient`, for the event loop that first uses it: each method is a coroutine.

    What an edition is made of is fetched with several requests at a time. The methods may be called
    from several tasks.
    """

    def __init__(
        self,
        url: str,
        policy: Policy,
        *,
        directory: str | os.PathLike[str] | None = None,
        memory: int = MEMORY,
        disk: int = DISK,
        timeout: float = TIMEOUT,
        proxy: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connection = AsyncConnection(url, timeout=timeout, proxy=proxy)
        self._cache = Cache(directory, memory=memory, disk=disk)
        self._reader = Reader(policy, self._cache, clock)
        self.origin = policy.log.name
        """What names the board."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """See `BoardClient.close`."""
        await self._connection.aclose()
        self._cache.close()

    async def checkpoint(self) -> Checkpoint:
        """See `BoardClient.checkpoint`."""
        return (await self._connection.run(self._reader.checkpoint())).checkpoint

    async def parameters(self) -> BoardParameters:
        """See `BoardClient.parameters`."""
        return await self._connection.run(self._reader.parameters())

    async def submit(self, post: Post) -> Receipt:
        """See `BoardClient.submit`."""
        return await self._connection.run(submit.submit(self._reader, post))

    async def editions(self, epoch: int, *, accept_stale: bool = False) -> tuple[Edition, ...]:
        """See `BoardClient.editions`."""
        return await self._connection.run(self._reader.editions(epoch, accept_stale=accept_stale))

    async def fetch(
        self, epoch: int, identifier: bytes, *, decoys: int = 0, accept_stale: bool = False
    ) -> Post | None:
        """See `BoardClient.fetch`."""
        found = self._reader.fetch(epoch, identifier, decoys=decoys, accept_stale=accept_stale)
        return await self._connection.run(found)

    async def find(
        self,
        reader: LaneReader,
        epoch: int | None = None,
        *,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> Post | None:
        """See `BoardClient.find`."""
        found = self._reader.find(reader, epoch, decoys=decoys, accept_stale=accept_stale)
        return await self._connection.run(found)

    async def find_all(
        self,
        readers: Sequence[LaneReader],
        epoch: int,
        *,
        since: int = 0,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> tuple[list[Post | None], int]:
        """See `BoardClient.find_all`."""
        found = self._reader.find_all(
            readers, epoch, since=since, decoys=decoys, accept_stale=accept_stale
        )
        return await self._connection.run(found)

    async def descriptors(self) -> tuple[Descriptor, ...]:
        """See `BoardClient.descriptors`."""
        return await self._connection.run(self._reader.descriptors())

    async def check_receipt(
        self, receipt: Receipt, post: Post, *, decoys: int = 0
    ) -> Edition | None:
        """See `BoardClient.check_receipt`."""
        checked = submit.check_receipt(self._reader, receipt, post, decoys=decoys)
        return await self._connection.run(checked)
