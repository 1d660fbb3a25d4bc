"""`import tapewire`: a backtest from Python, its tables and figures, and the same files as the command's."""

import csv
import datetime as dt
import html
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import tapewire
from tapewire.bus.errors import ConfError, TapewireError
from tapewire.replay import commands
from tapewire.replay.desk import tables
from tapewire.replay.sources import synthetic
from tests import command

FIRST = dt.date(2026, 3, 2)
DATES = ["2026-03-02", "2026-03-03"]
NAMES = ("trades", "equity", "sessions", "signals", "proposals")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=2, seed=8, start=FIRST)
    return folder


@pytest.fixture(scope="module")
def run(recorded: Path) -> tapewire.Run:
    return tapewire.backtest(recorded, strategies=["pipeline"])


@pytest.fixture(scope="module")
def still(recorded: Path) -> tapewire.Run:
    """A run without a trade."""
    return tapewire.backtest(recorded, strategies=["pipeline"], set={"risk.contracts": 0})


def test_the_files_are_those_of_the_command(recorded, tmp_path):
    """One implementation: every file is the same, but for the name of the instance that started it."""
    done = command.ready().run("backtest", "--data", recorded, "--strategies", "pipeline", "--out", tmp_path / "a", timeout=120)
    assert done.returncode == 0, done.stderr
    tapewire.backtest(recorded, strategies=["pipeline"], out=tmp_path / "b")

    ours, theirs = ({p.relative_to(tmp_path / x): p.read_bytes() for p in (tmp_path / x).rglob("*") if p.is_file()} for x in "ba")
    assert ours == theirs


def test_trades_are_the_lines_of_trades_jsonl(run):
    """Each column that a line has, in its order; times are the same moments."""
    lines = [json.loads(line) for line in (run.folder / "trades.jsonl").read_text().splitlines()]
    table = run.trades

    assert len(table) == len(lines) > 20
    for name in ("id", "net", "entry_price", "stop", "r", "mae", "bars_held", "session"):
        assert [*table[name]] == [line[name] for line in lines], name
    for name in ("signal_time", "entry_time", "exit_time"):
        assert [*table[name].dt.strftime("%Y-%m-%dT%H:%M:%S")] == [line[name] for line in lines]
        assert str(table[name].dtype) == "datetime64[ns, America/New_York]"


@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_rows_has_the_columns_and_types_of_one_with_rows(run, still, name):
    """A notebook that works on a day with trades works on one without."""
    full, empty = getattr(run, name), getattr(still, name)

    assert [*full.columns] == [*tables.COLUMNS[name]]
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert len(full)
    assert not len(empty) or name in ("sessions", "proposals")


def test_every_session_of_the_recording_is_in_the_table(run, still):
    """Also one in which nothing was traded."""
    assert [*run.sessions.session] == [*still.sessions.session] == DATES
    assert [*still.sessions.net] == [0.0, 0.0]
    assert [*still.sessions.equity] == [still.capital] * 2
    assert [*run.sessions.rth_bars] == [390, 390]


def test_tables_and_figures_are_of_one_piece(run):
    """Sums of trades, of sessions and of the equity are the net of the summary; the deepest fall is that of the equity."""
    net = run.summary.net

    assert run.stats["net"] == net == round(run.trades.net.sum(), 2) == round(run.sessions.net.sum(), 2)
    assert run.equity.equity.iloc[-1] == run.sessions.equity.iloc[-1] == pytest.approx(run.capital + net)
    assert run.equity.drawdown.max() == run.stats["max_drawdown"] == run.summary.max_drawdown
    assert run.stats["trades"] == run.summary.trades == run.sessions.trades.sum()


@pytest.mark.parametrize("group", ["strategy", "direction", "weekday", "hour", "day_type", "reason"])
def test_groups_of_trades_are_the_whole(run, group):
    """Every trade is in one group."""
    found = run.by(group)

    assert found.trades.sum() == len(run.trades)
    assert found.net.sum() == pytest.approx(run.summary.net)


def test_groups_of_no_trades_have_the_same_columns(run, still):
    """And the same types: a notebook that adds them up does not fail on a quiet week."""
    pd.testing.assert_series_equal(still.by("strategy").dtypes, run.by("strategy").dtypes)
    assert still.by("strategy").net.sum() == 0.0


