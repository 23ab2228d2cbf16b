"""Draw docs/_static/batches.svg and peers.svg from example.json, a result of `ratios.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import sizes
from operations import BATCH, PORTABLE
from pairs import DALEK, SUBJECT

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs/_static"
OURS, THEIRS = "#c44e52", "#8c8c8c"

Records = list[dict[str, Any]]


def growing(records: Records) -> dict[str, tuple[list[int], list[float]]]:
    """Return sizes of batches and microseconds a pair, by backend."""
    lines: dict[str, tuple[list[int], list[float]]] = {}
    for record in records:
        if record["subject"] == sizes.SUBJECT:
            backend, size = record["contestant"].split(", ")
            numbers, times = lines.setdefault(backend, ([], []))
            numbers.append(int(size))
            times.append(record["microseconds"]["median"])
    return lines


def beside_peers(records: Records, operation: str) -> dict[str, float]:
    """Return microseconds a pair on one thread by contestant, the slowest first."""
    names = {BATCH: "billboard, ifma", PORTABLE: "billboard, portable", DALEK: DALEK}
    found = {
        names.get(record["contestant"], record["contestant"]): record["microseconds"]["median"]
        for record in records
        if (record["subject"], record["operation"]) == (SUBJECT, operation)
        and record["contestant"] in (*names, "rbcl", "libpep-py")
    }
    return dict(sorted(found.items(), key=lambda item: item[1], reverse=True))


def draw_growing(records: Records, target: Path) -> None:
    figure, axis = plt.subplots(figsize=(6.5, 3), layout="constrained")
    for backend, (numbers, times) in growing(records).items():
        style = {"portable": "--o", sizes.TWO_THREADS: ":o"}.get(backend, "-o")
        axis.plot(numbers, times, style, color=OURS, label=f"billboard, {backend}", markersize=4)
    for name in ("rbcl", DALEK):
        peer = beside_peers(records, "rerandomize")[name]
        axis.axhline(peer, color=THEIRS, linewidth=1)
        axis.annotate(name, (1, peer), fontsize=8, va="bottom", color=THEIRS)
    axis.set(
        xscale="log", yscale="log", xlabel="pairs in a batch", ylabel="µs a pair", ylim=(1, 200)
    )
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(target, metadata={"Date": None})


def draw_peers(records: Records, target: Path) -> None:
    operations = ("encrypt", "rerandomize", "decrypt")
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.2), layout="constrained", sharey=True)
    for axis, operation in zip(axes, operations, strict=True):
        found = beside_peers(records, operation)
        order = beside_peers(records, "rerandomize")
        times = [found[name] for name in order]
        colors = [OURS if name.startswith("billboard") else THEIRS for name in order]
        bars = axis.barh(list(order), times, color=colors)
        axis.bar_label(bars, fmt="%.3g", padding=2, fontsize=8)
        axis.set_title(f"{operation}, µs a pair", fontsize=9)
        axis.set_xlim(0, max(times) * 1.2)
        axis.tick_params(labelsize=8)
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    mpl.rcParams["svg.hashsalt"] = "billboard"
    records = json.loads((HERE / "example.json").read_text())["records"]
    draw_growing(records, TARGET / "batches.svg")
    draw_peers(records, TARGET / "peers.svg")


if __name__ == "__main__":
    main()
