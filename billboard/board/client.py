"""Clients of a board, which believe nothing that they have not verified (SPEC 9.5, 9.6).

The extra ``client`` installs what they need.
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
    against it. It caches what it read last: ``memory`` bytes in memory, and ``disk`` bytes in
    ``directory`` if there is one, which no other client may use. The directory also has what must
    not be forgotten: the last checkpoint, and which bundles are asked for together. Without a
    directory that ends with the process, and a board that answers wrong until it is asked again can
    tell which bundle is wanted (SPEC 9.5). A request takes ``timeout`` seconds at most. ``proxy``
    is the URL of a proxy; proxies that the environment names are ignored. ``clock`` gives seconds
    since 1970.

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
        """Return the checkpoint that the board has now, or the last taken if that is newer."""
        return self._connection.run(self._reader.checkpoint()).checkpoint

    def parameters(self) -> BoardParameters:
        """Return the parameters that define the board."""
        return self._connection.run(self._reader.parameters())

    def submit(self, post: Post) -> Receipt:
        """Submit a post over a connection of its own, and return the board's receipt.

        If the board asks for a proof of work, this first finds one. Raises `RefusedPostError` with
        the board's reason. After a `BoardError` the post may be accepted; submitting it again is
        then refused with the reason ``seq``.
        """
        return self._connection.run(submit.submit(self._reader, post))

    def editions(self, epoch: int, *, accept_stale: bool = False) -> tuple[Edition, ...]:
        """Return the editions of ``epoch``, by number; none if none is due yet.

        Raises `BoardError` if one has been due for so long that it must be there, unless
        ``accept_stale``.
        """
        return self._connection.run(self._reader.editions(epoch, accept_stale=accept_stale))

    def fetch(
        self, epoch: int, identifier: bytes, *, decoys: int = 0, accept_stale: bool = False
    ) -> Post | None:
        """Return the post under ``identifier``; None if it is shown that ``epoch`` has none.

        From the first edition this fetches one bundle and ``decoys`` others in a random order (more
        if fewer than these would be left over), so that the board does not know which one is
        wanted. The group stays the same: the first call decides how many it has. Later editions are
        fetched whole. Raises `EpochError` if ``epoch`` has no edition yet. For ``accept_stale`` see
        `editions`.
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
        """Return the newest post of the lane of ``reader``, which can open it; None if it has none.

        Without ``epoch``, the current epoch and the one before are searched. For the rest see
        `fetch`. Raises `EpochError` if the lane is not of this board, or does not cover the epoch.
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
        """Return the newest post of each lane in ``epoch`` or None, and its number of editions.

        Editions before number ``since`` are skipped: to go on later, give the number of editions
        that this returned. Late editions are read once for all lanes; from the first edition each
        lane gets its own bundle and ``decoys``. For the rest see `find`.
        """
        found = self._reader.find_all(
            readers, epoch, since=since, decoys=decoys, accept_stale=accept_stale
        )
        return self._connection.run(found)

    def descriptors(self) -> tuple[Descriptor, ...]:
        """Return the descriptors of push servers, the oldest first. Reads the whole master log."""
        return self._connection.run(self._reader.descriptors())

    def check_receipt(self, receipt: Receipt, post: Post, *, decoys: int = 0) -> Edition | None:
        """Return the edition with the post that ``receipt`` promises; None if it is not there yet.

        Raises `BoardError` with the reason ``lost`` and evidence if the deadline is over, and
        `InvalidEncodingError` if the receipt is not for ``post``.
        """
        checked = submit.check_receipt(self._reader, receipt, post, decoys=decoys)
        return self._connection.run(checked)


@final
class AsyncBoardClient:
    """A `BoardClient` for the event loop that first uses it: each method is a coroutine.

    The files of an edition are fetched with several requests at a time. The methods may be called
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
