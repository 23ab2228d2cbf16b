"""The answers to requests for posting, SPEC 9.9."""

import re
from typing import NamedTuple

from . import board, posts
from .notation import CLASSES
from .refusals import Refused

LONGEST = max(posts.post_length(n) for n in CLASSES)

REASONS = {
    "epoch-not-yet-open": "epoch",
    "epoch-closed": "epoch",
    "epoch-over": "epoch",
    "epoch-expired": "epoch",
    "in-edition": "published",
    "seq-not-greater": "seq",
    "quota": "quota",
}


class Request(NamedTuple):
    """A request whose body is here: the target as sent, and headers by lower-case name."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Asking(NamedTuple):
    """What admission asks for: a proof of work, and whether the rate has room."""

    bits: int | None
    has_room: bool


def answer(state: board.Board, asking: Asking, request: Request, time: int) -> tuple[int, str]:
    """Give the status, and the reason of a refusal."""
    if request.target != "/posts":
        return 404, ""
    if request.method != "POST":
        return 405, ""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/octet-stream":
        return 415, ""
    length = request.headers.get("content-length", "0")
    if not re.fullmatch("[0-9]{1,18}", length, re.ASCII):
        return 400, ""
    if max(int(length), len(request.body)) > LONGEST:
        return 413, ""
    work = request.headers.get("billboard-work")
    reason = _reason(state, asking, request.body, work, time)
    if not reason:
        return 201, ""
    return 429 if reason in ("admission", "quota") else 422, reason


def _reason(state: board.Board, asking: Asking, post: bytes, work: str | None, time: int) -> str:
    if work is not None and not re.fullmatch("[0-9a-f]{16}", work, re.ASCII):
        return "encoding"
    of_length = [n for n in CLASSES if posts.post_length(n) == len(post)]
    if not of_length:
        return "encoding"
    try:
        fields = posts.check_form(of_length[0], post)
    except Refused:
        return "encoding"
    if of_length[0] != state.n:
        return "class"
    try:
        board.check_open(state.epoch_length, fields.epoch, time)
    except Refused:
        return "epoch"
    if asking.bits is not None:
        try:
            board.check_work(state.origin, post, bytes.fromhex(work or ""), asking.bits)
        except Refused:
            return "admission"
    if not asking.has_room:
        return "admission"
    try:
        board.submit(state, post, time)
    except Refused as refusal:
        return REASONS.get(refusal.reason, "signature")
    return ""
