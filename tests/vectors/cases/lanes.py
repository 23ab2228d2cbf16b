"""lanes.json: schedules, grants and the payload of a lane, SPEC 7 and 11."""

from collections.abc import Sequence
from typing import Any

from oracle import lanes
from oracle.notation import CLASS_H, CLASS_L, be8, be16, be32
from oracle.operations import Json
from oracle.ristretto255 import ORDER, encode_scalar

from vectors.cases import forgeries
from vectors.cases.casebook import Casebook
from vectors.cases.material import DAY, EPOCH, LANE, ORIGIN, draw, draw_element, replaced

PAYLOAD = lanes.encode_lane(LANE)
GRANT = lanes.encode_grant(LANE.grant)
LAST_EPOCH = 2**32 - 1


def _schedules(book: Casebook) -> None:
    for offset, slots in ((0, (0, 1, 2, 15)), (1, (0, 1, 15)), (5, (0, 1, 15)), (4096, (0, 1, 15))):
        for slot in slots:
            name = f"epoch-plus-{offset}-slot-{slot}"
            comment = f"epoch b + {offset}, slot {slot}"
            values: Json = {"epoch": EPOCH + offset, "slot": slot}
            book.valid("lane/schedule", name, comment, lane=PAYLOAD, **values)
            book.valid("lane/schedule-public", name, comment, grant=GRANT, **values)
    later = lanes.encode_grant(lanes.grant_at(LANE, EPOCH + 5))
    for offset in (5, 6):
        name, values = f"late-grant-epoch-plus-{offset}", {"epoch": EPOCH + offset, "slot": 1}
        comment = "from a grant of epoch b + 5: the same keys"
        book.valid("lane/schedule-public", name, comment, grant=later, **values)
    grant = lanes.encode_grant(_at(LAST_EPOCH).grant)
    values = {"grant": grant, "epoch": LAST_EPOCH, "slot": 0}
    book.valid("lane/schedule-public", "last-epoch", "the last of all epochs", **values)
    for offset in (0, 1):
        comment = f"all slots of epoch b + {offset}"
        values = {"grant": GRANT, "epoch": EPOCH + offset}
        book.valid("lane/identifiers", f"epoch-plus-{offset}", comment, **values)


def _at(epoch: int) -> lanes.Lane:
    return LANE._replace(channel=LANE.channel._replace(epoch=epoch))


def _refused_schedules(book: Casebook) -> None:
    for name, comment, reason, epoch, slot in (
        ("before", "the epoch before b", "epoch-before", EPOCH - 1, 0),
        ("epoch-0", "epoch 0", "epoch-before", 0, 0),
        ("too-far", "epoch b + 4097", "epoch-too-far", EPOCH + 4097, 0),
        ("slot-16", "slot 16", "slot-out-of-range", EPOCH, 16),
        ("slot-255", "slot 255", "slot-out-of-range", EPOCH, 255),
    ):
        values: Json = {"epoch": epoch, "slot": slot}
        book.refused("lane/schedule", name, comment, reason, lane=PAYLOAD, **values)
        book.refused("lane/schedule-public", name, comment, reason, grant=GRANT, **values)
    last = {"epoch": LAST_EPOCH, "slot": 0}
    comment, reason = "the last of all epochs, from far before it", "epoch-too-far"
    book.refused("lane/schedule", "last-epoch", comment, reason, False, lane=PAYLOAD, **last)
    for name, epoch, reason in (
        ("before", EPOCH - 1, "epoch-before"),
        ("too-far", EPOCH + 4097, "epoch-too-far"),
    ):
        values = {"lane": PAYLOAD, "epoch": epoch}
        book.refused("grant/from-lane", name, f"the epoch: {name}", reason, **values)


def _highest_slots(book: Casebook) -> None:
    names = lanes.identifiers(LANE.grant, EPOCH + 1)
    earlier = lanes.identifiers(LANE.grant, EPOCH)
    for name, comment, found in (
        ("none", "nothing found", []),
        ("zero", "slot 0 only", [names[0]]),
        ("two", "slots 0, 2 and 1", [names[0], names[2], names[1]]),
        ("gap", "slots 0 and 15", [names[15], names[0]]),
        ("other-epoch", "slot 9 of the epoch before does not count", [earlier[9], names[1]]),
        ("strangers", "identifiers of others", [draw("stranger"), names[0], draw("stranger 2")]),
    ):
        values: Json = {"grant": GRANT, "epoch": EPOCH + 1, "found": found}
        book.valid("lane/highest-slot", name, comment, **values)


