"""The site as `make docs` builds it: whole, and good to read from the disk, on a phone, in the dark, without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import pages
from tests import browser
from tests.browser import Visitor

pytestmark = pytest.mark.slow

READ = ("index", "daemons/RUNBOOK", "commands/backtest", "bus/PROTOCOL", "words")
ABROAD = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(?:https?:)?//[^>]*>|url\((?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site. A link or an anchor that leads nowhere, or a page that no one can reach, ends the build."""
    configuration = pages.write(tmp_path_factory.mktemp("docs"))
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--config-file", configuration]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    return configuration.parent / "site"


@pytest.fixture(scope="module")
def visitor(site: Path) -> Iterator[Visitor]:
    """A browser that opens it from the disk."""
    with browser.visiting((site / "index.html").as_uri()) as found:
        yield found


def test_a_document_is_a_page(site: Path) -> None:
    """Each of the navigation, and each command."""
    written = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")}

    assert {path.as_posix() for path in pages.documents().values()} | {"commands/up.md", "commands/index.md"} <= written


def test_no_page_takes_anything_from_elsewhere(site: Path) -> None:
    """Scripts, styles, pictures and fonts lie beside the pages. A link that a person follows may lead anywhere."""
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]

    assert len(files) > 90
    assert [f"{path.name}: {found[0]}" for path in files if (found := ABROAD.search(path.read_text("utf-8")))] == []


def test_it_is_searched_without_a_server(visitor: Visitor) -> None:
    """From the disk: words find their section, and the result leads there. Nothing is asked of anybody."""
    page = visitor.page()

    asked = page.locator("[data-md-component=search-query]")
    asked.click()
    page.get_by_text("Type to start searching").wait_for()  # the index has been read
    asked.press_sequentially("three in the morning")
    page.locator(".md-search-result__link[href$='#at-three-in-the-morning']").first.click()
    page.wait_for_url("**/daemons/RUNBOOK.html?*#at-three-in-the-morning")

    assert [address for address in visitor.asked if not address.startswith(("file:", "data:", "blob:"))] == []
    assert visitor.said == []


@pytest.mark.parametrize("name", READ)
def test_it_is_read_on_a_phone_in_the_dark(visitor: Visitor, site: Path, name: str) -> None:
    """390 pixels wide nothing moves sideways but tables and code by themselves, and the page is dark."""
    page = visitor.page(width=390, height=844, scheme="dark")
    page.goto((site / f"{name}.html").as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert bright(page) < 64


def bright(page: Any) -> int:
    """The brightest part of the page's own colour, 0 to 255."""
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(part) for part in re.findall(r"\d+", colour)[:3])
