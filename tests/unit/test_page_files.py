"""The files of the page: nothing that its policy refuses, nothing from elsewhere, and the chart library as npm has it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tapewire.daemons.api import app

LIBRARY = "lightweight-charts.js"
VERSION, DIGEST = (
    "5.2.1",
    "1bb1ee79f9d4dd17261b53d930f7a8995748276f80e7ba0e24412b5068062f5f",
)  # of dist/lightweight-charts.standalone.production.mjs in the package of npm
OURS = sorted(path for path in app.PAGE.iterdir() if path.suffix in (".js", ".html", ".css") and path.name != LIBRARY)
ABROAD = ("https://www.tradingview.com/",)  # a link that a person may follow, as the library's licence asks for


def test_the_chart_library_is_the_one_that_its_makers_ship() -> None:
    """Byte for byte, with its licence beside it; the document names its version."""
    content = (app.PAGE / LIBRARY).read_bytes()

    assert hashlib.sha256(content).hexdigest() == DIGEST
    assert f"Lightweight Charts™ v{VERSION}".encode() in content[:200]
    assert "Apache License" in (app.PAGE / "lightweight-charts.LICENSE.txt").read_text("utf-8")
    assert VERSION in app.PAGE.parent.joinpath("README.md").read_text("utf-8")


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_file_asks_nobody_and_says_nothing_inline(path: Path) -> None:
    """No address of another server, no HTML from text, no script and no style in the page itself."""
    text = path.read_text("utf-8")

    assert [found for found in re.findall(r"https?://[^\s\"'`)]+", text) if found not in ABROAD] == []
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert path.suffix != ".html" or not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", [path for path in OURS if path.suffix == ".js"], ids=lambda path: path.name)
def test_what_a_module_imports_is_there(path: Path) -> None:
    """A browser finds a missing file when somebody looks, and shows an empty page."""
    imported = re.findall(r"(?:from|import) \"\./([^\"]+)\"", path.read_text("utf-8"))

    assert [name for name in imported if not (app.PAGE / name).exists()] == []
