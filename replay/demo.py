"""What `tapewire demo` does: invented sessions through the real daemons, then the same bars as NinjaTrader would export them.

Without a preset the seven strategies of `seed` run on MNQ, and V-Reversal beside them with thresholds for NQ, in the hour that
holds its two planned patterns; at other hours it would trade more than all others together. Of the export it plays V-Reversal
alone: minutes of NinjaTrader have no order flow, without which the seven find nothing. Presets of strategies that keep their own
hours are for ES, so with them the demo is one of ES.
"""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tapewire.bus import disk
from tapewire.bus.messages import Alarm, Bar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import commands, data, runs, tapes
from tapewire.replay.sources import inspection, synthetic
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.replay.sources.series import plain
from tapewire.strategies import registry

START = dt.date(2026, 3, 23)  # a Monday on which the June contracts are in front
PRESET = "seed"
BESIDE = "v_reversal"
FOR_NQ = (f"{BESIDE}.drop_threshold=16", f"{BESIDE}.rise_threshold=16", f'{BESIDE}.trading_windows=["03:00-04:00"]')
EXPORT, PLAYED = "ninjatrader", "ninjatrader-run"

SIGNAL_COLUMNS = ("time", "action", "strategy", "size", "entry", "stop", "target", "reason")
TRADE_COLUMNS = ("strategy", "direction", "entry_time", "entry_price", "exit_time", "exit_price", "reason", "net")


class Choice(NamedTuple):
    """What is traded: an instrument with a preset; strategies and settings where they are not the preset's own."""

    instrument: str
    preset: str
    strategies: str | None = None
    settings: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """How a person asks for it in a command."""
        strategies = [] if self.strategies is None else ["--strategies", self.strategies]
        settings = [word for setting in self.settings for word in ("--set", setting)]
        return ["--instrument", self.instrument, "--preset", self.preset, *strategies, *settings]

    @property
    def without_flow(self) -> Choice:
        """The same for bars without order flow."""
        return self if self.strategies is None else self._replace(strategies=BESIDE)

    def prepare(self, bars: Path) -> tuple[Conf, Recording]:
        settings = [*self.settings]
        return commands.prepare(bars, self.instrument, self.preset, self.strategies, None, "demo", settings=settings)


def choice(preset: str | None) -> Choice:
    """What the demo trades. Raises ConfError: there is no such preset."""
    if preset is None:
        return Choice("MNQ", PRESET, ",".join((*configuration.preset(PRESET).strategies, BESIDE)), FOR_NQ)
    around_the_clock = all(
        getattr(registry.load(name), "hours", "rth") == "all" for name in configuration.preset(preset).strategies
    )
    return Choice("ES" if around_the_clock else "MNQ", preset)


def run(out_dir: Path, seed: int, sessions: int, preset: str | None) -> None:
    """Make the sessions, replay them, and show the results."""
    chosen = choice(preset)
    runs.prepare(out_dir)
    bars = out_dir / "bars"
    bars.mkdir()
    kinds = synthetic.generate(bars, sessions=sessions, seed=seed, start=START, v_reversals=True)
    commands.err.print(f"made {sessions} synthetic sessions ({', '.join(kinds)}) in {bars}")
    conf, recording = chosen.prepare(bars)
    commands.play(conf, recording, out_dir, "max", False)
    for name, columns in (("signals.jsonl", SIGNAL_COLUMNS), ("trades.jsonl", TRADE_COLUMNS)):
        commands.out.print(f"\n{out_dir / name}", style="bold")
        for line in commands.table(out_dir / name, columns):
            commands.out.print(line, markup=False)
    root = conf.instruments[chosen.instrument].root
    path = out_dir / EXPORT / f"{conf.contracts.front(root, START).name}.Last.txt"
    path.parent.mkdir()
    disk.replace(path, export(recording.bars))
    _as_a_person_would(path, out_dir / PLAYED, chosen.without_flow)
    commands.out.print("\nSynthetic bars show that the machine works. They say nothing about profit: their patterns are planned.")


def export(bars: Iterable[Bar]) -> bytes:
    """Bars as NinjaTrader's Historical Data > Export writes minutes: UTC, stamped at the close, no header, no order flow."""
    rows: list[str] = []
    for bar in bars:
        stamp = dt.datetime.fromtimestamp(bar.close_ns // 1_000_000_000, dt.UTC)
        prices = ";".join(map(plain, (bar.open, bar.high, bar.low, bar.close)))
        rows.append(f"{stamp:%Y%m%d %H%M%S};{prices};{bar.volume}\r\n")
    return "".join(rows).encode()


def _as_a_person_would(path: Path, out_dir: Path, chosen: Choice) -> None:
    """Inspect the file and play it, each under the command that does it."""
    commands.out.print("\nThe same bars as NinjaTrader's Historical Data > Export writes them", style="bold")
    _typed("data", "inspect", str(path))
    for line in inspection.lines(data.look([path], Options())):
        commands.out.print(line, markup=False)
    _typed("backtest", "--data", str(path), *chosen.words, "--out", str(out_dir))
    conf, recording = chosen.prepare(path)
    with commands.bar() as (tell, progress):
        tell("backtest")
        summary = runs.backtest(conf, recording, out_dir, progress)
    commands.show(summary, tapes.facts(out_dir, commands.ALARMS, Alarm), out_dir, False)


def _typed(*words: str) -> None:
    commands.out.print(f"\n$ tapewire {shlex.join(words)}", markup=False)
