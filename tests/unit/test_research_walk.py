"""A walk-forward: what each window chooses and makes, by hand, and against runs that really begin there with a new account."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Body, Header, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import loop, runs
from tapewire.replay.excursion import Entered
from tapewire.replay.research import cell, grid, start, sweep, trades, walk, walk_files
from tapewire.replay.research.grid import Axis
from tapewire.replay.research.sessions import Stream
from tapewire.replay.research.trades import CellTrades, LimitedAccount, PlacedTrade, of_window
from tapewire.replay.research.walk import walk as walked
from tapewire.replay.research.windows import Plan
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK
from tests.unit.test_research_sweep import Page

DATES = tuple(f"2026-03-{day:02}" for day in range(2, 12))
DAY = 24 * 60 * MINUTE_NS
OPEN = int(dt.datetime(2026, 3, 2, 10, 0, tzinfo=NEW_YORK).timestamp()) * 1_000_000_000


def trade(opened: int, net: int, *, closed: int | None = None, minute: int = 0, held: int = 5) -> PlacedTrade:
    """A trade of `net` dollars, signalled at 10:00 and `minute` of a session."""
    closed = opened if closed is None else closed
    signal = OPEN + opened * DAY + minute * MINUTE_NS
    left = signal + (closed - opened) * DAY + held * MINUTE_NS
    made = Trade(
        id=f"{opened}-{minute}-{net}",
        instrument="MNQ",
        account="",
        session=DATES[opened],
        strategy="A",
        setup="A",
        direction="LONG",
        size=1,
        signal_ns=signal,
        entry_ns=signal + MINUTE_NS,
        entry_price=1.0,
        exit_ns=left,
        exit_price=1.0,
        reason="TARGET",
        bars_held=held,
        stop=None,
        target=None,
        gross_cents=net * 100,
        commission_cents=0,
        net_cents=net * 100,
    )
    return PlacedTrade(made, opened, closed)


def each_session(*nets: int) -> list[PlacedTrade]:
    return [trade(at, net) for at, net in enumerate(nets) if net]


# --- by hand -------------------------------------------------------------------------------------------------------------------

FIRST = each_session(5, 5, 5, -1, -1, -1, -1, -1, -1, -1)
SECOND = each_session(1, 1, 1, 4, 4, 4, -2, -2, 9, 9)
NET = Plan(3, 3, metric="net")


def test_each_window_trades_what_was_best_before_it() -> None:
    """Ten sessions: the first cell is best on 0 to 2, the second on 3 to 5 and, with 0 against -3, on 6 to 8."""
    found = walked([FIRST, SECOND], [None, None], DATES, NET, 1_000.0)

    assert [(step.cell, step.value, step.net, step.rank, step.best) for step in found.steps] == [
        (0, 15.0, -3.0, 2, 12.0),
        (1, 12.0, 5.0, 1, 5.0),
        (1, 5.0, 9.0, 1, 9.0),
    ]
    assert found.sessions == DATES[3:]
    assert found.nets == (-1.0, -1.0, -1.0, -2.0, -2.0, 9.0, 9.0)
    assert found.closed == (1,) * 7
    assert found.figures["net"] == 11.0
    assert [(each.net, each.chosen) for each in found.fixed] == [(-7.0, 1), (26.0, 2)]
    assert found.efficiency == pytest.approx((11 / 7) / (32 / 9))


def test_what_happens_in_a_test_changes_no_choice_for_it() -> None:
    """Whatever the sessions from a test on bring, the choice for it stays."""
    for at in range(3, 10):
        changed = [*SECOND[:at], *each_session(*[0] * at, *[1_000] * (10 - at))]
        before, after = (walked([FIRST, cells], [None, None], DATES, NET, 1_000.0) for cells in (SECOND, changed))
        known = [step.number for step in before.steps if DATES.index(step.test_first) <= at]

        assert [after.steps[number - 1].cell for number in known] == [before.steps[number - 1].cell for number in known]


def test_a_purge_leaves_the_end_of_a_sample_out() -> None:
    """The last of its three sessions made the first cell the best."""
    cells = [each_session(0, 0, 9, 1), each_session(2, 2, 0, 5)]

    assert walked(cells, [None] * 2, DATES[:4], NET, 1_000.0).steps[0].cell == 0
    assert walked(cells, [None] * 2, DATES[:4], replace(NET, purge=1), 1_000.0).steps[0].cell == 1


def test_nothing_is_traded_where_no_cell_has_a_figure() -> None:
    """No trade in any sample: the account rests, and the sessions count."""
    found = walked([each_session(0, 0, 0, 7)], [None], DATES[:4], NET, 1_000.0)

    assert (found.steps[0].cell, found.steps[0].rank, found.nets) == (None, None, (0.0,))
    assert any("1 window had no cell" in words for words in walk.words(found))


def test_an_open_position_at_a_samples_end_is_not_known_yet() -> None:
    """Its gain comes after the choice; the other cell is chosen."""
    cells = [[trade(2, 50, closed=3)], each_session(0, 1, 0, 1)]

    assert walked(cells, [None] * 2, DATES[:5], NET, 1_000.0).steps[0].cell == 1


def test_a_position_over_a_border_is_kept_and_nothing_else_entered_until_it_is_closed() -> None:
    """The first window's cell holds until 10:30 of the next one's first session, whose choice had entries at 10:00 and 11:00."""
    first = [*each_session(5, 5, 5), trade(5, 3, closed=6, held=30)]
    second = [*each_session(0, 0, 0, 9, 9, 0), trade(6, 20), trade(6, 2, minute=60)]
    found = walked([first, second], [None, None], DATES[:7], NET, 1_000.0)

    assert [step.cell for step in found.steps] == [0, 1]
    assert found.nets == (0.0, 0.0, 0.0, 5.0)
    assert [(step.crossed, step.net) for step in found.steps] == [(0, 0.0), (1, 5.0)]
    assert found.held == 1
    assert any("1 entries until they were closed" in words for words in walk.words(found))


def test_the_same_cell_over_a_border_is_one_run() -> None:
    """It was in its own position, so it has no entry that stands in its way."""
    only = [*each_session(5, 5, 5, 0, 1), trade(5, 3, closed=6, held=30), trade(6, 2, minute=60)]
    found = walked([only], [None], DATES[:7], NET, 1_000.0)

    assert found.nets == (0.0, 1.0, 0.0, 5.0)
    assert found.steps[1].crossed == 0


def test_the_drawdown_holds_over_all_windows() -> None:
    """-3 in the first test and -2 in the second reach a limit of 5 together: from then on nothing is entered."""
    found = walked([FIRST, SECOND], [500, 500], DATES, NET, 1_000.0)

    assert found.nets == (-1.0, -1.0, -1.0, -2.0, 0.0, 0.0, 0.0)
    assert [step.limited for step in found.steps] == [0, 2, 1]
    assert any("forbade 3 entries" in words for words in walk.words(found))


def test_a_limit_counts_what_is_closed_when_an_entry_is_decided() -> None:
    """An exit in the bar that decides is booked before; one of a later bar is not."""
    made = [trade(0, -5, held=5), trade(0, 1, minute=4), trade(0, 1, minute=5), trade(0, 1, minute=6)]

    assert [each.trade.id for each in of_window(made, 0, 1, 500)] == ["0-0--5", "0-4-1"]


def test_an_account_forgets_what_was_before_its_window() -> None:
    """The loss of the first session is not that of an account which begins with the second."""
    made = each_session(-5, 1, 1)

    assert len(of_window(made, 0, 3, 500)) == 1
    assert len(of_window(made, 1, 3, 500)) == 2


def test_an_unknown_metric_is_refused() -> None:
    """Before anything is chosen."""
    with pytest.raises(ConfError, match="unknown metric 'sharp'"):
        walked([FIRST], [None], DATES, replace(NET, metric="sharp"), 1_000.0)


# --- against runs that begin there ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording]:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=5, seed=8, start=dt.date(2026, 3, 2))
    return folder, runs.read(folder, "MNQ", lambda share: None)[0]


def settings(drawdown: float | None) -> Conf:
    """The playbook's strategies and the one that trades on any bar, all of them under limits of every kind."""
    chosen = configuration.preset("seed")
    names = [*chosen.strategies, "pipeline"]
    conf = configuration.load(
        "replay",
        instance="test",
        traded=["MNQ"],
        preset=configuration.preset("seed", names, ["risk.day_loss=400", "risk.max_trades=60", "pipeline.distance_points=15"]),
    )
    limited = replace(conf.preset, risk=replace(conf.preset.risk, drawdown=drawdown))
    return replace(conf, preset=limited, trading=replace(conf.trading, unlimited=()))


