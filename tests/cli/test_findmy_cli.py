"""`billboard findmy`: files that PyPI FindMy wrote, their keys, and reports."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from findmy import FindMyAccessory
from processes import LONGEST
from typer.testing import CliRunner, Result

from billboard.cli.findmy import findmy_app
from billboard.errors import BillboardError, EpochError, SecretFileError
from billboard.findmy import KeySchedule, Report

MASTER, SKN, SKS = bytes(range(1, 29)), bytes(range(32)), bytes(range(32, 64))
PRIMARY, SECONDARY = KeySchedule(MASTER, SKN), KeySchedule(MASTER, SKS)
PLACE = Report(1_788_868_800, 47.3977, -8.545, 12, 32, 2)
SECRETS = [MASTER, SKN, SKS, PRIMARY.at(3).private_key]


@pytest.fixture
def accessory(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    paired = datetime.fromtimestamp(PLACE.time, UTC)
    FindMyAccessory(master_key=MASTER, skn=SKN, sks=SKS, paired_at=paired).to_json(path)
    path.chmod(0o600)
    return path


def run(*arguments: object, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(findmy_app, [str(each) for each in arguments], input=stdin)
    for secret in SECRETS:
        assert secret.hex() not in result.output
        assert base64.b64encode(secret).decode() not in result.output
    return result


def refusal(*arguments: object, stdin: str | None = None) -> BillboardError:
    error = run(*arguments, stdin=stdin).exception
    assert isinstance(error, BillboardError)
    for secret in SECRETS:
        assert secret.hex() not in str(error)
        assert secret.hex() not in str(vars(error.__context__ or error))
    return error


def lines(*reports: bytes) -> str:
    return "".join(base64.b64encode(report).decode() + "\n" for report in reports)


@pytest.mark.parametrize(("option", "schedule"), [([], PRIMARY), (["--secondary"], SECONDARY)])
def test_keys_are_shown_whole_however_narrow_the_terminal(
    accessory: Path, option: list[str], schedule: KeySchedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    result = run("keys", accessory, "--first", 3, "--count", 2, *option)
    assert result.exit_code == 0
    expected = []
    for i in (3, 4):
        key = schedule.at(i)
        public = (base64.b64encode(each).decode() for each in (key.identifier, key.public_x))
        expected.append([str(i), *public])
    assert [line.split() for line in result.stdout.splitlines()] == expected


def test_ten_keys_by_default(accessory: Path) -> None:
    shown = run("keys", accessory).stdout.splitlines()
    assert [line.split()[0] for line in shown] == [str(i) for i in range(10)]


def test_reports_of_the_range_are_opened(
    accessory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    reports = tmp_path / "reports.txt"
    of_another = PLACE.encrypt(PRIMARY.at(200).public_x)
    mine = PLACE.encrypt(PRIMARY.at(3).public_x)
    longer = mine[:4] + b"\0" + mine[4:]
    reports.write_text(lines(of_another, mine, longer))
    result = run("open", accessory, reports)
    assert result.exit_code == 0
    shown = "key 3: 2026-09-08 12:00:00 UTC at 47.3977000, -8.5450000, within 12 m"
    assert result.stdout.splitlines() == [
        f"line 2, {shown}",
        f"line 3, {shown}",
        "2 of 3 reports are for keys 0 to 95",
    ]
    found = run("open", accessory, "--first", 200, "--count", 1, stdin=reports.read_text())
    assert found.stdout.startswith("line 1, key 200: ")


def test_secondary_keys_open_their_own(accessory: Path) -> None:
    sent = lines(PLACE.encrypt(SECONDARY.at(2).public_x))
    assert run("open", accessory, "-", "--secondary", stdin=sent).exit_code == 0
    result = run("open", accessory, "-", stdin=sent)
    assert result.exit_code == 1
    assert "0 of 1 reports" in result.stdout


def test_a_malformed_report_does_not_stop_the_others(accessory: Path) -> None:
    good = PLACE.encrypt(PRIMARY.at(0).public_x)
    result = run("open", accessory, stdin=lines(b"short", good[:5] + b"\x02" + good[6:], good))
    assert result.exit_code == 0
    assert result.stdout.startswith("line 3, key 0: ")
    assert "line 1 is malformed: report" in result.stderr
    assert "line 2 is malformed: E" in result.stderr


@pytest.mark.parametrize("text", ["", "not base64!\n"])
def test_a_file_without_reports(accessory: Path, text: str) -> None:
    refusal("open", accessory, stdin=text)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_may_use_is_refused(accessory: Path, mode: int) -> None:
    accessory.chmod(mode)
    assert "chmod 600" in str(refusal("keys", accessory))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "custom_rolling_key_accessory"},
        {"master_key": None},
        {"skn": "zz"},
        {"skn": SKN.hex()[2:]},
        {"master_key": "00" * 28},
        {"master_key": MASTER.hex() + "00"},
    ],
)
def test_a_file_of_something_else(accessory: Path, change: dict[str, object]) -> None:
    accessory.write_text(json.dumps(json.loads(accessory.read_text()) | change))
    error = refusal("keys", accessory)
    assert isinstance(error, SecretFileError)
    assert str(accessory) in str(error)


NO_ACCESSORY = {
    "empty": b"",
    "list": b"[]",
    "number": b"5",
    "object": b"{}",
    "no-text": b"\xff",
    "deep": b"[" * 100_000,
    "deep-object": b'{"type":' * 100_000,
}


@pytest.mark.parametrize("content", NO_ACCESSORY.values(), ids=NO_ACCESSORY)
def test_a_file_that_is_no_accessory(accessory: Path, content: bytes) -> None:
    accessory.write_bytes(content)
    assert "PyPI FindMy" in str(refusal("keys", accessory))


def test_a_damaged_file_does_not_show_in_the_error(accessory: Path) -> None:
    accessory.write_bytes(accessory.read_bytes()[:-1])
    assert "PyPI FindMy" in str(refusal("keys", accessory))


def test_a_file_that_is_too_large(accessory: Path) -> None:
    accessory.write_bytes(b" " * (1 << 20) + accessory.read_bytes())
    assert "too large" in str(refusal("keys", accessory))


def test_keys_beyond_the_last(accessory: Path) -> None:
    assert isinstance(refusal("keys", accessory, "--first", 2**20, "--count", 2), EpochError)
    for wrong in (("--first", "-1"), ("--count", "0")):
        assert run("keys", accessory, *wrong).exit_code == 2


def test_it_is_a_command_of_billboard(accessory: Path) -> None:
    def billboard(*arguments: str) -> tuple[int, str]:
        code = "from billboard.cli import main; main()"
        command = [sys.executable, "-c", code, "findmy", *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ, timeout=LONGEST
        )
        return done.returncode, done.stdout + done.stderr

    assert billboard("keys", str(accessory), "--count", "1")[0] == 0
    code, said = billboard("keys", str(accessory.with_name("none")))
    assert code == 1
    assert said.startswith("billboard: ")
    assert said.count("\n") == 1
