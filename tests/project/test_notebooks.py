"""The notebooks run in Jupyter's kernel, and show what is stored in them.

``make notebooks`` runs them and stores what they show.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from places import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SMOKE = "find_my"
LARGEST = 250_000
"""Bytes of a notebook with its outputs."""


def executed(notebook: Any, path: Path) -> Any:
    return NotebookClient(
        copy.deepcopy(notebook),
        timeout=300,
        startup_timeout=300,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()


def texts(notebook: Any) -> list[list[str]]:
    """What each cell shows, but for pictures and HTML, which are not the same twice."""
    return [
        [output.get("text") or output["data"]["text/plain"] for output in cell.get("outputs", [])]
        for cell in notebook.cells
    ]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(each, id=each.stem, marks=[] if each.stem == SMOKE else [pytest.mark.slow])
        for each in NOTEBOOKS
    ],
)
def test_the_notebook_runs(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    stored = nbformat.read(path, as_version=4)
    assert sum(map(len, texts(stored))) > 0
    assert texts(executed(stored, path)) == texts(stored)


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 3


if __name__ == "__main__":
    for each in NOTEBOOKS:
        nbformat.write(executed(nbformat.read(each, as_version=4), each), each)