def begun(conf: Conf, stream: Stream, session: str) -> list[Trade]:
    """What really happens with a new account from a session on: a new gate and a new venue; the strategies have seen all bars."""
    decides, found = evaluator.daemon(conf), list[Trade]()

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Trade):
            found.append(body)

    def account() -> loop.Loop:
        return loop.Loop([decides, gate.daemon(conf)], runs.venue(conf), record)

    playing, new = account(), False
    for window in stream.windows():
        for each in window.bars:
            if not new and each.session is not None and each.session.session >= session:
                playing, new = account(), True
                found.clear()
            playing.folded(each.bar, each.made)
    playing.finish()
    return found


@pytest.mark.parametrize("limit", [None, 900.0, 400.0])
def test_a_window_is_what_a_run_from_there_with_a_new_account_makes(recorded: tuple[Path, Recording], limit: float | None) -> None:
    """Trade for trade from each of five sessions to the end: without a limit of the drawdown, with one late and one early."""
    conf, free = settings(limit), settings(None)
    stream = Stream(conf, recorded[1])
    (whole,), days = cell.played([free], stream)
    unknown = (None,) * len(whole.trades)
    placed = trades.placed(CellTrades("key", tuple(days), tuple(whole.trades), unknown, 0, ()), conf.calendar)
    cents = None if limit is None else round(limit * 100)

    assert len(days) == 5
    for first in range(5):
        made = [each.trade for each in of_window(placed, first, 5, cents)]
        assert made == sorted(begun(conf, stream, days[first]), key=lambda each: each.signal_ns)
        assert made
    assert limit is None or len(of_window(placed, 0, 5, cents)) < len(placed)


