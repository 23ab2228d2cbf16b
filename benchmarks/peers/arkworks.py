"""G1 of bls12_381 by py-arkworks, a binding of Rust code."""

from __future__ import annotations

import secrets
from typing import Any

from py_arkworks_bls12381 import G1Point, Scalar

from peers.by_hand import DST, ByHand


class Arkworks(ByHand[Any, Any]):
    """py-arkworks' points. Its decoding checks that a point is in the group."""

    size = 48
    order = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001

    def scalar(self, number: int) -> Any:
        return Scalar.from_le_bytes(number.to_bytes(32, "little"))

    def random(self) -> Any:
        return self.scalar(secrets.randbelow(self.order))

    def decode(self, encoding: bytes) -> Any:
        return G1Point.from_compressed_bytes(encoding)

    def encode(self, element: Any) -> bytes:
        return bytes(element.to_compressed_bytes())

    def add(self, first: Any, second: Any) -> Any:
        return first + second

    def mul(self, element: Any, scalar: Any) -> Any:
        return element * scalar

    def mul_generator(self, scalar: Any) -> Any:
        return G1Point() * scalar

    def equal(self, first: Any, second: Any) -> bool:
        return bool(first == second)

    def hash_to_element(self, message: bytes) -> bytes:
        return self.encode(G1Point.hash_to_curve(message, DST))
