"""The report of a run: one page that stands alone, shows its sessions and trades, and escapes every text."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Action
from tapewire.daemons.settings import load as configuration
from tapewire.replay import outputs
from tapewire.replay.days import month
from tapewire.replay.report import facts, heat, page, plot, write
from tapewire.replay.report.text import MINUS, many_sessions, money, price, sentence, short
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tests import reports
from tests.runs import SESSION, Tape, at, conf, finished, session, signal, trade


def ended(run: Path, recording: Recording | None = None) -> Path:
    """The results of a run whose journal is there."""
    configuration.write(conf(), run)
    outputs.write(run, conf(), recording)
    return run


def report_of(run: Path, recording: Recording | None = None) -> str:
    return write(ended(run, recording)).read_text("utf-8")


def drawings(page: str) -> dict[str, ET.Element]:
    """Each drawing by its kind; of several sessions the last."""
    found = re.findall(r'(<div class="plot ([a-z]+)-plot".*?</svg></div>)', page, re.S)
    return {kind: ET.fromstring(drawing) for drawing, kind in found}


def data(page: str) -> dict[str, Any]:
    """What the script reads."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return dict(json.loads(found))


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
    """No address, no other file: it can be mailed, archived, and opened without a network. Its policy lets our script run alone."""
    page = report_of(finished(tmp_path / "run"))
    code, told = re.findall(r"<script[^>]*>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()

    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg\")|url\(|@import|\ssrc=|<link|\sstyle=", page)
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|import\(", code)
    assert json.loads(told)["sessions"] == [SESSION]


def test_it_follows_the_readers_light_or_dark(tmp_path):
    """The page holds both colour schemes; the system chooses one."""
    page = report_of(finished(tmp_path / "run"))

    assert "screen and (prefers-color-scheme: dark)" in page
    assert "color-scheme: light dark" in page


def test_equal_runs_have_equal_pages(tmp_path):
    """Nothing on the page depends on when or where it was written."""
    assert report_of(finished(tmp_path / "a")) == report_of(finished(tmp_path / "b"))


def test_the_figures_are_the_summarys(tmp_path):
    """Net, trades, drawdown, commission, and the tables by strategy, exit and refusal."""
    page = report_of(finished(tmp_path / "run"))

    for shown in ("+$4.26", "1 with a gain, 100.0%", "$1.24", "Edge Fade", "TARGET", "MAX_TRADES", "390 RTH bars, none missing"):
        assert shown in page


def test_a_traded_session_has_its_chart(tmp_path):
    """Equity and one session: entry, exit and bracket show their numbers in tooltips."""
    found = drawings(report_of(finished(tmp_path / "run")))
    equity, day = found["equity"], found["session"]

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


def test_a_session_has_its_profile(tmp_path):
    """Of a run that did not ask for it, too: every half hour goes from 99 to 102.50, so the point of control is in the middle."""
    page = report_of(finished(tmp_path / "run"))
    day = drawings(page)["session"]

    assert {"TPOs", "volume at price", "POC 100.75", "VAH 102.25", "VAL 99.75"} <= set(titles(day))
    assert "Profile in rows of 0.25: value area 99.75 to 102.25, POC 100.75; " in page


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

    (holding,) = facts.read(ended(tmp_path / "run"), 10).days[0].holdings

    assert holding.stops == ((at(661), 95.0), (at(670), 99.0))


@pytest.mark.parametrize("trades, markers, brackets", [(5, 5, 10), (60, 60, 120), (200, 200, 0)])
def test_a_crowded_session_keeps_its_prices_legible(tmp_path, trades, markers, brackets):
    """Every trade keeps its marker; with too many of them, stops and targets are left to the tooltips."""
    day = drawings(report_of(crowded(tmp_path / "run", trades)))["session"]
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
    assert "No strategy asked for an entry" in page
    assert "tapewire why --run" in page
    assert set(drawings(page)) == {"session"}


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

    found = facts.read(ended(tmp_path / "run"), 2)

    assert [day.session for day in found.days] == ["2027-03-01", "2027-03-02"]
    assert (found.undrawn, len(found.trades)) == (1, 3)
    assert "1 later session that traded not drawn here" in page.page(found)


def three_days(run: Path) -> Path:
    """A session without a trade, one with two, and one with one: +4.26, then -3.00 and +1.00 dollars."""
    tape = Tape(run)
    for day in (22, 23, 24):
        back = (24 - day) * 1440
        for minute in range(571, 961):
            told = msgspec.structs.replace(session(minute, 100 + minute % 9), session=f"2027-02-{day}")
            tape.publish("session.MNQ.", at(minute - back), told)
    for entered, left, net, day in ((661, 680, 426, 23), (700, 720, -300, 24), (800, 820, 100, 24)):
        back = (24 - day) * 1440
        made = msgspec.structs.replace(trade(entered - back, left - back, net), session=f"2027-02-{day}", id=f"O-{entered - 1}")
        tape.publish("signal.MNQ.", at(entered - 1 - back), msgspec.structs.replace(signal(entered - 1), session=f"2027-02-{day}"))
        tape.publish("trade.MNQ.", at(left - back), made)
    tape.close()
    return run


def test_a_session_without_a_trade_is_drawn_too(tmp_path):
    """Behind those that traded, closed until somebody opens it."""
    found = report_of(three_days(tmp_path / "run"))
    days = re.findall(r'<details class="day" data-session="([0-9-]+)"( open)?>', found)

    assert days == [("2027-02-23", " open"), ("2027-02-24", " open"), ("2027-02-22", "")]
    assert found.index("Sessions without a trade") < found.index('data-session="2027-02-22"')


def test_each_trade_has_its_reason_and_its_id(tmp_path):
    """In the page and in what the script leafs through; the id is the one that `explain` takes."""
    found = report_of(three_days(tmp_path / "run"))

    assert re.findall(r'<tr class="more"><td colspan="16"><span>([^<]*)</span> <code>([^<]*)</code>', found) == [
        ("low in the IB", "O-660"),
        ("low in the IB", "O-699"),
        ("low in the IB", "O-799"),
    ]
    assert [(row[-2], row[-1]) for row in data(found)["trades"]] == [("low in the IB", f"O-{at}") for at in (660, 699, 799)]


def test_an_amount_within_words_is_one_piece():
    """A line may end between a sign and what follows it. What has no sign, or is no amount, is as it was; words are safe."""
    words = f"{MINUS}$1,234.50 to +$4, of $5 & {MINUS}3"

    assert sentence(words) == (
        f'<span class="whole">{MINUS}$1,234.50</span> to <span class="whole">+$4</span>, of $5 &amp; {MINUS}3'
    )


def test_the_figures_are_those_of_the_desk(tmp_path):
    """With the interval, the sessions that it would take, and the drawdown of the sessions. Mean of 0, 4.26 and -2."""
    found = facts.read(ended(three_days(tmp_path / "run")), 10)
    shown = page.page(found)

    assert found.figures["session_mean"] == pytest.approx(0.7533, abs=1e-4)
    assert f'95 %: <span class="whole">{MINUS}$2.00</span> to <span class="whole">+$4.26</span>' in shown
    assert "that cannot be told from 0" in shown
    assert "1 session long, not recovered" in shown
    assert f"takes about {found.figures['sessions_needed']:,} sessions" in shown


@pytest.mark.parametrize(
    ("needed", "words"),
    [(1, "about 1 session"), (10_000, "about 10,000 sessions"), (10_001, "more than 10,000 sessions (40 years)")],
)
def test_more_sessions_than_anybody_has_are_not_counted(needed, words):
    assert many_sessions(needed) == words


def test_a_sum_that_is_shown_as_nothing_has_no_colour(tmp_path):
    """Its shade is that of the furthest, and with one month that is its own: here 36 cents."""
    tape = Tape(tmp_path / "run")
    tape.publish("session.MNQ.", at(661), session(661, 100))
    tape.publish("trade.MNQ.", at(662), trade(661, 662, 36))
    tape.close()
    found = facts.read(ended(tmp_path / "run"), 10)

    assert 'class="even"' in heat.months(found.trades, [SESSION])


def test_a_month_draws_its_days_and_leads_to_their_reports():
    """A bar for each day, the line of their sum, and a link into the folder beside the page."""
    days = reports.performances()
    shown = month.page(month.of("2025-01", days)).decode()

    assert shown.count('class="bar ') == len(days)
    assert f"Net of {len(days)} days, in sum " in shown
    assert f'<a href="{days[0].session[8:]}/report.html">{days[0].session}</a>' in shown


def test_some_dates_make_a_page_of_their_own(tmp_path):
    """Figures, tables and charts of these sessions alone; a range without a session is refused."""
    run = ended(three_days(tmp_path / "run"))
    other = write(run, start="2027-02-24", out=tmp_path / "part.html")

    shown = other.read_text()
    assert "A part of the run, chosen by date" in shown
    assert f"{MINUS}$2.00" in shown
    assert "2027-02-23" not in shown
    assert not (run / "report.html").exists()
    with pytest.raises(ConfError, match="no session from 2027-03-01 to the last; it has 2027-02-22 to 2027-02-24"):
        write(run, start="2027-03-01")


def test_months_and_hours_add_up(tmp_path):
    """Every trade is in one cell of each table, and the sums at the edge are those of the run."""
    found = reports.facts_of(200, 60, idle=10)
    net = sum(each.trade.net_cents for each in found.trades) / 100

    for table in (heat.months(found.trades, found.sessions), heat.hours(found.trades)):
        cells = re.findall(r'<td class="([a-z0-9]+)" title="([^,]*), ([0-9]+) trade', table.replace(",", ""))
        found_cells = re.findall(r'class="([a-z0-9]+)" title="([^"]*), ([0-9,]+) trades?, ', table)
        single = [each for each in found_cells if each[0] != "sum"]
        assert cells == [] or cells
        assert sum(int(number.replace(",", "")) for _, _, number in single) == 200
        assert sum(dollars(told) for _, told, _ in single) == pytest.approx(net)


def dollars(text: str) -> float:
    return float(text.replace(MINUS, "-").replace("+", "").replace("$", "").replace(",", ""))


def test_ten_thousand_trades_stay_below_eight_megabytes():
    """With 60 crowded sessions that traded and 30 others, as many as are drawn."""
    found = page.page(reports.facts_of(10_000, 90, idle=30))

    assert len(found.encode()) < 8_000_000
    assert len(data(found)["trades"]) == 10_000
    assert found.count('<tr class="more">') == page.MOST_ROWS
    assert "9,900 later trades not listed here" in found


def test_every_text_is_escaped(tmp_path):
    """A plug-in strategy's name is foreign text, in tables, tooltips and attributes."""
    evil = """<script>alert("x")</script>'&"""
    tape = Tape(tmp_path / "run")
    for minute in range(571, 700):
        tape.publish("session.MNQ.", at(minute), session(minute))
    tape.publish("trade.MNQ.", at(680), msgspec.structs.replace(trade(661, 680, 426, strategy=evil, reason=evil), setup=evil))
    tape.close()

    page = report_of(tmp_path / "run")

    assert page.lower().count("<script") == 2  # ours, and its data
    assert "&lt;script&gt;" in page
    assert data(page)["trades"][0][1] == evil
    assert set(drawings(page)) >= {"equity", "drawdown", "session"}


def test_what_the_figures_assume_is_on_the_page(tmp_path):
    """Each rule by which orders were filled, which of them flatter, and what synthetic bars cannot show."""
    page = report_of(finished(tmp_path / "run"))

    assert "<caption>Fill model next_open</caption>" in page
    assert '<td>stop and target on one bar</td><td class="wide">the stop</td><td></td>' in page
    assert re.search(r"<td>a gap over a limit or a target</td><td[^>]*>at the open[^<]*</td><td>yes</td>", page)
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


@pytest.mark.parametrize(
    "dollars, shown",
    [
        (0, "$0"),
        (-0.2, "$0"),
        (340.4, "+$340"),
        (-999.4, f"{MINUS}$999"),
        (999.6, "+$1.0k"),
        (-1_234, f"{MINUS}$1.2k"),
        (34_400, "+$34k"),
        (1_250_000, "+$1.2M"),
    ],
)
def test_money_fits_where_room_is_scarce(dollars, shown):
    """Three digits at most, and a letter for thousands and millions."""
    assert short(dollars) == shown


def test_a_missing_price_is_a_dash():
    """A trade without a target shows that it had none."""
    assert price(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    "low, high, steps",
    [(0, 10, [0, 2, 4, 6, 8, 10]), (-120.0, 260.0, [-100, 0, 100, 200]), (24_998.5, 25_001.0, [24998.5, 24999, 24999.5])],
)
def test_axes_are_ruled_at_round_numbers(low, high, steps):
    """1, 2, 2.5 or 5 times a power of ten, whatever the range."""
    assert plot.round_steps(low, high, 6)[: len(steps)] == steps
