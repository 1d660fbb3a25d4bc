"""Hand-built sessions for tests of strategies: one bar after an initial balance of 20,950 to 21,050, so that R is 100.

A test names what it is about and leaves the rest to the scene.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tapewire.bus import testing
from tapewire.bus.messages import Flow, IbHistory, Levels, Range, Scores, Session
from tapewire.daemons.settings import load as conf
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal, Strategy

PRESETS = ("seed", "absolute", "adaptive")

BUYERS = Flow(
    delta=100.0,
    delta10=100.0,
    delta_previous9=0.0,
    delta_percentile=80.0,
    imbalance_ratio=1.5,
    volume_spike=1.5,
    quality=3,
    cvd=0.0,
)


def scene(
    at: str = "11:00",
    *,
    open: float | None = None,
    high: float | None = None,
    low: float | None = None,
    close: float = 21_000.0,
    ib: tuple[float, float] | Range | None = (20_950.0, 21_050.0),
    day_type: str = "b_day",
    flow: Mapping[str, Any] | None = None,
    levels: Mapping[str, float] | None = None,
    history: Mapping[str, Any] | None = None,
    scores: Mapping[str, float] | None = None,
    **fields: Any,
) -> Session:
    """A session as the tracker would publish it. The day type is that of both models; flow starts from a bar with positive delta.

    ib: low and high of a valid initial balance, or any range; it is there from 10:31 on.
    """
    opened = close if open is None else open
    shape = {"high": high, "low": low}
    bar = testing.bar(at, opened, close, **{name: price for name, price in shape.items() if price is not None})
    if at > "10:30":
        fields = {"ib": clock_range(*ib, bars=60) if isinstance(ib, tuple) else ib, **fields}
    return testing.session(
        at,
        **{
            "bar": bar,
            "day_type_edge": day_type,
            "day_type_midpoint": day_type,
            "flow": msgspec.structs.replace(BUYERS, **(flow or {})),
            "levels": Levels(**(levels or {})),
            "history": IbHistory(**(history or {})),
            "scores": Scores(**(scores or {})),
            **fields,
        },
    )


def clock_range(low: float, high: float, *, bars: int, final: bool = True, valid: bool = True) -> Range:
    return Range(high, low, open=low, close=low, bars=bars, final=final, valid=valid)


def strategy(name: str, preset: str, **changes: Any) -> Strategy:
    """A strategy as a shipped preset has it; `changes` replaces single parameters."""
    shipped = conf.preset(preset)
    table = {**shipped.parameters.get(name, {}), **changes}
    (built,) = registry.build([name], {name: table}, shipped.day_type)
    return built


def propose(strategy: Strategy, *bars: Session) -> Proposal | None:
    """The proposal on the last of these bars, after the strategy has folded all of them on one new day."""
    strategy.start(bars[-1].session)
    for bar in bars:
        strategy.update(bar)
    return strategy.propose(bars[-1])
