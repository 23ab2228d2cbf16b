"""Submission of the posts that are due, and what the board's answers mean (SPEC 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from billboard.blob import Blob
from billboard.board.client import BoardClient
from billboard.device.plan import Moment, Place, takes_next_slot
from billboard.device.state import WITHDRAWN, Content, Pending, Posting
from billboard.errors import BoardError, PostRefusal, RefusedPostError
from billboard.keys import PublicKey
from billboard.lanes import Lane
from billboard.posts import Post
from billboard.push.requests.descriptor import ServerDescriptor

_LATER = {PostRefusal.QUOTA: 1, PostRefusal.ADMISSION: 1, PostRefusal.EPOCH: 8}
"""Late intervals until the next attempt after a refusal; 8 for a reason that is not here."""


def make_post(
    lane: Lane, place: Place, posting: Posting, moment: Moment, descriptor: ServerDescriptor | None
) -> Pending | None:
    """Make the post that belongs at ``place`` now; None if what it needs is not known yet."""
    wanted, slot, seq = place.wanted, posting.slot, None
    if posting.seq is not None:
        if takes_next_slot(posting, place.epoch, moment):
            slot += 1
        else:
            seq = posting.seq + 1
    if wanted is None:
        return None
    if wanted == WITHDRAWN:
        post = lane.withdraw(place.epoch, seq=seq, slot=slot)
        return Pending(bytes(post), slot, wanted)
    content = place.profile.contents[place.epoch]
    key = None if descriptor is None else _key(content, descriptor)
    if descriptor is None or key is None:
        return None
    # A device that does not exist gets the same kind of post, with a blob for nobody.
    blob = Blob.random(key.frame_class) if place.is_padding else _rerandomized(content, key)
    post = lane.post(place.epoch, blob, key, seq=seq, slot=slot, descriptor=descriptor.id)
    return Pending(bytes(post), slot, wanted)


def submit_all(
    board: BoardClient,
    due: Sequence[tuple[Place, Posting]],
    moment: Moment,
    save: Callable[[], None],
    tell: Callable[[str], None],
) -> tuple[int, BoardError | None]:
    """Submit the pending posts until one gets no answer. Return the accepted count and the error.

    First, ``save`` records that they may have been submitted. ``tell`` logs refusals.
    """
    pending = [(*each, each[1].pending) for each in due]
    those = [(place, posting, made) for place, posting, made in pending if made is not None]
    fresh = [not made.tried for _, _, made in those]
    for _, _, made in those:
        made.tried = True
    if those:
        save()
    taken = 0
    for number, (place, posting, made) in enumerate(those):
        post = Post.from_bytes(made.post)
        try:
            board.submit(post)
        except RefusedPostError as error:
            if fresh[number] or not _is_there(posting, made, error):
                _refused(place, posting, error, moment, tell)
                save()  # or a repeated post that was refused would count as accepted before
                continue
        except BoardError as error:
            for (_, _, left), never in zip(those[number + 1 :], fresh[number + 1 :], strict=True):
                left.tried = not never
            return taken, error
        _accepted(posting, made, post)
        taken += 1
    return taken, None


def _is_there(posting: Posting, pending: Pending, error: RefusedPostError) -> bool:
    """Whether a refusal means that the post was accepted before and the answer got lost.

    With ``PUBLISHED``, the published post may also be the one that this post was to replace.
    """
    alone = posting.seq is None or posting.slot != pending.slot
    return error.reason is PostRefusal.SEQ or (error.reason is PostRefusal.PUBLISHED and alone)


def _accepted(posting: Posting, pending: Pending, post: Post) -> None:
    if posting.slot != pending.slot:
        posting.published = False
    posting.slot, posting.seq, posting.version = pending.slot, post.seq, pending.version
    posting.pending, posting.due = None, 0.0


def _refused(
    place: Place,
    posting: Posting,
    error: RefusedPostError,
    moment: Moment,
    tell: Callable[[str], None],
) -> None:
    """Handle the refusal of a post that the board had not accepted before."""
    posting.pending = None
    if error.reason is PostRefusal.PUBLISHED and posting.seq is not None:
        # The epoch was published earlier than our clock says.
        posting.published = True
    elif error.reason in (PostRefusal.SEQ, PostRefusal.PUBLISHED):
        place.contact.overtaken = True
        tell(f"{place.name}: paused, as the board has newer posts than this device remembers")
    else:
        later = _LATER.get(error.reason, 8) * moment.parameters.late_interval
        posting.due = moment.now + later
        tell(f"{place.name}: the board refused a post for epoch {place.epoch}: {error}")


def _key(content: Content, descriptor: ServerDescriptor) -> PublicKey | None:
    return next((key for key in descriptor.keys if key.key_id == content.key_id), None)


def _rerandomized(content: Content, key: PublicKey) -> Blob:
    # This device made the blob, and nobody else writes the state, so it needs no decoding.
    return Blob(content.blob, key.frame_class).rerandomize(key)
