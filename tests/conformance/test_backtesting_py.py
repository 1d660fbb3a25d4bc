"""The same strategy here and in backtesting.py, trade for trade: `--preset bare` adds nothing to a strategy and takes nothing away.

backtesting.py (AGPL-3.0) is a test tool and is never imported by tapewire. What it lacks is said to it as data: a trade date ends
flat at its last close, so a bar with that price follows the date's last bar, and its strategy leaves there.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from tapewire.bus.messages import Alarm, Bar, Body, Reject, Suppressed, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.desk.start import configured, costs
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry
from tapewire.strategies.clock import new_york
from tests import recordings
from tests.mean_cross import MeanCross
from tests.shared import SHARED, needs_shared

backtesting = pytest.importorskip("backtesting", reason="backtesting.py is not installed; pip install -e '.[dev]'")

pytestmark = pytest.mark.filterwarnings("ignore")  # its own, about pandas

FAST, SLOW, TICK = 5, 20, 0.25
FOLDERS = {"synth": SHARED / "conformance" / "synth", "real": SHARED / "data" / "ninjatrader"}


class Done(NamedTuple):
    """A trade: side, when and at what price it was entered and left, in New York to the minute of the filling bar's close."""

    side: int
    entered: str
    entry: float
    left: str
    exit: float


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "mean_cross", MeanCross)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    synthetic.generate(folder, sessions=3, seed=17, start=dt.date(2026, 3, 2))
    return folder


@pytest.mark.parametrize(
    ("name", "reverses"),
    [
        pytest.param("made", False),
        pytest.param("made", True),
        pytest.param("real", False, marks=needs_shared),
        pytest.param("real", True, marks=needs_shared),
        pytest.param("synth", True, marks=needs_shared),
    ],
)
def test_trades_are_those_of_backtesting_py(name: str, reverses: bool, made: Path) -> None:
    """Every trade's side, bars and prices, of all hours; with stop and reverse the exit and the entry share a fill."""
    recording = recordings.read(made if name == "made" else FOLDERS[name])

    ours = traded_here(recording, reverses=reverses)
    theirs = traded_there(recording.bars, reverses=reverses)

    assert ours == theirs
    assert len(ours) > 100
    assert {trade.side for trade in ours} == ({1, -1} if reverses else {1})
    assert sum(one.left == two.entered for one, two in itertools.pairwise(ours)) > 100 or not reverses


def traded_here(recording: Recording, *, reverses: bool) -> list[Done]:
    """The trades of a backtest without costs, in which nothing is refused or held back."""
    settings: dict[str, object] = {"mean_cross.fast_bars": FAST, "mean_cross.slow_bars": SLOW, "mean_cross.reverses": reverses}
    settings |= costs("MNQ", 0.0, 0)
    conf = configured("backtest", "MNQ", "bare", ["mean_cross"], settings, "next_open", True, None, None)
    told: list[Body] = []
    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), recording.inputs(), lambda topic, header, body: told.append(body))
    assert not [body for body in told if isinstance(body, Reject | Suppressed | Alarm)]
    trades = [body for body in told if isinstance(body, Trade)]
    assert all(trade.net_cents == trade.gross_cents for trade in trades)
    return [
        Done(1 if each.direction == "LONG" else -1, stamp(each.entry_ns), each.entry_price, stamp(each.exit_ns), each.exit_price)
        for each in trades
    ]


def traded_there(bars: Sequence[Bar], *, reverses: bool) -> list[Done]:
    """The trades of backtesting.py on the same bars."""
    frame = framed(bars)
    crossed, last, added, stamps = (frame[name].tolist() for name in ("Crossed", "Last", "Added", "Stamp"))

    class Crossing(backtesting.Strategy):  # type: ignore[misc, name-defined]
        def init(self) -> None:
            pass

        def next(self) -> None:
            at = len(self.data) - 1
            if last[at]:
                self.position.close()
            elif added[at]:
                return
            elif crossed[at] > 0:
                self.buy(size=1)
            elif crossed[at] < 0 and reverses:
                self.sell(size=1)
            elif crossed[at] < 0:
                self.position.close()

    trades = backtesting.Backtest(frame, Crossing, cash=1e9, exclusive_orders=True).run()._trades
    return [
        Done(int(np.sign(row.Size)), stamps[row.EntryBar], row.EntryPrice, stamps[row.ExitBar], row.ExitPrice)
        for row in trades.sort_values("EntryBar").itertuples()
    ]


def framed(bars: Sequence[Bar]) -> pd.DataFrame:
    """The bars with the crossings of their means, and after each trade date a bar at its last close, under the last bar's stamp."""
    clock, rows = SessionClock(Calendar()), []
    for date, group in itertools.groupby(bars, key=lambda bar: clock.read(bar.close_ns)[0].date):
        of_date = list(group)
        crossed = crossings(np.array([round(bar.close / TICK) for bar in of_date]))
        for bar, cross in zip(of_date, crossed, strict=True):
            rows.append((bar.close_ns, bar.close_ns, bar.open, bar.high, bar.low, bar.close, cross, False, False, date))
        rows[-1] = (*rows[-1][:7], True, False, date)
        last = of_date[-1]
        rows.append((last.close_ns + 1_000_000_000, last.close_ns, *[last.close] * 4, 0, False, True, date))
    columns = ["At", "Stamp", "Open", "High", "Low", "Close", "Crossed", "Last", "Added", "Date"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.Stamp = frame.Stamp.map(stamp)
    return frame.set_index(pd.DatetimeIndex(pd.to_datetime(frame.At)))


def stamp(at_ns: int) -> str:
    """A time as New York's, to the minute."""
    return f"{new_york(at_ns):%Y-%m-%d %H:%M}"


def crossings(closes: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """1 where the fast mean of closes in ticks has crossed above the slow one, -1 below, 0 elsewhere."""
    total = np.concatenate(([0], np.cumsum(closes)))
    found, known = [0] * len(closes), 0
    for at in range(SLOW, len(closes) + 1):
        fast, slow = (total[at] - total[at - FAST]) * SLOW, (total[at] - total[at - SLOW]) * FAST
        if fast != slow and known != (side := 1 if fast > slow else -1):
            found[at - 1] = side if known else 0
            known = side
    return found
