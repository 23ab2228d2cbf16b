"""The public names are frozen, and their parameters: `public_names.txt` has them.

Public is what the packages export that docs/reference documents. It changes with a line in
CHANGELOG.md; ``python tests/project/test_public_names.py`` then writes the list anew.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from places import ROOT

import billboard

STORED = Path(__file__).with_name("public_names.txt")
REFERENCE = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
DOCUMENTED = sorted(re.findall(r"automodule:: (\S+)", REFERENCE))

OPERATORS = {
    *("__bytes__", "__int__", "__len__", "__getitem__", "__array__"),
    *("__add__", "__sub__", "__neg__", "__mul__"),
    *("__enter__", "__exit__", "__aenter__", "__aexit__"),
}


def parameters(function: Callable[..., object]) -> str:
    """As they are written, but for annotations; of a default, only that there is one."""
    bare = [
        each.replace(
            annotation=each.empty, default=each.empty if each.default is each.empty else ...
        )
        for each in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(bare)).replace("=Ellipsis", "=")


def own_bases(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base.__module__.startswith("billboard")]


def constructor(cls: type) -> Callable[..., object] | None:
    """Unless there is none to call, or its docstring says to use something else."""
    found = [vars(base)["__init__"] for base in own_bases(cls) if "__init__" in vars(base)]
    if not found or getattr(cls, "_is_protocol", False):
        return None
    return None if (found[0].__doc__ or "").startswith("Use ") else cls


def attributes(cls: type) -> set[str]:
    """What the classes of this package set in ``__init__`` to an attribute of the object."""
    names = set()
    for init in (vars(base).get("__init__") for base in own_bases(cls)):
        if inspect.isfunction(init) and not init.__code__.co_filename.startswith("<"):
            tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
            stored = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
            names |= {node.attr for node in stored if isinstance(node.ctx, ast.Store)}
    return names


def members(cls: type) -> Iterator[str]:
    names = attributes(cls)
    for base in own_bases(cls):
        names |= {*vars(base), *vars(base).get("__annotations__", {})}
    for name in sorted(names):
        value = getattr(cls, name, None)
        if name in OPERATORS and value is not None:
            yield name
        elif not name.startswith("_"):
            yield name + (parameters(value) if callable(value) else "")


def listed(module: ModuleType, name: str) -> Iterator[str]:
    """The lines of a name; only the first of one that `billboard` has from another package."""
    value: Any = getattr(module, name)
    others = [importlib.import_module(each) for each in DOCUMENTED if each != module.__name__]
    if module is billboard and any(getattr(each, name, None) is value for each in others):
        yield name
    elif inspect.isclass(value):
        made = constructor(value)
        yield name + (parameters(made) if made else "")
        yield from (f"{name}.{member}" for member in members(value))
    else:
        yield name + (parameters(value) if inspect.isfunction(value) else "")


def public_names() -> list[str]:
    modules = map(importlib.import_module, DOCUMENTED)
    return [
        f"{module.__name__} {line}"
        for module in modules
        for name in sorted(module.__all__)
        for line in listed(module, name)
    ]


def test_the_public_names_are_frozen() -> None:
    assert public_names() == STORED.read_text().splitlines()


def all_modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(billboard.__path__, "billboard.")
    names = ["billboard", *(each.name for each in found if each.name != "billboard._core")]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def test_a_module_is_documented_if_it_says_what_is_public() -> None:
    public = [module.__name__ for module in all_modules() if hasattr(module, "__all__")]
    assert sorted(public) == DOCUMENTED


def test_what_a_package_exports_is_the_same_for_type_checkers() -> None:
    """They read the imports that nobody makes; what runs reads the names in `lazy.exports`."""
    checked = 0
    for module in all_modules():
        tree = ast.parse(inspect.getsource(module))
        for node in tree.body:
            if (
                isinstance(node, ast.If)
                and ast.unparse(node.test) == "TYPE_CHECKING"
                and node.orelse
            ):
                imports = [each for each in node.body if isinstance(each, ast.ImportFrom)]
                told = {alias.name: each.module for each in imports for alias in each.names}
                assert sorted(told) == module.__all__
                for name, home in told.items():
                    value = getattr(importlib.import_module(str(home)), name)
                    assert getattr(module, name) is value
                checked += 1
    assert checked == 6


def test_about_two_hundred_names_are_public() -> None:
    modules = map(importlib.import_module, DOCUMENTED)
    values = {(name, id(getattr(each, name))) for each in modules for name in each.__all__}
    assert 150 < len(values) < 250


class Example:
    """One of everything that is listed."""

    def __init__(self, first: int, /, second: str = "", *rest: int, third: int = 3) -> None:
        self.first, self.second = first, second
        self.third: int = third
        self._hidden = rest

    @property
    def text(self) -> str:
        """No parameters."""
        return self.second

    @classmethod
    def made(cls, *, of: int) -> Example:
        """Without ``cls``."""
        return cls(of)

    def __bytes__(self) -> bytes:
        return bytes(self.first)


def test_what_is_listed_of_a_class(monkeypatch: Any) -> None:
    monkeypatch.setattr(Example, "__module__", "billboard.example")
    assert parameters(Example) == "(first, /, second=, *rest, third=)"
    assert list(members(Example)) == [
        *("__bytes__", "first", "made(*, of)", "second", "text", "third"),
    ]


if __name__ == "__main__":
    text = "\n".join(public_names()) + "\n"
    print("unchanged" if STORED.read_text() == text else "written")
    STORED.write_text(text)
