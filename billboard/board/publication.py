"""What a board has published, read from its own rows and objects (SPEC 9.3, 9.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

from billboard.board.manifest import Edition, Index, decode_leaf, edition_prefix
from billboard.board.objects import Objects
from billboard.board.parameters import BUNDLE
from billboard.board.store import Store
from billboard.errors import InvalidEncodingError, StoreError
from billboard.posts import Post
from billboard.tlog.tiles import TileReader


@final
class Publication:
    """What the board of ``store`` has published as ``objects``. It needs no key and signs nothing.

    It verifies no signatures: it is for those who have the files of the board and trust them.
    """

    def __init__(self, store: Store, objects: Objects) -> None:
        self.parameters = store.parameters
        """The parameters that define the board."""
        self._store, self._objects = store, objects

    def checkpoint(self) -> bytes:
        """Return the checkpoint that readers get, a note; empty before the first."""
        return self._store.log_state().served

    def object(self, name: str) -> bytes:
        """Return what is published under ``name``. Raises `LookupError` if nothing is."""
        return self._objects.get(name)

    def file(self, name: str) -> bytes:
        """Return an `object`, or the checkpoint for the name ``checkpoint``, as `prove_post` needs.

        Raises `LookupError` if nothing is there.
        """
        if name != "checkpoint":
            return self.object(name)
        found = self.checkpoint()
        if not found:
            raise LookupError(f"{self.parameters.origin} has published nothing")
        return found

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """Return the editions of ``epoch``, by number; none if none is published or it expired."""
        leaves = [
            decode_leaf(self.parameters.origin, edition.leaf)
            for edition in self._store.closed(epoch)
            if edition.leaf is not None
        ]
        return tuple(leaf for leaf in leaves if isinstance(leaf, Edition))

    def bundle(self, epoch: int, identifier: bytes, *, edition: int = 0) -> tuple[Post, ...]:
        """Return the 256 posts among which ``identifier`` is, if it is in that edition.

        Raises `LookupError` if there is no such edition, `StoreError` if it is damaged.
        """
        found = self._edition(epoch, edition)
        index = Index(self._objects.get(edition_prefix(epoch, edition) + "index"))
        reader = self._reader(found)
        for position in index.bundles_of(identifier):
            bundle = _bundle(reader, found, position)
            if bundle[0].identifier <= identifier:
                break
        return bundle

    def posts(self, epoch: int, *, edition: int) -> Iterator[Post]:
        """Yield all posts of an edition, by identifier. Raises what `bundle` raises."""
        found = self._edition(epoch, edition)
        reader = self._reader(found)
        for index in range(found.size // BUNDLE):
            yield from _bundle(reader, found, index)

    def _edition(self, epoch: int, number: int) -> Edition:
        editions = self.editions(epoch)
        if not 0 <= number < len(editions):
            raise LookupError(
                f"epoch {epoch} has {len(editions)} editions, and none with number {number}"
            )
        return editions[number]

    def _reader(self, edition: Edition) -> TileReader:
        prefix = edition_prefix(edition.epoch, edition.number)
        return TileReader(edition.size, lambda name: self._objects.get(prefix + name))


def _bundle(reader: TileReader, edition: Edition, index: int) -> tuple[Post, ...]:
    try:
        return tuple(map(Post.from_bytes, reader.bundle(index, edition.root)))
    except InvalidEncodingError as error:
        where = edition_prefix(edition.epoch, edition.number)
        raise StoreError(f"{where}: {error}: run `billboard board fsck`") from None
