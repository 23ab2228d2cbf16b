"""Rates and proofs of work (SPEC 9.1)."""

from __future__ import annotations

from math import inf, nan

import pytest
from board.support import ORIGIN, Clock
from hypothesis import given, strategies as st

from billboard.errors import NotAdmittedError
from billboard.hashing import hash_bytes
from billboard.web.admission import ProofOfWork, Rate, find_work


def admits(admission: ProofOfWork | Rate, post: bytes = b"", work: bytes = b"") -> bool:
    try:
        admission.admit(post, work)
    except NotAdmittedError:
        return False
    return True


@given(st.binary(max_size=600), st.integers(1, 9))
def test_what_is_found_is_a_proof_of_work(post: bytes, bits: int) -> None:
    work = find_work(ORIGIN, post, bits)
    assert len(work) == 8
    assert int.from_bytes(hash_bytes("work", ORIGIN.encode(), post, work), "big") < 2 ** (
        256 - bits
    )
    assert admits(ProofOfWork(ORIGIN, bits), post, work)


@given(st.binary(min_size=8, max_size=8), st.integers(1, 9))
def test_a_proof_of_work_is_what_the_specification_says(work: bytes, bits: int) -> None:
    found = int.from_bytes(hash_bytes("work", ORIGIN.encode(), b"a post", work), "big")
    assert admits(ProofOfWork(ORIGIN, bits), b"a post", work) == (found < 2 ** (256 - bits))


def test_a_proof_of_work_is_for_one_post_and_board() -> None:
    work = find_work(ORIGIN, b"a post", 16)
    assert admits(ProofOfWork(ORIGIN, 16), b"a post", work)
    assert not admits(ProofOfWork(ORIGIN, 16), b"another", work)
    assert not admits(ProofOfWork("example.org/other", 16), b"a post", work)


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_proof_of_work_has_8_bytes(size: int) -> None:
    assert not any(admits(ProofOfWork(ORIGIN, 1), bytes([n]), bytes(size)) for n in range(64))


@pytest.mark.parametrize("bits", [0, -1, 65])
def test_bits_that_can_not_be(bits: int) -> None:
    for make in (lambda: ProofOfWork(ORIGIN, bits), lambda: find_work(ORIGIN, b"", bits)):
        with pytest.raises(ValueError, match="1 to 64 bits"):
            make()


def test_a_rate_fills_its_burst_again() -> None:
    clock = Clock(100.0)
    rate = Rate(2.0, 3.0, clock)
    assert [admits(rate) for _ in range(5)] == [True, True, True, False, False]
    clock.now += 0.49
    assert not admits(rate)
    clock.now += 0.02
    assert [admits(rate) for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [admits(rate) for _ in range(4)] == [True, True, True, False]


def test_a_slow_rate_lets_one_in_at_a_time() -> None:
    clock = Clock(100.0)
    rate = Rate(0.1, clock=clock)
    assert [admits(rate), admits(rate)] == [True, False]
    clock.now += 10.01
    assert [admits(rate), admits(rate)] == [True, False]


@pytest.mark.parametrize(
    ("rate", "burst"),
    [(0, None), (-1, None), (5, 0.5), (nan, None), (inf, None), (5, nan), (5, inf)],
)
def test_rates_that_can_not_be(rate: float, burst: float | None) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Rate(rate, burst)
