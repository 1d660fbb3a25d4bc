"""The example of the guide for plug-ins is a strategy as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tapewire import strategies
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import SHORT, Auction, PriorValue, ValueArea
from tapewire.bus.testing import bar, session
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.strategies import checked_strategies
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal, needs_auction
from tapewire.strategies.roster import Independent

GUIDE = (Path(strategies.__file__).parent / "README.md").read_text("utf-8")
PRIOR = PriorValue("2026-03-02", ValueArea(21_000.0, 21_040.0, 20_960.0), None, 21_080.0, 20_900.0)


def example(name: str = "ValueReturn") -> Any:
    (source,) = (each for each in re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL) if f"class {name}" in each)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(source, "strategies/README.md", "exec"), names)  # the document's own words
    return names[name]


def proposals(close: float, auction: Auction | None) -> list[Proposal]:
    made = example()
    alone = Independent([made(made.Params(), lambda s: "none")], "15:59")
    fields: dict[str, Any] = {} if auction is None else {"auction": auction}
    return alone.step(session("10:05", bar=bar("10:05", close), **fields))


@pytest.mark.parametrize(
    ("close", "opened", "count"),
    [
        (21_039.75, "above_value", 1),
        (21_039.75, "above_range", 1),
        (21_040.0, "above_value", 0),
        (21_000.25, "above_value", 1),
        (21_000.0, "above_value", 0),
        (21_039.75, "in_value", 0),
    ],
)
def test_the_example_trades_back_into_value(close: float, opened: Any, count: int) -> None:
    """Once it closes between the point of control and the high of the session before."""
    found = proposals(close, Auction(0.25, bracket=1, prior=PRIOR, opened=opened))

    assert [(each.direction, each.target) for each in found] == [(SHORT, 21_000.0)] * count


def test_the_example_is_silent_without_an_auction() -> None:
    """It raises nothing, in a run that did not ask."""
    assert proposals(21_039.75, None) == []
    assert proposals(21_039.75, Auction(0.25, bracket=1)) == []


def test_a_run_without_an_auction_is_refused_for_a_strategy_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything starts, with the setting to write."""
    made = example()
    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "value_return": made})
    terms = configuration.instrument("MNQ")
    asks = configuration.preset("seed", ["value_return"], ["auction_row_ticks=4"])

    assert all(needs_auction(each) for each in checked_strategies("MNQ", terms, asks))
    with pytest.raises(ConfError, match="--set auction_row_ticks=1"):
        checked_strategies("MNQ", terms, configuration.preset("seed", ["value_return"]))


def test_the_example_with_features_counts_the_night_and_proposes_once() -> None:
    """A fall from 09:10 on, of 0.2 ATR a bar: at 09:40 it has gone 6 ATR straight down. Missing values propose nothing."""
    made = example("StraightDown")
    alone = Independent([made(made.Params(), lambda s: "none")], "15:59")
    found = []
    for minute in range(550, 590):
        clock, close = f"{minute // 60:02}:{minute % 60:02}", 21_000.0 - (minute - 550)
        falls = session(clock, bar=bar(clock, close + 1.0, close), atr14=5.0, vwap=21_000.0, vwap_sigma=5.0)
        found += [(clock, each) for each in alone.step(falls)]

    ((clock, proposal),) = found
    assert (clock, proposal.setup, proposal.target) == ("09:40", "STRAIGHT_DOWN", 21_000.0)
    assert proposal.reason.startswith("-6.0 ATR in 30 bars, 1.00 straight")