def _encodings(book: Casebook) -> None:
    def add(
        name: str, comment: str, epoch_length: int, epoch: int, origin: str, n: int = CLASS_L
    ) -> None:
        channel = lanes.Channel(n, epoch_length, epoch, draw("lane key"), origin.encode())
        lane = LANE._replace(channel=channel)
        values: Json = {
            "epoch_length": epoch_length,
            "epoch": epoch,
            "origin": origin,
            "class": n,
        }
        values["key"] = channel.key
        secret, public = encode_scalar(lane.secret), lane.grant.public
        data = book.valid("lane/encode", name, comment, secret=secret, **values)["lane"]
        book.valid("lane/decode", name, comment, lane=data)
        data = book.valid("grant/encode", name, comment, public=public, **values)["grant"]
        book.valid("grant/decode", name, comment, grant=data)

    add("plain", "the default epoch length", DAY, EPOCH, ORIGIN)
    add("shortest-epoch", "E = 60", 60, EPOCH, ORIGIN)
    add("longest-epoch", "E = 2^32 - 1", 2**32 - 1, EPOCH, ORIGIN)
    add("epoch-0", "epoch 0", DAY, 0, ORIGIN)
    add("last-epoch", "epoch 2^32 - 1", DAY, LAST_EPOCH, ORIGIN)
    add("origin-1", "an origin of one character", DAY, EPOCH, "!")
    add("origin-255", "an origin of 255 characters", DAY, EPOCH, "~" * 255)
    for n in (2, 3, 38):
        add(f"class-{n}", f"class {n}", DAY, EPOCH, ORIGIN, n)
    for offset in (0, 3, 4096):
        comment = f"a grant from epoch b + {offset}"
        values: Json = {"lane": PAYLOAD, "epoch": EPOCH + offset}
        book.valid("grant/from-lane", f"epoch-plus-{offset}", comment, **values)


def _refused_encodings(book: Casebook) -> None:
    for what, good in (("lane", PAYLOAD), ("grant", GRANT)):
        for name, reason, data in _bad_channels(good):
            values: Json = {what: data}
            book.refused(f"{what}/decode", name, name.replace("-", " "), reason, **values)
    secret = encode_scalar(LANE.secret)
    for name, reason, bad in (
        ("secret-zero", "secret-zero", bytes(32)),
        ("secret-order-plus-1", "secret-not-canonical", (ORDER + 1).to_bytes(32, "little")),
        ("secret-raised", "secret-not-canonical", forgeries.raised(secret)),
    ):
        data = replaced(PAYLOAD, 11, bad)
        book.refused("lane/decode", name, f"d_0: {name}", reason, lane=data)
    public = LANE.grant.public
    for name, reason, bad in (
        ("public-negated", "public-not-canonical", forgeries.negated(public)),
        ("public-high-bit", "public-not-canonical", forgeries.high_bit(public)),
        ("public-identity", "public-identity", bytes(32)),
    ):
        data = replaced(GRANT, 11, bad)
        book.refused("grant/decode", name, f"P_0: {name}", reason, grant=data)


def _bad_channels(good: bytes) -> list[tuple[str, str, bytes]]:
    def with_origin(origin: bytes) -> bytes:
        return good[:75] + bytes([len(origin)]) + origin

    return [
        ("version-0", "version", b"\0" + good[1:]),
        ("version-2", "version", b"\2" + good[1:]),
        ("suite-0", "suite-unknown", replaced(good, 1, b"\0")),
        ("suite-2", "suite-unknown", replaced(good, 1, b"\2")),
        ("class-0", "class-unknown", replaced(good, 2, b"\0")),
        ("class-7", "class-unknown", replaced(good, 2, b"\7")),
        ("class-9", "class-unknown", replaced(good, 2, b"\x09")),
        ("class-4", "class-unknown", replaced(good, 2, b"\4")),
        ("class-255", "class-unknown", replaced(good, 2, b"\xff")),
        ("epoch-length-0", "epoch-length", replaced(good, 3, be32(0))),
        ("epoch-length-59", "epoch-length", replaced(good, 3, be32(59))),
        ("origin-empty", "origin-length", with_origin(b"")),
        ("origin-space", "origin-character", with_origin(b"board example")),
        ("origin-newline", "origin-character", with_origin(b"board.example\n")),
        ("origin-zero-byte", "origin-character", with_origin(b"board.example\0")),
        ("origin-delete", "origin-character", with_origin(b"board.example\x7f")),
        ("origin-utf-8", "origin-character", with_origin("bőard.example".encode())),
        ("origin-longer", "wrong-length", replaced(good, 75, bytes([len(ORIGIN) + 1]))),
        ("origin-shorter", "wrong-length", replaced(good, 75, bytes([len(ORIGIN) - 1]))),
        ("length-0", "wrong-length", b""),
        ("length-75", "wrong-length", good[:75]),
        ("length-76", "wrong-length", good[:76]),
        ("a-byte-less", "wrong-length", good[:-1]),
        ("a-byte-more", "wrong-length", good + b"x"),
    ]


def _grant(device: int, **changes: Any) -> bytes:
    """A grant to a lane of a user's device, all of which differ."""
    channel = LANE.channel._replace(key=draw(f"lane key of device {device}"), **changes)
    return lanes.encode_grant(lanes.Grant(channel, draw_element(f"P_0 of device {device}")))


