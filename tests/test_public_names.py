"""The public names are frozen: `public_names.txt` has them, and changes with CHANGELOG.md only."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import billboard

STORED = Path(__file__).parent / "public_names.txt"
OUTSIDE = ("billboard._core", "billboard.cli", "billboard.push")
"""The core is private, the command line has no names; sending is not finished in 0.1."""


def bound(module: str) -> list[str]:
    """The public names of a module: its ``__all__``, or what its own source binds."""
    loaded = importlib.import_module(module)
    if hasattr(loaded, "__all__"):
        return list(loaded.__all__)
    names = []
    for node in ast.parse(Path(inspect.getfile(loaded)).read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.append(name)
    return [name for name in names if not name.startswith("_")]


def members(module: str, name: str) -> list[str]:
    """The public methods, properties and fields of a class, as its source has them."""
    value = getattr(importlib.import_module(module), name)
    if not inspect.isclass(value):
        return []
    own = {*vars(value), *getattr(value, "__annotations__", {})}
    return sorted(each for each in own if not each.startswith("_"))


def public_names() -> list[str]:
    modules = [info.name for info in pkgutil.walk_packages(billboard.__path__, "billboard.")]
    lines = []
    for module in ["billboard", *(each for each in modules if not each.startswith(OUTSIDE))]:
        for name in sorted(bound(module)):
            lines.append(f"{module} {name}")
            if module != "billboard":
                lines += [f"{module} {name}.{member}" for member in members(module, name)]
    return lines


def test_the_public_names_are_frozen() -> None:
    assert public_names() == STORED.read_text().splitlines()


if __name__ == "__main__":
    STORED.write_text("\n".join(public_names()) + "\n")
