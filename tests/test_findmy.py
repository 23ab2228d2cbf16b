"""Find My: known answers, PyPI FindMy in both directions, and what is refused (SPEC 14)."""

from __future__ import annotations

import base64
import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from findmy import FindMyAccessory, KeyPair, KeyPairType
from findmy.reports import LocationReport
from findmy.util import crypto
from hypothesis import given, strategies as st
from processes import LONGEST

from billboard.errors import BillboardError, EpochError, InvalidEncodingError, NotMine
from billboard.findmy import LAST_INDEX, REPORT_SIZE, Key, KeySchedule, Report

pytestmark = pytest.mark.backend

P = 2**224 - 2**96 + 1
ORDER = crypto.P224_N
FIRST, SYMMETRIC = bytes(range(1, 29)), bytes(range(32))
NOW = 1_788_868_800
KEY = KeySchedule(FIRST, SYMMETRIC).at(1)
REPORT = Report(NOW, latitude=47.3977, longitude=-8.5450, accuracy=12, status=0x20, confidence=2)
EPHEMERAL = bytes(range(28, 0, -1))
SENT = REPORT.encrypt(KEY.public_x, ephemeral=EPHEMERAL)

U8 = st.integers(0, 255)
SCALARS = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(28, "big"))
UNITS = 10**7
PLACES = st.tuples(st.integers(-90 * UNITS, 90 * UNITS), st.integers(-180 * UNITS, 180 * UNITS))
REPORTS = st.builds(
    lambda time, place, *octets: Report(time, *(degrees / UNITS for degrees in place), *octets),
    st.integers(978_307_200, 978_307_199 + 2**32),
    PLACES,
    *[U8] * 3,
)


def as_89(report: bytes, extra: int = 0) -> bytes:
    return report[:4] + bytes([extra]) + report[4:]


def sent_by_findmy(key: KeyPair, ephemeral: KeyPair, head: bytes, place: bytes) -> bytes:
    """A report by PyPI FindMy, as far as it goes.

    It opens reports and makes none. The key pairs, the Diffie-Hellman exchange and the KDF are
    FindMy's; the layout, E and the box are put together here.
    """
    public = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP224R1(), b"\x03" + key.adv_key_bytes
    )
    numbers = ec.derive_private_key(int.from_bytes(ephemeral.private_key_bytes), ec.SECP224R1())
    y = numbers.public_key().public_numbers().y.to_bytes(28)
    point = b"\x04" + ephemeral.adv_key_bytes + y
    derived = crypto.x963_kdf(ephemeral.dh_exchange(public), point, 32)
    box = Cipher(algorithms.AES(derived[:16]), modes.GCM(derived[16:])).encryptor()
    sent: bytes = head + point + box.update(place) + box.finalize() + box.tag
    return sent


def place_of(report: Report) -> bytes:
    degrees = (round(each * UNITS) for each in (report.latitude, report.longitude))
    encoded = b"".join(each.to_bytes(4, "big", signed=True) for each in degrees)
    return encoded + bytes([report.accuracy, report.status])


def head_of(report: Report) -> bytes:
    start = datetime(2001, 1, 1, tzinfo=UTC).timestamp()
    return int(report.time - start).to_bytes(4) + bytes([report.confidence])


def test_the_known_answers() -> None:
    assert KEY.symmetric_key.hex() == (
        "09a9c1f072ab2aa85eeb2f10b038c2e1d2a36f890a51b3394268808e633ba700"
    )
    assert KEY.private_key.hex() == "f8768570bc047755259a18711fa73064142ebc083b1d2990090c4bbd"
    assert KEY.public_x.hex() == "58d0dd8ea4869cc3681641950337c5b8b796f7ecfc61cd5e87c4717c"
    assert KEY.identifier.hex() == (
        "6159c468a6eac567d4c47b0862fe924f93bfd1f32e7bf055ff9301872735a66a"
    )


