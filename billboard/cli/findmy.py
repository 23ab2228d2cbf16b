"""The commands `billboard findmy`: the keys of an accessory, and its location reports."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from billboard.cli import files
from billboard.cli.files import console
from billboard.errors import EpochError, InvalidEncodingError, NotMine, SecretFileError
from billboard.findmy import LAST_INDEX, Key, KeySchedule, Report
from billboard.storage import secret_file

findmy_app = typer.Typer(no_args_is_help=True, help="Apple's Find My: keys and reports.")

AccessoryPath = Annotated[
    Path,
    typer.Argument(
        metavar="ACCESSORY", help="The accessory as JSON, as the PyPI package FindMy saves it."
    ),
]
Reports = Annotated[
    str, typer.Argument(metavar="REPORTS", help="File of reports in base64, - for stdin.")
]
First = Annotated[int, typer.Option(min=0, help="Index of the first key.")]
Count = Annotated[int, typer.Option(min=1, help="How many keys.")]
Secondary = Annotated[
    bool, typer.Option("--secondary", help="Use the keys of SKS (one a day), not those of SKN.")
]


@findmy_app.command("keys")
def show_keys(
    accessory: AccessoryPath, *, first: First = 0, count: Count = 10, secondary: Secondary = False
) -> None:
    """Show the index, identifier at Apple and public key of the keys of an accessory."""
    # Not in a table, which a narrow terminal would cut.
    for i, key in _keys(accessory, first, count, secondary).items():
        console.print(f"{i:7}  {_base64(key.identifier)}  {_base64(key.public_x)}")


@findmy_app.command("open")
def open_reports(
    accessory: AccessoryPath,
    reports: Reports = "-",
    *,
    first: First = 0,
    count: Count = 96,
    secondary: Secondary = False,
) -> None:
    """Open the reports of an accessory with a range of its keys, by default of the first day."""
    keys = _keys(accessory, first, count, secondary)
    received = files.read_lines(reports)
    opened: list[str] = []
    with files.progress_bar("opening") as progress:
        for line, data in enumerate(received, 1):
            try:
                i, report = _open(data, keys)
            except NotMine:
                pass
            except InvalidEncodingError as error:  # anyone can send one: it must not stop the rest
                files.errors.print(f"line {line} is malformed: {error}")
            else:
                opened.append(f"line {line}, key {i}: {_describe(report)}")
            progress(line, len(received))
    for each in opened:
        console.print(each)
    keys_tried = f"keys {first} to {first + count - 1}"
    console.print(f"{len(opened)} of {len(received)} reports are for {keys_tried}")
    if not opened:
        raise typer.Exit(1)


def _keys(accessory: Path, first: int, count: int, secondary: bool) -> dict[int, Key]:
    if first + count - 1 > LAST_INDEX:
        raise EpochError("the range goes beyond the last index, 2^20")
    schedule = _read_schedule(accessory, "sks" if secondary else "skn")
    return {i: schedule.at(i) for i in range(first, first + count)}


def _open(data: bytes, keys: dict[int, Key]) -> tuple[int, Report]:
    """Open a report. It does not say which key it is for, so every key is tried."""
    for i, key in keys.items():
        try:
            return i, Report.decrypt(data, key.private_key)
        except NotMine:
            continue
    raise NotMine("the report is for none of the keys")


def _describe(report: Report) -> str:
    time = datetime.fromtimestamp(report.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    place = f"{report.latitude:.7f}, {report.longitude:.7f}"
    return f"{time} at {place}, within {report.accuracy} m"


def _read_schedule(path: Path, name: str) -> KeySchedule:
    """Read the schedule ``name``, skn or sks. Raises `SecretFileError`."""
    data, secrets = secret_file.read(path), list[bytes]()
    # These exceptions may hold parts of the file, so they must not be the context of another one.
    with suppress(ValueError, LookupError, TypeError, RecursionError):
        found = json.loads(data)
        if found["type"] == "accessory":
            secrets = [bytes.fromhex(found[each]) for each in ("master_key", name)]
    if not secrets:
        problem = 'must be an accessory as PyPI FindMy saves it: JSON of type "accessory"'
        raise SecretFileError(f"{path} {problem}")
    try:
        return KeySchedule(*secrets)
    except InvalidEncodingError as error:
        raise SecretFileError(f"{path} is malformed: {error}") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
