"""The report of a run: one page that stands alone, shows every session that traded, and escapes every text."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Action
from tapewire.replay import outputs
from tapewire.replay.report import charts, facts, write
from tapewire.replay.report.text import MINUS, money, price
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tests.runs import Tape, at, conf, finished, session, signal, trade


def report_of(run: Path, recording: Recording | None = None) -> str:
    outputs.write(run, conf(), recording)
    return write(run).read_text("utf-8")


def drawings(page: str) -> list[ET.Element]:
    return [ET.fromstring(svg) for svg in re.findall(r'(<svg class="chart".*?</svg>)</div>', page, re.S)]


def titles(drawing: ET.Element) -> list[str]:
    return [title.text or "" for title in drawing.iter("title")]


def crowded(run: Path, trades: int) -> Path:
    """A session with a trade every few minutes."""
    tape = Tape(run)
    for minute in range(571, 961):
        tape.publish("session.MNQ.", at(minute), session(minute, 100 + minute % 9))
    for number in range(trades):
        entered = 640 + number * 300 // trades
        tape.publish("trade.MNQ.", at(entered + 1), trade(entered, entered + 1, (-1) ** number * 300))
    tape.close()
    return run


def test_the_page_stands_alone(tmp_path):
    """No script, no address, no other file: it can be mailed, archived, and opened without a network."""
    page = report_of(finished(tmp_path / "run"))

    assert "<script" not in page
    assert not re.search(r"https?://|url\(|@import|\ssrc=|<link", page)
    assert "default-src 'none'" in page


def test_it_follows_the_readers_light_or_dark(tmp_path):
    """The page holds both colour schemes; the system chooses one."""
    page = report_of(finished(tmp_path / "run"))

    assert "prefers-color-scheme: dark" in page
    assert "color-scheme: light dark" in page


def test_equal_runs_have_equal_pages(tmp_path):
    """Nothing on the page depends on when or where it was written."""
    assert report_of(finished(tmp_path / "a")) == report_of(finished(tmp_path / "b"))


def test_the_figures_are_the_summarys(tmp_path):
    """Net, trades, drawdown, commission, and the tables by strategy, exit and refusal."""
    page = report_of(finished(tmp_path / "run"))

    for shown in ("+$4.26", "1 with a gain", "$1.24", "Edge Fade", "TARGET", "MAX_TRADES", "390 RTH bars, none missing"):
        assert shown in page


def test_a_traded_session_has_its_chart(tmp_path):
    """Equity and one session: entry, exit and bracket show their numbers in tooltips."""
    equity, day = drawings(report_of(finished(tmp_path / "run")))

    (told,) = [title for title in titles(day) if "Edge Fade" in title]
    assert told.splitlines() == [
        "Edge Fade LONG 1",
        "in 11:01 at 100.25",
        "out 11:20 at 103.00, TARGET",
        "stop 95.00, target 103.00",
        "net +$4.26",
    ]
    assert {"IBH 104.00", "IBM 100.00", "IBL 96.00"} <= set(titles(day))
    assert "b_day, 10:31 to 16:00" in titles(day)
    assert "equity +$4.26" in titles(equity)[0]


def test_a_moved_stop_is_drawn_as_a_step(tmp_path):
    """The stop starts at the price of the entry's signal and steps to the price of each move."""
    tape = Tape(tmp_path / "run")
    for minute in range(571, 961):
        tape.publish("session.MNQ.", at(minute), session(minute))
    tape.publish("signal.MNQ.", at(660), signal(660, stop=95.0))
    tape.publish("signal.MNQ.", at(670), signal(670, Action.MOVE_STOP, stop=99.0))
    tape.publish("signal.MNQ.", at(900), signal(900, Action.MOVE_STOP, stop=99.5))
    tape.publish("trade.MNQ.", at(680), trade(661, 680, 426))
    tape.close()
    outputs.write(tmp_path / "run", conf())

    (holding,) = facts.read(tmp_path / "run", 10).days[0].holdings

    assert holding.stops == ((at(661), 95.0), (at(670), 99.0))


@pytest.mark.parametrize("trades, markers, brackets", [(5, 5, 10), (60, 60, 120), (200, 200, 0)])
def test_a_crowded_session_keeps_its_prices_legible(tmp_path, trades, markers, brackets):
    """Every trade keeps its marker; with too many of them, stops and targets are left to the tooltips."""
    _, day = drawings(report_of(crowded(tmp_path / "run", trades)))
    classes = [(element.get("class") or "").split(" ")[0] for element in day.iter()]

    assert classes.count("trade") == markers
    assert classes.count("stop") + classes.count("target") == brackets