def test_weekdays_stand_in_their_order(run):
    """Not in that of the alphabet, by which Wednesday is the last."""
    later = tapewire.load(run.folder)
    later.__dict__["trades"] = run.trades.assign(entry_time=run.trades.entry_time + pd.Timedelta(days=2))

    assert [*later.by("weekday").index] == ["Wednesday", "Thursday"]


def test_buy_and_hold_is_one_contract_from_the_first_open_to_the_last_close(run, recorded):
    """In memory and read again from the journal."""
    bars = pd.read_csv(recorded / "NQ_Volumetric_1.csv.gz", comment="#")
    expected = round((bars.close.iloc[-1] - bars.open.iloc[0]) * 2.0, 2)  # MNQ: 2 dollars a point

    assert run.stats["buy_and_hold"] == tapewire.load(run.folder).stats["buy_and_hold"] == expected


def test_a_table_of_bars_is_a_recording(recorded, run):
    """With a zone, closes as index, in any case of letters; the result is that of the file."""
    bars = pd.read_csv(recorded / "NQ_Volumetric_1.csv.gz", comment="#")
    bars.index = pd.DatetimeIndex(bars.timestamp).tz_localize("America/New_York")
    bars = bars.rename(columns={"open": "Open", "close": "Close", "vol_ask": "ask_volume", "vol_bid": "bid_volume"})
    found = tapewire.backtest(bars, strategies=["pipeline"])

    wanted = run.trades.drop(columns=["id"])
    pd.testing.assert_frame_equal(found.trades.drop(columns=["id"]), wanted)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda bars: bars.tz_localize(None), "zone"),
        (lambda bars: bars.reset_index(drop=True), "DatetimeIndex"),
        (lambda bars: bars.drop(columns="volume"), "'volume'"),
    ],
)
def test_a_table_that_is_no_recording_is_refused_with_the_remedy(change, words):
    """Before anything is read."""
    index = pd.date_range("2026-03-02 09:31", periods=3, freq="min", tz="America/New_York")
    bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)

    with pytest.raises(ConfError, match=words):
        tapewire.backtest(change(bars))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "sed"}, "seed"),
        ({"set": {"pipeline.nothing": 1}}, "nothing"),
        ({"fill": "best"}, "next_open"),
        ({"start": "2030-01-01"}, "2030"),
    ],
)
def test_a_wrong_argument_is_refused_as_by_the_command(recorded, arguments, words):
    """The same sentences, as exceptions."""
    with pytest.raises(TapewireError, match=words):
        tapewire.backtest(recorded, strategies=["pipeline"], **arguments)


def test_every_session_has_its_auction_whether_or_not_the_run_asked(run, still):
    """From the bars in memory and from the journal; each value area is within the rows of its profile."""
    made = run.auction

    assert [*made.session] == DATES
    assert made.equals(tapewire.load(run.folder).auction)
    assert made.equals(still.auction)
    assert [*made.columns] == [*tables.COLUMNS["auction"]]
    assert [made.opened[0], made.value[0]] == ["", ""]
    assert made.opened[1]
    for each in made.itertuples():
        rows = run.profile(each.session)
        assert rows.price.min() <= each.tpo_low < each.tpo_poc < each.tpo_high <= rows.price.max()
        assert rows.price.min() <= each.volume_low < each.volume_high <= rows.price.max()


