"""How Sphinx makes the documentation (`make docs`). Nothing is fetched."""

from __future__ import annotations

import builtins
import importlib
import importlib.metadata
import re
from pathlib import Path
from typing import Any

import typer
from myst_parser.slugs import github_slugify
from sphinx.application import Sphinx
from sphinx.util import logging
from typer.cli import get_docs_for_click

import billboard
from billboard.cli.app import app as commands

project = "billboard"
html_show_copyright = False
version = release = importlib.metadata.version("anonymous-billboard")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton"]
exclude_patterns = ["_build"]
highlight_language = "none"  # the picture and the formulas have no language
smartquotes = False  # SPEC.md quotes labels

html_theme = "furo"
html_title = f"billboard {version}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["width.css"]

# A copy button copies what is typed to Python, without prompts, and without what is printed.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# The pages of SPEC.md, SECURITY.md, .. are named as the files in the root, and as deep, so that
# their links to each other hold. Three levels of headings are what `SPEC.md#63-encoding` needs.
myst_heading_anchors = 3

# `name` in a docstring is a link to what is called so, and an unknown name is an error.
default_role = "any"
nitpicky = True
nitpick_ignore_regex = [
    # Other projects: their inventories are on the network.
    (r"py:class", r"(asyncio|collections\.abc|cryptography|numpy|os|pathlib|uuid)\..*"),
    (r"py:class", r"(apsw|botocore|contextlib|google|petlib|py_ecc|starlette)\..*"),
    # As it stands in a signature with a name that only type checkers import.
    (r"py:class", r"Path"),
    # Parameters that only this package passes, to what is made by a class method.
    (r"py:class", r"billboard\..*\._[A-Za-z]+|billboard\.(storage|device\.state|device\.book)\..*"),
    # Python's own exceptions, in docstrings.
    (r"any", "|".join(map(re.escape, dir(builtins)))),
]

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autoclass_content = "both"
autodoc_type_aliases = {
    name: f"~billboard.batches.{name}" for name in ("Array", "Mask", "Progress")
}

log = logging.getLogger(__name__)

SPEC = (Path(__file__).parent.parent / "SPEC.md").read_text()
SECTIONS = {
    number: github_slugify(f"{number} {title}")
    for number, title in re.findall(r"^#+ (\d[\d.]*) (.*)$", SPEC, re.MULTILINE)
}
"""The anchor of each section in the page that MyST makes of SPEC.md."""


PUBLIC = sorted(
    name
    for page in (Path(__file__).parent / "reference").glob("*.md")
    for name in re.findall(r"automodule:: (\S+)", page.read_text())
)
"""The packages that the reference documents."""

HOMES = {
    name: package
    for package in ["billboard", *(each for each in PUBLIC if each != "billboard")]
    for name in importlib.import_module(package).__all__
}
"""Where each public name is documented: `billboard` has some from other packages."""


def skip_foreign(
    app: Sphinx, what: str, name: str, _value: object, skip: bool, _options: object
) -> bool | None:
    """Leave out what another package documents."""
    if what != "module" or skip:
        return None
    module = app.env.current_document.autodoc_module
    return HOMES.get(name, module) != module


def find_home(_app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """Make a link of a name that is given with the module in which it is defined."""
    target = node.get("reftarget", "")
    parts = target.split(".")
    for i, part in enumerate(parts):
        if part in HOMES and parts[0] == "billboard":
            full = ".".join([HOMES[part], *parts[i:]])
            python = env.domains.python_domain
            if full in python.objects and full != target:
                return python.resolve_xref(
                    env, node["refdoc"], env.app.builder, "obj", full, node, content
                )
    return None


def repair_signature(
    _app: object, _what: str, _name: str, _obj: object, _options: object, *signature: str | None
) -> tuple[str | None, ...]:
    """Write as one would say it what Python and Sphinx make of some signatures."""
    return tuple(part and _repaired(part) for part in signature)


def _repaired(signature: str) -> str:
    if signature == "(*args, **kwargs)":  # of a protocol, which nobody calls
        return ""
    signature = signature.replace(repr(bytes(32)), "bytes(32)")
    signature = signature.replace("<factory>", "...")  # of a field of a dataclass
    return re.sub(r"TypeAliasForwardRef\('([^']*)'\)", r"\1", signature)  # in a union


def link_sections(
    _app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Make links of the sections that a docstring cites, as ``SPEC 6.3``."""
    for i, line in enumerate(lines):
        lines[i] = re.sub(r"SPEC (\d+(?:\.\d+)?)", _linked, line)


def _linked(citation: re.Match[str]) -> str:
    return f"`{citation[0]} <../SPEC.html#{SECTIONS[citation[1]]}>`__"


def check_complete(_app: Sphinx, env: Any) -> None:
    """Warn of each public name that the pages in reference/ do not have."""
    documented = env.domains.python_domain.objects
    for name, home in HOMES.items():
        if f"{home}.{name}" not in documented:
            log.warning("%s.%s is not in the reference", home, name)


def complete_page(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Append what can be listed: the names of ``billboard``, and the help of all commands."""
    if docname == "reference/index":
        others = [name for name in billboard.__all__ if HOMES[name] != "billboard"]
        links = [f"{{py:obj}}`~{HOMES[name]}.{name}`" for name in others]
        source[0] += ", ".join(links) + ".\n"
    if docname == "reference/command_line":
        group = typer.main.get_command(commands)
        context = typer.Context(group, info_name="billboard")
        source[0] += get_docs_for_click(obj=group, ctx=context, indent=1, name="billboard")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("missing-reference", find_home)
    app.connect("autodoc-process-docstring", link_sections)
    app.connect("autodoc-process-signature", repair_signature)
    app.connect("env-check-consistency", check_complete)
    app.connect("source-read", complete_page)
