"""Encodings of elements that are right but for one thing, SPEC 12.1."""

from itertools import count
from typing import NamedTuple

from oracle.curves import BLS12_381, P224, P256, SECP256K1, Curve
from oracle.groups import Group
from oracle.multiplication import multiple

from vectors.cases.material import draw_element
from vectors.cases.on_groups import element_of, identity_of

CURVE_OF = {"p256": P256, "p224": P224, "secp256k1": SECP256K1, "bls12_381": BLS12_381}


class Bad(NamedTuple):
    """An encoding that is refused; `lenient` where it would decode but for one check."""

    name: str
    comment: str
    data: bytes
    lenient: bool


def bad_encodings(group: Group) -> list[Bad]:
    """List encodings of the right length that are not canonical."""
    if group.name == "ristretto255":
        return _of_ristretto255()
    if group.name == "bls12_381":
        return _of_pairing_curve(group)
    return _of_curve(group)


def _of_ristretto255() -> list[Bad]:
    good, p = draw_element("bad encodings"), 2**255 - 19
    high = good[:31] + bytes([good[31] | 128])
    negated = (p - int.from_bytes(good, "little")).to_bytes(32, "little")
    return [
        Bad("high-bit", "bit 255 set on an element that is canonical without", high, True),
        Bad("negated", "the negated field element of a canonical encoding", negated, True),
        Bad("identity-as-p", "p stands for zero", p.to_bytes(32, "little"), True),
        Bad("identity-high-bit", "the identity with bit 255 set", bytes(31) + b"\x80", True),
    ]


def _of_curve(group: Group) -> list[Bad]:
    good, length = element_of(group, "bad encodings"), group.element_length
    curve = CURVE_OF[group.name]
    bad = [
        Bad(f"first-byte-{byte:02x}", f"first byte {byte:02x}", bytes([byte]) + good[1:], True)
        for byte in (0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0x82, 0xFF)
    ]
    no_point = next(x for x in count(5) if curve.lift(x) is None)
    small = next(x for x in count(0) if curve.lift(x) is not None)
    for parity in (2, 3):
        head = bytes([parity])
        data = head + no_point.to_bytes(length - 1, "big")
        bad.append(Bad(f"no-point-{parity}", f"x = {no_point} is of no point", data, False))
        data = head + (curve.p + small).to_bytes(length - 1, "big")
        bad.append(
            Bad(f"x-plus-p-{parity}", f"p + {small}, where {small} is of a point", data, True)
        )
    data = b"\x02" + b"\xff" * (length - 1)
    bad.append(Bad("x-ones", "x of all ones", data, decodes_modulo_p(curve, data)))
    zeros = bytes(length - 1)
    bad.append(Bad("identity-then-one", "zeros, and a one at the end", zeros + b"\1", False))
    return bad


def decodes_modulo_p(curve: Curve, data: bytes) -> bool:
    """Tell whether x, taken modulo p, is of a point."""
    return curve.lift(int.from_bytes(data[1:], "big") % curve.p) is not None


def _of_pairing_curve(group: Group) -> list[Bad]:
    curve, good = BLS12_381, element_of(group, "bad encodings")
    no_point = next(x for x in count(1) if curve.lift(x) is None)
    outside = next(x for x in count(0) if _is_outside(curve, x))
    multiples = (curve.times_generator(k).affine()[0] for k in count(1))
    small = next(x for x in multiples if curve.p + x < 2**381)

    def flagged(flags: int, x: int) -> bytes:
        return (flags << 376 | x).to_bytes(48, "big")

    x = int.from_bytes(good, "big") % 2**381
    identity = identity_of(group)
    return [
        Bad("no-flags", "no flag: not compressed", flagged(0, x), True),
        Bad("not-compressed", "the flag of y without that of compression", flagged(0x20, x), True),
        Bad("identity-and-x", "the flag of the identity, and an x", flagged(0xC0, x), True),
        Bad("identity-and-y", "the identity with the flag of y", flagged(0xE0, 0), False),
        Bad("identity-not-compressed", "the identity, not compressed", flagged(0x40, 0), False),
        Bad("identity-and-one", "the identity, and a one at the end", identity[:-1] + b"\1", False),
        Bad("zeros", "48 zero bytes", bytes(48), False),
        Bad("no-point", f"x = {no_point} is of no point", flagged(0x80, no_point), False),
        Bad("x-plus-p", "the x of an element, plus p", flagged(0x80, curve.p + small), True),
        Bad("x-ones", "x of all ones", flagged(0xA0, 2**381 - 1), False),
        Bad("outside", "a point that is not of order q", flagged(0x80, outside), True),
        Bad("outside-greater", "its negative", flagged(0xA0, outside), True),
        Bad("order-3", "(0, 2), of order 3", flagged(0x80, 0), True),
    ]


def _is_outside(curve: Curve, x: int) -> bool:
    point = curve.lift(x) if x else None
    return point is not None and not multiple(point, curve.identity, curve.order).is_identity()


def malformed_in_ciphertext(group: Group) -> bytes:
    """Give an encoding that a lenient decoder would take."""
    return next(bad.data for bad in bad_encodings(group) if bad.lenient)
