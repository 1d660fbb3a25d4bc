"""One instrument at the venue: working orders, contracts with their brackets, and the profit of the trade date."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from msgspec import UNSET

from tapewire.bus.messages import Action, Bar, ClosePosition, PlaceOrder, Position
from tapewire.daemons.market.ticks import protective, ticks
from tapewire.daemons.settings.structs import Instrument
from tapewire.replay.venue.rules import ATR_BARS, UNLIMITED

WHOLE, OPENED, WITHIN = 0, 1, 2
"""Since when contracts are there on a bar: before it or from its open at the market; a limit at its open; a limit within it."""


@dataclass(slots=True)
class Working:
    """An entry that works. left: contracts that have not filled."""

    order: PlaceOrder
    left: int


@dataclass(slots=True)
class Lot:
    """The contracts of one entry, with their bracket.

    qty: open ones, unsigned. filled: those that ever came in; price: their average. stopped: the stop was reached, and what is left
    goes at the market. since, since_ns: how the last of them came in, and on which bar. *_fixed: the price was moved, and no
    longer follows the fills.
    """

    entry: PlaceOrder
    side: int
    qty: int = 0
    filled: int = 0
    price: float = 0.0
    stop: float | None = None
    target: float | None = None
    stopped: bool = False
    since: int = WHOLE
    since_ns: int = 0
    stop_fixed: bool = False
    target_fixed: bool = False

    def add(self, qty: int, price: float, tick: float) -> None:
        """Count a fill. A stop or target that is a distance is put where the average price of the fills puts it."""
        order, side, first = self.entry, self.side, self.filled == 0
        self.price = price if first else round((self.price * self.filled + price * qty) / (self.filled + qty), 10)
        self.filled += qty
        self.qty += qty
        if order.stop_points is not UNSET and not self.stop_fixed:
            at = round(self.price - side * order.stop_points, 10)
            self.stop = at if first else protective(at, tick, side)
        if order.target_points is not UNSET and not self.target_fixed:
            at = round(self.price + side * order.target_points, 10)
            self.target = at if first else protective(at, tick, side)

    def moved(self, stop: float | None, target: float | None, *, tightens: bool) -> None:
        """Move the bracket. None leaves a price. tightens: a stop that would be further away stays."""
        if stop is not None and not (tightens and self.stop is not None and (stop - self.stop) * self.side < 0):
            self.stop, self.stop_fixed = stop, True
        if target is not None:
            self.target, self.target_fixed = target, True


@dataclass(slots=True)
class InstrumentBook:
    """One instrument.

    bar: the last one. traded: the last one that could fill. date: its trade date. entries, exit: working orders. lots: what is
    open, oldest first. room: contracts that the last bar still offers. price: average fill of the round turn, opened: its contracts
    so far, entry_id: the entry that began it, cash_ticks: what its fills brought, in ticks over all contracts, sides: contracts
    bought and sold. realised_cents: net of the round turns closed in this trade date. slippage: points. atr, true_ranges: of the
    bars before the next one. cached: the last result of `position`, until something changes.
    """

    instrument: Instrument
    slippage: float
    bar: Bar | None = None
    traded: Bar | None = None
    date: str = ""
    entries: list[Working] = field(default_factory=list)
    exit: ClosePosition | None = None
    lots: list[Lot] = field(default_factory=list)
    room: int = UNLIMITED
    price: float = 0.0
    opened: int = 0
    entry_id: str = ""
    cash_ticks: int = 0
    sides: int = 0
    realised_cents: int = 0
    atr: float = 0.0
    true_ranges: deque[float] = field(default_factory=deque)
    cached: Position | None = None

    @property
    def qty(self) -> int:
        """The position, signed."""
        return sum(lot.side * lot.qty for lot in self.lots)

    def entered(self, order: PlaceOrder, qty: int, price: float) -> Lot:
        """Book contracts of an entry. Returns its lot."""
        lot = next((each for each in self.lots if each.entry.id == order.id), None)
        if lot is None:
            lot = Lot(order, side(order), stop=order.stop, target=order.target)
            self.lots.append(lot)
        if self.opened == 0:
            self.entry_id, self.price = order.id, price
        else:
            self.price = round((self.price * self.opened + price * qty) / (self.opened + qty), 10)
        self.opened += qty
        lot.add(qty, price, self.instrument.tick)
        self._paid(lot.side * qty, price)
        return lot

    def left(self, lot: Lot, qty: int, price: float) -> None:
        """Book contracts of a lot that are closed. The round turn's profit is booked when nothing is open any more."""
        lot.qty -= qty
        self._paid(-lot.side * qty, price)
        if lot.qty == 0:
            self.lots.remove(lot)
        if not self.lots:
            terms = self.instrument
            self.realised_cents += terms.cents(self.cash_ticks) - self.sides * terms.commission_cents
            self.exit, self.entry_id, self.opened, self.cash_ticks, self.sides = None, "", 0, 0, 0

    def _paid(self, qty: int, price: float) -> None:
        self.cash_ticks -= qty * ticks(price, self.instrument.tick)
        self.sides += abs(qty)

    def measure(self, bar: Bar, before: Bar | None) -> None:
        """Take a bar that traded into the ATR. before: the last one that did."""
        high, low = bar.high, bar.low
        if before is not None:
            high, low = max(high, before.close), min(low, before.close)
        if len(self.true_ranges) == ATR_BARS:
            self.true_ranges.popleft()
        self.true_ranges.append(high - low)
        self.atr = sum(self.true_ranges) / len(self.true_ranges)


def side(order: PlaceOrder) -> int:
    """1 buys, -1 sells."""
    return 1 if order.action is Action.ENTER_LONG else -1
