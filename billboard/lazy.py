"""Packages that load an exported name only when it is asked for (PEP 562).

So a program loads no more than it uses, and a missing extra stops only what needs it.
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
"""The packages that each extra needs, by the names that they are imported by."""


def exports(
    package: str,
    modules: Mapping[str, str],
    extras: Mapping[str, str] | None = None,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return the ``__getattr__``, ``__dir__`` and ``__all__`` of a ``package``.

    ``modules`` maps each module to the names that it exports, separated by spaces. ``extras`` maps
    a module to the extra that it needs, if any. ``__all__`` has only names whose extra is
    installed. Any other name raises `MissingExtraError`, which says which extra to install.
    """
    homes = {name: module for module, names in modules.items() for name in names.split()}
    extra_of = extras or {}

    def lacks(module: str) -> str:
        """Return the first package missing for a module's extra, or an empty string."""
        needed = _NEEDS[extra_of[module]] if module in extra_of else ()
        return next((each for each in needed if not _is_installed(each)), "")

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = homes[name]
        if lacking := lacks(module):
            raise MissingExtraError(f"{package}.{name}", lacking, extra_of[module])
        # Two threads that import modules of one cycle at once could block each other.
        with _importing:
            found = getattr(importlib.import_module(module), name)
        setattr(sys.modules[package], name, found)  # so that this is not called again for it
        return found

    missing = {module for module in modules if lacks(module)}
    there = sorted(name for name, module in homes.items() if module not in missing)
    return get, lambda: there, there


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False