def test_a_run_without_trades_says_so(tmp_path):
    """No curve, no charts and no error: a run without trades can be a correct result."""
    tape = Tape(tmp_path / "run")
    tape.publish("session.MNQ.", at(571), session(571))
    tape.close()

    page = report_of(tmp_path / "run")

    assert "No trade was made" in page
    assert drawings(page) == []


def test_an_empty_run_has_a_page(tmp_path):
    """A run without any bar still has a page with its facts."""
    (tmp_path / "run" / "journal").mkdir(parents=True)

    assert "no RTH bars" in report_of(tmp_path / "run")


def test_left_out_rows_are_listed(tmp_path):
    """File, line, stamp and reason of each."""
    row = Ignored("NQ_Volumetric_1.csv", 17285, "2027-03-12T10:45:00.000", "repeated")
    recording = Recording("MNQ", "NQ", [], (row,), (SourceFile("NQ_Volumetric_1.csv", "NQ", 2, 1),))

    page = report_of(finished(tmp_path / "run"), recording)

    assert "1 row left out" in page
    assert "17,285" in page
    assert "2027-03-12T10:45:00.000" in page


def test_a_long_list_is_cut_and_says_so(tmp_path):
    """The page stays readable; the rest is in the run's files."""
    rows = tuple(Ignored("NQ_Volumetric_1.csv", line, "2027-03-12T10:45:00.000", "late") for line in range(2, 502))

    page = report_of(finished(tmp_path / "run"), Recording("MNQ", "NQ", [], rows))

    assert "the first 200 of 500" in page
    assert page.count("10:45:00.000") == 200


def test_later_sessions_are_counted_when_there_are_too_many(tmp_path):
    """Charts are for the first sessions; the trades of all are in the figures."""
    tape = Tape(tmp_path / "run")
    for number in range(3):
        tape.publish("trade.MNQ.", at(680), msgspec.structs.replace(trade(661, 680, 426), session=f"2027-03-0{number + 1}"))
    tape.close()
    outputs.write(tmp_path / "run", conf())

    found = facts.read(tmp_path / "run", 2)

    assert [day.session for day in found.days] == ["2027-03-01", "2027-03-02"]
    assert (found.traded_days, len(found.trades)) == (3, 3)


def test_every_text_is_escaped(tmp_path):
    """A plug-in strategy's name is foreign text, in tables, tooltips and attributes."""
    evil = """<script>alert("x")</script>'&"""
    tape = Tape(tmp_path / "run")
    for minute in range(571, 700):
        tape.publish("session.MNQ.", at(minute), session(minute))
    tape.publish("trade.MNQ.", at(680), msgspec.structs.replace(trade(661, 680, 426, strategy=evil, reason=evil), setup=evil))
    tape.close()

    page = report_of(tmp_path / "run")

    assert "<script" not in page.lower()
    assert "&lt;script&gt;" in page
    assert all(drawing.tag == "svg" for drawing in drawings(page))


def test_what_the_figures_assume_is_on_the_page(tmp_path):
    """The fill model's pessimism, its limits, and what synthetic bars cannot show."""
    page = report_of(finished(tmp_path / "run"))

    assert "fills at the open of the next one" in page
    assert "touches both stop and target counts as stopped" in page
    assert "proves nothing about profit" in page


def test_an_unfinished_run_has_no_report(tmp_path):
    """Without its summary a run is not reported on."""
    with pytest.raises(ConfError, match="the run did not finish"):
        write(finished(tmp_path / "run"))


@pytest.mark.parametrize(
    "dollars, shown",
    [(1234.5, "+$1,234.50"), (-60, f"{MINUS}$60.00"), (0, "$0.00")],
)
def test_money_reads_as_money(dollars, shown):
    """Signed, with cents, and a minus that lines up."""
    assert money(dollars) == shown


def test_a_missing_price_is_a_dash():
    """A trade without a target shows that it had none."""
    assert price(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    "low, high, steps",
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-120.0, 260.0, [-100, 0, 100, 200]), (24_998.5, 25_001.0, [24998.5, 24999, 24999.5])],
)
def test_axes_are_ruled_at_round_numbers(low, high, steps):
    """1, 2, 2.5 or 5 times a power of ten, whatever the range."""
    assert charts.round_steps(low, high, 6)[: len(steps)] == steps