def test_a_profile_is_what_a_table_of_minutes_gives(run, recorded):
    """Worked out anew with pandas: brackets by their high and low, and not a contract more or less than in the bars."""
    bars = pd.read_csv(recorded / "NQ_Volumetric_1.csv.gz", comment="#", index_col="timestamp", parse_dates=True)
    day = bars.between_time("09:31", "16:00").loc[DATES[1]]
    brackets = day.groupby((day.index.hour * 60 + day.index.minute - 571) // 30).agg({"high": "max", "low": "min"})
    made = run.profile(DATES[1])
    expected = [
        "".join("ABCDEFGHIJKLM"[at] for at, bracket in brackets.iterrows() if bracket.low <= price <= bracket.high)
        for price in made.price
    ]

    assert made.volume.sum() == day.volume.sum()
    assert (made.price.max(), made.price.min(), len(made)) == (
        day.high.max(),
        day.low.min(),
        (day.high.max() - day.low.min()) * 4 + 1,
    )
    assert [*made.brackets] == expected
    assert [*made.tpos] == [len(each) for each in expected]


def test_rows_may_have_more_ticks(run):
    """The same contracts in fewer rows."""
    fine, coarse = run.profile(DATES[0]), run.profile(DATES[0], row_ticks=8)

    assert coarse.volume.sum() == fine.volume.sum()
    assert set(coarse.price.diff().dropna()) == {-2.0}


def test_a_profile_of_another_date_is_refused(run):
    """With where to look."""
    with pytest.raises(ConfError, match=r"see run\.sessions"):
        run.profile("2026-03-07")


def test_dates_choose_sessions(recorded):
    """First and last trade date, as text or as a date."""
    found = tapewire.backtest(recorded, strategies=["pipeline"], start=dt.date(2026, 3, 3), end="2026-03-03")

    assert [*found.sessions.session] == ["2026-03-03"]


def test_a_run_without_a_folder_goes_with_its_object(recorded):
    """Its files are there as long as the object, and then no more."""
    found = tapewire.backtest(recorded, strategies=["pipeline"], journal="none")
    folder = found.folder
    assert (folder / "trades.jsonl").exists()
    del found

    assert not folder.exists()


def test_a_run_without_a_journal_has_its_tables(recorded, run):
    """They come from the files of results; what needs messages says so."""
    found = tapewire.backtest(recorded, strategies=["pipeline"], journal="none")

    pd.testing.assert_frame_equal(found.trades, run.trades)
    assert found.stats["buy_and_hold"] == run.stats["buy_and_hold"]
    with pytest.raises(ConfError, match="--journal"):
        found.explain(found.trades.id.iloc[0])


def test_a_story_and_the_page_show_themselves(run):
    """A story is readable text; a page is a frame with the report in it."""
    story, page = run.explain(run.trades.id.iloc[0]), run.report()

    assert "raw.bar.MNQ" in repr(story)
    assert story[-1].type == "trade"
    shown = page._repr_html_()
    assert html.escape(page.path.read_text(), quote=True) in shown
    assert "sandbox" in shown
    assert "profit_factor" in run._repr_html_()
    assert "net" in repr(run)


def test_tables_go_into_parquet_and_come_back(run, tmp_path):
    """Every value; text is of whichever type pandas reads it as."""
    for name, path in zip(NAMES, run.to_parquet(tmp_path), strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(path), getattr(run, name), check_dtype=False)


def test_csv_files_are_the_same_rows(run):
    """For a spreadsheet; equity.csv is the table `equity`."""
    with (run.folder / "trades.csv").open() as file:
        trades = list(csv.DictReader(file))
    equity = pd.read_csv(run.folder / "equity.csv")

    assert [row["id"] for row in trades] == [*run.trades.id]
    assert [float(row["net"]) for row in trades] == [*run.trades.net]
    assert [*equity.equity] == [*run.equity.equity]
    assert [*equity.columns] == [*run.equity.columns]


def test_the_command_tells_the_same_figures_and_how_little_they_may_say(run):
    """Under the summary; of a run without trades, where to look."""
    told = dict(commands.told(run.folder))

    assert told["a trade"].startswith(f"{run.stats['expectancy']:,.2f} $ ({run.stats['expectancy_r']:,.2f} R)")
    assert f"Sharpe {run.stats['sharpe']:,.2f}" in told["a year"]
    assert f"between {run.stats['confidence_low']:,.2f} and {run.stats['confidence_high']:,.2f}" in told["a session"]


def test_a_run_without_a_trade_says_where_to_look(still):
    """A newcomer's first run on real sessions often trades nothing."""
    ((_, text),) = commands.untold(still.folder)

    assert f"`tapewire why --run {still.folder}`" in text


def test_importing_tapewire_loads_no_table_library():
    """A daemon imports the same package."""
    program = "import sys, tapewire; assert 'backtest' in dir(tapewire); print({'pandas', 'numpy', 'zmq'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_a_name_that_is_not_there_is_an_ordinary_error():
    """`hasattr` and typing tools ask for names."""
    assert not hasattr(tapewire, "backtst")


@pytest.mark.parametrize("capital", [0.0, -1.0, float("nan")])
def test_capital_is_above_0(run, capital):
    """Every share of it would mean nothing."""
    with pytest.raises(ConfError, match="capital"):
        tapewire.load(run.folder, capital=capital)
