"""G1 of bls12_381 by py_ecc, which is pure Python."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from py_ecc.bls.g2_primitives import G1_to_pubkey, pubkey_to_G1, subgroup_check
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.optimized_bls12_381 import G1, add, curve_order, eq, multiply

from peers.by_hand import DST, ByHand

Point = tuple[Any, Any, Any]


class PyEcc(ByHand[Point, int]):
    """py_ecc's optimized points. `decode` checks that a point is in the group, as it must be."""

    size = 48
    order = curve_order

    def scalar(self, number: int) -> int:
        return number

    def random(self) -> int:
        return secrets.randbelow(curve_order)

    def decode(self, encoding: bytes) -> Point:
        point = pubkey_to_G1(encoding)
        if not subgroup_check(point):
            raise ValueError("not in the group")
        return point

    def encode(self, element: Point) -> bytes:
        return bytes(G1_to_pubkey(element))

    def add(self, first: Point, second: Point) -> Point:
        return add(first, second)

    def mul(self, element: Point, scalar: int) -> Point:
        return multiply(element, scalar)

    def mul_generator(self, scalar: int) -> Point:
        return multiply(G1, scalar)

    def equal(self, first: Point, second: Point) -> bool:
        return eq(first, second)

    def hash_to_element(self, message: bytes) -> bytes:
        return self.encode(hash_to_G1(message, DST, hashlib.sha256))
