"""The reader of a board (SPEC 9.5): what it asks for, and what it believes.

Its methods are procedures (``procedure.py``), which a client runs over its connections.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from billboard import posts
from billboard.board.manifest import (
    PREFIX,
    Descriptor,
    Edition,
    Index,
    Leaf,
    decode_leaf,
    edition_prefix,
)
from billboard.board.parameters import BUNDLE, BoardParameters
from billboard.board.reading.cache import Cache
from billboard.board.reading.decoys import Decoys
from billboard.board.reading.procedure import Procedure, get
from billboard.board.reading.verified_log import (
    KEPT,
    File,
    Verified,
    VerifiedLog,
    fetch_all,
    read_all,
)
from billboard.errors import (
    BoardError,
    BoardFault,
    EpochError,
    InvalidEncodingError,
    InvalidSignatureError,
    StoreError,
)
from billboard.lanes import LaneReader
from billboard.posts import Post
from billboard.times import check_epoch, epoch_at
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.note import LARGEST, Note
from billboard.tlog.tiles import WIDTH

CHECKPOINT_AGE = 5.0
"""Seconds for which a checkpoint counts as the last one."""

LARGEST_EDITION = 2**24
"""Posts of an edition: a board that claims more is not believed."""

LARGEST_LOG = 2**20
"""Entries of a master log that is believed: an edition every five minutes for ten years."""

AT_ONCE = 8
"""Bundles that are fetched together when an edition is read whole."""

MOST_LOGS = 100
"""Editions whose tiles are kept in memory after they are read."""

CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Taken:
    """A checkpoint of the master log that is believed, as the board signed it."""

    checkpoint: Checkpoint
    note: bytes


class Reader:
    """Reads the board that signs as ``policy`` says, and remembers in ``cache`` what it took.

    ``clock`` gives seconds since 1970. All procedures raise `BoardError`.
    """

    def __init__(
        self, policy: Policy, cache: Cache, clock: Callable[[], float] = time.time
    ) -> None:
        self.policy, self.origin = policy, policy.log.name
        self._cache, self._clock = cache, clock
        self._verified: Verified = LRUCache(KEPT)
        self.taken = self._remembered()
        self._log = None if self.taken is None else self._master(self.taken.checkpoint)
        self._checked_at = float("-inf")
        self._parameters: BoardParameters | None = None
        self._editions: LRUCache[Edition, VerifiedLog] = LRUCache(MOST_LOGS)
        self._decoys = Decoys(cache)

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def checkpoint(self) -> Procedure[Taken]:
        """Take the checkpoint that the board has now, unless it is older than the last taken."""
        note = yield from get("checkpoint", LARGEST)
        offered = Taken(self._signed(note), note)
        while True:
            last = self.taken
            newer = yield from self._follows(last, offered)
            if self.taken is not last:
                continue  # another procedure took one meanwhile
            if newer:
                self._take(offered)
            self._checked_at = self._clock()
            return offered if newer or last is None else last

    def log(self) -> Procedure[VerifiedLog]:
        """Return the master log as of a checkpoint of at most `CHECKPOINT_AGE` seconds ago."""
        if not 0 <= self._clock() - self._checked_at <= CHECKPOINT_AGE:
            yield from self.checkpoint()
        if self._log is None or self.taken is None:
            raise BoardError(BoardFault.MISSING, f"{self.origin} has no checkpoint")
        if not self._log.size:
            raise self.misbehavior("its master log is empty")
        if self._log.size > LARGEST_LOG:
            raise self.misbehavior(f"a master log of {self._log.size} entries is not believed")
        return self._log

    def parameters(self) -> Procedure[BoardParameters]:
        """Return the parameters that define the board: the first entry of its master log."""
        if self._parameters is None:
            log = yield from self.log()
            entries = yield from log.bundle(0)
            first = self.leaf(entries[0])
            if not isinstance(first, BoardParameters):
                raise self.misbehavior("its master log does not begin with its parameters")
            self._parameters = first
        return self._parameters

    def editions(self, epoch: int, *, accept_stale: bool = False) -> Procedure[tuple[Edition, ...]]:
        """Return the editions of ``epoch``, by number; none if none is due yet.

        Raises `EpochError` if ``epoch`` is out of range.
        """
        check_epoch(epoch)
        parameters = yield from self.parameters()
        log = yield from self.log()
        note = self.taken_note
        found: list[tuple[int, Edition]] = []
        for index in reversed(range(log.bundles)):
            entries = yield from log.bundle(index)
            leaves = [*enumerate(map(self.leaf, entries), WIDTH * index)]
            editions = [(at, leaf) for at, leaf in reversed(leaves) if isinstance(leaf, Edition)]
            found += [(at, edition) for at, edition in editions if edition.epoch == epoch]
            # An edition of three epochs before was closed before any of this one (SPEC 9.2).
            if any(each.epoch + 3 <= epoch or _is_first(each, epoch) for _, each in editions):
                break
        found.reverse()
        for at, edition in found:
            if problem := parameters.check_time(epoch, edition.time, self._clock()):
                proven = yield from self.proven(log, note, at)
                what = f"{self.origin}: edition {edition.number} of epoch {epoch} {problem}"
                raise BoardError(BoardFault.MISBEHAVIOR, what, proven)
        those = tuple(edition for _, edition in found)
        if [edition.number for edition in those] != list(range(len(those))):
            raise self.misbehavior(f"the editions of epoch {epoch} are not numbered 0, 1, ..")
        if not accept_stale:
            self._check_fresh(parameters, epoch, those)
        return those

    def fetch(
        self, epoch: int, identifier: bytes, *, decoys: int = 0, accept_stale: bool = False
    ) -> Procedure[Post | None]:
        """Return the post under ``identifier``; None if all editions of ``epoch`` lack it.

        Raises `EpochError` if ``epoch`` has no edition yet.
        """
        editions = yield from self._some_editions(epoch, accept_stale)
        found = yield from self.candidates(editions, identifier, {identifier}, decoys)
        return found[0] if found else None

    def find(
        self,
        reader: LaneReader,
        epoch: int | None = None,
        *,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> Procedure[Post | None]:
        """Return the newest post of the lane of ``reader``; see `BoardClient.find`."""
        parameters = yield from self.parameters()
        now = epoch_at(self._clock(), parameters.epoch_length)
        found: list[Post | None] = []
        for each in [now, now - 1] if epoch is None else [epoch]:
            if epoch is not None or each >= max(reader.epoch, 0):
                newest, _ = yield from self.find_all(
                    [reader], each, decoys=decoys, accept_stale=accept_stale
                )
                found += newest
        return next(filter(None, found), None)

    def find_all(
        self,
        readers: Sequence[LaneReader],
        epoch: int,
        *,
        since: int = 0,
        decoys: int = 0,
        accept_stale: bool = False,
    ) -> Procedure[tuple[list[Post | None], int]]:
        """Return the newest post of each lane in ``epoch``; see `BoardClient.find_all`."""
        parameters = yield from self.parameters()
        its = parameters.origin, parameters.epoch_length, parameters.frame_class
        for reader in readers:
            if its != (reader.origin, reader.epoch_length, reader.frame_class):
                problem = f"the lane is for another board than {self.origin}, or other epochs"
                raise EpochError(problem)
        editions = yield from self.editions(epoch, accept_stale=accept_stale)
        wanted: list[tuple[bytes, ...]] = [(reader.identifier(epoch),) for reader in readers]
        firsts = dict.fromkeys(first for first, *_ in wanted)
        if any(edition.number for edition in editions[since:]):
            wanted = [reader.identifiers(epoch) for reader in readers]
        everywhere = set(itertools.chain.from_iterable(wanted))
        found: dict[bytes, Post] = {}
        for edition in editions[since:]:
            if edition.number == 0:
                for first in firsts:
                    entries = yield from self._near(edition, first, decoys)
                    self._take_posts(found, edition, {first}, entries)
            else:
                for entries in (yield from self._picked(edition, everywhere)):
                    self._take_posts(found, edition, everywhere, entries)
        newest = [next((found[i] for i in reversed(ids) if i in found), None) for ids in wanted]
        return newest, len(editions)

    def bundles(self, edition: Edition, start: int) -> Procedure[list[list[bytes]]]:
        """Return at most `AT_ONCE` bundles of an edition, from ``start`` on."""
        log = yield from self.edition_log(edition)
        files = []
        for index in range(start, min(start + AT_ONCE, log.bundles)):
            files.append((yield from log.bundle_file(index)))
        return (yield from read_all(self._cache, files))

    def index(self, edition: Edition) -> Procedure[Index]:
        """Return the index of an edition."""
        size = PREFIX * (edition.size // BUNDLE)
        name = edition_prefix(edition.epoch, edition.number) + "index"
        file = File(name, size, lambda data: Index.of(edition, data))
        (index,) = yield from read_all(self._cache, [file])
        return index

    def edition_log(self, edition: Edition) -> Procedure[VerifiedLog]:
        """Return the log of an edition."""
        if edition not in self._editions:
            parameters = yield from self.parameters()
            longest = posts.post_size(parameters.frame_class)
            prefix = edition_prefix(edition.epoch, edition.number)
            log = VerifiedLog(
                edition.size, edition.root, prefix, self._cache, self._verified, longest=longest
            )
            self._editions[edition] = log
            return log
        return self._editions[edition]

    def forget(self, edition: Edition) -> None:
        """Free the memory of the tiles of an edition; they can be read again."""
        self._editions.pop(edition, None)

    def descriptors(self) -> Procedure[tuple[Descriptor, ...]]:
        """Return the descriptors of push servers, in the order of the log."""
        log = yield from self.log()
        found: list[Descriptor] = []
        for index in range(log.bundles):
            entries = yield from log.bundle(index)
            leaves = map(self.leaf, entries)
            found += [leaf for leaf in leaves if isinstance(leaf, Descriptor)]
        return tuple(found)

    def leaf(self, entry: bytes) -> Leaf:
        """Decode an entry of the master log."""
        try:
            leaf = decode_leaf(self.origin, entry)
        except InvalidEncodingError as error:
            raise self.misbehavior(f"an entry of its master log: {error}") from None
        if isinstance(leaf, Edition) and leaf.size > LARGEST_EDITION:
            raise self.misbehavior(f"an edition of {leaf.size} posts is not believed")
        return leaf

    def misbehavior(self, problem: str) -> BoardError:
        """Return the error for a board that signed what breaks a rule."""
        evidence = [self.taken.note] if self.taken else []
        return BoardError(BoardFault.MISBEHAVIOR, f"{self.origin}: {problem}", evidence)

    def proven(self, log: VerifiedLog, note: bytes, index: int) -> Procedure[tuple[bytes, bytes]]:
        """Return an entry of the master log, and the proof that it is there (C2SP tlog-proof).

        ``note`` is the checkpoint of ``log``.
        """
        entries = yield from log.bundle(index // WIDTH)
        hashes = yield from log.inclusion_proof(index)
        return entries[index % WIDTH], bytes(Proof(index, tuple(hashes), Note.from_bytes(note)))

    @property
    def taken_note(self) -> bytes:
        """The checkpoint that was taken last, as the board signed it; empty before the first."""
        return self.taken.note if self.taken else b""

    def _signed(self, note: bytes) -> Checkpoint:
        try:
            return self.policy.verify(Note.from_bytes(note))
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise BoardError(
                BoardFault.SIGNATURE, f"/checkpoint cannot be trusted: {error}"
            ) from None

    def _follows(self, last: Taken | None, offered: Taken) -> Procedure[bool]:
        """Return whether ``offered`` has more entries than ``last``.

        Raises `BoardError` for a fork if neither continues the other.
        """
        if last is None or last.checkpoint == offered.checkpoint:
            return last is None
        logs = [self._master(taken.checkpoint) for taken in (last, offered)]
        small, large = sorted(logs, key=lambda log: log.size)
        sizes = f"one with {last.checkpoint.size} entries, one with {offered.checkpoint.size}"
        notes = [last.note, offered.note]
        try:
            at = large.root if small.size == large.size else (yield from large.root_at(small.size))
        except BoardError as error:
            if error.reason is BoardFault.UNREACHABLE:
                raise
            problem = f"{error}; so the board does not show that one log continues the other"
            raise BoardError(error.reason, f"{problem}: {sizes}", notes) from None
        if at != small.root:
            problem = f"{self.origin} signed two logs of which neither continues the other: {sizes}"
            raise BoardError(BoardFault.FORK, problem, notes)
        return offered.checkpoint.size > last.checkpoint.size

    def _master(self, checkpoint: Checkpoint) -> VerifiedLog:
        return VerifiedLog(checkpoint.size, checkpoint.root, "", self._cache, self._verified)

    def _take(self, taken: Taken) -> None:
        self._cache.save(CHECKPOINT, taken.note)
        old, self._log = self._log, self._master(taken.checkpoint)
        self.taken = taken
        for name in set(old.edge_names() if old else ()) - set(self._log.edge_names()):
            self._cache.delete(name)
        if self._parameters is not None:
            current = epoch_at(self._clock(), self._parameters.epoch_length)
            self._cache.expire(current - 1)
            self._decoys.expire(current - 1)

    def _remembered(self) -> Taken | None:
        """Load the checkpoint that was taken last; the policy may have had other witnesses then."""
        note = self._cache.load(CHECKPOINT)
        if note is None:
            return None
        try:
            return Taken(Policy(self.policy.log).verify(Note.from_bytes(note)), note)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            problem = f"the saved checkpoint is damaged, or of another board: {error}"
            raise StoreError(f"{problem}; use another directory") from None

    def _check_fresh(
        self, parameters: BoardParameters, epoch: int, editions: Sequence[Edition]
    ) -> None:
        """Raise `BoardError` if the last edition that must be there by now is missing."""
        since = self._clock() - parameters.late_interval - parameters.skew
        due = parameters.due(epoch, since)
        if since >= epoch * parameters.epoch_length and (not editions or editions[-1].time < due):
            last = f"the last is of {editions[-1].time}" if editions else "there is none"
            problem = f"{self.origin}: an edition of epoch {epoch} was due at {due}, but {last}"
            raise BoardError(BoardFault.STALE, problem, [self.taken.note] if self.taken else [])

    def _some_editions(self, epoch: int, accept_stale: bool) -> Procedure[tuple[Edition, ...]]:
        editions = yield from self.editions(epoch, accept_stale=accept_stale)
        if not editions:
            raise EpochError(f"{self.origin} has published no edition of epoch {epoch} yet")
        return editions

    def candidates(
        self, editions: Iterable[Edition], identifier: bytes, wanted: set[bytes], decoys: int
    ) -> Procedure[list[Post]]:
        """Return the posts of ``wanted`` identifiers, in a first edition near ``identifier``."""
        found: dict[bytes, Post] = {}
        for edition in editions:
            if edition.number == 0:
                pieces = [(yield from self._near(edition, identifier, decoys))]
            else:
                pieces = yield from self._picked(edition, wanted)
            self._take_posts(found, edition, wanted, itertools.chain.from_iterable(pieces))
        return list(found.values())

    def _take_posts(
        self,
        found: dict[bytes, Post],
        edition: Edition,
        wanted: Container[bytes],
        entries: Iterable[bytes],
    ) -> None:
        for entry in entries:
            if entry[:32] in wanted:
                post = self.post(edition, entry)
                if post.identifier in found:
                    raise self.misbehavior(f"epoch {edition.epoch} has a post twice")
                found[post.identifier] = post

    def _picked(self, edition: Edition, wanted: Container[bytes]) -> Procedure[list[list[bytes]]]:
        """Read an edition whole, and return the posts of ``wanted`` identifiers."""
        picked: list[list[bytes]] = []
        for start in range(0, edition.size // BUNDLE, AT_ONCE):
            for entries in (yield from self.bundles(edition, start)):
                picked.append([entry for entry in entries if entry[:32] in wanted])
        return picked

    def _near(self, edition: Edition, identifier: bytes, decoys: int) -> Procedure[list[bytes]]:
        """Return the bundle of a first edition that has ``identifier``, or none has (SPEC 9.5)."""
        index = yield from self.index(edition)
        for position in index.bundles_of(identifier):
            entries = yield from self._hidden(edition, position, decoys)
            start = PREFIX * position
            if entries[0][:PREFIX] != index.data[start : start + PREFIX]:
                problem = f"the index of epoch {edition.epoch} does not match its posts"
                raise self.misbehavior(problem)
            if entries != sorted(entries):
                raise self.misbehavior(f"the posts of epoch {edition.epoch} are not sorted")
            if entries[0][:32] <= identifier:
                break
        return entries

    def _hidden(self, edition: Edition, position: int, decoys: int) -> Procedure[list[bytes]]:
        """Return a bundle. If it is not in the cache, it is fetched together with its whole group.

        Bundles in the cache are fetched again, too: otherwise the board could tell them apart.
        """
        log = yield from self.edition_log(edition)
        group = self._decoys.group(edition.epoch, log.bundles, position, decoys)
        files = {}
        for each in group:
            files[each] = yield from log.bundle_file(each)
        if cached := files[position].cached(self._cache):
            return cached[0]
        bundles = yield from fetch_all(self._cache, list(files.values()))
        return bundles[group.index(position)]

    def post(self, edition: Edition, entry: bytes) -> Post:
        """Decode an entry of an edition, and verify the signature of the post."""
        try:
            post = Post.from_bytes(entry)
            post.verify(self.origin)
        except (InvalidEncodingError, InvalidSignatureError) as error:
            raise self.misbehavior(f"a post of epoch {edition.epoch}: {error}") from None
        if self._parameters is not None and post.frame_class is not self._parameters.frame_class:
            raise self.misbehavior(f"epoch {edition.epoch} has a post of another class")
        if post.epoch != edition.epoch:
            raise self.misbehavior(f"epoch {edition.epoch} has a post of epoch {post.epoch}")
        return post


def _is_first(edition: Edition, epoch: int) -> bool:
    return (edition.epoch, edition.number) == (epoch, 0)
