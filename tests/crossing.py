"""A run of the cores over a few bars with tests/mean_cross.py: it turns with each close that goes the other way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from tapewire.bus.messages import Bar, Body, Header
from tapewire.bus.testing import bar
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.desk.start import configured, costs

B = TypeVar("B")

TURNING = {"mean_cross.fast_bars": 1, "mean_cross.slow_bars": 2}
ZIGZAG = (100.0, 101.0, 100.0, 101.0, 100.0, 101.0, 100.0, 100.0)
"""Up, down, up, down, up, down: a crossing at each close but the first two."""


def bars(closes: Sequence[float] = ZIGZAG, gap: float = 0.0, day: str = "2026-03-03") -> list[Bar]:
    """A bar a minute from 10:01 on. gap: how far above the last close each one opens."""
    before, made = closes[0], []
    for minute, close in enumerate(closes, 1):
        opens = 21_000 + before + gap
        made.append(bar(f"10:{minute:02}", opens, 21_000 + close, index=minute, day=day))
        before = close
    return made


def settings(preset: str = "bare", fill: str = "next_open", **changes: Any) -> Conf:
    """MNQ without costs. changes: settings by name, with a double underscore for the dot."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    given = TURNING | costs("MNQ", 0.0, 0) | named
    return configured("test", "MNQ", preset, ["mean_cross"], given, fill, False, None, None)


def played(conf: Conf, given: Sequence[Bar]) -> list[tuple[Header, Body]]:
    """Every message of a backtest, in order."""
    told: list[tuple[Header, Body]] = []
    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), given, lambda topic, header, body: told.append((header, body)))
    return told


def of(told: Sequence[tuple[Header, Body]], kind: type[B]) -> list[B]:
    return [body for _, body in told if isinstance(body, kind)]
