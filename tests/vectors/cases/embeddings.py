"""embeddings.json: messages as group elements, SPEC 6.1."""

from reference import blobs
from reference.refusals import Refused

from .casebook import Casebook
from .inputs import Json
from .material import FRAME, draw, draw_element, embedding, embeddings

SAMPLE = 24


def _decodes(message: bytes, candidate: int) -> bool:
    try:
        blobs.embed(message, candidate)
    except Refused:
        return False
    return True


def _first(message: bytes, candidates: range) -> int:
    return next(c for c in candidates if _decodes(message, c))


def _candidates(book: Casebook) -> None:
    message = draw("message", 30)
    for c in range(SAMPLE):
        _either(book, f"candidate-{c}", "small candidate numbers", message, c)
    for c in (126, 127, 128, 129, 255, 256, 8191, 8192, 16382, 16383):
        _either(book, f"candidate-{c}", "around the bounds of the two bytes", message, c)


def _either(book: Casebook, name: str, comment: str, message: bytes, candidate: int) -> None:
    values: Json = {"message": message, "candidate": candidate}
    if _decodes(message, candidate):
        book.valid("embedding/embed", name, comment, **values)
    else:
        reason = "candidate-does-not-decode"
        book.refused("embedding/embed", name, comment, reason, False, **values)


def _edges(book: Casebook) -> None:
    zero, ones = bytes(30), b"\xff" * 30
    book.valid("embedding/embed", "identity", "zero bytes, candidate 0", message=zero, candidate=0)
    for name, comment, message in (("zero", "zero bytes", zero), ("ones", "0xff bytes", ones)):
        first, last = _first(message, range(1, 16384)), _first(message, range(16383, 0, -1))
        book.valid("embedding/embed", f"{name}-first", comment, message=message, candidate=first)
        book.valid("embedding/embed", f"{name}-last", comment, message=message, candidate=last)
    for candidate in (127 * 128 + 119, 16383):
        values: Json = {"message": ones, "candidate": candidate}
        comment = "the field element is p or more"
        reason = "candidate-does-not-decode"
        name = f"not-canonical-{candidate}"
        book.refused("embedding/embed", name, comment, reason, False, **values)
    for candidate in (16384, 65535):
        values = {"message": zero, "candidate": candidate}
        comment, reason = "beyond the last candidate", "candidate-out-of-range"
        name = f"out-of-range-{candidate}"
        book.refused("embedding/embed", name, comment, reason, False, **values)


def _extraction(book: Casebook) -> None:
    book.valid("embedding/extract", "identity", "30 zero bytes", element=bytes(32))
    for i in range(3):
        element = draw_element(f"extracted {i}")
        comment = "every element holds 30 bytes"
        book.valid("embedding/extract", f"random-{i}", comment, element=element)
    message = draw("embedded twice", 30)
    for i in range(2):
        element = blobs.embed(message, embedding(message, f"embedding {i}"))
        comment = "two embeddings of one message"
        book.valid("embedding/extract", f"same-message-{i}", comment, element=element)


def _whole_frames(book: Casebook) -> None:
    values: Json = {"frame": FRAME, "candidates": embeddings(FRAME, "whole frame")}
    output = book.valid("embedding/embed-frame", "frame", "a whole frame", **values)
    elements = output["elements"]
    book.valid("embedding/extract-frame", "frame", "a whole frame", elements=elements)
    elements = [bytes(32)] * 8
    book.valid("embedding/extract-frame", "identities", "240 zero bytes", elements=elements)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("embeddings")
    _candidates(book)
    _edges(book)
    _extraction(book)
    _whole_frames(book)
    return book