def _of_devices(grants: Sequence[bytes], count: int | None = None, version: int = 1) -> bytes:
    """The encoding of grants, whatever they are."""
    head = be8(version) + be8(len(grants) if count is None else count)
    return head + b"".join(be16(len(grant)) + grant for grant in grants)


def _several(book: Casebook) -> None:
    of_h = [_grant(device, n=CLASS_H) for device in range(2)]
    longest = [_grant(device, origin=b"~" * 255) for device in range(8)]
    later = [_grant(0), _grant(1, epoch=EPOCH + 5), _grant(2, epoch=0)]
    for name, comment, grants in (
        ("one", "one device", [_grant(0)]),
        ("two", "two devices", [_grant(0), _grant(1)]),
        ("two-in-other-order", "the same two in the other order", [_grant(1), _grant(0)]),
        ("eight", "eight devices", [_grant(device) for device in range(8)]),
        ("class-h", "class H, E = 86,400", of_h),
        ("longest", "eight devices, an origin of 255 characters", longest),
        ("other-epochs", "grants from different epochs", later),
    ):
        encoding = book.valid("grants/encode", name, comment, grants=grants)["encoding"]
        book.valid("grants/decode", name, comment, encoding=encoding)


def _refused_several(book: Casebook) -> None:
    two = [_grant(0), _grant(1)]
    for name, comment, reason, grants in (
        ("none", "no device", "grant-count", []),
        ("nine", "nine devices", "grant-count", [_grant(device) for device in range(9)]),
        ("origins", "two boards", "grant-origins", [_grant(0), _grant(1, origin=b"board.exampld")]),
        (
            "origin-case",
            "origins that differ in case only",
            "grant-origins",
            [_grant(0), _grant(1, origin=b"Board.example")],
        ),
        (
            "epoch-lengths",
            "two epoch lengths, the last of three",
            "grant-epoch-lengths",
            [*two, _grant(2, epoch_length=DAY + 1)],
        ),
        ("classes", "two classes", "grant-classes", [_grant(0), _grant(1, n=CLASS_H)]),
    ):
        book.refused("grants/encode", name, comment, reason, grants=grants)
        values: Json = {"encoding": _of_devices(grants)}
        book.refused("grants/decode", name, comment, reason, **values)
    for name, comment, reason, data in _bad_encodings_of_several(two):
        book.refused("grants/decode", name, comment, reason, encoding=data)


def _bad_encodings_of_several(two: list[bytes]) -> list[tuple[str, str, str, bytes]]:
    good, first = _of_devices(two), two[0]
    identity = replaced(first, 11, bytes(32))
    a_byte_less, a_byte_more = two[1][:-1], two[1] + b"x"
    return [
        ("version-0", "version 0", "version", _of_devices(two, version=0)),
        ("version-2", "version 2", "version", _of_devices(two, version=2)),
        ("empty", "nothing", "wrong-length", b""),
        ("length-1", "no count", "wrong-length", good[:1]),
        ("one-of-two", "two devices, and one grant", "wrong-length", _of_devices([first], 2)),
        ("two-of-one", "one device, and two grants", "wrong-length", _of_devices(two, 1)),
        ("grants-of-none", "no device, and two grants", "wrong-length", _of_devices(two, 0)),
        ("count-255", "255 devices, and two grants", "wrong-length", _of_devices(two, 255)),
        ("half-a-length", "a byte of the second length", "wrong-length", good[: 5 + len(first)]),
        ("length-only", "no second grant", "wrong-length", good[: 6 + len(first)]),
        ("a-byte-less", "a byte less", "wrong-length", good[:-1]),
        ("a-byte-more", "a byte more", "wrong-length", good + b"x"),
        (
            "length-beyond",
            "a length that goes beyond the end, by a byte",
            "wrong-length",
            replaced(good, 4 + len(first), be16(len(two[1]) + 1)),
        ),
        (
            "length-beyond-only",
            "as the only one",
            "wrong-length",
            be8(1) + be8(1) + be16(2**16 - 1) + first,
        ),
        ("grant-shorter", "a grant without its end", "wrong-length", _of_devices([a_byte_less])),
        ("grant-longer", "a grant and a byte", "wrong-length", _of_devices([first, a_byte_more])),
        ("grant-empty", "an empty grant", "wrong-length", _of_devices([first, b""])),
        ("grant-version", "a grant of version 2", "version", _of_devices([b"\2" + first[1:]])),
        ("grant-identity", "P_0 is the identity", "public-identity", _of_devices([identity])),
        ("one-grant", "a grant by itself", "wrong-length", first),
    ]


def build() -> Casebook:
    """Build the file."""
    book = Casebook("lanes")
    _schedules(book)
    _refused_schedules(book)
    _highest_slots(book)
    _encodings(book)
    _refused_encodings(book)
    _several(book)
    _refused_several(book)
    return book
