"""The documentation as a browser shows it (`make test-slow`). It needs Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT
from playwright.sync_api import Locator, Page, sync_playwright

WIDTHS = (360, 768, 1024, 1280, 1440, 1600, 1920)

OVERHANG = """() => {
    const [root, content] = [document.documentElement, document.querySelector(".content")];
    const contents = document.querySelector(".toc-drawer");  // fixed: out of the way
    const right = contents && getComputedStyle(contents).position !== "fixed"
        ? contents.getBoundingClientRect().right : 0;
    return Math.max(root.scrollWidth - innerWidth, content.scrollWidth - content.clientWidth,
                    right - root.clientWidth);
}"""
"""Pixels by which the page, its text or the contents at its right are too wide for the window."""


def chromium() -> str:
    """Debian's Chromium, or Chrome: Playwright's own download is not needed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("Chromium is missing: apt-get install chromium")


def build(folder: Path) -> Path:
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-b", "html"]
    subprocess.run([*sphinx, "-d", folder / "doctrees", ROOT / "docs", folder / "html"], check=True)
    return folder / "html"


@pytest.mark.slow
def test_the_site(tmp_path: Path) -> None:
    """One test, as what takes long is to build the site."""
    site = build(tmp_path)
    with sync_playwright() as playwright:
        # As root, Chromium does not start with its sandbox. It opens nothing but these pages.
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        with playwright.chromium.launch(executable_path=chromium(), args=arguments) as browser:
            page = browser.new_page()
            nothing_is_too_wide(page, site)
            blocks_are_copied_to_be_pasted(page, site)
            entries_have_sources(page, site)


def nothing_is_too_wide(page: Page, site: Path) -> None:
    pages = [each for each in site.glob("**/*.html") if "_modules" not in each.parts]
    assert len(pages) > 30
    overhangs = {}
    for path in [*pages, site / "_modules/billboard/blob.html"]:
        page.goto(path.as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            overhangs[str(path.relative_to(site)), width] = page.evaluate(OVERHANG)
    assert {where: pixels for where, pixels in overhangs.items() if pixels > 0} == {}


def blocks_are_copied_to_be_pasted(page: Page, site: Path) -> None:
    """A shell's as it stands; Python without its prompts, and without what is printed."""
    page.goto((site / "phones.html").as_uri())
    block = page.locator("div.highlight-sh").first
    assert copied(page, block).splitlines() == block.locator("pre").inner_text().splitlines()
    page.goto((site / "index.html").as_uri())
    prompted = re.compile("^>>> ", re.MULTILINE)
    block = page.locator("div.highlight-python", has_text=prompted).first
    lines = block.locator("pre").inner_text().splitlines()
    typed = [line[4:] for line in lines if line.startswith(">>> ")]
    assert len(typed) >= 5
    assert [line for line in copied(page, block).splitlines() if line] == typed


def copied(page: Page, block: Locator) -> str:
    """What the button of a block copies."""
    block.hover()
    block.locator("button.copybtn").click()
    page.evaluate("document.body.append(document.createElement('textarea'))")
    area = page.locator("body > textarea").last
    area.focus()
    page.keyboard.press("Control+V")
    return area.input_value()


def entries_have_sources(page: Page, site: Path) -> None:
    page.goto((site / "reference/index.html").as_uri())
    page.locator('dt[id="billboard.Blob"] .viewcode-link').click()
    assert page.url.endswith("/_modules/billboard/blob.html#Blob")
    assert "class Blob" in page.locator('[id="Blob"]').inner_text()
