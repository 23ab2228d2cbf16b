"""Entries of the master log, and the index of an edition (SPEC 9.3, 9.5)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from billboard import BoardParameters, FrameClass, InvalidEncodingError
from billboard.board.manifest import (
    LARGEST_DESCRIPTOR,
    Descriptor,
    Edition,
    Index,
    Leaf,
    decode_leaf,
    edition_origin,
    edition_prefix,
    encode_leaf,
)
from billboard.tlog.note import encode_base64

ORIGIN = "example.org/board"

hashes = st.binary(min_size=32, max_size=32)
editions = st.builds(
    Edition,
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**40),
    st.integers(1, 2**40).map(lambda bundles: 256 * bundles),
    hashes,
    hashes,
    st.integers(0, 2**63 - 1),
)
descriptors = st.builds(Descriptor, st.binary(min_size=1, max_size=300))
parameters = st.integers(60, 2**32 - 1).flatmap(
    lambda length: st.builds(
        BoardParameters,
        st.just(ORIGIN),
        st.just(length),
        st.sampled_from(FrameClass),
        st.integers(1, length - min(3600, length // 2)),  # no last edition comes too late
    )
)


@given(editions | descriptors | parameters)
def test_what_is_encoded_decodes_to_the_same(leaf: Leaf) -> None:
    data = encode_leaf(ORIGIN, leaf)
    assert decode_leaf(ORIGIN, data) == leaf
    with pytest.raises(InvalidEncodingError, match="is not one of"):
        decode_leaf("example.org/other", data)


@given(editions | parameters)
def test_no_beginning_of_an_entry_is_an_entry(leaf: Leaf) -> None:
    data = encode_leaf(ORIGIN, leaf)
    for end in range(len(data)):
        with pytest.raises(InvalidEncodingError):
            decode_leaf(ORIGIN, data[:end])
    for more in (b"\n", b"x", b"\0"):
        with pytest.raises(InvalidEncodingError):
            decode_leaf(ORIGIN, data + more)


@given(editions | parameters, st.data())
def test_an_entry_that_is_changed_is_refused_or_another(leaf: Leaf, data: st.DataObject) -> None:
    encoded = bytearray(encode_leaf(ORIGIN, leaf))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        decoded = decode_leaf(ORIGIN, bytes(encoded))
    except InvalidEncodingError:
        return
    assert decoded != leaf
    assert encode_leaf(ORIGIN, decoded) == encoded


def test_entries_as_the_specification_has_them() -> None:
    root, index_hash = bytes(range(32)), bytes(32)
    edition = Edition(20_000, 3, 512, root, index_hash, 1_728_010_800)
    lines = [
        "billboard/edition@v1",
        ORIGIN,
        "20000",
        "3",
        "512",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "1728010800",
    ]
    assert encode_leaf(ORIGIN, edition) == "".join(f"{line}\n" for line in lines).encode()
    board = BoardParameters(ORIGIN, 86_400, FrameClass.XL, 60)
    assert encode_leaf(ORIGIN, board) == f"billboard/board@v1\n{ORIGIN}\n86400\nXL\n60\n".encode()
    assert (
        encode_leaf(ORIGIN, Descriptor(b"\n\xff"))
        == f"billboard/descriptor@v1\n{ORIGIN}\n\n".encode() + b"\xff"
    )
    assert edition_prefix(20_000, 3) == "20000/3/"
    assert edition_origin(ORIGIN, 20_000, 3) == "example.org/board/20000/3"


HASH = encode_base64(bytes(32))
GOOD = ["billboard/edition@v1", ORIGIN, "1", "2", "256", HASH, HASH, "3"]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (0, "billboard/edition@v2"),
        (0, "billboard/descriptor"),
        (2, "01"),
        (2, "-1"),
        (2, "+1"),
        (2, ""),
        (2, " 1"),
        (2, "\u0661"),
        (2, str(2**32)),
        (3, str(2**63)),
        (4, "0"),
        (4, "255"),
        (4, "257"),
        (5, HASH[:-1]),
        (5, HASH[:-4]),
        (6, HASH + HASH),
        (6, HASH.replace("A=", "B=")),
        (7, "3.0"),
        (7, "3\r"),
    ],
)
def test_malformed_manifests(line: int, value: str) -> None:
    lines = GOOD.copy()
    decode_leaf(ORIGIN, "".join(f"{each}\n" for each in lines).encode())
    lines[line] = value
    with pytest.raises(InvalidEncodingError):
        decode_leaf(ORIGIN, "".join(f"{each}\n" for each in lines).encode())


@pytest.mark.parametrize("lines", [["59", "L", "1"], ["60", "M", "1"], ["60", "L", "0"]])
def test_malformed_boards(lines: list[str]) -> None:
    text = "".join(f"{each}\n" for each in ["billboard/board@v1", ORIGIN, *lines])
    with pytest.raises(InvalidEncodingError):
        decode_leaf(ORIGIN, text.encode())


@pytest.mark.parametrize("size", [0, LARGEST_DESCRIPTOR + 1])
def test_the_size_of_a_descriptor(size: int) -> None:
    with pytest.raises(InvalidEncodingError, match="60000 bytes"):
        Descriptor(bytes(size))
    with pytest.raises(InvalidEncodingError):
        decode_leaf(ORIGIN, f"billboard/descriptor@v1\n{ORIGIN}\n".encode() + bytes(size))
    assert len(Descriptor(bytes(LARGEST_DESCRIPTOR)).data) == LARGEST_DESCRIPTOR


identifiers = st.lists(
    st.tuples(st.sampled_from([b"\0", b"\1", b"\xff"]), st.integers(0, 2**16)).map(
        lambda parts: parts[0] * 8 + parts[1].to_bytes(24, "big")
    ),
    unique=True,
    min_size=1,
    max_size=60,
).map(sorted)


@given(identifiers, st.sampled_from([b"\0", b"\1", b"\2", b"\xff"]), st.integers(0, 2**16))
def test_the_index_leads_to_the_bundle(found: list[bytes], first: bytes, rest: int) -> None:
    """Bundles of three, of identifiers that often begin with the same 8 bytes."""
    bundles = [found[start : start + 3] for start in range(0, len(found), 3)]
    index = Index(b"".join(bundle[0][:8] for bundle in bundles))
    for identifier in [first * 8 + rest.to_bytes(24, "big"), *found]:
        candidates = index.bundles_of(identifier)
        assert len(candidates) > 0
        reached = next(
            (each for each in candidates if bundles[each][0] <= identifier), candidates[-1]
        )
        expected = max(
            (at for at, bundle in enumerate(bundles) if bundle[0] <= identifier), default=0
        )
        assert reached == expected
        assert (identifier in bundles[reached]) == (identifier in found)


@pytest.mark.parametrize("data", ["", "00", "00" * 7, "00" * 9, "01" * 8 + "00" * 8])
def test_malformed_indexes(data: str) -> None:
    with pytest.raises(InvalidEncodingError, match=re.escape("index")):
        Index(bytes.fromhex(data))
