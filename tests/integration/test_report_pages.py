"""The pages that a run, a month and a sweep leave, in a real browser, opened from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapewire.replay.days import month
from tapewire.replay.report import page as report
from tapewire.replay.report import parts
from tapewire.replay.report.parts import Column
from tapewire.replay.report.text import MINUS
from tapewire.replay.research import table
from tapewire.replay.research.cell import DayResult, Result
from tapewire.replay.research.grid import Axis, cells
from tapewire.replay.sources.recording import Recording
from tests import browser, reports
from tests.browser import Visitor
from tests.runs import conf

pytestmark = pytest.mark.slow

MANY = 10_000
SIZES = [(1400, 900, "light"), (1400, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]
AXES = (
    Axis("v_reversal.drop_threshold_points", (4.0, 5.0, 6.0, 8.0)),
    Axis("exits.exit_time", ("15:30", "15:45", "15:59")),
    Axis("fill", ("next_open", "close")),
)
CUT = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const told = (each) => `${each.tagName} ${each.getAttribute("class")} ${each.textContent.slice(0, 40)}`;
  for (const each of document.querySelectorAll("main *")) {
    if ((each.closest("details:not([open])") && !each.closest("summary")) || !each.getClientRects().length) continue;
    if (each.closest(".plot") && each.tagName !== "text") continue;  // a mark may reach over the edge; a label may not
    const box = each.getBoundingClientRect(), frame = each.closest("figure, .panel, .figures")?.getBoundingClientRect();
    if (box.right > width + 0.5 || box.left < -0.5) found.push(`outside: ${told(each)}`);
    if (frame && (box.right > frame.right + 0.5 || box.left < frame.left - 0.5)) found.push(`over its frame: ${told(each)}`);
    if (each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX !== "visible") found.push(`cut: ${told(each)}`);
  }
  for (const axis of document.querySelectorAll("details[open] .across, figure:not(details *) .across")) {
    const boxes = [...axis.querySelectorAll("text")].map((each) => each.getBoundingClientRect()).filter((box) => box.width);
    boxes.forEach((box, at) => { if (at && box.left < boxes[at - 1].right) found.push(`labels overlap: ${told(axis)}`); });
  }
  return found;
}"""


