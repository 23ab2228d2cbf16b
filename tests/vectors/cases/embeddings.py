"""embeddings.json: messages as group elements, SPEC 6.1 and 12.3."""

from itertools import count

from oracle.curves import BLS12_381
from oracle.groups import GROUPS, RISTRETTO255, Group
from oracle.operations import Json
from oracle.refusals import Refused

from vectors.cases.casebook import Casebook
from vectors.cases.material import FRAME, HANDLE_FRAME, draw, embeddings
from vectors.cases.on_groups import EMBEDDING, candidate_of, element_of, identity_of

SAMPLE = 24


def _decodes(group: Group, message: bytes, candidate: int) -> bool:
    try:
        group.embed(message, candidate)
    except Refused:
        return False
    return True


def _length(group: Group) -> int:
    assert group.embedding is not None
    return group.embedding.length


def _candidates(book: Casebook, group: Group, numbers: list[int]) -> None:
    message = draw("message", _length(group))
    for c in numbers:
        name, comment = f"{group.name}-candidate-{c}", f"candidate number {c}"
        values: Json = {"group": group.name, "message": message, "candidate": c}
        if _decodes(group, message, c):
            book.valid("embedding/embed", name, comment, **values)
        else:
            reason = "candidate-does-not-decode"
            book.refused("embedding/embed", name, comment, reason, False, **values)


def _edges(book: Casebook, group: Group, candidates: int) -> None:
    named: Json = {"group": group.name}
    length = _length(group)
    zero, ones = bytes(length), b"\xff" * length
    for name, message in (("zero", zero), ("ones", ones)):
        comment = f"a message of all {name}"
        first = next(c for c in count(1) if _decodes(group, message, c))
        last = next(c for c in range(candidates - 1, 0, -1) if _decodes(group, message, c))
        for end, c in (("first", first), ("last", last)):
            case, values = f"{group.name}-{name}-{end}", {**named, "message": message}
            book.valid("embedding/embed", case, comment, candidate=c, **values)
    for c in (candidates, candidates + first):
        case, comment = f"{group.name}-out-of-range-{c}", "beyond the last candidate number"
        values = {**named, "message": zero, "candidate": c}
        book.refused("embedding/embed", case, comment, "candidate-out-of-range", False, **values)
    for size in (0, length - 1, length + 1):
        values = {**named, "message": bytes(size), "candidate": first}
        case = f"{group.name}-length-{size}"
        book.refused("embedding/embed", case, f"{size} bytes", "wrong-length", **values)


def _edges_of_ristretto(book: Casebook) -> None:
    values: Json = {"group": "ristretto255", "message": bytes(30), "candidate": 0}
    book.valid("embedding/embed", "identity", "zero bytes, candidate 0", **values)
    for candidate in (127 * 128 + 119, 16383):
        values = {"group": "ristretto255", "message": b"\xff" * 30, "candidate": candidate}
        comment = "the field element is p or more"
        reason = "candidate-does-not-decode"
        name = f"not-canonical-{candidate}"
        book.refused("embedding/embed", name, comment, reason, False, **values)


def _edges_of_curves(book: Casebook) -> None:
    for group in EMBEDDING[1:]:
        values: Json = {"group": group.name, "message": b"\xff" * _length(group)}
        values["candidate"] = 2**17 - 1
        comment, reason = "x is p or more", "candidate-does-not-decode"
        case = f"{group.name}-not-canonical"
        book.refused("embedding/embed", case, comment, reason, False, **values)


def _extraction(book: Casebook, group: Group) -> None:
    named: Json = {"group": group.name}
    for i in range(2):
        values = {**named, "element": element_of(group, f"extracted {i}")}
        comment, case = "every element but the identity holds bytes", f"{group.name}-random-{i}"
        book.valid("embedding/extract", case, comment, **values)
    message = draw("embedded twice", _length(group))
    for i in range(2):
        element = group.embed(message, candidate_of(group, message, f"embedding {i}"))
        comment, case = "two embeddings of one message", f"{group.name}-same-message-{i}"
        book.valid("embedding/extract", case, comment, element=element, **named)
    values, case = {**named, "element": identity_of(group)}, f"{group.name}-identity"
    if group is RISTRETTO255:
        book.valid("embedding/extract", case, "30 zero bytes", **values)
    else:
        comment = "the identity holds nothing"
        book.refused("embedding/extract", case, comment, "identity", **values)


def _unsupported(book: Casebook) -> None:
    group = GROUPS["bls12_381"]
    no_embedding = "there is no embedding in this group"
    values: Json = {"group": group.name, "message": bytes(30), "candidate": 0}
    book.refused("embedding/embed", group.name, no_embedding, "unsupported", **values)
    values = {"group": group.name, "element": BLS12_381.generator.encode()}
    book.refused("embedding/extract", group.name, no_embedding, "unsupported", **values)


def _whole_frames(book: Casebook) -> None:
    for name, frame in (("frame", FRAME), ("class-h", HANDLE_FRAME)):
        values: Json = {"frame": frame, "candidates": embeddings(frame, f"whole {name}")}
        output = book.valid("embedding/embed-frame", name, "a whole frame", **values)
        elements = output["elements"]
        book.valid("embedding/extract-frame", name, "a whole frame", elements=elements)
    elements = [bytes(32)] * 8
    book.valid("embedding/extract-frame", "identities", "240 zero bytes", elements=elements)


def build() -> Casebook:
    """Build the file."""
    book = Casebook("embeddings")
    bounds = [126, 127, 128, 129, 255, 256, 8191, 8192, 16382, 16383]
    _candidates(book, RISTRETTO255, [*range(SAMPLE), *bounds])
    _edges_of_ristretto(book)
    for group in EMBEDDING[1:]:
        _candidates(book, group, [*range(8), 510, 511, 512, 513, 131070, 131071])
    _edges_of_curves(book)
    for group in EMBEDDING:
        _edges(book, group, 2**14 if group is RISTRETTO255 else 2**17)
        _extraction(book, group)
    _unsupported(book)
    _whole_frames(book)
    return book