def test_keys_are_those_of_findmy() -> None:
    secondary = bytes(range(32, 64))
    paired = datetime.fromtimestamp(NOW, UTC)
    theirs = FindMyAccessory(
        master_key=FIRST, skn=SYMMETRIC, sks=secondary, paired_at=paired, name="keys"
    )
    primary_schedule, secondary_schedule = (
        KeySchedule(theirs.master_key, symmetric) for symmetric in (theirs.skn, theirs.sks)
    )
    for i in (*range(100), 671, 672, 673, 9_999):
        ours = {(KeyPairType.PRIMARY, primary_schedule.at(i).private_key)}
        for day in (i // 96 + 1, i // 96 + 2):
            ours.add((KeyPairType.SECONDARY, secondary_schedule.at(day).private_key))
        assert {(key.key_type, key.private_key_bytes) for key in theirs.keys_at(i)} == ours


@given(SCALARS, st.binary(min_size=32, max_size=32), st.integers(0, 50))
def test_every_part_of_a_key_is_that_of_findmy(first: bytes, symmetric: bytes, i: int) -> None:
    ours = KeySchedule(first, symmetric).at(i)
    for _ in range(i):
        symmetric = crypto.x963_kdf(symmetric, b"update", 32)
    theirs = KeyPair(crypto.derive_ps_key(first, symmetric))
    assert ours.symmetric_key == symmetric
    assert ours.private_key == theirs.private_key_bytes
    assert ours.public_x == theirs.adv_key_bytes
    assert ours.identifier == theirs.hashed_adv_key_bytes


@given(REPORTS, SCALARS, st.none() | U8)
def test_findmy_opens_what_is_made_here(report: Report, private: bytes, extra: int | None) -> None:
    key = KeyPair(private)
    payload = report.encrypt(key.adv_key_bytes)
    if extra is not None:
        payload = as_89(payload, extra)
    theirs = LocationReport(payload, key.hashed_adv_key_bytes)
    theirs.decrypt(key)
    assert theirs.timestamp.timestamp() == report.time
    assert (theirs.latitude, theirs.longitude) == (report.latitude, report.longitude)
    assert theirs.horizontal_accuracy == report.accuracy
    assert (theirs.status, theirs.confidence) == (report.status, report.confidence)


@given(REPORTS, SCALARS, SCALARS, st.none() | U8)
def test_a_report_by_findmy_opens_here(
    report: Report, private: bytes, ephemeral: bytes, extra: int | None
) -> None:
    key = KeyPair(private)
    payload = sent_by_findmy(key, KeyPair(ephemeral), head_of(report), place_of(report))
    assert report.encrypt(key.adv_key_bytes, ephemeral=ephemeral) == payload
    if extra is not None:
        payload = as_89(payload, extra)
    assert Report.decrypt(payload, key.private_key_bytes) == report


@given(REPORTS)
def test_encrypting_and_decrypting_are_exact(report: Report) -> None:
    sent = report.encrypt(KEY.public_x, ephemeral=EPHEMERAL)
    assert len(sent) == REPORT_SIZE == 88
    opened = Report.decrypt(sent, KEY.private_key)
    assert opened == report
    assert opened.encrypt(KEY.public_x, ephemeral=EPHEMERAL) == sent


def test_whole_seconds_and_nearest_units_are_sent() -> None:
    report = Report(NOW + 0.9, 1.23456789, -1.23456789, 0, 0, 0)
    opened = Report.decrypt(report.encrypt(KEY.public_x), KEY.private_key)
    assert opened == Report(NOW, 1.2345679, -1.2345679, 0, 0, 0)


def test_each_report_has_a_secret_of_its_own() -> None:
    first, second = (REPORT.encrypt(KEY.public_x) for _ in range(2))
    assert first[5:62] != second[5:62]


def test_any_order_of_indices_gives_the_same_keys() -> None:
    schedule = KeySchedule(FIRST, SYMMETRIC)
    for i in (5, 6, 6, 2, 0, 7, 300, 1):
        assert schedule.at(i).private_key == KeySchedule(FIRST, SYMMETRIC).at(i).private_key


def test_threads_share_a_schedule() -> None:
    schedule, indices = KeySchedule(FIRST, SYMMETRIC), [*range(40), *range(39, -1, -1)] * 5
    right = {i: KeySchedule(FIRST, SYMMETRIC).at(i).identifier for i in range(40)}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: schedule.at(i).identifier, indices))
    assert found == [right[i] for i in indices]


def test_going_on_does_not_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from billboard import findmy

    schedule = KeySchedule(FIRST, SYMMETRIC)
    schedule.at(100)
    derive, updates = findmy._kdf, []

    def counted(secret: bytes, shared_info: bytes, length: int) -> bytes:
        updates.append(shared_info)
        return derive(secret, shared_info, length)

    monkeypatch.setattr(findmy, "_kdf", counted)
    schedule.at(101)
    assert updates.count(b"update") == 1


@pytest.mark.parametrize(
    "i", [-1, LAST_INDEX + 1, 2**64, 1.0, "1", None, np.int64(-1), np.float64(1), np.array([1, 2])]
)
def test_an_index_out_of_reach(i: object) -> None:
    with pytest.raises(EpochError, match=r"from 0 to 2\^20"):
        KeySchedule(FIRST, SYMMETRIC).at(i)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint64])
