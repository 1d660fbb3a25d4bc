"""Invented sessions: the same seed gives the same bytes, the market looks like one, and the playbook's setups occur in it."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Event, Publish
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar, Session
from tapewire.bus.stamp import Stamper
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings.load import preset
from tapewire.daemons.tracker.core import Tracker
from tapewire.replay.sources.recording import Recording
from tapewire.replay.sources.synthetic import KINDS, generate
from tapewire.strategies.registry import build
from tapewire.strategies.roster import Independent
from tests.recordings import read

START = dt.date(2027, 6, 7)
WIDEST = {kind: kind for kind in KINDS} | {"neutral": "b_day"}  # edge's neutral is an extension of exactly 0.2R


@pytest.fixture(scope="module")
def week(tmp_path_factory) -> tuple[Path, list[str], Recording]:
    """One session of each kind."""
    folder = tmp_path_factory.mktemp("week")
    kinds = generate(folder, sessions=6, seed=3, start=START)
    return folder, kinds, read(folder)


def sessions_of(recording: Recording) -> list[Session]:
    topic, stamper = topics.bar("MNQ"), Stamper("nt")
    tracker = Tracker({"MNQ": Calendar()})
    outputs = [o for bar in recording.bars for o in tracker.step(Event(topic, stamper.header(topic, bar.close_ns), bar))]
    return [o.body for o in outputs if isinstance(o, Publish) and isinstance(o.body, Session)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def returns(bars: list[Bar]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    prices = np.log([(bar.close, bar.cross[0].close, bar.cross[1].close) for bar in bars])
    return tuple(np.diff(prices[::5], axis=0).T)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    """Recordings made on two machines can be compared by their checksum."""
    generate(tmp_path / "a", sessions=2, seed=11, start=START)
    generate(tmp_path / "b", sessions=2, seed=11, start=START)

    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_another_seed_gives_another_market(tmp_path):
    """The seed decides."""
    generate(tmp_path / "a", sessions=1, seed=11, start=START)
    generate(tmp_path / "b", sessions=1, seed=12, start=START)

    assert content(tmp_path / "a")["NQ_Volumetric_1.csv.gz"] != content(tmp_path / "b")["NQ_Volumetric_1.csv.gz"]


def test_more_sessions_change_nothing_in_the_first(tmp_path):
    """A longer recording begins with the shorter one."""
    generate(tmp_path / "short", sessions=1, seed=11, start=START)
    generate(tmp_path / "long", sessions=2, seed=11, start=START)

    short, long = (read(tmp_path / name).bars for name in ("short", "long"))
    assert long[: len(short)] == short


def test_it_reads_without_a_complaint(week):
    """Every row is a bar on the tick grid, in order, with ES and YM beside it."""
    _, _, recording = week

    assert recording.ignored == ()
    assert all(len(bar.cross) == 2 for bar in recording.bars)


def test_the_night_lacks_minutes_and_rth_does_not(week):
    """Overnight feeds have holes; the regular session is whole."""
    sessions = sessions_of(week[2])
    dates = sorted({s.session for s in sessions})

    for date in dates:
        bars = [s for s in sessions if s.session == date]
        assert sum(s.rth for s in bars) == 390
        assert 1340 < len(bars) < 1380


def test_each_kind_comes_before_any_comes_again(tmp_path):
    """Every round holds every kind once."""
    kinds = generate(tmp_path, sessions=4, seed=5, start=START, kinds=("b_day", "trend_up"))

    assert sorted(kinds[:2]) == sorted(kinds[2:]) == ["b_day", "trend_up"]


def test_a_session_is_of_the_day_type_it_was_made_for(week):
    """The tracker gives each day the generator's type, by the edge model, and no IB is 200 points or more."""
    _, kinds, recording = week
    last = {s.session: s for s in sessions_of(recording) if s.rth}

    for kind, s in zip(kinds, last.values(), strict=True):
        assert s.widest == WIDEST[kind]
        assert s.ib is not None
        assert s.ib.valid
        assert s.ib.high - s.ib.low <= 200


def test_sessions_fall_on_trading_days(tmp_path):
    """Thanksgiving (a half day for futures), the day after it, and the weekend are left out."""
    generate(tmp_path, sessions=4, seed=1, start=dt.date(2026, 11, 24))

    bars = read(tmp_path).bars
    noon = {dt.datetime.fromtimestamp(bar.close_ns / 1e9, ZoneInfo("America/New_York")) for bar in bars}
    assert sorted({t.date().isoformat() for t in noon if t.hour == 12}) == ["2026-11-24", "2026-11-25", "2026-11-30", "2026-12-01"]


def test_volume_is_high_at_the_bells_and_low_at_noon(week):
    """A U through the day, and less of it at night."""
    rth = np.array([[s.bar.volume for s in sessions_of(week[2]) if s.rth]]).reshape(-1, 390).mean(axis=0)

    assert rth[:15].mean() > 2 * rth[180:220].mean()
    assert rth[-10:].mean() > 1.5 * rth[180:220].mean()


def test_order_flow_follows_the_bars_direction(week):
    """Delta is correlated with the bar's direction, and not identical with it."""
    bars = week[2].bars
    delta = np.array([(bar.ask_volume or 0) - (bar.bid_volume or 0) for bar in bars])
    moves = np.array([bar.close - bar.open for bar in bars])

    assert 0.4 < np.corrcoef(np.sign(moves), np.sign(delta))[0, 1] < 0.95


def test_the_other_markets_move_with_nq(week):
    """Five-minute returns of ES and YM follow NQ's, each with moves of its own."""
    nq, es, ym = returns(week[2].bars)

    assert 0.5 < np.corrcoef(nq, es)[0, 1] < 0.98
    assert 0.4 < np.corrcoef(nq, ym)[0, 1] < 0.98


def test_every_strategy_of_the_seed_preset_finds_its_setup(week):
    """Six sessions hold all seven setups, so that a demonstration shows every strategy."""
    seed = preset("seed")
    research = Independent(build(seed.strategies, seed.parameters, seed.day_type), seed.exits.exit_time)

    found = {proposal.strategy for s in sessions_of(week[2]) for proposal in research.step(s)}

    assert found == {strategy.name for strategy in research.roster.strategies}


def test_a_calendar_without_special_days_lies_beside_the_data(week):
    """Invented dates must not meet real half days, wherever the recording is taken."""
    assert (week[0] / "calendar.json").read_text() == '{"half_days":{},"holidays":[]}\n'


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"kinds": ("bday",)}, "unknown kind of day 'bday' \\(did you mean 'b_day'"),
        ({"kinds": ()}, "0 kinds"),
        ({"sessions": 0}, "sessions=0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_a_wrong_order_is_refused(tmp_path, wrong, complaint):
    """Nothing is written for a request that is refused."""
    with pytest.raises(ConfError, match=complaint):
        generate(tmp_path / "none", **({"sessions": 1, "seed": 1, "start": START} | wrong))

    assert not (tmp_path / "none").exists()
