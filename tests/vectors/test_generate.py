"""The committed vectors are those that the oracle computes, which itself gives published ones."""

from __future__ import annotations

from pathlib import Path

import oracle.published
import pytest

from vectors.generate import TEXTS

SLOW = {
    *("blobs", "descriptors", "elgamal", "files", "findmy", "keys"),
    *("posts", "proofs", "requests", "ticks", "universal"),
}
"""Files whose computation takes more than a second."""


def test_the_oracle_gives_published_vectors() -> None:
    oracle.published.self_test()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (Path(name).stem in SLOW))
        for name in sorted(TEXTS)
    ],
)
def test_a_file_is_what_the_oracle_computes(name: str) -> None:
    stored = (Path(__file__).parent / name).read_text(encoding="utf-8")
    assert stored == TEXTS[name](), "make vectors writes it anew"
