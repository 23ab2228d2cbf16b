"""Records as tables of text: times are medians, ratios median (least .. greatest)."""

from __future__ import annotations

import boundary
import classes
from operations import BATCH, BILLBOARD, TWO_THREADS
from records import Record

_Cells = dict[str, str]


def show(records: list[Record]) -> None:
    """Print all the tables, by subject."""
    grouped = [r for r in records if r["subject"].startswith("group ")]
    rest = [r for r in records if r not in grouped]
    _beside_peers("Batches on one thread, us per item", rest, BATCH)
    _beside_peers("One call for one item, us", rest, BILLBOARD)
    for group in dict.fromkeys(r["subject"] for r in grouped):
        _beside_peers(f"{group}, one call for one item, us", grouped, BILLBOARD, group)
    _print("Two threads", {_name(r): _threads(r) for r in rest if r["contestant"] == TWO_THREADS})
    _print(
        "Batches on one thread, time per element over that of class L",
        {r["operation"]: _ratios(r) for r in rest if _is(r, classes.ELEMENTS, classes.REFERENCE)},
    )
    _print(
        f"Python boundary, % of a batch of {boundary.ITEMS} pairs",
        {
            r["operation"]: {name: _cell(ratio, 100) for name, ratio in r["ratios"].items()}
            for r in rest
            if _is(r, boundary.SUBJECT, boundary.WHOLE)
        },
    )


def _beside_peers(title: str, records: list[Record], ours: str, subject: str | None = None) -> None:
    """The records of ``ours``, of one subject or all, with the times of its peers."""
    medians = {
        (r["subject"], r["operation"], r["contestant"]): r["microseconds"]["median"]
        for r in records
    }
    rows: dict[str, _Cells] = {}
    for r in records:
        if r["contestant"] == ours and subject in (None, r["subject"]):
            times = {
                name: f"{medians[r['subject'], r['operation'], name]:.5g}" for name in r["ratios"]
            }
            rows[_name(r) if subject is None else r["operation"]] = {
                BILLBOARD: f"{r['microseconds']['median']:.5g}",
                **times,
                **{f"over {name}": cell for name, cell in _ratios(r).items()},
            }
    _print(title, rows)


def _threads(record: Record) -> _Cells:
    """By the clock on the wall over one thread, the cores it got, and its CPU time."""
    return {
        "over one thread": _cell(record["ratios"][BATCH]),
        "cores got": _cell(record["cores"]),
        "CPU time over one's": _cell(record["cpu_over_one_thread"]),
    }


def _is(record: Record, subject: str, contestant: str) -> bool:
    return (record["subject"], record["contestant"]) == (subject, contestant)


def _name(record: Record) -> str:
    return f"{record['subject']}: {record['operation']}"


def _ratios(record: Record) -> _Cells:
    return {name: _cell(spread) for name, spread in record["ratios"].items()}


def _cell(spread: dict[str, float], unit: float = 1) -> str:
    median, least, greatest = (spread[name] * unit for name in ("median", "min", "max"))
    return f"{median:.3g} ({least:.3g} .. {greatest:.3g})"


def _print(title: str, rows: dict[str, _Cells]) -> None:
    """A table of the columns that any row has."""
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    table = [["", *columns]]
    table += [
        [name, *(cells.get(column, "-") for column in columns)] for name, cells in rows.items()
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print(f"\n{title}")
    for first, *cells in table:
        aligned = [f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True)]
        print("   ".join([f"{first:{widths[0]}}", *aligned]))