def test_numbers_of_numpy_are_whole_numbers(kind: Callable[[int], Any]) -> None:
    assert KeySchedule(FIRST, SYMMETRIC).at(kind(1)).identifier == KEY.identifier
    fields = {"accuracy": 12, "status": 32, "confidence": 2}
    report = Report(NOW, kind(47), kind(8), **{name: kind(each) for name, each in fields.items()})
    assert report == Report(NOW, 47, 8, **fields)
    assert all(type(getattr(report, name)) is int for name in fields)
    assert Report.decrypt(report.encrypt(KEY.public_x), KEY.private_key) == report
    with pytest.raises(InvalidEncodingError, match="time"):
        Report(kind(5), 0, 0, **fields)


def test_the_last_index() -> None:
    schedule = KeySchedule(FIRST, SYMMETRIC)
    schedule._position = LAST_INDEX - 1, SYMMETRIC  # a million steps on
    assert schedule.at(LAST_INDEX).private_key == KEY.private_key


def test_an_index_whose_private_key_is_zero() -> None:
    wide = crypto.x963_kdf(KEY.symmetric_key, b"diversify", 72)
    u, v = (int.from_bytes(half) % (ORDER - 1) + 1 for half in (wide[:36], wide[36:]))
    schedule = KeySchedule((-v * pow(u, -1, ORDER) % ORDER).to_bytes(28), SYMMETRIC)
    with pytest.raises(EpochError, match="take the next"):
        schedule.at(1)
    assert schedule.at(2).symmetric_key == KeySchedule(FIRST, SYMMETRIC).at(2).symmetric_key


BAD_SCALARS = {
    "empty": b"",
    "short": bytes(range(1, 28)),
    "long": bytes(range(1, 30)),
    "zero": bytes(28),
    "order": ORDER.to_bytes(28),
    "above": b"\xff" * 28,
}


@pytest.mark.parametrize("bad", BAD_SCALARS.values(), ids=BAD_SCALARS)
def test_a_secret_that_is_no_scalar(bad: bytes) -> None:
    with pytest.raises(InvalidEncodingError, match="private key"):
        KeySchedule(bad, SYMMETRIC)
    with pytest.raises(InvalidEncodingError, match="private key"):
        Report.decrypt(SENT, bad)
    with pytest.raises(InvalidEncodingError, match="ephemeral"):
        REPORT.encrypt(KEY.public_x, ephemeral=bad)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_symmetric_key_of_another_length(length: int) -> None:
    with pytest.raises(InvalidEncodingError, match="symmetric key"):
        KeySchedule(FIRST, bytes(length))


def test_the_greatest_and_smallest_scalars() -> None:
    for d in (1, ORDER - 1):
        pair = KeyPair(d.to_bytes(28))
        sent = REPORT.encrypt(pair.adv_key_bytes, ephemeral=d.to_bytes(28))
        assert Report.decrypt(sent, pair.private_key_bytes) == REPORT


def has_a_point(x: int) -> bool:
    """Euler's criterion on y^2 = x^3 - 3x + b."""
    b = 0xB4050A850C04B3ABF54132565044B0B7D7BFD8BA270B39432355FFB4
    return pow(x**3 - 3 * x + b, (P - 1) // 2, P) == 1


def test_each_x_has_a_point_or_is_refused() -> None:
    found = {has_a_point(x): x for x in range(40)}
    assert set(found) == {True, False}
    for x in range(40):
        if has_a_point(x):
            assert len(REPORT.encrypt(x.to_bytes(28))) == REPORT_SIZE
        else:
            with pytest.raises(InvalidEncodingError, match="not the x-coordinate"):
                REPORT.encrypt(x.to_bytes(28))


def test_an_x_of_another_length_or_not_reduced() -> None:
    for length in (0, 27, 29, 57):
        with pytest.raises(InvalidEncodingError, match="public key"):
            REPORT.encrypt((KEY.public_x * 3)[:length])
    small = next(x for x in range(1, 40) if has_a_point(x))
    for x in (P, P + small, 2**224 - 1):
        with pytest.raises(InvalidEncodingError, match="not the x-coordinate"):
            REPORT.encrypt(x.to_bytes(28))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time", 978_307_199),
        ("time", 978_307_200 + 2**32),
        ("time", math.nan),
        ("latitude", 90.0000001),
        ("latitude", -90.0000001),
        ("latitude", math.nan),
        ("longitude", 180.0000001),
        ("longitude", -180.0000001),
        ("longitude", math.inf),
        ("accuracy", 256),
        ("accuracy", 1.5),
        ("accuracy", np.int64(256)),
        ("accuracy", np.float64(2)),
        ("status", -1),
        ("confidence", 256),
    ],
)
def test_a_field_out_of_range(field: str, value: float) -> None:
    fields = {**vars(REPORT), field: value}
    with pytest.raises(InvalidEncodingError) as caught:
        Report(**fields)
    assert caught.value.field == field
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "latitude", "longitude"),
    [
        ("latitude", 90 * UNITS + 1, 0),
        ("latitude", -(2**31), 0),
        ("longitude", 0, 180 * UNITS + 1),
        ("longitude", 0, -(2**31)),
    ],
)
def test_a_place_that_is_not_on_earth(field: str, latitude: int, longitude: int) -> None:
    degrees = (each.to_bytes(4, "big", signed=True) for each in (latitude, longitude))
    place = b"".join(degrees) + bytes(2)
    key, ephemeral = KeyPair(KEY.private_key), KeyPair(EPHEMERAL)
    sent = sent_by_findmy(key, ephemeral, head_of(REPORT), place)
    with pytest.raises(InvalidEncodingError) as caught:
        Report.decrypt(sent, KEY.private_key)
    assert caught.value.field == field


