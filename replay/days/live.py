"""What only a run over the bus knows of a trade: when each step happened, and how its fills compare with the bars.

    decision, order, acknowledgement, entry_fill, exit_fill    {"market": Eastern, "wall": UTC}; null without such a step
    elapsed_ms                                                 wall-clock time from the decision to the entry's fill
    entry_slippage, exit_slippage                              points per contract, positive against us
    slippage_ticks                                             both together, in ticks

`wall` is when this machine saw the message; null if the daybook did not run then. The entry is compared with the price at which the
fill model fills before costs, a limit order with its limit; the exit with its stop or target, or with the open of its bar.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tapewire.bus.messages import LONG, Bar, Fill, OrderEvent, OrderStatus, PlaceOrder, Signal, Trade
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.days.book import DayFacts, Recorded
from tapewire.replay.lines import ENTRIES
from tapewire.replay.tapes import wall
from tapewire.strategies.clock import SECOND_NS

Stamps = Mapping[str, int]
"""Wall-clock time of a message's arrival here, in UTC nanoseconds, by the message's name."""

UNANSWERED = (OrderStatus.PENDING, OrderStatus.REJECTED)


class Steps:
    """The steps of a day's orders, found by what a trade knows of them."""

    def __init__(self, day: DayFacts, after: DayFacts | None, conf: Conf, stamps: Stamps) -> None:
        days = [day] if after is None else [day, after]
        self._conf = conf
        self._stamps = stamps
        self._decisions = {each.order_id: (told, each) for told, each in reversed(day.of(Signal)) if each.action in ENTRIES}
        self._orders = {each.id: told for told, each in reversed(day.of(PlaceOrder))}
        answered = ((told, each) for told, each in reversed(day.of(OrderEvent)) if each.status not in UNANSWERED)
        self._answers = {each.order_id: told for told, each in answered}
        fills = [fill for each in days for fill in each.of(Fill)]
        self._entries = {each.order_id: told for told, each in reversed(fills) if each.role == "ENTRY"}
        self._closing: dict[tuple[str, int, bool], list[tuple[Recorded, Fill]]] = {}
        for told, each in fills:
            self._closing.setdefault((each.instrument, each.bar_ns, each.qty < 0), []).append((told, each))
        self._bars = {name: {bar.close_ns: bar for each in days for bar in each.bars.get(name, ())} for name in day.bars}

    def of(self, trade: Trade) -> dict[str, Any]:
        """The steps of one trade."""
        decision, signal = self._decisions.get(trade.id, (None, None))
        entry = self._entries.get(trade.id)
        steps = {
            "decision": decision,
            "order": self._orders.get(trade.id),
            "acknowledgement": self._answers.get(trade.id),
            "entry_fill": entry,
            "exit_fill": self._exit(trade),
        }
        decided, filled = (None if step is None else self._stamps.get(step.name) for step in (decision, entry))
        entered, left = self._slippage(trade, signal, self._bars.get(trade.instrument, {}))
        terms = self._conf.instruments.get(trade.instrument)
        unknown = entered is None or left is None or terms is None
        return {
            **{name: None if step is None else self._when(step) for name, step in steps.items()},
            "elapsed_ms": None if decided is None or filled is None else round((filled - decided) / 1e6, 3),
            "entry_slippage": entered,
            "exit_slippage": left,
            "slippage_ticks": None if unknown else round(((entered or 0) + (left or 0)) / (terms.tick if terms else 1), 2),
        }

    def _exit(self, trade: Trade) -> Recorded | None:
        """The last fill that closed it. A trade's cause is its entry's, so the fill is found by its bar and side."""
        fills = self._closing.get((trade.instrument, trade.exit_ns, trade.direction == LONG), [])
        own = [told for told, fill in fills if fill.order_id == trade.id]  # a bracket names its entry
        return next(reversed(own or [told for told, _ in fills]), None)

    def _when(self, told: Recorded) -> dict[str, Any]:
        at_ns = self._stamps.get(told.name)
        return {"market": wall(told.at_ns), "wall": None if at_ns is None else _exact(at_ns)}

    def _slippage(self, trade: Trade, signal: Signal | None, bars: Mapping[int, Bar]) -> tuple[float | None, float | None]:
        direction = 1 if trade.direction == LONG else -1
        at_close = self._conf.fill == "close"
        first, last = bars.get(trade.signal_ns if at_close else trade.entry_ns), bars.get(trade.exit_ns)
        expected = None if first is None else first.close if at_close else first.open
        if signal is not None and signal.limit is not None:
            expected = signal.limit
        wanted = {"STOP": trade.stop, "TARGET": trade.target}.get(trade.reason, None if last is None else last.open)
        entered = None if expected is None else round((trade.entry_price - expected) * direction, 10)
        left = None if wanted is None else round((wanted - trade.exit_price) * direction, 10)
        return entered, left


def _exact(at_ns: int) -> str:
    """`2027-02-24T15:31:00.125Z`."""
    return f"{dt.datetime.fromtimestamp(at_ns // SECOND_NS, dt.UTC):%Y-%m-%dT%H:%M:%S}.{at_ns % SECOND_NS // 1_000_000:03}Z"