def net(cell: int, day: int) -> int:
    """Cents of a made-up cell on a day."""
    return (cell * 3_700 * day) % 90_000 - 30_000


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each page by its name."""
    folder = tmp_path_factory.mktemp("pages")
    found = {
        "run": report.page(reports.facts_of(40, 9, idle=2)),
        "many": report.page(reports.facts_of(MANY, 90, idle=30)),
        "none": report.page(reports.facts_of(0, 2, idle=2)),
        "month": month.page(month.of("2025-01", reports.performances())).decode(),
    }
    for name, content in found.items():
        (folder / f"{name}.html").write_text(content)
    made = [
        (each, Result(str(at), tuple(DayResult(f"2025-01-0{day}", 3, at % 4, 0, net(at, day)) for day in (6, 7, 8)), 1, 90, ()))
        for at, each in enumerate(cells(AXES))
    ]
    table.write(folder, conf(), Recording("MNQ", "NQ", []), AXES, made, 0.7)
    return {name: folder / f"{name}.html" for name in (*found, "sweep")}


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with browser.visiting("about:blank") as found:
        yield found


def opened(visitor: Visitor, path: Path, **settings: Any) -> Any:
    visitor.address = path.as_uri()
    return visitor.page(**settings)


@pytest.fixture(scope="module")
def many(visitor: Visitor, pages: dict[str, Path]) -> Any:
    return opened(visitor, pages["many"])


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [
        *(("run", *size) for size in SIZES),
        *((name, *SIZES[at]) for name in ("sweep", "month") for at in (0, 3)),
        ("none", *SIZES[3]),
    ],
)
def test_nothing_is_cut_and_axe_finds_nothing(
    visitor: Visitor, pages: dict[str, Path], name: str, width: int, height: int, scheme: str
) -> None:
    """On a desk and on a phone, light and dark: every cell and label lies in its frame, no labels of an axis overlap, amounts
    are whole."""
    page = opened(visitor, pages[name], width=width, height=height, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each, at) => { each.open = at < 5; })")

    browser.PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=browser.PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
    assert page.evaluate(CUT) == []
    assert page.evaluate(browser.BROKEN) == []
    assert (width, scheme) not in ((1400, "light"), (390, "dark")) or browser.faults(page) == []
    page.context.close()


def test_a_phone_breaks_a_long_name_and_no_heading(visitor: Visitor, pages: dict[str, Path]) -> None:
    """A code of a reason is one word; a heading above cards has their whole width, and a cell without a word takes no room."""
    names = ("Trades", "Gains", "Profit factor", "Per trade", "Mean R")
    cards = (Column("Type"), *parts.numbers(*names), Column("State"))
    long = parts.table("By day type at the entry", cards, [("p_day", *["1"] * 5, "")])
    exits = ("VWAP_BREACH_PM", "12", "100.0%", "0.00", f"{MINUS}$1,184.74")
    short = parts.table("", (Column("Exit"), *parts.numbers(*names[:4])), [exits])
    path = pages["phone"] = pages["run"].with_name("phone.html")
    path.write_text(parts.document("a page", (parts.panel(long), parts.panel(short))))
    page = opened(visitor, path, width=390, height=844)

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("caption").bounding_box()["height"] < 40
    assert not page.locator("td[data-label=State]").is_visible()
    page.context.close()


def column(page: Any, number: int, rows: str = ".trades tbody tr:not(.more)") -> list[str]:
    return list(page.evaluate(f"[...document.querySelectorAll('{rows}')].map((row) => row.cells[{number}].textContent)"))


def money(text: str) -> float:
    return float(text.replace(MINUS, "-").replace("$", "").replace(",", ""))


def test_ten_thousand_trades_are_leafed_through(many: Any) -> None:
    """A hundred at a time, each with its reason and the id that `explain` takes; the last page has the last trade."""
    assert len(column(many, 0)) == 100
    assert many.locator(".leaf output").inner_text().startswith("1 to 100 of 10,000 trades")

    many.get_by_role("button", name="Last").click()

    assert many.locator(".leaf output").inner_text().startswith("9901 to 10000 of 10,000 trades")
    assert many.locator(".trades .more code").last.inner_text().startswith("MNQ-2025")
    assert "low in the IB at" in many.locator(".trades .more span").last.inner_text()
    many.get_by_role("button", name="First").click()


def test_a_table_is_sorted_from_the_keyboard(many: Any) -> None:
    """All trades, not only those of the page; the head says how."""
    head = many.locator(".trades th").last
    head.locator("button").focus()
    many.keyboard.press("Enter")
    most = [money(text) for text in column(many, 15)]

    assert head.get_attribute("aria-sort") == "descending"
    assert most == sorted(most, reverse=True)
    assert money(column(many, 15)[0]) == max(money(row[15]) for row in many.evaluate("JSON.parse(data.textContent).trades"))
    many.keyboard.press("Enter")
    assert money(column(many, 15)[0]) < 0
    assert head.get_attribute("aria-sort") == "ascending"


def test_a_phone_sorts_by_a_choice(visitor: Visitor, pages: dict[str, Path]) -> None:
    """Where each trade is a card, there is no head to press."""
    page = opened(visitor, pages["run"], width=390, height=844)
    page.locator(".trades").locator("xpath=..").get_by_label("Sort by").select_option("Net, falling")
    nets = [money(text) for text in column(page, 15)]

    assert nets == sorted(nets, reverse=True)
    page.context.close()


def test_dates_and_words_choose_trades(many: Any) -> None:
    """The table, its sum, the curves and the list of sessions follow the dates; a word finds an id."""
    day = many.evaluate("JSON.parse(data.textContent).sessions[9]")
    many.get_by_label("From", exact=True).fill(day)
    many.get_by_label("To", exact=True).fill(day)

    assert set(column(many, 0)) == {day}
    assert many.locator("#equity .outside").count() == 4
    assert many.locator("details.day:visible").count() == 1
    many.get_by_label("Search").fill(many.locator(".trades code").nth(7).inner_text())
    assert len(column(many, 0)) == 1
    many.get_by_label("Search").fill("")
    many.get_by_role("button", name="All dates").click()
    assert many.locator(".leaf output").inner_text().startswith("1 to 100 of 10,000 trades")
    assert many.locator("#equity .outside").count() == 0


def test_sessions_open_from_the_keyboard(many: Any) -> None:
    """Also one without a trade; all of them at once by a button."""
    idle = many.locator("section.days").nth(1)
    day = idle.locator("details").first
    day.locator("summary").focus()
    many.keyboard.press("Enter")

    assert day.locator(".wick").first.is_visible()
    idle.get_by_role("button", name="Open all").click()
    assert idle.locator("details:not([open])").count() == 0
    idle.get_by_role("button", name="Close all").click()
    assert idle.locator("details[open]").count() == 0


def test_the_map_of_a_sweep_shows_what_is_chosen(visitor: Visitor, pages: dict[str, Path]) -> None:
    """Another metric, and another slice; the best cells keep their marks where they are in it."""
    page = opened(visitor, pages["sweep"])
    before = page.locator("#map td").all_inner_texts()
    marks = page.locator("#map td.best-in").count()
    page.get_by_label("Metric").select_option("Trades")

    assert set(page.locator("#map td").all_inner_texts()) == {"9"}
    page.get_by_label("Metric").select_option("Net in sample")
    assert page.locator("#map td").all_inner_texts() == before
    fill = page.locator("#map select").nth(1)
    fill.select_option(str(1 - int(fill.input_value())))
    assert page.locator("#map td").all_inner_texts() != before
    assert (marks, page.locator("#map td.best-in").count()) == (1, 0)
    page.get_by_role("button", name="Net", exact=True).click()
    nets = [money(text) for text in column(page, 6, "table.sorts tbody tr")]
    assert nets == sorted(nets, reverse=True)
    page.context.close()


def test_without_its_script_a_report_is_complete(visitor: Visitor, pages: dict[str, Path]) -> None:
    """As in a mail, or on the live page: the first trades, and where the others are."""
    page = opened(visitor, pages["many"], scripted=False)

    assert page.locator(".trades .more").count() == 100
    assert page.get_by_text("9,900 later trades not listed here; trades.csv has them all.").is_visible()
    assert page.locator("#equity .equity").is_visible()
    page.context.close()


def test_a_report_prints(visitor: Visitor, pages: dict[str, Path]) -> None:
    """On white paper, whatever the screen; without what only a screen can do."""
    page = opened(visitor, pages["run"], scheme="dark")
    (browser.PICTURES / "run.pdf").write_bytes(page.pdf(prefer_css_page_size=True))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1030, "height": 730})

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 35, 41)"
    assert not page.locator(".tools:visible, .leaf:visible, details.day:not([open]):visible").count()
    assert page.locator("details.day[open]:visible").count() == report.OPENED
    assert page.evaluate(CUT) == []
    page.context.close()


def test_pages_said_nothing_wrong_and_asked_nobody(visitor: Visitor, pages: dict[str, Path]) -> None:
    """In all of these tests: no error on the console, nothing that the policy refused, and no request but for the files."""
    assert visitor.said == []
    assert visitor.asked <= {path.as_uri() for path in pages.values()}
