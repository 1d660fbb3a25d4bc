"""A real Chromium for the tests of the page: what it said on its console, what it asked for, and what axe finds wrong with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PICTURES = Path(__file__).parents[1] / "out" / "page"
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 120  # it only ends a test that would not
CONNECTED = "#link[data-state=on]"
SERIOUS = ("serious", "critical")


BROKEN = """() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const told = walk.currentNode.data.match(/[−+]\\$[\\d,.]*\\d/), parent = walk.currentNode.parentElement;
    const flows = !parent.closest("svg, script, style, [hidden]") && parent.getClientRects().length;
    if (told && flows && getComputedStyle(parent).whiteSpace !== "nowrap") found.push(walk.currentNode.data);
  }
  return found;
}"""
"""Texts of a page in which a line may end between the sign of an amount and its dollars."""


class Visitor:
    """A browser with one page after another.

    said: what pages have written on the console, and their errors. asked: every address that was requested.
    """

    def __init__(self, browser: Any, address: str) -> None:
        self.said: list[str] = []
        self.asked: set[str] = set()
        self.address = address
        self._browser = browser

    def page(self, width: int = 1400, height: int = 900, scheme: str = "light", *, scripted: bool = True) -> Any:
        """A page of its own, as a person has it who comes for the first time. scripted: scripts run in it."""
        phone = width < 500
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            is_mobile=phone,
            has_touch=phone,
            reduced_motion="reduce",
            java_script_enabled=scripted,
        )
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_S)
        page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.add(request.url))
        page.on("websocket", lambda socket: self.asked.add(socket.url))
        page.goto(self.address)
        return page

    def connected(self, token: str, **settings: Any) -> Any:
        """A page that has been shown a key, and the past."""
        page = self.page(**settings)
        page.locator("#key").fill(token)
        page.locator("#door-form button").click()
        page.locator(CONNECTED).wait_for()
        return page

    def entered(self, token: str, **settings: Any) -> Any:
        """The same, and it knows how the run stands."""
        page = self.connected(token, **settings)
        page.locator("#lights [data-on=true]").first.wait_for()
        return page


def missing() -> str:
    """What this machine lacks for a page in a browser; empty if it lacks nothing."""
    if find_spec("playwright") is None:
        return "the page is tested with playwright: pip install -e '.[dev]'"
    if shutil.which("chromium") is None:
        return "the page is tested with a real browser: sudo apt-get install chromium"
    return ""


@contextmanager
def visiting(address: str) -> Iterator[Visitor]:
    """Debian's Chromium. The tests skip without it."""
    if why := missing():
        pytest.skip(why)
    from playwright import sync_api as playwright

    with playwright.sync_playwright() as driver:
        kept = {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"}  # it would write there
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS, env=kept)
        try:
            yield Visitor(browser, address)
        finally:
            browser.close()


def faults(page: Any) -> list[str]:
    """What axe-core calls serious or worse: rule, and the elements."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found if each["impact"] in SERIOUS]


def until(holds: Callable[[], bool], page: Any) -> bool:
    """Repeat the check until it holds, while the page goes on."""
    for _ in range(PATIENCE_S * 50):
        if holds():
            return True
        page.wait_for_timeout(20)
    return False
