"""The rules of the board (SPEC 9)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, final

from billboard import posts
from billboard.board.manifest import Descriptor, Edition
from billboard.board.objects import Objects
from billboard.board.publication import Publication
from billboard.board.publisher import Publisher, check_may_sign
from billboard.board.receipt import Receipt
from billboard.board.store import Entry, Store
from billboard.errors import (
    EpochError,
    ForkError,
    InvalidEncodingError,
    InvalidSignatureError,
    PostRefusal,
    RefusedPostError,
    WitnessError,
)
from billboard.frames import FrameClass
from billboard.posts import Post
from billboard.times import check_epoch, epoch_at
from billboard.tlog import merkle
from billboard.tlog.checkpoint import Policy
from billboard.tlog.note import Note, NoteKey, NoteSigner, Signature
from billboard.tlog.tiles import TileReader

_log = logging.getLogger(__name__)


class Witness(Protocol):
    """A witness, which makes sure that a board shows everyone the same log."""

    def cosign(self, note: Note, reader: TileReader) -> Signature:
        """Return a cosignature of the checkpoint ``note`` of the log that ``reader`` reads.

        Raises `WitnessError`; `ForkError` if it shows a checkpoint that this log does not continue.
        """


@final
@dataclass(frozen=True)
class EncodedPost:
    """The bytes of a well-formed ``post``, whose signature is not verified yet.

    Raises `InvalidEncodingError` for other bytes.
    """

    encoded: bytes = field(repr=False)
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "post", Post.from_bytes(self.encoded))


@final
class Board:
    """The board whose rows ``store`` keeps and that publishes ``objects``, signed by ``signer``.

    The board asks ``witnesses`` to cosign what it publishes before readers get it, and goes on
    without those that do not answer. ``quota`` is how many posts may wait for an edition of an
    epoch; None for any number. ``clock`` gives seconds since 1970.

    Raises `InvalidEncodingError` if ``signer`` does not have the board's name, and `ValueError` if
    ``quota`` is below 0.
    """

    def __init__(
        self,
        store: Store,
        objects: Objects,
        signer: NoteSigner,
        *,
        witnesses: Sequence[Witness] = (),
        quota: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.parameters = store.parameters
        """The parameters that define the board."""
        if signer.key.name != self.parameters.origin:
            raise InvalidEncodingError("note key", f"does not belong to {self.parameters.origin}")
        if quota is not None and quota < 0:
            raise ValueError(f"a quota cannot be negative ({quota}): leave it out for no limit")
        self._store, self._objects, self._signer = store, objects, signer
        self._publisher = Publisher(store, objects, signer)
        self._publication = Publication(store, objects)
        self._witnesses, self._quota, self._clock = witnesses, quota, clock
        self._confirmed = not witnesses

    @property
    def origin(self) -> str:
        """The name of the board."""
        return self.parameters.origin

    @property
    def epoch_length(self) -> int:
        """Seconds of an epoch."""
        return self.parameters.epoch_length

    @property
    def frame_class(self) -> FrameClass:
        """The class of all its posts."""
        return self.parameters.frame_class

    @property
    def key(self) -> NoteKey:
        """The public key that verifies its signatures."""
        return self._signer.key

    @property
    def epoch(self) -> int:
        """The current epoch."""
        return epoch_at(self._clock(), self.parameters.epoch_length)

    def close(self) -> None:
        """Close the store. A board can also be used as a context manager."""
        self._store.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def check_may_sign(self) -> None:
        """Raise `StoreError` if the board is a restored backup, or its database cannot be read.

        Such a board signs nothing: it accepts no posts and publishes nothing.
        """
        check_may_sign(self._store)

    def check(self, encoded: bytes) -> EncodedPost:
        """Decode a post, and check all that costs little: everything but its signature.

        `submit_all` does not decode the result again. Raises `RefusedPostError` with the reason
        ``encoding``, ``class`` or ``epoch``.
        """
        try:
            found = EncodedPost(encoded)
        except InvalidEncodingError as error:
            raise RefusedPostError(PostRefusal.ENCODING, str(error)) from None
        self._check_open(found.post)
        return found

    def _check_open(self, post: Post) -> None:
        """Raise `RefusedPostError` unless the board accepts posts of this class and epoch now."""
        parameters, now = self.parameters, self._clock()
        if post.frame_class is not parameters.frame_class:
            problem = f"this board is of class {parameters.frame_class.name}"
            raise RefusedPostError(PostRefusal.CLASS, problem)
        if not parameters.opens(post.epoch) <= now < parameters.ends(post.epoch):
            current = int(now // parameters.epoch_length)
            raise RefusedPostError(
                PostRefusal.EPOCH, f"epoch {post.epoch} is not open in epoch {current}"
            )

    def submit(self, post: Post) -> Receipt:
        """Accept a post: when this returns, it is on stable storage.

        Raises `RefusedPostError`, with a reason, if the board does not accept it, and `StoreError`
        if storage failed; nothing is stored then.
        """
        try:
            data = bytes(post)
        except InvalidEncodingError as error:
            raise RefusedPostError(PostRefusal.ENCODING, str(error)) from None
        (outcome,) = self.submit_all([data])
        if isinstance(outcome, RefusedPostError):
            raise outcome
        return outcome

    def submit_all(
        self, encoded: Sequence[bytes | EncodedPost]
    ) -> list[Receipt | RefusedPostError]:
        """Accept encoded posts as `submit` does. Returns a receipt or a refusal for each."""
        check_may_sign(self._store)
        checked = self._checked(encoded)
        entries = [each for each in checked if isinstance(each, Entry)]
        refusals = self._store.put(entries, self._quota) if entries else []
        decided = zip(entries, refusals, strict=True)
        receipts = iter(self._promise([entry for entry, refusal in decided if refusal is None]))
        decisions = iter(refusals)
        outcomes: list[Receipt | RefusedPostError] = []
        for each in checked:
            refusal = next(decisions) if isinstance(each, Entry) else each
            outcomes.append(next(receipts) if refusal is None else refusal)
        return outcomes

    def close_edition(self, epoch: int) -> None:
        """Close the next edition of ``epoch``: later posts go into a later edition.

        Raises `EpochError` before that epoch begins, and, unless posts still wait, after the end of
        the next epoch. Raises `StoreError` as `check_may_sign` does.
        """
        self._close_edition(epoch, again=True)

    def _close_edition(self, epoch: int, *, again: bool) -> None:
        """Close an edition; unless ``again``, only if none was closed since the last was due."""
        check_may_sign(self._store)
        now, epoch = self._clock(), check_epoch(epoch)
        length = self.parameters.epoch_length
        if now < epoch * length - self.parameters.skew:
            raise EpochError(f"epoch {epoch} has not begun: the current epoch is {self.epoch}")
        if now >= (epoch + 2) * length and epoch not in self._waiting():
            raise EpochError(f"epoch {epoch} is over: the current epoch is {self.epoch}")
        time = self.parameters.due(epoch, now)
        self._store.close_edition(epoch, time, lambda n: self._dummies(epoch, n), again=again)

    def publish(self, epoch: int) -> Edition:
        """Close the next edition of ``epoch``, publish it, and have the log cosigned.

        An edition that is already closed is published instead. Raises what `close_edition` raises,
        `StoreError` if storage failed (another call goes on where this one stopped), and
        `ForkError` if a witness has seen a log that this one does not continue.
        """
        if not any(edition.epoch == epoch for edition in self._store.closed()):
            self.close_edition(epoch)
        self.publish_closed()
        return self.editions(epoch)[-1]

    def publish_due(self) -> tuple[Edition, ...]:
        """Publish what is due by now (SPEC 9.2), and return those editions.

        If several processes call this at the same time, one publishes. Raises what `publish` does.
        """
        current = self.epoch
        # Older epochs whose posts wait come first: no process was there to publish them.
        late = {epoch for epoch in self._waiting() if epoch < current}
        for epoch in sorted(late | {max(current - 1, 0), current}):
            with suppress(EpochError):  # the epoch expired while the clock was ahead
                self._close_edition(epoch, again=False)
        return self.publish_closed()

    def publish_closed(self) -> tuple[Edition, ...]:
        """Publish the editions that are closed, have the log cosigned, and return them."""
        self._confirm()
        published = self._publisher.publish_closed()
        self.cosign()
        return published

    def publish_descriptor(self, descriptor: Descriptor) -> None:
        """Log a push server's descriptor, and have the log cosigned."""
        self._confirm()
        self._publisher.publish_descriptor(descriptor)
        self.cosign()

    def cosign(self) -> None:
        """Ask the witnesses to cosign the last checkpoint, and give it to readers.

        It has the cosignatures of all witnesses that answer now or answered before. Raises
        `ForkError` if a witness shows that this board signed another log; readers then keep what
        they have. A witness that says so without showing it counts as one that does not answer:
        whoever is between it and the board could say so, too.
        """
        state = self._store.log_state()
        if not state.size:
            return
        note, answered = Note.from_bytes(state.note), 0
        found: list[Signature] = []
        if state.served and (served := Note.from_bytes(state.served)).text == note.text:
            found += served.signatures
        found += note.signatures
        for witness in self._witnesses:
            try:
                found.append(witness.cosign(note, TileReader(state.size, self._objects.get)))
            except WitnessError as error:
                if isinstance(error, ForkError) and self._is_forked(error.checkpoint):
                    raise
                _log.warning("the log with %d entries is not cosigned: %s", state.size, error)
            else:
                answered += 1
        self._confirmed = answered == len(self._witnesses)
        # If a key signed more than once, its last signature counts.
        signatures = {(each.name, each.key_id): each for each in found}
        self._store.serve(state.size, bytes(Note(note.text, tuple(signatures.values()))))

    def _is_forked(self, note: bytes) -> bool:
        """Return whether this board signed the checkpoint ``note`` but does not continue it."""
        try:
            signed = Policy(self.key).verify(Note.from_bytes(note))
        except (InvalidEncodingError, InvalidSignatureError):
            return False
        # The state is read again, because another publisher may have gone on meanwhile.
        state = self._store.log_state()
        try:
            reader = TileReader(state.size, self._objects.get)
            proof = reader.consistency_proof(signed.size)
        except (LookupError, InvalidEncodingError):  # more entries than here, or damaged tiles
            return True
        growth = signed.size, signed.root, state.size, state.root
        return not merkle.verify_consistency(*growth, proof)

    def checkpoint(self) -> bytes:
        """See `Publication.checkpoint`."""
        return self._publication.checkpoint()

    def object(self, name: str) -> bytes:
        """See `Publication.object`."""
        return self._publication.object(name)

    def editions(self, epoch: int) -> tuple[Edition, ...]:
        """See `Publication.editions`."""
        return self._publication.editions(epoch)

    def epochs(self) -> dict[int, int]:
        """Return each epoch that the board knows, and how many posts wait for its next edition."""
        return self._store.epochs()

    def bundle(self, epoch: int, identifier: bytes, *, edition: int = 0) -> tuple[Post, ...]:
        """See `Publication.bundle`."""
        return self._publication.bundle(epoch, identifier, edition=edition)

    def posts(self, epoch: int, *, edition: int) -> Iterator[Post]:
        """See `Publication.posts`."""
        return self._publication.posts(epoch, edition=edition)

    def expire(self, before: int | None = None) -> int:
        """Delete epochs smaller than ``before``, and return how many posts they had, with dummies.

        None stands for the epoch before the current one. What still has to be published, and all
        after it, is kept. The disk space is free only after `sweep`, which takes longer. Raises
        `EpochError` if ``before`` is later: a reader or a late post may still come (SPEC 9.7).
        """
        latest = max(self.epoch - 1, 0)
        before = latest if before is None else before
        if before > latest:
            raise EpochError(f"only epochs before {latest} can expire now, not {before - 1}")
        unpublished = [edition.epoch for edition in self._store.closed()]
        before = min([before, *unpublished, *self._waiting()])
        # The rows go last: if this is interrupted, they tell the next call what to delete.
        for epoch in self._store.epochs():
            if epoch < before:
                self._objects.delete(f"{epoch}/")
        return self._store.expire(before)

    def sweep(self) -> None:
        """Free the disk space of what has expired, now or before. Raises `StoreError`."""
        self._objects.sweep()

    def _waiting(self) -> set[int]:
        """Return the epochs whose posts wait for an edition."""
        return {epoch for epoch, count in self._store.epochs().items() if count}

    def _confirm(self) -> None:
        """Ask the witnesses whether this is the latest state, before it signs for the first time.

        Raises `ForkError` if it is not: a board that goes on from an old state signs two logs.
        """
        if not self._confirmed:
            self.cosign()

    def _checked(self, encoded: Sequence[bytes | EncodedPost]) -> list[Entry | RefusedPostError]:
        """Check what needs no database, and verify all signatures together."""
        decoded = [self._admissible(each) for each in encoded]
        found = [each.post for each in decoded if isinstance(each, EncodedPost)]
        # One thread verifies: the event loop needs the other processor.
        verified = iter(posts.verify_batch(found, self.origin, threads=1).tolist())
        checked: list[Entry | RefusedPostError] = []
        for each in decoded:
            if isinstance(each, RefusedPostError):
                checked.append(each)
            elif next(verified):
                post = each.post
                checked.append(Entry(post.epoch, post.identifier, post.seq, each.encoded))
            else:
                problem = f"the signature does not verify for board {self.origin}"
                checked.append(RefusedPostError(PostRefusal.SIGNATURE, problem))
        return checked

    def _admissible(self, encoded: bytes | EncodedPost) -> EncodedPost | RefusedPostError:
        """Return the post if it may be submitted now, apart from its signature."""
        try:
            if not isinstance(encoded, EncodedPost):
                return self.check(encoded)
            # It is checked again: its epoch may have ended while it waited, and another board may
            # have made the check.
            self._check_open(encoded.post)
            return encoded
        except RefusedPostError as error:
            return error

    def _promise(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Sign receipts for what was stored just now."""
        parameters, now, deadlines = self.parameters, self._clock(), {}
        for epoch in {entry.epoch for entry in entries}:
            last = max([now, *(edition.time for edition in self._store.closed(epoch))])
            # Publishing and having it cosigned may take as long as the time between editions.
            deadlines[epoch] = parameters.next_due(epoch, last) + parameters.late_interval
        epochs = [entry.epoch for entry in entries]
        data = [entry.data for entry in entries]
        return Receipt.sign_all(self._signer, epochs, data, [deadlines[epoch] for epoch in epochs])

    def _dummies(self, epoch: int, count: int) -> Sequence[Entry]:
        made = [
            posts.dummy(self.parameters.frame_class, origin=self.origin, epoch=epoch)
            for _ in range(count)
        ]
        return [Entry(epoch, post.identifier, post.seq, bytes(post)) for post in made]
