"""The same strategy here (`--preset bare`) and in other engines, trade for trade, and every difference counted under a fill rule.

    python -m tests.bench rivals --trades [--data DIR]

Two averages that cross, with a stop and a target (rival/played.py), flat between trades and as stop and reverse. Each engine fills
as it does when nothing is said about fills. `rival/filling.py` fills by rules that are switches: with ours it must make our trades,
with an engine's that engine's, each of them. Then the rules in which the two differ are all that there is to tell, and each is
counted on the way from ours to theirs. What the rules do not explain is reported as such.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

from msgspec.structs import replace

from tapewire.bus.messages import Alarm, Bar, Body, Reject, Session, Suppressed, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.desk.start import configured, costs
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal
from tests.bench import rivals
from tests.bench.rival.filling import Bars, Rules, Step, fills, rounded, staircase
from tests.bench.rival.played import Rule, Told
from tests.mean_cross import MeanCross

NEAR = Rule(fast=10, slow=30, stop=12, target=18)
FAR = Rule(fast=10, slow=30, stop=80, target=160)
FORMS = {"flat between": False, "stop and reverse": True}
SHARED = Path(__file__).parents[3] / "shared"
RECORDED: Mapping[str, tuple[str, Options]] = {
    "NinjaTrader, four sessions": ("data/ninjatrader", Options()),
    "FirstRate, two dates": ("recordings/firstrate", Options(instrument="NQ")),
}
"""What lies beside the project on a developer's machine. The other formats there hold the same two dates."""

RULES: Mapping[str, Rules] = {
    "NautilusTrader": Rules(entry="close", both="high", gap_target="own", empty=True, date_ends=False, data_ends=False),
    "backtrader": Rules(entry_bar=False, both="stop", empty=True, date_ends=False, data_ends=False),
    "vectorbt": Rules(entry="close", both="stop", same_bar=False, levels="share", empty=True, date_ends=False, data_ends=False),
    "backtesting.py": Rules(both="stop", empty=True, date_ends=False, data_ends=False),
}
SAID: Mapping[str, str] = {
    "averages": "rounding of its averages: equal ones are not equal",
    "entry": "entry at the close that decided, not at the next open",
    "entry_bar": "stop and target rest from the bar after the entry's",
    "both=stop": "both on one bar: the stop, whatever the open has passed",
    "both=high": "both on one bar: by the path open, high, low, close",
    "gap_stop": "a stop that the open has passed fills at its price",
    "gap_target": "a target that the open has passed fills at its price",
    "same_bar": "no entry on the close of the bar on which a stop or target ended",
    "levels": "stop and target as a share of the price: rounding",
    "empty": "bars without volume fill, too",
    "date_ends": "the trade date does not end flat",
    "data_ends": "what is open at the end of the data is no trade",
}


COUNTED: Mapping[str, str] = {
    "ours": "trades here",
    "theirs": "trades there",
    "equal": "the same, price for price and bar for bar",
    "missing": "not there, although these rules make it",
    "extra": "there, although these rules do not make it",
}


class Compared(NamedTuple):
    """One engine on some sessions in one form. missing, extra: trades that its rules do not explain."""

    engine: str
    version: str
    sessions: str
    form: str
    ours: int
    theirs: int
    equal: int
    steps: Sequence[Step]
    missing: int
    extra: int


class Cross(MeanCross):
    """As the others trade it: averages run on from date to date, stop and target are distances from the close that decided."""

    name: ClassVar[str] = "Cross"
    reported: ClassVar[dict[int, int]] = {}
    rule: ClassVar[Rule] = NEAR

    def start(self, session: str) -> None:
        pass

    def update(self, s: Session) -> None:
        super().update(s)
        if self.crossed:
            self.reported[s.bar.close_ns] = self.crossed

    def propose(self, s: Session) -> Proposal | None:
        if self.crossed == 0:
            return None
        side, close = self.crossed, s.bar.close
        made = super().propose(s)
        if made is None:  # it does not sell unless it reverses; the others do
            made = Proposal(strategy=self.name, setup="MEAN_CROSS", direction="SHORT", entry=close, reason="the means have crossed")
        return replace(
            made, stop=close - side * self.rule.stop, target=close + side * self.rule.target, stop_points=None, target_points=None
        )

    def manage(self, s: Session, position: Any) -> Any:
        return super().manage(s, position) if self.params.reverses else None


def run(folder: Path, data: Path | None) -> list[Compared]:
    """Every engine on every recording, in both forms."""
    rivals.install()
    found = []
    for sessions, recording in _recordings(folder, data):
        packed = folder / "bars.npz"
        rivals.pack(packed, recording.bars)
        bars = _columns(recording.bars)
        for rule, (form, reverses) in itertools.product((NEAR, FAR), FORMS.items()):
            crosses, trades = traded_here(recording, rule, reverses=reverses)
            _check(trades, [each.told for each in fills(bars, crosses, rule, reverses)], sessions)
            for engine, script in rivals.SCRIPTS.items():
                version, theirs, seen = _there(script, packed, rule, folder / "listed.json", reverses=reverses)
                steps = list(staircase(bars, crosses, seen, rule, reverses, RULES[engine]))
                explained = Counter(rounded(each.told) for each in fills(bars, seen, rule, reverses, RULES[engine]))
                told = Counter(map(rounded, theirs))
                equal = (Counter(map(rounded, trades)) & told).total()
                left = ((explained - told).total(), (told - explained).total())
                found.append(Compared(engine, version, sessions, form, len(trades), len(theirs), equal, steps, *left))
                print(
                    f"{engine} {version}, {sessions}, {form}, stop {rule.stop:g}: {len(theirs)} trades, {left} unexplained",
                    file=sys.stderr,
                )
    return found


