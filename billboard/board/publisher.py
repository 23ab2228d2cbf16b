"""Publisher of closed editions (SPEC 9.3). Each step may be the last before a crash.

A step that is repeated does the same again: the posts of an edition are fixed when it is closed,
the entry of the master log when it is proposed, and an object that already exists is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from billboard.board.manifest import (
    PREFIX,
    Descriptor,
    Edition,
    Index,
    decode_leaf,
    edition_origin,
    edition_prefix,
    encode_leaf,
)
from billboard.board.objects import Objects
from billboard.board.parameters import BUNDLE
from billboard.board.store import ClosedEdition, LogState, Store
from billboard.errors import InvalidEncodingError, StoreError
from billboard.tlog.checkpoint import Checkpoint
from billboard.tlog.note import Note, NoteSigner
from billboard.tlog.tiles import WIDTH, TileReader
from billboard.tlog.writer import LogWriter, check_log, read_entries


class Publisher:
    """Publishes what is closed in ``store`` as ``objects``, signed by ``signer``."""

    def __init__(self, store: Store, objects: Objects, signer: NoteSigner) -> None:
        self._store, self._objects, self._signer = store, objects, signer
        self._origin = store.parameters.origin

    def publish_closed(self) -> tuple[Edition, ...]:
        """Publish all editions that are closed, and return them."""
        check_may_sign(self._store)
        published = []
        for closed in self._store.closed():
            edition = self._write(closed)
            self._append(encode_leaf(self._origin, edition), (edition.epoch, edition.number))
            published.append(edition)
        return tuple(published)

    def publish_descriptor(self, descriptor: Descriptor) -> None:
        """Log a descriptor."""
        check_may_sign(self._store)
        self._append(encode_leaf(self._origin, descriptor), None)

    def _write(self, closed: ClosedEdition) -> Edition:
        """Write the log of an edition, its index and its checkpoint."""
        prefix = edition_prefix(closed.epoch, closed.number)
        root = LogWriter(self._objects, prefix).append(self._store.entries(closed))
        index = bytearray()
        stored = indexed(read_entries(self._objects, prefix, closed.size), index)
        # What is signed is read from stable storage: a bit may have flipped on the way there.
        check_log(self._objects, prefix, closed.size, root, stored)
        self._put(f"{prefix}index", bytes(index))
        edition = Edition(
            closed.epoch, closed.number, closed.size, root, Index(bytes(index)).hash, closed.time
        )
        origin = edition_origin(self._origin, closed.epoch, closed.number)
        note = self._sign(Checkpoint(origin, closed.size, root))
        self._put(f"{prefix}checkpoint", bytes(note))
        return edition

    def _put(self, name: str, data: bytes) -> None:
        """Put an object, and read it back."""
        self._objects.put([(name, data)])
        if self._objects.get(name) != data:
            raise StoreError(f"{name} was not stored as written: delete it, and publish again")

    def _append(self, leaf: bytes, edition: tuple[int, int] | None) -> None:
        """Append an entry to the master log; the entry of an edition only once."""
        first = encode_leaf(self._origin, self._store.parameters)
        while True:
            state = self._store.log_state()
            wanted, of = (leaf, edition) if state.size else (first, None)
            pending = self._store.propose(state.size, wanted, of)
            if pending is not None:
                self._advance(state, pending)
                if pending == leaf:
                    return  # the entry is in the log, whoever advanced it
            elif edition is not None and self._is_published(*edition):
                return

    def _is_published(self, epoch: int, number: int) -> bool:
        return self._store.closed(epoch)[number].leaf is not None

    def _advance(self, state: LogState, pending: bytes) -> None:
        """Append the pending entry to the log, unless another publisher does."""
        size = state.size + 1
        if state.size:
            self._put(checkpoint_name(state.size), state.note)
        if self._is_stale(state):
            raise StoreError(
                f"the log of {self._origin} has been signed with more than the {state.size} entries"
                " of this database: it is an old backup, and must not sign"
            )
        writer = LogWriter(self._objects, "", state.size)
        if writer.root() != state.root:
            raise StoreError(f"the log of {self._origin} is damaged: run `billboard board fsck`")
        root = writer.append([pending])
        self._read_back(size, root, pending)
        note = bytes(self._sign(Checkpoint(self._origin, size, root)))
        leaf = decode_leaf(self._origin, pending)
        edition = (leaf.epoch, leaf.number) if isinstance(leaf, Edition) else None
        if self._store.advance(state, pending, root, note, edition):
            self._put(checkpoint_name(size), note)

    def _is_stale(self, state: LogState) -> bool:
        try:
            self._objects.get(checkpoint_name(state.size + 1))
        except LookupError:
            return False
        # Another publisher may have advanced the log meanwhile: then the database knows.
        return self._store.log_state().size == state.size

    def _read_back(self, size: int, root: bytes, leaf: bytes) -> None:
        reader = TileReader(size, self._objects.get)
        try:
            stored = reader.bundle((size - 1) // WIDTH, root)[-1]
        except (InvalidEncodingError, LookupError):
            stored = b""
        if stored != leaf or reader.root() != root:
            raise StoreError(f"the log of {self._origin} was not stored as written: nothing signed")

    def _sign(self, checkpoint: Checkpoint) -> Note:
        text = str(checkpoint)
        return Note(text, (self._signer.sign(text),))


def check_may_sign(store: Store) -> None:
    """Raise `StoreError` if the board is a restored backup, which may be an old one."""
    if store.log_state().restored:
        raise StoreError(
            f"{store.parameters.origin} was restored from a backup, and signs nothing until"
            " `billboard board resume` gets the latest checkpoint that it published"
        )


def checkpoint_name(size: int) -> str:
    """Return the name of the checkpoint of the master log with ``size`` entries."""
    return f"checkpoints/{size}"


def indexed(entries: Iterable[bytes], index: bytearray) -> Iterator[bytes]:
    """Yield ``entries``, and append the beginning of the first of each bundle to ``index``."""
    for position, entry in enumerate(entries):
        if position % BUNDLE == 0:
            index += entry[:PREFIX]
        yield entry
