"""secp256k1 by coincurve (libsecp256k1)."""

from __future__ import annotations

from coincurve import PublicKey
from coincurve.utils import GROUP_ORDER_INT, get_valid_secret

from peers.by_hand import ByHand, embed_sec1


class Coincurve(ByHand[PublicKey, bytes]):
    """coincurve's public keys as elements. It has no identity and does not hash to elements."""

    size = 33
    order = GROUP_ORDER_INT

    def scalar(self, number: int) -> bytes:
        return number.to_bytes(32, "big")

    def random(self) -> bytes:
        return get_valid_secret()

    def decode(self, encoding: bytes) -> PublicKey:
        return PublicKey(encoding)

    def encode(self, element: PublicKey) -> bytes:
        return element.format()

    def add(self, first: PublicKey, second: PublicKey) -> PublicKey:
        return PublicKey.combine_keys([first, second])

    def mul(self, element: PublicKey, scalar: bytes) -> PublicKey:
        return element.multiply(scalar)

    def mul_generator(self, scalar: bytes) -> PublicKey:
        return PublicKey.from_valid_secret(scalar)

    def equal(self, first: PublicKey, second: PublicKey) -> bool:
        return first == second

    def embed(self, data: bytes) -> bytes:
        return embed_sec1(data, PublicKey)
