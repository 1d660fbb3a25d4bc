"""The fill models as data, and the arithmetic of a fill that depends on nothing but a bar and these rules.

    path      which of stop and target counts on a bar that has both: `WORST` the stop, `BEST` the target, `NEARER` the one that
              comes first on the way open, nearer extreme, other extreme, close; the low first if the open is in the middle
    touch     a limit or target fills when its price is touched; else only when the bar trades beyond it
    at_open   a limit or target that the open has passed fills at the open; else at its own price
    charged   a target pays slippage, too; a limit entry never does
    clamped   slippage does not carry a fill beyond the bar's high or low

`NINJATRADER` follows NinjaTrader 8's help ("Understanding Historical Fill Processing", "IsFillLimitOnTouch",
"IsExitOnSessionCloseStrategy"), which says nothing of an open in the middle.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar
from tapewire.daemons.settings.fills import CLOSE, NEXT_OPEN, NINJATRADER, OPTIMISTIC, PESSIMISTIC, FillOptions, model

WORST, NEARER, BEST = "worst", "nearer", "best"

ATR_BARS = 14

UNLIMITED = 1 << 40
"""Contracts that a bar offers where no share of its volume is set."""

_DRAWS = 1 << 64


@dataclass(slots=True)
class FillRules:
    """A fill model with the options of a run. Shares are 0 where an option is off. fills_close: at the deciding bar's close."""

    model: str
    fills_close: bool
    path: str
    touch: bool
    at_open: bool
    charged: bool
    clamped: bool
    slippage_atr: float = 0.0
    slippage_range: float = 0.0
    partial_share: float = 0.0
    reject_share: float = 0.0
    seed: int = 1
    expires: bool = False

    def offered(self, volume: float) -> int:
        """Contracts that our orders can get of a bar."""
        return int(self.partial_share * volume + 1e-9) if self.partial_share else UNLIMITED

    def rejects(self, order_id: str) -> bool:
        """Whether the venue rejects this order: a function of its id and the seed, whatever else happens."""
        if not self.reject_share:
            return False
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}:{order_id}".encode()).digest()[:8], "big")
        return drawn < self.reject_share * _DRAWS

    def touched(self, extreme: float, limit: float, side: int) -> bool:
        """Whether a price that went to `extreme` fills a limit. side: 1 if it went up to it, -1 if down."""
        if self.touch:
            return extreme >= limit if side > 0 else extreme <= limit
        return extreme > limit if side > 0 else extreme < limit

    def slippage(self, ticks: int, tick: float, atr: float, bar: Bar) -> float:
        """Points that a fill on this bar costs. ticks: those of the instrument."""
        extra = self.slippage_atr * atr + self.slippage_range * (bar.high - bar.low)
        return (ticks + math.ceil(extra / tick - 1e-9)) * tick

    def slipped(self, at: float, side: int, points: float, bar: Bar) -> float:
        """A fill at `at` with slippage against us: a purchase (side 1) costs more, a sale (-1) brings less."""
        price = round(at + side * points, 10)
        if self.clamped:
            price = min(price, max(bar.high, at)) if side > 0 else max(price, min(bar.low, at))
        return price


def high_first(bar: Bar) -> bool:
    """Whether the path of `NEARER` goes to the bar's high before its low."""
    return bar.high - bar.open < bar.open - bar.low


def rules(name: str, options: FillOptions) -> FillRules:
    """The rules of a model with these options.

    Raises:
        ConfError: an unknown fill model.
    """
    chosen = model(name)
    if chosen in (NEXT_OPEN, CLOSE):
        found = FillRules(chosen, chosen == CLOSE, WORST, touch=True, at_open=True, charged=True, clamped=False)
    elif chosen == NINJATRADER:
        found = FillRules(chosen, False, NEARER, touch=False, at_open=True, charged=False, clamped=True)
    elif chosen == OPTIMISTIC:
        found = FillRules(chosen, False, BEST, touch=True, at_open=True, charged=False, clamped=True)
    elif chosen == PESSIMISTIC:
        found = FillRules(chosen, False, WORST, touch=False, at_open=False, charged=True, clamped=False)
    else:
        raise ConfError(f"fill model {chosen!r} has no rules")
    if options.limits is not None:
        found.touch = options.limits == "touch"
    if options.gap is not None:
        found.at_open = options.gap == "open"
    found.slippage_atr = options.slippage_atr or 0.0
    found.slippage_range = options.slippage_range or 0.0
    found.partial_share = options.partial_share or 0.0
    found.reject_share = options.reject_share or 0.0
    found.seed = options.seed
    found.expires = options.expire
    return found
