"""A venue made of bars: accepts orders, fills them by the rules of playbook 5.1, and knows the account's position.

Pure: bars and orders in, the venue's words out, the same ones for the same input. Per instrument it holds at most one working
entry, one position with its bracket, and one working exit. The order of one bar:

    a new trade date     what the last one left open ends at its last close
    the open             the working entry or exit fills
    the bracket          open beyond the stop, open beyond the target, stop touched, target touched: first match
    the close            our rules run; their orders arrive through `on_order`; with the model `close` they fill at once

Every fill costs the instrument's slippage in ticks, targets included; that is pessimistic on purpose. The one exception is an entry
with a limit (playbook 8.5), which has rules of its own in both fill models:

    it rests         the bar that decided is over; the first bar that may fill it is the next one
    the fill         a bar that trades at the limit or beyond: at the limit, or better at the open; never worse, so no slippage
    the fill's bar   its stop counts if touched, its target does not: nobody knows whether the high came before the fill
    too late         after the last bar that closes by `valid_until_ns` it is CANCELLED

An order id is acted on once. A repeat gets the first answer again, with the same event ids, so that whoever reads it can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tapewire.bus.errors import ConfError, InvariantError
from tapewire.bus.messages import (
    Action,
    Bar,
    Body,
    CancelOrder,
    ClosePosition,
    Execution,
    MoveBracket,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Position,
    VenuePosition,
)
from tapewire.bus.wire import finite
from tapewire.daemons.market.clock import Calendar, Clock
from tapewire.daemons.settings.structs import Instrument

Order: TypeAlias = PlaceOrder | ClosePosition | MoveBracket | CancelOrder
Word: TypeAlias = OrderUpdate | Execution

NEXT_OPEN, CLOSE = "next_open", "close"


@dataclass(slots=True)
class Desk:
    """One instrument at the venue.

    bar: the last one. date: its trade date. entry, exit: working orders. held: the entry behind the open position, with its
    bracket in stop and target and its fill in price. realised_cents: net of the round turns closed in this trade date.
    stands: what `position` last said, until something changes.
    """

    instrument: Instrument
    bar: Bar | None = None
    date: str = ""
    entry: PlaceOrder | None = None
    exit: ClosePosition | None = None
    held: PlaceOrder | None = None
    qty: int = 0
    price: float = 0.0
    stop: float | None = None
    target: float | None = None
    realised_cents: int = 0
    stands: Position | None = None


class Venue:
    """The simulated venue for one account.

    Args:
        instruments: terms by symbol; orders in any other are refused.
        account: the only account there is.
        fill: `next_open`, or `close` for fills at the close of the bar that decided.

    `now_ns` is the close of the last bar it took, 0 before the first. `no_entries`, when not empty, is why every new entry is
    refused: whoever holds the link sets it when the gate's lease has run out or its kill switch is latched.

    Raises:
        ConfError: an unknown fill model.
    """

    def __init__(self, instruments: Mapping[str, Instrument], account: str, fill: str = NEXT_OPEN) -> None:
        if fill not in (NEXT_OPEN, CLOSE):
            raise ConfError(f"unknown fill model {fill!r}; known: {NEXT_OPEN}, {CLOSE}")
        self.account = account
        self._fills_at_close = fill == CLOSE
        self._desks = {name: Desk(terms) for name, terms in instruments.items()}
        self._answers: dict[str, list[Word]] = {}
        self._numbers: dict[str, int] = {}
        self._clock = Clock(Calendar())
        self.now_ns = 0
        self.no_entries = ""

    def on_bar(self, bar: Bar) -> list[Word]:
        """Take the new bar. Returns what it did to our orders; nothing for a bar that is not later than the last one."""
        desk = self._desks[bar.instrument]
        if desk.bar is not None and bar.close_ns <= desk.bar.close_ns:
            return []
        words: list[Word] = []
        date = self._clock.read(bar.close_ns)[0].date
        if date != desk.date:
            self._end_date(desk, words)
            desk.date = date
            desk.realised_cents = 0
            desk.stands = None
        desk.bar = bar
        self.now_ns = bar.close_ns
        limit = None if desk.entry is None else desk.entry.limit
        if desk.entry is not None and limit is not None:
            self._work_limit(desk, desk.entry, limit, bar, words)
        elif desk.entry is not None:
            self._enter(desk, desk.entry, bar, _slipped(desk.instrument, bar.open, _side(desk.entry)), words)
        elif desk.exit is not None and desk.held is not None:
            self._leave(desk, desk.held, bar, bar.open, "EXIT", words)
        if desk.held is not None:
            self._test_bracket(desk, desk.held, bar, words, target=desk.target if limit is None else None)
        if words:
            desk.stands = None
        return words

    def on_order(self, order: Body) -> list[Word]:
        """Take an order. Returns the answer: accepted, carried out or refused with a reason, and any fill at once.

        Raises:
            InvariantError: told something that is not an order.
        """
        if not isinstance(order, PlaceOrder | ClosePosition | MoveBracket | CancelOrder):
            raise InvariantError(f"the venue takes orders, not {type(order).__name__}")
        before = self._answers.get(order.id)
        if before is not None:
            return before
        words: list[Word] = []
        desk = self._desks.get(order.instrument)
        refusal = self._refusal(desk, order)
        if refusal or desk is None or desk.bar is None:
            words.append(self._word(order.instrument, order.id, OrderStatus.REJECTED, detail=refusal))
        elif isinstance(order, PlaceOrder):
            self._place(desk, order, desk.bar, words)
        elif isinstance(order, ClosePosition):
            self._take_exit(desk, order, desk.bar, words)
        elif isinstance(order, MoveBracket):
            self._move(desk, order, words)
        else:
            self._cancel(desk, order, words)
        if desk is not None:
            desk.stands = None
        self._answers[order.id] = words
        return words

    def position(self, instrument: str) -> Position:
        """The account's position at this moment, as it is stamped on a bar."""
        desk = self._desks[instrument]
        if desk.stands is None:
            held = desk.held
            desk.stands = Position(
                account=self.account,
                qty=desk.qty,
                price=desk.price if held else None,
                entry_id=held.id if held else "",
                stop=desk.stop,
                target=desk.target,
                working=tuple(order.id for order in (desk.entry, desk.exit) if order is not None),
                realised=desk.realised_cents / 100,
            )
        return desk.stands

    def snapshot(self) -> tuple[tuple[VenuePosition, ...], tuple[str, ...]]:
        """What stands here now, for a Hello: open positions, and the ids of working orders."""
        positions = [(name, self.position(name)) for name in self._desks]
        return (
            tuple(VenuePosition(name, position) for name, position in positions if position.qty),
            tuple(order for _, position in positions for order in position.working),
        )

    def finish(self) -> list[Word]:
        """The data has ended: what is open ends as at the end of a trade date."""
        words: list[Word] = []
        for desk in self._desks.values():
            self._end_date(desk, words)
            desk.stands = None
        return words

    # --- orders ------------------------------------------------------------------------------------------------------

    def _refusal(self, desk: Desk | None, order: Order) -> str:
        """Why this order is refused, or ""."""
        if desk is None:
            return f"{order.instrument} is not traded here"
        if order.account != self.account:
            return f"account {order.account!r} is not known here, only {self.account!r}"
        if desk.bar is None:
            return f"no bar of {order.instrument} yet, so there is no market"
        if isinstance(order, PlaceOrder):
            return self.no_entries or _entry_refusal(desk, order, desk.bar)
        if isinstance(order, CancelOrder):
            working = desk.entry is not None and desk.entry.id == order.order_id
            return "" if working else f"{order.order_id} is not working"
        if desk.held is None:
            return f"no position in {order.instrument}"
        if order.entry_id and order.entry_id != desk.held.id:
            return f"the position was opened by {desk.held.id}, not by {order.entry_id}"
        if isinstance(order, ClosePosition):
            return f"{desk.exit.id} is closing it already" if desk.exit else ""
        return "" if finite(order.stop, order.target) else f"stop {order.stop}, target {order.target}: not prices"

    def _place(self, desk: Desk, order: PlaceOrder, bar: Bar, words: list[Word]) -> None:
        desk.entry = order
        words.append(self._word(order.instrument, order.id, OrderStatus.ACCEPTED))
        if self._fills_at_close and order.limit is None:
            self._enter(desk, order, bar, _slipped(desk.instrument, bar.close, _side(order)), words)

    def _take_exit(self, desk: Desk, order: ClosePosition, bar: Bar, words: list[Word]) -> None:
        desk.exit = order
        words.append(self._word(order.instrument, order.id, OrderStatus.ACCEPTED))
        if self._fills_at_close and desk.held is not None:
            self._leave(desk, desk.held, bar, bar.close, "EXIT", words)

    def _move(self, desk: Desk, order: MoveBracket, words: list[Word]) -> None:
        """Replace the resting orders. The bar that decided is closed, so the new prices protect from the next one."""
        desk.stop = desk.stop if order.stop is None else order.stop
        desk.target = desk.target if order.target is None else order.target
        words.append(self._word(order.instrument, order.id, OrderStatus.DONE, stop=desk.stop, target=desk.target))

    def _cancel(self, desk: Desk, order: CancelOrder, words: list[Word]) -> None:
        desk.entry = None
        words.append(self._word(order.instrument, order.order_id, OrderStatus.CANCELLED, detail="cancelled on request"))
        words.append(self._word(order.instrument, order.id, OrderStatus.DONE))

    # --- fills -------------------------------------------------------------------------------------------------------

    def _work_limit(self, desk: Desk, order: PlaceOrder, limit: float, bar: Bar, words: list[Word]) -> None:
        """Fill a resting entry if the bar came to its price; cancel it once no later bar can be in time."""
        buys = _side(order) > 0
        came = bar.low <= limit if buys else bar.high >= limit
        if came and bar.close_ns <= order.valid_until_ns:
            self._enter(desk, order, bar, min(bar.open, limit) if buys else max(bar.open, limit), words)
        elif bar.close_ns >= order.valid_until_ns:
            desk.entry = None
            text = f"the limit {limit} was not reached in time"
            words.append(self._word(order.instrument, order.id, OrderStatus.CANCELLED, detail=text))

    def _enter(self, desk: Desk, order: PlaceOrder, bar: Bar, price: float, words: list[Word]) -> None:
        desk.entry, desk.held, desk.price = None, order, price
        desk.qty, desk.stop, desk.target = _side(order) * order.qty, order.stop, order.target
        words.append(self._execution(bar, order.id, desk.qty, price, "ENTRY"))

    def _test_bracket(self, desk: Desk, held: PlaceOrder, bar: Bar, words: list[Word], *, target: float | None) -> None:
        """First match: open beyond the stop, open beyond the target, stop touched, target touched. target: None does not count."""
        stop = desk.stop
        if desk.qty > 0:
            beyond_stop = stop is not None and bar.open <= stop
            beyond_target = target is not None and bar.open >= target
            stopped = stop is not None and bar.low <= stop
            reached = target is not None and bar.high >= target
        else:
            beyond_stop = stop is not None and bar.open >= stop
            beyond_target = target is not None and bar.open <= target
            stopped = stop is not None and bar.high >= stop
            reached = target is not None and bar.low <= target
        if beyond_stop:
            self._leave(desk, held, bar, bar.open, "STOP", words)
        elif beyond_target:
            self._leave(desk, held, bar, bar.open, "TARGET", words)
        elif stopped and stop is not None:
            self._leave(desk, held, bar, stop, "STOP", words)
        elif reached and target is not None:
            self._leave(desk, held, bar, target, "TARGET", words)

    def _leave(self, desk: Desk, held: PlaceOrder, bar: Bar, at: float, role: str, words: list[Word]) -> None:
        """Close the whole position near `at`. EXIT belongs to the order that asked for it, the other roles to the entry."""
        order_id = desk.exit.id if role == "EXIT" and desk.exit else held.id
        terms, qty, entry = desk.instrument, desk.qty, desk.price
        price = _slipped(terms, at, -1 if qty > 0 else 1)
        desk.realised_cents += round((price - entry) / terms.tick) * qty * terms.tick_cents
        desk.realised_cents -= 2 * abs(qty) * terms.commission_cents
        desk.held, desk.exit, desk.qty, desk.stop, desk.target = None, None, 0, None, None
        words.append(self._execution(bar, order_id, -qty, price, role))

    def _end_date(self, desk: Desk, words: list[Word]) -> None:
        """Cancel a working entry; close an open position at the last close of the date."""
        if desk.bar is None:
            return
        if desk.entry is not None:
            order, desk.entry = desk.entry, None
            text = "the trade date ended before it could fill"
            words.append(self._word(order.instrument, order.id, OrderStatus.CANCELLED, detail=text))
        if desk.held is not None:
            self._leave(desk, desk.held, desk.bar, desk.bar.close, "EXIT" if desk.exit else "SESSION_END", words)

    # --- words -------------------------------------------------------------------------------------------------------

    def _word(
        self,
        instrument: str,
        order_id: str,
        status: OrderStatus,
        *,
        stop: float | None = None,
        target: float | None = None,
        detail: str = "",
    ) -> OrderUpdate:
        return OrderUpdate(
            id=self._event_id(instrument, order_id, "U"),
            order_id=order_id,
            instrument=instrument,
            status=status,
            stop=stop,
            target=target,
            detail=detail,
        )

    def _execution(self, bar: Bar, order_id: str, qty: int, price: float, role: str) -> Execution:
        return Execution(
            id=self._event_id(bar.instrument, order_id, "E"),
            order_id=order_id,
            account=self.account,
            instrument=bar.instrument,
            qty=qty,
            price=price,
            role=role,
            bar_ns=bar.close_ns,
            bar_index=bar.index,
        )

    def _event_id(self, instrument: str, order_id: str, kind: str) -> str:
        """The next id of an order's updates (U) or executions (E): a pure function of what happened to that order before."""
        stem = f"{instrument}-{order_id}-{kind}"
        number = self._numbers.get(stem, 0) + 1
        self._numbers[stem] = number
        return f"{stem}{number}"