def table(found: Sequence[Compared]) -> str:
    """A table in Markdown for each form: all recordings and both distances together, a row per rule, a column per engine."""
    return "\n\n".join(_table(form, [each for each in found if each.form == form]) for form in FORMS)


def _table(form: str, of: Sequence[Compared]) -> str:
    engines = {each.engine: [one for one in of if one.engine == each.engine] for each in of}
    rows = [[form, *(f"{name} {each[0].version}" for name, each in engines.items())], ["---"] * (len(engines) + 1)]
    for name, words in SAID.items():
        rule, _, value = name.partition("=")
        cells = []
        for engine, each in engines.items():
            steps = [step for one in each for step in one.steps if step.rule == rule]
            differs = bool(steps) and (not value or getattr(RULES[engine], rule) == value)
            cells.append(_cell(steps) if differs else "")
        if any(cells):
            rows.append([words, *cells])
    for words in ("ours", "theirs", "equal", "missing", "extra"):
        rows.append([COUNTED[words], *(str(sum(getattr(one, words) for one in each)) for each in engines.values())])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cell(steps: Sequence[Step]) -> str:
    """The trades that a rule changed; those that came or went with it."""
    changed, moved, more, fewer = (sum(getattr(step, kind) for step in steps) for kind in Step._fields[1:])
    told = {"in time alone": moved, "more": more, "fewer": fewer}
    return ", ".join([str(changed), *(f"{count} {words}" for words, count in told.items() if count)])


def traded_here(recording: Recording, rule: Rule, *, reverses: bool) -> tuple[dict[int, int], list[Told]]:
    """The crosses by bar and the trades of a backtest without costs, in which nothing is refused or held back."""
    cast(dict[str, Any], registry.BUILT_IN)["cross"] = Cross
    Cross.reported.clear()
    Cross.rule = rule
    settings: dict[str, object] = {"cross.fast_bars": rule.fast, "cross.slow_bars": rule.slow, "cross.reverses": reverses}
    settings |= costs("MNQ", 0.0, 0)
    conf = configured("backtest", "MNQ", "bare", ["cross"], settings, "next_open", False, None, None)
    told: list[Body] = []
    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), recording.inputs(), lambda topic, header, body: told.append(body))
    if held_back := [body for body in told if isinstance(body, Reject | Suppressed | Alarm)]:
        print(f"rivals: {len(held_back)} times something was held back here: {held_back[0]}", file=sys.stderr)
    at = {bar.close_ns: number for number, bar in enumerate(recording.bars)}
    trades = [
        Told(1 if each.direction == "LONG" else -1, at[each.entry_ns], each.entry_price, at[each.exit_ns], each.exit_price)
        for each in told
        if isinstance(each, Trade)
    ]
    return {at[close_ns]: side for close_ns, side in Cross.reported.items()}, trades


def _there(script: str, packed: Path, rule: Rule, listed: Path, *, reverses: bool) -> tuple[str, list[Told], dict[int, int]]:
    command = [*rivals.command(script, packed, rule), "--list", str(listed), *(["--reverse"] if reverses else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rivals: {' '.join(command)} failed\n{done.stderr[-2_000:]}")
    given = json.loads(listed.read_text())
    return given["version"], [Told(*each) for each in given["trades"]], dict(given["crosses"])


def _check(trades: Sequence[Told], expected: Sequence[Told], sessions: str) -> None:
    """Our rules in the slow engine must make our trades, else the counts are of something else."""
    if list(trades) != list(expected):
        first = next((pair for pair in itertools.zip_longest(trades, expected) if pair[0] != pair[1]), None)
        raise SystemExit(f"rivals: on {sessions} the slow engine does not make our trades, first {first}")


def _columns(bars: Sequence[Bar]) -> Bars:
    clock = SessionClock(Calendar())
    dates = [clock.read(bar.close_ns)[0].date for bar in bars]
    last = [one != two for one, two in itertools.pairwise([*dates, ""])]
    rows = [(bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]
    opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    return Bars(opens, highs, lows, closes, volumes, last)


def _recordings(folder: Path, data: Path | None) -> Iterator[tuple[str, Recording]]:
    if data is not None:
        yield data.name, runs.read(data, "MNQ", lambda share: None)[0]
        return
    made = folder / "synthetic"
    synthetic.generate(made, sessions=10, seed=7, start=dt.date(2026, 3, 2))
    yield "synthetic, ten sessions", runs.read(made, "MNQ", lambda share: None)[0]
    for name, (path, options) in RECORDED.items():
        if (SHARED / path).exists():
            yield name, runs.read(SHARED / path, "MNQ", lambda share: None, options)[0]
