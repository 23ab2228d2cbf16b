"""The notebooks run in Jupyter's kernel, and give the outputs that are stored in them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
LARGEST = 250_000
"""Bytes of a notebook with its outputs."""


def texts(notebook: Any) -> list[list[str]]:
    """What each cell shows, but for pictures and HTML, which are not the same twice."""
    shown = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        shown.append([out.get("text") or out["data"]["text/plain"] for out in outputs])
    return shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    assert path.stat().st_size < LARGEST
    run = NotebookClient(
        copy.deepcopy(stored),
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    assert sum(map(len, texts(stored))) > 0
    assert texts(run) == texts(stored)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS
