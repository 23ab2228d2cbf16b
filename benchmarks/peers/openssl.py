"""p256, p224 and secp256k1 by petlib (OpenSSL)."""

from __future__ import annotations

from collections.abc import Sequence

from petlib.bn import Bn
from petlib.ec import EcGroup, EcPt

from peers.by_hand import ByHand, embed_sec1


class Petlib(ByHand[EcPt, Bn]):
    """petlib's curves, named by OpenSSL's number."""

    def __init__(self, number: int, secret: Sequence[int]) -> None:
        self.group = EcGroup(number)
        self.generator = self.group.generator()
        self.bound = self.group.order()
        self.order = self.bound.int()
        self.size = len(self.generator.export())
        super().__init__(secret)

    def scalar(self, number: int) -> Bn:
        return Bn.from_binary(number.to_bytes(32, "big"))

    def random(self) -> Bn:
        return self.bound.random()

    def decode(self, encoding: bytes) -> EcPt:
        return EcPt.from_binary(encoding, self.group)

    def encode(self, element: EcPt) -> bytes:
        return element.export()

    def add(self, first: EcPt, second: EcPt) -> EcPt:
        return first + second

    def mul(self, element: EcPt, scalar: Bn) -> EcPt:
        return element.pt_mul(scalar)

    def mul_generator(self, scalar: Bn) -> EcPt:
        return self.generator.pt_mul(scalar)

    def equal(self, first: EcPt, second: EcPt) -> bool:
        return first == second

    def hash_to_element(self, message: bytes) -> bytes:
        """Hash by petlib's own method, trial: it is not that of RFC 9380, and less work."""
        return self.group.hash_to_point(message).export()

    def embed(self, data: bytes) -> bytes:
        return embed_sec1(data, self.decode)
