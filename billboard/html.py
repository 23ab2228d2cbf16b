"""The tables that notebooks show instead of a ``repr``. Callers put nothing secret in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from html import escape


def table(title: str, rows: Mapping[str, object]) -> str:
    """Return a small HTML table: ``title``, and one line for each of ``rows``."""
    lines = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"


def strip(parts: Sequence[bytes]) -> str:
    """Return a colored cell for each part; its color is from a hash, so equal parts look equal."""
    cells = "".join(
        f"<span style='display:inline-block;width:1.2em;height:1.2em;background:#{color}'></span>"
        for color in (hashlib.sha256(part).hexdigest()[:6] for part in parts)
    )
    return f"<div>{cells}</div>"
