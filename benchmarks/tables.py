"""Tables of text from records. Times are medians; ratios are a median (95 % interval)."""

from __future__ import annotations

import boundary
import classes
import sizes
from operations import (
    BACKEND,
    BATCH,
    BILLBOARD,
    PORTABLE,
    TWO_THREADS,
    TWO_THREADS_PORTABLE,
)
from records import Record

_Cells = dict[str, str]


def show(records: list[Record]) -> None:
    """Print all tables."""
    grouped = [r for r in records if r["subject"].startswith("group ")]
    rest = [r for r in records if r not in grouped]
    _beside_peers(f"Batches on one thread, backend {BACKEND}, us per item", rest, BATCH)
    _beside_peers("Batches on one thread, backend portable, us per item", rest, PORTABLE)
    _beside_peers("One call for one item, us", rest, BILLBOARD)
    for group in dict.fromkeys(r["subject"] for r in grouped):
        _beside_peers(f"{group}, one call for one item, us", grouped, BILLBOARD, group)
    _sizes("Rerandomizing pairs in batches that grow, us a pair", rest)
    for threaded in (TWO_THREADS, TWO_THREADS_PORTABLE, sizes.TWO_THREADS):
        found = [r for r in rest if r["contestant"].startswith(threaded)]
        _print(threaded, {f"{_name(r)}, {r['items']}": _threads(r) for r in found})
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
    """Print the records of ``ours``, of one subject or of all, with the times of its peers."""
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


def _sizes(title: str, records: list[Record]) -> None:
    """Print a table with a row for each size of batches and a column for each backend."""
    rows: dict[str, _Cells] = {}
    for r in records:
        if r["subject"] == sizes.SUBJECT:
            backend, size = r["contestant"].split(", ")
            rows.setdefault(size, {})[backend] = _cell(r["microseconds"])
    _print(title, rows)


def _threads(record: Record) -> _Cells:
    """Return the speed-up by wall time, the cores got, and the CPU time over that of one thread."""
    return {
        "over one thread": _cell(next(iter(record["ratios"].values()))),
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
    median, low, high = (spread[name] * unit for name in ("median", "low", "high"))
    return f"{median:.3g} ({low:.3g} .. {high:.3g})"


def _print(title: str, rows: dict[str, _Cells]) -> None:
    """Print a table with all columns that some row has."""
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
