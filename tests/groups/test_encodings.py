"""What the decoders of the groups refuse (SPEC 12.1), also under ``python -O``."""

from __future__ import annotations

import subprocess
import sys
from typing import Literal

import pytest

from billboard import InvalidEncodingError, groups

SEC1 = ("p256", "p224", "secp256k1")
FIELDS = {
    "p256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "p224": 2**224 - 2**96 + 1,
    "secp256k1": 2**256 - 2**32 - 977,
    "bls12_381": int(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624"
        "1eabfffeb153ffffb9feffffffffaaab",
        16,
    ),
}
CURVES = {
    "p256": (-3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B),
    "p224": (-3, 0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4),
    "secp256k1": (0, 7),
    "bls12_381": (0, 4),
}
COMPRESSED, IDENTITY, LARGER = 0x80, 0x40, 0x20

every_group = pytest.mark.parametrize("name", groups.NAMES)
every_curve = pytest.mark.parametrize("name", SEC1)


def refuses(name: str, encoding: bytes, problem: str = "is not a canonical element") -> None:
    group = groups.get(name)
    with pytest.raises(InvalidEncodingError, match=f"^element: {problem}") as caught:
        group.element_from_bytes(encoding)
    assert caught.value.field == "element"
    assert encoding[-8:].hex() not in str(caught.value) or len(encoding) < 8
    with pytest.raises(InvalidEncodingError, match=r"^X_1: "):
        group.element_from_bytes(encoding, "X_1")