def test_a_limit_that_holds_for_some_strategies_alone_is_refused() -> None:
    """The test strategy goes on behind it, and nothing but another run knows how."""
    chosen = configuration.preset("seed", ["pipeline", "edge_fade"])
    mixed = configuration.load("replay", instance="test", traded=["MNQ"], preset=chosen)

    with pytest.raises(ConfError, match="does not hold for pipeline"):
        trades.limit_cents(mixed, {})
    assert trades.limit_cents(mixed, {"risk.drawdown": None}) is None
    assert trades.limit_cents(replace(mixed, preset=configuration.preset("seed", ["pipeline"])), {}) is None
    assert trades.limit_cents(replace(mixed, preset=configuration.preset("seed")), {}) == 400_000


# --- files ------------------------------------------------------------------------------------------------------------------------

AXES = (Axis("pipeline.distance_points", (10.0, 20.0)), Axis("risk.drawdown", (4000.0, 100.0)))


def study(out: Path, recorded: tuple[Path, Recording], plan: Plan) -> tuple[walk_files.WalkForward, list[str]]:
    """A whole walk-forward on one process, and what was said of it."""
    said: list[str] = []
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    data = start.Data(recorded[0], Options(), recorded[1])
    found = start.walked(conf, data, AXES, plan, out, start.Processes(1), start.Telling(said.append, lambda share: None))
    return found, said


