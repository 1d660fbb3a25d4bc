"""The exit rules that hold for every strategy, on the closed bar (playbook 5.2). Pure: bar and position in, exit request out.

    0  FLATTEN          the account's time to be flat has come (`flatten_from` of the limits; Fridays and half days have their own)
    1  EOD              the exit time has come, or the bar lies outside RTH; never where the preset has no exit time
    2  DAILY_LOSS       realised net of the session plus open profit reaches the loss limit of the day
    3  VWAP_BREACH_PM   from 13:00 the close lies on the wrong side of VWAP
    4  a tighter stop   trend trail (longs of the strategies that the preset names), breakeven
    5  the exit request of the strategy itself (`tapewire.strategies.protocol.Manages`); the evaluator calls it

The first rule that matches decides; a preset may do without each of them. Only rules 0 to 2 apply to a position that the evaluator
did not open, and only rules 0, 2 and 5 to one whose strategy keeps its own hours. A stop that is moved on a bar protects from the
next bar on.
"""

from __future__ import annotations

from typing import NamedTuple

from tapewire.bus.messages import Position, Session
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import Exits, Instrument
from tapewire.strategies.clock import minute_of
from tapewire.strategies.protocol import Exit, Move

AFTERNOON = minute_of("13:00")
TRAIL_AFTER_BARS = 20
TRAIL_PROFIT_R = 0.5
TRAIL_BELOW_HIGH_R = 1.0


class Held(NamedTuple):
    """A position that the evaluator opened: the strategy's display name and setup, and bars since the signal bar (the first is 1).

    own_hours: the strategy decides itself when to be flat.
    """

    strategy: str
    setup: str
    bars: int
    own_hours: bool = False


class ExitRules:
    """The rules of one instrument with a preset's numbers. hours: the account's hours."""

    def __init__(self, exits: Exits, instrument: Instrument, hours: Hours | None = None) -> None:
        self.exits = exits
        self.hours = hours
        self.tick = instrument.tick
        self.point_value = instrument.point_value

    def request(self, s: Session, position: Position, held: Held | None, *, closing: bool) -> Exit | Move | None:
        """The exit or move that the rules request for an open position at this bar's close, or None.

        Args:
            position: not flat, with no working order.
            held: None for a position that the evaluator did not open.
            closing: the exit time has come.
        """
        if self.hours is not None and self.hours.flattening(s.bar.close_ns) is not None:
            return Exit("FLATTEN")
        own_hours = held is not None and held.own_hours
        if (closing or not s.rth) and self.exits.exit_time is not None and not own_hours:
            return Exit("EOD")
        direction = 1 if position.qty > 0 else -1
        profit = 0.0 if position.price is None else (s.bar.close - position.price) * direction
        loss = self.exits.day_loss
        if loss is not None and position.realised + profit * abs(position.qty) * self.point_value <= -loss:
            return Exit("DAILY_LOSS")
        if held is None or own_hours or not s.rth or s.ib is None or not s.ib.valid:
            return None
        r = s.ib.high - s.ib.low
        if self._breached(s, held, r, direction):
            return Exit("VWAP_BREACH_PM")
        return self._tighter(s, position, held, profit, r, direction)

    def tightened(self, stop: float, position: Position) -> float | None:
        """A new stop on the grid; None without a current stop, or if it is not tighter than that one by at least a tick."""
        if position.stop is None:
            return None
        direction = 1 if position.qty > 0 else -1
        price = rounding.protective(stop, self.tick, direction)
        ticks = rounding.ticks(price, self.tick) - rounding.ticks(position.stop, self.tick)
        return price if ticks * direction >= 1 else None

    def _breached(self, s: Session, held: Held, r: float, direction: int) -> bool:
        exits = self.exits
        if s.minute < AFTERNOON or s.vwap is None or held.strategy in exits.breach_exempt:
            return False
        if exits.breach_points is not None:
            distance = exits.breach_points
        elif exits.breach_r is not None:
            distance = exits.breach_r * r
        else:
            return False
        close = s.bar.close
        return close < s.vwap - distance if direction > 0 else close > s.vwap + distance

    def _tighter(self, s: Session, position: Position, held: Held, profit: float, r: float, direction: int) -> Move | None:
        """Trend trail and breakeven; if both apply, the tighter one."""
        trail = breakeven = None
        if self._trails(held, direction) and profit > TRAIL_PROFIT_R * r and s.rth_high is not None:
            trail = self.tightened(s.rth_high - TRAIL_BELOW_HIGH_R * r, position)
        share = self.exits.breakeven_r
        protects = share is not None and s.minute >= AFTERNOON and held.strategy not in self.exits.breakeven_exempt
        if protects and share is not None and profit > share * r:
            breakeven = None if position.price is None else self.tightened(position.price, position)
        if trail is not None and (breakeven is None or trail > breakeven):  # only longs are trailed, so higher is tighter
            return Move("TREND_TRAIL", stop=trail)
        return None if breakeven is None else Move("BREAKEVEN", stop=breakeven)

    def _trails(self, held: Held, direction: int) -> bool:
        return held.strategy in self.exits.trailed and direction > 0 and held.bars >= TRAIL_AFTER_BARS
