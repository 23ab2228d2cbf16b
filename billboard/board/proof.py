"""Proofs that need no network: that a post is on the board, or that none is (SPEC 9.8, 9.5)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

from billboard.board.manifest import (
    Edition,
    Index,
    decode_leaf,
    edition_origin,
    edition_prefix,
)
from billboard.errors import InvalidEncodingError, InvalidSignatureError
from billboard.posts import Post
from billboard.tlog import merkle
from billboard.tlog.checkpoint import Checkpoint, Policy, Proof
from billboard.tlog.note import Note
from billboard.tlog.tiles import HASH, WIDTH, TileReader

Get = Callable[[str], bytes]
"""A function that gives what a board publishes, by name (SPEC 9.3).

``checkpoint`` is the checkpoint of the master log.
"""

_IDENTIFIER = 32


@final
@dataclass(frozen=True)
class Neighbor:
    """A post next to where an identifier would be, and the proof that it is there."""

    post: Post
    proof: Proof


def prove_post(get: Get, post: Post) -> Proof:
    """Return the proof that ``post`` is on the board whose files ``get`` gives.

    The files that are read reveal nothing about the place of the post but its bundle in the first
    edition of its epoch. Tiles are compared with checkpoints, whose signatures `verify_post`
    verifies. Raises `LookupError` if the post is in no edition, or has expired, and
    `InvalidEncodingError` if the files are not those of a board.
    """
    master, found = _Log.read(get), None
    for edition, manifest_proof in _editions(master, post.epoch):
        log = _Log.of(get, edition, master.checkpoint.origin)
        # A later edition is read whole, even if the post is found earlier (SPEC 9.5).
        places: Sequence[int] = range(log.bundles)
        if edition.number == 0:
            places = log.places(_index(get, edition), post.identifier)
        for place in places:
            entries = log.bundle(place)
            if bytes(post) in entries:
                position = WIDTH * place + entries.index(bytes(post))
                found = log.prove(position, bytes(manifest_proof))
    if found is None:
        raise LookupError(f"this post is in no published edition of epoch {post.epoch}")
    return found


def verify_post(proof: Proof, post: Post, policy: Policy) -> Edition:
    """Return the edition that has ``post``, if ``proof`` shows it to whoever trusts ``policy``.

    Raises `InvalidEncodingError`, `InvalidSignatureError`.
    """
    origin, manifest_proof = policy.log.name, manifest_proof_of(proof)
    manifest = manifest_proof.extra
    if manifest is None:
        raise InvalidEncodingError("proof", "has no manifest in the extra of its extra")
    manifest_proof.verify(manifest, policy)
    edition = decode_leaf(origin, manifest)
    if not isinstance(edition, Edition):
        raise InvalidEncodingError("proof", "its manifest is not that of an edition")
    own = edition_origin(origin, edition.epoch, edition.number)
    checkpoint = proof.verify(bytes(post), Policy(policy.log), own)
    if (checkpoint.size, checkpoint.root) != (edition.size, edition.root):
        raise InvalidSignatureError(f"{own}: the manifest is of another edition")
    if post.epoch != edition.epoch:
        raise InvalidSignatureError(f"{own}: the post is of epoch {post.epoch}")
    return edition


def manifest_proof_of(proof: Proof) -> Proof:
    """Return the proof of the manifest in the master log, which the proof of a post contains.

    Raises `InvalidEncodingError`.
    """
    if proof.extra is None:
        raise InvalidEncodingError("proof", "has no proof of a manifest in its extra")
    return Proof.from_bytes(proof.extra)


def prove_absence(
    get: Get, epoch: int, identifier: bytes, *, edition: int = 0
) -> tuple[Neighbor, ...]:
    """Return the proof that no post with ``identifier`` is in that edition.

    The proof is both neighbors of the place of the identifier, or one at an end. What is read
    depends on the identifier, but the proof shows that anyway. Raises `LookupError` if there is
    such a post, or no such edition, and `InvalidEncodingError` as `prove_post` does.
    """
    master = _Log.read(get)
    found = [each for each in _editions(master, epoch) if each[0].number == edition]
    if not found:
        raise LookupError(f"epoch {epoch} has no published edition {edition}")
    ((leaf, manifest_proof),) = found
    log = _Log.of(get, leaf, master.checkpoint.origin)
    place = log.places(_index(get, leaf), identifier)[-1]
    entries = log.bundle(place)
    at = bisect_left(entries, identifier, key=lambda entry: entry[:_IDENTIFIER])
    if at < len(entries) and entries[at][:_IDENTIFIER] == identifier:
        raise LookupError(f"a post with this identifier is in edition {edition} of epoch {epoch}")
    after = WIDTH * place + at
    return tuple(
        Neighbor(Post.from_bytes(log.entry(each)), log.prove(each, bytes(manifest_proof)))
        for each in (after - 1, after)
        if 0 <= each < leaf.size
    )


def verify_absence(neighbors: tuple[Neighbor, ...], identifier: bytes, policy: Policy) -> Edition:
    """Return the edition that has no post with ``identifier``, if ``neighbors`` show it.

    Other editions of the same epoch may have one. Raises `InvalidEncodingError`,
    `InvalidSignatureError`.
    """
    editions = {verify_post(each.proof, each.post, policy) for each in neighbors}
    if len(editions) != 1:
        raise InvalidSignatureError("the neighbors are not from one edition")
    (edition,) = editions
    before = [each for each in neighbors if each.post.identifier < identifier]
    after = [each for each in neighbors if each.post.identifier > identifier]
    if (len(before), len(after)) == (1, 1):
        adjacent = before[0].proof.index + 1 == after[0].proof.index
    elif len(neighbors) == 1 and (before or after):
        adjacent = neighbors[0].proof.index == (edition.size - 1 if before else 0)
    else:
        adjacent = False
    if not adjacent:
        raise InvalidSignatureError("these are not the neighbors of this identifier")
    return edition


class _Log:
    """A log that is read and compared with its checkpoint."""

    def __init__(self, note: Note, get: Get) -> None:
        self.note, self.checkpoint = note, Checkpoint.from_text(note.text)
        self._reader = TileReader(self.checkpoint.size, get)
        self._last: tuple[int, list[bytes]] = -1, []

    @classmethod
    def read(cls, get: Get, prefix: str = "") -> _Log:
        return cls(Note.from_bytes(get(f"{prefix}checkpoint")), lambda name: get(prefix + name))

    @classmethod
    def of(cls, get: Get, edition: Edition, origin: str) -> _Log:
        """Return the log of an edition of the board ``origin``."""
        log = cls.read(get, edition_prefix(edition.epoch, edition.number))
        own = edition_origin(origin, edition.epoch, edition.number)
        if log.checkpoint != Checkpoint(own, edition.size, edition.root):
            raise InvalidEncodingError("checkpoint", f"does not match the manifest of {own}")
        return log

    @property
    def bundles(self) -> int:
        return -(-self.checkpoint.size // WIDTH)

    def bundle(self, place: int) -> list[bytes]:
        if self._last[0] != place:
            self._last = place, self._reader.bundle(place, self.checkpoint.root)
        return self._last[1]

    def entry(self, index: int) -> bytes:
        return self.bundle(index // WIDTH)[index % WIDTH]

    def places(self, index: Index, identifier: bytes) -> list[int]:
        """Return the bundles to read to find ``identifier``: the last one has it, or none has."""
        places = []
        for place in index.bundles_of(identifier):
            places.append(place)
            if self.bundle(place)[0][:_IDENTIFIER] <= identifier:
                break
        return places

    def prove(self, index: int, extra: bytes) -> Proof:
        """Return the proof of entry ``index``. Reads one bundle, or none if it was read last."""
        place = index // WIDTH
        start, entries = WIDTH * place, self.bundle(place)
        own = merkle.leaf_hashes(entries)

        def node(level: int, position: int) -> bytes:
            # The hashes of the bundle are not read from tiles: that would tell which bundle it is.
            first = (position << level) - start
            end = first + (1 << level)
            if first >= 0 and end <= len(entries):
                return merkle.complete_hash(own[HASH * first : HASH * end])
            return self._reader.node(level, position)

        hashes = merkle.subtree_proof(index, index + 1, self.checkpoint.size, node)
        return Proof(index, tuple(hashes), self.note, extra)


def _editions(master: _Log, epoch: int) -> list[tuple[Edition, Proof]]:
    """Return each edition of ``epoch``, by number, with the proof of its manifest."""
    found = []
    for index in reversed(range(master.checkpoint.size)):
        entry = master.entry(index)
        leaf = decode_leaf(master.checkpoint.origin, entry)
        if isinstance(leaf, Edition) and leaf.epoch == epoch:
            found.append((leaf, master.prove(index, entry)))
            if leaf.number == 0:
                break
    return found[::-1]


def _index(get: Get, edition: Edition) -> Index:
    return Index.of(edition, get(edition_prefix(edition.epoch, edition.number) + "index"))