@pytest.fixture(scope="module")
def folder(recorded: tuple[Path, Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("walked")
    study(out, recorded, Plan(2, 2, metric="net"))
    return out


def rows(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_the_files_are_of_one_piece(folder: Path) -> None:
    """Trades, sessions, windows and equity add up to the figures; csv and jsonl have the same rows."""
    whole = msgspec.json.decode((folder / "walk.json").read_bytes(), type=walk_files.WalkForward)
    net = round(sum(float(str(row["net"])) for row in rows(folder, "trades")), 2)

    assert whole.figures["net"] == net
    for name in ("sessions", "windows"):
        assert round(sum(float(str(row["net"])) for row in rows(folder, name)), 2) == net
    with (folder / "equity.csv").open() as file:
        assert round(float(list(csv.DictReader(file))[-1]["equity"]) - whole.capital, 2) == net
    for name in walk_files.NAMES:
        with (folder / f"{name}.csv").open() as file:
            assert list(csv.DictReader(file)) == [
                {key: "" if value is None else grid.shown(value) for key, value in row.items()} for row in rows(folder, name)
            ]
    assert [row["session"] for row in rows(folder, "sessions")] == [*whole.sessions]
    assert len(rows(folder, "cells")) == 4


def test_cells_that_differ_in_the_drawdown_alone_are_computed_once(folder: Path) -> None:
    """The limit is arithmetic: two files for four cells."""
    assert len(list((folder / "cells").iterdir())) == 2


def test_other_windows_need_no_new_cell_and_the_same_ones_leave_the_same_files(
    folder: Path, recorded: tuple[Path, Recording]
) -> None:
    """A second study in the folder computes nothing."""
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    other, said = study(folder, recorded, Plan(3, 1, anchored=True, metric="sharpe"))
    again, _ = study(folder, recorded, Plan(2, 2, metric="net"))

    assert said == ["4 cells: 4 there already, 0 to compute"]
    assert (other.windows, again.windows) == (2, 2)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_page_stands_alone_and_shows_account_windows_and_cells(folder: Path) -> None:
    """Well formed, without link or source; one line for the account, one for each cell; a row and a field for each window."""
    text = (folder / "walk.html").read_text()
    page = Page(text)
    lines = [attributes.get("class") for tag, attributes in page.seen if tag == "path"]

    assert page.open == []
    assert not {"link", "img", "iframe"} & {tag for tag, _ in page.seen}
    assert (lines.count("account"), lines.count("hindsight"), lines.count("cell")) == (1, 1, 3)
    assert sum(tag == "rect" for tag, _ in page.seen) == 2
    assert sum(tag == "tr" for tag, _ in page.seen) == 2 + 2 + 4


def test_a_folder_of_a_sweep_is_not_one_of_a_walk_forward(tmp_path: Path, recorded: tuple[Path, Recording]) -> None:
    """Each kind of study has its own."""
    sweep.prepare(tmp_path)
    (tmp_path / "sweep.json").write_text("{}")

    with pytest.raises(ConfError, match=r"not a walk-forward's \(sweep\.json\)"):
        study(tmp_path, recorded, Plan(2, 2))


def test_a_trade_of_a_date_without_rth_counts_for_the_session_after_it() -> None:
    """And after the last session for that one."""
    made = [replace(trade(at, 1).trade, session=date) for at, date in ((1, "2026-03-03"), (7, "2026-03-09"))]
    found = trades.placed(CellTrades("key", (DATES[0], DATES[3], DATES[5]), tuple(made), (None, None), 0, ()), Calendar())

    assert [(each.opened, each.closed) for each in found] == [(1, 1), (2, 2)]


def test_the_account_is_new_for_each_window() -> None:
    """`LimitedAccount` counts what it left out."""
    account = LimitedAccount()
    entered = [account.enters(each.trade, 300) for each in each_session(-4, 1, 1)]

    assert (entered, account.limited, account.crossed) == ([True, False, False], 2, 0)


def test_a_cells_result_goes_through_json(recorded: tuple[Path, Recording]) -> None:
    """As workers send it."""
    entries = (Entered(100.0, 90.0, None), *[None] * (len(FIRST) - 1))
    found = CellTrades("key", DATES, tuple(each.trade for each in FIRST), entries, 3, ())

    assert msgspec.json.decode(msgspec.json.encode(found), type=CellTrades) == found
