"""Find My: reports and keys (SPEC 14)."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from oracle import findmy as oracle
from oracle.refusals import NOT_MINE, Refused

from billboard import InvalidEncodingError, NotMine
from billboard.findmy import Key, KeySchedule, Report

from ..target import Source, Target, attempt, require, vectors

PRIVATE, SYMMETRIC = bytes(range(28)), bytes(range(32))
START_OF_2001 = 978_307_200


@functools.cache
def _key() -> Key:
    return KeySchedule(PRIVATE, SYMMETRIC).at(3)


def report(data: bytes) -> None:
    """Reports as they are or, so that what is behind the tag is reached, of any place."""
    source = Source(data)
    kind, encoded = source.number(), source.rest()
    if kind & 1:
        encoded = _laid_out(encoded)
    if kind & 2:
        encoded = encoded[:4] + b"\0" + encoded[4:]
    opened = attempt(
        encoded,
        lambda it: Report.decrypt(it, _key().private_key),
        InvalidEncodingError,
        NotMine,
    )
    expected = _expected(encoded)
    require((opened is None) == (expected is None), "which reports open, as the oracle has it")
    if opened is not None and expected is not None:
        require(_fields(opened) == expected, "what a report says")
        shown = repr(opened)
        require("latitude" not in shown and "longitude" not in shown, "a repr shows the place")
        again = opened.encrypt(_key().public_x, ephemeral=PRIVATE[::-1])
        require(oracle.open_report(_key().private_key, again) == expected, "it goes round")


def _laid_out(data: bytes) -> bytes:
    source = Source(data)
    place = oracle.Report(
        time=source.number(4),
        confidence=source.number(),
        latitude=source.number(4) - 2**31,
        longitude=source.number(4) - 2**31,
        accuracy=source.number(),
        status=source.number(),
    )
    return oracle.lay_out_report(_key().public_x, 1 + source.number(), place)


def _expected(encoded: bytes) -> oracle.Report | None:
    try:
        return oracle.open_report(_key().private_key, encoded)
    except Refused:
        return None


def _fields(opened: Report) -> oracle.Report:
    return oracle.Report(
        time=int(opened.time) - START_OF_2001,
        confidence=opened.confidence,
        latitude=round(opened.latitude * 10**7),
        longitude=round(opened.longitude * 10**7),
        accuracy=opened.accuracy,
        status=opened.status,
    )


def _reports() -> Iterator[bytes]:
    for encoded in list(vectors("findmy/open", "report"))[::3]:
        yield b"\0" + encoded
    middle = (2**31).to_bytes(4, "big")
    for latitude in (0, 900_000_000, 900_000_001):
        north = (2**31 + latitude).to_bytes(4, "big")
        yield b"\x01" + bytes(5) + north + middle + b"\x05\x01"
        yield b"\x03" + b"\xff" * 5 + north + north + b"\xff\xff\x07"


def schedule(data: bytes) -> None:
    source = Source(data)
    index, private, symmetric = source.number() % 16, source.part(), source.part()
    key = attempt(data, lambda _: KeySchedule(private, symmetric).at(index), InvalidEncodingError)
    try:
        expected = oracle.keys_at(private, symmetric, index)
    except Refused as error:
        require(error.outcome != NOT_MINE and key is None, "which secrets are refused")
        return
    require(key is not None, "which secrets are taken")
    if key is not None:
        derived = (key.symmetric_key, int.from_bytes(key.private_key, "big"), key.public_x)
        require(derived == expected[:3], "the keys, as the oracle has them")
        require(key.identifier == expected.identifier, "the identifier")
        require(repr(key) == f"<findmy.Key {key.identifier.hex()[:16]}..>", "the repr of a key")


def _schedules() -> Iterator[bytes]:
    for private in vectors("findmy/keys", "private_key"):
        yield b"\x02" + bytes([len(private)]) + private + b"\x20" + SYMMETRIC
    yield b"\0\x1c" + b"\xff" * 28 + b"\x20" + SYMMETRIC


TARGETS = {
    "findmy-report": Target(report, _reports, 120),
    "findmy-schedule": Target(schedule, _schedules, 120),
}