def is_of_a_point(name: str, x: int) -> bool:
    (a, b), p = CURVES[name], FIELDS[name]
    return pow(x**3 + a * x + b, (p - 1) // 2, p) != p - 1


# Scalars


@every_group
def test_scalars_of_the_order_or_more_are_refused(name: str) -> None:
    group = groups.get(name)
    order: Literal["little", "big"] = "little" if name == "ristretto255" else "big"
    size = group.scalar_size
    below = (group.order - 1).to_bytes(size, order)
    assert group.scalar_from_bytes(below) == group.scalar(-1)
    assert bytes(group.scalar(-1)) == below
    assert group.scalar_from_bytes(bytes(size)).is_zero
    assert int(group.scalar_from_bytes((2).to_bytes(size, order))) == 2
    for number in (group.order, group.order + 1, 2 ** (8 * size) - 1):
        with pytest.raises(InvalidEncodingError, match=r"^scalar: is not a canonical scalar$"):
            group.scalar_from_bytes(number.to_bytes(size, order))
        with pytest.raises(InvalidEncodingError, match=r"^x_1: is not a canonical scalar$"):
            group.scalar_from_bytes(number.to_bytes(size, order), "x_1")


@every_group
def test_other_lengths_are_refused(name: str) -> None:
    group = groups.get(name)
    element, scalar = bytes(group.generator), bytes(group.scalar(2))
    for size in range(2 * group.element_size + 2):
        if size != group.element_size:
            problem = f"must be {group.element_size} bytes, not {size}$"
            refuses(name, (element * 3)[:size], problem)
            refuses(name, bytes(size), problem)
        if size != group.scalar_size:
            with pytest.raises(
                InvalidEncodingError, match=f"must be {group.scalar_size} bytes, not {size}$"
            ):
                group.scalar_from_bytes((scalar * 4)[:size])
        if group.embedding_size and size != group.embedding_size:
            with pytest.raises(InvalidEncodingError, match=f"^data: must be .* not {size}$"):
                group.embed(bytes(size))


@every_group
def test_what_is_no_bytes_is_a_type_error(name: str) -> None:
    group = groups.get(name)
    decoders = [group.element_from_bytes, group.scalar_from_bytes]
    if group.embedding_size:
        decoders.append(group.embed)  # type: ignore[arg-type]
    size = group.element_size
    for wrong in (None, 0, "0" * size, [0] * size, (2,) * size, bytearray(size), memoryview(b"")):
        for decode in decoders:
            with pytest.raises(TypeError):
                decode(wrong)  # type: ignore[arg-type]


# Elements


@every_group
def test_one_encoding_of_the_identity(name: str) -> None:
    group = groups.get(name)
    encoding = bytes(group.identity)
    if name != "bls12_381":
        assert encoding == bytes(group.element_size)
    else:
        assert encoding == bytes([COMPRESSED | IDENTITY]) + bytes(47)
    assert group.element_from_bytes(encoding).is_identity
    for position in range(8 * group.element_size):
        stray = int.from_bytes(encoding, "big") ^ (1 << position)
        data = stray.to_bytes(group.element_size, "big")
        if name == "ristretto255":
            continue  # some are of other elements: tests/test_group.py
        if name == "bls12_381" and data[0] == COMPRESSED:
            assert is_of_a_point(name, 0)  # outside of the group
            refuses(name, data, "is a point outside of the group")
        elif data[0] in (2, 3):
            if is_of_a_point(name, 0):
                assert bytes(group.element_from_bytes(data)) == data
            else:
                refuses(name, data)
        else:
            refuses(name, data)


@every_curve
def test_only_02_and_03_begin_an_element(name: str) -> None:
    group = groups.get(name)
    encoding = bytes(group.generator)
    for first in range(256):
        data = bytes([first]) + encoding[1:]
        if first in (2, 3):
            decoded = group.element_from_bytes(data)
            assert decoded in (group.generator, -group.generator)
            assert bytes(decoded) == data
        else:
            refuses(name, data)


@every_curve
def test_an_x_of_the_field_or_more_is_refused(name: str) -> None:
    group, p = groups.get(name), FIELDS[name]
    size = group.element_size - 1
    seen = set()
    for x in range(40):
        below, above = x.to_bytes(size, "big"), (p + x).to_bytes(size, "big")
        for first in (b"\2", b"\3"):
            if is_of_a_point(name, x):
                assert bytes(group.element_from_bytes(first + below)) == first + below
            else:
                refuses(name, first + below)
            refuses(name, first + above)
        seen.add(is_of_a_point(name, x))
    assert seen == {True, False}
    refuses(name, b"\2" + b"\xff" * size)


@every_curve
def test_the_other_forms_of_sec_1_are_refused(name: str) -> None:
    group = groups.get(name)
    x = bytes(group.generator)[1:]
    for data in (b"\0", b"\4" + x + x, b"\6" + x + x, b"\4" + x, b"\5" + x, x, b""):
        with pytest.raises(InvalidEncodingError):
            group.element_from_bytes(data)


def bls(x: int, flags: int = COMPRESSED) -> bytes:
    return (x + (flags << 376)).to_bytes(48, "big")


def test_the_flags_of_bls12_381() -> None:
    group = groups.get("bls12_381")
    x = int.from_bytes(bytes(group.generator), "big") % 2**381
    assert bytes(group.generator) == bls(x)
    assert group.element_from_bytes(bls(x, COMPRESSED | LARGER)) == -group.generator
    for flags in range(0, 256, 32):
        if flags not in (COMPRESSED, COMPRESSED | LARGER):
            refuses("bls12_381", bls(x, flags))
    for flags in (0, IDENTITY, LARGER, COMPRESSED | IDENTITY | LARGER, IDENTITY | LARGER):
        refuses("bls12_381", bls(0, flags))
    refuses("bls12_381", bls(1, COMPRESSED | IDENTITY))


def test_an_x_of_no_point_of_bls12_381_is_refused() -> None:
    p = FIELDS["bls12_381"]
    without = [x for x in range(40) if not is_of_a_point("bls12_381", x)]
    assert len(without) > 10
    for x in without:
        refuses("bls12_381", bls(x))
        refuses("bls12_381", bls(x, COMPRESSED | LARGER))
    for x in range(5):
        refuses("bls12_381", bls(p + x))
    refuses("bls12_381", bls(2**381 - 1))


def test_points_of_another_order_are_refused() -> None:
    """Most of the curve: its cofactor is 0x396c8c005555e1568c00aaab0000aaab."""
    outside = [x for x in range(25) if is_of_a_point("bls12_381", x)]
    assert len(outside) > 5
    for x in outside:
        for flags in (COMPRESSED, COMPRESSED | LARGER):
            refuses("bls12_381", bls(x, flags), "is a point outside of the group")


def test_a_point_of_order_3_of_bls12_381_is_refused() -> None:
    """(0, 2): tripled it is the identity, and 3 divides the cofactor."""
    refuses("bls12_381", bls(0), "is a point outside of the group")


# What python -O leaves

SCRIPT = r"""
from billboard import groups
from billboard.errors import GroupMismatchError, InvalidEncodingError, UnsupportedError

if __debug__:
    raise SystemExit("not optimized")
refused = 0


def refuses(error, action, *values):
    global refused
    try:
        action(*values)
    except error:
        refused += 1
    else:
        raise SystemExit(f"check {refused + 1} is gone")


all_groups = [groups.get(name) for name in groups.NAMES]
for number, group in enumerate(all_groups):
    other, size = all_groups[number - 1], group.element_size
    g, one = group.generator, group.scalar(1)
    for data in (b"", bytes(size - 1), bytes(size + 1), b"\xff" * size, b"\1" + bytes(size - 1)):
        refuses(InvalidEncodingError, group.element_from_bytes, data)
    for data in (b"", bytes(size - 1) * 2, b"\xff" * group.scalar_size):
        refuses(InvalidEncodingError, group.scalar_from_bytes, data)
    refuses(TypeError, group.element_from_bytes, [2] * size)
    refuses(TypeError, group.scalar_from_bytes, [0] * group.scalar_size)
    for left, right in ((g, other.generator), (one, other.scalar(1)), (g, other.scalar(1))):
        refuses(GroupMismatchError, lambda: left + right)
        refuses(GroupMismatchError, lambda: left - right)
        refuses(GroupMismatchError, lambda: left * right)
        refuses(GroupMismatchError, lambda: right * left)
    refuses(GroupMismatchError, group.mul_generator, other.scalar(1))
    refuses(TypeError, lambda: g + 5)
    refuses(TypeError, lambda: g * 5)
    refuses(TypeError, lambda: g * g)
    refuses(ZeroDivisionError, group.scalar(0).invert)
    refuses(InvalidEncodingError, group.hash_to_scalar, b"", b"")
    if group.embedding_size:
        refuses(InvalidEncodingError, group.embed, b"")
        refuses(GroupMismatchError, group.extract, other.generator)
for name in SEC1:
    group = groups.get(name)
    wrong = 0
    for x in range(20):
        data = b"\2" + x.to_bytes(group.element_size - 1, "big")
        try:
            canonical = bytes(group.element_from_bytes(data)) == data
        except InvalidEncodingError:
            wrong += 1
        else:
            if not canonical:
                raise SystemExit("not canonical")
    if not 3 < wrong < 17:
        raise SystemExit(f"{wrong} of 20 were refused")
    refuses(InvalidEncodingError, group.extract, group.identity)
refuses(UnsupportedError, groups.get("p224").hash_to_element, b"", b"dst")
refuses(UnsupportedError, groups.get("bls12_381").embed, b"")
refuses(InvalidEncodingError, groups.get("bls12_381").element_from_bytes, b"\x80" + bytes(47))
refuses(UnsupportedError, groups.get, "p521")
print("refused", refused)
"""


def test_refusals_do_not_depend_on_asserts() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-c", f"SEC1 = {SEC1}\n{SCRIPT}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    each_group = 5 + 3 + 2 + 3 * 4 + 1 + 3 + 1 + 1
    embedding = [each for each in groups.NAMES if groups.get(each).embedding_size]
    count = len(groups.NAMES) * each_group + len(embedding) * 2 + len(SEC1) + 4
    assert done.stdout == f"refused {count}\n"
