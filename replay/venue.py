"""A venue simulated from bars: accepts orders, fills them by the rules of playbook 5.1, and keeps the account's position.

Pure: bars and orders in, order updates and executions out, the same ones for the same input. Per instrument it holds at most one
working entry, one position with its bracket, and one working exit. The order of one bar:

    a new trade date     positions of the last one are closed at its last close
    the open             the working exit fills, then the working entry
    the bracket          open beyond the stop, open beyond the target, stop touched, target touched: first match
    the close            the rules run; their orders arrive through `on_order`; with the model `close` they fill at once

An entry that follows a close (`after`) waits for it. A stop or target that is a distance from the fill is put in its place by the
fill, slippage included.

Every fill costs the instrument's slippage in ticks, targets included; that is pessimistic on purpose. The one exception is an entry
with a limit (playbook 8.5), which has rules of its own in both fill models:

    it rests         the bar that decided is over; the first bar that may fill it is the next one
    the fill         a bar that trades at the limit or beyond: at the limit, or better at the open; never worse, so no slippage
    the fill's bar   its stop counts if touched, its target does not: bars do not record whether the high came before the fill
    too late         after the last bar that closes by `valid_until_ns` it is CANCELLED

Nothing fills on a bar with volume 0 (playbook 5.1), unless the venue is told to: nobody traded at its prices. Orders wait for the
next bar that trades, where they fill as on any bar; an entry whose validity ends meanwhile is CANCELLED. A date always ends flat:
what is open then ends at the last close that traded.

Each order id is acted on once. A duplicate gets the first reply again, with the same event ids, so that its reader can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from msgspec import UNSET
from mypy_extensions import mypyc_attr

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
    Role,
    VenuePosition,
)
from tapewire.bus.wire import finite
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.ticks import HIGHEST
from tapewire.daemons.settings.structs import Instrument

Order: TypeAlias = PlaceOrder | ClosePosition | MoveBracket | CancelOrder
VenueReport: TypeAlias = OrderUpdate | Execution

NEXT_OPEN, CLOSE = "next_open", "close"


@dataclass(slots=True)
class InstrumentBook:
    """One instrument at the venue.

    bar: the last one. traded: the close of the last one that could fill. date: its trade date. entry, exit: working orders. held:
    the entry of the open position, with its bracket in stop and target and its fill in price. realised_cents: net of the round
    turns closed in this trade date. cached: the last result of `position`, until something changes.
    """

    instrument: Instrument
    bar: Bar | None = None
    traded: float = 0.0
    date: str = ""
    entry: PlaceOrder | None = None
    exit: ClosePosition | None = None
    held: PlaceOrder | None = None
    qty: int = 0
    price: float = 0.0
    stop: float | None = None
    target: float | None = None
    realised_cents: int = 0
    cached: Position | None = None


@mypyc_attr(allow_interpreted_subclasses=True)
class Venue:
    """The simulated venue for one account.

    Args:
        instruments: terms by symbol; orders in any other are refused.
        account: the only account there is.
        fill: `next_open`, or `close` for fills at the close of the bar that decided.
        fill_empty: bars with volume 0 fill, too.

    `now_ns` is the close of the last bar it took, 0 before the first. `no_entries`, when not empty, is why every new entry is
    refused: the holder of the venue link sets it when the gate's lease has expired or its kill switch is latched.

    Raises:
        ConfError: an unknown fill model.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], account: str, fill: str = NEXT_OPEN, *, fill_empty: bool = False
    ) -> None:
        if fill not in (NEXT_OPEN, CLOSE):
            raise ConfError(f"unknown fill model {fill!r}; known: {NEXT_OPEN}, {CLOSE}")
        self.account = account
        self._fills_at_close = fill == CLOSE
        self._fills_empty = fill_empty
        self._books = {name: InstrumentBook(terms) for name, terms in instruments.items()}
        self._answers: dict[str, list[VenueReport]] = {}
        self._numbers: dict[str, int] = {}
        self._clock = SessionClock(Calendar())
        self.now_ns = 0
        self.no_entries = ""

    def on_bar(self, bar: Bar) -> list[VenueReport]:
        """Take the next bar. Returns its effect on our orders; nothing for a bar that is not later than the last one."""
        book = self._books[bar.instrument]
        if book.bar is not None and bar.close_ns <= book.bar.close_ns:
            return []
        reports: list[VenueReport] = []
        date = self._clock.read(bar.close_ns)[0].date
        if date != book.date:
            self._end_date(book, reports)
            book.date = date
            book.realised_cents = 0
            book.cached = None
        book.bar = bar
        self.now_ns = bar.close_ns
        if self._fills(bar):
            book.traded = bar.close
            self._trade(book, bar, reports)
        elif book.entry is not None and bar.close_ns >= book.entry.valid_until_ns:
            self._expire(book, book.entry, "nothing was traded in time", reports)
        if reports:
            book.cached = None
        return reports

    def _fills(self, bar: Bar) -> bool:
        """Whether anything was traded at this bar's prices."""
        return bar.volume > 0 or self._fills_empty

    def _trade(self, book: InstrumentBook, bar: Bar, reports: list[VenueReport]) -> None:
        """The working order at the open, then the bracket."""
        limit = None if book.entry is None else book.entry.limit
        if book.exit is not None and book.held is not None:
            self._leave(book, book.held, bar, bar.open, "EXIT", reports)
        if book.entry is not None and limit is not None:
            self._work_limit(book, book.entry, limit, bar, reports)
        elif book.entry is not None:
            self._enter(book, book.entry, bar, _slipped(book.instrument, bar.open, _side(book.entry)), reports)
        if book.held is not None:
            self._test_bracket(book, book.held, bar, reports, target=book.target if limit is None else None)

    def on_order(self, order: Body) -> list[VenueReport]:
        """Take an order. Returns the reply: accepted, carried out or refused with a reason, and any immediate fill.

        Raises:
            InvariantError: the message is not an order.
        """
        if not isinstance(order, PlaceOrder | ClosePosition | MoveBracket | CancelOrder):
            raise InvariantError(f"the venue takes orders, not {type(order).__name__}")
        before = self._answers.get(order.id)
        if before is not None:
            return before
        reports: list[VenueReport] = []
        book = self._books.get(order.instrument)
        refusal = self._refusal(book, order)
        if refusal or book is None or book.bar is None:
            reports.append(self._update(order.instrument, order.id, OrderStatus.REJECTED, detail=refusal))
        elif isinstance(order, PlaceOrder):
            self._place(book, order, book.bar, reports)
        elif isinstance(order, ClosePosition):
            self._take_exit(book, order, book.bar, reports)
        elif isinstance(order, MoveBracket):
            self._move(book, order, reports)
        else:
            self._cancel(book, order, reports)
        if book is not None:
            book.cached = None
        self._answers[order.id] = reports
        return reports

    def position(self, instrument: str) -> Position:
        """The account's position now, as it is stamped on a bar."""
        book = self._books[instrument]
        if book.cached is None:
            held = book.held
            book.cached = Position(
                account=self.account,
                qty=book.qty,
                price=book.price if held else None,
                entry_id=held.id if held else "",
                stop=book.stop,
                target=book.target,
                working=tuple(order.id for order in (book.entry, book.exit) if order is not None),
                realised=book.realised_cents / 100,
            )
        return book.cached

    def idle(self, instrument: str) -> bool:
        """Whether it holds no position and no order there: the next bars then have no effect on any order but one to come."""
        book = self._books[instrument]
        return book.held is None and book.entry is None and book.exit is None

    def snapshot(self) -> tuple[tuple[VenuePosition, ...], tuple[str, ...]]:
        """The venue's state for a Hello: open positions, and the ids of working orders."""
        positions = [(name, self.position(name)) for name in self._books]
        return (
            tuple(VenuePosition(name, position) for name, position in positions if position.qty),
            tuple(order for _, position in positions for order in position.working),
        )

    def finish(self) -> list[VenueReport]:
        """End the data: open positions and orders end as at the end of a trade date."""
        reports: list[VenueReport] = []
        for book in self._books.values():
            self._end_date(book, reports)
            book.cached = None
        return reports

    # --- orders ------------------------------------------------------------------------------------------------------

    def _refusal(self, book: InstrumentBook | None, order: Order) -> str:
        """Why this order is refused, or ""."""
        if book is None:
            return f"{order.instrument} is not traded here"
        if order.account != self.account:
            return f"account {order.account!r} is not known here, only {self.account!r}"
        if book.bar is None:
            return f"no bar of {order.instrument} yet, so there is no market"
        if isinstance(order, PlaceOrder):
            return self.no_entries or _entry_refusal(book, order, book.bar)
        if isinstance(order, CancelOrder):
            working = book.entry is not None and book.entry.id == order.order_id
            return "" if working else f"{order.order_id} is not working"
        if book.held is None:
            return f"no position in {order.instrument}"
        if order.entry_id and order.entry_id != book.held.id:
            return f"the position was opened by {book.held.id}, not by {order.entry_id}"
        if isinstance(order, ClosePosition):
            return f"{book.exit.id} is closing it already" if book.exit else ""
        return "" if finite(order.stop, order.target) else f"stop {order.stop}, target {order.target}: not prices"

    def _place(self, book: InstrumentBook, order: PlaceOrder, bar: Bar, reports: list[VenueReport]) -> None:
        book.entry = order
        reports.append(self._update(order.instrument, order.id, OrderStatus.ACCEPTED))
        if self._fills_at_close and order.limit is None and self._fills(bar) and book.held is None:
            self._enter(book, order, bar, _slipped(book.instrument, bar.close, _side(order)), reports)

    def _take_exit(self, book: InstrumentBook, order: ClosePosition, bar: Bar, reports: list[VenueReport]) -> None:
        book.exit = order
        reports.append(self._update(order.instrument, order.id, OrderStatus.ACCEPTED))
        if self._fills_at_close and book.held is not None and self._fills(bar):
            self._leave(book, book.held, bar, bar.close, "EXIT", reports)

    def _move(self, book: InstrumentBook, order: MoveBracket, reports: list[VenueReport]) -> None:
        """Replace the resting orders. The bar that decided is closed, so the new prices protect from the next one."""
        book.stop = book.stop if order.stop is None else order.stop
        book.target = book.target if order.target is None else order.target
        reports.append(self._update(order.instrument, order.id, OrderStatus.DONE, stop=book.stop, target=book.target))

    def _cancel(self, book: InstrumentBook, order: CancelOrder, reports: list[VenueReport]) -> None:
        book.entry = None
        reports.append(self._update(order.instrument, order.order_id, OrderStatus.CANCELLED, detail="cancelled on request"))
        reports.append(self._update(order.instrument, order.id, OrderStatus.DONE))

    # --- fills -------------------------------------------------------------------------------------------------------

    def _work_limit(self, book: InstrumentBook, order: PlaceOrder, limit: float, bar: Bar, reports: list[VenueReport]) -> None:
        """Fill a resting entry if the bar came to its price; cancel it once no later bar can be in time."""
        buys = _side(order) > 0
        came = bar.low <= limit if buys else bar.high >= limit
        if came and bar.close_ns <= order.valid_until_ns:
            self._enter(book, order, bar, min(bar.open, limit) if buys else max(bar.open, limit), reports)
        elif bar.close_ns >= order.valid_until_ns:
            self._expire(book, order, f"the limit {limit} was not reached in time", reports)

    def _expire(self, book: InstrumentBook, order: PlaceOrder, why: str, reports: list[VenueReport]) -> None:
        book.entry = None
        reports.append(self._update(order.instrument, order.id, OrderStatus.CANCELLED, detail=why))

    def _enter(self, book: InstrumentBook, order: PlaceOrder, bar: Bar, price: float, reports: list[VenueReport]) -> None:
        side = _side(order)
        book.entry, book.held, book.price = None, order, price
        book.qty, book.stop, book.target = side * order.qty, order.stop, order.target
        if order.stop_points is not UNSET:
            book.stop = round(price - side * order.stop_points, 10)
        if order.target_points is not UNSET:
            book.target = round(price + side * order.target_points, 10)
        reports.append(self._execution(bar, order.id, book.qty, price, "ENTRY"))

    def _test_bracket(
        self, book: InstrumentBook, held: PlaceOrder, bar: Bar, reports: list[VenueReport], *, target: float | None
    ) -> None:
        """First match: open beyond the stop, open beyond the target, stop touched, target touched. target: None does not count."""
        stop = book.stop
        if book.qty > 0:
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
            self._leave(book, held, bar, bar.open, "STOP", reports)
        elif beyond_target:
            self._leave(book, held, bar, bar.open, "TARGET", reports)
        elif stopped and stop is not None:
            self._leave(book, held, bar, stop, "STOP", reports)
        elif reached and target is not None:
            self._leave(book, held, bar, target, "TARGET", reports)

    def _leave(self, book: InstrumentBook, held: PlaceOrder, bar: Bar, at: float, role: Role, reports: list[VenueReport]) -> None:
        """Close the whole position near `at`. An EXIT carries its own order's id, the other roles the entry's."""
        order_id = book.exit.id if role == "EXIT" and book.exit else held.id
        terms, qty, entry = book.instrument, book.qty, book.price
        price = _slipped(terms, at, -1 if qty > 0 else 1)
        book.realised_cents += terms.cents(round((price - entry) / terms.tick) * qty)
        book.realised_cents -= 2 * abs(qty) * terms.commission_cents
        book.held, book.exit, book.qty, book.stop, book.target = None, None, 0, None, None
        reports.append(self._execution(bar, order_id, -qty, price, role))

    def _end_date(self, book: InstrumentBook, reports: list[VenueReport]) -> None:
        """Cancel a working entry; close an open position at the last close of the date that traded, as of its last bar."""
        if book.bar is None:
            return
        if book.entry is not None:
            self._expire(book, book.entry, "the trade date ended before it could fill", reports)
        if book.held is not None:
            self._leave(book, book.held, book.bar, book.traded, "EXIT" if book.exit else "SESSION_END", reports)

    # --- reports ----------------------------------------------------------------------------------------------------

    def _update(
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

    def _execution(self, bar: Bar, order_id: str, qty: int, price: float, role: Role) -> Execution:
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


def _entry_refusal(book: InstrumentBook, order: PlaceOrder, bar: Bar) -> str:
    direction = {Action.ENTER_LONG: 1, Action.ENTER_SHORT: -1}.get(order.action)
    if direction is None:
        return f"{order.action} opens no position"
    if order.qty <= 0:
        return f"quantity {order.qty}; at least 1 contract"
    if not finite(order.stop, order.target, order.limit):
        limit = "" if order.limit is None else f", limit {order.limit}"
        return f"stop {order.stop}, target {order.target}{limit}: not prices"
    if not all(points is UNSET or 0 < points < HIGHEST for points in (order.stop_points, order.target_points)):
        return f"stop_points {order.stop_points}, target_points {order.target_points}: not distances"
    enters = bar.close if order.limit is None else order.limit
    if (enters - order.stop) * direction <= 0:
        where = f"the market at {enters}" if order.limit is None else f"its limit {enters}"
        return f"stop {order.stop} is on the wrong side of {where}"
    if order.valid_until_ns < bar.close_ns:
        return f"valid until {order.valid_until_ns}, it is {bar.close_ns}"
    follows = order.after is not UNSET and book.exit is not None and book.exit.id == order.after
    earlier = book.entry or (None if follows else book.held)
    return f"{earlier.id} is open or working; one position per instrument" if earlier else ""


def _side(order: PlaceOrder) -> int:
    """1 buys, -1 sells."""
    return 1 if order.action is Action.ENTER_LONG else -1


def _slipped(terms: Instrument, at: float, side: int) -> float:
    """A fill at `at` with slippage against us: a purchase (side 1) costs more, a sale (-1) brings less."""
    return round(at + side * terms.slippage_ticks * terms.tick, 10)
