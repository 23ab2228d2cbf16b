"""What tests of vectors share."""

from __future__ import annotations

import functools

import pytest

from billboard.groups.bls12_381 import Bls12381

decoded_once = functools.cache(Bls12381.element_from_bytes)


@pytest.fixture(autouse=True)
def elements_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """py_ecc takes 20 ms to see that a point is in the group, and the same ones come all the time.

    What is refused is refused anew each time.
    """
    monkeypatch.setattr(Bls12381, "element_from_bytes", decoded_once)
