"""Procedures that submit posts, and check what the board promises (SPEC 9.1, 9.6)."""

from __future__ import annotations

import hashlib
import json

from billboard.board.manifest import Edition
from billboard.board.parameters import BoardParameters
from billboard.board.reading.procedure import FindWork, Procedure, Request, Response
from billboard.board.reading.reader import Reader
from billboard.board.receipt import Receipt
from billboard.errors import (
    BoardError,
    BoardFault,
    InvalidEncodingError,
    InvalidSignatureError,
    PostRefusal,
    RefusedPostError,
)
from billboard.posts import Post
from billboard.web.admission import MOST_WORK

LONGEST_ANSWER = 4096
"""Bytes of a receipt, or of a refusal."""


def submit(reader: Reader, post: Post) -> Procedure[Receipt]:
    """Submit a post; see `BoardClient.submit`."""
    # They are read first, so that no receipt is lost if this fails. A new board has none yet.
    parameters = None
    try:
        parameters = yield from reader.parameters()
    except BoardError as error:
        if error.reason is not BoardFault.MISSING or reader.taken is not None:
            raise
    data = bytes(post)
    (answer,) = yield (Request("posts", LONGEST_ANSWER, data),)
    if answer.status == 429 and answer.work_bits is not None:
        if not 1 <= answer.work_bits <= MOST_WORK:
            problem = f"the board asks for a proof of work of {answer.work_bits} bits"
            raise RefusedPostError(
                PostRefusal.ADMISSION, f"{problem}, but this client finds at most {MOST_WORK}"
            )
        (work,) = yield (FindWork(reader.origin, data, answer.work_bits),)
        (answer,) = yield (Request("posts", LONGEST_ANSWER, data, work.body),)
    if answer.status != 201:
        raise _refusal(answer)
    return _accepted(reader, post, answer.body, parameters)


def check_receipt(
    reader: Reader, receipt: Receipt, post: Post, *, decoys: int = 0
) -> Procedure[Edition | None]:
    """Check whether the promise of a receipt was kept; see `BoardClient.check_receipt`."""
    if not _is_for(receipt, post):
        raise InvalidEncodingError("receipt", "is not for this post")
    parameters = yield from reader.parameters()
    # After the deadline, a log is stale without the last edition that the post may be in.
    due = reader.now >= receipt.deadline + parameters.skew
    editions = yield from reader.editions(post.epoch, accept_stale=not due)
    for edition in editions:
        wanted = {post.identifier}
        found = yield from reader.candidates([edition], post.identifier, wanted, decoys)
        if found and (found[0] == post or found[0].seq > post.seq):
            if edition.time >= receipt.deadline:
                raise _lost(reader, receipt, f"it came only in the edition due at {edition.time}")
            return edition
    if due:
        raise _lost(reader, receipt, f"it is in none of {len(editions)} editions")
    return None


def _accepted(
    reader: Reader, post: Post, data: bytes, parameters: BoardParameters | None
) -> Receipt:
    """Verify the receipt for a post that was accepted just now."""
    try:
        receipt = Receipt.from_bytes(data, reader.policy.log)
    except (InvalidEncodingError, InvalidSignatureError) as error:
        raise BoardError(
            BoardFault.SIGNATURE, f"the post may be accepted, but its receipt is wrong: {error}"
        ) from None
    problem = "" if _is_for(receipt, post) else "is for another post"
    if not problem and parameters is not None:
        latest = parameters.next_due(post.epoch, reader.now + parameters.skew)
        if receipt.deadline > latest + parameters.late_interval:
            problem = f"has a deadline after {latest + parameters.late_interval}"
    if problem:
        raise BoardError(BoardFault.MISBEHAVIOR, f"{reader.origin}: its receipt {problem}", [data])
    return receipt


def _is_for(receipt: Receipt, post: Post) -> bool:
    of_post = post.epoch, hashlib.sha256(bytes(post)).digest()
    return (receipt.epoch, receipt.post_hash) == of_post


def _lost(reader: Reader, receipt: Receipt, what: str) -> BoardError:
    problem = (
        f"{reader.origin} did not publish a post by {receipt.deadline}, as it promised: {what}"
    )
    notes = [bytes(receipt)] + ([reader.taken.note] if reader.taken else [])
    return BoardError(BoardFault.LOST, problem, notes)


def _refusal(answer: Response) -> RefusedPostError | BoardError:
    """Return the error for an answer that is not a receipt."""
    if answer.status in (422, 429):
        try:
            told = json.loads(answer.body)
            reason, detail = PostRefusal(told["reason"]), told["detail"]
        except (ValueError, LookupError, TypeError, RecursionError):
            detail = None
        if isinstance(detail, str):
            shown = "".join(each if each.isprintable() else "?" for each in detail)
            return RefusedPostError(reason, shown)
    problem = f"the board answered with status {answer.status}"
    if answer.status == 503:
        problem += ". It is busy: retry later"
    return BoardError(BoardFault.UNREACHABLE, f"/posts: {problem}")
