"""A sweep folds a recording once for many cells; each cell's result is, byte for byte, that of a backtest of its own."""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Bar, Body, Gap, GivenLevels, Header, Levels, Position, Reject, Session, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.fills import MODELS
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, outputs, runs
from tapewire.replay.research import cell, grid, sessions
from tapewire.replay.research.cell import DayResult, Result
from tapewire.replay.research.sessions import Stream
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.recording import Recording, Told
from tapewire.strategies import registry
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Exit, Proposal

DAYS = 3


class Nights:
    """A plug-in that trades around the clock, with limits at night, and keeps a position over midnight."""

    name: ClassVar[str] = "Nights"
    setups: ClassVar[tuple[str, ...]] = ("NIGHT",)
    hours: ClassVar[str] = "all"

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        every: int = 97

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.every = params.every
        self.bars = 0

    def start(self, session: str) -> None:
        self.bars += 7

    def update(self, s: Session) -> None:
        self.bars += 1

    def propose(self, s: Session) -> Proposal | None:
        if self.bars % self.every:
            return None
        up = self.bars % 2 == 0
        close, side = s.bar.close, 1 if up else -1
        return Proposal(
            strategy=self.name,
            setup="NIGHT",
            direction=LONG if up else SHORT,
            entry=close,
            stop=close - 15.0 * side,
            target=close + 30.0 * side,
            reason=f"bar {self.bars}",
            limit=close - 1.0 * side if s.i is None else None,
            ttl_minutes=20,
        )

    def consume(self, proposal: Proposal) -> None:
        self.bars += 3

    def manage(self, s: Session, position: Position) -> Exit | None:
        return Exit("LONG_ENOUGH") if self.bars % 211 == 0 else None


class Breaks(Nights):
    """A plug-in of regular hours that fails when the second date starts."""

    name: ClassVar[str] = "Breaks"
    setups: ClassVar[tuple[str, ...]] = ("NIGHT", "BREAKS")
    hours: ClassVar[str] = "rth"

    def start(self, session: str) -> None:
        if self.bars:
            raise ValueError(session)


PLUG_INS = [EntryPoint("nights", f"{__name__}:Nights", registry.GROUP), EntryPoint("breaks", f"{__name__}:Breaks", registry.GROUP)]
NAMES = (*(name for name in registry.BUILT_IN if name not in ("vwap_bounce", "model")), *(point.name for point in PLUG_INS))


@pytest.fixture(scope="module", autouse=True)
def plug_ins() -> Iterator[None]:
    """A site with both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.metadata.entry_points", lambda group: PLUG_INS if group == registry.GROUP else [])
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions."""
    folder = tmp_path_factory.mktemp("bars")
    synthetic.generate(folder, sessions=DAYS, seed=3, start=dt.date(2026, 3, 3))
    return folder


@functools.cache
def bars_of(data: Path) -> Sequence[Bar]:
    return list(runs.read(data, "MNQ", lambda share: None)[0].bars)


def damaged(bars: Sequence[Bar], seed: int) -> Recording:
    """The bars with holes, with minutes in which nobody traded, with a price that is none, and with what a journal tells beside."""
    chance = random.Random(seed)
    first = chance.randrange(len(bars) // 2)
    kept = [bar for bar in bars[first:] if chance.random() > 0.01]
    kept = [replace(bar, volume=0) if chance.random() < 0.02 else bar for bar in kept]
    at = chance.randrange(len(kept))
    kept[at] = replace(kept[at], close=float("nan"))
    levels = GivenLevels("MNQ", "2026-03-04", Levels(pdh=25_100.0))
    facts: dict[int, tuple[Told, ...]] = {
        chance.randrange(len(kept)): (Gap(topics.bar("MNQ"), 1, 5, 9, "tracker"),),
        chance.randrange(len(kept)): (levels,),
    }
    return Recording("MNQ", "NQ", kept, facts=facts)


def backtest(conf: Conf, recording: Recording) -> Result:
    """One cell as a run of its own, with its own tracker."""
    days: dict[str, DayResult] = {}
    trades: list[Trade] = []
    off: list[str] = []
    refused: list[Reject] = []

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Session) and body.i == 0:
            days[body.session] = DayResult(body.session)
        elif isinstance(body, Trade):
            trades.append(body)
        elif isinstance(body, Reject):
            refused.append(body)
        elif isinstance(body, Alarm) and body.name == evaluator.STRATEGY_OFF:
            off.append(body.text)

    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), recording.inputs(), record, conf.epoch)
    for trade in trades:
        day = days.get(trade.session, DayResult(trade.session))
        sums = (day.gross_cents + trade.gross_cents, day.net_cents + trade.net_cents)
        days[trade.session] = DayResult(trade.session, day.trades + 1, day.wins + (trade.net_cents > 0), *sums)
    drawdown = outputs.max_drawdown_cents(trade.net_cents for trade in trades)
    return Result("key", tuple(days[session] for session in sorted(days)), len(refused), drawdown, tuple(off))


CELLS = st.fixed_dictionaries(
    {
        "fill": st.sampled_from(MODELS),
        "fills.partial_share": st.sampled_from((None, 0.002)),
        "fills.reject_share": st.sampled_from((None, 0.3)),
        "fills.slippage_atr": st.sampled_from((None, 0.1)),
        "risk.one_position": st.none(),  # so that entries of `additive` come to the venue
        "risk.one_entry_per_bar": st.none(),
        "conflict": st.sampled_from(("priority", "additive", "veto")),
        "exits.exit_time": st.sampled_from(("11:00", "15:30", "15:59")),
        "risk.max_trades": st.sampled_from((1, 3, 10)),
        "risk.day_loss": st.sampled_from((100.0, 2000.0)),
    }
)


@settings(deadline=None, max_examples=12)
@given(
    preset=st.sampled_from(("seed", "adaptive", "absolute")),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True),
    cells=st.lists(CELLS, min_size=1, max_size=3),
    seed=st.integers(0, 99),
    window=st.sampled_from((700, sessions.WINDOW)),
)
def test_cells_of_one_fold_are_those_of_backtests(
    data: Path, preset: str, names: list[str], cells: list[grid.Cell], seed: int, window: int
) -> None:
    """Whatever the strategies, plug-ins of all hours included, and whatever the recording lacks; in windows as at once."""
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset(preset, names))
    recording = damaged(bars_of(data), seed)
    confs = [grid.applied(conf, each) for each in cells]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "WINDOW", window)
        stream = Stream(conf, recording)
        first = cell.run([("key", each) for each in confs], stream)
        again = cell.run([("key", each) for each in confs], stream)

    expected = [msgspec.json.encode(backtest(each, recording)) for each in confs]
    assert [msgspec.json.encode(each) for each in first] == expected
    assert again == first
