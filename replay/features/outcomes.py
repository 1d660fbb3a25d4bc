"""Labels by outcome: what became of the entries of a preset's strategies, as the venue filled them.

    label   1 if the trade's net result is above 0, -1 below, 0 at 0: after commission and slippage
    r       the net result as a multiple of what the entry put at risk (replay/excursion.py)

A row is a trade, at the bar that decided it. An entry that was refused, or did not fill, has no outcome and no row.
"""

from __future__ import annotations

from typing import NamedTuple

from tapewire.bus.messages import Trade
from tapewire.replay.research.cell import CellRun
from tapewire.replay.sources.recording import Recording


class TradeOutcome(NamedTuple):
    """A finished trade and its result. r: None where it has no stop."""

    trade: Trade
    label: float
    r: float | None


def outcomes(run: CellRun, recording: Recording) -> list[TradeOutcome]:
    """The trades of a finished run that has kept their entries, by the bars that decided them."""
    made = []
    for trade in run.trades:
        found = run.measured(trade, recording.bars)
        made.append(TradeOutcome(trade, _sign(trade.net_cents), found.r))
    return sorted(made, key=lambda each: (each.trade.signal_ns, each.trade.exit_ns, each.trade.id))


def _sign(cents: int) -> float:
    return float((cents > 0) - (cents < 0))