def _entry_refusal(desk: Desk, order: PlaceOrder, bar: Bar) -> str:
    direction = {Action.ENTER_LONG: 1, Action.ENTER_SHORT: -1}.get(order.action)
    if direction is None:
        return f"{order.action} opens no position"
    if order.qty <= 0:
        return f"quantity {order.qty}; at least 1 contract"
    if not finite(order.stop, order.target, order.limit):
        limit = "" if order.limit is None else f", limit {order.limit}"
        return f"stop {order.stop}, target {order.target}{limit}: not prices"
    enters = bar.close if order.limit is None else order.limit
    if (enters - order.stop) * direction <= 0:
        where = f"the market at {enters}" if order.limit is None else f"its limit {enters}"
        return f"stop {order.stop} is on the wrong side of {where}"
    if order.valid_until_ns < bar.close_ns:
        return f"valid until {order.valid_until_ns}, it is {bar.close_ns}"
    earlier = desk.held or desk.entry
    return f"{earlier.id} is open or working; one position per instrument" if earlier else ""


def _side(order: PlaceOrder) -> int:
    """1 buys, -1 sells."""
    return 1 if order.action is Action.ENTER_LONG else -1


def _slipped(terms: Instrument, at: float, side: int) -> float:
    """A fill at `at` with slippage against us: a purchase (side 1) costs more, a sale (-1) brings less."""
    return round(at + side * terms.slippage_ticks * terms.tick, 10)
