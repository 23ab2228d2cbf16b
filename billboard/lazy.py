"""Packages that load what they export when it is asked for (PEP 562).

So a program loads no more than it uses, and what an extra lacks stops nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from billboard.errors import MissingExtraError

_importing = threading.RLock()

_NEEDS: Mapping[str, tuple[str, ...]] = {
    "client": ("cachetools", "curl_cffi", "msgspec"),
    "push": ("curl_cffi", "jwt", "google.auth", "http_ece"),
    "server": ("cachetools", "prometheus_client", "starlette"),
    "sns": ("botocore", "curl_cffi"),
}
"""What has to be installed for each extra, as it is imported."""


def exports(
    package: str,
    modules: Mapping[str, str],
    extras: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """The ``__getattr__``, ``__dir__`` and ``__all__`` of a ``package``.

    ``modules`` has for each module the names that it is asked for, with spaces between; ``extras``
    the extra that a module needs, if any. ``__all__`` has what is installed. What is not raises
    `MissingExtraError` that says which extra has it.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}
    extra_of = extras or {}

    def lacks(module: str) -> str:
        """The first package that the extra of a module lacks; empty if it lacks none."""
        needed = _NEEDS[extra_of[module]] if module in extra_of else ()
        return next((each for each in needed if not _is_installed(each)), "")

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = homes[name]
        if lacking := lacks(module):
            raise MissingExtraError(f"{package}.{name}", lacking, extra_of[module])
        # Threads that import modules of one circle of packages at once wait for each other.
        with _importing:
            found = getattr(importlib.import_module(module), name)
        setattr(sys.modules[package], name, found)  # so that it is not asked for again
        return found

    missing = {module for module in modules if lacks(module)}
    there = sorted(name for name, module in homes.items() if module not in missing)
    return get, lambda: there, there


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of the package that it is in
        return False