def test_other_keys_do_not_open_a_report() -> None:
    schedule = KeySchedule(FIRST, SYMMETRIC)
    for i in (0, 2):
        with pytest.raises(NotMine):
            Report.decrypt(SENT, schedule.at(i).private_key)


@given(st.integers(5, REPORT_SIZE - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(position: int, change: int) -> None:
    changed = bytearray(SENT)
    changed[position] ^= change
    for sent in (bytes(changed), as_89(bytes(changed))):
        with pytest.raises((NotMine, InvalidEncodingError)) as caught:
            Report.decrypt(sent, KEY.private_key)
        assert isinstance(caught.value, NotMine) == (position >= 62)


def test_the_head_is_not_authenticated() -> None:
    later = Report.decrypt(b"\xff" * 4 + b"\x07" + SENT[5:], KEY.private_key)
    assert (later.time, later.confidence) == (978_307_199 + 2**32, 7)
    assert place_of(later) == place_of(REPORT)


def test_another_point_of_the_same_x_does_not_open() -> None:
    y = P - int.from_bytes(SENT[34:62])
    with pytest.raises(NotMine):
        Report.decrypt(SENT[:34] + y.to_bytes(28) + SENT[62:], KEY.private_key)


@pytest.mark.parametrize("form", [0, 2, 3, 5, 6, 7, 0x84])
def test_only_an_uncompressed_point_is_taken(form: int) -> None:
    with pytest.raises(InvalidEncodingError, match="E: is not an uncompressed point"):
        Report.decrypt(SENT[:5] + bytes([form]) + SENT[6:], KEY.private_key)


def test_a_point_off_the_curve_is_refused() -> None:
    x, y = int.from_bytes(SENT[6:34]), int.from_bytes(SENT[34:62])
    for point in ((x, y ^ 1), (0, 0), (x, P), (2**224 - 1, y)):
        encoded = b"".join(each.to_bytes(28) for each in point)
        with pytest.raises(InvalidEncodingError, match="E: is not a point"):
            Report.decrypt(SENT[:6] + encoded + SENT[62:], KEY.private_key)


@pytest.mark.parametrize("sent", [SENT, as_89(SENT, 0x5A)], ids=["88", "89"])
def test_every_truncation_and_extension_is_refused(sent: bytes) -> None:
    assert Report.decrypt(sent, KEY.private_key) == REPORT
    for length in range(len(sent)):
        with pytest.raises(InvalidEncodingError):
            Report.decrypt(sent[:length], KEY.private_key)
    for more in (1, 2, 88):
        with pytest.raises(InvalidEncodingError):
            Report.decrypt(sent + bytes(more), KEY.private_key)


@given(st.binary(max_size=100) | st.binary(min_size=88, max_size=89))
def test_any_bytes_open_or_raise_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(BillboardError):
        Report.decrypt(data, KEY.private_key)


@pytest.mark.parametrize("thing", [KEY, KeySchedule(FIRST, SYMMETRIC)], ids=["key", "schedule"])
def test_secrets_show_in_no_text_and_leave_no_copy(thing: Key | KeySchedule) -> None:
    for secret in (FIRST, SYMMETRIC, KEY.private_key, KEY.symmetric_key):
        for text in (repr(thing), str(thing), f"{thing}"):
            assert secret.hex()[:16] not in text
            assert repr(secret)[2:18] not in text
            assert base64.b64encode(secret).decode()[:12] not in text
    for keep in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            keep(thing)


def test_a_report_does_not_show_the_place() -> None:
    assert "47" not in repr(REPORT)
    assert "8.5" not in repr(REPORT)


def test_no_extra_is_needed() -> None:
    code = (
        "import sys\n"
        "import billboard.findmy\n"
        "print({'petlib', 'py_ecc', 'typer', 'rich', 'findmy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST)
    assert done.stdout.strip() == "set()"
