"""Signatures that are verified together: each is judged as by itself (SPEC 3), on every backend."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from places import VECTORS

from billboard import FrameClass, InvalidEncodingError, InvalidSignatureError, Post, _core, posts
from billboard.groups.ristretto255 import ORDER, Element, Scalar, random_scalar
from billboard.proofs import schnorr
from billboard.times import MAX_UINT32
from core.test_backends import AVAILABLE, on
from core.test_kernel_edges import INVALID, VALID

pytestmark = pytest.mark.backend

CONTEXT, PARTS = "test", (b"first", b"second")
IDENTITY = bytes(32)
P = 2**255 - 19


@dataclass(frozen=True)
class Signed:
    public: bytes
    signature: bytes
    parts: tuple[bytes, ...] = PARTS

    def verifies(self, context: str = CONTEXT) -> bool:
        """By itself."""
        try:
            public = Element.from_bytes(self.public)
            schnorr.verify(context, public, self.signature, *self.parts)
        except (InvalidEncodingError, InvalidSignatureError):
            return False
        return True


def together(
    rows: Sequence[Signed], context: str = CONTEXT, threads: int | None = None
) -> list[bool]:
    """In one batch, of which every backend makes the same."""
    publics, signatures = [row.public for row in rows], [row.signature for row in rows]
    messages = [row.parts for row in rows]
    outcomes: list[list[bool]] = []
    for backend in AVAILABLE:
        with on(backend):
            verified = schnorr.verify_batch(context, publics, signatures, messages, threads=threads)
            outcomes.append(verified.tolist())
    assert all(outcome == outcomes[0] for outcome in outcomes)
    return outcomes[0]


def forge(
    secret: Scalar,
    nonce: Scalar,
    *,
    public: bytes | None = None,
    commitment: bytes | None = None,
) -> Signed:
    """A signature of which the equation holds, under encodings that the challenge commits to."""
    public = bytes(Element.mul_generator(secret)) if public is None else public
    commitment = bytes(Element.mul_generator(nonce)) if commitment is None else commitment
    hashed = schnorr._challenge(CONTEXT, commitment, public, PARTS)
    response = nonce + Scalar.from_uniform_bytes(hashed) * secret
    return Signed(public, commitment + bytes(response))


def scalar(number: int) -> Scalar:
    return Scalar.from_bytes((number % ORDER).to_bytes(32, "little"))


def other_encodings(encoding: bytes) -> list[bytes]:
    """Of the same element, if one decodes without care: with the high bit, and with -s for s."""
    negative = (P - int.from_bytes(encoding, "little")) % P
    return [encoding[:31] + bytes([encoding[31] | 0x80]), negative.to_bytes(32, "little")]


def edges() -> Iterator[Signed]:
    """The equation holds for all of these, if what is not canonical is taken."""
    zero, x, k = scalar(0), random_scalar(), random_scalar()
    good = forge(x, k)
    yield from (good, forge(scalar(1), k), forge(scalar(-1), k), forge(x, scalar(1)))
    yield forge(x, zero)  # R is the identity
    yield forge(zero, k)  # P is
    yield forge(zero, zero)
    for public in other_encodings(good.public):
        yield forge(x, k, public=public)
    for commitment in other_encodings(good.signature[:32]):
        yield forge(x, k, commitment=commitment)
    response = int.from_bytes(good.signature[32:], "little")
    for raised in (response + ORDER, response + 8 * ORDER, ORDER, 2**256 - 1):
        yield replace(good, signature=good.signature[:32] + raised.to_bytes(32, "little"))
    for size in (0, 31, 32, 63, 65):
        yield replace(good, signature=(good.signature * 2)[:size])
    for size in (0, 31, 33):
        yield replace(good, public=(good.public * 2)[:size])


def test_what_is_taken_is_what_is_taken_alone_at_every_edge() -> None:
    rows = list(edges())
    expected = [row.verifies() for row in rows]
    assert expected == [True] * 5 + [False] * (len(rows) - 5)
    assert together(rows) == expected
    for row, taken in zip(rows, expected, strict=True):
        assert together([row]) == [taken]


def test_encodings_at_the_edges() -> None:
    """As keys and as commitments: what does not decode is refused, whatever the challenge is."""
    x, k = random_scalar(), random_scalar()
    rows = [forge(x, k, public=each) for each in VALID + INVALID]
    rows += [forge(x, k, commitment=each) for each in VALID + INVALID]
    expected = [row.verifies() for row in rows]
    assert together(rows) == expected
    assert not any(expected)  # nobody knows the logarithms of these


@st.composite
def signed(draw: st.DrawFn) -> Signed:
    """A signature, or one with something changed."""
    numbers = st.integers(1, ORDER - 1) | st.sampled_from([1, 2, ORDER - 1, ORDER - 2, 2**252])
    row = forge(scalar(draw(numbers)), scalar(draw(numbers)))
    change = draw(st.sampled_from(["none", "none", "public", "signature", "parts", "shape"]))
    if change == "public":
        return replace(row, public=draw(flipped(row.public)))
    if change == "signature":
        return replace(row, signature=draw(flipped(row.signature)))
    if change == "parts":
        return replace(row, parts=draw(st.lists(st.binary(max_size=9), max_size=3).map(tuple)))
    if change == "shape":
        return draw(st.sampled_from(list(edges())))
    return row


def flipped(data: bytes) -> st.SearchStrategy[bytes]:
    def flip(bit: int) -> bytes:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    return st.integers(0, 8 * len(data) - 1).map(flip)


@given(st.lists(signed(), max_size=20))
def test_a_batch_is_its_rows(rows: list[Signed]) -> None:
    assert together(rows) == [row.verifies() for row in rows]


def test_bad_rows_change_no_neighbour() -> None:
    """In more blocks than one, on one thread and on several: any may be bad, or all, or none."""
    good = [forge(random_scalar(), random_scalar()) for _ in range(300)]
    bad = [replace(row, parts=PARTS[1:]) for row in good]
    generator = np.random.default_rng(1)
    for share in (0.0, 0.01, 0.5, 0.99, 1.0):
        chosen = (generator.random(len(good)) >= share).tolist()
        rows = [(good if taken else bad)[i] for i, taken in enumerate(chosen)]
        for threads in (1, 3):
            assert together(rows, threads=threads) == chosen


def test_a_signature_in_the_place_of_another_is_refused() -> None:
    """What would pass if rows were added up before they are looked at."""
    rows = [forge(random_scalar(), random_scalar()) for _ in range(16)]
    swapped = [replace(a, signature=b.signature) for a, b in pairwise(rows)]
    assert together(swapped) == [False] * 15
    # s and s' of two rows, moved by as much in opposite directions: the sum of both is right.
    delta = random_scalar()
    moved = []
    for row, by in zip(rows[:2], (delta, -delta), strict=True):
        response = Scalar.from_bytes(row.signature[32:]) + by
        moved.append(replace(row, signature=row.signature[:32] + bytes(response)))
    assert together([*moved, *rows[2:]]) == [False, False] + [True] * 14


def test_as_many_of_each() -> None:
    row = forge(random_scalar(), random_scalar())
    with pytest.raises(ValueError, match="shorter"):
        schnorr.verify_batch(CONTEXT, [row.public, row.public], [row.signature], [PARTS, PARTS])
    assert together([]) == []


def test_the_core_wants_rows_of_five() -> None:
    for shape in ((1, 4, 32), (1, 5, 31), (5, 32)):
        with pytest.raises(ValueError, match="expected a C-contiguous uint8 array"):
            _core.verify_vartime(np.zeros(shape, np.uint8))
    assert not _core.verify_vartime(np.zeros((3, 5, 32), np.uint8)).any()


def cases(file: str, operation: str) -> list[dict[str, Any]]:
    vectors = json.loads((VECTORS / file).read_text())["cases"]
    return [case for case in vectors if case["operation"] == operation]


def test_every_vector() -> None:
    """Among others that are good."""
    good, taken = forge(random_scalar(), random_scalar()), 0
    vectors = cases("signatures.json", "schnorr/verify")
    for case in vectors:
        given = case["input"]
        parts = tuple(map(bytes.fromhex, given["parts"]))
        row = Signed(bytes.fromhex(given["public"]), bytes.fromhex(given["signature"]), parts)
        verified = together([row], given["context"])
        assert verified == [case["result"] == "valid"]
        assert verified == [row.verifies(given["context"])]
        if given["context"] == CONTEXT:
            assert together([good, row, good]) == [True, *verified, True]
        taken += verified[0]
    assert 0 < taken < len(vectors)


# Posts (SPEC 8)


def verifies(post: Post, origin: str) -> bool:
    try:
        post.verify(origin)
    except InvalidSignatureError:
        return False
    return True


def test_posts_of_all_classes_and_boards_in_one_batch() -> None:
    made = [
        posts.dummy(frame_class, origin=origin, epoch=epoch)
        for frame_class in FrameClass
        for origin in ("board.example", "other.example")
        for epoch in (0, MAX_UINT32)
    ]
    made += [replace(post, seq=post.seq ^ 1) for post in made]
    for backend in AVAILABLE:
        with on(backend):
            for origin in ("board.example", "other.example"):
                found = posts.verify_batch(made, origin).tolist()
                assert found == [verifies(post, origin) for post in made]
                assert sum(found) == len(made) // 4
    assert posts.verify_batch([], "board.example").shape == (0,)


@given(st.lists(st.tuples(st.integers(0, 521 * 8 - 1), st.booleans()), max_size=10))
def test_posts_with_any_bit_flipped(flips: list[tuple[int, bool]]) -> None:
    """Those that still decode: the batch has the same to say as each by itself."""
    decoded = []
    for bit, flip in flips:
        data = bytearray(bytes(posts.dummy(FrameClass.L, origin="board.example", epoch=7)))
        data[bit // 8] ^= flip << bit % 8
        try:
            decoded.append(Post.from_bytes(bytes(data)))
        except InvalidEncodingError:
            continue
    for backend in AVAILABLE:
        with on(backend):
            found = posts.verify_batch(decoded, "board.example").tolist()
            assert found == [verifies(post, "board.example") for post in decoded]
