"""Tiles and bundles of entries of a log (C2SP tlog-tiles), SPEC 9.3."""

from collections.abc import Sequence

from .merkle import root_of
from .notation import be16
from .refusals import Refused

WIDTH = 256


def path(level: int | None, index: int, width: int = WIDTH) -> str:
    """Give the name of a tile, or of a bundle of entries if there is no level."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    below = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{'entries' if level is None else level}/{below}{partial}"


def paths(size: int) -> list[str]:
    """List all tiles and bundles of a log of a size."""
    found, level, count = _row(None, size), 0, size
    while count:
        found += _row(level, count)
        level, count = level + 1, count // WIDTH
    return found


def _row(level: int | None, count: int) -> list[str]:
    full, rest = divmod(count, WIDTH)
    return [path(level, i) for i in range(full)] + ([path(level, full, rest)] if rest else [])


def tile(leaves: Sequence[bytes], level: int, index: int) -> list[bytes]:
    """Give the hashes of a tile of the log that has these hashes of leaves."""
    each, count = WIDTH**level, len(leaves) // WIDTH**level
    places = range(index * WIDTH, min((index + 1) * WIDTH, count))
    return [root_of(leaves[i * each : (i + 1) * each]) for i in places]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """Encode a bundle of entries."""
    return b"".join(be16(len(entry)) + entry for entry in entries)


def decode_entries(data: bytes, count: int) -> list[bytes]:
    """Split a bundle that is to have so many entries."""
    entries = []
    while data:
        if len(data) < 2:
            raise Refused("wrong-length")
        end = 2 + int.from_bytes(data[:2], "big")
        if len(data) < end:
            raise Refused("wrong-length")
        entries.append(data[2:end])
        data = data[end:]
    if len(entries) != count:
        raise Refused("entry-count")
    return entries
