"""The test vectors, run against the engine: Find My."""

from __future__ import annotations

from billboard import findmy
from vectors.engine.setting import Json, Setting, operation

START_OF_2001 = 978_307_200
UNIT = 10_000_000
OTHERS = ("accuracy", "status", "confidence")


@operation("findmy/keys")
def _keys(given: Json, setting: Setting) -> Json:
    """Derived at once, and once more after going on and back."""
    private, symmetric = bytes.fromhex(given["private_key"]), bytes.fromhex(given["symmetric_key"])
    schedule = findmy.KeySchedule(private, symmetric)
    key = schedule.at(given["index"])
    if setting.thorough:
        schedule.at(min(given["index"] + 1, findmy.LAST_INDEX))
        assert schedule.at(given["index"]).public_x == key.public_x
    return {
        "symmetric_key": key.symmetric_key.hex(),
        "private_key": key.private_key.hex(),
        "public_key": key.public_x.hex(),
        "identifier": key.identifier.hex(),
    }


@operation("findmy/encrypt")
def _encrypt(given: Json, _: Setting) -> Json:
    report = findmy.Report(
        time=START_OF_2001 + given["time"],
        latitude=given["latitude"] / UNIT,
        longitude=given["longitude"] / UNIT,
        **{name: given[name] for name in OTHERS},
    )
    public, ephemeral = bytes.fromhex(given["public_key"]), bytes.fromhex(given["ephemeral"])
    return {"report": report.encrypt(public, ephemeral=ephemeral).hex()}


@operation("findmy/open")
def _open(given: Json, _: Setting) -> Json:
    data, private = bytes.fromhex(given["report"]), bytes.fromhex(given["private_key"])
    report = findmy.Report.decrypt(data, private)
    return {
        "time": report.time - START_OF_2001,
        "latitude": round(report.latitude * UNIT),
        "longitude": round(report.longitude * UNIT),
        **{name: getattr(report, name) for name in OTHERS},
    }
