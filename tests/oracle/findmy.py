"""Apple's Find My: the keys of an accessory and its location reports, SPEC 14."""

import hashlib
from typing import NamedTuple

from .aes_gcm import gcm_open, gcm_seal
from .curves import P224, Point
from .notation import be8, be32
from .refusals import NOT_MINE, Refused, require, require_length

LAST_INDEX = 2**20
LENGTH = 88


class Keys(NamedTuple):
    """The keys of one index of a schedule, SPEC 14.1."""

    symmetric_key: bytes
    private_key: int
    public_key: bytes
    identifier: bytes


class Report(NamedTuple):
    """What a report says, SPEC 14.2."""

    time: int
    confidence: int
    latitude: int
    longitude: int
    accuracy: int
    status: int


def kdf(secret: bytes, shared_info: bytes, length: int) -> bytes:
    """KDF of ANSI X9.63 with SHA-256."""
    blocks = range(1, -(-length // 32) + 1)
    hashes = [hashlib.sha256(secret + be32(i) + shared_info).digest() for i in blocks]
    return b"".join(hashes)[:length]


def x_of(point: Point) -> bytes:
    """Give x(P)."""
    return point.affine()[0].to_bytes(28, "big")


def decode_secret(data: bytes, reason: str = "private-key-range") -> int:
    """Decode a private key d, or an ephemeral e, from 1 to q - 1."""
    require_length(data, 28)
    secret = int.from_bytes(data, "big")
    require(0 < secret < P224.order, reason)
    return secret


def symmetric_key(first: bytes, index: int) -> bytes:
    """Give SK_i, SPEC 14.1."""
    require_length(first, 32)
    require(0 <= index <= LAST_INDEX, "index-out-of-range")
    key = first
    for _ in range(index):
        key = kdf(key, b"update", 32)
    return key


def diversifiers(key: bytes) -> tuple[int, int]:
    """Give u_i and v_i, SPEC 14.1."""
    w = kdf(key, b"diversify", 72)
    u, v = (int.from_bytes(half, "big") % (P224.order - 1) + 1 for half in (w[:36], w[36:]))
    return u, v


def keys_at(private: bytes, first_symmetric_key: bytes, index: int) -> Keys:
    """Derive the keys of an index from d_0 and SK_0, SPEC 14.1."""
    d_0 = decode_secret(private)
    key = symmetric_key(first_symmetric_key, index)
    u, v = diversifiers(key)
    d = (u * d_0 + v) % P224.order
    if d == 0:
        raise Refused("derived-zero")
    public = x_of(P224.times_generator(d))
    return Keys(key, d, public, hashlib.sha256(public).digest())


def _key_and_iv(shared: Point, ephemeral: bytes) -> tuple[bytes, bytes]:
    derived = kdf(x_of(shared), ephemeral, 32)
    return derived[:16], derived[16:]


def encode_place(report: Report) -> bytes:
    """Encode the plaintext of a report."""
    coordinates = (report.latitude, report.longitude)
    encoded = b"".join(degrees.to_bytes(4, "big", signed=True) for degrees in coordinates)
    return encoded + be8(report.accuracy) + be8(report.status)


def check_place(report: Report) -> None:
    """Refuse a place that is not on Earth."""
    require(abs(report.latitude) <= 90 * 10**7, "latitude")
    require(abs(report.longitude) <= 180 * 10**7, "longitude")


def encrypt_report(public: bytes, ephemeral: int, report: Report) -> bytes:
    """Make a report, SPEC 14.2, with the secret e given."""
    require(0 <= report.time < 2**32, "time")
    check_place(report)
    return lay_out_report(public, ephemeral, report)


def lay_out_report(public: bytes, ephemeral: int, report: Report, form: int = 4) -> bytes:
    """Make a report of any time and place, with any first byte of E."""
    require_length(public, 28)
    x = int.from_bytes(public, "big")
    point = P224.lift(x) if x < P224.p else None
    if point is None:
        raise Refused("public-no-point")
    ephemeral_x, ephemeral_y = P224.times_generator(ephemeral).affine()
    uncompressed = be8(form) + ephemeral_x.to_bytes(28, "big") + ephemeral_y.to_bytes(28, "big")
    key, iv = _key_and_iv(point.times(ephemeral), uncompressed)
    head = be32(report.time % 2**32) + be8(report.confidence)
    return head + uncompressed + gcm_seal(key, iv, encode_place(report))


def open_report(private: bytes, data: bytes) -> Report:
    """Open a report with d_i, SPEC 14.2."""
    d = decode_secret(private)
    if len(data) == LENGTH + 1:
        data = data[:4] + data[5:]
    require_length(data, LENGTH)
    ephemeral, box = data[5:62], data[62:]
    x, y = int.from_bytes(ephemeral[1:29], "big"), int.from_bytes(ephemeral[29:], "big")
    require(ephemeral[0] == 4, "ephemeral-form")
    if not P224.has(x, y):
        raise Refused("ephemeral-not-on-curve")
    place = gcm_open(*_key_and_iv(Point(P224, x, y, 1).times(d), ephemeral), box)
    if place is None:
        raise Refused("box", NOT_MINE)
    latitude = int.from_bytes(place[:4], "big", signed=True)
    longitude = int.from_bytes(place[4:8], "big", signed=True)
    report = Report(
        int.from_bytes(data[:4], "big"), data[4], latitude, longitude, place[8], place[9]
    )
    check_place(report)
    return report
